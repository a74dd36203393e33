//! A client of reqwest under a pipeline, and a server that has bad minutes.
//!
//! ```text
//! cargo run --example tower_reqwest --features tower
//! ```

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use reqwest::{Client, Method, Request, Response, Url};
use resilient::tower::{Error as LayerError, layer};
use resilient::{Backoff, CircuitBreakerPolicy, Rejected, RetryPolicy, policy, registry};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};

/// The warehouse: it fails so many times before it answers.
#[derive(Default)]
struct Warehouse {
    failing: AtomicU32,
    asked: AtomicU32,
}

async fn pieces(State(warehouse): State<Arc<Warehouse>>) -> Result<&'static str, StatusCode> {
    warehouse.asked.fetch_add(1, Ordering::Relaxed);
    let fewer = |failing: u32| failing.checked_sub(1);
    let failing = warehouse
        .failing
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer);
    match failing {
        Ok(_) => Err(StatusCode::SERVICE_UNAVAILABLE),
        Err(_) => Ok("7"),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let warehouse = Arc::new(Warehouse::default());
    let app = Router::new()
        .route("/pieces", get(pieces))
        .with_state(Arc::clone(&warehouse));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url: Url = format!("http://{}/pieces", listener.local_addr()?).parse()?;
    let server = tokio::spawn(async move { axum::serve(listener, app).await });

    let backoff = Backoff::fixed(Duration::from_millis(5));
    policy("warehouse")
        .circuit_breaker(CircuitBreakerPolicy::new().failure_threshold(2))
        .retry(RetryPolicy::new().attempts(3).backoff(backoff))
        .register()?;
    let client = layer("warehouse")
        .copy_with(Request::try_clone)
        .when_ok(|response: &Response| response.status().is_server_error())
        .layer(Client::builder().timeout(Duration::from_secs(10)).build()?);
    let ask = || {
        client
            .clone()
            .oneshot(Request::new(Method::GET, url.clone()))
    };

    warehouse.failing.store(2, Ordering::Relaxed);
    assert_eq!(ask().await?.text().await?, "7", "the third attempt answers");
    assert_eq!(warehouse.asked.load(Ordering::Relaxed), 3);

    warehouse.failing.store(u32::MAX, Ordering::Relaxed);
    for _ in 0..2 {
        let last = ask().await?;
        assert_eq!(last.status(), 503, "the last answer is the caller's");
    }
    let before = warehouse.asked.load(Ordering::Relaxed);
    let refused = ask().await;
    assert!(matches!(
        refused,
        Err(LayerError::Rejected(Rejected::CircuitOpen(_)))
    ));
    assert_eq!(
        warehouse.asked.load(Ordering::Relaxed),
        before,
        "it is left alone"
    );

    let breaker = registry()
        .circuit_breaker("warehouse")
        .ok_or("it is registered")?;
    let why = breaker.snapshot().why.ok_or("it is open")?;
    assert!(why.ends_with("2 × answer Response"), "{why}");
    println!("open: {why}");
    server.abort();
    Ok(())
}
