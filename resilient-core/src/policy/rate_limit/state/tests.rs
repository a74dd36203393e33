//! The machines against lists of calls that are too simple to be wrong.

use super::*;
use proptest::prelude::*;
use std::time::Duration;

/// One call that was admitted, or promised its turn.
#[derive(Clone, Copy, Debug)]
struct Admitted {
    at: Nanos,
    cost: u64,
}

/// The cost of all calls in the window of this length that ends at `end`.
fn within(calls: &[Admitted], end: Nanos, per: Nanos) -> u64 {
    let inside = |call: &&Admitted| call.at + per > end && call.at <= end;
    calls.iter().filter(inside).map(|call| call.cost).sum()
}

/// The first instant at which `is_free`, among all at which anything can change.
fn first(
    now: Nanos,
    changes: impl Iterator<Item = Nanos>,
    is_free: impl Fn(Nanos) -> bool,
) -> Nanos {
    let mut instants: Vec<Nanos> = changes.filter(|at| *at > now).chain([now]).collect();
    instants.sort_unstable();
    let found = instants.into_iter().find(|at| is_free(*at));
    found.expect("there is room some day")
}

fn turn_of_sliding(calls: &[Admitted], cost: u64, count: u64, per: Nanos, now: Nanos) -> Nanos {
    let last = calls.iter().map(|call| call.at).max().unwrap_or(0);
    let changes = calls.iter().flat_map(|call| [call.at, call.at + per]);
    first(now, changes, |at| {
        at >= last && within(calls, at, per) + cost <= count
    })
}

fn turn_of_fixed(calls: &[Admitted], cost: u64, count: u64, per: Nanos, now: Nanos) -> Nanos {
    let window = |at: Nanos| (at - BEGIN) / per;
    let last = calls.iter().map(|call| window(call.at)).max().unwrap_or(0);
    let borders = (0..=last + 1).map(|index| BEGIN + index * per);
    let borders = borders.chain([BEGIN + (window(now) + 1) * per]);
    first(now, borders, |at| {
        let used = calls.iter().filter(|call| window(call.at) == window(at));
        window(at) >= last && used.map(|call| call.cost).sum::<u64>() + cost <= count
    })
}

const BEGIN: Nanos = 1 << 62;

fn rate(count: u32, per: Nanos) -> Rate {
    Rate::new(count, Duration::from_nanos(per))
}

#[derive(Clone, Debug)]
enum Step {
    /// So much later a call of this cost comes.
    Call(Nanos, u32),
    /// One of those that wait is dropped.
    Drop(usize),
    /// Another count in another length of time.
    Reconfigure(u32, Nanos),
}

#[derive(Clone, Copy, Debug)]
enum Change {
    /// A call comes so many hundredths of a step later.
    Call(u64),
    /// Another step, in tenths of a millisecond, and another burst.
    Settings(u64, u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (0..40_u64, 0..5_u32).prop_map(|(gap, cost)| Step::Call(gap, cost)),
        1 => (500..2_000_u64, 1..2_u32).prop_map(|(gap, cost)| Step::Call(gap, cost)),
        2 => any::<usize>().prop_map(Step::Drop),
        1 => (5..12_u32, 1..300_u64).prop_map(|(count, per)| Step::Reconfigure(count, per)),
    ];
    crate::tests::steps(step, 1..150)
}

crate::tests::histories! {
    #[test]
    fn a_sliding_window_admits_when_every_window_has_room(
        mut count in 5..12_u32,
        mut per in 1..300_u64,
        longest in 0..600_u64,
        steps in steps(),
    ) {
        let mut window = Window::of(Algorithm::SlidingWindow, rate(count, per), BEGIN);
        let mut calls: Vec<Admitted> = Vec::new();
        let mut now = BEGIN;
        // From where on the rate has been the same.
        let mut same_since = 0;
        for step in steps {
            match step {
                Step::Call(gap, cost) => {
                    now += gap;
                    let at = window.turn(cost, now);
                    if cost > 0 {
                        let expected = turn_of_sliding(&calls, cost.into(), count.into(), per, now);
                        prop_assert_eq!(at, expected);
                    }
                    if at - now <= longest && cost > 0 {
                        window.take(cost, at);
                        calls.push(Admitted { at, cost: cost.into() });
                    }
                }
                Step::Drop(which) => {
                    let waiting: Vec<_> = (0..calls.len()).filter(|call| calls[*call].at > now).collect();
                    if !waiting.is_empty() {
                        let call = calls.remove(waiting[which % waiting.len()]);
                        window.give_back(u32::try_from(call.cost).unwrap(), call.at, now);
                    }
                }
                Step::Reconfigure(other, length) => {
                    // What is as old as the window is forgotten, also by a longer one.
                    window.turn(1, now);
                    calls.retain(|call| call.at + per > now);
                    let like = Window::of(Algorithm::SlidingWindow, rate(other, length), now);
                    window = window.turned_into(like, None);
                    (count, per) = (other, length);
                    same_since = calls.iter().map(|call| call.at + 1).max().unwrap_or(0);
                }
            }
        }
        for call in calls.iter().filter(|call| call.at >= same_since) {
            prop_assert!(within(&calls, call.at, per) <= count.into(), "in any window");
        }
    }

    #[test]
    fn a_fixed_window_admits_when_the_window_has_room(
        count in 5..12_u32,
        per in 1..300_u64,
        longest in 0..600_u64,
        steps in steps(),
    ) {
        let mut window = Window::of(Algorithm::FixedWindow, rate(count, per), BEGIN);
        let mut calls: Vec<Admitted> = Vec::new();
        let mut now = BEGIN;
        let mut dropped = false;
        for step in steps {
            match step {
                Step::Call(gap, cost) => {
                    now += gap;
                    let at = window.turn(cost, now);
                    if cost > 0 {
                        let expected = turn_of_fixed(&calls, cost.into(), count.into(), per, now);
                        // Places of a window that is not the latest one may be lost.
                        prop_assert!(at == expected || dropped && at > expected);
                    }
                    if at - now <= longest && cost > 0 {
                        window.take(cost, at);
                        calls.push(Admitted { at, cost: cost.into() });
                    }
                }
                Step::Drop(which) => {
                    let waiting: Vec<_> = (0..calls.len()).filter(|call| calls[*call].at > now).collect();
                    if !waiting.is_empty() {
                        let call = calls.remove(waiting[which % waiting.len()]);
                        window.give_back(u32::try_from(call.cost).unwrap(), call.at, now);
                        dropped = true;
                    }
                }
                // Where the windows begin is told by the tests of the live limit.
                Step::Reconfigure(..) => {}
            }
            let mut used = std::collections::HashMap::new();
            for call in &calls {
                *used.entry((call.at - BEGIN) / per).or_insert(0) += call.cost;
            }
            prop_assert!(used.values().all(|used| *used <= count.into()));
        }
    }

    /// Tokens are counted as one would by hand, with fractions: a change keeps the bucket as full as it
    /// was, and each call that waits waits for one token, as before.
    #[test]
    fn a_bucket_whose_settings_change_is_as_full_as_a_count_of_tokens_says(
        first in (1..50_u64, 1..20_u32),
        longest in 0..5_u64,
        steps in prop::collection::vec(
            prop_oneof![
                9 => (0..400_u64).prop_map(Change::Call),
                1 => (1..50_u64, 1..20_u32).prop_map(|(step, burst)| Change::Settings(step, burst)),
            ],
            1..150,
        ),
    ) {
        // A step of a tenth of a millisecond or more: what is rounded up is far less than a token.
        let pace_of = |(step, burst): (u64, u32)| Pace::of(rate(1, step * 100_000), burst, false);
        let length = |pace: Pace| f64::from(u32::try_from(pace.step).expect("it is short"));
        let (mut pace, mut burst) = (pace_of(first), f64::from(first.1));
        let (mut state, mut now, mut tokens) = (FULL, BEGIN, burst);
        for change in steps {
            match change {
                Change::Call(gap) => {
                    let gap = pace.step * gap / 100;
                    now += gap;
                    let passed = f64::from(u32::try_from(gap).expect("it is short"));
                    tokens = burst.min(tokens + passed / length(pace));
                    let (next, wait) = state.take_worth(pace.step, pace, now);
                    let expected = (1.0 - tokens).max(0.0);
                    let waits = f64::from(u32::try_from(wait).expect("it is short")) / length(pace);
                    prop_assert!((waits - expected).abs() < 0.002, "{waits}, expected {expected}");
                    if wait <= longest * pace.step {
                        (state, tokens) = (next, tokens - 1.0);
                    }
                }
                Change::Settings(step, other) => {
                    let to = pace_of((step, other));
                    state = state.converted(pace, to, now);
                    if tokens > 0.0 {
                        tokens *= f64::from(other) / burst;
                    }
                    (pace, burst) = (to, f64::from(other));
                }
            }
        }
    }

    #[test]
    fn a_bucket_weighs_as_if_each_part_of_a_heavy_call_came_on_its_own(
        burst in 1..20_u32,
        calls in crate::tests::steps((0..300_u64, 1..25_u32), 1..100),
    ) {
        let pace = Pace::of(rate(10, 1_000), burst, false);
        let mut state = FULL;
        let mut now = BEGIN;
        for (gap, cost) in calls {
            now += gap;
            if cost > pace.most() {
                prop_assert!(cost > burst);
                continue;
            }
            let (next, wait) = state.take_worth(pace.worth(cost), pace, now);
            let (mut single, mut last) = (state, 0);
            for _ in 0..cost {
                (single, last) = single.take_worth(pace.step, pace, now);
            }
            prop_assert_eq!((next, wait), (single, last));
            if wait <= 500 {
                state = next;
            }
        }
    }

    #[test]
    fn a_leaky_bucket_keeps_a_distance_of_its_cost_behind_every_call(
        count in 1..50_u32,
        per in 50..5_000_u64,
        calls in crate::tests::steps((0..500_u64, 1..9_u32), 1..100),
    ) {
        let pace = Pace::of(rate(count, per), 1, true);
        let mut state = FULL;
        let (mut now, mut free) = (BEGIN, 0);
        for (gap, cost) in calls {
            now += gap;
            let (next, wait) = state.take_worth(pace.worth(cost), pace, now);
            prop_assert_eq!(now + wait, now.max(free));
            if wait <= 1_000 {
                state = next;
                free = now + wait + pace.step * u64::from(cost);
            }
        }
    }
}

#[test]
fn a_fixed_window_gives_all_back_that_stood_last() {
    let mut window = Window::of(Algorithm::FixedWindow, rate(1, 100), BEGIN);
    for turn in [0, 100, 200] {
        let at = window.turn(1, BEGIN);
        assert_eq!(at, BEGIN + turn);
        window.take(1, at);
    }
    window.give_back(1, BEGIN + 200, BEGIN);
    assert_eq!(window.turn(1, BEGIN), BEGIN + 200);
    window.give_back(1, BEGIN + 100, BEGIN);
    assert_eq!(window.turn(1, BEGIN), BEGIN + 100);
}

#[test]
fn nothing_overflows_with_the_longest_windows() {
    let day = 86_400_000_000_000;
    for algorithm in [Algorithm::FixedWindow, Algorithm::SlidingWindow] {
        let mut window = Window::of(algorithm, rate(2, 366 * day), BEGIN);
        let now = BEGIN + 3_660 * day;
        for _ in 0..100 {
            let at = window.turn(2, now);
            if at - now <= LONGEST_WAIT {
                window.take(2, at);
            }
        }
        let wait = window.turn(1, now) - now;
        assert!((LONGEST_WAIT..LONGEST_WAIT + 366 * day).contains(&wait));
    }
    let spaced = Pace::of(rate(1, 366 * day), 1, true);
    let worth = spaced.worth(spaced.most());
    let (state, wait) = FULL.take_worth(worth, spaced, BEGIN + 3_660 * day);
    assert_eq!(wait, 0);
    assert!(state.take_worth(worth, spaced, BEGIN).0.0 < CHANGING.0);
}
