//! How long the newest calls took, and the percentiles of that.
//!
//! The buckets are those of `HdrHistogram` (Gil Tene): each doubling of the length is divided into as
//! many equal parts, so that the error is a small share of whatever is measured. A ring remembers
//! the buckets of the newest calls, and the oldest one leaves its bucket when a new one comes: the
//! window really slides, and adding costs the same however much has been seen.

use crate::setting::Share;
use crate::sync::{AtomicU64, Mutex, Ordering};
use crate::time::Nanos;

/// How many calls are remembered: enough for one of a thousand to be seen.
const NEWEST: usize = 1_000;

/// How many calls there have to be before anything is said about them.
const ENOUGH: usize = 100;

/// Lengths are told apart from this many bits on: a microsecond.
const UNIT_BITS: u32 = 10;

/// A doubling has two to this many parts: a percentile is at most 1/32 too long.
const PART_BITS: u32 = 5;

const PARTS: u64 = 1 << PART_BITS;

/// The longest that is told apart has this many bits of units: 73 minutes.
const LONGEST_BITS: u32 = 32;

/// One set of parts for what is shorter than as many units, and one for each doubling from there.
const BUCKETS: usize = ((LONGEST_BITS - PART_BITS + 1) << PART_BITS) as usize;

/// The bucket of a length.
#[allow(
    clippy::cast_possible_truncation,
    reason = "below the number of buckets"
)]
const fn bucket(length: Nanos) -> u16 {
    let units = length >> UNIT_BITS;
    if units < PARTS {
        return units as u16;
    }
    if units >> LONGEST_BITS != 0 {
        return BUCKETS as u16 - 1;
    }
    let doubling = units.ilog2() - PART_BITS;
    (((doubling as u64) << PART_BITS) + (units >> doubling)) as u16
}

/// The longest length of a bucket.
const fn longest(bucket: u16) -> Nanos {
    let bucket = bucket as u64;
    let (doubling, part) = if bucket < PARTS {
        (0, bucket)
    } else {
        ((bucket >> PART_BITS) - 1, (bucket & (PARTS - 1)) + PARTS)
    };
    ((part + 1) << (doubling + UNIT_BITS as u64)) - 1
}

/// The newest lengths; pure.
#[derive(Debug)]
struct State {
    /// The buckets of the newest calls; the place of the oldest is that of the next one.
    ring: [u16; NEWEST],
    /// Since ever.
    seen: u64,
    counts: [u16; BUCKETS],
}

impl State {
    const fn new() -> Self {
        Self {
            ring: [0; NEWEST],
            seen: 0,
            counts: [0; BUCKETS],
        }
    }

    fn add(&mut self, length: Nanos) {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "below the length of the ring"
        )]
        let place = &mut self.ring[(self.seen % NEWEST as u64) as usize];
        if self.seen >= NEWEST as u64 {
            self.counts[usize::from(*place)] -= 1;
        }
        *place = bucket(length);
        self.counts[usize::from(*place)] += 1;
        self.seen += 1;
    }

    /// The length that this share of the newest calls did not exceed, by the nearest rank.
    fn percentile(&self, share: Share) -> Option<Nanos> {
        let known = self.seen.min(NEWEST as u64);
        if known < ENOUGH as u64 {
            return None;
        }
        let mut below = 0;
        (0..).zip(&self.counts).find_map(|(bucket, count)| {
            below += u64::from(*count);
            (below != 0 && share.is_reached(below, known)).then(|| longest(bucket))
        })
    }
}

/// How many lengths are gathered before they are looked at together.
const BATCH: usize = 20;

/// The lengths of the newest calls, added by many threads.
///
/// A call leaves its length in a place of its own and goes on; who fills the last place of a batch
/// takes the lock. A thread that is held up between the two may leave its length in the next batch.
#[derive(Debug)]
pub(crate) struct Latencies {
    /// Zero where nobody has left a length.
    batch: [AtomicU64; BATCH],
    added: AtomicU64,
    state: Mutex<State>,
}

impl Latencies {
    pub(crate) fn new() -> Self {
        Self {
            batch: std::array::from_fn(|_| AtomicU64::new(0)),
            added: AtomicU64::new(0),
            state: Mutex::new(State::new()),
        }
    }

    /// Adds the length of one call. True if percentiles may have changed.
    pub(crate) fn add(&self, length: Nanos) -> bool {
        let added = self.added.fetch_add(1, Ordering::Relaxed);
        #[allow(
            clippy::cast_possible_truncation,
            reason = "below the length of a batch"
        )]
        let place = (added % BATCH as u64) as usize;
        self.batch[place].store(length.max(1), Ordering::Relaxed);
        if place + 1 != BATCH {
            return false;
        }
        let mut state = self.state.lock();
        for place in &self.batch {
            let length = place.swap(0, Ordering::Relaxed);
            if length != 0 {
                state.add(length);
            }
        }
        true
    }

    /// The length that this share of the newest calls did not exceed; `None` while too few are known.
    pub(crate) fn percentile(&self, share: Share) -> Option<Nanos> {
        self.state.lock().percentile(share)
    }
}

#[cfg(any(test, resilient_fuzz))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MILLI: Nanos = 1_000_000;
    const P95: Share = Share::percent(95);

    #[test]
    fn a_bucket_holds_what_is_longer_than_the_bucket_before() {
        for number in 1..u16::try_from(BUCKETS).unwrap() {
            let (shortest, last) = (longest(number - 1) + 1, longest(number));
            assert_eq!((bucket(shortest), bucket(last)), (number, number));
            let error = last - shortest;
            assert!(
                error < 1 << UNIT_BITS || error * PARTS <= shortest,
                "{number}"
            );
        }
        assert_eq!(bucket(0), 0);
        assert_eq!(usize::from(bucket(Nanos::MAX)), BUCKETS - 1);
    }

    #[test]
    fn a_percentile_is_the_nearest_rank_and_a_little_too_long_rather_than_too_short() {
        let mut state = State::new();
        (1..=100).for_each(|length| state.add(length * MILLI));
        for (percent, exact) in [(50, 50), (95, 95), (99, 99)] {
            let found = state.percentile(Share::percent(percent)).unwrap();
            assert!(found >= exact * MILLI && (found - exact * MILLI) * PARTS <= exact * MILLI);
        }
        let most = state.percentile(Share::parts_per_million(999_000)).unwrap();
        assert_eq!(bucket(most), bucket(100 * MILLI));
    }

    #[test]
    fn too_few_calls_say_nothing() {
        let mut state = State::new();
        (1..ENOUGH).for_each(|_| state.add(MILLI));
        assert_eq!(state.percentile(P95), None);
        state.add(MILLI);
        assert_eq!(state.percentile(P95).map(bucket), Some(bucket(MILLI)));
    }

    #[test]
    fn the_oldest_call_is_forgotten_for_the_newest() {
        let mut state = State::new();
        (0..NEWEST).for_each(|_| state.add(MILLI));
        (0..50).for_each(|_| state.add(MILLI * 100));
        assert_eq!(state.percentile(P95).map(bucket), Some(bucket(MILLI)));
        state.add(MILLI * 100);
        assert_eq!(state.percentile(P95).map(bucket), Some(bucket(MILLI * 100)));
        (0..NEWEST * 3).for_each(|_| state.add(MILLI * 2));
        assert_eq!(state.percentile(P95).map(bucket), Some(bucket(MILLI * 2)));
        assert_eq!(
            state
                .counts
                .iter()
                .map(|count| usize::from(*count))
                .sum::<usize>(),
            NEWEST
        );
    }

    #[test]
    fn lengths_are_looked_at_by_the_batch_whoever_adds_them() {
        let latencies = Latencies::new();
        let changes = (0..ENOUGH).filter(|_| latencies.add(MILLI)).count();
        assert_eq!(changes, ENOUGH / BATCH);
        assert_eq!(latencies.percentile(P95).map(bucket), Some(bucket(MILLI)));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..NEWEST).filter(|_| latencies.add(MILLI * 3)).count());
            }
        });
        assert_eq!(
            latencies.percentile(P95).map(bucket),
            Some(bucket(MILLI * 3))
        );
    }

    // ---- Against a list of all lengths

    /// So many calls which took so long.
    fn lengths() -> impl Strategy<Value = (Nanos, usize)> {
        let length = prop_oneof![
            6 => (0..48_u32, any::<u64>()).prop_map(|(doublings, within)| {
                let shortest = 1 << doublings;
                shortest + within % shortest
            }),
            1 => Just(0),
            1 => Just(Nanos::MAX),
        ];
        let times = prop_oneof![9 => 1..4_usize, 9 => 4..60_usize, 2 => 60..600_usize];
        (length, times)
    }

    /// The one at which this share of them is reached, the shortest first.
    fn nearest_rank(lengths: &[Nanos], parts: u64) -> Option<Nanos> {
        let mut newest = lengths[lengths.len().saturating_sub(1_000)..].to_vec();
        newest.sort_unstable();
        let rank = (parts * newest.len() as u64).div_ceil(1_000_000);
        let place = usize::try_from(rank).expect("of a list").checked_sub(1)?;
        newest.get(place).copied().filter(|_| newest.len() >= 100)
    }

    crate::tests::histories! {
        #[test]
        fn a_percentile_is_what_a_sorted_list_of_the_newest_calls_says(
            steps in crate::tests::steps((lengths(), 500_000..=999_000_u32), 1..25),
        ) {
            const LONGEST: Nanos = (1 << 42) - 1;
            let latencies = Latencies::new();
            let mut all = Vec::new();
            for ((length, times), parts) in steps {
                let looks = (0..times).filter(|_| latencies.add(length)).count();
                let before = all.len() / 20;
                all.resize(all.len() + times, length);
                prop_assert_eq!(looks, all.len() / 20 - before);
                let known = &all[..all.len() / 20 * 20];
                let found = latencies.percentile(Share::parts_per_million(parts));
                let exact = nearest_rank(known, u64::from(parts)).map(|exact| exact.min(LONGEST));
                prop_assert_eq!(found.is_some(), exact.is_some());
                if let Some((found, exact)) = found.zip(exact) {
                    prop_assert!(found >= exact, "{found} of {exact}");
                    prop_assert!(found - exact <= (exact / 32).max(1_023), "{found} of {exact}");
                }
            }
        }
    }
}
