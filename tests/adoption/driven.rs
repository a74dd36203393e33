//! What the functions depend on, and what each stack of three makes of it: a success, a failure, a
//! refusal.

use resilient::Rejected;
use std::error::Error as StdError;
use std::fmt::Debug;
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The error of a service that has adopted the attributes: its own variants, and one for refusals.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Failed(#[from] Failed),
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the dependency failed")]
pub(crate) struct Failed;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Good,
    Fails,
    Hangs,
}
use Answer::{Fails, Good, Hangs};

/// Answers each run with what is written for it, and every further one with the last.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    answers: &'static [Answer],
    runs: Arc<AtomicUsize>,
}

impl Dependency {
    pub(crate) fn new(answers: &'static [Answer]) -> Self {
        Self {
            answers,
            runs: Arc::default(),
        }
    }

    pub(crate) async fn ask(&self) -> Result<(), Failed> {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        match self.answers[run.min(self.answers.len() - 1)] {
            Good => {
                tokio::task::yield_now().await;
                Ok(())
            }
            Fails => Err(Failed),
            Hangs => pending().await,
        }
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }
}

/// What somebody who only has the error can tell about it.
pub(crate) trait Ending: Debug {
    /// `None` if the type says nothing.
    fn ending(&self) -> Option<String>;
}

fn named(error: &(dyn StdError + 'static)) -> String {
    let rejected = Rejected::find(error);
    rejected.map_or("failed", |one| one.name()).to_owned()
}

impl Ending for Error {
    fn ending(&self) -> Option<String> {
        Some(named(self))
    }
}

impl Ending for std::io::Error {
    fn ending(&self) -> Option<String> {
        Some(named(self))
    }
}

impl Ending for anyhow::Error {
    fn ending(&self) -> Option<String> {
        Some(named(self.as_ref()))
    }
}

impl Ending for Box<dyn StdError + Send + Sync> {
    fn ending(&self) -> Option<String> {
        Some(named(self.as_ref()))
    }
}

impl Ending for tonic::Status {
    fn ending(&self) -> Option<String> {
        Some(self.message().to_owned())
    }
}

impl Ending for () {
    fn ending(&self) -> Option<String> {
        None
    }
}

/// The call's future, which a multi-threaded runtime takes.
pub(crate) const fn spawnable<F: Future + Send>(future: F) -> F {
    future
}

#[track_caller]
fn ended<E: Ending>(answer: Result<(), E>, dependency: &Dependency, how: &str, runs: usize) {
    let ending = match answer {
        Ok(()) => Some("good".to_owned()),
        Err(error) => error.ending(),
    };
    assert_eq!(ending.unwrap_or_else(|| how.to_owned()), how);
    assert_eq!(dependency.runs(), runs, "{how}");
}

async fn ends<E: Ending>(
    call: &impl AsyncFn(Dependency) -> Result<(), E>,
    answers: &'static [Answer],
    how: &str,
    runs: usize,
) {
    let dependency = Dependency::new(answers);
    ended(call(dependency.clone()).await, &dependency, how, runs);
}

/// Under `circuit_breaker(failure_threshold = 2)`, `retry(3)` and `timeout(1s)`.
pub(crate) async fn breaker_retry_timeout<E: Ending>(
    call: impl AsyncFn(Dependency) -> Result<(), E>,
) {
    ends(&call, &[Fails, Fails, Good], "good", 3).await;
    ends(&call, &[Fails], "failed", 3).await;
    ends(&call, &[Hangs], "timed_out", 3).await;
    ends(&call, &[Good], "circuit_open", 0).await;
}

/// Under `rate_limit(3/h, burst = 3)`, `retry(2)` and `timeout(1s)`.
pub(crate) async fn limit_retry_timeout<E: Ending>(
    call: impl AsyncFn(Dependency) -> Result<(), E>,
) {
    ends(&call, &[Fails, Good], "good", 2).await;
    ends(&call, &[Fails], "failed", 2).await;
    ends(&call, &[Hangs], "timed_out", 2).await;
    ends(&call, &[Good], "rate_limited", 0).await;
}

/// Under `timeout(10s)`, `retry(3)` and `bulkhead(1)`; the retry waits too long for the timeout.
pub(crate) async fn timeout_retry_bulkhead<E: Ending>(
    call: impl AsyncFn(Dependency) -> Result<(), E>,
) {
    ends(&call, &[Fails, Fails, Good], "good", 3).await;
    ends(&call, &[Fails], "failed", 3).await;
    let inside = Dependency::new(&[Hangs]);
    let mut first = pin!(call(inside.clone()));
    let poll = first.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll.is_pending());
    ends(&call, &[Good], "bulkhead_full", 0).await;
    ended(first.await, &inside, "timed_out", 1);
}

/// Under `circuit_breaker(failure_threshold = 2)`, `bulkhead(1)` and `timeout(1s)`: the body runs once.
pub(crate) async fn breaker_bulkhead_timeout<E: Ending>(
    call: impl AsyncFn(Dependency) -> Result<(), E>,
) {
    ends(&call, &[Good], "good", 1).await;
    ends(&call, &[Fails], "failed", 1).await;
    ends(&call, &[Hangs], "timed_out", 1).await;
    ends(&call, &[Good], "circuit_open", 0).await;
}

/// Under a `fallback` whose answer `is_instead` knows, `circuit_breaker(failure_threshold = 2)` and
/// `timeout(1s)`.
pub(crate) async fn fallback_breaker_timeout<T, E: Debug>(
    call: impl AsyncFn(Dependency) -> Result<T, E>,
    is_instead: impl Fn(&T) -> bool,
) {
    for (answers, instead, runs) in [
        (&[Good] as &[_], false, 1),
        (&[Fails], true, 1),
        (&[Hangs], true, 1),
        (&[Good], true, 0),
    ] {
        let dependency = Dependency::new(answers);
        let answer = call(dependency.clone()).await.unwrap();
        assert_eq!(is_instead(&answer), instead, "{answers:?}");
        assert_eq!(dependency.runs(), runs, "{answers:?}");
    }
}

/// Under `hedge(100ms)`, `circuit_breaker(failure_threshold = 4)` and `timeout(1s)`.
pub(crate) async fn hedge_breaker_timeout<E: Ending>(
    call: impl AsyncFn(Dependency) -> Result<(), E>,
) {
    ends(&call, &[Hangs, Good], "good", 2).await;
    ends(&call, &[Fails], "failed", 1).await;
    ends(&call, &[Fails], "failed", 1).await;
    ends(&call, &[Hangs], "timed_out", 2).await;
    ends(&call, &[Good], "circuit_open", 0).await;
}
