//! A call may end at any of its waits: dropped, cut off by somebody further out, or by a panic. For
//! every order of the policies, afterwards nothing is held and nothing runs.

use resilient::{
    Bulkhead, CircuitBreaker, LivePolicy, LiveSnapshot, RateLimiter, Rejected, bulkhead,
    circuit_breaker, fallback, hedge, rate_limit, registry, resilient, retry, timeout,
};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::{advance, sleep};

#[derive(Debug, PartialEq, thiserror::Error)]
enum Error {
    #[error("the callee failed")]
    Failed,
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

type Answer = Result<u32, Error>;
type Call<'a> = Pin<Box<dyn Future<Output = Answer> + 'a>>;

const fn ms(milli: u64) -> Duration {
    Duration::from_millis(milli)
}

// ---- The body

/// What bodies have done, in all calls of one function.
#[derive(Default)]
struct World {
    /// Calls that were polled at least once.
    polled: Cell<u64>,
    /// Bodies that have begun.
    begun: Cell<u64>,
    /// Locals of bodies and fallbacks that are there now.
    alive: Cell<u64>,
    /// Where a body or a fallback may wait next, counted from the beginning of the trial.
    point: Cell<u64>,
    panics_at: Cell<Option<u64>>,
}

fn add(count: &Cell<u64>) -> u64 {
    count.set(count.get() + 1);
    count.get()
}

struct Local<'a>(&'a World);

impl<'a> Local<'a> {
    fn new(world: &'a World) -> Self {
        add(&world.alive);
        Self(world)
    }
}

impl Drop for Local<'_> {
    fn drop(&mut self) {
        let left = self.0.alive.get().checked_sub(1);
        self.0.alive.set(left.expect("each is dropped once"));
    }
}

impl World {
    fn point(&self) {
        let point = add(&self.point);
        if self.panics_at.get() == Some(point) {
            resume_unwind(Box::new("somebody panics"));
        }
    }

    /// Waits twice, in two ways, and may panic before, between and after.
    async fn waits(&self) {
        self.point();
        tokio::task::yield_now().await;
        self.point();
        sleep(ms(1)).await;
        self.point();
    }
}

/// Two of three runs fail.
async fn run(world: &World) -> Answer {
    let run = add(&world.begun);
    let _local = Local::new(world);
    world.waits().await;
    if run.is_multiple_of(3) {
        Ok(1)
    } else {
        Err(Error::Failed)
    }
}

async fn stand_in(world: &World) -> Answer {
    let _local = Local::new(world);
    world.waits().await;
    Ok(2)
}

thread_local! {
    static TRIAL: Cell<u64> = const { Cell::new(0) };
}

/// The key of both calls of a trial, another one in the next.
fn this_trial() -> u64 {
    TRIAL.get()
}

#[timeout(|| length)]
async fn cut_after(length: Duration, call: Call<'_>) -> Answer {
    call.await
}

// ---- Every order

/// Makes one function with this stack, and its test.
macro_rules! stack {
    ($([$($attribute:tt)*])*) => {
        use super::*;

        $(#[$($attribute)*])*
        async fn call(world: &World) -> Answer {
            run(world).await
        }

        #[tokio::test(start_paused = true)]
        async fn however_a_call_ends_nothing_is_held() {
            check(concat!(module_path!(), "::call"), &|world| Box::pin(call(world))).await;
        }
    };
}

/// Each of these policies alone.
macro_rules! alone {
    ($($name:ident = $attribute:tt;)*) => {
        $(mod $name {
            stack! { $attribute }
        })*
    };
}

/// This policy around each of the others.
macro_rules! around {
    ($outer:ident = $outermost:tt; $($name:ident = $attribute:tt;)*) => {
        mod $outer {
            use super::*;

            $(mod $name {
                stack! { $outermost $attribute }
            })*
        }
    };
}

alone! {
    only_timeout = [timeout(50ms)];
    only_breaker = [circuit_breaker(failure_threshold = 1_000_000)];
    only_half_open = [circuit_breaker(failure_threshold = 1, open_for = 0s, half_open_calls = 2, success_threshold = 1_000_000)];
    only_retry = [retry(3, backoff = fixed(5ms), jitter = none, budget = 100%)];
    only_bulkhead = [bulkhead(1, queue = 1)];
    only_rate_limit = [rate_limit(1/10ms, burst = 1, max_wait = 1h)];
    only_fallback = [fallback(stand_in)];
    only_hedge = [hedge(3ms, max = 2, budget = 100%)];
}

around! {
    timeout_around = [timeout(50ms)];
    timeout = [timeout(5ms)];
    breaker = [circuit_breaker(failure_threshold = 1_000_000)];
    half_open = [circuit_breaker(failure_threshold = 1, open_for = 0s, half_open_calls = 2, success_threshold = 1_000_000)];
    retry = [retry(3, backoff = fixed(5ms), jitter = none, budget = 100%)];
    bulkhead = [bulkhead(1, queue = 1)];
    rate_limit = [rate_limit(1/10ms, burst = 1, max_wait = 1h)];
    hedge = [hedge(3ms, max = 2, budget = 100%)];
    fallback = [fallback(stand_in, may_fail)];
}

around! {
    breaker_around = [circuit_breaker(failure_threshold = 1_000_000)];
    timeout = [timeout(5ms)];
    breaker = [circuit_breaker(failure_threshold = 1_000_000)];
    half_open = [circuit_breaker(failure_threshold = 1, open_for = 0s, half_open_calls = 2, success_threshold = 1_000_000)];
    retry = [retry(3, backoff = fixed(5ms), jitter = none, budget = 100%)];
    bulkhead = [bulkhead(1, queue = 1)];
    rate_limit = [rate_limit(1/10ms, burst = 1, max_wait = 1h)];
    hedge = [hedge(3ms, max = 2, budget = 100%)];
    fallback = [fallback(stand_in, may_fail)];
}

around! {
    half_open_around = [circuit_breaker(failure_threshold = 1, open_for = 0s, half_open_calls = 2, success_threshold = 1_000_000)];
    timeout = [timeout(5ms)];
    breaker = [circuit_breaker(failure_threshold = 1_000_000)];
    retry = [retry(3, backoff = fixed(5ms), jitter = none, budget = 100%)];
    bulkhead = [bulkhead(1, queue = 1)];
    rate_limit = [rate_limit(1/10ms, burst = 1, max_wait = 1h)];
    hedge = [hedge(3ms, max = 2, budget = 100%)];
    fallback = [fallback(stand_in, may_fail)];
}

around! {
    retry_around = [retry(3, backoff = fixed(5ms), jitter = none, budget = 100%)];
    timeout = [timeout(5ms)];
    breaker = [circuit_breaker(failure_threshold = 1_000_000)];
    half_open = [circuit_breaker(failure_threshold = 1, open_for = 0s, half_open_calls = 2, success_threshold = 1_000_000)];
    bulkhead = [bulkhead(1, queue = 1)];
    rate_limit = [rate_limit(1/10ms, burst = 1, max_wait = 1h)];
    hedge = [hedge(3ms, max = 2, budget = 100%)];
    fallback = [fallback(stand_in, may_fail)];
}

around! {
    bulkhead_around = [bulkhead(1, queue = 1)];
    timeout = [timeout(5ms)];
    breaker = [circuit_breaker(failure_threshold = 1_000_000)];
    half_open = [circuit_breaker(failure_threshold = 1, open_for = 0s, half_open_calls = 2, success_threshold = 1_000_000)];
    retry = [retry(3, backoff = fixed(5ms), jitter = none, budget = 100%)];
    bulkhead = [bulkhead(1, queue = 1)];
    rate_limit = [rate_limit(1/10ms, burst = 1, max_wait = 1h)];
    hedge = [hedge(3ms, max = 2, budget = 100%)];
    fallback = [fallback(stand_in, may_fail)];
}

around! {
    rate_limit_around = [rate_limit(1/10ms, burst = 1, max_wait = 1h)];
    timeout = [timeout(5ms)];
    breaker = [circuit_breaker(failure_threshold = 1_000_000)];
    half_open = [circuit_breaker(failure_threshold = 1, open_for = 0s, half_open_calls = 2, success_threshold = 1_000_000)];
    retry = [retry(3, backoff = fixed(5ms), jitter = none, budget = 100%)];
    bulkhead = [bulkhead(1, queue = 1)];
    rate_limit = [rate_limit(1/10ms, burst = 1, max_wait = 1h)];
    hedge = [hedge(3ms, max = 2, budget = 100%)];
    fallback = [fallback(stand_in, may_fail)];
}

around! {
    hedge_around = [hedge(3ms, max = 2, budget = 100%)];
    timeout = [timeout(5ms)];
    breaker = [circuit_breaker(failure_threshold = 1_000_000)];
    half_open = [circuit_breaker(failure_threshold = 1, open_for = 0s, half_open_calls = 2, success_threshold = 1_000_000)];
    retry = [retry(3, backoff = fixed(5ms), jitter = none, budget = 100%)];
    bulkhead = [bulkhead(1, queue = 1)];
    rate_limit = [rate_limit(1/10ms, burst = 1, max_wait = 1h)];
    fallback = [fallback(stand_in, may_fail)];
}

around! {
    fallback_around = [fallback(stand_in)];
    timeout = [timeout(5ms)];
    breaker = [circuit_breaker(failure_threshold = 1_000_000)];
    half_open = [circuit_breaker(failure_threshold = 1, open_for = 0s, half_open_calls = 2, success_threshold = 1_000_000)];
    retry = [retry(3, backoff = fixed(5ms), jitter = none, budget = 100%)];
    bulkhead = [bulkhead(1, queue = 1)];
    rate_limit = [rate_limit(1/10ms, burst = 1, max_wait = 1h)];
    hedge = [hedge(3ms, max = 2, budget = 100%)];
    fallback = [fallback(stand_in, may_fail)];
}

mod by_key {
    use super::*;

    alone! {
        breaker = [circuit_breaker(failure_threshold = 1_000_000, max_keys = 2, key = this_trial())];
        half_open = [circuit_breaker(failure_threshold = 1, open_for = 0s, half_open_calls = 2, success_threshold = 1_000_000, max_keys = 2, key = this_trial())];
        bulkhead = [bulkhead(1, queue = 1, max_keys = 2, key = this_trial())];
        rate_limit = [rate_limit(1/10ms, burst = 1, max_wait = 1h, max_keys = 2, key = this_trial())];
    }

    mod all_of_them {
        stack! {
            [timeout(50ms)]
            [circuit_breaker(failure_threshold = 1_000_000, max_keys = 2, key = this_trial())]
            [retry(3, backoff = fixed(5ms), jitter = none, budget = 100%)]
            [rate_limit(1/2ms, burst = 1, max_wait = 1h, max_keys = 2, key = this_trial())]
            [bulkhead(1, queue = 1, max_keys = 2, key = this_trial())]
        }
    }
}

mod stale {
    use super::*;

    alone! {
        answers = [fallback(stale = 10m, key = this_trial())];
    }

    mod below_another_fallback {
        stack! {
            [fallback(stand_in)]
            [fallback(stale = 10m, key = this_trial())]
        }
    }

    mod around_a_retry_and_a_timeout {
        stack! {
            [fallback(stale = 10m, entries = 2, key = this_trial())]
            [retry(3, backoff = fixed(5ms), jitter = none, budget = 100%)]
            [timeout(5ms)]
        }
    }

    mod around_a_breaker_and_a_hedge {
        stack! {
            [fallback(stand_in)]
            [fallback(stale = 10m, key = this_trial())]
            [circuit_breaker(failure_threshold = 1_000_000)]
            [hedge(3ms, max = 2, budget = 100%)]
        }
    }
}

mod breaker_around_retry_around_bulkhead {
    stack! {
        [circuit_breaker(failure_threshold = 1_000_000)]
        [retry(3, backoff = fixed(5ms), jitter = none, budget = 100%)]
        [bulkhead(1, queue = 1)]
    }
}

mod retry_around_timeout_around_bulkhead {
    stack! {
        [retry(3, backoff = fixed(5ms), jitter = none, budget = 100%)]
        [timeout(2ms)]
        [bulkhead(1, queue = 1)]
    }
}

mod all_of_them {
    stack! {
        [fallback(stand_in)]
        [timeout(50ms)]
        [circuit_breaker(failure_threshold = 1, open_for = 0s, half_open_calls = 2, success_threshold = 1_000_000)]
        [retry(3, backoff = fixed(5ms), jitter = none, budget = 100%)]
        [timeout(10ms)]
        [rate_limit(1/2ms, burst = 1, max_wait = 1h)]
        [bulkhead(1, queue = 1)]
    }
}

mod a_pipeline {
    stack! {
        [resilient("drops.pipeline")]
    }
}

/// Defines the pipeline; it fails where that was done already.
fn define_pipeline() -> Result<(), resilient::RegisterError> {
    use resilient::{
        Backoff, BulkheadPolicy, CircuitBreakerPolicy, Jitter, Rate, RateLimitPolicy, RetryPolicy,
        TimeoutPolicy,
    };
    let retry = RetryPolicy::new()
        .attempts(3)
        .backoff(Backoff::fixed(ms(5)))
        .jitter(Jitter::none());
    resilient::policy("drops.pipeline")
        .timeout(TimeoutPolicy::new().duration(ms(50)))
        .circuit_breaker(CircuitBreakerPolicy::new().failure_threshold(1_000_000))
        .retry(retry)
        .rate_limit(
            RateLimitPolicy::new()
                .rate(Rate::new(1, ms(2)))
                .burst(1)
                .max_wait(ms(60_000)),
        )
        .attempt_timeout(TimeoutPolicy::new().duration(ms(10)))
        .bulkhead(BulkheadPolicy::new().limit(1).queue(1))
        .register()
}

// ---- The check

/// How a trial ends the call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// Dropped after so many polls.
    Dropped(u64),
    /// By a timeout of this length in another annotated function.
    Cut(u64),
    /// By a panic where a body or a fallback may wait, the one with this number.
    Panic(u64),
}

type Subject<'a> = &'a dyn for<'w> Fn(&'w World) -> Call<'w>;

async fn check(function: &str, subject: Subject<'_>) {
    let _ = define_pipeline();
    let world = World::default();
    let mut completed = [false; 3];
    for number in 0..200 {
        let ends = [
            End::Dropped(number),
            End::Cut(number),
            End::Panic(number + 1),
        ];
        for (end, completed) in ends.into_iter().zip(&mut completed) {
            if !*completed {
                *completed = trial(function, subject, &world, end).await;
            }
        }
        if completed == [true; 3] {
            assert!(number > 2, "there is something to wait for");
            return;
        }
    }
    panic!("{function} never ends");
}

fn poll(call: &mut Call<'_>) -> Result<Poll<Answer>, ()> {
    let mut context = Context::from_waker(Waker::noop());
    catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(&mut context))).map_err(drop)
}

/// Two calls run beside each other, so that one has to wait for what the other has; the second is
/// ended, and then the first. True if the second came to its own end before.
async fn trial(function: &str, subject: Subject<'_>, world: &World, end: End) -> bool {
    world.point.set(0);
    TRIAL.set((TRIAL.get() + 1) % 5);
    world.panics_at.set(match end {
        End::Panic(point) => Some(point),
        _ => None,
    });
    let mut completed = false;
    let mut panicked = false;
    {
        let mut other = Some(subject(world));
        let mut call = match end {
            End::Cut(length) => Box::pin(cut_after(ms(length), subject(world))),
            _ => subject(world),
        };
        let most = match end {
            End::Dropped(polls) => polls,
            _ => u64::MAX,
        };
        let mut polls = 0;
        while polls < most {
            if let Some(first) = &mut other {
                if polls == 0 {
                    add(&world.polled);
                }
                let polled = poll(first);
                panicked |= polled.is_err();
                if !matches!(polled, Ok(Poll::Pending)) {
                    other = None;
                }
            }
            if polls == 0 {
                add(&world.polled);
            }
            polls += 1;
            match poll(&mut call) {
                Ok(Poll::Pending) => {}
                Ok(Poll::Ready(answer)) => {
                    // Whether the timeout further out is what ended it.
                    completed = match end {
                        End::Cut(length) => !was_cut(&answer, length),
                        End::Panic(_) => !panicked,
                        End::Dropped(_) => true,
                    };
                    break;
                }
                Err(()) => break,
            }
            advance(ms(1)).await;
        }
    }
    world.panics_at.set(None);
    let begun = world.begun.get();
    assert_eq!(
        world.alive.get(),
        0,
        "{function} {end:?}: dropped with the call"
    );
    // A budget forgets in ten seconds what has begun, and never what it believes to wait.
    advance(Duration::from_secs(11)).await;
    assert_eq!(
        world.begun.get(),
        begun,
        "{function} {end:?}: runs afterwards"
    );
    assert_nothing_is_held(function, world, end);
    completed
}

/// A timeout of the stack may have been cut short by the one around it too.
fn was_cut(answer: &Answer, length: u64) -> bool {
    match answer {
        Err(Error::Rejected(Rejected::TimedOut(reason))) => {
            reason.policy().contains("cut_after") || Rejected::from(*reason).hit_outer_deadline()
        }
        _ => length == 0,
    }
}

fn look(kind: &str, name: &str) -> Option<LiveSnapshot> {
    match kind {
        "bulkhead" => registry().bulkhead(name).map(LivePolicy::snapshot),
        "circuit_breaker" => registry().circuit_breaker(name).map(LivePolicy::snapshot),
        "rate_limit" => registry().rate_limit(name).map(LivePolicy::snapshot),
        "retry" => registry().retry(name).map(LivePolicy::snapshot),
        "hedge" => registry().hedge(name).map(LivePolicy::snapshot),
        _ => None,
    }
}

/// The same of its instances for each key, the overflow among them.
fn look_at_keys(kind: &str, name: &str) -> Vec<LiveSnapshot> {
    fn seen<K, S>(keys: Option<Vec<(K, S)>>, of: fn(S) -> LiveSnapshot) -> Vec<LiveSnapshot> {
        keys.into_iter()
            .flatten()
            .map(|(_, seen)| of(seen))
            .collect()
    }
    let registry = registry();
    match kind {
        "bulkhead" => seen(
            registry.bulkhead(name).map(Bulkhead::key_snapshots),
            LiveSnapshot::Bulkhead,
        ),
        "circuit_breaker" => seen(
            registry
                .circuit_breaker(name)
                .map(CircuitBreaker::key_snapshots),
            LiveSnapshot::CircuitBreaker,
        ),
        "rate_limit" => seen(
            registry.rate_limit(name).map(RateLimiter::key_snapshots),
            LiveSnapshot::RateLimiter,
        ),
        _ => Vec::new(),
    }
}

#[track_caller]
fn assert_nothing_is_held(function: &str, world: &World, end: End) {
    let site = registry().call_site(function).expect("it is annotated");
    for (place, layer) in site.layers.iter().enumerate() {
        // Nothing else is looked at: every test has a clock of its own.
        let Some(live) = look(layer.kind.as_str(), layer.policy) else {
            continue;
        };
        let told = format!("{function} {end:?}: {live:?}");
        assert_holds_nothing(&live, &told);
        for instance in look_at_keys(layer.kind.as_str(), layer.policy) {
            assert_holds_nothing(&instance, &format!("{told}, of a key: {instance:?}"));
        }
        if let LiveSnapshot::CircuitBreaker(seen) = &live {
            // Together with what all its instances ever counted.
            let counts = seen.counts;
            let settled = counts.success + counts.failure + counts.ignored + counts.abandoned;
            if place == 0 {
                assert_eq!(settled + counts.rejected, world.polled.get(), "{told}");
            }
            if place + 1 == site.layers.len() {
                assert_eq!(settled, world.begun.get(), "{told}");
            }
        }
    }
}

#[track_caller]
fn assert_holds_nothing(live: &LiveSnapshot, told: &str) {
    match live {
        LiveSnapshot::Bulkhead(seen) => {
            assert_eq!((seen.inside, seen.waiting), (0, 0), "{told}");
        }
        LiveSnapshot::RateLimiter(seen) => assert_eq!(seen.waiting, 0, "{told}"),
        LiveSnapshot::Retry(seen) => {
            assert!(seen.budget.is_none_or(|budget| budget.used == 0), "{told}");
        }
        LiveSnapshot::Hedge(seen) => {
            assert!(seen.budget.is_none_or(|budget| budget.used == 0), "{told}");
        }
        LiveSnapshot::CircuitBreaker(seen) => {
            assert!(
                seen.probes_inside.is_none_or(|inside| inside == 0),
                "{told}"
            );
        }
        other => panic!("{other:?} is not looked at"),
    }
}
