//! Put attributes on a function, and the failures of what it calls stop becoming the failures of
//! who calls it.

pub use resilient_core::*;

#[doc = include_str!("../docs/bulkhead.md")]
pub use resilient_macros::bulkhead;
#[doc = include_str!("../docs/circuit_breaker.md")]
pub use resilient_macros::circuit_breaker;
#[doc = include_str!("../docs/fallback.md")]
pub use resilient_macros::fallback;
#[doc = include_str!("../docs/rate_limit.md")]
pub use resilient_macros::rate_limit;
pub use resilient_macros::resilient;
#[doc = include_str!("../docs/retry.md")]
pub use resilient_macros::retry;
#[doc = include_str!("../docs/timeout.md")]
pub use resilient_macros::timeout;

/// What expanded attributes call. It may change with every version: nothing of it is for use by
/// hand.
#[doc(hidden)]
pub mod __private {
    pub use resilient_core::__private::*;
    pub use resilient_core::*;
    pub use resilient_macros::__resilient_stack;
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
