//! The newest results of a policy: the last n of them, or those of the last stretch of time.
//!
//! Pure arithmetic: instants come in as values.

use crate::setting::Share;
use crate::time::Nanos;

/// What a window holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) calls: u64,
    pub(crate) failures: u64,
    pub(crate) slow: u64,
}

impl Counts {
    /// True if `part` of the calls is at least `share` of them; of no calls, nothing is.
    pub(crate) fn reached(self, share: Share, part: u64) -> bool {
        self.calls > 0 && share.is_reached(part, self.calls)
    }

    /// Which share of the calls `part` is, rounded down to one in a million; `None` of no calls.
    pub(crate) fn share(self, part: u64) -> Option<Share> {
        let parts = (u128::from(part) * 1_000_000).checked_div(u128::from(self.calls))?;
        Some(Share::parts_per_million(
            u32::try_from(parts).unwrap_or(u32::MAX),
        ))
    }
}

/// One result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) failed: bool,
    pub(crate) slow: bool,
}

/// The newest results, by number or by time.
#[derive(Clone, Debug)]
pub(crate) enum Window {
    Calls(CallWindow),
    Time(TimeWindow),
}

impl Window {
    pub(crate) fn counts(&self) -> Counts {
        match self {
            Self::Calls(window) => window.counts,
            Self::Time(window) => window.counts,
        }
    }

    /// Forgets what is too old at `now`.
    pub(crate) fn advance(&mut self, now: Nanos) {
        if let Self::Time(window) = self {
            window.advance(window.tick(now));
        }
    }

    pub(crate) fn push(&mut self, mark: Mark, now: Nanos) {
        match self {
            Self::Calls(window) => window.push(mark),
            Self::Time(window) => window.add(
                window.tick(now),
                Counts {
                    calls: 1,
                    failures: mark.failed.into(),
                    slow: mark.slow.into(),
                },
            ),
        }
    }

    /// `calls` quick successes in a row, all of them at `tick` if the window is one of time.
    pub(crate) fn push_successes(&mut self, calls: u64, tick: u64) {
        let successes = Counts {
            calls,
            ..Counts::default()
        };
        match self {
            Self::Calls(window) => window.push_successes(calls),
            Self::Time(window) => window.add(tick, successes),
        }
    }

    pub(crate) fn clear(&mut self) {
        match self {
            Self::Calls(window) => window.clear(),
            Self::Time(window) => window.clear(),
        }
    }
}

/// The last `length` results, one bit each, overwritten in a circle.
#[derive(Clone, Debug)]
pub(crate) struct CallWindow {
    failed: Bits,
    /// Without bits where nobody asks which calls were slow.
    slow: Bits,
    length: u32,
    /// Where the next result goes.
    next: u32,
    counts: Counts,
}

impl CallWindow {
    /// An empty window of `length` results, at least one.
    pub(crate) fn new(length: u32, with_slow: bool) -> Self {
        let length = length.max(1);
        Self {
            failed: Bits::new(length),
            slow: Bits::new(if with_slow { length } else { 0 }),
            length,
            next: 0,
            counts: Counts::default(),
        }
    }

    pub(crate) fn push(&mut self, mark: Mark) {
        self.failed
            .set(self.next, mark.failed, &mut self.counts.failures);
        self.slow.set(self.next, mark.slow, &mut self.counts.slow);
        self.next = (self.next + 1) % self.length;
        self.counts.calls = (self.counts.calls + 1).min(self.length.into());
    }

    pub(crate) fn push_successes(&mut self, calls: u64) {
        let newest = u32::try_from(calls).unwrap_or(u32::MAX).min(self.length);
        let mut left = newest;
        while left > 0 {
            let run = left.min(64 - self.next % 64).min(self.length - self.next);
            self.failed.unset(self.next, run, &mut self.counts.failures);
            self.slow.unset(self.next, run, &mut self.counts.slow);
            self.next = (self.next + run) % self.length;
            left -= run;
        }
        self.counts.calls = (self.counts.calls + u64::from(newest)).min(self.length.into());
    }

    fn clear(&mut self) {
        self.failed.clear();
        self.slow.clear();
        self.next = 0;
        self.counts = Counts::default();
    }

    /// A window of another length with the newest of these results.
    pub(crate) fn resized(&self, length: u32, with_slow: bool) -> Self {
        let mut resized = Self::new(length, with_slow);
        let held = u32::try_from(self.counts.calls).unwrap_or(self.length);
        for back in (1..=held.min(resized.length)).rev() {
            let at = (self.next + self.length - back) % self.length;
            resized.push(Mark {
                failed: self.failed.get(at),
                slow: with_slow && self.slow.get(at),
            });
        }
        resized
    }
}

/// A row of bits that knows nothing of its own length; of no bits all are unset.
#[derive(Clone, Debug)]
struct Bits(Box<[u64]>);

impl Bits {
    fn new(length: u32) -> Self {
        Self(vec![0; length.div_ceil(64) as usize].into())
    }

    fn get(&self, at: u32) -> bool {
        self.0
            .get(at as usize / 64)
            .is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    /// Overwrites one bit, and keeps count of those that are set.
    fn set(&mut self, at: u32, value: bool, count: &mut u64) {
        let Some(word) = self.0.get_mut(at as usize / 64) else {
            return;
        };
        let bit = 1 << (at % 64);
        *count -= u64::from(*word & bit != 0);
        *count += u64::from(value);
        *word = if value { *word | bit } else { *word & !bit };
    }

    /// Unsets `run` bits, which all lie in one word.
    fn unset(&mut self, at: u32, run: u32, count: &mut u64) {
        let Some(word) = self.0.get_mut(at as usize / 64) else {
            return;
        };
        let mask = (u64::MAX >> (64 - run)) << (at % 64);
        *count -= u64::from((*word & mask).count_ones());
        *word &= !mask;
    }

    fn clear(&mut self) {
        self.0.fill(0);
    }
}

/// A bucket is a thirty-second of the window and less, down to a sixty-fourth;
pub(crate) const FINE: Nanos = 32;
/// or, where there are many windows, an eighth and less, down to a sixteenth.
pub(crate) const COARSE: Nanos = 8;

/// The results of the last stretch of time, in buckets that slide out of it one by one.
///
/// A bucket is 2^`shift` nanoseconds, so that a tick is a shift of the clock. The window never
/// holds a result as old as its length, and holds every result until it is two buckets short of
/// that.
#[derive(Clone, Debug)]
pub(crate) struct TimeWindow {
    buckets: Box<[Bucket]>,
    shift: u32,
    fineness: Nanos,
    /// The newest tick seen; its bucket is the running one.
    newest: u64,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    calls: u32,
    failures: u32,
    slow: u32,
}

impl TimeWindow {
    /// An empty window over the last `length`.
    pub(crate) fn new(length: Nanos, fineness: Nanos) -> Self {
        let shift = Self::shift_of(length, fineness);
        let buckets = (length >> shift).max(1);
        Self {
            buckets: vec![Bucket::default(); usize::try_from(buckets).unwrap_or(1)].into(),
            shift,
            fineness,
            newest: 0,
            counts: Counts::default(),
        }
    }

    /// How many bits of the clock are less than one bucket of a window of this length.
    fn shift_of(length: Nanos, fineness: Nanos) -> u32 {
        (length / fineness).max(1).ilog2()
    }

    pub(crate) fn shift(&self) -> u32 {
        self.shift
    }

    pub(crate) fn tick(&self, now: Nanos) -> u64 {
        now >> self.shift
    }

    fn length(&self) -> u64 {
        self.buckets.len() as u64
    }

    #[allow(clippy::cast_possible_truncation, reason = "less than the buckets")]
    fn bucket(&mut self, tick: u64) -> &mut Bucket {
        let at = tick % self.length();
        &mut self.buckets[at as usize]
    }

    /// Lets the window slide to `tick`; an earlier one changes nothing.
    pub(crate) fn advance(&mut self, tick: u64) {
        if tick <= self.newest {
            return;
        }
        if tick - self.newest >= self.length() {
            self.buckets.fill(Bucket::default());
            self.counts = Counts::default();
        } else {
            for passed in self.newest + 1..=tick {
                let old = std::mem::take(self.bucket(passed));
                self.counts.calls -= u64::from(old.calls);
                self.counts.failures -= u64::from(old.failures);
                self.counts.slow -= u64::from(old.slow);
            }
        }
        self.newest = tick;
    }

    /// Adds results of `tick`, unless that has left the window already.
    pub(crate) fn add(&mut self, tick: u64, more: Counts) {
        self.advance(tick);
        if self.newest - tick >= self.length() {
            return;
        }
        let bucket = self.bucket(tick);
        let before = *bucket;
        for (count, more) in [
            (&mut bucket.calls, more.calls),
            (&mut bucket.failures, more.failures),
            (&mut bucket.slow, more.slow),
        ] {
            *count = count.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        }
        let after = *bucket;
        self.counts.calls += u64::from(after.calls - before.calls);
        self.counts.failures += u64::from(after.failures - before.failures);
        self.counts.slow += u64::from(after.slow - before.slow);
    }

    fn clear(&mut self) {
        self.buckets.fill(Bucket::default());
        self.newest = 0;
        self.counts = Counts::default();
    }

    /// A window of another length with the newest of these results.
    pub(crate) fn resized(&self, length: Nanos, with_slow: bool) -> Self {
        let mut resized = Self::new(length, self.fineness);
        let first = self.newest.saturating_sub(self.length() - 1);
        for tick in first..=self.newest {
            let bucket = self.clone().bucket(tick).to_owned();
            if bucket.calls > 0 {
                let counts = Counts {
                    calls: bucket.calls.into(),
                    failures: bucket.failures.into(),
                    slow: u64::from(bucket.slow) * u64::from(with_slow),
                };
                resized.add(resized.tick(tick << self.shift), counts);
            }
        }
        resized.advance(resized.tick(self.newest << self.shift));
        resized
    }
}

#[cfg(any(test, resilient_fuzz))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SUCCESS: Mark = Mark {
        failed: false,
        slow: false,
    };
    const FAILURE: Mark = Mark {
        failed: true,
        slow: false,
    };

    fn count(marks: &[Mark]) -> Counts {
        Counts {
            calls: marks.len() as u64,
            failures: marks.iter().filter(|mark| mark.failed).count() as u64,
            slow: marks.iter().filter(|mark| mark.slow).count() as u64,
        }
    }

    fn newest(marks: &[Mark], length: usize) -> Counts {
        count(&marks[marks.len().saturating_sub(length)..])
    }

    #[test]
    fn of_no_calls_there_is_no_rate_and_nothing_is_reached() {
        assert_eq!(Counts::default().share(0), None);
        assert!(!Counts::default().reached(Share::percent(0), 0));
    }

    #[test]
    fn a_rate_is_exact() {
        let counts = Counts {
            calls: 100,
            failures: 7,
            slow: 0,
        };
        assert!(counts.reached(Share::percent(7), 7));
        assert!(!counts.reached(Share::percent(7), 6));
        assert_eq!(counts.share(7), Some(Share::percent(7)));
    }

    #[test]
    fn a_result_as_old_as_the_window_is_gone_and_one_of_nine_tenths_is_there() {
        for length in [1_000_000, 10_000_000_000, 86_400_000_000_000, 320, 999_999] {
            for offset in [0, 1, length / 3, length - 1] {
                let begin = (1 << 62) + offset;
                let mut window = Window::Time(TimeWindow::new(length, FINE));
                window.push(FAILURE, begin);
                window.advance(begin + length / 10 * 9);
                assert_eq!(window.counts().failures, 1, "{length} {offset}");
                window.advance(begin + length);
                assert_eq!(window.counts(), Counts::default(), "{length} {offset}");
            }
        }
    }

    #[test]
    fn a_result_that_comes_too_late_for_the_window_is_not_counted() {
        let mut window = Window::Time(TimeWindow::new(1000, FINE));
        window.advance(1 << 40);
        window.push(FAILURE, (1 << 40) - 1000);
        assert_eq!(window.counts(), Counts::default());
        window.push(FAILURE, (1 << 40) - 500);
        assert_eq!(window.counts().failures, 1);
    }

    #[test]
    fn a_longer_time_window_keeps_what_a_shorter_one_held() {
        let begin = 1 << 62;
        let mut window = TimeWindow::new(10_000, FINE);
        for at in [0, 3_000, 9_000] {
            let failure = Counts {
                calls: 1,
                failures: 1,
                slow: 0,
            };
            window.add(window.tick(begin + at), failure);
        }
        assert_eq!(window.resized(100_000, true).counts.failures, 3);
        assert_eq!(window.resized(5_000, true).counts.failures, 1);
        window.advance(window.tick(begin + 12_000));
        assert_eq!(window.resized(10_000, true).counts.failures, 2);
        window.advance(window.tick(begin + 16_000));
        let shorter = window.resized(5_000, true).counts;
        assert_eq!(
            shorter.failures, 0,
            "time has passed since the last of them"
        );
    }

    #[test]
    fn a_time_window_forgets_which_calls_were_slow_when_nobody_asks_any_more() {
        let mut window = TimeWindow::new(10_000, FINE);
        let slow = Counts {
            calls: 1,
            failures: 0,
            slow: 1,
        };
        window.add(window.tick(1 << 62), slow);
        assert_eq!(window.resized(10_000, true).counts.slow, 1);
        let without = window.resized(10_000, false).counts;
        assert_eq!((without.calls, without.slow), (1, 0));
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// A result, and a number of successes behind it, or of nanoseconds before it.
        Result(Mark, u64),
        /// Another length, and whether somebody asks which calls were slow.
        Reconfigure(u64, bool),
    }

    fn step(lengths: std::ops::Range<u64>) -> impl Strategy<Value = Step> {
        let run = prop_oneof![2 => Just(0), 1 => 0..900_u64];
        let result = (any::<bool>(), any::<bool>(), run);
        prop_oneof![
            9 => result.prop_map(|(failed, slow, run)| Step::Result(Mark { failed, slow }, run)),
            1 => (lengths, any::<bool>()).prop_map(|(length, slow)| Step::Reconfigure(length, slow)),
        ]
    }

    crate::tests::histories! {
        #[test]
        fn a_window_of_calls_holds_exactly_the_newest(
            mut length in 1_u32..200,
            steps in crate::tests::steps(step(1..200), 0..60),
        ) {
            let mut window = CallWindow::new(length, true);
            let mut with_slow = true;
            let mut all = Vec::new();
            for step in steps {
                match step {
                    Step::Result(Mark { failed, slow }, run) => {
                        window.push(Mark { failed, slow });
                        all.push(Mark { failed, slow: slow && with_slow });
                        window.push_successes(run);
                        all.extend((0..run).map(|_| SUCCESS));
                    }
                    Step::Reconfigure(other, asks) => {
                        window = window.resized(u32::try_from(other).expect("it is small"), asks);
                        // A longer window does not know again what a shorter one has forgotten.
                        let held = all.len().min(length as usize);
                        all.drain(..all.len() - held);
                        (length, with_slow) = (u32::try_from(other).expect("it is small"), asks);
                        for mark in &mut all {
                            mark.slow &= asks;
                        }
                        let held = all.len().min(length as usize);
                        all.drain(..all.len() - held);
                    }
                }
                prop_assert_eq!(window.counts, newest(&all, length as usize));
            }
        }

        #[test]
        fn a_window_of_time_holds_exactly_its_newest_buckets(
            mut length in 32_u64..5000,
            steps in crate::tests::steps(step(32..5000), 0..80),
        ) {
            let mut now = 1 << 50;
            let mut window = TimeWindow::new(length, FINE);
            let mut all: Vec<(Nanos, Mark)> = Vec::new();
            for step in steps {
                match step {
                    Step::Result(mark, wait) => {
                        now += wait;
                        let mut wrapped = Window::Time(window);
                        wrapped.push(mark, now);
                        all.push((now, mark));
                        let Window::Time(inner) = wrapped else { unreachable!("made above") };
                        window = inner;
                    }
                    Step::Reconfigure(other, with_slow) => {
                        let shift = window.shift;
                        window = window.resized(other, with_slow);
                        length = other;
                        // Results are handed over by the bucket, as of its beginning.
                        for (at, mark) in &mut all {
                            *at = *at >> shift << shift;
                            mark.slow &= with_slow;
                        }
                        window.advance(window.tick(now));
                    }
                }
                let shift = window.shift;
                prop_assert!(1 << shift <= length / 10);
                all.retain(|(at, _)| (at >> shift) + (length >> shift) > now >> shift);
                let held: Vec<Mark> = all.iter().map(|(_, mark)| *mark).collect();
                prop_assert_eq!(window.counts, count(&held));
            }
        }
    }
}
