//! What is around the policies fails too: the user's own code, the runtime, the clock.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use resilient::{
    BulkheadPolicy, BulkheadSnapshot, CircuitBreakerCounts, Class, Classify, LivePolicy,
    LiveSnapshot, Rejected, bulkhead, circuit_breaker, fallback, rate_limit, registry, retry,
    timeout,
};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

// ---- One function that runs code of the user in every place there is

thread_local! {
    /// Where the user's code goes wrong on this thread, and how.
    static FAULT: RefCell<Option<(&'static str, Fault)>> = const { RefCell::new(None) };
}

enum Fault {
    Panic,
    /// Says that it was reached, then stands still until it is told to go on.
    Block(Sender<()>, Receiver<()>),
}

/// The user's code at `place`.
fn at(place: &'static str) {
    // Taken out: it happens once, and not again in the calls that follow.
    let fault = FAULT.with_borrow_mut(|fault| fault.take_if(|(name, _)| *name == place));
    match fault {
        None => {}
        Some((_, Fault::Panic)) => panic!("{place}"),
        Some((_, Fault::Block(reached, go_on))) => {
            reached.send(()).unwrap();
            go_on.recv_timeout(PATIENCE).unwrap();
        }
    }
}

#[derive(Debug)]
enum Error {
    Failed,
    Rejected(Rejected),
}

impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        at("from a refusal");
        Self::Rejected(rejected)
    }
}

impl Classify for Error {
    fn class(&self) -> Class {
        at("class");
        Class::Transient
    }

    fn rejected(&self) -> Option<&Rejected> {
        match self {
            Self::Failed => None,
            Self::Rejected(rejected) => Some(rejected),
        }
    }
}

type Answer = Result<u32, Error>;

/// An argument that the body moves: a retry clones it.
struct Order;

impl Clone for Order {
    fn clone(&self) -> Self {
        at("clone of an argument");
        Self
    }
}

impl Drop for Order {
    fn drop(&mut self) {
        // A panic in a destructor while another one unwinds aborts: that is not ours to mend.
        if !thread::panicking() {
            at("drop of an argument");
        }
    }
}

fn one(place: &'static str) -> u32 {
    at(place);
    1
}

fn is(answer: bool, place: &'static str) -> bool {
    at(place);
    answer
}

#[fallback(|_| { at("fallback"); Ok(7) }, when = |_| is(true, "fallback: when"), may_fail)]
#[circuit_breaker(
    "faults",
    failure_threshold = 1000,
    key = one("breaker: key"),
    when = |_| is(true, "breaker: when"),
    when_ok = |_| is(false, "breaker: when_ok")
)]
#[rate_limit("faults", 1_000_000/s, key = one("rate limit: key"), cost = one("rate limit: cost"))]
#[retry(
    "faults",
    3,
    backoff = |_| { at("retry: backoff"); Duration::ZERO },
    jitter = none,
    unless = |_| is(false, "retry: unless"),
    when_ok = |_| is(false, "retry: when_ok"),
    before = |_| at("retry: before"),
    attempt = cx,
    idempotency_key = one("retry: idempotency key")
)]
#[timeout("faults", || { at("timeout: duration"); Duration::from_secs(3600) })]
#[bulkhead("faults", 8, key = one("bulkhead: key"), cost = one("bulkhead: cost"))]
async fn everything(order: Order, fails: u32) -> Answer {
    at("body");
    drop(order);
    if cx.number() <= fails {
        return Err(Error::Failed);
    }
    Ok(cx.number())
}

/// Each place, how many attempts fail on the way to it, and whether the breaker has admitted the call
/// before.
const PLACES: [(&str, u32, bool); 19] = [
    ("breaker: key", 0, false),
    ("rate limit: key", 0, true),
    ("rate limit: cost", 0, true),
    ("retry: idempotency key", 0, true),
    ("timeout: duration", 0, true),
    ("bulkhead: key", 0, true),
    ("bulkhead: cost", 0, true),
    ("clone of an argument", 0, true),
    ("body", 0, true),
    ("drop of an argument", 0, true),
    ("class", 1, true),
    ("retry: unless", 1, true),
    ("retry: backoff", 1, true),
    ("retry: before", 1, true),
    ("retry: when_ok", 0, true),
    ("breaker: when_ok", 0, true),
    ("breaker: when", 9, true),
    ("fallback: when", 9, true),
    ("fallback", 9, true),
];

fn counts(name: &str) -> CircuitBreakerCounts {
    registry().circuit_breaker(name).unwrap().snapshot().counts
}

fn places(name: &str) -> BulkheadSnapshot {
    match registry().bulkhead(name).unwrap().snapshot() {
        LiveSnapshot::Bulkhead(snapshot) => snapshot,
        other => panic!("{other:?}"),
    }
}

/// How many places all instances of a bulkhead have taken, the overflow excepted.
fn inside_with_keys(name: &str) -> u32 {
    let keys = registry().bulkhead(name).unwrap().key_snapshots();
    keys.iter().map(|(_, snapshot)| snapshot.inside).sum()
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// What a call is told that never has to wait.
fn at_once<F: Future>(call: F) -> F::Output {
    match poll_once(pin!(call)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

fn set(place: &'static str, fault: Fault) {
    FAULT.with_borrow_mut(|set| *set = Some((place, fault)));
}

/// The policies belong to all tests of this file that call `everything`: one at a time counts them.
static EVERYTHING: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn a_panic_in_any_place_reaches_the_caller_is_one_failure_and_holds_nothing() {
    let _alone = EVERYTHING.lock().unwrap();
    for (place, fails, is_admitted) in PLACES {
        let before = registry()
            .circuit_breaker("faults")
            .map(|_| counts("faults"));
        set(place, Fault::Panic);
        let caught = catch_unwind(AssertUnwindSafe(|| at_once(everything(Order, fails))));
        let said = caught
            .err()
            .unwrap_or_else(|| panic!("{place} is never reached"));
        assert_eq!(*said.downcast::<String>().unwrap(), place, "its own panic");
        assert_eq!(inside_with_keys("faults"), 0, "{place}");
        let (before, after) = (before.unwrap_or_default(), counts("faults"));
        assert_eq!(
            (after.failure - before.failure, after.abandoned),
            (u64::from(is_admitted), 0),
            "{place}"
        );
        assert_eq!(at_once(everything(Order, 0)).unwrap(), 1, "after {place}");
        assert_eq!(at_once(everything(Order, 2)).unwrap(), 3, "after {place}");
        assert_eq!(at_once(everything(Order, 9)).unwrap(), 7, "after {place}");
    }
}

#[test]
fn no_lock_is_held_while_the_users_code_stands_still_in_any_place() {
    let _alone = EVERYTHING
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    for (place, fails, _) in PLACES {
        let ((reached, is_reached), (go_on, may_go_on)) = (channel(), channel());
        let blocked = thread::spawn(move || {
            set(place, Fault::Block(reached, may_go_on));
            at_once(everything(Order, fails)).unwrap()
        });
        is_reached
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| panic!("{place} is never reached"));
        let (done, is_done) = channel();
        let others = thread::spawn(move || {
            for fails in [0, 1, 9] {
                at_once(everything(Order, fails)).unwrap();
            }
            let _ = (registry().snapshot(), registry().validate());
            let wider = BulkheadPolicy::new().limit(9);
            registry().reconfigure("faults", wider, "a drill").unwrap();
            let breaker = registry().circuit_breaker("faults").unwrap();
            breaker.force_open("a drill");
            breaker.reset("the drill is over");
            done.send(()).unwrap();
        });
        is_done
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| panic!("somebody waits for {place}"));
        others.join().unwrap();
        go_on.send(()).unwrap();
        assert!(blocked.join().unwrap() > 0, "{place}");
    }
}

#[circuit_breaker("faults.refusal", failure_threshold = 9)]
#[bulkhead("faults.refusal", 1)]
async fn refused(hangs: bool) -> Answer {
    if hangs {
        std::future::pending::<()>().await;
    }
    Ok(1)
}

#[test]
fn a_panic_where_a_refusal_becomes_an_error_reaches_the_caller_and_holds_nothing() {
    let mut first = Box::pin(refused(true));
    assert!(poll_once(first.as_mut()).is_pending());
    set("from a refusal", Fault::Panic);
    let caught = catch_unwind(AssertUnwindSafe(|| at_once(refused(false))));
    assert_eq!(
        *caught.unwrap_err().downcast::<String>().unwrap(),
        "from a refusal"
    );
    assert_eq!(places("faults.refusal").inside, 1, "the first call alone");
    drop(first);
    assert_eq!(at_once(refused(false)).unwrap(), 1);
}

// ---- The log

/// A subscriber of `tracing` in which each event is a place of the user's code.
struct Log;

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        at("log");
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[circuit_breaker("faults.log", failure_threshold = 1, open_for = 1h)]
#[bulkhead("faults.log", 1)]
async fn logged() -> Answer {
    Err(Error::Failed)
}

#[test]
fn a_log_that_panics_takes_no_transition_back_and_holds_nothing() {
    let log = tracing::Dispatch::new(Log);
    set("log", Fault::Panic);
    let caught = tracing::dispatcher::with_default(&log, || {
        catch_unwind(AssertUnwindSafe(|| at_once(logged())))
    });
    assert!(caught.is_err(), "the opening is logged");
    let breaker = registry().circuit_breaker("faults.log").unwrap();
    assert_eq!(breaker.state(), resilient::CircuitBreakerState::Open);
    assert_eq!(places("faults.log").inside, 0);
    assert!(matches!(
        at_once(logged()),
        Err(Error::Rejected(Rejected::CircuitOpen(_)))
    ));
}

// ---- The runtime

#[circuit_breaker("faults.shutdown", failure_threshold = 1)]
#[retry("faults.shutdown", 3)]
#[timeout("faults.shutdown", 1h)]
#[bulkhead("faults.shutdown", 5, queue = 15)]
async fn hangs(hangs: bool) -> Answer {
    if hangs {
        std::future::pending::<()>().await;
    }
    Ok(1)
}

fn two_threads() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn a_runtime_that_shuts_down_abandons_its_calls_and_the_next_one_finds_every_place() {
    let runtime = two_threads();
    for _ in 0..20 {
        runtime.spawn(hangs(true));
    }
    let began = std::time::Instant::now();
    let seen = || {
        registry()
            .bulkhead("faults.shutdown")
            .map(|_| places("faults.shutdown"))
    };
    while seen().is_none_or(|places| (places.inside, places.waiting) != (5, 15)) {
        assert!(began.elapsed() < PATIENCE, "{:?}", seen());
        thread::yield_now();
    }
    runtime.shutdown_timeout(PATIENCE);
    let places = places("faults.shutdown");
    assert_eq!((places.inside, places.waiting), (0, 0));
    let counts = counts("faults.shutdown");
    assert_eq!((counts.abandoned, counts.failure), (20, 0));
    assert_eq!(two_threads().block_on(hangs(false)).unwrap(), 1);
}

#[circuit_breaker("faults.no_timer", failure_threshold = 100)]
#[retry("faults.no_timer", 3, backoff = fixed(0s))]
#[timeout("faults.no_timer", 1h)]
#[bulkhead("faults.no_timer", 1)]
async fn needs_no_timer(fails: &RefCell<u32>, waits: bool) -> Answer {
    if waits {
        tokio::task::yield_now().await;
    }
    if fails.replace_with(|left| left.saturating_sub(1)) > 0 {
        return Err(Error::Failed);
    }
    Ok(1)
}

#[retry("faults.waits", 3, backoff = fixed(1s))]
#[bulkhead("faults.no_timer", 1)]
async fn waits_for_its_delay() -> Answer {
    Err(Error::Failed)
}

#[test]
fn without_a_timer_what_need_not_wait_works_and_the_rest_panics_as_tokio_does() {
    fn message(panic: Box<dyn std::any::Any + Send>) -> String {
        match panic.downcast::<String>() {
            Ok(said) => *said,
            Err(said) => (*said.downcast::<&str>().unwrap()).to_owned(),
        }
    }
    let without_timer = Builder::new_current_thread().build().unwrap();
    let call = |fails: u32| without_timer.block_on(needs_no_timer(&RefCell::new(fails), false));
    assert_eq!(call(0).unwrap(), 1);
    assert_eq!(call(2).unwrap(), 1, "two delays of zero");

    let caught = catch_unwind(AssertUnwindSafe(|| {
        without_timer.block_on(needs_no_timer(&RefCell::new(0), true))
    }));
    let said = message(caught.unwrap_err());
    assert!(said.contains("timers are disabled"), "{said}");
    assert_eq!(places("faults.no_timer").inside, 0);

    let caught = catch_unwind(AssertUnwindSafe(|| {
        without_timer.block_on(waits_for_its_delay())
    }));
    assert!(message(caught.unwrap_err()).contains("timers are disabled"));

    // And without any runtime at all.
    assert_eq!(at_once(needs_no_timer(&RefCell::new(2), false)).unwrap(), 1);
    let caught = catch_unwind(|| at_once(waits_for_its_delay()));
    assert!(message(caught.unwrap_err()).contains("no reactor running"));
    assert_eq!(places("faults.no_timer").inside, 0);
    assert_eq!(call(0).unwrap(), 1, "nothing is broken afterwards");
}

// ---- The clock

#[rate_limit("faults.clock", 10/s, burst = 2)]
async fn limited() -> Answer {
    Ok(1)
}

#[circuit_breaker("faults.clock", failure_rate = 50%, window_time = 10s, min_calls = 4, open_for = 3s)]
#[retry("faults.clock", 100, backoff = fixed(0s), max_elapsed = 1s)]
#[timeout("faults.clock", 1s)]
async fn judged(fails: bool) -> Answer {
    if fails { Err(Error::Failed) } else { Ok(1) }
}

/// Polls until it is ready, while no time passes.
fn in_no_time<F: Future>(call: F) -> F::Output {
    let mut call = pin!(call);
    for _ in 0..1000 {
        if let Poll::Ready(output) = poll_once(call.as_mut()) {
            return output;
        }
    }
    panic!("it waits for time to pass");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_stands_still_neither_gives_nor_takes_anything() {
    let retry_after = |answer: Answer| match answer {
        Err(Error::Rejected(rejected)) => rejected.retry_after(),
        other => panic!("{other:?}"),
    };
    assert!(at_once(limited()).is_ok() && at_once(limited()).is_ok());
    for _ in 0..1000 {
        let wait = retry_after(at_once(limited()));
        assert_eq!(wait, Some(Duration::from_millis(100)));
    }
    // The breaker may have been declared by a test whose clock was a little ahead of this one.
    tokio::time::advance(Duration::from_secs(1)).await;
    // A retry without delays ends by its attempts, not by the time that never passes.
    for _ in 0..2 {
        assert!(in_no_time(judged(false)).is_ok());
        assert!(matches!(in_no_time(judged(true)), Err(Error::Failed)));
    }
    let breaker = registry().circuit_breaker("faults.clock").unwrap();
    assert_eq!(breaker.state(), resilient::CircuitBreakerState::Open);
    for _ in 0..1000 {
        let wait = retry_after(at_once(judged(false)));
        assert_eq!(
            wait,
            Some(Duration::from_secs(3)),
            "it never turns half-open"
        );
    }
}

// ---- Keys

#[bulkhead("faults.evicted", 2, key = key, max_keys = 1)]
async fn for_one_key(key: &'static str, hangs: bool) -> Answer {
    if hangs {
        std::future::pending::<()>().await;
    }
    Ok(1)
}

#[test]
fn an_instance_that_is_used_is_not_evicted_whoever_asks_for_its_room() {
    let mut first = Box::pin(for_one_key("ada", true));
    assert!(poll_once(first.as_mut()).is_pending());
    for key in ["bob", "cyd", "dan"] {
        assert_eq!(at_once(for_one_key(key, false)).unwrap(), 1);
    }
    let mut second = Box::pin(for_one_key("ada", true));
    assert!(poll_once(second.as_mut()).is_pending());
    assert!(
        matches!(
            at_once(for_one_key("ada", false)),
            Err(Error::Rejected(Rejected::BulkheadFull(_)))
        ),
        "its two places are still counted together"
    );
    assert_eq!(inside_with_keys("faults.evicted"), 2);
    drop((first, second));
    assert_eq!(inside_with_keys("faults.evicted"), 0);
    assert_eq!(at_once(for_one_key("bob", false)).unwrap(), 1);
}
