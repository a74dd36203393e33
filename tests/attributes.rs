//! What a stack of attributes does when it runs: the order of its policies, its names, its code.

#![allow(
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "the functions are made for the attributes, and a test may fail"
)]

use resilient::{
    CircuitBreakerState, IdempotencyKey, Rejected, bulkhead, circuit_breaker, fallback, rate_limit,
    registry, resilient, retry, timeout,
};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::{Instant, sleep};

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
enum Error {
    #[error("failed")]
    Failed,
    #[error("gone for good")]
    Permanent,
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

impl Error {
    fn is_transient(&self) -> bool {
        *self == Self::Failed
    }
}

type Answer<T = u32> = Result<T, Error>;

/// Counts runs; cheap to share with a body.
#[derive(Clone, Debug, Default)]
struct Runs(Arc<AtomicU32>);

impl Runs {
    fn next(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

fn state(breaker: &str) -> CircuitBreakerState {
    registry().circuit_breaker(breaker).unwrap().state()
}

// ---- Order

#[circuit_breaker("attributes.calls", failure_threshold = 2)]
#[retry(2, backoff = fixed(0s))]
async fn breaker_outside(runs: &Runs) -> Answer {
    runs.next();
    Err(Error::Failed)
}

#[retry(2, backoff = fixed(0s))]
#[circuit_breaker("attributes.attempts", failure_threshold = 2)]
async fn breaker_inside(runs: &Runs) -> Answer {
    runs.next();
    Err(Error::Failed)
}

#[tokio::test]
async fn the_top_attribute_is_outermost() {
    let runs = Runs::default();
    assert_eq!(breaker_outside(&runs).await, Err(Error::Failed));
    assert_eq!(runs.count(), 2);
    assert_eq!(
        state("attributes.calls"),
        CircuitBreakerState::Closed,
        "one failed call"
    );
    assert_eq!(breaker_inside(&runs).await, Err(Error::Failed));
    assert_eq!(
        state("attributes.attempts"),
        CircuitBreakerState::Open,
        "two failed attempts"
    );
}

#[timeout(250ms)]
#[retry(10, backoff = fixed(0s))]
#[timeout(100ms)]
async fn total_and_attempt(runs: &Runs) -> Answer {
    runs.next();
    sleep(Duration::from_secs(60)).await;
    Ok(1)
}

#[tokio::test(start_paused = true)]
async fn a_total_timeout_and_one_for_each_attempt_go_together() {
    let (runs, begin) = (Runs::default(), Instant::now());
    assert!(total_and_attempt(&runs).await.is_err());
    assert_eq!(runs.count(), 3);
    assert_eq!(begin.elapsed(), Duration::from_millis(250));
}

#[resilient(timeout(250ms), retry(10, backoff = fixed(0s)))]
#[timeout(100ms)]
async fn combined(runs: &Runs) -> Answer {
    runs.next();
    sleep(Duration::from_secs(60)).await;
    Ok(1)
}

#[tokio::test(start_paused = true)]
async fn the_combined_attribute_is_its_policies_at_its_place() {
    let runs = Runs::default();
    assert!(combined(&runs).await.is_err());
    assert_eq!(runs.count(), 3);
    let explained = registry()
        .call_site("attributes::combined")
        .unwrap()
        .explain()
        .to_string();
    let places = ["duration = 250ms", "attempts = 10", "duration = 100ms"].map(|written| {
        explained
            .find(written)
            .unwrap_or_else(|| panic!("{written}: {explained}"))
    });
    assert!(places.is_sorted(), "{explained}");
}

fn log_everything(item: &str) -> usize {
    item.len()
}

#[retry(3, backoff = fixed(0s))]
#[tokio::test(start_paused = true)]
async fn a_test_attribute_below_runs_the_whole_stack() -> Result<(), Error> {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    if RUNS.fetch_add(1, Ordering::Relaxed) < 2 {
        return Err(Error::Failed);
    }
    assert_eq!(log_everything("abc"), 3);
    Ok(())
}

// ---- Code

#[retry(3, backoff = fixed(0s), when = Error::is_transient)]
async fn when(runs: &Runs, error: Error) -> Answer {
    runs.next();
    Err(error)
}

#[retry(3, backoff = fixed(0s), when_ok = |answer| *answer < wanted)]
async fn when_ok(runs: &Runs, wanted: u32) -> Answer {
    Ok(runs.next())
}

#[retry(3, backoff = fixed(0s), when_rejected = |rejected| rejected.policy() == policy)]
#[bulkhead("attributes.full", 1)]
async fn when_rejected(runs: &Runs, policy: &str) -> Answer {
    runs.next();
    std::future::pending().await
}

#[circuit_breaker("attributes.unless", failure_threshold = 1, unless = |error| *error == ignored)]
async fn unless(error: Error, ignored: Error) -> Answer {
    Err(error)
}

#[tokio::test]
async fn predicates_see_outcomes_and_arguments() {
    let runs = Runs::default();
    assert_eq!(when(&runs, Error::Permanent).await, Err(Error::Permanent));
    assert_eq!(runs.count(), 1, "not tried again");
    assert_eq!(when(&runs, Error::Failed).await, Err(Error::Failed));
    assert_eq!(runs.count(), 4);

    let runs = Runs::default();
    assert_eq!(when_ok(&runs, 2).await, Ok(2));
    assert_eq!(
        when_ok(&runs, 9).await,
        Ok(5),
        "the last answer is the answer"
    );

    let runs = Runs::default();
    let mut inside = pin!(when_rejected(&runs, ""));
    assert!(
        inside
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    assert_eq!(
        when_rejected(&runs, "attributes.full").await,
        Err(Error::Rejected(Rejected::bulkhead_full("attributes.full")))
    );
    assert_eq!(runs.count(), 1);

    assert!(unless(Error::Permanent, Error::Permanent).await.is_err());
    assert_eq!(state("attributes.unless"), CircuitBreakerState::Closed);
    assert!(unless(Error::Failed, Error::Permanent).await.is_err());
    assert_eq!(state("attributes.unless"), CircuitBreakerState::Open);
}

#[retry(3, backoff = fixed(0s), attempt = outer, idempotency_key = format!("order-{order}"))]
#[timeout(1s)]
#[retry(2, backoff = fixed(0s), attempt = inner)]
async fn attempts(order: u32, seen: &std::sync::Mutex<Vec<(u32, u32, IdempotencyKey)>>) -> Answer {
    let key = outer.idempotency_key().clone();
    assert_ne!(key, *inner.idempotency_key());
    seen.lock()
        .unwrap()
        .push((outer.number(), inner.number(), key));
    Err(Error::Failed)
}

#[tokio::test]
async fn a_body_sees_its_attempt_and_one_key_for_all_of_them() {
    let seen = std::sync::Mutex::default();
    assert!(attempts(7, &seen).await.is_err());
    let seen = seen.into_inner().unwrap();
    let numbers: Vec<(u32, u32)> = seen
        .iter()
        .map(|(outer, inner, _)| (*outer, *inner))
        .collect();
    assert_eq!(numbers, [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)]);
    assert!(seen.iter().all(|(_, _, key)| key.to_string() == "order-7"));
}

struct Request {
    budget: Duration,
}

#[timeout(|| request.budget)]
async fn per_call(request: Request) -> Answer<Duration> {
    sleep(request.budget * 2).await;
    Ok(request.budget)
}

#[tokio::test(start_paused = true)]
async fn each_call_may_have_a_timeout_of_its_own() {
    for budget in [10, 20].map(Duration::from_millis) {
        let begin = Instant::now();
        assert!(per_call(Request { budget }).await.is_err());
        assert_eq!(begin.elapsed(), budget);
    }
}

// ---- Fallbacks

#[derive(Debug, Default)]
struct Shop {
    cached: u32,
}

impl Shop {
    #[fallback(Self::stale)]
    #[fallback(Self::ask_replica, may_fail)]
    #[circuit_breaker("attributes.shop")]
    #[retry(2, backoff = fixed(0s))]
    #[timeout(1s)]
    #[rate_limit("attributes.shop", 1000/s)]
    #[bulkhead("attributes.shop", 10, queue = 5, order = lifo)]
    async fn price(&self, sku: String, runs: Runs) -> Answer {
        runs.next();
        if sku.is_empty() {
            Err(Error::Permanent)
        } else {
            Err(Error::Failed)
        }
    }

    async fn ask_replica(&self, sku: String, runs: Runs) -> Answer {
        sleep(Duration::from_millis(1)).await;
        if sku == "known" {
            Ok(runs.count())
        } else {
            Err(Error::Failed)
        }
    }

    fn stale(&self, sku: String, _: Runs) -> Answer {
        if sku.is_empty() {
            Err(Error::Permanent)
        } else {
            Ok(self.cached)
        }
    }
}

#[tokio::test(start_paused = true)]
async fn fallbacks_are_tried_from_the_lowest_to_the_top() {
    let (shop, runs) = (Shop { cached: 50 }, Runs::default());
    assert_eq!(
        shop.price("known".into(), runs.clone()).await,
        Ok(2),
        "the replica"
    );
    assert_eq!(
        shop.price("other".into(), runs.clone()).await,
        Ok(50),
        "what was cached"
    );
    assert_eq!(
        shop.price(String::new(), runs).await,
        Err(Error::Permanent),
        "the last word"
    );
}

#[fallback(|error| Err(error), when = |error| !error.is_transient(), when_rejected = |_| false)]
#[fallback(value = 9, when = Error::is_transient, when_rejected = |_| true)]
#[timeout(10ms)]
async fn selective(error: Option<Error>) -> Answer {
    match error {
        Some(error) => Err(error),
        None => std::future::pending().await,
    }
}

#[tokio::test(start_paused = true)]
async fn a_fallback_answers_what_its_predicates_choose() {
    assert_eq!(selective(Some(Error::Failed)).await, Ok(9));
    assert_eq!(
        selective(Some(Error::Permanent)).await,
        Err(Error::Permanent)
    );
    assert_eq!(selective(None).await, Ok(9));
}

// ---- Names and data

const LIMIT: u32 = 3;
const WAIT: Duration = Duration::from_millis(20);

#[bulkhead(LIMIT + 1, max_wait = WAIT.saturating_mul(2), queue = 2)]
#[rate_limit(LIMIT / 1m30s, burst = 2)]
async fn with_constants() -> Answer {
    Ok(1)
}

#[circuit_breaker("attributes.reference")]
async fn refers() -> Answer {
    Ok(1)
}

#[circuit_breaker("attributes.reference", failure_rate = 12.5%, window = 8, open_for = 1m30s)]
async fn defines() -> Answer {
    Err(Error::Failed)
}

#[tokio::test]
async fn settings_are_written_with_units_and_constants() {
    assert_eq!(with_constants().await, Ok(1));
    assert_eq!(refers().await, Ok(1));
    assert!(defines().await.is_err());
    let listed = registry().snapshot().to_string();
    assert!(listed.contains("attributes::with_constants"), "{listed}");
    assert!(registry().circuit_breaker("attributes.reference").is_some());
}

mod foreign {
    use super::{Answer, Error, retry, timeout};

    #[tracing::instrument(skip_all)]
    #[retry(2, backoff = fixed(0s))]
    #[timeout(1s)]
    pub(crate) async fn above(mut count: u32, (left, right): (u32, u32)) -> Answer {
        count += left + right;
        tokio::task::yield_now().await;
        if count > 9 {
            Err(Error::Failed)
        } else {
            Ok(count)
        }
    }

    #[retry(2, backoff = fixed(0s))]
    #[timeout(1s)]
    #[tracing::instrument(skip_all)]
    pub(crate) async fn below(mut count: u32, (left, right): (u32, u32)) -> Answer {
        count += left + right;
        tokio::task::yield_now().await;
        if count > 9 {
            Err(Error::Failed)
        } else {
            Ok(count)
        }
    }
}

#[tokio::test]
async fn a_foreign_attribute_stands_above_or_below_the_whole_stack() {
    for (count, answer) in [(1, Ok(6)), (9, Err(Error::Failed))] {
        assert_eq!(foreign::above(count, (2, 3)).await, answer);
        assert_eq!(foreign::below(count, (2, 3)).await, answer);
    }
    let sites = registry().snapshot().call_sites;
    let of = |name: &str| {
        sites
            .iter()
            .find(|site| site.name.ends_with(name))
            .map(|site| site.layers.len())
    };
    assert_eq!(of("foreign::above"), Some(2));
    assert_eq!(of("foreign::below"), Some(2));
}

// ---- Life

struct CountsDrops(Runs);

impl Drop for CountsDrops {
    fn drop(&mut self) {
        self.0.next();
    }
}

#[retry(3, backoff = fixed(0s))]
#[timeout(1s)]
async fn stays(drops: &Runs, runs: &Runs) -> Answer {
    let _local = CountsDrops(drops.clone());
    runs.next();
    std::future::pending().await
}

#[test]
fn nothing_happens_before_the_first_poll_and_a_drop_drops_locals_once() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let (drops, runs) = (Runs::default(), Runs::default());
    drop(stays(&drops, &runs));
    assert_eq!((drops.count(), runs.count()), (0, 0));
    {
        let mut call = pin!(stays(&drops, &runs));
        let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(polled, Poll::Pending);
        assert_eq!((drops.count(), runs.count()), (0, 1));
    }
    assert_eq!((drops.count(), runs.count()), (1, 1));
}

#[retry(2)]
#[circuit_breaker(failure_threshold = 50)]
async fn deep(level: u32) -> Answer {
    if level == 0 {
        return Ok(0);
    }
    Ok(Box::pin(deep(level - 1)).await? + 1)
}

#[tokio::test]
async fn a_function_may_call_itself_a_hundred_levels_deep() {
    assert_eq!(deep(100).await, Ok(100));
}
