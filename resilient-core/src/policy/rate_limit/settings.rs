//! The settings of a rate limit.

use super::RateLimiter;
use crate::given::{FromGiven, Given};
use crate::keyed::{MAX_KEYS, MOST_KEYS};
use crate::setting::{InvalidSetting, Rate, Value};
use crate::table::policy;
use std::fmt;
use std::time::Duration;

/// The longest time that a rate may be written for, in days.
const MOST_DAYS: u64 = 366;
pub(super) const MOST_SECONDS: u64 = MOST_DAYS * 86_400;
pub(super) const MOST_BURST: u32 = 1_000_000_000;
/// How many calls a sliding window remembers at most, in 16 bytes each.
pub(super) const MOST_REMEMBERED: u32 = 100_000;

pub(super) const fn one_at_a_time(rate: Rate) -> bool {
    rate.count() as u128 <= rate.per().as_nanos()
}

/// How many calls may begin at once, if nothing else is written.
pub(super) fn burst_of(policy: &RateLimitPolicy) -> u32 {
    let Some(rate) = policy.rate else { return 1 };
    match policy.algorithm.unwrap_or_default() {
        Algorithm::TokenBucket => rate.in_a_second().clamp(1, MOST_BURST),
        Algorithm::LeakyBucket => 1,
        Algorithm::FixedWindow | Algorithm::SlidingWindow => rate.count(),
    }
}

/// What contradicts the algorithm.
const fn contradiction(policy: &RateLimitPolicy) -> Option<InvalidSetting> {
    let Some(algorithm) = policy.algorithm else {
        return None;
    };
    if policy.burst.is_some() && !matches!(algorithm, Algorithm::TokenBucket) {
        return Some(InvalidSetting::new(
            "burst",
            "only `token_bucket` has a `burst`: `leaky_bucket` admits one call at a time, and a \
             window as many as its rate says",
        ));
    }
    if let Some(rate) = policy.rate
        && matches!(algorithm, Algorithm::SlidingWindow)
        && rate.count() > MOST_REMEMBERED
    {
        return Some(InvalidSetting::new(
            "rate",
            "`sliding_window` remembers every call of its window, at most 100 000: take \
             `token_bucket`, or a shorter period",
        ));
    }
    None
}

/// How a rate limit reckons.
///
/// All of them are exact, in whole nanoseconds; all refuse without taking anything, and say
/// exactly how long it is until the next turn; and in all of them calls may wait for their turn,
/// which nobody takes from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Algorithm {
    /// Over any interval of length t at most `burst` + t · `rate` calls: the generic cell rate
    /// algorithm (ITU-T I.371; ATM Forum Traffic Management 4.0).
    #[default]
    TokenBucket,
    /// One call at a time, at even distances: the next one begins no sooner than 1 / `rate` after
    /// the one before, and a pause saves nothing up. The leaky bucket as a queue (J. Turner, "New
    /// Directions in Communications", IEEE Communications Magazine 24, 1986).
    LeakyBucket,
    /// As many calls as `rate` says in each of the windows that follow each other from the moment
    /// at which the limit came into being: what quotas grant. At the border of two windows twice
    /// as many may come close together.
    FixedWindow,
    /// Never more calls than `rate` says in any window of its length, wherever it begins. The last
    /// calls are remembered one by one (a sliding log), so the rate counts at most 100 000.
    SlidingWindow,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::TokenBucket => "token_bucket",
            Self::LeakyBucket => "leaky_bucket",
            Self::FixedWindow => "fixed_window",
            Self::SlidingWindow => "sliding_window",
        })
    }
}

impl From<Algorithm> for Value {
    fn from(algorithm: Algorithm) -> Self {
        Self::Text(algorithm.to_string())
    }
}

impl FromGiven for Algorithm {
    const EXPECTED: &'static str =
        "one of `token_bucket`, `leaky_bucket`, `fixed_window` and `sliding_window`";

    fn from_given(given: &Given) -> Option<Self> {
        let Given::Text(text) = given else {
            return None;
        };
        let all = [
            Self::TokenBucket,
            Self::LeakyBucket,
            Self::FixedWindow,
            Self::SlidingWindow,
        ];
        all.into_iter()
            .find(|algorithm| algorithm.to_string() == *text)
    }
}

policy! {
    /// How many calls may begin in how much time, how many of them at once, and how long a call
    /// may wait for its turn.
    ///
    /// Over any interval of length t at most `burst` + t · `rate` calls are admitted, unless another
    /// [`Algorithm`] is chosen.
    ///
    /// ```
    /// use resilient_core::{Algorithm, Rate, RateLimitPolicy};
    /// use std::time::Duration;
    ///
    /// const SEARCH: RateLimitPolicy = RateLimitPolicy::new()
    ///     .rate(Rate::new(100, Duration::from_secs(1)))
    ///     .burst(20)
    ///     .max_wait(Duration::from_millis(50));
    /// assert!(SEARCH.invalid().is_none());
    ///
    /// let nothing = RateLimitPolicy::new().rate(Rate::new(0, Duration::from_secs(1)));
    /// assert_eq!(nothing.invalid().unwrap().key(), "rate");
    /// let contradiction = SEARCH.algorithm(Algorithm::FixedWindow);
    /// assert_eq!(contradiction.invalid().unwrap().key(), "burst");
    /// ```
    RateLimitPolicy, RateLimitSettings, RateLimiter, "rate_limit" => contradiction;

    /// How many calls may begin in how much time: at least 1, in at most 366 days, and at most one
    /// in a nanosecond.
    ///
    /// There is no default: without it every call is let through. The time from one token to the
    /// next is rounded up to a nanosecond, never down. With [`Algorithm::SlidingWindow`] at most
    /// 100 000 calls.
    rate: Rate,
        rate.count() >= 1, "a rate admits at least one call: `1/s`",
        !rate.per().is_zero(), "a rate is for a time longer than 0s: `100/s`",
        rate.per().as_secs() <= MOST_SECONDS, "a rate is for at most 366 days",
        one_at_a_time(rate), "a rate is at most one call in a nanosecond";
    /// How many calls may begin at once after a pause, from 1 to 1 000 000 000 (default: as many
    /// as the rate admits in one second, at least 1).
    ///
    /// Only [`Algorithm::TokenBucket`] has one: with another algorithm it is refused.
    burst: u32 => burst_of,
        burst >= 1, "`burst` counts from 1: with 0 no call would ever be admitted",
        burst <= MOST_BURST, "`burst` is at most 1 000 000 000 calls";
    /// How the limit reckons (default [`Algorithm::TokenBucket`]).
    algorithm: Algorithm = Algorithm::TokenBucket;
    /// How long a call may wait for its turn (default 0s: it is refused at once).
    max_wait: Duration = Duration::ZERO;
    /// How many instances there may be where call sites have a `key`, one for each value, from 1 to
    /// 1 000 000 (default 10 000).
    max_keys: u32 = MAX_KEYS,
        max_keys >= 1 && max_keys <= MOST_KEYS, "`max_keys` is from 1 to 1 000 000 keys";
}
