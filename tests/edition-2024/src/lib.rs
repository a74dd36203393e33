//! What another crate sees of annotated functions; `tests/shapes.rs` has all the others.

use resilient::{Rejected, circuit_breaker, fallback, retry, timeout};

/// A generic function, which other crates make instances of.
///
/// # Errors
///
/// The error of `read`, or the refusal of a policy.
#[allow(clippy::future_not_send, reason = "it is when `read` is")]
#[circuit_breaker("two crates", failure_threshold = 2)]
#[retry(2, backoff = fixed(0s))]
#[timeout(1s)]
pub async fn fetch<T, E, F>(read: F) -> Result<T, E>
where
    F: AsyncFn() -> Result<T, E>,
    E: From<Rejected>,
{
    read().await
}

/// The same of a plain function.
///
/// # Errors
///
/// The error of `read`, or the refusal of a policy.
#[circuit_breaker("two crates and a thread", failure_threshold = 2)]
#[retry(2, backoff = fixed(0s))]
pub fn read<T, E: From<Rejected>>(read: impl Fn() -> Result<T, E>) -> Result<T, E> {
    read()
}

/// Inlined into other crates.
#[inline]
#[must_use = "it costs nothing"]
#[fallback(value = 0)]
#[timeout(1s)]
pub async fn count(number: u32) -> u32 {
    number
}
