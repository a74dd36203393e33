//! The runtime of `resilient`: policies, permits, the registry and its inspection.

mod deadline;
mod error;
mod event;
mod frame;
mod outcome;
pub mod policy;
mod setting;
mod sync;
mod time;
mod window;

pub use deadline::{deadline, time_left};
pub use error::{Reason, Rejected};
pub use event::{EVENT_CAPACITY, Event, Events, What};
pub use frame::{Frame, Running};
pub use outcome::{Failure, Fallible, FromRejected, Inside, Judge, Outcome, Predicate, Verdict};
pub use policy::circuit_breaker::{
    CircuitBreaker, CircuitBreakerCounts, CircuitBreakerOverride, CircuitBreakerPermit,
    CircuitBreakerPolicy, CircuitBreakerSnapshot, CircuitBreakerState, CircuitBreakerWindow,
    TimeInStates,
};
pub use policy::{LivePolicy, LiveSnapshot, OtherSnapshot, Policy};
pub use setting::{InvalidSetting, Kind, Override, Rate, Setting, Share, Source, Value};
