//! Retry budgets, and the hook before each extra attempt, through the attributes.

use resilient::{
    BudgetSnapshot, LivePolicy, LiveSnapshot, Rejected, RetryPolicy, Share, bulkhead,
    circuit_breaker, policy, registry, retry, timeout,
};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

type Answer = Result<u32, &'static str>;

fn budget(name: &str) -> BudgetSnapshot {
    budget_of(name).expect("it has a budget")
}

fn budget_of(name: &str) -> Option<BudgetSnapshot> {
    let retry = registry().retry(name).expect("it is mentioned");
    match retry.snapshot() {
        LiveSnapshot::Retry(snapshot) => snapshot.budget,
        other => panic!("no retry: {other:?}"),
    }
}

/// How often it was reported that the budget is spent. A subscription might have lost some of it in
/// the events of the tests beside; what is watched for tests is kept.
#[cfg(feature = "testing")]
fn told_that_it_is_spent(watch: &resilient::testing::Watch) -> usize {
    use resilient::What;
    let spent = |what: &What| {
        matches!(
            what,
            What::GaveUp {
                reason: "retry budget spent",
                ..
            }
        )
    };
    let events = watch.events();
    events
        .iter()
        .filter(|(_, event)| spent(&event.what))
        .count()
}

#[retry("budget.outage", 3, backoff = fixed(0s), budget = 20%)]
async fn outage(runs: &Cell<u32>, fails: bool) -> Answer {
    runs.set(runs.get() + 1);
    if fails { Err("down") } else { Ok(1) }
}

#[tokio::test(start_paused = true)]
async fn an_outage_costs_a_fifth_more_calls_instead_of_three_times_as_many() {
    let runs = Cell::new(0);
    for _ in 0..900 {
        assert_eq!(outage(&runs, false).await, Ok(1));
    }
    assert_eq!(budget("budget.outage").left, 180);
    for _ in 0..100 {
        assert_eq!(outage(&runs, true).await, Err("down"));
    }
    assert_eq!(runs.get(), 1_000 + 200);
    #[cfg(feature = "testing")]
    let watch = resilient::testing::watch("budget.outage");
    assert_eq!(outage(&runs, true).await, Err("down"), "its own last error");
    assert_eq!(runs.get(), 1_001 + 200, "and no attempt after the first");
    #[cfg(feature = "testing")]
    assert_eq!(told_that_it_is_spent(&watch), 1);
    let spent = budget("budget.outage");
    assert_eq!((spent.calls, spent.used, spent.left), (1_001, 200, 0));
    assert_eq!((spent.name, spent.share), (None, Share::percent(20)));
    tokio::time::advance(Duration::from_millis(10_100)).await;
    let fresh = budget("budget.outage");
    assert_eq!((fresh.calls, fresh.used, fresh.left), (0, 0, 30));
    assert_eq!(outage(&runs, true).await, Err("down"));
    assert_eq!(runs.get(), 1_204, "there are three a second again");
}

#[retry("budget.waits", 2, backoff = fixed(1h), jitter = none, budget = 20%)]
async fn waits(began: &AtomicU32) -> Answer {
    began.fetch_add(1, Ordering::Relaxed);
    Err("down")
}

#[tokio::test(start_paused = true)]
async fn attempts_that_wait_hold_their_place_and_a_dropped_call_gives_it_back() {
    static BEGAN: AtomicU32 = AtomicU32::new(0);
    let began = || BEGAN.load(Ordering::Relaxed);
    let mut calls = JoinSet::new();
    for _ in 0..40 {
        calls.spawn(waits(&BEGAN));
    }
    for _ in 0..10 {
        assert_eq!(calls.join_next().await.unwrap().unwrap(), Err("down"));
    }
    assert_eq!(began(), 40);
    assert_eq!(budget("budget.waits").used, 30);
    tokio::time::advance(Duration::from_secs(1_800)).await;
    assert_eq!(waits(&BEGAN).await, Err("down"), "all thirty still wait");
    assert_eq!(began(), 41);
    calls.shutdown().await;
    let left = budget("budget.waits");
    assert_eq!((left.used, left.left), (0, 30));
    assert_eq!(waits(&BEGAN).await, Err("down"));
    assert_eq!(began(), 43, "and its second attempt stays counted");
    assert_eq!(budget("budget.waits").used, 1);
}

#[retry("budget.reader", 2, backoff = fixed(0s), budget("budget.gateway", 100%))]
async fn read(fails: bool) -> Answer {
    if fails { Err("down") } else { Ok(1) }
}

#[retry("budget.writer", 9, backoff = fixed(0s), budget = budget("budget.gateway", 50%))]
async fn write(fails: bool) -> Answer {
    if fails { Err("down") } else { Ok(1) }
}

#[tokio::test(start_paused = true)]
async fn policies_that_name_a_budget_share_it_and_each_goes_by_its_own_share() {
    // It looks at all budgets, and those of the tests beside have clocks of their own.
    #[cfg(feature = "testing")]
    let _test = resilient::testing::isolated();
    for _ in 0..100 {
        assert_eq!(read(false).await, Ok(1));
    }
    assert_eq!(
        (budget("budget.reader").left, budget("budget.writer").left),
        (100, 50)
    );
    for _ in 0..100 {
        assert_eq!(write(true).await, Err("down"));
    }
    let (reader, writer) = (budget("budget.reader"), budget("budget.writer"));
    assert_eq!((reader.calls, reader.used, reader.left), (200, 100, 100));
    assert_eq!((writer.calls, writer.used, writer.left), (200, 100, 0));
    assert_eq!(writer.name, Some("budget.gateway"));
    assert_eq!(read(true).await, Err("down"));
    assert_eq!(
        budget("budget.reader").used,
        101,
        "the larger share has something left"
    );
    let shown = registry().snapshot().to_string();
    assert!(
        shown.contains("budget `budget.gateway` 50%: 101 used, 0 left"),
        "{shown}"
    );
}

#[retry("budget.many", 4, backoff = fixed(0s), budget = 10%)]
async fn many(began: &AtomicU32) -> Answer {
    began.fetch_add(1, Ordering::Relaxed);
    Err("down")
}

#[test]
fn many_threads_together_keep_to_the_share() {
    const CALLS: u32 = 20_000;
    let began = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .expect("a runtime");
                runtime.block_on(async {
                    for _ in 0..CALLS / 10 {
                        assert_eq!(many(&began).await, Err("down"));
                    }
                });
            });
        }
    });
    let extra = began.into_inner() - CALLS;
    assert!(extra <= CALLS / 10, "{extra} of {CALLS}");
    assert!(extra >= 30, "{extra}");
}

#[retry("budget.none", 3, backoff = fixed(0s))]
async fn without(runs: &Cell<u32>) -> Answer {
    runs.set(runs.get() + 1);
    Err("down")
}

#[retry("budget.in code", 3, backoff = fixed(0s), budget = 20%)]
async fn in_code(runs: &Cell<u32>) -> Answer {
    runs.set(runs.get() + 1);
    Err("down")
}

#[tokio::test(start_paused = true)]
async fn without_a_budget_nothing_is_limited_and_code_may_switch_it_off() {
    let runs = Cell::new(0);
    for _ in 0..100 {
        assert_eq!(without(&runs).await, Err("down"));
    }
    assert_eq!(runs.get(), 300);
    assert_eq!(budget_of("budget.none"), None);

    let off = RetryPolicy::new().enabled(false);
    policy("budget.in code").retry(off).register().unwrap();
    assert_eq!(in_code(&runs).await, Err("down"));
    assert_eq!(runs.get(), 301);
    assert_eq!(budget_of("budget.in code"), None);
}

#[test]
fn the_settings_show_a_budget_as_it_was_written() {
    const RETRY: resilient::Kind = resilient::Kind::new("retry");
    let shown = |name| {
        let settings = registry().policy_snapshot(RETRY, name).unwrap().settings;
        let setting = settings.into_iter().find(|setting| setting.key == "budget");
        setting.unwrap().value.map(|value| value.to_string())
    };
    assert_eq!(shown("budget.outage").as_deref(), Some("20%"));
    let shared = shown("budget.reader");
    assert_eq!(shared.as_deref(), Some("budget(\"budget.gateway\", 100%)"));
    assert_eq!(shown("budget.none"), None);
}

const ATTEMPTS: u32 = 3;

#[retry(ATTEMPTS, backoff = fixed(1s), jitter = none, before = |attempt| log.borrow_mut().push(format!("before {attempt}")))]
async fn told(log: &RefCell<Vec<String>>) -> Answer {
    log.borrow_mut().push("body".to_owned());
    Err("down")
}

#[tokio::test(start_paused = true)]
async fn the_hook_is_called_after_the_delay_and_before_each_attempt_but_the_first() {
    let log = RefCell::default();
    let begin = tokio::time::Instant::now();
    let early = tokio::time::timeout(Duration::from_millis(999), told(&log)).await;
    assert!(early.is_err());
    assert_eq!(log.take(), ["body"], "not before its delay is over");
    assert_eq!(told(&log).await, Err("down"));
    assert_eq!(log.take(), ["body", "before 2", "body", "before 3", "body"]);
    assert_eq!(begin.elapsed().as_secs(), 2);
}

static RECONNECTS: AtomicU32 = AtomicU32::new(0);

fn reconnect(attempt: u32) {
    RECONNECTS.fetch_add(attempt, Ordering::Relaxed);
}

#[retry(2, backoff = fixed(1ms), before = reconnect)]
async fn sent_elsewhere(moved: String) -> Result<usize, String> {
    if moved.is_empty() { Ok(0) } else { Err(moved) }
}

#[tokio::test(start_paused = true)]
async fn a_hook_may_be_a_path_and_holds_nothing_that_stops_a_call_from_being_sent() {
    let call = tokio::spawn(sent_elsewhere("down".to_owned()));
    assert_eq!(call.await.unwrap(), Err("down".to_owned()));
    assert_eq!(RECONNECTS.load(Ordering::Relaxed), 2);
    assert_eq!(sent_elsewhere(String::new()).await, Ok(0));
    assert_eq!(RECONNECTS.load(Ordering::Relaxed), 2);
}

#[circuit_breaker("budget.hook", failure_threshold = 1)]
#[retry(2, backoff = fixed(1ms), before = |_| panic!("in the hook"))]
#[timeout(1s)]
#[bulkhead(3)]
async fn panics() -> Result<(), Rejected> {
    Err(Rejected::rate_limited("x", Duration::ZERO))
}

#[test]
fn a_hook_that_panics_is_a_failure_like_any_other_panic_of_the_function() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let panicked = catch_unwind(AssertUnwindSafe(|| runtime.block_on(panics())));
    assert!(panicked.is_err());
    let breaker = registry().circuit_breaker("budget.hook").unwrap();
    assert_eq!(breaker.state().to_string(), "open");
}
