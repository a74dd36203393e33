//! Calls of gRPC under a pipeline: what the server's status says decides which are tried again.
//!
//! ```text
//! cargo run --example tower_tonic --features tower,tonic
//! ```

use axum::http::uri::PathAndQuery;
use bytes::{Buf, BufMut};
use resilient::tower::{Error as LayerError, layer};
use resilient::{Backoff, CircuitBreakerPolicy, Rejected, RetryPolicy, policy, registry};
use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tower::{Layer, ServiceExt, service_fn};

/// Messages that are texts, so that nothing has to be generated.
#[derive(Clone, Copy, Default)]
struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, text: String, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(text.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = from.copy_to_bytes(from.remaining());
        let text = String::from_utf8(bytes.to_vec());
        text.map(Some).map_err(|_| Status::internal("no text"))
    }
}

/// The warehouse: it fails so many times before it answers.
#[derive(Default)]
struct Warehouse {
    failing: AtomicU32,
    asked: AtomicU32,
}

impl Warehouse {
    fn pieces(&self, article: &str) -> Result<Response<String>, Status> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let fewer = |failing: u32| failing.checked_sub(1);
        let order = Ordering::Relaxed;
        if self.failing.fetch_update(order, order, fewer).is_ok() {
            return Err(Status::unavailable("it is being rebuilt"));
        }
        match article {
            "teapot" => Ok(Response::new("7".to_owned())),
            _ => Err(Status::not_found("no such article")),
        }
    }
}

/// One call, as generated code makes it.
async fn pieces(channel: Channel, article: String) -> Result<String, Status> {
    let mut client = tonic::client::Grpc::new(channel);
    let ready = client.ready().await;
    ready.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = PathAndQuery::from_static("/stock.Warehouse/Pieces");
    let answer = client.unary(Request::new(article), path, Text).await?;
    Ok(answer.into_inner())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let warehouse = Arc::new(Warehouse::default());
    let answering = Arc::clone(&warehouse);
    let service = service_fn(move |request| {
        let warehouse = Arc::clone(&answering);
        let answer = service_fn(move |article: Request<String>| {
            std::future::ready(warehouse.pieces(article.get_ref()))
        });
        async move { Ok::<_, Infallible>(tonic::server::Grpc::new(Text).unary(answer, request).await) }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let incoming = TcpIncoming::from(listener);
    let server = tokio::spawn(Server::builder().serve_with_incoming(service, incoming));

    let backoff = Backoff::fixed(Duration::from_millis(5));
    policy("stock")
        .circuit_breaker(CircuitBreakerPolicy::new().failure_threshold(2))
        .retry(RetryPolicy::new().attempts(3).backoff(backoff))
        .register()?;
    let channel = Endpoint::from_shared(address)?
        .timeout(Duration::from_secs(10))
        .connect()
        .await?;
    // Around the call and not around the channel: messages can be copied, and a status says what it is.
    let stock = layer("stock")
        .by_class()
        .layer(service_fn(move |article| pieces(channel.clone(), article)));
    let ask = |article: &str| stock.clone().oneshot(article.to_owned());
    let asked = || warehouse.asked.load(Ordering::Relaxed);

    warehouse.failing.store(2, Ordering::Relaxed);
    assert_eq!(ask("teapot").await?, "7", "the third attempt answers");
    assert_eq!(asked(), 3);

    let missing = ask("unicorn").await;
    assert!(matches!(missing, Err(LayerError::Service(status)) if status.code() == Code::NotFound));
    assert_eq!(
        asked(),
        4,
        "what is not there will not be there after a wait"
    );

    warehouse.failing.store(u32::MAX, Ordering::Relaxed);
    for _ in 0..2 {
        let down = ask("teapot").await;
        assert!(
            matches!(down, Err(LayerError::Service(status)) if status.code() == Code::Unavailable)
        );
    }
    let before = asked();
    let refused = ask("teapot").await;
    assert!(matches!(
        refused,
        Err(LayerError::Rejected(Rejected::CircuitOpen(_)))
    ));
    assert_eq!(asked(), before, "it is left alone");

    let breaker = registry()
        .circuit_breaker("stock")
        .ok_or("it is registered")?;
    let why = breaker.snapshot().why.ok_or("it is open")?;
    assert!(why.ends_with("2 × transient Status"), "{why}");
    println!("open: {why}");
    server.abort();
    Ok(())
}
