//! How much bigger futures get: 64 bytes for a policy, 160 more for a timeout or a hedge, and 96 more
//! for a bulkhead or a rate limit in which a call may wait.

use resilient::{
    Rejected, bulkhead, circuit_breaker, fallback, hedge, rate_limit, resilient, retry, timeout,
};

const POLICY: usize = 64;
const TIMEOUT: usize = 160;
const WAIT: usize = 96;

type Answer = Result<u64, Rejected>;

/// A body with 1 KiB of locals that live across an await.
macro_rules! functions {
    ($($(#[$attribute:meta])* $name:ident;)*) => { $(
        $(#[$attribute])*
        async fn $name(number: u64) -> Answer {
            let mut locals = [number; 128];
            tokio::task::yield_now().await;
            locals[0] += 1;
            Ok(locals.iter().sum())
        }
    )* };
}

functions! {
    plain;
    #[retry(3)]
    retried;
    #[timeout(1s)]
    timed;
    #[circuit_breaker]
    broken;
    #[bulkhead(20)]
    held;
    #[rate_limit(100/s)]
    limited;
    #[hedge(100ms)]
    hedged;
    #[hedge(p95, max = 3, budget = 10%)]
    #[circuit_breaker]
    hedged_broken;
    #[fallback(value = 0)]
    answered;
    #[circuit_breaker]
    #[retry(3)]
    #[timeout(1s)]
    three;
    #[timeout(5s)]
    #[circuit_breaker]
    #[retry(3)]
    #[timeout(1s)]
    #[bulkhead(20, queue = 50)]
    five;
    #[fallback(value = 0)]
    #[timeout(5s)]
    #[circuit_breaker]
    #[retry(3)]
    #[rate_limit(100/s)]
    #[timeout(1s)]
    #[bulkhead(20, queue = 50)]
    seven;
    #[resilient("future_size.pipeline")]
    pipeline;
}

fn added<F>(future: impl FnOnce(u64) -> F) -> usize {
    fn size<A, F>(_: impl FnOnce(A) -> F) -> usize {
        size_of::<F>()
    }
    size(future) - size(plain)
}

#[test]
fn a_policy_costs_few_bytes_however_big_the_body_is() {
    let within = |name: &str, added: usize, budget: usize| {
        println!("{name}: {added} of {budget} bytes");
        assert!(
            added <= budget,
            "{name}: {added} bytes, {budget} are allowed"
        );
    };
    within("retry", added(retried), POLICY);
    within("timeout", added(timed), POLICY + TIMEOUT);
    within("circuit breaker", added(broken), POLICY);
    within("bulkhead", added(held), POLICY + WAIT);
    within("rate limit", added(limited), POLICY + WAIT);
    within("hedge", added(hedged), POLICY + TIMEOUT);
    let both = 2 * POLICY + TIMEOUT;
    within("hedge and breaker", added(hedged_broken), both);
    within("fallback", added(answered), POLICY);
    within("three", added(three), 3 * POLICY + TIMEOUT);
    within("five", added(five), 5 * POLICY + 2 * TIMEOUT + WAIT);
    within("seven", added(seven), 7 * POLICY + 2 * TIMEOUT + 2 * WAIT);
    let six = 6 * POLICY + 2 * TIMEOUT + 2 * WAIT;
    within("pipeline", added(pipeline), six);
}
