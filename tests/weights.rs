//! Calls that weigh more than others: what an attribute says about them, and what comes of it.

use resilient::{
    LivePolicy, LiveSnapshot, RateLimiterSnapshot, Rejected, bulkhead, rate_limit, registry, retry,
    timeout,
};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

fn limit(name: &str) -> RateLimiterSnapshot {
    match registry()
        .rate_limit(name)
        .expect("it is mentioned")
        .snapshot()
    {
        LiveSnapshot::RateLimiter(snapshot) => snapshot,
        other => panic!("no rate limit: {other:?}"),
    }
}

fn inside(name: &str) -> u32 {
    match registry()
        .bulkhead(name)
        .expect("it is mentioned")
        .snapshot()
    {
        LiveSnapshot::Bulkhead(snapshot) => snapshot.inside,
        other => panic!("no bulkhead: {other:?}"),
    }
}

#[rate_limit("weights.rows", 100/h, burst = 10, cost = u32::try_from(rows.len()).unwrap_or(u32::MAX))]
async fn store(rows: Vec<u8>) -> Result<usize, Rejected> {
    Ok(rows.into_iter().map(usize::from).sum())
}

#[tokio::test(start_paused = true)]
async fn a_call_takes_as_many_tokens_as_it_says_also_of_what_its_body_moves() {
    assert_eq!(store(vec![1; 6]).await, Ok(6));
    assert_eq!(limit("weights.rows").available, Some(4));
    let refused = store(vec![1; 5]).await.expect_err("there are only four");
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(36)));
    assert_eq!(store(vec![]).await, Ok(0));
    assert_eq!(store(vec![1; 4]).await, Ok(4));
    let never = store(vec![1; 11]).await;
    assert_eq!(never, Err(Rejected::too_costly("weights.rows", 11, 10)));
}

#[bulkhead("weights.memory", 10, queue = 5, cost = *megabytes)]
async fn load(megabytes: &u32, go: &Notify) -> Result<u32, Rejected> {
    go.notified().await;
    Ok(*megabytes)
}

#[tokio::test(start_paused = true)]
async fn a_permit_gives_back_what_the_call_said_it_takes() {
    let (first, second) = (Notify::new(), Notify::new());
    let calls = async {
        tokio::join!(
            load(&6, &first),
            load(&10, &second),
            load(&1, &second),
            async {
                tokio::task::yield_now().await;
                assert_eq!(inside("weights.memory"), 6, "nobody overtakes who waits");
                first.notify_one();
                tokio::time::sleep(Duration::from_millis(1)).await;
                assert_eq!(inside("weights.memory"), 10);
                second.notify_one();
                tokio::time::sleep(Duration::from_millis(1)).await;
                assert_eq!(inside("weights.memory"), 1);
                second.notify_one();
            }
        )
    };
    assert_eq!(calls.await, (Ok(6), Ok(10), Ok(1), ()));
    assert_eq!(inside("weights.memory"), 0);
    let never = load(&11, &first).await;
    assert_eq!(never, Err(Rejected::too_costly("weights.memory", 11, 10)));
}

static ASKED: AtomicU32 = AtomicU32::new(0);

fn one_more() -> u32 {
    ASKED.fetch_add(1, Ordering::Relaxed) + 1
}

struct Gateway {
    weights: Mutex<Vec<u32>>,
}

impl Gateway {
    #[timeout(5s)]
    #[retry(3, backoff = fixed(1ms))]
    #[rate_limit("weights.attempts", 100/h, burst = 100, cost = one_more())]
    #[bulkhead("weights.gateway", 5, cost = self.weights.lock().expect("no panic").iter().sum())]
    async fn ask(&mut self, question: String) -> Result<u32, Rejected> {
        self.weights.lock().expect("no panic").push(1);
        let inside = inside("weights.gateway");
        if inside < 2 {
            drop(question);
            return Err(Rejected::bulkhead_full("the gateway is not ready"));
        }
        Ok(inside)
    }
}

#[tokio::test(start_paused = true)]
async fn every_attempt_says_anew_what_it_costs_and_holds_no_lock_while_it_waits() {
    fn is_send<T: Send>(it: T) -> T {
        it
    }
    let mut gateway = Gateway {
        weights: Mutex::new(vec![]),
    };
    let answer = is_send(gateway.ask("how much?".to_owned())).await;
    assert_eq!(answer, Ok(2), "nothing, then one, then two places");
    assert_eq!(ASKED.load(Ordering::Relaxed), 3);
    assert_eq!(limit("weights.attempts").available, Some(100 - 1 - 2 - 3));
}

#[rate_limit("weights.heartbeat", 2/s, algorithm = sliding_window, max_wait = 1s)]
async fn beat() -> Result<(), Rejected> {
    Ok(())
}

#[rate_limit("weights.mail", 10/s, algorithm = leaky_bucket, max_wait = 1s)]
async fn send() -> Result<(), Rejected> {
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_algorithm_is_a_word_of_the_attribute() {
    let begin = tokio::time::Instant::now();
    for _ in 0..4 {
        beat().await.expect("it waits");
    }
    assert_eq!(begin.elapsed(), Duration::from_secs(1));
    let begin = tokio::time::Instant::now();
    for _ in 0..4 {
        send().await.expect("it waits");
    }
    assert_eq!(begin.elapsed(), Duration::from_millis(300));
    let table = registry().snapshot().to_string();
    assert!(table.contains("10/s by leaky_bucket"), "{table}");
}
