//! A registry of a hundred thousand policies, as somebody gets who names them after what comes in.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use resilient::{
    BulkheadPolicy, CircuitBreakerPolicy, CircuitBreakerState, Policy, Rejected, circuit_breaker,
    policy, registry,
};

const POLICIES: usize = 100_000;

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the callee failed")]
    Failed,
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

#[circuit_breaker("annotated", failure_threshold = 1)]
async fn annotated(fails: bool) -> Result<(), Error> {
    if fails { Err(Error::Failed) } else { Ok(()) }
}

#[tokio::test]
async fn a_hundred_thousand_policies_are_found_shown_steered_and_cost_what_one_costs_each() {
    let allocated = allocation_counter::measure(|| {
        for number in 0..POLICIES {
            policy(format!("number {number}"))
                .circuit_breaker(CircuitBreakerPolicy::new().failure_threshold(3))
                .register()
                .unwrap();
        }
    });
    let each = allocated.bytes_current / i64::try_from(POLICIES).unwrap();
    assert!(
        each < 4096,
        "{each} bytes for a breaker and all that the registry knows of it"
    );

    let last = format!("number {}", POLICIES - 1);
    registry()
        .circuit_breaker(&last)
        .unwrap()
        .force_open("a drill");
    assert!(
        registry()
            .circuit_breaker(&format!("number {POLICIES}"))
            .is_none()
    );
    let breakers = CircuitBreakerPolicy::new().failure_threshold(7);
    registry()
        .reconfigure("number 7", breakers, "a drill")
        .unwrap();
    let again = policy("number 7").bulkhead(BulkheadPolicy::new().limit(1));
    again.register().unwrap();

    let snapshot = registry().snapshot();
    assert_eq!(snapshot.policies.len(), POLICIES + 2);
    let open: Vec<_> = snapshot
        .policies
        .iter()
        .filter(|policy| policy.kind == CircuitBreakerPolicy::KIND && policy.state() != "closed")
        .map(|policy| policy.name)
        .collect();
    assert_eq!(open, [&*last]);
    assert!(snapshot.to_string().lines().count() > POLICIES);
    let findings = registry().validate();
    assert!(
        findings.len() <= POLICIES,
        "one for each policy that nobody uses, at most"
    );

    annotated(false).await.unwrap();
    assert!(matches!(annotated(true).await, Err(Error::Failed)));
    assert!(matches!(
        annotated(true).await,
        Err(Error::Rejected(Rejected::CircuitOpen(_)))
    ));
    let breaker = registry().circuit_breaker("annotated").unwrap();
    assert_eq!(breaker.state(), CircuitBreakerState::Open);
}
