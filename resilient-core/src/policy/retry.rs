//! Another attempt after one that failed, later, and not for ever.

mod attempt;

pub use attempt::{Attempt, IdempotencyKey};

use super::{LivePolicy, LiveSnapshot, Policy, Show};
use crate::backoff::{Backoff, Delays, Jitter, longest_sum};
use crate::budget::{Budget, BudgetSnapshot, Budgets, LiveBudget, Place};
use crate::class::RetryHint;
use crate::deadline::current_deadline;
use crate::error::Rejected;
use crate::event::{What, emit};
use crate::outcome::Verdict;
use crate::setting::InvalidSetting;
use crate::sync::{AtomicU64, Mutex, Ordering};
use crate::table::policy;
use crate::time::{self, CAN_PAUSE, NEVER, Nanos, Timer, nanos};
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

// ---- Policy

policy! {
    /// The data of a retry: how many attempts, and how long to wait between them.
    ///
    /// ```
    /// use resilient_core::{Backoff, Jitter, RetryPolicy};
    /// use std::time::Duration;
    ///
    /// const GATEWAY: RetryPolicy = RetryPolicy::new()
    ///     .attempts(5)
    ///     .backoff(Backoff::exponential(Duration::from_millis(50), Duration::from_secs(2)))
    ///     .jitter(Jitter::equal());
    /// assert_eq!(GATEWAY.invalid(), None);
    ///
    /// let never = RetryPolicy::new().attempts(0);
    /// assert_eq!(never.invalid().unwrap().key(), "attempts");
    /// ```
    RetryPolicy, RetrySettings, Retry, "retry" => contradiction;

    /// How many attempts a call has, the first included: at least 1 (default 3).
    attempts: u32 = 3,
        attempts >= 1, "`attempts` counts the first one, so it is at least 1";
    /// How the delays grow (default `exponential(100ms..30s)`): the first delay longer than zero,
    /// except with `fixed`, and the cap not below it.
    backoff: Backoff = Backoff::DEFAULT,
        backoff.can_grow(), "a delay that grows starts above zero: for none at all write `fixed(0s)`",
        backoff.is_ascending(), "the first delay must not be longer than the last: `100ms..30s`";
    /// What each delay is multiplied by to get the next, with `exponential` only: at least 1.0
    /// (default 2.0).
    factor: f64 = 2.0,
        factor >= 1.0 && factor < f64::INFINITY, "`factor` is a number from 1.0 on";
    /// How chance changes the delays (default `decorrelated` where neither a backoff nor a factor
    /// is written, else `full`). `decorrelated` goes with `exponential` without `factor` only.
    jitter: Jitter => default_jitter;
    /// How long after the beginning of the call another attempt may still begin: longer than zero
    /// (default: without limit). An attempt that is running is never cut off.
    max_elapsed: Duration,
        !max_elapsed.is_zero(), "`max_elapsed` is longer than zero: for a single attempt write `attempts = 1`";
    /// How many attempts after the first there may be, of all calls together: a share of the calls
    /// of the last ten seconds, more than nothing (default: without limit). See [`Budget`].
    budget: Budget,
        !budget.share().is_zero(), "a budget is more than 0%: for no second attempt write `attempts = 1`",
        budget.has_a_name_if_shared(), "the name of a budget is not empty; without one the budget is of this policy alone: `budget = 20%`";
}

const fn contradiction(policy: &RetryPolicy) -> Option<InvalidSetting> {
    let exponential = match policy.backoff {
        Some(backoff) => backoff.is_exponential(),
        None => true,
    };
    if policy.factor.is_some() && !exponential {
        return Some(InvalidSetting::new(
            "factor",
            "`factor` goes with `backoff = exponential(..)` only",
        ));
    }
    match policy.jitter {
        Some(jitter) if jitter.is_decorrelated() && (policy.factor.is_some() || !exponential) => {
            Some(InvalidSetting::new(
                "jitter",
                "`decorrelated` goes with `backoff = exponential(..)` without `factor` only: \
                 write `full` or `equal`",
            ))
        }
        _ => None,
    }
}

fn default_jitter(policy: &RetryPolicy) -> Jitter {
    if policy.backoff.is_none() && policy.factor.is_none() {
        Jitter::decorrelated()
    } else {
        Jitter::full()
    }
}

impl RetryPolicy {
    /// The settings that an error can have an opinion about.
    pub(crate) const fn hint(&self) -> RetryHint {
        RetryHint {
            attempts: self.attempts,
            backoff: self.backoff,
            jitter: self.jitter,
        }
    }
}

// ---- State

/// Where one call stands.
#[derive(Clone, Copy, Debug)]
struct State {
    delays: Delays,
    /// [`NEVER`] if nothing limited the call in time when it began.
    began: Nanos,
}

/// The settings of a retry, and how far the hint of an error may lead away from them.
#[derive(Clone, Copy, Debug)]
struct Plan {
    settings: RetrySettings,
    /// The number of attempts that somebody wrote; the default bounds nobody.
    written_attempts: Option<u32>,
}

impl Plan {
    fn of(policy: &RetryPolicy) -> Self {
        Self {
            settings: RetrySettings::of(policy),
            written_attempts: policy.attempts,
        }
    }

    /// The settings for an attempt that ended with this verdict.
    fn after(self, verdict: Verdict) -> RetrySettings {
        let Verdict::Advised { hint, .. } = verdict else {
            return self.settings;
        };
        let mut settings = self.settings;
        if let Some(attempts) = hint.attempts {
            settings.attempts = attempts.min(self.written_attempts.unwrap_or(u32::MAX));
        }
        if let Some(backoff) = hint.backoff {
            let alone = RetryPolicy::new().backoff(backoff);
            let RetrySettings { factor, jitter, .. } = RetrySettings::of(&alone);
            settings = RetrySettings {
                backoff,
                factor,
                jitter,
                ..settings
            };
        }
        if let Some(jitter) = hint.jitter {
            settings.jitter = jitter;
        }
        settings
    }
}

/// What is true at the end of an attempt, whatever became of it.
#[derive(Clone, Copy, Debug)]
struct Moment {
    now: Nanos,
    /// Of the timeouts around the call.
    deadline: Option<Nanos>,
    /// Any number, all of them equally likely.
    random: u64,
    /// What to add to a wait that somebody else's clock ends.
    drift: Nanos,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    /// This was the last attempt, for this reason.
    GiveUp(&'static str),
    /// Another attempt after this wait.
    Again(Nanos),
}

const ALL_USED: &str = "all attempts used";
const FINAL: &str = "final refusal";
const TOO_LONG: &str = "retry_after too long";
const MAX_ELAPSED: &str = "max_elapsed";
const DEADLINE: &str = "deadline";
const SPENT: &str = "retry budget spent";

/// True if this end of an attempt asks for another one, as far as the predicates go.
const fn asks_for_more(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Failure | Verdict::Advised { .. } => true,
        Verdict::Success | Verdict::NoFailure | Verdict::Permanent | Verdict::Ignored => false,
        Verdict::Rejected { when_rejected, .. } => !matches!(when_rejected, Some(false)),
    }
}

/// True if the error knows better than the function how its delays grow.
const fn advises_backoff(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Advised { hint, .. } if hint.backoff.is_some())
}

impl State {
    const fn new(began: Nanos) -> Self {
        Self {
            delays: Delays::new(),
            began,
        }
    }

    const fn number(self) -> u32 {
        self.delays.drawn() + 1
    }

    /// Whether another attempt follows an attempt that asks for one.
    fn decide(&mut self, settings: &RetrySettings, verdict: Verdict, at: Moment) -> Decision {
        if self.number() >= settings.attempts {
            return Decision::GiveUp(ALL_USED);
        }
        let mut delays = self.delays;
        let delay = delays.next(
            settings.backoff,
            settings.factor,
            settings.jitter,
            at.random,
        );
        let cap = settings.backoff.cap();
        let wait = match verdict {
            Verdict::Rejected {
                rejected,
                when_rejected: None,
            } => wait_after(rejected, delay, cap, at.drift),
            Verdict::Advised { class, .. } => match class.retry_after() {
                Some(retry_after) => wait_at_least(nanos(retry_after), delay, cap),
                None => Ok(delay),
            },
            _ => Ok(delay),
        };
        let wait = match wait {
            Ok(wait) => wait,
            Err(reason) => return Decision::GiveUp(reason),
        };
        let start = at.now.saturating_add(wait);
        let last = match settings.max_elapsed {
            Some(max_elapsed) => self.began.saturating_add(nanos(max_elapsed)),
            None => NEVER,
        };
        let deadline = at.deadline.unwrap_or(NEVER);
        if start >= last.min(deadline) {
            return Decision::GiveUp(if deadline < last {
                DEADLINE
            } else {
                MAX_ELAPSED
            });
        }
        self.delays = delays;
        Decision::Again(wait)
    }
}

/// How long to wait before asking again whoever refused, or why asking again is no use.
fn wait_after(
    rejected: Rejected,
    delay: Nanos,
    cap: Nanos,
    drift: Nanos,
) -> Result<Nanos, &'static str> {
    let retry_after = rejected.retry_after().map_or(0, nanos);
    let longest = match rejected {
        Rejected::ForcedOpen(_) | Rejected::NoTimeLeft(_) | Rejected::TooCostly(_) => {
            return Err(FINAL);
        }
        Rejected::BulkheadFull(_) | Rejected::TimedOut(_) => return Ok(delay),
        Rejected::CircuitOpen(_) => delay,
        Rejected::RateLimited(_) => cap,
        #[cfg(feature = "testing")]
        Rejected::Injected(_) => return Ok(delay),
    };
    let drift = if retry_after == 0 { 0 } else { drift };
    wait_at_least(retry_after, 0, longest).map(|wait| delay.max(wait.saturating_add(drift)))
}

/// The longer of `delay` and what was asked for, unless that is too much.
fn wait_at_least(retry_after: Nanos, delay: Nanos, longest: Nanos) -> Result<Nanos, &'static str> {
    if retry_after > longest {
        return Err(TOO_LONG);
    }
    Ok(delay.max(retry_after))
}

// ---- Live policy and permit

/// A timer and the clock by which a `retry_after` was reckoned may drift apart: who comes back a
/// few microseconds early is refused once more. Where time can be paused the two are one.
const DRIFT: Nanos = if CAN_PAUSE { 0 } else { 1_000_000 };

/// After how many delays of zero in one call the others on its thread get their turn.
const YIELD_EVERY: u32 = 64;

/// A retry at work.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use resilient_core::{Backoff, LivePolicy, Retry, RetryPolicy, Verdict};
/// use std::time::Duration;
///
/// let policy = RetryPolicy::new().attempts(2).backoff(Backoff::fixed(Duration::ZERO));
/// let retry = Retry::new("price", &policy);
///
/// let mut call = retry.begin();
/// let delay = call.decide(Verdict::Failure).expect("there is a second attempt");
/// delay.await;
/// assert_eq!(call.number(), 2);
/// assert!(call.decide(Verdict::Failure).is_none(), "there is no third");
/// # }
/// ```
#[derive(Debug)]
pub struct Retry {
    name: &'static str,
    /// What a first attempt has to do: [`NOTHING`], or [`READ_CLOCK`] or not, and above that bit one
    /// more than the number of the budget that counts it.
    first: AtomicU64,
    budgets: Budgets,
    held: Mutex<Held>,
    counters: Counters,
}

/// A first attempt whose beginning interests nobody.
const NOTHING: u64 = 0;

/// A first attempt has to know when it began.
const READ_CLOCK: u64 = 1;

/// The settings that hold now, and the budget that belongs to them.
#[derive(Debug)]
struct Held {
    plan: Plan,
    budget: Option<Arc<LiveBudget>>,
}

impl Held {
    fn of(policy: &RetryPolicy) -> Self {
        Self {
            plan: Plan::of(policy),
            budget: None,
        }
    }
}

#[derive(Debug, Default)]
struct Counters {
    retried: AtomicU64,
    extra_attempts: AtomicU64,
    recovered: AtomicU64,
    gave_up: AtomicU64,
}

impl Retry {
    /// The name of the policy.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// How long a call can take at the most whose every attempt takes `attempt`; never more than
    /// `max_elapsed` and one attempt, which is never cut off.
    pub(crate) fn longest(&self, attempt: Duration) -> Duration {
        let Plan { settings, .. } = self.held.lock().plan;
        if !settings.enabled {
            return attempt;
        }
        let RetrySettings {
            attempts,
            backoff,
            factor,
            jitter,
            max_elapsed,
            ..
        } = settings;
        let delays = Duration::from_nanos(longest_sum(backoff, factor, jitter, attempts - 1));
        let all = attempt.saturating_mul(attempts).saturating_add(delays);
        max_elapsed.map_or(all, |limit| all.min(limit.saturating_add(attempt)))
    }

    /// Begins a call. The clock is read only if `max_elapsed` is set, and the call is counted only
    /// if it has a budget.
    #[inline]
    pub fn begin(&self) -> RetryCall<'_> {
        let began = match self.first.load(Ordering::Relaxed) {
            NOTHING => NEVER,
            first => self.begin_noted(first),
        };
        RetryCall {
            retry: self,
            state: State::new(began),
        }
    }

    /// Apart, so that not every call site holds the code that counts and reads a clock.
    #[inline(never)]
    fn begin_noted(&self, first: u64) -> Nanos {
        if let Some(number) = (first >> 1).checked_sub(1) {
            self.budgets.count(number);
        }
        if first & READ_CLOCK == 0 {
            NEVER
        } else {
            time::now()
        }
    }

    /// Makes these settings hold. A switched off policy counts for no budget.
    fn hold(&self, policy: &RetryPolicy) {
        let mut held = self.held.lock();
        let plan = Plan::of(policy);
        let settings = &plan.settings;
        let number = settings
            .budget
            .filter(|_| settings.enabled)
            .map(|budget| self.budgets.number(budget.name()));
        let reads_clock = if settings.max_elapsed.is_some() {
            READ_CLOCK
        } else {
            NOTHING
        };
        let counts = number.map_or(0, |number| number + 1);
        *held = Held {
            plan,
            budget: number.and_then(|number| self.budgets.get(number).cloned()),
        };
        self.first
            .store(counts << 1 | reads_clock, Ordering::Relaxed);
    }
}

impl LivePolicy for Retry {
    type Policy = RetryPolicy;

    fn new(name: &'static str, policy: &RetryPolicy) -> Self {
        time::start();
        let retry = Self {
            name,
            first: AtomicU64::new(NOTHING),
            budgets: Budgets::default(),
            held: Mutex::new(Held::of(policy)),
            counters: Counters::default(),
        };
        retry.hold(policy);
        retry
    }

    /// Holds for calls that are under way too, from their next decision on; only a `max_elapsed`
    /// where there was none spares those that have already begun.
    fn reconfigure(&self, policy: &RetryPolicy) {
        self.hold(policy);
    }

    fn snapshot(&self) -> LiveSnapshot {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (settings, budget) = {
            let held = self.held.lock();
            (held.plan.settings, held.budget.clone())
        };
        let budget = settings.budget.zip(budget);
        LiveSnapshot::Retry(RetrySnapshot {
            enabled: settings.enabled,
            calls: None,
            retried: count(&self.counters.retried),
            extra_attempts: count(&self.counters.extra_attempts),
            recovered: count(&self.counters.recovered),
            gave_up: count(&self.counters.gave_up),
            budget: budget.map(|(written, live)| live.snapshot(written.share(), time::now())),
        })
    }
}

/// One call under a retry: all its attempts.
#[derive(Debug)]
#[must_use = "a call decides after each attempt whether another one follows"]
pub struct RetryCall<'a> {
    retry: &'a Retry,
    state: State,
}

impl RetryCall<'_> {
    /// The number of the attempt that is running or about to run, from 1.
    #[inline]
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.state.number()
    }

    /// Whether another attempt follows the one that ended with `verdict`.
    ///
    /// `None`: it was the last one, and the call ends with what it has. `Some`: wait for the
    /// delay, then try again; [`number`](Self::number) has moved on.
    ///
    /// To be asked where the deadline of the call is known: inside the timeouts around it, in the same
    /// poll as the end of the attempt.
    #[inline]
    #[must_use = "the delay before the next attempt wants to be awaited"]
    pub fn decide(&mut self, verdict: Verdict) -> Option<Delay> {
        // Each on its own way: a call that succeeds need not have its verdict in memory.
        match verdict {
            Verdict::Success if self.state.number() == 1 => None,
            Verdict::Success => self.reconsider(Verdict::Success, None),
            verdict => self.reconsider(verdict, None),
        }
    }

    /// As [`decide`](Self::decide), with a `backoff` that stands in place of the policy's.
    ///
    /// `backoff` is told the number of the attempt that ended, from 1, and answers how long to wait. It is
    /// asked only where another attempt may follow, and where the error has no backoff of its own. Its
    /// answer is treated as the delay of [`Backoff::fixed`]: the jitter of the policy applies.
    ///
    /// # Panics
    ///
    /// If `backoff` does.
    #[inline]
    #[must_use = "the delay before the next attempt wants to be awaited"]
    pub fn decide_after<F>(&mut self, verdict: Verdict, backoff: F) -> Option<Delay>
    where
        F: Fn(u32) -> Duration,
    {
        match verdict {
            Verdict::Success if self.state.number() == 1 => None,
            verdict => self.reconsider(verdict, Some(&backoff)),
        }
    }

    #[cold]
    #[inline(never)]
    fn reconsider(
        &mut self,
        verdict: Verdict,
        own_backoff: Option<&dyn Fn(u32) -> Duration>,
    ) -> Option<Delay> {
        let counters = &self.retry.counters;
        let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        if !asks_for_more(verdict) {
            if verdict == Verdict::Success {
                count(&counters.recovered);
            }
            return None;
        }
        let (plan, budget) = {
            let held = self.retry.held.lock();
            (held.plan, held.budget.clone())
        };
        let mut settings = plan.after(verdict);
        if !settings.enabled {
            return None;
        }
        let attempt = self.number();
        if let Some(own_backoff) = own_backoff
            && attempt < settings.attempts
            && !advises_backoff(verdict)
        {
            settings.backoff = Backoff::fixed(own_backoff(attempt));
        }
        let moment = Moment {
            deadline: current_deadline(),
            now: time::now(),
            random: fastrand::u64(..),
            drift: DRIFT,
        };
        // Only an attempt that nothing else forbids takes a place in the budget.
        let mut state = self.state;
        let mut place = None;
        let mut decision = state.decide(&settings, verdict, moment);
        if let (Decision::Again(_), Some(written), Some(live)) = (decision, settings.budget, budget)
        {
            place = live.take(written.share(), moment.now);
            if place.is_none() {
                decision = Decision::GiveUp(SPENT);
            }
        }
        match decision {
            Decision::GiveUp(reason) => {
                count(&counters.gave_up);
                self.report(What::GaveUp {
                    attempts: attempt,
                    reason,
                });
                None
            }
            Decision::Again(wait) => {
                self.state = state;
                if attempt == 1 {
                    count(&counters.retried);
                }
                count(&counters.extra_attempts);
                self.report(What::Retrying {
                    attempt,
                    delay: Duration::from_nanos(wait),
                });
                Some(Delay::new(moment.now, wait, attempt, place))
            }
        }
    }

    fn report(&self, what: What) {
        emit(RetryPolicy::KIND, self.retry.name, what);
    }
}

/// The wait before the next attempt: `delay.await`, or `delay.sleep()` where nothing can be awaited.
///
/// It is three words, and becomes a future, which holds a timer, only where it is awaited: so a
/// function's own future has room for one timer, not for each way that the delay takes.
///
/// It holds the attempt's place in the budget, if there is one: the attempt counts from the moment
/// the delay begins.
///
/// A delay of zero is over at once: it needs no timer and no runtime. Only each 64th attempt of a
/// call yields to the other tasks of its thread first, so that a call which fails without ever
/// waiting starves nobody, and a timeout around it gets to see the clock.
///
/// # Panics
///
/// When it is awaited, if it is longer than zero and there is no tokio runtime with its timer
/// enabled.
///
/// # Cancel safety
///
/// Dropping it ends the call: nothing runs afterwards, and its place in the budget is free again.
#[derive(Debug)]
#[must_use = "the delay before the next attempt wants to be awaited"]
pub struct Delay {
    wait: Wait,
    place: Option<Place>,
}

#[derive(Debug)]
enum Wait {
    Over,
    Yield,
    Until(Nanos),
}

impl Delay {
    fn new(now: Nanos, wait: Nanos, after_attempt: u32, place: Option<Place>) -> Self {
        let wait = if wait != 0 {
            Wait::Until(now.saturating_add(wait))
        } else if after_attempt.is_multiple_of(YIELD_EVERY) {
            Wait::Yield
        } else {
            Wait::Over
        };
        Self { wait, place }
    }
}

impl Delay {
    /// Lets the thread sleep for the delay, in a call that is no future.
    ///
    /// Nothing else runs on the thread meanwhile, which is why a thread of an async runtime is the
    /// wrong place for it. Paused time does not pass by sleeping.
    ///
    /// ```
    /// use resilient_core::{Backoff, LivePolicy, Retry, RetryPolicy, Verdict};
    /// use std::time::{Duration, Instant};
    ///
    /// let milli = Duration::from_millis(1);
    /// let policy = RetryPolicy::new().attempts(2).backoff(Backoff::fixed(milli));
    /// let retry = Retry::new("price", &policy.jitter(resilient_core::Jitter::none()));
    ///
    /// let begin = Instant::now();
    /// let mut call = retry.begin();
    /// call.decide(Verdict::Failure).expect("there is a second attempt").sleep();
    /// assert!(begin.elapsed() >= milli);
    /// assert!(call.decide(Verdict::Failure).is_none(), "there is no third");
    /// ```
    pub fn sleep(self) {
        match self.wait {
            Wait::Over => {}
            Wait::Yield => std::thread::yield_now(),
            Wait::Until(at) => time::block_until(at),
        }
        if let Some(place) = self.place {
            place.begin(time::now());
        }
    }
}

impl IntoFuture for Delay {
    type Output = ();
    type IntoFuture = Delaying;

    #[inline]
    fn into_future(self) -> Delaying {
        Delaying {
            wait: self.wait,
            place: self.place,
            timer: None,
        }
    }
}

pin_project! {
    /// A [`Delay`] that is being awaited.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Delaying {
        wait: Wait,
        place: Option<Place>,
        #[pin]
        timer: Option<Timer>,
    }
}

impl Future for Delaying {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        match *this.wait {
            Wait::Over => {}
            Wait::Yield => {
                *this.wait = Wait::Over;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Wait::Until(at) => {
                if this.timer.is_none() {
                    this.timer.set(Some(time::sleep_until(at)));
                }
            }
        }
        if let Some(timer) = this.timer.as_mut().as_pin_mut() {
            ready!(timer.poll(context));
        }
        *this.wait = Wait::Over;
        if let Some(place) = this.place.take() {
            place.begin(time::now());
        }
        Poll::Ready(())
    }
}

// ---- Snapshot

/// What can be seen of a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RetrySnapshot {
    /// Whether it does anything.
    pub enabled: bool,
    /// All calls; `None` because a call whose first attempt is good costs no count.
    pub calls: Option<u64>,
    /// Calls that needed a second attempt and were granted one.
    pub retried: u64,
    /// Attempts after the first, from the moment their delay begins.
    pub extra_attempts: u64,
    /// Calls that succeeded after a retry.
    pub recovered: u64,
    /// Calls that ended with a failure which would have deserved another attempt.
    pub gave_up: u64,
    /// What is left for extra attempts; `None` without a budget.
    pub budget: Option<BudgetSnapshot>,
}

impl Show for RetrySnapshot {
    fn state(&self) -> String {
        if self.enabled { "ready" } else { "disabled" }.to_owned()
    }

    fn note(&self) -> String {
        self.budget.map(|budget| budget.note()).unwrap_or_default()
    }

    fn counts(&self) -> Vec<(&'static str, Option<u64>)> {
        vec![
            ("calls", self.calls),
            ("retried", Some(self.retried)),
            ("extra attempts", Some(self.extra_attempts)),
            ("recovered", Some(self.recovered)),
            ("gave up", Some(self.gave_up)),
        ]
    }
}

// ---- Tests

#[cfg(any(test, resilient_fuzz))]
mod tests;
