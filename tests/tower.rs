//! A layer of tower in tests: in a registry of its own, and with a service that chaos disturbs.

use resilient::testing::{chaos, isolated};
use resilient::tower::{Error, layer};
use resilient::{CircuitBreakerPolicy, Rejected, RetryPolicy, Share, policy, registry};
use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tower::{Layer, ServiceExt, service_fn};

#[tokio::test(start_paused = true)]
async fn chaos_fails_the_service_and_the_policies_around_it_act() {
    let _test = isolated();
    policy("tower.chaos")
        .circuit_breaker(CircuitBreakerPolicy::new().failure_threshold(2))
        .retry(RetryPolicy::new().attempts(3))
        .register()
        .expect("this registry is new");
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let service = layer("tower.chaos").layer(service_fn(move |number| {
        counted.fetch_add(1, Ordering::Relaxed);
        ready(Ok::<u32, Infallible>(number))
    }));
    assert_eq!(service.clone().oneshot(7).await, Ok(7));

    let disturbed = chaos("tower.chaos").fail(Share::percent(100)).start();
    for _ in 0..2 {
        let failed = service.clone().oneshot(7).await;
        assert!(matches!(failed, Err(Error::Rejected(_))), "{failed:?}");
    }
    let refused = service.clone().oneshot(7).await;
    assert!(
        matches!(refused, Err(Error::Rejected(Rejected::CircuitOpen(_)))),
        "{refused:?}"
    );
    assert_eq!(disturbed.failed(), 6, "each call has three attempts");
    assert_eq!(
        runs.load(Ordering::Relaxed),
        1,
        "the service was not called"
    );
    let breaker = registry()
        .circuit_breaker("tower.chaos")
        .expect("it is registered");
    let why = breaker.snapshot().why.expect("it is open");
    assert!(why.ends_with(": 2 × injected"), "{why}");

    drop(disturbed);
    breaker.reset("the chaos is over");
    assert_eq!(service.oneshot(7).await, Ok(7));
}

#[tokio::test]
async fn one_layer_works_in_the_registry_of_whoever_calls_it() {
    let service = layer("tower.isolated").layer(service_fn(async |()| Err::<u32, _>("it fails")));
    let first = isolated();
    policy("tower.isolated")
        .circuit_breaker(CircuitBreakerPolicy::new().failure_threshold(1))
        .register()
        .expect("this registry is new");
    assert_eq!(
        service.clone().oneshot(()).await,
        Err(Error::Service("it fails"))
    );
    let refused = service.clone().oneshot(()).await;
    assert!(matches!(
        refused,
        Err(Error::Rejected(Rejected::CircuitOpen(_)))
    ));
    {
        let _second = isolated();
        for _ in 0..3 {
            let failed = service.clone().oneshot(()).await;
            assert_eq!(
                failed,
                Err(Error::Service("it fails")),
                "nobody defines it here"
            );
        }
    }
    let refused = service.oneshot(()).await;
    assert!(matches!(
        refused,
        Err(Error::Rejected(Rejected::CircuitOpen(_)))
    ));
    drop(first);
}
