//! What the policies promise one by one, seen through the attributes.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod script;

use resilient::{
    Backoff, BulkheadPolicy, BulkheadSnapshot, CircuitBreakerPolicy, CircuitBreakerState,
    IdempotencyKey, LivePolicy, LiveSnapshot, Override, Rejected, RetryPolicy, Share, What,
    bulkhead, circuit_breaker, fallback, policy, rate_limit, registry, resilient, retry, timeout,
};
use script::{
    Answer, Begun, Body, Error, begin, breaker, calls, counts, milli, snapshot, state, told,
};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;
use tokio::time::{Instant, advance, sleep};

use CircuitBreakerState::{Closed, Disabled, ForcedOpen, HalfOpen, MetricsOnly, Open};

fn places(name: &str) -> BulkheadSnapshot {
    match registry().bulkhead(name).unwrap().snapshot() {
        LiveSnapshot::Bulkhead(snapshot) => snapshot,
        other => panic!("{other:?}"),
    }
}

/// Everything that can be seen of the policies of this name, but for kinds that are named.
fn seen(name: &str, except: &[&str]) -> Vec<String> {
    let seen = registry().snapshot().policies;
    seen.iter()
        .filter(|policy| policy.name == name && !except.contains(&policy.kind.as_str()))
        .map(|policy| format!("{policy:?}"))
        .collect()
}

// ---- Refusals

#[timeout("rules.inner", 100ms)]
#[bulkhead("rules.inner", 1)]
async fn inner(body: &Body) -> Answer {
    body.run().await
}

#[circuit_breaker("rules.watches", failure_threshold = 1)]
async fn watches(body: &Body) -> Answer {
    inner(body).await
}

#[circuit_breaker("rules.counts", failure_threshold = 1, count_rejections = true)]
async fn counts_refusals(body: &Body) -> Answer {
    inner(body).await
}

#[retry(3, backoff = fixed(40ms), jitter = none, when = |_| false)]
async fn asks_again(body: &Body) -> Answer {
    inner(body).await
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_another_function_is_one_and_its_timeout_is_a_failure() {
    let body = Body::new("hang hang S");
    let first = begin(inner(&body));
    assert_eq!(calls(2, || watches(&body)).await, "full full");
    assert_eq!(state("rules.watches"), Closed, "it says nothing");
    assert_eq!(counts("rules.watches").ignored, 2);
    assert_eq!(calls(2, || counts_refusals(&body)).await, "full open");
    // Refused at 0, 40 and 80ms: `when` is not asked.
    assert_eq!(calls(1, || asks_again(&body)).await, "full");
    assert_eq!(body.elapsed(), milli(80));
    assert_eq!(told(first.end().await), "timed-out");
    assert_eq!(calls(2, || watches(&body)).await, "timed-out open");
    assert_eq!(calls(1, || inner(&body)).await, "ok");
}

#[circuit_breaker("rules.every_kind", failure_threshold = 1)]
async fn meets(refused: Rejected) -> Result<(), Rejected> {
    Err(refused)
}

#[circuit_breaker(
    "rules.every_kind_counted",
    failure_threshold = 1,
    count_rejections = true
)]
async fn meets_and_counts(refused: Rejected) -> Result<(), Rejected> {
    Err(refused)
}

#[tokio::test(start_paused = true)]
async fn what_a_refusal_of_each_kind_is_to_a_breaker_alone_and_with_count_rejections() {
    let (ignored, failure) = ((1, 0), (0, 1));
    let wait = Duration::from_secs(7);
    for (refused, alone, counted) in [
        (Rejected::bulkhead_full("inner"), ignored, failure),
        (Rejected::rate_limited("inner", wait), ignored, failure),
        (Rejected::too_costly("inner", 9, 4), ignored, failure),
        (Rejected::circuit_open("inner", wait), ignored, failure),
        (Rejected::forced_open("inner"), ignored, failure),
        (Rejected::no_time_left("inner"), ignored, failure),
        (Rejected::timed_out("inner", wait), failure, failure),
        (Rejected::timed_out_early("inner", wait), failure, failure),
        #[cfg(feature = "testing")]
        (Rejected::injected("inner"), failure, failure),
    ] {
        let names = ["rules.every_kind", "rules.every_kind_counted"];
        let before = names.map(|name| {
            breaker(name).reset("another kind");
            counts(name)
        });
        assert_eq!(meets(refused).await, Err(refused));
        assert_eq!(meets_and_counts(refused).await, Err(refused));
        for ((name, before), expected) in names.iter().zip(before).zip([alone, counted]) {
            let after = counts(name);
            let seen = (
                after.ignored - before.ignored,
                after.failure - before.failure,
            );
            assert_eq!(seen, expected, "{refused}: {name}");
            let opened = if expected == failure { Open } else { Closed };
            assert_eq!(state(name), opened, "{refused}: {name}");
        }
    }
}

#[rate_limit("rules.first", 1/h, burst = 1)]
#[bulkhead("rules.first", 5)]
#[circuit_breaker("rules.first")]
#[timeout("rules.first", 1h)]
#[retry("rules.first")]
async fn rate_limit_first(body: &Body) -> Answer {
    body.run().await
}

#[bulkhead("rules.second", 1)]
#[rate_limit("rules.second", 1/h, burst = 5)]
#[circuit_breaker("rules.second")]
#[timeout("rules.second", 1h)]
#[retry("rules.second")]
async fn bulkhead_first(body: &Body) -> Answer {
    body.run().await
}

#[circuit_breaker("rules.third", failure_threshold = 1, open_for = 0s)]
#[bulkhead("rules.third", 5)]
#[rate_limit("rules.third", 1/h, burst = 5)]
#[timeout("rules.third", 1h)]
#[retry("rules.third", 1)]
async fn half_open_first(body: &Body) -> Answer {
    body.run().await
}

#[timeout("rules.fourth", 1h)]
#[bulkhead("rules.fourth", 5)]
#[rate_limit("rules.fourth", 1/h, burst = 5)]
#[circuit_breaker("rules.fourth")]
#[retry("rules.fourth")]
async fn timeout_first(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn whoever_refuses_first_touches_nothing_below() {
    let body = Body::new("hang");
    let _inside = begin(rate_limit_first(&body));
    let before = seen("rules.first", &["rate_limit"]);
    assert_eq!(before.len(), 4);
    assert_eq!(
        calls(2, || rate_limit_first(&body)).await,
        "rate_limited rate_limited"
    );
    assert_eq!(seen("rules.first", &["rate_limit"]), before);

    let _inside = begin(bulkhead_first(&body));
    let before = seen("rules.second", &["bulkhead"]);
    assert_eq!(calls(2, || bulkhead_first(&body)).await, "full full");
    assert_eq!(seen("rules.second", &["bulkhead"]), before);

    assert_eq!(told(half_open_first(&Body::new("F")).await), "E");
    let _probe = begin(half_open_first(&body));
    let before = seen("rules.third", &["circuit_breaker"]);
    assert_eq!(calls(2, || half_open_first(&body)).await, "open open");
    breaker("rules.third").force_open("maintenance");
    assert_eq!(
        calls(2, || half_open_first(&body)).await,
        "forced_open forced_open"
    );
    assert_eq!(seen("rules.third", &["circuit_breaker"]), before);

    assert_eq!(told(timeout_first(&Body::new("S")).await), "ok");
    let before = seen("rules.fourth", &["timeout"]);
    let passed = Instant::now();
    let late = resilient::with_deadline(passed, timeout_first(&body)).await;
    assert_eq!(late, Err(Rejected::no_time_left("rules.fourth").into()));
    assert_eq!(seen("rules.fourth", &["timeout"]), before);
    assert_eq!(body.runs(), 3, "those who are inside");
}

// ---- Circuit breaker

#[circuit_breaker("rules.zero", failure_threshold = 2, open_for = 0s, success_threshold = 1)]
async fn open_for_no_time(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn open_for_no_time_replaces_every_refusal_by_a_probe() {
    let body = Body::new("F F F F F S");
    for _ in 0..3 {
        assert_eq!(calls(1, || open_for_no_time(&body)).await, "E");
    }
    assert_eq!(state("rules.zero"), HalfOpen);
    assert_eq!(calls(3, || open_for_no_time(&body)).await, "E E ok");
    assert_eq!(state("rules.zero"), Closed);
    let counts = counts("rules.zero");
    assert_eq!((counts.rejected, counts.opened), (0, 4));
}

#[circuit_breaker(
    "rules.silent",
    failure_threshold = 1,
    open_for = 1s,
    open_backoff = 2.0,
    success_threshold = 1,
    half_open_for = 500ms
)]
async fn silent(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_silent_for_too_long_forfeits_its_place_and_its_say() {
    let body = Body::new("F hang:F F S");
    assert_eq!(calls(1, || silent(&body)).await, "E");
    advance(milli(1000)).await;
    let probe = begin(silent(&body));
    advance(milli(499)).await;
    let refused = Rejected::circuit_open("rules.silent", milli(1));
    assert_eq!(silent(&body).await, Err(refused.into()));
    advance(milli(1)).await;
    assert_eq!(calls(1, || silent(&body)).await, "E", "another probe");
    let refused = Rejected::circuit_open("rules.silent", milli(2000));
    assert_eq!(silent(&body).await, Err(refused.into()), "twice as long");
    advance(milli(2000)).await;
    assert_eq!(calls(1, || silent(&body)).await, "ok");
    body.release(1);
    assert_eq!(told(probe.end().await), "E");
    assert_eq!(state("rules.silent"), Closed, "it came too late");
    assert_eq!(counts("rules.silent").late, 1);
}

#[circuit_breaker("rules.steered", failure_threshold = 2, open_for = 1s, success_threshold = 1)]
async fn steered(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn what_is_done_by_hand_holds_from_the_next_call_on_and_says_who_and_why() {
    let (breaker, body) = (breaker("rules.steered"), Body::new("hang:F F"));
    let mut events = registry().events();
    let drill = || Override::because("a drill").by("ana");

    let late = begin(steered(&body));
    breaker.force_open(drill().lasting(milli(10_000)));
    assert_eq!(calls(1, || steered(&body)).await, "forced_open");
    assert_eq!(breaker.state(), ForcedOpen);
    let overridden = breaker.snapshot().overridden.expect("by ana");
    assert_eq!(
        (overridden.by.actor(), overridden.by.reason()),
        (Some("ana"), "a drill")
    );
    assert_eq!(overridden.ends_in, Some(milli(10_000)));
    advance(milli(9_999)).await;
    assert_eq!(breaker.state(), ForcedOpen);
    advance(milli(1)).await;
    assert_eq!(breaker.state(), Closed, "it ended by itself");
    assert!(breaker.snapshot().overridden.is_none());

    // Two failures open it: one that was admitted before does not count.
    assert_eq!(calls(1, || steered(&body)).await, "E");
    body.release(1);
    assert_eq!(told(late.end().await), "E");
    assert_eq!(breaker.state(), Closed);
    assert_eq!(breaker.snapshot().counts.late, 1);

    breaker.disable(drill());
    assert_eq!(calls(4, || steered(&body)).await, "E E E E");
    assert_eq!(breaker.state(), Disabled);

    breaker.metrics_only(drill());
    assert_eq!(calls(4, || steered(&body)).await, "E E E E");
    assert_eq!(breaker.state(), MetricsOnly);
    let shown = breaker.snapshot();
    assert_eq!(shown.would_be, Some(Open));
    assert_eq!(shown.counts.would_have_rejected, 2);
    advance(milli(1000)).await;
    assert_eq!(breaker.snapshot().would_be, Some(HalfOpen));

    breaker.reset("it is over");
    assert_eq!(breaker.state(), Closed);
    assert_eq!(calls(3, || steered(&body)).await, "E E open");
    breaker.reset("it is over");
    assert_eq!(calls(1, || steered(&body)).await, "E", "an empty window");

    let mut transitions = Vec::new();
    while let Some(event) = events.try_next() {
        if let (What::Transition { from, to, reason }, "rules.steered") = (event.what, event.policy)
        {
            transitions.push((from, to, reason));
        }
    }
    let steps: Vec<_> = transitions
        .iter()
        .map(|(from, to, _)| (*from, *to))
        .collect();
    assert_eq!(
        steps,
        [
            ("closed", "forced_open"),
            ("forced_open", "closed"),
            ("closed", "disabled"),
            ("disabled", "metrics_only"),
            ("metrics_only", "closed"),
            ("closed", "open"),
            ("open", "closed"),
        ]
    );
    for by_hand in [0, 2, 3] {
        let (.., reason) = &transitions[by_hand];
        assert!(
            reason.contains("a drill") && reason.contains("ana"),
            "{reason}"
        );
    }
    assert_eq!(transitions[4].2, "reset: it is over");
}

#[circuit_breaker("rules.shrinks", failure_rate = 90%, window = 5, min_calls = 3)]
async fn shrinks(body: &Body) -> Answer {
    body.run().await
}

#[circuit_breaker("rules.stays", failure_threshold = 1, open_for = 1s)]
async fn stays_open(body: &Body) -> Answer {
    body.run().await
}

#[circuit_breaker("rules.other", failure_threshold = 2)]
async fn another_rule(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn other_settings_keep_state_and_totals_and_the_newest_results_of_the_same_rule() {
    let body = Body::new("S S F S F");
    assert_eq!(calls(5, || shrinks(&body)).await, "ok ok E ok E");
    policy("rules.shrinks")
        .circuit_breaker(CircuitBreakerPolicy::new().window(3))
        .register()
        .unwrap();
    let window = snapshot("rules.shrinks").window.expect("a rate is judged");
    assert_eq!((window.calls, window.failures), (3, 2), "F S F");
    let totals = counts("rules.shrinks");
    assert_eq!((totals.success, totals.failure), (3, 2));

    let body = Body::new("F");
    assert_eq!(calls(1, || stays_open(&body)).await, "E");
    policy("rules.stays")
        .circuit_breaker(CircuitBreakerPolicy::new().failure_threshold(7))
        .register()
        .unwrap();
    assert_eq!(calls(1, || stays_open(&body)).await, "open");
    let totals = counts("rules.stays");
    assert_eq!((totals.failure, totals.rejected, totals.opened), (1, 1, 1));

    let body = Body::new("F S F F");
    assert_eq!(calls(1, || another_rule(&body)).await, "E");
    policy("rules.other")
        .circuit_breaker(
            CircuitBreakerPolicy::new()
                .failure_rate(Share::percent(50))
                .window(2),
        )
        .register()
        .unwrap();
    let window = snapshot("rules.other").window.expect("a rate is judged");
    assert_eq!(window.calls, 0, "another rule begins empty");
    assert_eq!(calls(1, || another_rule(&body)).await, "ok");
    assert_eq!(state("rules.other"), Closed);
    assert_eq!(calls(2, || another_rule(&body)).await, "E open");
}

#[circuit_breaker("rules.probe", failure_threshold = 1, open_for = 1s, success_threshold = 1)]
#[bulkhead("rules.probe", 1)]
async fn probes(body: &Body) -> Answer {
    body.run().await
}

#[bulkhead("rules.probe")]
async fn beside_the_breaker(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_refused_further_in_gives_its_place_back() {
    let body = Body::new("F hang S");
    assert_eq!(calls(1, || probes(&body)).await, "E");
    let inside = begin(beside_the_breaker(&body));
    advance(milli(1000)).await;
    assert_eq!(calls(3, || probes(&body)).await, "full full full");
    assert_eq!(state("rules.probe"), HalfOpen, "it decides nothing");
    drop(inside);
    assert_eq!(calls(1, || probes(&body)).await, "ok");
    assert_eq!(state("rules.probe"), Closed);
}

#[circuit_breaker("rules.lately", failure_threshold = 3, window_time = 1s)]
async fn lately(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_window_of_time_forgets_what_is_as_old_as_the_window() {
    let body = Body::new("F");
    assert_eq!(calls(2, || lately(&body)).await, "E E");
    advance(milli(1000)).await;
    assert_eq!(calls(2, || lately(&body)).await, "E E");
    assert_eq!(state("rules.lately"), Closed);
    advance(milli(900)).await;
    assert_eq!(calls(2, || lately(&body)).await, "E open");
}

#[circuit_breaker(
    "rules.ramp",
    failure_threshold = 2,
    open_for = 1s,
    success_threshold = 1,
    ramp = [25%, 50%]
)]
async fn ramps(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_ramp_lets_every_fourth_through_and_then_every_second() {
    let body = Body::new("F F S");
    assert_eq!(calls(2, || ramps(&body)).await, "E E");
    let admitted = |told: &str| told.matches("ok").count();
    advance(milli(1000)).await;
    assert_eq!(calls(1, || ramps(&body)).await, "ok", "a probe");
    for (share, of_twenty) in [(25, 5), (50, 10)] {
        assert_eq!(
            snapshot("rules.ramp").admitted_share,
            Some(Share::percent(share))
        );
        let told = calls(20, || ramps(&body)).await;
        assert_eq!(admitted(&told), of_twenty, "{told}");
        assert_eq!(told.matches("open").count(), 20 - of_twenty, "{told}");
        advance(milli(1000)).await;
    }
    assert_eq!(state("rules.ramp"), Closed);
    assert_eq!(admitted(&calls(20, || ramps(&body)).await), 20);
}

// ---- Retry: what it does about errors and refusals that ask for time

#[retry(3, backoff = exponential(100ms..1s), jitter = none)]
async fn busy(body: &Body) -> Answer {
    body.run().await
}

#[retry(3, backoff = fixed(1s), jitter = none)]
async fn busy_at_intervals(body: &Body) -> Answer {
    body.run().await
}

#[retry(3, backoff = exponential(100ms..1s), jitter = none, max_elapsed = 800ms)]
async fn busy_for_a_while(body: &Body) -> Answer {
    body.run().await
}

#[timeout(800ms)]
#[retry(3, backoff = exponential(100ms..1s), jitter = none)]
async fn busy_in_time(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_throttled_error_is_tried_again_when_it_asks_or_not_at_all() {
    let body = Body::new("busy-500ms busy-150ms S");
    assert_eq!(calls(1, || busy(&body)).await, "ok");
    assert_eq!(body.starts(), [0, 500, 700], "the longer of the two");
    let body = Body::new("busy-1s S");
    assert_eq!(calls(1, || busy(&body)).await, "ok");
    assert_eq!(body.starts(), [0, 1000], "as long as the cap");
    let body = Body::new("busy-1001ms S");
    assert_eq!(calls(1, || busy(&body)).await, "busy");
    assert_eq!(body.elapsed(), Duration::ZERO);

    let body = Body::new("busy-400ms busy-1s S");
    assert_eq!(calls(1, || busy_at_intervals(&body)).await, "ok");
    assert_eq!(body.starts(), [0, 1000, 2000]);
    let body = Body::new("busy-1001ms S");
    assert_eq!(calls(1, || busy_at_intervals(&body)).await, "busy");
    assert_eq!(body.elapsed(), Duration::ZERO);

    for (script, answer, starts) in [
        ("busy-799ms S", "ok", &[0, 799][..]),
        ("busy-800ms S", "busy", &[0]),
    ] {
        let body = Body::new(script);
        assert_eq!(calls(1, || busy_for_a_while(&body)).await, answer);
        assert_eq!(body.starts(), starts);
        let body = Body::new(script);
        assert_eq!(calls(1, || busy_in_time(&body)).await, answer);
        assert_eq!(body.starts(), starts);
    }
}

#[retry(3, backoff = exponential(100ms..2s), jitter = none)]
#[rate_limit(1/s, burst = 1)]
async fn limited(body: &Body) -> Answer {
    body.run().await
}

#[retry(3, backoff = fixed(500ms), jitter = none)]
#[rate_limit(1/s, burst = 1)]
async fn limited_just_in_time(body: &Body) -> Answer {
    body.run().await
}

#[retry(3, backoff = fixed(499ms), jitter = none)]
#[rate_limit(1/s, burst = 1)]
async fn limited_for_too_long(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_is_asked_again_when_it_said_or_not_at_all() {
    let body = Body::new("F S");
    assert_eq!(calls(1, || limited(&body)).await, "ok");
    assert_eq!(body.starts(), [0, 1000]);
    let body = Body::new("F S");
    assert_eq!(calls(1, || limited_just_in_time(&body)).await, "ok");
    assert_eq!(body.starts(), [0, 1000]);
    let body = Body::new("F S");
    assert_eq!(
        calls(1, || limited_for_too_long(&body)).await,
        "rate_limited"
    );
    assert_eq!((body.runs(), body.elapsed()), (1, milli(499)));
}

#[retry(3, backoff = fixed(1s), jitter = none)]
#[circuit_breaker("rules.soon", failure_threshold = 1, open_for = 2s, success_threshold = 1)]
async fn opens_up_soon(body: &Body) -> Answer {
    body.run().await
}

#[retry(3, backoff = fixed(1s), jitter = none)]
#[circuit_breaker("rules.later", failure_threshold = 1, open_for = 2001ms)]
async fn opens_up_later(body: &Body) -> Answer {
    body.run().await
}

#[retry(2, backoff = fixed(1s), jitter = none)]
async fn asks_who_opens_up_soon(body: &Body) -> Answer {
    opens_up_in_between(body).await
}

#[circuit_breaker("rules.between", failure_threshold = 1, open_for = 2s)]
async fn opens_up_in_between(body: &Body) -> Answer {
    body.run().await
}

#[retry(3, backoff = fixed(1s), jitter = none)]
#[circuit_breaker("rules.forced")]
async fn is_forced_open(body: &Body) -> Answer {
    body.run().await
}

#[retry(3, backoff = fixed(1s), jitter = none)]
#[timeout("rules.no_time", 1h)]
async fn has_no_time(body: &Body) -> Answer {
    body.run().await
}

#[retry(3, backoff = fixed(100ms), jitter = none)]
#[bulkhead("rules.crowded", 1)]
async fn crowded(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn each_refusal_is_tried_again_only_where_that_can_help() {
    let body = Body::new("F S");
    assert_eq!(calls(1, || opens_up_soon(&body)).await, "ok");
    assert_eq!(body.starts(), [0, 2000], "open for as long as the delay");
    let body = Body::new("F S");
    assert_eq!(calls(1, || opens_up_later(&body)).await, "open");
    assert_eq!((body.runs(), body.elapsed()), (1, milli(1000)));

    let body = Body::new("F S");
    assert_eq!(calls(1, || opens_up_in_between(&body)).await, "E");
    sleep(milli(999)).await;
    assert_eq!(calls(1, || asks_who_opens_up_soon(&body)).await, "open");
    assert_eq!(body.elapsed(), milli(999), "1001ms would be too long");
    sleep(milli(1)).await;
    assert_eq!(calls(1, || asks_who_opens_up_soon(&body)).await, "ok");
    assert_eq!(body.starts(), [0, 2000]);

    breaker("rules.forced").force_open("maintenance");
    let body = Body::new("S");
    assert_eq!(calls(1, || is_forced_open(&body)).await, "forced_open");
    assert_eq!(counts("rules.forced").rejected, 1);

    let late = resilient::with_deadline(Instant::now(), has_no_time(&body)).await;
    assert_eq!(told(late), "no_time_left");
    let LiveSnapshot::Timeout(timeout) = registry().timeout("rules.no_time").unwrap().snapshot()
    else {
        panic!("it is a timeout");
    };
    assert_eq!(timeout.no_time_left, 1);
    assert_eq!((body.runs(), body.elapsed()), (0, Duration::ZERO));

    let body = Body::new("150ms S");
    let (first, second) = tokio::join!(crowded(&body), crowded(&body));
    assert_eq!((told(first), told(second)), ("ok", "ok"));
    assert_eq!(body.starts(), [0, 200], "refused at 0 and at 100ms");
}

#[retry(3, backoff = fixed(10ms), jitter = none, when_rejected = |_| true)]
#[circuit_breaker("rules.insists", failure_threshold = 1)]
async fn insists(body: &Body) -> Answer {
    body.run().await
}

#[retry(3, backoff = fixed(10ms), jitter = none, when_rejected = |_| false)]
#[timeout(10ms)]
async fn takes_no_for_an_answer(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_predicate_for_refusals_replaces_the_rules_for_them() {
    let body = Body::new("F");
    assert_eq!(calls(1, || insists(&body)).await, "open");
    assert_eq!((body.runs(), body.elapsed()), (1, milli(20)));
    assert_eq!(counts("rules.insists").rejected, 2);
    let body = Body::new("1s");
    assert_eq!(
        calls(1, || takes_no_for_an_answer(&body)).await,
        "timed-out"
    );
    assert_eq!((body.runs(), body.elapsed()), (1, milli(10)));
}

#[retry(5, backoff = fixed(100ms), jitter = none)]
async fn asks_every_100ms(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_came_with_the_request_ends_the_retries() {
    for (deadline, starts) in [(201, &[0, 100, 200][..]), (200, &[0, 100])] {
        let body = Body::new("F");
        let deadline = Instant::now() + milli(deadline);
        let answer = resilient::with_deadline(deadline, asks_every_100ms(&body)).await;
        assert_eq!(told(answer), "E");
        assert_eq!(body.starts(), starts, "no delay is slept for nothing");
        assert_eq!(body.elapsed().as_millis(), starts[starts.len() - 1]);
    }
}

#[retry(2, backoff = fixed(0s), jitter = none)]
#[timeout(100ms)]
#[circuit_breaker("rules.twice")]
#[bulkhead("rules.twice", 1, queue = 1)]
async fn cut_twice(body: &Body) -> Answer {
    body.run().await
}

#[bulkhead("rules.twice")]
async fn takes_the_place(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_cut_in_the_queue_is_abandoned_although_the_one_before_ran() {
    let body = Body::new("hang");
    let mut call = begin(cut_twice(&body));
    let mut other = Begun(Box::pin(takes_the_place(&body)));
    assert_eq!(other.look(), None, "it queues");
    sleep(milli(100)).await;
    assert_eq!(call.look(), None, "the second attempt");
    assert_eq!(other.look(), None);
    assert_eq!(told(call.end().await), "timed-out");
    let counts = counts("rules.twice");
    assert_eq!((counts.failure, counts.abandoned), (1, 1));
    assert_eq!(body.runs(), 2, "one of them is the other's");
}

#[retry(2, backoff = fixed(1s), jitter = none)]
#[bulkhead("rules.leaves", 1, queue = 2)]
async fn leaves_and_comes_back(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_retry_leaves_the_bulkhead_while_it_waits_and_queues_again_at_the_back() {
    let (fails, others) = (Body::new("F S"), Body::new("hang"));
    let mut first = begin(leaves_and_comes_back(&fails));
    assert_eq!(fails.runs(), 1);
    assert_eq!(places("rules.leaves").inside, 0, "free during the delay");
    let second = begin(leaves_and_comes_back(&others));
    let third = begin(leaves_and_comes_back(&others));
    assert_eq!((others.runs(), places("rules.leaves").waiting), (1, 1));
    sleep(milli(1000)).await;
    assert_eq!(first.look(), None);
    assert_eq!(places("rules.leaves").waiting, 2, "it queues");
    others.release(1);
    assert_eq!(told(second.end().await), "ok");
    assert_eq!(first.look(), None, "who waited before it comes first");
    others.release(1);
    assert_eq!(told(third.end().await), "ok");
    assert_eq!(others.runs(), 2);
    assert_eq!(told(first.end().await), "ok");
    assert_eq!(fails.runs(), 2);
}

#[retry(3, backoff = exponential(1ms..2ms), attempt = cx)]
async fn keyed(keys: &std::sync::Mutex<Vec<IdempotencyKey>>) -> Answer {
    keys.lock().unwrap().push(cx.idempotency_key().clone());
    Err(Error::Failed(cx.number()))
}

#[tokio::test(start_paused = true)]
async fn one_call_has_one_key_and_another_call_has_another() {
    let keys = std::sync::Mutex::default();
    for _ in 0..2 {
        assert_eq!(keyed(&keys).await, Err(Error::Failed(3)));
    }
    let keys = keys.into_inner().unwrap();
    let (first, second) = keys.split_at(3);
    assert!(first.iter().all(|key| *key == first[0]));
    assert!(second.iter().all(|key| *key == second[0]));
    assert_ne!(first[0], second[0]);
}

// ---- Timeout

/// Work that does not yield and takes this long.
fn compute(duration: Duration) {
    let _ = pin!(advance(duration)).poll(&mut Context::from_waker(Waker::noop()));
}

#[timeout(500ms)]
async fn computes_first(asks: bool, then: Duration) -> Answer {
    if asks {
        assert_eq!(resilient::time_left(), Some(milli(500)));
    }
    compute(milli(400));
    sleep(then).await;
    Ok(1)
}

#[timeout(500ms)]
#[timeout(200ms)]
async fn asked_by_nobody(then: Duration) -> Answer {
    compute(milli(400));
    sleep(then).await;
    Ok(1)
}

#[tokio::test(start_paused = true)]
async fn what_a_body_computes_before_it_waits_counts_only_if_somebody_asked() {
    let waits = computes_first(false, milli(450));
    sleep(milli(10_000)).await;
    assert_eq!(told(waits.await), "ok", "not polled, not begun");
    let begin = Instant::now();
    assert_eq!(told(computes_first(false, milli(501)).await), "timed-out");
    assert_eq!(begin.elapsed(), milli(900));
    let begin = Instant::now();
    assert_eq!(told(computes_first(true, milli(450)).await), "timed-out");
    assert_eq!(begin.elapsed(), milli(500));
    let begin = Instant::now();
    assert_eq!(told(computes_first(true, milli(99)).await), "ok");
    assert_eq!(begin.elapsed(), milli(499));
    assert_eq!(told(asked_by_nobody(milli(199)).await), "ok");
    assert_eq!(told(asked_by_nobody(milli(201)).await), "timed-out");
}

#[timeout("rules.outer", 100ms)]
#[timeout("rules.same", 100ms)]
async fn ends_twice(body: &Body) -> Answer {
    body.run().await
}

#[timeout("rules.around", 100ms)]
async fn around(body: &Body) -> Answer {
    within(body).await
}

#[timeout("rules.within", 100ms)]
async fn within(body: &Body) -> Answer {
    body.run().await
}

#[timeout("rules.shorter", 100ms)]
async fn shorter(body: &Body) -> Answer {
    longer(body).await
}

#[timeout("rules.longer", 1h)]
async fn longer(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn of_two_deadlines_at_one_instant_the_inner_one_reports() {
    let body = Body::new("hang");
    let by = |answer: Answer| match answer {
        Err(Error::Rejected(rejected @ Rejected::TimedOut(_))) => rejected.policy(),
        other => panic!("{other:?}"),
    };
    assert_eq!(by(ends_twice(&body).await), "rules.same");
    assert_eq!(by(around(&body).await), "rules.within");
    assert_eq!(by(shorter(&body).await), "rules.longer", "cut off early");
    assert_eq!(body.elapsed(), milli(300));
}

#[circuit_breaker("rules.dropped", failure_threshold = 1)]
#[retry(2, backoff = fixed(1s), jitter = none)]
#[rate_limit("rules.dropped", 1/s, burst = 1, max_wait = 10s)]
async fn dropped(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_call_that_its_caller_drops_is_abandoned_whatever_it_is_doing() {
    let body = Body::new("hang");
    drop(begin(dropped(&body)));
    assert_eq!(counts("rules.dropped").abandoned, 1, "in its body");
    drop(begin(dropped(&body)));
    assert_eq!(counts("rules.dropped").abandoned, 2, "waiting its turn");
    assert_eq!(body.runs(), 1);
    sleep(milli(2000)).await;
    drop(begin(dropped(&Body::new("F"))));
    let counts = counts("rules.dropped");
    assert_eq!((counts.abandoned, counts.failure), (3, 0), "in its delay");
    assert_eq!(state("rules.dropped"), Closed);
}

#[timeout("rules.whole", 100ms)]
#[circuit_breaker("rules.whole", failure_threshold = 1)]
async fn calls_who_queues(body: &Body) -> Answer {
    queues(body).await
}

#[circuit_breaker("rules.queues", failure_threshold = 1)]
#[bulkhead("rules.queues", 1, queue = 1)]
async fn queues(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_cut_is_a_failure_of_the_body_that_runs_and_not_of_the_call_that_queues_in_it() {
    let body = Body::new("hang");
    let _inside = begin(queues(&body));
    assert_eq!(told(calls_who_queues(&body).await), "timed-out");
    assert_eq!(
        (state("rules.whole"), state("rules.queues")),
        (Open, Closed)
    );
    let inner = counts("rules.queues");
    assert_eq!((inner.abandoned, inner.failure), (1, 0));
    assert_eq!(
        places("rules.queues").waiting,
        0,
        "its place is free at once"
    );
}

#[timeout(100ms)]
async fn tells_time_left(wait: Duration) -> Result<Option<Duration>, Rejected> {
    sleep(wait).await;
    Ok(resilient::time_left())
}

async fn has_no_timeout(wait: Duration) -> Option<Duration> {
    sleep(wait).await;
    resilient::time_left()
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_joined_in_one_task_do_not_mix_their_deadlines() {
    let (first, second, third, fourth) = tokio::join!(
        tells_time_left(milli(10)),
        has_no_timeout(milli(20)),
        resilient::with_deadline(Instant::now() + milli(50), tells_time_left(milli(30))),
        tells_time_left(milli(40)),
    );
    assert_eq!(first, Ok(Some(milli(90))));
    assert_eq!(second, None);
    assert_eq!(third, Ok(Some(milli(20))));
    assert_eq!(fourth, Ok(Some(milli(60))));
}

// ---- Bulkhead

#[bulkhead("rules.grows", 1, queue = 5)]
async fn grows(body: &Body) -> Answer {
    body.run().await
}

#[bulkhead("rules.inherits", 1, queue = 5)]
async fn inherits(body: &Body) -> Answer {
    body.run().await
}

#[timeout("rules.hands_on", 100ms)]
async fn hands_on(body: &'static Body) -> Answer {
    drop(tokio::spawn(resilient::inherit(inherits(body))));
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_place_beyond_the_deadline_of_the_call() {
    let body: &'static Body = Box::leak(Box::new(Body::new("hang")));
    let inside = begin(inherits(body));
    let began = Instant::now();
    let late = resilient::with_deadline(began + milli(50), inherits(body)).await;
    assert_eq!(told(late), "full");
    assert_eq!(began.elapsed(), milli(50));
    let passed = resilient::with_deadline(Instant::now(), inherits(body)).await;
    assert_eq!(told(passed), "full");
    assert_eq!(began.elapsed(), milli(50), "nothing is left to wait for");

    // The caller is cut off, and what it has spawned does not begin later.
    assert_eq!(told(hands_on(body).await), "timed-out");
    assert_eq!(began.elapsed(), milli(150));
    tokio::task::yield_now().await;
    assert_eq!(places("rules.inherits").waiting, 0);
    body.release(1);
    assert_eq!(told(inside.end().await), "ok");
    assert_eq!(body.runs(), 1, "only the first call has begun");

    // A timeout around the call cuts it off itself.
    let body = Body::new("hang");
    let _inside = begin(inherits(&body));
    let asks = begin(cut_while_it_waits(&body));
    let abandoned = places("rules.inherits").abandoned;
    assert_eq!(told(asks.end().await), "timed-out");
    assert_eq!(places("rules.inherits").abandoned, abandoned + 1);
}

#[timeout("rules.cut_while_it_waits", 100ms)]
async fn cut_while_it_waits(body: &Body) -> Answer {
    inherits(body).await
}

#[bulkhead("rules.narrows", 3)]
async fn narrows(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn more_places_wake_who_waits_and_fewer_hold_as_calls_leave() {
    let body = Body::new("hang");
    let mut begun = [(); 4].map(|()| begin(grows(&body)));
    assert_eq!(body.runs(), 1);
    policy("rules.grows")
        .bulkhead(BulkheadPolicy::new().limit(3))
        .register()
        .unwrap();
    let places_now = places("rules.grows");
    assert_eq!((places_now.inside, places_now.waiting), (3, 1));
    for call in &mut begun {
        assert_eq!(call.look(), None);
    }
    assert_eq!(body.runs(), 3);

    let body = Body::new("hang");
    let [first, second, third] = [(); 3].map(|()| begin(narrows(&body)));
    policy("rules.narrows")
        .bulkhead(BulkheadPolicy::new().limit(1))
        .register()
        .unwrap();
    for call in [first, second] {
        body.release(1);
        assert_eq!(told(call.end().await), "ok", "nobody is thrown out");
        assert_eq!(calls(1, || narrows(&body)).await, "full");
    }
    body.release(2);
    assert_eq!(told(third.end().await), "ok");
    assert_eq!(calls(1, || narrows(&body)).await, "ok");
}

// ---- Fallback

async fn slow_answer(_: &Body, answered: &AtomicU32, error: Error) -> Answer {
    sleep(milli(5000)).await;
    answered.fetch_add(1, Ordering::Relaxed);
    match error {
        Error::Other(_) => Err(Error::Fallback),
        _ => Ok(7777),
    }
}

#[fallback(slow_answer, error)]
#[timeout(1s)]
#[retry(2, backoff = fixed(0s))]
#[circuit_breaker("rules.instead", failure_threshold = 3)]
async fn instead(body: &Body, answered: &AtomicU32) -> Answer {
    assert_eq!(answered.load(Ordering::Relaxed), 0, "asked first");
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_fallback_is_neither_timed_nor_tried_again_nor_counted_by_what_stands_below() {
    let answered = AtomicU32::new(0);
    let body = Body::new("X");
    assert_eq!(instead(&body, &answered).await, Err(Error::Fallback));
    assert_eq!(answered.into_inner(), 1, "its error is not tried again");
    assert_eq!((body.runs(), body.elapsed()), (2, milli(5000)));
    assert_eq!(counts("rules.instead").failure, 2);

    let answered = AtomicU32::new(0);
    let body = Body::new("hang");
    assert_eq!(instead(&body, &answered).await, Ok(7777), "after a timeout");
    assert_eq!(body.elapsed(), milli(6000));
    assert_eq!(instead(&body, &AtomicU32::new(0)).await, Ok(7777), "open");
    assert_eq!(body.runs(), 1);

    let answered = AtomicU32::new(0);
    breaker("rules.instead").reset("another test");
    drop(begin(instead(&body, &answered)));
    sleep(milli(60_000)).await;
    assert_eq!(answered.into_inner(), 0, "not for a call that was dropped");
}

#[fallback(value = u32::try_from(made.fetch_add(1, Ordering::Relaxed)).unwrap_or(0) + 100, when = Error::is_e)]
async fn valued(body: &Body, made: &std::sync::atomic::AtomicU64) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_value_is_made_only_when_it_is_needed() {
    let made = std::sync::atomic::AtomicU64::new(0);
    let body = Body::new("S X F F");
    assert_eq!(valued(&body, &made).await, Ok(1));
    assert_eq!(
        valued(&body, &made).await,
        Err(Error::Other(2)),
        "unchanged"
    );
    assert_eq!(made.load(Ordering::Relaxed), 0);
    assert_eq!(valued(&body, &made).await, Ok(100));
    assert_eq!(valued(&body, &made).await, Ok(101));
}

// ---- Configuration

#[resilient(
    fallback(value = 7777, enabled = false),
    retry(3, backoff = fixed(0s), enabled = false),
    circuit_breaker("rules.off", failure_threshold = 1, enabled = false),
    rate_limit(1/h, burst = 1, enabled = false),
    bulkhead(1, enabled = false),
    timeout(1s, enabled = false)
)]
async fn switched_off(body: &Body) -> Answer {
    body.run().await
}

#[retry("rules.switched", 3, backoff = fixed(0s))]
#[circuit_breaker("rules.switched", failure_threshold = 1)]
async fn switched_off_later(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn what_is_switched_off_lets_everything_through() {
    let body = Body::new("F F 5s hang");
    assert_eq!(calls(3, || switched_off(&body)).await, "E E ok");
    let inside = [(); 3].map(|()| begin(switched_off(&body)));
    assert_eq!(body.runs(), 6);
    body.release(3);
    for call in inside {
        assert_eq!(told(call.end().await), "ok");
    }
    assert_eq!(state("rules.off"), Disabled);

    let body = Body::new("F");
    assert_eq!(calls(1, || switched_off_later(&body)).await, "open");
    policy("rules.switched")
        .retry(RetryPolicy::new().enabled(false))
        .circuit_breaker(CircuitBreakerPolicy::new().enabled(false))
        .register()
        .unwrap();
    assert_eq!(calls(3, || switched_off_later(&body)).await, "E E E");
    assert_eq!(body.runs(), 4);
}

#[retry("rules.patient", 1)]
async fn patient(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_call_under_way_has_the_attempts_that_are_defined_now() {
    let body = Body::new("1s:F F F S");
    let call = begin(patient(&body));
    policy("rules.patient")
        .retry(
            RetryPolicy::new()
                .attempts(4)
                .backoff(Backoff::fixed(Duration::ZERO)),
        )
        .register()
        .unwrap();
    assert_eq!(call.end().await, Ok(4));
}

#[bulkhead("rules.opened", 1, queue = 3)]
async fn opened(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_what_is_switched_off_comes_in() {
    let body = Body::new("hang");
    let mut begun = [(); 4].map(|()| begin(opened(&body)));
    policy("rules.opened")
        .bulkhead(BulkheadPolicy::new().enabled(false))
        .register()
        .unwrap();
    for call in &mut begun {
        assert_eq!(call.look(), None);
    }
    assert_eq!(body.runs(), 4);
    body.release(4);
    for call in begun {
        assert_eq!(told(call.end().await), "ok");
    }
    assert_eq!(places("rules.opened").inside, 0);
}

// ---- Delays that the function knows

fn square(attempt: u32) -> Duration {
    milli(10) * attempt * attempt
}

#[retry("rules.squares", 4, backoff = square, jitter = none)]
async fn waits_in_squares(body: &Body) -> Answer {
    body.run().await
}

#[bulkhead("rules.own_backoff", 1)]
#[retry("rules.own_backoff", 9, backoff = |attempt| { asked.set(asked.get() + 1); step * attempt }, jitter = none)]
async fn waits_as_its_arguments_say(
    body: &Body,
    step: Duration,
    asked: &std::cell::Cell<u32>,
) -> Answer {
    body.run().await
}

#[circuit_breaker("rules.backoff_panics", failure_threshold = 1)]
#[retry(3, backoff = |_| panic!("it panics"))]
async fn cannot_tell_how_long(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_backoff_of_the_functions_own_is_asked_for_each_delay_and_for_no_other() {
    let body = Body::new("F F F S");
    assert_eq!(calls(1, || waits_in_squares(&body)).await, "ok");
    assert_eq!(body.elapsed(), milli(10 + 40 + 90));

    let (body, asked) = (Body::new("F F S F"), std::cell::Cell::new(0));
    let call = || waits_as_its_arguments_say(&body, milli(7), &asked);
    assert_eq!(calls(1, call).await, "ok");
    assert_eq!((body.elapsed(), asked.get()), (milli(7 + 14), 2));
    policy("rules.own_backoff")
        .retry(RetryPolicy::new().attempts(1))
        .register()
        .unwrap();
    assert_eq!(calls(1, call).await, "E");
    assert_eq!(asked.get(), 2, "no attempt follows the last one");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_about_delays_that_only_the_function_knows() {
    let site = registry().call_site("rules::waits_in_squares").unwrap();
    let explained = site.explain();
    assert_eq!(explained.worst_case, None);
    let keys: Vec<_> = explained.layers[0]
        .settings
        .iter()
        .map(|setting| setting.key)
        .collect();
    assert_eq!(keys, ["attempts", "jitter"]);
    policy("rules.squares")
        .retry(RetryPolicy::new().backoff(Backoff::fixed(milli(1))))
        .register()
        .unwrap();
    let explained = site.explain();
    assert!(!explained.to_string().contains("1ms"), "{explained}");
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_backoff_is_one_of_its_function() {
    let body = Body::new("F S");
    let mut call = Begun(Box::pin(cannot_tell_how_long(&body)));
    let caught = std::panic::catch_unwind(AssertUnwindSafe(|| call.look()));
    assert!(caught.is_err());
    assert_eq!(state("rules.backoff_panics"), Open);
}

// ---- Code of the user that panics

fn may_panic(panics: bool) -> u32 {
    assert!(!panics, "it panics");
    1
}

#[circuit_breaker("rules.key", failure_threshold = 9)]
#[bulkhead("rules.key", 1)]
#[retry(2, attempt = cx, idempotency_key = may_panic(panics))]
async fn key_panics(panics: bool) -> Answer {
    Ok(cx.number())
}

#[circuit_breaker("rules.cost", failure_threshold = 9)]
#[bulkhead("rules.cost", 1, cost = may_panic(panics))]
async fn cost_panics(panics: bool) -> Answer {
    Ok(1)
}

#[circuit_breaker("rules.limit", failure_threshold = 9)]
#[bulkhead("rules.limit", 1)]
#[timeout(|| Duration::from_secs(may_panic(panics).into()))]
async fn duration_panics(panics: bool) -> Answer {
    Ok(1)
}

#[circuit_breaker("rules.instance", failure_threshold = 9)]
#[bulkhead("rules.instance", 1, key = may_panic(panics))]
async fn instance_panics(panics: bool) -> Answer {
    Ok(1)
}

#[circuit_breaker("rules.answer", failure_threshold = 9)]
#[bulkhead("rules.answer", 1)]
#[fallback(|_| Ok(may_panic(panics)), may_fail)]
async fn answer_panics(panics: bool) -> Answer {
    Err(Error::Failed(1))
}

#[circuit_breaker("rules.when", failure_threshold = 9, when_ok = |_| may_panic(panics) == 0)]
#[bulkhead("rules.when", 1)]
async fn predicate_panics(panics: bool) -> Answer {
    Ok(1)
}

#[tokio::test(start_paused = true)]
async fn code_that_panics_wedges_nothing() {
    async fn panics_then_not<F: Future<Output = Answer>>(name: &str, call: impl Fn(bool) -> F) {
        for _ in 0..3 {
            let mut panics = Begun(Box::pin(call(true)));
            let caught = std::panic::catch_unwind(AssertUnwindSafe(|| panics.look()));
            assert!(caught.is_err(), "{name}");
        }
        assert_eq!(places(name).inside, 0, "{name}");
        let counts = counts(name);
        assert_eq!(
            (counts.failure, counts.abandoned),
            (3, 0),
            "its own panics: {name}"
        );
        assert_eq!(told(call(false).await), "ok", "{name}");
    }
    panics_then_not("rules.key", key_panics).await;
    panics_then_not("rules.cost", cost_panics).await;
    panics_then_not("rules.limit", duration_panics).await;
    panics_then_not("rules.instance", instance_panics).await;
    panics_then_not("rules.answer", answer_panics).await;
    panics_then_not("rules.when", predicate_panics).await;
}

async fn takes_its_time() -> Answer {
    sleep(milli(1000)).await;
    Ok(7777)
}

#[circuit_breaker("rules.foreign", failure_threshold = 1)]
#[fallback(takes_its_time, may_fail)]
async fn has_a_slow_fallback() -> Answer {
    Err(Error::Failed(1))
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_in_its_fallback_because_somebody_else_panics_is_abandoned() {
    let caught = std::panic::catch_unwind(|| {
        let _call = begin(has_a_slow_fallback());
        panic!("not the call's own panic");
    });
    assert!(caught.is_err());
    let counts = counts("rules.foreign");
    assert_eq!((counts.failure, counts.abandoned), (0, 1));
    assert_eq!(state("rules.foreign"), Closed);
}

async fn panics_later() -> Answer {
    sleep(milli(10)).await;
    panic!("it panics");
}

#[circuit_breaker("rules.later_panic")]
#[fallback(panics_later, may_fail)]
async fn has_a_fallback_that_panics() -> Answer {
    Err(Error::Failed(1))
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_fallback_that_waited_is_a_failure_of_its_call_too() {
    let mut call = begin(has_a_fallback_that_panics());
    sleep(milli(10)).await;
    let caught = std::panic::catch_unwind(AssertUnwindSafe(|| call.look()));
    assert!(caught.is_err());
    let counts = counts("rules.later_panic");
    assert_eq!((counts.failure, counts.abandoned), (1, 0));
}
