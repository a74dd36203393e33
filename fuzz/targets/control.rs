//! Arbitrary requests to the router: nothing panics, every answer carries the headers of all answers, no
//! status is one that the documentation does not know, and what is refused has changed nothing.
//!
//! An input is a method and a path, then lines of headers, an empty line, and the body.

#![no_main]

use axum::body::{Body, to_bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{Method, Request, StatusCode};
use libfuzzer_sys::{Corpus, fuzz_target};
use resilient_core::testing::{isolated, reset_all};
use resilient_core::{
    BulkheadPolicy, CircuitBreakerPolicy, RateLimitPolicy, RetryPolicy, TimeoutPolicy, policy,
    registry,
};
use resilient_http::{Access, Actor, Options, router};
use std::time::Duration;
use tokio::runtime::Runtime;
use tower::ServiceExt;

thread_local! {
    static RUNTIME: Runtime = begin();
}

fuzz_target!(|text: &str| -> Corpus {
    let Some(request) = request(text) else {
        return Corpus::Reject;
    };
    RUNTIME.with(|runtime| runtime.block_on(ask(request)));
    Corpus::Keep
});

/// Time stands still, so that only what is asked for changes anything.
fn begin() -> Runtime {
    // It holds for this thread, on which everything is asked.
    std::mem::forget(isolated());
    let definition = policy("shop")
        .circuit_breaker(CircuitBreakerPolicy::new().failure_threshold(5))
        .retry(RetryPolicy::new().attempts(3))
        .timeout(TimeoutPolicy::new().duration(Duration::from_secs(1)))
        .bulkhead(BulkheadPolicy::new().limit(20).queue(5))
        .rate_limit(RateLimitPolicy::new());
    definition.register().expect("nobody else is here");
    let runtime = tokio::runtime::Builder::new_current_thread();
    let mut runtime = runtime;
    let runtime = runtime.enable_time().start_paused(true).build();
    runtime.expect("a runtime")
}

fn request(text: &str) -> Option<Request<Body>> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let (method, path) = lines.next()?.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(path);
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        request = request.header(name, value);
    }
    request.body(Body::from(body.to_owned())).ok()
}

async fn ask(request: Request<Body>) {
    reset_all();
    let asked = format!("{request:?}");
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let before = everything();
    let options = Options::new().title("fuzzed").authorise(authorise);
    let answer = router(options).oneshot(request).await;
    let answer = answer.unwrap_or_else(|never| match never {});
    let (status, after) = (answer.status(), everything());

    assert!(
        status == StatusCode::OK || status.is_client_error(),
        "{status}, which is not documented, to {asked}"
    );
    let is_steering = method == Method::POST || method == Method::PATCH;
    if status != StatusCode::OK || !is_steering || path.contains("dry_run") {
        assert_eq!(before, after, "{status} to {asked} has changed something");
    }
    for header in [
        "cache-control",
        "content-security-policy",
        "referrer-policy",
        "x-content-type-options",
        "x-frame-options",
    ] {
        assert!(
            answer.headers().contains_key(header),
            "no {header} to {asked}"
        );
    }
    let content_type = answer.headers().get(CONTENT_TYPE).cloned();
    let is = |kind: &str| content_type.as_ref().is_some_and(|found| *found == kind);
    if is("text/event-stream") {
        return; // it has no end
    }
    let is_json = is("application/json");
    let body = to_bytes(answer.into_body(), usize::MAX)
        .await
        .expect("a whole body");
    if is_json {
        let value = serde_json::from_slice::<serde_json::Value>(&body);
        let value = value.unwrap_or_else(|error| panic!("{error} in the answer to {asked}"));
        assert!(
            status == StatusCode::OK || value["error"].is_string(),
            "{value} to {asked}"
        );
    }
}

/// What a request may see or change: everything but when it was looked at.
fn everything() -> String {
    let registry = registry();
    let snapshot = registry.snapshot();
    format!(
        "{:?} {:?} {:?} {}",
        snapshot.policies,
        snapshot.call_sites,
        registry.all_disabled(),
        registry.history(0).position(),
    )
}

/// "ana" may do everything, "reader" only reads, and nobody else comes in.
fn authorise(request: &Parts, access: Access) -> Option<Actor> {
    let user = request.headers.get("x-user")?.to_str().ok()?;
    let may = user == "ana" || user == "reader" && access == Access::Read;
    may.then(|| Actor::new(user))
}
