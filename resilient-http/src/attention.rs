//! Which policies a person should look at, and why.

use crate::samples::Recent;
use resilient_core::{CircuitBreakerSnapshot, CircuitBreakerState, LiveSnapshot, PolicySnapshot};
use serde::Serialize;

/// How urgent it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// Something is not as usual.
    Notice,
    /// Callers are being refused, or answered badly.
    Alarm,
}

/// Why a person should look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Attention {
    pub(crate) level: Level,
    /// In a sentence.
    pub(crate) because: String,
}

fn notice(because: impl Into<String>) -> Attention {
    let (level, because) = (Level::Notice, because.into());
    Attention { level, because }
}

fn alarm(because: impl Into<String>) -> Attention {
    let (level, because) = (Level::Alarm, because.into());
    Attention { level, because }
}

/// Whether a person should look at this policy, by its state now and what it did in the last minute.
pub(crate) fn attention(policy: &PolicySnapshot, recent: Option<&Recent>) -> Option<Attention> {
    if policy.undefined {
        let because = "nobody has defined it: is its name written right?";
        return Some(notice(because));
    }
    let minute = recent.map(|recent| recent.minute).unwrap_or_default();
    let [good, bad, refused] =
        [minute.good, minute.bad, minute.refused].map(Option::unwrap_or_default);
    let minute = |count, what| format!("{} in the last minute", calls(count, what));
    Some(match &policy.live {
        LiveSnapshot::CircuitBreaker(seen) => return breaker(seen),
        LiveSnapshot::Bulkhead(seen) => {
            let is_full = seen.limit.is_some_and(|limit| seen.inside >= limit);
            match (is_full, refused) {
                (true, 0) => notice("full: the next call waits or is refused"),
                (true, _) => alarm(format!("full: {}", minute(refused, "refused"))),
                (false, 0) => return None,
                (false, _) => notice(format!("was full: {}", minute(refused, "refused"))),
            }
        }
        LiveSnapshot::RateLimiter(_) if refused > 0 => {
            notice(format!("exceeded: {}", minute(refused, "refused")))
        }
        LiveSnapshot::Retry(seen) if seen.budget.is_some_and(|budget| budget.left == 0) => {
            alarm("its budget is spent: no attempt follows a failure")
        }
        LiveSnapshot::Retry(_) if bad > 0 => notice(format!(
            "{}: no attempt was left for them, or a refusal was final",
            minute(bad, "given up")
        )),
        LiveSnapshot::Timeout(_) if bad + refused > 0 => notice(minute(bad + refused, "cut off")),
        LiveSnapshot::Fallback(_) if bad > 0 => {
            // One of many that got no answer is no outage.
            let level = if bad > 1 && good == 0 { alarm } else { notice };
            let answered = match good {
                0 => String::new(),
                good => format!(", {good} answered"),
            };
            level(format!("{}{answered}", minute(bad, "failed")))
        }
        LiveSnapshot::Fallback(_) if good > 0 => {
            notice(format!("stands in: {}", minute(good, "answered")))
        }
        _ => return None,
    })
}

fn breaker(seen: &CircuitBreakerSnapshot) -> Option<Attention> {
    let mut why = seen.why.clone().unwrap_or_default();
    if let Some(outage) = seen.outage.as_ref().filter(|outage| outage.reopened > 0) {
        why = format!("{why}; {outage}");
    }
    Some(match seen.state {
        CircuitBreakerState::Closed => return None,
        CircuitBreakerState::Open => alarm(format!("open: {why}")),
        CircuitBreakerState::ForcedOpen => alarm(format!("forced open: {why}")),
        CircuitBreakerState::HalfOpen => alarm(format!("half-open, trying again: {why}")),
        CircuitBreakerState::Ramping => notice(format!("recovering, step by step: {why}")),
        CircuitBreakerState::Disabled => notice(format!("disabled, it refuses nothing: {why}")),
        CircuitBreakerState::MetricsOnly => {
            notice(format!("only watching, refuses nothing: {why}"))
        }
        other => notice(other.to_string()),
    })
}

fn calls(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 call {what}"),
        count => format!("{count} calls {what}"),
    }
}
