//! The policies: one file each, with the same sections in the same order.

mod bulkhead;
mod circuit_breaker;
mod fallback;
mod hedge;
mod rate_limit;
mod retry;
mod timeout;

pub use bulkhead::{
    Bulkhead, BulkheadAdmission, BulkheadPermit, BulkheadPolicy, BulkheadSnapshot, Order,
};
pub use circuit_breaker::{
    CircuitBreaker, CircuitBreakerCounts, CircuitBreakerOverride, CircuitBreakerPermit,
    CircuitBreakerPolicy, CircuitBreakerSnapshot, CircuitBreakerState, CircuitBreakerSymptom,
    CircuitBreakerWindow, TimeInStates,
};
pub use fallback::{
    Fallback, FallbackPolicy, FallbackSnapshot, Keep, Origin, Ruling, StaleAnswers, StaleKey,
    answered_stale,
};
pub use hedge::{Hedge, HedgeAfter, HedgePolicy, HedgeSnapshot, Race};
pub use rate_limit::{
    Algorithm, RateLimitAdmission, RateLimitPolicy, RateLimiter, RateLimiterSnapshot,
};
pub use retry::{
    Attempt, Delay, Delaying, IdempotencyKey, Retry, RetryCall, RetryPolicy, RetrySnapshot,
};
pub use timeout::{
    AttemptTimeout, AttemptTimeoutPolicy, Timed, Timeout, TimeoutPolicy, TimeoutSnapshot,
};

use crate::given::Given;
use crate::setting::{InvalidSetting, Kind, SettingDescription, SettingError, Value};
use std::fmt;

/// The data of a policy: what was written about it, in an attribute, in code or in a file.
///
/// Every setting may be missing; a default is filled in only when a live policy is made of it.
pub trait Policy: Copy + Default + PartialEq + fmt::Debug + Send + Sync + 'static {
    /// What decides about calls.
    type Live: LivePolicy<Policy = Self>;

    /// The kind of the policy.
    const KIND: Kind;
    /// The keys of all its settings.
    const KEYS: &'static [&'static str];

    /// This policy laid over another one: what is written here hides what is written there.
    #[must_use]
    fn over(self, below: Self) -> Self;

    /// The value that is written for `key`.
    fn written(&self, key: &str) -> Option<Value>;

    /// The value that holds for `key`: what is written, or else the default.
    fn effective(&self, key: &str) -> Option<Value>;

    /// This policy with the value that a file, a variable or a control call gives for `key`.
    ///
    /// # Errors
    ///
    /// If there is no such setting, or the value is not of its type, out of its range, or contradicts
    /// another one of this policy.
    fn with(self, key: &str, given: &Given) -> Result<Self, SettingError>;

    /// This policy with nothing written for `key`.
    #[must_use]
    fn without(self, key: &str) -> Self;

    /// What may be given for `key`; `None` if there is no such setting.
    fn description(key: &str) -> Option<SettingDescription>;

    /// A policy that lets every call through: what a pipeline has where nobody defines a kind.
    #[must_use]
    fn switched_off() -> Self;

    /// The first setting that was refused, if any was.
    fn invalid(&self) -> Option<InvalidSetting>;
}

/// A policy at work: the registry's entry, which admits and refuses calls.
pub trait LivePolicy: fmt::Debug + Send + Sync + 'static {
    /// Its data.
    type Policy: Policy<Live = Self>;

    /// A live policy with these settings that has not seen a call. It belongs to its owner alone: the
    /// registry knows only what was annotated, or defined with [`policy()`](crate::policy()).
    fn new(name: &'static str, policy: &Self::Policy) -> Self;

    /// Takes over other settings, and keeps its state and statistics.
    fn reconfigure(&self, policy: &Self::Policy);

    /// What it would have done with other settings on what it remembers, in words; `None` if nothing
    /// would be different, or it remembers nothing that could tell. Nothing changes.
    fn consequence(&self, policy: &Self::Policy) -> Option<String> {
        let _ = policy;
        None
    }

    /// What can be seen of it now.
    fn snapshot(&self) -> LiveSnapshot;
}

/// What can be seen of a live policy, typed by its kind.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(untagged))]
#[non_exhaustive]
#[allow(
    clippy::large_enum_variant,
    reason = "made when somebody looks, and never kept in numbers"
)]
pub enum LiveSnapshot {
    /// A bulkhead.
    Bulkhead(BulkheadSnapshot),
    /// A circuit breaker.
    CircuitBreaker(CircuitBreakerSnapshot),
    /// A fallback.
    Fallback(FallbackSnapshot),
    /// A hedge.
    Hedge(HedgeSnapshot),
    /// A rate limit.
    RateLimiter(RateLimiterSnapshot),
    /// A retry.
    Retry(RetrySnapshot),
    /// A timeout.
    Timeout(TimeoutSnapshot),
    /// A policy of a kind that this crate does not know.
    Other(OtherSnapshot),
}

/// What a policy of a kind that this crate does not know shows of itself.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct OtherSnapshot {
    /// Its state in a word or two.
    pub state: String,
    /// What else a person should know.
    pub note: String,
    /// What it counts; `None` is "nobody knows", never zero.
    pub counts: Vec<(&'static str, Option<u64>)>,
}

/// How a policy shows itself in the table for people.
pub(crate) trait Show {
    /// Its state in a word or two, for example `open` or `3 of 20`.
    fn state(&self) -> String;

    /// What else a person should know, for example why it is open; empty if there is nothing.
    fn note(&self) -> String;

    /// What it counts; `None` is "nobody knows", never zero.
    fn counts(&self) -> Vec<(&'static str, Option<u64>)>;
}

impl Show for OtherSnapshot {
    fn state(&self) -> String {
        self.state.clone()
    }

    fn note(&self) -> String {
        self.note.clone()
    }

    fn counts(&self) -> Vec<(&'static str, Option<u64>)> {
        self.counts.clone()
    }
}

impl LiveSnapshot {
    pub(crate) fn show(&self) -> &dyn Show {
        match self {
            Self::Bulkhead(snapshot) => snapshot,
            Self::CircuitBreaker(snapshot) => snapshot,
            Self::Fallback(snapshot) => snapshot,
            Self::Hedge(snapshot) => snapshot,
            Self::RateLimiter(snapshot) => snapshot,
            Self::Retry(snapshot) => snapshot,
            Self::Timeout(snapshot) => snapshot,
            Self::Other(snapshot) => snapshot,
        }
    }
}
