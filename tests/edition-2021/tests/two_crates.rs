//! A generic function is one function, whoever makes instances of it.

use edition_2021::Failed;
use resilient::{CircuitBreakerState, Rejected};

#[tokio::test]
async fn instances_of_two_crates_share_one_breaker_and_one_call_site() {
    assert_eq!(edition_2021::fetch(false).await, Ok(vec![1]));
    assert!(edition_2021::fetch(true).await.is_err());
    let here = || async { edition_2024::fetch(async || Err::<u8, _>(Failed(None))).await };
    assert_eq!(
        here().await,
        Err(Failed(None)),
        "the second failure opens it"
    );
    assert!(matches!(
        edition_2021::fetch(false).await,
        Err(Failed(Some(Rejected::CircuitOpen(_))))
    ));

    let registry = resilient::registry();
    let breaker = registry
        .circuit_breaker("two crates")
        .expect("it is listed");
    assert_eq!(breaker.state(), CircuitBreakerState::Open);
    let sites = registry.snapshot().call_sites;
    let listed = sites
        .iter()
        .filter(|site| site.name.ends_with("2024::fetch"));
    assert_eq!(listed.count(), 1);
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
