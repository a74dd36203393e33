//! Hedge: beside an attempt that does not answer in time a second one is started, and the first
//! good answer is taken.
//!
//! The form is that of Jeffrey Dean and Luiz André Barroso, *The Tail at Scale*, Communications of
//! the ACM, 2013: an extra attempt when the first has taken longer than most do.

mod race;

pub use race::Race;

use crate::budget::{Budget, BudgetSnapshot, Budgets, LiveBudget};
use crate::deadline::current_deadline;
use crate::event::{What, emit};
use crate::frame::Frame;
use crate::given::{FromGiven, Given};
use crate::latency::Latencies;
use crate::outcome::{Inside, Verdict};
use crate::policy::{LivePolicy, LiveSnapshot, Policy, Show};
use crate::setting::{Share, Span, Value};
use crate::sync::{AtomicU64, Mutex, OnceLock, Ordering};
use crate::table::policy;
use crate::time::{self, NEVER, Nanos, Timer, nanos};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

// ---- Policy

/// The most extra attempts that can be written.
const MOST: u32 = 10;

/// How long an attempt may take before an extra one is started beside it.
///
/// ```
/// use resilient_core::{HedgeAfter, HedgePolicy, Share};
/// use std::time::Duration;
///
/// const FIXED: HedgeAfter = HedgeAfter::after(Duration::from_millis(100));
/// const P95: HedgeAfter = HedgeAfter::percentile(Share::percent(95));
/// assert_eq!((FIXED.to_string(), P95.to_string()), ("100ms".to_owned(), "p95".to_owned()));
/// assert_eq!(HedgePolicy::new().after(P95).invalid(), None);
///
/// let never = HedgeAfter::percentile(Share::percent(100));
/// assert_eq!(HedgePolicy::new().after(never).invalid().unwrap().key(), "after");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HedgeAfter(Wait);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Wait {
    Fixed(Duration),
    Percentile(Share),
}

impl HedgeAfter {
    /// This long. Zero starts the extra attempt as soon as the first one has to wait for anything.
    #[must_use]
    pub const fn after(duration: Duration) -> Self {
        Self(Wait::Fixed(duration))
    }

    /// As long as this share of the newest calls did not exceed, from 50% to 99.9%.
    ///
    /// It goes by the first attempts of the newest 1000 calls that ended with a value, looked at
    /// after every twentieth. As long as there are fewer than 100 of them, nothing is hedged. An
    /// attempt that an extra one was faster than counts with the time that it had taken by then:
    /// the slow ones are not forgotten because they are not waited for.
    #[must_use]
    pub const fn percentile(share: Share) -> Self {
        Self(Wait::Percentile(share))
    }

    const fn is_a_usual_percentile(self) -> bool {
        match self.0 {
            Wait::Percentile(share) => {
                let parts = share.as_parts_per_million();
                parts >= 500_000 && parts <= 999_000
            }
            Wait::Fixed(_) => true,
        }
    }
}

impl fmt::Display for HedgeAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Wait::Fixed(duration) => Span(duration).fmt(f),
            Wait::Percentile(share) => {
                let percent = share.to_string();
                f.pad(&format!("p{}", percent.trim_end_matches('%')))
            }
        }
    }
}

impl From<HedgeAfter> for Value {
    fn from(after: HedgeAfter) -> Self {
        match after.0 {
            Wait::Fixed(duration) => Self::Duration(duration),
            Wait::Percentile(_) => Self::Text(after.to_string()),
        }
    }
}

impl FromGiven for HedgeAfter {
    const EXPECTED: &'static str = "a duration such as `100ms`, or a percentile such as `p95`";

    fn from_given(given: &Given) -> Option<Self> {
        if let Given::Text(text) = given
            && let Some(percent) = text.trim().strip_prefix('p')
        {
            let share = Share::from_given(&format!("{percent}%").into())?;
            return Some(Self::percentile(share));
        }
        Duration::from_given(given).map(Self::after)
    }
}

policy! {
    /// The data of a hedge: when an extra attempt is started beside one that does not answer.
    ///
    /// ```
    /// use resilient_core::{HedgeAfter, HedgePolicy};
    /// use std::time::Duration;
    ///
    /// const SEARCH: HedgePolicy = HedgePolicy::new()
    ///     .after(HedgeAfter::after(Duration::from_millis(100)))
    ///     .max(2);
    /// assert_eq!(SEARCH.invalid(), None);
    ///
    /// let none = HedgePolicy::new().max(0);
    /// assert_eq!(none.invalid().unwrap().key(), "max");
    /// ```
    HedgePolicy, HedgeSettings, Hedge, "hedge";

    /// How long an attempt may take before an extra one is started: a duration, or a percentile of
    /// the newest calls from 50 to 99.9. There is no default: a hedge that nobody has given it
    /// starts no extra attempt.
    after: HedgeAfter, after.is_a_usual_percentile(),
        "a percentile lies between `p50` and `p99.9`, such as `p95`";
    /// How many extra attempts a call may start, from 1 to 10 (default 1). Each of them starts
    /// `after` later than the one before.
    max: u32 = 1, max >= 1, "`max` counts the extra attempts, so it is at least 1",
        max <= MOST, "`max` is at most 10 extra attempts";
    /// How many extra attempts there may be, of all calls together: a share of the calls of the last
    /// ten seconds, more than nothing (default: without limit). See [`Budget`].
    budget: Budget,
        !budget.share().is_zero(), "a budget is more than 0%: for no extra attempt write `enabled = false`",
        budget.has_a_name_if_shared(), "the name of a budget is not empty; without one the budget is of this policy alone: `budget = 20%`";
}

// ---- State

/// Where one call stands with its extra attempts. Small: it is a part of every hedged future.
#[derive(Clone, Copy, Debug)]
struct State {
    /// How many may still come.
    left: u8,
    /// How many have begun.
    begun: u8,
    /// Whether the first attempt has begun.
    is_begun: bool,
}

impl State {
    const NOT_BEGUN: Self = Self {
        left: 0,
        begun: 0,
        is_begun: false,
    };

    const fn new(max: u8) -> Self {
        Self {
            left: max,
            begun: 0,
            is_begun: true,
        }
    }

    /// When the next extra attempt is due, if the one before has begun at `now` and may take `after`.
    /// One that could only begin when everything is cut off is never due, and neither are those
    /// behind it.
    fn next(&mut self, now: Nanos, after: Nanos, deadline: Nanos) -> Option<Nanos> {
        let due = now.saturating_add(after);
        if self.left == 0 || due >= deadline {
            self.left = 0;
            return None;
        }
        self.left -= 1;
        Some(due)
    }

    /// The extra attempt that is due begins: its number, from 1.
    fn begin(&mut self) -> u32 {
        self.begun += 1;
        u32::from(self.begun)
    }
}

/// True if a call need not wait for other attempts after one that ended like this: it succeeded, or
/// failed in a way that no other one would mend.
const fn ends_the_race(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Success | Verdict::NoFailure | Verdict::Permanent | Verdict::Ignored => true,
        Verdict::Failure | Verdict::Advised { .. } | Verdict::Rejected { .. } => false,
    }
}

/// How long a call may take whose attempts take `attempt` each. An extra attempt may begin when the
/// one before has all but ended, and not later.
fn longest(settings: &HedgeSettings, attempt: Duration) -> Duration {
    let after = match settings.after {
        Some(HedgeAfter(Wait::Fixed(after))) if after >= attempt => return attempt,
        Some(HedgeAfter(Wait::Fixed(after))) => after,
        Some(HedgeAfter(Wait::Percentile(_))) => attempt,
        None => return attempt,
    };
    attempt.saturating_add(after.saturating_mul(settings.max))
}

// ---- Live policy and permit

/// A hedge at work. Its attempts run in a [`Race`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use resilient_core::{Failure, Frame, Hedge, HedgeAfter, HedgePolicy, Inside, Judge, LivePolicy};
/// use std::cell::Cell;
/// use std::time::Duration;
/// use tokio::time::{Instant, sleep};
///
/// type Answer = Result<u64, &'static str>;
///
/// let after = HedgeAfter::after(Duration::from_millis(100));
/// let hedge = Hedge::new("search", &HedgePolicy::new().after(after));
/// let (frame, begin) = (Frame::new(), Instant::now());
/// let judge = |outcome: &Inside<u64, &'static str>| Judge::<Answer>::new().verdict(outcome);
///
/// let times = Cell::new(1000);
/// let attempt = |times: &Cell<u64>| {
///     let time = times.replace(20); // the second one is quick
///     frame.run(async move {
///         sleep(Duration::from_millis(time)).await;
///         Ok(time)
///     })
/// };
/// assert_eq!(hedge.race(&frame, times, attempt, judge).await, Ok(20));
/// assert_eq!(begin.elapsed(), Duration::from_millis(120));
///
/// let attempt = |_: &()| frame.run(async { Err(Failure::Error("no such index")) });
/// let failed = hedge.race(&frame, (), attempt, judge).await;
/// assert_eq!(failed, Err(Failure::Error("no such index")), "a hedge is no retry");
/// # }
/// ```
#[derive(Debug)]
pub struct Hedge {
    name: &'static str,
    /// How long an attempt may take, as it holds now; [`NEVER`] if nothing is hedged.
    after: AtomicU64,
    /// What else a call has to know; see [`Plan`].
    plan: AtomicU64,
    budgets: Budgets,
    held: Mutex<Held>,
    /// Only where a percentile was asked for.
    latencies: OnceLock<Box<Latencies>>,
    counters: Counters,
}

/// The settings that hold now, and the budget that belongs to them.
#[derive(Debug)]
struct Held {
    settings: HedgeSettings,
    budget: Option<Arc<LiveBudget>>,
}

#[derive(Debug, Default)]
struct Counters {
    hedged: AtomicU64,
    extra_attempts: AtomicU64,
    won: AtomicU64,
    suppressed: AtomicU64,
}

/// What every call has to know, in one word: zero if there is nothing to do.
#[derive(Clone, Copy, Debug)]
struct Plan(u64);

impl Plan {
    const MEASURES: u64 = 1;
    const MAX_AT: u32 = 1;
    const MAX: u64 = 0xf;
    const BUDGET_AT: u32 = 5;

    fn new(settings: &HedgeSettings, budget: Option<u64>) -> Self {
        if !settings.enabled || settings.after.is_none() {
            return Self(0);
        }
        let measures = matches!(settings.after, Some(HedgeAfter(Wait::Percentile(_))));
        let budget = budget.map_or(0, |number| number + 1);
        Self(
            budget << Self::BUDGET_AT
                | u64::from(settings.max.min(MOST)) << Self::MAX_AT
                | u64::from(measures),
        )
    }

    const fn measures(self) -> bool {
        self.0 & Self::MEASURES != 0
    }

    const fn max(self) -> u8 {
        (self.0 >> Self::MAX_AT & Self::MAX) as u8
    }

    const fn budget(self) -> Option<u64> {
        (self.0 >> Self::BUDGET_AT).checked_sub(1)
    }
}

impl Hedge {
    /// The name of the policy.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// How long an attempt may take now before an extra one is started; `None` if none ever is:
    /// because nobody has said how long, because the policy is switched off, or because too few calls
    /// have been seen for a percentile.
    pub fn after(&self) -> Option<Duration> {
        let after = self.after.load(Ordering::Relaxed);
        (after != NEVER).then_some(Duration::from_nanos(after))
    }

    /// Runs an attempt, and extra ones beside it for as long as none answers.
    ///
    /// `attempt` makes an attempt of `input`, which is kept for the extra ones. Of an error `judge`
    /// says what it means: one that others might not meet, [`Verdict::Failure`], `Advised` or
    /// `Rejected`, waits for the attempts that run; any other one ends the race as a value does. If
    /// all of them fail, the failure is that of the first. The attempts share the `frame` of their
    /// call, in which each finds itself alone.
    ///
    /// The first attempt is part of the future. Each extra one is allocated when it begins.
    ///
    /// # Panics
    ///
    /// When the work has to wait, extra attempts may be started, and there is no tokio runtime with its
    /// timer enabled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops all attempts, which their permits count as abandoned.
    #[inline]
    pub fn race<'a, T, E, I, M, F, J>(
        &'a self,
        frame: &'a Frame,
        input: I,
        mut attempt: M,
        judge: J,
    ) -> Race<'a, I, M, F, J, E>
    where
        M: FnMut(&I) -> F,
        F: Future<Output = Inside<T, E>>,
        J: FnMut(&Inside<T, E>) -> Verdict,
    {
        let first = attempt(&input);
        Race::new(self, frame, input, attempt, judge, first)
    }

    /// How long a call can take at the most whose every attempt takes `attempt`.
    pub(crate) fn longest(&self, attempt: Duration) -> Duration {
        let settings = self.held.lock().settings;
        if settings.enabled {
            longest(&settings, attempt)
        } else {
            attempt
        }
    }

    /// The time for which an attempt is waited, if that is not less than what every attempt takes.
    pub(crate) fn waits_too_long(&self, attempt: Duration) -> Option<Duration> {
        let settings = self.held.lock().settings;
        match settings.after {
            Some(HedgeAfter(Wait::Fixed(after))) if settings.enabled && after >= attempt => {
                Some(after)
            }
            _ => None,
        }
    }

    /// Begins a call, and counts it if it has a budget. Says when that was, if it is measured, else
    /// [`NEVER`].
    #[inline]
    fn begin(&self) -> (State, Nanos) {
        let plan = Plan(self.plan.load(Ordering::Relaxed));
        if let Some(number) = plan.budget() {
            self.budgets.count(number);
        }
        let began = if plan.measures() { time::now() } else { NEVER };
        (State::new(plan.max()), began)
    }

    /// Waits until an extra attempt begins, and says which. Not generic: there is one copy of it in a program.
    #[inline(never)]
    fn wait(
        &self,
        call: &mut State,
        mut timer: Pin<&mut Option<Timer>>,
        context: &mut Context<'_>,
    ) -> Poll<u32> {
        loop {
            if timer.is_none() {
                if call.left == 0 {
                    return Poll::Pending;
                }
                let (deadline, now) = (current_deadline().unwrap_or(NEVER), time::now());
                match call.next(now, self.after.load(Ordering::Relaxed), deadline) {
                    None => return Poll::Pending,
                    Some(due) if due <= now => {}
                    Some(due) => timer.set(Some(time::sleep_until(due))),
                }
            }
            if let Some(armed) = timer.as_mut().as_pin_mut() {
                ready!(time::poll_unconstrained(armed, context));
                timer.set(None);
            }
            if self.grants_extra() {
                let extra = call.begin();
                self.extra_begins(extra);
                return Poll::Ready(extra);
            }
        }
    }

    /// Whether the budget has a place for an extra attempt, which then begins.
    #[cold]
    fn grants_extra(&self) -> bool {
        let (budget, live) = {
            let held = self.held.lock();
            (held.settings.budget, held.budget.clone())
        };
        let Some((budget, live)) = budget.zip(live) else {
            return true;
        };
        let now = time::now();
        let place = live.take(budget.share(), now);
        let is_granted = place.is_some();
        if let Some(place) = place {
            place.begin(now);
        } else {
            self.counters.suppressed.fetch_add(1, Ordering::Relaxed);
            emit(HedgePolicy::KIND, self.name, What::HedgeSuppressed);
        }
        is_granted
    }

    #[cold]
    fn extra_begins(&self, extra: u32) {
        let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        if extra == 1 {
            count(&self.counters.hedged);
        }
        count(&self.counters.extra_attempts);
        emit(HedgePolicy::KIND, self.name, What::Hedged { extra });
    }

    /// An extra attempt has answered before all others.
    #[cold]
    fn extra_won(&self, extra: u32) {
        self.counters.won.fetch_add(1, Ordering::Relaxed);
        emit(HedgePolicy::KIND, self.name, What::HedgeWon { extra });
    }

    /// The first attempt has taken this long, or would have taken longer still.
    #[inline(never)]
    fn measured(&self, began: Nanos) {
        let length = time::now().saturating_sub(began);
        let Some(latencies) = self.latencies.get() else {
            return;
        };
        if latencies.add(length) {
            let held = self.held.lock();
            self.after
                .store(self.after_now(&held.settings), Ordering::Relaxed);
        }
    }

    /// How long an attempt may take by these settings.
    fn after_now(&self, settings: &HedgeSettings) -> Nanos {
        match settings.after.filter(|_| settings.enabled) {
            None => NEVER,
            Some(HedgeAfter(Wait::Fixed(after))) => nanos(after),
            Some(HedgeAfter(Wait::Percentile(share))) => {
                let latencies = self.latencies.get_or_init(|| Box::new(Latencies::new()));
                latencies.percentile(share).unwrap_or(NEVER)
            }
        }
    }
}

impl LivePolicy for Hedge {
    type Policy = HedgePolicy;

    fn new(name: &'static str, policy: &HedgePolicy) -> Self {
        time::start();
        let hedge = Self {
            name,
            after: AtomicU64::new(NEVER),
            plan: AtomicU64::new(0),
            budgets: Budgets::default(),
            held: Mutex::new(Held {
                settings: HedgeSettings::of(policy),
                budget: None,
            }),
            latencies: OnceLock::new(),
            counters: Counters::default(),
        };
        hedge.reconfigure(policy);
        hedge
    }

    /// Holds for calls that begin later. Calls under way go by another budget at once, and by another
    /// `after`, or none, when they next begin to wait for an extra attempt.
    fn reconfigure(&self, policy: &HedgePolicy) {
        let mut held = self.held.lock();
        let settings = HedgeSettings::of(policy);
        // Kept where it is switched off: calls under way go on to spend it.
        let number = settings
            .budget
            .map(|budget| self.budgets.number(budget.name()));
        *held = Held {
            settings,
            budget: number.and_then(|number| self.budgets.get(number).cloned()),
        };
        let plan = Plan::new(&settings, number.filter(|_| settings.enabled));
        self.plan.store(plan.0, Ordering::Relaxed);
        self.after
            .store(self.after_now(&settings), Ordering::Relaxed);
    }

    fn snapshot(&self) -> LiveSnapshot {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (settings, budget) = {
            let held = self.held.lock();
            (held.settings, held.budget.clone())
        };
        let percentile = match settings.after {
            Some(HedgeAfter(Wait::Percentile(share))) => Some(share),
            _ => None,
        };
        let budget = settings.budget.zip(budget);
        LiveSnapshot::Hedge(HedgeSnapshot {
            enabled: settings.enabled,
            after: self.after(),
            percentile,
            calls: None,
            hedged: count(&self.counters.hedged),
            extra_attempts: count(&self.counters.extra_attempts),
            won: count(&self.counters.won),
            suppressed: count(&self.counters.suppressed),
            budget: budget.map(|(written, live)| live.snapshot(written.share(), time::now())),
        })
    }
}

// ---- Snapshot

/// What can be seen of a hedge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct HedgeSnapshot {
    /// Whether it does anything.
    pub enabled: bool,
    /// How long an attempt may take now before an extra one is started; `None` if none ever is.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "after_ms", serialize_with = "crate::data::millis_or_null")
    )]
    pub after: Option<Duration>,
    /// The share of the newest calls from which `after` comes, if it does.
    pub percentile: Option<Share>,
    /// All calls; `None` because a call whose first attempt answers in time costs no count.
    pub calls: Option<u64>,
    /// Calls in which at least one extra attempt was started.
    pub hedged: u64,
    /// Extra attempts that were started.
    pub extra_attempts: u64,
    /// Calls to which an extra attempt gave the answer.
    pub won: u64,
    /// Extra attempts that were due, and for which the budget had nothing left.
    pub suppressed: u64,
    /// What is left for extra attempts; `None` without a budget.
    pub budget: Option<BudgetSnapshot>,
}

impl Show for HedgeSnapshot {
    fn state(&self) -> String {
        match self.after {
            Some(after) => format!("after {}", Span(after)),
            None if !self.enabled => "disabled".to_owned(),
            None if self.percentile.is_some() => "measuring".to_owned(),
            None => "off".to_owned(),
        }
    }

    fn note(&self) -> String {
        let percentile = self
            .percentile
            .map(|share| HedgeAfter::percentile(share).to_string());
        let notes = percentile
            .into_iter()
            .chain(self.budget.map(|budget| budget.note()));
        notes.collect::<Vec<_>>().join("; ")
    }

    fn counts(&self) -> Vec<(&'static str, Option<u64>)> {
        vec![
            ("calls", self.calls),
            ("hedged", Some(self.hedged)),
            ("extra attempts", Some(self.extra_attempts)),
            ("won", Some(self.won)),
            ("suppressed", Some(self.suppressed)),
        ]
    }
}

// ---- Tests

#[cfg(any(test, resilient_fuzz))]
mod tests;
