//! The runtime of `resilient`: policies, permits, the registry and its inspection.
//!
//! Use it through the crate `resilient`, which adds the attributes and re-exports everything here. What
//! an attribute does can be written by hand as well: a [`Frame`] for each call, the live policies of the
//! [`registry`] around the work, and a [`Judge`] for what their outcomes mean.

mod backoff;
mod budget;
mod class;
mod deadline;
mod error;
mod event;
mod expansion;
mod frame;
mod inspect;
mod ladder;
mod latency;
mod outcome;
mod policy;
mod registry;
mod setting;
mod shape;
mod site;
mod sync;
mod table;
mod time;
mod window;

pub use backoff::{Backoff, Jitter};
pub use budget::{Budget, BudgetSnapshot};
pub use class::{Class, Classify, Diagnosis, RetryHint};
pub use deadline::{WithDeadline, deadline, inherit, time_left, with_deadline};
pub use error::{Reason, Rejected};
pub use event::{EVENT_CAPACITY, Event, Events, What};
pub use frame::{Frame, Running};
pub use inspect::{
    CallSiteSnapshot, Explanation, Finding, LayerExplanation, LayerSnapshot, PolicySnapshot,
    Snapshot,
};
pub use outcome::{Failure, Fallible, FromRejected, Inside, Judge, Outcome, Predicate, Verdict};
pub use policy::{
    Algorithm, Attempt, AttemptTimeout, AttemptTimeoutPolicy, Bulkhead, BulkheadAdmission,
    BulkheadPermit, BulkheadPolicy, BulkheadSnapshot, CircuitBreaker, CircuitBreakerCounts,
    CircuitBreakerOverride, CircuitBreakerPermit, CircuitBreakerPolicy, CircuitBreakerSnapshot,
    CircuitBreakerState, CircuitBreakerWindow, Delay, Delaying, Fallback, FallbackPolicy,
    FallbackSnapshot, Hedge, HedgeAfter, HedgePolicy, HedgeSnapshot, IdempotencyKey, LivePolicy,
    LiveSnapshot, Order, OtherSnapshot, Policy, Race, RateLimitAdmission, RateLimitPolicy,
    RateLimiter, RateLimiterSnapshot, Retry, RetryCall, RetryPolicy, RetrySnapshot, Ruling,
    TimeInStates, Timed, Timeout, TimeoutPolicy, TimeoutSnapshot,
};
pub use registry::{Conflict, PolicyDefinition, RegisterError, Registry, Written, policy};
pub use setting::{InvalidSetting, Kind, Override, Ramp, Rate, Setting, Share, Source, Value};
pub use site::registry;

/// What expanded attributes call, through the facade. It may change with every version.
#[doc(hidden)]
pub mod __private {
    pub use crate::__resilient_diagnose as diagnose;
    pub use crate::expansion::*;
}
