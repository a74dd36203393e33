//! A body that does not come.

use axum::body::{Body, Bytes};
use axum::http::Request;
use http_body::Frame;
use resilient_core::{CircuitBreakerPolicy, CircuitBreakerState, policy, registry};
use resilient_http::{Actor, Options, router};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;
use tower::ServiceExt;

/// Begins, and never goes on.
struct Stuck(Option<Bytes>);

impl http_body::Body for Stuck {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0.take() {
            Some(begun) => Poll::Ready(Some(Ok(Frame::data(begun)))),
            None => Poll::Pending,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_answered_in_time_and_changes_nothing() {
    policy("slow.body")
        .circuit_breaker(CircuitBreakerPolicy::new())
        .register()
        .expect("a name of this test");
    let router = router(Options::new().authorise(|_, _| Some(Actor::new("ana"))));
    for begun in [None, Some(Bytes::from_static(b"{\"reason\": \"half of i"))] {
        let request = Request::post("/policy/force_open?kind=circuit_breaker&name=slow.body")
            .header("content-type", "application/json")
            .body(Body::new(Stuck(begun)))
            .expect("a request");
        let asked = Instant::now();
        let answer = router.clone().oneshot(request).await.expect("an answer");
        assert_eq!(answer.status(), 408);
        assert_eq!(asked.elapsed(), Duration::from_secs(10));
        assert_eq!(answer.headers()["content-type"], "application/json");
        let body = axum::body::to_bytes(answer.into_body(), 1000)
            .await
            .expect("a body");
        assert_eq!(body, &b"{\"error\":\"the body did not come\"}"[..]);
        let breaker = registry()
            .circuit_breaker("slow.body")
            .expect("it is registered");
        assert_eq!(breaker.state(), CircuitBreakerState::Closed);
    }
}
