//! Functions that are no future.

use crate::callee::{Answer, Callee, Error, NotClone};
use resilient::{
    Attempt, CircuitBreakerState, Rejected, bulkhead, circuit_breaker, fallback, rate_limit,
    resilient, retry, timeout,
};
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn state(breaker: &str) -> CircuitBreakerState {
    let breaker = resilient::registry().circuit_breaker(breaker);
    breaker.expect("it is listed").state()
}

// ---- Shapes

#[circuit_breaker]
#[retry(4, backoff = fixed(0s))]
#[bulkhead(20)]
fn only_borrows(callee: &Callee, text: NotClone, moved: String) -> Answer<usize> {
    callee.call()?;
    let moved = moved;
    Ok(text.0.len() + moved.len())
}

#[retry(4, backoff = fixed(0s))]
fn patterns(
    callee: &Callee,
    mut count: u32,
    (mut first, second): (u32, u32),
    _: u8,
    numbers: &mut Vec<u32>,
) -> Answer<u32> {
    count += 1;
    first += 1;
    numbers.push(count);
    callee.call()?;
    Ok(count + first + second)
}

#[circuit_breaker]
#[rate_limit(1000/s)]
fn borrowed<'a>(names: &'a mut Vec<String>, name: &str) -> Answer<&'a mut String> {
    names.push(name.to_owned());
    names.last_mut().ok_or(Error::Failed(0))
}

#[retry]
fn coerced(parts: &[u8]) -> Result<Box<dyn Iterator<Item = u8> + '_>, Box<dyn std::error::Error>> {
    if parts.is_empty() {
        return Err("nothing".into());
    }
    let number: u8 = "7".parse()?;
    Ok(Box::new(parts.iter().copied().chain([number])))
}

#[retry]
fn opaque(limit: u32) -> Answer<impl Iterator<Item = u32>> {
    Ok(0..limit)
}

#[retry]
fn cow(text: &str) -> Answer<Cow<'_, str>> {
    Ok(text.trim().into())
}

#[retry(2, attempt = cx, idempotency_key = name, before = |attempt| seen.lock().expect("no panic").push(attempt))]
fn sees_its_attempt(name: u32, seen: &Mutex<Vec<u32>>) -> Answer<String> {
    let attempt: &Attempt = &cx;
    match attempt.number() {
        1 => Err(Error::Failed(1)),
        number => Ok(format!("{number}: {}", cx.idempotency_key())),
    }
}

#[derive(Debug)]
struct Shop {
    callee: Callee,
    names: Vec<String>,
}

impl Shop {
    const fn new() -> Self {
        Self {
            callee: Callee::new(),
            names: vec![],
        }
    }

    #[retry(4, backoff = fixed(0s), when = |error: &Error| error.is_transient())]
    fn stock(&mut self, name: String) -> Answer<String> {
        self.names.push(name);
        self.callee.call()?;
        Ok(format!("{self:?}").chars().take(4).collect())
    }

    #[retry(4, backoff = fixed(0s))]
    fn shared(self: Arc<Self>) -> Answer<u32> {
        self.callee.call()
    }

    #[retry(4, backoff = fixed(0s))]
    fn pinned(mut self: Pin<&mut Self>) -> Answer<u32> {
        self.names.push(String::new());
        self.callee.call()
    }

    #[circuit_breaker]
    fn taken(mut self) -> Answer<Vec<String>> {
        self.names.push("last".to_owned());
        Ok(self.names)
    }

    #[fallback(Self::listed)]
    #[circuit_breaker(failure_threshold = 100)]
    fn name(&self, place: usize, otherwise: String) -> Answer<Cow<'_, str>> {
        let _moved = otherwise;
        let name = self.names.get(place).ok_or(Error::Failed(0))?;
        Ok(Cow::Borrowed(name))
    }

    fn listed(&self, place: usize, otherwise: String) -> Answer<Cow<'_, str>> {
        if self.names.len() > place {
            return Err(Error::Failed(1));
        }
        Ok(Cow::Owned(otherwise))
    }
}

trait Sell {
    fn callee(&self) -> &Callee;

    #[retry(4, backoff = fixed(0s))]
    fn sell(&self) -> Answer<u32> {
        self.callee().call()
    }
}

impl Sell for Shop {
    fn callee(&self) -> &Callee {
        &self.callee
    }
}

#[fallback(value = 0)]
#[bulkhead(5)]
fn cannot_fail<T: Into<u32>>(number: T) -> u32 {
    number.into()
}

#[fallback(|error| Err(if text.0.is_empty() { error } else { Error::Failed(2) }))]
#[resilient(retry(1), circuit_breaker(failure_threshold = 100))]
fn falls_back(text: NotClone, fails: bool) -> Answer<usize> {
    if fails {
        return Err(Error::Failed(3));
    }
    Ok(text.0.len())
}

#[test]
fn a_plain_function_of_any_shape_behaves_as_its_body_and_its_stack_say() {
    let text = || NotClone::new("ab");
    let callee = Callee::new();
    assert_eq!(only_borrows(&callee, text(), "c".to_owned()), Ok(3));
    assert_eq!(callee.calls(), 3);

    let (callee, mut numbers) = (Callee::new(), vec![]);
    assert_eq!(patterns(&callee, 1, (2, 3), 0, &mut numbers), Ok(8));
    assert_eq!(numbers, [2, 2, 2], "each attempt starts from the argument");

    let mut names = vec![];
    borrowed(&mut names, "a").expect("it is lent").push('b');
    assert_eq!(names, ["ab"]);
    assert_eq!(coerced(&[1]).expect("a number").sum::<u8>(), 8);
    assert!(coerced(&[]).is_err());
    assert_eq!(opaque(3).expect("a range").count(), 3);
    assert_eq!(cow(" a ").as_deref(), Ok("a"));

    let seen = Mutex::new(vec![]);
    assert_eq!(sees_its_attempt(7, &seen), Ok("2: 7".to_owned()));
    assert_eq!(*seen.lock().expect("no panic"), [2]);

    let mut shop = Shop::new();
    assert_eq!(shop.stock("x".to_owned()).as_deref(), Ok("Shop"));
    assert_eq!(shop.names.len(), 3);
    assert_eq!(shop.name(0, String::new()).as_deref(), Ok("x"));
    assert_eq!(shop.name(9, "y".to_owned()).as_deref(), Ok("y"));
    assert_eq!(Arc::new(Shop::new()).shared(), Ok(3));
    assert_eq!(Pin::new(&mut Shop::new()).pinned(), Ok(3));
    assert_eq!(Shop::new().taken(), Ok(vec!["last".to_owned()]));
    assert_eq!(Shop::new().sell(), Ok(3));

    assert_eq!(cannot_fail(7_u8), 7);
    assert_eq!(falls_back(text(), false), Ok(2));
    assert_eq!(falls_back(text(), true), Err(Error::Failed(2)));
}

// ---- Refusals

#[bulkhead("plain bulkhead", 1)]
fn holds_its_place(inside: &mut dyn FnMut()) -> Answer<()> {
    inside();
    Ok(())
}

#[test]
fn a_full_bulkhead_refuses_a_plain_call_at_once() {
    let mut refused = None;
    let done = holds_its_place(&mut || refused = Some(holds_its_place(&mut || ())));
    assert_eq!(done, Ok(()));
    let full = Rejected::bulkhead_full("plain bulkhead");
    assert_eq!(refused, Some(Err(Error::Rejected(full))));
    assert_eq!(
        holds_its_place(&mut || ()),
        Ok(()),
        "the place is free again"
    );
}

#[rate_limit("plain rate", 2/min, burst = 2, cost = cost)]
fn weighs(cost: u32) -> Answer<()> {
    Ok(())
}

#[test]
fn an_empty_rate_limit_refuses_a_plain_call_at_once() {
    assert_eq!(weighs(2), Ok(()));
    assert!(matches!(
        weighs(1),
        Err(Error::Rejected(Rejected::RateLimited(_)))
    ));
    assert!(matches!(
        weighs(3),
        Err(Error::Rejected(Rejected::TooCostly(_)))
    ));
    assert_eq!(weighs(0), Ok(()));
}

#[circuit_breaker("plain breaker", failure_threshold = 2)]
#[retry(2, backoff = fixed(0s))]
fn breaks(callee: &Callee) -> Answer<u32> {
    callee.call()?;
    Err(Error::Failed(0))
}

#[test]
fn an_open_breaker_refuses_a_plain_call() {
    let callee = Callee::new();
    for _ in 0..2 {
        assert!(matches!(breaks(&callee), Err(Error::Failed(_))));
    }
    assert!(matches!(
        breaks(&callee),
        Err(Error::Rejected(Rejected::CircuitOpen(_)))
    ));
    assert_eq!(callee.calls(), 4);
}

#[retry(2, backoff = fixed(0s))]
#[circuit_breaker("plain panics", failure_threshold = 1)]
#[bulkhead("plain panics", 1)]
fn panics(callee: &Callee) -> Answer<u32> {
    let _ = callee.call();
    panic!("in the body")
}

#[test]
fn a_panic_is_a_failure_that_reaches_the_caller_and_holds_nothing() {
    let callee = Callee::new();
    assert!(catch_unwind(AssertUnwindSafe(|| panics(&callee))).is_err());
    assert_eq!(callee.calls(), 1, "a panic is not retried");
    assert_eq!(state("plain panics"), CircuitBreakerState::Open);
    let snapshot = resilient::registry().snapshot().to_string();
    let bulkhead = snapshot
        .lines()
        .find(|line| line.contains("plain panics") && line.contains("bulkhead"));
    assert!(bulkhead.expect("a row").contains("0 of 1"), "{bulkhead:?}");
}

// ---- Time

#[retry(2, backoff = fixed(10ms), jitter = none)]
fn sleeps(callee: &Callee) -> Result<u32, String> {
    callee.call().map_err(|error| error.to_string())
}

#[test]
fn a_retry_lets_the_thread_sleep() {
    let begin = Instant::now();
    assert_eq!(sleeps(&Callee::new()), Err("failed 2".to_owned()));
    assert!(begin.elapsed() >= Duration::from_millis(10));
}

#[timeout(1s)]
async fn limits_a_plain_one(callee: &Callee) -> Answer<u32> {
    would_sleep_too_long(callee)
}

#[retry(3, backoff = fixed(1h), jitter = none)]
fn would_sleep_too_long(callee: &Callee) -> Answer<u32> {
    callee.call()
}

#[tokio::test]
async fn a_deadline_further_out_is_seen_by_a_plain_retry() {
    let callee = Callee::new();
    assert_eq!(limits_a_plain_one(&callee).await, Err(Error::Failed(1)));
    assert_eq!(callee.calls(), 1, "it gave up, and slept for no hour");
}
