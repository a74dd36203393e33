//! The shards of a circuit breaker, pure: successes that the window does not know yet.

use crate::sync::{AtomicU64, Ordering};

// A shard: the quick successes of one thread which the window does not know yet.
//
//   counting (1 bit) | generation (9) | tick (34) | count (20)
//
// A success is one compare-and-swap, which checks generation and tick and counts at once. Between
// two failures only the number of successes matters, so a window that is told "so many successes,
// then this failure" decides as if it had seen every single one. Zero is a parked shard, which
// counts nothing.
pub(super) const COUNTING: u64 = 1 << 63;
pub(super) const COUNT: u64 = (1 << 20) - 1;
pub(super) const TICK_AT: u32 = 20;
pub(super) const TICK: u64 = (1 << 34) - 1;
pub(super) const PARKED: u64 = 0;

/// The shard word of a generation and a tick, with nothing counted.
#[inline]
pub(super) const fn shard(generation: u64, tick: u64) -> u64 {
    COUNTING | (generation & 0x1ff) << 54 | (tick & TICK) << TICK_AT
}

/// Counts a success in a shard, if that still counts for what `expected` says.
#[inline]
pub(super) fn count(shard: &AtomicU64, expected: u64) -> bool {
    let mut word = shard.load(Ordering::Relaxed);
    // Where anything differs but the count, the difference is more than a count.
    while word.wrapping_sub(expected) < COUNT {
        match shard.compare_exchange_weak(word, word + 1, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return true,
            Err(changed) => word = changed,
        }
    }
    false
}

/// How many ticks a shard may be ahead of whoever looks at it: its thread read the clock a little
/// later.
pub(super) const AHEAD: u64 = 1 << 20;

/// The whole tick of a shard word that counts, seen at `tick`: the latest one that ends in the same
/// bits and is not far ahead.
pub(super) const fn tick_of(word: u64, tick: u64) -> u64 {
    let back = tick.wrapping_sub(word >> TICK_AT) & TICK;
    if back <= TICK - AHEAD {
        tick.saturating_sub(back)
    } else {
        tick + (TICK + 1 - back)
    }
}
