//! How an invariant that does not hold is told: at once, with the seed and when.

use std::fmt;
use std::sync::OnceLock;
use std::time::Instant;

static BEGAN: OnceLock<(u64, Instant)> = OnceLock::new();

/// Remembers what is told of a broken invariant.
pub(crate) fn begin(seed: u64) {
    BEGAN.get_or_init(|| (seed, Instant::now()));
}

/// Ends the program because `invariant` does not hold.
pub(crate) fn broken(invariant: &str, how: impl fmt::Display) -> ! {
    if let Some((seed, began)) = BEGAN.get() {
        let after = began.elapsed().as_secs_f64();
        eprintln!("BROKEN after {after:.2} s with seed {seed}: {invariant}: {how}");
    }
    std::process::exit(1)
}
