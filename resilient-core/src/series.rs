//! Snapshots as series of numbers with labels, as stores of metrics want them: one table of families for
//! every way on which they are published.
//!
//! Every series is there from the start, since the registry knows every policy before its first call.
//! Keys of instances are never labels: there is no end of them.

use crate::inspect::PolicySnapshot;
use crate::policy::{
    BulkheadSnapshot, CircuitBreakerSnapshot, CircuitBreakerState, HedgeSnapshot, LiveSnapshot,
    RateLimiterSnapshot, RetrySnapshot, TimeoutSnapshot,
};
use std::fmt;
use std::time::Duration;

/// Whether the numbers of a family only grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// They count since the program started.
    Counter,
    /// They say what is now.
    Gauge,
}

/// Series of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Family {
    /// The name, for example `resilient_circuit_breaker_calls_total`.
    pub name: &'static str,
    /// Whether its numbers only grow.
    pub sort: Sort,
    /// What they say.
    pub help: &'static str,
    /// The labels that each of its series has, in their order.
    pub labels: &'static [&'static str],
}

/// What one series says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A number of things.
    Count(u64),
    /// A number of seconds.
    Seconds(Duration),
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Seconds(time) => time.as_secs_f64().fmt(f),
        }
    }
}

/// A label and its value.
pub type Label = (&'static str, &'static str);

/// One series of a family.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Series<'a> {
    /// Its family, which is one of [`FAMILIES`].
    pub family: &'static Family,
    /// The labels, in the order that the family has them in.
    pub labels: &'a [Label],
    /// What it says; `None` if there is nothing to say, such as the limit of a bulkhead that nobody has
    /// defined. A counter always has a number.
    pub number: Option<Number>,
}

const POLICY: &[&str] = &["policy"];
const KIND: &[&str] = &["kind", "policy"];
const STATE: &[&str] = &["policy", "state"];
const OUTCOME: &[&str] = &["policy", "outcome"];
const COUNT: &[&str] = &["kind", "policy", "count"];

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Family {
    Family {
        name,
        sort: Sort::Counter,
        help,
        labels,
    }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family {
        name,
        sort: Sort::Gauge,
        help,
        labels,
    }
}

/// All families, in the order in which they are shown.
pub const FAMILIES: &[Family] = &[
    gauge(
        "resilient_policy_undefined",
        KIND,
        "1 if nobody has defined the policy.",
    ),
    gauge(
        "resilient_policy_settings_version",
        KIND,
        "Counts the changes of the settings.",
    ),
    gauge(
        "resilient_circuit_breaker_state",
        STATE,
        "1 for the state that the breaker is in.",
    ),
    counter(
        "resilient_circuit_breaker_calls_total",
        OUTCOME,
        "Calls by their outcome.",
    ),
    counter(
        "resilient_circuit_breaker_late_results_total",
        POLICY,
        "Results that came too late to decide anything.",
    ),
    counter(
        "resilient_circuit_breaker_opened_total",
        POLICY,
        "How often its rules opened the breaker.",
    ),
    counter(
        "resilient_circuit_breaker_would_have_rejected_total",
        POLICY,
        "Calls that a breaker which only watches would have refused.",
    ),
    counter(
        "resilient_circuit_breaker_state_seconds_total",
        STATE,
        "How long the breaker was in each state.",
    ),
    counter(
        "resilient_retry_retried_calls_total",
        POLICY,
        "Calls that were granted a second attempt.",
    ),
    counter(
        "resilient_retry_extra_attempts_total",
        POLICY,
        "Attempts after the first.",
    ),
    counter(
        "resilient_retry_recovered_calls_total",
        POLICY,
        "Calls that succeeded after a retry.",
    ),
    counter(
        "resilient_retry_given_up_calls_total",
        POLICY,
        "Calls whose last failure deserved another attempt.",
    ),
    gauge(
        "resilient_retry_budget_left",
        POLICY,
        "Extra attempts that the budget allows now.",
    ),
    gauge(
        "resilient_timeout_seconds",
        KIND,
        "How long the work may take.",
    ),
    counter(
        "resilient_timeout_cut_off_total",
        KIND,
        "Calls that were cut off.",
    ),
    counter(
        "resilient_timeout_no_time_left_total",
        KIND,
        "Calls that were not begun because an outer deadline had passed.",
    ),
    gauge(
        "resilient_bulkhead_limit",
        POLICY,
        "How many places there are.",
    ),
    gauge(
        "resilient_bulkhead_inside",
        POLICY,
        "How many places are taken.",
    ),
    gauge(
        "resilient_bulkhead_queue",
        POLICY,
        "How many calls may wait.",
    ),
    gauge("resilient_bulkhead_waiting", POLICY, "How many calls wait."),
    counter(
        "resilient_bulkhead_calls_total",
        OUTCOME,
        "Calls by what became of them at the bulkhead.",
    ),
    counter(
        "resilient_bulkhead_waited_total",
        POLICY,
        "Calls that had to wait.",
    ),
    gauge(
        "resilient_rate_limit_burst",
        POLICY,
        "How many calls may begin at once.",
    ),
    gauge(
        "resilient_rate_limit_available",
        POLICY,
        "How many calls would be admitted now.",
    ),
    gauge(
        "resilient_rate_limit_waiting",
        POLICY,
        "How many calls wait for their turn.",
    ),
    counter(
        "resilient_rate_limit_calls_total",
        OUTCOME,
        "Calls by what became of them at the rate limit.",
    ),
    counter(
        "resilient_rate_limit_waited_total",
        POLICY,
        "Calls that had to wait.",
    ),
    gauge(
        "resilient_hedge_after_seconds",
        POLICY,
        "How long an attempt may take before an extra one is started.",
    ),
    counter(
        "resilient_hedge_hedged_calls_total",
        POLICY,
        "Calls in which an extra attempt was started.",
    ),
    counter(
        "resilient_hedge_extra_attempts_total",
        POLICY,
        "Extra attempts that were started.",
    ),
    counter(
        "resilient_hedge_won_calls_total",
        POLICY,
        "Calls to which an extra attempt gave the answer.",
    ),
    counter(
        "resilient_hedge_suppressed_total",
        POLICY,
        "Extra attempts that were due, and for which the budget had nothing left.",
    ),
    counter(
        "resilient_fallback_calls_total",
        OUTCOME,
        "Calls that the fallback stood in for, by what came of it.",
    ),
    counter(
        "resilient_policy_counts_total",
        COUNT,
        "What a policy of a kind from elsewhere counts.",
    ),
];

static TABLE: &[Family] = FAMILIES;

const STATES: [CircuitBreakerState; 7] = CircuitBreakerState::ALL;

/// Shows `see` every series of these policies.
///
/// ```
/// use resilient_core::series::{Number, each};
/// use resilient_core::{BulkheadPolicy, policy, registry};
///
/// policy("search").bulkhead(BulkheadPolicy::new().limit(3)).register()?;
/// let mut limit = None;
/// each(&registry().snapshot().policies, |series| {
///     if series.family.name == "resilient_bulkhead_limit" {
///         limit = series.number;
///     }
///     assert!(!series.family.name.contains("retry"), "there is none");
/// });
/// assert_eq!(limit, Some(Number::Count(3)));
/// # Ok::<(), resilient_core::RegisterError>(())
/// ```
pub fn each(policies: &[PolicySnapshot], see: impl FnMut(Series<'_>)) {
    let mut all = Writer { see };
    for policy in policies {
        let name = ("policy", policy.name);
        // Both timeouts of a pipeline have its name.
        let with_kind = [("kind", policy.kind.as_str()), name];
        all.count(
            "resilient_policy_undefined",
            &with_kind,
            u64::from(policy.undefined),
        );
        all.count(
            "resilient_policy_settings_version",
            &with_kind,
            policy.version,
        );
        match &policy.live {
            LiveSnapshot::CircuitBreaker(seen) => all.circuit_breaker(name, seen),
            LiveSnapshot::Retry(seen) => all.retry(name, seen),
            LiveSnapshot::Timeout(seen) => all.timeout(with_kind, seen),
            LiveSnapshot::Bulkhead(seen) => all.bulkhead(name, seen),
            LiveSnapshot::RateLimiter(seen) => all.rate_limit(name, seen),
            LiveSnapshot::Hedge(seen) => all.hedge(name, seen),
            LiveSnapshot::Fallback(seen) => all.by_outcome(
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
                    let labels = [with_kind[0], name, ("count", *count)];
                    let number = number.map(Number::Count);
                    all.add("resilient_policy_counts_total", &labels, number);
                }
            }
        }
    }
}

struct Writer<F> {
    see: F,
}

impl<F: FnMut(Series<'_>)> Writer<F> {
    fn add(&mut self, name: &'static str, labels: &[Label], number: Option<Number>) {
        let family = TABLE.iter().find(|family| family.name == name);
        debug_assert!(family.is_some(), "{name}");
        if let Some(family) = family {
            (self.see)(Series {
                family,
                labels,
                number,
            });
        }
    }

    fn count(&mut self, name: &'static str, labels: &[Label], count: impl Into<u64>) {
        self.add(name, labels, Some(Number::Count(count.into())));
    }

    fn by_outcome(&mut self, family: &'static str, name: Label, counts: &[(&'static str, u64)]) {
        for (outcome, count) in counts {
            self.count(family, &[name, ("outcome", *outcome)], *count);
        }
    }

    fn circuit_breaker(&mut self, name: Label, seen: &CircuitBreakerSnapshot) {
        let time = &seen.time_in;
        let times = [
            time.closed,
            time.open,
            time.half_open,
            time.ramping,
            time.forced_open,
            time.disabled,
            time.metrics_only,
        ];
        for (state, time) in STATES.into_iter().zip(times) {
            let labels = [name, ("state", state.as_str())];
            self.count(
                "resilient_circuit_breaker_state",
                &labels,
                seen.state == state,
            );
            let family = "resilient_circuit_breaker_state_seconds_total";
            self.add(family, &labels, Some(Number::Seconds(time)));
        }
        let counts = &seen.counts;
        let outcomes = [
            ("success", counts.success),
            ("failure", counts.failure),
            ("ignored", counts.ignored),
            ("abandoned", counts.abandoned),
            ("rejected", counts.rejected),
        ];
        self.by_outcome("resilient_circuit_breaker_calls_total", name, &outcomes);
        for (family, count) in [
            ("resilient_circuit_breaker_late_results_total", counts.late),
            ("resilient_circuit_breaker_opened_total", counts.opened),
            (
                "resilient_circuit_breaker_would_have_rejected_total",
                counts.would_have_rejected,
            ),
        ] {
            self.count(family, &[name], count);
        }
    }

    fn retry(&mut self, name: Label, seen: &RetrySnapshot) {
        for (family, count) in [
            ("resilient_retry_retried_calls_total", seen.retried),
            ("resilient_retry_extra_attempts_total", seen.extra_attempts),
            ("resilient_retry_recovered_calls_total", seen.recovered),
            ("resilient_retry_given_up_calls_total", seen.gave_up),
        ] {
            self.count(family, &[name], count);
        }
        let left = seen.budget.map(|budget| Number::Count(budget.left));
        self.add("resilient_retry_budget_left", &[name], left);
    }

    fn hedge(&mut self, name: Label, seen: &HedgeSnapshot) {
        let after = seen.after.map(Number::Seconds);
        self.add("resilient_hedge_after_seconds", &[name], after);
        for (family, count) in [
            ("resilient_hedge_hedged_calls_total", seen.hedged),
            ("resilient_hedge_extra_attempts_total", seen.extra_attempts),
            ("resilient_hedge_won_calls_total", seen.won),
            ("resilient_hedge_suppressed_total", seen.suppressed),
        ] {
            self.count(family, &[name], count);
        }
    }

    fn timeout(&mut self, labels: [Label; 2], seen: &TimeoutSnapshot) {
        let duration = seen.duration.map(Number::Seconds);
        self.add("resilient_timeout_seconds", &labels, duration);
        self.count("resilient_timeout_cut_off_total", &labels, seen.timed_out);
        self.count(
            "resilient_timeout_no_time_left_total",
            &labels,
            seen.no_time_left,
        );
    }

    fn bulkhead(&mut self, name: Label, seen: &BulkheadSnapshot) {
        let limit = seen.limit.map(|limit| Number::Count(limit.into()));
        self.add("resilient_bulkhead_limit", &[name], limit);
        self.count("resilient_bulkhead_inside", &[name], seen.inside);
        self.count("resilient_bulkhead_queue", &[name], seen.queue);
        self.count("resilient_bulkhead_waiting", &[name], seen.waiting);
        let outcomes = [
            ("admitted", seen.admitted),
            ("rejected", seen.rejected),
            ("abandoned", seen.abandoned),
        ];
        self.by_outcome("resilient_bulkhead_calls_total", name, &outcomes);
        self.count("resilient_bulkhead_waited_total", &[name], seen.waited);
    }

    fn rate_limit(&mut self, name: Label, seen: &RateLimiterSnapshot) {
        let count = |number: Option<u32>| number.map(|number| Number::Count(number.into()));
        self.add("resilient_rate_limit_burst", &[name], count(seen.burst));
        self.add(
            "resilient_rate_limit_available",
            &[name],
            count(seen.available),
        );
        self.count("resilient_rate_limit_waiting", &[name], seen.waiting);
        let outcomes = [
            ("admitted", seen.admitted),
            ("rejected", seen.rejected),
            ("abandoned", seen.abandoned),
        ];
        self.by_outcome("resilient_rate_limit_calls_total", name, &outcomes);
        self.count("resilient_rate_limit_waited_total", &[name], seen.waited);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{
        BulkheadPolicy, CircuitBreakerPolicy, HedgePolicy, RateLimitPolicy, RetryPolicy,
        TimeoutPolicy,
    };
    use crate::registry::policy;
    use crate::site::registry;
    use std::collections::BTreeSet;

    #[test]
    fn every_series_has_the_labels_of_its_family_and_is_there_before_the_first_call() {
        policy("series")
            .circuit_breaker(CircuitBreakerPolicy::new())
            .bulkhead(BulkheadPolicy::new())
            .retry(RetryPolicy::new())
            .rate_limit(RateLimitPolicy::new())
            .timeout(TimeoutPolicy::new())
            .hedge(HedgePolicy::new())
            .register()
            .expect("nobody else has this name");
        let policies = registry().snapshot().policies;
        let mine: Vec<_> = policies
            .into_iter()
            .filter(|one| one.name == "series")
            .collect();
        let mut seen = BTreeSet::new();
        each(&mine, |series| {
            let labels: Vec<_> = series.labels.iter().map(|(label, _)| *label).collect();
            assert_eq!(labels, series.family.labels, "{series:?}");
            if series.family.sort == Sort::Counter {
                assert!(series.number.is_some(), "{series:?}");
            }
            let is_new = seen.insert((series.family.name, series.labels.to_vec()));
            assert!(is_new, "twice: {series:?}");
        });
        let families: BTreeSet<_> = seen.iter().map(|(family, _)| *family).collect();
        let missing = FAMILIES.iter().map(|family| family.name);
        let missing: Vec<_> = missing.filter(|name| !families.contains(name)).collect();
        let elsewhere = [
            "resilient_fallback_calls_total",
            "resilient_policy_counts_total",
        ];
        assert_eq!(missing, elsewhere, "all but kinds that are not here");
        let states = seen
            .iter()
            .filter(|(family, _)| *family == "resilient_circuit_breaker_state");
        assert_eq!(states.count(), 7);
    }
}
