//! What an error of reqwest says of itself decides about retries and breakers, over real HTTP on the
//! loopback.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::get;
use reqwest::Client;
use resilient::reqwest::{Error, check};
use resilient::{
    CircuitBreakerState, Class, Classify, Diagnosis, Rejected, circuit_breaker, registry, retry,
};
use std::error::Error as StdError;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

// Servers.

type Hits = Arc<AtomicU32>;

/// `/status/404` answers 404; `/status/503/7` asks for seven seconds beside it.
async fn status_server() -> (SocketAddr, Hits) {
    async fn answer(State(hits): State<Hits>, Path(status): Path<u16>) -> StatusCode {
        hits.fetch_add(1, Ordering::Relaxed);
        StatusCode::from_u16(status).expect("a status")
    }

    async fn asking(
        State(hits): State<Hits>,
        Path((status, wait)): Path<(u16, String)>,
    ) -> (StatusCode, HeaderMap) {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", wait.parse().expect("a value"));
        (answer(State(hits), Path(status)).await, headers)
    }

    let hits = Hits::default();
    let router = Router::new()
        .route("/status/{status}", get(answer))
        .route("/status/{status}/{wait}", get(asking))
        .with_state(Arc::clone(&hits));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async { axum::serve(listener, router).await });
    (address, hits)
}

/// Speaks what `serve` speaks, to one connection after the other.
async fn raw_server<S>(serve: impl Fn(TcpStream) -> S + Send + 'static) -> (SocketAddr, Hits)
where
    S: Future<Output = ()> + Send,
{
    let hits = Hits::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let counted = Arc::clone(&hits);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            serve(stream).await;
        }
    });
    (address, hits)
}

/// Answers with these bytes, and closes the connection.
async fn answering(bytes: &'static str) -> (SocketAddr, Hits) {
    raw_server(move |mut stream| async move {
        let mut head = [0; 4096];
        let read = stream.read(&mut head).await.expect("a head");
        assert!(head[..read].ends_with(b"\r\n\r\n"));
        stream.write_all(bytes.as_bytes()).await.expect("written");
    })
    .await
}

/// A client that opens a connection for each call, so that no timer of its pool runs.
fn client() -> Client {
    let builder = Client::builder().pool_max_idle_per_host(0).no_proxy();
    builder.build().expect("a client")
}

// The functions that are called.

#[retry(3, backoff = fixed(0s))]
async fn fetch(client: &Client, url: &str) -> Result<String, Error> {
    Ok(check(client.get(url).send().await?)?.text().await?)
}

#[retry(3, backoff = fixed(0s))]
async fn fetch_number(client: &Client, url: &str) -> Result<u32, Error> {
    Ok(check(client.get(url).send().await?)?.json().await?)
}

#[retry(3, backoff = fixed(10s), jitter = none)]
async fn fetch_patiently(client: &Client, url: &str) -> Result<String, Error> {
    Ok(check(client.get(url).send().await?)?.text().await?)
}

#[retry(3, backoff = fixed(0s))]
async fn fetch_plainly(client: &Client, url: &str) -> Result<String, reqwest::Error> {
    client
        .get(url)
        .send()
        .await?
        .error_for_status()?
        .text()
        .await
}

// Statuses.

#[tokio::test]
async fn a_status_is_asked_for_as_often_as_it_deserves() {
    let (address, hits) = status_server().await;
    let client = client();
    for (path, attempts) in [
        ("408", 3),
        ("421", 3),
        ("425", 3),
        ("429", 3),
        ("500", 3),
        ("502", 3),
        ("503", 3),
        ("504", 3),
        ("507", 3),
        ("400", 1),
        ("401", 1),
        ("403", 1),
        ("404", 1),
        ("409", 1),
        ("410", 1),
        ("413", 1),
        ("422", 1),
        ("423", 1),
        ("501", 1),
        ("505", 1),
        ("503/0", 3),
        ("503/1", 1), // longer than the backoff ever waits
        ("429/1", 1),
        ("429/soon", 3),
        ("413/0", 3),
        ("404/0", 1),
    ] {
        hits.store(0, Ordering::Relaxed);
        let url = format!("http://{address}/status/{path}");
        let error = fetch(&client, &url).await.expect_err(path);
        assert_eq!(hits.load(Ordering::Relaxed), attempts, "{path}");
        let status = error.status().map(|status| status.as_u16());
        assert_eq!(status, path[..3].parse().ok(), "{path}");
        assert_eq!(error.url().map(ToString::to_string), Some(url.clone()));

        let asked = path.get(4..);
        let asked = asked.and_then(|text| text.parse().ok());
        assert_eq!(
            error.retry_after(),
            asked.map(Duration::from_secs),
            "{path}"
        );

        hits.store(0, Ordering::Relaxed);
        let error = fetch_plainly(&client, &url).await.expect_err(path);
        assert!(error.is_status());
        let forgotten = match path {
            "503/1" | "429/1" => 3,
            "413/0" => 1,
            _ => attempts,
        };
        assert_eq!(hits.load(Ordering::Relaxed), forgotten, "plainly: {path}");
    }
}

#[tokio::test]
async fn what_is_no_failure_is_passed_on() {
    let (address, hits) = status_server().await;
    for status in [200, 204, 304] {
        let url = format!("http://{address}/status/{status}");
        assert_eq!(fetch(&client(), &url).await.expect("no failure"), "");
    }
    assert_eq!(hits.load(Ordering::Relaxed), 3);
    let moved = Response::builder()
        .status(302)
        .body("")
        .expect("a response");
    let response = check(moved.into()).expect("no failure");
    assert_eq!(response.status(), 302);
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_for_as_long_as_the_header_asks_for() {
    for (answer, took) in [
        ("HTTP/1.1 503 Busy\r\nretry-after: 7\r\n\r\n", 20),
        ("HTTP/1.1 429 Busy\r\nretry-after: 10\r\n\r\n", 20),
        ("HTTP/1.1 429 Busy\r\n\r\n", 20),
    ] {
        let (address, hits) = answering(answer).await;
        let began = Instant::now();
        let url = format!("http://{address}/");
        fetch_patiently(&client(), &url).await.expect_err(answer);
        assert_eq!(hits.load(Ordering::Relaxed), 3, "{answer}");
        assert_eq!(began.elapsed().as_secs(), took, "{answer}");
    }
    let (address, hits) = answering("HTTP/1.1 503 Busy\r\nretry-after: 11\r\n\r\n").await;
    let began = Instant::now();
    let url = format!("http://{address}/");
    let error = fetch_patiently(&client(), &url).await.expect_err("busy");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(11)));
    assert_eq!(
        hits.load(Ordering::Relaxed),
        1,
        "it would have to wait too long"
    );
    assert_eq!(began.elapsed().as_secs(), 0);
}

#[retry(2, backoff = exponential(1s..1h), jitter = none)]
async fn fetch_when_asked(client: &Client, url: &str) -> Result<String, Error> {
    Ok(check(client.get(url).send().await?)?.text().await?)
}

#[tokio::test(start_paused = true)]
async fn a_date_counts_from_the_date_of_the_response() {
    for (answer, took) in [
        (
            "HTTP/1.1 503 Busy\r\ndate: Sun, 06 Nov 1994 08:49:07 GMT\r\n\
             retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n",
            30,
        ),
        (
            "HTTP/1.1 429 Busy\r\ndate: Sun, 06 Nov 1994 08:49:07 GMT\r\n\
             retry-after: Sunday, 06-Nov-94 08:50:07 GMT\r\n\r\n",
            60,
        ),
        (
            "HTTP/1.1 503 Busy\r\ndate: Sun, 06 Nov 1994 08:49:07 GMT\r\n\
             retry-after: Sun Nov  6 08:59:07 1994\r\n\r\n",
            600,
        ),
        // It has passed, by whatever clock: the backoff's own delay.
        (
            "HTTP/1.1 503 Busy\r\nretry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n",
            1,
        ),
        (
            "HTTP/1.1 503 Busy\r\ndate: Mon, 07 Nov 1994 08:49:07 GMT\r\n\
             retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n",
            1,
        ),
        // No number, no date.
        ("HTTP/1.1 503 Busy\r\nretry-after: -30\r\n\r\n", 1),
    ] {
        let (address, hits) = answering(answer).await;
        let began = Instant::now();
        let url = format!("http://{address}/");
        fetch_when_asked(&client(), &url).await.expect_err(answer);
        assert_eq!(hits.load(Ordering::Relaxed), 2, "{answer}");
        assert_eq!(began.elapsed().as_secs(), took, "{answer}");
    }
}

#[test]
fn seconds_that_no_number_holds_are_very_many() {
    for seconds in ["4294967296", "99999999999999999999999999999999"] {
        let busy = Response::builder()
            .status(429)
            .header("retry-after", seconds);
        let error = check(busy.body("").expect("a response").into()).expect_err("busy");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(1 << 31)));
    }
}

// The way.

#[tokio::test]
async fn a_connection_that_is_refused_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("its address"));
    drop(listener);
    let error = fetch(&client(), &url).await.expect_err("nobody listens");
    assert!(
        error.transport().is_some_and(reqwest::Error::is_connect),
        "{error:?}"
    );
    assert_eq!(Diagnosis::of(&error), Diagnosis::UNKNOWN);
    assert!(error.to_string().ends_with(": no connection"), "{error}");
}

#[tokio::test]
async fn a_connection_that_is_lost_is_tried_again_wherever_it_broke() {
    // A socket that is closed with unread bytes is reset.
    let reset = raw_server(|stream| async move { stream.readable().await.expect("bytes") });
    let nothing = answering("");
    let in_the_head = answering("HTTP/1.1 200 OK\r\ncontent-le");
    let in_the_body = answering("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
    let in_a_chunk = answering("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n64\r\nhalf");
    for (address, hits) in [
        reset.await,
        nothing.await,
        in_the_head.await,
        in_the_body.await,
        in_a_chunk.await,
    ] {
        let url = format!("http://{address}/");
        let error = fetch(&client(), &url).await.expect_err("it broke");
        assert_eq!(error.class(), Class::Transient, "{error:?}");
        assert_eq!(error.status(), None);
        assert_eq!(hits.load(Ordering::Relaxed), 3, "{error:?}");

        hits.store(0, Ordering::Relaxed);
        let error = fetch_plainly(&client(), &url).await.expect_err("it broke");
        assert_eq!(hits.load(Ordering::Relaxed), 3, "{error:?}");
    }
}

#[tokio::test]
async fn a_response_that_takes_too_long_is_asked_for_again() {
    let (address, hits) = raw_server(|stream| async move {
        tokio::spawn(async move {
            let _open = stream;
            std::future::pending::<()>().await;
        });
    })
    .await;
    let builder = Client::builder()
        .timeout(Duration::from_millis(20))
        .no_proxy();
    let client = builder.build().expect("a client");
    let url = format!("http://{address}/");
    let error = fetch(&client, &url).await.expect_err("nobody answers");
    assert!(error.to_string().ends_with(": it took too long"), "{error}");
    assert_eq!(hits.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn what_would_fail_in_the_same_way_is_not_tried_again() {
    let no_http = answering("SSH-2.0-OpenSSH_9.6\r\n\r\n").await;
    let no_number = answering("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnope").await;
    let in_circles = answering("HTTP/1.1 302 Found\r\nlocation: /again\r\n\r\n").await;
    for ((address, hits), runs) in [(no_http, 1), (no_number, 1), (in_circles, 11)] {
        let url = format!("http://{address}/");
        let error = fetch_number(&client(), &url).await.expect_err("wrong");
        assert_eq!(error.class(), Class::Permanent, "{error:?}");
        assert_eq!(hits.load(Ordering::Relaxed), runs, "{error:?}");
    }
    let error = fetch(&client(), "no address").await.expect_err("wrong");
    assert_eq!(error.class(), Class::Permanent, "{error:?}");
    assert_eq!(error.url(), None);
    assert_eq!(error.to_string(), "the server: the call cannot be built");
}

/// A look-up of names that was refused by a policy.
struct Refused(Rejected);

impl reqwest::dns::Resolve for Refused {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let refused = self.0;
        Box::pin(async move { Err(refused.into()) })
    }
}

#[tokio::test]
async fn a_refusal_on_the_way_stays_one() {
    let refused = Rejected::forced_open("names");
    let builder = Client::builder().dns_resolver(Arc::new(Refused(refused)));
    let client = builder.no_proxy().build().expect("a client");
    let error = fetch(&client, "http://shop.example/").await;
    let error = error.expect_err("refused");
    assert_eq!(Diagnosis::of(&error), Diagnosis::Rejected(refused));
    assert_eq!(Rejected::find(&error), Some(refused));
}

// What errors show.

/// All that a log could show of an error.
fn everything(error: &dyn StdError) -> String {
    let mut shown = format!("{error:?}");
    let mut next = Some(error);
    while let Some(error) = next {
        write!(shown, "\n{error}\n{error:?}").expect("a text");
        next = error.source();
    }
    shown
}

#[tokio::test]
async fn no_error_shows_what_may_be_a_secret() {
    let busy = "HTTP/1.1 503 Busy\r\nretry-after: 9\r\ncontent-length: 6\r\n\r\nSECRET";
    let no_number = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nSECRET";
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 600\r\n\r\nSECRET";
    let moved = "HTTP/1.1 302 Found\r\nlocation: /again?token=SECRET\r\n\r\n";
    for (answer, shown) in [
        (busy, "answered 503 Service Unavailable, retry in 9s"),
        (no_number, ": the response cannot be read"),
        (half, ": the response cannot be read"),
        (moved, ": a redirect that cannot be followed"),
        ("", ": the connection was lost"),
    ] {
        let (address, _) = answering(answer).await;
        let url = format!("http://me:SECRET@{address}/prices?token=SECRET#SECRET");
        let error = fetch_number(&client(), &url).await.expect_err(answer);
        let text = everything(&error);
        assert!(!text.contains("SECRET"), "{text}");
        let message = error.to_string();
        assert!(
            message.starts_with(&format!("http://{address}")),
            "{message}"
        );
        assert!(message.ends_with(shown), "{message}");
        let url = error.url().expect("an address");
        assert!(["/prices", "/again"].contains(&url.path()), "{url}");
    }
}

// Policies around it, and errors around its errors.

#[circuit_breaker("http.prices", failure_threshold = 2)]
async fn guarded(client: &Client, url: &str) -> Result<String, Error> {
    Ok(check(client.get(url).send().await?)?.text().await?)
}

#[retry(3, backoff = fixed(0s))]
async fn around(runs: &AtomicU32, client: &Client, url: &str) -> Result<String, Error> {
    runs.fetch_add(1, Ordering::Relaxed);
    guarded(client, url).await
}

#[tokio::test]
async fn a_breaker_opens_for_a_server_that_fails_and_its_refusal_is_final() {
    let (address, hits) = status_server().await;
    let (client, runs) = (client(), AtomicU32::new(0));
    let url = |status: u16| format!("http://{address}/status/{status}");
    let breaker = || {
        registry()
            .circuit_breaker("http.prices")
            .expect("a breaker")
    };
    for status in [404, 400, 401, 403] {
        guarded(&client, &url(status)).await.expect_err("a failure");
    }
    assert_eq!(breaker().state(), CircuitBreakerState::Closed);
    let error = around(&runs, &client, &url(500)).await;
    let error = error.expect_err("two failures, and the breaker opens");
    assert_eq!(breaker().state(), CircuitBreakerState::Open);
    assert_eq!(hits.load(Ordering::Relaxed), 6);
    assert!(
        matches!(error.rejected(), Some(Rejected::CircuitOpen(_))),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .starts_with("circuit breaker `http.prices` is open")
    );
    assert!(error.retry_after().is_some());
    assert_eq!(runs.into_inner(), 3);
}

/// An error of a function's own, which leaves the decision to what it was made from.
#[derive(Debug, thiserror::Error, Classify)]
enum PriceError {
    #[error("no such price")]
    #[class(permanent)]
    Unknown,
    #[error("prices do not answer")]
    #[class(forward)]
    Http(#[from] Error),
    #[error("prices cannot be reached")]
    #[class(forward)]
    Transport(#[from] reqwest::Error),
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

#[retry(3, backoff = fixed(0s))]
async fn price(client: &Client, url: &str) -> Result<u32, PriceError> {
    let response = client.get(url).send().await?;
    if response.status() == 404 {
        return Err(PriceError::Unknown);
    }
    Ok(check(response)?.json().await?)
}

#[tokio::test]
async fn an_error_of_ones_own_forwards_to_what_it_was_made_from() {
    let (address, hits) = status_server().await;
    for (path, attempts) in [("500", 3), ("400", 1), ("404", 1), ("503/1", 1), ("200", 1)] {
        hits.store(0, Ordering::Relaxed);
        let url = format!("http://{address}/status/{path}");
        price(&client(), &url).await.expect_err(path);
        assert_eq!(hits.load(Ordering::Relaxed), attempts, "{path}");
    }
    let (address, hits) = answering("").await;
    let url = format!("http://{address}/");
    let error = price(&client(), &url).await.expect_err("it broke");
    assert!(matches!(error, PriceError::Transport(_)), "{error:?}");
    assert_eq!(hits.load(Ordering::Relaxed), 3);
}
