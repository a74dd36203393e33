//! The live breaker in paused time, and among threads.

use super::super::*;
use super::Recorder;
use crate::frame::cut;
use crate::outcome::Verdict;
use crate::setting::{Ramp, Share};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn breaker(policy: CircuitBreakerPolicy) -> CircuitBreaker {
    CircuitBreaker::new("live", &policy.checked())
}

fn policy() -> CircuitBreakerPolicy {
    CircuitBreakerPolicy::new()
}

fn call(breaker: &CircuitBreaker, verdict: Verdict) -> Result<(), Rejected> {
    let frame = Frame::new();
    breaker.admit(&frame)?.settle(verdict);
    Ok(())
}

fn rejected(rejected: Rejected) -> Verdict {
    Verdict::Rejected {
        rejected,
        when_rejected: None,
    }
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_the_breaker_and_the_exact_wait() {
    let breaker = breaker(policy().failure_threshold(1).success_threshold(1));
    call(&breaker, Verdict::Failure).expect("closed");
    tokio::time::advance(SECOND).await;
    let refused = call(&breaker, Verdict::Success).expect_err("open");
    assert_eq!(refused, Rejected::circuit_open("live", 29 * SECOND));
    tokio::time::advance(29 * SECOND).await;
    call(&breaker, Verdict::Success).expect("a probe");
    assert_eq!(breaker.state(), CircuitBreakerState::Closed);
    assert_eq!(breaker.snapshot().counts.rejected, 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_policy_further_in_refused_is_ignored_and_a_timeout_is_a_failure() {
    let breaker = breaker(policy().failure_threshold(3));
    for _ in 0..5 {
        call(&breaker, rejected(Rejected::bulkhead_full("x"))).expect("closed");
        call(&breaker, rejected(Rejected::no_time_left("x"))).expect("closed");
    }
    let cut_off = Rejected::timed_out("x", SECOND);
    call(&breaker, rejected(cut_off)).expect("closed");
    call(&breaker, rejected(cut_off)).expect("closed");
    let counts = breaker.snapshot().counts;
    assert_eq!((counts.ignored, counts.failure), (10, 2));
    call(&breaker, rejected(cut_off)).expect("closed");
    assert_eq!(breaker.state(), CircuitBreakerState::Open);
}

/// What an outer breaker takes a refusal for, alone and with `count_rejections`.
fn refusals_of_every_kind() -> Vec<(Rejected, Outcome, Outcome)> {
    use Outcome::{Failure, Ignored};
    let rows = vec![
        (Rejected::bulkhead_full("x"), Ignored, Failure),
        (Rejected::rate_limited("x", SECOND), Ignored, Failure),
        (Rejected::too_costly("x", 9, 4), Ignored, Failure),
        (Rejected::circuit_open("x", SECOND), Ignored, Failure),
        (Rejected::forced_open("x"), Ignored, Failure),
        (Rejected::no_time_left("x"), Ignored, Failure),
        (Rejected::timed_out("x", SECOND), Failure, Failure),
        (Rejected::timed_out_early("x", SECOND), Failure, Failure),
        #[cfg(feature = "testing")]
        (Rejected::injected("x"), Failure, Failure),
    ];
    for (refused, ..) in &rows {
        // A new kind needs a row above.
        match refused {
            Rejected::BulkheadFull(_)
            | Rejected::RateLimited(_)
            | Rejected::TooCostly(_)
            | Rejected::CircuitOpen(_)
            | Rejected::ForcedOpen(_)
            | Rejected::NoTimeLeft(_)
            | Rejected::TimedOut(_) => {}
            #[cfg(feature = "testing")]
            Rejected::Injected(_) => {}
        }
    }
    rows
}

#[tokio::test(start_paused = true)]
async fn what_a_refusal_of_each_kind_is_taken_for_closed_and_as_a_probe() {
    use crate::class::Diagnosis;
    use crate::outcome::{Failure, Inside, Judge};

    type Answer = Result<(), Rejected>;
    for (refused, alone, counted) in refusals_of_every_kind() {
        // From a policy in the same stack, and out of another function, by its error.
        let within: Inside<(), Rejected> = Err(Failure::Rejected(refused));
        let further_in: Inside<(), Rejected> = Err(Failure::Error(refused));
        for (outcome, (counts, expected)) in [within, further_in]
            .iter()
            .flat_map(|outcome| [(outcome, (false, alone)), (outcome, (true, counted))])
        {
            let verdict = || {
                Judge::<Answer>::new()
                    .when(|_| unreachable!("a refusal is no error"))
                    .unless(|_| unreachable!("a refusal is no error"))
                    .verdict_with(outcome, Diagnosis::of)
            };
            let policy = policy().failure_threshold(1).success_threshold(1);
            let breaker = breaker(policy.count_rejections(counts));
            call(&breaker, verdict()).expect("closed");
            let seen = breaker.snapshot().counts;
            let is_failure = expected == Outcome::Failure;
            let expected = (u64::from(!is_failure), u64::from(is_failure));
            assert_eq!((seen.ignored, seen.failure), expected, "{refused}");
            assert_eq!(
                breaker.state() == CircuitBreakerState::Open,
                is_failure,
                "{refused}"
            );

            breaker.reset("as a probe");
            call(&breaker, Verdict::Failure).expect("closed");
            tokio::time::advance(30 * SECOND).await;
            call(&breaker, verdict()).expect("a probe");
            let after = if is_failure {
                CircuitBreakerState::Open
            } else {
                CircuitBreakerState::HalfOpen
            };
            assert_eq!(breaker.state(), after, "{refused}");
            let next = call(&breaker, Verdict::Success);
            assert_eq!(
                next.is_ok(),
                !is_failure,
                "it gave its place back: {refused}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn with_count_rejections_three_refusals_open_it_and_who_is_inside_ends_well() {
    let breaker = breaker(policy().failure_threshold(3).count_rejections(true));
    let frame = Frame::new();
    let mut inside = breaker.admit(&frame).expect("closed");
    let refusals = (0..5)
        .filter(|_| call(&breaker, rejected(Rejected::bulkhead_full("x"))).is_err())
        .count();
    assert_eq!(refusals, 2);
    inside.settle(Verdict::Success);
    assert_eq!(breaker.snapshot().counts.success, 1);
    assert_eq!(breaker.state(), CircuitBreakerState::Open);
}

#[test]
fn a_dropped_permit_is_what_its_frame_says() {
    let breaker = breaker(policy().failure_threshold(100));
    let counts = || {
        let counts = breaker.snapshot().counts;
        (counts.failure, counts.abandoned)
    };
    let frame = Frame::new();
    let permit = breaker.admit(&frame).expect("closed");
    cut(|| drop(permit));
    assert_eq!(counts(), (0, 1), "the call was waiting");

    let mut body = pin!(frame.run(std::future::pending::<()>()));
    assert!(poll_once(body.as_mut()).is_pending());
    drop(breaker.admit(&frame).expect("closed"));
    assert_eq!(counts(), (0, 2), "the caller dropped it");
    let permit = breaker.admit(&frame).expect("closed");
    cut(|| drop(permit));
    assert_eq!(counts(), (1, 2), "a timeout cut it");

    let panicking = async {
        let frame = Frame::new();
        let _permit = breaker.admit(&frame).expect("closed");
        frame.run(async { panic!("boom") }).await;
    };
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(pin!(panicking)))).is_err());
    assert_eq!(counts(), (2, 2), "the body panicked");
}

#[test]
fn a_permit_is_settled_once() {
    let breaker = breaker(policy());
    let frame = Frame::new();
    let mut permit = breaker.admit(&frame).expect("closed");
    permit.settle(Verdict::Success);
    permit.settle(Verdict::Failure);
    drop(permit);
    let counts = breaker.snapshot().counts;
    assert_eq!(counts.success, 1);
    assert_eq!((counts.failure, counts.abandoned), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_is_measured_from_its_admission() {
    let slow = policy()
        .failure_rate(Share::percent(100))
        .window(2)
        .slow_call(SECOND)
        .slow_call_rate(Share::percent(100));
    let breaker = breaker(slow);
    let almost = Duration::from_nanos(999_999_999);
    for length in [SECOND, almost, SECOND, SECOND] {
        assert_eq!(breaker.state(), CircuitBreakerState::Closed);
        let frame = Frame::new();
        let mut permit = breaker.admit(&frame).expect("closed");
        tokio::time::advance(length).await;
        permit.settle(Verdict::Success);
    }
    assert_eq!(breaker.state(), CircuitBreakerState::Open);
    let window = breaker.snapshot().window.expect("a window");
    assert_eq!(
        (window.slow, window.slow_call_rate),
        (Some(2), Some(Share::percent(100)))
    );
}

#[tokio::test(start_paused = true)]
async fn switched_off_it_admits_all_and_remembers_what_it_knew() {
    let on = policy().failure_threshold(1);
    let breaker = breaker(on);
    call(&breaker, Verdict::Failure).expect("closed");
    breaker.reconfigure(&on.enabled(false));
    assert_eq!(breaker.state(), CircuitBreakerState::Disabled);
    call(&breaker, Verdict::Failure).expect("off");
    let snapshot = breaker.snapshot();
    assert_eq!(snapshot.state, CircuitBreakerState::Disabled);
    assert_eq!(snapshot.why.as_deref(), Some("enabled = false"));
    assert_eq!(
        snapshot.counts.failure, 1,
        "nothing is counted while it is off"
    );
    breaker.reconfigure(&on);
    assert!(call(&breaker, Verdict::Success).is_err());
}

#[tokio::test(start_paused = true)]
async fn new_settings_keep_what_the_shards_hold() {
    let calls = |window| policy().failure_rate(Share::percent(50)).window(window);
    let breaker = breaker(calls(10));
    for _ in 0..6 {
        call(&breaker, Verdict::Success).expect("closed");
    }
    breaker.reconfigure(&calls(4));
    let window = breaker.snapshot().window.expect("a window");
    assert_eq!((window.calls, window.failures), (4, 0));
    let timed = policy()
        .failure_rate(Share::percent(50))
        .window_time(10 * SECOND);
    for other in [timed, policy(), timed, calls(4)] {
        breaker.reconfigure(&other);
        let window = breaker.snapshot().window;
        assert_eq!(window.map_or(0, |window| window.calls), 0);
        call(&breaker, Verdict::Success).expect("closed");
        let window = breaker.snapshot().window;
        assert_eq!(window.map_or(1, |window| window.calls), 1);
    }
    assert_eq!(breaker.snapshot().counts.success, 10);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_without_traffic_tells_the_truth() {
    let rated = policy().failure_rate(Share::percent(50)).window(4);
    let breaker = breaker(rated);
    let window = breaker.snapshot().window.expect("a window");
    assert_eq!((window.calls, window.failure_rate), (0, None));
    assert_eq!(window.slow, None);
    for _ in 0..4 {
        call(&breaker, Verdict::Failure).expect("closed");
    }
    tokio::time::advance(10 * SECOND).await;
    let snapshot = breaker.snapshot();
    assert_eq!(snapshot.state, CircuitBreakerState::Open);
    assert_eq!(snapshot.since, Some(10 * SECOND));
    assert_eq!(snapshot.next_probe_in, Some(20 * SECOND));
    let why = "failure rate 100% of 4 calls reached 50%";
    assert_eq!(snapshot.why.as_deref(), Some(why));
    assert_eq!(
        snapshot.window.expect("a window").failure_rate,
        Some(Share::percent(100)),
        "it shows for what it opened"
    );
    tokio::time::advance(25 * SECOND).await;
    assert_eq!(breaker.state(), CircuitBreakerState::HalfOpen);
    let snapshot = breaker.snapshot();
    assert_eq!(snapshot.since, Some(5 * SECOND));
    assert_eq!(snapshot.next_probe_in, Some(Duration::ZERO));
    assert_eq!(snapshot.place_free_in, None, "it is free");
    assert_eq!(snapshot.time_in.open, 30 * SECOND);
    let drill = Override::because("a drill").by("ana").lasting(60 * SECOND);
    breaker.disable(drill.clone());
    tokio::time::advance(SECOND).await;
    let overridden = breaker.snapshot().overridden.expect("by hand");
    assert_eq!(
        (overridden.by, overridden.ends_in),
        (drill, Some(59 * SECOND))
    );
    tokio::time::advance(59 * SECOND).await;
    call(&breaker, Verdict::Success).expect("closed");
    let snapshot = breaker.snapshot();
    assert_eq!(snapshot.state, CircuitBreakerState::Closed);
    assert_eq!(snapshot.time_in.disabled, 60 * SECOND);
    assert_eq!((snapshot.why, snapshot.overridden), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_tells_a_recovery_that_fails_from_what_began_it() {
    let breaker = breaker(policy().failure_threshold(2).success_threshold(3));
    for _ in 0..2 {
        call(&breaker, Verdict::Failure).expect("closed");
    }
    let began = "2 of the last 2 calls failed (failure_threshold = 2)";
    tokio::time::advance(30 * SECOND).await;
    call(&breaker, Verdict::Success).expect("a probe");
    tokio::time::advance(SECOND).await;
    let frame = Frame::new();
    let mut probe = breaker.admit(&frame).expect("another");
    tokio::time::advance(4 * SECOND).await;
    let seen = breaker.snapshot();
    assert_eq!(
        (seen.probes_inside, seen.probes_allowed),
        (Some(1), Some(1))
    );
    assert_eq!(
        (seen.probes_succeeded, seen.probes_needed),
        (Some(1), Some(3))
    );
    assert_eq!(seen.next_probe_in, None, "nobody knows when it answers");
    assert_eq!(seen.place_free_in, Some(26 * SECOND), "that is the latest");
    probe.settle(Verdict::Failure);

    tokio::time::advance(2500 * SECOND / 1000).await;
    let seen = breaker.snapshot();
    assert_eq!(seen.since, Some(SECOND * 5 / 2));
    let why = "a probe failed, 1 had succeeded (success_threshold = 3)";
    assert_eq!(seen.why.as_deref(), Some(why));
    assert_eq!((seen.probes_allowed, seen.probes_needed), (None, None));
    let table = crate::policy::Show::note(&seen);
    let outage = seen.outage.expect("it has not closed");
    assert_eq!((outage.since, outage.reopened), (SECOND * 75 / 2, 1));
    assert_eq!(outage.why, began);
    assert_eq!(
        table,
        format!("{why}; not closed for 37s; at first {began}; opened again 1 time")
    );
}

#[tokio::test(start_paused = true)]
async fn a_ramp_can_be_seen_and_is_passed_without_traffic() {
    let shares = Ramp::new(&[Share::percent(50), Share::percent(100)]);
    let ramped = policy()
        .failure_threshold(1)
        .success_threshold(1)
        .open_for(10 * SECOND)
        .ramp(shares);
    let breaker = breaker(ramped);
    call(&breaker, Verdict::Failure).expect("closed");
    assert_eq!(breaker.snapshot().open_for, Some(10 * SECOND));
    tokio::time::advance(10 * SECOND).await;
    call(&breaker, Verdict::Success).expect("a probe");
    tokio::time::advance(SECOND).await;
    let refused = call(&breaker, Verdict::Success).expect_err("every second call");
    assert_eq!(refused, Rejected::circuit_open("live", 9 * SECOND));
    call(&breaker, Verdict::Success).expect("the second call");
    let seen = breaker.snapshot();
    assert_eq!(seen.state, CircuitBreakerState::Ramping);
    assert_eq!(seen.admitted_share, Some(Share::percent(50)));
    assert_eq!(seen.next_step_in, Some(9 * SECOND));
    assert!(seen.why.is_some(), "it has not closed yet");
    tokio::time::advance(9 * SECOND).await;
    assert_eq!(breaker.state(), CircuitBreakerState::Ramping);
    call(&breaker, Verdict::Success).expect("all of them");
    tokio::time::advance(10 * SECOND).await;
    assert_eq!(breaker.state(), CircuitBreakerState::Closed);
    let seen = breaker.snapshot();
    assert_eq!((seen.admitted_share, seen.next_step_in), (None, None));
    assert_eq!(seen.time_in.ramping, 20 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn openings_lengthen_and_vary_by_chance_within_their_share() {
    let varied = policy()
        .failure_threshold(1)
        .open_for(10 * SECOND)
        .open_backoff(2.0)
        .open_jitter(Share::percent(10));
    let mut lengths = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let breaker = breaker(varied);
        for expected in [10_u32, 20, 40] {
            call(&breaker, Verdict::Failure).expect("closed, or a probe");
            let length = breaker.snapshot().open_for.expect("it is open");
            let part = expected * SECOND / 10;
            assert!(length.abs_diff(expected * SECOND) <= part, "{length:?}");
            let almost = length.saturating_sub(Duration::from_nanos(1));
            tokio::time::advance(almost).await;
            assert_eq!(breaker.state(), CircuitBreakerState::Open);
            tokio::time::advance(Duration::from_nanos(1)).await;
            lengths.insert(length);
        }
    }
    assert!(lengths.len() > 50, "chance was asked each time");
}

#[tokio::test(start_paused = true)]
async fn metrics_only_is_seen_ends_by_itself_and_refuses_nothing_meanwhile() {
    let breaker = breaker(policy().failure_threshold(2));
    let frame = Frame::new();
    let mut before = breaker.admit(&frame).expect("closed");
    call(&breaker, Verdict::Failure).expect("closed");
    breaker.metrics_only(Override::because("a trial").lasting(60 * SECOND));
    assert_eq!(breaker.state(), CircuitBreakerState::MetricsOnly);
    before.settle(Verdict::Failure);
    for _ in 0..5 {
        call(&breaker, Verdict::Failure).expect("nothing is refused");
    }
    tokio::time::advance(SECOND).await;
    let seen = breaker.snapshot();
    assert_eq!(seen.state, CircuitBreakerState::MetricsOnly);
    assert_eq!(seen.would_be, Some(CircuitBreakerState::Open));
    assert_eq!(seen.since, Some(SECOND));
    assert_eq!(seen.next_probe_in, Some(29 * SECOND));
    assert_eq!(seen.why.as_deref(), Some("a trial, for 1m"));
    let why = "2 of the last 2 calls failed (failure_threshold = 2)";
    assert_eq!(seen.would_be_why.as_deref(), Some(why));
    let counts = seen.counts;
    assert_eq!((counts.would_have_rejected, counts.rejected), (3, 0));
    assert_eq!((counts.failure, counts.late, counts.opened), (7, 1, 0));
    let ends_in = seen.overridden.expect("by hand").ends_in;
    assert_eq!(ends_in, Some(59 * SECOND));
    tokio::time::advance(59 * SECOND).await;
    assert_eq!(breaker.state(), CircuitBreakerState::Closed);
    let seen = breaker.snapshot();
    assert_eq!((seen.would_be, seen.would_be_why), (None, None));
    assert_eq!(seen.time_in.metrics_only, 60 * SECOND);
    call(&breaker, Verdict::Failure).expect("closed");
    call(&breaker, Verdict::Failure).expect("closed");
    assert!(
        call(&breaker, Verdict::Failure).is_err(),
        "it refuses again"
    );
}

#[tokio::test(start_paused = true)]
async fn switched_off_it_shows_nothing_of_what_it_would_do() {
    let on = policy().failure_threshold(1);
    let breaker = breaker(on);
    breaker.metrics_only("a trial");
    call(&breaker, Verdict::Failure).expect("nothing is refused");
    breaker.reconfigure(&on.enabled(false));
    let seen = breaker.snapshot();
    assert_eq!(seen.state, CircuitBreakerState::Disabled);
    assert_eq!((seen.would_be, seen.open_for), (None, None));
    breaker.reconfigure(&on);
    let seen = breaker.snapshot();
    assert_eq!(seen.would_be, Some(CircuitBreakerState::Open));
}

#[test]
fn a_subscriber_may_look_steer_and_panic_without_wedging_anything() {
    static BREAKER: OnceLock<CircuitBreaker> = OnceLock::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let then = {
        let calls = Arc::clone(&calls);
        move || {
            let breaker = BREAKER.get().expect("made below");
            match calls.fetch_add(1, Ordering::Relaxed) {
                0 => {
                    assert_eq!(breaker.state(), CircuitBreakerState::Open, "it is visible");
                    breaker.reset("from inside");
                }
                1 => panic!("a subscriber panics"),
                _ => {}
            }
        }
    };
    let breaker = BREAKER.get_or_init(|| breaker(policy().failure_threshold(1)));
    let (recorder, written) = Recorder::new(then);
    tracing::subscriber::with_default(recorder, || {
        let panicked = catch_unwind(AssertUnwindSafe(|| call(breaker, Verdict::Failure)));
        assert!(panicked.is_err());
        assert_eq!(breaker.state(), CircuitBreakerState::Closed);
        breaker.force_open("a drill");
    });
    let written = written.lock().expect("nobody panics holding it");
    assert_eq!(
        *written,
        [
            "closed > open: 1 of the last 1 call failed (failure_threshold = 1)",
            "open > closed: reset: from inside",
            "closed > forced_open: a drill",
        ]
    );
}

#[test]
fn results_of_many_threads_add_up_exactly_through_all_states() {
    const THREADS: u64 = 12;
    const CALLS: u64 = 5_000;
    let base = policy()
        .open_for(Duration::from_micros(20))
        .half_open_calls(2)
        .success_threshold(3);
    let rated = base.failure_rate(Share::percent(30)).min_calls(5);
    let policies = [
        base.failure_threshold(3),
        base.failure_threshold(6).window(20),
        rated.window(20),
        rated.window_time(Duration::from_millis(1)),
        rated.window(20).slow_call(Duration::from_micros(50)),
        rated
            .window(20)
            .open_backoff(1.5)
            .open_jitter(Share::percent(50))
            .ramp(Ramp::new(&[Share::percent(10), Share::percent(50)])),
    ];
    for policy in policies {
        let breaker = breaker(policy);
        let refused = AtomicU64::new(0);
        let mut before = 0;
        while breaker.snapshot().counts.opened == 0 {
            call(&breaker, Verdict::Failure).expect("closed");
            before += 1;
        }
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (breaker, refused) = (&breaker, &refused);
                scope.spawn(move || {
                    for number in 0..CALLS {
                        let frame = Frame::new();
                        let Ok(mut permit) = breaker.admit(&frame) else {
                            refused.fetch_add(1, Ordering::Relaxed);
                            continue;
                        };
                        match number % 10 {
                            _ if (number / 20 + thread) % 8 == 0 => permit.settle(Verdict::Failure),
                            2 => drop(permit),
                            3 => permit.settle(Verdict::Ignored),
                            _ => permit.settle(Verdict::Success),
                        }
                    }
                });
            }
        });
        let counts = breaker.snapshot().counts;
        let settled = counts.success + counts.failure + counts.ignored + counts.abandoned;
        assert_eq!(counts.rejected, refused.into_inner(), "{policy:?}");
        let all = THREADS * CALLS + before;
        assert_eq!(settled + counts.rejected, all, "{policy:?}");
    }
}

#[test]
fn steered_and_reconfigured_among_threads_every_call_is_refused_or_settled_once() {
    const THREADS: u64 = 8;
    const CALLS: u64 = 5_000;
    let few = policy()
        .failure_threshold(3)
        .open_for(Duration::from_micros(20));
    let half = policy()
        .failure_rate(Share::percent(50))
        .window(16)
        .open_for(Duration::from_micros(20))
        .ramp(Ramp::new(&[Share::percent(50)]));
    let breaker = breaker(few);
    let refused = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (breaker, refused) = (&breaker, &refused);
            scope.spawn(move || {
                for number in 0..CALLS {
                    let verdict = if (number / 20 + thread) % 8 == 0 {
                        Verdict::Failure
                    } else {
                        Verdict::Success
                    };
                    if call(breaker, verdict).is_err() {
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                    match number % 1000 {
                        100 => breaker.metrics_only("a trial"),
                        500 => breaker.reset("the trial is over"),
                        300 => breaker.reconfigure(&half),
                        700 => breaker.reconfigure(&few),
                        _ => {}
                    }
                }
            });
        }
    });
    let counts = breaker.snapshot().counts;
    assert_eq!(counts.rejected, refused.into_inner());
    let settled = counts.success + counts.failure;
    assert_eq!(settled + counts.rejected, THREADS * CALLS);
}

#[test]
fn many_threads_never_have_more_probes_inside_than_allowed() {
    let half_open = policy()
        .failure_threshold(1)
        .open_for(Duration::ZERO)
        .half_open_calls(3)
        .success_threshold(u32::MAX)
        .half_open_for(Duration::from_secs(3600));
    let breaker = breaker(half_open);
    call(&breaker, Verdict::Failure).expect("closed");
    let inside = AtomicUsize::new(0);
    let admitted = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                for number in 0..3_000 {
                    let frame = Frame::new();
                    let Ok(mut permit) = breaker.admit(&frame) else {
                        continue;
                    };
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < 3);
                    admitted.fetch_add(1, Ordering::Relaxed);
                    std::thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    match number % 5 {
                        0 => drop(permit),
                        1 => permit.settle(Verdict::Ignored),
                        _ => permit.settle(Verdict::Success),
                    }
                }
            });
        }
    });
    assert!(admitted.into_inner() > 100);
    let snapshot = breaker.snapshot();
    assert_eq!(snapshot.state, CircuitBreakerState::HalfOpen);
    assert_eq!(snapshot.probes_inside, Some(0), "all places are free again");
}

#[test]
fn a_success_that_slips_in_while_a_failure_is_decided_about_is_judged_or_late() {
    let half = policy().failure_rate(Share::percent(50)).window(2);
    let first = policy().failure_threshold(1).window(2);
    for (policy, late) in [(half, 0), (first, 1)] {
        let breaker = breaker(policy);
        let now = now();
        let mut locked = breaker.locked.lock();
        let generation = locked.state.generation();
        breaker.collect(&mut locked, now);
        assert!(
            count(&breaker.slots.own().shard, shard(generation, 0)),
            "another thread's"
        );
        locked
            .state
            .settle(generation, 0, Outcome::Failure, false, now, 0);
        breaker.publish(&mut locked, generation, now);
        drop(locked);
        let snapshot = breaker.snapshot();
        assert_eq!(snapshot.state, CircuitBreakerState::Open);
        assert_eq!((snapshot.counts.success, snapshot.counts.late), (1, late));
    }
}

#[test]
fn a_success_and_a_failure_at_once_open_it_whichever_comes_first() {
    let half = policy().failure_rate(Share::percent(50));
    let policies = [
        half.window(2),
        half.window(64).min_calls(2),
        half.window_time(Duration::from_secs(3600)).min_calls(2),
    ];
    let rounds: Vec<CircuitBreaker> = (0..3_000).map(|at| breaker(policies[at % 3])).collect();
    let begin = std::sync::Barrier::new(2);
    let play = |verdict| {
        for breaker in &rounds {
            begin.wait();
            call(breaker, verdict).expect("closed");
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| play(Verdict::Success));
        scope.spawn(|| play(Verdict::Failure));
    });
    for breaker in &rounds {
        assert_eq!(breaker.state(), CircuitBreakerState::Open);
    }
}

#[test]
fn a_window_among_threads_holds_every_result() {
    const THREADS: u64 = 12;
    const CALLS: u64 = 5_000;
    let wide = policy().failure_rate(Share::percent(100));
    for policy in [
        wide.window(1_000_000),
        wide.window_time(Duration::from_secs(3600)),
    ] {
        let breaker = breaker(policy);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for number in 0..CALLS {
                        let verdict = match number % 10 {
                            0 => Verdict::Failure,
                            1 if number % 100 == 1 => {
                                breaker.snapshot();
                                Verdict::Success
                            }
                            _ => Verdict::Success,
                        };
                        call(&breaker, verdict).expect("closed");
                    }
                });
            }
        });
        let window = breaker.snapshot().window.expect("a window");
        assert_eq!(window.calls, THREADS * CALLS);
        assert_eq!(window.failures, THREADS * CALLS / 10);
    }
}

#[test]
fn a_window_of_any_length_opens_the_breaker_when_it_is_made_and_when_it_is_changed() {
    let lengths = (0..27)
        .map(|power| Duration::from_millis(1 << power))
        .chain((1..=60).map(Duration::from_secs));
    for length in lengths {
        let timed = policy().failure_threshold(5).window_time(length);
        let changed = breaker(policy());
        changed.reconfigure(&timed);
        for breaker in [breaker(timed), changed] {
            for _ in 0..5 {
                // At the most five of a window that may be short: it can open, not close again.
                let _ = call(&breaker, Verdict::Failure);
            }
            let snapshot = breaker.snapshot();
            let expected = (snapshot.counts.opened, snapshot.counts.failure);
            assert!(
                expected == (1, 5) || length < Duration::from_millis(100),
                "{length:?}: {snapshot:?}"
            );
        }
    }
}

#[test]
fn quick_successes_are_in_the_window_whatever_the_clock_says() {
    let lengths = [1, 1_000, 18_000, 30_000, 34_000, 3_600_000].map(Duration::from_millis);
    let origins = (0..63).flat_map(|power| [(1 << power) + (1 << 62), (2 << power) - 1]);
    for (length, now) in lengths
        .into_iter()
        .flat_map(|length| origins.clone().map(move |now| (length, now)))
    {
        let now = now.max(1 << 50);
        let breaker = breaker(policy().failure_threshold(9).window_time(length));
        // The clock of this test: what was made by the real one is a time long past.
        breaker.locked(now, |locked| {
            let by_hand = Override::because("another clock");
            locked.state.reset(by_hand, now);
        });
        let generation = breaker.head.0.control.load(Ordering::Relaxed) >> GENERATION;
        let shift = breaker.head.0.control.load(Ordering::Relaxed) >> SHIFT & 0xff;
        for _ in 0..3 {
            assert!(
                count(&breaker.slots.own().shard, shard(generation, now >> shift)),
                "{length:?} {now}"
            );
        }
        breaker.locked(now, |locked| {
            locked
                .state
                .settle(generation, 0, Outcome::Failure, false, now, 0);
        });
        let counts = breaker.locked(now, |locked| {
            locked.state.window().map(Window::counts).expect("a window")
        });
        assert_eq!((counts.calls, counts.failures), (4, 1), "{length:?} {now}");
    }
}

#[test]
fn a_tick_is_found_again_behind_and_a_little_ahead() {
    for tick in [(1 << 33) + 5, 1 << 34, (1 << 34) + 5, 1 << 50] {
        for seen in [tick - 1000, tick, tick + 1000] {
            assert_eq!(tick_of(shard(1, seen), tick), seen);
        }
        assert_eq!(tick_of(shard(1, tick - (1 << 33)), tick), tick - (1 << 33));
    }
}

#[test]
fn a_shard_that_counts_is_none_that_is_parked_and_none_of_another_generation_or_tick() {
    let mut all = std::collections::HashSet::from([PARKED]);
    for generation in 0..512 {
        for tick in [0, 1, 77, shard::TICK] {
            let word = shard(generation, tick);
            assert_eq!(word & COUNT, 0, "nothing is counted yet");
            assert!(all.insert(word), "{generation} {tick}");
        }
    }
}

/// Whether `calls` of another thread, which has a slot already, get by while the lock is taken. The
/// time of that thread is paused, and has passed by an hour since its first calls.
#[track_caller]
fn takes_no_lock(breaker: &CircuitBreaker, calls: impl Fn(&CircuitBreaker) + Sync) {
    let (done, is_done) = std::sync::mpsc::channel();
    let (begin, may_begin) = std::sync::mpsc::channel::<()>();
    let went_through = std::thread::scope(|scope| {
        let calls = &calls;
        scope.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("a runtime");
            let _paused = runtime.enter();
            calls(breaker);
            runtime.block_on(tokio::time::advance(3600 * SECOND));
            calls(breaker);
            done.send(()).expect("somebody listens");
            may_begin.recv().expect("somebody sends");
            calls(breaker);
            done.send(()).expect("somebody listens");
        });
        is_done.recv().expect("the first ones may take the lock");
        let lock = breaker.locked.lock();
        begin.send(()).expect("somebody listens");
        let went_through = is_done.recv_timeout(10 * SECOND);
        // Otherwise the thread would wait for it for ever.
        drop(lock);
        went_through
    });
    assert_eq!(went_through, Ok(()), "{breaker:?}");
}

#[test]
fn a_call_that_succeeds_while_it_is_closed_takes_no_lock() {
    let hour = 10 * 3600 * SECOND;
    for policy in [
        policy(),
        policy().failure_threshold(5).window(50),
        policy().failure_rate(Share::percent(50)),
        policy().failure_rate(Share::percent(50)).window_time(hour),
        policy().slow_call(hour),
        policy().slow_call(hour).window_time(hour),
    ] {
        let breaker = breaker(policy);
        for _ in 0..3 {
            takes_no_lock(&breaker, |breaker| {
                for _ in 0..10 {
                    call(breaker, Verdict::Success).expect("closed");
                    assert_eq!(breaker.state(), CircuitBreakerState::Closed);
                }
            });
            // In the next generations it is the same.
            breaker.reset("a new generation");
        }
        assert_eq!(breaker.snapshot().counts.success, 90);
    }
}

#[test]
fn a_call_that_is_refused_or_let_through_whatever_it_comes_to_takes_no_lock() {
    type Ready = fn(&CircuitBreaker);
    let refusing: [(Ready, &str); 3] = [
        (
            |breaker| call(breaker, Verdict::Failure).expect("closed"),
            "circuit_open",
        ),
        (|breaker| breaker.force_open("a drill"), "forced_open"),
        (|breaker| breaker.force_open(for_an_hour()), "forced_open"),
    ];
    for (ready, name) in refusing {
        let breaker = breaker(policy().failure_threshold(1).open_for(100 * 3600 * SECOND));
        ready(&breaker);
        takes_no_lock(&breaker, |breaker| {
            let refused = call(breaker, Verdict::Success).expect_err("it refuses");
            assert_eq!(refused.name(), name);
        });
    }
    let disabled = breaker(policy());
    disabled.disable("a drill");
    takes_no_lock(&disabled, |breaker| {
        call(breaker, Verdict::Success).expect("it is disabled");
    });
    disabled.disable(for_an_hour());
    // Who leaves may have to look whether the override has ended; who comes need not.
    takes_no_lock(&disabled, |breaker| {
        std::mem::forget(breaker.admit(&Frame::new()).expect("it is disabled"));
    });
}

fn for_an_hour() -> Override {
    Override::because("a drill").lasting(100 * 3600 * SECOND)
}

#[test]
fn a_look_at_a_state_that_time_does_not_change_takes_no_lock() {
    let off = breaker(policy().enabled(false));
    takes_no_lock(&off, |breaker| {
        assert_eq!(breaker.state(), CircuitBreakerState::Disabled);
    });
    let half_open = breaker(policy().failure_threshold(1).open_for(Duration::ZERO));
    call(&half_open, Verdict::Failure).expect("closed");
    call(&half_open, Verdict::Ignored).expect("a probe");
    takes_no_lock(&half_open, |breaker| {
        assert_eq!(breaker.state(), CircuitBreakerState::HalfOpen);
    });
    let failed = breaker(policy());
    call(&failed, Verdict::Failure).expect("closed");
    takes_no_lock(&failed, |breaker| {
        assert_eq!(breaker.state(), CircuitBreakerState::Closed);
    });
}

#[tokio::test(start_paused = true)]
async fn what_the_breakers_of_all_keys_do_and_count_is_seen_together() {
    for policy in [
        policy().failure_threshold(2),
        policy().failure_threshold(2).window(50),
    ] {
        let breaker = breaker(policy);
        let refusing = || breaker.snapshot().keys.expect("there are keys").refusing;
        for _ in 0..7 {
            call(&breaker.keyed("up"), Verdict::Success).expect("closed");
        }
        let counts = breaker.snapshot().counts;
        assert_eq!((counts.success, counts.failure, counts.rejected), (7, 0, 0));
        assert_eq!(refusing(), 0);
        for _ in 0..2 {
            call(&breaker.keyed("down"), Verdict::Failure).expect("closed");
        }
        for _ in 0..3 {
            call(&breaker.keyed("down"), Verdict::Failure).expect_err("open");
        }
        call(&breaker, Verdict::Success).expect("closed, without a key");
        let counts = breaker.snapshot().counts;
        assert_eq!((counts.success, counts.failure, counts.rejected), (8, 2, 3));
        assert_eq!(refusing(), 1);
        breaker
            .with_key("up")
            .expect("it was called")
            .force_open("x");
        assert_eq!(refusing(), 2);
        tokio::time::advance(29 * SECOND).await;
        assert_eq!(refusing(), 2);
        tokio::time::advance(SECOND).await;
        assert_eq!(refusing(), 1, "a probe would be let through by now");
    }
}

#[test]
fn counts_are_added_each_to_its_own() {
    let of = |unit: u64| CircuitBreakerCounts {
        success: unit,
        failure: 2 * unit,
        ignored: 3 * unit,
        abandoned: 4 * unit,
        rejected: 5 * unit,
        late: 6 * unit,
        opened: 7 * unit,
        would_have_rejected: 8 * unit,
    };
    let mut sum = of(1);
    sum += of(10);
    assert_eq!(sum, of(11));
}
