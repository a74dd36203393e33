//! The pure machine, rule by rule.

use super::super::cause::Cause;
use super::super::phase::Admission;
use super::super::rules::Rules;
use super::super::state::{ASIDE, State};
use super::super::{CircuitBreakerPolicy, CircuitBreakerState, Outcome};
use crate::setting::{Override, Ramp, Share};
use crate::time::Nanos;
use std::time::Duration;

const SECOND: Nanos = 1_000_000_000;
const MILLI: Nanos = 1_000_000;

/// A machine with a clock of its own.
struct Machine {
    state: State,
    now: Nanos,
    random: u64,
}

/// A call that is inside.
#[derive(Clone, Copy, Debug)]
struct Call {
    generation: u64,
    probe: u64,
}

impl Machine {
    fn new(policy: CircuitBreakerPolicy) -> Self {
        let now = 1 << 62;
        Self {
            state: State::new(Rules::of(&policy.checked()), now),
            now,
            random: 0,
        }
    }

    fn wait(&mut self, length: Nanos) {
        self.now += length;
    }

    fn enter(&mut self) -> Result<Call, Admission> {
        let probe = match self.state.admit(self.now) {
            Admission::Free => 0,
            Admission::Probe(number) => number,
            Admission::Aside => {
                return Ok(Call {
                    generation: ASIDE,
                    probe: 0,
                });
            }
            refused => return Err(refused),
        };
        let generation = self.state.generation();
        Ok(Call { generation, probe })
    }

    fn leave(&mut self, call: Call, outcome: Outcome) {
        self.leave_slow(call, outcome, false);
    }

    fn leave_slow(&mut self, call: Call, outcome: Outcome, slow: bool) {
        let Call { generation, probe } = call;
        self.state
            .settle(generation, probe, outcome, slow, self.now, self.random);
    }

    /// A call comes in and fails: its callee asks to be left alone for so long.
    fn throttle(&mut self, retry_after: Nanos) {
        let Call { generation, probe } = self.enter().expect("it is let in");
        self.leave_throttled(Call { generation, probe }, retry_after);
    }

    fn leave_throttled(&mut self, call: Call, retry_after: Nanos) {
        let Call { generation, probe } = call;
        let (now, random) = (self.now, self.random);
        self.state
            .settle_throttled(generation, probe, retry_after, false, now, random);
    }

    /// One call after another, as written: `S`uccess, `F`ailure, `I`gnored, `A`bandoned, and in
    /// lower case if they were slow. Gives back how many were refused.
    fn run(&mut self, script: &str) -> usize {
        let mut refused = 0;
        for letter in script.chars() {
            let Ok(call) = self.enter() else {
                refused += 1;
                continue;
            };
            let outcome = match letter.to_ascii_uppercase() {
                'S' => Outcome::Success,
                'F' => Outcome::Failure,
                'I' => Outcome::Ignored,
                'A' => Outcome::Abandoned,
                other => panic!("no such letter: {other}"),
            };
            self.leave_slow(call, outcome, letter.is_lowercase());
        }
        refused
    }

    fn kind(&mut self) -> CircuitBreakerState {
        self.state.look(self.now);
        self.state.kind()
    }

    /// How long it is open when it opens next, and waits until that is over.
    fn opens_for(&mut self, script: &str) -> Nanos {
        self.run(script);
        let (from, until) = self.state.opening().expect("it opened");
        self.now = until;
        self.is(HalfOpen);
        until - from
    }

    fn reconfigure(&mut self, policy: CircuitBreakerPolicy) {
        let rules = Rules::of(&policy.checked());
        self.state.reconfigure(rules, self.now);
    }

    fn steps(&mut self) -> Vec<String> {
        self.state
            .take_transitions()
            .map(|step| format!("{} > {}: {}", step.from, step.to, step.cause))
            .collect()
    }

    #[track_caller]
    fn is(&mut self, expected: CircuitBreakerState) {
        assert_eq!(self.kind(), expected);
    }

    fn outage(&self) -> (Nanos, String, u64) {
        let outage = self.state.outage().expect("it has not closed");
        (outage.began, outage.first.to_string(), outage.reopened)
    }

    fn why(&mut self) -> String {
        self.state.why().expect("it left closed").to_string()
    }
}

use CircuitBreakerState::{Closed, Disabled, ForcedOpen, HalfOpen, MetricsOnly, Open, Ramping};

fn policy() -> CircuitBreakerPolicy {
    CircuitBreakerPolicy::new()
}

fn rate(percent: u32, window: u32) -> CircuitBreakerPolicy {
    policy()
        .failure_rate(Share::percent(percent))
        .window(window)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

// Rule 7.

#[test]
fn the_nth_failure_in_a_row_opens_it_and_a_success_begins_anew() {
    let mut machine = Machine::new(policy());
    machine.run("FFFFSFFFF");
    machine.is(Closed);
    machine.run("F");
    machine.is(Open);
    assert_eq!(
        machine.why(),
        "5 of the last 5 calls failed (failure_threshold = 5)"
    );
}

#[test]
fn a_threshold_of_one_opens_at_the_first_failure() {
    let mut machine = Machine::new(policy().failure_threshold(1));
    machine.run("F");
    machine.is(Open);
    assert_eq!(
        machine.why(),
        "1 of the last 1 call failed (failure_threshold = 1)"
    );
}

#[test]
fn with_a_window_of_calls_that_many_failures_among_them_open_it() {
    let mut machine = Machine::new(policy().failure_threshold(3).window(5));
    machine.run("FSSFSSF");
    machine.is(Closed);
    machine.run("F");
    machine.is(Open);
    assert_eq!(
        machine.why(),
        "3 of the last 5 calls failed (failure_threshold = 3)"
    );
}

#[test]
fn with_a_window_of_time_that_many_failures_in_it_open_it() {
    let mut machine = Machine::new(policy().failure_threshold(3).window_time(seconds(10)));
    machine.run("FF");
    machine.wait(10 * SECOND);
    machine.run("SF");
    machine.wait(5 * SECOND);
    machine.run("F");
    machine.is(Closed);
    machine.run("F");
    machine.is(Open);
    assert_eq!(
        machine.why(),
        "3 of the last 4 calls in 10s failed (failure_threshold = 3)"
    );
}

#[test]
fn a_threshold_above_the_window_is_the_whole_window() {
    let mut machine = Machine::new(policy().failure_threshold(9).window(3));
    machine.run("FFF");
    machine.is(Open);
}

// Rule 8, with the cases of the table.

#[test]
fn it_is_open_after_a_full_window_of_failures_and_runs_no_more() {
    let mut machine = Machine::new(rate(75, 4).open_for(seconds(50)));
    assert_eq!(machine.run("FFFFFFF"), 3);
    machine.is(Open);
    assert_eq!(machine.why(), "failure rate 100% of 4 calls reached 75%");
}

#[test]
fn a_success_can_be_the_result_that_opens_it() {
    let mut machine = Machine::new(rate(50, 4));
    machine.run("SFF");
    machine.is(Closed);
    machine.run("S");
    machine.is(Open);
    assert_eq!(machine.why(), "failure rate 50% of 4 calls reached 50%");
}

#[test]
fn the_window_really_slides() {
    let mut machine = Machine::new(rate(50, 4));
    machine.run("SFSS");
    machine.is(Closed);
    machine.run("F");
    machine.is(Open);
}

#[test]
fn every_result_is_decided_about_once_there_are_enough() {
    let mut machine = Machine::new(rate(80, 10));
    machine.run("FFSFFFSFF");
    machine.is(Closed);
    machine.run("F");
    machine.is(Open);
}

#[test]
fn below_min_calls_nothing_is_decided() {
    let mut machine = Machine::new(rate(20, 5));
    machine.run("FFS");
    machine.is(Closed);
    let mut machine = Machine::new(rate(20, 5).min_calls(3));
    machine.run("FFS");
    machine.is(Open);
}

#[test]
fn more_min_calls_than_the_window_holds_are_the_whole_window() {
    let mut machine = Machine::new(rate(50, 4).min_calls(100));
    machine.run("FFFF");
    machine.is(Open);
}

#[test]
fn the_window_and_its_min_calls_are_a_hundred_if_nobody_says() {
    let mut machine = Machine::new(policy().failure_rate(Share::percent(10)));
    machine.run(&"F".repeat(99));
    machine.is(Closed);
    machine.run("F");
    machine.is(Open);
}

// Rule 9.

#[test]
fn seven_of_a_hundred_reach_seven_percent_and_six_do_not() {
    let mut machine = Machine::new(rate(7, 100));
    machine.run(&("FFFFFF".to_owned() + &"S".repeat(94)));
    machine.is(Closed);
    let mut machine = Machine::new(rate(7, 100));
    machine.run(&("FFFFFFF".to_owned() + &"S".repeat(93)));
    machine.is(Open);
    assert_eq!(machine.why(), "failure rate 7% of 100 calls reached 7%");
}

#[test]
fn all_of_them_can_be_reached() {
    let mut machine = Machine::new(rate(100, 3));
    machine.run("SFFF");
    machine.is(Open);
}

// Rule 10.

#[test]
fn results_leave_a_window_of_time_and_ten_calls_are_enough() {
    let policy = policy()
        .failure_rate(Share::percent(50))
        .window_time(seconds(10));
    let mut machine = Machine::new(policy);
    machine.run("FFFFFFFFF");
    machine.wait(10 * SECOND);
    machine.run("FFFFFSSSS");
    machine.is(Closed);
    machine.run("S");
    machine.is(Open);
    assert_eq!(
        machine.why(),
        "failure rate 50% of 10 calls in 10s reached 50%"
    );
}

#[test]
fn a_success_opens_it_when_older_successes_have_left_the_window() {
    let policy = policy()
        .failure_rate(Share::percent(50))
        .window_time(seconds(10))
        .min_calls(1);
    let mut machine = Machine::new(policy);
    machine.run("SSSSSS");
    machine.wait(6 * SECOND);
    machine.run("FF");
    machine.is(Closed);
    machine.wait(6 * SECOND);
    machine.is(Closed);
    machine.run("S");
    machine.is(Open);
}

// Rule 11.

#[test]
fn slow_calls_open_it_whether_they_succeed_or_fail() {
    let policy = rate(100, 4)
        .slow_call(seconds(1))
        .slow_call_rate(Share::percent(75));
    let mut machine = Machine::new(policy);
    machine.run("sSfs");
    machine.is(Open);
    assert_eq!(
        machine.why(),
        "slow call rate 75% of 4 calls reached 75% (slow_call = 1s): 3 × slow"
    );
}

#[test]
fn slow_calls_are_judged_beside_failures_in_a_row() {
    let mut machine = Machine::new(policy().slow_call(seconds(1)));
    machine.run(&"sS".repeat(49));
    machine.is(Closed);
    machine.run("sS");
    machine.is(Open);
    let mut machine = Machine::new(policy().slow_call(seconds(1)));
    machine.run("FFFFF");
    machine.is(Open);
}

// Rule 12.

#[test]
fn exactly_at_the_end_of_open_for_a_call_is_let_through() {
    let mut machine = Machine::new(rate(50, 2).open_for(seconds(1)).success_threshold(1));
    machine.run("FF");
    machine.wait(SECOND - MILLI);
    assert_eq!(machine.enter().err(), Some(Admission::Open(MILLI)));
    machine.wait(MILLI);
    assert!(machine.enter().is_ok());
}

#[test]
fn a_look_moves_it_without_traffic_and_from_the_moment_it_was_due() {
    let mut machine = Machine::new(policy().failure_threshold(1));
    machine.run("F");
    machine.wait(40 * SECOND);
    machine.is(HalfOpen);
    assert_eq!(machine.now - machine.state.since(), 10 * SECOND);
    assert_eq!(machine.state.spent(Open, machine.now), 30 * SECOND);
}

// Rule 13.

#[test]
fn enough_successes_close_it_with_an_empty_window() {
    let mut machine = Machine::new(rate(50, 2).success_threshold(3));
    machine.run("FF");
    machine.wait(30 * SECOND);
    machine.run("SS");
    machine.is(HalfOpen);
    machine.run("S");
    machine.is(Closed);
    assert!(machine.state.why().is_none());
    machine.run("F");
    machine.is(Closed);
    machine.run("F");
    machine.is(Open);
}

#[test]
fn one_failed_probe_opens_it_for_a_new_full_time_and_that_is_why_it_is_open() {
    let mut machine = Machine::new(rate(75, 4).open_for(seconds(1)).success_threshold(3));
    machine.run("FFFF");
    machine.wait(SECOND);
    assert_eq!(machine.run("SSFS"), 1);
    assert_eq!(machine.enter().err(), Some(Admission::Open(SECOND)));
    let why = "a probe failed, 2 had succeeded (success_threshold = 3)";
    assert_eq!(machine.why(), why);
    let last = machine.state.take_transitions().next_back();
    assert_eq!(last.expect("it opened").cause.to_string(), why);
}

#[test]
fn until_it_closes_it_knows_since_when_what_opened_it_at_first_and_how_often_again() {
    let mut machine = Machine::new(ramped(&[50]));
    machine.run("FFF");
    let (began, first) = (machine.now, machine.why());
    assert_eq!(machine.outage(), (began, first.clone(), 0));
    for again in 1..=3 {
        machine.opens_for("");
        assert_eq!(machine.outage(), (began, first.clone(), again - 1));
        machine.run("F");
        assert_eq!(machine.outage(), (began, first.clone(), again));
        assert_ne!(machine.why(), first);
    }
    machine.opens_for("");
    machine.run("S");
    machine.is(Ramping);
    machine.run("FFFFFF");
    machine.is(Open);
    assert_eq!(machine.outage(), (began, first, 4), "from the ramp, too");
    machine.opens_for("");
    machine.run("S");
    machine.wait(10 * SECOND);
    machine.is(Closed);
    assert!(machine.state.outage().is_none());
    machine.run("FFF");
    assert_eq!(machine.outage(), (machine.now, machine.why(), 0));
}

#[test]
fn what_is_done_by_hand_is_no_outage() {
    let mut machine = Machine::new(policy().failure_threshold(1));
    machine.run("F");
    machine.state.force_open("a drill".into(), machine.now);
    assert!(machine.state.outage().is_none());
    machine.state.metrics_only("a trial".into(), machine.now);
    machine.run("F");
    let (_, first, again) = machine.outage();
    let would_be = "1 of the last 1 call failed (failure_threshold = 1)";
    assert_eq!((first.as_str(), again), (would_be, 0), "as it would be");
    machine.state.reset("seen".into(), machine.now);
    assert!(machine.state.outage().is_none());
    machine.state.take_transitions();
    machine
        .state
        .reset(Override::because("well").by("ana"), machine.now);
    assert_eq!(machine.steps(), ["closed > closed: reset: well, by ana"]);
}

#[test]
fn never_more_than_half_open_calls_are_inside_at_a_time() {
    let policy = rate(50, 10)
        .open_for(Duration::from_millis(200))
        .success_threshold(5)
        .half_open_calls(4);
    let mut machine = Machine::new(policy);
    machine.run("FFFFFFFFFF");
    machine.wait(200 * MILLI);
    machine.run("S");
    let inside: Vec<Call> = (0..4).map(|_| machine.enter().expect("a place")).collect();
    assert_eq!(machine.run("SSSSSSSSSS"), 10);
    for call in inside {
        machine.leave(call, Outcome::Success);
    }
    machine.is(Closed);
}

fn lengthening(factor: f64) -> CircuitBreakerPolicy {
    policy()
        .failure_threshold(1)
        .success_threshold(1)
        .open_for(seconds(10))
        .open_backoff(factor)
}

#[test]
fn each_recovery_that_fails_lengthens_the_next_opening_up_to_ten_minutes() {
    let mut machine = Machine::new(lengthening(3.0));
    let lengths: Vec<Nanos> = (0..7).map(|_| machine.opens_for("F") / SECOND).collect();
    assert_eq!(lengths, [10, 30, 90, 270, 600, 600, 600]);
}

#[test]
fn an_opening_that_is_longer_than_ten_minutes_by_itself_stays_as_long() {
    let mut machine = Machine::new(lengthening(2.0).open_for(seconds(3600)));
    assert_eq!(machine.opens_for("F"), 3600 * SECOND);
    assert_eq!(machine.opens_for("F"), 3600 * SECOND);
}

#[test]
fn without_a_backoff_every_opening_lasts_exactly_open_for() {
    let odd = Duration::from_nanos((1 << 60) + 1);
    let mut machine = Machine::new(lengthening(1.0).open_for(odd));
    for _ in 0..3 {
        assert_eq!(machine.opens_for("F"), (1 << 60) + 1);
    }
}

#[test]
fn each_full_open_for_spent_closed_takes_one_step_back() {
    let mut machine = Machine::new(lengthening(2.0));
    for expected in [10, 20, 40, 80] {
        assert_eq!(machine.opens_for("F"), expected * SECOND);
    }
    for (closed_for, expected) in [
        (10 * SECOND - 1, 80),
        (10 * SECOND, 40),
        (19 * SECOND, 20),
        (1000 * SECOND, 10),
    ] {
        machine.run("S");
        machine.is(Closed);
        machine.wait(closed_for);
        assert_eq!(machine.opens_for("F"), expected * SECOND);
    }
    assert_eq!(machine.opens_for("F"), 20 * SECOND);
}

#[test]
fn what_somebody_does_by_hand_takes_the_backoff_back_to_its_beginning() {
    let mut machine = Machine::new(lengthening(2.0));
    machine.opens_for("F");
    machine.opens_for("F");
    machine.state.reset("it is well".into(), machine.now);
    assert_eq!(machine.opens_for("F"), 10 * SECOND);
}

#[test]
fn a_backoff_that_is_taken_away_and_comes_back_has_forgotten_nothing_and_invented_nothing() {
    let mut machine = Machine::new(lengthening(1.0));
    for _ in 0..50 {
        assert_eq!(machine.opens_for("F"), 10 * SECOND);
    }
    machine.reconfigure(lengthening(2.0));
    assert_eq!(machine.opens_for("F"), 20 * SECOND);
    assert_eq!(machine.opens_for("F"), 40 * SECOND);
    machine.reconfigure(lengthening(1.0));
    assert_eq!(machine.opens_for("F"), 10 * SECOND);
    machine.reconfigure(lengthening(2.0));
    assert_eq!(machine.opens_for("F"), 80 * SECOND);
}

#[test]
fn jitter_lengthens_and_shortens_an_opening_and_the_cap_holds_again() {
    let jittered = |open_for| {
        lengthening(2.0)
            .open_jitter(Share::percent(20))
            .open_for(open_for)
    };
    for (open_for, random, expected) in [
        (seconds(10), 0, 8 * SECOND),
        (seconds(10), u64::MAX, 12 * SECOND),
        (seconds(10), u64::MAX / 2, 10 * SECOND),
        (seconds(590), u64::MAX, 600 * SECOND),
        (seconds(3600), u64::MAX, 3600 * SECOND),
        (seconds(3600), 0, 2880 * SECOND),
        (Duration::ZERO, u64::MAX, 0),
    ] {
        let mut machine = Machine::new(jittered(open_for));
        machine.random = random;
        assert_eq!(machine.opens_for("F"), expected, "{open_for:?} {random}");
    }
    let mut machine = Machine::new(jittered(seconds(10)));
    machine.random = u64::MAX;
    machine.opens_for("F");
    machine.random = 0;
    assert_eq!(machine.opens_for("F"), 16 * SECOND, "jitter does not grow");
}

#[test]
fn new_settings_hold_for_an_opening_under_way_with_the_number_that_was_drawn() {
    let jittered = |percent| lengthening(2.0).open_jitter(Share::percent(percent));
    let mut machine = Machine::new(jittered(20));
    machine.random = u64::MAX;
    machine.run("F");
    for (policy, expected) in [
        (jittered(50), 15),
        (jittered(20), 12),
        (jittered(20).open_for(seconds(100)), 120),
        (lengthening(2.0), 10),
    ] {
        machine.reconfigure(policy);
        let (from, until) = machine.state.opening().expect("it is open");
        assert_eq!(until - from, expected * SECOND);
    }
}

// Rule 14.

#[test]
fn a_probe_that_says_nothing_gives_its_place_back_and_decides_nothing() {
    let mut machine = Machine::new(policy().failure_threshold(1));
    machine.run("F");
    machine.wait(30 * SECOND);
    assert_eq!(machine.run("IAIAIA"), 0);
    machine.is(HalfOpen);
    assert_eq!(machine.run("SS"), 0);
    machine.is(Closed);
}

#[test]
fn a_probe_that_does_not_answer_forfeits_its_place_and_changes_nothing_later() {
    let mut machine = Machine::new(policy().failure_threshold(1).half_open_for(seconds(3)));
    machine.run("F");
    machine.wait(30 * SECOND);
    let hung = machine.enter().expect("a probe");
    machine.wait(3 * SECOND - 1);
    assert_eq!(machine.enter().err(), Some(Admission::Open(1)));
    machine.wait(1);
    let second = machine.enter().expect("the place is free");
    machine.leave(hung, Outcome::Failure);
    machine.is(HalfOpen);
    assert_eq!(machine.state.totals().late, 1);
    assert_eq!(machine.run("S"), 1, "the second probe has the place");
    machine.leave(second, Outcome::Success);
    machine.run("S");
    machine.is(Closed);
}

// Rule 15.

#[test]
fn late_results_are_counted_and_change_nothing() {
    let mut machine = Machine::new(policy().failure_threshold(2).success_threshold(1));
    let late: Vec<Call> = (0..4).map(|_| machine.enter().expect("closed")).collect();
    machine.run("FF");
    machine.leave(late[0], Outcome::Success);
    machine.is(Open);
    machine.wait(30 * SECOND);
    let probe = machine.enter().expect("a probe");
    machine.leave(late[1], Outcome::Success);
    machine.is(HalfOpen);
    assert!(machine.enter().is_err(), "the only place is still taken");
    machine.leave(probe, Outcome::Success);
    machine.leave(late[2], Outcome::Failure);
    machine.leave(late[3], Outcome::Failure);
    machine.is(Closed);
    assert_eq!(machine.state.streak(), 0);
    let totals = machine.state.totals();
    assert_eq!((totals.success, totals.failure, totals.late), (3, 4, 4));
}

// Rule 16.

#[test]
fn with_no_time_to_be_open_every_refusal_is_replaced_by_a_probe() {
    let policy = policy()
        .failure_threshold(2)
        .open_for(Duration::ZERO)
        .success_threshold(2);
    let mut machine = Machine::new(policy);
    assert_eq!(machine.run("FF"), 0);
    for _ in 0..2 {
        let probe = machine.enter().expect("a probe");
        machine.wait(10 * MILLI);
        machine.leave(probe, Outcome::Success);
    }
    machine.is(Closed);
    assert_eq!(machine.state.totals().late, 0);
}

// Rule 17.

fn ramped(percents: &[u32]) -> CircuitBreakerPolicy {
    let shares: Vec<Share> = percents.iter().copied().map(Share::percent).collect();
    policy()
        .failure_threshold(3)
        .open_for(seconds(10))
        .success_threshold(1)
        .ramp(Ramp::new(&shares))
}

/// At the beginning of its ramp.
fn ramping(policy: CircuitBreakerPolicy) -> Machine {
    let mut machine = Machine::new(policy);
    machine.run("FFF");
    machine.wait(10 * SECOND);
    machine.run("S");
    machine.is(Ramping);
    machine
}

#[test]
fn after_its_probes_a_ramp_admits_each_share_for_one_open_for_and_then_closes() {
    let mut machine = ramping(ramped(&[10, 50]));
    assert_eq!(machine.run(&"S".repeat(100)), 90);
    machine.wait(10 * SECOND - 1);
    machine.is(Ramping);
    assert_eq!(machine.run(&"S".repeat(100)), 90);
    machine.wait(1);
    assert_eq!(machine.run(&"S".repeat(100)), 50);
    machine.wait(10 * SECOND);
    machine.is(Closed);
    assert_eq!(machine.run(&"S".repeat(100)), 0);
    assert_eq!(
        machine.steps()[2..],
        [
            "half_open > ramping: enough probes succeeded (success_threshold = 1)",
            "ramping > closed: it has ramped up (ramp = [10%, 50%])",
        ]
    );
}

#[test]
fn a_ramp_counts_and_never_admits_more_than_its_share() {
    for percent in [1, 10, 33, 50, 67, 99, 100] {
        let mut machine = ramping(ramped(&[percent]));
        let mut admitted = 0;
        for arrived in 1..=200_u32 {
            admitted += u32::from(machine.enter().is_ok());
            assert_eq!(admitted, arrived * percent / 100, "{percent}% of {arrived}");
        }
    }
}

#[test]
fn what_a_ramp_refuses_is_told_the_end_of_the_step() {
    let mut machine = ramping(ramped(&[10, 50]));
    machine.wait(4 * SECOND);
    assert_eq!(machine.enter().err(), Some(Admission::Open(6 * SECOND)));
    assert_eq!(
        machine.state.step(),
        Some((Share::percent(10), machine.now + 6 * SECOND))
    );
}

#[test]
fn a_ramp_passes_all_its_steps_without_traffic() {
    let mut machine = ramping(ramped(&[10, 20, 50]));
    machine.wait(34 * SECOND);
    machine.is(Closed);
    assert_eq!(machine.now - machine.state.since(), 4 * SECOND);
    assert_eq!(machine.state.spent(Ramping, machine.now), 30 * SECOND);
}

#[test]
fn results_open_it_while_it_ramps_as_while_it_is_closed_and_the_ramp_begins_anew() {
    let mut machine = ramping(ramped(&[10, 100]));
    machine.wait(10 * SECOND);
    machine.run("SIAFSFF");
    machine.is(Ramping);
    machine.run("F");
    machine.is(Open);
    assert_eq!(
        machine.why(),
        "3 of the last 3 calls failed (failure_threshold = 3)"
    );
    machine.wait(10 * SECOND);
    machine.run("S");
    machine.is(Ramping);
    assert_eq!(machine.run(&"S".repeat(10)), 9);
}

#[test]
fn a_ramp_begins_and_ends_with_an_empty_window() {
    let mut machine = ramping(ramped(&[100]));
    machine.run("FF");
    machine.is(Ramping);
    let late = machine.enter().expect("all of them");
    machine.wait(10 * SECOND);
    machine.is(Closed);
    machine.leave(late, Outcome::Failure);
    machine.run("FF");
    machine.is(Closed);
    assert_eq!(machine.state.totals().late, 1);
}

#[test]
fn an_opening_while_it_ramps_is_a_recovery_that_failed() {
    let policy = ramped(&[100]).failure_threshold(1).open_backoff(2.0);
    let mut machine = ramping(policy);
    assert_eq!(machine.opens_for("F"), 20 * SECOND);
    machine.run("S");
    machine.is(Ramping);
    assert_eq!(machine.opens_for("F"), 40 * SECOND);
}

#[test]
fn with_no_time_to_be_open_a_ramp_is_over_at_once() {
    let mut machine = Machine::new(ramped(&[10, 50]).open_for(Duration::ZERO));
    assert_eq!(machine.run("FFFSSSSS"), 0);
    machine.is(Closed);
}

#[test]
fn a_ramp_that_is_changed_while_it_runs_goes_on_with_the_same_step() {
    let mut machine = ramping(ramped(&[10, 20, 30]));
    machine.wait(20 * SECOND);
    assert_eq!(machine.run(&"S".repeat(100)), 70);
    machine.reconfigure(ramped(&[10, 25, 50, 75]));
    assert_eq!(machine.run(&"S".repeat(100)), 50);
    machine.reconfigure(ramped(&[10, 40]));
    assert_eq!(machine.run(&"S".repeat(100)), 60, "the last step there is");
    machine.reconfigure(ramped(&[]));
    machine.is(Closed);
}

// Rule 18.

#[test]
fn with_metrics_only_it_goes_through_its_states_and_refuses_nothing() {
    let policy = ramped(&[50]).open_for(seconds(10));
    let mut machine = Machine::new(policy);
    machine.run("FF");
    let before = machine.enter().expect("closed");
    let generation = machine.state.generation();
    machine.state.metrics_only("a trial".into(), machine.now);
    assert!(machine.state.generation() > generation);
    machine.is(MetricsOnly);
    machine.leave(before, Outcome::Failure);
    let would_be = |machine: &mut Machine| {
        machine.is(MetricsOnly);
        machine.state.would_be().expect("it is watched")
    };
    assert_eq!(machine.run("FF"), 0);
    assert_eq!(
        would_be(&mut machine),
        Closed,
        "it began with an empty window"
    );
    assert_eq!(machine.run("FFFF"), 0);
    assert_eq!(would_be(&mut machine), Open);
    assert_eq!(machine.state.totals().would_have_rejected, 3);
    machine.wait(10 * SECOND);
    assert_eq!(would_be(&mut machine), HalfOpen);
    let probe = machine.enter().expect("a probe");
    assert_eq!(machine.run("FFF"), 0, "they would not have run");
    assert_eq!(would_be(&mut machine), HalfOpen);
    machine.leave(probe, Outcome::Success);
    assert_eq!(would_be(&mut machine), Ramping);
    assert_eq!(machine.run("SSSS"), 0);
    machine.wait(10 * SECOND);
    assert_eq!(would_be(&mut machine), Closed);
    assert_eq!(machine.steps(), ["closed > metrics_only: a trial"]);
    let totals = machine.state.totals();
    assert_eq!(totals.would_have_rejected, 3 + 3 + 2);
    assert_eq!((totals.opened, totals.late), (0, 1));
    assert_eq!((totals.success, totals.failure), (5, 12));
}

#[test]
fn metrics_only_says_why_it_would_be_open_and_who_wants_it() {
    let mut machine = Machine::new(policy().failure_threshold(1));
    let trial = Override::because("a trial").by("ana").lasting(seconds(60));
    machine.state.metrics_only(trial, machine.now);
    assert_eq!(machine.why(), "a trial, by ana, for 1m");
    assert_eq!(machine.state.would_be_why(), None);
    machine.run("F");
    assert_eq!(machine.why(), "a trial, by ana, for 1m");
    let why = machine.state.would_be_why().expect("it would be open");
    let rule = "1 of the last 1 call failed (failure_threshold = 1)";
    assert_eq!(why.to_string(), rule);
}

#[test]
fn when_metrics_only_ends_it_is_closed_with_an_empty_window_whatever_it_would_be() {
    let mut machine = Machine::new(policy().failure_threshold(2));
    let trial = Override::because("a trial").lasting(seconds(20));
    machine.state.metrics_only(trial, machine.now);
    machine.wait(15 * SECOND);
    machine.run("FFF");
    let aside = machine.enter().expect("nothing is refused");
    machine.wait(5 * SECOND);
    machine.is(Closed);
    assert_eq!(machine.state.would_be(), None);
    assert_eq!(machine.state.since(), machine.now);
    assert_eq!(machine.state.spent(MetricsOnly, machine.now), 20 * SECOND);
    machine.run("F");
    machine.leave(aside, Outcome::Failure);
    machine.is(Closed);
    assert_eq!(
        machine.steps(),
        [
            "closed > metrics_only: a trial, for 20s",
            "metrics_only > closed: the override has ended: a trial, for 20s",
        ]
    );
}

#[test]
fn metrics_only_may_follow_and_be_followed_by_any_other_override() {
    let mut machine = Machine::new(policy());
    machine.state.force_open("a drill".into(), machine.now);
    machine.state.metrics_only("a trial".into(), machine.now);
    machine.state.metrics_only("another".into(), machine.now);
    machine.is(MetricsOnly);
    machine.state.disable("enough".into(), machine.now);
    machine.is(Disabled);
    assert_eq!(machine.state.would_be(), None);
    assert_eq!(
        machine.steps(),
        [
            "closed > forced_open: a drill",
            "forced_open > metrics_only: a trial",
            "metrics_only > metrics_only: another",
            "metrics_only > disabled: enough",
        ]
    );
}

#[test]
fn by_hand_it_refuses_or_admits_all_until_the_override_ends() {
    for (steer, expected) in [
        (
            State::force_open as fn(&mut State, Override, Nanos),
            ForcedOpen,
        ),
        (State::disable, Disabled),
    ] {
        let mut machine = Machine::new(policy().failure_threshold(2));
        machine.run("F");
        let drill = Override::because("a drill").by("ana").lasting(seconds(60));
        steer(&mut machine.state, drill, machine.now);
        machine.is(expected);
        assert_eq!(machine.why(), "a drill, by ana, for 1m");
        let refused = machine.run("FFFFF");
        assert_eq!(refused, if expected == ForcedOpen { 5 } else { 0 });
        machine.wait(60 * SECOND);
        machine.is(Closed);
        assert_eq!(machine.state.streak(), 0, "the window is empty");
        let steps: Vec<String> = machine
            .state
            .take_transitions()
            .map(|step| format!("{} > {}: {}", step.from, step.to, step.cause))
            .collect();
        assert_eq!(
            steps,
            [
                format!("closed > {expected}: a drill, by ana, for 1m"),
                format!("{expected} > closed: the override has ended: a drill, by ana, for 1m"),
            ]
        );
    }
}

#[test]
fn without_an_end_an_override_lasts_until_it_is_taken_back() {
    let mut machine = Machine::new(policy());
    machine.state.force_open("a drill".into(), machine.now);
    machine.wait(1_000_000 * SECOND);
    machine.is(ForcedOpen);
    assert_eq!(machine.enter().err(), Some(Admission::ForcedOpen));
    machine.state.reset("it is over".into(), machine.now);
    machine.is(Closed);
}

#[test]
fn a_reset_empties_the_window_and_makes_what_runs_late() {
    let mut machine = Machine::new(policy().failure_threshold(2));
    let before = machine.enter().expect("closed");
    machine.run("F");
    machine.state.reset("anew".into(), machine.now);
    machine.leave(before, Outcome::Failure);
    machine.run("F");
    machine.is(Closed);
    assert_eq!(machine.state.totals().late, 1);
    assert_eq!(machine.state.take_transitions().len(), 1);
}

// Rule 19.

#[test]
fn every_transition_is_reported_once_and_in_order() {
    let mut machine = Machine::new(policy().failure_threshold(2).success_threshold(1));
    machine.run("FFFF");
    machine.wait(30 * SECOND);
    machine.run("F");
    machine.wait(30 * SECOND);
    machine.run("S");
    let steps: Vec<String> = machine
        .state
        .take_transitions()
        .map(|step| format!("{} > {}: {}", step.from, step.to, step.cause))
        .collect();
    assert_eq!(
        steps,
        [
            "closed > open: 2 of the last 2 calls failed (failure_threshold = 2)",
            "open > half_open: it was open for 30s",
            "half_open > open: a probe failed, 0 had succeeded (success_threshold = 1)",
            "open > half_open: it was open for 30s",
            "half_open > closed: enough probes succeeded (success_threshold = 1)",
        ]
    );
    assert_eq!(machine.state.take_transitions().len(), 0);
    assert_eq!(machine.state.totals().opened, 2);
}

// Rule 20.

#[test]
fn within_one_rule_new_settings_keep_the_newest_results() {
    let mut machine = Machine::new(rate(75, 8));
    machine.run("SSSSSFFS");
    let now = machine.now;
    machine.state.reconfigure(Rules::of(&rate(75, 4)), now);
    machine.is(Closed);
    machine.run("F");
    machine.is(Open);
    assert_eq!(machine.why(), "failure rate 75% of 4 calls reached 75%");
}

#[test]
fn another_rule_begins_with_an_empty_window_and_the_same_totals() {
    let mut machine = Machine::new(rate(100, 4));
    machine.run("SFFF");
    let other = policy().failure_threshold(3).window(4);
    machine.state.reconfigure(Rules::of(&other), machine.now);
    machine.run("FF");
    machine.is(Closed);
    assert_eq!(machine.state.totals().failure, 5);
    machine.run("F");
    machine.is(Open);
}

#[test]
fn new_settings_keep_it_open_and_a_new_open_for_counts_from_its_opening() {
    let mut machine = Machine::new(policy().failure_threshold(1));
    machine.run("F");
    machine.wait(10 * SECOND);
    let shorter = policy().failure_threshold(1).open_for(seconds(15));
    machine.state.reconfigure(Rules::of(&shorter), machine.now);
    machine.is(Open);
    assert_eq!(machine.enter().err(), Some(Admission::Open(5 * SECOND)));
}

#[test]
fn a_lower_limit_is_noticed_by_the_next_success() {
    let mut machine = Machine::new(rate(90, 4));
    machine.run("SFFF");
    machine
        .state
        .reconfigure(Rules::of(&rate(50, 4)), machine.now);
    machine.is(Closed);
    assert!(!machine.state.is_quiet(), "a success must be judged");
    machine.run("S");
    machine.is(Open);
}

#[test]
fn new_settings_hold_for_what_it_would_do() {
    let mut machine = Machine::new(policy().failure_threshold(5));
    machine.state.metrics_only("a trial".into(), machine.now);
    machine.run("FF");
    machine.reconfigure(policy().failure_threshold(3));
    machine.is(MetricsOnly);
    machine.run("F");
    assert_eq!(machine.state.would_be(), Some(Open));
}

#[test]
fn with_fewer_places_half_open_the_next_one_is_free_when_enough_probes_have_forfeited_theirs() {
    let places = |calls| {
        policy()
            .failure_threshold(1)
            .half_open_calls(calls)
            .half_open_for(seconds(5))
    };
    let mut machine = Machine::new(places(3));
    machine.run("F");
    machine.wait(30 * SECOND);
    for _ in 0..3 {
        machine.enter().expect("a place");
        machine.wait(SECOND);
    }
    machine.reconfigure(places(1));
    assert_eq!(machine.enter().err(), Some(Admission::Open(4 * SECOND)));
    machine.wait(4 * SECOND);
    assert!(machine.enter().is_ok());
}

// Settings.

#[test]
fn settings_that_exclude_each_other_are_refused_on_the_one_written_last() {
    let both = rate(50, 10).failure_threshold(3);
    assert_eq!(both.invalid().expect("both").key(), "failure_threshold");
    let both = policy()
        .failure_threshold(3)
        .failure_rate(Share::percent(50));
    assert_eq!(both.invalid().expect("both").key(), "failure_rate");
    let both = policy().window(3).window_time(seconds(1));
    assert_eq!(both.invalid().expect("both").key(), "window_time");
}

#[test]
fn what_is_laid_over_a_policy_hides_what_it_excludes() {
    use crate::policy::Policy;
    let over = policy().failure_threshold(3).over(rate(50, 10));
    assert_eq!(over.invalid(), None);
    assert_eq!(over.written("failure_rate"), None);
    assert_eq!(over.written("window"), Some(10_u32.into()));
}

#[test]
fn values_out_of_range_are_refused() {
    let share = Share::percent(0);
    for (refused, key) in [
        (policy().failure_threshold(0), "failure_threshold"),
        (policy().failure_rate(share), "failure_rate"),
        (policy().window(0), "window"),
        (policy().window(1_000_001), "window"),
        (
            policy().window_time(Duration::from_micros(999)),
            "window_time",
        ),
        (policy().window_time(seconds(86_401)), "window_time"),
        (policy().min_calls(0), "min_calls"),
        (policy().slow_call(Duration::ZERO), "slow_call"),
        (policy().slow_call_rate(share), "slow_call_rate"),
        (policy().half_open_calls(0), "half_open_calls"),
        (policy().success_threshold(0), "success_threshold"),
        (policy().half_open_for(Duration::ZERO), "half_open_for"),
        (policy().open_backoff(0.99), "open_backoff"),
        (policy().open_backoff(f64::NAN), "open_backoff"),
        (policy().open_backoff(f64::INFINITY), "open_backoff"),
        (policy().ramp(Ramp::new(&[share])), "ramp"),
        (policy().ramp(Ramp::new(&[Share::percent(50); 2])), "ramp"),
        (policy().ramp(Ramp::new(&[Share::percent(50); 9])), "ramp"),
    ] {
        assert_eq!(refused.invalid().expect(key).key(), key);
    }
    assert_eq!(policy().open_for(Duration::ZERO).invalid(), None);
}

#[test]
fn defaults_are_shown_only_where_they_hold() {
    use crate::policy::Policy;
    use crate::setting::Value;
    let shown = |policy: CircuitBreakerPolicy, key| policy.effective(key);
    assert_eq!(shown(policy(), "failure_threshold"), Some(Value::Count(5)));
    assert_eq!(shown(policy(), "window"), None);
    assert_eq!(shown(policy(), "min_calls"), None);
    let rated = policy().failure_rate(Share::percent(50));
    assert_eq!(shown(rated, "failure_threshold"), None);
    assert_eq!(shown(rated, "window"), Some(Value::Count(100)));
    assert_eq!(shown(rated, "min_calls"), Some(Value::Count(100)));
    let timed = rated.window_time(seconds(10));
    assert_eq!(shown(timed, "window"), None);
    assert_eq!(shown(timed, "min_calls"), Some(Value::Count(10)));
    assert_eq!(shown(policy(), "open_backoff"), Some(Value::Factor(1.0)));
    assert_eq!(
        shown(policy(), "open_jitter"),
        Some(Value::Share(Share::percent(0)))
    );
    assert_eq!(shown(policy(), "ramp"), None);
    let half_open_for = |open_for| shown(policy().open_for(open_for), "half_open_for");
    assert_eq!(half_open_for(seconds(7)), Some(Value::Duration(seconds(7))));
    assert_eq!(
        half_open_for(Duration::ZERO),
        Some(Value::Duration(seconds(1)))
    );
    assert_eq!(
        shown(policy().slow_call(seconds(1)), "slow_call_rate"),
        Some(Value::Share(Share::percent(50)))
    );
}

#[test]
fn a_throttled_answer_is_a_failure_like_any_other_unless_it_is_to_be_obeyed() {
    let mut machine = Machine::new(policy().failure_threshold(2).open_for(seconds(7)));
    machine.throttle(60 * SECOND);
    machine.is(Closed);
    machine.throttle(60 * SECOND);
    assert_eq!(machine.opens_for(""), 7 * SECOND);
}

#[test]
fn a_throttled_answer_that_is_obeyed_opens_it_for_as_long_as_it_asks() {
    let obeying = policy().obey_retry_after(true).open_for(seconds(7));
    let mut machine = Machine::new(obeying);
    machine.run("SS");
    machine.throttle(60 * SECOND);
    assert_eq!(
        machine.why(),
        "the callee asked to be left alone for 1m (obey_retry_after = true)"
    );
    assert_eq!(machine.enter().unwrap_err(), Admission::Open(60 * SECOND));
    assert_eq!(machine.opens_for(""), 60 * SECOND);
    // Half-open, it is the probe that failed.
    machine.throttle(2 * SECOND);
    assert_eq!(machine.opens_for(""), 2 * SECOND);
    machine.run("SS");
    machine.is(Closed);
    assert_eq!(machine.state.totals().failure, 2);
    // Nobody is asked to wait: it counts towards the threshold.
    machine.throttle(0);
    machine.is(Closed);
    machine.run("FFFF");
    assert_eq!(machine.opens_for(""), 7 * SECOND);
}

#[test]
fn a_throttled_answer_opens_it_no_longer_than_ten_minutes_or_its_own_time() {
    let obeying = policy().obey_retry_after(true);
    for (policy, longest) in [(obeying, 600), (obeying.open_for(seconds(900)), 900)] {
        let mut machine = Machine::new(policy);
        machine.throttle(86_400 * SECOND);
        assert_eq!(machine.opens_for(""), longest * SECOND);
    }
}

#[test]
fn a_throttled_answer_of_an_older_state_decides_nothing() {
    let mut machine = Machine::new(policy().obey_retry_after(true).failure_threshold(1));
    let late = machine.enter().unwrap();
    machine.run("F");
    machine.leave_throttled(late, 60 * SECOND);
    assert_eq!(machine.opens_for(""), 30 * SECOND);
    assert_eq!(machine.state.totals().late, 1);
    // A probe that has lost its place, too.
    let silent = machine.enter().unwrap();
    machine.wait(30 * SECOND);
    machine.leave_throttled(silent, 60 * SECOND);
    machine.is(HalfOpen);
    assert_eq!(machine.state.totals().late, 2);
}

#[test]
fn an_opening_that_was_asked_for_keeps_its_length_while_that_is_obeyed() {
    let obeying = policy().obey_retry_after(true);
    let mut machine = Machine::new(obeying);
    machine.throttle(60 * SECOND);
    machine.reconfigure(obeying.open_for(seconds(5)));
    assert_eq!(machine.enter().unwrap_err(), Admission::Open(60 * SECOND));
    machine.reconfigure(policy().open_for(seconds(5)));
    assert_eq!(machine.enter().unwrap_err(), Admission::Open(5 * SECOND));
}

#[test]
fn a_machine_that_trips_says_why_without_being_asked_for_text() {
    let mut machine = Machine::new(policy().failure_threshold(2));
    machine.run("FF");
    assert_eq!(
        machine.state.why(),
        Some(&Cause::FailuresInARow {
            failures: 2,
            threshold: 2
        })
    );
}
