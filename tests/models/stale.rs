//! Good answers that are kept: an answer belongs to its key, and there are never more than there may be.

use crate::model::{explore, join, lasting, spawn};
use resilient_core::{
    Failure, Fallback, FallbackPolicy, Inside, LivePolicy, LiveSnapshot, Origin, StaleAnswers,
    StaleKey, Verdict,
};
use std::time::Duration;

#[test]
fn a_call_that_fails_gets_an_answer_of_its_own_key_or_none() {
    explore(|| {
        static PRICES: StaleAnswers = StaleAnswers::new();
        let policy = FallbackPolicy::new()
            .stale(Duration::from_secs(600))
            .entries(1);
        let fallback = lasting(Fallback::new("price", &policy));
        let call = move |sku: &str, outcome: Inside<u32, ()>| {
            let key = fallback.stale_key(|| StaleKey::of(&|| (), sku));
            let judge = |_: &_| Verdict::Failure;
            fallback.last_good(&PRICES, key, &Origin::new(), outcome, judge, |price| price)
        };
        let lamps = spawn(move || call("lamp", Ok(990)));
        let sofas = spawn(move || call("sofa", Ok(4)));
        let fails = spawn(move || {
            let answered = call("lamp", Err(Failure::Error(())));
            assert!(answered != Ok(4), "that is the price of a sofa");
            answered
        });
        let failed = join([lamps, sofas, fails])[2].is_err();
        assert_eq!(PRICES.count(), 1);
        let LiveSnapshot::Fallback(seen) = fallback.snapshot() else {
            panic!("it is a fallback");
        };
        let answered = u64::from(!failed);
        assert_eq!((seen.answered_stale, seen.missed), (answered, 1 - answered));
    });
}
