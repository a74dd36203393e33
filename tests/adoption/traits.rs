//! In traits and their implementations, native and under `#[async_trait]`.

use crate::driven::{
    BoxFuture, Dependency, Error, breaker_bulkhead_timeout, breaker_retry_timeout,
    hedge_breaker_timeout, limit_retry_timeout, spawnable, timeout_retry_bulkhead,
};
use async_trait::async_trait;
use resilient::{Rejected, bulkhead, circuit_breaker, hedge, rate_limit, retry, timeout};
use std::ops::Range;
use std::sync::Arc;

// ---- Connections that are alike

struct Pipeline {
    commands: Vec<&'static str>,
}

#[async_trait]
trait ConnectionLike {
    async fn packed_commands(
        &mut self,
        pipeline: &Pipeline,
        offset: usize,
        count: usize,
    ) -> Answer<Vec<String>>;
}

type Answer<T> = Result<T, Error>;

struct Cluster {
    dependency: Dependency,
    slots: Vec<u32>,
}

#[async_trait]
impl ConnectionLike for Cluster {
    // `&mut self` under `#[async_trait]`, and an alias of `Result`: as in a client of a key-value store.
    #[circuit_breaker(failure_threshold = 2)]
    #[retry(3)]
    #[timeout(1s)]
    async fn packed_commands(
        &mut self,
        pipeline: &Pipeline,
        offset: usize,
        count: usize,
    ) -> Answer<Vec<String>> {
        self.slots.push(1);
        self.dependency.ask().await?;
        let commands = pipeline.commands.iter().skip(offset).take(count);
        Ok(commands.map(ToString::to_string).collect())
    }
}

#[tokio::test(start_paused = true)]
async fn commands_of_a_connection_that_is_like_others() {
    breaker_retry_timeout(async |dependency| {
        let mut cluster = Cluster {
            dependency,
            slots: vec![],
        };
        let pipeline = Pipeline {
            commands: vec!["SET", "GET", "DEL"],
        };
        let connection: &mut (dyn ConnectionLike + Send) = &mut cluster;
        let answers = spawnable(connection.packed_commands(&pipeline, 1, 1)).await?;
        assert_eq!((answers, cluster.slots.len()), (vec!["GET".to_owned()], 3));
        Ok::<_, Error>(())
    })
    .await;
}

// ---- Sinks of a pipeline of events

trait Stream: Send {
    type Item;
    fn next(&mut self) -> Option<Self::Item>;
}

impl<I: Iterator + Send> Stream for I {
    type Item = I::Item;
    fn next(&mut self) -> Option<I::Item> {
        Iterator::next(self)
    }
}

type BoxStream<'a, T> = Box<dyn Stream<Item = T> + 'a>;

#[async_trait]
trait StreamSink<T> {
    async fn run(self: Box<Self>, mut input: BoxStream<'_, T>) -> Result<(), ()>;
}

struct Sink {
    dependency: Dependency,
    expected: u32,
}

#[async_trait]
impl StreamSink<u32> for Sink {
    // `self: Box<Self>` and a stream that are used up, and an error that says nothing, of which
    // `map_err` makes one: as in a collector of logs. Neither is `Clone`: no retry.
    #[circuit_breaker(failure_threshold = 2, map_err = |_: Rejected| ())]
    #[bulkhead(1)]
    #[timeout(1s)]
    async fn run(self: Box<Self>, mut input: BoxStream<'_, u32>) -> Result<(), ()> {
        let mut sum = 0;
        while let Some(event) = input.next() {
            sum += event;
        }
        self.dependency.ask().await.map_err(drop)?;
        assert_eq!(sum, self.expected);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_used_up() {
    breaker_bulkhead_timeout(async |dependency| {
        let sink: Box<dyn StreamSink<u32> + Send> = Box::new(Sink {
            dependency,
            expected: 6,
        });
        let events = [1, 2, 3];
        spawnable(sink.run(Box::new(events.iter().copied()))).await
    })
    .await;
}

// ---- A store of objects

#[async_trait]
trait ObjectStore: Send + Sync + 'static {
    async fn get(&self, location: &str) -> Answer<Vec<u8>>;

    // A default method with a slice of ranges, as in a store of objects.
    #[rate_limit(3/h, burst = 3)]
    #[retry(2)]
    #[timeout(1s)]
    async fn get_ranges(&self, location: &str, ranges: &[Range<usize>]) -> Answer<Vec<Vec<u8>>> {
        let object = self.get(location).await?;
        Ok(ranges
            .iter()
            .map(|range| object[range.clone()].to_vec())
            .collect())
    }
}

#[async_trait]
impl ObjectStore for Dependency {
    async fn get(&self, location: &str) -> Answer<Vec<u8>> {
        self.ask().await?;
        Ok(location.as_bytes().to_vec())
    }
}

#[tokio::test(start_paused = true)]
async fn ranges_of_an_object_by_a_default_method() {
    limit_retry_timeout(async |dependency| {
        let store: Arc<dyn ObjectStore> = Arc::new(dependency);
        let ranges = spawnable(store.get_ranges("abcdef", &[0..1, 4..6])).await?;
        assert_eq!(ranges, [b"a".to_vec(), b"ef".to_vec()]);
        Ok::<_, Error>(())
    })
    .await;
}

// ---- A value that is taken out of a request

struct Parts {
    header: &'static str,
}

trait FromRequestParts<S>: Sized {
    type Rejection;

    fn from_request_parts(
        parts: &mut Parts,
        state: &S,
    ) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;
}

struct User(String);

impl<S> FromRequestParts<S> for User
where
    Dependency: From<S>,
    S: Clone + Send + Sync,
{
    type Rejection = Error;

    // A native `async fn` for one that returns `impl Future + Send`, and an error that only the
    // implementation knows: as in a web framework.
    #[timeout(10s)]
    #[retry(3)]
    #[bulkhead("adoption.extractor", 1)]
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let dependency = Dependency::from(state.clone());
        dependency.ask().await?;
        Ok(Self(parts.header.to_owned()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_taken_out_of_a_request() {
    timeout_retry_bulkhead(async |dependency: Dependency| {
        let mut parts = Parts { header: "ann" };
        let user = spawnable(User::from_request_parts(&mut parts, &dependency)).await?;
        assert_eq!(user.0, "ann");
        Ok::<_, Error>(())
    })
    .await;
}

// ---- A middleware around a client

#[derive(Default)]
struct Extensions(Vec<&'static str>);

struct Request {
    path: String,
}

struct Next<'a> {
    dependency: &'a Dependency,
}

impl Next<'_> {
    async fn run(self, request: Request, extensions: &mut Extensions) -> Answer<usize> {
        self.dependency.ask().await?;
        extensions.0.push("sent");
        Ok(request.path.len())
    }
}

#[async_trait]
trait Middleware: 'static + Send + Sync {
    async fn handle(
        &self,
        req: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Answer<usize>;
}

struct Traced(&'static str);

#[async_trait]
impl Middleware for Traced {
    // A request and the rest of the chain by value, and `&mut` between them: as around an HTTP client.
    // Neither is `Clone`: no retry.
    #[circuit_breaker(failure_threshold = 2)]
    #[bulkhead(1)]
    #[timeout(1s)]
    async fn handle(
        &self,
        req: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Answer<usize> {
        extensions.0.push(self.0);
        next.run(req, extensions).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_middleware_around_a_client() {
    breaker_bulkhead_timeout(async |dependency| {
        let chain: [Arc<dyn Middleware>; 1] = [Arc::new(Traced("traced"))];
        let mut extensions = Extensions::default();
        let request = Request {
            path: "/pods".to_owned(),
        };
        let next = Next {
            dependency: &dependency,
        };
        let answer = spawnable(chain[0].handle(request, &mut extensions, next)).await?;
        assert_eq!((answer, extensions.0), (5, vec!["traced", "sent"]));
        Ok::<_, Error>(())
    })
    .await;
}

// ---- Connections to databases

#[derive(Debug, PartialEq)]
struct Statement<'q> {
    sql: &'q str,
}

trait Executor<'c> {
    fn prepare_with<'e, 'q: 'e>(
        &'e mut self,
        sql: &'q str,
        parameters: &'e [&'static str],
    ) -> BoxFuture<'e, Answer<Statement<'q>>>
    where
        'c: 'e;
}

struct Connection<'c> {
    dependency: &'c Dependency,
    prepared: usize,
}

impl<'c> Executor<'c> for Connection<'c> {
    // A boxed future with three lifetimes and a clause about them, as in a toolkit for databases.
    #[circuit_breaker(failure_threshold = 2)]
    #[retry(3)]
    #[timeout(1s)]
    fn prepare_with<'e, 'q: 'e>(
        &'e mut self,
        sql: &'q str,
        parameters: &'e [&'static str],
    ) -> BoxFuture<'e, Answer<Statement<'q>>>
    where
        'c: 'e,
    {
        Box::pin(async move {
            self.prepared += parameters.len();
            self.dependency.ask().await?;
            Ok(Statement { sql })
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_statement_that_is_prepared_in_a_boxed_future() {
    breaker_retry_timeout(async |dependency| {
        let mut connection = Connection {
            dependency: &dependency,
            prepared: 0,
        };
        let statement = spawnable(connection.prepare_with("select", &["int", "text"])).await?;
        assert_eq!(statement, Statement { sql: "select" });
        assert_eq!(connection.prepared, 6);
        Ok::<_, Error>(())
    })
    .await;
}

trait Connect {
    type Options: Clone;

    async fn connect(options: &Self::Options) -> Result<Self, Error>
    where
        Self: Sized;
}

impl Connect for Cluster {
    type Options = Dependency;

    // A constructor with an associated type, as in a toolkit for databases.
    #[hedge(100ms)]
    #[circuit_breaker(failure_threshold = 4)]
    #[timeout(1s)]
    async fn connect(options: &Self::Options) -> Result<Self, Error>
    where
        Self: Sized,
    {
        options.ask().await?;
        Ok(Self {
            dependency: options.clone(),
            slots: vec![7],
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_made_by_a_trait() {
    hedge_breaker_timeout(async |dependency| {
        let cluster = spawnable(Cluster::connect(&dependency)).await?;
        assert_eq!(cluster.slots, [7]);
        Ok::<_, Error>(())
    })
    .await;
}
