//! A service whose policies are scraped by Prometheus, over HTTP, while its dependency fails.
//!
//! ```text
//! cargo run --example metrics --features metrics
//! ```

use axum::Router;
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use resilient::{Rejected, bulkhead, circuit_breaker};
use std::error::Error;
use std::time::Duration;
use tokio::net::TcpListener;

#[derive(Debug, thiserror::Error)]
enum StockError {
    #[error("the warehouse does not answer")]
    Down,
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

#[circuit_breaker("warehouse", failure_threshold = 3, open_for = 1m)]
#[bulkhead("warehouse", limit = 4)]
async fn pieces(is_up: bool) -> Result<u32, StockError> {
    if is_up { Ok(7) } else { Err(StockError::Down) }
}

/// What Prometheus asks for: the numbers are as new as the answer.
fn rendered(recorder: &PrometheusHandle) -> String {
    resilient::metrics::publish();
    recorder.render()
}

/// The number of one series; without it there is a mistake in here.
fn number(text: &str, series: &str) -> Result<u64, Box<dyn Error>> {
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    Ok(line.ok_or_else(|| format!("no {series}"))?.trim().parse()?)
}

const OPENED: &str = "resilient_circuit_breaker_opened_total{policy=\"warehouse\"}";
const OPEN: &str = "resilient_circuit_breaker_state{policy=\"warehouse\",state=\"open\"}";
const FAILED: &str =
    "resilient_circuit_breaker_calls_total{policy=\"warehouse\",outcome=\"failure\"}";
const REFUSED: &str =
    "resilient_circuit_breaker_calls_total{policy=\"warehouse\",outcome=\"rejected\"}";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let recorder = PrometheusBuilder::new().install_recorder()?;
    resilient::metrics::describe();

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}/metrics", listener.local_addr()?);
    let metrics = get(move || std::future::ready(rendered(&recorder)));
    let router = Router::new().route("/metrics", metrics);
    let server = tokio::spawn(async move { axum::serve(listener, router).await });

    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .build()?;
    let scrape = async || client.get(&address).send().await?.text().await;

    let before = scrape().await?;
    for series in [OPENED, OPEN, FAILED, REFUSED] {
        assert_eq!(
            number(&before, series)?,
            0,
            "{series}: nobody has called it"
        );
    }

    assert_eq!(pieces(true).await?, 7);
    for _ in 0..5 {
        let failed = pieces(false).await;
        assert!(matches!(
            failed,
            Err(StockError::Down | StockError::Rejected(_))
        ));
    }
    let after = scrape().await?;
    for (series, expected) in [(OPENED, 1), (OPEN, 1), (FAILED, 3), (REFUSED, 2)] {
        assert_eq!(number(&after, series)?, expected, "{series}");
        println!("{series} {expected}");
    }
    assert_eq!(
        number(&scrape().await?, FAILED)?,
        3,
        "a scrape counts nothing"
    );

    server.abort();
    Ok(())
}
