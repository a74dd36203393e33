//! The attributes of `resilient`: parse, check, expand. Use them through the crate `resilient`.

mod arguments;
mod body;
mod choice;
mod derive;
mod entry;
mod expand;
mod function;
mod literal;
mod parse;
mod pipeline;
mod plain;
mod rename;
mod returned_future;
mod shared;
mod stack;
mod stale;
mod table;

use proc_macro::TokenStream;

/// Stops calling what keeps failing, and lets it recover.
///
/// `#[circuit_breaker("pricing", failure_rate = 50%, window = 20, open_for = 30s)]`
///
/// Data: `failure_threshold` or `failure_rate`, `window`, `window_time`, `min_calls`, `slow_call`,
/// `slow_call_rate`, `open_for`, `open_backoff`, `open_jitter`, `half_open_calls`,
/// `success_threshold`, `half_open_for`, `ramp`, `count_rejections`, `obey_retry_after`, `enabled`;
/// see `CircuitBreakerPolicy`. Code: `when` and `unless` look at an error, `when_ok` at a value.
#[proc_macro_attribute]
pub fn circuit_breaker(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::attribute("circuit_breaker", arguments.into(), item.into()).into()
}

/// Tries again what failed, after a delay.
///
/// `#[retry(3, backoff = exponential(100ms..5s), when = PriceError::is_transient)]`
///
/// Data: `attempts`, which may stand without its key and counts the first one, `backoff`,
/// `factor`, `jitter`, `max_elapsed`, `budget`, `enabled`; see `RetryPolicy`. Code: `when`, `unless`,
/// `when_ok`, `when_rejected`, `before`; `attempt = cx` makes the attempt visible in the body as `cx`, and
/// `idempotency_key` says what it answers as its key.
///
/// Arguments that the body moves have to be `Clone`. In a plain function the thread sleeps between the
/// attempts.
#[proc_macro_attribute]
pub fn retry(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::attribute("retry", arguments.into(), item.into()).into()
}

/// Cuts off what takes too long.
///
/// `#[timeout(5s)]`, or `#[timeout(|| request.budget())]` for a duration of each call's own.
///
/// Data: `duration`, which may stand without its key, `enabled`; see `TimeoutPolicy`.
#[proc_macro_attribute]
pub fn timeout(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::attribute("timeout", arguments.into(), item.into()).into()
}

/// Lets only so many calls in at a time.
///
/// `#[bulkhead("pricing", 20, queue = 50)]`
///
/// Data: `limit`, which may stand without its key, `queue`, `max_wait`, `order`, `max_keys`, `enabled`;
/// see `BulkheadPolicy`. Code: `cost` says how many places a call takes, as a `u32`, and `key` makes one
/// bulkhead for each value; both are evaluated once for every entry, and may use the arguments that the
/// body does not move.
#[proc_macro_attribute]
pub fn bulkhead(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::attribute("bulkhead", arguments.into(), item.into()).into()
}

/// Lets only so many calls in during a time.
///
/// `#[rate_limit(100/s, burst = 20)]`
///
/// Data: `rate`, which may stand without its key, `burst`, `algorithm`, `max_wait`, `max_keys`,
/// `enabled`; see `RateLimitPolicy`. Code: `cost` says for how many calls one counts, as a `u32`, and
/// `key` makes one limit for each value; both are evaluated once for every entry, and may use the
/// arguments that the body does not move.
#[proc_macro_attribute]
pub fn rate_limit(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::attribute("rate_limit", arguments.into(), item.into()).into()
}

/// Starts a second attempt beside one that does not answer in time, and takes the first good answer.
///
/// `#[hedge(100ms)]`, or `#[hedge(p95)]`
///
/// Data: `after`, which may stand without its key, a duration or a percentile of the newest calls,
/// `max`, `budget`, `enabled`; see `HedgePolicy`.
///
/// Arguments that the body moves have to be `Clone`; none may be lent mutably.
#[proc_macro_attribute]
pub fn hedge(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::attribute("hedge", arguments.into(), item.into()).into()
}

/// Answers instead of a call that failed.
///
/// `#[fallback(cached_price)]` calls `cached_price` with the same arguments, and
/// `#[fallback(cached_price, error)]` with the error behind them; `#[fallback(|error| …)]` is a
/// closure, which may use the arguments; `#[fallback(value = Price::ZERO)]` is a value of the
/// success type. Functions and closures are sync or async and return what the function returns.
///
/// `when` and `when_rejected` say which failures it answers; `may_fail` that it can fail itself,
/// without which it makes no sense below a `retry` or a `circuit_breaker`; `enabled` is data.
#[proc_macro_attribute]
pub fn fallback(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::attribute("fallback", arguments.into(), item.into()).into()
}

/// Several policies in one attribute, the first one outermost.
///
/// `#[resilient(timeout(5s), retry(3), timeout(1s))]` is exactly these attributes, at its place, in
/// this order, and may be mixed with single ones.
///
/// `#[resilient("pricing")]` is the pipeline of that name: a timeout of the whole call, a circuit
/// breaker, a retry, a rate limit, a timeout of each attempt and a bulkhead, in this order, each of
/// which lets every call through until it is defined.
#[proc_macro_attribute]
pub fn resilient(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::attribute("resilient", arguments.into(), item.into()).into()
}

/// Says of each variant of an error what class of failure it is: implements the trait `Classify`.
///
/// ```ignore
/// #[derive(Debug, thiserror::Error, Classify)]
/// enum PriceError {
///     #[error("the gateway does not answer")]
///     #[class(transient, attempts = 5, backoff = exponential(100ms..5s), jitter = full)]
///     Silent,
///     #[error("too many calls")]
///     #[class(throttled, retry_after = wait)]
///     Busy { wait: Option<Duration> },
///     #[error("no such item")]
///     #[class(permanent)]
///     Unknown,
///     #[error(transparent)]
///     #[class(forward)]
///     Io(#[from] std::io::Error),
///     #[error(transparent)]
///     Rejected(#[from] Rejected),
/// }
/// ```
#[proc_macro_derive(Classify, attributes(class))]
pub fn classify(item: TokenStream) -> TokenStream {
    derive::classify(item.into()).into()
}

/// Holds a stack of attributes until all other attributes have seen the function.
#[doc(hidden)]
#[proc_macro]
pub fn __resilient_stack(carrier: TokenStream) -> TokenStream {
    entry::carrier(carrier.into()).into()
}
