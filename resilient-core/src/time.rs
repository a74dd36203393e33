//! The one clock of the library. Only this file names clocks and timers.
//!
//! Every policy reckons in nanoseconds since an arbitrary origin. Where tokio was built with
//! `test-util`, so that a test may pause time, the clock is tokio's and paused time moves all of
//! it; everywhere else it is the processor's own counter, which costs half as much to read.

#[cfg(resilient_loom)]
pub(crate) mod modelled;

use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Nanoseconds since the origin of the clock, or a length of time in nanoseconds.
pub(crate) type Nanos = u64;

/// An instant that never comes, a length that never ends, a value that nobody knows yet.
pub(crate) const NEVER: Nanos = Nanos::MAX;

/// Far from zero: a clock that was paused before the base was taken lies before it.
const ORIGIN: Nanos = 1 << 62;

/// What `test_util::CAN_PAUSE` is made of: an inner glob import shadows the outer name, but only
/// if tokio has a `pause` to import.
mod test_util {
    mod absent {
        #[allow(dead_code, reason = "made by `pause` alone")]
        pub(super) struct Missing;

        #[allow(dead_code, reason = "shadowed where tokio has `test-util`")]
        pub(super) fn pause() -> Missing {
            Missing
        }
    }

    trait Answer {
        const CAN_PAUSE: bool;
    }

    impl Answer for () {
        const CAN_PAUSE: bool = true;
    }

    impl Answer for absent::Missing {
        const CAN_PAUSE: bool = false;
    }

    const fn answer<R: Answer>(_: fn() -> R) -> bool {
        R::CAN_PAUSE
    }

    #[allow(unused_imports, reason = "shadowed where tokio has `test-util`")]
    use absent::pause;

    pub(super) const CAN_PAUSE: bool = {
        #[allow(
            unused_imports,
            clippy::wildcard_imports,
            reason = "imports `pause` only where tokio has `test-util`"
        )]
        use tokio::time::*;
        answer(pause)
    };
}

/// True if tokio was built with `test-util`: only then can time be paused.
pub(crate) const CAN_PAUSE: bool = test_util::CAN_PAUSE && !cfg!(resilient_loom);

fn base() -> Instant {
    static BASE: OnceLock<Instant> = OnceLock::new();
    *BASE.get_or_init(Instant::now)
}

/// The processor's own counter, and what makes nanoseconds of it.
#[cfg(not(resilient_loom))]
struct ProcessorClock {
    counter: quanta::Clock,
    /// What the counter showed at zero, long before it was first read: a processor whose counter is
    /// behind that of the first reading has no need of a comparison.
    zero: u64,
    /// Nanoseconds for a tick, in parts of 2^[`PARTS`].
    rate: u64,
}

/// So fine that nothing is lost against the rate that was measured, and with room for a counter of
/// 20 kHz.
#[cfg(not(resilient_loom))]
const PARTS: u32 = 48;

#[cfg(not(resilient_loom))]
impl ProcessorClock {
    fn start() -> Self {
        let counter = quanta::Clock::new();
        let rate = counter.delta_as_nanos(0, 1 << PARTS).max(1);
        let until_first = (u128::from(FIRST) << PARTS) / u128::from(rate);
        // The counter may wrap, and so may this.
        #[allow(clippy::cast_possible_truncation, reason = "wraps")]
        let zero = counter.raw().wrapping_sub(until_first as u64);
        Self {
            counter,
            zero,
            rate,
        }
    }

    /// Multiplies and shifts by a constant, which is a third of what `quanta` does to scale a reading.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "good for five centuries")]
    fn now(&self) -> Nanos {
        let ticks = self.counter.raw().wrapping_sub(self.zero);
        ((u128::from(ticks) * u128::from(self.rate)) >> PARTS) as Nanos
    }
}

/// What the processor's clock shows when it is first read, 36 years.
#[cfg(not(resilient_loom))]
const FIRST: Nanos = 1 << 60;

#[cfg(not(resilient_loom))]
static PROCESSOR_CLOCK: OnceLock<ProcessorClock> = OnceLock::new();

/// The present instant.
#[cfg(not(resilient_loom))]
#[inline]
pub(crate) fn now() -> Nanos {
    if CAN_PAUSE {
        let instant = tokio::time::Instant::now().into_std();
        match instant.checked_duration_since(base()) {
            Some(after) => ORIGIN.saturating_add(nanos(after)),
            None => ORIGIN.saturating_sub(nanos(base().duration_since(instant))),
        }
    } else {
        PROCESSOR_CLOCK.get_or_init(ProcessorClock::start).now()
    }
}

/// The present instant.
#[cfg(resilient_loom)]
pub(crate) fn now() -> Nanos {
    modelled::now()
}

/// Reads the clock once, so that calibrating it delays no call.
pub(crate) fn start() {
    now();
}

/// The length of `duration`; what is longer than five centuries counts as five centuries.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "capped")]
pub(crate) const fn nanos(duration: Duration) -> Nanos {
    let nanos = duration.as_nanos();
    if nanos > (NEVER - 1) as u128 {
        NEVER - 1
    } else {
        nanos as Nanos
    }
}

/// How long it is from `now` until `at`, zero if that has passed.
#[inline]
pub(crate) const fn until(at: Nanos, now: Nanos) -> Duration {
    Duration::from_nanos(at.saturating_sub(now))
}

/// The instant `at` on tokio's clock.
pub(crate) fn instant(at: Nanos) -> tokio::time::Instant {
    instant_seen_at(at, now)
}

/// The same where somebody has read our clock already, or has not.
fn instant_seen_at(at: Nanos, now: impl FnOnce() -> Nanos) -> tokio::time::Instant {
    if CAN_PAUSE {
        let from_base = Duration::from_nanos(at.abs_diff(ORIGIN));
        let instant = if at >= ORIGIN {
            base().checked_add(from_base)
        } else {
            base().checked_sub(from_base)
        };
        tokio::time::Instant::from_std(instant.unwrap_or_else(far_future))
    } else {
        tokio::time::Instant::now()
            .checked_add(until(at, now()))
            .unwrap_or_else(|| tokio::time::Instant::from_std(far_future()))
    }
}

/// The instant `at` of tokio's clock on ours.
pub(crate) fn from_instant(at: tokio::time::Instant) -> Nanos {
    let tokio_now = tokio::time::Instant::now();
    let now = now();
    match at.checked_duration_since(tokio_now) {
        Some(ahead) => now.saturating_add(nanos(ahead)),
        None => now.saturating_sub(nanos(tokio_now.duration_since(at))),
    }
}

/// Thirty years from now: what tokio itself takes for "never".
fn far_future() -> Instant {
    Instant::now() + Duration::from_secs(86_400 * 365 * 30)
}

/// A timer that fires once.
#[cfg(not(resilient_loom))]
pub(crate) type Timer = tokio::time::Sleep;
#[cfg(resilient_loom)]
pub(crate) use modelled::Timer;

/// A timer that fires at `at`; it is not armed before its first poll.
///
/// # Panics
///
/// If there is no tokio runtime with its timer enabled.
pub(crate) fn sleep_until(at: Nanos) -> Timer {
    #[cfg(resilient_loom)]
    return Timer(at);
    #[cfg(not(resilient_loom))]
    tokio::time::sleep_until(instant(at))
}

/// The same for who has just read the clock: it is not read again.
///
/// # Panics
///
/// If there is no tokio runtime with its timer enabled.
pub(crate) fn sleep_until_seen_at(at: Nanos, now: Nanos) -> Timer {
    #[cfg(resilient_loom)]
    return Timer(at.max(now));
    #[cfg(not(resilient_loom))]
    tokio::time::sleep_until(instant_seen_at(at, || now))
}

/// A timer that fires after `delay`, apart from the future that waits for it.
#[cfg(feature = "testing")]
pub(crate) fn boxed_sleep(delay: Duration) -> Pin<Box<Timer>> {
    Box::pin(sleep_until(now().saturating_add(nanos(delay))))
}

/// Lets the thread sleep until `at`.
///
/// Time that is paused does not pass meanwhile: then it sleeps for as long as it is until `at`.
pub(crate) fn block_until(at: Nanos) {
    std::thread::sleep(until(at, now()));
}

/// Polls a timer also where its task has used up what tokio lets it do in one go.
///
/// A body that is always busy leaves nothing of that for the timer which should cut it off.
pub(crate) fn poll_unconstrained(timer: Pin<&mut Timer>, context: &mut Context<'_>) -> Poll<()> {
    Pin::new(&mut tokio::task::unconstrained(timer)).poll(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_with_test_util_is_seen_as_such() {
        const { assert!(CAN_PAUSE) };
    }

    #[tokio::test(start_paused = true)]
    async fn paused_time_moves_the_clock_exactly() {
        let before = now();
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(now() - before, 1_500_000_000);
    }

    #[tokio::test(start_paused = true)]
    async fn an_instant_survives_the_way_to_tokio_and_back() {
        let at = now() + 7_000;
        assert_eq!(from_instant(instant(at)), at);
        assert_eq!(from_instant(instant(at - 1_000_000)), at - 1_000_000);
    }

    #[test]
    fn a_runtime_paused_before_the_base_was_taken_still_moves() {
        // `Instant` of a paused runtime stands still while the base may be taken later.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let before = now();
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(now() - before, 1_000_000_000);
        });
    }

    #[test]
    fn the_processors_clock_begins_far_from_zero_and_goes_as_fast_as_that_of_the_system() {
        let clock = ProcessorClock::start();
        let outside = Instant::now();
        let begin = clock.now();
        let inside = Instant::now();
        std::thread::sleep(Duration::from_millis(50));
        let least = inside.elapsed();
        let passed = Duration::from_nanos(clock.now() - begin);
        let most = outside.elapsed();
        assert!(begin >= FIRST - 1_000, "{begin}");
        assert!(passed >= least.mul_f64(0.98), "{passed:?} of {least:?}");
        assert!(passed <= most.mul_f64(1.02), "{passed:?} of {most:?}");
    }

    #[test]
    fn a_thread_sleeps_until_the_instant_and_not_for_one_that_has_passed() {
        let begin = now();
        block_until(begin + 5_000_000);
        assert!(now() >= begin + 5_000_000);
        block_until(begin);
    }

    #[test]
    fn the_longest_duration_saturates() {
        assert_eq!(nanos(Duration::MAX), NEVER - 1);
    }
}
