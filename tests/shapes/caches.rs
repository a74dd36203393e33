//! Beside an attribute that moves the body into a function of its own.

use crate::callee::{Error, behaves, plainly, spawnable, step, tick};
use cached::macros::cached;
use resilient::{Rejected, circuit_breaker, retry, timeout};
use std::sync::atomic::{AtomicU32, Ordering};

#[cached]
#[circuit_breaker("caches.above")]
#[retry("caches.above", 3, backoff = fixed(0s))]
#[timeout("caches.above", 5s)]
async fn above(number: u32) -> Result<u32, Error> {
    tick().await;
    step()?;
    Ok(number.min(1))
}

#[circuit_breaker("caches.below")]
#[retry("caches.below", 3, backoff = fixed(0s))]
#[timeout("caches.below", 5s)]
#[cached]
async fn below(number: u32, mut text: String) -> Result<usize, Error> {
    text.push('x');
    tick().await;
    step()?;
    Ok(text.len() + usize::from(number > 0))
}

#[circuit_breaker("caches.plain")]
#[retry("caches.plain", 3, backoff = fixed(0s))]
#[cached]
fn below_a_plain_one(number: u32) -> Result<u32, Error> {
    step()?;
    Ok(number.min(1))
}

#[timeout("caches.between.1", 5s)]
#[cached]
#[timeout("caches.between.2", 1s)]
async fn between(number: u32) -> Result<u32, Error> {
    tick().await;
    Ok(number)
}

/// Another key for each call.
fn key() -> u32 {
    static CALLS: AtomicU32 = AtomicU32::new(1);
    CALLS.fetch_add(1, Ordering::Relaxed)
}

#[test]
fn what_a_cache_does_not_know_behaves_as_if_there_were_none() {
    let text = || "text".to_owned();
    behaves("caches.above", async || above(key()).await, &1);
    behaves("caches.below", async || below(key(), text()).await, &6);
    plainly("caches.plain", || below_a_plain_one(key()), &1);
}

#[timeout("caches.hit", 5s)]
#[circuit_breaker("caches.hit")]
#[cached]
async fn asked_first(number: u32) -> Result<u32, Error> {
    tick().await;
    Ok(number)
}

#[cached]
#[timeout("caches.hit", 5s)]
#[circuit_breaker("caches.hit")]
async fn asked_in_any_case(number: u32) -> Result<u32, Error> {
    tick().await;
    Ok(number)
}

#[tokio::test]
async fn the_cache_is_around_what_stands_above_it_and_within_what_stands_below() {
    assert_eq!(asked_first(7).await, Ok(7));
    assert_eq!(asked_in_any_case(7).await, Ok(7));
    let breaker = resilient::registry().circuit_breaker("caches.hit");
    breaker.expect("it is annotated").force_open("a test");
    assert_eq!(asked_first(7).await, Ok(7), "it was kept");
    let refused = |answer| matches!(answer, Err(Error::Rejected(Rejected::ForcedOpen(_))));
    assert!(refused(asked_in_any_case(7).await), "although it was kept");
    assert!(refused(asked_first(8).await));
}

#[test]
fn futures_are_as_spawnable_as_without_attributes() {
    drop(spawnable(above(1)));
    drop(spawnable(below(1, String::new())));
    drop(spawnable(between(1)));
}

#[tokio::test]
async fn what_stands_on_both_sides_is_two_stacks() {
    assert_eq!(between(7).await, Ok(7));
    let sites = resilient::registry().call_sites().into_iter();
    let stacks = sites.filter_map(|site| {
        let name = site.name.strip_prefix("shapes::caches::between")?;
        let layers = site.layers.iter().map(|layer| layer.policy.to_string());
        Some((name, layers.collect::<Vec<_>>().join(" ")))
    });
    let mut stacks: Vec<_> = stacks.collect();
    stacks.sort();
    let (outer, inner) = ("caches.between.2", "caches.between.1");
    let expected = [("", outer), ("_no_cache", inner), ("_prime_cache", outer)];
    assert_eq!(
        stacks,
        expected.map(|(name, stack)| (name, stack.to_owned()))
    );
}
