//! Beside other attributes, and functions that return a future.

use async_recursion::async_recursion;
use async_trait::async_trait;
use resilient::{Rejected, fallback, retry, timeout};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Error {
    #[error("failed {0}")]
    Failed(u32),
    #[error(transparent)]
    Rejected(#[from] Rejected),
}
type Answer<T> = Result<T, Error>;
struct NotClone(String);
struct Shop {
    runs: AtomicU32,
    name: String,
}
impl Shop {
    fn fails_twice(&self) -> Answer<u32> {
        match self.runs.fetch_add(1, Ordering::Relaxed) + 1 {
            run @ (1 | 2) => Err(Error::Failed(run)),
            run => Ok(run),
        }
    }
}

#[async_trait]
trait Sell: Sync {
    async fn sell(&self, item: NotClone, count: u32, pair: (u32, u32), _: u8) -> Answer<u32>;
    async fn mutate(&mut self, item: String) -> Answer<usize>;
    async fn shared(self: Arc<Self>, item: &str) -> Answer<u32>;
    async fn borrow<'a>(&'a self, item: &'a str) -> Answer<&'a str>;
    async fn owned(mut self, item: &str) -> Answer<u32>
    where
        Self: Sized;
    #[timeout(5s)]
    #[retry(4, backoff = fixed(0s))]
    #[timeout(1s)]
    async fn default(&self, runs: &AtomicU32) -> Answer<u32> {
        match runs.fetch_add(1, Ordering::Relaxed) {
            n @ 0..2 => Err(Error::Failed(n)),
            n => Ok(n),
        }
    }
    #[fallback(value = ())]
    #[timeout(1s)]
    async fn nothing(&self) {
        tokio::task::yield_now().await;
    }
}

#[async_trait]
impl Sell for Shop {
    #[timeout(5s)]
    #[retry(4, backoff = fixed(0s), when = |_| self.name.len() > 1)]
    #[timeout(1s)]
    async fn sell(
        &self,
        item: NotClone,
        mut count: u32,
        (first, mut second): (u32, u32),
        _: u8,
    ) -> Answer<u32> {
        count += 1;
        second += 1;
        tokio::task::yield_now().await;
        self.fails_twice()?;
        Ok(count + first + second + u32::try_from(item.0.len()).unwrap())
    }
    #[timeout(5s)]
    #[retry(4, backoff = fixed(0s))]
    #[timeout(1s)]
    async fn mutate(&mut self, item: String) -> Answer<usize> {
        self.name.push('x');
        tokio::task::yield_now().await;
        self.fails_twice()?;
        Ok(self.name.len() + item.len())
    }
    #[retry(4, backoff = fixed(0s))]
    async fn shared(self: Arc<Self>, item: &str) -> Answer<u32> {
        tokio::task::yield_now().await;
        let _ = item;
        self.fails_twice()
    }
    #[retry(4, backoff = fixed(0s))]
    #[timeout(1s)]
    async fn borrow<'a>(&'a self, item: &'a str) -> Answer<&'a str> {
        tokio::task::yield_now().await;
        self.fails_twice()?;
        Ok(if item.is_empty() { &self.name } else { item })
    }
    #[timeout(1s)]
    #[tracing::instrument(skip(self))]
    async fn owned(mut self, item: &str) -> Answer<u32> {
        self.name.push('x');
        let _ = item;
        self.fails_twice()
    }
}

#[timeout(5s)]
#[retry(4, backoff = fixed(0s))]
fn boxed<'a>(
    shop: &'a Shop,
    item: String,
) -> Pin<Box<dyn Future<Output = Answer<&'a str>> + Send + 'a>> {
    Box::pin(async move {
        shop.fails_twice()?;
        assert_eq!(item, "x");
        Ok(&*shop.name)
    })
}

#[timeout(5s)]
#[retry(4, backoff = fixed(0s))]
fn prepared<'a>(
    shop: &'a mut Shop,
    item: String,
) -> Pin<Box<dyn Future<Output = Answer<usize>> + Send + 'a>> {
    shop.name.push_str(&item);
    if shop.name.is_empty() {
        return Box::pin(std::future::ready(Ok(0)));
    }
    Box::pin(async move {
        shop.fails_twice()?;
        Ok(shop.name.len())
    })
}

#[retry(4, backoff = fixed(0s))]
fn opaque(shop: &Shop) -> impl Future<Output = Answer<u32>> + Send + '_ {
    async move { shop.fails_twice() }
}

#[retry(4, backoff = fixed(0s))]
fn opaque_prepared(shop: &Shop) -> impl Future<Output = Answer<u32>> + Send + '_ {
    let name = shop.name.clone();
    async move {
        assert_eq!(name, "x");
        shop.fails_twice()
    }
}

#[async_recursion]
#[retry(2)]
async fn above(level: u32) -> Answer<u32> {
    if level == 0 {
        return Ok(0);
    }
    Ok(above(level - 1).await? + 1)
}

#[retry(2)]
#[async_recursion]
async fn below(level: u32) -> Answer<u32> {
    if level == 0 {
        return Ok(0);
    }
    Ok(below(level - 1).await? + 1)
}

fn shop() -> Shop {
    Shop {
        runs: AtomicU32::new(0),
        name: "x".to_owned(),
    }
}

#[tokio::test]
async fn it_works() {
    let mut other = shop();
    assert_eq!(boxed(&shop(), "x".to_owned()).await, Ok("x"));
    assert_eq!(prepared(&mut other, "x".to_owned()).await, Ok(4));
    assert_eq!(opaque(&shop()).await, Ok(3));
    assert_eq!(opaque_prepared(&shop()).await, Ok(3));
    assert_eq!(above(3).await, Ok(3));
    assert_eq!(below(3).await, Ok(3));
    let mut other = Shop {
        name: "xx".to_owned(),
        ..shop()
    };
    assert_eq!(
        other.sell(NotClone("x".to_owned()), 1, (1, 1), 0).await,
        Ok(6)
    );
    assert_eq!(other.mutate("x".to_owned()).await, Ok(4));
}
