//! The states of a circuit breaker, and what its machine remembers in each of them.

use super::cause::Cause;
use crate::setting::Override;
use crate::time::{NEVER, Nanos, nanos};
use std::fmt;
use std::sync::Arc;

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum CircuitBreakerState {
    /// Calls go through, and their results are watched.
    Closed,
    /// Calls are refused for a while.
    Open,
    /// A few calls go through, to see whether the callee is well again.
    HalfOpen,
    /// A growing share of the calls goes through, and their results are watched.
    Ramping,
    /// Somebody has it refuse all calls.
    ForcedOpen,
    /// Somebody has it let all calls through, or its settings say so.
    Disabled,
    /// Somebody has it let all calls through and only show what it would do.
    MetricsOnly,
}

impl CircuitBreakerState {
    pub(crate) const ALL: [Self; 7] = [
        Self::Closed,
        Self::Open,
        Self::HalfOpen,
        Self::Ramping,
        Self::ForcedOpen,
        Self::Disabled,
        Self::MetricsOnly,
    ];

    /// A stable name for events and files, for example `half_open`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::Ramping => "ramping",
            Self::ForcedOpen => "forced_open",
            Self::Disabled => "disabled",
            Self::MetricsOnly => "metrics_only",
        }
    }
}

impl fmt::Display for CircuitBreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A step from one state into another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Transition {
    pub(super) from: CircuitBreakerState,
    pub(super) to: CircuitBreakerState,
    pub(super) cause: Arc<Cause>,
}

/// One step of the ramp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Climb {
    /// Which one, from 0.
    pub(super) number: usize,
    pub(super) began: Nanos,
    /// What the calls so far have brought towards the next admission, in millionths of a call.
    pub(super) credit: u32,
}

/// A call that was let through half-open, and when it forfeits its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Probe {
    pub(super) number: u64,
    pub(super) deadline: Nanos,
}

/// That somebody only wants to see what it would do: it goes through its phases and refuses nothing.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) by_hand: Override,
    pub(super) until: Nanos,
    pub(super) since: Nanos,
    pub(super) why: Cause,
}

/// What the machine answers to a call that wants in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It may run.
    Free,
    /// It may run, as the probe of this number.
    Probe(u64),
    /// It may run although it would be refused: its result decides nothing.
    Aside,
    /// Not for so long.
    Open(Nanos),
    /// Not until somebody takes it back.
    ForcedOpen,
}

/// Sums over the whole life of the breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) success: u64,
    pub(super) failure: u64,
    pub(super) ignored: u64,
    pub(super) abandoned: u64,
    pub(super) late: u64,
    pub(super) opened: u64,
    pub(super) would_have_rejected: u64,
}

#[derive(Clone, Debug)]
pub(super) enum Phase {
    Closed,
    /// The number that was drawn is kept: other settings hold for an opening that is under way.
    Open {
        until: Nanos,
        random: u64,
        /// For how long the callee asked to be left alone, if that is why it opened.
        asked: Option<Nanos>,
    },
    HalfOpen {
        successes: u32,
    },
    Ramping(Climb),
    ForcedOpen {
        by_hand: Box<Override>,
        until: Nanos,
    },
    Disabled {
        by_hand: Box<Override>,
        until: Nanos,
    },
}

impl Phase {
    pub(super) fn kind(&self) -> CircuitBreakerState {
        match self {
            Self::Closed => CircuitBreakerState::Closed,
            Self::Open { .. } => CircuitBreakerState::Open,
            Self::HalfOpen { .. } => CircuitBreakerState::HalfOpen,
            Self::Ramping(_) => CircuitBreakerState::Ramping,
            Self::ForcedOpen { .. } => CircuitBreakerState::ForcedOpen,
            Self::Disabled { .. } => CircuitBreakerState::Disabled,
        }
    }
}

/// When an override ends that begins now.
pub(super) fn end(by_hand: &Override, now: Nanos) -> Nanos {
    by_hand
        .lasts()
        .map_or(NEVER, |lasts| now.saturating_add(nanos(lasts)))
}
