//! The budget of retries and hedges: never overdrawn, no place lost, no call uncounted.

use crate::model::{block_on, explore, explore_to, join, lasting, spawn};
use loom::thread::JoinHandle;
use resilient_core::{
    Backoff, Budget, BudgetSnapshot, Delay, Failure, Frame, Hedge, HedgeAfter, HedgePolicy, Inside,
    LivePolicy, LiveSnapshot, Retry, RetryPolicy, Share, Verdict,
};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

/// How many extra attempts there always are.
const ALWAYS: u64 = 30;
const OWN: Budget = Budget::own(Share::percent(1));
const GATEWAY: Budget = Budget::shared("gateway", Share::percent(1));

fn policy(budget: Budget) -> RetryPolicy {
    let backoff = Backoff::fixed(Duration::ZERO);
    RetryPolicy::new().budget(budget).backoff(backoff)
}

fn retry(budget: Budget) -> &'static Retry {
    lasting(Retry::new("price", &policy(budget)))
}

fn look(retry: &Retry) -> BudgetSnapshot {
    match retry.snapshot() {
        LiveSnapshot::Retry(seen) => seen.budget.expect("it has one"),
        other => panic!("{other:?}"),
    }
}

fn fails(retry: &'static Retry) -> Option<Delay> {
    retry.begin().decide(Verdict::Failure)
}

/// Has only one extra attempt left.
fn all_but_one(retry: &'static Retry) {
    for _ in 1..ALWAYS {
        fails(retry).expect("one is left").sleep();
    }
    assert_eq!(look(retry).left, 1);
}

/// A call that fails: whether another attempt was granted, and begun.
fn tries_again(retry: &'static Retry) -> JoinHandle<u64> {
    spawn(move || match fails(retry) {
        Some(delay) => {
            delay.sleep();
            1
        }
        None => 0,
    })
}

/// A call that fails, and is dropped before the other attempt begins.
fn gives_up(retry: &'static Retry) -> JoinHandle<u64> {
    spawn(move || {
        drop(fails(retry));
        0
    })
}

#[test]
fn the_last_attempt_of_a_budget_is_granted_once() {
    explore_to(3, || {
        let retry = retry(OWN);
        all_but_one(retry);
        let granted = join([tries_again(retry), tries_again(retry)]);
        assert_eq!(granted.iter().sum::<u64>(), 1);
        let seen = look(retry);
        assert_eq!((seen.used, seen.left), (ALWAYS, 0));
    });
}

#[test]
fn an_attempt_that_never_begins_gives_its_place_back() {
    explore_to(3, || {
        let retry = retry(OWN);
        all_but_one(retry);
        let granted = join([gives_up(retry), tries_again(retry)]);
        let granted: u64 = granted.iter().sum();
        assert_eq!(look(retry).left, 1 - granted);
        let all = ALWAYS - 1 + granted;
        assert_eq!(look(retry).used, all);
    });
}

#[test]
fn policies_that_find_a_budget_by_its_name_at_once_share_it() {
    explore(|| {
        let makes = || {
            spawn(|| {
                let retry = retry(GATEWAY);
                drop(retry.begin());
                retry
            })
        };
        let retries = join([makes(), makes()]);
        all_but_one(retries[0]);
        assert!(fails(retries[1]).is_some());
        assert_eq!(look(retries[0]), look(retries[1]));
    });
}

#[test]
fn the_last_attempt_of_a_shared_budget_is_granted_once() {
    explore(|| {
        let (one, other) = (retry(GATEWAY), retry(GATEWAY));
        all_but_one(one);
        let granted = join([tries_again(one), tries_again(other)]);
        assert_eq!(granted.iter().sum::<u64>(), 1);
    });
}

#[test]
fn every_call_is_counted_with_more_threads_than_slots_and_when_threads_follow_each_other() {
    explore_to(3, || {
        let retry = retry(OWN);
        let calls = |number| {
            spawn(move || {
                for _ in 0..number {
                    drop(retry.begin());
                }
            })
        };
        drop(retry.begin());
        join([calls(2), calls(1), calls(1)]);
        assert_eq!(look(retry).calls, 5);
    });
}

#[test]
fn another_budget_takes_over_while_calls_fail() {
    explore(|| {
        let retry = retry(OWN);
        all_but_one(retry);
        let reconfigures = spawn(move || {
            retry.reconfigure(&policy(GATEWAY));
            0
        });
        join([tries_again(retry), tries_again(retry), reconfigures]);
        let shared = look(retry);
        assert_eq!(shared.name, Some("gateway"));
        retry.reconfigure(&policy(OWN));
        let own = look(retry);
        assert_eq!(own.left + shared.left, ALWAYS + 1 - 2 + refused(retry));
    });
}

/// How many calls were refused another attempt.
fn refused(retry: &Retry) -> u64 {
    match retry.snapshot() {
        LiveSnapshot::Retry(seen) => seen.gave_up,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_last_extra_attempt_of_a_hedge_is_granted_once() {
    explore(|| {
        let after = HedgeAfter::after(Duration::ZERO);
        let policy = HedgePolicy::new().after(after).budget(GATEWAY);
        let hedge = lasting(Hedge::new("search", &policy));
        let retry = retry(GATEWAY);
        all_but_one(retry);
        let races = || {
            spawn(move || {
                let (frame, mut attempts) = (Frame::new(), 0);
                let attempt = |(): &()| {
                    attempts += 1;
                    let mut polls = 0;
                    poll_fn(move |context| {
                        polls += 1;
                        context.waker().wake_by_ref();
                        match polls {
                            1..=2 => Poll::Pending,
                            _ => Poll::Ready(Ok::<_, Failure<()>>(())),
                        }
                    })
                };
                let judge = |_: &Inside<(), ()>| Verdict::Failure;
                assert_eq!(block_on(hedge.race(&frame, (), attempt, judge)), Ok(()));
                attempts - 1
            })
        };
        let extra = join([races(), races()]);
        assert_eq!(extra.iter().sum::<u64>(), 1);
        assert_eq!(look(retry).left, 0);
    });
}
