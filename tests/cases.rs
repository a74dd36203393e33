//! Stacks of attributes and what they answer, step by step: the cases in which libraries differ.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use resilient::{
    CircuitBreaker, CircuitBreakerCounts, CircuitBreakerSnapshot, CircuitBreakerState, Classify,
    LivePolicy, LiveSnapshot, Rejected, bulkhead, circuit_breaker, fallback, rate_limit, registry,
    retry, timeout,
};
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, advance, sleep};

use CircuitBreakerState::{Closed, HalfOpen, Open};

// ---- The scripted body

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Classify)]
enum Error {
    #[error("run {0} failed")]
    Failed(u32),
    #[error("run {0} failed in another way")]
    Other(u32),
    #[error("the fallback failed too")]
    Fallback,
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

type Answer = Result<u32, Error>;

impl Error {
    const fn is_e(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

/// A body that does what is written for each of its runs, and for all runs after them the last of it.
///
/// `F` fails, `X` fails with another error, `S` succeeds, `hang` succeeds when it is released, `1s`
/// succeeds after that time, `10ms:F` fails after it, and `panic` panics.
struct Body {
    script: Mutex<VecDeque<&'static str>>,
    began: Instant,
    starts: Mutex<Vec<Duration>>,
    released: Semaphore,
}

impl Body {
    fn new(script: &'static str) -> Self {
        Self {
            script: Mutex::new(script.split_whitespace().collect()),
            began: Instant::now(),
            starts: Mutex::default(),
            released: Semaphore::new(0),
        }
    }

    async fn run(&self) -> Answer {
        let run = {
            let mut starts = self.starts.lock().unwrap();
            starts.push(self.began.elapsed());
            u32::try_from(starts.len()).unwrap()
        };
        let step = {
            let mut script = self.script.lock().unwrap();
            let more = script.len() > 1;
            if more {
                script.pop_front().unwrap()
            } else {
                script[0]
            }
        };
        let (wait, end) =
            step.split_once(':')
                .unwrap_or(if matches!(step, "F" | "X" | "S" | "panic") {
                    ("", step)
                } else {
                    (step, "S")
                });
        match wait {
            "" => {}
            "hang" => self.released.acquire().await.unwrap().forget(),
            time => sleep(span(time)).await,
        }
        match end {
            "F" => Err(Error::Failed(run)),
            "X" => Err(Error::Other(run)),
            "S" => Ok(run),
            "panic" => panic!("run {run} panics"),
            _ => unreachable!("{step}"),
        }
    }

    /// Lets as many hanging runs end, the oldest first.
    fn release(&self, runs: usize) {
        self.released.add_permits(runs);
    }

    fn runs(&self) -> usize {
        self.starts.lock().unwrap().len()
    }

    /// When each run began, in milliseconds.
    fn starts(&self) -> Vec<u128> {
        let starts = self.starts.lock().unwrap();
        starts.iter().map(Duration::as_millis).collect()
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

fn span(written: &str) -> Duration {
    let number = |digits: &str| digits.parse().unwrap();
    match written.strip_suffix("ms") {
        Some(digits) => milli(number(digits)),
        None => milli(number(written.strip_suffix('s').unwrap()) * 1000),
    }
}

const fn milli(milli: u64) -> Duration {
    Duration::from_millis(milli)
}

// ---- What a caller sees

fn told(answer: Answer) -> &'static str {
    match answer {
        Ok(_) => "ok",
        Err(Error::Failed(_)) => "E",
        Err(Error::Other(_)) => "X",
        Err(Error::Fallback) => "fallback",
        Err(Error::Rejected(Rejected::CircuitOpen(_))) => "open",
        Err(Error::Rejected(Rejected::BulkheadFull(_))) => "full",
        Err(Error::Rejected(Rejected::TimedOut(_))) => "timed-out",
        Err(Error::Rejected(rejected)) => rejected.name(),
    }
}

/// What so many calls are told, one after another.
async fn calls<F: Future<Output = Answer>>(count: usize, call: impl Fn() -> F) -> String {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(told(call().await));
    }
    all.join(" ")
}

/// A call that was begun, and waits for something.
struct Begun<'a>(Pin<Box<dyn Future<Output = Answer> + 'a>>);

fn begin<'a>(call: impl Future<Output = Answer> + 'a) -> Begun<'a> {
    let mut begun = Begun(Box::pin(call));
    assert_eq!(begun.look(), None, "it should wait");
    begun
}

impl Begun<'_> {
    /// The answer, if it is there.
    fn look(&mut self) -> Option<Answer> {
        match self
            .0
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        }
    }

    async fn end(self) -> Answer {
        self.0.await
    }
}

fn breaker(name: &str) -> &'static CircuitBreaker {
    registry().circuit_breaker(name).expect("it is annotated")
}

fn state(name: &str) -> CircuitBreakerState {
    breaker(name).state()
}

fn snapshot(name: &str) -> CircuitBreakerSnapshot {
    breaker(name).snapshot()
}

fn counts(name: &str) -> CircuitBreakerCounts {
    snapshot(name).counts
}

// ---- Circuit breaker

#[circuit_breaker("case.1", failure_rate = 75%, window = 4, open_for = 50s, success_threshold = 2)]
async fn case_1(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_1_a_breaker_opens_on_the_fourth_failure_and_refuses_what_follows() {
    let body = Body::new("F");
    assert_eq!(calls(7, || case_1(&body)).await, "E E E E open open open");
    assert_eq!(body.runs(), 4);
}

#[circuit_breaker("case.2", failure_rate = 75%, window = 4, open_for = 1s, success_threshold = 3)]
async fn case_2(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_2_a_probe_that_fails_opens_it_for_another_full_time() {
    let body = Body::new("F F F F S S F S");
    assert_eq!(calls(5, || case_2(&body)).await, "E E E E open");
    advance(milli(2000)).await;
    assert_eq!(calls(3, || case_2(&body)).await, "ok ok E");
    assert_eq!(
        case_2(&body).await,
        Err(Rejected::circuit_open("case.2", milli(1000)).into()),
        "the new wait is a full second"
    );
    assert_eq!(body.runs(), 7);
    advance(milli(999)).await;
    assert_eq!(calls(1, || case_2(&body)).await, "open");
    advance(milli(1)).await;
    assert_eq!(calls(1, || case_2(&body)).await, "ok");
}

#[circuit_breaker("case.3", failure_rate = 50%, window = 4)]
async fn case_3(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_3_a_success_can_be_the_result_that_opens_it() {
    let body = Body::new("S F F S");
    assert_eq!(calls(3, || case_3(&body)).await, "ok E E");
    assert_eq!(state("case.3"), Closed);
    assert_eq!(calls(1, || case_3(&body)).await, "ok");
    assert_eq!(state("case.3"), Open);
    assert_eq!(calls(1, || case_3(&body)).await, "open");
    assert_eq!(body.runs(), 4);
}

#[circuit_breaker("case.4", failure_rate = 50%, window = 4)]
async fn case_4(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_4_the_window_slides() {
    let body = Body::new("S F S S F");
    assert_eq!(calls(4, || case_4(&body)).await, "ok E ok ok");
    assert_eq!(state("case.4"), Closed);
    assert_eq!(calls(2, || case_4(&body)).await, "E open");
    assert_eq!(body.runs(), 5);
    let window = snapshot("case.4").window.expect("a rate is judged");
    assert_eq!((window.calls, window.failures), (4, 2), "F S S F");
}

#[circuit_breaker("case.5", failure_rate = 80%, window = 10)]
async fn case_5(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_5_eight_failures_of_ten_open_it_on_the_tenth() {
    let body = Body::new("F F S F F F S F F F");
    assert_eq!(calls(9, || case_5(&body)).await, "E E ok E E E ok E E");
    assert_eq!(state("case.5"), Closed);
    assert_eq!(calls(1, || case_5(&body)).await, "E");
    assert_eq!(state("case.5"), Open);
}

#[circuit_breaker("case.6", failure_rate = 50%, window = 2, open_for = 1s, success_threshold = 1)]
async fn case_6(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_6_at_exactly_the_end_of_its_time_a_call_is_let_through() {
    let body = Body::new("F F S");
    assert_eq!(calls(2, || case_6(&body)).await, "E E");
    advance(milli(999)).await;
    assert_eq!(calls(1, || case_6(&body)).await, "open");
    assert_eq!(body.runs(), 2);
    advance(milli(1)).await;
    assert_eq!(calls(1, || case_6(&body)).await, "ok");
    assert_eq!(state("case.6"), Closed);
}

#[circuit_breaker("case.7", failure_threshold = 1)]
async fn case_7(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_7_with_a_threshold_of_one_the_first_failure_opens_it() {
    let body = Body::new("F");
    assert_eq!(calls(1, || case_7(&body)).await, "E");
    assert_eq!(state("case.7"), Open);
    assert_eq!(calls(1, || case_7(&body)).await, "open");
}

#[circuit_breaker(
    "case.8",
    failure_rate = 50%,
    window = 10,
    open_for = 200ms,
    success_threshold = 5,
    half_open_calls = 4
)]
async fn case_8(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_8_half_open_lets_four_through_at_a_time_and_five_successes_close_it() {
    let body = Body::new("F F F F F F F F F F S hang");
    assert_eq!(calls(10, || case_8(&body)).await, ["E"; 10].join(" "));
    advance(milli(200)).await;
    assert_eq!(calls(1, || case_8(&body)).await, "ok");
    let probes = [(); 4].map(|()| begin(case_8(&body)));
    assert_eq!(calls(10, || case_8(&body)).await, ["open"; 10].join(" "));
    assert_eq!(state("case.8"), HalfOpen);
    assert_eq!(body.runs(), 15);
    body.release(4);
    for probe in probes {
        assert_eq!(told(probe.end().await), "ok");
    }
    assert_eq!(state("case.8"), Closed);
}

#[circuit_breaker(
    "case.9",
    failure_rate = 50%,
    window = 10,
    open_for = 200ms,
    success_threshold = 1,
    half_open_calls = 1
)]
async fn case_9(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_9_a_probe_that_is_dropped_gives_its_place_back() {
    let body = Body::new("F F F F F F F F F F hang S");
    assert_eq!(calls(10, || case_9(&body)).await, ["E"; 10].join(" "));
    advance(milli(200)).await;
    let probe = begin(case_9(&body));
    assert_eq!(calls(1, || case_9(&body)).await, "open");
    drop(probe);
    assert_eq!(state("case.9"), HalfOpen);
    assert_eq!(calls(1, || case_9(&body)).await, "ok");
    assert_eq!(state("case.9"), Closed);
}

#[circuit_breaker(
    "case.10",
    failure_rate = 50%,
    window = 4,
    open_for = 1s,
    success_threshold = 2,
    when = Error::is_e
)]
async fn case_10(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_10_an_error_that_does_not_match_counts_as_a_success() {
    let body = Body::new("S S X S S S F S F");
    assert_eq!(calls(8, || case_10(&body)).await, "ok ok X ok ok ok E ok");
    assert_eq!(state("case.10"), Closed);
    assert_eq!(calls(1, || case_10(&body)).await, "E");
    assert_eq!(state("case.10"), Open);
    let counts = counts("case.10");
    assert_eq!((counts.success, counts.failure, counts.ignored), (7, 2, 0));
}

// ---- Retry and circuit breaker

#[retry(8, backoff = fixed(0s))]
#[circuit_breaker("case.11", failure_rate = 75%, window = 4)]
async fn case_11(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_11_a_breaker_that_opens_ends_the_retries() {
    let body = Body::new("F");
    assert_eq!(calls(1, || case_11(&body)).await, "open");
    assert_eq!(body.runs(), 4);
    assert_eq!(counts("case.11").rejected, 1, "it is asked once");
}

#[retry(3, backoff = fixed(0s))]
#[circuit_breaker("case.12", failure_rate = 75%, window = 4)]
async fn case_12(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_12_retries_that_do_not_fill_the_window_leave_it_closed() {
    let body = Body::new("F");
    assert_eq!(calls(1, || case_12(&body)).await, "E");
    assert_eq!(body.runs(), 3);
    assert_eq!(state("case.12"), Closed);
}

#[retry(11, backoff = fixed(0s))]
#[circuit_breaker("case.13", failure_rate = 20%, window = 5, success_threshold = 3)]
async fn case_13(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_13_below_a_retry_a_breaker_sees_every_attempt() {
    let body = Body::new("F F S");
    assert_eq!(calls(1, || case_13(&body)).await, "ok");
    assert_eq!(state("case.13"), Closed, "the window is not full");
    let snapshot = snapshot("case.13");
    let window = snapshot.window.expect("a rate is judged");
    assert_eq!((window.calls, window.failures), (3, 2));
    assert_eq!(window.failure_rate, None, "below `min_calls`");
    assert_eq!((snapshot.counts.success, snapshot.counts.failure), (1, 2));
}

// ---- Circuit breaker and the policies below and above it

#[circuit_breaker("case.14", failure_threshold = 2)]
#[timeout(500ms)]
async fn case_14(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_14_what_a_timeout_below_cuts_off_is_a_failure() {
    let body = Body::new("1s");
    assert_eq!(
        calls(3, || case_14(&body)).await,
        "timed-out timed-out open"
    );
    assert_eq!((body.runs(), body.elapsed()), (2, milli(1000)));
}

#[timeout(1s)]
#[circuit_breaker("case.15", failure_threshold = 2)]
async fn case_15(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_15_what_a_timeout_above_cuts_off_is_a_failure() {
    let body = Body::new("hang");
    assert_eq!(
        calls(3, || case_15(&body)).await,
        "timed-out timed-out open"
    );
    assert_eq!((body.runs(), body.elapsed()), (2, milli(2000)));
}

#[circuit_breaker("case.16", failure_threshold = 3)]
#[bulkhead("case.16", 1)]
async fn case_16(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_16_a_full_bulkhead_never_opens_the_breaker_above_it() {
    let body = Body::new("hang");
    let inside = begin(case_16(&body));
    assert_eq!(
        calls(5, || case_16(&body)).await,
        "full full full full full"
    );
    assert_eq!(state("case.16"), Closed);
    assert_eq!(counts("case.16").ignored, 5);
    body.release(1);
    assert_eq!(told(inside.end().await), "ok");
}

#[circuit_breaker("case.17", failure_threshold = 3, count_rejections = true)]
#[bulkhead("case.17", 1)]
async fn case_17(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_17_counted_rejections_open_it_and_who_is_inside_still_ends_well() {
    let body = Body::new("hang");
    let inside = begin(case_17(&body));
    assert_eq!(
        calls(5, || case_17(&body)).await,
        "full full full open open"
    );
    body.release(1);
    assert_eq!(told(inside.end().await), "ok");
    assert_eq!(state("case.17"), Open);
}

#[circuit_breaker("case.18", failure_threshold = 1)]
#[timeout("case.18", 1s)]
#[bulkhead("case.18", 1, queue = 1)]
#[rate_limit("case.18", 1/h, burst = 2)]
async fn case_18(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_18_an_open_breaker_touches_nothing_below_it() {
    let inner = || {
        [
            registry().timeout("case.18").map(LivePolicy::snapshot),
            registry().bulkhead("case.18").map(LivePolicy::snapshot),
            registry().rate_limit("case.18").map(LivePolicy::snapshot),
        ]
        .map(|snapshot| format!("{:?}", snapshot.expect("it is annotated")))
    };
    let body = Body::new("F hang");
    assert_eq!(calls(1, || case_18(&body)).await, "E");
    let before = inner();
    // Without a runtime no timer can be started.
    let outside = std::thread::scope(|threads| {
        threads
            .spawn(|| std::pin::pin!(case_18(&body)).poll(&mut Context::from_waker(Waker::noop())))
            .join()
            .expect("no timer")
    });
    assert!(
        matches!(outside, Poll::Ready(answer) if told(answer) == "open"),
        "{outside:?}"
    );
    assert_eq!(calls(3, || case_18(&body)).await, "open open open");
    assert_eq!(inner(), before);
    assert_eq!(body.runs(), 1);
    assert_eq!(counts("case.18").rejected, 4);
}

#[retry]
#[circuit_breaker("case.19", failure_threshold = 1)]
async fn case_19(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_19_a_retry_does_not_wait_for_a_breaker_that_stays_open() {
    let body = Body::new("F");
    assert_eq!(calls(1, || case_19(&body)).await, "open");
    assert_eq!(body.runs(), 1);
    let elapsed = body.elapsed();
    // The first delay of `decorrelated` is at most three times the base.
    assert!(
        (milli(100)..=milli(300)).contains(&elapsed),
        "{elapsed:?}, not within the first delay"
    );
    assert_eq!(counts("case.19").rejected, 1);
}

// ---- Retry

#[retry(4, backoff = fixed(0s))]
async fn case_20(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_20_the_fourth_attempt_succeeds_at_once() {
    let body = Body::new("F F F S");
    assert_eq!(case_20(&body).await, Ok(4));
    assert_eq!((body.runs(), body.elapsed()), (4, Duration::ZERO));
}

#[retry(3, backoff = fixed(0s))]
async fn case_21(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_21_the_last_error_is_returned_as_itself() {
    let body = Body::new("F");
    assert_eq!(case_21(&body).await, Err(Error::Failed(3)));
}

#[retry(100, backoff = exponential(100ms..10s), factor = 2, jitter = none, max_elapsed = 1s)]
async fn case_22(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_22_an_attempt_that_could_only_start_too_late_is_not_waited_for() {
    let body = Body::new("F");
    assert_eq!(case_22(&body).await, Err(Error::Failed(4)));
    assert_eq!(body.starts(), [0, 100, 300, 700]);
    assert_eq!(body.elapsed(), milli(700), "no delay is slept for nothing");
}

#[retry(100, backoff = fibonacci(100ms..10s), jitter = none, max_elapsed = 1s)]
async fn case_23(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_23_fibonacci_delays_end_in_time_too() {
    let body = Body::new("F");
    assert_eq!(case_23(&body).await, Err(Error::Failed(4)));
    assert_eq!(body.starts(), [0, 100, 300, 600]);
    assert_eq!(body.elapsed(), milli(600));
}

#[retry(6, max_elapsed = 100ms)]
async fn case_24(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_24_an_attempt_that_runs_is_never_interrupted_by_a_retry() {
    let body = Body::new("1s");
    assert_eq!(case_24(&body).await, Ok(1));
    assert_eq!(body.elapsed(), milli(1000));
}

#[fallback(value = 7777)]
#[retry(10_001, backoff = fixed(0s))]
async fn case_25(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_25_ten_thousand_retries_overflow_nothing() {
    let body = Body::new("F");
    assert_eq!(case_25(&body).await, Ok(7777));
    assert_eq!(body.runs(), 10_001);
}

#[retry(6)]
async fn case_26(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_26_nothing_runs_after_the_call_was_dropped() {
    for while_it in ["hang", "F"] {
        let body = Body::new(while_it);
        // Attempts that fail at once leave the call in its first delay.
        let call = begin(case_26(&body));
        assert_eq!(body.runs(), 1);
        drop(call);
        body.release(1);
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(body.runs(), 1, "{while_it}");
    }
}

// ---- Timeout, fallback

#[retry(2, backoff = fixed(0s))]
#[timeout(500ms)]
async fn case_27(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_27_an_attempt_that_was_cut_off_is_tried_again() {
    let body = Body::new("1s");
    assert_eq!(calls(1, || case_27(&body)).await, "timed-out");
    assert_eq!(body.elapsed(), milli(1000));
    assert_eq!(body.starts(), [0, 500]);
}

#[fallback(value = 7777)]
#[timeout(500ms)]
async fn case_28(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_28_a_fallback_answers_at_the_deadline() {
    let body = Body::new("1s");
    assert_eq!(case_28(&body).await, Ok(7777));
    assert_eq!(body.elapsed(), milli(500));
}

// ---- Bulkhead

#[bulkhead("case.29", 3)]
async fn case_29(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_29_a_bulkhead_of_three_has_three_inside() {
    let body = Body::new("hang");
    let [first, second, third] = [(); 3].map(|()| begin(case_29(&body)));
    assert_eq!(calls(1, || case_29(&body)).await, "full");
    body.release(1);
    assert_eq!(first.end().await, Ok(1));
    let fifth = begin(case_29(&body));
    assert_eq!(body.runs(), 4, "the fifth is in");
    assert_eq!(calls(1, || case_29(&body)).await, "full");
    body.release(3);
    for call in [second, third, fifth] {
        assert!(call.end().await.is_ok());
    }
}

#[bulkhead("case.30.a", 10, queue = 10)]
async fn case_30_with_10_and_10(body: &Body) -> Answer {
    body.run().await
}

#[bulkhead("case.30.b", 3, queue = 10)]
async fn case_30_with_3_and_10(body: &Body) -> Answer {
    body.run().await
}

#[bulkhead("case.30.c", 5, queue = 5)]
async fn case_30_with_5_and_5(body: &Body) -> Answer {
    body.run().await
}

async fn fill<'a, F: Future<Output = Answer> + 'a>(
    limit: usize,
    queue: usize,
    body: &'a Body,
    call: impl Fn(&'a Body) -> F,
) {
    let mut begun: VecDeque<_> = (0..limit + queue).map(|_| begin(call(body))).collect();
    assert_eq!(body.runs(), limit);
    assert_eq!(calls(1, || call(body)).await, "full");
    for more in 1..=queue {
        body.release(1);
        assert!(begun.pop_front().unwrap().end().await.is_ok());
        for waiting in &mut begun {
            assert_eq!(waiting.look(), None);
        }
        assert_eq!(body.runs(), limit + more, "exactly one that waited starts");
    }
    body.release(limit);
    for call in begun {
        assert!(call.end().await.is_ok());
    }
    assert_eq!(body.runs(), limit + queue);
}

#[tokio::test(start_paused = true)]
async fn case_30_of_those_who_wait_exactly_one_starts_when_one_leaves() {
    fill(10, 10, &Body::new("hang"), case_30_with_10_and_10).await;
    fill(3, 10, &Body::new("hang"), case_30_with_3_and_10).await;
    fill(5, 5, &Body::new("hang"), case_30_with_5_and_5).await;
}

static INSIDE: AtomicU32 = AtomicU32::new(0);
static MOST_INSIDE: AtomicU32 = AtomicU32::new(0);

#[bulkhead("case.31", 5)]
async fn case_31() -> Answer {
    let inside = INSIDE.fetch_add(1, Ordering::SeqCst) + 1;
    MOST_INSIDE.fetch_max(inside, Ordering::SeqCst);
    sleep(milli(50)).await;
    INSIDE.fetch_sub(1, Ordering::SeqCst);
    Ok(inside)
}

/// Ten callers begin a call each 25ms, ten times: far more than there is room for.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn case_31_never_more_than_five_are_inside_whatever_the_threads() {
    let callers: Vec<_> = (0..10)
        .map(|_| {
            tokio::spawn(async {
                let mut begun = Vec::new();
                for _ in 0..10 {
                    begun.push(tokio::spawn(case_31()));
                    sleep(milli(25)).await;
                }
                begun
            })
        })
        .collect();
    let (mut admitted, mut refused) = (0_u32, 0_u32);
    for caller in callers {
        for call in caller.await.unwrap() {
            match call.await.unwrap() {
                Ok(_) => admitted += 1,
                Err(error) => {
                    assert_eq!(error, Rejected::bulkhead_full("case.31").into());
                    refused += 1;
                }
            }
        }
    }
    assert_eq!(admitted + refused, 100);
    assert!(admitted >= 5 && refused > 0, "{admitted} of 100 got in");
    assert!(MOST_INSIDE.load(Ordering::SeqCst) <= 5);
    assert_eq!(INSIDE.load(Ordering::SeqCst), 0);
    let bulkhead = registry().bulkhead("case.31").unwrap();
    let LiveSnapshot::Bulkhead(snapshot) = bulkhead.snapshot() else {
        panic!("it is a bulkhead");
    };
    assert_eq!(
        (snapshot.admitted, snapshot.rejected, snapshot.inside),
        (u64::from(admitted), u64::from(refused), 0)
    );
}

#[bulkhead("case.32", 2, queue = 3)]
async fn case_32(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_32_calls_that_fail_leave_as_others_do_each_with_its_own_error() {
    let body = Body::new("hang:F");
    let mut begun: VecDeque<_> = (0..5).map(|_| begin(case_32(&body))).collect();
    assert_eq!(calls(1, || case_32(&body)).await, "full");
    body.release(1);
    let first = begun.pop_front().unwrap();
    assert_eq!(first.end().await, Err(Error::Failed(1)));
    begun.push_back(begin(case_32(&body)));
    assert_eq!(calls(1, || case_32(&body)).await, "full");
    for (call, number) in begun.into_iter().zip(2..) {
        body.release(1);
        assert_eq!(call.end().await, Err(Error::Failed(number)));
    }
    assert_eq!(body.runs(), 6);
}

// ---- Errors and panics

#[fallback(|_| Err(Error::Fallback))]
async fn case_33(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_33_of_a_fallback_that_fails_the_caller_sees_its_error() {
    let body = Body::new("F");
    assert_eq!(case_33(&body).await, Err(Error::Fallback));
    assert_eq!(body.runs(), 1);
}

#[retry(4, backoff = fixed(0s), when = Error::is_e)]
async fn case_34(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_34_only_errors_that_match_are_tried_again() {
    for (script, answer, runs) in [("F", "E", 4), ("X", "X", 1)] {
        let body = Body::new(script);
        assert_eq!(calls(1, || case_34(&body)).await, answer);
        assert_eq!(body.runs(), runs, "{script}");
    }
}

#[retry(3, backoff = fixed(0s))]
#[circuit_breaker("case.35", failure_threshold = 1)]
async fn case_35(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_35_a_panic_opens_the_breaker_reaches_the_caller_and_is_not_tried_again() {
    let body = Body::new("panic");
    let mut call = Begun(Box::pin(case_35(&body)));
    let caught = std::panic::catch_unwind(AssertUnwindSafe(|| call.look()));
    let message = caught.unwrap_err().downcast::<String>().unwrap();
    assert_eq!(*message, "run 1 panics");
    drop(call);
    assert_eq!(body.runs(), 1);
    assert_eq!(state("case.35"), Open);
}

#[retry(3, backoff = fixed(0s))]
async fn case_36_outer(body: &Body) -> Answer {
    case_36_inner(body).await
}

#[circuit_breaker("case.36", failure_threshold = 1)]
async fn case_36_inner(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_36_an_open_breaker_of_another_function_is_asked_once() {
    let body = Body::new("F");
    assert_eq!(calls(1, || case_36_inner(&body)).await, "E");
    assert_eq!(calls(1, || case_36_outer(&body)).await, "open");
    assert_eq!(counts("case.36").rejected, 1);
    assert_eq!(body.runs(), 1);
}

#[circuit_breaker("case.37", failure_threshold = 2, open_for = 0s, success_threshold = 2)]
async fn case_37(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn case_37_a_breaker_that_is_open_for_no_time_refuses_nothing() {
    let body = Body::new("F F 10ms 10ms");
    assert_eq!(calls(4, || case_37(&body)).await, "E E ok ok");
    assert_eq!(state("case.37"), Closed);
    let counts = counts("case.37");
    assert_eq!((counts.rejected, counts.late), (0, 0));
    assert_eq!((counts.success, counts.failure), (2, 2));
}
