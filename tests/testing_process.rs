//! What resets the registry of the process has a process of its own.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use resilient::testing::{Script, reset_all};
use resilient::{CircuitBreakerState, Rejected, circuit_breaker, registry};
use std::time::Duration;

type Answer = Result<u32, Rejected>;

const DOWN: Rejected = Rejected::timed_out("far away", Duration::from_secs(1));

#[circuit_breaker("process", failure_threshold = 1)]
async fn price(list: &Script<Answer>) -> Answer {
    list.play().await
}

#[tokio::test(start_paused = true)]
async fn reset_all_reaches_functions_that_have_found_their_policies_before() {
    let state = || registry().circuit_breaker("process").unwrap().state();
    for _ in 0..3 {
        let list = Script::new().fails(DOWN).succeeds(7);
        assert_eq!(price(&list).await, Err(DOWN));
        assert_eq!(state(), CircuitBreakerState::Open);
        assert!(matches!(price(&list).await, Err(Rejected::CircuitOpen(_))));

        reset_all();
        assert_eq!(state(), CircuitBreakerState::Closed);
        assert_eq!(price(&list).await, Ok(7));
    }
}
