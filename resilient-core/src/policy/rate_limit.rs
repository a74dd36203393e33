//! Rate limit: so many calls in so much time, with a burst, to the nanosecond.
//!
//! The algorithm is the generic cell rate algorithm, in the form of virtual scheduling (ITU-T
//! I.371, annex A; ATM Forum Traffic Management 4.0, section 4.4.2). It is a token bucket whose
//! whole state is one instant, so a call is admitted by one compare-and-swap, and nothing has to
//! run in order to fill the bucket.

use crate::deadline::current_deadline;
use crate::error::Rejected;
use crate::event::emit_rejected;
use crate::policy::{LivePolicy, LiveSnapshot, Policy, Show};
use crate::setting::Rate;
use crate::sync::{AtomicU64, Mutex, Ordering, Padded, Tally};
use crate::table::policy;
use crate::time::{CAN_PAUSE, NEVER, Nanos, Timer, nanos, now, sleep_until, start};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

// ---- Policy

/// The longest time that a rate may be written for, in days.
const MOST_DAYS: u64 = 366;
const MOST_SECONDS: u64 = MOST_DAYS * 86_400;
const MOST_BURST: u32 = 1_000_000_000;

const fn one_at_a_time(rate: Rate) -> bool {
    rate.count() as u128 <= rate.per().as_nanos()
}

fn one_second_of(policy: &RateLimitPolicy) -> u32 {
    policy
        .rate
        .map_or(1, |rate| rate.in_a_second().clamp(1, MOST_BURST))
}

policy! {
    /// How many calls may begin in how much time, how many of them at once, and how long a call
    /// may wait for its turn.
    ///
    /// Over any interval of length t at most `burst` + t · `rate` calls are admitted.
    ///
    /// ```
    /// use resilient_core::{Rate, RateLimitPolicy};
    /// use std::time::Duration;
    ///
    /// const SEARCH: RateLimitPolicy = RateLimitPolicy::new()
    ///     .rate(Rate::new(100, Duration::from_secs(1)))
    ///     .burst(20)
    ///     .max_wait(Duration::from_millis(50));
    /// assert!(SEARCH.invalid().is_none());
    ///
    /// let nothing = RateLimitPolicy::new().rate(Rate::new(0, Duration::from_secs(1)));
    /// assert_eq!(nothing.invalid().unwrap().key(), "rate");
    /// ```
    RateLimitPolicy, RateLimitSettings, RateLimiter, "rate_limit";

    /// How many calls may begin in how much time: at least 1, in at most 366 days, and at most one
    /// in a nanosecond.
    ///
    /// There is no default: without it every call is let through. The time from one token to the
    /// next is rounded up to a nanosecond, never down.
    rate: Rate,
        rate.count() >= 1, "a rate admits at least one call: `1/s`",
        !rate.per().is_zero(), "a rate is for a time longer than 0s: `100/s`",
        rate.per().as_secs() <= MOST_SECONDS, "a rate is for at most 366 days",
        one_at_a_time(rate), "a rate is at most one call in a nanosecond";
    /// How many calls may begin at once after a pause, from 1 to 1 000 000 000 (default: as many
    /// as the rate admits in one second, at least 1).
    burst: u32 => one_second_of,
        burst >= 1, "`burst` counts from 1: with 0 no call would ever be admitted",
        burst <= MOST_BURST, "`burst` is at most 1 000 000 000 calls";
    /// How long a call may wait for its turn (default 0s: it is refused at once).
    max_wait: Duration = Duration::ZERO;
}

// ---- State

/// The longest bucket, 146 years: no sum of instants overflows.
const LONGEST_BUCKET: Nanos = 1 << 62;
/// The longest wait, half as long.
const LONGEST_WAIT: Nanos = 1 << 61;

/// A rate and a burst, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pace {
    /// From one token to the next; zero lets everybody through.
    step: Nanos,
    /// What a full bucket is worth.
    bucket: Nanos,
}

impl Pace {
    fn of(rate: Rate, burst: u32) -> Self {
        // Rounded up: a token that comes early would be one too many.
        let step = nanos(rate.per())
            .div_ceil(u64::from(rate.count().max(1)))
            .max(1);
        Self {
            step,
            bucket: step
                .saturating_mul(u64::from(burst.max(1)))
                .min(LONGEST_BUCKET),
        }
    }
}

/// The instant at which the bucket will be full, if nobody else comes: the theoretical arrival
/// time of the algorithm. It has passed when the bucket is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State(Nanos);

/// The state while other settings are taken over: so far ahead that no call is admitted by it.
const CHANGING: State = State(3 << 62);

const FULL: State = State(0);

impl State {
    /// The state after one more call, and how long that call has to wait.
    #[inline]
    fn take(self, pace: Pace, now: Nanos) -> (Self, Nanos) {
        let next = self.0.max(now) + pace.step;
        (Self(next), (next - now).saturating_sub(pace.bucket))
    }

    /// How many calls would be admitted now.
    fn available(self, pace: Pace, now: Nanos) -> u64 {
        pace.bucket.saturating_sub(self.0.saturating_sub(now)) / pace.step.max(1)
    }

    /// The state for other settings: a full bucket stays full, an empty one empty, a half one half;
    /// each call that waits is worth one token, as before.
    fn converted(self, from: Pace, to: Pace, now: Nanos) -> Self {
        let missing = self.0.saturating_sub(now);
        if missing == 0 {
            // All instants that have passed mean the same. Another one is taken, so that a call
            // which has read the old settings must look again.
            return Self(if self.0 == 0 { 1 } else { self.0 - 1 });
        }
        let scale = |length: Nanos, to: Nanos, from: Nanos| {
            let scaled = (u128::from(length) * u128::from(to)).div_ceil(u128::from(from.max(1)));
            u64::try_from(scaled).unwrap_or(NEVER)
        };
        let taken = scale(missing.min(from.bucket), to.bucket, from.bucket);
        let promised = missing.saturating_sub(from.bucket);
        let promised = scale(promised, to.step, from.step).min(LONGEST_WAIT);
        let converted = Self(now + taken + promised);
        if converted == self && from.bucket != to.bucket {
            return Self(converted.0 + 1);
        }
        converted
    }
}

// ---- Live policy and permit

/// A rate limit at work: it admits so many calls in so much time, and refuses the others or lets
/// them wait for their turn.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use resilient_core::{LivePolicy, Rate, RateLimitPolicy, RateLimiter};
/// use std::time::Duration;
///
/// let one_an_hour = RateLimitPolicy::new().rate(Rate::new(1, Duration::from_secs(3600)));
/// let limiter = RateLimiter::new("report", &one_an_hour);
///
/// assert!(limiter.admit().await.is_ok());
/// let refused = limiter.admit().await.unwrap_err();
/// assert_eq!(refused.policy(), "report");
/// assert!(refused.retry_after().unwrap() > Duration::from_secs(3590));
/// # }
/// ```
pub struct RateLimiter {
    hot: Padded<Hot>,
    admitted: Tally,
    name: &'static str,
    rejected: AtomicU64,
    waiting: AtomicU64,
    waited: AtomicU64,
    abandoned: AtomicU64,
    configured: Mutex<Configured>,
}

/// What every call reads, and the one word that it writes.
#[derive(Debug)]
struct Hot {
    state: AtomicU64,
    step: AtomicU64,
    bucket: AtomicU64,
    max_wait: AtomicU64,
}

/// What only a change of settings, a look and a call that gives up need.
#[derive(Debug)]
struct Configured {
    /// What is written; `None` where nothing limits the calls.
    written: Option<(Rate, u32)>,
    /// The last pace that limited anything: what the state is reckoned in.
    pace: Option<Pace>,
    /// The furthest that calls which wait may ever have brought the state past an empty bucket.
    furthest: Nanos,
    /// Counts the changes of pace.
    generation: u32,
}

impl Configured {
    /// A full bucket in place of a state that is further ahead than any call can have brought it.
    ///
    /// There is such a state only where time can be paused: tests share a static limit, but each
    /// has a clock of its own, and that of an earlier one may have been far ahead.
    fn plausible(&self, state: State, now: Nanos) -> State {
        let bucket = self.pace.map_or(0, |pace| pace.bucket);
        let furthest = now.saturating_add(bucket).saturating_add(self.furthest);
        if CAN_PAUSE && state.0 > furthest {
            return FULL;
        }
        state
    }
}

/// What a call is told that was not admitted at once.
enum Turn {
    Now,
    At(Reservation),
    Refused { wait: Nanos },
}

/// A turn that was promised to a call.
#[derive(Debug)]
struct Reservation {
    at: Nanos,
    /// The state as this call left it.
    left: State,
    generation: u32,
}

impl RateLimiter {
    /// The name of the rate limit.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Takes a token, at once if there is one, or else when it is this call's turn.
    ///
    /// Resolves to [`Rejected::RateLimited`], with the time until there is a token, if there is
    /// none and the wait for one is longer than `max_wait` or would not end before the deadline
    /// of the call. A refusal takes no token.
    ///
    /// # Panics
    ///
    /// If `max_wait` is set, the call has to wait, and there is no tokio runtime with its timer
    /// enabled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future while it waits gives its token back if no other call has come since.
    /// Otherwise the token is lost: the calls behind it keep the turns they were promised, and
    /// never come too early.
    #[inline]
    pub fn admit(&self) -> RateLimitAdmission<'_> {
        RateLimitAdmission {
            limiter: self,
            waiting: None,
        }
    }

    #[inline]
    fn state(&self) -> State {
        State(self.hot.0.state.load(Ordering::Acquire))
    }

    /// To be read after the state, which a change of settings replaces before and after it
    /// changes these: a compare-and-swap fails that was decided on halves of two settings.
    #[inline]
    fn pace(&self) -> Pace {
        Pace {
            step: self.hot.0.step.load(Ordering::Acquire),
            bucket: self.hot.0.bucket.load(Ordering::Acquire),
        }
    }

    #[inline]
    fn swap(&self, from: State, to: State) -> Result<(), State> {
        self.hot
            .0
            .state
            .compare_exchange_weak(from.0, to.0, Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
            .map_err(State)
    }

    /// Takes a token if there is one.
    #[inline]
    fn take(&self) -> bool {
        if self.hot.0.step.load(Ordering::Relaxed) == 0 {
            return true;
        }
        // Before the compare-and-swap: after it, reading the clock would wait for it.
        let now = now();
        let mut state = self.state();
        loop {
            let (next, wait) = state.take(self.pace(), now);
            if wait != 0 {
                return false;
            }
            match self.swap(state, next) {
                Ok(()) => break,
                Err(other) => state = other,
            }
        }
        self.admitted.add();
        true
    }

    /// For a call that found no token: a token after all, a turn, or neither.
    fn reserve(&self) -> Turn {
        loop {
            let now = now();
            let state = self.state();
            let pace = self.pace();
            if pace.step == 0 {
                return Turn::Now;
            }
            if state == CHANGING {
                drop(self.configured.lock());
                continue;
            }
            let (next, wait) = state.take(pace, now);
            if wait == 0 {
                if self.swap(state, next).is_ok() {
                    self.admitted.add();
                    return Turn::Now;
                }
                continue;
            }
            let max_wait = self.hot.0.max_wait.load(Ordering::Relaxed);
            if CAN_PAUSE && wait > max_wait.saturating_add(pace.step) && self.clock_went_back() {
                continue;
            }
            let at = now + wait;
            if wait > max_wait || current_deadline().is_some_and(|deadline| at >= deadline) {
                if self.state() == state {
                    return Turn::Refused { wait };
                }
                continue;
            }
            let generation = self.configured.lock().generation;
            // Fails if the settings have changed since the state was read.
            if self.swap(state, next).is_ok() {
                return Turn::At(Reservation {
                    at,
                    left: next,
                    generation,
                });
            }
        }
    }

    /// Fills the bucket if the clock went back; see [`Configured::plausible`].
    #[cold]
    fn clock_went_back(&self) -> bool {
        let configured = self.configured.lock();
        let state = self.state();
        let plausible = configured.plausible(state, now());
        let (from, to) = (state.0, plausible.0);
        let state = &self.hot.0.state;
        from != to
            && state
                .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
    }

    #[cold]
    #[inline(never)]
    fn refuse(&self, wait: Nanos) -> Rejected {
        self.rejected.fetch_add(1, Ordering::Relaxed);
        let rejected = Rejected::rate_limited(self.name, Duration::from_nanos(wait));
        emit_rejected(RateLimitPolicy::KIND, rejected);
        rejected
    }

    /// Takes back the turn of a call that is dropped while it waits.
    ///
    /// Exact if this was the last call to take a token: the state is then what it would be if the
    /// call had never come. If others have come since, their turns were promised behind this one,
    /// and a token given back would be one too many for whoever comes next.
    #[cold]
    fn give_back(&self, reservation: &Reservation) {
        let configured = self.configured.lock();
        if configured.generation == reservation.generation
            && let Some(pace) = configured.pace
        {
            // The state before: a call that had to wait took its token after all others.
            let before = reservation.left.0 - pace.step;
            // Fails if others have come since.
            let _ = self.hot.0.state.compare_exchange(
                reservation.left.0,
                before,
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
        }
    }

    fn look(&self) -> RateLimiterSnapshot {
        let configured = self.configured.lock();
        let (written, state, pace) = (configured.written, self.state(), self.pace());
        drop(configured);
        let available = state.available(pace, now());
        RateLimiterSnapshot {
            rate: written.map(|(rate, _)| rate),
            burst: written.map(|(_, burst)| burst),
            available: written.map(|_| u32::try_from(available).unwrap_or(u32::MAX)),
            waiting: self.waiting.load(Ordering::Relaxed),
            admitted: self.admitted.sum(),
            rejected: self.rejected.load(Ordering::Relaxed),
            waited: self.waited.load(Ordering::Relaxed),
            abandoned: self.abandoned.load(Ordering::Relaxed),
        }
    }
}

/// The rate and the burst, if they limit anything, and the longest wait.
fn read(policy: &RateLimitPolicy) -> (Option<(Rate, u32)>, Nanos) {
    let settings = RateLimitSettings::of(policy);
    let rate = settings.rate.filter(|_| settings.enabled);
    (
        rate.map(|rate| (rate, settings.burst)),
        nanos(settings.max_wait).min(LONGEST_WAIT),
    )
}

impl LivePolicy for RateLimiter {
    type Policy = RateLimitPolicy;

    /// A rate limit whose bucket is full.
    fn new(name: &'static str, policy: &RateLimitPolicy) -> Self {
        start();
        let (written, max_wait) = read(policy);
        let pace = written.map(|(rate, burst)| Pace::of(rate, burst));
        let Pace { step, bucket } = pace.unwrap_or(Pace { step: 0, bucket: 0 });
        Self {
            hot: Padded(Hot {
                state: AtomicU64::new(FULL.0),
                step: AtomicU64::new(step),
                bucket: AtomicU64::new(bucket),
                max_wait: AtomicU64::new(max_wait),
            }),
            admitted: Tally::default(),
            name,
            rejected: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            waited: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
            configured: Mutex::new(Configured {
                written,
                pace,
                furthest: max_wait,
                generation: 0,
            }),
        }
    }

    /// Takes over other settings: a full bucket stays full, an empty one empty, and one in between
    /// keeps its share. Calls that wait keep the turns they were promised.
    fn reconfigure(&self, policy: &RateLimitPolicy) {
        let (written, max_wait) = read(policy);
        let pace = written.map(|(rate, burst)| Pace::of(rate, burst));
        let hot = &self.hot.0;
        let mut configured = self.configured.lock();
        configured.written = written;
        configured.furthest = configured.furthest.max(max_wait);
        hot.max_wait.store(max_wait, Ordering::Relaxed);
        let Some(to) = pace else {
            hot.step.store(0, Ordering::Release);
            return;
        };
        let now = now();
        let state = State(hot.state.swap(CHANGING.0, Ordering::AcqRel));
        let state = configured.plausible(state, now);
        let next = match configured.pace {
            Some(from) if from != to => {
                configured.generation = configured.generation.wrapping_add(1);
                state.converted(from, to, now)
            }
            _ => state,
        };
        let ahead = next.0.saturating_sub(now).saturating_sub(to.bucket);
        configured.furthest = configured.furthest.max(ahead);
        configured.pace = Some(to);
        hot.step.store(to.step, Ordering::Release);
        hot.bucket.store(to.bucket, Ordering::Release);
        hot.state.store(next.0, Ordering::Release);
    }

    fn snapshot(&self) -> LiveSnapshot {
        LiveSnapshot::RateLimiter(self.look())
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter")
            .field("name", &self.name)
            .field("now", &self.look())
            .finish_non_exhaustive()
    }
}

/// A call on its way through a rate limit; see [`RateLimiter::admit`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct RateLimitAdmission<'a> {
    limiter: &'a RateLimiter,
    waiting: Option<(Reservation, Pin<Box<Timer>>)>,
}

impl Future for RateLimitAdmission<'_> {
    type Output = Result<(), Rejected>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.waiting.is_none() && self.limiter.take() {
            return Poll::Ready(Ok(()));
        }
        self.poll_turn(context)
    }
}

impl RateLimitAdmission<'_> {
    #[cold]
    #[inline(never)]
    fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Rejected>> {
        let limiter = self.limiter;
        if self.waiting.is_none() {
            let reservation = match limiter.reserve() {
                Turn::Now => return Poll::Ready(Ok(())),
                Turn::Refused { wait } => return Poll::Ready(Err(limiter.refuse(wait))),
                Turn::At(reservation) => reservation,
            };
            let timer = Box::pin(sleep_until(reservation.at));
            limiter.waited.fetch_add(1, Ordering::Relaxed);
            limiter.waiting.fetch_add(1, Ordering::Relaxed);
            self.waiting = Some((reservation, timer));
        }
        while let Some((reservation, timer)) = &mut self.waiting {
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            // The clocks of the timer and of the limit may differ by some microseconds.
            if now() >= reservation.at {
                break;
            }
            timer.set(sleep_until(reservation.at));
        }
        self.waiting = None;
        limiter.waiting.fetch_sub(1, Ordering::Relaxed);
        limiter.admitted.add();
        Poll::Ready(Ok(()))
    }

    /// Dropped while it waits.
    #[cold]
    #[inline(never)]
    fn give_up(&mut self) {
        if let Some((reservation, _)) = self.waiting.take() {
            self.limiter.waiting.fetch_sub(1, Ordering::Relaxed);
            self.limiter.abandoned.fetch_add(1, Ordering::Relaxed);
            self.limiter.give_back(&reservation);
        }
    }
}

impl Drop for RateLimitAdmission<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.waiting.is_some() {
            self.give_up();
        }
    }
}

impl fmt::Debug for RateLimitAdmission<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitAdmission")
            .field("limiter", &self.limiter.name)
            .field("waiting", &self.waiting.is_some())
            .finish()
    }
}

// ---- Snapshot

/// What can be seen of a rate limit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RateLimiterSnapshot {
    /// How many calls may begin in how much time; `None` if all are let through, uncounted.
    pub rate: Option<Rate>,
    /// How many calls may begin at once; `None` if all are let through.
    pub burst: Option<u32>,
    /// How many calls would be admitted now; `None` if all are let through.
    pub available: Option<u32>,
    /// How many calls wait for their turn now.
    pub waiting: u64,
    /// Calls that were admitted, at once or after waiting.
    pub admitted: u64,
    /// Calls that were refused. None of them waited.
    pub rejected: u64,
    /// Calls that had to wait, whatever became of them.
    pub waited: u64,
    /// Calls that were dropped while they waited.
    pub abandoned: u64,
}

impl Show for RateLimiterSnapshot {
    fn state(&self) -> String {
        match (self.available, self.burst) {
            (Some(available), Some(burst)) => format!("{available} of {burst}"),
            _ => "unlimited".to_owned(),
        }
    }

    fn note(&self) -> String {
        let rate = self.rate.map_or(String::new(), |rate| rate.to_string());
        match self.waiting {
            0 => rate,
            waiting => format!("{rate}, {waiting} waiting"),
        }
    }

    fn counts(&self) -> Vec<(&'static str, Option<u64>)> {
        vec![
            ("admitted", Some(self.admitted)),
            ("rejected", Some(self.rejected)),
            ("waited", Some(self.waited)),
            ("abandoned", Some(self.abandoned)),
        ]
    }
}

// ---- Tests

#[cfg(test)]
mod tests;
