//! A generic function is one function, whoever makes instances of it.

use edition_2021::Failed;
use resilient::{CircuitBreakerState, Rejected};

type Answer<T> = Result<T, Failed>;

/// Calls instances of the function `name` in turn: one of a crate that has it or knows it, which fails if
/// it is told to, and one of this crate, which always fails.
async fn share_all(
    name: &str,
    breaker: &str,
    there: impl AsyncFn(bool) -> Answer<Vec<u16>>,
    here: impl AsyncFn() -> Answer<u8>,
) {
    assert_eq!(there(false).await, Ok(vec![1]));
    assert_eq!(there(true).await, Err(Failed(None)));
    assert_eq!(here().await, Err(Failed(None)), "the second failure");
    for refused in [there(false).await.err(), here().await.err()] {
        assert!(matches!(
            refused,
            Some(Failed(Some(Rejected::CircuitOpen(_))))
        ));
    }

    let registry = resilient::registry();
    let breaker = registry.circuit_breaker(breaker).expect("it is listed");
    assert_eq!(breaker.state(), CircuitBreakerState::Open);
    let sites = registry.snapshot().call_sites;
    let listed = sites.iter().filter(|site| site.name == name);
    assert_eq!(listed.count(), 1);
}

#[tokio::test]
async fn instances_of_two_crates_share_one_breaker_and_one_call_site() {
    let here = async || edition_2024::fetch(async || Err(Failed(None))).await;
    let there = edition_2021::fetch;
    share_all("edition_2024::fetch", "two crates", there, here).await;
    let here = async || edition_2021::ask(async || Err(Failed(None))).await;
    let there = edition_2021::ask_here;
    share_all("edition_2021::ask", "two crates of 2021", there, here).await;
    assert_eq!(edition_2024::count(7).await, 7);
}

#[test]
fn the_same_holds_for_a_plain_function() {
    let fails = || edition_2024::read(|| Err::<u8, _>(Failed(None)));
    assert_eq!(fails(), Err(Failed(None)));
    assert_eq!(
        edition_2024::read(|| Err::<u16, _>(Failed(None))),
        Err(Failed(None))
    );
    assert!(matches!(
        fails(),
        Err(Failed(Some(Rejected::CircuitOpen(_))))
    ));
}
