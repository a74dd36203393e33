//! Whom the functions of all shapes call, and what is asked of their futures.

use resilient::{Classify, Rejected};
use std::cell::Cell;
use std::fmt::Debug;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

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

// ---- A callee that every shape calls, and what the stack above it has to make of it

thread_local! {
    static FAILURES: Cell<u32> = const { Cell::new(0) };
    static RUNS: Cell<u32> = const { Cell::new(0) };
}

/// What every body does: it fails as often as it was told to.
pub(crate) fn step() -> Answer<()> {
    RUNS.set(RUNS.get() + 1);
    match FAILURES.get() {
        0 => Ok(()),
        left => {
            FAILURES.set(left - 1);
            Err(Error::Failed(left))
        }
    }
}

/// How often a body has run for `call`, which is told to fail so often.
fn runs<T>(failures: u32, call: impl FnOnce() -> T) -> (u32, T) {
    FAILURES.set(failures);
    RUNS.set(0);
    let returned = call();
    (RUNS.get(), returned)
}

/// Whether the error says so, as a value or in words.
fn says<T: Debug, E: Debug>(returned: Result<T, E>, value: &str, words: &str) -> bool {
    let error = returned.expect_err("it has failed");
    let error = format!("{error:?}");
    error.contains(value) || error.contains(words)
}

/// Breakers are shared by the tests of a file, and each call is told to fail on its own.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Holds that `call` of an async function, under the breaker `breaker` and a retry of three, behaves as
/// the plain function on success, and as the stack says when it fails twice, when it fails every time,
/// and when it is refused.
#[track_caller]
pub(crate) fn behaves<T, E>(breaker: &str, call: impl AsyncFn() -> Result<T, E>, expected: &T)
where
    T: PartialEq + Debug,
    E: Debug,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    plainly(breaker, || runtime.block_on(call()), expected);
}

/// The same of a plain function.
#[track_caller]
pub(crate) fn plainly<T, E>(breaker: &str, call: impl Fn() -> Result<T, E>, expected: &T)
where
    T: PartialEq + Debug,
    E: Debug,
{
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let breaker = resilient::registry().circuit_breaker(breaker);
    let breaker = breaker.expect("it is annotated");
    breaker.reset("a test");
    let failures = || breaker.snapshot().counts.failure;
    let before = failures();
    let (count, returned) = runs(0, &call);
    assert_eq!((count, &returned.expect("it succeeds")), (1, expected));
    let (count, returned) = runs(2, &call);
    assert_eq!((count, &returned.expect("the third time")), (3, expected));
    assert_eq!(failures(), before, "what was mended is no failure");
    let (count, returned) = runs(9, &call);
    assert!(says(returned, "Failed(7)", "failed 7"), "the last error");
    assert_eq!(count, 3, "three attempts, and no more");
    assert_eq!(failures(), before + 1, "one failure of the whole call");
    breaker.force_open("a test");
    let (count, returned) = runs(0, &call);
    assert!(says(returned, "ForcedOpen", "forced open"));
    assert_eq!(count, 0, "a refused call runs no body");
    breaker.reset("a test");
}
