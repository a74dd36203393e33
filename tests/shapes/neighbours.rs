//! Beside attributes of others, and functions that return a future.

use crate::callee::{Answer, Error, NotClone, behaves, plainly, spawnable, step, tick};
use async_recursion::async_recursion;
use async_trait::async_trait;
use resilient::{bulkhead, circuit_breaker, fallback, resilient, retry, timeout};
use std::future::{Future, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tracing::instrument;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

// ---- `#[async_trait]`

#[derive(Debug, Default, Clone)]
struct Shop {
    name: String,
}

#[async_trait]
trait Sell: Sync {
    async fn by_reference(&self, item: NotClone, count: u32, pair: (u32, u32)) -> Answer<u32>;
    async fn by_mutable_reference(&mut self, item: String) -> Answer<usize>;
    async fn by_pointer(self: Arc<Self>, item: &str) -> Answer<usize>;
    async fn by_value(mut self, item: String) -> Answer<String>
    where
        Self: Sized;
    async fn borrows<'a>(&'a self, item: &'a str) -> Answer<&'a str>;
    async fn without_receiver(item: String) -> Answer<usize>
    where
        Self: Sized;

    #[circuit_breaker("neighbours")]
    #[timeout(5s)]
    #[retry(3, backoff = fixed(0s))]
    async fn by_default<T: Send + Sync>(&self, item: T, mut number: u32) -> Answer<u32> {
        let _item = &item;
        number += 1;
        tick().await;
        step()?;
        Ok(number)
    }

    #[fallback(value = ())]
    #[timeout(1s)]
    async fn answers_nothing(&self) {
        tick().await;
    }
}

#[async_trait]
impl Sell for Shop {
    #[circuit_breaker("neighbours", when = |_| self.name.len() < 9)]
    #[timeout(5s)]
    #[retry(3, backoff = fixed(0s), when = |_| item.0.len() < 9)]
    async fn by_reference(
        &self,
        item: NotClone,
        mut count: u32,
        (first, mut second): (u32, u32),
    ) -> Answer<u32> {
        count += 1;
        second += 1;
        tick().await;
        step()?;
        let length = u32::try_from(self.name.len() + item.0.len());
        Ok(count + first + second + length.map_err(|_| Error::Failed(0))?)
    }

    #[circuit_breaker("neighbours")]
    #[retry(3, backoff = fixed(0s))]
    #[bulkhead(20)]
    async fn by_mutable_reference(&mut self, mut item: String) -> Answer<usize> {
        item.push('x');
        self.name.push_str(&item);
        tick().await;
        step()?;
        self.name.truncate(2);
        Ok(self.name.len())
    }

    #[circuit_breaker("neighbours")]
    #[retry(3, backoff = fixed(0s))]
    #[timeout(1s)]
    async fn by_pointer(self: Arc<Self>, item: &str) -> Answer<usize> {
        tick().await;
        step()?;
        Ok(self.name.len() + item.len())
    }

    #[circuit_breaker("neighbours")]
    #[retry(3, backoff = fixed(0s))]
    #[timeout(1s)]
    async fn by_value(mut self, item: String) -> Answer<String> {
        self.name.push_str(&item);
        tick().await;
        step()?;
        Ok(self.name)
    }

    #[circuit_breaker("neighbours")]
    #[retry(3, backoff = fixed(0s))]
    #[timeout(1s)]
    async fn borrows<'a>(&'a self, item: &'a str) -> Answer<&'a str> {
        tick().await;
        step()?;
        Ok(if item.is_empty() { &self.name } else { item })
    }

    #[circuit_breaker("neighbours")]
    #[resilient(retry(3, backoff = fixed(0s)), timeout(1s))]
    #[instrument]
    async fn without_receiver(item: String) -> Answer<usize> {
        tick().await;
        step()?;
        Ok(item.len())
    }
}

#[async_trait(?Send)]
trait Local {
    #[circuit_breaker("neighbours")]
    #[timeout(5s)]
    #[retry(3, backoff = fixed(0s))]
    async fn shared(&self, shared: Rc<str>) -> Answer<usize> {
        tick().await;
        step()?;
        Ok(shared.len())
    }

    #[fallback(Self::last_resort)]
    #[timeout(5s)]
    #[retry(2, backoff = fixed(0s))]
    async fn answered(&self, item: String, mut fails: bool) -> Answer<usize> {
        tick().await;
        let item = item;
        fails &= item.len() < 9;
        if fails {
            return Err(Error::Failed(1));
        }
        Ok(item.len())
    }

    async fn last_resort(&self, item: String, _fails: bool) -> Answer<usize> {
        tick().await;
        Ok(item.len() + 100)
    }
}

#[async_trait(?Send)]
impl Local for Shop {}

// ---- Functions that return a future

#[circuit_breaker("neighbours")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
fn boxed<'a>(
    shop: &'a Shop,
    item: NotClone,
) -> Pin<Box<dyn Future<Output = Answer<&'a str>> + Send + 'a>> {
    Box::pin(async move {
        tick().await;
        step()?;
        assert_eq!(item.0, "x");
        Ok(&*shop.name)
    })
}

#[circuit_breaker("neighbours")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
fn boxed_for_good(mut item: String) -> Pin<Box<dyn Future<Output = Answer<usize>> + Send>> {
    item.push('x');
    if item.len() > 9 {
        return Box::pin(ready(Ok(9)));
    }
    Box::pin(async move {
        tick().await;
        step()?;
        Ok(item.len())
    })
}

impl Shop {
    #[circuit_breaker("neighbours")]
    #[timeout(5s)]
    #[retry(3, backoff = fixed(0s))]
    fn prepared<'a>(&'a mut self, item: &'a str) -> BoxFuture<'a, Answer<usize>> {
        self.name.push_str(item);
        Box::pin(async move {
            tick().await;
            step()?;
            self.name.truncate(2);
            Ok(self.name.len())
        })
    }

    #[circuit_breaker("neighbours")]
    #[retry(3, backoff = fixed(0s))]
    #[bulkhead(20)]
    fn opaque(&self, item: NotClone) -> impl Future<Output = Answer<usize>> + Send + '_ {
        async move {
            tick().await;
            step()?;
            Ok(self.name.len() + item.0.len())
        }
    }

    #[circuit_breaker("neighbours")]
    #[retry(3, backoff = fixed(0s))]
    #[timeout(1s)]
    fn opaque_and_prepared<'a>(
        &'a self,
        item: &'a str,
    ) -> impl Future<Output = Answer<usize>> + Send + 'a {
        let length = item.len();
        self.only_the_length(length)
    }

    async fn only_the_length(&self, length: usize) -> Answer<usize> {
        tick().await;
        step()?;
        Ok(self.name.len() + length)
    }
}

#[circuit_breaker("neighbours")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s), attempt = cx)]
fn counts(numbers: Arc<AtomicU32>) -> impl Future<Output = Answer<u32>> + Send {
    numbers.store(cx.number(), Ordering::Relaxed);
    async move {
        tick().await;
        step()?;
        Ok(numbers.load(Ordering::Relaxed) / cx.number())
    }
}

#[fallback(|_| "nothing".to_owned())]
#[timeout(10ms)]
fn cannot_fail(late: bool) -> BoxFuture<'static, String> {
    Box::pin(async move {
        if late {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
        "something".to_owned()
    })
}

// ---- `#[async_recursion]`

#[async_recursion]
#[circuit_breaker("neighbours")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
async fn recursion_above(level: u32, text: &str) -> Answer<usize> {
    if level == 0 {
        step()?;
        return Ok(text.len());
    }
    Ok(recursion_above(level - 1, text).await? + 1)
}

#[circuit_breaker("neighbours")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
#[async_recursion]
async fn recursion_below(level: u32, text: &str) -> Answer<usize> {
    if level == 0 {
        step()?;
        return Ok(text.len());
    }
    Ok(recursion_below(level - 1, text).await? + 1)
}

// ---- `#[instrument]`

#[instrument]
#[circuit_breaker("neighbours")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
async fn span_above(text: String, mut count: usize) -> Answer<usize> {
    count += 1;
    tick().await;
    step()?;
    Ok(text.len() + count)
}

#[circuit_breaker("neighbours")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
#[instrument(skip_all, err)]
async fn span_below(text: String, mut count: usize) -> Answer<usize> {
    count += 1;
    tick().await;
    step()?;
    Ok(text.len() + count)
}

#[instrument(skip_all)]
#[circuit_breaker("neighbours")]
#[retry(3, backoff = fixed(0s))]
#[bulkhead(20)]
fn span_above_a_boxed_future(text: String) -> BoxFuture<'static, Answer<usize>> {
    Box::pin(async move {
        tick().await;
        step()?;
        Ok(text.len())
    })
}

#[instrument(skip_all, err)]
#[circuit_breaker("neighbours")]
#[retry(3, backoff = fixed(0s))]
#[bulkhead(20)]
fn span_above_a_plain_function(text: String) -> Answer<usize> {
    step()?;
    Ok(text.len())
}

#[circuit_breaker("neighbours")]
#[retry(3, backoff = fixed(0s))]
#[bulkhead(20)]
#[instrument(skip_all)]
fn span_below_a_boxed_future(text: String) -> BoxFuture<'static, Answer<usize>> {
    Box::pin(async move {
        tick().await;
        step()?;
        Ok(text.len())
    })
}

#[circuit_breaker("neighbours")]
#[retry(3, backoff = fixed(0s))]
#[bulkhead(20)]
#[instrument(skip_all)]
fn span_below_a_plain_function(text: String) -> Answer<usize> {
    step()?;
    Ok(text.len())
}

// ---- Tests

const BREAKER: &str = "neighbours";

fn shop() -> Shop {
    Shop {
        name: "x".to_owned(),
    }
}

#[test]
fn methods_of_async_trait_behave_as_if_it_were_not_there() {
    let text = |text: &str| text.to_owned();
    behaves(
        BREAKER,
        async || shop().by_reference(NotClone::new("x"), 1, (1, 1)).await,
        &7,
    );
    behaves(
        BREAKER,
        async || shop().by_mutable_reference(text("a")).await,
        &2,
    );
    behaves(BREAKER, async || Arc::new(shop()).by_pointer("a").await, &2);
    behaves(
        BREAKER,
        async || shop().by_value(text("y")).await,
        &text("xy"),
    );
    behaves(
        BREAKER,
        async || shop().borrows("").await.map(str::to_owned),
        &text("x"),
    );
    behaves(
        BREAKER,
        async || Shop::without_receiver(text("abc")).await,
        &3,
    );
    behaves(
        BREAKER,
        async || shop().by_default(NotClone::new(""), 1).await,
        &2,
    );
    behaves(BREAKER, async || shop().shared(Rc::from("abc")).await, &3);
    let dynamic: &dyn Local = &shop();
    behaves(BREAKER, async || dynamic.shared(Rc::from("abc")).await, &3);
}

#[tokio::test(start_paused = true)]
async fn fallbacks_answer_for_returned_futures_too() {
    assert_eq!(shop().answered("ab".to_owned(), false).await, Ok(2));
    assert_eq!(shop().answered("ab".to_owned(), true).await, Ok(102));
    shop().answers_nothing().await;
    assert_eq!(cannot_fail(false).await, "something");
    assert_eq!(cannot_fail(true).await, "nothing");
}

#[test]
fn functions_that_return_a_future_behave_as_if_they_were_async() {
    let text = |text: &str| text.to_owned();
    behaves(
        BREAKER,
        async || {
            let shop = shop();
            boxed(&shop, NotClone::new("x")).await.map(str::to_owned)
        },
        &text("x"),
    );
    behaves(BREAKER, async || boxed_for_good(text("a")).await, &2);
    behaves(BREAKER, async || shop().prepared("a").await, &2);
    behaves(
        BREAKER,
        async || shop().opaque(NotClone::new("a")).await,
        &2,
    );
    behaves(BREAKER, async || shop().opaque_and_prepared("a").await, &2);
    behaves(BREAKER, async || counts(Arc::default()).await, &1);
}

#[test]
fn recursion_and_spans_stand_above_or_below() {
    let text = |text: &str| text.to_owned();
    behaves(BREAKER, async || recursion_above(0, "ab").await, &2);
    behaves(BREAKER, async || recursion_below(0, "ab").await, &2);
    behaves(BREAKER, async || span_above(text("ab"), 1).await, &4);
    behaves(BREAKER, async || span_below(text("ab"), 1).await, &4);
    behaves(
        BREAKER,
        async || span_below_a_boxed_future(text("ab")).await,
        &2,
    );
    behaves(
        BREAKER,
        async || span_above_a_boxed_future(text("ab")).await,
        &2,
    );
    plainly(BREAKER, || span_below_a_plain_function(text("ab")), &2);
    plainly(BREAKER, || span_above_a_plain_function(text("ab")), &2);
}

#[test]
fn futures_are_as_spawnable_as_without_attributes() {
    drop(spawnable(async {
        let mut shop = shop();
        let _ = shop.by_reference(NotClone::new(""), 1, (1, 1)).await;
        let _ = shop.by_mutable_reference(String::new()).await;
        let _ = shop.prepared("").await;
        let _ = shop.borrows("").await;
        let _ = shop.opaque(NotClone::new("")).await;
        let _ = shop.by_default(1, 1).await;
        let _ = boxed(&shop, NotClone::new("")).await;
        let _ = Arc::new(shop).by_pointer("").await;
    }));
    drop(spawnable(boxed_for_good(String::new())));
    drop(spawnable(counts(Arc::default())));
    drop(spawnable(recursion_above(1, "")));
    drop(spawnable(recursion_below(1, "")));
    drop(spawnable(span_above(String::new(), 1)));
    drop(spawnable(span_below(String::new(), 1)));
    drop(spawnable(span_above_a_boxed_future(String::new())));
    drop(spawnable(span_below_a_boxed_future(String::new())));
    drop(spawnable(Shop::without_receiver(String::new())));
    drop(spawnable(shop().by_value(String::new())));
    drop(spawnable(cannot_fail(true)));
    drop(spawnable(async {
        let shop = shop();
        let _ = shop.opaque_and_prepared("").await;
        shop.answers_nothing().await;
    }));
    drop(spawnable(async { prepares(&Arc::default()).await }));
}

#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
fn prepares(runs: &Arc<AtomicU32>) -> BoxFuture<'_, Answer<u32>> {
    runs.fetch_add(1, Ordering::Relaxed);
    Box::pin(ready(Err(Error::Failed(1))))
}

#[tokio::test]
async fn nothing_happens_before_the_first_poll_and_each_attempt_prepares_anew() {
    let runs = Arc::default();
    let call = prepares(&runs);
    assert_eq!(runs.load(Ordering::Relaxed), 0);
    assert_eq!(call.await, Err(Error::Failed(1)));
    assert_eq!(runs.load(Ordering::Relaxed), 3);
}

#[retry(3, backoff = fixed(0s), attempt = cx)]
#[timeout(1s)]
#[tokio::test]
async fn a_test_of_tokio_stands_below_its_stack() -> Answer<()> {
    tick().await;
    if cx.number() < 3 {
        return Err(Error::Failed(cx.number()));
    }
    Ok(())
}

#[retry(3, backoff = fixed(0s), attempt = cx)]
#[test]
fn a_plain_test_may_be_tried_again() -> Answer<()> {
    if cx.number() < 3 {
        return Err(Error::Failed(cx.number()));
    }
    Ok(())
}

#[test]
#[retry(3, backoff = fixed(0s), attempt = cx)]
fn a_plain_test_may_stand_above_its_stack() -> Answer<()> {
    if cx.number() < 3 {
        return Err(Error::Failed(cx.number()));
    }
    Ok(())
}

/// Counts spans.
#[derive(Default)]
struct Spans(Arc<AtomicU32>);

impl tracing::Subscriber for Spans {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(u64::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[instrument(skip_all)]
#[retry(3, backoff = fixed(0s))]
#[bulkhead(20)]
async fn a_span_for_each_attempt() -> Answer<u32> {
    tick().await;
    Err(Error::Failed(1))
}

#[retry(3, backoff = fixed(0s))]
#[bulkhead(20)]
#[instrument(skip_all)]
async fn a_span_for_all_attempts() -> Answer<u32> {
    tick().await;
    Err(Error::Failed(1))
}

#[tokio::test]
async fn an_attribute_that_wraps_the_body_is_inside_when_it_stands_above() {
    let spans = Spans::default();
    let count = Arc::clone(&spans.0);
    let _guard = tracing::subscriber::set_default(spans);
    assert_eq!(a_span_for_each_attempt().await, Err(Error::Failed(1)));
    assert_eq!(count.swap(0, Ordering::Relaxed), 3);
    assert_eq!(a_span_for_all_attempts().await, Err(Error::Failed(1)));
    assert_eq!(count.swap(0, Ordering::Relaxed), 1);
}
