//! Timeout: the work is dropped when its time is up.

mod attempt;

pub use attempt::{AttemptTimeout, AttemptTimeoutPolicy};

use crate::deadline::Deadline;
use crate::error::Rejected;
use crate::event;
use crate::frame;
use crate::outcome::{Failure, Inside};
use crate::policy::{LivePolicy, LiveSnapshot, Policy, Show};
use crate::setting::{Kind, Span};
use crate::sync::{AtomicBool, AtomicU64, Ordering};
use crate::table::policy;
use crate::time::{self, NEVER, Nanos, Timer, nanos};
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

// ---- Policy

policy! {
    /// Drops the work when its time is up, and tells everything inside how much is left.
    ///
    /// ```
    /// use resilient_core::TimeoutPolicy;
    /// use std::time::Duration;
    ///
    /// const SECOND: TimeoutPolicy = TimeoutPolicy::new().duration(Duration::from_secs(1)).checked();
    /// assert!(SECOND.invalid().is_none());
    ///
    /// let wrong = TimeoutPolicy::new().duration(Duration::ZERO);
    /// assert_eq!(wrong.invalid().unwrap().key(), "duration");
    /// ```
    TimeoutPolicy, TimeoutSettings, Timeout, "timeout";

    /// How long the work may take, longer than zero. There is no default: a timeout that nobody
    /// has given a duration cuts nothing off.
    ///
    /// The clock starts at the first poll, or at that poll's return if nobody needed it earlier.
    /// What an outer timeout has left is the upper bound.
    duration: Duration, !duration.is_zero(), "a timeout is longer than zero: write for example `1s`";
}

// ---- State

/// When a timeout that was begun at `begin` ends, and whether an outer deadline ends it early.
const fn end(begin: Nanos, after: Nanos, outer: Nanos) -> (Nanos, bool) {
    let own = begin.saturating_add(after);
    if outer < own {
        (outer, true)
    } else {
        (own, false)
    }
}

// ---- Live policy and permit

/// A timeout at work. See [`TimeoutPolicy`] for its settings.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use resilient_core::{Failure, Inside, LivePolicy, Rejected, Timeout, TimeoutPolicy};
/// use std::time::Duration;
///
/// let second = Duration::from_secs(1);
/// let timeout = Timeout::new("price", &TimeoutPolicy::new().duration(second));
///
/// let quick = async { Inside::<u32, ()>::Ok(7) };
/// assert_eq!(timeout.limit(quick).await, Ok(7));
///
/// let hangs = std::future::pending::<Inside<u32, ()>>();
/// let cut_off = timeout.limit(hangs).await;
/// assert_eq!(cut_off, Err(Failure::Rejected(Rejected::timed_out("price", second))));
/// # }
/// ```
#[derive(Debug)]
pub struct Timeout {
    name: &'static str,
    kind: Kind,
    /// `NEVER` while it is switched off or nobody has given it a duration.
    after: AtomicU64,
    enabled: AtomicBool,
    timed_out: AtomicU64,
    no_time_left: AtomicU64,
}

impl Timeout {
    /// The name of the policy.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// How long the work may take; `None` if nothing limits it, because nobody has given it a duration
    /// or because it is switched off.
    pub fn duration(&self) -> Option<Duration> {
        let after = self.after.load(Ordering::Relaxed);
        (after != NEVER).then_some(Duration::from_nanos(after))
    }

    /// Limits `inner` to the duration of the policy, or to what an outer timeout has left, if that is
    /// less.
    ///
    /// Resolves to what `inner` gives; to [`Rejected::TimedOut`] if the time is up before; and to
    /// [`Rejected::NoTimeLeft`], without polling `inner`, if an outer deadline has passed already.
    ///
    /// # Panics
    ///
    /// When `inner` has to wait and there is no tokio runtime with its timer enabled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops `inner`, which its permits count as abandoned.
    #[inline]
    pub fn limit<T, E, F>(&self, inner: F) -> Timed<'_, F>
    where
        F: Future<Output = Inside<T, E>>,
    {
        self.timed(self.after.load(Ordering::Relaxed), inner)
    }

    /// Limits `inner` to `duration`, whatever the policy says, unless it is switched off.
    ///
    /// A duration of zero cuts off what is not ready at once. Everything else is as in
    /// [`limit`](Self::limit).
    ///
    /// # Panics
    ///
    /// When `inner` has to wait and there is no tokio runtime with its timer enabled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops `inner`, which its permits count as abandoned.
    #[inline]
    pub fn limit_to<T, E, F>(&self, duration: Duration, inner: F) -> Timed<'_, F>
    where
        F: Future<Output = Inside<T, E>>,
    {
        let is_enabled = self.enabled.load(Ordering::Relaxed);
        self.timed(if is_enabled { nanos(duration) } else { NEVER }, inner)
    }

    #[inline]
    const fn timed<F>(&self, after: Nanos, inner: F) -> Timed<'_, F> {
        Timed {
            inner: Some(inner),
            timer: None,
            policy: self,
            after,
            begin: NEVER,
            at: NEVER,
        }
    }

    #[cold]
    fn refuse(&self) -> Rejected {
        self.no_time_left.fetch_add(1, Ordering::Relaxed);
        let rejected = Rejected::no_time_left(self.name);
        event::emit_rejected(self.kind, rejected);
        rejected
    }

    #[cold]
    fn cut_off(&self, after: Nanos, early: bool) -> Rejected {
        self.timed_out.fetch_add(1, Ordering::Relaxed);
        let after = Duration::from_nanos(after);
        let rejected = if early {
            Rejected::timed_out_early(self.name, after)
        } else {
            Rejected::timed_out(self.name, after)
        };
        event::emit_rejected(self.kind, rejected);
        rejected
    }

    /// A timeout that reports what it does under this kind.
    fn of_kind(kind: Kind, name: &'static str, policy: &TimeoutPolicy) -> Self {
        let timeout = Self {
            name,
            kind,
            after: AtomicU64::new(NEVER),
            enabled: AtomicBool::new(true),
            timed_out: AtomicU64::new(0),
            no_time_left: AtomicU64::new(0),
        };
        timeout.reconfigure(policy);
        timeout
    }
}

impl LivePolicy for Timeout {
    type Policy = TimeoutPolicy;

    fn new(name: &'static str, policy: &TimeoutPolicy) -> Self {
        Self::of_kind(TimeoutPolicy::KIND, name, policy)
    }

    fn reconfigure(&self, policy: &TimeoutPolicy) {
        let settings = TimeoutSettings::of(policy);
        let after = settings
            .duration
            .filter(|_| settings.enabled)
            .map_or(NEVER, nanos);
        self.after.store(after, Ordering::Relaxed);
        self.enabled.store(settings.enabled, Ordering::Relaxed);
    }

    fn snapshot(&self) -> LiveSnapshot {
        LiveSnapshot::Timeout(TimeoutSnapshot {
            duration: self.duration(),
            timed_out: self.timed_out.load(Ordering::Relaxed),
            no_time_left: self.no_time_left.load(Ordering::Relaxed),
        })
    }
}

pin_project! {
    /// Work under a timeout; see [`Timeout::limit`].
    ///
    /// # Panics
    ///
    /// When it has to wait and there is no tokio runtime with its timer enabled.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Timed<'a, F> {
        // Gone as soon as its time is up, so that what it holds is free at that moment.
        #[pin]
        inner: Option<F>,
        #[pin]
        timer: Option<Timer>,
        policy: &'a Timeout,
        after: Nanos,
        begin: Nanos,
        // `NEVER` until the clock has begun to run.
        at: Nanos,
    }
}

impl<T, E, F: Future<Output = Inside<T, E>>> Future for Timed<'_, F> {
    type Output = Inside<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Inside<T, E>> {
        let mut this = self.project();
        // One variable for every answer: it is written where the caller wants it, and not copied.
        let mut polled = Poll::Pending;
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return polled;
        };
        let outer = Deadline::current();
        let limits = *this.after != NEVER;
        if outer.is_instant() && has_passed(outer, *this.at, *this.after) {
            polled = Poll::Ready(Err(Failure::Rejected(this.policy.refuse())));
            return polled;
        }
        // The work first: an answer that is ready needs no timer, and wins over the deadline. It is
        // polled in one place, so that it can be a part of this function. A scope around what
        // nothing limits changes nothing; and once the clock has begun to run, a length that begins
        // now would end later than the instant, and changes nothing either.
        let scope = Deadline::enter(outer, *this.at, *this.after);
        polled = inner.poll(context);
        let asked = scope.leave();
        if matches!(polled, Poll::Pending) && limits {
            let clock = Clock {
                after: *this.after,
                begin: this.begin,
                at: this.at,
            };
            if let Poll::Ready((after, early)) = clock.wait(this.timer, asked, context) {
                frame::cut(|| this.inner.set(None));
                polled = Poll::Ready(Err(Failure::Rejected(this.policy.cut_off(after, early))));
            }
        }
        polled
    }
}

/// Whether a timeout that is about to begin begins too late. Apart, since few calls have a deadline
/// already when they begin.
#[cold]
#[inline(never)]
fn has_passed(outer: Deadline, at: Nanos, after: Nanos) -> bool {
    let begins = at == NEVER && after != NEVER;
    begins && outer.has_passed()
}

/// The clock of one call under a timeout.
struct Clock<'a> {
    after: Nanos,
    begin: &'a mut Nanos,
    at: &'a mut Nanos,
}

impl Clock<'_> {
    /// Arms the timer if it is not, and waits for it: how long the work has had, and whether that
    /// is less than the policy allows. Not generic: there is one copy of it in a program.
    #[inline(never)]
    fn wait(
        self,
        mut timer: Pin<&mut Option<Timer>>,
        asked: Nanos,
        context: &mut Context<'_>,
    ) -> Poll<(Nanos, bool)> {
        if *self.at == NEVER {
            let now = time::now();
            let begin = if asked == NEVER { now } else { asked };
            let outer = Deadline::current();
            let outer_end = outer.earlier(begin.saturating_add(outer.within()));
            *self.begin = begin;
            *self.at = end(begin, self.after, outer_end).0;
            timer.set(Some(time::sleep_until_seen_at(*self.at, now)));
        }
        let Some(timer) = timer.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        time::poll_unconstrained(timer, context).map(|()| {
            // An outer deadline may pass while the work computes, before this clock begins to run.
            let after = self.at.saturating_sub(*self.begin);
            (after, after < self.after)
        })
    }
}

// ---- Snapshot

/// What can be seen of a timeout.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TimeoutSnapshot {
    /// How long the work may take; `None` if nothing is cut off.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "duration_ms", serialize_with = "crate::data::millis_or_null")
    )]
    pub duration: Option<Duration>,
    /// Calls that were cut off.
    pub timed_out: u64,
    /// Calls that were not begun because an outer deadline had passed.
    pub no_time_left: u64,
}

impl Show for TimeoutSnapshot {
    fn state(&self) -> String {
        self.duration
            .map_or_else(|| "off".to_owned(), |duration| Span(duration).to_string())
    }

    fn note(&self) -> String {
        String::new()
    }

    fn counts(&self) -> Vec<(&'static str, Option<u64>)> {
        vec![
            ("timed out", Some(self.timed_out)),
            ("no time left", Some(self.no_time_left)),
        ]
    }
}

// ---- Tests

#[cfg(any(test, resilient_fuzz))]
mod tests {
    mod oracle;

    use super::*;
    use crate::deadline::{deadline, time_left};
    use crate::frame::Frame;
    use crate::outcome::Outcome;
    use std::cell::Cell;
    use std::future::pending;
    use tokio::time::{Instant, advance, sleep};

    type Answer = Inside<u8, ()>;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn timeout(name: &'static str, millis: u64) -> Timeout {
        Timeout::new(name, &TimeoutPolicy::new().duration(ms(millis)))
    }

    fn timed_out(name: &'static str, millis: u64) -> Answer {
        Err(Failure::Rejected(Rejected::timed_out(name, ms(millis))))
    }

    #[test]
    fn the_earlier_of_two_deadlines_ends_it() {
        assert_eq!(end(10, 5, 100), (15, false));
        assert_eq!(end(10, 5, 15), (15, false), "the inner one reports");
        assert_eq!(end(10, 5, 14), (14, true));
        assert_eq!(end(10, NEVER, NEVER), (NEVER, false));
    }

    #[tokio::test(start_paused = true)]
    async fn work_is_dropped_exactly_at_its_deadline() {
        let begin = Instant::now();
        let answer: Answer = timeout("t", 500).limit(pending()).await;
        assert_eq!(answer, timed_out("t", 500));
        assert_eq!(begin.elapsed(), ms(500));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_ready_at_the_deadline_wins() {
        let answer: Answer = timeout("t", 500)
            .limit(async {
                sleep(ms(500)).await;
                Ok(7)
            })
            .await;
        assert_eq!(answer, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn an_inner_timeout_gets_what_the_outer_one_has_left_and_says_so() {
        let (outer, inner) = (timeout("outer", 300), timeout("inner", 200));
        let begin = Instant::now();
        let answer: Answer = outer
            .limit(async {
                sleep(ms(250)).await;
                inner.limit(pending()).await
            })
            .await;
        let early = Rejected::timed_out_early("inner", ms(50));
        assert_eq!(answer, Err(Failure::Rejected(early)));
        assert_eq!(
            early.to_string(),
            "timeout `inner` cut the call off after 50ms, when the deadline of an outer timeout had come"
        );
        assert_eq!(begin.elapsed(), ms(300));
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_equal_deadlines_the_inner_one_reports() {
        let (outer, inner) = (timeout("outer", 300), timeout("inner", 300));
        let answer: Answer = outer.limit(inner.limit(pending())).await;
        assert_eq!(answer, timed_out("inner", 300));
    }

    #[tokio::test(start_paused = true)]
    async fn with_nothing_left_nothing_is_begun() {
        let (outer, inner) = (timeout("outer", 100), timeout("inner", 50));
        let begun = Cell::new(false);
        let late: Cell<Option<Answer>> = Cell::new(None);
        let _: Answer = outer
            .limit(async {
                tokio::task::yield_now().await;
                // The body blocks past the deadline: nobody can cut it off before it yields.
                advance(ms(100)).await;
                let work = inner.limit(async {
                    begun.set(true);
                    Ok(1)
                });
                late.set(Some(work.await));
                Ok(2)
            })
            .await;
        assert_eq!(
            late.take(),
            Some(Err(Failure::Rejected(Rejected::no_time_left("inner"))))
        );
        assert!(!begun.get());
        let LiveSnapshot::Timeout(snapshot) = inner.snapshot() else {
            panic!("a timeout")
        };
        assert_eq!((snapshot.timed_out, snapshot.no_time_left), (0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_starts_when_the_first_poll_returns() {
        let begin = Instant::now();
        let _: Answer = timeout("t", 100)
            .limit(async {
                advance_without_yielding(ms(30));
                pending().await
            })
            .await;
        assert_eq!(begin.elapsed(), ms(130));
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_for_the_deadline_starts_the_clock() {
        let begin = Instant::now();
        let _: Answer = timeout("outer", 1000)
            .limit(timeout("inner", 100).limit(async {
                assert_eq!(deadline(), Some(begin + ms(100)));
                advance_without_yielding(ms(30));
                assert_eq!(time_left(), Some(ms(70)));
                pending().await
            }))
            .await;
        assert_eq!(begin.elapsed(), ms(100));
    }

    /// Moves paused time in the middle of a poll, as a body does that computes before it waits.
    fn advance_without_yielding(duration: Duration) {
        let mut moving = std::pin::pin!(advance(duration));
        let mut context = Context::from_waker(std::task::Waker::noop());
        let _ = moving.as_mut().poll(&mut context);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_computes_beyond_an_outer_deadline_is_cut_off_early_as_soon_as_it_waits() {
        let (outer, inner) = (timeout("outer", 100), timeout("inner", 500));
        let ended: Answer = outer
            .limit(async {
                sleep(ms(50)).await;
                inner
                    .limit(async {
                        advance_without_yielding(ms(70));
                        pending().await
                    })
                    .await
            })
            .await;
        let early = Rejected::timed_out_early("inner", Duration::ZERO);
        assert_eq!(ended, Err(Failure::Rejected(early)));
    }

    #[tokio::test(start_paused = true)]
    async fn two_calls_joined_in_one_task_do_not_mix_their_deadlines() {
        let begin = Instant::now();
        let (short, long) = (timeout("short", 100), timeout("long", 200));
        let seen = || async {
            tokio::task::yield_now().await;
            let seen = deadline();
            Ok::<_, Failure<()>>(seen)
        };
        let (first, second, none) = tokio::join!(short.limit(seen()), long.limit(seen()), seen());
        assert_eq!(first, Ok(Some(begin + ms(100))));
        assert_eq!(second, Ok(Some(begin + ms(200))));
        assert_eq!(none, Ok(None));
    }

    #[tokio::test]
    async fn work_that_is_always_busy_is_cut_off_too() {
        let semaphore = tokio::sync::Semaphore::new(1);
        let busy = async {
            loop {
                // Uses up what tokio lets a task do in one go, again and again.
                drop(semaphore.acquire().await);
            }
        };
        let answer: Answer = timeout("t", 10).limit(busy).await;
        assert_eq!(answer, timed_out("t", 10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_does_not_cross_a_spawn_unless_it_is_carried() {
        let begin = Instant::now();
        let _: Answer = timeout("t", 100)
            .limit(async {
                let spawned = tokio::spawn(async { deadline() });
                assert_eq!(spawned.await.expect("it ran"), None);
                let carried = tokio::spawn(crate::deadline::inherit(async { deadline() }));
                assert_eq!(carried.await.expect("it ran"), Some(begin + ms(100)));
                Ok(1)
            })
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_work_holds_is_free_at_the_deadline_and_its_permits_see_a_cut() {
        struct Ending<'a>(&'a Frame, &'a Cell<Option<Outcome>>);
        impl Drop for Ending<'_> {
            fn drop(&mut self) {
                self.1.set(Some(self.0.ending()));
            }
        }
        let (frame, ending) = (Frame::new(), Cell::new(None));
        let timeout = timeout("t", 100);
        let work = timeout.limit(async {
            let _permit = Ending(&frame, &ending);
            frame.run(pending::<Answer>()).await
        });
        let mut work = std::pin::pin!(work);
        let answer = work.as_mut().await;
        assert_eq!(answer, timed_out("t", 100));
        // The future itself is still alive here.
        assert_eq!(ending.get(), Some(Outcome::Failure));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_duration_nothing_is_cut_off() {
        let timeout = Timeout::new("nobody.defined.it", &TimeoutPolicy::new());
        let answer: Answer = timeout
            .limit(async {
                sleep(Duration::from_secs(86_400)).await;
                Ok(1)
            })
            .await;
        assert_eq!(answer, Ok(1));
        assert_eq!(timeout.duration(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_duration_of_one_call_is_switched_off_with_the_policy() {
        let timeout = Timeout::new("t", &TimeoutPolicy::new());
        let answer: Answer = timeout.limit_to(ms(10), pending()).await;
        assert_eq!(answer, timed_out("t", 10));
        timeout.reconfigure(&TimeoutPolicy::new().enabled(false));
        let answer: Answer = timeout
            .limit_to(ms(10), async {
                sleep(ms(20)).await;
                Ok(1)
            })
            .await;
        assert_eq!(answer, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_duration_holds_for_the_next_call() {
        let timeout = timeout("t", 100);
        let running = timeout.limit(pending());
        timeout.reconfigure(&TimeoutPolicy::new().duration(ms(50)));
        let answer: Answer = running.await;
        assert_eq!(answer, timed_out("t", 100));
        let answer: Answer = timeout.limit(pending()).await;
        assert_eq!(answer, timed_out("t", 50));
        timeout.reconfigure(&TimeoutPolicy::new().duration(ms(50)).enabled(false));
        assert_eq!(timeout.duration(), None);
    }
}
