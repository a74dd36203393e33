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
    CircuitBreaker, CircuitBreakerCounts, CircuitBreakerOutage, CircuitBreakerOverride,
    CircuitBreakerPermit, CircuitBreakerPolicy, CircuitBreakerSnapshot, CircuitBreakerState,
    CircuitBreakerSymptom, CircuitBreakerWindow, TimeInStates,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;

    #[test]
    fn what_a_policy_of_another_kind_shows_is_shown_as_it_is() {
        let shown = OtherSnapshot {
            state: "sheds".to_owned(),
            note: "above priority 3".to_owned(),
            counts: vec![("shed", Some(7)), ("unknown", None)],
        };
        let snapshot = LiveSnapshot::Other(shown.clone());
        let show = snapshot.show();
        assert_eq!(show.state(), shown.state);
        assert_eq!(show.note(), shown.note);
        assert_eq!(show.counts(), shown.counts);
    }

    #[test]
    fn what_is_printed_for_debugging_tells_which_policy_it_is() {
        let frame = Frame::new();
        let bulkhead = Bulkhead::new("places", &BulkheadPolicy::new().limit(1));
        let entering = bulkhead.admit(&frame);
        let inside = bulkhead.try_admit(&frame).expect("there is a place");
        let limiter = RateLimiter::new("turns", &RateLimitPolicy::new());
        let waiting = limiter.admit();
        for (printed, name) in [
            (format!("{bulkhead:?}"), "places"),
            (format!("{entering:?}"), "places"),
            (format!("{inside:?}"), "places"),
            (format!("{limiter:?}"), "turns"),
            (format!("{waiting:?}"), "turns"),
        ] {
            assert!(printed.contains(name), "{printed}");
        }
    }

    #[test]
    fn a_policy_that_remembers_nothing_says_nothing_of_what_it_would_have_done() {
        let timeout = Timeout::new("test", &TimeoutPolicy::new());
        assert_eq!(timeout.consequence(&TimeoutPolicy::new()), None);
    }

    #[test]
    fn every_policy_knows_its_name_and_shows_that_nothing_has_happened_yet() {
        fn shown(live: &impl LivePolicy) -> String {
            let snapshot = live.snapshot();
            let show = snapshot.show();
            let counts = show.counts().into_iter().map(|(name, count)| match count {
                Some(count) => format!("{name} {count}"),
                None => format!("{name} –"),
            });
            let counts = counts.collect::<Vec<_>>().join(", ");
            format!("{} | {} | {counts}", show.state(), show.note())
        }

        let bulkhead = Bulkhead::new("a", &BulkheadPolicy::new().limit(3).queue(2));
        let breaker = CircuitBreaker::new("b", &CircuitBreakerPolicy::new());
        let fallback = Fallback::new("c", &FallbackPolicy::new());
        let hedge = Hedge::new("d", &HedgePolicy::new());
        let rate = crate::Rate::new(5, std::time::Duration::from_secs(1));
        let limiter = RateLimiter::new("e", &RateLimitPolicy::new().rate(rate));
        let retry = Retry::new("f", &RetryPolicy::new());
        let timeout = Timeout::new("g", &TimeoutPolicy::new());
        let names = [
            bulkhead.name(),
            breaker.name(),
            fallback.name(),
            hedge.name(),
            limiter.name(),
            retry.name(),
            timeout.name(),
        ];
        assert_eq!(names.join(""), "abcdefg");
        for (shown, expected) in [
            (
                shown(&bulkhead),
                "0 of 3 | 0 of 2 waiting | admitted 0, rejected 0, waited 0, abandoned 0",
            ),
            (
                shown(&breaker),
                "closed |  | success 0, failure 0, ignored 0, abandoned 0, rejected 0, late 0, opened 0, \
                 would_have_rejected 0",
            ),
            (shown(&fallback), "ready |  | answered 0, failed 0"),
            (
                shown(&hedge),
                "off |  | calls –, hedged 0, extra attempts 0, won 0, suppressed 0",
            ),
            (
                shown(&limiter),
                "5 of 5 | 5/s | admitted 0, rejected 0, waited 0, abandoned 0",
            ),
            (
                shown(&retry),
                "ready |  | calls –, retried 0, extra attempts 0, recovered 0, gave up 0",
            ),
            (shown(&timeout), "off |  | timed out 0, no time left 0"),
        ] {
            assert_eq!(shown, expected);
        }
    }
}
