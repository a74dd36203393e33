//! With arguments that are moved and are not `Clone`: the body can run once only, so no stack has a
//! retry or a hedge. That is all that was left out for their sake.

use crate::driven::{
    BoxFuture, Dependency, Ending, Error, Failed, breaker_bulkhead_timeout,
    fallback_breaker_timeout, spawnable,
};
use resilient::{Rejected, bulkhead, circuit_breaker, fallback, timeout};
use std::marker::PhantomData;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::oneshot;
use tonic::{IntoRequest, Request, Response, Status};

impl From<Failed> for Status {
    fn from(_: Failed) -> Self {
        Self::unavailable("failed")
    }
}

fn unavailable(rejected: Rejected) -> Status {
    Status::unavailable(rejected.name())
}

// ---- A client that was generated from a service's description

struct GreeterClient<T> {
    inner: T,
}

trait Channel: Send {
    fn unary<M: Send + 'static>(&mut self, request: Request<M>)
    -> BoxFuture<'_, Result<M, Status>>;
}

impl Channel for Dependency {
    fn unary<M: Send + 'static>(
        &mut self,
        request: Request<M>,
    ) -> BoxFuture<'_, Result<M, Status>> {
        Box::pin(async move {
            self.ask().await?;
            Ok(request.into_inner())
        })
    }
}

impl<T> GreeterClient<T>
where
    T: Channel + Send,
{
    // The error is of another crate, which knows no refusals: `map_err` makes one of them.
    #[circuit_breaker(failure_threshold = 2, map_err = unavailable)]
    #[bulkhead(1)]
    #[timeout(1s)]
    pub(crate) async fn say_hello(
        &mut self,
        request: impl IntoRequest<String>,
    ) -> Result<Response<String>, Status> {
        let answer = self.inner.unary(request.into_request()).await?;
        Ok(Response::new(answer))
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_of_a_generated_client() {
    breaker_bulkhead_timeout(async |dependency| {
        let mut client = GreeterClient { inner: dependency };
        let answer = spawnable(client.say_hello("Ann".to_owned())).await?;
        assert_eq!(answer.into_inner(), "Ann");
        Ok::<_, Status>(())
    })
    .await;
}

// ---- A request with its body

struct Payload<B> {
    path: String,
    body: B,
}

trait Decode: Sized {
    fn decode(bytes: Vec<u8>) -> Option<Self>;
}

impl Decode for String {
    fn decode(bytes: Vec<u8>) -> Option<Self> {
        Self::from_utf8(bytes).ok()
    }
}

struct Client {
    dependency: Dependency,
}

impl Client {
    // A whole request by value and an answer of the caller's type, as in a client of an orchestrator.
    #[circuit_breaker(failure_threshold = 2)]
    #[bulkhead(1)]
    #[timeout(1s)]
    pub(crate) async fn request<T>(&self, request: Payload<Vec<u8>>) -> Result<T, Error>
    where
        T: Decode,
    {
        self.dependency.ask().await?;
        let Payload { path, mut body } = request;
        body.extend(path.into_bytes());
        T::decode(body).ok_or(Error::Failed(Failed))
    }

    // A reader behind a pointer that is read to its end, as in a store of objects.
    #[circuit_breaker(failure_threshold = 2)]
    #[bulkhead(1)]
    #[timeout(1s)]
    async fn put(
        &self,
        path: &Path,
        mut reader: Box<dyn AsyncRead + Send + Unpin>,
    ) -> Result<u64, Error> {
        self.dependency.ask().await?;
        let mut bytes = path.as_os_str().as_encoded_bytes().to_vec();
        let read = reader.read_to_end(&mut bytes).await;
        Ok(read.map_err(|_| Failed)? as u64)
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_with_its_body() {
    breaker_bulkhead_timeout(async |dependency| {
        let client = Client { dependency };
        let request = Payload {
            path: "/pods".to_owned(),
            body: b"GET ".to_vec(),
        };
        assert_eq!(
            spawnable(client.request::<String>(request)).await?,
            "GET /pods"
        );
        Ok::<_, Error>(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_read_to_its_end() {
    breaker_bulkhead_timeout(async |dependency| {
        let client = Client { dependency };
        let reader = Box::new(&b"four"[..]);
        assert_eq!(spawnable(client.put(Path::new("a/b"), reader)).await?, 4);
        Ok::<_, Error>(())
    })
    .await;
}

// ---- A query that is used up by whoever executes it

trait Executor<'c>: Send {
    fn execute<'e>(self, statement: &'e str) -> BoxFuture<'e, Result<usize, Error>>
    where
        'c: 'e;
}

impl<'c> Executor<'c> for &'c mut Dependency {
    fn execute<'e>(self, statement: &'e str) -> BoxFuture<'e, Result<usize, Error>>
    where
        'c: 'e,
    {
        Box::pin(async move {
            self.ask().await?;
            Ok(statement.len())
        })
    }
}

struct Query<'q, O, A> {
    statement: &'q str,
    arguments: A,
    output: PhantomData<fn() -> O>,
}

impl<'q, O, A> Query<'q, O, A>
where
    O: Send + Unpin + From<usize>,
    A: 'q + Send + FnOnce(usize) -> usize,
{
    // Three lifetimes, `self` by value and an executor by value, as in a toolkit for databases.
    #[circuit_breaker(failure_threshold = 2)]
    #[bulkhead(1)]
    #[timeout(1s)]
    pub(crate) async fn fetch_one<'e, 'c: 'e, E>(self, executor: E) -> Result<O, Error>
    where
        'q: 'e,
        E: 'e + Executor<'c>,
        O: 'e,
        A: 'e,
    {
        let rows = executor.execute(self.statement).await?;
        Ok((self.arguments)(rows).into())
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_that_is_used_up() {
    breaker_bulkhead_timeout(async |mut dependency: Dependency| {
        let query = Query::<usize, _> {
            statement: "select",
            arguments: |rows| rows + 1,
            output: PhantomData,
        };
        assert_eq!(spawnable(query.fetch_one(&mut dependency)).await?, 7);
        Ok::<_, Error>(())
    })
    .await;
}

// ---- A transaction

struct Transaction<'c> {
    connection: &'c Dependency,
    open: bool,
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        self.open = false;
    }
}

impl Transaction<'_> {
    // `mut self` by value of a type that has a `Drop`, as in a toolkit for databases.
    #[circuit_breaker(failure_threshold = 2)]
    #[bulkhead(1)]
    #[timeout(1s)]
    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        self.connection.ask().await?;
        assert!(std::mem::take(&mut self.open));
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_transaction_is_committed_once() {
    breaker_bulkhead_timeout(async |dependency| {
        let transaction = Transaction {
            connection: &dependency,
            open: true,
        };
        spawnable(transaction.commit()).await
    })
    .await;
}

impl Client {
    // A callback that runs once and borrows for any lifetime, and the caller's own error, which has to
    // be made from a refusal: as in an object-relational mapper.
    #[circuit_breaker(failure_threshold = 2)]
    #[bulkhead(1)]
    #[timeout(1s)]
    pub(crate) async fn transaction<'a, R, E, F>(&'a mut self, callback: F) -> Result<R, E>
    where
        F: for<'r> FnOnce(&'r mut Self) -> BoxFuture<'r, Result<R, E>> + Send + 'a,
        E: From<Rejected> + Send + 'a,
        R: Send + 'a,
    {
        callback(self).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_runs_once() {
    breaker_bulkhead_timeout(async |dependency| {
        let mut client = Client { dependency };
        let once = Box::new(3);
        let transaction = client.transaction(|client| {
            Box::pin(async move {
                client.dependency.ask().await?;
                Ok::<_, Error>(*once)
            })
        });
        assert_eq!(spawnable(transaction).await?, 3);
        Ok::<_, Error>(())
    })
    .await;
}

// ---- An actor that answers over a channel

struct Actor {
    dependency: Dependency,
    handled: u32,
}

impl Actor {
    // A sender that is used up, and nothing to answer: as in an actor.
    #[circuit_breaker(failure_threshold = 2)]
    #[bulkhead(1)]
    #[timeout(1s)]
    async fn handle(
        &mut self,
        question: u32,
        respond_to: oneshot::Sender<u32>,
    ) -> Result<(), Error> {
        self.handled += 1;
        self.dependency.ask().await?;
        respond_to.send(question + 1).map_err(|_| Failed)?;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_answers_over_a_channel() {
    breaker_bulkhead_timeout(async |dependency| {
        let mut actor = Actor {
            dependency,
            handled: 0,
        };
        let (respond_to, answer) = oneshot::channel();
        spawnable(actor.handle(1, respond_to)).await?;
        assert_eq!((answer.await.unwrap(), actor.handled), (2, 1));
        Ok::<_, Error>(())
    })
    .await;
}

// ---- A record for a log

trait ToBytes {
    fn to_bytes(&self) -> &[u8];
}

impl ToBytes for str {
    fn to_bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

struct FutureRecord<'a, K: ToBytes + ?Sized, P: ToBytes + ?Sized> {
    topic: &'a str,
    key: Option<&'a K>,
    payload: Option<&'a P>,
}

struct Producer {
    dependency: Dependency,
}

type Undelivered = (Error, Vec<u8>);

impl Ending for Undelivered {
    fn ending(&self) -> Option<String> {
        self.0.ending()
    }
}

impl Producer {
    // Borrowed parts of any size in what is moved, and a pair as the error, for which nobody can write
    // `From`: as in a producer of a log.
    #[circuit_breaker(failure_threshold = 2, map_err = |rejected| (Error::Rejected(rejected), vec![]))]
    #[bulkhead(1)]
    #[timeout(1s)]
    pub(crate) async fn send<K, P, Q>(
        &self,
        record: FutureRecord<'_, K, P>,
        queue_timeout: Q,
    ) -> Result<(i32, i64), Undelivered>
    where
        K: ToBytes + ?Sized,
        P: ToBytes + ?Sized,
        Q: Into<Duration>,
    {
        let limit = queue_timeout.into();
        let payload = record
            .payload
            .map_or_else(Vec::new, |bytes| bytes.to_bytes().to_vec());
        if let Err(failed) = tokio::time::timeout(limit, self.dependency.ask())
            .await
            .unwrap_or(Err(Failed))
        {
            return Err((failed.into(), payload));
        }
        let key = record.key.map_or(0, |bytes| bytes.to_bytes().len());
        Ok((
            record.topic.len().try_into().unwrap(),
            (key + payload.len()).try_into().unwrap(),
        ))
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_with_borrowed_parts() {
    breaker_bulkhead_timeout(async |dependency| {
        let producer = Producer { dependency };
        let record = FutureRecord {
            topic: "orders",
            key: Some("7"),
            payload: Some("lamp"),
        };
        let place = spawnable(producer.send(record, Duration::from_secs(5))).await?;
        assert_eq!(place, (6, 5));
        Ok::<_, Undelivered>(())
    })
    .await;
}

// ---- A middleware

struct Next<'a> {
    dependency: &'a Dependency,
}

impl Next<'_> {
    async fn run(self, request: Payload<String>) -> Result<String, Error> {
        self.dependency.ask().await?;
        Ok(request.body)
    }
}

// A request and the rest of the chain, both by value, as in a web framework.
#[fallback(value = "come back later".to_owned())]
#[circuit_breaker(failure_threshold = 2)]
#[timeout(1s)]
async fn middleware(request: Payload<String>, next: Next<'_>) -> Result<String, Error> {
    let mut answer = next.run(request).await?;
    answer.push('!');
    Ok(answer)
}

#[tokio::test(start_paused = true)]
async fn a_request_and_the_rest_of_the_chain() {
    fallback_breaker_timeout(
        async |dependency| {
            let request = Payload {
                path: "/".to_owned(),
                body: "hello".to_owned(),
            };
            assert_eq!(request.path, "/");
            let next = Next {
                dependency: &dependency,
            };
            spawnable(middleware(request, next)).await
        },
        |answer| {
            assert!(["hello!", "come back later"].contains(&answer.as_str()));
            answer == "come back later"
        },
    )
    .await;
}
