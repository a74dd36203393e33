//! The limits that attributes write are exact whatever the threads do.

use resilient::{
    CircuitBreakerState, LivePolicy, LiveSnapshot, Rejected, bulkhead, circuit_breaker, rate_limit,
    registry,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

#[derive(Debug, PartialEq, thiserror::Error)]
enum Error {
    #[error("the callee failed")]
    Failed,
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

type Answer = Result<(), Error>;

/// How many bodies are at work, and how many there ever were at a time.
#[derive(Default)]
struct Inside {
    now: AtomicU64,
    most: AtomicU64,
}

impl Inside {
    /// Inside for a few turns of the scheduler, as many as `call` says.
    async fn stay(&self, call: u64) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        for _ in 0..call % 4 {
            tokio::task::yield_now().await;
            thread::yield_now();
        }
        self.now.fetch_sub(1, Ordering::SeqCst);
    }

    fn most(&self) -> u64 {
        assert_eq!(self.now.load(Ordering::SeqCst), 0, "all have left");
        self.most.load(Ordering::SeqCst)
    }
}

/// So many threads make so many calls each, one after another: how many were let in, and how many
/// were refused.
fn crowd<F>(threads: u64, calls: u64, call: impl Fn(u64) -> F + Sync) -> (u64, u64)
where
    F: Future<Output = Answer>,
{
    let (admitted, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    let many = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        for number in 0..calls {
            let count = match runtime.block_on(call(number)) {
                Err(Error::Rejected(_)) => &refused,
                Ok(()) | Err(Error::Failed) => &admitted,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(many);
        }
    });
    (admitted.into_inner(), refused.into_inner())
}

#[bulkhead("threads.bulkhead", 3, queue = 2)]
async fn three_and_two(inside: &Inside, call: u64) -> Answer {
    inside.stay(call).await;
    Ok(())
}

#[test]
fn a_bulkhead_refuses_nobody_of_as_many_as_it_has_room_for_and_admits_no_more() {
    let inside = Inside::default();
    let call = |number| three_and_two(&inside, number);
    assert_eq!(crowd(5, 2_000, call), (10_000, 0), "three inside, two wait");
    assert!(inside.most() <= 3);

    let (admitted, refused) = crowd(9, 1_000, call);
    assert_eq!(admitted + refused, 9_000);
    assert!(inside.most() <= 3);
    let bulkhead = registry().bulkhead("threads.bulkhead").expect("annotated");
    let LiveSnapshot::Bulkhead(seen) = bulkhead.snapshot() else {
        unreachable!("a bulkhead");
    };
    assert_eq!((seen.inside, seen.waiting, seen.abandoned), (0, 0, 0));
    assert_eq!((seen.admitted, seen.rejected), (10_000 + admitted, refused));
}

#[circuit_breaker(
    "threads.half_open",
    failure_threshold = 1,
    open_for = 0s,
    half_open_calls = 4,
    half_open_for = 1h,
    success_threshold = 1_000_000
)]
async fn probes(inside: &Inside, call: u64, fails: bool) -> Answer {
    inside.stay(call).await;
    if fails { Err(Error::Failed) } else { Ok(()) }
}

#[test]
fn half_open_as_many_probes_as_there_are_places_are_admitted_and_no_more() {
    let inside = Inside::default();
    let call = |number| probes(&inside, number, false);
    assert_eq!(
        crowd(1, 1, |_| probes(&inside, 0, true)),
        (1, 0),
        "it opens"
    );
    assert_eq!(crowd(4, 2_000, call), (8_000, 0), "a place for each");
    assert!(inside.most() <= 4);

    let (admitted, refused) = crowd(8, 1_000, call);
    assert_eq!(admitted + refused, 8_000);
    assert!(inside.most() <= 4);
    let breaker = registry().circuit_breaker("threads.half_open");
    let seen = breaker.expect("annotated").snapshot();
    assert_eq!(seen.state, CircuitBreakerState::HalfOpen);
    assert_eq!(seen.probes_inside, Some(0));
    assert_eq!(
        u64::from(seen.probes_succeeded.expect("half-open")),
        8_000 + admitted
    );
    let counts = seen.counts;
    assert_eq!((counts.success, counts.failure), (8_000 + admitted, 1));
    assert_eq!(counts.rejected, refused);
}

#[circuit_breaker("threads.counts", failure_rate = 40%, window = 10, open_for = 0s, success_threshold = 1)]
async fn opens_all_the_time(inside: &Inside, call: u64) -> Answer {
    inside.stay(call).await;
    if call.is_multiple_of(2) {
        Err(Error::Failed)
    } else {
        Ok(())
    }
}

#[test]
fn a_breaker_that_opens_all_the_time_counts_every_call_once() {
    let inside = Inside::default();
    let (admitted, refused) = crowd(8, 2_000, |number| opens_all_the_time(&inside, number));
    assert_eq!(admitted + refused, 16_000);
    let breaker = registry().circuit_breaker("threads.counts");
    let counts = breaker.expect("annotated").snapshot().counts;
    assert_eq!(counts.success + counts.failure, admitted);
    assert_eq!((counts.ignored, counts.abandoned), (0, 0));
    assert_eq!(counts.rejected, refused);
    assert!(counts.opened > 0);
}

#[rate_limit("threads.tokens", 1/24h, burst = 5_000)]
async fn takes_a_token() -> Answer {
    Ok(())
}

#[rate_limit("threads.sliding", 5_000/24h, algorithm = sliding_window)]
async fn is_remembered() -> Answer {
    Ok(())
}

#[rate_limit("threads.fixed", 5_000/24h, algorithm = fixed_window)]
async fn is_counted() -> Answer {
    Ok(())
}

#[test]
fn a_rate_limit_admits_exactly_as_many_as_there_are_tokens() {
    assert_eq!(crowd(8, 1_000, |_| takes_a_token()), (5_000, 3_000));
    assert_eq!(crowd(8, 1_000, |_| is_remembered()), (5_000, 3_000));
    assert_eq!(crowd(8, 1_000, |_| is_counted()), (5_000, 3_000));
}

#[bulkhead("threads.outer", 2)]
#[rate_limit("threads.inner", 1/24h, burst = 2_000)]
async fn limited_twice(inside: &Inside, call: u64) -> Answer {
    inside.stay(call).await;
    Ok(())
}

#[test]
fn a_call_that_the_outer_limit_refuses_takes_nothing_of_the_inner_one() {
    let inside = Inside::default();
    crowd(6, 1_000, |number| limited_twice(&inside, number));
    assert!(inside.most() <= 2);
    let limit = registry().rate_limit("threads.inner").expect("annotated");
    let LiveSnapshot::RateLimiter(seen) = limit.snapshot() else {
        unreachable!("a rate limit");
    };
    let bulkhead = registry().bulkhead("threads.outer").expect("annotated");
    let LiveSnapshot::Bulkhead(outer) = bulkhead.snapshot() else {
        unreachable!("a bulkhead");
    };
    assert_eq!(outer.admitted + outer.rejected, 6_000);
    assert_eq!(seen.admitted + seen.rejected, outer.admitted);
    assert_eq!(seen.admitted, outer.admitted.min(2_000));
}
