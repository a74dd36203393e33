//! Two threads on one hot policy: no update is lost.

use resilient::{
    LiveSnapshot, Rejected, bulkhead, circuit_breaker, rate_limit, registry, retry, timeout,
};
use std::thread;

const THREADS: u64 = 2;
const CALLS: u64 = 20_000;

#[derive(Debug)]
enum Error {
    Work,
    Rejected,
}

impl From<Rejected> for Error {
    fn from(_: Rejected) -> Self {
        Self::Rejected
    }
}

#[timeout(5s)]
#[circuit_breaker("contention", failure_rate = 90%, window = 100)]
#[retry(2, backoff = fixed(0s))]
#[rate_limit("contention", 1_000_000_000/s)]
#[bulkhead("contention", 20)]
async fn hot(number: u64) -> Result<u64, Error> {
    if number.is_multiple_of(10) {
        Err(Error::Work)
    } else {
        Ok(number)
    }
}

fn calls() -> (u64, u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (mut good, mut bad) = (0, 0);
        for number in 0..CALLS {
            match hot(number).await {
                Ok(_) => good += 1,
                Err(Error::Work) => bad += 1,
                Err(Error::Rejected) => panic!("nothing refuses here"),
            }
        }
        (good, bad)
    })
}

#[test]
fn what_two_threads_do_at_once_adds_up() {
    let (good, bad) = thread::scope(|scope| {
        let all: Vec<_> = (0..THREADS).map(|_| scope.spawn(calls)).collect();
        let all = all.into_iter().map(|one| one.join().expect("no panic"));
        all.fold((0, 0), |(good, bad), (g, b)| (good + g, bad + b))
    });
    assert_eq!(
        (good, bad),
        (THREADS * CALLS * 9 / 10, THREADS * CALLS / 10)
    );
    // Each bad call was tried twice.
    let attempts = good + 2 * bad;

    let breaker = registry().circuit_breaker("contention").unwrap();
    let breaker = breaker.snapshot();
    assert_eq!(
        (breaker.counts.success, breaker.counts.failure),
        (good, bad)
    );
    assert_eq!(
        breaker.window.as_ref().map(|window| window.calls),
        Some(100),
        "the window is full"
    );

    let mut seen = 0;
    for policy in &registry().snapshot().policies {
        match &policy.live {
            LiveSnapshot::Bulkhead(bulkhead) if policy.name == "contention" => {
                assert_eq!((bulkhead.admitted, bulkhead.inside), (attempts, 0));
                seen += 1;
            }
            LiveSnapshot::RateLimiter(limiter) if policy.name == "contention" => {
                assert_eq!((limiter.admitted, limiter.rejected), (attempts, 0));
                seen += 1;
            }
            LiveSnapshot::Retry(retry) => {
                assert_eq!((retry.retried, retry.gave_up), (bad, bad));
                seen += 1;
            }
            _ => {}
        }
    }
    assert_eq!(seen, 3);
}
