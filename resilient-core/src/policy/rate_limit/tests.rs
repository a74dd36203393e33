mod oracle;

use super::settings::{MOST_BURST, MOST_REMEMBERED, MOST_SECONDS, one_at_a_time};
use super::state::LONGEST_BUCKET;
use super::*;
use crate::deadline::Deadline;
use crate::policy::Show;
use crate::setting::Value;
use crate::time::NEVER;
use proptest::prelude::*;
use std::sync::Arc;
use std::task::Waker;
use tokio::time::{advance, sleep};

const MILLI: Nanos = 1_000_000;
const SECOND: Nanos = 1_000_000_000;

const fn policy(count: u32, per: Nanos, burst: u32) -> RateLimitPolicy {
    RateLimitPolicy::new()
        .rate(Rate::new(count, Duration::from_nanos(per)))
        .burst(burst)
}

fn limiter(policy: RateLimitPolicy) -> RateLimiter {
    RateLimiter::new("test", &policy)
}

fn poll(admission: &mut RateLimitAdmission<'_>) -> Poll<Result<(), Rejected>> {
    Pin::new(admission).poll(&mut Context::from_waker(Waker::noop()))
}

/// Ready, or else how long the call has to wait.
fn check(limiter: &RateLimiter) -> Result<(), Nanos> {
    match poll(&mut limiter.admit()) {
        Poll::Ready(result) => {
            result.map_err(|rejected| nanos(rejected.retry_after().expect("it is known")))
        }
        Poll::Pending => panic!("nobody waits without `max_wait`"),
    }
}

fn wait(limiter: &RateLimiter) -> RateLimitAdmission<'_> {
    let mut admission = limiter.admit();
    assert!(poll(&mut admission).is_pending());
    admission
}

// ---- The arithmetic, without a runtime

fn pace(count: u32, per: Nanos, burst: u32) -> Pace {
    Pace::of(Rate::new(count, Duration::from_nanos(per)), burst, false)
}

/// The instants of all admissions, and the rule itself: over any interval of length t at most
/// `burst` + t / step.
struct Oracle {
    admitted: Vec<Nanos>,
    pace: Pace,
    burst: u64,
}

impl Oracle {
    /// How long a call that comes now has to wait.
    fn wait(&self, now: Nanos) -> Nanos {
        let count = self.admitted.len();
        self.admitted
            .iter()
            .enumerate()
            .filter_map(|(index, first)| {
                let calls = (count - index + 1) as u64;
                let earliest = first + calls.checked_sub(self.burst)? * self.pace.step;
                earliest.checked_sub(now)
            })
            .max()
            .unwrap_or(0)
    }
}

fn paces() -> impl Strategy<Value = (u32, Nanos, u32)> {
    (
        1..2_000_u32,
        prop_oneof![1..2_000_u64, Just(SECOND), 1_000_000..10 * SECOND],
        1..20_u32,
    )
        .prop_filter("a rate that can be written", |(count, per, _)| {
            one_at_a_time(Rate::new(*count, Duration::from_nanos(*per)))
        })
}

crate::tests::histories! {
    #[test]
    fn a_call_is_admitted_when_every_interval_has_room_for_it(
        (count, per, burst) in paces(),
        longest in 0..5_u64,
        gaps in crate::tests::steps(0..300_u64, 1..200),
    ) {
        let pace = pace(count, per, burst);
        let mut oracle = Oracle { admitted: Vec::new(), pace, burst: burst.into() };
        let mut state = FULL;
        let mut now = 1 << 62;
        let longest = longest * pace.step;
        for gap in gaps {
            // From nothing at all to three steps, in hundredths of a step and in nanoseconds.
            now += pace.step * gap / 100 + gap % 2;
            let (next, wait) = state.take_worth(pace.step, pace, now);
            prop_assert_eq!(state.take(pace.step, pace.bucket, now), (next, wait > 0));
            prop_assert_eq!(wait, oracle.wait(now));
            prop_assert_eq!(wait == 0, state.available(pace, now) > 0);
            if wait <= longest {
                state = next;
                oracle.admitted.push(now + wait);
            }
        }
        for (index, first) in oracle.admitted.iter().enumerate() {
            for (length, last) in oracle.admitted[index..].iter().enumerate() {
                let over_burst = u128::from((length as u64 + 1).saturating_sub(burst.into()));
                let passed = u128::from(last - first);
                prop_assert!(over_burst * u128::from(per) <= passed * u128::from(count));
            }
        }
    }

    #[test]
    fn other_settings_keep_the_bucket_as_full_as_it_was(
        (count, per, burst) in paces(),
        (other_count, other_per, other_burst) in paces(),
        taken in 0..20_u64,
        promised in 0..20_u64,
    ) {
        let from = pace(count, per, burst);
        let to = pace(other_count, other_per, other_burst);
        let now = 1 << 62;
        let taken = taken.min(burst.into());
        let promised = if taken == u64::from(burst) { promised } else { 0 };
        let state = State(now + (taken + promised) * from.step);
        let converted = state.converted(from, to, now);
        let missing = converted.0.saturating_sub(now);
        if taken == 0 {
            prop_assert_eq!(converted.available(to, now), u64::from(other_burst));
        } else if promised > 0 || taken == u64::from(burst) {
            prop_assert_eq!(converted.available(to, now), 0);
            let exact = to.bucket + promised * to.step;
            prop_assert!((exact..=exact + 1).contains(&missing));
        } else {
            let share = u128::from(missing) * u128::from(burst);
            prop_assert!(share >= u128::from(taken) * u128::from(to.bucket), "never more than before");
        }
        if from.bucket != to.bucket {
            prop_assert_ne!(converted, state, "who read the old settings must look again");
        }
    }
}

#[test]
fn the_step_is_rounded_up_so_that_no_token_comes_early() {
    let pace = |count, per| pace(count, per, 1);
    assert_eq!(pace(3, SECOND).step, 333_333_334);
    assert_eq!(pace(4, SECOND).step, 250_000_000);
    assert_eq!(pace(1, 1).step, 1);
}

#[test]
fn nothing_overflows_with_the_largest_settings() {
    let rate = Rate::new(1, Duration::from_secs(MOST_SECONDS));
    let pace = Pace::of(rate, MOST_BURST, false);
    let now = (1 << 62) + SECOND * MOST_SECONDS * 10;
    let furthest = State(now + pace.bucket + LONGEST_WAIT);
    assert!(furthest.take_worth(pace.step, pace, now).1 > LONGEST_WAIT);
    assert!(CHANGING.take(pace.step, pace.bucket, now).1);
    assert_eq!(furthest.available(pace, now), 0);
    let little = Pace {
        step: 1,
        bucket: 1,
        spaced: false,
    };
    let converted = furthest.converted(little, pace, now);
    assert!(converted.0 <= now + LONGEST_BUCKET + LONGEST_WAIT + 1);
    assert!(converted.0 < CHANGING.0);
}

#[test]
fn the_word_that_everybody_writes_has_a_cache_line_of_its_own() {
    assert_eq!(size_of::<Padded<Hot>>(), 64);
    assert!(size_of::<RateLimiter>() <= 1024);
    assert!(size_of::<RateLimitAdmission<'_>>() <= 48);
}

// ---- Rule 37

#[tokio::test(start_paused = true)]
async fn it_starts_full_and_a_refusal_costs_nothing_and_names_the_exact_wait() {
    let limiter = limiter(policy(10, SECOND, 3));
    for _ in 0..3 {
        assert_eq!(check(&limiter), Ok(()));
    }
    for _ in 0..5 {
        assert_eq!(check(&limiter), Err(100 * MILLI));
    }
    advance(Duration::from_millis(99)).await;
    assert_eq!(check(&limiter), Err(MILLI));
    advance(Duration::from_millis(1)).await;
    assert_eq!(check(&limiter), Ok(()));
    assert_eq!(check(&limiter), Err(100 * MILLI));
    let look = limiter.look();
    assert_eq!((look.admitted, look.rejected, look.waited), (4, 7, 0));
}

#[tokio::test(start_paused = true)]
async fn a_pause_saves_up_one_burst_and_no_more() {
    let limiter = limiter(policy(10, SECOND, 3));
    advance(Duration::from_secs(3600)).await;
    assert_eq!((0..10).filter(|_| check(&limiter).is_ok()).count(), 3);
    advance(Duration::from_millis(250)).await;
    assert_eq!(limiter.look().available, Some(2));
    assert_eq!((0..10).filter(|_| check(&limiter).is_ok()).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn without_a_burst_there_is_one_seconds_worth() {
    let tokens = |count, per| {
        let limiter = limiter(RateLimitPolicy::new().rate(Rate::new(count, per)));
        (0..100).filter(|_| check(&limiter).is_ok()).count()
    };
    assert_eq!(tokens(7, Duration::from_secs(1)), 7);
    assert_eq!(tokens(10, Duration::from_millis(500)), 20);
    assert_eq!(tokens(10, Duration::from_secs(60)), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_sleeps_as_long_as_a_refusal_says_is_admitted() {
    let limiter = limiter(policy(7, SECOND, 1));
    for _ in 0..50 {
        while let Err(wait) = check(&limiter) {
            sleep(Duration::from_nanos(wait)).await;
        }
    }
    // tokio's timers wake at whole milliseconds, each up to one late.
    assert_eq!(limiter.look().rejected, 49);
}

// ---- Waiting for a turn

const fn patient(max_wait: u64) -> RateLimitPolicy {
    policy(10, SECOND, 1).max_wait(Duration::from_millis(max_wait))
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_come_in_one_by_one_each_at_its_turn() {
    let limiter = Arc::new(limiter(patient(300)));
    let begin = now();
    let calls: Vec<_> = (0..6)
        .map(|_| {
            let limiter = Arc::clone(&limiter);
            tokio::spawn(async move { (limiter.admit().await, now() - begin) })
        })
        .collect();
    let mut ends = Vec::new();
    for call in calls {
        ends.push(call.await.expect("no panic"));
    }
    let too_long = Err(Rejected::rate_limited("test", Duration::from_millis(400)));
    let admitted = |after| (Ok(()), after * MILLI);
    assert_eq!(ends[..4], [0, 100, 200, 300].map(admitted));
    assert_eq!(ends[4..], [(too_long, 0), (too_long, 0)], "refused at once");
    let look = limiter.look();
    assert_eq!((look.admitted, look.rejected), (4, 2));
    assert_eq!((look.waited, look.waiting), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_an_outer_deadline_would_cut_is_not_begun() {
    let limiter = limiter(patient(1000));
    assert!(limiter.admit().await.is_ok());
    {
        let _outer = Deadline::enter(Deadline::current(), NEVER, 100 * MILLI);
        let refused = Rejected::rate_limited("test", Duration::from_millis(100));
        assert_eq!(poll(&mut limiter.admit()), Poll::Ready(Err(refused)));
    }
    let outer = Deadline::enter(Deadline::current(), now() + 100 * MILLI + 1, NEVER);
    let mut admission = wait(&limiter);
    drop(outer);
    advance(Duration::from_millis(100)).await;
    assert_eq!(poll(&mut admission), Poll::Ready(Ok(())));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_gives_up_gives_its_turn_back_if_nobody_stands_behind_it() {
    let limiter = limiter(patient(1000));
    assert!(limiter.admit().await.is_ok());
    let (first, second) = (wait(&limiter), wait(&limiter));
    drop(second);
    drop(first);
    let look = limiter.look();
    assert_eq!((look.abandoned, look.waiting), (2, 0));
    let begin = now();
    assert!(limiter.admit().await.is_ok());
    assert_eq!(now() - begin, 100 * MILLI, "as if nobody else had come");
}

#[tokio::test(start_paused = true)]
async fn a_turn_given_up_in_the_middle_is_lost_and_nobody_comes_too_early() {
    let limiter = limiter(patient(1000));
    assert!(limiter.admit().await.is_ok());
    let (first, mut second) = (wait(&limiter), wait(&limiter));
    drop(first);
    advance(Duration::from_millis(199)).await;
    assert!(poll(&mut second).is_pending());
    advance(Duration::from_millis(1)).await;
    assert!(poll(&mut second).is_ready());
    let begin = now();
    assert!(limiter.admit().await.is_ok());
    assert_eq!(now() - begin, 100 * MILLI);
}

#[tokio::test(start_paused = true)]
async fn a_turn_of_older_settings_is_not_given_back() {
    let limiter = limiter(patient(1000));
    assert!(limiter.admit().await.is_ok());
    let first = wait(&limiter);
    let state = limiter.state();
    limiter.reconfigure(&policy(5, SECOND, 1));
    limiter.reconfigure(&patient(1000));
    assert_eq!(limiter.state(), state, "the same again");
    drop(first);
    assert_eq!(limiter.state(), state);
}

// ---- Calls that cost more than others, or nothing

fn weigh(limiter: &RateLimiter, cost: u32) -> Result<(), Rejected> {
    match poll(&mut limiter.admit_weighing(cost)) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("nobody waits without `max_wait`"),
    }
}

fn refused(millis: u64) -> Result<(), Rejected> {
    Err(Rejected::rate_limited(
        "test",
        Duration::from_millis(millis),
    ))
}

#[tokio::test(start_paused = true)]
async fn a_heavy_call_takes_as_many_tokens_as_it_costs() {
    let limiter = limiter(policy(10, SECOND, 10));
    assert_eq!(weigh(&limiter, 7), Ok(()));
    assert_eq!(limiter.look().available, Some(3));
    assert_eq!(weigh(&limiter, 5), refused(200));
    assert_eq!(weigh(&limiter, 3), Ok(()), "a refusal took nothing");
    assert_eq!(weigh(&limiter, 0), Ok(()), "nothing is always there");
    advance(Duration::from_secs(1)).await;
    assert_eq!(weigh(&limiter, 10), Ok(()));
    let look = limiter.look();
    assert_eq!((look.admitted, look.rejected), (4, 1));
}

#[tokio::test(start_paused = true)]
async fn what_costs_more_than_there_ever_is_is_refused_at_once_and_never_waits() {
    let too_costly = |cost, most| Err(Rejected::too_costly("test", cost, most));
    let hour = Duration::from_secs(3600);
    let bucket = limiter(policy(10, SECOND, 4).max_wait(hour));
    assert_eq!(weigh(&bucket, 5), too_costly(5, 4));
    assert_eq!(weigh(&bucket, u32::MAX), too_costly(u32::MAX, 4));
    assert_eq!(bucket.look().available, Some(4));
    for algorithm in [Algorithm::FixedWindow, Algorithm::SlidingWindow] {
        let window = limiter(by(algorithm, 4, SECOND).max_wait(hour));
        assert_eq!(weigh(&window, 5), too_costly(5, 4));
        assert_eq!(
            (window.look().available, window.look().rejected),
            (Some(4), 1)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_heavy_call_that_waits_is_not_overtaken() {
    let second = Duration::from_secs(10);
    for policy in [
        policy(10, SECOND, 10),
        by(Algorithm::FixedWindow, 10, SECOND),
        by(Algorithm::SlidingWindow, 10, SECOND),
    ] {
        let limiter = limiter(policy.max_wait(second));
        assert_eq!(weigh(&limiter, 4), Ok(()));
        let mut heavy = limiter.admit_weighing(10);
        assert!(poll(&mut heavy).is_pending());
        let mut light = wait(&limiter);
        let begin = now();
        while poll(&mut heavy).is_pending() {
            assert!(poll(&mut light).is_pending());
            advance(Duration::from_millis(50)).await;
        }
        assert!(now() - begin <= SECOND, "as soon as there are as many");
        assert!(poll(&mut light).is_pending());
        drop(light);
        assert_eq!(limiter.look().available, Some(0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_heavy_turn_that_is_given_up_comes_back_whole() {
    for policy in [
        policy(10, SECOND, 10),
        by(Algorithm::FixedWindow, 10, SECOND),
        by(Algorithm::SlidingWindow, 10, SECOND),
    ] {
        let limiter = limiter(policy.max_wait(Duration::from_secs(10)));
        assert_eq!(weigh(&limiter, 4), Ok(()));
        let mut heavy = limiter.admit_weighing(10);
        assert!(poll(&mut heavy).is_pending());
        drop(heavy);
        assert_eq!(limiter.look().available, Some(6), "{policy:?}");
        assert_eq!(weigh(&limiter, 6), Ok(()));
    }
}

// ---- The other algorithms

const fn by(algorithm: Algorithm, count: u32, per: Nanos) -> RateLimitPolicy {
    RateLimitPolicy::new()
        .rate(Rate::new(count, Duration::from_nanos(per)))
        .algorithm(algorithm)
}

#[tokio::test(start_paused = true)]
async fn a_leaky_bucket_admits_one_call_at_a_time_at_even_distances() {
    let limiter = limiter(by(Algorithm::LeakyBucket, 10, SECOND));
    advance(Duration::from_secs(3600)).await;
    assert_eq!(check(&limiter), Ok(()));
    assert_eq!(
        check(&limiter),
        Err(100 * MILLI),
        "a pause saves nothing up"
    );
    advance(Duration::from_millis(100)).await;
    assert_eq!(weigh(&limiter, 3), Ok(()));
    assert_eq!(
        check(&limiter),
        Err(300 * MILLI),
        "a heavy call keeps more distance"
    );
    assert_eq!(check(&limiter), Err(300 * MILLI));
    limiter.reconfigure(&by(Algorithm::LeakyBucket, 10, SECOND));
    assert_eq!(check(&limiter), Err(300 * MILLI));
    assert_eq!(limiter.look().burst, Some(1));
}

#[tokio::test(start_paused = true)]
async fn calls_queue_up_before_a_leaky_bucket() {
    let patient = by(Algorithm::LeakyBucket, 10, SECOND).max_wait(Duration::from_millis(250));
    let limiter = Arc::new(limiter(patient));
    let begin = now();
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let limiter = Arc::clone(&limiter);
            tokio::spawn(async move { limiter.admit().await.map(|()| (now() - begin) / MILLI) })
        })
        .collect();
    let mut ends = Vec::new();
    for call in calls {
        ends.push(call.await.expect("no panic"));
    }
    let refused = Rejected::rate_limited("test", Duration::from_millis(300));
    assert_eq!(ends, [Ok(0), Ok(100), Ok(200), Err(refused)]);
}

#[tokio::test(start_paused = true)]
async fn a_fixed_window_admits_as_many_as_are_written_and_then_none_until_the_next_one() {
    let limiter = limiter(by(Algorithm::FixedWindow, 3, SECOND));
    advance(Duration::from_millis(900)).await;
    let admitted = || (0..9).filter(|_| check(&limiter).is_ok()).count();
    assert_eq!(admitted(), 3);
    assert_eq!(check(&limiter), Err(100 * MILLI));
    advance(Duration::from_millis(99)).await;
    assert_eq!(check(&limiter), Err(MILLI));
    advance(Duration::from_millis(1)).await;
    assert_eq!(admitted(), 3, "twice as many at the border");
    advance(Duration::from_millis(7_500)).await;
    assert_eq!(admitted(), 3);
    assert_eq!(
        check(&limiter),
        Err(500 * MILLI),
        "the windows stay where they were"
    );
}

#[tokio::test(start_paused = true)]
async fn a_sliding_window_has_no_border() {
    let limiter = limiter(by(Algorithm::SlidingWindow, 3, SECOND));
    advance(Duration::from_millis(900)).await;
    assert_eq!(check(&limiter), Ok(()));
    advance(Duration::from_millis(50)).await;
    assert_eq!((check(&limiter), check(&limiter)), (Ok(()), Ok(())));
    assert_eq!(check(&limiter), Err(950 * MILLI));
    advance(Duration::from_millis(950)).await;
    assert_eq!(check(&limiter), Ok(()));
    assert_eq!(check(&limiter), Err(50 * MILLI));
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_for_a_window_come_in_at_their_turn() {
    for algorithm in [Algorithm::FixedWindow, Algorithm::SlidingWindow] {
        let patient = by(algorithm, 2, SECOND).max_wait(Duration::from_secs(2));
        let limiter = Arc::new(limiter(patient));
        let begin = now();
        let calls: Vec<_> = (0..7)
            .map(|_| {
                let limiter = Arc::clone(&limiter);
                tokio::spawn(
                    async move { limiter.admit().await.map(|()| (now() - begin) / SECOND) },
                )
            })
            .collect();
        let mut ends = Vec::new();
        for call in calls {
            ends.push(call.await.expect("no panic"));
        }
        let refused = Rejected::rate_limited("test", Duration::from_secs(3));
        let admitted = [0, 0, 1, 1, 2, 2].map(Ok);
        assert_eq!((&ends[..6], ends[6]), (&admitted[..], Err(refused)));
        assert_eq!((limiter.look().waited, limiter.look().waiting), (4, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_keeps_what_it_has_seen_when_its_rate_changes() {
    for algorithm in [Algorithm::FixedWindow, Algorithm::SlidingWindow] {
        let limiter = limiter(by(algorithm, 4, SECOND));
        assert_eq!(weigh(&limiter, 3), Ok(()));
        limiter.reconfigure(&by(algorithm, 5, SECOND));
        assert_eq!(limiter.look().available, Some(2));
        limiter.reconfigure(&by(algorithm, 2, SECOND));
        assert_eq!(check(&limiter), Err(SECOND));
        limiter.reconfigure(&by(algorithm, 2, SECOND).enabled(false));
        assert_eq!(check(&limiter), Ok(()));
        limiter.reconfigure(&by(algorithm, 2, SECOND));
        assert_eq!(check(&limiter), Err(SECOND));
        limiter.reconfigure(&by(algorithm, 2, 10 * SECOND));
        assert_eq!(check(&limiter), Err(10 * SECOND));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_stays_taken_under_another_algorithm() {
    let all = [
        policy(10, SECOND, 10),
        by(Algorithm::FixedWindow, 10, SECOND),
        by(Algorithm::SlidingWindow, 10, SECOND),
    ];
    for from in all {
        for to in all {
            let limiter = limiter(from);
            limiter.reconfigure(&to);
            assert_eq!(limiter.look().available, Some(10), "full stays full");
            assert_eq!(weigh(&limiter, 6), Ok(()));
            limiter.reconfigure(&from);
            assert_eq!(limiter.look().available, Some(4));
            assert_eq!(weigh(&limiter, 4), Ok(()));
            limiter.reconfigure(&to);
            assert_eq!(limiter.look().available, Some(0), "empty stays empty");
            assert!(check(&limiter).is_err());
            limiter.reconfigure(&by(Algorithm::LeakyBucket, 10, SECOND));
            assert!(check(&limiter).is_err());
            advance(Duration::from_secs(1)).await;
            limiter.reconfigure(&to);
            assert_eq!(limiter.look().available, Some(10));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_after_a_change_of_algorithm_comes_behind_those_who_wait() {
    let patient = |policy: RateLimitPolicy| policy.max_wait(Duration::from_secs(10));
    for to in [Algorithm::FixedWindow, Algorithm::SlidingWindow] {
        let limiter = limiter(patient(policy(10, SECOND, 1)));
        assert_eq!(check(&limiter), Ok(()));
        let (mut first, mut second) = (wait(&limiter), wait(&limiter));
        limiter.reconfigure(&patient(by(to, 1, SECOND)));
        let mut third = wait(&limiter);
        advance(Duration::from_millis(200)).await;
        assert!(poll(&mut first).is_ready() && poll(&mut second).is_ready());
        advance(Duration::from_millis(999)).await;
        assert!(poll(&mut third).is_pending());
        advance(Duration::from_millis(1)).await;
        assert!(poll(&mut third).is_ready());
    }
}

#[test]
fn a_burst_belongs_to_the_token_bucket_and_a_log_is_not_endless() {
    let invalid = |policy: RateLimitPolicy| policy.invalid().map(|invalid| invalid.key());
    for algorithm in [
        Algorithm::LeakyBucket,
        Algorithm::FixedWindow,
        Algorithm::SlidingWindow,
    ] {
        assert_eq!(invalid(by(algorithm, 1, SECOND).burst(1)), Some("burst"));
        assert_eq!(
            invalid(policy(1, SECOND, 1).algorithm(algorithm)),
            Some("burst")
        );
        assert_eq!(invalid(by(algorithm, MOST_REMEMBERED, SECOND)), None);
    }
    assert_eq!(
        invalid(by(Algorithm::TokenBucket, 1, SECOND).burst(1)),
        None
    );
    let many = by(Algorithm::SlidingWindow, MOST_REMEMBERED + 1, SECOND);
    assert_eq!(invalid(many), Some("rate"));
    let effective = |algorithm, key| by(algorithm, 7, 10 * SECOND).effective(key);
    assert_eq!(
        effective(Algorithm::TokenBucket, "burst"),
        Some(Value::Count(1))
    );
    assert_eq!(
        effective(Algorithm::FixedWindow, "burst"),
        Some(Value::Count(7))
    );
    let text = Some(Value::Text("leaky_bucket".to_owned()));
    assert_eq!(effective(Algorithm::LeakyBucket, "algorithm"), text);
}

#[test]
fn many_threads_never_get_more_than_a_window_has() {
    for algorithm in [Algorithm::FixedWindow, Algorithm::SlidingWindow] {
        let limiter = limiter(by(algorithm, 50, 3_600 * SECOND));
        let admitted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..5_000).filter(|_| check(&limiter).is_ok()).count()))
                .collect();
            let ends = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
            ends.map(|end| end.expect("no panic")).sum()
        });
        assert_eq!(admitted, 50);
        assert_eq!(limiter.look().admitted, 50);
    }
}

#[test]
fn algorithms_that_change_all_the_time_give_nothing_away() {
    let policies = [
        policy(1, 3_600 * SECOND, 1),
        by(Algorithm::FixedWindow, 1, 3_600 * SECOND),
        by(Algorithm::SlidingWindow, 1, 3_600 * SECOND),
        by(Algorithm::LeakyBucket, 1, 3_600 * SECOND),
    ];
    let limiter = limiter(policies[0]);
    assert!(check(&limiter).is_ok());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..5_000).for_each(|_| assert!(check(&limiter).is_err())));
        }
        for round in 0..800 {
            limiter.reconfigure(&policies[round % 4]);
        }
    });
}

#[test]
fn a_clock_that_starts_again_finds_an_unused_window() {
    for algorithm in [Algorithm::FixedWindow, Algorithm::SlidingWindow] {
        let limiter = limiter(by(algorithm, 1, SECOND));
        for ahead in [3600, 0] {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                advance(Duration::from_secs(ahead)).await;
                assert_eq!(check(&limiter), Ok(()));
                assert!(check(&limiter).is_err());
            });
        }
    }
}

// ---- Other settings, and none

#[tokio::test(start_paused = true)]
async fn an_empty_bucket_stays_empty_and_a_full_one_full() {
    let limiter = limiter(policy(10, SECOND, 10));
    limiter.reconfigure(&policy(10, SECOND, 50));
    assert_eq!(limiter.look().available, Some(50));
    for _ in 0..25 {
        assert_eq!(check(&limiter), Ok(()));
    }
    limiter.reconfigure(&policy(10, SECOND, 10));
    assert_eq!(limiter.look().available, Some(5), "half of it");
    for _ in 0..5 {
        assert_eq!(check(&limiter), Ok(()));
    }
    limiter.reconfigure(&policy(20, SECOND, 20));
    assert_eq!(check(&limiter), Err(50 * MILLI));
    limiter.reconfigure(&policy(20, SECOND, 20).enabled(false));
    assert_eq!(check(&limiter), Ok(()));
    limiter.reconfigure(&policy(20, SECOND, 20));
    assert_eq!(check(&limiter), Err(50 * MILLI));
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_keep_their_turns_when_the_rate_changes() {
    let limiter = limiter(patient(1000));
    assert!(limiter.admit().await.is_ok());
    let (mut first, mut second) = (wait(&limiter), wait(&limiter));
    limiter.reconfigure(&policy(1, SECOND, 1).max_wait(Duration::from_secs(10)));
    advance(Duration::from_millis(200)).await;
    assert!(poll(&mut first).is_ready() && poll(&mut second).is_ready());
    let begin = now();
    assert!(limiter.admit().await.is_ok());
    assert_eq!(now() - begin, 2800 * MILLI, "behind two of the new tokens");
}

#[tokio::test(start_paused = true)]
async fn turns_that_another_rate_moves_far_ahead_are_not_those_of_another_clock() {
    let limiter = limiter(policy(10, SECOND, 1).max_wait(Duration::from_secs(1)));
    assert!(limiter.admit().await.is_ok());
    let _waiting: Vec<_> = (0..10).map(|_| wait(&limiter)).collect();
    limiter.reconfigure(&policy(1, SECOND, 1).max_wait(Duration::from_secs(1)));
    for _ in 0..3 {
        assert_eq!(check(&limiter), Err(11 * SECOND), "behind all who wait");
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_that_does_not_belong_to_the_algorithm_is_none() {
    for algorithm in [
        Algorithm::LeakyBucket,
        Algorithm::FixedWindow,
        Algorithm::SlidingWindow,
    ] {
        let alone = limiter(by(algorithm, 3, SECOND));
        // As a file may say one, and code the other.
        let beside = limiter(by(algorithm, 3, SECOND).burst(7));
        assert_eq!(beside.look(), alone.look(), "{algorithm}");
        for _ in 0..8 {
            assert_eq!(check(&beside), check(&alone), "{algorithm}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_rate_every_call_is_let_through() {
    for policy in [
        RateLimitPolicy::new(),
        RateLimitPolicy::new().burst(3),
        policy(1, SECOND, 1).enabled(false),
    ] {
        let limiter = limiter(policy);
        assert!((0..100).all(|_| check(&limiter).is_ok()));
        let look = limiter.look();
        assert_eq!((look.rate, look.available, look.admitted), (None, None, 0));
        assert_eq!(look.state(), "unlimited");
    }
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let key = |policy: RateLimitPolicy| policy.invalid().map(|invalid| invalid.key());
    assert_eq!(key(policy(0, SECOND, 1)), Some("rate"));
    assert_eq!(key(policy(1, 0, 1)), Some("rate"));
    assert_eq!(key(policy(2, 1, 1)), Some("rate"));
    assert_eq!(key(policy(1, SECOND * (MOST_SECONDS + 1), 1)), Some("rate"));
    assert_eq!(key(policy(1, SECOND, 0)), Some("burst"));
    assert_eq!(key(policy(1, SECOND, MOST_BURST + 1)), Some("burst"));
    assert_eq!(key(policy(1, 1, MOST_BURST).max_wait(Duration::MAX)), None);
}

// ---- Reported and shown

#[tokio::test]
async fn a_refusal_is_an_event() {
    use crate::event::{Events, What};
    let limiter = RateLimiter::new("reported limit", &policy(1, 3600 * SECOND, 1));
    let mut events = Events::subscribe();
    assert!(limiter.admit().await.is_ok());
    let refused = limiter.admit().await.expect_err("it is empty");
    loop {
        let event = events.next().await;
        if event.policy == "reported limit" {
            assert_eq!(event.kind, RateLimitPolicy::KIND);
            assert_eq!(event.what, What::Rejected(refused));
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_says_how_much_is_left_in_words() {
    let limiter = limiter(policy(10, SECOND, 3).max_wait(Duration::from_secs(1)));
    for _ in 0..3 {
        assert!(limiter.admit().await.is_ok());
    }
    let _waits = wait(&limiter);
    let snapshot = limiter.snapshot();
    assert_eq!(snapshot.show().state(), "0 of 3");
    assert_eq!(snapshot.show().note(), "10/s, 1 waiting");
    assert_eq!(snapshot.show().counts()[0], ("admitted", Some(3)));
}

#[tokio::test(start_paused = true)]
async fn what_is_written_of_a_limit_and_its_calls_for_people_names_it() {
    let limiter = limiter(policy(10, SECOND, 1).max_wait(Duration::from_secs(1)));
    assert!(format!("{limiter:?}").starts_with(r#"RateLimiter { name: "test", now: "#));
    assert!(limiter.admit().await.is_ok());
    for (admission, waiting) in [(limiter.admit(), false), (wait(&limiter), true)] {
        let expected = format!("RateLimitAdmission {{ limiter: \"test\", waiting: {waiting} }}");
        assert_eq!(format!("{admission:?}"), expected);
    }
}

// ---- One limit for each key

#[tokio::test(start_paused = true)]
async fn what_the_limits_of_all_keys_count_is_counted_together() {
    for algorithm in [Algorithm::LeakyBucket, Algorithm::SlidingWindow] {
        let patient = by(algorithm, 1, SECOND).max_wait(Duration::from_secs(1));
        let limiter = limiter(patient.max_keys(2));
        let use_up = |limiter: &RateLimiter, abandoned: u32, rejected: u32| {
            assert!(poll(&mut limiter.admit()).is_ready());
            for _ in 0..abandoned {
                drop(wait(limiter));
            }
            // One more that waits, and is abandoned.
            let _waits = wait(limiter);
            for _ in 0..rejected {
                assert_eq!(check(limiter), Err(2 * SECOND));
            }
        };
        use_up(&limiter, 2, 3);
        use_up(&limiter.keyed("a"), 20, 30);
        use_up(&limiter.keyed("b"), 200, 300);
        let seen = || {
            let LiveSnapshot::RateLimiter(seen) = limiter.snapshot() else {
                panic!("it is a rate limit");
            };
            seen
        };
        assert_eq!((seen().admitted, seen().rejected), (3, 333), "{algorithm}");
        assert_eq!((seen().waited, seen().abandoned), (225, 225), "{algorithm}");
        let refusing = || {
            let keys = seen().keys.expect("there are keys");
            (keys.instances, keys.refusing)
        };
        assert_eq!(refusing(), (2, 2), "{algorithm}");
        let of_keys: Vec<_> = limiter
            .key_snapshots()
            .into_iter()
            .map(|(key, seen)| (key.to_string(), seen.rejected))
            .collect();
        assert_eq!(of_keys, [("a".to_owned(), 30), ("b".to_owned(), 300)]);
        limiter.keyed("c");
        assert!(limiter.with_key("c").is_none(), "nothing may be evicted");
        advance(Duration::from_secs(1)).await;
        assert_eq!(refusing(), (2, 0), "{algorithm}");
        limiter.keyed("c");
        assert!(limiter.with_key("c").is_some(), "both were as good as new");
        assert_eq!((seen().admitted, seen().rejected), (3, 333), "{algorithm}");
    }
}

// ---- Clocks and threads

#[test]
fn a_clock_that_starts_again_finds_a_full_bucket_and_not_one_that_is_empty_for_hours() {
    let limiter = limiter(policy(10, SECOND, 1));
    let test = |ahead: u64| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            advance(Duration::from_secs(ahead)).await;
            (check(&limiter), check(&limiter))
        })
    };
    assert_eq!(test(3600), (Ok(()), Err(100 * MILLI)));
    assert_eq!(test(0), (Ok(()), Err(100 * MILLI)));
}

#[test]
fn many_threads_never_get_more_than_the_burst_and_what_the_time_brought() {
    const THREADS: usize = 4;
    let limiter = limiter(policy(1, MILLI / 10, 50));
    let begin = std::time::Instant::now();
    let admitted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(|| (0..20_000).filter(|_| check(&limiter).is_ok()).count()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .sum()
    });
    let brought = begin.elapsed().as_nanos() / u128::from(MILLI / 10);
    assert!(admitted >= 50);
    assert!(admitted as u128 <= 50 + brought, "{admitted} of {brought}");
    let look = limiter.look();
    assert_eq!(look.admitted, admitted as u64);
    assert_eq!(look.admitted + look.rejected, 20_000 * THREADS as u64);
}

#[test]
fn a_call_that_comes_while_settings_change_looks_again_when_they_have_changed() {
    let limiter = limiter(policy(1, SECOND, 1));
    let configured = limiter.configured.lock();
    let full = limiter.hot.0.state.swap(CHANGING.0, Ordering::SeqCst);
    assert!(!limiter.take(), "nobody is admitted by half a change");
    std::thread::scope(|scope| {
        let call = scope.spawn(|| check(&limiter));
        std::thread::sleep(Duration::from_millis(5));
        assert!(!call.is_finished());
        limiter.hot.0.state.store(full, Ordering::SeqCst);
        drop(configured);
        assert_eq!(call.join().expect("no panic"), Ok(()));
    });
}

#[test]
fn settings_that_change_all_the_time_fill_no_bucket() {
    let small = policy(60, 3600 * SECOND, 1);
    let large = policy(1, 3600 * SECOND, 1);
    let limiter = limiter(large);
    assert!(check(&limiter).is_ok());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..10_000).for_each(|_| assert!(check(&limiter).is_err())));
        }
        for _ in 0..500 {
            limiter.reconfigure(&small);
            limiter.reconfigure(&large);
        }
    });
}

#[test]
fn a_call_that_cannot_wait_is_refused_at_once_and_takes_nothing() {
    for algorithm in [
        Algorithm::TokenBucket,
        Algorithm::LeakyBucket,
        Algorithm::FixedWindow,
        Algorithm::SlidingWindow,
    ] {
        let policy = RateLimitPolicy::new()
            .rate(Rate::new(1, Duration::from_secs(3600)))
            .algorithm(algorithm)
            .max_wait(Duration::from_secs(7200));
        let limiter = limiter(policy);
        assert_eq!(limiter.try_admit(), Ok(()));
        for _ in 0..2 {
            let refused = limiter.try_admit().expect_err("it is empty");
            let wait = refused.retry_after().expect("it is known");
            assert!(wait <= Duration::from_secs(3600), "{algorithm}: {wait:?}");
        }
        assert_eq!(limiter.try_admit_weighing(0), Ok(()), "{algorithm}");
        let look = limiter.look();
        assert_eq!((look.rejected, look.waited), (2, 0), "{algorithm}");
    }
}
