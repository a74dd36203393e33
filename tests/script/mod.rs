//! A body that follows a script, and what its callers are told.

use resilient::{
    CircuitBreaker, CircuitBreakerCounts, CircuitBreakerSnapshot, CircuitBreakerState, Classify,
    Rejected, registry,
};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Classify)]
pub(crate) enum Error {
    #[error("run {0} failed")]
    Failed(u32),
    #[error("run {0} failed in another way")]
    Other(u32),
    #[error("run {0} found the callee busy")]
    #[class(throttled, retry_after = 1)]
    Busy(u32, Duration),
    #[error("the fallback failed too")]
    Fallback,
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

pub(crate) type Answer = Result<u32, Error>;

impl Error {
    pub(crate) const fn is_e(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

/// A body that does what is written for each of its runs, and for all runs after them the last of it.
///
/// `F` fails, `X` fails with another error, `S` succeeds, `hang` succeeds when it is released, `1s`
/// succeeds after that time, `10ms:F` fails after it, `busy-1s` fails and asks to be left alone for that
/// long, and `panic` panics.
pub(crate) struct Body {
    script: Mutex<VecDeque<&'static str>>,
    began: Instant,
    starts: Mutex<Vec<Duration>>,
    released: Semaphore,
}

impl Body {
    pub(crate) fn new(script: &'static str) -> Self {
        Self {
            script: Mutex::new(script.split_whitespace().collect()),
            began: Instant::now(),
            starts: Mutex::default(),
            released: Semaphore::new(0),
        }
    }

    pub(crate) async fn run(&self) -> Answer {
        let run = {
            let mut starts = self.starts.lock().unwrap();
            starts.push(self.began.elapsed());
            u32::try_from(starts.len()).unwrap()
        };
        let step = {
            let mut script = self.script.lock().unwrap();
            let more = script.len() > 1;
            if more {
                script.pop_front().unwrap()
            } else {
                script[0]
            }
        };
        let (wait, end) = step.split_once(':').unwrap_or(
            if matches!(step, "F" | "X" | "S" | "panic") || step.starts_with("busy-") {
                ("", step)
            } else {
                (step, "S")
            },
        );
        match wait {
            "" => {}
            "hang" => self.released.acquire().await.unwrap().forget(),
            time => sleep(span(time)).await,
        }
        match end {
            "F" => Err(Error::Failed(run)),
            "X" => Err(Error::Other(run)),
            "S" => Ok(run),
            "panic" => panic!("run {run} panics"),
            busy => Err(Error::Busy(run, span(busy.strip_prefix("busy-").unwrap()))),
        }
    }

    /// Lets as many hanging runs end, the oldest first.
    pub(crate) fn release(&self, runs: usize) {
        self.released.add_permits(runs);
    }

    pub(crate) fn runs(&self) -> usize {
        self.starts.lock().unwrap().len()
    }

    /// When each run began, in milliseconds.
    pub(crate) fn starts(&self) -> Vec<u128> {
        let starts = self.starts.lock().unwrap();
        starts.iter().map(Duration::as_millis).collect()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

pub(crate) fn span(written: &str) -> Duration {
    let number = |digits: &str| digits.parse().unwrap();
    match written.strip_suffix("ms") {
        Some(digits) => milli(number(digits)),
        None => milli(number(written.strip_suffix('s').unwrap()) * 1000),
    }
}

pub(crate) const fn milli(milli: u64) -> Duration {
    Duration::from_millis(milli)
}

// ---- What a caller sees

pub(crate) fn told(answer: Answer) -> &'static str {
    match answer {
        Ok(_) => "ok",
        Err(Error::Failed(_)) => "E",
        Err(Error::Other(_)) => "X",
        Err(Error::Busy(..)) => "busy",
        Err(Error::Fallback) => "fallback",
        Err(Error::Rejected(Rejected::CircuitOpen(_))) => "open",
        Err(Error::Rejected(Rejected::BulkheadFull(_))) => "full",
        Err(Error::Rejected(Rejected::TimedOut(_))) => "timed-out",
        Err(Error::Rejected(rejected)) => rejected.name(),
    }
}

/// What so many calls are told, one after another.
pub(crate) async fn calls<F: Future<Output = Answer>>(
    count: usize,
    call: impl Fn() -> F,
) -> String {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(told(call().await));
    }
    all.join(" ")
}

/// A call that was begun, and waits for something.
pub(crate) struct Begun<'a>(pub(crate) Pin<Box<dyn Future<Output = Answer> + 'a>>);

pub(crate) fn begin<'a>(call: impl Future<Output = Answer> + 'a) -> Begun<'a> {
    let mut begun = Begun(Box::pin(call));
    assert_eq!(begun.look(), None, "it should wait");
    begun
}

impl Begun<'_> {
    /// The answer, if it is there.
    pub(crate) fn look(&mut self) -> Option<Answer> {
        match self
            .0
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        }
    }

    pub(crate) async fn end(self) -> Answer {
        self.0.await
    }
}

pub(crate) fn breaker(name: &str) -> &'static CircuitBreaker {
    registry().circuit_breaker(name).expect("it is annotated")
}

pub(crate) fn state(name: &str) -> CircuitBreakerState {
    breaker(name).state()
}

pub(crate) fn snapshot(name: &str) -> CircuitBreakerSnapshot {
    breaker(name).snapshot()
}

pub(crate) fn counts(name: &str) -> CircuitBreakerCounts {
    snapshot(name).counts
}
