//! What an attribute becomes, written by hand on the core.

use crate::paths::{Answer, Error, work};
use resilient::{
    Bulkhead, BulkheadPolicy, CircuitBreaker, CircuitBreakerPolicy, Failure, Frame, Inside, Judge,
    LivePolicy, Retry, RetryPolicy, Share, Timeout, TimeoutPolicy,
};
use std::sync::LazyLock;
use std::time::Duration;

const BREAKER: CircuitBreakerPolicy = CircuitBreakerPolicy::new()
    .failure_rate(Share::percent(50))
    .window(100)
    .checked();

static OVER_CALLS: LazyLock<CircuitBreaker> =
    LazyLock::new(|| CircuitBreaker::new("over calls, by hand", &BREAKER));
static TIMEOUT: LazyLock<Timeout> = LazyLock::new(|| {
    Timeout::new(
        "four, by hand",
        &TimeoutPolicy::new().duration(Duration::from_secs(5)),
    )
});
static FOUR: LazyLock<CircuitBreaker> =
    LazyLock::new(|| CircuitBreaker::new("four, by hand", &BREAKER));
static RETRY: LazyLock<Retry> =
    LazyLock::new(|| Retry::new("four, by hand", &RetryPolicy::new().attempts(3)));
static BULKHEAD: LazyLock<Bulkhead> =
    LazyLock::new(|| Bulkhead::new("four, by hand", &BulkheadPolicy::new().limit(20)));

const fn judge() -> Judge<Answer> {
    Judge::new()
}

fn inside(answer: Answer) -> Inside<u64, Error> {
    answer.map_err(Failure::Error)
}

fn finish(outcome: Inside<u64, Error>) -> Answer {
    outcome.map_err(|failure| match failure {
        Failure::Error(error) => error,
        Failure::Rejected(rejected) => rejected.into(),
    })
}

pub(crate) async fn over_calls(number: u64) -> Answer {
    let frame = Frame::new();
    let mut permit = OVER_CALLS.admit(&frame)?;
    let outcome = inside(frame.run(work(number)).await);
    permit.settle(judge().verdict(&outcome));
    finish(outcome)
}

pub(crate) async fn four(number: u64) -> Answer {
    let frame = Frame::new();
    let outcome = TIMEOUT
        .limit(async {
            let mut permit = match FOUR.admit(&frame) {
                Ok(permit) => permit,
                Err(rejected) => return Err(Failure::Rejected(rejected)),
            };
            let mut call = RETRY.begin();
            let outcome = loop {
                let delay = {
                    let outcome = match BULKHEAD.admit(&frame).await {
                        Ok(_place) => inside(frame.run(work(number)).await),
                        Err(rejected) => Err(Failure::Rejected(rejected)),
                    };
                    match call.decide(judge().verdict(&outcome)) {
                        Some(delay) => delay,
                        None => break outcome,
                    }
                };
                frame.wait();
                delay.await;
            };
            permit.settle(judge().verdict(&outcome));
            outcome
        })
        .await;
    finish(outcome)
}
