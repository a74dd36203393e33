//! Instances by key: one for each, never more than there may be, and none forgotten that is not as new.

use crate::model::{explore, explore_to, join, spawn};
use loom::thread::JoinHandle;
use resilient_core::{
    Bulkhead, BulkheadPolicy, CircuitBreaker, CircuitBreakerPolicy, CircuitBreakerState, Frame,
    LivePolicy, Rate, RateLimitPolicy, RateLimiter, Verdict,
};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

/// At most `max` instances, each of which opens with its first failure.
fn breaker(max: u32) -> Arc<CircuitBreaker> {
    let policy = CircuitBreakerPolicy::new()
        .failure_threshold(1)
        .max_keys(max);
    Arc::new(CircuitBreaker::new("tenants", &policy))
}

fn settle(breaker: &CircuitBreaker, verdict: Verdict) -> bool {
    let frame = Frame::new();
    let permit = breaker.admit(&frame);
    permit.map(|mut permit| permit.settle(verdict)).is_ok()
}

/// A call with a key: whether it was let in.
fn calls(breaker: &Arc<CircuitBreaker>, key: &'static str, verdict: Verdict) -> JoinHandle<bool> {
    let breaker = Arc::clone(breaker);
    spawn(move || settle(&breaker.keyed(key), verdict))
}

/// How many instances there are, and how many of all, the overflow among them, are open.
fn look(breaker: &CircuitBreaker) -> (u64, usize) {
    let instances = breaker.snapshot().keys.expect("there were keys").instances;
    let seen = breaker.key_snapshots();
    let open = seen
        .iter()
        .filter(|(_, seen)| seen.state == CircuitBreakerState::Open);
    (instances, open.count())
}

#[test]
fn two_threads_with_the_same_new_key_get_one_instance() {
    explore_to(3, || {
        let breaker = breaker(9);
        let asks = || {
            let breaker = Arc::clone(&breaker);
            spawn(move || {
                let instance = breaker.keyed("acme");
                ptr::from_ref::<CircuitBreaker>(&instance).addr()
            })
        };
        let found = join([asks(), asks()]);
        assert_eq!(found[0], found[1]);
        assert_eq!(look(&breaker).0, 1);
    });
}

#[test]
fn there_are_never_more_instances_than_there_may_be() {
    explore_to(1, || {
        let breaker = breaker(2);
        let failed = ["acme", "umbra", "initech"].map(|key| calls(&breaker, key, Verdict::Failure));
        assert_eq!(join(failed), [true; 3]);
        let (instances, open) = look(&breaker);
        assert!(instances <= 2, "{instances}");
        assert_eq!(open, 3, "two of them and the overflow");
        assert_eq!(breaker.snapshot().counts.failure, 3);
    });
}

#[test]
fn an_instance_that_is_used_while_others_want_its_place_is_not_forgotten() {
    explore(|| {
        let breaker = breaker(1);
        let fails = calls(&breaker, "acme", Verdict::Failure);
        let others = calls(&breaker, "umbra", Verdict::Success);
        assert_eq!(join([fails, others]).first(), Some(&true));
        let (instances, open) = look(&breaker);
        assert_eq!(
            (instances, open),
            (1, 1),
            "the failure is where it was, or in the overflow"
        );
        assert_eq!(breaker.snapshot().counts.failure, 1);
    });
}

#[test]
fn what_evicted_instances_have_counted_is_seen_once_also_meanwhile() {
    explore(|| {
        let breaker = breaker(1);
        assert!(settle(&breaker.keyed("acme"), Verdict::Success));
        let evicts = calls(&breaker, "umbra", Verdict::Success);
        let looked_at = Arc::clone(&breaker);
        let looks = spawn(move || {
            let seen = looked_at.snapshot().counts.success;
            (1..=2).contains(&seen)
        });
        assert_eq!(join([evicts, looks]), [true, true]);
        assert_eq!(breaker.snapshot().counts.success, 2);
    });
}

#[test]
fn an_instance_that_is_made_during_a_change_of_settings_has_the_new_ones() {
    explore_to(3, || {
        let policy = CircuitBreakerPolicy::new().failure_threshold(9);
        let breaker = Arc::new(CircuitBreaker::new("tenants", &policy));
        let new = calls(&breaker, "acme", Verdict::Success);
        let other = Arc::clone(&breaker);
        let reconfigures = spawn(move || {
            other.reconfigure(&policy.failure_threshold(1));
            true
        });
        join([new, reconfigures]);
        assert!(settle(&breaker.keyed("acme"), Verdict::Failure));
        assert_eq!(look(&breaker), (1, 1));
    });
}

#[test]
fn of_two_changes_at_once_all_instances_have_the_same() {
    explore(|| {
        let policy = CircuitBreakerPolicy::new().failure_threshold(9);
        let breaker = Arc::new(CircuitBreaker::new("tenants", &policy));
        drop(breaker.keyed("acme"));
        let reconfigures = |threshold| {
            let breaker = Arc::clone(&breaker);
            spawn(move || breaker.reconfigure(&policy.failure_threshold(threshold)))
        };
        join([reconfigures(1), reconfigures(2)]);
        let new = breaker.keyed("umbra");
        let old = breaker.keyed("acme");
        assert!(settle(&new, Verdict::Failure) && settle(&old, Verdict::Failure));
        assert_eq!(new.state(), old.state());
    });
}

#[test]
fn a_place_in_a_bulkhead_outlives_every_wish_for_its_instance() {
    explore(|| {
        let policy = BulkheadPolicy::new().limit(1).max_keys(1);
        let bulkhead = Arc::new(Bulkhead::new("tenants", &policy));
        let enters = |key| {
            let bulkhead = Arc::clone(&bulkhead);
            spawn(move || {
                let (instance, frame) = (bulkhead.keyed(key), Frame::new());
                let entered = instance.try_admit(&frame);
                // Still inside: whoever finds this instance now finds the place taken.
                if let Some(again) = bulkhead.with_key(key)
                    && ptr::eq::<Bulkhead>(&*again, &*instance)
                {
                    assert!(again.try_admit(&Frame::new()).is_err());
                }
                entered.is_ok()
            })
        };
        let entered = join([enters("acme"), enters("umbra")]);
        assert_eq!(entered, [true, true], "one of them in the overflow");
        let seen = bulkhead.key_snapshots();
        assert!(seen.iter().all(|(_, seen)| seen.inside == 0));
    });
}

#[test]
fn a_drained_bucket_is_never_refilled_by_eviction() {
    explore(|| {
        let rate = Rate::new(1, Duration::from_secs(3600));
        let policy = RateLimitPolicy::new().rate(rate).max_keys(1);
        let limiter = Arc::new(RateLimiter::new("tenants", &policy));
        let takes = |key| {
            let limiter = Arc::clone(&limiter);
            spawn(move || {
                let first = limiter.keyed(key).try_admit().is_ok();
                (first, limiter.keyed(key).try_admit().is_ok())
            })
        };
        let taken = join([takes("acme"), takes("umbra")]);
        assert_eq!(taken, [(true, false), (true, false)]);
    });
}
