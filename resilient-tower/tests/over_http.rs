//! A layer around a real server, and one around a real client, on the loopback interface.

use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::http::StatusCode;
use axum::routing::get;
use resilient_core::{BulkheadPolicy, CircuitBreakerPolicy, RetryPolicy, policy};
use resilient_tower::{Error, layer};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}/")
}

async fn refused(_: Error<Infallible>) -> StatusCode {
    StatusCode::SERVICE_UNAVAILABLE
}

#[tokio::test]
async fn a_server_refuses_calls_beyond_its_bulkhead() {
    policy("server")
        .bulkhead(BulkheadPolicy::new().limit(1))
        .register()
        .expect("a name of this test");
    let gate = Arc::new(tokio::sync::Notify::new());
    let inside = Arc::new(tokio::sync::Notify::new());
    let (opened, entered) = (gate.clone(), inside.clone());
    let slow = move || async move {
        entered.notify_one();
        opened.notified().await;
        "at last"
    };
    let app = Router::new()
        .route("/", get(slow))
        .layer((HandleErrorLayer::new(refused), layer("server").once()));
    let address = serve(app).await;
    let first = tokio::spawn(reqwest::get(address.clone()));
    inside.notified().await;
    let second = reqwest::get(address).await.expect("an answer");
    assert_eq!(second.status(), 503);
    gate.notify_one();
    let first = first.await.expect("no panic").expect("an answer");
    assert_eq!(first.status(), 200);
}

#[tokio::test]
async fn a_client_tries_again_and_its_breaker_counts_answers() {
    policy("client")
        .circuit_breaker(CircuitBreakerPolicy::new().failure_threshold(1))
        .retry(RetryPolicy::new().attempts(2))
        .register()
        .expect("a name of this test");
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    let fails = move || async move {
        counted.fetch_add(1, Ordering::Relaxed);
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let address = serve(Router::new().route("/", get(fails))).await;
    let client = layer("client")
        .copy_with(reqwest::Request::try_clone)
        .when_ok(|response: &reqwest::Response| response.status().is_server_error())
        .layer(reqwest::Client::new());
    let request = || reqwest::Request::new(reqwest::Method::GET, address.parse().expect("a URL"));
    let last = client.clone().oneshot(request()).await.expect("an answer");
    assert_eq!(last.status(), 500);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    let open = client.oneshot(request()).await;
    assert!(matches!(open, Err(Error::Rejected(_))));
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}
