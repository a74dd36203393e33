//! The annotated service: every policy, alone and in stacks, with keys and without.

use crate::plan::{Failure, Plan};
use resilient::{
    bulkhead, circuit_breaker, fallback, hedge, rate_limit, resilient, retry, timeout,
};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// How many keys there are.
pub(crate) const KEYS: u32 = 10_000;

/// How many of them share the hot limits and bulkheads.
pub(crate) const HOT_KEYS: usize = 16;

/// What `soak.search` admits in a second, and at once.
pub(crate) const SEARCHES: (u32, u32) = (2000, 40);

/// What `soak.export` admits of each key in a second, and at once.
pub(crate) const EXPORTS: (u32, u32) = (100, 5);

/// How many places each bulkhead has, if nobody lowers it.
pub(crate) const ORDERS: u32 = 8;
pub(crate) const SEARCHERS: u32 = 6;
pub(crate) const EXPORTERS: u32 = 2;
pub(crate) const CHECKOUTS: u32 = 5;

/// The bodies of one function, counted where they run.
#[derive(Debug)]
pub(crate) struct Bodies {
    /// How many began.
    pub(crate) begun: AtomicU64,
    /// How many run.
    pub(crate) inside: AtomicU32,
    /// How many ran at once, at most, since this was set to 0.
    pub(crate) most: AtomicU32,
}

impl Bodies {
    const fn new() -> Self {
        Self {
            begun: AtomicU64::new(0),
            inside: AtomicU32::new(0),
            most: AtomicU32::new(0),
        }
    }

    pub(crate) fn enter(&self) -> Inside<'_> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(inside, Ordering::SeqCst);
        Inside(self)
    }
}

/// A body that runs.
#[derive(Debug)]
pub(crate) struct Inside<'a>(&'a Bodies);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(crate) static QUOTES: Bodies = Bodies::new();
pub(crate) static ORDERED: Bodies = Bodies::new();
pub(crate) static SEARCHED: Bodies = Bodies::new();
pub(crate) static EXPORTED: [Bodies; HOT_KEYS] = [const { Bodies::new() }; HOT_KEYS];
pub(crate) static BROWSED: Bodies = Bodies::new();
pub(crate) static CHECKED_OUT: Bodies = Bodies::new();

/// One breaker, and one good answer, for each of ten thousand keys.
#[fallback("soak.quote", stale = 200ms, key = key, entries = 1000)]
#[circuit_breaker("soak.quote", failure_threshold = 3, open_for = 40ms, success_threshold = 1, key = key, max_keys = 20000)]
#[timeout("soak.quote", 30ms)]
pub(crate) async fn quote(key: u32, plan: &Plan) -> Result<u32, Failure> {
    let _inside = QUOTES.enter();
    plan.run().await?;
    Ok(key)
}

/// A breaker with a ramp around a retry with a budget, whose places are free between the attempts.
#[timeout("soak.order", 60ms)]
#[circuit_breaker(
    "soak.order",
    failure_rate = 50%,
    window = 20,
    min_calls = 5,
    slow_call = 40ms,
    slow_call_rate = 90%,
    open_for = 15ms,
    open_backoff = 1.5,
    open_jitter = 10%,
    half_open_calls = 3,
    success_threshold = 2,
    half_open_for = 50ms,
    ramp = [50%],
)]
#[retry("soak.order", 3, backoff = exponential(1ms..8ms), budget("soak", 20%))]
#[bulkhead("soak.order", 8, queue = 16, max_wait = 20ms)]
pub(crate) async fn order(plan: &Plan) -> Result<u32, Failure> {
    let _inside = ORDERED.enter();
    plan.run().await?;
    Ok(1)
}

/// A limit whose calls wait for their turn, and attempts beside each other.
#[rate_limit("soak.search", 2000/s, burst = 40, max_wait = 5ms)]
#[hedge("soak.search", 3ms, max = 2, budget("soak", 20%))]
#[bulkhead("soak.search", 6, queue = 4, order = lifo)]
pub(crate) async fn search(plan: &Plan) -> Result<u32, Failure> {
    let _inside = SEARCHED.enter();
    plan.run().await?;
    Ok(2)
}

/// A limit and a bulkhead for each of a few keys.
#[fallback("soak.export", value = 0)]
#[rate_limit("soak.export", 100/s, burst = 5, key = key)]
#[bulkhead("soak.export", 2, queue = 1, key = key)]
pub(crate) async fn export(key: usize, plan: &Plan) -> Result<u32, Failure> {
    let _inside = EXPORTED[key].enter();
    plan.run().await?;
    Ok(3)
}

/// A breaker and a bulkhead for each key, of which there are far more than instances.
#[circuit_breaker("soak.browse", failure_threshold = 5, open_for = 10ms, key = key, max_keys = 100)]
#[bulkhead("soak.browse", 2, queue = 1, key = key, max_keys = 100)]
pub(crate) async fn browse(key: u32, plan: &Plan) -> Result<u32, Failure> {
    let _inside = BROWSED.enter();
    plan.run().await?;
    Ok(5)
}

/// A pipeline, defined in code.
#[resilient("soak.checkout")]
pub(crate) async fn checkout(plan: &Plan) -> Result<u32, Failure> {
    let _inside = CHECKED_OUT.enter();
    plan.run().await?;
    Ok(4)
}

/// Defines what the attributes only name.
pub(crate) fn define() -> Result<(), resilient::RegisterError> {
    use resilient::{
        Backoff, BulkheadPolicy, CircuitBreakerPolicy, Jitter, RetryPolicy, TimeoutPolicy,
    };
    let milli = Duration::from_millis;
    resilient::policy("soak.checkout")
        .timeout(TimeoutPolicy::new().duration(milli(80)))
        .circuit_breaker(
            CircuitBreakerPolicy::new()
                .failure_threshold(20)
                .window_time(milli(500))
                .open_for(milli(20))
                .half_open_calls(2)
                .success_threshold(2)
                .count_rejections(true),
        )
        .retry(
            RetryPolicy::new()
                .attempts(2)
                .backoff(Backoff::fixed(milli(2)))
                .jitter(Jitter::full()),
        )
        .attempt_timeout(TimeoutPolicy::new().duration(milli(25)))
        .bulkhead(BulkheadPolicy::new().limit(CHECKOUTS).queue(3))
        .register()
}
