//! What a call allocates: nothing.

use resilient::{
    BulkheadPolicy, Rate, RateLimitPolicy, Rejected, TimeoutPolicy, bulkhead, circuit_breaker,
    hedge, policy, rate_limit, registry, resilient, retry, timeout,
};
use std::future::poll_fn;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

#[derive(Debug)]
struct Error;

impl From<Rejected> for Error {
    fn from(_: Rejected) -> Self {
        Self
    }
}

#[timeout(5s)]
#[circuit_breaker("allocation.stack", failure_rate = 50%, window = 100)]
#[retry(3)]
#[timeout(1s)]
#[bulkhead(20)]
async fn stack(succeed: bool) -> Result<u64, Error> {
    if succeed {
        Ok(black_box(1))
    } else {
        Err(Error)
    }
}

#[circuit_breaker("allocation.open", failure_threshold = 1)]
#[rate_limit(1_000_000/s)]
async fn open(succeed: bool) -> Result<u64, Error> {
    if succeed {
        Ok(black_box(1))
    } else {
        Err(Error)
    }
}

#[circuit_breaker("allocation.failing", failure_rate = 100%, window = 1000)]
async fn failing(succeed: bool) -> Result<u64, Error> {
    if succeed {
        Ok(black_box(1))
    } else {
        Err(Error)
    }
}

#[circuit_breaker("allocation.failing_in_time", failure_rate = 100%, window_time = 10s)]
async fn failing_in_time(succeed: bool) -> Result<u64, Error> {
    if succeed {
        Ok(black_box(1))
    } else {
        Err(Error)
    }
}

/// Half-open for ever: so many good probes are more than this program makes.
#[circuit_breaker(
    "allocation.half_open",
    failure_threshold = 1,
    open_for = 1ms,
    half_open_for = 1h,
    success_threshold = 1_000_000
)]
async fn half_open(number: u32) -> Result<u64, Error> {
    match number {
        FAIL => Err(Error),
        HANG => std::future::pending().await,
        _ => Ok(black_box(1)),
    }
}

const FAIL: u32 = u32::MAX;
const HANG: u32 = u32::MAX - 1;

#[timeout(5s)]
#[circuit_breaker("allocation.pending", failure_rate = 50%, window = 100)]
#[retry(3)]
#[timeout(1s)]
#[bulkhead(20)]
async fn pending_once() -> Result<u64, Error> {
    // Not tokio's `yield_now`, which keeps wakers in a list of the runtime's.
    let mut has_waited = false;
    poll_fn(|context| {
        if has_waited {
            return Poll::Ready(());
        }
        has_waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    Ok(black_box(1))
}

#[retry(3, backoff = fixed(0s), budget = 50%)]
async fn retried(number: u32) -> Result<u64, Error> {
    let _ = black_box(number);
    Ok(1)
}

#[resilient("allocation.undefined")]
async fn undefined() -> Result<u64, Error> {
    Ok(black_box(1))
}

#[resilient("allocation.defined")]
async fn defined() -> Result<u64, Error> {
    Ok(black_box(1))
}

#[circuit_breaker("allocation.plain")]
#[retry(3)]
#[rate_limit(1_000_000/s)]
#[bulkhead(20)]
fn plain(succeed: bool) -> Result<u64, Error> {
    if succeed {
        Ok(black_box(1))
    } else {
        Err(Error)
    }
}

#[hedge("allocation.hedged", 1h, max = 2, budget = 10%)]
#[bulkhead(20)]
async fn hedged(succeed: bool) -> Result<u64, Error> {
    if succeed {
        Ok(black_box(1))
    } else {
        Err(Error)
    }
}

#[timeout(5s)]
#[retry(3)]
fn boxed(succeed: bool) -> Pin<Box<dyn Future<Output = Result<u64, Error>> + Send>> {
    Box::pin(async move { plain(succeed) })
}

#[hedge("allocation.percentile", p95)]
async fn hedged_by_percentile() -> Result<u64, Error> {
    Ok(black_box(1))
}

#[hedge("allocation.extra", 0s, max = 3)]
async fn hedged_at_once(polls: &std::cell::Cell<u32>) -> Result<u64, Error> {
    poll_fn(|_| {
        polls.set(polls.get() + 1);
        if polls.get() < 3 {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    Ok(black_box(1))
}

/// Allocations of a thousand calls, after the first few of them.
fn allocations(call: impl AsyncFn(u32)) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        for number in 0..10 {
            call(number).await;
        }
        // `block_on` inside the measurement would count what the runtime does.
        let mut calls = pin!(async {
            for number in 0..1000 {
                call(number).await;
            }
        });
        let counted = allocation_counter::measure(|| {
            let mut context = Context::from_waker(Waker::noop());
            // What is pending here is ready when it is polled again.
            while calls.as_mut().poll(&mut context).is_pending() {}
        });
        counted.count_total
    })
}

#[test]
fn a_call_through_five_policies_allocates_nothing() {
    let allocated = allocations(async |_| assert_eq!(stack(true).await.unwrap(), 1));
    assert_eq!(allocated, 0);
}

#[test]
fn a_plain_call_allocates_nothing_and_a_boxed_future_no_more_than_its_box() {
    let allocated = allocations(async |_| assert_eq!(plain(true).unwrap(), 1));
    assert_eq!(allocated, 0);
    let allocated = allocations(async |_| assert_eq!(boxed(true).await.unwrap(), 1));
    assert_eq!(allocated, 1000, "one box a call");
}

#[test]
fn a_call_whose_first_attempt_answers_in_time_allocates_nothing_under_a_hedge() {
    let allocated = allocations(async |number| {
        assert_eq!(hedged(number % 10 != 0).await.is_ok(), number % 10 != 0);
    });
    assert_eq!(allocated, 0);
    let allocated = allocations(async |_| assert!(hedged_by_percentile().await.is_ok()));
    assert_eq!(allocated, 0);
}

#[test]
fn each_extra_attempt_allocates_its_box_and_nothing_else() {
    let polls = std::cell::Cell::new(0);
    let allocated = allocations(async |_| {
        polls.set(0);
        assert!(hedged_at_once(&polls).await.is_ok());
        assert_eq!(polls.get(), 3);
    });
    assert_eq!(allocated, 2 * 1000, "the third attempt answers");
}

#[test]
fn a_call_through_a_pipeline_allocates_nothing() {
    let allocated = allocations(async |_| assert_eq!(undefined().await.unwrap(), 1));
    assert_eq!(allocated, 0);
    let second = std::time::Duration::from_secs(1);
    policy("allocation.defined")
        .timeout(TimeoutPolicy::new().duration(5 * second))
        .circuit_breaker(resilient::CircuitBreakerPolicy::new())
        .retry(resilient::RetryPolicy::new())
        .rate_limit(RateLimitPolicy::new().rate(Rate::new(1_000_000, second)))
        .attempt_timeout(TimeoutPolicy::new().duration(second))
        .bulkhead(BulkheadPolicy::new().limit(20))
        .register()
        .unwrap();
    let allocated = allocations(async |_| assert_eq!(defined().await.unwrap(), 1));
    assert_eq!(allocated, 0);
}

#[test]
fn a_refusal_by_an_open_breaker_allocates_nothing() {
    let allocated = allocations(async |_| assert!(open(false).await.is_err()));
    assert_eq!(allocated, 0);
    let breaker = registry().circuit_breaker("allocation.open").unwrap();
    assert_eq!(breaker.state(), resilient::CircuitBreakerState::Open);
}

#[test]
fn a_call_that_fails_in_a_closed_breaker_allocates_nothing() {
    let allocated = allocations(async |number| {
        assert_eq!(failing(number % 10 != 0).await.is_ok(), number % 10 != 0);
    });
    assert_eq!(allocated, 0);
}

#[test]
fn a_call_that_fails_in_a_breaker_over_time_allocates_nothing() {
    let allocated = allocations(async |number| {
        let succeeds = number % 10 != 0;
        assert_eq!(failing_in_time(succeeds).await.is_ok(), succeeds);
    });
    assert_eq!(allocated, 0);
}

#[test]
fn a_probe_and_a_refusal_of_a_half_open_breaker_allocate_nothing() {
    let mut context = Context::from_waker(Waker::noop());
    let mut failed = pin!(half_open(FAIL));
    assert!(matches!(
        failed.as_mut().poll(&mut context),
        Poll::Ready(Err(_))
    ));
    let breaker = registry().circuit_breaker("allocation.half_open").unwrap();
    while breaker.state() != resilient::CircuitBreakerState::HalfOpen {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let allocated = allocations(async |number| assert!(half_open(number).await.is_ok()));
    assert_eq!(allocated, 0, "probes");
    let mut hangs = pin!(half_open(HANG));
    assert!(
        hangs.as_mut().poll(&mut context).is_pending(),
        "the only probe"
    );
    let allocated = allocations(async |number| assert!(half_open(number).await.is_err()));
    assert_eq!(allocated, 0, "refusals");
    assert_eq!(breaker.state(), resilient::CircuitBreakerState::HalfOpen);
}

#[test]
fn a_call_that_counts_for_a_retry_budget_allocates_nothing() {
    let allocated = allocations(async |number| assert!(retried(number).await.is_ok()));
    assert_eq!(allocated, 0);
}

#[test]
fn a_call_that_has_to_wait_for_its_body_allocates_nothing() {
    let allocated = allocations(async |_| assert_eq!(pending_once().await.unwrap(), 1));
    assert_eq!(allocated, 0);
}

#[test]
fn the_counter_counts() {
    let allocated = allocations(async |_| drop(black_box(Box::new(1))));
    assert_eq!(allocated, 1000);
}
