//! The snapshot in the text format of Prometheus, version 0.0.4.
//!
//! Every series is there from the start, since the registry knows every policy before its first call.
//! Keys of instances are never labels: there is no end of them.

use crate::answer::{Refusal, typed};
use crate::read::Shared;
use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Response;
use resilient_core::series::{FAMILIES, Series, Sort, each};
use resilient_core::{PolicySnapshot, registry};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Write};

pub(crate) async fn metrics(State(door): Shared, request: Parts) -> Result<Response, Refusal> {
    door.read(&request)?;
    let policies = registry().snapshot().policies;
    door.samples.take(&policies);
    Ok(typed(
        "text/plain; version=0.0.4; charset=utf-8",
        exposition(&policies),
    ))
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
    let mut families: BTreeMap<&str, String> = BTreeMap::new();
    each(policies, |series| {
        let Series { family, labels, .. } = series;
        // What has no number is not shown: no data is not zero.
        let Some(number) = series.number else { return };
        let text = families.entry(family.name).or_default();
        let _ = write!(text, "{}{{", family.name);
        for (at, (label, name)) in labels.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let _ = write!(text, "{comma}{label}=\"{}\"", Escaped(name));
        }
        let _ = writeln!(text, "}} {number}");
    });
    let mut text = String::new();
    for family in FAMILIES {
        let (name, help) = (family.name, family.help);
        let sort = match family.sort {
            Sort::Counter => "counter",
            Sort::Gauge => "gauge",
        };
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {sort}");
        text.push_str(families.get(name).map_or("", String::as_str));
    }
    text
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
        for family in FAMILIES {
            let typed = format!("# TYPE {} ", family.name);
            assert_eq!(text.matches(&typed).count(), 1);
        }
    }
}
