//! Which failures an opening names.

use super::super::*;
use crate::class::{Class, RetryHint};
use crate::event::reported;
use crate::outcome::{Failure, Inside, Judge, Verdict};
use crate::setting::Share;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use tokio::time::advance;

fn live(policy: CircuitBreakerPolicy) -> CircuitBreaker {
    CircuitBreaker::new("symptoms", &policy.checked())
}

const fn milli(number: u64) -> Duration {
    Duration::from_millis(number)
}

fn rejected(rejected: Rejected) -> Verdict {
    Verdict::Rejected {
        rejected,
        when_rejected: None,
    }
}

#[test]
fn an_opening_tells_the_classes_and_types_of_the_failures_in_its_window_and_no_text() {
    struct PriceError;
    type Answer = Result<u8, PriceError>;

    let policy = CircuitBreakerPolicy::new().failure_rate(Share::percent(50));
    let breaker = live(policy.window(20).min_calls(20));
    let settle = |verdict, outcome: &Inside<u8, PriceError>| {
        let frame = Frame::new();
        let mut permit = breaker.admit(&frame).expect("closed");
        permit.settle_with(verdict, outcome);
    };
    let failed = || Err(Failure::Error(PriceError));
    let cut_off = Rejected::timed_out("x", milli(5));
    let judge = Judge::<Answer>::new;
    // These leave the window again, or are no failures.
    settle(Verdict::Failure, &Ok(1));
    for _ in 0..20 {
        settle(Verdict::Success, &Ok(1));
        settle(Verdict::Permanent, &failed());
    }
    let full = Rejected::bulkhead_full("x");
    settle(rejected(full), &Err(Failure::Rejected(full)));
    for _ in 0..4 {
        settle(judge().verdict(&failed()), &failed());
    }
    for _ in 0..3 {
        settle(rejected(cut_off), &Err(Failure::Rejected(cut_off)));
    }
    let throttled = Verdict::Advised {
        class: Class::Throttled { retry_after: None },
        hint: RetryHint::new(),
    };
    settle(throttled, &failed());
    settle(Verdict::Failure, &Ok(7));
    assert_eq!(breaker.snapshot().tripped_by, None, "it is closed");
    // Four kinds are told apart at a time.
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let frame = Frame::new();
        let _permit = breaker.admit(&frame).expect("closed");
        frame.run_plain(|| panic!("a secret"))
    }));
    assert!(panicked.is_err());

    let seen = breaker.snapshot();
    assert_eq!(seen.state, CircuitBreakerState::Open);
    let why = seen.why.expect("it is open");
    let named = "4 × transient PriceError, 3 × timed_out, 1 × answer u8, \
                 1 × throttled PriceError, 1 × other";
    assert_eq!(
        why,
        format!("failure rate 50% of 20 calls reached 50%: {named}")
    );
    let first = seen.tripped_by.expect("failures opened it")[0];
    assert_eq!((first.class, first.calls), ("transient", 4));
    let full_name = first.type_name.expect("it was settled with its outcome");
    assert!(full_name.ends_with("::PriceError"), "{full_name}");

    breaker.reset("seen");
    assert_eq!(breaker.snapshot().tripped_by, None, "it is closed");
    breaker.force_open("a drill");
    assert_eq!(breaker.snapshot().tripped_by, None, "somebody opened it");
}

#[tokio::test(start_paused = true)]
async fn slow_calls_a_busy_callee_and_a_failed_probe_are_told_too() {
    let breaker = live(
        CircuitBreakerPolicy::new()
            .failure_rate(Share::percent(100))
            .slow_call(milli(1))
            .slow_call_rate(Share::percent(50))
            .window(2)
            .obey_retry_after(true)
            .open_for(milli(1)),
    );
    for _ in 0..2 {
        let frame = Frame::new();
        let mut permit = breaker.admit(&frame).expect("closed");
        advance(milli(2)).await;
        permit.settle(Verdict::Success);
    }
    let why = breaker.snapshot().why.expect("it is open");
    assert!(why.ends_with(": 2 × slow"), "{why}");

    breaker.reset("seen");
    let asked = Verdict::Advised {
        class: Class::Throttled {
            retry_after: Some(milli(1)),
        },
        hint: RetryHint::new(),
    };
    let frame = Frame::new();
    let outcome: Inside<u8, &str> = Err(Failure::Error("a secret"));
    let mut permit = breaker.admit(&frame).expect("closed");
    permit.settle_with(asked, &outcome);
    let why = breaker.snapshot().why.expect("it is open");
    assert!(why.ends_with(": 1 × throttled &str"), "{why}");

    advance(milli(2)).await;
    let reported = reported("symptoms", || {
        let mut probe = breaker.admit(&frame).expect("a probe");
        probe.settle_with(Verdict::Failure, &outcome);
    });
    let reported = format!("{reported:?}");
    assert!(
        reported.contains("a probe failed") && reported.contains("1 × transient &str"),
        "{reported}"
    );
    assert!(!reported.contains("secret"), "{reported}");
}
