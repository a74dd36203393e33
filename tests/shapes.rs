//! Functions of every shape keep compiling, and keep their meaning, under attributes and under
//! every lint.

#![deny(
    warnings,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    single_use_lifetimes,
    elided_lifetimes_in_paths
)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery)]
#![allow(
    clippy::needless_pass_by_value,
    clippy::needless_pass_by_ref_mut,
    clippy::future_not_send,
    clippy::multiple_bound_locations,
    clippy::never_loop,
    clippy::no_effect_underscore_binding,
    clippy::type_repetition_in_bounds,
    clippy::unnecessary_wraps,
    clippy::unused_async,
    clippy::unwrap_used,
    reason = "the shapes are made for the attributes and mean nothing by themselves"
)]

use resilient::{Classify, Rejected, fallback, resilient, retry, timeout};
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt::{self, Display};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

#[derive(Debug, PartialEq, Eq, thiserror::Error, Classify)]
enum Error {
    #[error("failed {0}")]
    #[class(transient, jitter = full)]
    Failed(u32),
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

impl Error {
    const fn is_transient(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

type Answer<T> = Result<T, Error>;

async fn tick() {
    tokio::task::yield_now().await;
}

/// Accepts what the plain function's future could be, too.
const fn spawnable<F: Future<Output: Send> + Send + 'static>(future: F) -> F {
    future
}

#[derive(Debug)]
struct NotClone(String);

// ---- Arguments

#[timeout(5s)]
#[retry(3)]
#[timeout(1s)]
async fn only_borrows(text: NotClone, moved: String) -> Answer<usize> {
    tick().await;
    let moved = moved;
    Ok(text.0.len() + moved.len())
}

#[retry]
#[timeout(1s)]
async fn converts(text: impl Into<String> + Clone + Send + Sync) -> Answer<String> {
    tick().await;
    Ok(text.into())
}

#[retry]
async fn generic<'a, T: Sync + ?Sized, const N: usize>(
    value: &'a T,
    array: [u8; N],
) -> Answer<(String, &'a T)>
where
    T: ToString,
{
    tick().await;
    Ok((format!("{}{N}{}", value.to_string(), array.len()), value))
}

#[timeout(1s)]
async fn not_shareable(cell: Cell<u32>, receiver: Receiver<u8>) -> Answer<u32> {
    tick().await;
    let _ = receiver.try_recv();
    Ok(cell.get())
}

struct Point {
    x: u32,
    y: u32,
}

#[retry(4, backoff = fixed(0s))]
async fn patterns(
    mut count: u32,
    (mut first, second): (u32, u32),
    [third, .., _]: [u32; 3],
    Point { mut x, y: renamed }: Point,
    _: u32,
    whole @ (_, part): (u32, u32),
) -> Answer<u32> {
    count += 1;
    first += 1;
    x += 1;
    tick().await;
    Ok(count + first + second + third + x + renamed + whole.0 + part)
}

#[retry(2)]
#[timeout(1s)]
async fn lent(numbers: &mut Vec<u8>, text: &mut String, note: NotClone) -> Answer<usize> {
    numbers.push(1);
    text.push('x');
    tick().await;
    Ok(numbers.len() + text.len() + note.0.len())
}

#[retry]
#[timeout(1s)]
async fn calls(
    double: &(dyn Fn(u8) -> u8 + Send + Sync),
    boxed: Box<dyn Fn() -> u8 + Send + Sync>,
) -> Answer<u8> {
    tick().await;
    Ok(double(boxed()))
}

#[retry]
async fn quantified<F>(read: F) -> Answer<usize>
where
    F: for<'a> Fn(&'a str) -> &'a str + Sync,
{
    tick().await;
    Ok(read("abc").len())
}

#[retry]
async fn spawns(text: String) -> Answer<usize> {
    let task = tokio::spawn(async move { text.len() });
    let inner = move |length: usize| length + 1;
    Ok(inner(task.await.map_err(|_| Error::Failed(0))?))
}

#[retry]
async fn moves_a_part(pair: (String, String)) -> Answer<usize> {
    let first = pair.0;
    tick().await;
    Ok(first.len() + pair.1.len())
}

#[retry(3, backoff = fixed(0s), when = |error| error.is_transient() && limit > 2)]
async fn judges_by_its_arguments(limit: u32) -> Answer<u32> {
    tick().await;
    Err(Error::Failed(limit))
}

#[timeout(|| limit * 2)]
#[retry]
#[timeout(|| limit)]
async fn has_a_budget(limit: Duration) -> Answer<Duration> {
    tick().await;
    Ok(limit)
}

#[resilient(timeout(5s), retry(2))]
async fn configured(#[cfg(test)] mut number: u32, #[cfg(not(test))] number: &str) -> Answer<u32> {
    number += 1;
    tick().await;
    Ok(number)
}

// ---- Receivers

#[derive(Debug, Default, Clone)]
struct Shop {
    shelves: Vec<String>,
    calls: u32,
}

impl Shop {
    #[timeout(5s)]
    #[retry(4, backoff = fixed(0s))]
    #[timeout(1s)]
    async fn stock(&mut self, item: String, mut tags: Vec<u8>) -> Answer<usize> {
        tags.push(1);
        self.shelves.push(item);
        self.calls += 1;
        tick().await;
        if self.calls < 3 {
            return Err(Error::Failed(self.calls));
        }
        Ok(self.shelves.len() + tags.len())
    }

    #[retry]
    #[timeout(1s)]
    async fn first(&self, index: usize) -> Answer<&str> {
        tick().await;
        if index > 9 {
            return Ok(&self.shelves[0]);
        }
        Ok(&self.shelves[index])
    }

    #[timeout(1s)]
    async fn first_mut(&mut self) -> Answer<&mut String> {
        tick().await;
        Ok(&mut self.shelves[0])
    }

    #[retry(3, backoff = fixed(0s), when = |_| self.calls < limit)]
    async fn judged(&mut self, limit: u32) -> Answer<u32> {
        self.calls += 1;
        tick().await;
        Err(Error::Failed(self.calls))
    }

    #[retry]
    async fn shared(self: Arc<Self>) -> Answer<u32> {
        tick().await;
        Ok(self.calls)
    }

    #[retry]
    async fn boxed(self: Box<Self>) -> Answer<u32> {
        tick().await;
        Ok(self.calls)
    }

    #[retry(2, backoff = fixed(0s))]
    async fn pinned(self: Pin<&mut Self>) -> Answer<u32> {
        let this = self.get_mut();
        this.calls += 1;
        tick().await;
        if this.calls < 2 {
            return Err(Error::Failed(this.calls));
        }
        Ok(this.calls)
    }

    #[retry]
    async fn taken(mut self) -> Answer<Vec<String>> {
        self.shelves.push("more".to_owned());
        tick().await;
        Ok(self.shelves)
    }

    #[retry]
    async fn formatted(&mut self) -> Answer<String> {
        use self::fmt::Write as _;
        struct Inner(u32);
        impl Inner {
            const fn get(&self) -> u32 {
                self.0
            }
        }
        let mut text = format!("{self:?}");
        write!(text, " {}", Inner(self.calls).get()).map_err(|_| Error::Failed(0))?;
        tick().await;
        Ok(text)
    }
}

trait Sell {
    async fn sell(&self, price: u32) -> Answer<u32>;

    #[retry(2, backoff = fixed(0s))]
    async fn give(&self, price: u32) -> Answer<u32>
    where
        Self: Sync,
    {
        tick().await;
        if price > 0 {
            return Err(Error::Failed(price));
        }
        Ok(0)
    }
}

impl Sell for Shop {
    #[timeout(1s)]
    #[retry]
    async fn sell(&self, price: u32) -> Answer<u32> {
        tick().await;
        Ok(price + self.calls)
    }
}

// ---- Returns

#[retry]
#[timeout(1s)]
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
    Ok(Box::new(number))
}

#[retry]
async fn collects(text: &str) -> Answer<Vec<u32>> {
    text.split(',')
        .map(|part| part.parse().map_err(|_| Error::Failed(0)))
        .collect()
}

#[timeout(1s)]
async fn opaque(limit: u32) -> Answer<impl Iterator<Item = u32> + Send> {
    tick().await;
    Ok((0..limit).filter(|number| number % 2 == 0))
}

#[retry]
async fn cow(text: &str) -> Answer<Cow<'_, str>> {
    tick().await;
    Ok(text.into())
}

#[retry]
async fn pointer() -> Result<fn(u32) -> u32, Error> {
    const fn increase(number: u32) -> u32 {
        number + 1
    }
    Ok(increase)
}

#[timeout(1s)]
async fn labelled(limit: u32) -> Answer<u32> {
    let mut number = 0;
    'outer: loop {
        loop {
            number += 1;
            tick().await;
            if number > limit {
                break 'outer;
            }
        }
    }
    Ok(number)
}

#[retry]
async fn never_falls_through() -> Answer<u32> {
    loop {
        tick().await;
        return Ok(1);
    }
}

#[retry]
async fn says_it_with_an_inner_attribute() -> Answer<u32> {
    #![allow(clippy::unreadable_literal)]
    Ok(1234567)
}

#[retry]
async fn ends_in_a_macro() -> Answer<bool> {
    macro_rules! answer {
        () => {
            Ok(true)
        };
    }
    answer!()
}

// ---- Places

macro_rules! generated {
    ($(#[$meta:meta])* $visibility:vis fn $name:ident($argument:ident: $of:ty) -> $returns:ty $body:block) => {
        $(#[$meta])*
        #[retry(2, backoff = fixed(0s))]
        #[timeout(1s)]
        $visibility async fn $name($argument: $of) -> $returns $body
    };
}

generated! {
    /// Made by a macro.
    pub(crate) fn made(number: u32) -> Answer<u32> {
        tick().await;
        Ok(number)
    }
}

const _: () = {
    #[retry]
    #[allow(dead_code, reason = "it has to compile, not to be called")]
    async fn in_a_constant() -> Answer<u32> {
        Ok(1)
    }
};

#[retry]
async fn r#try(r#in: u32) -> Answer<u32> {
    tick().await;
    Ok(r#in)
}

#[retry]
async unsafe fn dangerous(number: u32) -> Answer<u32> {
    tick().await;
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

#[fallback(|rejected| assert_eq!(rejected.policy(), "shapes::answers_nothing"))]
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
    drop(spawnable(only_borrows(
        NotClone(String::new()),
        String::new(),
    )));
    drop(spawnable(converts("x")));
    drop(spawnable(generic("x", [1, 2])));
    drop(spawnable(not_shareable(
        Cell::new(1),
        std::sync::mpsc::channel().1,
    )));
    drop(spawnable(patterns(
        1,
        (1, 1),
        [1; 3],
        Point { x: 1, y: 1 },
        1,
        (1, 1),
    )));
    drop(spawnable(async {
        lent(&mut vec![], &mut String::new(), NotClone(String::new())).await
    }));
    drop(spawnable(async { calls(&|x| x, Box::new(|| 1)).await }));
    drop(spawnable(chained(String::new(), 1)));
    drop(spawnable(counts(String::new())));
    drop(spawnable(recursive(3)));
    drop(spawnable(own_type_by_async_function(LATE, String::new())));
    drop(spawnable(aliased_by_closure(Ok(1), LATE)));
    drop(spawnable(generic_value(1, LATE)));
    drop(spawnable(async { Shop::default().sold(LATE).await }));
    drop(spawnable(coerces(1)));
    drop(spawnable(async {
        let mut shop = Shop::default();
        let _ = shop.stock(String::new(), vec![]).await;
        let _ = shop.first(0).await;
        let _ = shop.first_mut().await;
        let _ = shop.judged(1).await;
        let _ = shop.replaced(String::new()).await;
        let _ = Pin::new(&mut shop).pinned().await;
        let _ = shop.formatted().await;
    }));
}

#[tokio::test]
async fn arguments_reach_the_body_however_they_are_written() {
    assert_eq!(only_borrows(NotClone("ab".into()), "c".into()).await, Ok(3));
    assert_eq!(converts("x").await, Ok("x".to_owned()));
    assert_eq!(generic("x", [1, 2]).await, Ok(("x22".to_owned(), "x")));
    assert_eq!(
        not_shareable(Cell::new(4), std::sync::mpsc::channel().1).await,
        Ok(4)
    );
    assert_eq!(
        patterns(1, (2, 3), [4, 0, 0], Point { x: 5, y: 6 }, 9, (7, 8)).await,
        Ok(39)
    );
    assert_eq!(
        lent(&mut vec![], &mut String::new(), NotClone("ab".into())).await,
        Ok(4)
    );
    assert_eq!(calls(&|number| number * 2, Box::new(|| 21)).await, Ok(42));
    assert_eq!(quantified(|text| &text[1..]).await, Ok(2));
    assert_eq!(spawns("abc".into()).await, Ok(4));
    assert_eq!(moves_a_part(("a".into(), "bc".into())).await, Ok(3));
    assert_eq!(judges_by_its_arguments(3).await, Err(Error::Failed(3)));
    assert_eq!(
        has_a_budget(Duration::from_secs(1)).await,
        Ok(Duration::from_secs(1))
    );
    assert_eq!(configured(1).await, Ok(2));
}

#[tokio::test]
async fn receivers_reach_the_body_however_they_are_written() {
    let mut shop = Shop::default();
    assert_eq!(
        shop.stock("a".into(), vec![]).await,
        Ok(4),
        "two attempts failed before"
    );
    assert_eq!(shop.first(0).await, Ok("a"));
    shop.first_mut().await.unwrap().push('b');
    assert_eq!(shop.first(0).await, Ok("ab"));
    assert_eq!(
        shop.judged(5).await,
        Err(Error::Failed(5)),
        "the predicate saw two calls"
    );
    assert_eq!(Arc::new(shop.clone()).shared().await, Ok(5));
    assert_eq!(Box::new(shop.clone()).boxed().await, Ok(5));
    assert_eq!(shop.clone().taken().await.unwrap().len(), 4);
    assert_eq!(Pin::new(&mut Shop::default()).pinned().await, Ok(2));
    let text = Shop::default().formatted().await.unwrap();
    assert_eq!(text, "Shop { shelves: [], calls: 0 } 0");
    assert_eq!(shop.sell(1).await, Ok(6));
    assert_eq!(shop.give(1).await, Err(Error::Failed(1)));
}

#[tokio::test]
async fn results_leave_the_body_however_they_are_written() {
    assert!(coerces(0).await.is_err());
    assert!(coerces(1).await.is_err());
    assert_eq!(coerces(2).await.unwrap().to_string(), "2");
    assert_eq!(collects("1,2").await, Ok(vec![1, 2]));
    assert_eq!(opaque(5).await.unwrap().count(), 3);
    assert_eq!(cow("x").await, Ok("x".into()));
    assert_eq!(pointer().await.unwrap()(1), 2);
    assert_eq!(labelled(2).await, Ok(3));
    assert_eq!(never_falls_through().await, Ok(1));
    assert_eq!(says_it_with_an_inner_attribute().await, Ok(1_234_567));
    assert_eq!(ends_in_a_macro().await, Ok(true));
    assert_eq!(made(3).await, Ok(3));
    assert_eq!(r#try(3).await, Ok(3));
    assert_eq!(recursive(20).await, Ok(20));
    assert_eq!(demands_nothing_of_the_error(2).await, Err("no".to_owned()));
    let _ = dangerous;
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
        "timeout `shapes::converts_refusals` cut the call off after 10ms"
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
    let name = "shapes::own_type_by_async_function".len();
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
