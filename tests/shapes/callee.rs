//! Whom the functions of all shapes call, and what is asked of their futures.

use resilient::{Classify, Rejected};
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};

/// What can go wrong.
#[derive(Debug, PartialEq, Eq, thiserror::Error, Classify)]
pub(crate) enum Error {
    /// The callee failed for the time of this number.
    #[error("failed {0}")]
    #[class(transient, jitter = full)]
    Failed(u32),
    /// A policy refused the call, or cut it off.
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

impl Error {
    pub(crate) const fn is_transient(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

pub(crate) type Answer<T> = Result<T, Error>;

/// Fails twice, then answers how often it was called.
#[derive(Debug, Default)]
pub(crate) struct Callee(AtomicU32);

impl Callee {
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    pub(crate) fn call(&self) -> Answer<u32> {
        match self.0.fetch_add(1, Ordering::Relaxed) + 1 {
            call @ (1 | 2) => Err(Error::Failed(call)),
            call => Ok(call),
        }
    }

    /// How often it was called.
    pub(crate) fn calls(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is not `Clone`.
#[derive(Debug)]
pub(crate) struct NotClone(pub(crate) String);

impl NotClone {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

pub(crate) async fn tick() {
    tokio::task::yield_now().await;
}

/// Accepts what the plain function's future could be, too.
pub(crate) const fn spawnable<F: Future<Output: Send> + Send + 'static>(future: F) -> F {
    future
}

/// The same of a future that borrows.
pub(crate) const fn sendable<F: Future + Send>(future: F) -> F {
    future
}
