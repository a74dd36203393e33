//! What a policy keeps in memory: so many bytes, however long the program runs.

use resilient::{
    Bulkhead, BulkheadPolicy, CircuitBreaker, CircuitBreakerPolicy, Frame, LivePolicy, Rate,
    RateLimitPolicy, RateLimiter, Retry, RetryPolicy, Share, Timeout, TimeoutPolicy, Verdict,
};
use std::time::Duration;

/// The bytes of a live policy after a few thousand calls, those on the heap included.
fn bytes<P: LivePolicy>(make: impl FnOnce() -> P, call: impl Fn(&P, usize)) -> u64 {
    let mut kept = None;
    let counted = allocation_counter::measure(|| {
        let policy = make();
        (0..5000).for_each(|number| call(&policy, number));
        kept = Some(policy);
    });
    let on_the_heap = u64::try_from(counted.bytes_current).expect("what is kept is not negative");
    size_of::<P>() as u64 + on_the_heap
}

#[track_caller]
fn assert_within(name: &str, bytes: u64, most: u64) {
    println!("{name}: {bytes} of {most} bytes");
    assert!(bytes <= most, "{name}: {bytes} bytes, {most} are allowed");
}

fn breaker(policy: CircuitBreakerPolicy) -> u64 {
    let call = |breaker: &CircuitBreaker, number: usize| {
        let frame = Frame::new();
        let mut permit = breaker.admit(&frame).expect("it never opens");
        permit.settle(if number.is_multiple_of(3) {
            Verdict::Failure
        } else {
            Verdict::Success
        });
    };
    bytes(|| CircuitBreaker::new("memory", &policy), call)
}

#[test]
fn a_breaker_over_calls_takes_two_kibibytes_at_the_most() {
    let rate = CircuitBreakerPolicy::new().failure_rate(Share::percent(90));
    assert_within("consecutive", breaker(CircuitBreakerPolicy::new()), 2048);
    assert_within("over 100 calls", breaker(rate.window(100)), 2048);
    assert_within("over 1000 calls", breaker(rate.window(1000)), 2048);
    let minute = Duration::from_secs(60);
    // Its window is a ring of buckets, each with its own counts.
    assert_within("over a minute", breaker(rate.window_time(minute)), 2560);
}

#[test]
fn every_other_policy_takes_a_kibibyte_at_the_most() {
    let second = Duration::from_secs(1);
    let timeout = || Timeout::new("memory", &TimeoutPolicy::new().duration(second));
    assert_within("timeout", bytes(timeout, |_, _| ()), 1024);
    let retry = || Retry::new("memory", &RetryPolicy::new());
    assert_within("retry", bytes(retry, |retry, _| drop(retry.begin())), 1024);
    let bulkhead = || Bulkhead::new("memory", &BulkheadPolicy::new().limit(20));
    assert_within("bulkhead", bytes(bulkhead, |_, _| ()), 1024);
    let rate = RateLimitPolicy::new().rate(Rate::new(100, second));
    let limiter = || RateLimiter::new("memory", &rate);
    assert_within("rate limit", bytes(limiter, |_, _| ()), 1024);
}
