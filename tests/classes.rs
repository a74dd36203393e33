//! What an error says of itself decides about retries and breakers, through the attributes.

use resilient::{
    CircuitBreakerState, Class, Classify, Rejected, RetryHint, circuit_breaker, fallback, registry,
    retry, timeout,
};
use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::io;
use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// What a gateway answers with, and which retry each answer deserves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Classify)]
enum GatewayError {
    #[error("the network did not answer in time")]
    #[class(transient, attempts = 5, backoff = exponential(100ms..5s), jitter = none)]
    NetworkTimeout,
    #[error("the connection was reset")]
    #[class(transient, attempts = 3, backoff = linear(50ms..1s), jitter = none)]
    ConnectionReset,
    #[error("too many calls")]
    #[class(throttled, retry_after = wait, attempts = 10, backoff = fixed(1s), jitter = additive(50%))]
    RateLimited { wait: Option<Duration> },
    #[error("the gateway failed with {0}")]
    #[class(transient, attempts = 3, backoff = exponential(200ms..10s), jitter = none)]
    Server(u16),
    #[error("not authenticated")]
    #[class(permanent)]
    Unauthorized,
    #[error("not found")]
    #[class(permanent)]
    NotFound,
    #[error("not understood")]
    #[class(permanent)]
    BadRequest,
    #[error("the client hung up")]
    #[class(ignored)]
    HungUp,
    #[error("it failed")]
    Other,
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

use GatewayError::{
    BadRequest, ConnectionReset, HungUp, NetworkTimeout, NotFound, Other, RateLimited, Server,
    Unauthorized,
};

const fn limited(wait: Option<u64>) -> GatewayError {
    RateLimited {
        wait: match wait {
            Some(milli) => Some(Duration::from_millis(milli)),
            None => None,
        },
    }
}

#[retry]
async fn ask(runs: &AtomicU32, fails: impl Fn(u32) -> GatewayError) -> Result<(), GatewayError> {
    Err(fails(runs.fetch_add(1, Ordering::Relaxed)))
}

/// How many attempts a call had, and how many milliseconds it took.
async fn measured<E>(call: impl AsyncFnOnce(&AtomicU32) -> Result<(), E>) -> (E, u32, u128) {
    let (runs, began) = (AtomicU32::new(0), Instant::now());
    let Err(error) = call(&runs).await else {
        panic!("every call here fails");
    };
    (error, runs.into_inner(), began.elapsed().as_millis())
}

#[retry]
async fn ask_noting(times: &Mutex<Vec<Instant>>, error: GatewayError) -> Result<(), GatewayError> {
    times.lock().expect("no panic").push(Instant::now());
    Err(error)
}

/// The milliseconds between one attempt and the next, of a call that always fails like this.
async fn delays(error: GatewayError) -> Vec<u128> {
    let times = Mutex::default();
    assert_eq!(ask_noting(&times, error).await, Err(error));
    let times = times.into_inner().expect("no panic");
    let pairs = times.windows(2);
    pairs.map(|pair| (pair[1] - pair[0]).as_millis()).collect()
}

#[tokio::test(start_paused = true)]
async fn every_failure_gets_the_retry_it_deserves() {
    type Row<'a> = (
        &'a str,
        &'a [GatewayError],
        usize,
        &'a [RangeInclusive<u128>],
    );

    let waits = [limited(None), limited(Some(200)), limited(Some(1000))];
    let servers = [500, 502, 503, 504].map(Server);
    // One second, and up to half of it for chance; a timer may add its own millisecond.
    let jittered = vec![1000..=1501; 9];
    #[rustfmt::skip]
    let matrix: [Row<'_>; 7] = [
        // failure           errors              attempts  delays
        ("network timeout",  &[NetworkTimeout],  5,        &[100..=100, 200..=200, 400..=400, 800..=800]), // exponential
        ("connection reset", &[ConnectionReset], 3,        &[50..=50, 100..=100]), // linear
        ("rate limited",     &waits,             10,       &jittered), // fixed + jitter
        ("5xx",              &servers,           3,        &[200..=200, 400..=400]), // exponential
        ("401",              &[Unauthorized],    1,        &[]), // never
        ("404",              &[NotFound],        1,        &[]), // never
        ("400",              &[BadRequest],      1,        &[]), // never
    ];
    for (failure, errors, attempts, expected) in matrix {
        assert_eq!(
            expected.len() + 1,
            attempts,
            "{failure}: a delay before each attempt but the first"
        );
        for &error in errors {
            let delays = delays(error).await;
            assert_eq!(delays.len() + 1, attempts, "{failure}: {delays:?}");
            let fits = delays
                .iter()
                .zip(expected)
                .all(|(delay, range)| range.contains(delay));
            assert!(fits, "{failure}: {delays:?}, not {expected:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn chance_moves_the_delays_of_who_is_rate_limited() {
    let mut delays = delays(limited(None)).await;
    delays.sort_unstable();
    assert_ne!(
        delays.first(),
        delays.last(),
        "nine equal delays are no chance"
    );
}

#[tokio::test(start_paused = true)]
async fn what_wants_no_retry_or_says_nothing_about_it_gets_the_policys_own() {
    for error in [HungUp, limited(Some(1001))] {
        assert_eq!(delays(error).await, [], "{error}");
    }
    let delays = delays(Other).await;
    assert_eq!(delays.len(), 2, "the policy's own default");
    assert!(delays[0] <= 300 && delays[1] <= 900, "{delays:?}");
}

#[tokio::test(start_paused = true)]
async fn the_hint_of_the_latest_error_applies() {
    let errors = [NetworkTimeout, ConnectionReset, NetworkTimeout, NotFound];
    let fails = |run: u32| errors[run as usize];
    let (last, runs, elapsed) = measured(async |runs| ask(runs, fails).await).await;
    assert_eq!((last, runs), (NotFound, 4));
    assert_eq!(elapsed, 100 + 2 * 50 + 400);
}

#[retry(2)]
async fn ask_twice(runs: &AtomicU32, error: GatewayError) -> Result<(), GatewayError> {
    runs.fetch_add(1, Ordering::Relaxed);
    Err(error)
}

#[tokio::test(start_paused = true)]
async fn attempts_that_are_written_on_the_function_are_the_most_it_gets() {
    let (_, runs, elapsed) = measured(async |runs| ask_twice(runs, NetworkTimeout).await).await;
    assert_eq!((runs, elapsed), (2, 100));
}

#[retry(when = |error| *error != Other, unless = |error| *error == HungUp)]
async fn chosen(runs: &AtomicU32, error: GatewayError) -> Result<(), GatewayError> {
    runs.fetch_add(1, Ordering::Relaxed);
    Err(error)
}

#[tokio::test(start_paused = true)]
async fn predicates_stand_above_the_class_and_leave_its_hint() {
    for (error, attempts) in [
        (NotFound, 3),
        (ConnectionReset, 3),
        (NetworkTimeout, 5),
        (Other, 1),
        (HungUp, 1),
        (limited(Some(1001)), 1),
    ] {
        let (_, runs, _) = measured(async |runs| chosen(runs, error).await).await;
        assert_eq!(runs, attempts, "{error}");
    }
}

#[timeout(700ms)]
#[retry]
async fn in_time(runs: &AtomicU32, error: GatewayError) -> Result<(), GatewayError> {
    runs.fetch_add(1, Ordering::Relaxed);
    Err(error)
}

#[tokio::test(start_paused = true)]
async fn who_is_throttled_for_longer_than_there_is_time_hears_it_now() {
    let error = limited(Some(900));
    let (last, runs, elapsed) = measured(async |runs| in_time(runs, error).await).await;
    assert_eq!((last, runs, elapsed), (error, 1, 0));
}

#[circuit_breaker("classes.breaker", failure_threshold = 2)]
async fn guarded(error: GatewayError) -> Result<(), GatewayError> {
    Err(error)
}

#[tokio::test(start_paused = true)]
async fn a_breaker_counts_what_the_callee_is_to_blame_for() {
    let breaker = || registry().circuit_breaker("classes.breaker").unwrap();
    for error in [Other, NotFound, Other, BadRequest, Other, HungUp] {
        assert_eq!(guarded(error).await, Err(error));
        assert_eq!(breaker().state(), CircuitBreakerState::Closed, "{error}");
    }
    assert_eq!(guarded(limited(Some(5))).await, Err(limited(Some(5))));
    assert_eq!(
        breaker().state(),
        CircuitBreakerState::Open,
        "what is ignored does not stand between two failures"
    );
}

#[circuit_breaker("classes.obedient", obey_retry_after = true)]
async fn obedient(error: GatewayError) -> Result<(), GatewayError> {
    Err(error)
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_obeys_is_open_for_as_long_as_a_throttled_answer_asks() {
    // Another test's thread may have made the breaker, a moment after this one's clock stood still.
    tokio::time::advance(Duration::from_secs(1)).await;
    for error in [limited(None), Other, NotFound, limited(Some(400))] {
        assert_eq!(obedient(error).await, Err(error));
    }
    let refused = Rejected::circuit_open("classes.obedient", Duration::from_millis(400));
    assert_eq!(obedient(Other).await, Err(refused.into()));
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(obedient(NotFound).await, Err(NotFound), "a probe");
}

#[fallback(value = 7)]
async fn answered(error: GatewayError) -> Result<u32, GatewayError> {
    Err(error)
}

#[tokio::test]
async fn a_fallback_answers_whatever_the_class() {
    for error in [NotFound, HungUp, Other, limited(Some(1))] {
        assert_eq!(answered(error).await, Ok(7));
    }
}

// What comes out of another annotated function.

/// A function whose breaker is open, and one around it that retries; each with errors of this type.
macro_rules! nested {
    ($($name:ident: $error:ty = $wrong:expr;)*) => { $(
        mod $name {
            use super::*;

            #[circuit_breaker(failure_threshold = 1)]
            async fn inner() -> Result<(), $error> {
                Err($wrong)
            }

            #[retry(3, backoff = fixed(0s), when = |_| true)]
            async fn outer(runs: &AtomicU32) -> Result<(), $error> {
                runs.fetch_add(1, Ordering::Relaxed);
                inner().await
            }

            #[circuit_breaker(failure_threshold = 1)]
            async fn watched() -> Result<(), $error> {
                inner().await
            }

            #[fallback(value = (), when_rejected = |rejected| rejected.policy() == "x")]
            async fn particular() -> Result<(), $error> {
                inner().await
            }

            #[tokio::test(start_paused = true)]
            async fn an_open_breaker_is_asked_once() {
                inner().await.expect_err("the failure that opens it");
                let (error, runs, elapsed) = measured(async |runs| outer(runs).await).await;
                assert_eq!((runs, elapsed), (1, 0), "{error}");
                assert!(error.to_string().contains("is open"), "{error}");
                for _ in 0..3 {
                    let error = watched().await.expect_err("refused");
                    let path = concat!(module_path!(), "::inner");
                    assert!(error.to_string().contains(path), "an outer breaker ignores it: {error}");
                }
                particular().await.expect_err("`when_rejected` sees it, and says no");
            }
        }
    )* };
}

#[derive(Debug, thiserror::Error)]
enum Transparent {
    #[error("it failed")]
    Failed,
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

#[derive(Debug, thiserror::Error)]
enum Deep {
    #[error("it failed")]
    Failed,
    #[error("refused")]
    Rejected(#[from] Transparent),
}

impl From<Rejected> for Deep {
    fn from(rejected: Rejected) -> Self {
        Transparent::from(rejected).into()
    }
}

/// No error at all for the standard library, but classified.
#[derive(Debug, Classify)]
enum Bare {
    Failed,
    #[class(rejected)]
    Refused(Rejected),
}

impl From<Rejected> for Bare {
    fn from(rejected: Rejected) -> Self {
        Self::Refused(rejected)
    }
}

impl Display for Bare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed => f.write_str("it failed"),
            Self::Refused(rejected) => Display::fmt(rejected, f),
        }
    }
}

#[derive(Debug, Classify)]
#[class(forward)]
struct Wrapped(Bare);

impl From<Rejected> for Wrapped {
    fn from(rejected: Rejected) -> Self {
        Self(rejected.into())
    }
}

impl Display for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

nested! {
    derived: GatewayError = Other;
    transparent: Transparent = Transparent::Failed;
    without_error: Bare = Bare::Failed;
    forwarded: Wrapped = Wrapped(Bare::Failed);
    boxed: Box<dyn Error + Send + Sync> = "it failed".into();
    of_io: io::Error = io::ErrorKind::TimedOut.into();
    any: anyhow::Error = anyhow::anyhow!("it failed");
}

#[circuit_breaker("classes.deep", failure_threshold = 1)]
async fn refuses() -> Result<(), Deep> {
    Err(Deep::Failed)
}

#[retry(3, backoff = fixed(0s))]
async fn with_context(runs: &AtomicU32) -> anyhow::Result<()> {
    use anyhow::Context;

    runs.fetch_add(1, Ordering::Relaxed);
    refuses().await.context("the price of a book")
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_found_behind_context_and_further_errors() {
    refuses().await.expect_err("the failure that opens it");
    let (error, runs, _) = measured(async |runs| with_context(runs).await).await;
    assert_eq!(
        (error.to_string().as_str(), runs),
        ("the price of a book", 1)
    );
}

/// Says nothing of itself but its source.
#[derive(Debug, thiserror::Error)]
#[error("the price of a book")]
struct Caused<E: Error + 'static>(#[source] E);

impl<E: Error + From<Rejected>> From<Rejected> for Caused<E> {
    fn from(rejected: Rejected) -> Self {
        Self(rejected.into())
    }
}

/// No `Error`: what it hides is found by what `io::Error` says of itself, or not at all.
#[derive(Debug, Classify)]
#[class(forward)]
struct Bytes(io::Error);

impl From<Rejected> for Bytes {
    fn from(rejected: Rejected) -> Self {
        Self(rejected.into())
    }
}

#[circuit_breaker("classes.caused", failure_threshold = 1)]
#[retry(3, backoff = fixed(0s))]
async fn caused(runs: &AtomicU32, refused: Rejected) -> Result<(), Caused<Caused<Rejected>>> {
    runs.fetch_add(1, Ordering::Relaxed);
    Err(Caused(Caused(refused)))
}

#[circuit_breaker("classes.bytes", failure_threshold = 1)]
#[retry(3, backoff = fixed(0s))]
async fn bytes(runs: &AtomicU32, refused: Rejected) -> Result<(), Bytes> {
    runs.fetch_add(1, Ordering::Relaxed);
    Err(Bytes(io::Error::other(Caused(Caused(refused)))))
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_found_two_sources_below_an_error_that_says_nothing() {
    let refused = Rejected::forced_open("another");
    let (.., runs, _) = measured(async |runs| caused(runs, refused).await).await;
    assert_eq!(runs, 1, "it is final");
    let (.., runs, _) = measured(async |runs| bytes(runs, refused).await).await;
    assert_eq!(runs, 1);
    for name in ["classes.caused", "classes.bytes"] {
        let breaker = registry().circuit_breaker(name).expect("it was called");
        let counts = breaker.snapshot().counts;
        assert_eq!((counts.ignored, counts.failure), (1, 0), "{name}");
    }
}

#[retry(3, backoff = fixed(0s))]
async fn generic<E>(runs: &AtomicU32, error: impl Fn() -> E) -> Result<(), E> {
    runs.fetch_add(1, Ordering::Relaxed);
    Err(error())
}

#[retry(3, backoff = fixed(0s))]
async fn generic_errors<E: Error + 'static>(
    runs: &AtomicU32,
    error: impl Fn() -> E,
) -> Result<(), E> {
    runs.fetch_add(1, Ordering::Relaxed);
    Err(error())
}

#[retry(backoff = fixed(0s))]
async fn generic_classes<E: Classify>(runs: &AtomicU32, error: impl Fn() -> E) -> Result<(), E> {
    runs.fetch_add(1, Ordering::Relaxed);
    Err(error())
}

#[tokio::test(start_paused = true)]
async fn a_generic_function_knows_what_its_bounds_say() {
    let refused = || Transparent::Rejected(Rejected::forced_open("x"));
    let (.., runs, _) = measured(async |runs| generic(runs, refused).await).await;
    assert_eq!(runs, 3, "nothing is known of the error");
    let (.., runs, _) = measured(async |runs| generic_errors(runs, refused).await).await;
    assert_eq!(runs, 1, "its sources are");
    let (.., runs, _) = measured(async |runs| generic(runs, || NotFound).await).await;
    assert_eq!(runs, 3);
    let (.., runs, _) = measured(async |runs| generic_classes(runs, || NotFound).await).await;
    assert_eq!(runs, 1);
    let limited = || limited(Some(1));
    let (.., runs, _) = measured(async |runs| generic_classes(runs, limited).await).await;
    assert_eq!(runs, 10);
}

// Errors of all other kinds, which say nothing.

type Alias<T> = Result<T, String>;

#[retry(3, backoff = fixed(0s))]
async fn text(runs: &AtomicU32) -> Alias<()> {
    runs.fetch_add(1, Ordering::Relaxed);
    Err("x".to_owned())
}

#[retry(3, backoff = fixed(0s))]
async fn letters(runs: &AtomicU32) -> Result<(), &'static str> {
    runs.fetch_add(1, Ordering::Relaxed);
    Err("x")
}

#[retry(3, backoff = fixed(0s))]
async fn hidden(runs: &AtomicU32) -> Result<(), impl Debug + use<>> {
    runs.fetch_add(1, Ordering::Relaxed);
    Err(())
}

#[derive(Debug, thiserror::Error)]
#[error("not a number: {0}")]
struct Borrowed<'a>(&'a str);

#[retry(3, backoff = fixed(0s))]
async fn borrowed<'a>(runs: &AtomicU32, text: &'a str) -> Result<(), Borrowed<'a>> {
    runs.fetch_add(1, Ordering::Relaxed);
    Err(Borrowed(text))
}

#[retry(3, backoff = fixed(0s))]
async fn boxed_borrowed<'a>(
    runs: &AtomicU32,
    text: &'a str,
) -> Result<(), Box<dyn Error + Send + Sync + 'a>> {
    runs.fetch_add(1, Ordering::Relaxed);
    Err(Box::new(Borrowed(text)))
}

#[tokio::test(start_paused = true)]
async fn an_error_that_says_nothing_is_retried() {
    assert_eq!(measured(async |runs| text(runs).await).await.1, 3);
    assert_eq!(measured(async |runs| letters(runs).await).await.1, 3);
    assert_eq!(measured(async |runs| hidden(runs).await).await.1, 3);
    let text = String::from("x");
    assert_eq!(
        measured(async |runs| borrowed(runs, &text).await).await.1,
        3
    );
    assert_eq!(
        measured(async |runs| boxed_borrowed(runs, &text).await)
            .await
            .1,
        3
    );
}

#[retry(3, backoff = fixed(0s))]
async fn read(runs: &AtomicU32, kind: io::ErrorKind) -> io::Result<()> {
    runs.fetch_add(1, Ordering::Relaxed);
    Err(kind.into())
}

#[tokio::test(start_paused = true)]
async fn an_io_error_is_retried_if_its_kind_may_go_away() {
    use io::ErrorKind::{ConnectionReset, NotFound, Other, TimedOut};

    for (kind, attempts) in [
        (ConnectionReset, 3),
        (TimedOut, 3),
        (Other, 3),
        (NotFound, 1),
    ] {
        let (_, runs, _) = measured(async |runs| read(runs, kind).await).await;
        assert_eq!(runs, attempts, "{kind}");
    }
}

// The derive.

#[derive(Debug, thiserror::Error, Classify)]
#[error("{self:?}")]
#[class(permanent)]
#[allow(dead_code, reason = "fields that nobody looks at")]
enum Mostly {
    Never,
    #[class(throttled, retry_after = 1)]
    Numbered(&'static str, Duration),
    #[class(throttled, retry_after = Self::wait)]
    Function(u64),
    #[class(throttled, retry_after = |error| error.wait().map(|wait| wait * 2))]
    Closure(u64),
    #[class(throttled)]
    Busy,
    #[class(forward)]
    Io {
        path: &'static str,
        #[source]
        source: Box<io::Error>,
    },
    Refused(#[from] Rejected),
}

impl Mostly {
    fn wait(&self) -> Option<Duration> {
        match self {
            Self::Function(seconds) | Self::Closure(seconds) => Some(Duration::from_secs(*seconds)),
            _ => None,
        }
    }
}

#[derive(Debug, Classify)]
enum Either<L, R>
where
    L: Debug,
{
    #[class(forward)]
    Left(L),
    #[class(forward)]
    Right { inner: Box<R> },
}

#[derive(Debug, Classify)]
#[class(throttled, retry_after = after, attempts = 4)]
struct Later {
    after: Duration,
}

#[test]
fn the_derive_says_what_is_written() {
    let second = Duration::from_secs(1);
    let throttled = |retry_after| Class::Throttled { retry_after };
    for (error, class) in [
        (Mostly::Never, Class::Permanent),
        (Mostly::Numbered("x", second), throttled(Some(second))),
        (Mostly::Function(1), throttled(Some(second))),
        (Mostly::Closure(1), throttled(Some(2 * second))),
        (Mostly::Busy, throttled(None)),
        (
            Mostly::Io {
                path: "x",
                source: Box::new(io::ErrorKind::TimedOut.into()),
            },
            Class::Transient,
        ),
        (
            Mostly::Refused(Rejected::bulkhead_full("x")),
            Class::Transient,
        ),
    ] {
        assert_eq!(error.class(), class, "{error:?}");
    }
    let refused = Rejected::bulkhead_full("x");
    assert_eq!(Mostly::Refused(refused).rejected(), Some(&refused));

    let left: Either<GatewayError, io::Error> = Either::Left(NetworkTimeout);
    assert_eq!(left.retry(), NetworkTimeout.retry());
    let inner = Box::new(io::Error::from(refused));
    let right: Either<GatewayError, io::Error> = Either::Right { inner };
    assert_eq!(right.rejected(), Some(&refused));

    let later = Later { after: second };
    assert_eq!(later.class(), throttled(Some(second)));
    assert_eq!(later.retry(), Some(RetryHint::new().attempts(4)));
}
