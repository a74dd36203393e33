//! What a status of tonic says of itself decides about retries and breakers, through the attributes.

use resilient::{CircuitBreakerState, Class, Classify, Rejected, circuit_breaker, registry, retry};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

#[retry(3, backoff = fixed(10s), jitter = none)]
async fn call(runs: &AtomicU32, status: impl Fn() -> Status) -> Result<(), Status> {
    runs.fetch_add(1, Ordering::Relaxed);
    Err(status())
}

/// How many attempts a call had that always fails like this, and how many seconds it took.
async fn measured(status: impl Fn() -> Status) -> (u32, u64) {
    let (runs, began) = (AtomicU32::new(0), Instant::now());
    call(&runs, status).await.expect_err("it always fails");
    (runs.into_inner(), began.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_status_is_retried_if_its_code_may_pass() {
    for code in [
        Code::Unavailable,
        Code::DeadlineExceeded,
        Code::ResourceExhausted,
        Code::Aborted,
        Code::Cancelled,
        Code::Internal,
        Code::Unknown,
    ] {
        assert_eq!(measured(|| Status::new(code, "x")).await, (3, 20), "{code}");
    }
    for code in [
        Code::InvalidArgument,
        Code::NotFound,
        Code::AlreadyExists,
        Code::PermissionDenied,
        Code::Unauthenticated,
        Code::FailedPrecondition,
        Code::OutOfRange,
        Code::Unimplemented,
        Code::DataLoss,
    ] {
        assert_eq!(measured(|| Status::new(code, "x")).await, (1, 0), "{code}");
    }
}

fn pushed_back(value: &'static str) -> Status {
    let mut status = Status::unavailable("busy");
    let value = value.parse().expect("a value");
    status
        .metadata_mut()
        .insert("grpc-retry-pushback-ms", value);
    status
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_for_as_long_as_the_server_pushes_back() {
    assert_eq!(measured(|| pushed_back("4000")).await, (3, 20));
    assert_eq!(measured(|| pushed_back("10000")).await, (3, 20));
    let (runs, took) = measured(|| pushed_back("10001")).await;
    assert_eq!((runs, took), (1, 0), "longer than the backoff ever waits");
    let (runs, took) = measured(|| pushed_back("-1")).await;
    assert_eq!((runs, took), (1, 0), "it wants to hear nothing more");
}

#[test]
fn retry_info_among_the_details_is_read() {
    for delay in [
        Duration::ZERO,
        Duration::from_millis(1),
        Duration::from_millis(2500),
        Duration::from_secs(86_400),
        Duration::new(7, 999_999_999),
    ] {
        let mut details = ErrorDetails::new();
        details
            .set_quota_failure(vec![])
            .set_retry_info(Some(delay))
            .set_request_info("id", "data");
        let status = Status::with_error_details(Code::ResourceExhausted, "quota", details);
        let retry_after = Some(delay);
        assert_eq!(status.class(), Class::Throttled { retry_after });
    }
    let details = ErrorDetails::with_help_link("more", "http://127.0.0.1/");
    let status = Status::with_error_details(Code::Unavailable, "x", details);
    assert_eq!(status.class(), Class::Transient);
}

/// A function's own error, which leaves the decision to the status.
#[derive(Debug, thiserror::Error, Classify)]
enum StockError {
    #[error("the warehouse failed")]
    #[class(forward)]
    Grpc(#[from] Status),
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

#[circuit_breaker("grpc.stock", failure_threshold = 2)]
async fn stock(code: Code) -> Result<(), StockError> {
    Err(Status::new(code, "x"))?
}

#[tokio::test]
async fn a_breaker_opens_for_a_server_that_fails_and_not_for_one_that_says_no() {
    let breaker = || registry().circuit_breaker("grpc.stock").expect("a breaker");
    for code in [Code::NotFound, Code::InvalidArgument, Code::AlreadyExists] {
        stock(code).await.expect_err("it always fails");
    }
    assert_eq!(breaker().state(), CircuitBreakerState::Closed);
    for code in [Code::Unavailable, Code::Internal] {
        stock(code).await.expect_err("it always fails");
    }
    assert_eq!(breaker().state(), CircuitBreakerState::Open);
    let error = stock(Code::Ok).await.expect_err("the breaker is open");
    assert!(matches!(error, StockError::Rejected(_)), "{error}");
}

#[retry(3, backoff = fixed(10s), jitter = none)]
async fn outer(runs: &AtomicU32, refused: Rejected) -> Result<(), Status> {
    runs.fetch_add(1, Ordering::Relaxed);
    Err(Status::from_error(Box::new(refused)))
}

#[tokio::test(start_paused = true)]
async fn a_refusal_in_a_status_stays_one() {
    let runs = AtomicU32::new(0);
    let refused = Rejected::forced_open("x");
    outer(&runs, refused).await.expect_err("it was refused");
    assert_eq!(runs.into_inner(), 1);
}
