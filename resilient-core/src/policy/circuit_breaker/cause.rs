//! Why a circuit breaker went from one state into another, in the words of its settings.

use super::rules::WindowRule;
use super::symptoms::{CircuitBreakerSymptom, Newest, Symptom};
use crate::setting::{Override, Ramp, Share, Span};
use crate::time::Nanos;
use crate::window::Counts;
use std::fmt;
use std::time::Duration;

/// Why the machine went from one state into another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    FailuresInARow {
        failures: u32,
        threshold: u32,
    },
    FailuresAmong {
        counts: Counts,
        threshold: u32,
        within: WindowRule,
    },
    FailureRate {
        counts: Counts,
        limit: Share,
        within: WindowRule,
    },
    SlowCallRate {
        counts: Counts,
        limit: Share,
        slow_call: Nanos,
        within: WindowRule,
    },
    /// The callee asked to be left alone for so long.
    Throttled(Nanos),
    Waited(Nanos),
    ProbeFailed {
        successes: u32,
        threshold: u32,
    },
    ProbesSucceeded {
        successes: u32,
    },
    RampedUp(Ramp),
    /// A rule that opened it, and what the failures were like.
    Named(Box<Self>, Box<[CircuitBreakerSymptom]>),
    ByHand(Override),
    Reset(Override),
    OverrideEnded(Override),
}

impl Cause {
    /// The same with what the failures were like, if anybody has said it.
    pub(super) fn named(self, newest: &Newest) -> Self {
        let symptoms = match &self {
            Self::FailuresInARow { failures, .. } => newest.of_the_newest((*failures).into()),
            Self::FailuresAmong { counts, .. } | Self::FailureRate { counts, .. } => {
                newest.of_the_newest(counts.failures)
            }
            Self::SlowCallRate { counts, .. } => {
                vec![CircuitBreakerSymptom::new(Symptom::SLOW, counts.slow)]
            }
            Self::Throttled(_) | Self::ProbeFailed { .. } => newest.of_this_one(),
            _ => Vec::new(),
        };
        if symptoms.is_empty() {
            self
        } else {
            Self::Named(Box::new(self), symptoms.into())
        }
    }

    /// What the failures were like for which it opened; `None` if failures are not the reason.
    pub(super) fn symptoms(&self) -> Option<&[CircuitBreakerSymptom]> {
        match self {
            Self::Named(_, symptoms) => Some(symptoms),
            _ => None,
        }
    }
}

fn span(length: Nanos) -> Span {
    Span(Duration::from_nanos(length))
}

/// `12 calls`, and of which time.
struct Calls(u64, WindowRule);

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(calls, within) = self;
        write!(f, "{calls} {}", if *calls == 1 { "call" } else { "calls" })?;
        if let WindowRule::Time(length) = within {
            write!(f, " in {}", span(*length))?;
        }
        Ok(())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let observed = |counts: &Counts, part| counts.share(part).unwrap_or(Share::percent(0));
        match self {
            Self::FailuresInARow {
                failures,
                threshold,
            } => write!(
                f,
                "{failures} of the last {} failed (failure_threshold = {threshold})",
                Calls((*failures).into(), WindowRule::None)
            ),
            Self::FailuresAmong {
                counts,
                threshold,
                within,
            } => write!(
                f,
                "{} of the last {} failed (failure_threshold = {threshold})",
                counts.failures,
                Calls(counts.calls, *within)
            ),
            Self::FailureRate {
                counts,
                limit,
                within,
            } => write!(
                f,
                "failure rate {} of {} reached {limit}",
                observed(counts, counts.failures),
                Calls(counts.calls, *within)
            ),
            Self::SlowCallRate {
                counts,
                limit,
                slow_call,
                within,
            } => write!(
                f,
                "slow call rate {} of {} reached {limit} (slow_call = {})",
                observed(counts, counts.slow),
                Calls(counts.calls, *within),
                span(*slow_call)
            ),
            Self::Throttled(asked) => write!(
                f,
                "the callee asked to be left alone for {} (obey_retry_after = true)",
                span(*asked)
            ),
            Self::Waited(open_for) => write!(f, "it was open for {}", span(*open_for)),
            Self::ProbeFailed {
                successes,
                threshold,
            } => write!(
                f,
                "a probe failed, {successes} had succeeded (success_threshold = {threshold})"
            ),
            Self::ProbesSucceeded { successes } => {
                write!(
                    f,
                    "enough probes succeeded (success_threshold = {successes})"
                )
            }
            Self::RampedUp(ramp) => write!(f, "it has ramped up (ramp = {ramp})"),
            Self::Named(cause, symptoms) => {
                cause.fmt(f)?;
                for (number, symptom) in symptoms.iter().enumerate() {
                    f.write_str(if number == 0 { ": " } else { ", " })?;
                    symptom.fmt(f)?;
                }
                Ok(())
            }
            Self::ByHand(by_hand) => by_hand.fmt(f),
            Self::Reset(by_hand) => write!(f, "reset: {by_hand}"),
            Self::OverrideEnded(by_hand) => write!(f, "the override has ended: {by_hand}"),
        }
    }
}
