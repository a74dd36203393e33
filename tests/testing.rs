//! The test kit, used as a user would use it, and shown to fail where it should.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "testing/warehouse.rs"]
mod warehouse;

use resilient::testing::{Script, chaos, isolated, reset_all, watch};
use resilient::{
    BulkheadPolicy, CircuitBreakerPolicy, CircuitBreakerState, Class, Classify, LiveSnapshot,
    Policy as _, Rejected, RetryPolicy, Share, What, bulkhead, circuit_breaker, fallback, policy,
    rate_limit, registry, resilient, retry, timeout,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::task::{Context, Waker};
use std::time::Duration;
use tokio::time::{Instant, advance};

use CircuitBreakerState::{Closed, ForcedOpen, HalfOpen, Open};

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
enum PriceError {
    #[error("the price list does not answer")]
    Down,
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

type Answer = Result<u32, PriceError>;

const SECOND: Duration = Duration::from_secs(1);

#[circuit_breaker("price", failure_threshold = 3, open_for = 30s, success_threshold = 1)]
#[retry("price", 2, backoff = fixed(100ms), jitter = none)]
async fn price(list: &Script<Answer>) -> Answer {
    list.play().await
}

/// What a failed assertion says.
fn message(assertion: impl FnOnce()) -> String {
    let panicked = catch_unwind(AssertUnwindSafe(assertion)).expect_err("it should fail");
    match panicked.downcast::<String>() {
        Ok(message) => *message,
        Err(other) => (*other.downcast::<&str>().expect("a message")).to_owned(),
    }
}

fn state(name: &str) -> CircuitBreakerState {
    registry()
        .circuit_breaker(name)
        .expect("it is annotated")
        .state()
}

fn names(policies: &resilient::Snapshot) -> Vec<&str> {
    policies.policies.iter().map(|policy| policy.name).collect()
}

// ---- One registry for each test

#[tokio::test(start_paused = true)]
async fn a_test_finds_every_annotated_function_unused_and_nothing_registered() {
    let test = isolated();
    let registry = test.registry();
    assert!(registry.call_site("testing::price").is_some());
    assert_eq!(state("price"), Closed);
    assert_eq!(
        registry
            .circuit_breaker("price")
            .unwrap()
            .snapshot()
            .counts
            .success,
        0
    );
    policy("testing.in code")
        .retry(RetryPolicy::new())
        .register()
        .unwrap();
    drop(test);

    let _test = isolated();
    assert!(resilient::registry().retry("testing.in code").is_none());
    policy("testing.in code")
        .retry(RetryPolicy::new())
        .register()
        .unwrap();
}

#[circuit_breaker("testing.parallel", failure_threshold = 1)]
async fn parallel(list: &Script<Answer>) -> Answer {
    list.play().await
}

/// One of two threads that go on together; it panics if the other one has.
struct Side {
    to_other: SyncSender<()>,
    from_other: Receiver<()>,
}

impl Side {
    fn two() -> [Self; 2] {
        let ((to_one, at_one), (to_other, at_other)) = (sync_channel(1), sync_channel(1));
        [(to_other, at_one), (to_one, at_other)].map(|(to_other, from_other)| Self {
            to_other,
            from_other,
        })
    }

    fn meet(&self) {
        self.to_other.send(()).unwrap();
        self.from_other.recv().unwrap();
    }
}

/// The same names, registered differently, and calls that end differently.
async fn one_of_two_tests(fails: bool, other: &Side) {
    other.meet();
    let test = isolated();
    let settings = RetryPolicy::new().attempts(if fails { 2 } else { 3 });
    let defined = policy("testing.parallel").retry(settings).register();
    assert_eq!(defined, Ok(()), "the other test has registered it too");
    let breaker = test.watch("testing.parallel");
    let mut events = registry().events();
    let answer = move |_| if fails { Err(PriceError::Down) } else { Ok(1) };
    let list = Script::new().then_always(answer);
    assert_eq!(parallel(&list).await.is_err(), fails);
    other.meet();
    assert_eq!(state("testing.parallel"), if fails { Open } else { Closed });
    assert_eq!(breaker.transitions().len(), usize::from(fails));
    assert_eq!(events.try_next().is_some(), fails);
}

#[test]
fn two_tests_on_two_threads_never_meet() {
    std::thread::scope(|threads| {
        for (side, fails) in Side::two().into_iter().zip([true, false]) {
            threads.spawn(move || {
                let mut runtime = tokio::runtime::Builder::new_current_thread();
                let runtime = runtime.enable_time().start_paused(true).build().unwrap();
                for _ in 0..50 {
                    runtime.block_on(one_of_two_tests(fails, &side));
                }
            });
        }
    });
}

#[circuit_breaker("testing.process", failure_threshold = 1)]
async fn process(list: &Script<Answer>) -> Answer {
    list.play().await
}

#[tokio::test(start_paused = true)]
async fn without_one_of_its_own_a_test_works_on_the_registry_of_the_process() {
    let fails = || Script::new().fails(PriceError::Down);
    let mut events = registry().events();
    assert!(process(&fails()).await.is_err());
    assert_eq!(state("testing.process"), Open);
    {
        let _test = isolated();
        assert_eq!(state("testing.process"), Closed);
        let mut own = registry().events();
        assert!(process(&fails()).await.is_err());
        assert_eq!(own.try_next().unwrap().number, 0, "the events begin anew");
    }
    assert_eq!(state("testing.process"), Open);
    let mut reported = 0;
    while let Some(event) = events.try_next() {
        reported += usize::from(event.policy == "testing.process");
    }
    assert_eq!(reported, 1, "what was isolated is not heard outside");
}

#[test]
fn of_two_registries_within_each_other_the_outer_one_holds_again_afterwards() {
    let outer = isolated();
    policy("testing.in code")
        .retry(RetryPolicy::new())
        .register()
        .unwrap();
    {
        let _inner = isolated();
        assert!(registry().retry("testing.in code").is_none());
    }
    assert!(registry().retry("testing.in code").is_some());
    let inner = isolated();
    drop(outer);
    assert!(
        registry().retry("testing.in code").is_none(),
        "the inner one holds"
    );
    drop(inner);
    assert!(
        registry().retry("testing.in code").is_none(),
        "both are over"
    );
}

#[test]
fn a_scope_takes_the_registry_along_to_other_threads_and_past_the_end_of_the_test() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let test = isolated();
    registry()
        .circuit_breaker("price")
        .unwrap()
        .force_open("a drill");
    let look = || async {
        tokio::task::yield_now().await;
        state("price")
    };
    runtime.block_on(async {
        assert_eq!(tokio::spawn(test.scope(look())).await.unwrap(), ForcedOpen);
        assert_ne!(tokio::spawn(look()).await.unwrap(), ForcedOpen);
    });
    let late = test.scope(look());
    drop(test);
    assert_ne!(state("price"), ForcedOpen);
    runtime.block_on(async { assert_eq!(tokio::spawn(late).await.unwrap(), ForcedOpen) });
}

#[tokio::test(start_paused = true)]
async fn scopes_that_take_turns_on_one_thread_do_not_mix() {
    let (one, other) = (isolated(), isolated());
    let call = |fails: bool| async move {
        let list = Script::<Answer>::new().then(if fails { Err(PriceError::Down) } else { Ok(1) });
        let list = list.after(SECOND);
        let answer = parallel(&list).await;
        (answer.is_err(), state("testing.parallel"))
    };
    let both = tokio::join!(one.scope(call(true)), other.scope(call(false)));
    assert_eq!(both, ((true, Open), (false, Closed)));
}

#[retry("testing.first", 2, backoff = fixed(0s), budget = budget("testing.gateway", 20%))]
async fn first(list: &Script<Answer>) -> Answer {
    list.play().await
}

#[retry("testing.second", 2, backoff = fixed(0s), budget = budget("testing.gateway", 20%))]
async fn second(list: &Script<Answer>) -> Answer {
    list.play().await
}

fn used(retry: &str) -> u64 {
    let snapshot = registry()
        .policy_snapshot(RetryPolicy::KIND, retry)
        .unwrap();
    match snapshot.live {
        LiveSnapshot::Retry(retry) => retry.budget.unwrap().used,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_budget_with_a_name_is_shared_within_one_registry_alone() {
    let fails = || Script::new().fails(PriceError::Down).succeeds(1);
    let _test = isolated();
    first(&fails()).await.unwrap();
    assert_eq!((used("testing.first"), used("testing.second")), (1, 1));
    {
        let _other = isolated();
        assert_eq!(used("testing.second"), 0);
        second(&fails()).await.unwrap();
        second(&fails()).await.unwrap();
        assert_eq!(used("testing.first"), 2);
    }
    assert_eq!(used("testing.first"), 1);
    reset_all();
    assert_eq!((used("testing.first"), used("testing.second")), (0, 0));
    second(&fails()).await.unwrap();
    assert_eq!(used("testing.first"), 1, "it is shared again");
}

#[resilient("testing.pipeline")]
async fn pipeline(list: &Script<Answer>) -> Answer {
    list.play().await
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_is_undefined_in_each_registry_that_does_not_define_it() {
    let ok = || Script::new().succeeds(1);
    for _ in 0..2 {
        let test = isolated();
        let watch = test.watch("testing.pipeline");
        pipeline(&ok()).await.unwrap();
        pipeline(&ok()).await.unwrap();
        let undefined = watch.events();
        assert_eq!(undefined.len(), 1);
        assert_eq!(undefined[0].1.what, What::Undefined);
    }
    let test = isolated();
    let settings = BulkheadPolicy::new().limit(1);
    policy("testing.pipeline")
        .bulkhead(settings)
        .register()
        .unwrap();
    let watch = test.watch("testing.pipeline");
    pipeline(&ok()).await.unwrap();
    assert!(watch.events().is_empty());
}

// ---- Back to the beginning

#[bulkhead("testing.reset", 1)]
#[circuit_breaker("testing.reset", failure_threshold = 1)]
async fn reset(list: &Script<Answer>) -> Answer {
    list.play().await
}

#[tokio::test(start_paused = true)]
async fn reset_all_begins_anew_and_keeps_what_is_registered() {
    let _test = isolated();
    let settings = CircuitBreakerPolicy::new().failure_threshold(2);
    policy("testing.reset")
        .circuit_breaker(settings)
        .register()
        .unwrap();
    let list = Script::new().then_always(|_| Err(PriceError::Down));
    for expected in [Closed, Open] {
        assert_eq!(reset(&list).await, Err(PriceError::Down));
        assert_eq!(state("testing.reset"), expected);
    }
    let old = registry().circuit_breaker("testing.reset").unwrap();

    reset_all();
    let new = registry().circuit_breaker("testing.reset").unwrap();
    assert_eq!((old.state(), new.state()), (Open, Closed));
    assert_eq!(new.snapshot().counts.failure, 0);
    for expected in [Closed, Open] {
        assert_eq!(reset(&list).await, Err(PriceError::Down));
        assert_eq!(
            state("testing.reset"),
            expected,
            "the threshold in code still holds"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_under_way_ends_with_the_policies_it_began_with() {
    let _test = isolated();
    let list = Script::new().fails(PriceError::Down).held().succeeds(1);
    let mut before = Box::pin(reset(&list));
    assert!(
        before
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    assert_eq!(
        reset(&list).await,
        Err(Rejected::bulkhead_full("testing.reset").into())
    );

    reset_all();
    assert_eq!(reset(&list).await, Ok(1), "the new bulkhead is empty");
    list.release(1);
    assert_eq!(
        before.await,
        Err(PriceError::Down),
        "it kept its place, and has ended"
    );
    assert_eq!(
        state("testing.reset"),
        Closed,
        "it was a failure of the old breaker"
    );
    let counts = registry()
        .circuit_breaker("testing.reset")
        .unwrap()
        .snapshot()
        .counts;
    assert_eq!((counts.success, counts.failure), (1, 0));
}

#[bulkhead("testing.mistyped")]
async fn mistyped(list: &Script<Answer>) -> Answer {
    list.play().await
}

#[tokio::test(start_paused = true)]
async fn after_reset_all_nobody_has_used_anything() {
    let test = isolated();
    let watch = test.watch("testing.mistyped");
    let list = Script::new().then_always(|_| Ok(1));
    let whats = || -> Vec<_> {
        let events = watch.events();
        events.iter().map(|(_, event)| event.what.name()).collect()
    };
    for _ in 0..2 {
        assert_eq!(mistyped(&list).await, Ok(1));
    }
    assert_eq!(whats(), ["undefined"], "the first call says so, once");
    reset_all();
    assert_eq!(mistyped(&list).await, Ok(1));
    assert_eq!(whats(), ["undefined"; 2], "the first one after it again");
    reset_all();
    let settings = BulkheadPolicy::new().limit(1);
    let name = policy("testing.mistyped");
    name.bulkhead(settings).register().unwrap();
    assert_eq!(mistyped(&list).await, Ok(1));
    assert_eq!(whats(), ["undefined"; 2], "nobody saw it change");
}

// ---- Scripts

#[tokio::test(start_paused = true)]
async fn a_script_is_played_step_by_step_by_several_calls_at_once() {
    let list = Script::<Answer>::new()
        .then_times(2, |run| Ok(u32::try_from(run).unwrap()))
        .after(SECOND)
        .fails(PriceError::Down)
        .held()
        .then_hangs();
    let (one, two) = tokio::join!(list.play(), list.play());
    assert_eq!((one, two), (Ok(1), Ok(2)));
    assert_eq!((list.most_at_once(), list.running()), (2, 0));
    let mut held = Box::pin(list.play());
    let mut hangs = Box::pin(list.play());
    let mut context = Context::from_waker(Waker::noop());
    assert!(held.as_mut().poll(&mut context).is_pending());
    assert!(hangs.as_mut().poll(&mut context).is_pending());
    advance(100 * SECOND).await;
    assert!(hangs.as_mut().poll(&mut context).is_pending());
    assert!(held.as_mut().poll(&mut context).is_pending());
    list.release(1);
    assert_eq!(held.await, Err(PriceError::Down));
    drop(hangs);
    assert_eq!((list.runs(), list.running(), list.dropped()), (4, 0, 1));
    assert_eq!(
        list.starts(),
        [Duration::ZERO, Duration::ZERO, SECOND, SECOND]
    );
    list.assert_finished();
}

#[tokio::test(start_paused = true)]
async fn a_script_that_is_over_says_so() {
    let list = Script::<Answer>::new().succeeds(1);
    let unfinished = message(|| list.assert_finished());
    assert_eq!(
        unfinished,
        "the script is not finished (runs played: 0, left: 1)"
    );
    list.play().await.unwrap();
    list.assert_finished();
    let poll = || {
        Box::pin(list.play())
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
    };
    assert_eq!(
        message(|| drop(poll())),
        "the script has no step for run 2: write it, or end with `then_always(…)`"
    );
    assert_eq!(list.running(), 0);
}

#[test]
fn a_script_that_cannot_be_meant_is_refused() {
    let always = || Script::<Answer>::new().then_always(|_| Ok(1));
    assert!(message(|| drop(always().succeeds(1))).contains("nothing is played after"));
    assert!(message(|| drop(Script::<Answer>::new().held())).contains("write the step first"));
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_script_is_one_of_the_body() {
    let _test = isolated();
    let list = Script::new().then_panics("out of paper").after(SECOND);
    let spawned = tokio::spawn(async move { price(&list).await });
    let panic = spawned.await.unwrap_err().into_panic();
    assert_eq!(*panic.downcast::<String>().unwrap(), "out of paper");
    assert_eq!(
        registry()
            .circuit_breaker("price")
            .unwrap()
            .snapshot()
            .counts
            .failure,
        1
    );
}

// ---- Transitions

#[tokio::test(start_paused = true)]
async fn the_way_of_a_breaker_is_asserted_with_its_rejections_and_retries() {
    let test = isolated();
    let watch = test.watch("price");
    watch.assert_transitions([]);
    watch.assert_never_opened();
    let list = Script::new()
        .then_times(6, |_| Err(PriceError::Down))
        .succeeds(7);
    for _ in 0..3 {
        assert_eq!(price(&list).await, Err(PriceError::Down));
    }
    assert_eq!(
        price(&list).await,
        Err(Rejected::circuit_open("price", 30 * SECOND).into())
    );
    advance(30 * SECOND).await;
    watch.assert_transitions([Open, HalfOpen]);
    assert_eq!(price(&list).await, Ok(7));

    watch.assert_transitions([Open, HalfOpen, Closed]);
    assert_eq!(watch.transitions(), [Open, HalfOpen, Closed]);
    assert_eq!(
        watch.rejections(),
        [Rejected::circuit_open("price", 30 * SECOND)]
    );
    assert_eq!((watch.retries(), watch.fallbacks()), (3, 0));
    list.assert_finished();
}

#[tokio::test(start_paused = true)]
async fn a_wrong_expectation_fails_and_shows_both_ways() {
    let _test = isolated();
    let watch = watch("price");
    let list = Script::new().then_always(|_| Err(PriceError::Down));
    for _ in 0..3 {
        price(&list).await.unwrap_err();
    }
    advance(30 * SECOND).await;
    let way = "
    after 300ms: closed -> open, 3 of the last 3 calls failed (failure_threshold = 3): 3 × transient PriceError
    after 30.3s: open -> half_open, it was open for 30s";
    let expected = "circuit breaker `price` went another way
  expected: open -> closed
    actual: open -> half_open";
    let actual = message(|| watch.assert_transitions([Open, Closed]));
    assert_eq!(actual, format!("{expected}{way}"));
    assert!(message(|| watch.assert_transitions([])).contains("expected: no step"));
    let actual = message(|| watch.assert_never_opened());
    assert_eq!(actual, format!("circuit breaker `price` opened{way}"));
}

#[tokio::test(start_paused = true)]
async fn a_watch_loses_nothing_where_a_subscription_would() {
    let _test = isolated();
    let (watch, mut events) = (watch("price"), registry().events());
    registry()
        .circuit_breaker("price")
        .unwrap()
        .force_open("a drill");
    let list = Script::new();
    for _ in 0..2 * resilient::EVENT_CAPACITY {
        price(&list).await.unwrap_err();
    }
    assert_eq!(watch.rejections().len(), 2 * resilient::EVENT_CAPACITY);
    assert_eq!(watch.transitions(), [ForcedOpen]);
    message(|| watch.assert_never_opened());
    while events.try_next().is_some() {}
    assert!(events.missed() > 0);
}

#[test]
fn a_name_that_is_written_wrong_is_no_watch_under_which_nothing_happens() {
    let test = isolated();
    let unknown = message(|| drop(test.watch("prize")));
    assert!(
        unknown.starts_with("no policy is called `prize`; there are: "),
        "{unknown}"
    );
    assert!(unknown.contains("`price`"), "{unknown}");
    message(|| drop(watch("prize")));
    assert!(
        !names(&registry().snapshot()).contains(&"prize"),
        "no look-up creates a policy"
    );
}

// ---- Chaos

#[timeout(1s)]
#[circuit_breaker("testing.chaos", failure_threshold = 2)]
#[retry(2, backoff = fixed(0s), jitter = none)]
async fn shaken(runs: &Script<Answer>) -> Answer {
    runs.play().await
}

fn always_seven() -> Script<Answer> {
    Script::new().then_always(|_| Ok(7))
}

const ALL: Share = Share::percent(100);

#[tokio::test(start_paused = true)]
async fn an_injected_failure_is_a_failure_of_a_body_that_is_not_run() {
    let test = isolated();
    let (breaker, list) = (test.watch("testing.chaos"), always_seven());
    let retry = test.watch("testing::shaken");
    {
        let chaos = chaos("testing.chaos").fail(ALL).start();
        let injected = PriceError::Rejected(Rejected::injected("testing.chaos"));
        assert_eq!(
            injected.to_string(),
            "chaos on `testing.chaos` failed the call"
        );
        for _ in 0..2 {
            assert_eq!(shaken(&list).await, Err(injected.clone()));
        }
        assert_eq!((chaos.runs(), chaos.failed(), chaos.slowed()), (4, 4, 0));
        assert!(chaos.unreachable().is_empty());
    }
    assert_eq!(list.runs(), 0);
    assert_eq!(retry.retries(), 2, "both calls tried again");
    breaker.assert_transitions([Open]);
    let disturbed = |what: &What| matches!(what, What::Disturbed { failed: true, .. });
    let reported = breaker
        .events()
        .iter()
        .filter(|(_, event)| disturbed(&event.what))
        .count();
    assert_eq!(reported, 4);

    registry()
        .circuit_breaker("testing.chaos")
        .unwrap()
        .reset("the test is over");
    assert_eq!(shaken(&list).await, Ok(7), "the switch is off again");
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_cut_off_and_counted_as_one_that_runs() {
    let _test = isolated();
    let list = always_seven();
    let chaos = chaos("testing.chaos").slow(ALL, 2 * SECOND).start();
    let begin = Instant::now();
    let cut_off = PriceError::Rejected(Rejected::timed_out("testing::shaken", SECOND));
    assert_eq!(shaken(&list).await, Err(cut_off));
    assert_eq!((begin.elapsed(), list.runs()), (SECOND, 0));
    assert_eq!((chaos.runs(), chaos.failed(), chaos.slowed()), (1, 0, 1));
    let counts = registry()
        .circuit_breaker("testing.chaos")
        .unwrap()
        .snapshot()
        .counts;
    assert_eq!(
        (counts.failure, counts.abandoned),
        (1, 0),
        "the body was running"
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_answers_after_its_delay() {
    let _test = isolated();
    let list = always_seven();
    let _chaos = chaos("testing::shaken").slow(ALL, SECOND / 2).start();
    assert_eq!(shaken(&list).await, Ok(7));
    assert_eq!(list.starts(), [SECOND / 2]);
}

/// Which of so many calls fail under a switch with this seed.
async fn failures(share: Share, seed: u64) -> Vec<usize> {
    let _test = isolated();
    let settings = CircuitBreakerPolicy::new().enabled(false);
    policy("testing.chaos")
        .circuit_breaker(settings)
        .register()
        .unwrap();
    policy("testing::shaken")
        .retry(RetryPolicy::new().attempts(1))
        .register()
        .unwrap();
    let list = always_seven();
    let _chaos = chaos("testing.chaos").fail(share).seed(seed).start();
    let mut failed = Vec::new();
    for call in 0..1000 {
        if shaken(&list).await.is_err() {
            failed.push(call);
        }
    }
    failed
}

#[tokio::test(start_paused = true)]
async fn decisions_follow_the_seed_and_hit_about_the_share() {
    let fifth = failures(Share::percent(20), 7).await;
    assert!((150..250).contains(&fifth.len()), "{}", fifth.len());
    assert_eq!(fifth, failures(Share::percent(20), 7).await);
    assert_ne!(fifth, failures(Share::percent(20), 8).await);
    let half = failures(Share::percent(50), 7).await;
    assert!(
        fifth.iter().all(|call| half.contains(call)),
        "a larger share adds to the failures"
    );
    assert!(failures(Share::percent(0), 7).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn chaos_stays_in_its_registry() {
    let _test = isolated();
    let chaos = chaos("testing.chaos").fail(ALL).start();
    {
        let _other = isolated();
        assert_eq!(shaken(&always_seven()).await, Ok(7));
    }
    assert_eq!(chaos.runs(), 0);
    assert!(shaken(&always_seven()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn two_switches_act_together() {
    let _test = isolated();
    let list = always_seven();
    let fail = chaos("testing.chaos").fail(ALL).start();
    let slow = chaos("testing::shaken").slow(ALL, SECOND / 8).start();
    let begin = Instant::now();
    assert!(shaken(&list).await.is_err());
    assert_eq!(begin.elapsed(), SECOND / 4, "two attempts");
    assert_eq!((fail.failed(), slow.slowed()), (2, 2));
}

// Stacks in which nothing refuses.

#[retry("testing.no refusals", 2)]
async fn only_retried(list: &Script<Result<u32, &'static str>>) -> Result<u32, &'static str> {
    list.play().await
}

const fn lost(_: Rejected) -> &'static str {
    "lost"
}

#[retry("testing.a way out", 1, map_err = lost)]
async fn with_a_way_out(list: &Script<Result<u32, &'static str>>) -> Result<u32, &'static str> {
    list.play().await
}

#[fallback("testing.no refusals", |error| Ok(u32::try_from(error.len()).unwrap_or(0)))]
#[retry(1)]
async fn sees_the_error(list: &Script<Result<u32, &'static str>>) -> Result<u32, &'static str> {
    list.play().await
}

#[timeout(1s)]
#[fallback("testing.mixed", |_error| Ok(2))]
#[retry(1)]
async fn fallback_below_a_timeout(list: &Script<Answer>) -> Answer {
    list.play().await
}

#[timeout("testing.mixed", 1s)]
async fn mixed(list: &Script<Answer>) -> Answer {
    list.play().await
}

#[fallback("testing.cannot fail", value = 1)]
#[retry(2, backoff = fixed(0s))]
async fn cannot_fail() -> u32 {
    7
}

#[fallback("testing.cannot fail", value = 1)]
#[rate_limit(10/s)]
async fn cannot_fail_either() -> u32 {
    7
}

#[tokio::test(start_paused = true)]
async fn where_no_refusal_finds_a_way_out_a_body_is_slowed_alone() {
    let _test = isolated();
    let list = || Script::new().then_always(|_| Ok(7));
    let only_slow = chaos("testing.no refusals").slow(ALL, SECOND).start();
    let functions = ["testing::only_retried", "testing::sees_the_error"];
    assert_eq!(only_slow.unreachable(), functions);
    let begin = Instant::now();
    assert_eq!(only_retried(&list()).await, Ok(7));
    assert_eq!(sees_the_error(&list()).await, Ok(7));
    assert_eq!((begin.elapsed(), only_slow.slowed()), (2 * SECOND, 2));

    let told = message(|| drop(chaos("testing.no refusals").fail(ALL).start()));
    assert!(told.contains("no way to make testing::only_retried, testing::sees_the_error fail"));
}

#[tokio::test(start_paused = true)]
async fn where_a_refusal_finds_a_way_out_a_body_fails() {
    let _test = isolated();
    let list = Script::new();
    let _chaos = chaos("testing.a way out").fail(ALL).start();
    assert_eq!(with_a_way_out(&list).await, Err("lost"));

    let chaos_on_values = chaos("testing.cannot fail").fail(ALL).start();
    assert_eq!((cannot_fail().await, cannot_fail_either().await), (1, 1));
    assert_eq!(chaos_on_values.failed(), 3);

    let mixture = chaos("testing.mixed").fail(ALL).start();
    assert_eq!(mixture.unreachable(), ["testing::fallback_below_a_timeout"]);
    let ok = always_seven();
    assert_eq!(
        fallback_below_a_timeout(&ok).await,
        Ok(7),
        "its fallback has no error to see"
    );
    let injected = Rejected::injected("testing.mixed");
    assert_eq!(mixed(&ok).await, Err(injected.into()));
    assert_eq!((mixture.runs(), mixture.failed()), (2, 1));
}

#[test]
fn chaos_on_a_name_that_no_function_has_is_refused() {
    let told = message(|| drop(chaos("testing.chaso").fail(ALL).start()));
    assert!(told.starts_with("no annotated function has a policy called `testing.chaso`"));
    assert!(told.contains("`testing.chaos`"), "{told}");
}

#[retry("testing.outer", 3, backoff = fixed(0s))]
async fn outer(list: &Script<Answer>) -> Answer {
    shaken(list).await
}

#[tokio::test(start_paused = true)]
async fn an_injected_failure_of_another_function_is_retried_as_any_failure() {
    let test = isolated();
    let watch = test.watch("testing.outer");
    let list = always_seven();
    let _chaos = chaos("testing.chaos").fail(ALL).start();
    let refused = outer(&list).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("circuit breaker `testing.chaos` is open")
    );
    assert_eq!(
        watch.retries(),
        2,
        "two injected failures, then the breaker is open for too long"
    );
}

#[test]
fn an_injected_failure_says_what_it_is() {
    let injected = Rejected::injected("pricing");
    assert_eq!(injected.name(), "injected");
    assert_eq!(
        (injected.retry_after(), injected.was_begun()),
        (None, false)
    );
    assert_eq!(injected.class(), Class::Transient);
    assert_eq!(
        std::io::Error::from(injected).kind(),
        std::io::ErrorKind::Other
    );
}

mod what_is_kept_beside_the_registry {
    use super::*;
    use resilient::{BulkheadPolicy, fallback, policy, registry};

    #[fallback("testing.kept", stale = 1h, key = "all")]
    async fn kept(answer: Option<u32>) -> Result<u32, Rejected> {
        answer.ok_or_else(|| Rejected::bulkhead_full("testing.kept.inner"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_good_answer_is_kept_for_its_own_registry_until_that_begins_anew() {
        {
            let _test = isolated();
            assert_eq!(kept(Some(7)).await.ok(), Some(7));
            assert_eq!(kept(None).await.ok(), Some(7), "the last good answer");
            reset_all();
            assert!(kept(None).await.is_err(), "it has begun anew");
            assert_eq!(kept(Some(8)).await.ok(), Some(8));
        }
        let _other = isolated();
        assert!(kept(None).await.is_err(), "another test");
    }

    #[test]
    fn policies_that_are_switched_off_together_are_on_again_after_reset_all() {
        let _test = isolated();
        registry().disable_all("a drill");
        reset_all();
        assert_eq!(registry().all_disabled(), None);
        policy("testing.later")
            .bulkhead(BulkheadPolicy::new().limit(1))
            .register()
            .unwrap();
        assert_all_are(true);
    }

    #[test]
    fn whoever_switches_all_policies_last_has_switched_all_of_them() {
        let test = isolated();
        for number in 0..100 {
            let name = format!("testing.switched.{number}");
            policy(name)
                .bulkhead(BulkheadPolicy::new().limit(1))
                .register()
                .unwrap();
        }
        let on_a_thread_of_its_own = |switch: fn()| {
            let switched = test.scope(async move { switch() });
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap();
            std::thread::spawn(move || runtime.block_on(switched))
        };
        for _ in 0..20 {
            let threads = [
                on_a_thread_of_its_own(|| registry().disable_all("a drill")),
                on_a_thread_of_its_own(|| registry().enable_all("it is over")),
            ];
            for thread in threads {
                thread.join().unwrap();
            }
            let is_on = registry().all_disabled().is_none();
            assert_all_are(is_on);
        }
    }

    /// But for those of pipelines that nobody defines, which are off by themselves.
    fn assert_all_are(on: bool) {
        for policy in registry().snapshot().policies {
            let mut settings = policy.settings.into_iter();
            let enabled = settings.find(|setting| setting.key == "enabled").unwrap();
            let is_on = on && !policy.lets_through;
            assert_eq!(
                enabled.value,
                Some(resilient::Value::Flag(is_on)),
                "{}",
                policy.name
            );
        }
    }
}
