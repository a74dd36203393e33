//! With generics and lifetimes.

use crate::driven::{
    Answer, Dependency, Error, breaker_retry_timeout, fallback_breaker_timeout,
    hedge_breaker_timeout, limit_retry_timeout, spawnable,
};
use resilient::{circuit_breaker, fallback, hedge, rate_limit, retry, timeout};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;
use std::ops::Range;
use std::rc::Rc;

// ---- A typed handle of an orchestrator's API

struct Api<K> {
    dependency: Dependency,
    kind: PhantomData<fn() -> K>,
}

#[derive(Debug)]
enum Patch<T: Serialize> {
    Merge(T),
}

impl<K> Api<K>
where
    K: Clone + DeserializeOwned + Debug,
{
    // Generic in the kind of the whole `impl` and in the method.
    #[circuit_breaker(failure_threshold = 2)]
    #[retry(3)]
    #[timeout(1s)]
    pub(crate) async fn patch<P: Serialize + Debug>(
        &self,
        name: &str,
        patch: &Patch<P>,
    ) -> Result<K, Error> {
        let Patch::Merge(patch) = patch;
        let value = serde_json::json!([name, patch]);
        self.dependency.ask().await?;
        Ok(serde_json::from_value(value).unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn a_patch_of_a_typed_object() {
    breaker_retry_timeout(async |dependency| {
        let api = Api::<(String, u32)> {
            dependency,
            kind: PhantomData,
        };
        let patched = spawnable(api.patch("pod", &Patch::Merge(3))).await?;
        assert_eq!(patched, ("pod".to_owned(), 3));
        Ok::<_, Error>(())
    })
    .await;
}

// ---- A query builder of a search engine's SDK

trait HttpClient: Clone + Send + Sync {
    async fn get(&self) -> Result<(), Error>;
}

#[derive(Clone)]
struct Client<Http> {
    http: Http,
}

struct SearchQuery<'a, Http: HttpClient> {
    client: &'a Client<Http>,
    text: Option<&'a str>,
}

impl HttpClient for Dependency {
    async fn get(&self) -> Result<(), Error> {
        Ok(self.ask().await?)
    }
}

impl<Http: HttpClient> Client<Http> {
    // A builder with a lifetime of its own, as in the SDK of a search engine.
    #[rate_limit(3/h, burst = 3)]
    #[retry(2)]
    #[timeout(1s)]
    pub(crate) async fn execute_query<T: 'static + DeserializeOwned>(
        &self,
        query: &SearchQuery<'_, Http>,
    ) -> Result<Vec<T>, Error> {
        query.client.http.get().await?;
        let text = query.text.unwrap_or("[]");
        Ok(serde_json::from_str(text).unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_that_borrows_its_client() {
    limit_retry_timeout(async |dependency| {
        let client = Client { http: dependency };
        let query = SearchQuery {
            client: &client,
            text: Some("[1, 2]"),
        };
        assert_eq!(client.execute_query::<u8>(&query).await?, [1, 2]);
        Ok::<_, Error>(())
    })
    .await;
}

// ---- A row, by any kind of connection

enum Pool<'a> {
    Connection(&'a mut Dependency),
    Shared(&'a Dependency),
}

impl Pool<'_> {
    const fn get(&mut self) -> &Dependency {
        match self {
            Self::Connection(one) => one,
            Self::Shared(one) => one,
        }
    }
}

#[derive(Debug, PartialEq)]
struct Person {
    id: u32,
}

impl Person {
    // A pool with a lifetime behind `&mut`, as in a federated forum.
    #[circuit_breaker(failure_threshold = 2)]
    #[retry(3)]
    #[timeout(1s)]
    pub(crate) async fn read(pool: &mut Pool<'_>, id: u32) -> Result<Self, Error> {
        let connection = pool.get();
        connection.ask().await?;
        Ok(Self { id })
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_by_any_kind_of_connection() {
    breaker_retry_timeout(async |mut dependency: Dependency| {
        let mut pool = Pool::Connection(&mut dependency);
        let person = spawnable(Person::read(&mut pool, 3)).await?;
        assert_eq!(person, Person { id: 3 });
        let mut pool = Pool::Shared(&Dependency::new(&[Answer::Good]));
        Person::read(&mut pool, 3).await.map(drop)
    })
    .await;
}

// ---- A statement with any parameters

trait ToStatement: Sync {
    fn text(&self) -> &str;
}

impl ToStatement for str {
    fn text(&self) -> &str {
        self
    }
}

trait ToSql: Debug {}
impl ToSql for u32 {}
impl ToSql for &str {}

struct Database {
    dependency: Dependency,
}

impl Database {
    // A statement of any size and a slice of borrowed trait objects, as in a client of a database.
    #[circuit_breaker(failure_threshold = 2)]
    #[retry(3)]
    #[timeout(1s)]
    pub(crate) async fn query<T>(
        &self,
        statement: &T,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<String>, Error>
    where
        T: ?Sized + ToStatement,
    {
        self.dependency.ask().await?;
        let row = |param| format!("{} {param:?}", statement.text());
        Ok(params.iter().map(row).collect())
    }
}

#[tokio::test(start_paused = true)]
async fn a_statement_with_any_parameters() {
    breaker_retry_timeout(async |dependency| {
        let database = Database { dependency };
        let rows = spawnable(database.query("by", &[&7, &"x"])).await?;
        assert_eq!(rows, ["by 7", "by \"x\""]);
        Ok::<_, Error>(())
    })
    .await;
}

// ---- A cache that is asked by reference

struct Cache<V> {
    name: &'static str,
    value: PhantomData<fn() -> V>,
}

impl<V: Clone> Cache<V> {
    // A closure which returns a future, a key of any size, an answer that may borrow: as in a cache.
    #[circuit_breaker(failure_threshold = 2)]
    #[retry(3)]
    #[timeout(1s)]
    async fn get_or_try_insert_with<'a, K, F, Fut>(
        &'a self,
        key: &'a K,
        init: F,
    ) -> Result<(Cow<'a, str>, V), Error>
    where
        K: Hash + Eq + ?Sized + AsRef<str>,
        F: Fn(&'a K) -> Fut,
        Fut: Future<Output = Result<V, Error>>,
    {
        let value = init(key).await?;
        if key.as_ref().is_empty() {
            return Ok((self.name.into(), value));
        }
        Ok((key.as_ref().into(), value))
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_is_asked_by_reference() {
    breaker_retry_timeout(async |dependency| {
        let cache = Cache {
            name: "people",
            value: PhantomData,
        };
        let dependency = &dependency;
        let init = move |key: &str| {
            let length = key.len();
            async move {
                dependency.ask().await?;
                Ok(length)
            }
        };
        let answer = cache.get_or_try_insert_with("ann", init).await?;
        assert_eq!(answer, (Cow::Borrowed("ann"), 3));
        Ok::<_, Error>(())
    })
    .await;
}

// ---- An operation of a runtime with one thread

struct Operations {
    dependency: Dependency,
    resources: Vec<u32>,
}

// Shared state that is not `Send`, as in a JavaScript runtime.
#[circuit_breaker(failure_threshold = 2)]
#[retry(3)]
#[timeout(1s)]
async fn op_fetch_send(state: Rc<RefCell<Operations>>, resource: u32) -> Result<u32, Error> {
    let dependency = {
        let mut state = state.borrow_mut();
        state.resources.push(resource);
        state.dependency.clone()
    };
    dependency.ask().await?;
    Ok(state.borrow().resources.iter().sum())
}

#[tokio::test(start_paused = true)]
async fn shared_state_of_one_thread() {
    breaker_retry_timeout(async |dependency| {
        let state = Rc::new(RefCell::new(Operations {
            dependency,
            resources: vec![],
        }));
        assert_eq!(op_fetch_send(state, 4).await?, 12); // each attempt has pushed
        Ok::<_, Error>(())
    })
    .await;
}

// ---- The bytes behind a path

// Two lifetimes, one bounded by the other, and a range that is moved and `Clone`: as in a store of objects.
#[hedge(100ms)]
#[circuit_breaker(failure_threshold = 4)]
#[timeout(1s)]
async fn get_range<'store, 'path: 'store>(
    store: &'store Dependency,
    path: &'path str,
    range: Range<usize>,
) -> Result<&'path [u8], Error> {
    store.ask().await?;
    Ok(&path.as_bytes()[range])
}

#[tokio::test(start_paused = true)]
async fn bytes_that_borrow_from_one_of_two() {
    hedge_breaker_timeout(async |dependency| {
        let bytes = spawnable(get_range(&dependency, "abcdef", 2..4)).await?;
        assert_eq!(bytes, b"cd");
        Ok::<_, Error>(())
    })
    .await;
}

// ---- A team's members, or those of yesterday

struct Team {
    dependency: Dependency,
    yesterday: Vec<u32>,
}

impl Team {
    // A predicate and a default, as in a registry of packages.
    #[fallback(|_error| Ok(self.yesterday.iter().copied().map(u64::from).collect()))]
    #[circuit_breaker(failure_threshold = 2)]
    #[timeout(1s)]
    async fn members<C>(&self, keep: impl Fn(u64) -> bool) -> Result<C, Error>
    where
        C: FromIterator<u64>,
    {
        self.dependency.ask().await?;
        Ok((10..20).filter(|member| keep(*member)).collect())
    }
}

#[tokio::test(start_paused = true)]
async fn members_of_a_team_collected_as_the_caller_likes() {
    fallback_breaker_timeout(
        async |dependency| {
            let team = Team {
                dependency,
                yesterday: vec![1],
            };
            spawnable(team.members::<Vec<_>>(|member| member > 17)).await
        },
        |members| {
            assert!(matches!(members[..], [18, 19] | [1]));
            *members == [1]
        },
    )
    .await;
}
