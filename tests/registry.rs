//! Names, definitions and what can be seen of them.

use resilient::{
    BulkheadPolicy, CircuitBreakerState, Finding, Rejected, RetryPolicy, Source, TimeoutPolicy,
    Value, What, bulkhead, circuit_breaker, policy, registry, retry, timeout,
};
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the callee failed")]
    Failed,
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

type Answer = Result<u32, Error>;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[allow(dead_code, reason = "listed although nobody calls it")]
#[timeout(7s)]
#[bulkhead("registry.dead", 3)]
#[timeout(2s)]
async fn dead<T: Send>(_: T) -> Answer {
    Ok(1)
}

struct Shop;

impl Shop {
    #[circuit_breaker(failure_threshold = 2)]
    async fn price(&self, succeed: bool) -> Answer {
        if succeed { Ok(1) } else { Err(Error::Failed) }
    }
}

#[test]
fn a_function_that_is_never_called_is_listed_with_its_stack() {
    let site = registry()
        .call_site("registry::dead")
        .expect("it is annotated");
    assert!(site.file.ends_with("tests/registry.rs"));
    let stack: Vec<_> = site
        .layers
        .iter()
        .map(|layer| (layer.kind.as_str(), layer.policy))
        .collect();
    assert_eq!(
        stack,
        [
            ("timeout", "registry::dead"),
            ("bulkhead", "registry.dead"),
            ("timeout", "registry::dead#2")
        ]
    );
    assert_eq!(site.layers[1].written, "bulkhead(\"registry.dead\", 3)");
    assert_eq!(
        registry().timeout("registry::dead#2").unwrap().duration(),
        Some(seconds(2))
    );
}

#[tokio::test]
async fn a_policy_without_a_name_is_called_by_its_function() {
    let breaker = registry()
        .circuit_breaker("registry::Shop::price")
        .expect("listed");
    assert_eq!(breaker.state(), CircuitBreakerState::Closed);
    for _ in 0..2 {
        assert!(matches!(Shop.price(false).await, Err(Error::Failed)));
    }
    assert_eq!(breaker.state(), CircuitBreakerState::Open);
    assert!(matches!(
        Shop.price(true).await,
        Err(Error::Rejected(Rejected::CircuitOpen(_)))
    ));
    breaker.reset("the test is over");
    assert!(Shop.price(true).await.is_ok());
}

#[test]
fn a_name_that_nobody_mentions_is_none_and_stays_none() {
    for _ in 0..2 {
        assert!(registry().circuit_breaker("registry.nobody").is_none());
        assert!(registry().call_site("registry::nobody").is_none());
    }
    assert!(
        registry()
            .snapshot()
            .policies
            .iter()
            .all(|policy| policy.name != "registry.nobody")
    );
}

#[bulkhead("registry.shared", 1)]
async fn first(inside: tokio::sync::oneshot::Receiver<()>) -> Answer {
    inside.await.map_err(|_| Error::Failed)?;
    Ok(1)
}

#[bulkhead("registry.shared")]
async fn second() -> Result<String, Error> {
    Ok("another type".to_owned())
}

#[tokio::test]
async fn policies_of_one_name_share_settings_and_state_whatever_the_types() {
    let (leave, inside) = tokio::sync::oneshot::channel();
    let first = tokio::spawn(first(inside));
    tokio::task::yield_now().await;
    assert!(matches!(
        second().await,
        Err(Error::Rejected(Rejected::BulkheadFull(_)))
    ));
    leave.send(()).unwrap();
    first.await.unwrap().unwrap();
    assert_eq!(second().await.unwrap(), "another type");
}

#[retry("registry.code")]
#[timeout("registry.code", 1s)]
async fn defined_in_code(attempts: &std::cell::Cell<u32>) -> Answer {
    attempts.set(attempts.get() + 1);
    Err(Error::Failed)
}

#[tokio::test(start_paused = true)]
async fn code_hides_attributes_setting_by_setting() {
    policy("registry.code")
        .retry(RetryPolicy::new().attempts(5))
        .timeout(TimeoutPolicy::new().duration(seconds(4)))
        .register()
        .unwrap();
    let attempts = std::cell::Cell::new(0);
    assert!(defined_in_code(&attempts).await.is_err());
    assert_eq!(attempts.get(), 5);
    assert_eq!(
        registry().timeout("registry.code").unwrap().duration(),
        Some(seconds(4))
    );

    let snapshot = registry().snapshot();
    let retry = snapshot
        .policies
        .iter()
        .find(|policy| policy.name == "registry.code" && policy.kind.as_str() == "retry")
        .unwrap();
    let setting = |key| {
        retry
            .settings
            .iter()
            .find(|setting| setting.key == key)
            .unwrap()
    };
    assert_eq!(setting("attempts").value, Some(Value::Count(5)));
    assert_eq!(setting("attempts").source, Source::Code);
    assert_eq!(setting("backoff").source, Source::Default);
    assert_eq!(setting("max_elapsed").value, None, "no data is none");
}

#[timeout("registry.late", 1s)]
async fn slow(duration: Duration) -> Answer {
    tokio::time::sleep(duration).await;
    Ok(1)
}

#[tokio::test(start_paused = true)]
async fn a_definition_after_the_first_call_holds_for_the_next_one_and_is_reported() {
    assert!(slow(seconds(2)).await.is_err());
    let mut events = registry().events();
    policy("registry.late")
        .timeout(TimeoutPolicy::new().duration(seconds(3)))
        .register()
        .unwrap();
    assert!(slow(seconds(2)).await.is_ok());
    let changes = loop {
        let event = events.next().await;
        if event.policy == "registry.late" {
            break event.what;
        }
    };
    assert_eq!(
        changes,
        What::Reconfigured {
            changes: vec!["duration = 3s".to_owned()],
            by: None,
        }
    );
}

#[test]
fn what_is_refused_changes_nothing() {
    let refused = policy("registry.refused")
        .retry(RetryPolicy::new().attempts(2))
        .bulkhead(BulkheadPolicy::new().limit(0))
        .register()
        .unwrap_err();
    let message = refused.to_string();
    assert!(
        message.contains("bulkhead `registry.refused`: `limit`"),
        "{message}"
    );
    assert!(registry().retry("registry.refused").is_none());
    assert!(registry().bulkhead("registry.refused").is_none());

    policy("registry.once")
        .retry(RetryPolicy::new().attempts(2))
        .register()
        .unwrap();
    let again = policy("registry.once")
        .retry(RetryPolicy::new().attempts(3))
        .register();
    assert!(
        again
            .unwrap_err()
            .to_string()
            .contains("is registered already")
    );
    assert!(policy("  ").retry(RetryPolicy::new()).register().is_err());
}

#[bulkhead("registry.contradiction", 3)]
async fn says_three() -> Answer {
    Ok(3)
}

#[bulkhead("registry.contradiction", 4, queue = 1)]
async fn says_four() -> Answer {
    Ok(4)
}

#[bulkhead("registry.mistyped")]
async fn mistyped() -> Answer {
    Ok(1)
}

#[tokio::test]
async fn contradictions_and_undefined_names_are_found_and_harm_nobody() {
    assert_eq!(says_three().await.unwrap() + says_four().await.unwrap(), 7);
    let findings = registry().validate();
    let texts: Vec<_> = findings.iter().map(ToString::to_string).collect();
    let of = |name: &str| {
        texts
            .iter()
            .find(|text| text.contains(name))
            .unwrap()
            .as_str()
    };
    let contradiction = of("registry.contradiction");
    assert!(contradiction.contains("`limit` is 3 at"), "{contradiction}");
    assert!(contradiction.contains("so 4 at"), "{contradiction}");
    assert!(
        !contradiction.contains("queue"),
        "written by one alone: {contradiction}"
    );
    let mistyped_name = of("registry.mistyped");
    assert!(
        mistyped_name.contains("registry::mistyped, but nobody defines it"),
        "{mistyped_name}"
    );
    assert!(findings.iter().any(|finding| matches!(
        finding,
        Finding::Undefined {
            policy: "registry.mistyped",
            ..
        }
    )));

    let mut events = registry().events();
    assert!(
        mistyped().await.is_ok(),
        "a bulkhead without a limit lets calls through"
    );
    assert!(mistyped().await.is_ok());
    let mut reported = 0;
    while let Some(event) = events.try_next() {
        reported += u32::from(event.policy == "registry.mistyped" && event.what == What::Undefined);
    }
    assert_eq!(reported, 1, "the first call reports it, once");
    let table = registry().snapshot().to_string();
    let line = table
        .lines()
        .find(|line| line.contains("registry.mistyped"))
        .unwrap();
    assert!(line.contains("undefined"), "{line}");
}

#[allow(dead_code, reason = "listed, never called")]
#[bulkhead("registry.idle", 3, max_wait = 1s)]
#[circuit_breaker("registry.idle", failure_threshold = 3, min_calls = 2)]
async fn idle_settings() -> Answer {
    Ok(1)
}

#[allow(dead_code, reason = "listed, never called")]
#[bulkhead("registry.busy", 3, queue = 1, max_wait = 1s)]
#[circuit_breaker("registry.busy", failure_rate = 50%, min_calls = 2)]
async fn busy_settings() -> Answer {
    Ok(1)
}

#[test]
fn settings_that_mean_nothing_where_they_stand_are_found() {
    let texts: Vec<_> = registry()
        .validate()
        .iter()
        .map(ToString::to_string)
        .collect();
    let found: Vec<_> = texts
        .iter()
        .filter(|text| text.contains("registry.idle"))
        .collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("bulkhead `registry.idle`: `max_wait` means nothing without `queue`")
    );
    assert!(
        found[1].starts_with("circuit_breaker `registry.idle`: `min_calls` means nothing without")
    );
    assert!(
        !texts.iter().any(|text| text.contains("registry.busy")),
        "{texts:?}"
    );
}

#[allow(dead_code, reason = "explained, never called")]
#[timeout("registry.total", 5s)]
#[circuit_breaker("registry.explained", failure_threshold = 3)]
#[retry("registry.explained", 3, backoff = fixed(500ms), jitter = none)]
#[timeout("registry.attempt", 2s)]
async fn explained() -> Answer {
    Ok(1)
}

#[test]
fn a_call_site_explains_its_stack_its_worst_case_and_what_does_not_fit() {
    let explanation = registry()
        .call_site("registry::explained")
        .unwrap()
        .explain();
    assert_eq!(explanation.worst_case, Some(seconds(5)));
    let text = explanation.to_string();
    let line = |what: &str| {
        text.lines()
            .position(|line| line.contains(what))
            .unwrap_or_else(|| panic!("{what}: {text}"))
    };
    assert!(line("registry.total") < line("circuit_breaker"));
    assert!(line("circuit_breaker") < line("attempts = 3"));
    assert!(line("attempts = 3") < line("registry.attempt"));
    assert!(line("registry.attempt") < line("the body"));
    // 3 × 2s + 2 × 500ms
    assert!(
        text.contains("warning: what stands below timeout `registry.total` may take 7s"),
        "{text}"
    );
    assert!(text.contains("takes at most 5s"), "{text}");
    assert!(!text.contains("now "), "it is closed: {text}");
}

#[allow(dead_code, reason = "explained, never called")]
#[circuit_breaker("registry.drilled", open_for = 20s)]
async fn drilled() -> Answer {
    Ok(1)
}

#[test]
fn an_explanation_says_which_breaker_is_not_closed_and_why() {
    let explained = || {
        let site = registry().call_site("registry::drilled").unwrap();
        site.explain()
    };
    assert_eq!(explained().layers[0].not_closed, None);
    let breaker = registry().circuit_breaker("registry.drilled").unwrap();
    breaker.force_open("a drill");
    let open = explained();
    let state = "forced_open: a drill";
    assert_eq!(open.layers[0].not_closed.as_deref(), Some(state));
    let text = open.to_string();
    assert!(text.contains(&format!("; now {state}\n")), "{text}");
    breaker.reset("the drill is over");
}

#[test]
fn the_table_for_people_is_aligned_and_speaks_no_debug() {
    let table = registry().snapshot().to_string();
    let header = table.lines().next().unwrap();
    let state = header.find("STATE").unwrap();
    for line in table.lines().skip(1) {
        let before = line.chars().nth(state - 1);
        assert!(before.is_none_or(|before| before == ' '), "{line}");
        assert!(
            line.chars().nth(state).is_none_or(|first| first != ' '),
            "{line}"
        );
    }
    assert!(!table.contains("Some(") && !table.contains('{'), "{table}");
}

#[circuit_breaker("registry.forced")]
async fn forced() -> Answer {
    Ok(1)
}

#[tokio::test]
async fn a_breaker_is_steered_by_hand_with_a_reason() {
    let mut events = registry().events();
    let breaker = registry().circuit_breaker("registry.forced").unwrap();
    breaker.force_open("the gateway is being replaced");
    assert_eq!(breaker.state(), CircuitBreakerState::ForcedOpen);
    assert!(matches!(
        forced().await,
        Err(Error::Rejected(Rejected::ForcedOpen(_)))
    ));
    breaker.reset("it is back");
    assert!(forced().await.is_ok());
    let mut transitions = Vec::new();
    while let Some(event) = events.try_next() {
        if let (What::Transition { from, to, reason }, "registry.forced") =
            (event.what, event.policy)
        {
            transitions.push((from, to, reason));
        }
    }
    assert_eq!(
        transitions,
        [
            (
                "closed",
                "forced_open",
                "the gateway is being replaced".to_owned()
            ),
            ("forced_open", "closed", "reset: it is back".to_owned())
        ]
    );
}
