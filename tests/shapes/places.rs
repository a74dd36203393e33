//! Wherever a function may stand.

use crate::callee::{Answer, Error, behaves, spawnable, step, tick};
use resilient::{Rejected, circuit_breaker, fallback, retry, timeout};
use std::fmt::Debug;
use std::time::Duration;

trait Sell {
    async fn sell(&self, price: u32) -> Answer<u32>;

    #[circuit_breaker("places")]
    #[timeout(5s)]
    #[retry(3, backoff = fixed(0s))]
    async fn give(&self, price: u32) -> Answer<u32>
    where
        Self: Sync,
    {
        tick().await;
        step()?;
        Ok(price)
    }
}

/// With a type and a constant of its own.
#[derive(Debug, Clone, Default)]
struct Shelf<'a, T, const N: usize> {
    label: &'a str,
    items: Vec<T>,
}

impl<'a, T, const N: usize> Shelf<'a, T, N>
where
    T: Clone + Debug + Send + Sync,
{
    const SIZE: usize = N;

    #[circuit_breaker("places")]
    #[timeout(5s)]
    #[retry(3, backoff = fixed(0s))]
    async fn put(&mut self, item: T) -> Answer<(&'a str, usize)> {
        self.items.push(item);
        tick().await;
        step()?;
        self.items.truncate(1);
        Ok((self.label, Self::SIZE - self.items.len()))
    }

    #[circuit_breaker("places")]
    #[timeout(5s)]
    #[retry(3, backoff = fixed(0s))]
    async fn made(label: &'a str) -> Answer<Self> {
        tick().await;
        step()?;
        Ok(Self {
            label,
            items: vec![],
        })
    }
}

impl<T: Clone + Debug + Send + Sync, const N: usize> Sell for Shelf<'_, T, N> {
    #[circuit_breaker("places")]
    #[timeout(5s)]
    #[retry(3, backoff = fixed(0s))]
    async fn sell(&self, price: u32) -> Answer<u32> {
        tick().await;
        step()?;
        Ok(price + u32::try_from(self.items.len()).unwrap_or_default())
    }
}

async fn nested(price: u32) -> Answer<u32> {
    #[circuit_breaker("places")]
    #[timeout(5s)]
    #[retry(3, backoff = fixed(0s))]
    async fn inner(price: u32) -> Answer<u32> {
        tick().await;
        step()?;
        Ok(price)
    }

    inner(price).await
}

struct Till;

const _: () = {
    #[circuit_breaker("places")]
    #[timeout(5s)]
    #[retry(3, backoff = fixed(0s))]
    async fn in_a_constant(number: u32) -> Answer<u32> {
        tick().await;
        step()?;
        Ok(number)
    }

    impl Till {
        #[circuit_breaker("places")]
        #[timeout(5s)]
        #[retry(3, backoff = fixed(0s))]
        async fn of_a_constant(&self, number: u32) -> Answer<u32> {
            tick().await;
            step()?;
            Ok(number)
        }

        async fn asks_a_constant(&self, number: u32) -> Answer<u32> {
            in_a_constant(number).await
        }
    }
};

#[circuit_breaker("places")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
async fn r#try(r#in: u32, mut r#type: String) -> Answer<u32> {
    r#type.push('x');
    tick().await;
    step()?;
    Ok(r#in + u32::try_from(r#type.len()).unwrap_or_default())
}

#[retry]
async unsafe fn dangerous(number: u32) -> Answer<u32> {
    tick().await;
    Ok(number)
}

#[retry]
unsafe fn dangerous_and_plain(number: u32) -> Answer<u32> {
    Ok(number)
}

#[retry]
#[timeout(1s)]
async fn recursive(depth: u32) -> Answer<u32> {
    if depth == 0 {
        return Ok(0);
    }
    Ok(1 + Box::pin(recursive(depth - 1)).await?)
}

#[circuit_breaker("places.deep", failure_threshold = 500)]
#[timeout(1s)]
async fn descends(depth: u32, wait: Duration) -> Answer<u32> {
    if depth == 0 {
        tokio::time::sleep(wait).await;
        return Err(Error::Failed(7));
    }
    Ok(1 + Box::pin(descends(depth - 1, wait)).await?)
}

// ---- Made by macros

macro_rules! generated {
    (
        $(#[$meta:meta])*
        $visibility:vis fn $name:ident<$lifetime:lifetime>($argument:ident: $of:ty, $other:ty = $pattern:pat)
            -> $returns:path
        $body:block
        attempts $attempts:literal
        limit $limit:expr;
        $(policy $policy:tt)*
        answer $answer:item
    ) => {
        $answer
        $(#[$meta])*
        $(#[resilient::resilient $policy])*
        #[retry($attempts, backoff = fixed(0s))]
        #[timeout($limit)]
        $visibility async fn $name<$lifetime>($argument: &$lifetime $of, $pattern: $other) -> $returns $body
    };
}

generated! {
    /// Made of every kind of fragment.
    #[circuit_breaker("places")]
    pub(crate) fn made<'a>(number: u32, (u32, u32) = (first, _)) -> Answer::<&'a u32>
    {
        tick().await;
        step()?;
        assert_eq!(first, 1);
        Ok(number)
    }
    attempts 3
    limit LIMIT;
    policy (timeout(5s))
    answer const LIMIT: Duration = Duration::from_secs(1);
}

macro_rules! statements {
    ($name:ident: [$($statement:stmt;)*] $last:expr) => {
        #[circuit_breaker("places")]
        #[timeout(5s)]
        #[retry(3, backoff = fixed(0s))]
        async fn $name(number: u32) -> Answer<u32> {
            $($statement)*
            step()?;
            let _ = number;
            $last
        }
    };
}

statements!(made_of_statements: [let four = 4;] Ok(four));

macro_rules! forwarded {
    ($item:item) => {
        $item
    };
}

forwarded! {
    #[circuit_breaker("places")]
    #[timeout(5s)]
    #[retry(3, backoff = fixed(0s))]
    async fn forwarded(number: u32) -> Answer<u32> {
        step()?;
        Ok(number)
    }
}

macro_rules! fallback_of {
    ($fallback:path, $error:ty, $predicate:expr) => {
        #[fallback($fallback, error)]
        #[retry(2, backoff = fixed(0s), when = $predicate)]
        async fn answered(number: u32) -> Result<u32, $error> {
            Err(Error::Failed(number))
        }
    };
}

fallback_of!(doubled, Error, |error: &Error| error.is_transient());

const fn doubled(number: u32, error: Error) -> Answer<u32> {
    match error {
        Error::Failed(_) => Ok(2 * number),
        error @ Error::Rejected(_) => Err(error),
    }
}

// ---- Names of the user's own

#[allow(dead_code, reason = "it shadows")]
mod shadowed {
    //! Where everything is called something else.

    use crate::callee::{Answer, step};

    pub(crate) mod std {}
    pub(crate) mod core {}
    pub(crate) mod resilient_core {}
    pub(crate) struct Option;
    pub(crate) struct Some;
    pub(crate) struct None;
    pub(crate) struct String;
    #[allow(non_camel_case_types, reason = "it shadows")]
    pub(crate) struct str;
    #[allow(non_camel_case_types, reason = "it shadows")]
    pub(crate) struct bool;
    #[allow(non_camel_case_types, reason = "it shadows")]
    pub(crate) struct u64;
    pub(crate) trait Send {}
    pub(crate) trait Fn {}
    pub(crate) trait From {}
    pub(crate) const fn drop() {}
    pub(crate) struct Box;
    pub(crate) struct Vec;
    pub(crate) trait Clone {}
    pub(crate) trait Future {}
    pub(crate) trait Default {}
    #[allow(non_snake_case, reason = "it shadows")]
    pub(crate) const fn Ok() {}
    #[allow(non_snake_case, reason = "it shadows")]
    pub(crate) const fn Err() {}
    pub(crate) type Result = u8;
    #[allow(non_upper_case_globals, reason = "it shadows")]
    pub(crate) const call: Result = 1;
    #[allow(non_upper_case_globals, reason = "it shadows")]
    pub(crate) const outcome: Option = Option;

    impl Clone for Box {}
    impl Future for Vec {}
    impl Default for Vec {}

    #[::resilient::circuit_breaker("places")]
    #[::resilient::timeout(5s)]
    #[::resilient::retry(3, backoff = fixed(0s), attempt = cx)]
    #[::resilient::bulkhead(20)]
    pub(crate) async fn price(number: u32) -> Answer<u32> {
        step()?;
        ::core::result::Result::Ok(number + cx.number() - cx.number())
    }

    #[::resilient::circuit_breaker("places")]
    #[::resilient::retry(3, backoff = fixed(0s), attempt = cx)]
    #[::resilient::bulkhead(20)]
    pub(crate) fn plain(number: u32) -> Answer<u32> {
        step()?;
        ::core::result::Result::Ok(number + cx.number() - cx.number())
    }

    #[::resilient::circuit_breaker("places")]
    #[::resilient::timeout(5s)]
    #[::resilient::retry(3, backoff = fixed(0s))]
    pub(crate) fn boxed(
        number: u32,
    ) -> ::std::pin::Pin<
        ::std::boxed::Box<dyn ::std::future::Future<Output = Answer<u32>> + ::core::marker::Send>,
    > {
        let number = number + 1;
        ::std::boxed::Box::pin(async move {
            step()?;
            ::core::result::Result::Ok(number)
        })
    }
}

// ---- Tests

#[test]
fn a_function_behaves_the_same_wherever_it_stands() {
    const BREAKER: &str = "places";
    let shelf = || Shelf::<'static, String, 3> {
        label: "top",
        items: vec![],
    };
    behaves(
        BREAKER,
        async || shelf().put("lamp".to_owned()).await,
        &("top", 2),
    );
    behaves(
        BREAKER,
        async || Shelf::<u8, 3>::made("low").await.map(|shelf| shelf.label),
        &"low",
    );
    behaves(BREAKER, async || shelf().sell(7).await, &7);
    behaves(BREAKER, async || shelf().give(7).await, &7);
    behaves(BREAKER, async || nested(7).await, &7);
    behaves(BREAKER, async || Till.of_a_constant(7).await, &7);
    behaves(BREAKER, async || Till.asks_a_constant(7).await, &7);
    behaves(BREAKER, async || r#try(7, String::new()).await, &8);
    behaves(BREAKER, async || made(&7, (1, 2)).await, &&7);
    behaves(BREAKER, async || made_of_statements(7).await, &4);
    behaves(BREAKER, async || forwarded(7).await, &7);
    behaves(BREAKER, async || shadowed::price(7).await, &7);
    behaves(BREAKER, async || shadowed::boxed(6).await, &7);
    crate::callee::plainly(BREAKER, || shadowed::plain(7), &7);
}

#[tokio::test]
async fn an_unsafe_function_stays_one_and_a_function_may_call_itself() {
    let _: unsafe fn(u32) -> _ = dangerous;
    let _: unsafe fn(u32) -> Answer<u32> = dangerous_and_plain;
    assert_eq!(recursive(100).await, Ok(100));
    assert_eq!(answered(4).await, Ok(8));
}

#[tokio::test(start_paused = true)]
async fn a_failure_comes_up_from_a_hundred_levels_and_a_limit_goes_down_to_them() {
    let breaker = resilient::registry().circuit_breaker("places.deep");
    let breaker = breaker.expect("it is annotated");
    let failed = descends(100, Duration::ZERO).await;
    assert_eq!(failed, Err(Error::Failed(7)));
    assert_eq!(breaker.snapshot().counts.failure, 101);

    let begin = tokio::time::Instant::now();
    assert!(matches!(
        descends(100, Duration::from_secs(9)).await,
        Err(Error::Rejected(Rejected::TimedOut(_)))
    ));
    assert_eq!(begin.elapsed(), Duration::from_secs(1));
}

#[test]
fn futures_are_as_spawnable_as_without_attributes() {
    drop(spawnable(Shelf::<u8, 3>::made("low")));
    drop(spawnable(async {
        let mut shelf = Shelf::<u8, 3>::default();
        let _ = shelf.put(1).await;
        let _ = shelf.sell(1).await;
        let _ = shelf.give(1).await;
    }));
    drop(spawnable(nested(1)));
    drop(spawnable(async { Till.of_a_constant(1).await }));
    drop(spawnable(async { Till.asks_a_constant(1).await }));
    drop(spawnable(made(&1, (1, 2))));
    drop(spawnable(answered(1)));
    drop(spawnable(r#try(1, String::new())));
    drop(spawnable(made_of_statements(1)));
    drop(spawnable(forwarded(1)));
    drop(spawnable(shadowed::price(1)));
    drop(spawnable(shadowed::boxed(1)));
    drop(spawnable(recursive(1)));
}

#[test]
fn a_call_site_is_called_by_its_path_wherever_it_stands() {
    let sites = resilient::registry().snapshot().call_sites;
    let names: Vec<&str> = sites.iter().map(|site| site.name).collect();
    for name in [
        "shapes::places::made",
        "shapes::places::nested::{{closure}}::inner",
        "shapes::places::Sell::give",
        "shapes::places::shadowed::boxed",
        "shapes::places::shadowed::plain",
        "shapes::places::try",
    ] {
        assert!(names.contains(&name), "{name} of {names:#?}");
    }
}
