//! The rate limit: never more calls than it says, and no token lost that is given back.

use crate::model::{explore, explore_to, join, lasting, poll, spawn};
use loom::thread::JoinHandle;
use resilient_core::{
    Algorithm, LivePolicy, LiveSnapshot, Rate, RateLimitPolicy, RateLimiter, modelled,
};
use std::task::Poll;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

const ALGORITHMS: [Algorithm; 4] = [
    Algorithm::TokenBucket,
    Algorithm::LeakyBucket,
    Algorithm::FixedWindow,
    Algorithm::SlidingWindow,
];

fn per_second(count: u32) -> RateLimitPolicy {
    RateLimitPolicy::new().rate(Rate::new(count, SECOND))
}

fn limiter(policy: RateLimitPolicy) -> &'static RateLimiter {
    lasting(RateLimiter::new("partner", &policy))
}

fn available(limiter: &RateLimiter) -> u32 {
    match limiter.snapshot() {
        LiveSnapshot::RateLimiter(seen) => seen.available.expect("it limits"),
        other => panic!("{other:?}"),
    }
}

/// A call that does not wait, and how much it was let in with.
fn tries(limiter: &'static RateLimiter, cost: u32) -> JoinHandle<u32> {
    spawn(move || limiter.try_admit_weighing(cost).map_or(0, |()| cost))
}

/// The same by the short way.
fn tries_one(limiter: &'static RateLimiter) -> JoinHandle<u32> {
    spawn(move || u32::from(limiter.try_admit().is_ok()))
}

fn reconfigures(limiter: &'static RateLimiter, policy: RateLimitPolicy) -> JoinHandle<u32> {
    spawn(move || {
        limiter.reconfigure(&policy);
        0
    })
}

#[test]
fn no_more_calls_than_the_limit_get_in_at_once() {
    for algorithm in ALGORITHMS {
        explore(move || {
            let limiter = limiter(per_second(2).algorithm(algorithm));
            let most = available(limiter);
            let admitted = join([tries_one(limiter), tries_one(limiter), tries(limiter, 1)]);
            assert_eq!(admitted.iter().sum::<u32>(), most, "{algorithm:?}");
            assert_eq!(available(limiter), 0);
        });
    }
}

#[test]
fn no_more_calls_than_the_limit_get_in_while_time_passes() {
    for algorithm in ALGORITHMS {
        explore(move || {
            let limiter = limiter(per_second(1).algorithm(algorithm));
            let clock = spawn(|| {
                modelled::advance(SECOND);
                0
            });
            let admitted = join([tries_one(limiter), tries_one(limiter), clock]);
            let admitted = admitted.iter().sum::<u32>();
            // One each in the first and in the second second, and none is left that was not there.
            assert!((1..=2).contains(&admitted), "{algorithm:?}");
            assert!(admitted + available(limiter) <= 2, "{algorithm:?}");
        });
    }
}

#[test]
fn calls_of_different_cost_take_no_token_twice() {
    for algorithm in [
        Algorithm::TokenBucket,
        Algorithm::FixedWindow,
        Algorithm::SlidingWindow,
    ] {
        explore(move || {
            let limiter = limiter(per_second(3).algorithm(algorithm));
            let admitted = join([tries(limiter, 2), tries(limiter, 2), tries_one(limiter)]);
            assert_eq!(admitted.iter().sum::<u32>(), 3, "{algorithm:?}");
        });
    }
}

/// A call that begins to wait for its turn, and is given up.
fn gives_up(limiter: &'static RateLimiter) -> JoinHandle<u32> {
    spawn(move || {
        let mut admission = Box::pin(limiter.admit());
        assert!(poll(admission.as_mut()).is_pending());
        0
    })
}

#[test]
fn a_turn_that_is_given_up_is_free_again() {
    for algorithm in ALGORITHMS {
        explore_to(3, move || {
            let policy = per_second(1).algorithm(algorithm).max_wait(9 * SECOND);
            let limiter = limiter(policy);
            assert!(limiter.try_admit().is_ok());
            assert_eq!(join([gives_up(limiter), tries_one(limiter)]), [0, 0]);
            modelled::advance(SECOND);
            assert!(limiter.try_admit().is_ok(), "{algorithm:?}");
            assert!(limiter.try_admit().is_err(), "{algorithm:?}");
        });
    }
}

#[test]
fn a_turn_that_is_given_up_brings_nobody_in_too_early() {
    for algorithm in ALGORITHMS {
        explore_to(3, move || {
            let policy = per_second(1).algorithm(algorithm).max_wait(9 * SECOND);
            let limiter = limiter(policy);
            assert!(limiter.try_admit().is_ok());
            let waits = spawn(move || {
                let mut admission = Box::pin(limiter.admit());
                assert!(poll(admission.as_mut()).is_pending());
                admission
            });
            let gives_up = gives_up(limiter);
            let mut admission = join([waits]).remove(0);
            join([gives_up]);
            let mut admitted = 0;
            for second in 1..=2 {
                modelled::advance(SECOND);
                admitted += u32::from(limiter.try_admit().is_ok());
                if let Poll::Ready(done) = poll(admission.as_mut()) {
                    assert!(done.is_ok());
                    admission = Box::pin(limiter.admit());
                    admitted += 1;
                }
                assert!(
                    admitted <= second,
                    "{algorithm:?}: {admitted} in {second} s"
                );
            }
            assert!(admitted >= 1, "the turn comes");
        });
    }
}

#[test]
fn settings_that_stay_the_same_refill_nothing() {
    for algorithm in ALGORITHMS {
        explore(move || {
            let policy = per_second(2).algorithm(algorithm);
            let limiter = limiter(policy);
            let most = available(limiter);
            let other = reconfigures(limiter, policy.max_wait(SECOND));
            assert_eq!(join([tries_one(limiter), other]), [1, 0]);
            assert_eq!(available(limiter), most - 1, "{algorithm:?}");
        });
    }
}

#[test]
fn a_larger_bucket_has_no_more_in_it_than_its_share() {
    explore(|| {
        let limiter = limiter(per_second(2).burst(2));
        let grows = reconfigures(limiter, per_second(4).burst(4));
        assert_eq!(join([tries_one(limiter), grows]), [1, 0]);
        // One before: half of four. None before: four, less one.
        assert!((2..=3).contains(&available(limiter)));
    });
}

#[test]
fn a_smaller_bucket_is_never_overdrawn_by_halves_of_two_settings() {
    explore(|| {
        let limiter = limiter(per_second(4).burst(4));
        assert!(limiter.try_admit_weighing(2).is_ok());
        let shrinks = reconfigures(limiter, per_second(2).burst(2));
        let admitted: u32 = join([tries(limiter, 2), shrinks]).iter().sum();
        // Two before: empty. None before: one is left, which is not enough.
        assert_eq!(admitted + 2 * available(limiter), 2);
    });
}

#[test]
fn another_algorithm_gives_no_token_twice() {
    for (from, to) in [
        (Algorithm::TokenBucket, Algorithm::FixedWindow),
        (Algorithm::TokenBucket, Algorithm::SlidingWindow),
        (Algorithm::FixedWindow, Algorithm::TokenBucket),
        (Algorithm::SlidingWindow, Algorithm::TokenBucket),
    ] {
        explore(move || {
            let limiter = limiter(per_second(2).algorithm(from));
            let other = reconfigures(limiter, per_second(2).algorithm(to));
            assert_eq!(join([tries_one(limiter), other]), [1, 0], "{from:?} {to:?}");
            assert!(limiter.try_admit().is_ok(), "{from:?} {to:?}");
            assert!(limiter.try_admit().is_err(), "{from:?} {to:?}");
        });
    }
}

#[test]
fn what_is_switched_off_and_on_has_no_token_more() {
    explore(|| {
        let limiter = limiter(per_second(1));
        assert!(limiter.try_admit().is_ok());
        let switches = spawn(move || {
            limiter.reconfigure(&per_second(1).enabled(false));
            limiter.reconfigure(&per_second(1));
            0
        });
        join([tries_one(limiter), switches]);
        assert!(limiter.try_admit().is_err(), "nothing came back");
    });
}
