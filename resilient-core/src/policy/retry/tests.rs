mod oracle;

use super::*;
use crate::class::Class;
use crate::deadline::Deadline;
use crate::event::reported;
use crate::outcome::{Failure, Inside, Judge};
use crate::setting::Share;
use std::cell::Cell;
use std::pin::pin;
use std::task::Waker;

const MILLI: Nanos = 1_000_000;

type Answer = Result<u32, &'static str>;
type Outcome = Inside<u32, &'static str>;

fn milli(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn fixed(attempts: u32, delay: Duration) -> RetryPolicy {
    RetryPolicy::new()
        .attempts(attempts)
        .backoff(Backoff::fixed(delay))
        .jitter(Jitter::none())
}

fn retry(policy: RetryPolicy) -> Retry {
    let policy = policy.checked();
    Retry::new("test", &policy)
}

fn snapshot(retry: &Retry) -> RetrySnapshot {
    match retry.snapshot() {
        LiveSnapshot::Retry(snapshot) => snapshot,
        other => panic!("{other:?}"),
    }
}

fn refused(rejected: Rejected) -> Verdict {
    Verdict::Rejected {
        rejected,
        when_rejected: None,
    }
}

/// The loop that stands around the body of a function.
async fn call(retry: &Retry, mut body: impl AsyncFnMut(u32) -> Outcome) -> Outcome {
    let mut call = retry.begin();
    loop {
        let outcome = body(call.number()).await;
        match call.decide(Judge::<Answer>::new().verdict(&outcome)) {
            Some(delay) => delay.await,
            None => return outcome,
        }
    }
}

/// Whether another attempt follows the first one, which ends one second after the call began.
fn after_one_second(policy: RetryPolicy, verdict: Verdict, at: Moment) -> Decision {
    let mut state = State::new(at.now - 1000 * MILLI);
    let settings = Plan::of(&policy.checked()).after(verdict);
    let before = state.delays;
    let decision = state.decide(&settings, verdict, at);
    let again = matches!(decision, Decision::Again(_));
    assert_eq!(
        state.delays != before,
        again,
        "a call that ends stays as it is"
    );
    decision
}

fn moment() -> Moment {
    Moment {
        now: 1 << 62,
        deadline: None,
        random: u64::MAX,
        drift: 0,
    }
}

// Pure state.

#[test]
fn attempts_count_the_first_one() {
    let mut state = State::new(NEVER);
    let settings = RetrySettings::of(&fixed(3, milli(5)));
    assert_eq!(state.number(), 1);
    for number in [2, 3] {
        assert_eq!(
            state.decide(&settings, Verdict::Failure, moment()),
            Decision::Again(5 * MILLI)
        );
        assert_eq!(state.number(), number);
    }
    assert_eq!(
        state.decide(&settings, Verdict::Failure, moment()),
        Decision::GiveUp(ALL_USED)
    );
}

#[test]
fn who_refused_decides_whether_a_refusal_is_retried() {
    const LONG: Duration = Duration::from_secs(600);
    let again = |milli| Decision::Again(milli * MILLI);
    // The delay drawn is 100ms, the cap 5s.
    let policy = RetryPolicy::new()
        .backoff(Backoff::exponential(milli(100), milli(5000)))
        .jitter(Jitter::none());
    for (rejected, expected) in [
        (Rejected::rate_limited("x", Duration::ZERO), again(100)),
        (Rejected::rate_limited("x", milli(99)), again(100)),
        (Rejected::rate_limited("x", milli(101)), again(101)),
        (Rejected::rate_limited("x", milli(5000)), again(5000)),
        (
            Rejected::rate_limited("x", milli(5001)),
            Decision::GiveUp(TOO_LONG),
        ),
        (Rejected::circuit_open("x", Duration::ZERO), again(100)),
        (Rejected::circuit_open("x", milli(100)), again(100)),
        (
            Rejected::circuit_open("x", milli(101)),
            Decision::GiveUp(TOO_LONG),
        ),
        (Rejected::forced_open("x"), Decision::GiveUp(FINAL)),
        (Rejected::too_costly("x", 9, 4), Decision::GiveUp(FINAL)),
        (Rejected::no_time_left("x"), Decision::GiveUp(FINAL)),
        (Rejected::bulkhead_full("x"), again(100)),
        (Rejected::timed_out("x", LONG), again(100)),
    ] {
        assert_eq!(
            after_one_second(policy, refused(rejected), moment()),
            expected,
            "{rejected}"
        );
        let asked = |when_rejected| Verdict::Rejected {
            rejected,
            when_rejected: Some(when_rejected),
        };
        assert_eq!(
            after_one_second(policy, asked(true), moment()),
            again(100),
            "`when_rejected` replaces the rule: {rejected}"
        );
        assert!(!asks_for_more(asked(false)), "{rejected}");
        assert!(asks_for_more(refused(rejected)), "{rejected}");
    }
}

#[test]
fn a_fixed_backoff_waits_for_a_rate_limit_no_longer_than_its_delay() {
    let after = |policy, retry_after| {
        let verdict = refused(Rejected::rate_limited("x", retry_after));
        after_one_second(policy, verdict, moment())
    };
    let policy = fixed(3, milli(200));
    assert_eq!(after(policy, milli(200)), Decision::Again(200 * MILLI));
    assert_eq!(after(policy, milli(201)), Decision::GiveUp(TOO_LONG));
    let at_once = fixed(3, Duration::ZERO);
    assert_eq!(after(at_once, Duration::ZERO), Decision::Again(0));
    assert_eq!(after(at_once, milli(1)), Decision::GiveUp(TOO_LONG));
}

fn advised(retry_after: Option<Duration>, hint: RetryHint) -> Verdict {
    let class = match retry_after {
        None => Class::Transient,
        retry_after => Class::Throttled { retry_after },
    };
    Verdict::Advised { class, hint }
}

#[test]
fn a_throttled_answer_is_waited_for_up_to_the_cap() {
    let again = |milli| Decision::Again(milli * MILLI);
    let policy = RetryPolicy::new()
        .backoff(Backoff::exponential(milli(100), milli(5000)))
        .jitter(Jitter::none());
    let after = |policy, retry_after, at| {
        let verdict = advised(Some(retry_after), RetryHint::new());
        after_one_second(policy, verdict, at)
    };
    let drifting = Moment {
        drift: MILLI,
        ..moment()
    };
    for at in [moment(), drifting] {
        assert_eq!(after(policy, Duration::ZERO, at), again(100));
        assert_eq!(after(policy, milli(99), at), again(100));
        assert_eq!(after(policy, milli(101), at), again(101));
        assert_eq!(after(policy, milli(5000), at), again(5000));
        assert_eq!(after(policy, milli(5001), at), Decision::GiveUp(TOO_LONG));
        assert_eq!(
            after(policy, Duration::MAX, at),
            Decision::GiveUp(TOO_LONG),
            "for ever"
        );
    }
    let policy = fixed(3, milli(200));
    assert_eq!(after(policy, milli(200), moment()), again(200));
    assert_eq!(
        after(policy, milli(201), moment()),
        Decision::GiveUp(TOO_LONG)
    );
}

#[test]
fn a_throttled_answer_that_does_not_fit_the_time_left_is_returned_now() {
    let policy = RetryPolicy::new()
        .backoff(Backoff::exponential(milli(100), milli(5000)))
        .jitter(Jitter::none());
    let verdict = advised(Some(milli(2000)), RetryHint::new());
    let deadline = |left: u64| Moment {
        deadline: Some(moment().now + left * MILLI),
        ..moment()
    };
    assert_eq!(
        after_one_second(policy, verdict, deadline(2000)),
        Decision::GiveUp(DEADLINE)
    );
    assert_eq!(
        after_one_second(policy, verdict, deadline(2001)),
        Decision::Again(2000 * MILLI)
    );
    assert_eq!(
        after_one_second(policy.max_elapsed(milli(3000)), verdict, moment()),
        Decision::GiveUp(MAX_ELAPSED)
    );
}

#[test]
fn a_hint_replaces_what_the_policy_says_about_delays() {
    let linear = Backoff::linear(milli(30), milli(90));
    let hint = RetryHint::new().backoff(linear);
    let policy = RetryPolicy::new().factor(7.0).jitter(Jitter::none());
    let plan = Plan::of(&policy);
    let settings = plan.after(advised(None, hint));
    assert_eq!(settings.backoff, linear);
    assert_eq!(
        settings.jitter,
        Jitter::full(),
        "as if the backoff was written"
    );
    assert!((settings.factor - 2.0).abs() < f64::EPSILON);
    let settings = plan.after(advised(None, hint.jitter(Jitter::equal())));
    assert_eq!(settings.jitter, Jitter::equal());
    let settings = plan.after(advised(None, RetryHint::new().jitter(Jitter::equal())));
    assert_eq!(
        (settings.backoff, settings.jitter),
        (Backoff::DEFAULT, Jitter::equal())
    );
    assert!((settings.factor - 7.0).abs() < f64::EPSILON);
    assert_eq!(
        plan.after(advised(Some(milli(5)), RetryHint::new())),
        plan.settings
    );
    let throttled = advised(Some(milli(91)), hint);
    assert_eq!(
        after_one_second(policy, throttled, moment()),
        Decision::GiveUp(TOO_LONG),
        "the cap of the hint holds"
    );
}

#[test]
fn attempts_that_were_written_bound_those_of_a_hint_and_the_default_does_not() {
    let attempts = |policy: RetryPolicy, hint| {
        let hint = RetryHint::new().attempts(hint);
        Plan::of(&policy).after(advised(None, hint)).attempts
    };
    let (default, four) = (RetryPolicy::new(), RetryPolicy::new().attempts(4));
    assert_eq!(attempts(default, 10), 10);
    assert_eq!(attempts(default, 2), 2);
    assert_eq!(attempts(four, 10), 4);
    assert_eq!(attempts(four, 2), 2);
    assert_eq!(attempts(RetryPolicy::new().attempts(3), 10), 3);
    for hint in [0, 1] {
        let verdict = advised(None, RetryHint::new().attempts(hint));
        assert_eq!(
            after_one_second(default, verdict, moment()),
            Decision::GiveUp(ALL_USED)
        );
    }
}

#[test]
fn the_hint_of_the_latest_error_applies() {
    let plan = Plan::of(&RetryPolicy::new().jitter(Jitter::none()));
    let mut state = State::new(NEVER);
    let mut decide = |verdict| state.decide(&plan.after(verdict), verdict, moment());
    let hint = RetryHint::new().jitter(Jitter::none());
    let linear = hint
        .attempts(5)
        .backoff(Backoff::linear(milli(10), milli(50)));
    assert_eq!(decide(advised(None, linear)), Decision::Again(10 * MILLI));
    assert_eq!(decide(advised(None, linear)), Decision::Again(20 * MILLI));
    assert_eq!(
        decide(advised(
            None,
            hint.backoff(Backoff::fixed(milli(7))).attempts(9)
        )),
        Decision::Again(7 * MILLI)
    );
    assert_eq!(decide(advised(None, linear)), Decision::Again(40 * MILLI));
    assert_eq!(
        decide(Verdict::Failure),
        Decision::GiveUp(ALL_USED),
        "an error without a hint has the policy's three attempts"
    );
}

#[test]
fn a_circuit_is_judged_by_the_delay_after_jitter() {
    let policy = RetryPolicy::new()
        .backoff(Backoff::fixed(milli(100)))
        .jitter(Jitter::full());
    let verdict = refused(Rejected::circuit_open("x", milli(60)));
    let drawn = |random| after_one_second(policy, verdict, Moment { random, ..moment() });
    assert_eq!(drawn(u64::MAX / 2), Decision::GiveUp(TOO_LONG));
    assert_eq!(drawn(u64::MAX), Decision::Again(100 * MILLI));
}

#[test]
fn only_a_wait_that_ends_a_retry_after_makes_up_for_clocks_that_drift() {
    let policy = RetryPolicy::new()
        .backoff(Backoff::linear(milli(100), milli(200)))
        .jitter(Jitter::none());
    let drift = MILLI;
    for (verdict, expected) in [
        (Verdict::Failure, 100),
        (refused(Rejected::rate_limited("x", Duration::ZERO)), 100),
        (refused(Rejected::rate_limited("x", milli(50))), 100),
        (refused(Rejected::rate_limited("x", milli(100))), 101),
        (refused(Rejected::rate_limited("x", milli(200))), 201),
        (refused(Rejected::circuit_open("x", milli(100))), 101),
        (refused(Rejected::bulkhead_full("x")), 100),
    ] {
        let decision = after_one_second(policy, verdict, Moment { drift, ..moment() });
        assert_eq!(decision, Decision::Again(expected * MILLI), "{verdict:?}");
    }
    let at_once = after_one_second(
        fixed(3, Duration::ZERO),
        refused(Rejected::circuit_open("x", Duration::ZERO)),
        Moment { drift, ..moment() },
    );
    assert_eq!(at_once, Decision::Again(0), "there is nothing to wait for");
}

#[test]
fn an_attempt_that_could_only_start_at_the_end_of_max_elapsed_is_not_started() {
    let after = |delay, max_elapsed| {
        let policy = fixed(3, milli(delay)).max_elapsed(milli(max_elapsed));
        after_one_second(policy, Verdict::Failure, moment())
    };
    assert_eq!(after(100, 1101), Decision::Again(100 * MILLI));
    assert_eq!(after(100, 1100), Decision::GiveUp(MAX_ELAPSED));
    assert_eq!(after(0, 1001), Decision::Again(0));
    assert_eq!(after(0, 1000), Decision::GiveUp(MAX_ELAPSED));
}

#[test]
fn an_attempt_that_could_only_start_at_the_deadline_is_not_started() {
    let after = |policy, left| {
        let at = moment();
        let deadline = Some(at.now + left * MILLI);
        after_one_second(policy, Verdict::Failure, Moment { deadline, ..at })
    };
    let policy = fixed(3, milli(100));
    assert_eq!(after(policy, 101), Decision::Again(100 * MILLI));
    assert_eq!(after(policy, 100), Decision::GiveUp(DEADLINE));
    let limited = policy.max_elapsed(milli(1050));
    assert_eq!(after(limited, 60), Decision::GiveUp(MAX_ELAPSED));
    assert_eq!(after(limited, 40), Decision::GiveUp(DEADLINE));
    assert_eq!(
        after(fixed(3, Duration::ZERO), 0),
        Decision::GiveUp(DEADLINE)
    );
}

#[test]
fn a_retry_after_that_does_not_fit_the_time_left_ends_the_call() {
    let policy = RetryPolicy::new().max_elapsed(milli(3000));
    for (retry_after, expected) in [
        (1999, Decision::Again(1999 * MILLI)),
        (2000, Decision::GiveUp(MAX_ELAPSED)),
    ] {
        let verdict = refused(Rejected::rate_limited("x", milli(retry_after)));
        assert_eq!(after_one_second(policy, verdict, moment()), expected);
    }
}

#[test]
fn what_is_no_failure_asks_for_no_other_attempt() {
    assert!(asks_for_more(Verdict::Failure));
    assert!(asks_for_more(advised(None, RetryHint::new())));
    for verdict in [
        Verdict::Success,
        Verdict::NoFailure,
        Verdict::Permanent,
        Verdict::Ignored,
    ] {
        assert!(!asks_for_more(verdict), "{verdict:?}");
    }
}

// Settings.

#[test]
fn a_setting_out_of_range_is_refused_by_name() {
    let new = RetryPolicy::new;
    for (policy, key) in [
        (new().attempts(0), "attempts"),
        (new().factor(0.99), "factor"),
        (new().factor(f64::NAN), "factor"),
        (new().factor(f64::INFINITY), "factor"),
        (new().max_elapsed(Duration::ZERO), "max_elapsed"),
        (
            new().backoff(Backoff::linear(Duration::ZERO, milli(1))),
            "backoff",
        ),
        (
            new().backoff(Backoff::exponential(milli(2), milli(1))),
            "backoff",
        ),
    ] {
        assert_eq!(policy.invalid().map(|invalid| invalid.key()), Some(key));
    }
    assert_eq!(
        new().backoff(Backoff::fixed(Duration::ZERO)).invalid(),
        None
    );
    assert_eq!(
        new()
            .backoff(Backoff::fibonacci(milli(1), milli(1)))
            .factor(f64::NAN)
            .attempts(0)
            .invalid()
            .map(|invalid| invalid.key()),
        Some("factor"),
        "the first mistake is the one that is told"
    );
}

#[test]
fn settings_that_contradict_each_other_are_refused_in_whatever_order_they_are_written() {
    let new = RetryPolicy::new;
    let linear = Backoff::linear(milli(1), milli(2));
    let exponential = Backoff::exponential(milli(1), milli(2));
    let decorrelated = Jitter::decorrelated();
    for (policy, key) in [
        (new().backoff(linear).factor(3.0), Some("factor")),
        (new().factor(3.0).backoff(linear), Some("factor")),
        (new().backoff(linear).jitter(decorrelated), Some("jitter")),
        (new().jitter(decorrelated).backoff(linear), Some("jitter")),
        (new().jitter(decorrelated).factor(2.0), Some("jitter")),
        (new().jitter(decorrelated), None),
        (new().jitter(decorrelated).backoff(exponential), None),
        (new().factor(3.0).backoff(exponential), None),
        (new().factor(3.0).jitter(Jitter::equal()), None),
        (
            new().jitter(decorrelated).over(new().backoff(linear)),
            Some("jitter"),
        ),
    ] {
        assert_eq!(policy.invalid().map(|invalid| invalid.key()), key);
        assert_eq!(Policy::invalid(&policy), policy.invalid());
    }
}

#[test]
fn jitter_is_decorrelated_unless_a_backoff_or_a_factor_is_written() {
    let jitter = |policy: RetryPolicy| RetrySettings::of(&policy).jitter;
    let new = RetryPolicy::new;
    assert_eq!(jitter(new()), Jitter::decorrelated());
    assert_eq!(jitter(new().attempts(7)), Jitter::decorrelated());
    assert_eq!(jitter(new().backoff(Backoff::DEFAULT)), Jitter::full());
    assert_eq!(jitter(new().factor(2.0)), Jitter::full());
    assert_eq!(jitter(new().jitter(Jitter::none())), Jitter::none());
}

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let shown = |key| {
        let value = RetryPolicy::new().effective(key);
        value.map(|value| value.to_string())
    };
    for (key, value) in [
        ("attempts", Some("3")),
        ("backoff", Some("exponential(100ms..30s)")),
        ("factor", Some("2")),
        ("jitter", Some("decorrelated")),
        ("max_elapsed", None),
        ("enabled", Some("true")),
    ] {
        assert_eq!(shown(key).as_deref(), value, "{key}");
    }
}

#[test]
fn two_definitions_that_contradict_each_other_still_wait_a_sensible_time() {
    let policy = RetryPolicy::new()
        .jitter(Jitter::decorrelated())
        .over(RetryPolicy::new().backoff(Backoff::fixed(milli(100))));
    let retry = Retry::new("contradiction", &policy);
    assert!(retry.begin().decide(Verdict::Failure).is_some());
    let mut state = State::new(NEVER);
    assert_eq!(
        state.decide(&RetrySettings::of(&policy), Verdict::Failure, moment()),
        Decision::Again(100 * MILLI),
        "full jitter"
    );
}

// The live policy.

#[test]
fn a_first_attempt_reads_no_clock_unless_max_elapsed_is_set() {
    assert_eq!(retry(RetryPolicy::new()).begin().state.began, NEVER);
    let limited = retry(RetryPolicy::new().max_elapsed(milli(1)));
    assert_ne!(limited.begin().state.began, NEVER);
}

#[test]
fn calls_that_needed_a_second_attempt_are_counted_and_others_are_nobodys_business() {
    let retry = retry(fixed(3, Duration::ZERO));
    let unused = snapshot(&retry);
    assert_eq!(unused.calls, None);
    assert_eq!((unused.retried, unused.extra_attempts), (0, 0));
    assert_eq!((unused.recovered, unused.gave_up), (0, 0));

    assert!(retry.begin().decide(Verdict::Success).is_none());
    assert!(retry.begin().decide(Verdict::NoFailure).is_none());
    assert!(retry.begin().decide(Verdict::Ignored).is_none());
    assert_eq!(snapshot(&retry), unused);

    let mut recovers = retry.begin();
    assert!(recovers.decide(Verdict::Failure).is_some());
    assert!(recovers.decide(Verdict::Failure).is_some());
    assert!(recovers.decide(Verdict::Success).is_none());
    let mut fails = retry.begin();
    assert!(fails.decide(Verdict::Failure).is_some());
    assert!(fails.decide(refused(Rejected::forced_open("x"))).is_none());
    assert_eq!(
        snapshot(&retry),
        RetrySnapshot {
            enabled: true,
            calls: None,
            retried: 2,
            extra_attempts: 3,
            recovered: 1,
            gave_up: 1,
            budget: None,
        }
    );
}

#[test]
fn what_a_retry_does_is_reported_with_its_reason() {
    let begin = |retry: &Retry, verdicts: &[Verdict]| {
        let mut call = retry.begin();
        for verdict in verdicts {
            let _ = call.decide(*verdict);
        }
    };
    let failure = Verdict::Failure;
    let retrying = |attempt| What::Retrying {
        attempt,
        delay: milli(7),
    };
    let gave_up = |attempts, reason| What::GaveUp { attempts, reason };
    let said = |when_rejected| Verdict::Rejected {
        rejected: Rejected::bulkhead_full("x"),
        when_rejected: Some(when_rejected),
    };
    let elapsed = fixed(3, milli(7)).max_elapsed(milli(5));
    let open = refused(Rejected::circuit_open("x", milli(8)));
    let forced = refused(Rejected::forced_open("x"));
    let normal = fixed(3, milli(7));
    for (policy, verdicts, expected) in [
        (
            normal,
            &[failure, failure, failure][..],
            &[retrying(1), retrying(2), gave_up(3, "all attempts used")][..],
        ),
        (normal, &[failure, Verdict::Success], &[retrying(1)]),
        (normal, &[failure, Verdict::NoFailure], &[retrying(1)]),
        (normal, &[forced], &[gave_up(1, "final refusal")]),
        (normal, &[open], &[gave_up(1, "retry_after too long")]),
        (normal, &[said(false)], &[]),
        (normal, &[said(true)], &[retrying(1)]),
        (elapsed, &[failure], &[gave_up(1, "max_elapsed")]),
        (normal.enabled(false), &[failure], &[]),
    ] {
        let reported = reported("reporting", || {
            begin(&Retry::new("reporting", &policy), verdicts);
        });
        assert_eq!(reported, expected, "{verdicts:?}");
    }
}

#[test]
fn the_deadline_of_a_timeout_around_the_call_is_heeded() {
    let retry = retry(fixed(3, milli(60_000)));
    let scope = Deadline::enter(Deadline::current(), NEVER, 30_000 * MILLI);
    assert!(retry.begin().decide(Verdict::Failure).is_none());
    assert_ne!(scope.leave(), NEVER, "asking fixes the deadline");
    assert!(retry.begin().decide(Verdict::Failure).is_some());
}

#[test]
fn a_retry_that_is_switched_off_lets_every_failure_pass() {
    let retry = retry(fixed(3, Duration::ZERO).enabled(false));
    assert!(retry.begin().decide(Verdict::Failure).is_none());
    let snapshot = snapshot(&retry);
    assert!(!snapshot.enabled);
    assert_eq!(snapshot.gave_up, 0);
}

#[test]
fn other_settings_hold_for_a_call_that_is_under_way_and_keep_its_counts() {
    let retry = retry(fixed(2, Duration::ZERO));
    let mut call = retry.begin();
    assert!(call.decide(Verdict::Failure).is_some());
    retry.reconfigure(&fixed(3, Duration::ZERO).max_elapsed(Duration::from_nanos(1)));
    assert!(
        call.decide(Verdict::Failure).is_some(),
        "it has a third attempt, and nobody knows when it began"
    );
    assert!(call.decide(Verdict::Failure).is_none());
    assert_eq!(snapshot(&retry).extra_attempts, 2);
    assert_ne!(retry.begin().state.began, NEVER, "the next call knows");
}

#[test]
fn a_delay_of_zero_is_over_at_once_and_needs_no_runtime() {
    let retry = retry(fixed(2, Duration::ZERO));
    let mut delay = pin!(
        retry
            .begin()
            .decide(Verdict::Failure)
            .expect("a retry")
            .into_future()
    );
    let mut context = Context::from_waker(Waker::noop());
    assert!(delay.as_mut().poll(&mut context).is_ready());
}

#[test]
fn a_call_may_move_between_threads_while_it_waits() {
    fn sendable<T: Send>() {}
    sendable::<RetryCall<'_>>();
    sendable::<Delay>();
    sendable::<Delaying>();
}

// Paused time.

/// When the attempts of a call begin that always fails at once, in milliseconds.
async fn attempts_of(retry: &Retry) -> Vec<u64> {
    let begin = time::now();
    let mut at = Vec::new();
    let outcome = call(retry, async |_| {
        at.push((time::now() - begin) / MILLI);
        Err(Failure::Error("E"))
    })
    .await;
    assert_eq!(outcome, Err(Failure::Error("E")));
    at.push((time::now() - begin) / MILLI);
    at
}

#[tokio::test(start_paused = true)]
async fn a_delay_that_does_not_fit_max_elapsed_is_not_slept() {
    let (base, max) = (milli(100), milli(10_000));
    let policy = RetryPolicy::new()
        .attempts(100)
        .jitter(Jitter::none())
        .max_elapsed(milli(1000));
    for (backoff, expected) in [
        // The last number is when the call ends.
        (Backoff::exponential(base, max), [0, 100, 300, 700, 700]),
        (Backoff::fibonacci(base, max), [0, 100, 300, 600, 600]),
    ] {
        let retry = retry(policy.backoff(backoff));
        assert_eq!(attempts_of(&retry).await, expected, "{backoff}");
    }
}

#[tokio::test(start_paused = true)]
async fn max_elapsed_never_interrupts_an_attempt() {
    let retry = retry(RetryPolicy::new().attempts(6).max_elapsed(milli(100)));
    let begin = time::now();
    let outcome = call(&retry, async |_| {
        tokio::time::sleep(milli(1000)).await;
        Ok(7)
    })
    .await;
    assert_eq!(outcome, Ok(7));
    assert_eq!(time::now() - begin, 1000 * MILLI);
}

#[tokio::test(start_paused = true)]
async fn the_fourth_attempt_may_succeed_without_any_time_having_passed() {
    let retry = retry(fixed(4, Duration::ZERO));
    let begin = time::now();
    let outcome = call(&retry, async |number| match number {
        4 => Ok(number),
        _ => Err(Failure::Error("F")),
    })
    .await;
    assert_eq!(outcome, Ok(4));
    assert_eq!(time::now(), begin);
}

#[tokio::test(start_paused = true)]
async fn the_last_error_is_returned_as_itself() {
    let retry = retry(fixed(3, Duration::ZERO));
    let errors = ["e1", "e2", "e3"];
    let outcome = call(&retry, async |number| {
        Err(Failure::Error(errors[number as usize - 1]))
    })
    .await;
    assert_eq!(outcome, Err(Failure::Error("e3")));
}

#[tokio::test(start_paused = true)]
async fn an_error_for_which_when_says_no_is_not_retried() {
    for (error, runs) in [("E", 4), ("another", 1)] {
        let retry = retry(fixed(4, Duration::ZERO));
        let mut call = retry.begin();
        loop {
            let outcome = Outcome::Err(Failure::Error(error));
            let judge = Judge::<Answer>::new().when(|error| *error == "E");
            match call.decide(judge.verdict(&outcome)) {
                Some(delay) => delay.await,
                None => break,
            }
        }
        assert_eq!(call.number(), runs, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_circuit_that_opens_ends_the_call_within_the_first_delay() {
    let retry = retry(RetryPolicy::new());
    let begin = time::now();
    let open = Rejected::circuit_open("x", milli(29_000));
    let outcome = call(&retry, async |number| match number {
        1 => Err(Failure::Error("F")),
        _ => Err(Failure::Rejected(open)),
    })
    .await;
    assert_eq!(outcome, Err(Failure::Rejected(open)));
    assert!(time::now() - begin <= 301 * MILLI, "three times the base");
    assert_eq!(snapshot(&retry).extra_attempts, 1);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_attempts_do_not_overflow_the_stack_nor_take_time() {
    let retry = retry(fixed(10_001, Duration::ZERO));
    let attempts = attempts_of(&retry).await;
    assert_eq!(attempts.len(), 10_001 + 1);
    assert_eq!(attempts.last(), Some(&0));
    assert_eq!(snapshot(&retry).extra_attempts, 10_000);
}

#[tokio::test]
async fn attempts_that_never_wait_leave_others_their_turn() {
    let others = std::rc::Rc::new(Cell::new(0));
    let tasks = tokio::task::LocalSet::new();
    let counting = others.clone();
    tasks.spawn_local(async move {
        loop {
            counting.set(counting.get() + 1);
            tokio::task::yield_now().await;
        }
    });
    let retry = retry(fixed(1000, Duration::ZERO));
    tasks.run_until(attempts_of(&retry)).await;
    assert!(others.get() >= 10, "{} turns", others.get());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_runs_nothing_afterwards() {
    for body_takes in [3_600_000, 0] {
        let retry = retry(fixed(6, milli(60_000)));
        let runs = Cell::new(0);
        let dropped = call(&retry, async |_| {
            runs.set(runs.get() + 1);
            tokio::time::sleep(milli(body_takes)).await;
            Err(Failure::Error("F"))
        });
        drop(tokio::time::timeout(Duration::from_nanos(1), dropped).await);
        tokio::time::sleep(milli(7_200_000)).await;
        assert_eq!(runs.get(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_attempt_held_is_free_during_the_delay() {
    let retry = retry(fixed(2, milli(100)));
    let places = tokio::sync::Semaphore::new(1);
    let retried = call(&retry, async |_| {
        let _place = places.acquire().await;
        Err(Failure::Error("F"))
    });
    let other = async {
        tokio::time::sleep(milli(50)).await;
        places.available_permits()
    };
    assert_eq!(tokio::join!(retried, other).1, 1);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_is_asked_again_at_the_very_moment_it_named() {
    let policy = RetryPolicy::new().jitter(Jitter::proportional(Share::percent(0)));
    let retry = retry(policy);
    let begin = time::now();
    let outcome = call(&retry, async |_| {
        let passed = Duration::from_nanos(time::now() - begin);
        match milli(2500).checked_sub(passed) {
            Some(left) if !left.is_zero() => {
                Err(Failure::Rejected(Rejected::rate_limited("x", left)))
            }
            _ => Ok(1),
        }
    })
    .await;
    assert_eq!(outcome, Ok(1));
    assert_eq!(time::now() - begin, 2500 * MILLI);
    assert_eq!(snapshot(&retry).extra_attempts, 1);
}

#[test]
fn the_longest_call_has_a_delay_between_two_attempts_and_keeps_to_max_elapsed() {
    let policy = fixed(3, milli(5)).jitter(Jitter::none());
    let longest = |policy: RetryPolicy| retry(policy).longest(milli(10));
    assert_eq!(longest(policy), milli(3 * 10 + 2 * 5));
    assert_eq!(longest(policy.max_elapsed(milli(20))), milli(20 + 10));
    assert_eq!(longest(policy.max_elapsed(milli(100))), milli(40));
    assert_eq!(longest(policy.enabled(false)), milli(10));
}
