//! Stacks of attributes and what they answer, step by step: the cases in which libraries differ.
//!
//! Most of them are rows of one table, played in paused time; what a row cannot say stands below it.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod script;

use resilient::{
    CircuitBreakerState, LivePolicy, LiveSnapshot, Rejected, bulkhead, circuit_breaker, fallback,
    rate_limit, registry, retry, timeout,
};
use script::{Answer, Begun, Body, Error, begin, calls, counts, milli, snapshot, state, told};
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use tokio::time::{advance, sleep};

use CircuitBreakerState::{Closed, HalfOpen, Open};

// ---- The table

/// One step of a row: something that is done, or something that is true by then.
#[derive(Debug)]
enum Step {
    /// Calls one after another are told this, in the words of `script::told`.
    Calls(&'static str),
    /// So many calls one after another are told this, each.
    Each(usize, &'static str),
    /// One call gets exactly this.
    Answers(Answer),
    /// One call panics with this message.
    Panics(&'static str),
    /// So many calls begin, and wait.
    Begin(usize),
    /// The oldest call that was begun ends, and is told this.
    Ends(&'static str),
    /// The oldest call that was begun ends with exactly this.
    EndsWith(Answer),
    /// The oldest call that was begun is dropped.
    Drop,
    /// So many runs that hang are released.
    Release(usize),
    /// So many milliseconds pass.
    Pass(u64),
    /// The body has run so often.
    Runs(usize),
    /// The runs began at these milliseconds.
    Starts(&'static [u128]),
    /// It has taken so many milliseconds up to here: from and to.
    Took(u64, u64),
    /// The breaker is in this state.
    Is(CircuitBreakerState),
    /// The breaker has counted so many calls of this kind.
    Counted(&'static str, u64),
    /// So many calls and so many failures are in the window of the breaker.
    Window(u64, u64),
    /// The breaker has too few results for a rate.
    NoRate,
}

use Step::{
    Answers, Begin, Calls, Counted, Drop, Each, Ends, EndsWith, Is, NoRate, Panics, Pass, Release,
    Runs, Starts, Took, Window,
};

type Call<'a> = Pin<Box<dyn Future<Output = Answer> + 'a>>;

/// Plays the steps of the row, whose breaker is called `case.` and its number.
async fn play<F>(row: &str, script: &'static str, call: F, steps: Vec<Step>)
where
    F: for<'a> Fn(&'a Body) -> Call<'a>,
{
    let number = row.split('_').nth(1).expect("case_<number>_<sentence>");
    let breaker = &format!("case.{number}");
    let body = Body::new(script);
    let mut begun = VecDeque::new();
    for (at, step) in steps.into_iter().enumerate() {
        let told = format!("{row}, step {}: {step:?}", at + 1);
        match step {
            Calls(expected) => {
                let count = expected.split_whitespace().count();
                assert_eq!(calls(count, || call(&body)).await, expected, "{told}");
            }
            Each(count, expected) => {
                let expected = vec![expected; count].join(" ");
                assert_eq!(calls(count, || call(&body)).await, expected, "{told}");
            }
            Answers(expected) => assert_eq!(call(&body).await, expected, "{told}"),
            Panics(expected) => {
                let mut call = Begun(call(&body));
                let caught = std::panic::catch_unwind(AssertUnwindSafe(|| call.look()));
                let message = caught.unwrap_err().downcast::<String>().unwrap();
                assert_eq!(*message, expected, "{told}");
            }
            Begin(count) => begun.extend((0..count).map(|_| begin(call(&body)))),
            Ends(expected) => {
                let ended = begun.pop_front().expect("one was begun").end().await;
                assert_eq!(script::told(ended), expected, "{told}");
            }
            EndsWith(expected) => {
                let ended = begun.pop_front().expect("one was begun").end().await;
                assert_eq!(ended, expected, "{told}");
            }
            Drop => drop(begun.pop_front().expect("one was begun")),
            Release(runs) => body.release(runs),
            Pass(time) => advance(milli(time)).await,
            Runs(expected) => assert_eq!(body.runs(), expected, "{told}"),
            Starts(expected) => assert_eq!(body.starts(), expected, "{told}"),
            Took(from, to) => {
                let took = body.elapsed();
                let expected = milli(from)..=milli(to);
                assert!(expected.contains(&took), "{told}, not {took:?}");
            }
            Is(expected) => assert_eq!(state(breaker), expected, "{told}"),
            Counted(what, expected) => {
                let counts = counts(breaker);
                let counted = match what {
                    "success" => counts.success,
                    "failure" => counts.failure,
                    "ignored" => counts.ignored,
                    "rejected" => counts.rejected,
                    "late" => counts.late,
                    other => panic!("{told}: {other} is not looked at"),
                };
                assert_eq!(counted, expected, "{told}");
            }
            Window(calls, failures) => {
                let window = snapshot(breaker).window.expect("a rate is judged");
                assert_eq!((window.calls, window.failures), (calls, failures), "{told}");
            }
            NoRate => {
                let window = snapshot(breaker).window.expect("a rate is judged");
                assert_eq!(window.failure_rate, None, "{told}");
            }
        }
    }
    assert!(begun.is_empty(), "{row}: a call that was begun has no end");
}

/// Makes a test of each row: its stack, top first, what its body does, and the steps.
macro_rules! cases {
    ($(
        #[test]
        fn $name:ident
        $(#[$($attribute:tt)*])*
        $script:literal: $($step:expr),+ $(,)?;
    )*) => {
        $(mod $name {
            use super::*;

            $(#[$($attribute)*])*
            async fn call(body: &Body) -> Answer {
                body.run().await
            }

            #[tokio::test(start_paused = true)]
            async fn row() {
                let steps = vec![$($step),+];
                play(stringify!($name), $script, |body| Box::pin(call(body)), steps).await;
            }
        })*
    };
}

cases! {
    // -- Circuit breaker

    #[test]
    fn case_1_a_breaker_opens_on_the_fourth_failure_and_refuses_what_follows
    #[circuit_breaker("case.1", failure_rate = 75%, window = 4, open_for = 50s, success_threshold = 2)]
    "F":
        Calls("E E E E open open open"), Runs(4);

    #[test]
    fn case_2_a_probe_that_fails_opens_it_for_another_full_time
    #[circuit_breaker("case.2", failure_rate = 75%, window = 4, open_for = 1s, success_threshold = 3)]
    "F F F F S S F S":
        Calls("E E E E open"), Pass(2000), Calls("ok ok E"),
        Answers(Err(Rejected::circuit_open("case.2", milli(1000)).into())), Runs(7),
        Pass(999), Calls("open"), Pass(1), Calls("ok");

    #[test]
    fn case_3_a_success_can_be_the_result_that_opens_it
    #[circuit_breaker("case.3", failure_rate = 50%, window = 4)]
    "S F F S":
        Calls("ok E E"), Is(Closed), Calls("ok"), Is(Open), Calls("open"), Runs(4);

    #[test]
    fn case_4_the_window_slides
    #[circuit_breaker("case.4", failure_rate = 50%, window = 4)]
    "S F S S F":
        Calls("ok E ok ok"), Is(Closed), Calls("E open"), Runs(5), Window(4, 2);

    #[test]
    fn case_5_eight_failures_of_ten_open_it_on_the_tenth
    #[circuit_breaker("case.5", failure_rate = 80%, window = 10)]
    "F F S F F F S F F F":
        Calls("E E ok E E E ok E E"), Is(Closed), Calls("E"), Is(Open);

    #[test]
    fn case_6_at_exactly_the_end_of_its_time_a_call_is_let_through
    #[circuit_breaker("case.6", failure_rate = 50%, window = 2, open_for = 1s, success_threshold = 1)]
    "F F S":
        Calls("E E"), Pass(999), Calls("open"), Runs(2), Pass(1), Calls("ok"), Is(Closed);

    #[test]
    fn case_7_with_a_threshold_of_one_the_first_failure_opens_it
    #[circuit_breaker("case.7", failure_threshold = 1)]
    "F":
        Calls("E"), Is(Open), Calls("open");

    #[test]
    fn case_8_half_open_lets_four_through_at_a_time_and_five_successes_close_it
    #[circuit_breaker("case.8", failure_rate = 50%, window = 10, open_for = 200ms, success_threshold = 5, half_open_calls = 4)]
    "F F F F F F F F F F S hang":
        Each(10, "E"), Pass(200), Calls("ok"), Begin(4), Each(10, "open"), Is(HalfOpen), Runs(15),
        Release(4), Ends("ok"), Ends("ok"), Ends("ok"), Ends("ok"), Is(Closed);

    #[test]
    fn case_9_a_probe_that_is_dropped_gives_its_place_back
    #[circuit_breaker("case.9", failure_rate = 50%, window = 10, open_for = 200ms, success_threshold = 1, half_open_calls = 1)]
    "F F F F F F F F F F hang S":
        Each(10, "E"), Pass(200), Begin(1), Calls("open"), Drop, Is(HalfOpen), Calls("ok"), Is(Closed);

    #[test]
    fn case_10_an_error_that_does_not_match_counts_as_a_success
    #[circuit_breaker("case.10", failure_rate = 50%, window = 4, open_for = 1s, success_threshold = 2, when = Error::is_e)]
    "S S X S S S F S F":
        Calls("ok ok X ok ok ok E ok"), Is(Closed), Calls("E"), Is(Open),
        Counted("success", 7), Counted("failure", 2), Counted("ignored", 0);

    // -- Retry and circuit breaker

    #[test]
    fn case_11_a_breaker_that_opens_ends_the_retries
    #[retry(8, backoff = fixed(0s))]
    #[circuit_breaker("case.11", failure_rate = 75%, window = 4)]
    "F":
        Calls("open"), Runs(4), Counted("rejected", 1);

    #[test]
    fn case_12_retries_that_do_not_fill_the_window_leave_it_closed
    #[retry(3, backoff = fixed(0s))]
    #[circuit_breaker("case.12", failure_rate = 75%, window = 4)]
    "F":
        Calls("E"), Runs(3), Is(Closed);

    #[test]
    fn case_13_below_a_retry_a_breaker_sees_every_attempt
    #[retry(11, backoff = fixed(0s))]
    #[circuit_breaker("case.13", failure_rate = 20%, window = 5, success_threshold = 3)]
    "F F S":
        Calls("ok"), Is(Closed), Window(3, 2), NoRate, Counted("success", 1), Counted("failure", 2);

    // -- Circuit breaker and the policies below and above it

    #[test]
    fn case_14_what_a_timeout_below_cuts_off_is_a_failure
    #[circuit_breaker("case.14", failure_threshold = 2)]
    #[timeout(500ms)]
    "1s":
        Calls("timed-out timed-out open"), Runs(2), Took(1000, 1000);

    #[test]
    fn case_15_what_a_timeout_above_cuts_off_is_a_failure
    #[timeout(1s)]
    #[circuit_breaker("case.15", failure_threshold = 2)]
    "hang":
        Calls("timed-out timed-out open"), Runs(2), Took(2000, 2000);

    #[test]
    fn case_16_a_full_bulkhead_never_opens_the_breaker_above_it
    #[circuit_breaker("case.16", failure_threshold = 3)]
    #[bulkhead("case.16", 1)]
    "hang":
        Begin(1), Calls("full full full full full"), Is(Closed), Counted("ignored", 5),
        Release(1), Ends("ok");

    #[test]
    fn case_17_counted_rejections_open_it_and_who_is_inside_still_ends_well
    #[circuit_breaker("case.17", failure_threshold = 3, count_rejections = true)]
    #[bulkhead("case.17", 1)]
    "hang":
        Begin(1), Calls("full full full open open"), Release(1), Ends("ok"), Is(Open);

    #[test]
    fn case_19_a_retry_does_not_wait_for_a_breaker_that_stays_open
    #[retry]
    #[circuit_breaker("case.19", failure_threshold = 1)]
    "F":
        // The first delay of `decorrelated` is at least the base, and at most three times that.
        Calls("open"), Runs(1), Took(100, 300), Counted("rejected", 1);

    // -- Retry

    #[test]
    fn case_20_the_fourth_attempt_succeeds_at_once
    #[retry(4, backoff = fixed(0s))]
    "F F F S":
        Answers(Ok(4)), Runs(4), Took(0, 0);

    #[test]
    fn case_21_the_last_error_is_returned_as_itself
    #[retry(3, backoff = fixed(0s))]
    "F":
        Answers(Err(Error::Failed(3)));

    #[test]
    fn case_22_an_attempt_that_could_only_start_too_late_is_not_waited_for
    #[retry(100, backoff = exponential(100ms..10s), factor = 2, jitter = none, max_elapsed = 1s)]
    "F":
        Answers(Err(Error::Failed(4))), Starts(&[0, 100, 300, 700]), Took(700, 700);

    #[test]
    fn case_23_fibonacci_delays_end_in_time_too
    #[retry(100, backoff = fibonacci(100ms..10s), jitter = none, max_elapsed = 1s)]
    "F":
        Answers(Err(Error::Failed(4))), Starts(&[0, 100, 300, 600]), Took(600, 600);

    #[test]
    fn case_24_an_attempt_that_runs_is_never_interrupted_by_a_retry
    #[retry(6, max_elapsed = 100ms)]
    "1s":
        Answers(Ok(1)), Took(1000, 1000);

    #[test]
    fn case_25_ten_thousand_retries_overflow_nothing
    #[fallback(value = 7777)]
    #[retry(10_001, backoff = fixed(0s))]
    "F":
        Answers(Ok(7777)), Runs(10_001);

    #[test]
    fn case_26_nothing_runs_after_the_call_was_dropped
    #[retry(6)]
    "hang":
        Begin(1), Runs(1), Drop, Release(1), Pass(3_600_000), Runs(1);

    #[test]
    fn case_26_nothing_runs_after_the_call_was_dropped_between_two_attempts
    #[retry(6)]
    "F":
        Begin(1), Runs(1), Drop, Pass(3_600_000), Runs(1);

    // -- Timeout, fallback

    #[test]
    fn case_27_an_attempt_that_was_cut_off_is_tried_again
    #[retry(2, backoff = fixed(0s))]
    #[timeout(500ms)]
    "1s":
        Calls("timed-out"), Took(1000, 1000), Starts(&[0, 500]);

    #[test]
    fn case_28_a_fallback_answers_at_the_deadline
    #[fallback(value = 7777)]
    #[timeout(500ms)]
    "1s":
        Answers(Ok(7777)), Took(500, 500);

    // -- Bulkhead

    #[test]
    fn case_29_a_bulkhead_of_three_has_three_inside
    #[bulkhead("case.29", 3)]
    "hang":
        Begin(3), Calls("full"), Release(1), EndsWith(Ok(1)), Begin(1), Runs(4), Calls("full"),
        Release(3), Ends("ok"), Ends("ok"), Ends("ok");

    #[test]
    fn case_32_calls_that_fail_leave_as_others_do_each_with_its_own_error
    #[bulkhead("case.32", 2, queue = 3)]
    "hang:F":
        Begin(5), Calls("full"), Release(1), EndsWith(Err(Error::Failed(1))), Begin(1), Calls("full"),
        Release(1), EndsWith(Err(Error::Failed(2))), Release(1), EndsWith(Err(Error::Failed(3))),
        Release(1), EndsWith(Err(Error::Failed(4))), Release(1), EndsWith(Err(Error::Failed(5))),
        Release(1), EndsWith(Err(Error::Failed(6))), Runs(6);

    // -- Errors and panics

    #[test]
    fn case_33_of_a_fallback_that_fails_the_caller_sees_its_error
    #[fallback(|_| Err(Error::Fallback))]
    "F":
        Answers(Err(Error::Fallback)), Runs(1);

    #[test]
    fn case_34_only_errors_that_match_are_tried_again
    #[retry(4, backoff = fixed(0s), when = Error::is_e)]
    "F F F F X":
        Calls("E"), Runs(4), Calls("X"), Runs(5);

    #[test]
    fn case_35_a_panic_opens_the_breaker_reaches_the_caller_and_is_not_tried_again
    #[retry(3, backoff = fixed(0s))]
    #[circuit_breaker("case.35", failure_threshold = 1)]
    "panic":
        Panics("run 1 panics"), Runs(1), Is(Open);

    #[test]
    fn case_37_a_breaker_that_is_open_for_no_time_refuses_nothing
    #[circuit_breaker("case.37", failure_threshold = 2, open_for = 0s, success_threshold = 2)]
    "F F 10ms 10ms":
        Calls("E E ok ok"), Is(Closed), Counted("rejected", 0), Counted("late", 0),
        Counted("success", 2), Counted("failure", 2);
}

// ---- What a row cannot say

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
