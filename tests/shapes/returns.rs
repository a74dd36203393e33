//! What functions return, and what fallbacks answer for them.

use crate::arguments::Shop;
use crate::callee::{Answer, Error, NotClone, behaves, spawnable, step, tick};
use resilient::{Rejected, circuit_breaker, fallback, retry, timeout};
use std::borrow::Cow;
use std::fmt::{self, Display};
use std::num::ParseIntError;
use std::time::Duration;

// ---- Returns

#[circuit_breaker("returns")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
async fn coerces(
    number: u8,
) -> Result<Box<dyn Display + Send>, Box<dyn std::error::Error + Send + Sync>> {
    tick().await;
    if number == 0 {
        "x".parse::<u8>()?;
    }
    if number == 1 {
        return Err(Box::new(fmt::Error));
    }
    step()?;
    Ok(Box::new(number))
}

#[circuit_breaker("returns")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
async fn pointer() -> Result<fn(u32) -> u32, Error> {
    const fn increase(number: u32) -> u32 {
        number + 1
    }
    step()?;
    Ok(increase)
}

#[circuit_breaker("returns")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
async fn labelled(limit: u32) -> Answer<u32> {
    let mut number = 0;
    'outer: loop {
        loop {
            number += 1;
            tick().await;
            if number > limit {
                step()?;
                break 'outer;
            }
        }
    }
    Ok(number)
}

#[circuit_breaker("returns")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
async fn never_falls_through() -> Answer<u32> {
    loop {
        tick().await;
        step()?;
        return Ok(1);
    }
}

#[circuit_breaker("returns")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
async fn says_it_with_an_inner_attribute() -> Answer<u32> {
    #![allow(clippy::unreadable_literal)]
    step()?;
    Ok(1234567)
}

#[circuit_breaker("returns")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
async fn ends_in_a_macro() -> Answer<bool> {
    macro_rules! answer {
        () => {
            step().map(|()| true)
        };
    }
    answer!()
}

#[retry(2)]
async fn demands_nothing_of_the_error(number: u8) -> Result<u8, String> {
    tick().await;
    if number > 1 {
        return Err("no".to_owned());
    }
    Ok(number)
}

fn converted(rejected: Rejected) -> String {
    rejected.to_string()
}

#[timeout(10ms, map_err = converted)]
async fn converts_refusals() -> Result<u8, String> {
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(1)
}

#[circuit_breaker("returns")]
#[retry(3, backoff = fixed(0s))]
#[timeout(1s)]
async fn borrowed<'a>(shop: &'a Shop, name: &'a str) -> Answer<&'a str> {
    tick().await;
    step()?;
    Ok(shop.shelves.first().map_or(name, |name| name))
}

#[circuit_breaker("returns")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
async fn any_error(text: &str) -> anyhow::Result<u8> {
    tick().await;
    step()?;
    Ok(text.parse()?)
}

#[circuit_breaker("returns")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
async fn any_boxed_error(text: &str) -> Result<u8, Box<dyn std::error::Error + Send + Sync>> {
    tick().await;
    step()?;
    let number = text.parse()?;
    if number > 9 {
        Err("too much".into())
    } else {
        Ok(number)
    }
}

#[circuit_breaker("returns")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
async fn gathered(text: &str) -> Answer<Vec<u32>> {
    step()?;
    text.split(',')
        .map(|part| part.parse().map_err(|_| Error::Failed(0)))
        .collect()
}

#[circuit_breaker("returns")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
async fn converted_into(text: &str) -> Answer<Cow<'_, str>> {
    tick().await;
    step()?;
    Ok(text.into())
}

#[circuit_breaker("returns")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
async fn an_iterator(limit: u32) -> Answer<impl Iterator<Item = u32> + Send> {
    tick().await;
    step()?;
    Ok((0..limit).filter(|number| number % 2 == 0))
}

#[circuit_breaker("returns")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
async fn broken_off(limit: u32) -> Answer<u32> {
    step()?;
    let number = 'found: {
        if limit > 2 {
            break 'found limit;
        }
        tick().await;
        0
    };
    Ok(number)
}

#[circuit_breaker("returns")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
async fn ends_in_a_match(limit: u32) -> Answer<()> {
    match limit {
        0 => Ok(()),
        _ => step(),
    }
}

#[fallback(|_| ())]
#[timeout(1s)]
async fn empty() {}

#[circuit_breaker("returns.diverging", failure_threshold = 1)]
#[retry]
async fn is_not_written_yet(_number: u32) -> Answer<u32> {
    panic!("it is not written yet")
}

#[timeout(1s)]
#[retry(3, backoff = fixed(0s))]
async fn ends_by_an_error_alone() -> Answer<u32> {
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        step()?;
    }
}

#[test]
fn results_leave_every_attempt_however_they_are_written() {
    const BREAKER: &str = "returns";
    let shop = Shop {
        shelves: vec!["lamp".to_owned()],
        calls: 0,
    };
    behaves(BREAKER, async || borrowed(&shop, "x").await, &"lamp");
    behaves(BREAKER, async || any_error("7").await, &7);
    behaves(BREAKER, async || any_boxed_error("7").await, &7);
    behaves(BREAKER, async || gathered("1,2").await, &vec![1, 2]);
    behaves(
        BREAKER,
        async || converted_into("x").await,
        &Cow::Borrowed("x"),
    );
    behaves(
        BREAKER,
        async || an_iterator(5).await.map(Iterator::collect::<Vec<_>>),
        &vec![0, 2, 4],
    );
    behaves(BREAKER, async || broken_off(3).await, &3);
    behaves(BREAKER, async || ends_in_a_match(3).await, &());
    behaves(
        BREAKER,
        async || coerces(7).await.map(|number| number.to_string()),
        &"7".to_owned(),
    );
    behaves(
        BREAKER,
        async || pointer().await.map(|increase| increase(1)),
        &2,
    );
    behaves(BREAKER, async || labelled(2).await, &3);
    behaves(BREAKER, async || never_falls_through().await, &1);
    behaves(
        BREAKER,
        async || says_it_with_an_inner_attribute().await,
        &1_234_567,
    );
    behaves(BREAKER, async || ends_in_a_macro().await, &true);
}

#[tokio::test(start_paused = true)]
async fn a_body_may_be_empty_or_end_in_nothing_at_all() {
    empty().await;
    let panicked = tokio::spawn(is_not_written_yet(1)).await.unwrap_err();
    let message = panicked.into_panic().downcast::<&str>().unwrap();
    assert_eq!(*message, "it is not written yet");
    assert!(matches!(
        is_not_written_yet(1).await,
        Err(Error::Rejected(Rejected::CircuitOpen(_)))
    ));
    assert!(matches!(
        ends_by_an_error_alone().await,
        Err(Error::Rejected(Rejected::TimedOut(_)))
    ));
}

// ---- Fallbacks

async fn last_resort(text: String, number: u32, error: Error) -> Answer<String> {
    if number == 7 {
        return Err(error);
    }
    tick().await;
    Ok(format!("last {text}{number}"))
}

#[fallback(|_| Ok(format!("top {number}")))]
#[fallback(last_resort, error)]
#[timeout(5s)]
#[retry(2, backoff = fixed(0s))]
async fn chained(text: String, number: u32) -> Answer<String> {
    tick().await;
    let text = text;
    if number > 0 {
        return Err(Error::Failed(number));
    }
    Ok(text)
}

impl Shop {
    #[fallback(|error| if self.calls > 1 { Ok(item) } else { Err(error) })]
    #[timeout(1s)]
    async fn replaced(&mut self, item: String) -> Answer<String> {
        self.calls += 1;
        tick().await;
        drop(item);
        Err(Error::Failed(0))
    }

    #[fallback(Self::substitute)]
    #[retry(1)]
    async fn by_method(&self, item: &str) -> Answer<String> {
        tick().await;
        Err(Error::Failed(u32::from(item.is_empty())))
    }

    fn substitute(&self, item: &str) -> Answer<String> {
        Ok(format!("{item} {}", self.calls))
    }
}

#[fallback(value = "nothing".to_owned())]
#[timeout(10ms)]
async fn a_value(text: NotClone) -> Answer<String> {
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(text.0)
}

#[fallback(async |error| {
    tick().await;
    Err(error)
})]
#[retry(1)]
async fn an_async_closure() -> Answer<u32> {
    Err(Error::Failed(5))
}

#[fallback(value = 0)]
#[timeout(10ms)]
async fn cannot_fail(wait: Duration) -> u32 {
    tokio::time::sleep(wait).await;
    1
}

#[fallback(|rejected| assert_eq!(rejected.policy(), "shapes::returns::answers_nothing"))]
#[timeout(10ms)]
async fn answers_nothing(wait: Duration) {
    tokio::time::sleep(wait).await;
}

#[fallback(|_| Ok(Box::new(|| 3)))]
#[timeout(10ms)]
async fn coerced_by_a_closure(wait: Duration) -> Answer<Box<dyn Fn() -> u32 + Send>> {
    tokio::time::sleep(wait).await;
    Ok(Box::new(|| 1))
}

#[fallback(async |_| {
    Ok(Box::new(move || limit))
})]
#[timeout(10ms)]
async fn coerced_later(wait: Duration, limit: u32) -> Answer<Box<dyn Fn() -> u32 + Send>> {
    tokio::time::sleep(wait).await;
    Ok(Box::new(|| 1))
}

#[fallback(|error| match error {
    Error::Failed(_) if limit > 1 => { Ok("few".parse().unwrap_or(limit)) }
    Error::Failed(_) => panic!("too few"),
    error @ Error::Rejected(_) => Err(error),
})]
#[retry(1)]
async fn some_of_it_diverges(limit: u32) -> Answer<u32> {
    tick().await;
    Err(Error::Failed(limit))
}

#[fallback(|error| panic!("{error}"))]
#[retry(1)]
async fn diverges(fails: bool) -> Answer<u32> {
    tick().await;
    if fails { Err(Error::Failed(1)) } else { Ok(1) }
}

#[fallback(|_| {
    unreachable!()
})]
#[timeout(10ms)]
async fn diverges_without_error(text: String) -> Price {
    tick().await;
    Price(text.len().try_into().unwrap())
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Price(u32);

#[fallback(value = Price(text.0.len().try_into().unwrap()))]
#[timeout(10ms)]
async fn own_type_by_value(wait: Duration, text: NotClone) -> Price {
    tokio::time::sleep(wait).await;
    Price(9)
}

#[fallback(list_price)]
#[retry(2, backoff = fixed(0s), when_ok = |price| price.0 == 0)]
#[timeout(10ms)]
async fn own_type_by_function(wait: Duration, item: String) -> Price {
    tokio::time::sleep(wait).await;
    drop(item);
    Price(9)
}

fn list_price(_: Duration, item: String) -> Price {
    Price(item.len().try_into().unwrap())
}

#[fallback(last_price, error)]
#[timeout(10ms)]
async fn own_type_by_async_function(wait: Duration, item: String) -> Price {
    tokio::time::sleep(wait).await;
    drop(item);
    Price(9)
}

async fn last_price(_: Duration, item: String, rejected: Rejected) -> Price {
    tick().await;
    Price((item.len() + rejected.policy().len()).try_into().unwrap())
}

#[fallback(|rejected| Price(rejected.policy().len().try_into().unwrap()))]
#[timeout("short", 10ms)]
async fn own_type_by_closure(wait: Duration) -> Price {
    tokio::time::sleep(wait).await;
    Price(9)
}

#[fallback(async |_| {
    tick().await;
    Price(1)
})]
#[fallback(|_| Price(2), enabled = false)]
#[retry(1)]
async fn own_type_that_nothing_refuses() -> Price {
    tick().await;
    Price(9)
}

#[fallback(value = Price(3), enabled = false)]
#[timeout(10ms)]
async fn own_type_and_a_fallback_that_is_switched_off(wait: Duration) -> Price {
    tokio::time::sleep(wait).await;
    Price(9)
}

#[fallback(value = T::default())]
#[timeout(10ms)]
async fn generic_value<T: Default + Send>(value: T, wait: Duration) -> T {
    tokio::time::sleep(wait).await;
    value
}

#[fallback(|_| None.into_iter())]
#[timeout(10ms)]
async fn projected<I: IntoIterator<Item = u32>>(
    numbers: I,
    wait: Duration,
) -> <Option<I::Item> as IntoIterator>::IntoIter
where
    I: Send,
    I::IntoIter: Send,
{
    tokio::time::sleep(wait).await;
    numbers.into_iter().next().into_iter()
}

struct Page<'a>(&'a str);

impl Shop {
    #[fallback(|_| Page(&self.shelves[0]))]
    #[timeout(10ms)]
    async fn page(&self, wait: Duration) -> Page<'_> {
        tokio::time::sleep(wait).await;
        Page("found")
    }

    #[fallback(Self::emptied)]
    #[retry(2, backoff = fixed(0s))]
    #[timeout(10ms)]
    async fn sold(&mut self, wait: Duration) -> Self {
        self.calls += 1;
        tokio::time::sleep(wait).await;
        self.clone()
    }

    fn emptied(&mut self, _: Duration) -> Self {
        std::mem::take(self)
    }

    #[fallback(Self::first_of)]
    #[timeout(10ms)]
    async fn label<'a>(&'a self, other: &'a str, wait: Duration) -> Answer<&'a str> {
        tokio::time::sleep(wait).await;
        Ok(other)
    }

    async fn first_of<'a>(&'a self, other: &'a str, _: Duration) -> Answer<&'a str> {
        tick().await;
        Ok(self.shelves.first().map_or(other, |name| name))
    }

    #[fallback(async |_| {
        tick().await;
        self.shelves.first().map(|name| Page(name)).ok_or(Error::Failed(1))
    })]
    #[fallback(Self::page_of, error, may_fail)]
    #[timeout(10ms)]
    async fn page_or_none<'a>(&'a self, other: &'a str, wait: Duration) -> Answer<Page<'a>> {
        tokio::time::sleep(wait).await;
        Ok(Page(other))
    }

    fn page_of<'a>(&'a self, other: &'a str, _: Duration, error: Error) -> Answer<Page<'a>> {
        if other.len() < self.shelves.len() {
            return Err(error);
        }
        Ok(Page(&other[..1]))
    }
}

/// Ends like the name of a `Result`, and is none.
#[derive(Debug, PartialEq, Eq)]
struct SearchResult(Vec<u32>);

#[fallback(value = SearchResult(vec![]))]
#[timeout(10ms)]
async fn searched(wait: Duration) -> SearchResult {
    tokio::time::sleep(wait).await;
    SearchResult(vec![1])
}

type Count = Result<u32, Error>;

macro_rules! count {
    () => { Result<u32, Error> };
}

#[fallback(|error| if error.is_transient() { Ok(7) } else { Err(error) })]
#[timeout(10ms)]
async fn aliased_by_closure(count: Count, wait: Duration) -> Count {
    tokio::time::sleep(wait).await;
    count
}

#[fallback(value = 8)]
#[retry(2, backoff = fixed(0s), when = Error::is_transient)]
async fn aliased_by_value(count: u32) -> Count {
    tick().await;
    if count == 0 {
        return "5".parse().map_err(|_| Error::Failed(count));
    }
    Err(Error::Failed(count))
}

#[fallback(value = 8, enabled = false)]
#[timeout(10ms)]
async fn aliased_and_switched_off(count: Count, wait: Duration) -> Count {
    tokio::time::sleep(wait).await;
    count
}

#[fallback(|_| Err(Error::Failed(3)))]
#[timeout(10ms)]
async fn written_by_a_macro(wait: Duration) -> count!() {
    tokio::time::sleep(wait).await;
    Ok(1)
}

#[fallback(value = 4)]
#[retry(1)]
async fn aliased_with_an_error_that_is_no_refusal(fails: bool) -> Plain {
    tick().await;
    if fails {
        Err(NotClone(String::new()))
    } else {
        Ok(1)
    }
}

type Plain = Result<u32, NotClone>;

#[retry(3, backoff = fixed(0s), attempt = cx)]
async fn counts(text: String) -> Answer<u32> {
    tick().await;
    let _text = text;
    if cx.number() < 3 {
        return Err(Error::Failed(cx.number()));
    }
    Ok(cx.number())
}

// ---- Tests

#[test]
fn futures_are_as_spawnable_as_without_attributes() {
    drop(spawnable(any_error("x")));
    drop(spawnable(any_boxed_error("x")));
    drop(spawnable(an_iterator(1)));
    drop(spawnable(coerces(1)));
    drop(spawnable(pointer()));
    drop(spawnable(labelled(1)));
    drop(spawnable(never_falls_through()));
    drop(spawnable(says_it_with_an_inner_attribute()));
    drop(spawnable(ends_in_a_macro()));
    drop(spawnable(demands_nothing_of_the_error(1)));
    drop(spawnable(converts_refusals()));
    drop(spawnable(gathered("x")));
    drop(spawnable(converted_into("x")));
    drop(spawnable(broken_off(1)));
    drop(spawnable(ends_in_a_match(1)));
    drop(spawnable(empty()));
    drop(spawnable(is_not_written_yet(1)));
    drop(spawnable(ends_by_an_error_alone()));
    drop(spawnable(a_value(NotClone::new(""))));
    drop(spawnable(an_async_closure()));
    drop(spawnable(answers_nothing(LATE)));
    drop(spawnable(coerced_by_a_closure(LATE)));
    drop(spawnable(coerced_later(LATE, 1)));
    drop(spawnable(some_of_it_diverges(1)));
    drop(spawnable(diverges_without_error(String::new())));
    drop(spawnable(own_type_by_value(LATE, NotClone::new(""))));
    drop(spawnable(own_type_by_function(LATE, String::new())));
    drop(spawnable(own_type_by_closure(LATE)));
    drop(spawnable(projected([1], LATE)));
    drop(spawnable(aliased_by_value(1)));
    drop(spawnable(written_by_a_macro(LATE)));
    drop(spawnable(async {
        let shop = Shop::default();
        let _ = borrowed(&shop, "x").await;
        let _ = shop.by_method("x").await;
        let _ = shop.page(LATE).await;
        let _ = shop.label("x", LATE).await;
        let _ = shop.page_or_none("x", LATE).await;
    }));
    drop(spawnable(chained(String::new(), 1)));
    drop(spawnable(counts(String::new())));
    drop(spawnable(own_type_by_async_function(LATE, String::new())));
    drop(spawnable(aliased_by_closure(Ok(1), LATE)));
    drop(spawnable(generic_value(1, LATE)));
    drop(spawnable(async { Shop::default().sold(LATE).await }));
    drop(spawnable(async {
        Shop::default().replaced(String::new()).await
    }));
}

#[tokio::test]
async fn results_leave_the_body_however_they_are_written() {
    let failed = async |number| match coerces(number).await {
        Ok(number) => number.to_string(),
        Err(error) => error.to_string(),
    };
    assert_eq!(failed(0).await, "invalid digit found in string");
    assert_eq!(failed(1).await, fmt::Error.to_string());
    assert!(any_error("x").await.unwrap_err().is::<ParseIntError>());
    assert_eq!(
        any_boxed_error("10").await.unwrap_err().to_string(),
        "too much"
    );
    assert_eq!(gathered("1,x").await, Err(Error::Failed(0)));
    assert_eq!(demands_nothing_of_the_error(1).await, Ok(1));
    assert_eq!(demands_nothing_of_the_error(2).await, Err("no".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn fallbacks_answer_however_they_are_written() {
    assert_eq!(chained("x".into(), 0).await, Ok("x".to_owned()));
    assert_eq!(chained("x".into(), 1).await, Ok("last x1".to_owned()));
    assert_eq!(chained("x".into(), 7).await, Ok("top 7".to_owned()));
    let mut shop = Shop::default();
    assert_eq!(shop.replaced("x".into()).await, Err(Error::Failed(0)));
    assert_eq!(shop.replaced("x".into()).await, Ok("x".to_owned()));
    assert_eq!(shop.by_method("x").await, Ok("x 2".to_owned()));
    assert_eq!(
        a_value(NotClone(String::new())).await,
        Ok("nothing".to_owned())
    );
    assert_eq!(an_async_closure().await, Err(Error::Failed(5)));
    assert_eq!(cannot_fail(Duration::ZERO).await, 1);
    assert_eq!(cannot_fail(Duration::from_secs(1)).await, 0);
    answers_nothing(Duration::from_secs(1)).await;
    assert_eq!(
        converts_refusals().await.unwrap_err(),
        "timeout `shapes::returns::converts_refusals` cut the call off after 10ms"
    );
    assert_eq!(counts("x".into()).await, Ok(3));
}

const LATE: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_function_that_cannot_fail_may_return_a_type_of_its_own() {
    let text = || NotClone("ab".into());
    assert_eq!(own_type_by_value(Duration::ZERO, text()).await, Price(9));
    assert_eq!(own_type_by_value(LATE, text()).await, Price(2));
    let item = || "lamp".to_owned();
    assert_eq!(own_type_by_function(Duration::ZERO, item()).await, Price(9));
    assert_eq!(own_type_by_function(LATE, item()).await, Price(4));
    let name = "shapes::returns::own_type_by_async_function".len();
    let expected = Price((4 + name).try_into().unwrap());
    assert_eq!(own_type_by_async_function(LATE, item()).await, expected);
    assert_eq!(own_type_by_closure(LATE).await, Price(5));
    assert_eq!(own_type_that_nothing_refuses().await, Price(9));
    assert_eq!(
        own_type_and_a_fallback_that_is_switched_off(LATE).await,
        Price(3),
        "there is no error to return"
    );
    assert_eq!(generic_value(4, Duration::ZERO).await, 4);
    assert_eq!(generic_value(4, LATE).await, 0);
    assert_eq!(projected([1, 2], Duration::ZERO).await.next(), Some(1));
    assert_eq!(projected([1, 2], LATE).await.next(), None);
    assert_eq!(searched(LATE).await, SearchResult(vec![]));
    let mut shop = Shop {
        shelves: vec!["lamp".into()],
        calls: 0,
    };
    assert_eq!(shop.page(Duration::ZERO).await.0, "found");
    assert_eq!(shop.page(LATE).await.0, "lamp");
    assert_eq!(shop.label("x", Duration::ZERO).await, Ok("x"));
    assert_eq!(shop.label("x", LATE).await, Ok("lamp"));
    let page = async |other, wait| shop.page_or_none(other, wait).await.map(|page| page.0);
    assert_eq!(page("xy", Duration::ZERO).await, Ok("xy"));
    assert_eq!(page("xy", LATE).await, Ok("x"), "the lower one answers");
    assert_eq!(page("", LATE).await, Ok("lamp"), "the upper one answers");
    assert_eq!(shop.sold(LATE).await.calls, 2);
    assert_eq!(shop.calls, 0);
}

#[tokio::test(start_paused = true)]
async fn an_alias_of_a_result_is_still_one() {
    let (failed, refused) = (Error::Failed(1), Rejected::bulkhead_full("x"));
    assert_eq!(aliased_by_closure(Ok(1), Duration::ZERO).await, Ok(1));
    assert_eq!(
        aliased_by_closure(Err(failed), Duration::ZERO).await,
        Ok(7),
        "its errors reach the fallback"
    );
    let refused = Error::Rejected(refused);
    assert!(
        aliased_by_closure(Err(refused), Duration::ZERO)
            .await
            .is_err()
    );
    assert!(aliased_by_closure(Ok(1), LATE).await.is_err());
    assert_eq!(aliased_by_value(0).await, Ok(5));
    assert_eq!(aliased_by_value(1).await, Ok(8));
    assert_eq!(
        aliased_and_switched_off(Err(Error::Failed(1)), Duration::ZERO).await,
        Err(Error::Failed(1))
    );
    assert!(matches!(
        aliased_and_switched_off(Ok(1), LATE).await,
        Err(Error::Rejected(_))
    ));
    assert_eq!(written_by_a_macro(LATE).await, Err(Error::Failed(3)));
    assert_eq!(
        aliased_with_an_error_that_is_no_refusal(true)
            .await
            .unwrap(),
        4
    );
}

#[tokio::test(start_paused = true)]
async fn a_closure_answers_with_all_the_coercions_of_a_body() {
    assert_eq!(coerced_by_a_closure(LATE).await.unwrap()(), 3);
    assert_eq!(coerced_later(LATE, 5).await.unwrap()(), 5);
    assert_eq!(some_of_it_diverges(4).await, Ok(4));
    assert_eq!(diverges(false).await, Ok(1));
    let panicked = tokio::spawn(diverges(true)).await.unwrap_err();
    assert!(panicked.is_panic());
    assert_eq!(diverges_without_error("ab".into()).await, Price(2));
}
