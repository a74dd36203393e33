//! Extra attempts beside one that does not answer in time, through the attribute.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod script;

use resilient::{
    CircuitBreakerState, HedgePolicy, HedgeSnapshot, LivePolicy, LiveSnapshot, Rejected, bulkhead,
    circuit_breaker, fallback, hedge, policy, rate_limit, registry, resilient, retry, timeout,
};
use script::{Answer, Body, Error, begin, calls, counts, milli, span, state, told};
use std::cell::{Cell, RefCell};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::{Instant, advance, sleep};

fn hedged(name: &str) -> HedgeSnapshot {
    let hedge = registry().hedge(name).expect("it is mentioned");
    match hedge.snapshot() {
        LiveSnapshot::Hedge(snapshot) => snapshot,
        other => panic!("no hedge: {other:?}"),
    }
}

fn inside(bulkhead: &str) -> u64 {
    let bulkhead = registry().bulkhead(bulkhead).expect("it is annotated");
    match bulkhead.snapshot() {
        LiveSnapshot::Bulkhead(snapshot) => {
            u64::from(snapshot.inside) + u64::from(snapshot.waiting)
        }
        other => panic!("{other:?}"),
    }
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// What a policy has reported since it is watched, by name. A subscription might have lost some of it
/// in the events of the tests beside; what is watched for tests is kept.
#[cfg(feature = "testing")]
fn reported(watch: &resilient::testing::Watch) -> Vec<&'static str> {
    let events = watch.events();
    events.iter().map(|(_, event)| event.what.name()).collect()
}

// ---- The rule, clause by clause

#[hedge("hedge.rule", 100ms)]
async fn ruled(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn the_extra_attempt_starts_when_the_first_has_not_answered_after_that_time() {
    let body = Body::new("1s 50ms");
    assert_eq!(ruled(&body).await, Ok(2));
    assert_eq!(body.starts(), [0, 100]);
    assert_eq!(body.elapsed(), milli(150));
    let in_time = Body::new("99ms");
    assert_eq!(ruled(&in_time).await, Ok(1));
    assert_eq!(in_time.starts(), [0]);
    let just_in_time = Body::new("100ms");
    assert_eq!(
        ruled(&just_in_time).await,
        Ok(1),
        "a value that is ready wins"
    );
    assert_eq!(just_in_time.starts(), [0]);
}

struct Held<'a>(&'a Cell<u32>);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[hedge(100ms, max = 2)]
async fn holds(held: &Cell<u32>, body: &Body) -> Answer {
    held.set(held.get() + 1);
    let _held = Held(held);
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn the_first_success_wins_and_the_others_are_dropped() {
    let (held, body) = (Cell::new(0), Body::new("1s 1s 30ms"));
    let mut call = pin!(holds(&held, &body));
    assert!(
        tokio::time::timeout(milli(229), call.as_mut())
            .await
            .is_err()
    );
    assert_eq!(held.get(), 3);
    assert_eq!(poll_once(call.as_mut()), Poll::Pending);
    advance(milli(1)).await;
    assert_eq!(poll_once(call.as_mut()), Poll::Ready(Ok(3)));
    assert_eq!(
        held.get(),
        0,
        "at once, while the call's future still lives"
    );
    assert_eq!(body.starts(), [0, 100, 200]);

    let first_wins = Body::new("120ms 1s");
    assert_eq!(holds(&held, &first_wins).await, Ok(1));
    assert_eq!((first_wins.elapsed(), held.get()), (milli(120), 0));
}

#[tokio::test(start_paused = true)]
async fn a_failure_while_others_run_waits_for_them() {
    let first_fails = Body::new("120ms:F 100ms");
    assert_eq!(ruled(&first_fails).await, Ok(2));
    assert_eq!(first_fails.elapsed(), milli(200));
    let extra_fails = Body::new("300ms 10ms:F");
    assert_eq!(ruled(&extra_fails).await, Ok(1));
    assert_eq!(extra_fails.elapsed(), milli(300));
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_attempt_held_is_free_while_others_run() {
    let (held, body) = (Cell::new(0), Body::new("120ms:F 1s"));
    let mut call = pin!(holds(&held, &body));
    assert!(
        tokio::time::timeout(milli(130), call.as_mut())
            .await
            .is_err()
    );
    assert_eq!((held.get(), body.runs()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn if_all_fail_the_error_of_the_first_attempt_is_returned() {
    let extra_last = Body::new("120ms:F 100ms:F");
    assert_eq!(ruled(&extra_last).await, Err(Error::Failed(1)));
    assert_eq!(extra_last.elapsed(), milli(200));
    let first_last = Body::new("300ms:F 100ms:X");
    assert_eq!(ruled(&first_last).await, Err(Error::Failed(1)));
    assert_eq!(first_last.elapsed(), milli(300));
}

#[tokio::test(start_paused = true)]
async fn a_first_attempt_that_fails_alone_ends_the_call_since_a_hedge_is_no_retry() {
    let body = Body::new("50ms:F S");
    assert_eq!(ruled(&body).await, Err(Error::Failed(1)));
    assert_eq!((body.starts(), body.elapsed()), (vec![0], milli(50)));
}

#[tokio::test(start_paused = true)]
async fn each_further_extra_attempt_starts_that_much_later_than_the_one_before() {
    let (held, body) = (Cell::new(0), Body::new("10s"));
    let mut call = Box::pin(holds(&held, &body));
    assert!(
        tokio::time::timeout(span("5s"), call.as_mut())
            .await
            .is_err()
    );
    assert_eq!(
        body.starts(),
        [0, 100, 200],
        "and there are no more than `max`"
    );
    drop(call);
    assert_eq!(held.get(), 0);
}

#[hedge(0s)]
async fn at_once(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn after_no_time_the_extra_attempt_starts_as_soon_as_the_first_has_to_wait() {
    let waits = Body::new("1s 10ms");
    assert_eq!(at_once(&waits).await, Ok(2));
    assert_eq!((waits.starts(), waits.elapsed()), (vec![0, 0], milli(10)));
    let ready = Body::new("S");
    assert_eq!(at_once(&ready).await, Ok(1));
    assert_eq!(ready.runs(), 1);
}

#[derive(Debug, PartialEq, thiserror::Error, resilient::Classify)]
enum Found {
    #[error("there is no such item")]
    #[class(permanent)]
    Nothing(u32),
}

#[hedge("hedge.permanent", 100ms)]
async fn find(runs: &Cell<u32>, slow: u64) -> Result<u32, Found> {
    runs.set(runs.get() + 1);
    let run = runs.get();
    sleep(milli(if run == 1 { slow } else { 500 })).await;
    Err(Found::Nothing(run))
}

#[tokio::test(start_paused = true)]
async fn an_error_that_is_no_failure_ends_the_race_as_an_answer_does() {
    let (runs, began) = (Cell::new(0), Instant::now());
    assert_eq!(find(&runs, 200).await, Err(Found::Nothing(1)));
    assert_eq!((runs.take(), began.elapsed()), (2, milli(200)));
    assert_eq!(find(&runs, 1_000).await, Err(Found::Nothing(2)));
    assert_eq!(began.elapsed(), milli(800));
    assert_eq!(hedged("hedge.permanent").won, 1);
}

// ---- Counts, events, budgets, settings

#[hedge("hedge.counted", 100ms, max = 2)]
async fn counted(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn calls_extra_attempts_and_what_they_won_are_counted_and_reported() {
    // It looks at all budgets, and those of the tests beside have clocks of their own.
    #[cfg(feature = "testing")]
    let test = resilient::testing::isolated();
    #[cfg(feature = "testing")]
    let watch = test.watch("hedge.counted");
    for script in ["S", "120ms 1s", "1s 1s 10ms", "350ms:F 100ms:F 100ms:F"] {
        told(counted(&Body::new(script)).await);
    }
    let snapshot = hedged("hedge.counted");
    assert_eq!((snapshot.hedged, snapshot.extra_attempts), (3, 5));
    assert_eq!((snapshot.won, snapshot.suppressed), (1, 0));
    assert_eq!((snapshot.after, snapshot.calls), (Some(milli(100)), None));
    #[cfg(feature = "testing")]
    assert_eq!(
        reported(&watch).join(" "),
        "hedged hedged hedged hedge_won hedged hedged"
    );
    let shown = registry().snapshot().to_string();
    let line = shown.lines().find(|line| line.starts_with("hedge.counted"));
    let line = line
        .unwrap()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert_eq!(
        line,
        "hedge.counted hedge after 100ms calls –, hedged 3, extra attempts 5, won 1, suppressed 0"
    );
}

#[hedge("hedge.own", 1ms, budget = 10%)]
async fn own_budget(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn when_the_budget_is_spent_no_extra_attempt_starts_and_the_first_goes_on() {
    // A look at the budget by a test beside this one, whose clock is another, would forget its calls.
    #[cfg(feature = "testing")]
    let test = resilient::testing::isolated();
    #[cfg(feature = "testing")]
    let watch = test.watch("hedge.own");
    let (slow, runs) = (Body::new("5ms"), |calls: usize| calls + 30);
    for _ in 0..40 {
        assert!(own_budget(&slow).await.is_ok());
    }
    assert_eq!(slow.runs(), runs(40), "three a second for ten seconds");
    let spent = hedged("hedge.own");
    assert_eq!((spent.hedged, spent.suppressed, spent.won), (30, 10, 0));
    let budget = spent.budget.unwrap();
    assert_eq!((budget.calls, budget.used, budget.left), (40, 30, 0));
    #[cfg(feature = "testing")]
    assert_eq!(
        reported(&watch),
        [["hedged"; 30].as_slice(), &["hedge_suppressed"; 10]].concat()
    );
    // A test beside this one may have looked at it with a clock that is ahead of this one.
    advance(span("60s")).await;
    assert!(own_budget(&slow).await.is_ok());
    assert_eq!(hedged("hedge.own").hedged, 31);
}

#[hedge("hedge.off", 10ms, budget = 10%)]
async fn switched_off_under_way(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_is_switched_off_still_spends_its_budget_on_calls_under_way() {
    let slow = Body::new("50ms");
    for _ in 0..40 {
        assert!(switched_off_under_way(&slow).await.is_ok());
    }
    let before = slow.runs();
    let mut begun = [(); 20].map(|()| begin(switched_off_under_way(&slow)));
    let off = HedgePolicy::new().enabled(false);
    registry()
        .reconfigure("hedge.off", off, "overloaded")
        .unwrap();
    advance(span("10ms")).await;
    for call in &mut begun {
        assert_eq!(call.look(), None);
    }
    assert_eq!(
        slow.runs(),
        before + 20,
        "the budget is spent, switched off or not"
    );
}

/// The first attempt uses up what tokio lets a task do in one go, again and again; the second answers.
#[hedge("hedge.busy", 1ms)]
async fn busy_body(attempts: &Cell<u32>) -> Answer {
    attempts.set(attempts.get() + 1);
    if attempts.get() > 1 {
        return Ok(2);
    }
    loop {
        tokio::task::consume_budget().await;
    }
}

#[tokio::test]
async fn beside_a_body_that_is_always_busy_the_extra_attempt_starts_too() {
    let attempts = Cell::new(0);
    // Without its own way to look at the timer the call would never end.
    let answered = tokio::time::timeout(Duration::from_secs(20), busy_body(&attempts));
    assert_eq!(
        told(answered.await.expect("the extra attempt answers")),
        "ok"
    );
}

#[hedge("hedge.sharing", 1ms, budget("hedge.gateway", 10%))]
async fn sharing_hedge(body: &Body) -> Answer {
    body.run().await
}

#[retry("hedge.sharing", 2, backoff = fixed(0s), budget("hedge.gateway", 10%))]
async fn sharing_retry(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_hedge_and_a_retry_that_name_one_budget_spend_it_together() {
    #[cfg(feature = "testing")]
    let _test = resilient::testing::isolated();
    let (slow, failing) = (Body::new("5ms"), Body::new("F"));
    for _ in 0..20 {
        assert!(sharing_hedge(&slow).await.is_ok());
        assert!(sharing_retry(&failing).await.is_err());
    }
    assert_eq!((slow.runs(), failing.runs()), (35, 35));
    let budget = hedged("hedge.sharing").budget.unwrap();
    assert_eq!((budget.name, budget.calls), (Some("hedge.gateway"), 40));
    assert_eq!((budget.used, budget.left), (30, 0));
}

#[hedge("hedge.reference")]
async fn refers(body: &Body) -> Answer {
    body.run().await
}

#[hedge("hedge.off", 1ms, enabled = false)]
async fn off(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_is_switched_off_or_that_nobody_defined_starts_nothing_until_it_is_defined() {
    let body = Body::new("1s");
    assert_eq!(calls(2, || off(&body)).await, "ok ok");
    assert_eq!(calls(2, || refers(&body)).await, "ok ok");
    assert_eq!(body.runs(), 4);
    let (reference, switched_off) = (hedged("hedge.reference"), hedged("hedge.off"));
    assert_eq!((reference.after, reference.hedged), (None, 0));
    assert_eq!((switched_off.after, switched_off.enabled), (None, false));
    let findings = registry().validate().into_iter().map(|one| one.to_string());
    let of_reference = |text: &String| text.starts_with("hedge `hedge.reference` is used by");
    assert_eq!(findings.filter(of_reference).count(), 1);

    let after = resilient::HedgeAfter::after(milli(10));
    policy("hedge.reference")
        .hedge(HedgePolicy::new().after(after))
        .register()
        .unwrap();
    let body = Body::new("1s 5ms");
    assert_eq!(refers(&body).await, Ok(2));
    assert_eq!(body.elapsed(), milli(15));
}

#[hedge("hedge.percentile", p95)]
async fn by_percentile(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_percentile_follows_the_newest_calls_and_is_unknown_before_there_are_enough() {
    let about = |expected: u64| {
        let after = hedged("hedge.percentile")
            .after
            .expect("there are enough calls");
        let (low, high) = (milli(expected), milli(expected) * 33 / 32);
        assert!((low..=high).contains(&after), "{after:?}, not {expected}ms");
    };
    let quick = Body::new("10ms");
    for _ in 0..99 {
        assert!(by_percentile(&quick).await.is_ok());
    }
    assert_eq!(hedged("hedge.percentile").after, None);
    let slow = Body::new("1s");
    assert!(by_percentile(&slow).await.is_ok());
    assert_eq!(
        slow.runs(),
        1,
        "nothing was hedged as long as too little was known"
    );
    about(10);

    let body = Body::new("1s 5ms");
    assert_eq!(by_percentile(&body).await, Ok(2));
    assert!(body.elapsed() < milli(17), "{:?}", body.elapsed());

    let slower = Body::new("20ms");
    for _ in 0..1_000 {
        assert!(by_percentile(&slower).await.is_ok());
    }
    about(20);
    let failing = Body::new("1ms:F");
    for _ in 0..1_000 {
        assert!(by_percentile(&failing).await.is_err());
    }
    about(20);
    let settings = registry()
        .policy_snapshot(resilient::Kind::new("hedge"), "hedge.percentile")
        .unwrap()
        .settings;
    let after = settings
        .iter()
        .find(|setting| setting.key == "after")
        .unwrap();
    assert_eq!(after.value.as_ref().unwrap().to_string(), "p95");
}

#[hedge("hedge.overtaken", p90)]
async fn overtaken(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn attempts_that_were_overtaken_count_so_hedging_does_not_shorten_the_wait_by_itself() {
    let quick = Body::new("10ms");
    for _ in 0..100 {
        assert!(overtaken(&quick).await.is_ok());
    }
    for _ in 0..200 {
        assert_eq!(overtaken(&Body::new("1s 1ms")).await, Ok(2));
        assert_eq!(overtaken(&Body::new("10ms")).await, Ok(1));
    }
    let after = hedged("hedge.overtaken").after.unwrap();
    assert!(after > milli(11), "half of them were slow: {after:?}");
}

// ---- Other policies

#[timeout(100ms)]
#[hedge("hedge.deadline", 100ms)]
async fn under_a_deadline(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn an_extra_attempt_that_could_only_start_at_the_deadline_is_not_started() {
    let body = Body::new("1s");
    assert_eq!(told(under_a_deadline(&body).await), "timed-out");
    assert_eq!((body.runs(), body.elapsed()), (1, milli(100)));
}

#[timeout(1s)]
#[hedge(100ms)]
#[timeout(150ms)]
async fn timed(left: &RefCell<Vec<Duration>>, body: &Body) -> Answer {
    left.borrow_mut().push(resilient::time_left().unwrap());
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_its_own_timeout_and_they_do_not_mix_their_deadlines() {
    let left = RefCell::default();
    let body = Body::new("10s");
    let Err(Error::Rejected(Rejected::TimedOut(_))) = timed(&left, &body).await else {
        panic!("the first one's own timeout")
    };
    assert_eq!(body.elapsed(), milli(250));
    assert_eq!(left.take(), [milli(150), milli(150)]);
}

#[retry(2, backoff = fixed(0s), attempt = cx)]
#[hedge(100ms)]
async fn keyed(keys: &RefCell<Vec<String>>, body: &Body) -> Answer {
    keys.borrow_mut()
        .push(format!("{} {}", cx.number(), cx.idempotency_key()));
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn under_a_retry_all_attempts_have_the_key_of_the_call() {
    let keys = RefCell::default();
    let body = Body::new("120ms:F 30ms:F 1s 10ms");
    assert_eq!(keyed(&keys, &body).await, Ok(4));
    assert_eq!(body.starts(), [0, 100, 130, 230]);
    let keys = keys.take();
    let numbers: Vec<_> = keys.iter().map(|key| &key[..1]).collect();
    assert_eq!(numbers, ["1", "1", "2", "2"]);
    assert!(keys.iter().all(|key| key[2..] == keys[0][2..]));
}

#[hedge(100ms)]
#[retry(2, backoff = fixed(10ms), jitter = none, attempt = cx)]
async fn retried_inside(numbers: &RefCell<Vec<u32>>, name: String, body: &Body) -> Answer {
    numbers.borrow_mut().push(cx.number());
    drop(name);
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn above_a_retry_each_attempt_of_the_hedge_has_attempts_of_its_own() {
    let numbers = RefCell::default();
    let body = Body::new("95ms:F 50ms:F 200ms 10ms");
    let answer = retried_inside(&numbers, "lamp".to_owned(), &body).await;
    assert_eq!(answer, Ok(4), "run 3 is the first one's second attempt");
    assert_eq!(body.starts(), [0, 100, 105, 160]);
    assert_eq!(numbers.take(), [1, 1, 2, 2]);
}

#[bulkhead("hedge.outer place", 1)]
#[hedge(100ms)]
#[bulkhead("hedge.inner place", 1)]
async fn placed(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn above_a_hedge_a_call_takes_one_place_and_below_it_each_attempt_does() {
    let body = Body::new("150ms");
    let mut call = begin(placed(&body));
    advance(milli(100)).await;
    assert_eq!(
        call.look(),
        None,
        "the extra attempt is refused, and waited for is the first"
    );
    assert_eq!(
        (inside("hedge.outer place"), inside("hedge.inner place")),
        (1, 1)
    );
    assert_eq!(call.end().await, Ok(1));
    assert_eq!(body.runs(), 1);
    assert_eq!(
        (inside("hedge.outer place"), inside("hedge.inner place")),
        (0, 0)
    );
}

#[fallback(|_| Ok(0))]
#[circuit_breaker("hedge.outer", failure_threshold = 1)]
#[hedge(100ms)]
#[circuit_breaker("hedge.inner", failure_threshold = 3)]
#[rate_limit(100/s)]
async fn broken(name: String, body: &Body) -> Answer {
    assert_eq!(name, "lamp");
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_breaker_above_counts_calls_and_one_below_attempts_and_losers_are_abandoned() {
    let lamp = || "lamp".to_owned();
    assert_eq!(broken(lamp(), &Body::new("1s 10ms")).await, Ok(2));
    let (outer, inner) = (counts("hedge.outer"), counts("hedge.inner"));
    assert_eq!((outer.success, outer.failure, outer.abandoned), (1, 0, 0));
    assert_eq!((inner.success, inner.failure, inner.abandoned), (1, 0, 1));
    assert_eq!(broken(lamp(), &Body::new("120ms:F 50ms:F")).await, Ok(0));
    let (outer, inner) = (counts("hedge.outer"), counts("hedge.inner"));
    assert_eq!((outer.success, outer.failure), (1, 1));
    assert_eq!((inner.success, inner.failure), (1, 2));
    assert_eq!(broken(lamp(), &Body::new("S")).await, Ok(0), "refused");
    assert_eq!(state("hedge.outer"), CircuitBreakerState::Open);
}

#[timeout(500ms)]
#[circuit_breaker("hedge.cut outer", failure_threshold = 9)]
#[hedge("hedge.cut", 100ms, max = 2)]
#[circuit_breaker("hedge.cut inner", failure_threshold = 9)]
#[bulkhead("hedge.cut", 2, queue = 5)]
async fn cut(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_timeout_above_makes_failures_of_attempts_in_their_body_and_of_no_others() {
    let body = Body::new("300ms:F 10s");
    let before = begin(cut(&body));
    advance(milli(1)).await;
    drop(before);
    assert_eq!(counts("hedge.cut outer").abandoned, 1);
    assert_eq!(
        counts("hedge.cut inner").abandoned,
        1,
        "dropped by the caller"
    );
    // Two are in their body, the third waits in the queue.
    assert_eq!(told(cut(&body).await), "timed-out");
    let (outer, inner) = (counts("hedge.cut outer"), counts("hedge.cut inner"));
    assert_eq!((outer.failure, outer.abandoned), (1, 1));
    assert_eq!((inner.failure, inner.abandoned), (2, 2));
    assert_eq!(inside("hedge.cut"), 0);
}

#[timeout(500ms)]
#[circuit_breaker("hedge.queued outer", failure_threshold = 9)]
#[hedge(100ms)]
#[bulkhead("hedge.queued", 1, queue = 5)]
async fn queued(body: &Body) -> Answer {
    body.run().await
}

#[bulkhead("hedge.queued")]
async fn holds_the_place(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_call_is_in_its_body_exactly_while_one_of_its_attempts_is() {
    let outer = || {
        let counts = counts("hedge.queued outer");
        (counts.failure, counts.abandoned)
    };
    let hangs = Body::new("hang");
    let mut other = begin(holds_the_place(&hangs));
    assert_eq!(told(queued(&Body::new("S")).await), "timed-out");
    assert_eq!(outer(), (0, 1), "both attempts waited for a place");
    hangs.release(1);
    assert_eq!(other.look(), Some(Ok(1)));

    // The first attempt is in its body while the extra one, which was polled last, waits.
    assert_eq!(told(queued(&Body::new("10s")).await), "timed-out");
    assert_eq!(outer(), (1, 1));

    // The first attempt has failed, and the extra one waits for a place that another call got.
    let body = Body::new("150ms:F S");
    let mut call = begin(queued(&body));
    advance(milli(50)).await;
    let mut other = begin(holds_the_place(&hangs));
    advance(milli(50)).await;
    assert_eq!(call.look(), None);
    advance(milli(50)).await;
    assert_eq!((call.look(), other.look()), (None, None));
    assert_eq!((body.runs(), hangs.runs()), (1, 2));
    advance(milli(350)).await;
    assert_eq!(told(call.end().await), "timed-out");
    assert_eq!((outer(), body.runs()), ((1, 2), 1));
    drop(other);
    assert_eq!(inside("hedge.queued"), 0);
}

// ---- How a call ends

#[circuit_breaker("hedge.panic outer", failure_threshold = 9)]
#[hedge(100ms)]
#[circuit_breaker("hedge.panic inner", failure_threshold = 9)]
#[bulkhead("hedge.panic", 5)]
async fn panics(body: &Body) -> Answer {
    body.run().await
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_any_attempt_reaches_the_caller_and_is_a_failure_inside_and_outside() {
    for (round, script) in [(1, "150ms:panic 1s"), (2, "1s 50ms:panic")] {
        let body = Body::new(script);
        let mut call = begin(panics(&body));
        advance(milli(100)).await;
        assert_eq!(call.look(), None);
        assert_eq!(inside("hedge.panic"), 2);
        advance(milli(50)).await;
        let caught = std::panic::catch_unwind(AssertUnwindSafe(|| call.look()));
        assert!(caught.is_err());
        drop(call);
        assert_eq!(inside("hedge.panic"), 0);
        let (outer, inner) = (counts("hedge.panic outer"), counts("hedge.panic inner"));
        assert_eq!((outer.failure, outer.abandoned), (round, 0));
        assert_eq!(
            (inner.failure, inner.abandoned),
            (round, round),
            "the other is no failure"
        );
    }
}

#[hedge("hedge.drop", 20ms, max = 2, budget("hedge.drop", 100%))]
#[retry(2, backoff = fixed(10ms), jitter = none)]
#[timeout(1h)]
#[bulkhead("hedge.drop", 2, queue = 2)]
async fn step_by_step(runs: &AtomicU32) -> Answer {
    let run = runs.fetch_add(1, Ordering::Relaxed);
    sleep(milli(15)).await;
    tokio::task::yield_now().await;
    if run < 4 {
        Err(Error::Failed(run))
    } else {
        Ok(run)
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_at_any_of_its_waits_leaves_nothing_behind() {
    let mut most = 0;
    for polls in 0.. {
        let runs = AtomicU32::new(0);
        let mut ended = false;
        {
            let mut call = pin!(step_by_step(&runs));
            for _ in 0..polls {
                ended = poll_once(call.as_mut()).is_ready();
                most = most.max(inside("hedge.drop"));
                if ended {
                    break;
                }
                advance(milli(5)).await;
            }
        }
        let ran = runs.load(Ordering::Relaxed);
        advance(span("11s")).await;
        assert_eq!(runs.load(Ordering::Relaxed), ran, "nothing runs afterwards");
        assert_eq!(inside("hedge.drop"), 0, "dropped after {polls} polls");
        if ended {
            assert!(polls > 8, "only {polls} steps");
            break;
        }
    }
    assert!(most >= 2, "attempts ran beside each other");
}

// ---- Arguments

#[hedge(100ms)]
async fn moves(name: String, clones: Counted, body: &Body) -> Result<String, Error> {
    drop(clones);
    body.run().await?;
    Ok(name)
}

struct Counted(Rc<Cell<u32>>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.set(self.0.get() + 1);
        Self(Rc::clone(&self.0))
    }
}

#[tokio::test(start_paused = true)]
async fn arguments_that_the_body_moves_are_cloned_once_for_each_attempt() {
    let (ready, slow) = (Body::new("S"), Body::new("1s"));
    let clones = Rc::new(Cell::new(0));
    let answer = moves("lamp".to_owned(), Counted(Rc::clone(&clones)), &ready);
    assert_eq!(answer.await.unwrap(), "lamp");
    assert_eq!(clones.take(), 1);
    let answer = moves("lamp".to_owned(), Counted(Rc::clone(&clones)), &slow);
    assert_eq!(answer.await.unwrap(), "lamp");
    assert_eq!(clones.take(), 2);
}

struct Shop {
    name: String,
}

impl Shop {
    #[fallback(|_| self.last_price())]
    #[timeout(1s)]
    #[circuit_breaker(when = |error| !name.is_empty() && error.is_e())]
    #[retry(2, before = |_| assert!(!name.is_empty()))]
    #[hedge(10ms)]
    #[circuit_breaker(when = |error| !name.is_empty() && error.is_e())]
    #[hedge(10ms)]
    #[retry(2)]
    #[timeout(|| Duration::from_millis(100 + name.len() as u64))]
    #[bulkhead(20)]
    async fn price(&self, name: &str, mut words: Vec<Cell<u32>>, (a, _): (String, u8)) -> Answer {
        words.push(Cell::new(1));
        drop(a);
        sleep(milli(1)).await;
        u32::try_from(self.name.len() + name.len() + words.len()).map_err(|_| Error::Fallback)
    }

    #[allow(
        clippy::unused_self,
        reason = "it has the form of what it stands in for"
    )]
    #[allow(
        clippy::unnecessary_wraps,
        reason = "a fallback answers what the function returns"
    )]
    fn last_price(&self) -> Answer {
        Ok(0)
    }
}

#[hedge(1ms)]
async fn cannot_be_shared(word: Cell<u32>) -> Answer {
    sleep(milli(5)).await;
    Ok(word.into_inner())
}

#[hedge(p50)]
async fn generic<T: Clone + Into<String>, const N: usize>(value: T, all: &[u8; N]) -> Answer {
    let value: String = value.into();
    Ok(u32::try_from(value.len() + all.len()).unwrap())
}

#[resilient(fallback(value = 7), hedge(1ms, max = 3))]
async fn cannot_fail() -> u32 {
    sleep(milli(10)).await;
    3
}

#[tokio::test(start_paused = true)]
async fn a_hedge_stands_wherever_an_attribute_may() {
    fn sendable<F: Future + Send>(future: F) -> F {
        future
    }
    let generic = sendable(generic("lamp", &[1, 2]));
    assert_eq!(generic.await, Ok(6));
    assert_eq!(sendable(cannot_be_shared(Cell::new(4))).await, Ok(4));
    assert_eq!(sendable(cannot_fail()).await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_stack_of_everything_around_and_inside_a_hedge_compiles_and_answers() {
    let shop = Shop { name: "ab".into() };
    let none = (String::new(), 0);
    assert_eq!(shop.price("c", vec![], none).await, Ok(4));
}

#[hedge("hedge.explained", 100ms, max = 3)]
#[timeout(1s)]
async fn explained() -> Answer {
    Ok(1)
}

#[hedge("hedge.explained p95", p95, max = 3)]
#[timeout(1s)]
async fn explained_percentile() -> Answer {
    Ok(1)
}

#[hedge("hedge.useless", 2s)]
#[timeout(1s)]
async fn useless() -> Answer {
    Ok(1)
}

#[tokio::test]
async fn the_worst_case_of_a_stack_knows_its_hedge() {
    for (name, longest) in [
        ("explained", span("1300ms")),
        ("explained_percentile", span("4s")),
        ("useless", span("1s")),
    ] {
        let site = registry().call_site(&format!("hedge::{name}")).unwrap();
        assert_eq!(site.explain().worst_case, Some(longest), "{name}");
    }
    assert!(explained().await.is_ok() && explained_percentile().await.is_ok());
    let warnings = registry()
        .call_site("hedge::useless")
        .unwrap()
        .explain()
        .warnings;
    assert_eq!(
        warnings,
        [
            "what stands below hedge `hedge.useless` ends after 1s at the latest, before the 2s that \
          it waits: no extra attempt ever begins"
        ]
    );
    assert!(useless().await.is_ok());
}
