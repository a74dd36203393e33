//! The runtime of `resilient`: policies, permits, the registry and its inspection.
//!
//! Use it through the crate `resilient`, which adds the attributes and re-exports everything here. What
//! an attribute does can be written by hand as well: a [`Frame`] for each call, the live policies of the
//! [`registry`] around the work, and a [`Judge`] for what their outcomes mean.

// The fuzzer compiles the tests that it feeds, and leaves out the others.
#![cfg_attr(resilient_fuzz, allow(dead_code, unused_imports, unused_macros))]

mod backoff;
mod budget;
mod class;
mod configuration;
mod configured;
#[cfg(feature = "serde")]
mod data;
mod deadline;
mod definition;
mod entry;
mod error;
mod event;
mod expansion;
mod frame;
mod given;
mod inspect;
mod isolation;
mod key;
mod keyed;
mod ladder;
mod latency;
mod outcome;
mod policy;
mod registry;
pub mod series;
mod setting;
mod shape;
mod site;
mod sync;
mod table;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(any(test, resilient_fuzz))]
mod tests;
mod time;
mod window;

/// What models need besides: the clock, and the end of a thread.
#[cfg(resilient_loom)]
#[doc(hidden)]
pub mod modelled {
    pub use crate::sync::modelled::end_of_thread;
    pub use crate::time::modelled::{advance, start};
}

pub use backoff::{Backoff, Jitter};
pub use budget::{Budget, BudgetSnapshot};
#[cfg(feature = "reqwest")]
pub use class::reqwest;
pub use class::{Class, Classify, Diagnosis, RetryHint};
pub use configuration::{
    Configuration, ConfigurationError, ConfigurationMistake, Unmentioned, kinds,
};
pub use deadline::{WithDeadline, deadline, inherit, time_left, with_deadline};
pub use definition::{Conflict, Written};
pub use entry::{Changes, ReconfigureError, Reconfigured, SettingChange};
pub use error::{Reason, Rejected};
pub use event::{EVENT_CAPACITY, Event, Events, HISTORY_CAPACITY, History, What};
pub use frame::{Frame, Running};
pub use given::Given;
pub use inspect::{
    CallSiteSnapshot, Explanation, Finding, LayerExplanation, LayerSnapshot, PolicySnapshot,
    Snapshot,
};
pub use key::{Integer, Key, KeyWriter, StoredKey};
pub use keyed::{Keyed, KeysSnapshot};
pub use outcome::{Failure, Fallible, FromRejected, Inside, Judge, Outcome, Predicate, Verdict};
pub use policy::{
    Algorithm, Attempt, AttemptTimeout, AttemptTimeoutPolicy, Bulkhead, BulkheadAdmission,
    BulkheadPermit, BulkheadPolicy, BulkheadSnapshot, CircuitBreaker, CircuitBreakerCounts,
    CircuitBreakerOutage, CircuitBreakerOverride, CircuitBreakerPermit, CircuitBreakerPolicy,
    CircuitBreakerSnapshot, CircuitBreakerState, CircuitBreakerSymptom, CircuitBreakerWindow,
    Delay, Delaying, Fallback, FallbackPolicy, FallbackSnapshot, Hedge, HedgeAfter, HedgePolicy,
    HedgeSnapshot, IdempotencyKey, Keep, LivePolicy, LiveSnapshot, Order, Origin, OtherSnapshot,
    Policy, Race, RateLimitAdmission, RateLimitPolicy, RateLimiter, RateLimiterSnapshot, Retry,
    RetryCall, RetryPolicy, RetrySnapshot, Ruling, StaleAnswers, StaleKey, TimeInStates, Timed,
    Timeout, TimeoutPolicy, TimeoutSnapshot, answered_stale,
};
pub use registry::{PolicyDefinition, RegisterError, Registry, policy};
pub use setting::{
    InvalidSetting, Kind, Override, Ramp, Rate, Setting, SettingDescription, SettingError, Share,
    Source, Value,
};
pub use site::registry;

/// What expanded attributes call, through the facade. It may change with every version.
#[doc(hidden)]
pub mod __private {
    pub use crate::__resilient_diagnose as diagnose;
    pub use crate::__resilient_run_body as run_body;
    pub use crate::__resilient_run_within as run_within;
    pub use crate::__resilient_way as way;
    pub use crate::expansion::*;
    #[cfg(feature = "testing")]
    pub use crate::testing::hook::*;
}

/// The histories that `fuzz/` feeds.
#[cfg(resilient_fuzz)]
#[doc(hidden)]
pub mod histories {
    pub use crate::tests::{all, play};
}
