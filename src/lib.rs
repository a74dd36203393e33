//! Put attributes on a function, and the failures of what it calls stop becoming the failures
//! of who calls it. Every policy that an attribute leaves behind can be read and steered while the
//! program runs.
//!
//! ```
//! use resilient::{Rejected, circuit_breaker, fallback, retry, timeout};
//!
//! #[derive(Debug, thiserror::Error)]
//! enum StockError {
//!     #[error("the warehouse does not answer")]
//!     Down,
//!     #[error(transparent)]
//!     Rejected(#[from] Rejected), // what a policy refused or cut off
//! }
//!
//! #[timeout(5s)] // outermost: the whole call, retries included
//! #[circuit_breaker("warehouse", failure_threshold = 2, open_for = 30s)]
//! #[retry(3, backoff = exponential(100ms..1s))]
//! #[timeout(1s)] // innermost: each attempt
//! async fn pieces(is_up: bool) -> Result<u32, StockError> {
//!     if is_up { Ok(7) } else { Err(StockError::Down) }
//! }
//!
//! #[fallback(value = 0)]
//! #[timeout(100ms)]
//! async fn pieces_for_the_list() -> u32 {
//!     std::future::pending().await
//! }
//!
//! #[tokio::main(flavor = "current_thread", start_paused = true)]
//! async fn main() {
//!     assert_eq!(pieces(true).await.unwrap(), 7);
//!     for _ in 0..2 {
//!         assert!(matches!(pieces(false).await, Err(StockError::Down))); // after three attempts
//!     }
//!     let refused = pieces(true).await.unwrap_err(); // the breaker is open
//!     assert!(matches!(refused, StockError::Rejected(Rejected::CircuitOpen(_))));
//!     assert_eq!(pieces_for_the_list().await, 0);
//!
//!     let breaker = resilient::registry().circuit_breaker("warehouse").unwrap();
//!     assert_eq!(breaker.state().to_string(), "open");
//!     breaker.reset("the warehouse is back");
//!     assert_eq!(pieces(true).await.unwrap(), 7);
//! }
//! ```
//!
//! # The attributes
//!
//! | attribute | what it does |
//! |---|---|
//! | [`circuit_breaker`](macro@circuit_breaker) | stops calling who keeps failing, and finds out when that is over |
//! | [`retry`](macro@retry) | tries again, within every limit that holds for the call |
//! | [`timeout`](macro@timeout) | drops the work when its time is up |
//! | [`bulkhead`](macro@bulkhead) | bounds how many calls are inside at a time |
//! | [`rate_limit`](macro@rate_limit) | bounds how many calls begin in a time |
//! | [`hedge`](macro@hedge) | starts a second attempt beside one that does not answer in time |
//! | [`fallback`](macro@fallback) | answers instead of the error |
//! | [`resilient`](macro@resilient) | several of them in one place, or a pipeline by its name; which order means what |
//!
//! # Where to look next
//!
//! - [`functions`](mod@functions): what may be annotated, and how it stands beside other attributes.
//! - [`Rejected`]: what a policy answers instead of running, or finishing, the work.
//! - [`Classify`](macro@Classify): what an error says of itself, and which retry it deserves.
//! - [`registry()`]: every policy by name, its [`Snapshot`], its [`Events`], and what is probably a
//!   mistake ([`Registry::validate`]).
//! - [`policy()`]: settings in code. [`Registry::reconfigure`] changes them while the program runs,
//!   [`Configuration`] takes them from outside, [`Registry::disable_all`] switches everything off.
//! - [`deadline()`], [`time_left()`], [`with_deadline()`] and [`inherit()`]: the time that is left.
//! - [`answered_stale()`]: whether the last answer was an old one.
//! - [`Frame`] and [`Judge`]: a stack by hand, without attributes.
//!
//! # Features
//!
//! - `config` (off): settings from TOML files and environment variables, in `resilient::config`.
//! - `http` (off): [`http`], a router with a page for people, JSON, a live stream, Prometheus text, and
//!   control.
//! - `metrics` (off): the numbers of all policies for the facade `metrics`, in the module `metrics`.
//! - `serde` (off): snapshots, events and settings implement `serde::Serialize`.
//! - `reqwest` (off): `reqwest::Error` is [`Classify`](macro@Classify), and `resilient::reqwest::check`
//!   keeps the status and `Retry-After` of a response that failed.
//! - `tonic` (off): `tonic::Status` is `Classify`.
//! - `sqlx` (off): `sqlx::Error` is `Classify`. It needs Rust 1.94, as sqlx does.
//! - `testing` (off): the module `testing`, a test kit for annotated functions: a registry for each test,
//!   scripted outcomes, the way that a circuit breaker went, chaos. For `[dev-dependencies]`.
//! - `tower` (off): any pipeline as a `tower::Layer`, in the module `tower`.
//! - `uuid` (off): `uuid::Uuid` is a [`Key`].
//!
//! It needs tokio, for its timers. Where tokio's feature `test-util` is on, paused time moves every
//! timeout, delay and open breaker.

pub use resilient_core::*;

#[cfg(feature = "testing")]
#[doc = include_str!("../docs/testing.md")]
pub mod testing {
    pub use resilient_core::testing::*;
}

#[cfg(feature = "http")]
#[doc = include_str!("../docs/http.md")]
pub mod http {
    pub use resilient_http::*;
}

#[cfg(feature = "metrics")]
#[doc = include_str!("../docs/metrics.md")]
pub mod metrics {
    pub use resilient_metrics::*;
}

#[cfg(feature = "tower")]
#[doc = include_str!("../docs/tower.md")]
pub mod tower {
    pub use resilient_tower::*;
}

// The pages link to each other as files, for readers of the repository. Of two definitions of a link the
// first one holds, so in rustdoc they link to the attributes.
// Where that page's example can run, it does.
/// [circuit_breaker]: macro@circuit_breaker
/// [fallback]: macro@fallback
/// [retry]: macro@retry
#[cfg_attr(
    any(not(doctest), feature = "reqwest"),
    doc = include_str!("../docs/errors.md")
)]
pub use resilient_macros::Classify;
/// [rate limit]: macro@rate_limit
#[doc = include_str!("../docs/bulkhead.md")]
pub use resilient_macros::bulkhead;
#[doc = include_str!("../docs/circuit_breaker.md")]
pub use resilient_macros::circuit_breaker;
#[doc = include_str!("../docs/fallback.md")]
pub use resilient_macros::fallback;
/// [retry]: macro@retry#budgets
/// [class]: macro@retry#what-an-error-says-of-itself
#[doc = include_str!("../docs/hedge.md")]
pub use resilient_macros::hedge;
/// [bulkhead]: macro@bulkhead
#[doc = include_str!("../docs/rate_limit.md")]
pub use resilient_macros::rate_limit;
/// [circuit_breaker]: macro@circuit_breaker
/// [retry]: macro@retry
/// [timeout]: macro@timeout
/// [bulkhead]: macro@bulkhead
/// [rate_limit]: macro@rate_limit
/// [fallback]: macro@fallback
/// [functions]: mod@functions
/// [hedge]: macro@hedge
#[doc = include_str!("../docs/resilient.md")]
pub use resilient_macros::resilient;
/// [errors]: macro@Classify
/// [timeout]: macro@timeout
#[doc = include_str!("../docs/retry.md")]
pub use resilient_macros::retry;
/// [retry]: macro@retry#the-attempt-inside-the-body
#[doc = include_str!("../docs/timeout.md")]
pub use resilient_macros::timeout;

#[cfg(feature = "config")]
#[doc = include_str!("../docs/config.md")]
pub mod config {
    pub use resilient_config::*;
}

/// [circuit_breaker]: macro@crate::circuit_breaker
/// [retry]: macro@crate::retry
/// [timeout]: macro@crate::timeout
/// [bulkhead]: macro@crate::bulkhead
/// [rate_limit]: macro@crate::rate_limit
/// [fallback]: macro@crate::fallback
/// [resilient]: macro@crate::resilient
#[doc = include_str!("../docs/functions.md")]
#[cfg(any(doc, doctest))]
pub mod functions {}

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
