//! What the exporter for Prometheus shows of the policies.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use resilient_core::series::{FAMILIES, Sort};
use resilient_core::{
    BulkheadPolicy, CircuitBreakerPolicy, Frame, HedgePolicy, RateLimitPolicy, RetryPolicy,
    TimeoutPolicy, Verdict, policy, registry,
};
use resilient_metrics::{describe, publish, run};
use std::collections::BTreeSet;
use std::time::Duration;

fn recorder() -> (PrometheusRecorder, PrometheusHandle) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    (recorder, handle)
}

fn scrape(recorder: &PrometheusRecorder, handle: &PrometheusHandle) -> String {
    metrics::with_local_recorder(recorder, || {
        describe();
        publish();
    });
    handle.render()
}

#[track_caller]
fn assert_line(text: &str, line: &str) {
    assert!(text.lines().any(|one| one == line), "no {line} in\n{text}");
}

fn lines_of<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let label = format!("policy=\"{name}\"");
    text.lines().filter(|line| line.contains(&label)).collect()
}

#[test]
fn every_series_is_there_before_the_first_call_and_no_other_one_comes_with_calls_and_keys() {
    policy("metrics.start")
        .circuit_breaker(CircuitBreakerPolicy::new().failure_threshold(1))
        .retry(RetryPolicy::new())
        .timeout(TimeoutPolicy::new())
        .rate_limit(RateLimitPolicy::new())
        .bulkhead(BulkheadPolicy::new().limit(2))
        .hedge(HedgePolicy::new())
        .register()
        .expect("nobody else has this name");
    let (recorder, handle) = recorder();
    let series = |text: &str| -> BTreeSet<String> {
        let lines = lines_of(text, "metrics.start").into_iter();
        let names = lines.map(|line| line.rsplit_once(' ').expect("a number").0);
        names.map(str::to_owned).collect()
    };
    let text = scrape(&recorder, &handle);
    let before = series(&text);
    for family in FAMILIES {
        let is_elsewhere = ["fallback", "policy_counts"]
            .iter()
            .any(|kind| family.name.contains(kind));
        let is_there = before.iter().any(|line| {
            line.strip_prefix(family.name)
                .is_some_and(|rest| rest.starts_with('{'))
        });
        assert!(is_there || is_elsewhere, "{} is missing", family.name);
    }
    assert_line(
        &text,
        "resilient_bulkhead_limit{policy=\"metrics.start\"} 2",
    );
    assert_line(
        &text,
        "resilient_rate_limit_burst{policy=\"metrics.start\"} NaN",
    );

    let breaker = registry()
        .circuit_breaker("metrics.start")
        .expect("it is registered");
    for tenant in ["acme", "umbra"] {
        let breaker = breaker.keyed(tenant);
        let frame = Frame::new();
        breaker
            .admit(&frame)
            .expect("closed")
            .settle(Verdict::Failure);
        breaker.admit(&frame).expect_err("open");
    }
    let text = scrape(&recorder, &handle);
    assert_eq!(series(&text), before);
    assert!(!text.contains("acme"), "keys are no labels");
    for line in [
        "resilient_circuit_breaker_calls_total{policy=\"metrics.start\",outcome=\"failure\"} 2",
        "resilient_circuit_breaker_calls_total{policy=\"metrics.start\",outcome=\"rejected\"} 2",
        "resilient_circuit_breaker_opened_total{policy=\"metrics.start\"} 2",
    ] {
        assert_line(&text, line);
    }
}

#[test]
fn counters_never_go_back_and_do_not_depend_on_how_often_they_are_published() {
    policy("metrics.monotonic")
        .circuit_breaker(CircuitBreakerPolicy::new().failure_threshold(1))
        .register()
        .expect("nobody else has this name");
    let (recorder, handle) = recorder();
    let breaker = registry()
        .circuit_breaker("metrics.monotonic")
        .expect("it is registered");
    let mut last = 0;
    for round in 1..=3 {
        let frame = Frame::new();
        breaker
            .admit(&frame)
            .expect("closed")
            .settle(Verdict::Failure);
        breaker.reset("again");
        for _ in 0..3 {
            let text = scrape(&recorder, &handle);
            let opened = "resilient_circuit_breaker_opened_total{policy=\"metrics.monotonic\"} ";
            let line = text.lines().find_map(|line| line.strip_prefix(opened));
            let opened: u32 = line.expect("it is there").parse().expect("a whole number");
            assert!(opened >= last);
            assert_eq!(opened, round);
            last = opened;
        }
    }
}

#[test]
fn every_family_is_described_with_its_type() {
    policy("metrics.described")
        .bulkhead(BulkheadPolicy::new())
        .register()
        .expect("nobody else has this name");
    let (recorder, handle) = recorder();
    let text = scrape(&recorder, &handle);
    for family in FAMILIES
        .iter()
        .filter(|family| family.name.contains("bulkhead"))
    {
        let sort = match family.sort {
            Sort::Counter => "counter",
            Sort::Gauge => "gauge",
        };
        assert_line(&text, &format!("# TYPE {} {sort}", family.name));
        assert_line(&text, &format!("# HELP {} {}", family.name, family.help));
    }
}

#[test]
fn names_are_escaped() {
    policy("metrics \"quoted\"")
        .bulkhead(BulkheadPolicy::new().limit(1))
        .register()
        .expect("nobody else has this name");
    let (recorder, handle) = recorder();
    let text = scrape(&recorder, &handle);
    assert_line(
        &text,
        "resilient_bulkhead_limit{policy=\"metrics \\\"quoted\\\"\"} 1",
    );
}

#[tokio::test(start_paused = true)]
async fn it_publishes_at_once_and_again_and_stops_when_it_is_dropped() {
    policy("metrics.run")
        .bulkhead(BulkheadPolicy::new().limit(1))
        .register()
        .expect("nobody else has this name");
    let (recorder, handle) = recorder();
    // One thread, on which the recorder is set for as long as the future is polled here.
    let _guard = metrics::set_default_local_recorder(&recorder);
    let second = Duration::from_secs(1);
    let running = tokio::time::timeout(2 * second + second / 2, run(second));
    let limit =
        |number: u32| format!("resilient_bulkhead_limit{{policy=\"metrics.run\"}} {number}");
    let changes = async {
        tokio::time::sleep(second / 2).await;
        assert_line(&handle.render(), &limit(1));
        let changed = BulkheadPolicy::new().limit(5);
        registry()
            .reconfigure("metrics.run", changed, "a test")
            .expect("it may be changed");
        tokio::time::sleep(second).await;
        assert_line(&handle.render(), &limit(5));
    };
    let (ended, ()) = tokio::join!(running, changes);
    assert!(ended.is_err(), "it goes on until it is dropped");
}

#[test]
fn the_page_has_every_family_in_one_table() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
    let page = std::fs::read_to_string(page).expect("the page about metrics");
    let rows = FAMILIES.iter().map(|family| {
        let sort = match family.sort {
            Sort::Counter => "counter",
            Sort::Gauge => "gauge",
        };
        let labels: Vec<_> = family
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        let (name, help) = (family.name, family.help);
        format!("| `{name}` | {sort} | {} | {help} |", labels.join(", "))
    });
    let rows: Vec<_> = rows.collect();
    assert!(
        page.contains(&rows.join("\n")),
        "expected:\n{}",
        rows.join("\n")
    );
    assert_eq!(page.matches("| `resilient_").count(), rows.len());
}
