//! `#[resilient("pricing")]`: a fixed nest of policies, each of which waits for its definition.

use resilient::{
    Backoff, BulkheadPolicy, CircuitBreakerPolicy, CircuitBreakerState, Finding, Kind, Rate,
    RateLimitPolicy, Rejected, RetryPolicy, TimeoutPolicy, What, fallback, policy, registry,
    resilient, retry,
};
use std::cell::Cell;
use std::time::Duration;
use tokio::time::{Instant, sleep};

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the callee failed")]
    Failed,
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

type Answer = Result<u32, Error>;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A retry whose attempts follow each other at once.
fn at_once(attempts: u32) -> RetryPolicy {
    RetryPolicy::new()
        .attempts(attempts)
        .backoff(Backoff::fixed(Duration::ZERO))
}

/// A body that takes some time, and then fails until it has been called often enough.
struct Callee {
    takes: Duration,
    fails: u32,
    calls: Cell<u32>,
}

impl Callee {
    fn failing(fails: u32, takes: Duration) -> Self {
        let calls = Cell::new(0);
        Self {
            takes,
            fails,
            calls,
        }
    }

    async fn ask(&self) -> Answer {
        let number = self.calls.get() + 1;
        self.calls.set(number);
        if !self.takes.is_zero() {
            sleep(self.takes).await;
        }
        if number > self.fails {
            Ok(number)
        } else {
            Err(Error::Failed)
        }
    }
}

/// Functions in a pipeline of their own.
macro_rules! pipelines {
    ($($(#[$attribute:meta])* $name:ident = $pipeline:literal;)*) => { $(
        $(#[$attribute])*
        #[resilient($pipeline)]
        async fn $name(callee: &Callee) -> Answer {
            callee.ask().await
        }
    )* };
}

pipelines! {
    #[allow(dead_code, reason = "listed, never called")]
    nest = "pipeline.nest";
    total = "pipeline.total";
    calls = "pipeline.calls";
    tokens = "pipeline.tokens";
    waiting_for_tokens = "pipeline.waiting_for_tokens";
    places = "pipeline.places";
    between_attempts = "pipeline.between_attempts";
    late = "pipeline.late";
    nobody = "pipeline.nobody";
    switched_off = "pipeline.switched_off";
    beside_a_reference = "pipeline.beside_a_reference";
}

#[test]
fn the_nest_is_fixed() {
    let site = registry().call_site("pipeline::nest").expect("annotated");
    let layers: Vec<_> = site
        .layers
        .iter()
        .map(|layer| layer.kind.as_str())
        .collect();
    let order = [
        "timeout",
        "circuit_breaker",
        "retry",
        "rate_limit",
        "attempt_timeout",
        "bulkhead",
    ];
    assert_eq!(layers, order);
    for layer in &site.layers {
        assert_eq!(layer.policy, "pipeline.nest");
        assert_eq!(layer.written, "resilient(\"pipeline.nest\")");
    }
}

#[tokio::test(start_paused = true)]
async fn the_timeout_is_that_of_the_whole_call_and_cuts_its_attempts_off() {
    policy("pipeline.total")
        .timeout(TimeoutPolicy::new().duration(ms(250)))
        .retry(at_once(10))
        .attempt_timeout(TimeoutPolicy::new().duration(ms(120)))
        .register()
        .unwrap();
    let (begin, callee) = (Instant::now(), Callee::failing(9, ms(100)));
    let refused = total(&callee).await.unwrap_err();
    assert!(matches!(refused, Error::Rejected(Rejected::TimedOut(_))));
    assert_eq!((begin.elapsed(), callee.calls.get()), (ms(250), 3));

    let (begin, callee) = (Instant::now(), Callee::failing(0, ms(1000)));
    assert!(total(&callee).await.is_err());
    assert_eq!(begin.elapsed(), ms(250));
    assert_eq!(callee.calls.get(), 3, "after 120ms, 240ms and 250ms");
}

#[tokio::test(start_paused = true)]
async fn the_breaker_counts_calls_and_not_attempts() {
    policy("pipeline.calls")
        .circuit_breaker(CircuitBreakerPolicy::new().failure_threshold(2))
        .retry(at_once(3))
        .register()
        .unwrap();
    let breaker = registry().circuit_breaker("pipeline.calls").unwrap();
    let callee = Callee::failing(u32::MAX, Duration::ZERO);
    assert!(matches!(calls(&callee).await, Err(Error::Failed)));
    assert_eq!(breaker.state(), CircuitBreakerState::Closed);
    assert!(matches!(calls(&callee).await, Err(Error::Failed)));
    assert_eq!(breaker.state(), CircuitBreakerState::Open);
    assert_eq!(callee.calls.get(), 6);
    let refused = calls(&callee).await.unwrap_err();
    assert!(matches!(refused, Error::Rejected(Rejected::CircuitOpen(_))));
    assert_eq!(callee.calls.get(), 6, "and the retry does not ask again");
}

#[tokio::test(start_paused = true)]
async fn every_attempt_takes_a_token() {
    let hourly = Rate::new(2, Duration::from_secs(3600));
    policy("pipeline.tokens")
        .retry(at_once(5))
        .rate_limit(RateLimitPolicy::new().rate(hourly).burst(2))
        .register()
        .unwrap();
    let callee = Callee::failing(u32::MAX, Duration::ZERO);
    let refused = tokens(&callee).await.unwrap_err();
    assert!(matches!(refused, Error::Rejected(Rejected::RateLimited(_))));
    assert_eq!(callee.calls.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_a_token_does_not_count_against_the_attempt() {
    policy("pipeline.waiting_for_tokens")
        .retry(at_once(2))
        .rate_limit(
            RateLimitPolicy::new()
                .rate(Rate::new(1, ms(1000)))
                .max_wait(ms(5000)),
        )
        .attempt_timeout(TimeoutPolicy::new().duration(ms(200)))
        .register()
        .unwrap();
    let (begin, callee) = (Instant::now(), Callee::failing(1, ms(100)));
    assert_eq!(waiting_for_tokens(&callee).await.unwrap(), 2);
    assert_eq!(begin.elapsed(), ms(1100));
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_a_place_counts_against_the_attempt_which_reports_its_own_kind() {
    policy("pipeline.places")
        .attempt_timeout(TimeoutPolicy::new().duration(ms(100)))
        .bulkhead(BulkheadPolicy::new().limit(1).queue(1))
        .register()
        .unwrap();
    let mut events = registry().events();
    let (first, second) = (
        Callee::failing(0, ms(1000)),
        Callee::failing(0, Duration::ZERO),
    );
    let begin = Instant::now();
    let (first, waited) = tokio::join!(places(&first), async {
        sleep(ms(20)).await;
        let waited = places(&second).await;
        (waited, begin.elapsed())
    });
    let first = first.unwrap_err();
    assert!(matches!(first, Error::Rejected(Rejected::TimedOut(_))));
    // Its place came at 100ms, when the first one was cut off.
    assert_eq!((waited.0.unwrap(), waited.1), (1, ms(100)));
    let mut kinds = Vec::new();
    while let Some(event) = events.try_next() {
        if let (What::Rejected(_), "pipeline.places") = (event.what, event.policy) {
            kinds.push(event.kind.as_str());
        }
    }
    assert_eq!(kinds, ["attempt_timeout"]);

    let bulkhead = registry().bulkhead("pipeline.places").unwrap();
    let frame = resilient::Frame::new();
    let held = bulkhead.admit(&frame).await.unwrap();
    let begin = Instant::now();
    let never = Callee::failing(0, Duration::ZERO);
    let refused = places(&never).await.unwrap_err();
    assert!(matches!(refused, Error::Rejected(Rejected::TimedOut(_))));
    assert_eq!((begin.elapsed(), never.calls.get()), (ms(100), 0));
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_place_is_free_between_two_attempts() {
    policy("pipeline.between_attempts")
        .retry(
            RetryPolicy::new()
                .backoff(Backoff::fixed(ms(500)))
                .jitter(resilient::Jitter::none()),
        )
        .bulkhead(BulkheadPolicy::new().limit(1))
        .register()
        .unwrap();
    let (first, second) = (Callee::failing(1, ms(10)), Callee::failing(0, ms(10)));
    let (first, second) = tokio::join!(between_attempts(&first), async {
        sleep(ms(100)).await;
        between_attempts(&second).await
    });
    assert_eq!((first.unwrap(), second.unwrap()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_defines_lets_every_call_through_until_it_is_defined() {
    policy("pipeline.late")
        .timeout(TimeoutPolicy::new().duration(ms(10_000)))
        .register()
        .unwrap();
    let breaker = registry().circuit_breaker("pipeline.late").unwrap();
    let callee = Callee::failing(u32::MAX, Duration::ZERO);
    for _ in 0..10 {
        assert!(matches!(late(&callee).await, Err(Error::Failed)));
    }
    assert_eq!(callee.calls.get(), 10, "one attempt each");
    assert_eq!(breaker.state(), CircuitBreakerState::Disabled);

    let mut events = registry().events();
    policy("pipeline.late")
        .retry(RetryPolicy::new().backoff(Backoff::fixed(Duration::ZERO)))
        .circuit_breaker(CircuitBreakerPolicy::new())
        .register()
        .unwrap();
    assert!(matches!(late(&callee).await, Err(Error::Failed)));
    assert_eq!(callee.calls.get(), 13, "the default is three attempts");
    assert_eq!(breaker.state(), CircuitBreakerState::Closed);
    let mut changes = Vec::new();
    while let Some(event) = events.try_next() {
        if let (What::Reconfigured { changes: new, .. }, "pipeline.late") =
            (event.what, event.policy)
        {
            changes.extend(new);
        }
    }
    let switched_on = changes.iter().filter(|change| *change == "enabled = true");
    assert_eq!(switched_on.count(), 2, "{changes:?}");
    assert!(
        !registry()
            .validate()
            .iter()
            .any(|finding| finding.to_string().contains("pipeline.late")),
        "a pipeline of which something is defined is fine"
    );
}

#[tokio::test]
async fn a_pipeline_that_nobody_defines_is_found_and_reported_once() {
    let found = |name: &str| -> Vec<Finding> {
        let mut findings = registry().validate();
        findings.retain(|finding| finding.to_string().contains(&format!("`{name}`")));
        findings
    };
    assert_eq!(
        found("pipeline.nobody"),
        [Finding::Undefined {
            kind: Kind::new("pipeline"),
            policy: "pipeline.nobody",
            call_sites: vec!["pipeline::nobody"],
        }]
    );
    let mut events = registry().events();
    for _ in 0..3 {
        let callee = Callee::failing(1, Duration::ZERO);
        assert!(matches!(nobody(&callee).await, Err(Error::Failed)));
        assert_eq!(callee.calls.get(), 1);
    }
    let mut reported = Vec::new();
    while let Some(event) = events.try_next() {
        if event.policy == "pipeline.nobody" {
            reported.push((event.kind.as_str(), event.what));
        }
    }
    assert_eq!(reported, [("pipeline", What::Undefined)]);

    let snapshot = registry().snapshot();
    let policies = snapshot.policies.iter();
    let parts: Vec<_> = policies
        .filter(|policy| policy.name == "pipeline.nobody")
        .map(|policy| (policy.undefined, policy.lets_through))
        .collect();
    assert_eq!(parts, [(true, true); 6]);
    let table = snapshot.to_string();
    let line = table.lines().find(|line| line.contains("pipeline.nobody"));
    assert!(line.unwrap().contains("undefined"), "{table}");

    policy("pipeline.nobody")
        .bulkhead(BulkheadPolicy::new().limit(1))
        .register()
        .unwrap();
    assert_eq!(found("pipeline.nobody"), []);
    let retry = registry()
        .policy_snapshot(Kind::new("retry"), "pipeline.nobody")
        .unwrap();
    assert!(retry.lets_through && !retry.undefined);
    let bulkhead = registry()
        .policy_snapshot(Kind::new("bulkhead"), "pipeline.nobody")
        .unwrap();
    assert!(!bulkhead.lets_through && !bulkhead.undefined);
}

#[tokio::test]
async fn a_policy_that_is_defined_may_be_switched_off_all_the_same() {
    policy("pipeline.switched_off")
        .retry(at_once(3).enabled(false))
        .register()
        .unwrap();
    let callee = Callee::failing(1, Duration::ZERO);
    assert!(switched_off(&callee).await.is_err());
    assert_eq!(callee.calls.get(), 1);
}

#[allow(dead_code, reason = "listed, never called")]
#[retry("pipeline.beside_a_reference")]
async fn a_bare_reference() -> Answer {
    Ok(1)
}

#[tokio::test(start_paused = true)]
async fn an_attribute_that_names_a_policy_switches_it_on_in_the_pipeline_too() {
    let callee = Callee::failing(2, Duration::ZERO);
    assert_eq!(beside_a_reference(&callee).await.unwrap(), 3);
    let breaker = registry()
        .circuit_breaker("pipeline.beside_a_reference")
        .unwrap();
    assert_eq!(breaker.state(), CircuitBreakerState::Disabled);
}

#[allow(dead_code, reason = "explained, never called")]
#[fallback(value = 0)]
#[resilient("pipeline.explained")]
async fn explained() -> Answer {
    Ok(1)
}

#[test]
fn an_explanation_shows_the_nest_and_what_lets_calls_through() {
    policy("pipeline.explained")
        .timeout(TimeoutPolicy::new().duration(ms(5000)))
        .attempt_timeout(TimeoutPolicy::new().duration(ms(2000)))
        .retry(
            at_once(3)
                .backoff(Backoff::fixed(ms(500)))
                .jitter(resilient::Jitter::none()),
        )
        .register()
        .unwrap();
    let explanation = registry()
        .call_site("pipeline::explained")
        .unwrap()
        .explain();
    assert_eq!(explanation.worst_case, Some(ms(5000)));
    let through: Vec<_> = explanation
        .layers
        .iter()
        .filter(|layer| layer.lets_through)
        .map(|layer| layer.kind.as_str())
        .collect();
    assert_eq!(through, ["circuit_breaker", "rate_limit", "bulkhead"]);
    let text = explanation.to_string();
    let line = |what: &str| {
        text.lines()
            .find(|line| line.trim_start().starts_with(what))
            .unwrap_or_else(|| panic!("{what}: {text}"))
    };
    assert!(line("attempt_timeout").contains("duration = 2s (code)"));
    for off in through {
        assert!(
            line(off).ends_with("lets every call through: nobody defines it"),
            "{text}"
        );
    }
    // 3 × 2s + 2 × 500ms
    assert!(
        text.contains("warning: what stands below timeout `pipeline.explained` may take 7s"),
        "{text}"
    );
    let attempt = registry().attempt_timeout("pipeline.explained").unwrap();
    assert_eq!(attempt.duration(), Some(ms(2000)));
    let total = registry().timeout("pipeline.explained").unwrap();
    assert_eq!(total.duration(), Some(ms(5000)));
    assert!(registry().attempt_timeout("pipeline.unknown").is_none());
}

fn refused(rejected: Rejected) -> String {
    rejected.name().to_owned()
}

struct Shop {
    asked: u32,
}

impl Shop {
    #[fallback(|error| Ok(format!("{sku}: {error}")), when = |error: &String| error == "timed_out")]
    #[resilient("pipeline.mixed", map_err = refused)]
    #[retry(2, when = |error: &String| error == "again", backoff = fixed(0s))]
    async fn price(&mut self, sku: String, takes: Duration) -> Result<String, String> {
        self.asked += 1;
        sleep(takes).await;
        Err(format!("{} again", { sku }).split_off(2))
    }
}

#[tokio::test(start_paused = true)]
async fn single_attributes_and_what_holds_for_the_stack_stand_beside_it() {
    policy("pipeline.mixed")
        .timeout(TimeoutPolicy::new().duration(ms(100)))
        .register()
        .unwrap();
    let mut shop = Shop { asked: 0 };
    let last = shop.price("a".to_owned(), ms(10)).await;
    assert_eq!((last, shop.asked), (Err("again".to_owned()), 2));
    let slow = shop.price("a".to_owned(), ms(1000)).await;
    assert_eq!(slow.unwrap(), "a: timed_out");
}

mod several {
    use super::{Answer, resilient};

    #[resilient("pipeline.several")]
    pub(crate) async fn first() -> Answer {
        tokio::time::sleep(super::ms(50)).await;
        Ok(1)
    }

    #[resilient("pipeline.several")]
    pub(crate) async fn second() -> Result<String, super::Error> {
        Ok("another type".to_owned())
    }
}

#[tokio::test(start_paused = true)]
async fn pipelines_of_one_name_share_settings_and_state_whatever_the_types() {
    let limit = BulkheadPolicy::new().limit(1);
    policy("pipeline.several")
        .bulkhead(limit)
        .register()
        .unwrap();
    let (first, second) = tokio::join!(several::first(), several::second());
    assert!(first.is_ok());
    assert!(matches!(
        second.unwrap_err(),
        Error::Rejected(Rejected::BulkheadFull(_))
    ));
}
