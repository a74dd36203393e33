use super::*;
use crate::time::NEVER;
use proptest::prelude::*;

const SECOND: Nanos = 1_000_000_000;
const BEGIN: Nanos = 1 << 62;

const fn percent(percent: u32) -> Share {
    Share::percent(percent)
}

/// How many extra attempts are granted one after another.
fn granted(state: &mut State, share: Share) -> usize {
    (0..1_000_000).take_while(|_| state.take(share)).count()
}

#[test]
fn three_a_second_are_always_there() {
    let mut state = State::new(BEGIN);
    assert_eq!(granted(&mut state, percent(20)), 30, "of ten seconds");
    state.look(149, BEGIN);
    assert_eq!(granted(&mut state, percent(20)), 0);
}

#[test]
fn extra_attempts_are_a_share_of_the_calls() {
    let mut state = State::new(BEGIN);
    state.look(1_009, BEGIN);
    assert_eq!(granted(&mut state, percent(20)), 201, "rounded down");
    let mut state = State::new(BEGIN);
    state.look(1_009, BEGIN);
    assert_eq!(granted(&mut state, percent(100)), 1_009);
}

#[test]
fn a_call_counts_for_ten_seconds_at_most() {
    let mut state = State::new(BEGIN);
    state.look(1_000, BEGIN);
    state.look(1_000, BEGIN + 99 * TICK);
    assert_eq!(state.calls, 1_000);
    state.look(1_000, BEGIN + 100 * TICK);
    assert_eq!(state.calls, 0);
}

#[test]
fn an_extra_attempt_counts_for_ten_seconds_at_least() {
    let mut state = State::new(BEGIN);
    assert!(state.take(percent(20)));
    state.begin();
    state.look(0, BEGIN + 100 * TICK);
    assert_eq!(state.used(), 1);
    state.look(0, BEGIN + 101 * TICK);
    assert_eq!(state.used(), 0);
}

#[test]
fn an_attempt_that_waits_counts_for_as_long_as_it_waits() {
    let mut state = State::new(BEGIN);
    assert_eq!(granted(&mut state, percent(20)), 30);
    let later = BEGIN + 3_600 * SECOND;
    state.look(0, later);
    assert!(!state.take(percent(20)), "all thirty still wait");
    state.begin();
    assert!(!state.take(percent(20)), "one of them runs");
    state.give_back();
    assert!(state.take(percent(20)), "one of them will never run");
    state.look(0, later + 101 * TICK);
    assert!(state.take(percent(20)), "what ran is forgotten");
    assert!(!state.take(percent(20)));
}

#[test]
fn calls_that_nobody_looked_at_in_time_are_too_old() {
    let mut state = State::new(BEGIN);
    state.look(1_000, BEGIN + 11 * SECOND);
    assert_eq!(
        state.calls, 0,
        "they may have happened at the very beginning"
    );
    state.look(1_500, BEGIN + 12 * SECOND);
    assert_eq!(state.calls, 500);
}

#[test]
fn a_clock_that_is_read_by_many_threads_may_step_back_and_reach_its_end() {
    let mut state = State::new(BEGIN);
    state.look(100, BEGIN + SECOND);
    state.look(200, BEGIN);
    assert_eq!(state.calls, 200);
    state.look(300, NEVER);
    assert_eq!(state.calls, 0);
}

#[test]
fn a_clock_that_starts_again_finds_nothing_used() {
    let mut state = State::new(BEGIN);
    state.look(100, BEGIN + 3_600 * SECOND);
    assert!(state.take(percent(20)));
    state.begin();
    state.look(100, BEGIN + 3_590 * SECOND);
    assert_eq!(state.used(), 1, "ten seconds are no other clock");
    state.look(150, BEGIN);
    assert_eq!((state.used(), state.calls), (0, 0));
    state.look(160, BEGIN + SECOND);
    assert_eq!((state.used(), state.calls), (0, 10));
}

#[test]
fn everybody_who_writes_a_name_has_the_same_budget() {
    let (one, other, third) = (Budgets::default(), Budgets::default(), Budgets::default());
    assert_eq!(one.number(None), 0);
    assert_eq!(one.number(Some("budget of two")), 1);
    assert_eq!(one.number(None), 0, "found again");
    assert_eq!(other.number(Some("budget of two")), 0);
    assert_eq!(third.number(None), 0);
    let of = |budgets: &Budgets, number| budgets.get(number).cloned().unwrap();
    assert!(Arc::ptr_eq(&of(&one, 1), &of(&other, 0)));
    assert!(!Arc::ptr_eq(&of(&one, 0), &of(&third, 0)));
    assert!(one.get(2).is_none());
}

#[test]
fn many_threads_never_get_more_than_there_is_and_all_of_it() {
    const THREADS: u64 = 12;
    const CALLS: u64 = 4_000;
    let budget = LiveBudget::of(None);
    let now = time::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..CALLS).for_each(|_| budget.count()));
        }
    });
    let granted = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for turn in 0..CALLS {
                    let Some(place) = Arc::clone(&budget).take(percent(10), now) else {
                        continue;
                    };
                    if turn % 3 == 0 {
                        drop(place);
                    } else {
                        granted.fetch_add(1, Ordering::Relaxed);
                        place.begin(now);
                    }
                }
            });
        }
    });
    // Whoever was late holding a place that it gave back has left that over.
    while let Some(place) = Arc::clone(&budget).take(percent(10), now) {
        granted.fetch_add(1, Ordering::Relaxed);
        place.begin(now);
    }
    let seen = budget.snapshot(percent(10), now);
    assert_eq!(seen.calls, THREADS * CALLS);
    assert_eq!((seen.used, seen.left), (THREADS * CALLS / 10, 0));
    assert_eq!(granted.into_inner(), THREADS * CALLS / 10);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Calls(u64),
    Look,
    Take,
    Begin,
    /// The call was dropped, or somebody panicked, while it waited.
    Drop,
    Pass(u64),
    /// Another share is written from now on.
    Reconfigure(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..80u64).prop_map(Step::Calls),
        Just(Step::Look),
        Just(Step::Take),
        Just(Step::Take),
        Just(Step::Take),
        Just(Step::Begin),
        Just(Step::Drop),
        (0..1_500u64).prop_map(|milli| Step::Pass(milli * 1_000_000)),
        (0..12_000u64).prop_map(|milli| Step::Pass(milli * 1_000_000)),
        (1..=1_000_000u32).prop_map(Step::Reconfigure),
    ]
}

/// Keeps the instant of everything that ever happened.
#[derive(Default)]
struct Oracle {
    calls: Vec<Nanos>,
    began: Vec<Nanos>,
    /// One for each attempt that waits.
    waiting: Vec<()>,
}

impl Oracle {
    /// How many of these happened in the last so many tenths of a second.
    fn newest(instants: &[Nanos], now: Nanos, ticks: u64) -> u64 {
        let oldest = now / TICK - ticks;
        instants.iter().filter(|at| **at / TICK > oldest).count() as u64
    }

    fn limit(&self, share: Share, now: Nanos, ticks: u64) -> u64 {
        let calls = Self::newest(&self.calls, now, ticks);
        (calls * u64::from(share.as_parts_per_million()) / 1_000_000).max(30)
    }

    fn used(&self, now: Nanos) -> u64 {
        self.waiting.len() as u64 + Self::newest(&self.began, now, 101)
    }
}

crate::tests::histories! {
    /// Where every call is looked at when it happens, nothing is estimated.
    #[test]
    fn every_decision_is_that_of_a_list_of_everything_that_happened(
        parts in 1..=1_000_000u32,
        steps in crate::tests::steps(step(), 1..250),
    ) {
        let mut share = Share::parts_per_million(parts);
        let (mut state, mut oracle) = (State::new(BEGIN), Oracle::default());
        let mut now = BEGIN;
        for step in steps {
            state.look(oracle.calls.len() as u64, now);
            match step {
                Step::Calls(count) => {
                    oracle.calls.extend((0..count).map(|_| now));
                    state.look(oracle.calls.len() as u64, now);
                }
                Step::Look => {}
                Step::Take => {
                    let expected = oracle.used(now) < oracle.limit(share, now, 100);
                    prop_assert_eq!(state.take(share), expected);
                    oracle.waiting.extend(expected.then_some(()));
                }
                Step::Begin => {
                    if oracle.waiting.pop().is_some() {
                        state.begin();
                        oracle.began.push(now);
                    }
                }
                Step::Drop => {
                    if oracle.waiting.pop().is_some() {
                        state.give_back();
                    }
                }
                Step::Pass(time) => now += time,
                Step::Reconfigure(parts) => share = Share::parts_per_million(parts),
            }
            state.look(oracle.calls.len() as u64, now);
            prop_assert_eq!(state.used(), oracle.used(now));
            prop_assert_eq!(state.limit(share), oracle.limit(share, now, 100));
        }
    }

    /// Where calls are looked at late, none counts for too long.
    #[test]
    fn a_late_look_never_grants_more_than_the_share(
        parts in 1..=1_000_000u32,
        steps in crate::tests::steps(step(), 1..250),
    ) {
        let mut share = Share::parts_per_million(parts);
        let (mut state, mut oracle) = (State::new(BEGIN), Oracle::default());
        let mut now = BEGIN;
        for step in steps {
            let total = oracle.calls.len() as u64;
            match step {
                Step::Calls(count) => oracle.calls.extend((0..count).map(|_| now)),
                Step::Look => state.look(total, now),
                Step::Take => {
                    state.look(total, now);
                    let allowed = oracle.used(now) < oracle.limit(share, now, 100);
                    let granted = state.take(share);
                    prop_assert!(allowed || !granted);
                    oracle.waiting.extend(granted.then_some(()));
                }
                Step::Begin | Step::Drop => {}
                Step::Pass(time) => now += time,
                Step::Reconfigure(parts) => share = Share::parts_per_million(parts),
            }
        }
    }
}
