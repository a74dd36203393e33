//! `#[fallback(stale = …, key = …)]`: the last good answer of a key, in paused time.

use resilient::{
    Events, FallbackPolicy, FallbackSnapshot, LivePolicy, LiveSnapshot, Rejected, What,
    answered_stale, circuit_breaker, fallback, policy, registry, retry, timeout,
};
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::advance;

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
enum Error {
    #[error("down")]
    Down,
    #[error("unknown")]
    Unknown,
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

type Answer = Result<u32, Error>;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn counts(name: &str) -> FallbackSnapshot {
    let fallback = registry().fallback(name).expect("it is annotated");
    match fallback.snapshot() {
        LiveSnapshot::Fallback(snapshot) => snapshot,
        other => panic!("{other:?}"),
    }
}

mod ages {
    use super::*;

    #[fallback("stale.ages", stale = 10m, key = sku)]
    async fn price(sku: &str, answer: Answer) -> Answer {
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_answered_with_the_last_good_answer_of_its_key_at_most_that_old() {
        assert_eq!(price("lamp", Err(Error::Down)).await, Err(Error::Down));
        assert_eq!(price("lamp", Ok(1)).await, Ok(1));
        assert_eq!(price("lamp", Ok(2)).await, Ok(2));
        assert_eq!(answered_stale(), None);
        advance(10 * MINUTE).await;
        assert_eq!(price("lamp", Err(Error::Down)).await, Ok(2));
        assert_eq!(answered_stale(), Some(10 * MINUTE), "exactly that old");
        assert_eq!(price("sofa", Err(Error::Down)).await, Err(Error::Down));
        assert_eq!(answered_stale(), None, "an error is not stale");
        advance(Duration::from_nanos(1)).await;
        assert_eq!(
            price("lamp", Err(Error::Unknown)).await,
            Err(Error::Unknown)
        );
        assert_eq!(price("lamp", Ok(3)).await, Ok(3));
        assert_eq!(price("lamp", Err(Error::Down)).await, Ok(3));
        assert_eq!(answered_stale(), Some(Duration::ZERO));
    }
}

mod told {
    use super::*;

    #[fallback("stale.told", stale = 10m, key = "all")]
    async fn price(answer: Answer) -> Answer {
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn the_event_the_counts_and_answered_stale_tell() {
        let mut events = Events::subscribe();
        assert_eq!(price(Err(Error::Down)).await, Err(Error::Down));
        assert_eq!(price(Ok(1)).await, Ok(1));
        advance(SECOND).await;
        assert_eq!(price(Err(Error::Down)).await, Ok(1));
        assert_eq!(answered_stale(), Some(SECOND));
        let counts = counts("stale.told");
        assert_eq!((counts.answered_stale, counts.missed), (1, 1));
        assert_eq!((counts.answered, counts.failed), (0, 0));
        assert_eq!(counts.stale, Some(10 * MINUTE));
        let mut told = Vec::new();
        while let Some(event) = events.try_next() {
            if event.policy == "stale.told" {
                told.push(event.what);
            }
        }
        assert_eq!(told, [What::AnsweredStale { age: SECOND }]);
    }
}

mod body_only {
    use super::*;

    fn other_shop(_: Answer, other: Answer) -> Answer {
        other
    }

    #[fallback(stale = 10m, key = "all")]
    #[fallback(other_shop)]
    async fn price(answer: Answer, other: Answer) -> Answer {
        let _ = other;
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn the_answer_of_a_fallback_below_is_not_kept() {
        let failed = || Err(Error::Down);
        assert_eq!(price(failed(), Ok(7)).await, Ok(7));
        assert_eq!(price(failed(), failed()).await, failed());
        assert_eq!(price(Ok(1), failed()).await, Ok(1));
        assert_eq!(price(failed(), Ok(7)).await, Ok(7));
        assert_eq!(price(failed(), failed()).await, Ok(1));
    }

    #[fallback(stale = 10m, key = "all")]
    #[fallback(stale = 1m, key = "all")]
    async fn twice(answer: Answer) -> Answer {
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn a_stale_answer_is_not_kept_as_a_fresh_one() {
        assert_eq!(twice(Ok(1)).await, Ok(1));
        advance(MINUTE).await;
        assert_eq!(twice(Err(Error::Down)).await, Ok(1));
        advance(9 * MINUTE).await;
        assert_eq!(twice(Err(Error::Down)).await, Ok(1));
        assert_eq!(answered_stale(), Some(10 * MINUTE));
        advance(SECOND).await;
        assert_eq!(twice(Err(Error::Down)).await, Err(Error::Down));
    }

    #[fallback(stale = 10m, key = "all")]
    #[retry(2, backoff = fixed(1ms), when_ok = |answer| *answer == 7)]
    #[fallback(|_| Ok(7), may_fail)]
    async fn attempts(answers: &[AtomicU32], at: &AtomicU32) -> Answer {
        let at = at.fetch_add(1, Ordering::Relaxed) as usize;
        match answers[at].load(Ordering::Relaxed) {
            0 => Err(Error::Down),
            answer => Ok(answer),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_answer_of_the_last_attempt_counts() {
        let answers = [0, 1].map(AtomicU32::new);
        assert_eq!(attempts(&answers, &AtomicU32::new(0)).await, Ok(1));
    }

    #[fallback(value = 0)]
    #[fallback(stale = 10m, key = "all")]
    #[timeout(1s)]
    async fn cannot_fail(answer: Option<u32>) -> u32 {
        match answer {
            Some(answer) => answer,
            None => pending().await,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_function_that_cannot_fail_has_its_last_resort_where_nothing_is_kept() {
        assert_eq!(cannot_fail(None).await, 0);
        assert_eq!(answered_stale(), None);
        assert_eq!(cannot_fail(Some(1)).await, 1);
        assert_eq!(cannot_fail(None).await, 1);
        assert_eq!(answered_stale(), Some(SECOND));
    }

    #[derive(Clone, Debug, PartialEq)]
    struct Price(u32);

    #[fallback(|_| Price(0))]
    #[fallback(stale = 10m, key = "all")]
    #[timeout(1s)]
    async fn own_type(answer: Option<u32>) -> Price {
        match answer {
            Some(answer) => Price(answer),
            None => pending().await,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_type_of_ones_own_is_kept_as_well() {
        assert_eq!(own_type(None).await, Price(0));
        assert_eq!(own_type(Some(1)).await, Price(1));
        assert_eq!(own_type(None).await, Price(1));
        assert_eq!(answered_stale(), Some(SECOND));
    }
}

mod predicates {
    use super::*;

    #[fallback(stale = 10m, key = "all", when = |error| *error == Error::Down, when_rejected = |_| false)]
    #[timeout(1s)]
    async fn price(answer: Option<Answer>) -> Answer {
        match answer {
            Some(answer) => answer,
            None => pending().await,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_when_and_when_rejected_let_pass_is_not_answered() {
        assert_eq!(price(Some(Ok(1))).await, Ok(1));
        assert_eq!(price(Some(Err(Error::Unknown))).await, Err(Error::Unknown));
        assert!(matches!(
            price(None).await,
            Err(Error::Rejected(Rejected::TimedOut(_)))
        ));
        assert_eq!(price(Some(Err(Error::Down))).await, Ok(1));
    }

    #[fallback(stale = 10m, key = "all")]
    #[timeout(1s)]
    #[circuit_breaker(failure_threshold = 1)]
    async fn refused(answer: Option<Answer>) -> Answer {
        match answer {
            Some(answer) => answer,
            None => pending().await,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn timeouts_and_refusals_are_answered() {
        assert_eq!(refused(Some(Ok(1))).await, Ok(1));
        assert_eq!(refused(None).await, Ok(1), "timed out");
        assert_eq!(refused(Some(Ok(2))).await, Ok(1), "open");
    }

    #[retry(3, backoff = fixed(1ms))]
    #[fallback(stale = 10m, key = "all", may_fail)]
    async fn below_a_retry(runs: &AtomicU32, answer: Result<u32, ()>) -> Answer {
        runs.fetch_add(1, Ordering::Relaxed);
        answer.map_err(|()| Error::Down)
    }

    #[tokio::test(start_paused = true)]
    async fn below_a_retry_only_what_is_not_kept_is_tried_again() {
        let runs = AtomicU32::new(0);
        assert_eq!(below_a_retry(&runs, Err(())).await, Err(Error::Down));
        assert_eq!(runs.swap(0, Ordering::Relaxed), 3);
        assert_eq!(below_a_retry(&runs, Ok(1)).await, Ok(1));
        assert_eq!(below_a_retry(&runs, Err(())).await, Ok(1));
        assert_eq!(runs.into_inner(), 2);
    }
}

mod keys {
    use super::*;

    #[fallback(stale = 10m, key = (tenant, sku))]
    async fn price(tenant: String, sku: String, answer: Answer) -> Answer {
        drop((tenant, sku));
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn one_tenant_never_sees_the_answer_of_another() {
        let call = |tenant: &str, answer| price(tenant.into(), "lamp".into(), answer);
        assert_eq!(call("acme", Ok(1)).await, Ok(1));
        assert_eq!(call("evil", Err(Error::Down)).await, Err(Error::Down));
        assert_eq!(call("acme", Err(Error::Down)).await, Ok(1));
    }

    #[fallback(|_| Err(Error::Unknown), may_fail)]
    #[retry(2, backoff = fixed(1ms))]
    #[fallback(stale = 10m, key = sku, mark = |price| price + *more, may_fail)]
    async fn moved(sku: String, more: &u32, answer: Result<u32, ()>) -> Answer {
        let _ = more;
        drop(sku);
        answer.map_err(|()| Error::Down)
    }

    #[tokio::test(start_paused = true)]
    async fn the_key_is_asked_for_before_the_body_takes_it_away() {
        assert_eq!(moved("a".into(), &1, Ok(1)).await, Ok(1));
        assert_eq!(moved("a".into(), &1, Err(())).await, Ok(2));
        assert_eq!(moved("b".into(), &1, Err(())).await, Err(Error::Unknown));
    }

    trait Source {
        const PRICE: u32;
    }
    struct One;
    struct Two;
    impl Source for One {
        const PRICE: u32 = 1;
    }
    impl Source for Two {
        const PRICE: u32 = 2;
    }

    #[fallback(stale = 10m, key = "all")]
    async fn of_source<S: Source>(fails: bool) -> Answer {
        if fails {
            Err(Error::Down)
        } else {
            Ok(S::PRICE)
        }
    }

    #[fallback(stale = 10m, key = "all")]
    async fn of_type<T: Clone + Send + Sync + 'static>(answer: Option<T>) -> Result<T, Error> {
        answer.ok_or(Error::Down)
    }

    #[tokio::test(start_paused = true)]
    async fn the_instances_of_a_generic_function_do_not_mix() {
        assert_eq!(of_source::<One>(false).await, Ok(1));
        assert_eq!(of_source::<Two>(true).await, Err(Error::Down));
        assert_eq!(of_source::<One>(true).await, Ok(1));
        assert_eq!(of_type(Some("text")).await, Ok("text"));
        assert_eq!(of_type::<u32>(None).await, Err(Error::Down));
        assert_eq!(of_type::<&str>(None).await, Ok("text"));
    }

    #[fallback(stale = 10m, key = id, entries = 2)]
    async fn bounded(id: u32, answer: Answer) -> Answer {
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn the_answer_that_was_stored_longest_ago_makes_room() {
        for id in 0..3 {
            assert_eq!(bounded(id, Ok(id)).await, Ok(id));
        }
        assert_eq!(bounded(0, Err(Error::Down)).await, Err(Error::Down));
        assert_eq!(bounded(1, Err(Error::Down)).await, Ok(1));
        assert_eq!(bounded(2, Err(Error::Down)).await, Ok(2));
    }
}

mod life {
    use super::*;

    #[fallback("stale.live", stale = 10m, key = id)]
    async fn price(id: u32, answer: Answer) -> Answer {
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn other_settings_hold_from_the_next_call_on() {
        let live = registry().fallback("stale.live").expect("it is annotated");
        let base = FallbackPolicy::new().stale(10 * MINUTE);
        for id in 0..5 {
            assert_eq!(price(id, Ok(id)).await, Ok(id));
        }
        advance(MINUTE).await;
        live.reconfigure(&base.stale(SECOND));
        assert_eq!(price(1, Err(Error::Down)).await, Err(Error::Down));
        live.reconfigure(&base.enabled(false));
        assert_eq!(price(1, Err(Error::Down)).await, Err(Error::Down));
        assert_eq!(price(1, Ok(9)).await, Ok(9));
        live.reconfigure(&FallbackPolicy::new());
        assert_eq!(price(1, Err(Error::Down)).await, Err(Error::Down));
        live.reconfigure(&base);
        assert_eq!(price(1, Err(Error::Down)).await, Ok(1));
        live.reconfigure(&base.entries(2));
        assert_eq!(price(5, Ok(5)).await, Ok(5));
        assert_eq!(price(3, Err(Error::Down)).await, Err(Error::Down));
        assert_eq!(price(4, Err(Error::Down)).await, Ok(4));
        assert_eq!(
            counts("stale.live").missed,
            2,
            "switched off it counts nothing"
        );
    }

    #[fallback("stale.reference", key = "all")]
    async fn reference(answer: Answer) -> Answer {
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_with_a_key_has_its_age_from_elsewhere() {
        assert_eq!(reference(Ok(1)).await, Ok(1));
        assert_eq!(reference(Err(Error::Down)).await, Err(Error::Down));
        let prices = FallbackPolicy::new().stale(MINUTE);
        policy("stale.reference")
            .fallback(prices)
            .register()
            .expect("the first one");
        assert_eq!(reference(Ok(1)).await, Ok(1));
        assert_eq!(reference(Err(Error::Down)).await, Ok(1));
    }

    fn asked(asked: &AtomicU32) -> u32 {
        asked.fetch_add(1, Ordering::Relaxed)
    }

    #[fallback(stale = 10m, key = asked(keys), enabled = false)]
    async fn switched_off(keys: &AtomicU32, answer: Answer) -> Answer {
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn switched_off_it_does_not_ask_for_the_key() {
        let keys = AtomicU32::new(0);
        assert_eq!(switched_off(&keys, Ok(1)).await, Ok(1));
        assert_eq!(
            switched_off(&keys, Err(Error::Down)).await,
            Err(Error::Down)
        );
        assert_eq!(keys.into_inner(), 0);
    }

    #[derive(Clone, Debug, PartialEq)]
    struct Marked {
        price: u32,
        old: bool,
    }

    impl Marked {
        fn mark_old(self) -> Self {
            Self { old: true, ..self }
        }
    }

    #[fallback(stale = 10m, key = "all", mark = Marked::mark_old)]
    async fn marked(answer: Answer) -> Result<Marked, Error> {
        answer.map(|price| Marked { price, old: false })
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_answer_is_marked_and_the_kept_one_is_not() {
        assert_eq!(
            marked(Ok(1)).await,
            Ok(Marked {
                price: 1,
                old: false
            })
        );
        for _ in 0..2 {
            let answer = marked(Err(Error::Down)).await;
            assert_eq!(
                answer,
                Ok(Marked {
                    price: 1,
                    old: true
                })
            );
        }
    }
}

mod user_code {
    use super::*;

    /// Panics as often as it is told to, and counts how many there are.
    #[derive(Debug)]
    struct Value {
        alive: Arc<AtomicU32>,
        panics: Arc<AtomicU32>,
    }

    fn panic_if_told(panics: &AtomicU32) {
        let left = panics.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        });
        assert!(left.is_err(), "as it was told");
    }

    impl Value {
        fn new(alive: &Arc<AtomicU32>, panics: &Arc<AtomicU32>) -> Self {
            alive.fetch_add(1, Ordering::Relaxed);
            Self {
                alive: Arc::clone(alive),
                panics: Arc::clone(panics),
            }
        }
    }

    impl Clone for Value {
        fn clone(&self) -> Self {
            panic_if_told(&self.panics);
            Self::new(&self.alive, &self.panics)
        }
    }

    impl Drop for Value {
        fn drop(&mut self) {
            assert_ne!(
                self.alive.fetch_sub(1, Ordering::Relaxed),
                0,
                "dropped twice"
            );
        }
    }

    #[fallback(stale = 10m, key = id, entries = 3)]
    async fn values(id: u32, answer: Option<Value>) -> Result<Value, Error> {
        answer.ok_or(Error::Down)
    }

    #[tokio::test(start_paused = true)]
    async fn every_value_is_dropped_once() {
        let (alive, panics) = (Arc::default(), Arc::default());
        for id in 0..10 {
            for _ in 0..2 {
                values(id, Some(Value::new(&alive, &panics)))
                    .await
                    .expect("fresh");
                values(id, None).await.expect("kept");
            }
        }
        assert_eq!(alive.load(Ordering::Relaxed), 3, "those that are kept");
        advance(11 * MINUTE).await;
        assert!(values(9, None).await.is_err());
        let fresh = values(0, Some(Value::new(&alive, &panics))).await;
        drop(fresh);
        assert_eq!(
            alive.load(Ordering::Relaxed),
            2,
            "two of the old ones have gone with it"
        );
    }

    fn key(panics: &AtomicU32) -> &'static str {
        panic_if_told(panics);
        "key"
    }

    #[fallback(
        "stale.broken",
        stale = 10m,
        key = key(broken_key),
        mark = |value: Value| { panic_if_told(broken_mark); value }
    )]
    async fn broken(
        broken_key: &AtomicU32,
        broken_mark: &AtomicU32,
        answer: Option<Value>,
    ) -> Result<Value, Error> {
        answer.ok_or(Error::Down)
    }

    async fn panics<F: Future>(call: F) -> bool {
        let mut call = Box::pin(call);
        std::future::poll_fn(|context| {
            let polled = std::panic::catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context)));
            match polled {
                Ok(polled) => polled.map(|_| false),
                Err(_) => std::task::Poll::Ready(true),
            }
        })
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_a_clone_or_a_mark_that_panics_wedges_nothing() {
        let none = AtomicU32::new(0);
        let once = || AtomicU32::new(1);
        let (alive, clone_panics) = (Arc::default(), Arc::<AtomicU32>::default());
        let value = || Some(Value::new(&alive, &clone_panics));

        assert!(panics(broken(&once(), &none, value())).await, "the key");
        clone_panics.store(1, Ordering::Relaxed);
        assert!(panics(broken(&none, &none, value())).await, "to keep it");
        assert!(
            broken(&none, &none, None).await.is_err(),
            "nothing was kept"
        );

        assert!(broken(&none, &none, value()).await.is_ok());
        clone_panics.store(1, Ordering::Relaxed);
        assert!(panics(broken(&none, &none, None)).await, "to give it");
        assert!(panics(broken(&none, &once(), None)).await, "the mark");
        assert_eq!(counts("stale.broken").answered_stale, 0);

        assert!(broken(&none, &none, None).await.is_ok());
        assert_eq!(counts("stale.broken").answered_stale, 1);
        assert_eq!(alive.load(Ordering::Relaxed), 1, "the one that is kept");
    }
}

mod asking {
    use super::*;

    #[fallback(stale = 10m, key = id)]
    async fn price(id: u32, answer: Answer) -> Answer {
        tokio::task::yield_now().await;
        answer
    }

    const DOWN: Answer = Err(Error::Down);

    #[tokio::test(start_paused = true)]
    async fn each_of_two_joined_calls_is_told_of_where_it_ends() {
        assert_eq!(price(1, Ok(1)).await, Ok(1));
        advance(SECOND).await;
        let told = |id, answer| async move {
            let _ = price(id, answer).await;
            answered_stale()
        };
        let told = tokio::join!(told(1, DOWN), told(2, Ok(2)), told(1, DOWN), told(3, DOWN));
        assert_eq!(told, (Some(SECOND), None, Some(SECOND), None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_in_another_task_is_told_of_there_alone() {
        assert_eq!(price(11, Ok(1)).await, Ok(1));
        let spawned = tokio::spawn(async {
            let before = answered_stale();
            assert_eq!(price(11, DOWN).await, Ok(1));
            (before, answered_stale())
        });
        let told = spawned.await.expect("no panic");
        assert_eq!(told, (None, Some(Duration::ZERO)));
        assert_eq!(answered_stale(), None, "not of the spawned one");
        assert_eq!(price(11, DOWN).await, Ok(1));
        assert_eq!(answered_stale(), Some(Duration::ZERO));
        let other = tokio::spawn(async { answered_stale() });
        assert_eq!(other.await.expect("no panic"), None);
    }

    async fn plain(id: u32, answer: Answer) -> Answer {
        price(id, answer).await
    }

    #[fallback(stale = 10m, key = id)]
    async fn outer(id: u32, answer: Answer) -> Answer {
        price(id, answer).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_function_around_it_tells_of_itself_only_if_it_is_annotated_too() {
        assert_eq!(plain(21, Ok(1)).await, Ok(1));
        assert_eq!(plain(21, DOWN).await, Ok(1));
        assert_eq!(answered_stale(), Some(Duration::ZERO));
        assert_eq!(outer(21, DOWN).await, Ok(1));
        assert_eq!(answered_stale(), None, "its body has answered");
    }

    #[fallback(other)]
    #[fallback(stale = 10m, key = "all")]
    async fn with_a_last_resort(answer: Answer) -> Answer {
        answer
    }

    async fn other(_: Answer) -> Answer {
        assert_eq!(price(31, Ok(1)).await, Ok(1));
        assert_eq!(price(31, DOWN).await, Ok(1));
        Ok(7)
    }

    #[tokio::test(start_paused = true)]
    async fn the_answer_of_another_fallback_is_not_stale_whatever_it_has_asked_itself() {
        assert_eq!(with_a_last_resort(DOWN).await, Ok(7));
        assert_eq!(answered_stale(), None);
        let spawned = tokio::spawn(with_a_last_resort(Ok(1)));
        assert_eq!(spawned.await.expect("no panic"), Ok(1));
        assert_eq!(with_a_last_resort(DOWN).await, Ok(1));
        assert_eq!(answered_stale(), Some(Duration::ZERO));
    }
}
