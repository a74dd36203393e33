//! From the first poll to the last drop, whatever the shape.

use crate::callee::{Answer, Error, tick};
use async_trait::async_trait;
use resilient::{bulkhead, circuit_breaker, retry, timeout};
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Counted by its copies: each attempt holds one, and nothing else does when it is over.
type Counted = Arc<()>;

struct Shop;

#[async_trait]
trait Sell {
    async fn sell(&self, runs: &Counted, moved: Counted) -> Answer<usize>;
}

#[async_trait]
impl Sell for Shop {
    #[timeout("shapes.life", 1h)]
    #[retry(3, backoff = fixed(0s))]
    #[bulkhead("shapes.life", 100)]
    async fn sell(&self, runs: &Counted, moved: Counted) -> Answer<usize> {
        body(runs, moved).await
    }
}

async fn body(runs: &Counted, moved: Counted) -> Answer<usize> {
    let local = Counted::clone(runs);
    tick().await;
    tick().await;
    drop((local, moved));
    Err(Error::Failed(1))
}

#[timeout("shapes.life", 1h)]
#[retry(3, backoff = fixed(0s))]
#[bulkhead("shapes.life", 100)]
async fn by_async(runs: &Counted, moved: Counted) -> Answer<usize> {
    body(runs, moved).await
}

#[timeout("shapes.life", 1h)]
#[retry(3, backoff = fixed(0s))]
#[bulkhead("shapes.life", 100)]
fn by_box(runs: &Counted, moved: Counted) -> BoxFuture<'_, Answer<usize>> {
    let early = Counted::clone(runs);
    Box::pin(async move {
        let outcome = body(runs, moved).await;
        drop(early);
        outcome
    })
}

#[timeout("shapes.life", 1h)]
#[retry(3, backoff = fixed(0s))]
#[bulkhead("shapes.life", 100)]
fn by_impl(runs: &Counted, moved: Counted) -> impl Future<Output = Answer<usize>> + Send + '_ {
    body(runs, moved)
}

fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn inside() -> u32 {
    let bulkhead = resilient::registry().bulkhead("shapes.life");
    let bulkhead = bulkhead.expect("it is annotated");
    match resilient::LivePolicy::snapshot(bulkhead) {
        resilient::LiveSnapshot::Bulkhead(snapshot) => snapshot.inside,
        other => panic!("{other:?}"),
    }
}

/// Drops a call of each shape at each of its waits.
#[tokio::test]
async fn a_call_dropped_at_any_of_its_waits_has_dropped_all_that_it_held_once() {
    type Make = for<'a> fn(&'a Counted, Counted) -> BoxFuture<'a, Answer<usize>>;
    let shapes: [Make; 4] = [
        |runs, moved| Box::pin(by_async(runs, moved)),
        |runs, moved| by_box(runs, moved),
        |runs, moved| Box::pin(by_impl(runs, moved)),
        |runs, moved| Box::pin(async move { Shop.sell(runs, moved).await }),
    ];
    for make in shapes {
        let mut waits = 0;
        loop {
            let (runs, moved) = (Counted::default(), Counted::default());
            let mut call = make(&runs, Counted::clone(&moved));
            assert_eq!(
                Arc::strong_count(&runs),
                1,
                "nothing runs before the first poll"
            );
            let ended = (0..waits).any(|_| poll_once(call.as_mut()).is_ready());
            let is_inside = u32::from(waits > 0 && !ended);
            assert_eq!(inside(), is_inside);
            drop(call);
            assert_eq!(Arc::strong_count(&runs), 1, "after {waits} polls");
            assert_eq!(Arc::strong_count(&moved), 1, "after {waits} polls");
            assert_eq!(inside(), 0, "after {waits} polls");
            if ended {
                break;
            }
            waits += 1;
        }
        assert_eq!(waits, 7, "two waits in each of three attempts, and the end");
    }
}

#[circuit_breaker("shapes.life.panic", failure_threshold = 1)]
#[bulkhead(5)]
fn panics_early(early: bool) -> BoxFuture<'static, Answer<u32>> {
    assert!(!early, "before there is a future");
    Box::pin(pending())
}

#[test]
fn a_body_that_panics_before_it_has_made_its_future_has_failed() {
    let breaker = resilient::registry().circuit_breaker("shapes.life.panic");
    let breaker = breaker.expect("it is annotated");
    let mut call = panics_early(false);
    assert!(poll_once(call.as_mut()).is_pending());
    drop(call);
    assert_eq!(breaker.snapshot().counts.abandoned, 1);
    let mut call = panics_early(true);
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(call.as_mut()))).is_err());
    assert_eq!(breaker.state(), resilient::CircuitBreakerState::Open);
}

#[timeout("shapes.life.cut", 10ms)]
#[circuit_breaker("shapes.life.cut", failure_threshold = 1)]
fn never_answers() -> impl Future<Output = Answer<u32>> {
    pending()
}

#[tokio::test(start_paused = true)]
async fn a_returned_future_is_cut_off_as_a_failure() {
    let breaker = resilient::registry().circuit_breaker("shapes.life.cut");
    let breaker = breaker.expect("it is annotated");
    let call = pin!(never_answers());
    assert!(matches!(call.await, Err(Error::Rejected(_))));
    assert_eq!(breaker.state(), resilient::CircuitBreakerState::Open);
}
