//! The breaker: no transition is doubled or lost, no result is lost or counted twice, and half-open lets
//! no more through than it may.

use crate::model::{Gauge, explore, explore_to, join, lasting, spawn, transitions};
use resilient_core::{
    CircuitBreaker, CircuitBreakerPolicy, CircuitBreakerState, Frame, LivePolicy, Share, Verdict,
    modelled,
};
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const OPENS: (&str, &str) = ("closed", "open");
const PROBES: (&str, &str) = ("open", "half_open");
const CLOSES: (&str, &str) = ("half_open", "closed");

fn breaker(policy: CircuitBreakerPolicy) -> Arc<CircuitBreaker> {
    Arc::new(CircuitBreaker::new("pricing", &policy.open_for(SECOND)))
}

/// One call; whether it was let in.
fn call(breaker: &CircuitBreaker, verdict: Verdict) -> bool {
    let frame = Frame::new();
    let permit = breaker.admit(&frame);
    permit.map(|mut permit| permit.settle(verdict)).is_ok()
}

/// One thread for each of these calls, one after another.
fn calls(
    breaker: &Arc<CircuitBreaker>,
    verdicts: impl IntoIterator<Item = Verdict>,
) -> loom::thread::JoinHandle<u64> {
    let (breaker, verdicts) = (Arc::clone(breaker), Vec::from_iter(verdicts));
    spawn(move || {
        let calls = verdicts.into_iter();
        calls
            .map(|verdict| u64::from(call(&breaker, verdict)))
            .sum()
    })
}

fn assert_counted(breaker: &CircuitBreaker, success: u64, failure: u64) {
    let counts = breaker.snapshot().counts;
    assert_eq!((counts.success, counts.failure), (success, failure));
}

fn window(calls: u32, percent: u32) -> CircuitBreakerPolicy {
    CircuitBreakerPolicy::new()
        .window(calls)
        .min_calls(calls)
        .failure_rate(Share::percent(percent))
}

use Verdict::{Failure as F, Success as S};

#[test]
fn failures_on_two_threads_open_it_once() {
    explore_to(4, || {
        let breaker = breaker(CircuitBreakerPolicy::new().failure_threshold(2));
        join([calls(&breaker, [F]), calls(&breaker, [F])]);
        assert_eq!(transitions(), [OPENS]);
        assert_eq!(breaker.state(), CircuitBreakerState::Open);
        assert_counted(&breaker, 0, 2);
    });
}

#[test]
fn failures_on_three_threads_open_it_once_and_each_is_counted_or_refused() {
    explore(|| {
        let breaker = breaker(CircuitBreakerPolicy::new().failure_threshold(2));
        let admitted = join([[F], [F], [F]].map(|verdicts| calls(&breaker, verdicts)));
        assert_eq!(transitions(), [OPENS]);
        let counts = breaker.snapshot().counts;
        assert_eq!(counts.failure, admitted.iter().sum::<u64>());
        assert_eq!(counts.failure + counts.rejected, 3);
    });
}

#[test]
fn a_success_between_two_failures_is_never_lost_nor_is_a_failure() {
    explore(|| {
        let breaker = breaker(CircuitBreakerPolicy::new().failure_threshold(3));
        join([calls(&breaker, [S, S]), calls(&breaker, [F, F])]);
        assert_eq!(transitions(), []);
        assert_counted(&breaker, 2, 2);
        let in_a_row = breaker.snapshot().failures_in_a_row.expect("it is closed");
        assert!(in_a_row <= 2);
    });
}

#[test]
fn a_success_that_comes_while_others_are_gathered_is_judged() {
    explore_to(3, || {
        let breaker = breaker(window(2, 50));
        join([calls(&breaker, [S]), calls(&breaker, [F])]);
        assert_eq!(transitions(), [OPENS], "one of two in either order");
        assert_counted(&breaker, 1, 1);
    });
}

#[test]
fn successes_of_two_threads_fill_the_window_with_the_failure_of_a_third() {
    explore(|| {
        let breaker = breaker(window(3, 33));
        join([[S], [S], [F]].map(|verdicts| calls(&breaker, verdicts)));
        assert_eq!(transitions(), [OPENS], "one of three in any order");
        assert_counted(&breaker, 2, 1);
    });
}

#[test]
fn quick_successes_beside_a_failure_are_all_in_the_window() {
    explore(|| {
        let breaker = breaker(window(4, 25));
        join([calls(&breaker, [S, S, S]), calls(&breaker, [F])]);
        assert_eq!(transitions(), [OPENS], "one of four in any order");
        assert_counted(&breaker, 3, 1);
    });
}

#[test]
fn successes_in_a_window_of_time_are_judged_while_time_passes() {
    explore(|| {
        let policy = CircuitBreakerPolicy::new()
            .window_time(10 * SECOND)
            .min_calls(3)
            .failure_rate(Share::percent(33));
        let breaker = breaker(policy);
        let clock = spawn(|| {
            modelled::advance(2 * SECOND);
            0
        });
        join([calls(&breaker, [S, S]), calls(&breaker, [F]), clock]);
        assert_eq!(transitions(), [OPENS], "one of three in any order");
        assert_counted(&breaker, 2, 1);
    });
}

/// A breaker that was open for as long as it is to be.
fn waited(policy: CircuitBreakerPolicy) -> &'static CircuitBreaker {
    let breaker = lasting(CircuitBreaker::new("pricing", &policy.open_for(SECOND)));
    assert!(call(breaker, F));
    assert!(!call(breaker, S));
    modelled::advance(SECOND);
    breaker
}

fn opens_at_once() -> CircuitBreakerPolicy {
    CircuitBreakerPolicy::new().failure_threshold(1)
}

/// A call that says when it is inside.
fn probe(
    breaker: &'static CircuitBreaker,
    gauge: &Arc<Gauge>,
    verdict: Option<Verdict>,
) -> loom::thread::JoinHandle<bool> {
    let gauge = Arc::clone(gauge);
    spawn(move || {
        let frame = Frame::new();
        let Ok(mut permit) = breaker.admit(&frame) else {
            return false;
        };
        gauge.enter(1);
        gauge.leave(1);
        if let Some(verdict) = verdict {
            permit.settle(verdict);
        }
        true
    })
}

#[test]
fn half_open_lets_one_through_at_a_time_and_a_dropped_probe_gives_its_place_back() {
    explore(|| {
        let breaker = waited(opens_at_once().success_threshold(3));
        let gauge = Gauge::new(1);
        let inside = [Some(S), None, None].map(|verdict| probe(breaker, &gauge, verdict));
        assert!(join(inside).contains(&true), "somebody came first");
        assert_eq!(transitions(), [OPENS, PROBES]);
        assert_eq!(breaker.snapshot().probes_inside, Some(0));
        assert!(call(breaker, S), "the place is free");
    });
}

#[test]
fn half_open_lets_as_many_through_as_it_may() {
    explore(|| {
        let breaker = waited(opens_at_once().success_threshold(9).half_open_calls(2));
        let gauge = Gauge::new(2);
        let inside = [Some(S), None, Some(S)].map(|verdict| probe(breaker, &gauge, verdict));
        let admitted = join(inside)
            .into_iter()
            .filter(|admitted| *admitted)
            .count();
        assert!(admitted >= 2);
        assert_eq!(breaker.snapshot().probes_inside, Some(0));
    });
}

#[test]
fn probes_that_succeed_on_two_threads_close_it_once() {
    explore(|| {
        let breaker = waited(opens_at_once().success_threshold(2).half_open_calls(2));
        let gauge = Gauge::new(2);
        let inside = [S, S].map(|verdict| probe(breaker, &gauge, Some(verdict)));
        assert_eq!(join(inside), [true, true]);
        assert_eq!(transitions(), [OPENS, PROBES, CLOSES]);
        assert_eq!(breaker.state(), CircuitBreakerState::Closed);
    });
}

#[test]
fn of_two_probes_the_one_that_fails_opens_it_once() {
    explore_to(1, || {
        let breaker = waited(opens_at_once().success_threshold(2).half_open_calls(2));
        let gauge = Gauge::new(2);
        let inside = [S, F, F].map(|verdict| probe(breaker, &gauge, Some(verdict)));
        let admitted = join(inside);
        assert_eq!(breaker.state(), CircuitBreakerState::Open, "{admitted:?}");
        assert_eq!(transitions(), [OPENS, PROBES, ("half_open", "open")]);
    });
}

#[test]
fn a_result_of_an_older_generation_changes_nothing() {
    explore(|| {
        let breaker = lasting(CircuitBreaker::new(
            "pricing",
            &opens_at_once().open_for(SECOND),
        ));
        let frame = lasting(Frame::new());
        let mut late = breaker.admit(frame).expect("it is closed");
        let mut lost = breaker.admit(frame).expect("it is closed");
        assert!(call(breaker, F));
        modelled::advance(SECOND);
        let stale = spawn(move || {
            late.settle(F);
            lost.settle(S);
            true
        });
        let probes = spawn(move || call(breaker, S) && call(breaker, S));
        assert_eq!(join([stale, probes]), [true, true]);
        assert_eq!(transitions(), [OPENS, PROBES, CLOSES]);
        assert_eq!(breaker.state(), CircuitBreakerState::Closed);
        assert_eq!(breaker.snapshot().failures_in_a_row, Some(0));
        assert_counted(breaker, 3, 2);
    });
}

#[test]
fn a_stale_success_does_not_get_into_the_window_of_the_next_generation() {
    explore(|| {
        let breaker = lasting(CircuitBreaker::new(
            "pricing",
            &window(2, 50).open_for(SECOND),
        ));
        let frame = lasting(Frame::new());
        assert!(call(breaker, S));
        let mut first = breaker.admit(frame).expect("it is closed");
        let mut late = breaker.admit(frame).expect("it is closed");
        let settles = spawn(move || {
            // The first success of a thread takes the long way.
            first.settle(S);
            late.settle(S);
        });
        let resets = spawn(move || breaker.reset("a drill"));
        join([settles, resets]);
        let window = breaker.snapshot().window.expect("it has one");
        assert_eq!(window.calls, 0, "all of them came before the reset");
        assert_counted(breaker, 3, 0);
    });
}

#[test]
fn a_reset_comes_before_or_after_each_failure() {
    explore(|| {
        let breaker = breaker(CircuitBreakerPolicy::new().failure_threshold(2));
        let by_hand = Arc::clone(&breaker);
        let resets = spawn(move || {
            by_hand.reset("a drill");
            0
        });
        join([calls(&breaker, [F, F]), resets]);
        let transitions = transitions();
        let state = breaker.state();
        let ended = transitions.last().map_or("closed", |(_, to)| to);
        assert_eq!(state.to_string(), ended);
        if state == CircuitBreakerState::Closed {
            assert!(breaker.snapshot().failures_in_a_row <= Some(1));
        }
    });
}

#[test]
fn what_is_forced_open_stays_so_whatever_a_probe_comes_to() {
    explore(|| {
        let breaker = waited(opens_at_once().success_threshold(1));
        let gauge = Gauge::new(1);
        let probes = probe(breaker, &gauge, Some(S));
        let fails = spawn(move || call(breaker, F));
        let by_hand = spawn(move || {
            breaker.force_open("a drill");
            true
        });
        join([probes, fails, by_hand]);
        assert_eq!(breaker.state(), CircuitBreakerState::ForcedOpen);
        assert!(!call(breaker, S));
        assert_eq!(transitions().last().map(|(_, to)| *to), Some("forced_open"));
        breaker.reset("the drill is over");
        assert!(call(breaker, S));
        transitions();
    });
}

#[test]
fn what_is_disabled_lets_everybody_through_and_counts_them() {
    explore(|| {
        let breaker = breaker(CircuitBreakerPolicy::new().failure_threshold(2));
        let by_hand = Arc::clone(&breaker);
        let disables = spawn(move || {
            by_hand.disable("a drill");
            0
        });
        join([calls(&breaker, [F, S]), calls(&breaker, [S]), disables]);
        assert_eq!(breaker.state(), CircuitBreakerState::Disabled);
        assert_counted(&breaker, 2, 1);
    });
}

#[test]
fn other_settings_lose_no_failure_that_counts_towards_both() {
    explore(|| {
        let two = CircuitBreakerPolicy::new().failure_threshold(2);
        let breaker = breaker(two.failure_threshold(2));
        let other = Arc::clone(&breaker);
        let reconfigures = spawn(move || {
            other.reconfigure(&two.open_for(2 * SECOND));
            0
        });
        join([calls(&breaker, [F]), calls(&breaker, [F]), reconfigures]);
        assert_eq!(transitions(), [OPENS]);
        assert_counted(&breaker, 0, 2);
    });
}

#[test]
fn a_window_of_another_length_keeps_what_was_counted_meanwhile() {
    explore(|| {
        let breaker = breaker(window(4, 100));
        let other = Arc::clone(&breaker);
        let reconfigures = spawn(move || {
            other.reconfigure(&window(5, 100));
            0
        });
        join([calls(&breaker, [S, S]), calls(&breaker, [F]), reconfigures]);
        assert_eq!(transitions(), []);
        let seen = breaker.snapshot().window.expect("it has one");
        assert_eq!((seen.calls, seen.failures), (3, 1));
        assert_counted(&breaker, 2, 1);
    });
}

#[test]
fn a_look_on_the_way_changes_nothing_and_sees_no_half() {
    explore(|| {
        let breaker = breaker(window(2, 50));
        let looked_at = Arc::clone(&breaker);
        let looks = spawn(move || {
            let counts = looked_at.snapshot().counts;
            assert!(counts.success <= 2 && counts.failure <= 1 && counts.opened <= counts.failure);
            0
        });
        join([calls(&breaker, [S, S]), calls(&breaker, [F]), looks]);
        assert_counted(&breaker, breaker.snapshot().counts.success, 1);
        assert_eq!(transitions(), [OPENS]);
    });
}
