//! Makes instances of the annotated functions of another crate.

use resilient::{Rejected, circuit_breaker, retry, timeout};

/// Calls the other crate's function with a type of this one.
///
/// # Errors
///
/// If `fails`, or if a policy refuses.
#[retry(1)]
pub async fn fetch(fails: bool) -> Result<Vec<u16>, Failed> {
    edition_2024::fetch(async || read(fails)).await
}

/// A generic function of this edition, which other crates make instances of.
///
/// # Errors
///
/// The error of `read`, or the refusal of a policy.
#[allow(clippy::future_not_send, reason = "it is when `read` is")]
#[circuit_breaker("two crates of 2021", failure_threshold = 2)]
#[retry(2, backoff = fixed(0s))]
#[timeout(1s)]
pub async fn ask<T, E, F>(read: F) -> Result<T, E>
where
    F: AsyncFn() -> Result<T, E>,
    E: From<Rejected>,
{
    read().await
}

/// Calls it with a type of this crate.
///
/// # Errors
///
/// If `fails`, or if a policy refuses.
pub async fn ask_here(fails: bool) -> Result<Vec<u16>, Failed> {
    ask(async || read(fails)).await
}

fn read(fails: bool) -> Result<Vec<u16>, Failed> {
    if fails {
        Err(Failed(None))
    } else {
        Ok(vec![1])
    }
}

/// A type that the other crate does not know.
#[derive(Debug, PartialEq, Eq)]
pub struct Failed(pub Option<Rejected>);

impl From<Rejected> for Failed {
    fn from(rejected: Rejected) -> Self {
        Self(Some(rejected))
    }
}
