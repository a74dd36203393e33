//! Tests as the user of the library would write them, of a service with one client.

use resilient::testing::{Script, chaos, isolated};
use resilient::{CircuitBreakerState, Rejected, Share, registry};
use resilient::{bulkhead, circuit_breaker, fallback, retry, timeout};
use std::time::Duration;
use tokio::time::{Instant, advance};

use CircuitBreakerState::{Closed, HalfOpen, Open};

// ---- The service

#[derive(Debug, PartialEq, thiserror::Error)]
enum StockError {
    #[error("the warehouse does not answer")]
    Down,
    #[error("no such item")]
    Unknown,
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

/// How the service reaches the warehouse: over the network, or in a test by a script.
trait Client {
    async fn pieces(&self, item: &str) -> Result<u32, StockError>;
}

struct Warehouse<C> {
    client: C,
}

impl<C: Client> Warehouse<C> {
    #[timeout(2s)]
    #[circuit_breaker("warehouse", failure_threshold = 2, open_for = 30s, success_threshold = 1)]
    #[retry(3, backoff = fixed(100ms), jitter = none, when = |error| *error == StockError::Down)]
    #[bulkhead("warehouse", 2)]
    async fn pieces(&self, item: &str) -> Result<u32, StockError> {
        self.client.pieces(item).await
    }

    #[fallback(value = 0)]
    #[timeout(1s)]
    async fn pieces_for_the_list(&self, item: &str) -> u32 {
        self.pieces(item).await.unwrap_or(0)
    }
}

// ---- Its tests

type Answers = Script<Result<u32, StockError>>;

impl Client for Answers {
    async fn pieces(&self, _item: &str) -> Result<u32, StockError> {
        self.play().await
    }
}

fn warehouse(client: Answers) -> Warehouse<Answers> {
    Warehouse { client }
}

#[tokio::test(start_paused = true)]
async fn a_hiccup_of_the_warehouse_is_not_seen() {
    let _test = isolated();
    let warehouse = warehouse(Script::new().fails(StockError::Down).succeeds(7));
    assert_eq!(warehouse.pieces("lamp").await, Ok(7));
    let starts = [Duration::ZERO, Duration::from_millis(100)];
    assert_eq!(
        warehouse.client.starts(),
        starts,
        "it waited before it tried again"
    );
}

#[tokio::test(start_paused = true)]
async fn an_item_that_does_not_exist_is_asked_for_once() {
    let test = isolated();
    let breaker = test.watch("warehouse");
    let warehouse = warehouse(Script::new().fails(StockError::Unknown));
    assert_eq!(warehouse.pieces("lmap").await, Err(StockError::Unknown));
    warehouse.client.assert_finished();
    breaker.assert_never_opened();
}

#[tokio::test(start_paused = true)]
async fn a_warehouse_that_is_down_is_left_alone_until_it_is_back() {
    let test = isolated();
    let breaker = test.watch("warehouse");
    let down = Script::new().then_times(6, |_| Err(StockError::Down));
    let warehouse = warehouse(down.then_always(|_| Ok(7)));
    for _ in 0..2 {
        assert_eq!(warehouse.pieces("lamp").await, Err(StockError::Down));
    }
    let refused = warehouse.pieces("lamp").await.unwrap_err();
    assert!(matches!(
        refused,
        StockError::Rejected(Rejected::CircuitOpen(_))
    ));
    assert_eq!(warehouse.client.runs(), 6, "nobody asked it");

    advance(Duration::from_secs(30)).await;
    assert_eq!(warehouse.pieces("lamp").await, Ok(7));
    breaker.assert_transitions([Open, HalfOpen, Closed]);
}

#[tokio::test(start_paused = true)]
async fn the_list_does_not_wait_for_a_warehouse_that_hangs() {
    let _test = isolated();
    let warehouse = warehouse(Script::new().then_hangs());
    let begin = Instant::now();
    assert_eq!(warehouse.pieces_for_the_list("lamp").await, 0);
    assert_eq!(begin.elapsed(), Duration::from_secs(1));
    assert_eq!(warehouse.client.dropped(), 1, "the work was dropped");
}

#[tokio::test(start_paused = true)]
async fn never_more_than_two_ask_at_a_time() {
    let test = isolated();
    let refusals = test.watch("warehouse");
    let warehouse = warehouse(
        Script::new()
            .then_always(|_| Ok(7))
            .after(Duration::from_secs(1)),
    );
    let ask = || warehouse.pieces("lamp");
    let (first, second, third) = tokio::join!(ask(), ask(), ask());
    assert_eq!((first, second), (Ok(7), Ok(7)));
    let full = Rejected::bulkhead_full("warehouse");
    assert_eq!(third, Err(full.into()), "after its three attempts");
    assert_eq!(warehouse.client.most_at_once(), 2);
    assert_eq!(refusals.rejections(), [full; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_shaky_warehouse_costs_a_tenth_of_the_answers_at_most() {
    let _test = isolated();
    let warehouse = warehouse(Script::new().then_always(|_| Ok(7)));
    let chaos = chaos("warehouse").fail(Share::percent(30)).seed(1).start();
    let mut answered = 0;
    for _ in 0..100 {
        answered += u32::from(warehouse.pieces("lamp").await.is_ok());
        // The calls that the open breaker refuses are not what is looked at here.
        registry()
            .circuit_breaker("warehouse")
            .unwrap()
            .reset("the next call");
    }
    assert!(
        answered >= 90,
        "{answered} of 100, {} runs failed",
        chaos.failed()
    );
    assert!(chaos.failed() > 20, "{}", chaos.failed());
}

#[test]
fn the_policies_are_written_as_they_are_meant() {
    let _test = isolated();
    let ours = |finding: &resilient::Finding| finding.to_string().contains("warehouse");
    let findings = registry().validate();
    let findings: Vec<_> = findings.iter().filter(|finding| ours(finding)).collect();
    assert!(findings.is_empty(), "{findings:?}");
}
