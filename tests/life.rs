//! However a call ends, every place it took is free again and every admission is settled once.

use resilient::{
    CircuitBreakerState, LiveSnapshot, Rejected, bulkhead, circuit_breaker, fallback, registry,
    retry, timeout,
};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::{Instant, advance, sleep};

#[derive(Debug, PartialEq, thiserror::Error)]
enum Error {
    #[error("the callee failed")]
    Failed,
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

type Answer = Result<u32, Error>;

fn inside(bulkhead: &str) -> u64 {
    let bulkhead = registry().bulkhead(bulkhead).expect("it is annotated");
    match resilient::LivePolicy::snapshot(bulkhead) {
        LiveSnapshot::Bulkhead(snapshot) => {
            u64::from(snapshot.inside) + u64::from(snapshot.waiting)
        }
        other => panic!("{other:?}"),
    }
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[retry(3, backoff = fixed(0s))]
#[circuit_breaker("life.panic", failure_threshold = 1)]
#[bulkhead("life.panic", 1)]
async fn panics(runs: &AtomicU32) -> Answer {
    runs.fetch_add(1, Ordering::Relaxed);
    tokio::task::yield_now().await;
    panic!("the body panics");
}

#[tokio::test]
async fn a_panic_is_a_failure_that_reaches_the_caller_is_not_retried_and_holds_nothing() {
    let runs = AtomicU32::new(0);
    let mut call = pin!(panics(&runs));
    assert!(poll_once(call.as_mut()).is_pending());
    assert_eq!(inside("life.panic"), 1);
    let caught = std::panic::catch_unwind(AssertUnwindSafe(|| poll_once(call.as_mut())));
    let message = *caught.unwrap_err().downcast::<&str>().unwrap();
    assert_eq!(message, "the body panics");
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    assert_eq!(inside("life.panic"), 0);
    let breaker = registry().circuit_breaker("life.panic").unwrap();
    assert_eq!(breaker.state(), CircuitBreakerState::Open);
}

#[circuit_breaker("life.predicate", failure_threshold = 1)]
#[retry(2, backoff = fixed(0s), when = |_| panic!("the predicate panics"))]
#[bulkhead("life.predicate", 1)]
async fn judged_by_a_predicate_that_panics() -> Answer {
    Err(Error::Failed)
}

#[tokio::test]
async fn a_predicate_that_panics_is_a_failure_and_wedges_nothing() {
    let mut call = pin!(judged_by_a_predicate_that_panics());
    let caught = std::panic::catch_unwind(AssertUnwindSafe(|| poll_once(call.as_mut())));
    assert!(caught.is_err());
    assert_eq!(inside("life.predicate"), 0);
    assert_eq!(state("life.predicate"), CircuitBreakerState::Open);
}

#[circuit_breaker("life.foreign", failure_threshold = 1)]
async fn hangs_in_a_breaker() -> Answer {
    std::future::pending().await
}

#[tokio::test]
async fn a_call_dropped_because_somebody_else_panics_is_abandoned() {
    let caught = std::panic::catch_unwind(|| {
        let mut call = Box::pin(hangs_in_a_breaker());
        assert!(poll_once(call.as_mut()).is_pending());
        panic!("not the call's own panic");
    });
    assert!(caught.is_err());
    let breaker = registry().circuit_breaker("life.foreign").unwrap();
    assert_eq!(breaker.state(), CircuitBreakerState::Closed);
    let counts = breaker.snapshot().counts;
    assert_eq!((counts.abandoned, counts.failure), (1, 0));
}

#[timeout("life.steps", 1h)]
#[circuit_breaker("life.steps", failure_threshold = 1)]
#[retry("life.steps", 3, backoff = fixed(10ms), jitter = none)]
#[bulkhead("life.steps", 1, queue = 1)]
async fn step_by_step(runs: &AtomicU32) -> Answer {
    let run = runs.fetch_add(1, Ordering::Relaxed);
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
    if run < 2 { Err(Error::Failed) } else { Ok(run) }
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_at_any_of_its_waits_leaves_nothing_behind() {
    let breaker = registry().circuit_breaker("life.steps").unwrap();
    let mut completed = None;
    for polls in 0.. {
        let runs = AtomicU32::new(0);
        {
            let mut call = pin!(step_by_step(&runs));
            for _ in 0..polls {
                if poll_once(call.as_mut()).is_ready() {
                    completed = Some(polls);
                }
                // Delays pass too.
                advance(Duration::from_millis(5)).await;
                if completed.is_some() {
                    break;
                }
            }
        }
        let ran = runs.load(Ordering::Relaxed);
        advance(Duration::from_secs(1)).await;
        assert_eq!(runs.load(Ordering::Relaxed), ran, "nothing runs afterwards");
        assert_eq!(inside("life.steps"), 0, "dropped after {polls} polls");
        assert_eq!(breaker.state(), CircuitBreakerState::Closed);
        if completed.is_some() {
            break;
        }
    }
    assert!(
        completed.unwrap() > 8,
        "every wait of three attempts was one of the steps"
    );
}

#[timeout(100ms)]
#[circuit_breaker("life.cut", failure_threshold = 1)]
async fn cut_by_its_own_stack() -> Answer {
    std::future::pending().await
}

#[timeout("life.outer", 100ms)]
async fn outer() -> Answer {
    cut_from_another_function().await
}

#[circuit_breaker("life.cut.inner", failure_threshold = 1)]
async fn cut_from_another_function() -> Answer {
    std::future::pending().await
}

#[timeout(100ms)]
#[circuit_breaker("life.cut.queue", failure_threshold = 1)]
#[bulkhead("life.cut.queue", 1, queue = 1)]
async fn cut_while_it_waits() -> Answer {
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn a_timeout_further_out_makes_a_running_body_a_failure_and_a_waiting_call_abandoned() {
    assert!(matches!(
        cut_by_its_own_stack().await,
        Err(Error::Rejected(Rejected::TimedOut(_)))
    ));
    assert_eq!(state("life.cut"), CircuitBreakerState::Open);

    assert!(matches!(
        outer().await,
        Err(Error::Rejected(Rejected::TimedOut(_)))
    ));
    assert_eq!(state("life.cut.inner"), CircuitBreakerState::Open);

    let mut inside = pin!(cut_while_it_waits());
    assert!(poll_once(inside.as_mut()).is_pending());
    // The second one waits in the queue until it is cut.
    assert!(cut_while_it_waits().await.is_err());
    assert_eq!(state("life.cut.queue"), CircuitBreakerState::Closed);
    assert_eq!(abandoned("life.cut.queue"), 1);
}

fn abandoned(breaker: &str) -> u64 {
    let breaker = registry().circuit_breaker(breaker);
    breaker
        .expect("it is annotated")
        .snapshot()
        .counts
        .abandoned
}

fn state(breaker: &str) -> CircuitBreakerState {
    let breaker = registry().circuit_breaker(breaker);
    breaker.expect("it is annotated").state()
}

#[circuit_breaker("life.late", failure_threshold = 1, open_for = 1s, success_threshold = 1)]
async fn answers_after(duration: Duration, succeed: bool) -> Answer {
    sleep(duration).await;
    if succeed { Ok(1) } else { Err(Error::Failed) }
}

#[tokio::test(start_paused = true)]
async fn a_result_of_an_older_generation_changes_nothing() {
    let late = tokio::spawn(answers_after(Duration::from_millis(1500), false));
    tokio::task::yield_now().await;
    assert_eq!(
        answers_after(Duration::ZERO, false).await,
        Err(Error::Failed)
    );
    assert_eq!(state("life.late"), CircuitBreakerState::Open);
    advance(Duration::from_secs(1)).await;
    assert_eq!(answers_after(Duration::ZERO, true).await, Ok(1));
    assert_eq!(state("life.late"), CircuitBreakerState::Closed);
    assert_eq!(late.await.unwrap(), Err(Error::Failed));
    assert_eq!(
        state("life.late"),
        CircuitBreakerState::Closed,
        "admitted before it opened"
    );
}

#[fallback(|_| Ok(7))]
#[timeout(50ms)]
#[bulkhead("life.fallback", 1)]
async fn falls_back() -> Answer {
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn a_fallback_answers_at_the_deadline_and_the_place_is_free() {
    let begin = Instant::now();
    assert_eq!(falls_back().await, Ok(7));
    assert_eq!(begin.elapsed(), Duration::from_millis(50));
    assert_eq!(inside("life.fallback"), 0);
}

#[timeout("life.lazy", 1s)]
#[bulkhead("life.lazy", 1)]
async fn lazy(runs: &AtomicU32) -> Answer {
    runs.fetch_add(1, Ordering::Relaxed);
    Ok(1)
}

#[tokio::test]
async fn nothing_happens_before_the_first_poll() {
    let runs = AtomicU32::new(0);
    let first = lazy(&runs);
    let second = lazy(&runs);
    assert_eq!(inside("life.lazy"), 0);
    assert_eq!(runs.load(Ordering::Relaxed), 0);
    drop(first);
    assert_eq!(second.await, Ok(1));
}
