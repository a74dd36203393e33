//! The breaker of a key: what may be evicted is as good as new, and what it counted stays.

use crate::outcome::Outcome;
use crate::policy::circuit_breaker::phase::Admission;
use crate::policy::circuit_breaker::rules::Rules;
use crate::policy::circuit_breaker::state::State;
use crate::setting::{Ramp, Share};
use crate::{CircuitBreaker, CircuitBreakerPolicy, Frame, LivePolicy, StoredKey, Verdict};
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;

fn policies() -> Vec<CircuitBreakerPolicy> {
    let new = || CircuitBreakerPolicy::new().open_for(Duration::from_secs(3));
    let half = Share::percent(50);
    vec![
        new().failure_threshold(2),
        new().failure_threshold(2).open_backoff(2.0),
        new().failure_threshold(3).window(5),
        new()
            .failure_rate(half)
            .window_time(Duration::from_secs(5))
            .min_calls(2)
            .open_backoff(3.0)
            .open_jitter(Share::percent(20)),
        new()
            .failure_threshold(2)
            .slow_call(Duration::from_secs(1))
            .window_time(Duration::from_secs(4))
            .min_calls(1)
            .ramp(Ramp::new(&[Share::percent(50)])),
    ]
}

/// One call, and what can be seen of it: whether it was let in, and the state before and after it.
fn call(state: &mut State, now: u64, outcome: Outcome, slow: bool, random: u64) -> String {
    let admission = state.admit(now);
    let before = state.kind();
    let probe = match admission {
        Admission::Free | Admission::Aside => 0,
        Admission::Probe(number) => number,
        refused => return format!("{refused:?} while {before}"),
    };
    state.settle(state.generation(), probe, outcome, slow, now, random);
    state.take_transitions();
    format!("{before} {} {:?}", state.kind(), state.next_probe_at())
}

#[test]
fn what_may_be_evicted_behaves_as_a_new_one_from_then_on() {
    let mut compared = 0;
    for seed in 0..10_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let policies = policies();
        let policy = policies[random.usize(0..policies.len())];
        let mut state = State::new(Rules::of(&policy), 0);
        let mut now = 0;
        for _ in 0..random.u32(1..60) {
            let outcome = random.choice([Outcome::Success, Outcome::Failure, Outcome::Ignored]);
            let outcome = outcome.expect("there are some");
            call(&mut state, now, outcome, random.bool(), random.u64(..));
            now += random.u64(0..3 * SECOND);
        }
        now += random.choice([0, 8 * SECOND]).unwrap_or(0);
        state.look(now);
        state.take_transitions();
        if !state.is_fresh(now) {
            continue;
        }
        compared += 1;
        let mut new = State::new(Rules::of(&policy), now);
        for step in 0..100 {
            let outcome = random.choice([Outcome::Success, Outcome::Failure, Outcome::Ignored]);
            let (outcome, slow) = (outcome.expect("there are some"), random.bool());
            let number = random.u64(..);
            // Numbers of probes go on where the old one was.
            let of = |state| call(state, now, outcome, slow, number);
            let (old, fresh) = (of(&mut state), of(&mut new));
            assert_eq!(old, fresh, "seed {seed}, step {step}, {policy:?}");
            now += random.u64(0..2 * SECOND);
        }
    }
    assert!(compared > 1_000, "only {compared} were as good as new");
}

#[tokio::test(start_paused = true)]
async fn a_key_is_kept_until_its_window_is_empty() {
    let policy = CircuitBreakerPolicy::new()
        .failure_rate(Share::percent(50))
        .window_time(Duration::from_secs(10))
        .max_keys(1);
    let breaker = CircuitBreaker::new("fresh.window", &policy);
    let frame = Frame::new();
    let call = |key: &str, verdict| {
        let instance = breaker.keyed(key);
        let mut permit = instance.admit(&frame).expect("it is closed");
        permit.settle(verdict);
    };
    call("acme", Verdict::Success);
    call("umbra", Verdict::Failure);
    let keys = |breaker: &CircuitBreaker| {
        let keys = breaker.key_snapshots().into_iter();
        keys.map(|(key, _)| key).collect::<Vec<_>>()
    };
    let overflow = StoredKey::overflow();
    assert_eq!(keys(&breaker), [StoredKey::of("acme"), overflow.clone()]);

    tokio::time::advance(Duration::from_secs(10)).await;
    call("umbra", Verdict::Success);
    assert_eq!(keys(&breaker), [StoredKey::of("umbra"), overflow]);
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.counts.success, snapshot.counts.failure), (2, 1));
    let seen = snapshot.keys.expect("calls came with keys");
    assert_eq!((seen.instances, seen.evicted, seen.overflowed), (1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_is_never_forgotten() {
    let policy = CircuitBreakerPolicy::new().failure_threshold(1).max_keys(1);
    let breaker = CircuitBreaker::new("fresh.open", &policy);
    let frame = Frame::new();
    let ill = breaker.keyed("ill");
    let permit = ill
        .admit(&frame)
        .map(|mut permit| permit.settle(Verdict::Failure));
    permit.expect("it was closed");
    drop(ill);
    for key in 0..1000_u32 {
        drop(breaker.keyed(&key));
    }
    assert!(breaker.keyed("ill").admit(&frame).is_err());
    breaker
        .with_key("ill")
        .expect("it is there")
        .reset("it is well");
    drop(breaker.keyed("other"));
    assert!(breaker.with_key("ill").is_none(), "it was as good as new");
    assert!(breaker.with_key("other").is_some());
}

#[test]
fn other_settings_reach_the_breakers_of_all_keys() {
    let policy = CircuitBreakerPolicy::new().failure_threshold(5);
    let breaker = CircuitBreaker::new("fresh.settings", &policy);
    let frame = Frame::new();
    let fail = |key: &str| {
        let instance = breaker.keyed(key);
        let admitted = instance.admit(&frame);
        admitted
            .map(|mut permit| permit.settle(Verdict::Failure))
            .is_ok()
    };
    assert!(fail("acme"));
    breaker.reconfigure(&policy.failure_threshold(2));
    assert!(fail("acme"));
    assert!(!fail("acme"), "the failure from before counts");
    assert!(fail("umbra") && fail("umbra") && !fail("umbra"));
    breaker.reconfigure(&policy.enabled(false));
    assert!(fail("acme"), "it is switched off");
    assert!(breaker.keyed("acme").is_base());
}
