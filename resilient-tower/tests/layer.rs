//! A service under a pipeline: what each policy of it does.

use resilient_core::{
    BulkheadPolicy, CircuitBreakerPolicy, Rate, RateLimitPolicy, Rejected, RetryPolicy,
    TimeoutPolicy, policy, registry,
};
use resilient_tower::{Error, layer};
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tower::{Layer, ServiceExt, service_fn};

/// Waits for so long, for a service that knows no better.
async fn waits(length: Duration) -> Result<u32, Infallible> {
    tokio::time::sleep(length).await;
    Ok(7)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_is_defined_after_its_layer_acts() {
    let service = layer("defined after").layer(service_fn(waits));
    assert_eq!(service.clone().oneshot(seconds(9)).await, Ok(7));
    policy("defined after")
        .timeout(TimeoutPolicy::new().duration(seconds(1)))
        .register()
        .expect("a name of this test");
    let cut = service.oneshot(seconds(9)).await;
    assert!(matches!(cut, Err(Error::Rejected(Rejected::TimedOut(_)))));
}

#[tokio::test(start_paused = true)]
async fn a_retry_tries_again_until_the_circuit_breaker_opens() {
    policy("flaky")
        .circuit_breaker(CircuitBreakerPolicy::new().failure_threshold(2))
        .retry(RetryPolicy::new().attempts(3))
        .register()
        .expect("a name of this test");
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    let service = layer("flaky").layer(service_fn(move |()| {
        let call = counted.fetch_add(1, Ordering::Relaxed);
        async move { if call == 1 { Ok(call) } else { Err("it fails") } }
    }));
    assert_eq!(service.clone().oneshot(()).await, Ok(1));
    for _ in 0..2 {
        let failed = service.clone().oneshot(()).await;
        assert_eq!(failed, Err(Error::Service("it fails")));
    }
    assert_eq!(calls.load(Ordering::Relaxed), 2 + 3 + 3);
    let refused = service.oneshot(()).await;
    assert!(matches!(
        refused,
        Err(Error::Rejected(Rejected::CircuitOpen(_)))
    ));
    assert_eq!(calls.load(Ordering::Relaxed), 8);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_late_is_cut_off_and_tried_again() {
    policy("late")
        .attempt_timeout(TimeoutPolicy::new().duration(seconds(1)))
        .retry(RetryPolicy::new().attempts(2))
        .register()
        .expect("a name of this test");
    let cut = layer("late")
        .layer(service_fn(waits))
        .oneshot(seconds(9))
        .await;
    assert!(matches!(cut, Err(Error::Rejected(Rejected::TimedOut(_)))));
    let snapshot = registry().attempt_timeout("late").expect("it is defined");
    assert_eq!(snapshot.duration(), Some(seconds(1)));
}

#[tokio::test(start_paused = true)]
async fn a_bulkhead_and_a_rate_limit_refuse_what_is_too_much() {
    policy("narrow")
        .bulkhead(BulkheadPolicy::new().limit(1))
        .register()
        .expect("a name of this test");
    let service = layer("narrow").layer(service_fn(waits));
    let (first, second) = tokio::join!(
        service.clone().oneshot(seconds(1)),
        service.oneshot(seconds(1))
    );
    assert_eq!(first, Ok(7));
    assert!(matches!(
        second,
        Err(Error::Rejected(Rejected::BulkheadFull(_)))
    ));

    policy("rare")
        .rate_limit(RateLimitPolicy::new().rate(Rate::new(1, seconds(1))))
        .register()
        .expect("a name of this test");
    let service = layer("rare").layer(service_fn(waits));
    assert_eq!(service.clone().oneshot(Duration::ZERO).await, Ok(7));
    let refused = service.oneshot(Duration::ZERO).await;
    assert!(matches!(
        refused,
        Err(Error::Rejected(Rejected::RateLimited(_)))
    ));
}

/// A request that cannot be cloned.
struct Single;

#[tokio::test(start_paused = true)]
async fn what_is_told_about_the_service_decides_about_another_attempt() {
    policy("told")
        .retry(RetryPolicy::new().attempts(3))
        .register()
        .expect("a name of this test");
    let calls = Arc::new(AtomicU32::new(0));
    let missing = |calls: &Arc<AtomicU32>| {
        let calls = calls.clone();
        move |_: Single| {
            calls.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Err::<u32, _>(io::Error::from(io::ErrorKind::NotFound)))
        }
    };
    let taken = || calls.swap(0, Ordering::Relaxed);
    let again = |_: &Single| Some(Single);

    let told = layer("told").copy_with(again);
    let failed = told
        .layer(service_fn(missing(&calls)))
        .oneshot(Single)
        .await;
    assert!(matches!(failed, Err(Error::Service(_))));
    assert_eq!(taken(), 3, "every error is a failure");
    let told = layer("told").copy_with(again).by_class();
    let _ = told
        .layer(service_fn(missing(&calls)))
        .oneshot(Single)
        .await;
    assert_eq!(taken(), 1, "it is permanent");
    let told = layer("told").copy_with(again).when(|_: &io::Error| false);
    let _ = told
        .layer(service_fn(missing(&calls)))
        .oneshot(Single)
        .await;
    assert_eq!(taken(), 1, "it is no failure");
    let told = layer("told").once();
    let _ = told
        .layer(service_fn(missing(&calls)))
        .oneshot(Single)
        .await;
    assert_eq!(taken(), 1, "there is nothing to try again with");

    let counted = calls.clone();
    let zero = service_fn(move |()| {
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok::<u32, Infallible>(0))
    });
    let told = layer("told").when_ok(|answer: &u32| *answer == 0);
    assert_eq!(told.layer(zero).oneshot(()).await, Ok(0));
    assert_eq!(taken(), 3, "the response is a failure");
}

#[test]
fn a_layer_is_listed_among_the_call_sites_once() {
    for _ in 0..3 {
        let _ = layer("listed");
    }
    let sites = registry().snapshot().call_sites;
    let listed: Vec<_> = sites
        .iter()
        .filter(|site| site.name.starts_with("layer(\"listed\")@"))
        .collect();
    assert_eq!(listed.len(), 1);
    assert!(listed[0].file.ends_with("layer.rs"));
    assert_eq!(listed[0].layers.len(), 6);
    assert_eq!(listed[0].layers[0].written, "layer(\"listed\")");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_gives_back_its_place_and_decides_nothing() {
    policy("dropped")
        .circuit_breaker(CircuitBreakerPolicy::new().failure_threshold(1))
        .bulkhead(BulkheadPolicy::new().limit(1))
        .register()
        .expect("a name of this test");
    let service = layer("dropped").layer(service_fn(waits));
    let given_up = tokio::time::timeout(seconds(1), service.clone().oneshot(seconds(9))).await;
    assert!(given_up.is_err());
    let breaker = registry()
        .circuit_breaker("dropped")
        .expect("it is registered");
    let counts = breaker.snapshot().counts;
    assert_eq!((counts.abandoned, counts.failure), (1, 0));
    assert_eq!(
        service.oneshot(seconds(1)).await,
        Ok(7),
        "the place is free"
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_that_panics_has_failed_and_keeps_no_place() {
    policy("panics")
        .circuit_breaker(CircuitBreakerPolicy::new().failure_threshold(1))
        .bulkhead(BulkheadPolicy::new().limit(1))
        .register()
        .expect("a name of this test");
    let service = layer("panics").layer(service_fn(async |is_well: bool| {
        assert!(is_well, "a secret");
        Ok::<_, Infallible>(7)
    }));
    let panicked = tokio::spawn(service.clone().oneshot(false)).await;
    assert!(panicked.expect_err("it panics").is_panic());
    let breaker = registry()
        .circuit_breaker("panics")
        .expect("it is registered");
    let why = breaker.snapshot().why.expect("it is open");
    assert!(why.ends_with(": 1 × panicked"), "{why}");
    let refused = service.clone().oneshot(true).await;
    assert!(matches!(
        refused,
        Err(Error::Rejected(Rejected::CircuitOpen(_)))
    ));
    breaker.reset("it is well again");
    assert_eq!(service.oneshot(true).await, Ok(7));
}
