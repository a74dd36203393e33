//! A server of axum under a pipeline: at most two calls inside, each for so long, and the rest is told to come back.
//!
//! ```text
//! cargo run --example tower_axum --features tower
//! ```

use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use resilient::tower::{Error as LayerError, layer};
use resilient::{BulkheadPolicy, Rejected, TimeoutPolicy, policy, registry};
use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::sleep;

/// A refusal becomes an answer, which says when to come back where that is known.
async fn refused(error: LayerError<Infallible>) -> Response {
    let status = match &error {
        LayerError::Rejected(Rejected::TimedOut(_)) => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, error.to_string()).into_response()
}

/// Takes as long as it is asked to.
async fn work(Path(milliseconds): Path<u64>) -> &'static str {
    sleep(Duration::from_millis(milliseconds)).await;
    "done"
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    policy("inbound")
        .timeout(TimeoutPolicy::new().duration(Duration::from_millis(300)))
        .bulkhead(BulkheadPolicy::new().limit(2))
        .register()?;
    let app = Router::new()
        .route("/work/{milliseconds}", get(work))
        // The first one is outside; requests of axum cannot be copied, so each is tried once.
        .layer((HandleErrorLayer::new(refused), layer("inbound").once()));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move { axum::serve(listener, app).await });

    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .build()?;
    let ask = |milliseconds: u64| {
        let asked = client.get(format!("http://{address}/work/{milliseconds}"));
        async move { Ok::<_, reqwest::Error>(asked.send().await?.status()) }
    };

    assert_eq!(ask(1).await?, StatusCode::OK);
    assert_eq!(
        ask(60_000).await?,
        StatusCode::GATEWAY_TIMEOUT,
        "it is cut off"
    );

    let five = tokio::join!(ask(200), ask(200), ask(200), ask(200), ask(200));
    let five = [five.0?, five.1?, five.2?, five.3?, five.4?];
    let let_in = five.iter().filter(|status| **status == StatusCode::OK);
    assert_eq!(let_in.count(), 2, "{five:?}");
    let refused = five
        .iter()
        .filter(|status| **status == StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.count(), 3, "{five:?}");

    print!("{}", registry().snapshot());
    server.abort();
    Ok(())
}
