//! The core without the attributes: what an expansion does, written by hand.
//!
//! ```text
//! cargo run --example by_hand
//! ```

use resilient::{
    BulkheadPolicy, CircuitBreakerPolicy, CircuitBreakerState, Failure, Frame, Inside, Judge,
    Rejected, RetryPolicy, TimeoutPolicy, policy, registry,
};
use std::error::Error;
use std::time::Duration;

/// What the callee answers, and how it fails.
type Answer = Result<u32, &'static str>;

/// The stack timeout ▸ circuit breaker ▸ retry ▸ bulkhead around `work`.
async fn call<F: Future<Output = Answer>>(work: impl Fn() -> F) -> Inside<u32, &'static str> {
    let missing = Failure::Error("the policies are not registered");
    let registry = registry();
    let (Some(timeout), Some(breaker), Some(retry), Some(bulkhead)) = (
        registry.timeout("by_hand"),
        registry.circuit_breaker("by_hand"),
        registry.retry("by_hand"),
        registry.bulkhead("by_hand"),
    ) else {
        return Err(missing);
    };

    // One frame a call, outside of all policies: dropped permits read in it how the call ended.
    let frame = Frame::new();
    timeout
        .limit(async {
            let mut permit = breaker.admit(&frame).map_err(Failure::Rejected)?;
            let mut attempts = retry.begin();
            let outcome = loop {
                let delay = {
                    let outcome = match bulkhead.admit(&frame).await {
                        Ok(_permit) => frame.run(work()).await.map_err(Failure::Error),
                        Err(rejected) => Err(Failure::Rejected(rejected)),
                    };
                    match attempts.decide(Judge::<Answer>::new().verdict(&outcome)) {
                        None => break outcome,
                        Some(delay) => delay,
                    }
                };
                frame.wait();
                delay.await;
            };
            permit.settle_with(Judge::<Answer>::new().verdict(&outcome), &outcome);
            outcome
        })
        .await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    policy("by_hand")
        .timeout(TimeoutPolicy::new().duration(Duration::from_secs(1)))
        .circuit_breaker(CircuitBreakerPolicy::new().failure_threshold(2))
        .retry(RetryPolicy::new().attempts(2))
        .bulkhead(BulkheadPolicy::new().limit(4))
        .register()?;

    assert_eq!(call(|| async { Ok(42) }).await, Ok(42));

    for _ in 0..2 {
        let failed = call(|| async { Err("the callee is down") }).await;
        assert_eq!(failed, Err(Failure::Error("the callee is down")));
    }
    let refused = call(|| async { unreachable!("the breaker is open") }).await;
    assert!(matches!(
        refused,
        Err(Failure::Rejected(Rejected::CircuitOpen(_)))
    ));

    let breaker = registry()
        .circuit_breaker("by_hand")
        .ok_or("it was registered")?;
    assert_eq!(breaker.state(), CircuitBreakerState::Open);
    print!("{}", registry().snapshot());
    Ok(())
}
