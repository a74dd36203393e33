//! The field: each library as its own documentation says, around the same work.

use backon::{ExponentialBuilder, Retryable};
use circuitbreaker_rs::{CircuitBreaker, DefaultPolicy};
use failsafe::futures::CircuitBreaker as _;
use failsafe::{Config, backoff, failure_policy};
use governor::{Quota, RateLimiter};
use layered::{Execute, Service as _, Stack};
use recloser::{AsyncRecloser, Recloser};
use resilient_overhead::{Answer, Error, Subject, fails_every_tenth, measure, pends_once, work};
use seatbelt::breaker::Breaker;
use seatbelt::retry::Retry;
use seatbelt::timeout::Timeout;
use seatbelt::{RecoveryInfo, ResilienceContext};
use std::future::{Ready, ready};
use std::num::NonZeroU32;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;
use tick::Clock;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio_retry::strategy::ExponentialBackoff;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_resilience::bulkhead::BulkheadLayer;
use tower_resilience::circuitbreaker::CircuitBreakerLayer;
use tower_resilience::ratelimiter::RateLimiterLayer;
use tower_resilience::retry::RetryLayer;
use tower_resilience::timelimiter::TimeLimiterLayer;

const SECONDS: Duration = Duration::from_secs(5);
const HOUR: Duration = Duration::from_hours(1);

/// The number for which the work fails where a breaker has to be opened.
const FAIL: u64 = u64::MAX;

async fn obeys(number: u64) -> Answer {
    if number == FAIL {
        Err(Error::Work)
    } else {
        work(number).await
    }
}

/// Shared by all calls for as long as the program runs, as in a `static`.
fn kept<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    measure::runtime().block_on(future)
}

// ---- recloser

fn reclosed() -> &'static AsyncRecloser {
    let recloser = Recloser::custom()
        .error_rate(0.5)
        .closed_len(100)
        .open_wait(HOUR)
        .build();
    kept(AsyncRecloser::from(recloser))
}

pub(crate) fn recloser() -> Subject {
    let recloser = reclosed();
    Subject::new("recloser", move || {
        move |number| recloser.call(work(number))
    })
}

pub(crate) fn recloser_failing() -> Subject {
    let recloser = reclosed();
    Subject::new("recloser", move || {
        move |number| recloser.call(fails_every_tenth(number))
    })
}

pub(crate) fn recloser_open() -> Subject {
    let recloser = reclosed();
    block_on(async {
        for _ in 0..300 {
            let _ = recloser.call(obeys(FAIL)).await;
        }
        let refused = recloser.call(obeys(1)).await;
        assert!(matches!(refused, Err(recloser::Error::Rejected)));
    });
    Subject::new("recloser", move || {
        move |number| recloser.call(obeys(number))
    })
}

// ---- failsafe

fn consecutive() -> Config<failure_policy::ConsecutiveFailures<backoff::Constant>, ()> {
    Config::new().failure_policy(failure_policy::consecutive_failures(
        5,
        backoff::constant(HOUR),
    ))
}

pub(crate) fn failsafe() -> Subject {
    let breaker = kept(consecutive().build());
    Subject::new("failsafe", move || move |number| breaker.call(work(number)))
}

pub(crate) fn failsafe_failing() -> Subject {
    let breaker = kept(consecutive().build());
    Subject::new("failsafe", move || {
        move |number| breaker.call(fails_every_tenth(number))
    })
}

pub(crate) fn failsafe_over_time() -> Subject {
    let policy = failure_policy::success_rate_over_time_window(
        0.5,
        10,
        2 * SECONDS,
        backoff::constant(HOUR),
    );
    let breaker = kept(Config::new().failure_policy(policy).build());
    Subject::new("failsafe", move || move |number| breaker.call(work(number)))
}

pub(crate) fn failsafe_open() -> Subject {
    let breaker = kept(consecutive().build());
    block_on(async {
        for _ in 0..5 {
            let _ = breaker.call(obeys(FAIL)).await;
        }
        assert!(!breaker.is_call_permitted());
    });
    Subject::new("failsafe", move || {
        move |number| breaker.call(obeys(number))
    })
}

// ---- circuitbreaker-rs

fn circuit_breaker() -> &'static CircuitBreaker<DefaultPolicy, Error> {
    kept(
        CircuitBreaker::<DefaultPolicy, Error>::builder()
            .cooldown(HOUR)
            .build(),
    )
}

pub(crate) fn circuitbreaker_rs() -> Subject {
    let breaker = circuit_breaker();
    Subject::new("circuitbreaker-rs", move || {
        move |number| breaker.call_async(move || work(number))
    })
}

pub(crate) fn circuitbreaker_rs_open() -> Subject {
    let breaker = circuit_breaker();
    assert!(breaker.force_open());
    Subject::new("circuitbreaker-rs", move || {
        move |number| breaker.call_async(move || work(number))
    })
}

// ---- seatbelt

/// Its clock wants a runtime to be there when it is made.
fn context() -> ResilienceContext<u64, Answer> {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(measure::runtime);
    static CLOCK: LazyLock<Clock> = LazyLock::new(|| {
        let _entered = RUNTIME.enter();
        Clock::new_tokio()
    });
    ResilienceContext::new(&*CLOCK)
}

fn recovery(answer: &Answer) -> RecoveryInfo {
    match answer {
        Ok(_) => RecoveryInfo::never(),
        Err(_) => RecoveryInfo::retry(),
    }
}

macro_rules! belted {
    ($name:literal, ($($layer:expr),+), $work:path) => {{
        let service = kept(($($layer,)+ Execute::new($work)).into_service());
        Subject::new($name, move || move |number| service.execute(number))
    }};
}

macro_rules! seatbelt_breaker {
    () => {
        Breaker::layer("breaker", &context())
            .recovery_with(|answer, _| recovery(answer))
            .rejected_input_error(|_, _| Error::Rejected)
            .failure_threshold(0.5)
            .sampling_duration(2 * SECONDS)
    };
}

macro_rules! seatbelt_retry {
    () => {
        Retry::layer("retry", &context())
            .clone_input()
            .recovery_with(|answer, _| recovery(answer))
            .max_retry_attempts(2)
    };
}

macro_rules! seatbelt_timeout {
    () => {
        Timeout::layer("timeout", &context())
            .timeout_output(|_| Err(Error::Rejected))
            .timeout(SECONDS)
    };
}

pub(crate) fn seatbelt_breaker() -> Subject {
    belted!("seatbelt", (seatbelt_breaker!()), work)
}

pub(crate) fn seatbelt_breaker_failing() -> Subject {
    belted!("seatbelt", (seatbelt_breaker!()), fails_every_tenth)
}

pub(crate) fn seatbelt_retry() -> Subject {
    belted!("seatbelt", (seatbelt_retry!()), work)
}

pub(crate) fn seatbelt_timeout() -> Subject {
    belted!("seatbelt", (seatbelt_timeout!()), work)
}

pub(crate) fn seatbelt_by_hand() -> Subject {
    async fn held(number: u64) -> Answer {
        static PLACES: Semaphore = Semaphore::const_new(20);
        let _place = PLACES.try_acquire().map_err(|_| Error::Rejected)?;
        work(number).await
    }
    belted!(
        "seatbelt + tokio",
        (seatbelt_timeout!(), seatbelt_breaker!(), seatbelt_retry!()),
        held
    )
}

// ---- tower and tower-resilience

/// Every thread has its clone of the service, as services are used.
fn served<S>(name: &str, service: S) -> Subject
where
    S: Service<u64> + Clone + Send + 'static,
{
    let service = Mutex::new(service);
    Subject::borrowing(name, move || {
        let mut service = service.lock().expect("nobody panics").clone();
        async move |number| {
            service
                .ready()
                .await
                .ok()
                .expect("it is")
                .call(number)
                .await
        }
    })
}

pub(crate) fn tower_timeout() -> Subject {
    served(
        "tower",
        tower::timeout::Timeout::new(service_fn(work), SECONDS),
    )
}

pub(crate) fn tower_limit() -> Subject {
    served(
        "tower",
        tower::limit::ConcurrencyLimit::new(service_fn(work), 20),
    )
}

#[derive(Clone)]
struct ThreeTimes(u32);

impl tower::retry::Policy<u64, u64, Error> for ThreeTimes {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut u64, result: &mut Answer) -> Option<Ready<()>> {
        (result.is_err() && self.0 > 1).then(|| {
            self.0 -= 1;
            ready(())
        })
    }

    fn clone_request(&mut self, number: &u64) -> Option<u64> {
        Some(*number)
    }
}

pub(crate) fn tower_retry() -> Subject {
    served(
        "tower",
        tower::retry::Retry::new(ThreeTimes(3), service_fn(work)),
    )
}

fn breaker_layer() -> CircuitBreakerLayer {
    CircuitBreakerLayer::builder()
        .failure_rate_threshold(0.5)
        .sliding_window_size(100)
        .wait_duration_in_open(HOUR)
        .build()
        .expect("it can be meant")
}

fn retry_layer<E: Clone + Send + Sync + 'static>() -> RetryLayer<u64, u64, E> {
    RetryLayer::<u64, u64, E>::builder()
        .max_attempts(3)
        .exponential_backoff(Duration::from_millis(100))
        .build()
}

fn bulkhead_layer() -> BulkheadLayer {
    BulkheadLayer::builder()
        .max_concurrent_calls(20)
        .reject_when_full()
        .build()
        .expect("it can be meant")
}

pub(crate) fn tower_resilience_breaker() -> Subject {
    served("tower-resilience", breaker_layer().layer(service_fn(work)))
}

pub(crate) fn tower_resilience_breaker_open() -> Subject {
    let mut service = breaker_layer().layer(service_fn(obeys));
    block_on(async {
        for _ in 0..200 {
            let _ = service.ready().await.expect("it is").call(FAIL).await;
        }
        let refused = service.ready().await.expect("it is").call(1).await;
        assert!(refused.is_err());
    });
    served("tower-resilience", service)
}

pub(crate) fn tower_resilience_retry() -> Subject {
    served(
        "tower-resilience",
        retry_layer::<Error>().layer(service_fn(work)),
    )
}

pub(crate) fn tower_resilience_timeout() -> Subject {
    let layer = TimeLimiterLayer::builder()
        .timeout_duration(SECONDS)
        .cancel_running_future(true)
        .build();
    served("tower-resilience", layer.layer(service_fn(work)))
}

pub(crate) fn tower_resilience_bulkhead() -> Subject {
    served("tower-resilience", bulkhead_layer().layer(service_fn(work)))
}

pub(crate) fn tower_resilience_rate_limit() -> Subject {
    let layer = RateLimiterLayer::builder()
        .limit_for_period(1_000_000_000)
        .refresh_period(Duration::from_secs(1))
        .build()
        .expect("it can be meant");
    served("tower-resilience", layer.layer(service_fn(work)))
}

pub(crate) fn tower_resilience_stack() -> Subject {
    let timeout = TimeLimiterLayer::builder()
        .timeout_duration(SECONDS)
        .cancel_running_future(true)
        .build();
    let service = ServiceBuilder::new()
        .layer(timeout)
        .layer(breaker_layer())
        .layer(retry_layer())
        // Its retry clones errors, which those of its bulkhead cannot be.
        .map_err(|_| Error::Rejected)
        .layer(bulkhead_layer())
        .service(service_fn(work));
    served("tower-resilience", service)
}

// ---- backon, tokio-retry

pub(crate) fn backon() -> Subject {
    Subject::new("backon", || {
        |number| (move || work(number)).retry(ExponentialBuilder::default().with_max_times(2))
    })
}

pub(crate) fn tokio_retry() -> Subject {
    Subject::new("tokio-retry", || {
        |number| {
            let delays = ExponentialBackoff::from_millis(100).take(2);
            tokio_retry::Retry::start(delays, move || work(number))
        }
    })
}

// ---- throttle-net, tokio

pub(crate) fn throttle_net_timeout() -> Subject {
    Subject::new("throttle-net", || {
        |number| throttle_net::resilience::timeout(SECONDS, work(number))
    })
}

pub(crate) fn throttle_net_timeout_pending() -> Subject {
    Subject::new("throttle-net", || {
        |number| throttle_net::resilience::timeout(SECONDS, pends_once(number))
    })
}

pub(crate) fn tokio_timeout() -> Subject {
    Subject::new("tokio", || {
        |number| tokio::time::timeout(SECONDS, work(number))
    })
}

pub(crate) fn tokio_timeout_pending() -> Subject {
    Subject::new("tokio", || {
        |number| tokio::time::timeout(SECONDS, pends_once(number))
    })
}

pub(crate) fn tokio_try_acquire() -> Subject {
    let places = kept(Semaphore::new(20));
    Subject::new("tokio `try_acquire`", move || {
        move |number| async move {
            let _place = places.try_acquire().map_err(|_| Error::Rejected)?;
            work(number).await
        }
    })
}

pub(crate) fn tokio_acquire() -> Subject {
    let places = kept(Semaphore::new(20));
    Subject::new("tokio `acquire`", move || {
        move |number| async move {
            let _place = places.acquire().await.map_err(|_| Error::Rejected)?;
            work(number).await
        }
    })
}

// ---- governor

const UNREACHED: Quota = Quota::per_second(NonZeroU32::MAX);

pub(crate) fn governor() -> Subject {
    let limiter = kept(RateLimiter::direct(UNREACHED));
    Subject::new("governor", move || {
        move |number| async move {
            limiter.check().map_err(|_| Error::Rejected)?;
            work(number).await
        }
    })
}

pub(crate) fn governor_keyed() -> Subject {
    let limiter = kept(RateLimiter::keyed(UNREACHED));
    Subject::new("governor, keyed", move || {
        move |number| async move {
            limiter
                .check_key(&(number % 10))
                .map_err(|_| Error::Rejected)?;
            work(number).await
        }
    })
}

// ---- By hand

pub(crate) fn recloser_by_hand() -> Subject {
    let recloser = reclosed();
    let places = kept(Semaphore::new(20));
    Subject::new("recloser + backon + tokio", move || {
        move |number| {
            let attempt = move || async move {
                let _place = places.try_acquire().map_err(|_| Error::Rejected)?;
                work(number).await
            };
            let delays = ExponentialBuilder::default().with_max_times(2);
            tokio::time::timeout(SECONDS, recloser.call(attempt.retry(delays).into_future()))
        }
    })
}

pub(crate) fn recloser_by_hand_pending() -> Subject {
    let recloser = reclosed();
    let places = kept(Semaphore::new(20));
    Subject::new("recloser + backon + tokio", move || {
        move |number| {
            let attempt = move || async move {
                let _place = places.try_acquire().map_err(|_| Error::Rejected)?;
                pends_once(number).await
            };
            let delays = ExponentialBuilder::default().with_max_times(2);
            tokio::time::timeout(SECONDS, recloser.call(attempt.retry(delays).into_future()))
        }
    })
}

pub(crate) fn failsafe_by_hand() -> Subject {
    let breaker = kept(consecutive().build());
    let places = kept(Semaphore::new(20));
    Subject::new("failsafe + backon + tokio", move || {
        move |number| {
            let attempt = move || async move {
                let _place = places.try_acquire().map_err(|_| Error::Rejected)?;
                work(number).await
            };
            let delays = ExponentialBuilder::default().with_max_times(2);
            tokio::time::timeout(SECONDS, breaker.call(attempt.retry(delays).into_future()))
        }
    })
}
