//! How many random histories the machines are compared with their oracles over.

use proptest::test_runner::{Config, RngSeed};
use std::env;

/// Ten thousand histories, the same ones in every run.
///
/// `RESILIENT_HISTORIES=1000000` asks for more of them, and `RESILIENT_SEED=7` for others;
/// `RESILIENT_SEED=random` for others each time. A history that fails is shrunk and printed.
pub(crate) fn histories() -> Config {
    let asked = |variable| env::var(variable).ok();
    let cases = asked("RESILIENT_HISTORIES").map_or(10_000, |asked| {
        asked.parse().expect("RESILIENT_HISTORIES is a number")
    });
    let rng_seed = match asked("RESILIENT_SEED").as_deref() {
        None => RngSeed::Fixed(1),
        Some("random") => RngSeed::Random,
        Some(seed) => RngSeed::Fixed(seed.parse().expect("RESILIENT_SEED is a number")),
    };
    Config {
        rng_seed,
        failure_persistence: None,
        ..Config::with_cases(cases)
    }
}
