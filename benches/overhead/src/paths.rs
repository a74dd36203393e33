//! Annotated functions, one for each path on which a call can go through our policies.

use crate::by_hand;
use crate::measure::Subject;
use resilient::{
    CircuitBreakerState, Rejected, bulkhead, circuit_breaker, rate_limit, registry, resilient,
    retry, timeout,
};
use std::fmt;
use std::future::{pending, poll_fn};
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Once;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// What the work that is measured fails with. It is small: an error of forty bytes would be copied
/// from layer to layer, and every library would be measured by that.
#[derive(Clone, Copy, Debug)]
pub enum Error {
    /// The work itself failed.
    Work,
    /// A policy refused it, or cut it off.
    Rejected,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Work => f.write_str("the work failed"),
            Self::Rejected => f.write_str("a policy refused it"),
        }
    }
}

impl std::error::Error for Error {}

impl From<Rejected> for Error {
    fn from(_: Rejected) -> Self {
        Self::Rejected
    }
}

/// What it answers.
pub type Answer = Result<u64, Error>;

/// The work: it is ready at once.
///
/// # Errors
///
/// Never.
#[inline]
pub async fn work(number: u64) -> Answer {
    Ok(black_box(number))
}

/// The work, which has to wait once.
///
/// # Errors
///
/// Never.
#[inline]
pub async fn pends_once(number: u64) -> Answer {
    let mut has_waited = false;
    poll_fn(|context| {
        if has_waited {
            return Poll::Ready(());
        }
        has_waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    Ok(black_box(number))
}

/// The work, of which every tenth fails.
///
/// # Errors
///
/// [`Error::Work`] for numbers that ten divides.
#[inline]
pub async fn fails_every_tenth(number: u64) -> Answer {
    if number.is_multiple_of(10) {
        Err(Error::Work)
    } else {
        Ok(black_box(number))
    }
}

/// A number for which the work fails, whatever the path.
const FAIL: u64 = u64::MAX;

/// A number for which it never answers.
const HANG: u64 = u64::MAX - 1;

/// Functions with the same body. It stands in each of them: what is measured is this work with
/// attributes on it, and not a function around it.
macro_rules! functions {
    (|$number:ident| $body:block $($(#[$attribute:meta])* $name:ident;)*) => { $(
        $(#[$attribute])*
        async fn $name($number: u64) -> Answer $body
    )* };
}

functions! {
    |number| { Ok(black_box(number)) }
    plain;
    #[circuit_breaker("consecutive", failure_threshold = 5)]
    consecutive;
    #[circuit_breaker("over calls", failure_rate = 50%, window = 100)]
    over_calls;
    #[circuit_breaker("over many calls", failure_rate = 50%, window = 1000)]
    over_many_calls;
    #[circuit_breaker("over time", failure_rate = 50%, window_time = 10s)]
    over_time;
    #[retry(3)]
    retried;
    #[retry(3, budget = 20%)]
    retried_with_budget;
    #[timeout(5s)]
    timed;
    #[bulkhead(20)]
    held;
    #[rate_limit(1_000_000_000/s)]
    limited;
    #[circuit_breaker("keyed", failure_rate = 50%, window = 100, key = number % 10)]
    keyed;
    #[circuit_breaker(
        "keyed by many", failure_rate = 50%, window = 100, key = number % 100_000, max_keys = 200_000
    )]
    keyed_by_many;
    #[rate_limit(1_000_000_000/s, key = number % 10)]
    limited_by_key;
    #[timeout(5s)]
    #[circuit_breaker("four", failure_rate = 50%, window = 100)]
    #[retry(3)]
    #[bulkhead(20)]
    four;
    #[timeout(5s)]
    #[circuit_breaker("five", failure_rate = 50%, window = 100)]
    #[retry(3)]
    #[rate_limit(1_000_000_000/s)]
    #[bulkhead(20)]
    five;
    #[resilient("nobody defines it")]
    undefined;
}

functions! {
    |number| {
        if number.is_multiple_of(10) {
            Err(Error::Work)
        } else {
            Ok(black_box(number))
        }
    }
    #[circuit_breaker("consecutive, failing", failure_threshold = 5)]
    consecutive_failing;
    #[circuit_breaker("over calls, failing", failure_rate = 50%, window = 100)]
    over_calls_failing;
    #[circuit_breaker("over time, failing", failure_rate = 50%, window_time = 10s)]
    over_time_failing;
    #[timeout(5s)]
    #[circuit_breaker("four, failing", failure_rate = 50%, window = 100)]
    #[retry(1)]
    #[bulkhead(20)]
    four_failing;
}

functions! {
    |number| {
        match number {
            FAIL => Err(Error::Work),
            HANG => pending().await,
            number => Ok(black_box(number)),
        }
    }
    #[circuit_breaker("open", failure_threshold = 1, open_for = 1h)]
    open;
    #[circuit_breaker(
        "probing", failure_threshold = 1, open_for = 1ms,
        half_open_for = 1h, success_threshold = 1_000_000_000
    )]
    probing;
    #[circuit_breaker("probed", failure_threshold = 1, open_for = 1ms, half_open_for = 1h)]
    probed;
}

functions! {
    |number| { pends_once(number).await }
    plain_pending;
    #[circuit_breaker("pending", failure_rate = 50%, window = 100)]
    broken_pending;
    #[timeout(5s)]
    timed_pending;
    #[timeout(5s)]
    #[circuit_breaker("four, pending", failure_rate = 50%, window = 100)]
    #[retry(3)]
    #[bulkhead(20)]
    four_pending;
}

#[retry(3, backoff = fixed(0s), attempt = cx)]
async fn tried_three_times() -> Answer {
    if cx.number() < 3 {
        Err(Error::Work)
    } else {
        Ok(black_box(1))
    }
}

/// A path, and how many instructions a call on it may take.
#[derive(Debug)]
pub struct Path {
    /// The call.
    pub subject: Subject,
    /// The budget; `None` where there is none.
    pub instructions: Option<u32>,
}

/// Opens `call`'s breaker.
async fn trip(name: &'static str, call: impl AsyncFn(u64) -> Answer) {
    let failed = call(FAIL).await;
    assert!(failed.is_err(), "{name}");
    let breaker = registry().circuit_breaker(name).expect("it is annotated");
    assert_ne!(breaker.state(), CircuitBreakerState::Closed, "{name}");
}

/// Brings it half-open.
fn half_open(name: &'static str, call: impl AsyncFn(u64) -> Answer) {
    let mut context = Context::from_waker(Waker::noop());
    let mut tripped = std::pin::pin!(trip(name, call));
    assert!(tripped.as_mut().poll(&mut context).is_ready());
    std::thread::sleep(Duration::from_millis(2));
    let breaker = registry().circuit_breaker(name).expect("it is annotated");
    assert_eq!(breaker.state(), CircuitBreakerState::HalfOpen, "{name}");
}

/// Has a call inside of `call`'s breaker for ever.
fn hang(call: impl Future<Output = Answer> + 'static) {
    let call: &'static mut Pin<Box<dyn Future<Output = Answer>>> =
        Box::leak(Box::new(Box::pin(call)));
    let mut context = Context::from_waker(Waker::noop());
    assert!(call.as_mut().poll(&mut context).is_pending());
}

macro_rules! path {
    ($name:literal, $call:expr) => {
        path!($name, $call, None, {})
    };
    ($name:literal, $call:expr, $instructions:literal) => {
        path!($name, $call, Some($instructions), {})
    };
    ($name:literal, $call:expr, $instructions:expr, $prepare:block) => {
        Path {
            subject: Subject::new($name, || {
                static PREPARED: Once = Once::new();
                PREPARED.call_once(|| $prepare);
                $call
            }),
            instructions: $instructions,
        }
    };
}

/// All paths, in the order of the budget.
///
/// # Panics
///
/// Its subjects do, when they are run, if a breaker does not come into the state that is measured.
#[allow(clippy::too_many_lines, reason = "a table")]
pub fn paths() -> Vec<Path> {
    vec![
        path!("plain", plain),
        path!("breaker, consecutive", consecutive, 100),
        path!("breaker, over calls", over_calls, 120),
        path!("breaker, over 1000 calls", over_many_calls, 120),
        path!("breaker, over time", over_time, 160),
        path!("breaker, consecutive, 10% fail", consecutive_failing, 150),
        path!("breaker, over calls, 10% fail", over_calls_failing, 180),
        path!("breaker, over time, 10% fail", over_time_failing, 240),
        path!("breaker, open", open, Some(135), {
            let mut context = Context::from_waker(Waker::noop());
            let mut tripped = std::pin::pin!(trip("open", open));
            assert!(tripped.as_mut().poll(&mut context).is_ready());
        }),
        path!("breaker, half-open, a probe", probing, None, {
            half_open("probing", probing);
        }),
        path!("breaker, half-open, refused", probed, None, {
            half_open("probed", probed);
            hang(probed(HANG));
        }),
        path!("retry, first try", retried, 40),
        path!("retry, first try, with a budget", retried_with_budget),
        path!("retry, third try", |_| tried_three_times()),
        path!("timeout, ready", timed, 70),
        path!("timeout, one wait", timed_pending),
        path!("bulkhead, free", held, 85),
        path!("rate limit", limited, 80),
        path!("rate limit, 10 keys", limited_by_key),
        path!("breaker, 10 keys", keyed),
        path!("breaker, 100 000 keys", keyed_by_many, None, {
            let mut context = Context::from_waker(Waker::noop());
            for number in 0..100_000 {
                let mut call = std::pin::pin!(keyed_by_many(number));
                assert!(call.as_mut().poll(&mut context).is_ready());
            }
        }),
        path!("stack of four", four, 280),
        path!("stack of five", five, 330),
        path!("stack of four, 10% fail", four_failing),
        path!("stack of four, one wait", four_pending),
        path!("breaker, one wait", broken_pending),
        path!("plain, one wait", plain_pending),
        path!("pipeline that nobody defines", undefined),
        path!("by hand: breaker, over calls", by_hand::over_calls),
        path!("by hand: stack of four", by_hand::four),
    ]
}
