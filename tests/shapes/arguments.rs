//! Arguments and receivers, however they are written.

use crate::callee::{Answer, Error, NotClone, behaves, spawnable, step, tick};
use resilient::{Rejected, circuit_breaker, resilient, retry, timeout};
use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

// ---- Arguments

#[circuit_breaker("arguments")]
#[retry(3, backoff = fixed(0s))]
#[timeout(1s)]
async fn only_borrows(text: NotClone, moved: String) -> Answer<usize> {
    tick().await;
    step()?;
    let moved = moved;
    Ok(text.0.len() + moved.len())
}

#[circuit_breaker("arguments")]
#[retry(3, backoff = fixed(0s))]
#[timeout(1s)]
async fn converts(text: impl Into<String> + Clone + Send + Sync) -> Answer<String> {
    tick().await;
    step()?;
    Ok(text.into())
}

#[circuit_breaker("arguments")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
async fn generic<'a, T: Sync + ?Sized, const N: usize>(
    value: &'a T,
    array: [u8; N],
) -> Answer<(String, &'a T)>
where
    T: ToString,
{
    tick().await;
    step()?;
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

struct Pair(u32, u32);

#[circuit_breaker("arguments")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
#[expect(clippy::too_many_arguments, reason = "one of each")]
async fn patterns(
    mut count: u32,
    (mut first, second): (u32, u32),
    [third, .., _]: [u32; 3],
    Point { mut x, y: renamed }: Point,
    Pair(mut fourth, sixth): Pair,
    _: u32,
    whole @ (_, part): (u32, u32),
    &fifth: &u32,
) -> Answer<u32> {
    count += 1;
    first += 1;
    x += 1;
    fourth += 1;
    tick().await;
    step()?;
    Ok(count + first + second + third + x + renamed + fourth + whole.0 + part + fifth + sixth)
}

#[circuit_breaker("arguments")]
#[retry(3, backoff = fixed(0s))]
#[timeout(1s)]
async fn lent(numbers: &mut Vec<u8>, text: &mut String, note: NotClone) -> Answer<usize> {
    numbers.push(1);
    text.push('x');
    tick().await;
    step()?;
    numbers.truncate(1);
    text.truncate(1);
    Ok(numbers.len() + text.len() + note.0.len())
}

#[circuit_breaker("arguments")]
#[retry(3, backoff = fixed(0s))]
#[timeout(1s)]
async fn calls(
    double: &(dyn Fn(u8) -> u8 + Send + Sync),
    boxed: Box<dyn Fn() -> u8 + Send + Sync>,
    pointer: fn(u8) -> u8,
) -> Answer<u8> {
    tick().await;
    step()?;
    Ok(pointer(double(boxed())))
}

#[circuit_breaker("arguments")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
async fn quantified<F>(read: F) -> Answer<usize>
where
    F: for<'a> Fn(&'a str) -> &'a str + Sync,
{
    tick().await;
    step()?;
    Ok(read("abc").len())
}

#[circuit_breaker("arguments")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
async fn spawns(text: String, more: String) -> Answer<usize> {
    let task = tokio::spawn(async move { text.len() });
    let inner = move |length: usize| length + more.len();
    step()?;
    Ok(inner(task.await.map_err(|_| Error::Failed(0))?))
}

#[circuit_breaker("arguments")]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s))]
async fn moves_a_part(pair: (String, String)) -> Answer<usize> {
    let first = pair.0;
    tick().await;
    step()?;
    Ok(first.len() + pair.1.len())
}

#[circuit_breaker("arguments", when = |_| limit > 2)]
#[timeout(5s)]
#[retry(3, backoff = fixed(0s), when = |error| error.is_transient() && limit > 2)]
async fn judges_by_its_arguments(limit: u32) -> Answer<u32> {
    tick().await;
    step()?;
    Ok(limit)
}

#[circuit_breaker("arguments")]
#[timeout(|| limit * 2)]
#[retry(3, backoff = fixed(0s))]
#[timeout(|| limit)]
async fn has_a_budget(limit: Duration) -> Answer<Duration> {
    tick().await;
    step()?;
    Ok(limit)
}

#[resilient(circuit_breaker("arguments"), retry(3, backoff = fixed(0s)), timeout(5s))]
async fn configured(
    #[cfg(not(any()))] mut number: u32,
    #[cfg(any())] number: &str,
    #[cfg(not(any()))] moved: String,
) -> Answer<u32> {
    number += 1;
    tick().await;
    step()?;
    drop(moved);
    Ok(number)
}

// ---- Receivers

/// Whose methods stand for all receivers.
#[derive(Debug, Default, Clone)]
pub(crate) struct Shop {
    pub(crate) shelves: Vec<String>,
    pub(crate) calls: u32,
}

impl Shop {
    #[circuit_breaker("arguments")]
    #[retry(3, backoff = fixed(0s))]
    #[timeout(1s)]
    async fn stock(&mut self, item: String, mut tags: Vec<u8>) -> Answer<usize> {
        tags.push(1);
        self.shelves.push(item);
        self.calls += 1;
        tick().await;
        step()?;
        self.shelves.truncate(1);
        Ok(self.shelves.len() + tags.len())
    }

    #[circuit_breaker("arguments")]
    #[retry(3, backoff = fixed(0s))]
    #[timeout(1s)]
    async fn first(&self, index: usize) -> Answer<&str> {
        tick().await;
        step()?;
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

    #[circuit_breaker("arguments")]
    #[timeout(5s)]
    #[retry(3, backoff = fixed(0s))]
    async fn shared(self: Arc<Self>) -> Answer<u32> {
        tick().await;
        step()?;
        Ok(self.calls)
    }

    #[circuit_breaker("arguments")]
    #[timeout(5s)]
    #[retry(3, backoff = fixed(0s))]
    async fn shared_and_borrowed(self: &Arc<Self>) -> Answer<u32> {
        tick().await;
        step()?;
        Ok(self.calls)
    }

    #[circuit_breaker("arguments")]
    #[timeout(5s)]
    #[retry(3, backoff = fixed(0s))]
    async fn boxed(self: Box<Self>) -> Answer<u32> {
        tick().await;
        step()?;
        Ok(self.calls)
    }

    #[circuit_breaker("arguments")]
    #[timeout(5s)]
    #[retry(3, backoff = fixed(0s))]
    async fn pinned(self: Pin<&mut Self>) -> Answer<usize> {
        let this = self.get_mut();
        this.calls += 1;
        tick().await;
        step()?;
        Ok(this.shelves.len())
    }

    #[circuit_breaker("arguments")]
    #[timeout(5s)]
    #[retry(3, backoff = fixed(0s))]
    async fn taken(mut self) -> Answer<Vec<String>> {
        self.shelves.push("more".to_owned());
        tick().await;
        step()?;
        Ok(self.shelves)
    }

    #[circuit_breaker("arguments")]
    #[timeout(5s)]
    #[retry(3, backoff = fixed(0s))]
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
        step()?;
        Ok(text)
    }
}

// ---- Tests

#[test]
fn futures_are_as_spawnable_as_without_attributes() {
    drop(spawnable(only_borrows(NotClone::new(""), String::new())));
    drop(spawnable(converts("x")));
    drop(spawnable(generic("x", [1, 2])));
    drop(spawnable(not_shareable(Cell::new(1), channel().1)));
    let point = Point { x: 1, y: 1 };
    let all = patterns(1, (1, 1), [1; 3], point, Pair(1, 1), 1, (1, 1), &1);
    drop(spawnable(all));
    drop(spawnable(async {
        lent(&mut vec![], &mut String::new(), NotClone::new("")).await
    }));
    drop(spawnable(async {
        calls(&|x| x, Box::new(|| 1), |x| x).await
    }));
    drop(spawnable(quantified(|text| text)));
    drop(spawnable(spawns(String::new(), String::new())));
    drop(spawnable(moves_a_part((String::new(), String::new()))));
    drop(spawnable(judges_by_its_arguments(1)));
    drop(spawnable(has_a_budget(Duration::ZERO)));
    drop(spawnable(configured(1, String::new())));
    drop(spawnable(Arc::new(Shop::default()).shared()));
    drop(spawnable(Box::new(Shop::default()).boxed()));
    drop(spawnable(Shop::default().taken()));
    drop(spawnable(async {
        let mut shop = Shop::default();
        let _ = shop.stock(String::new(), vec![]).await;
        let _ = shop.first(0).await;
        let _ = shop.first_mut().await;
        let _ = shop.judged(1).await;
        let _ = Pin::new(&mut shop).pinned().await;
        let _ = shop.formatted().await;
        let _ = Arc::new(shop).shared_and_borrowed().await;
    }));
}

#[test]
fn arguments_reach_every_attempt_however_they_are_written() {
    const BREAKER: &str = "arguments";
    let text = |text: &str| text.to_owned();
    behaves(
        BREAKER,
        async || only_borrows(NotClone::new("ab"), text("c")).await,
        &3,
    );
    behaves(BREAKER, async || converts("x").await, &text("x"));
    behaves(
        BREAKER,
        async || generic("x", [1, 2]).await,
        &(text("x22"), "x"),
    );
    behaves(
        BREAKER,
        async || {
            let point = Point { x: 5, y: 6 };
            patterns(1, (2, 3), [4, 0, 0], point, Pair(6, 1), 9, (7, 8), &1).await
        },
        &48,
    );
    behaves(
        BREAKER,
        async || lent(&mut vec![], &mut String::new(), NotClone::new("ab")).await,
        &4,
    );
    behaves(
        BREAKER,
        async || calls(&|number| number * 2, Box::new(|| 20), |number| number + 2).await,
        &42,
    );
    behaves(BREAKER, async || quantified(|text| &text[1..]).await, &2);
    behaves(BREAKER, async || spawns(text("abc"), text("d")).await, &4);
    behaves(
        BREAKER,
        async || moves_a_part((text("a"), text("bc"))).await,
        &3,
    );
    behaves(BREAKER, async || judges_by_its_arguments(3).await, &3);
    let second = Duration::from_secs(1);
    behaves(BREAKER, async || has_a_budget(second).await, &second);
    behaves(BREAKER, async || configured(1, text("x")).await, &2);

    let shop = || Shop {
        shelves: vec!["lamp".to_owned()],
        calls: 5,
    };
    behaves(BREAKER, async || shop().stock(text("a"), vec![]).await, &2);
    behaves(
        BREAKER,
        async || shop().first(0).await.map(str::to_owned),
        &text("lamp"),
    );
    behaves(BREAKER, async || Arc::new(shop()).shared().await, &5);
    behaves(
        BREAKER,
        async || Arc::new(shop()).shared_and_borrowed().await,
        &5,
    );
    behaves(BREAKER, async || Box::new(shop()).boxed().await, &5);
    behaves(BREAKER, async || Pin::new(&mut shop()).pinned().await, &1);
    behaves(
        BREAKER,
        async || shop().taken().await,
        &vec![text("lamp"), text("more")],
    );
    behaves(
        BREAKER,
        async || Shop::default().formatted().await,
        &text("Shop { shelves: [], calls: 0 } 0"),
    );
}

#[tokio::test]
async fn what_is_not_run_again_demands_nothing_of_its_arguments() {
    assert_eq!(not_shareable(Cell::new(4), channel().1).await, Ok(4));
    let mut shop = Shop::default();
    shop.shelves.push("a".to_owned());
    shop.first_mut().await.unwrap().push('b');
    assert_eq!(shop.shelves, ["ab"]);
    let judged = shop.judged(2).await;
    assert_eq!(judged, Err(Error::Failed(2)), "the predicate saw two calls");
}

#[circuit_breaker("arguments.judged", when = |_| limit > 2)]
#[retry(3, backoff = fixed(0s), when = |error| error.is_transient() && limit > 2)]
async fn fails(limit: u32, runs: &Cell<u32>) -> Answer<u32> {
    tick().await;
    runs.set(runs.get() + 1);
    Err(Error::Failed(runs.get()))
}

#[timeout(|| limit)]
async fn is_late(limit: Duration) -> Answer<Duration> {
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(limit)
}

#[tokio::test(start_paused = true)]
async fn predicates_and_limits_judge_by_the_arguments_of_their_call() {
    let breaker = resilient::registry().circuit_breaker("arguments.judged");
    let breaker = breaker.expect("it is annotated");
    let counts = || {
        let counts = breaker.snapshot().counts;
        (counts.failure, counts.success)
    };
    let failed = fails(3, &Cell::new(0)).await;
    assert_eq!((failed, counts()), (Err(Error::Failed(3)), (1, 0)));
    let failed = fails(2, &Cell::new(0)).await;
    assert_eq!((failed, counts()), (Err(Error::Failed(1)), (1, 1)));

    let limit = Duration::from_secs(2);
    assert_eq!(is_late(limit).await, Ok(limit));
    assert!(matches!(
        is_late(limit / 4).await,
        Err(Error::Rejected(Rejected::TimedOut(_)))
    ));
}
