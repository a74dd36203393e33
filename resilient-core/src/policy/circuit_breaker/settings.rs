//! The settings of a circuit breaker, with their defaults and ranges.

use super::CircuitBreaker;
use crate::keyed::{MAX_KEYS, MOST_KEYS};
use crate::setting::{Ramp, Share};
use crate::table::policy;
use std::time::Duration;

/// How many calls a window holds where nobody says.
const WINDOW: u32 = 100;
/// How many calls there must be where a window of time is written and nobody says.
const MIN_CALLS_IN_TIME: u32 = 10;
/// The shortest that a probe is waited for where nobody says.
const SHORTEST_HALF_OPEN: Duration = Duration::from_secs(1);

policy! {
    /// When a circuit breaker opens, for how long, and how it closes again.
    ///
    /// ```
    /// use resilient_core::{CircuitBreakerPolicy, Share};
    /// use std::time::Duration;
    ///
    /// const PRICING: CircuitBreakerPolicy = CircuitBreakerPolicy::new()
    ///     .failure_rate(Share::percent(50))
    ///     .window(20)
    ///     .open_for(Duration::from_secs(30))
    ///     .checked();
    /// assert_eq!(PRICING.invalid(), None);
    ///
    /// let both = PRICING.failure_threshold(5);
    /// assert_eq!(both.invalid().unwrap().key(), "failure_threshold");
    /// ```
    CircuitBreakerPolicy, CircuitBreakerSettings, CircuitBreaker, "circuit_breaker",
    failure_rate or failure_threshold: "write either `failure_threshold` or `failure_rate`, not both",
    window_time or window: "write either `window` (a number of calls) or `window_time`, not both";

    /// Opens after this many failures: in a row, or, with [`window`](Self::window) or
    /// [`window_time`](Self::window_time), among the results of the window.
    ///
    /// In calls, at least 1; more than the window holds counts as the whole window. Default 5,
    /// unless [`failure_rate`](Self::failure_rate) is written, which excludes it.
    failure_threshold: u32 =>? default_failure_threshold,
        failure_threshold > 0, "`failure_threshold` is at least 1";
    /// Opens when this share of the window has failed, and there are
    /// [`min_calls`](Self::min_calls) in it.
    ///
    /// Above 0%, up to 100%; compared exactly: 7 of 100 calls reach 7%. No default; excludes
    /// [`failure_threshold`](Self::failure_threshold).
    failure_rate: Share, !failure_rate.is_zero(), "`failure_rate` is above 0%";
    /// How many of the newest results are looked at.
    ///
    /// In calls, from 1 to 1 000 000. Default 100 where a rate is judged; without a rate or a window,
    /// failures are counted in a row. Excludes [`window_time`](Self::window_time).
    window: u32 =>? default_window,
        window > 0 && window <= 1_000_000, "`window` is from 1 to 1 000 000 calls";
    /// Looks at the results of this stretch of time; they leave it in steps of less than a tenth.
    ///
    /// From 1ms to 24h. No default; excludes [`window`](Self::window).
    window_time: Duration, window_time.as_millis() > 0 && window_time.as_secs() <= 86_400,
        "`window_time` is from 1ms to 24h";
    /// Below so many results in the window no rate is judged, and none is shown.
    ///
    /// In calls, at least 1; more than the window holds counts as the whole window. Default: the
    /// whole window, or 10 with [`window_time`](Self::window_time).
    min_calls: u32 =>? default_min_calls, min_calls > 0, "`min_calls` is at least 1";
    /// A call that takes this long or longer, from its admission to its result, is slow, whether
    /// it succeeds or fails.
    ///
    /// Longer than zero. No default: no call is slow. Where neither
    /// [`window`](Self::window) nor [`window_time`](Self::window_time) is written, slow calls are
    /// looked for among the last 100.
    slow_call: Duration, !slow_call.is_zero(), "`slow_call` is longer than zero";
    /// Opens when this share of the window was slow, and there are
    /// [`min_calls`](Self::min_calls) in it.
    ///
    /// Above 0%, up to 100%. Default 50% where [`slow_call`](Self::slow_call) is written, and
    /// without it there is nothing to judge.
    slow_call_rate: Share =>? default_slow_call_rate,
        !slow_call_rate.is_zero(), "`slow_call_rate` is above 0%";
    /// How long it refuses calls before it lets a probe through.
    ///
    /// Default 30s. Zero is allowed: then every refusal is replaced by a probe.
    open_for: Duration = Duration::from_secs(30);
    /// Multiplies the time it is open with each opening that follows on a recovery which failed,
    /// half-open or ramping.
    ///
    /// A factor, at least 1; the time grows up to 10 minutes, or stays at
    /// [`open_for`](Self::open_for) if that is longer. Each full `open_for` spent closed takes one
    /// factor off the next opening; a change by hand takes off all. Default 1: always `open_for`.
    open_backoff: f64 = 1.0,
        open_backoff >= 1.0 && open_backoff < f64::INFINITY,
        "`open_backoff` is a number from 1.0 on";
    /// Varies the time it is open by chance, by up to this share of it both ways, so that many
    /// breakers which opened together do not probe together.
    ///
    /// The cap of [`open_backoff`](Self::open_backoff) holds again afterwards. Default 0%.
    open_jitter: Share = Share::percent(0);
    /// How many probes may be inside at a time while it is half-open.
    ///
    /// In calls, at least 1. Default 1.
    half_open_calls: u32 = 1, half_open_calls > 0, "`half_open_calls` is at least 1";
    /// How many probes must succeed until it closes.
    ///
    /// In calls, at least 1. Default 2.
    success_threshold: u32 = 2, success_threshold > 0, "`success_threshold` is at least 1";
    /// A probe that has not answered for so long forfeits its place, and decides nothing any more.
    ///
    /// Longer than zero. Default: [`open_for`](Self::open_for), at least 1s.
    half_open_for: Duration => default_half_open_for,
        !half_open_for.is_zero(), "`half_open_for` is longer than zero";
    /// After the probes it admits these shares of the calls, each for one
    /// [`open_for`](Self::open_for), before it closes.
    ///
    /// Ascending, from above 0%, at most eight. By counting, not by chance: of 10% every tenth
    /// call. Results are judged as while it is closed; an opening ends the ramp, and the next one
    /// begins with its first share. No default: it closes at once.
    ramp: Ramp,
        ramp.is_short(), "`ramp` has at most 8 shares",
        ramp.is_ascending(), "`ramp` is ascending from above 0%, such as `[10%, 50%]`";
    /// Whether what a policy further in refused counts as a failure.
    ///
    /// Default `false`: it says nothing about the callee. A call that was cut off by a timeout is
    /// a failure in any case.
    count_rejections: bool = false;
    /// Whether an answer that is [`Throttled`](crate::Class::Throttled) and says for how long opens
    /// it for that long, whatever the results before.
    ///
    /// At most for 10 minutes, or for [`open_for`](Self::open_for) if that is longer. Default
    /// `false`: it is a failure like any other.
    obey_retry_after: bool = false;
    /// How many instances there may be where call sites have a `key`, one for each value.
    ///
    /// From 1 to 1 000 000. Default 10 000.
    max_keys: u32 = MAX_KEYS,
        max_keys >= 1 && max_keys <= MOST_KEYS, "`max_keys` is from 1 to 1 000 000 keys";
}

fn default_failure_threshold(written: &CircuitBreakerPolicy) -> Option<u32> {
    written.failure_rate.is_none().then_some(5)
}

fn judges_a_rate(written: &CircuitBreakerPolicy) -> bool {
    written.failure_rate.is_some() || written.slow_call.is_some()
}

fn default_window(written: &CircuitBreakerPolicy) -> Option<u32> {
    (judges_a_rate(written) && written.window_time.is_none()).then_some(WINDOW)
}

fn default_min_calls(written: &CircuitBreakerPolicy) -> Option<u32> {
    let default = match written.window_time {
        Some(_) => MIN_CALLS_IN_TIME,
        None => written.window.unwrap_or(WINDOW),
    };
    judges_a_rate(written).then_some(default)
}

fn default_slow_call_rate(written: &CircuitBreakerPolicy) -> Option<Share> {
    written.slow_call.map(|_| Share::percent(50))
}

fn default_half_open_for(written: &CircuitBreakerPolicy) -> Duration {
    CircuitBreakerSettings::of(&CircuitBreakerPolicy {
        half_open_for: Some(SHORTEST_HALF_OPEN),
        ..*written
    })
    .open_for
    .max(SHORTEST_HALF_OPEN)
}
