//! The snapshot in the text format of Prometheus, version 0.0.4.
//!
//! Every series is there from the start, since the registry knows every policy before its first call.
//! Keys of instances are never labels: there is no end of them.

use crate::answer::{Refusal, typed};
use crate::read::Shared;
use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Response;
use resilient_core::{
    BulkheadSnapshot, CircuitBreakerSnapshot, CircuitBreakerState, HedgeSnapshot, LiveSnapshot,
    PolicySnapshot, RateLimiterSnapshot, RetrySnapshot, TimeoutSnapshot, registry,
};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Write};
use std::time::Duration;

pub(crate) async fn metrics(State(door): Shared, request: Parts) -> Result<Response, Refusal> {
    door.read(&request)?;
    let policies = registry().snapshot().policies;
    door.samples.take(&policies);
    Ok(typed(
        "text/plain; version=0.0.4; charset=utf-8",
        exposition(&policies),
    ))
}

const COUNTER: &str = "counter";
const GAUGE: &str = "gauge";

/// All families: their names, types and explanations, in the order in which they are written.
const FAMILIES: [(&str, &str, &str); 34] = [
    (
        "resilient_policy_undefined",
        GAUGE,
        "1 if nobody has defined the policy.",
    ),
    (
        "resilient_policy_settings_version",
        GAUGE,
        "Counts the changes of the settings.",
    ),
    (
        "resilient_circuit_breaker_state",
        GAUGE,
        "1 for the state that the breaker is in.",
    ),
    (
        "resilient_circuit_breaker_calls_total",
        COUNTER,
        "Calls by their outcome.",
    ),
    (
        "resilient_circuit_breaker_late_results_total",
        COUNTER,
        "Results that came too late to decide anything.",
    ),
    (
        "resilient_circuit_breaker_opened_total",
        COUNTER,
        "How often its rules opened the breaker.",
    ),
    (
        "resilient_circuit_breaker_would_have_rejected_total",
        COUNTER,
        "Calls that a breaker which only watches would have refused.",
    ),
    (
        "resilient_circuit_breaker_state_seconds_total",
        COUNTER,
        "How long the breaker was in each state.",
    ),
    (
        "resilient_retry_retried_calls_total",
        COUNTER,
        "Calls that were granted a second attempt.",
    ),
    (
        "resilient_retry_extra_attempts_total",
        COUNTER,
        "Attempts after the first.",
    ),
    (
        "resilient_retry_recovered_calls_total",
        COUNTER,
        "Calls that succeeded after a retry.",
    ),
    (
        "resilient_retry_given_up_calls_total",
        COUNTER,
        "Calls whose last failure deserved another attempt.",
    ),
    (
        "resilient_retry_budget_left",
        GAUGE,
        "Extra attempts that the budget allows now.",
    ),
    (
        "resilient_timeout_seconds",
        GAUGE,
        "How long the work may take.",
    ),
    (
        "resilient_timeout_cut_off_total",
        COUNTER,
        "Calls that were cut off.",
    ),
    (
        "resilient_timeout_no_time_left_total",
        COUNTER,
        "Calls that were not begun because an outer deadline had passed.",
    ),
    (
        "resilient_bulkhead_limit",
        GAUGE,
        "How many places there are.",
    ),
    (
        "resilient_bulkhead_inside",
        GAUGE,
        "How many places are taken.",
    ),
    (
        "resilient_bulkhead_queue",
        GAUGE,
        "How many calls may wait.",
    ),
    ("resilient_bulkhead_waiting", GAUGE, "How many calls wait."),
    (
        "resilient_bulkhead_calls_total",
        COUNTER,
        "Calls by what became of them at the bulkhead.",
    ),
    (
        "resilient_bulkhead_waited_total",
        COUNTER,
        "Calls that had to wait.",
    ),
    (
        "resilient_rate_limit_burst",
        GAUGE,
        "How many calls may begin at once.",
    ),
    (
        "resilient_rate_limit_available",
        GAUGE,
        "How many calls would be admitted now.",
    ),
    (
        "resilient_rate_limit_waiting",
        GAUGE,
        "How many calls wait for their turn.",
    ),
    (
        "resilient_rate_limit_calls_total",
        COUNTER,
        "Calls by what became of them at the rate limit.",
    ),
    (
        "resilient_rate_limit_waited_total",
        COUNTER,
        "Calls that had to wait.",
    ),
    (
        "resilient_hedge_after_seconds",
        GAUGE,
        "How long an attempt may take before an extra one is started.",
    ),
    (
        "resilient_hedge_hedged_calls_total",
        COUNTER,
        "Calls in which an extra attempt was started.",
    ),
    (
        "resilient_hedge_extra_attempts_total",
        COUNTER,
        "Extra attempts that were started.",
    ),
    (
        "resilient_hedge_won_calls_total",
        COUNTER,
        "Calls that an extra attempt answered before the first one.",
    ),
    (
        "resilient_hedge_suppressed_total",
        COUNTER,
        "Extra attempts that were due, and for which the budget had nothing left.",
    ),
    (
        "resilient_fallback_calls_total",
        COUNTER,
        "Calls that the fallback stood in for, by what came of it.",
    ),
    (
        "resilient_policy_counts_total",
        COUNTER,
        "What a policy of a kind from elsewhere counts.",
    ),
];

const STATES: [CircuitBreakerState; 7] = [
    CircuitBreakerState::Closed,
    CircuitBreakerState::Open,
    CircuitBreakerState::HalfOpen,
    CircuitBreakerState::Ramping,
    CircuitBreakerState::ForcedOpen,
    CircuitBreakerState::Disabled,
    CircuitBreakerState::MetricsOnly,
];

/// A label and its value.
type Label<'a> = (&'a str, &'a str);

/// The text of a family's series, by the family.
#[derive(Default)]
struct Series(BTreeMap<&'static str, String>);

impl Series {
    fn add(&mut self, family: &'static str, labels: &[Label<'_>], value: impl Display) {
        debug_assert!(
            FAMILIES.iter().any(|(name, ..)| *name == family),
            "{family}"
        );
        let text = self.0.entry(family).or_default();
        let _ = write!(text, "{family}{{");
        for (at, (label, name)) in labels.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let _ = write!(text, "{comma}{label}=\"{}\"", Escaped(name));
        }
        let _ = writeln!(text, "}} {value}");
    }

    fn by_outcome(&mut self, family: &'static str, name: Label<'_>, counts: &[(&str, u64)]) {
        for (outcome, count) in counts {
            self.add(family, &[name, ("outcome", *outcome)], count);
        }
    }
}

/// A label's value: backslash, quote and line feed are escaped.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|one| match one {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            one => f.write_char(one),
        })
    }
}

fn exposition(policies: &[PolicySnapshot]) -> String {
    let mut series = Series::default();
    for policy in policies {
        let labels = [("kind", policy.kind.as_str()), ("policy", policy.name)];
        let undefined = u8::from(policy.undefined);
        series.add("resilient_policy_undefined", &labels, undefined);
        series.add("resilient_policy_settings_version", &labels, policy.version);
        add(&mut series, policy);
    }
    let mut text = String::new();
    for (family, kind, help) in FAMILIES {
        let _ = writeln!(text, "# HELP {family} {help}\n# TYPE {family} {kind}");
        text.push_str(series.0.get(family).map_or("", String::as_str));
    }
    text
}

fn add(series: &mut Series, policy: &PolicySnapshot) {
    let name = ("policy", policy.name);
    // Both timeouts of a pipeline have its name.
    let with_kind = [("kind", policy.kind.as_str()), name];
    match &policy.live {
        LiveSnapshot::CircuitBreaker(seen) => circuit_breaker(series, name, seen),
        LiveSnapshot::Retry(seen) => retry(series, name, seen),
        LiveSnapshot::Timeout(seen) => timeout(series, with_kind, seen),
        LiveSnapshot::Bulkhead(seen) => bulkhead(series, name, seen),
        LiveSnapshot::RateLimiter(seen) => rate_limit(series, name, seen),
        LiveSnapshot::Hedge(seen) => hedge(series, name, seen),
        LiveSnapshot::Fallback(seen) => series.by_outcome(
            "resilient_fallback_calls_total",
            name,
            &[
                ("answered", seen.answered),
                ("failed", seen.failed),
                ("answered_stale", seen.answered_stale),
                ("missed", seen.missed),
            ],
        ),
        LiveSnapshot::Other(seen) => {
            for (count, number) in &seen.counts {
                if let Some(number) = number {
                    let labels = [with_kind[0], name, ("count", *count)];
                    series.add("resilient_policy_counts_total", &labels, number);
                }
            }
        }
        _ => {}
    }
}

fn circuit_breaker(series: &mut Series, name: Label<'_>, seen: &CircuitBreakerSnapshot) {
    let time = &seen.time_in;
    let times: [Duration; 7] = [
        time.closed,
        time.open,
        time.half_open,
        time.ramping,
        time.forced_open,
        time.disabled,
        time.metrics_only,
    ];
    for (state, time) in STATES.into_iter().zip(times) {
        let is_in = u8::from(seen.state == state);
        let state = state.to_string().replace(['-', ' '], "_");
        let labels = [name, ("state", &state)];
        series.add("resilient_circuit_breaker_state", &labels, is_in);
        let family = "resilient_circuit_breaker_state_seconds_total";
        series.add(family, &labels, time.as_secs_f64());
    }
    let counts = &seen.counts;
    let outcomes = [
        ("success", counts.success),
        ("failure", counts.failure),
        ("ignored", counts.ignored),
        ("abandoned", counts.abandoned),
        ("rejected", counts.rejected),
    ];
    series.by_outcome("resilient_circuit_breaker_calls_total", name, &outcomes);
    for (family, count) in [
        ("resilient_circuit_breaker_late_results_total", counts.late),
        ("resilient_circuit_breaker_opened_total", counts.opened),
        (
            "resilient_circuit_breaker_would_have_rejected_total",
            counts.would_have_rejected,
        ),
    ] {
        series.add(family, &[name], count);
    }
}

fn retry(series: &mut Series, name: Label<'_>, seen: &RetrySnapshot) {
    for (family, count) in [
        ("resilient_retry_retried_calls_total", seen.retried),
        ("resilient_retry_extra_attempts_total", seen.extra_attempts),
        ("resilient_retry_recovered_calls_total", seen.recovered),
        ("resilient_retry_given_up_calls_total", seen.gave_up),
    ] {
        series.add(family, &[name], count);
    }
    if let Some(budget) = seen.budget {
        series.add("resilient_retry_budget_left", &[name], budget.left);
    }
}

fn hedge(series: &mut Series, name: Label<'_>, seen: &HedgeSnapshot) {
    if let Some(after) = seen.after {
        let after = after.as_secs_f64();
        series.add("resilient_hedge_after_seconds", &[name], after);
    }
    for (family, count) in [
        ("resilient_hedge_hedged_calls_total", seen.hedged),
        ("resilient_hedge_extra_attempts_total", seen.extra_attempts),
        ("resilient_hedge_won_calls_total", seen.won),
        ("resilient_hedge_suppressed_total", seen.suppressed),
    ] {
        series.add(family, &[name], count);
    }
}

fn timeout(series: &mut Series, labels: [Label<'_>; 2], seen: &TimeoutSnapshot) {
    if let Some(duration) = seen.duration {
        series.add("resilient_timeout_seconds", &labels, duration.as_secs_f64());
    }
    series.add("resilient_timeout_cut_off_total", &labels, seen.timed_out);
    let late = "resilient_timeout_no_time_left_total";
    series.add(late, &labels, seen.no_time_left);
}

fn bulkhead(series: &mut Series, name: Label<'_>, seen: &BulkheadSnapshot) {
    if let Some(limit) = seen.limit {
        series.add("resilient_bulkhead_limit", &[name], limit);
    }
    series.add("resilient_bulkhead_inside", &[name], seen.inside);
    series.add("resilient_bulkhead_queue", &[name], seen.queue);
    series.add("resilient_bulkhead_waiting", &[name], seen.waiting);
    let outcomes = [
        ("admitted", seen.admitted),
        ("rejected", seen.rejected),
        ("abandoned", seen.abandoned),
    ];
    series.by_outcome("resilient_bulkhead_calls_total", name, &outcomes);
    series.add("resilient_bulkhead_waited_total", &[name], seen.waited);
}

fn rate_limit(series: &mut Series, name: Label<'_>, seen: &RateLimiterSnapshot) {
    if let Some(burst) = seen.burst {
        series.add("resilient_rate_limit_burst", &[name], burst);
    }
    if let Some(available) = seen.available {
        series.add("resilient_rate_limit_available", &[name], available);
    }
    series.add("resilient_rate_limit_waiting", &[name], seen.waiting);
    let outcomes = [
        ("admitted", seen.admitted),
        ("rejected", seen.rejected),
        ("abandoned", seen.abandoned),
    ];
    series.by_outcome("resilient_rate_limit_calls_total", name, &outcomes);
    series.add("resilient_rate_limit_waited_total", &[name], seen.waited);
}

#[cfg(test)]
mod tests {
    use super::*;
    use resilient_core::{BulkheadPolicy, CircuitBreakerPolicy, policy};

    #[test]
    fn names_are_escaped_and_every_series_is_there_before_the_first_call() {
        let name = "a \"name\" with \\ and\na second line, and ünïcødé";
        let defined = policy(name)
            .circuit_breaker(CircuitBreakerPolicy::new())
            .bulkhead(BulkheadPolicy::new().limit(3));
        defined.register().expect("nobody else has this name");
        let text = exposition(&registry().snapshot().policies);
        let escaped = "a \\\"name\\\" with \\\\ and\\na second line, and ünïcødé";
        for line in [
            format!("resilient_circuit_breaker_state{{policy=\"{escaped}\",state=\"closed\"}} 1"),
            format!(
                "resilient_circuit_breaker_state{{policy=\"{escaped}\",state=\"half_open\"}} 0"
            ),
            format!(
                "resilient_circuit_breaker_calls_total{{policy=\"{escaped}\",outcome=\"rejected\"}} 0"
            ),
            format!("resilient_bulkhead_limit{{policy=\"{escaped}\"}} 3"),
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
        for (family, kind, _) in FAMILIES {
            assert_eq!(
                text.matches(&format!("# TYPE {family} {kind}\n")).count(),
                1
            );
        }
    }
}
