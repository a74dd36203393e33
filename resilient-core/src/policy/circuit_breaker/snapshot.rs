//! What can be seen of a circuit breaker.

use super::account::Outage;
use super::cause::Cause;
use super::phase::{Phase, Totals};
use super::rules::{FailureRule, Rules};
use super::state::State;
use super::symptoms::CircuitBreakerSymptom;
use super::{CircuitBreaker, CircuitBreakerState};
use crate::keyed::{Keys, KeysSnapshot, noted};
use crate::policy::Show;
use crate::setting::{Override, Share, Span};
use crate::sync::Ordering;
use crate::time::{NEVER, Nanos, now, until};
use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

/// What can be seen of a circuit breaker at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CircuitBreakerSnapshot {
    /// The state it is in.
    pub state: CircuitBreakerState,
    /// The state it would be in, to which probes, ramp and window belong; `None` unless it is
    /// `metrics_only`.
    pub would_be: Option<CircuitBreakerState>,
    /// For what it would have left `closed`; `None` unless it is `metrics_only`, and while it would
    /// be closed.
    pub would_be_why: Option<String>,
    /// How long ago it came into that state; `None` if its settings switch it off.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "since_ms", serialize_with = "crate::data::millis_or_null")
    )]
    pub since: Option<Duration>,
    /// The rule and the numbers, or the reason somebody gave, for which it opened the last time; `None`
    /// while it is closed. What opened it at first is in its `outage`.
    pub why: Option<String>,
    /// What the calls were like for which its rules opened it the last time, the most frequent first:
    /// those failures that were in its window, or in a row, or the probe that failed. Of more than 32
    /// the newest 32 are told apart, and four kinds of them at a time. `None` unless its rules opened
    /// it, and where nobody said what a failure was like.
    pub tripped_by: Option<Vec<CircuitBreakerSymptom>>,
    /// Since when it has not been closed, and what opened it at first; `None` unless its rules opened
    /// it, and if somebody has steered it since.
    pub outage: Option<CircuitBreakerOutage>,
    /// How long until a call is let through as a probe: zero if half-open has a free place, `None`
    /// while all places are taken, since that depends on the probes inside, and if no probe is to be
    /// expected.
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "next_probe_in_ms",
            serialize_with = "crate::data::millis_or_null"
        )
    )]
    pub next_probe_in: Option<Duration>,
    /// How long it is open this time, from its opening; `None` unless it is open.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "open_for_ms", serialize_with = "crate::data::millis_or_null")
    )]
    pub open_for: Option<Duration>,
    /// Which share of the calls is admitted; `None` unless it is ramping.
    pub admitted_share: Option<Share>,
    /// How long until the ramp's next step, or until it closes; `None` unless it is ramping.
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "next_step_in_ms",
            serialize_with = "crate::data::millis_or_null"
        )
    )]
    pub next_step_in: Option<Duration>,
    /// How many probes are inside; `None` unless it is half-open.
    pub probes_inside: Option<u32>,
    /// How many probes may be inside at a time; `None` unless it is half-open.
    pub probes_allowed: Option<u32>,
    /// How many probes have succeeded so far; `None` unless it is half-open.
    pub probes_succeeded: Option<u32>,
    /// How many probes have to succeed before it leaves half-open; `None` unless it is half-open.
    pub probes_needed: Option<u32>,
    /// How long until there is a place for another probe, if none of those inside answers before:
    /// then one forfeits its place. `None` unless it is half-open with all places taken.
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "place_free_in_ms",
            serialize_with = "crate::data::millis_or_null"
        )
    )]
    pub place_free_in: Option<Duration>,
    /// How many failures there were since the last success; `None` unless that is the rule.
    pub failures_in_a_row: Option<u32>,
    /// The newest results, until it closes again those for which it opened at first; `None` if only failures
    /// in a row are counted.
    pub window: Option<CircuitBreakerWindow>,
    /// All calls since the program started.
    pub counts: CircuitBreakerCounts,
    /// How long it was in each state.
    pub time_in: TimeInStates,
    /// Who steers it by hand, and why; `None` if nobody does.
    pub overridden: Option<CircuitBreakerOverride>,
    /// What can be seen of its instances together, whose calls are among its counts, while everything
    /// else here is its own; `None` if no call has come with a key.
    pub keys: Option<KeysSnapshot>,
}

/// The time from the opening of a circuit breaker until it has closed, with all recoveries that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CircuitBreakerOutage {
    /// How long ago it was closed for the last time.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "since_ms", serialize_with = "crate::data::millis")
    )]
    pub since: Duration,
    /// The rule and the numbers for which it opened at first.
    pub why: String,
    /// What the calls were like for which it opened at first; `None` where nobody said it.
    pub tripped_by: Option<Vec<CircuitBreakerSymptom>>,
    /// How often it opened again since, because a probe failed or too many calls of its ramp.
    pub reopened: u64,
}

/// The newest results of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CircuitBreakerWindow {
    /// How many there are.
    pub calls: u64,
    /// How many of them failed.
    pub failures: u64,
    /// How many of them were slow; `None` if nobody asked what slow is.
    pub slow: Option<u64>,
    /// The share that failed; `None` below `min_calls`.
    pub failure_rate: Option<Share>,
    /// The share that was slow; `None` below `min_calls`, and if nobody asked what slow is.
    pub slow_call_rate: Option<Share>,
}

/// What became of the calls of a circuit breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CircuitBreakerCounts {
    /// The callee answered.
    pub success: u64,
    /// The callee failed, panicked, or did not answer in time.
    pub failure: u64,
    /// The call said nothing about the callee.
    pub ignored: u64,
    /// The caller dropped the call.
    pub abandoned: u64,
    /// The breaker refused the call.
    pub rejected: u64,
    /// How many of the results above came too late to decide anything.
    pub late: u64,
    /// How often its rules opened it.
    pub opened: u64,
    /// How many calls went through that it would have refused, had it not been `metrics_only`.
    pub would_have_rejected: u64,
}

impl CircuitBreakerCounts {
    /// What the machine counts.
    pub(super) const fn of(totals: Totals) -> Self {
        Self {
            success: totals.success,
            failure: totals.failure,
            ignored: totals.ignored,
            abandoned: totals.abandoned,
            rejected: 0,
            late: totals.late,
            opened: totals.opened,
            would_have_rejected: totals.would_have_rejected,
        }
    }
}

impl AddAssign for CircuitBreakerCounts {
    fn add_assign(&mut self, more: Self) {
        self.success += more.success;
        self.failure += more.failure;
        self.ignored += more.ignored;
        self.abandoned += more.abandoned;
        self.rejected += more.rejected;
        self.late += more.late;
        self.opened += more.opened;
        self.would_have_rejected += more.would_have_rejected;
    }
}

/// How long a circuit breaker was in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TimeInStates {
    /// In `closed`.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "closed_ms", serialize_with = "crate::data::millis")
    )]
    pub closed: Duration,
    /// In `open`.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "open_ms", serialize_with = "crate::data::millis")
    )]
    pub open: Duration,
    /// In `half_open`.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "half_open_ms", serialize_with = "crate::data::millis")
    )]
    pub half_open: Duration,
    /// In `ramping`.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "ramping_ms", serialize_with = "crate::data::millis")
    )]
    pub ramping: Duration,
    /// In `forced_open`.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "forced_open_ms", serialize_with = "crate::data::millis")
    )]
    pub forced_open: Duration,
    /// In `disabled`, by hand.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "disabled_ms", serialize_with = "crate::data::millis")
    )]
    pub disabled: Duration,
    /// In `metrics_only`.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "metrics_only_ms", serialize_with = "crate::data::millis")
    )]
    pub metrics_only: Duration,
}

/// Who steers a circuit breaker by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CircuitBreakerOverride {
    /// Why, who it is, and for how long.
    pub by: Override,
    /// How long until it ends by itself; `None` if somebody must take it back.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "ends_in_ms", serialize_with = "crate::data::millis_or_null")
    )]
    pub ends_in: Option<Duration>,
}

impl CircuitBreaker {
    /// What can be seen of it now.
    pub fn snapshot(&self) -> CircuitBreakerSnapshot {
        let now = now();
        let mut snapshot = self.locked(now, |locked| {
            locked.state.look(now);
            CircuitBreakerSnapshot::of(&locked.state, locked.enabled, now)
        });
        for slot in self.slots.iter() {
            snapshot.counts.success += slot.successes.load(Ordering::Relaxed);
            snapshot.counts.rejected += slot.rejected.load(Ordering::Relaxed);
        }
        if let Some((keys, counts)) = self.role.keys().and_then(Keys::snapshot) {
            snapshot.keys = Some(keys);
            snapshot.counts += counts;
        }
        snapshot
    }
}

impl State {
    /// Why it would have left closed, while somebody has it refuse nothing.
    pub(super) fn would_be_why(&self) -> Option<&Cause> {
        let account = self.would_be().and(self.account());
        account.map(|account| &*account.newest)
    }

    /// When there is a place for another probe at the latest, while all are taken.
    pub(super) fn place_free_at(&self) -> Option<Nanos> {
        match self.phase() {
            Phase::HalfOpen { .. } if self.next_probe_at().is_none() => self.next_place_at(),
            _ => None,
        }
    }

    /// What there is to tell of the time since its rules opened it, until it closes.
    pub(super) fn outage(&self) -> Option<&Outage> {
        self.account()?.outage.as_ref()
    }

    /// Which share of the calls it admits, and until when.
    pub(super) fn step(&self) -> Option<(Share, Nanos)> {
        match self.phase() {
            Phase::Ramping(climb) => {
                let share = self.rules().ramp.shares().get(climb.number)?;
                Some((*share, climb.began.saturating_add(self.rules().open_for)))
            }
            _ => None,
        }
    }

    /// What it would have done with other rules on what it remembers, in words, if that is something else.
    pub(super) fn consequence(&self, rules: Rules, now: Nanos) -> Option<String> {
        let mut other = self.clone();
        other.reconfigure(rules, now);
        match (self.phase(), other.tripped()) {
            (Phase::Closed, Some(cause)) if self.tripped().is_none() => {
                Some(format!("it would open with the next failure: {cause}"))
            }
            // What opened it is still in its window, unless the rule is another one.
            (Phase::Open { .. }, None) if self.tripped().is_some() && other.counts().calls > 0 => {
                Some("what is in its window would not open it".to_owned())
            }
            _ => None,
        }
    }
}

impl CircuitBreakerOutage {
    fn of(outage: &Outage, now: Nanos) -> Self {
        Self {
            since: until(now, outage.began),
            why: outage.first.to_string(),
            tripped_by: outage.first.symptoms().map(<[_]>::to_vec),
            reopened: outage.reopened,
        }
    }
}

/// For whoever knows already why it opened the last time.
impl fmt::Display for CircuitBreakerOutage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = Duration::from_secs(self.since.as_secs());
        let times = if self.reopened == 1 { "time" } else { "times" };
        write!(
            f,
            "not closed for {}; at first {}; opened again {} {times}",
            Span(since),
            self.why,
            self.reopened
        )
    }
}

impl CircuitBreakerSnapshot {
    fn of(state: &State, enabled: bool, now: Nanos) -> Self {
        let rules = state.rules();
        let in_state = |state_asked| Duration::from_nanos(state.spent(state_asked, now));
        let probes_succeeded = match state.phase() {
            Phase::HalfOpen { successes } => Some(*successes),
            _ => None,
        };
        let step = state.step().filter(|_| enabled);
        Self {
            state: if enabled {
                state.kind()
            } else {
                CircuitBreakerState::Disabled
            },
            would_be: state.would_be().filter(|_| enabled),
            would_be_why: state
                .would_be_why()
                .filter(|_| enabled)
                .map(ToString::to_string),
            since: enabled.then(|| until(now, state.since())),
            why: if enabled {
                state.why().map(ToString::to_string)
            } else {
                Some("enabled = false".to_owned())
            },
            tripped_by: state
                .would_be_why()
                .or(state.why())
                .filter(|_| enabled)
                .and_then(|cause| cause.symptoms().map(<[_]>::to_vec)),
            outage: state
                .outage()
                .filter(|_| enabled)
                .map(|outage| CircuitBreakerOutage::of(outage, now)),
            next_probe_in: state
                .next_probe_at()
                .filter(|_| enabled)
                .map(|at| until(at, now)),
            open_for: state
                .opening()
                .filter(|_| enabled)
                .map(|(from, to)| until(to, from)),
            admitted_share: step.map(|(share, _)| share),
            next_step_in: step.map(|(_, ends)| until(ends, now)),
            probes_inside: probes_succeeded.and(u32::try_from(state.probes_inside()).ok()),
            probes_allowed: probes_succeeded.map(|_| rules.half_open_calls),
            probes_succeeded,
            probes_needed: probes_succeeded.map(|_| rules.success_threshold),
            place_free_in: state
                .place_free_at()
                .filter(|_| enabled)
                .map(|at| until(at, now)),
            failures_in_a_row: match rules.failures {
                FailureRule::InARow(_) => Some(state.streak()),
                _ => None,
            },
            window: state.window().map(|window| {
                let counts = window.counts();
                let judged = rules.slow.is_some() || matches!(rules.failures, FailureRule::Rate(_));
                let enough = !judged || counts.calls >= rules.min_calls;
                let rate = |part| counts.share(part).filter(|_| enough);
                let slow = rules.slow.map(|_| counts.slow);
                CircuitBreakerWindow {
                    calls: counts.calls,
                    failures: counts.failures,
                    slow,
                    failure_rate: rate(counts.failures),
                    slow_call_rate: slow.and_then(rate),
                }
            }),
            counts: CircuitBreakerCounts::of(state.totals()),
            keys: None,
            time_in: TimeInStates {
                closed: in_state(CircuitBreakerState::Closed),
                open: in_state(CircuitBreakerState::Open),
                half_open: in_state(CircuitBreakerState::HalfOpen),
                ramping: in_state(CircuitBreakerState::Ramping),
                forced_open: in_state(CircuitBreakerState::ForcedOpen),
                disabled: in_state(CircuitBreakerState::Disabled),
                metrics_only: in_state(CircuitBreakerState::MetricsOnly),
            },
            overridden: state.by_hand().map(|(by, ends)| CircuitBreakerOverride {
                by: by.clone(),
                ends_in: (ends != NEVER).then(|| until(ends, now)),
            }),
        }
    }
}

impl Show for CircuitBreakerSnapshot {
    fn state(&self) -> String {
        self.state.to_string()
    }

    fn note(&self) -> String {
        let why = self.why.clone().unwrap_or_default();
        let why = match (self.would_be, &self.would_be_why) {
            (Some(state), Some(reason)) => format!("{why}; it would be {state}: {reason}"),
            (Some(state), None) => format!("{why}; it would be {state}"),
            (None, _) => why,
        };
        let again = self.outage.as_ref().filter(|outage| outage.reopened > 0);
        let why = match again {
            Some(outage) => format!("{why}; {outage}"),
            None => why,
        };
        noted(why, self.keys)
    }

    fn counts(&self) -> Vec<(&'static str, Option<u64>)> {
        let counts = &self.counts;
        vec![
            ("success", Some(counts.success)),
            ("failure", Some(counts.failure)),
            ("ignored", Some(counts.ignored)),
            ("abandoned", Some(counts.abandoned)),
            ("rejected", Some(counts.rejected)),
            ("late", Some(counts.late)),
            ("opened", Some(counts.opened)),
            ("would_have_rejected", Some(counts.would_have_rejected)),
        ]
    }
}
