//! Rate limit: so many calls in so much time, with a burst, to the nanosecond.
//!
//! The default is the generic cell rate algorithm, in the form of virtual scheduling (ITU-T
//! I.371, annex A; ATM Forum Traffic Management 4.0, section 4.4.2). It is a token bucket whose
//! whole state is one instant, so a call is admitted by one compare-and-swap, and nothing has to
//! run in order to fill the bucket. The leaky bucket is the same with nothing to save up. Windows
//! are counted, or remembered call by call, under a lock.

mod instances;
mod settings;
mod snapshot;
mod state;

pub use self::settings::{Algorithm, RateLimitPolicy};
use self::settings::{RateLimitSettings, burst_of};
use self::state::{CHANGING, FULL, LONGEST_WAIT, Pace, State, Window};
use crate::deadline::current_deadline;
use crate::error::Rejected;
use crate::event::emit_rejected_keyed;
use crate::keyed::Role;
use crate::policy::{LivePolicy, LiveSnapshot, Policy};
use crate::setting::Rate;
use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering, Padded, Tally};
use crate::time::{CAN_PAUSE, Nanos, Timer, nanos, now, sleep_until, start};
use std::fmt;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

// ---- Policy

// The table of settings and the algorithms are in `rate_limit/settings.rs`.

// ---- State

// The machines are in `rate_limit/state.rs`.

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
    role: Role<Self>,
}

/// What every call reads, and the one word that it writes.
#[derive(Debug)]
struct Hot {
    state: AtomicU64,
    /// Zero where there is no bucket.
    step: AtomicU64,
    /// Without a step: zero where nothing limits the calls, `WINDOW` where a window does.
    bucket: AtomicU64,
    spaced: AtomicBool,
    max_wait: AtomicU64,
}

/// Stands for the bucket where there is a window instead.
const WINDOW: Nanos = 1;

/// What is written about a limit that is switched on.
#[derive(Clone, Copy, Debug)]
struct Written {
    rate: Rate,
    burst: u32,
    algorithm: Algorithm,
}

/// By what the calls are limited.
#[derive(Debug)]
enum Means {
    Bucket(Pace),
    Window(Window),
}

impl Means {
    fn of(written: Written, now: Nanos) -> Self {
        let Written {
            rate,
            burst,
            algorithm,
        } = written;
        match algorithm {
            Algorithm::TokenBucket => Self::Bucket(Pace::of(rate, burst, false)),
            Algorithm::LeakyBucket => Self::Bucket(Pace::of(rate, 1, true)),
            algorithm => Self::Window(Window::of(algorithm, rate, now)),
        }
    }
}

/// What windows, a change of settings, a look and a call that gives up need.
#[derive(Debug)]
struct Configured {
    /// What is written; `None` where nothing limits the calls.
    written: Option<Written>,
    /// The last that limited anything: what the state is reckoned in.
    means: Option<Means>,
    /// The furthest that calls which wait may ever have brought the state past an empty bucket.
    furthest: Nanos,
    /// Counts the changes of what limits the calls.
    generation: u32,
}

impl Configured {
    /// A full bucket in place of a state that is further ahead than any call can have brought it.
    ///
    /// There is such a state only where time can be paused: tests share a static limit, but each
    /// has a clock of its own, and that of an earlier one may have been far ahead.
    fn plausible(&self, state: State, now: Nanos) -> State {
        let Some(Means::Bucket(pace)) = self.means else {
            return state;
        };
        let furthest = now
            .saturating_add(pace.bucket)
            .saturating_add(self.furthest);
        if CAN_PAUSE && state.0 > furthest {
            return FULL;
        }
        state
    }

    /// The window, if there is one, with nothing in it that only another clock can have brought.
    fn window(&mut self, now: Nanos) -> Option<&mut Window> {
        let furthest = now.saturating_add(self.furthest);
        let Some(Means::Window(window)) = &mut self.means else {
            return None;
        };
        if CAN_PAUSE && window.latest() > furthest {
            window.begin_again(now);
        }
        Some(window)
    }
}

/// What a call is told that was not admitted at once.
enum Turn {
    Now,
    At(Reservation),
    Refused { wait: Nanos },
    TooCostly { most: u32 },
}

/// A turn that was promised to a call.
#[derive(Debug)]
struct Reservation {
    at: Nanos,
    /// The state as this call left it, where there is a bucket.
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
    /// never come too early. A sliding window loses none, and a fixed one none of its latest window.
    #[inline]
    pub fn admit(&self) -> RateLimitAdmission<'_> {
        self.admit_weighing(1)
    }

    /// The same for a call that counts as `cost` calls.
    ///
    /// Resolves to [`Rejected::TooCostly`] if there are never as many tokens: more than `burst`,
    /// or more than a window admits. With [`Algorithm::LeakyBucket`] any call is admitted when it
    /// is its turn, and the next one keeps a distance of `cost` calls. A call that waits for many
    /// tokens is not overtaken by others. What costs 0 takes nothing, and is admitted at once.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use resilient_core::{LivePolicy, Rate, RateLimitPolicy, RateLimiter, Rejected};
    /// use std::time::Duration;
    ///
    /// let points = RateLimitPolicy::new().rate(Rate::new(100, Duration::from_secs(3600))).burst(100);
    /// let limiter = RateLimiter::new("points", &points);
    ///
    /// assert!(limiter.admit_weighing(60).await.is_ok());
    /// let refused = limiter.admit_weighing(60).await.unwrap_err();
    /// assert!(refused.retry_after().unwrap() > Duration::from_secs(700), "20 points are missing");
    /// assert!(limiter.admit_weighing(40).await.is_ok(), "a refusal takes nothing");
    ///
    /// let refused = limiter.admit_weighing(101).await.unwrap_err();
    /// assert_eq!(refused, Rejected::too_costly("points", 101, 100));
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// As [`RateLimiter::admit`].
    ///
    /// # Cancel safety
    ///
    /// As [`RateLimiter::admit`].
    #[inline]
    pub fn admit_weighing(&self, cost: u32) -> RateLimitAdmission<'_> {
        RateLimitAdmission {
            limiter: self,
            cost,
            waiting: ManuallyDrop::new(None),
        }
    }

    /// Takes a token if there is one now, for a call that cannot wait itself: `max_wait` is for those
    /// who can.
    ///
    /// # Errors
    ///
    /// [`Rejected::RateLimited`], with the time until there is a token, if there is none. A refusal
    /// takes no token.
    ///
    /// ```
    /// use resilient_core::{LivePolicy, Rate, RateLimitPolicy, RateLimiter};
    /// use std::time::Duration;
    ///
    /// let hour = Duration::from_secs(3600);
    /// let one_an_hour = RateLimitPolicy::new().rate(Rate::new(1, hour)).max_wait(hour);
    /// let limiter = RateLimiter::new("report", &one_an_hour);
    ///
    /// assert!(limiter.try_admit().is_ok());
    /// let refused = limiter.try_admit().unwrap_err();
    /// assert!(refused.retry_after().unwrap() > Duration::from_secs(3590), "it does not wait");
    /// ```
    #[inline]
    pub fn try_admit(&self) -> Result<(), Rejected> {
        if self.take() {
            return Ok(());
        }
        self.try_admit_weighing(1)
    }

    /// The same for a call that counts as `cost` calls.
    ///
    /// # Errors
    ///
    /// [`Rejected::TooCostly`] if there are never as many tokens, [`Rejected::RateLimited`] if there
    /// are not now. What costs 0 takes nothing, and is admitted always.
    pub fn try_admit_weighing(&self, cost: u32) -> Result<(), Rejected> {
        self.turn(cost, false).map(drop)
    }

    #[inline]
    fn state(&self) -> State {
        State(self.hot.0.state.load(Ordering::Acquire))
    }

    /// To be read after the state, which a change of settings replaces before and after it
    /// changes these: a compare-and-swap fails that was decided on halves of two settings.
    fn pace(&self) -> Pace {
        Pace {
            step: self.hot.0.step.load(Ordering::Acquire),
            bucket: self.hot.0.bucket.load(Ordering::Acquire),
            spaced: self.hot.0.spaced.load(Ordering::Acquire),
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

    /// Takes a token out of the bucket if there is one.
    #[inline(always)]
    fn take(&self) -> bool {
        let hot = &self.hot.0;
        if hot.step.load(Ordering::Relaxed) == 0 {
            return hot.bucket.load(Ordering::Relaxed) == 0;
        }
        // Before the compare-and-swap: after it, reading the clock would wait for it.
        let now = now();
        // A second try stands apart: it is rare, and a loop would make the first one longer.
        match self.try_take(self.state(), now) {
            Ok(true) => self.admitted.add(),
            Ok(false) => return false,
            Err(changed) => return self.take_again(changed, now),
        }
        true
    }

    /// The state that another call has made of it meanwhile, if one has.
    #[inline(always)]
    fn try_take(&self, state: State, now: Nanos) -> Result<bool, State> {
        // After the state, as in `pace`.
        let step = self.hot.0.step.load(Ordering::Acquire);
        let bucket = self.hot.0.bucket.load(Ordering::Acquire);
        let (next, waits) = state.take(step, bucket, now);
        if waits {
            return Ok(false);
        }
        self.swap(state, next).map(|()| true)
    }

    #[inline(never)]
    fn take_again(&self, mut state: State, now: Nanos) -> bool {
        loop {
            match self.try_take(state, now) {
                Ok(true) => break,
                Ok(false) => return false,
                Err(changed) => state = changed,
            }
        }
        self.admitted.add();
        true
    }

    fn is_unlimited(&self) -> bool {
        let Pace { step, bucket, .. } = self.pace();
        (step, bucket) == (0, 0)
    }

    /// Whether a call may wait for so long, and until then.
    fn may_wait(&self, wait: Nanos, at: Nanos) -> bool {
        wait <= self.hot.0.max_wait.load(Ordering::Relaxed)
            && current_deadline().is_none_or(|deadline| at < deadline)
    }

    /// The turn of a call that may have to wait, if it is not now: only one that `waits` gets it.
    #[cold]
    #[inline(never)]
    fn turn(&self, cost: u32, waits: bool) -> Result<Option<Reservation>, Rejected> {
        Err(self.refuse(match self.reserve(cost, waits) {
            Turn::Now => return Ok(None),
            Turn::At(reservation) => return Ok(Some(reservation)),
            Turn::Refused { wait } => Rejected::rate_limited(self.name, Duration::from_nanos(wait)),
            Turn::TooCostly { most } => Rejected::too_costly(self.name, cost, most),
        }))
    }

    /// For a call that found no token: tokens after all, a turn if it `waits`, or neither.
    fn reserve(&self, cost: u32, waits: bool) -> Turn {
        if self.is_unlimited() {
            return Turn::Now;
        }
        if cost == 0 {
            self.admitted.add();
            return Turn::Now;
        }
        loop {
            let now = now();
            let state = self.state();
            let pace = self.pace();
            if pace.step == 0 {
                match self.reserve_in_window(cost, waits) {
                    Some(turn) => return turn,
                    None => continue,
                }
            }
            if state == CHANGING {
                drop(self.configured.lock());
                continue;
            }
            if cost > pace.most() {
                let most = pace.most();
                if self.state() == state {
                    return Turn::TooCostly { most };
                }
                continue;
            }
            let worth = pace.worth(cost);
            let (next, wait) = state.take_worth(worth, pace, now);
            if wait == 0 {
                self.expect_as_far(worth, pace);
                if self.swap(state, next).is_ok() {
                    self.admitted.add();
                    return Turn::Now;
                }
                continue;
            }
            let max_wait = self.hot.0.max_wait.load(Ordering::Relaxed);
            if CAN_PAUSE && wait > max_wait.saturating_add(worth) && self.clock_went_back() {
                continue;
            }
            let at = now + wait;
            if !(waits && self.may_wait(wait, at)) {
                if self.state() == state {
                    return Turn::Refused { wait };
                }
                continue;
            }
            self.expect_as_far(worth, pace);
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

    /// For a call before a window, if there is one by now.
    fn reserve_in_window(&self, cost: u32, waits: bool) -> Option<Turn> {
        let mut configured = self.configured.lock();
        let generation = configured.generation;
        if configured.written.is_none() {
            return Some(Turn::Now);
        }
        let now = now();
        let window = configured.window(now)?;
        if cost > window.most() {
            let most = window.most();
            return Some(Turn::TooCostly { most });
        }
        let at = window.turn(cost, now);
        // Clocks of processors differ a little, and that is no wait.
        let wait = at - window.seen();
        if wait == 0 {
            window.take(cost, at);
            self.admitted.add();
            return Some(Turn::Now);
        }
        if !(waits && self.may_wait(wait, at)) {
            return Some(Turn::Refused { wait });
        }
        window.take(cost, at);
        Some(Turn::At(Reservation {
            at,
            left: CHANGING,
            generation,
        }))
    }

    /// Remembers how far a call brings the state which is worth more than the bucket.
    fn expect_as_far(&self, worth: Nanos, pace: Pace) {
        if CAN_PAUSE && worth > pace.bucket {
            let furthest = self.hot.0.max_wait.load(Ordering::Relaxed) + worth;
            let mut configured = self.configured.lock();
            configured.furthest = configured.furthest.max(furthest);
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
    fn refuse(&self, rejected: Rejected) -> Rejected {
        self.rejected.fetch_add(1, Ordering::Relaxed);
        emit_rejected_keyed(RateLimitPolicy::KIND, self.role.key(), rejected);
        rejected
    }

    /// Takes back the turn of a call that is dropped while it waits.
    ///
    /// Of a bucket exact if this was the last call to take a token: the state is then what it would
    /// be if the call had never come. If others have come since, their turns were promised behind
    /// this one, and a token given back would be one too many for whoever comes next.
    #[cold]
    fn give_back(&self, reservation: &Reservation, cost: u32) {
        let mut configured = self.configured.lock();
        if configured.generation != reservation.generation {
            return;
        }
        match &mut configured.means {
            Some(Means::Bucket(pace)) => {
                // The state before: a call that had to wait took its token after all others.
                let before = reservation.left.0 - pace.worth(cost);
                // Fails if others have come since.
                let _ = self.hot.0.state.compare_exchange(
                    reservation.left.0,
                    before,
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                );
            }
            Some(Means::Window(window)) => window.give_back(cost, reservation.at, now()),
            None => {}
        }
    }

    fn look(&self) -> RateLimiterSnapshot {
        let mut configured = self.configured.lock();
        let (written, state, now) = (configured.written, self.state(), now());
        let available = match configured.window(now) {
            Some(window) => window.available(now).into(),
            None => state.available(self.pace(), now),
        };
        drop(configured);
        RateLimiterSnapshot {
            rate: written.map(|written| written.rate),
            burst: written.map(|written| written.burst),
            algorithm: written.map(|written| written.algorithm),
            available: written.map(|_| u32::try_from(available).unwrap_or(u32::MAX)),
            waiting: self.waiting.load(Ordering::Relaxed),
            admitted: self.admitted.sum(),
            rejected: self.rejected.load(Ordering::Relaxed),
            waited: self.waited.load(Ordering::Relaxed),
            abandoned: self.abandoned.load(Ordering::Relaxed),
            keys: None,
        }
    }
}

/// What is written, if it limits anything, and the longest wait.
fn read(policy: &RateLimitPolicy) -> (Option<Written>, Nanos) {
    let settings = RateLimitSettings::of(policy);
    let rate = settings.rate.filter(|_| settings.enabled);
    let algorithm = settings.algorithm;
    // A burst that came from elsewhere than the algorithm, and does not belong to it.
    let burst = match algorithm {
        Algorithm::TokenBucket => settings.burst,
        _ => burst_of(policy),
    };
    (
        rate.map(|rate| Written {
            rate,
            burst,
            algorithm,
        }),
        nanos(settings.max_wait).min(LONGEST_WAIT),
    )
}

impl LivePolicy for RateLimiter {
    type Policy = RateLimitPolicy;

    /// A rate limit of which nothing is taken.
    fn new(name: &'static str, policy: &RateLimitPolicy) -> Self {
        let max = RateLimitSettings::of(policy).max_keys;
        Self::new_as(name, policy, Role::base(policy, max))
    }

    /// Takes over other settings: a full bucket stays full, an empty one empty, and one in between
    /// keeps its share. A window keeps the calls it has seen. From one algorithm to another the
    /// share that is taken stays taken. Calls that wait keep the turns they were promised, and who
    /// comes later comes behind them.
    fn reconfigure(&self, policy: &RateLimitPolicy) {
        self.take_over(policy);
        if let Some(keys) = self.role.keys() {
            keys.configure(policy, RateLimitSettings::of(policy).max_keys);
        }
    }

    fn snapshot(&self) -> LiveSnapshot {
        LiveSnapshot::RateLimiter(self.look_with_keys())
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

impl RateLimiter {
    fn new_as(name: &'static str, policy: &RateLimitPolicy, role: Role<Self>) -> Self {
        start();
        let (written, max_wait) = read(policy);
        let means = written.map(|written| Means::of(written, now()));
        let (state, pace) = match means {
            Some(Means::Bucket(pace)) => (FULL, pace),
            Some(Means::Window(_)) => (
                CHANGING,
                Pace {
                    bucket: WINDOW,
                    ..Pace::UNLIMITED
                },
            ),
            None => (FULL, Pace::UNLIMITED),
        };
        Self {
            hot: Padded(Hot {
                state: AtomicU64::new(state.0),
                step: AtomicU64::new(pace.step),
                bucket: AtomicU64::new(pace.bucket),
                spaced: AtomicBool::new(pace.spaced),
                max_wait: AtomicU64::new(max_wait),
            }),
            admitted: match role {
                Role::Base(_) => Tally::default(),
                Role::Instance(_) => Tally::lone(),
            },
            name,
            rejected: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            waited: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
            configured: Mutex::new(Configured {
                written,
                means,
                furthest: max_wait,
                generation: 0,
            }),
            role,
        }
    }

    fn take_over(&self, policy: &RateLimitPolicy) {
        let (written, max_wait) = read(policy);
        let hot = &self.hot.0;
        let mut configured = self.configured.lock();
        configured.written = written;
        configured.furthest = configured.furthest.max(max_wait);
        hot.max_wait.store(max_wait, Ordering::Relaxed);
        let Some(written) = written else {
            hot.step.store(0, Ordering::Release);
            hot.bucket.store(0, Ordering::Release);
            return;
        };
        let now = now();
        let state = State(hot.state.swap(CHANGING.0, Ordering::AcqRel));
        let state = configured.plausible(state, now);
        let left = configured.window(now).map(|window| window.left(now));
        let (means, next) = match (Means::of(written, now), configured.means.take()) {
            (Means::Bucket(to), Some(Means::Bucket(from))) => {
                let changed = from != to;
                let next = if changed {
                    state.converted(from, to, now)
                } else {
                    state
                };
                configured.generation = configured.generation.wrapping_add(changed.into());
                (Means::Bucket(to), next)
            }
            (Means::Window(to), Some(Means::Window(from))) => {
                let changed = !from.is_like(&to);
                configured.generation = configured.generation.wrapping_add(changed.into());
                (Means::Window(from.turned_into(to, left)), CHANGING)
            }
            (to, from) => {
                configured.generation = configured.generation.wrapping_add(1);
                match to {
                    Means::Bucket(to) => {
                        let next = left.map_or(FULL, |left| State::with(left, to));
                        (Means::Bucket(to), next)
                    }
                    Means::Window(to) => {
                        let left = match from {
                            Some(Means::Bucket(from)) => Some(state.left(from, now)),
                            _ => None,
                        };
                        (Means::Window(to.after(left)), CHANGING)
                    }
                }
            }
        };
        let pace = match &means {
            Means::Bucket(pace) => *pace,
            Means::Window(_) => Pace {
                bucket: WINDOW,
                ..Pace::UNLIMITED
            },
        };
        let ahead = next.0.saturating_sub(now).saturating_sub(pace.bucket);
        if next != CHANGING {
            configured.furthest = configured.furthest.max(ahead);
        }
        configured.means = Some(means);
        hot.step.store(pace.step, Ordering::Release);
        hot.bucket.store(pace.bucket, Ordering::Release);
        hot.spaced.store(pace.spaced, Ordering::Release);
        hot.state.store(next.0, Ordering::Release);
    }
}

/// A call on its way through a rate limit; see [`RateLimiter::admit`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct RateLimitAdmission<'a> {
    limiter: &'a RateLimiter,
    cost: u32,
    /// Taken out by `give_up`, so that a call which did not wait has nothing to drop.
    waiting: ManuallyDrop<Option<(Reservation, Pin<Box<Timer>>)>>,
}

impl Future for RateLimitAdmission<'_> {
    type Output = Result<(), Rejected>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.waiting.is_none() && self.cost == 1 && self.limiter.take() {
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
            let reservation = match limiter.turn(self.cost, true) {
                Ok(None) => return Poll::Ready(Ok(())),
                Ok(Some(reservation)) => reservation,
                Err(rejected) => return Poll::Ready(Err(rejected)),
            };
            let timer = Box::pin(sleep_until(reservation.at));
            limiter.waited.fetch_add(1, Ordering::Relaxed);
            limiter.waiting.fetch_add(1, Ordering::Relaxed);
            *self.waiting = Some((reservation, timer));
        }
        while let Some((reservation, timer)) = &mut *self.waiting {
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            // The clocks of the timer and of the limit may differ by some microseconds.
            if now() >= reservation.at {
                break;
            }
            timer.set(sleep_until(reservation.at));
        }
        *self.waiting = None;
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
            self.limiter.give_back(&reservation, self.cost);
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

pub use self::snapshot::RateLimiterSnapshot;

// ---- Tests

#[cfg(any(test, resilient_fuzz))]
mod tests;
