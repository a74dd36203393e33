//! One instance for each key: tenants and hosts that do not disturb each other, in bounded memory.

use resilient::{
    CircuitBreaker, CircuitBreakerPolicy, CircuitBreakerState, Failure, Finding, Frame, Inside,
    Key, KeyWriter, LivePolicy, LiveSnapshot, Rejected, Share, StoredKey, Verdict, What, bulkhead,
    circuit_breaker, policy, rate_limit, registry, retry,
};
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

#[derive(Debug, PartialEq)]
enum Error {
    Down,
    Rejected(Rejected),
}

impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl Error {
    fn is_open(&self) -> bool {
        matches!(self, Self::Rejected(Rejected::CircuitOpen(_)))
    }
}

#[rate_limit("keys.flood", 5/h, burst = 5, key = tenant)]
async fn search(tenant: &str) -> Result<(), Error> {
    let _ = tenant;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_flood_of_one_tenant_refuses_nobody_else() {
    let mut admitted = 0;
    for _ in 0..1000 {
        admitted += u32::from(search("loud").await.is_ok());
    }
    assert_eq!(admitted, 5);
    for tenant in ["quiet", "small", "new"] {
        for _ in 0..5 {
            search(tenant).await.expect("it has a limit of its own");
        }
        assert!(search(tenant).await.is_err());
    }
    let limiter = registry()
        .rate_limit("keys.flood")
        .expect("it is annotated");
    let loud = limiter.with_key("loud").expect("it was called");
    assert!(!loud.is_base());
    let seen: Vec<_> = limiter.key_snapshots();
    let loud = seen.iter().find(|(key, _)| *key == StoredKey::of("loud"));
    let (_, loud) = loud.expect("it is there");
    assert_eq!((loud.admitted, loud.rejected), (5, 995));
    assert_eq!(loud.available, Some(0));
    assert!(
        limiter.with_key("nobody").is_none(),
        "a look creates nothing"
    );
}

#[rate_limit("keys.reckoned", 1/h, burst = 1, key = number % 10 + 1)]
async fn by_last_digit(number: u32) -> Result<(), Error> {
    let _ = number;
    Ok(())
}

#[tokio::test]
async fn a_key_may_be_reckoned() {
    assert!(by_last_digit(3).await.is_ok());
    assert!(by_last_digit(13).await.is_err(), "the same digit");
    assert!(by_last_digit(4).await.is_ok());
}

#[rate_limit("keys.drained", 1/m, burst = 1, max_keys = 10, key = *tenant)]
async fn export(tenant: &u32) -> Result<(), Error> {
    let _ = tenant;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_eviction_never_refills_a_drained_bucket() {
    export(&0).await.expect("its bucket is full");
    for tenant in 1..2000 {
        // As soon as there is no room, all of them share one bucket.
        assert_eq!(export(&tenant).await.is_ok(), tenant <= 10);
        assert!(export(&0).await.is_err(), "after {tenant} others");
    }
    tokio::time::advance(Duration::from_secs(60)).await;
    for tenant in 0..100 {
        // Whose bucket has filled again may be forgotten: nobody can tell.
        assert_eq!(export(&(5000 + tenant)).await.is_ok(), tenant < 11);
    }
}

#[circuit_breaker("keys.partner", failure_threshold = 2, open_for = 10s, key = partner)]
async fn send(partner: &str, up: bool) -> Result<(), Error> {
    let _ = partner;
    if up { Ok(()) } else { Err(Error::Down) }
}

#[circuit_breaker("keys.partner", key = partner.0)]
async fn receive(partner: (String, u8), up: bool) -> Result<u8, Error> {
    if up { Ok(partner.1) } else { Err(Error::Down) }
}

#[tokio::test(start_paused = true)]
async fn two_functions_share_an_instance_whatever_type_their_key_has() {
    assert_eq!(send("acme", false).await, Err(Error::Down));
    assert_eq!(
        receive(("acme".to_owned(), 1), false).await,
        Err(Error::Down)
    );
    assert!(send("acme", true).await.expect_err("it is open").is_open());
    assert!(
        receive(("acme".to_owned(), 1), true)
            .await
            .expect_err("it is open")
            .is_open()
    );
    assert_eq!(send("umbra", true).await, Ok(()));

    let breaker = registry()
        .circuit_breaker("keys.partner")
        .expect("it is annotated");
    assert_eq!(
        breaker.state(),
        CircuitBreakerState::Closed,
        "the state of its own"
    );
    let keys = breaker.snapshot().keys.expect("calls came with keys");
    assert_eq!((keys.instances, keys.refusing), (2, 1));
    let acme = breaker.with_key("acme").expect("it was called");
    assert_eq!(acme.state(), CircuitBreakerState::Open);
    acme.reset("acme has called");
    assert_eq!(send("acme", true).await, Ok(()));
    let counts = breaker.snapshot().counts;
    assert_eq!((counts.failure, counts.rejected, counts.success), (2, 2, 2));
}

#[circuit_breaker("keys.steered", failure_threshold = 1, key = partner)]
async fn steered(partner: &str, up: bool) -> Result<(), Error> {
    let _ = partner;
    if up { Ok(()) } else { Err(Error::Down) }
}

#[tokio::test(start_paused = true)]
async fn who_steers_the_breaker_rules_all_keys() {
    let breaker = registry()
        .circuit_breaker("keys.steered")
        .expect("it is annotated");
    assert_eq!(steered("acme", false).await, Err(Error::Down));
    assert!(steered("acme", true).await.is_err());

    breaker.disable("a test");
    assert_eq!(steered("acme", true).await, Ok(()));
    breaker.force_open(resilient::Override::because("a drill").lasting(Duration::from_secs(5)));
    let refused = steered("umbra", true).await;
    assert!(matches!(
        refused,
        Err(Error::Rejected(Rejected::ForcedOpen(_)))
    ));
    assert!(
        breaker.with_key("umbra").is_none(),
        "nobody has asked for it"
    );
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(steered("umbra", true).await, Ok(()));
    assert!(steered("acme", true).await.is_err(), "it is still open");

    breaker.reset("all are well");
    assert_eq!(steered("acme", true).await, Ok(()));

    policy("keys.steered")
        .circuit_breaker(CircuitBreakerPolicy::new().failure_threshold(3).max_keys(7))
        .register()
        .expect("it is in range");
    for _ in 0..2 {
        assert_eq!(steered("acme", false).await, Err(Error::Down));
    }
    assert_eq!(
        steered("acme", true).await,
        Ok(()),
        "it takes three failures now"
    );
    assert_eq!(breaker.snapshot().keys.expect("there are keys").max, 7);
}

#[bulkhead("keys.places", 2, key = (host, port))]
async fn connect(host: &str, port: u16, hold: bool) -> Result<(), Error> {
    let _ = (host, port);
    if hold {
        std::future::pending::<()>().await;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn each_host_has_its_places_and_frees_them_when_calls_are_dropped() {
    let mut held: Vec<_> = (0..2)
        .map(|_| tokio::spawn(connect("a", 80, true)))
        .collect();
    tokio::task::yield_now().await;
    assert!(connect("a", 80, false).await.is_err());
    assert_eq!(connect("a", 81, false).await, Ok(()));
    assert_eq!(connect("b", 80, false).await, Ok(()));
    let last = held.pop().expect("there are two");
    last.abort();
    let _ = last.await;
    assert_eq!(connect("a", 80, false).await, Ok(()));
}

#[test]
fn many_threads_exceed_the_limit_of_no_key() {
    static INSIDE: [AtomicU32; 4] = [const { AtomicU32::new(0) }; 4];

    #[bulkhead("keys.threads", 3, key = which)]
    async fn enter(which: usize) -> Result<(), Error> {
        let inside = INSIDE[which].fetch_add(1, Ordering::SeqCst) + 1;
        assert!(inside <= 3, "{inside} inside {which}");
        tokio::task::yield_now().await;
        INSIDE[which].fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut calls = tokio::task::JoinSet::new();
        for number in 0..8_000 {
            calls.spawn(enter(number % 4));
        }
        let mut done = 0;
        while let Some(call) = calls.join_next().await {
            done += u32::from(call.expect("no limit was exceeded").is_ok());
        }
        assert!(done > 0);
    });
}

#[tokio::test(start_paused = true)]
async fn a_retry_asks_for_the_key_anew() {
    static ATTEMPTS: AtomicU32 = AtomicU32::new(0);

    fn replica() -> u32 {
        ATTEMPTS.fetch_add(1, Ordering::Relaxed)
    }

    #[retry(3, backoff = fixed(0s))]
    #[circuit_breaker("keys.replica", failure_threshold = 1, key = replica())]
    async fn read() -> Result<(), Error> {
        Err(Error::Down)
    }

    assert_eq!(read().await, Err(Error::Down), "no replica was asked twice");
    let breaker = registry()
        .circuit_breaker("keys.replica")
        .expect("it is annotated");
    for replica in 0..3 {
        let replica = breaker.with_key(&replica).expect("it was asked");
        assert_eq!(replica.state(), CircuitBreakerState::Open);
    }
}

struct Broken(bool);

impl Key for Broken {
    fn write(&self, to: &mut KeyWriter<'_>) {
        to.text("half");
        assert!(!self.0, "a broken key");
    }
}

#[retry(3, backoff = fixed(0s))]
#[circuit_breaker("keys.broken", failure_threshold = 1, key = key)]
#[bulkhead("keys.broken", 1, max_keys = 1, key = key)]
#[rate_limit("keys.broken", 1000/s, key = key)]
async fn broken(key: &Broken) -> Result<(), Error> {
    let _ = key;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_key_that_panics_ends_its_call_and_nothing_else() {
    for _ in 0..3 {
        let call = tokio::spawn(async { broken(&Broken(true)).await });
        assert!(call.await.expect_err("the key panics").is_panic());
        assert_eq!(broken(&Broken(false)).await, Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_says_of_which_key_it_is() {
    #[circuit_breaker("keys.events", failure_threshold = 1, max_keys = 1, key = *tenant)]
    async fn call(tenant: &u64) -> Result<(), Error> {
        let _ = tenant;
        Err(Error::Down)
    }

    let mut events = registry().events();
    let _ = call(&7).await;
    let _ = call(&7).await;
    let _ = call(&8).await;
    let mut seen = Vec::new();
    while let Some(event) = events.try_next() {
        if event.policy == "keys.events" {
            let key = event.key.map(|key| key.to_string());
            seen.push((key.unwrap_or_default(), event.what.name()));
        }
        assert!(!matches!(event.what, What::Undefined));
    }
    let expected = [
        ("7", "transition"),
        ("7", "rejected"),
        ("", "keys_overflowed"),
        ("overflow", "transition"),
    ];
    let seen: Vec<_> = seen.iter().map(|(key, what)| (&**key, *what)).collect();
    assert_eq!(seen, expected);
}

#[circuit_breaker("keys.forgets", failure_rate = 50%, window = 10, key = tenant)]
async fn never_forgets(tenant: u8) -> Result<(), Error> {
    let _ = tenant;
    Ok(())
}

#[bulkhead("keys.nobody", 3, max_keys = 10)]
async fn has_no_key() -> Result<(), Error> {
    Ok(())
}

#[tokio::test]
async fn what_is_probably_a_mistake_is_found() {
    assert_eq!(never_forgets(1).await, Ok(()));
    assert_eq!(has_no_key().await, Ok(()));
    let findings = registry().validate();
    let of = |name: &str| -> Vec<_> {
        let named = |finding: &&Finding| finding.to_string().contains(name);
        findings.iter().filter(named).collect()
    };
    assert!(matches!(
        of("keys.forgets")[..],
        [Finding::NeverForgets { .. }]
    ));
    assert!(matches!(
        of("keys.nobody")[..],
        [Finding::HasNoEffect {
            key: "max_keys",
            without: "key",
            ..
        }]
    ));
    assert!(of("keys.partner").is_empty());
}

#[circuit_breaker("keys.hit", failure_threshold = 5, key = (tenant, region))]
#[rate_limit("keys.hit", 1_000_000_000/s, key = tenant)]
#[bulkhead("keys.hit", 10, key = (tenant, region))]
async fn hit(tenant: &str, region: u8) -> Result<u64, Error> {
    let _ = (tenant, region);
    Ok(black_box(1))
}

fn poll_now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("no call has to wait"),
    }
}

#[tokio::test]
async fn a_call_whose_key_is_known_allocates_nothing() {
    let tenants: Vec<_> = (0..10).map(|tenant| format!("tenant {tenant}")).collect();
    for tenant in &tenants {
        hit(tenant, 1).await.expect("nobody is refused");
    }
    let allocated = allocation_counter::measure(|| {
        for _ in 0..100 {
            for tenant in &tenants {
                assert!(poll_now(hit(tenant, 1)).is_ok());
            }
        }
    });
    assert_eq!(allocated.count_total, 0);
}

#[test]
fn the_breaker_of_one_key_takes_a_kibibyte_at_most() {
    let (short, long) = (Duration::from_millis(1), Duration::from_secs(60));
    // One that is cut into as many parts as any.
    let finest = Duration::from_nanos((1 << 33) - 1);
    let new = CircuitBreakerPolicy::new;
    for policy in [
        new(),
        new().failure_threshold(9).window(1000),
        new().failure_rate(Share::percent(50)).window_time(long),
        new().failure_rate(Share::percent(50)).window_time(short),
        new().slow_call(long).window_time(finest),
    ] {
        let breaker = CircuitBreaker::new("keys.size", &policy);
        let frame = Frame::new();
        let call = |key: u32| {
            let breaker = breaker.keyed(&key);
            let mut permit = breaker.admit(&frame).expect("it is closed");
            permit.settle(Verdict::Failure);
        };
        call(0);
        let allocated = allocation_counter::measure(|| (1..=1000).for_each(call));
        let each = allocated.bytes_current / 1000;
        assert!(each <= 1024, "{each} bytes of {policy:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn that_of_a_key_that_opened_again_and_again_takes_half_a_kibibyte_more() {
    let policy = CircuitBreakerPolicy::new()
        .failure_threshold(1)
        .window(1000);
    let breaker = CircuitBreaker::new("keys.open", &policy);
    let open = |key: u32| {
        let breaker = breaker.keyed(&key);
        let frame = Frame::new();
        let mut permit = breaker.admit(&frame).expect("closed, or a probe");
        let down: Inside<u8, &str> = Err(Failure::Error("a secret"));
        permit.settle_with(Verdict::Failure, &down);
    };
    (0..=1000).for_each(open);
    let first = allocation_counter::measure(|| (1001..=2000).for_each(open));
    tokio::time::advance(Duration::from_secs(30)).await;
    let again = allocation_counter::measure(|| (1001..=2000).for_each(open));
    let each = (first.bytes_current + again.bytes_current) / 1000;
    assert!(
        each <= 1536,
        "{each} bytes, of which it says much while it is open"
    );
    let seen = breaker
        .with_key(&2000_u32)
        .expect("it was called")
        .snapshot();
    assert_eq!(seen.outage.map(|outage| outage.reopened), Some(1));
}

#[circuit_breaker("keys.million", failure_threshold = 5, max_keys = 1000, key = *tenant)]
async fn visit(tenant: &u64, up: bool) -> Result<(), Error> {
    let _ = tenant;
    if up { Ok(()) } else { Err(Error::Down) }
}

#[tokio::test]
async fn a_million_keys_take_the_memory_of_as_many_as_are_allowed() {
    let _ = poll_now(visit(&0, true));
    let allocated = allocation_counter::measure(|| {
        for tenant in 1..1_000_000 {
            // Strangers come once; one in a thousand leaves something to remember.
            let _ = poll_now(visit(&tenant, tenant % 1000 != 0));
        }
    });
    let most = 1000 * 1024;
    assert!(allocated.bytes_max < most, "{} bytes", allocated.bytes_max);
    let breaker = registry()
        .circuit_breaker("keys.million")
        .expect("it is annotated");
    let snapshot = breaker.snapshot();
    let keys = snapshot.keys.expect("calls came with keys");
    assert!(keys.instances <= 1000 && keys.evicted > 0, "{keys}");
    let counts = snapshot.counts;
    assert_eq!(counts.success + counts.failure + counts.rejected, 1_000_000);
}

#[bulkhead("keys.few_places", 1, max_keys = 2, key = tenant)]
async fn hold(tenant: &str) -> Result<(), Error> {
    let _ = tenant;
    std::future::pending().await
}

#[rate_limit("keys.few_tokens", 1/h, max_keys = 2, key = tenant)]
async fn spend(tenant: &str) -> Result<(), Error> {
    let _ = tenant;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn max_keys_bounds_the_instances_of_bulkheads_and_rate_limits_too() {
    // Two tenants have a place of their own, and keep it; all others share a third one.
    let inside: Vec<_> = ["a", "b", "c"]
        .map(|tenant| {
            let mut call = Box::pin(hold(tenant));
            assert!(
                poll_once(call.as_mut()).is_pending(),
                "{tenant} has a place"
            );
            call
        })
        .into();
    assert!(matches!(
        hold("d").await,
        Err(Error::Rejected(Rejected::BulkheadFull(_)))
    ));
    let bulkhead = registry().bulkhead("keys.few_places").expect("annotated");
    assert_eq!(instances(&bulkhead.snapshot()), 2);
    drop(inside);
    // Free again, they make room for another key.
    let mut call = Box::pin(hold("e"));
    assert!(poll_once(call.as_mut()).is_pending());

    for tenant in ["a", "b", "c"] {
        assert!(spend(tenant).await.is_ok(), "{tenant} has a token");
    }
    assert!(matches!(
        spend("d").await,
        Err(Error::Rejected(Rejected::RateLimited(_)))
    ));
    let limit = registry().rate_limit("keys.few_tokens").expect("annotated");
    assert_eq!(instances(&limit.snapshot()), 2);
}

fn poll_once<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> std::task::Poll<T> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

fn instances(snapshot: &LiveSnapshot) -> u64 {
    let keys = match snapshot {
        LiveSnapshot::Bulkhead(snapshot) => &snapshot.keys,
        LiveSnapshot::RateLimiter(snapshot) => &snapshot.keys,
        other => panic!("{other:?}"),
    };
    keys.as_ref().expect("calls came with keys").instances
}

#[bulkhead("keys.churn", 1, max_keys = 1, key = tenant)]
async fn churn(tenant: &str) -> Result<(), Error> {
    let _ = tenant;
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn an_overflow_that_comes_and_goes_is_reported_once_in_ten_seconds() {
    let mut events = registry().events();
    let mut reported = || {
        let mut reported = 0;
        while let Some(event) = events.try_next() {
            let is_overflow = matches!(event.what, What::KeysOverflowed { .. });
            reported += u32::from(is_overflow && event.policy == "keys.churn");
        }
        assert_eq!(events.missed(), 0);
        reported
    };
    let come_and_go = || {
        for number in 0..50 {
            let (own, shared) = (format!("a{number}"), format!("b{number}"));
            let (mut own, mut shared) = (Box::pin(churn(&own)), Box::pin(churn(&shared)));
            assert!(poll_once(own.as_mut()).is_pending());
            assert!(poll_once(shared.as_mut()).is_pending());
        }
    };
    come_and_go();
    assert_eq!(reported(), 1);
    come_and_go();
    assert_eq!(reported(), 0);
    tokio::time::advance(Duration::from_secs(10)).await;
    come_and_go();
    assert_eq!(reported(), 1);
}

/// Numbers below a bound, the same ones in every run.
fn drawn(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |below| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    }
}

/// The bulkhead of each key has one place, and there are two of them and the overflow.
#[bulkhead("keys.beyond", 1, max_keys = 2, key = *tenant)]
async fn stay(tenant: &u8) -> Result<(), Error> {
    let _ = tenant;
    std::future::pending().await
}

#[rate_limit("keys.beyond", 5/s, burst = 5, max_keys = 2, key = *tenant)]
async fn draw(tenant: &u8) -> Result<(), Error> {
    let _ = tenant;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn keys_beyond_the_bound_get_together_what_one_more_key_would() {
    let tenants: Vec<u8> = (0..8).collect();
    let mut random = drawn(7);
    let mut inside = Vec::new();
    let mut most = 0;
    for _ in 0..2_000 {
        let tenant = &tenants[random(8)];
        let mut call = Box::pin(stay(tenant));
        if poll_once(call.as_mut()).is_pending() {
            inside.push((*tenant, call));
        }
        let twice = |of: u8| inside.iter().filter(|(tenant, _)| *tenant == of).count();
        assert!(inside.len() <= 3, "two with a place of their own, and one");
        assert!(tenants.iter().all(|tenant| twice(*tenant) <= 2));
        most = most.max(inside.len());
        while !inside.is_empty() && random(3) == 0 {
            drop(inside.swap_remove(random(inside.len())));
        }
    }
    assert_eq!(most, 3);

    let limit = registry().rate_limit("keys.beyond").expect("annotated");
    let began = tokio::time::Instant::now();
    let mut admitted = [0_u32; 8];
    for _ in 0..20_000 {
        let tenant = &tenants[random(8)];
        admitted[usize::from(*tenant)] += u32::from(draw(tenant).await.is_ok());
        // Now and then all limits are as good as new, and others get the places.
        let pause = if random(100) == 0 { 2_000 } else { 8 };
        let pause = u64::try_from(random(pause)).expect("it is small");
        tokio::time::advance(Duration::from_millis(pause)).await;
    }
    let of_one_key = 5 + u32::try_from(began.elapsed().as_millis()).expect("seconds") * 5 / 1000;
    for tenant in admitted {
        assert!(tenant <= 2 * of_one_key, "of its own, and of the overflow");
    }
    let overflow = limit.key_snapshots().into_iter();
    let overflow = overflow.filter(|(key, _)| key.to_string() == "overflow");
    let shared: Vec<_> = overflow.map(|(_, seen)| seen.admitted).collect();
    assert_eq!(shared.len(), 1);
    assert!(
        shared[0] > 5 && shared[0] <= u64::from(of_one_key),
        "{shared:?}"
    );
    let total: u32 = admitted.iter().sum();
    assert!(
        total <= 3 * of_one_key,
        "{total}: never more than two keys and one"
    );
}

#[circuit_breaker("keys.stuck", failure_threshold = 1, max_keys = 1, key = tenant)]
async fn stuck(tenant: &str, up: bool) -> Result<(), Error> {
    let _ = tenant;
    if up { Ok(()) } else { Err(Error::Down) }
}

#[tokio::test(start_paused = true)]
async fn a_flood_in_the_overflow_ends_for_a_key_as_soon_as_there_is_room() {
    assert_eq!(stuck("a", false).await, Err(Error::Down));
    // Nothing may be evicted: what one does in the overflow holds for all in it,
    assert_eq!(stuck("b", false).await, Err(Error::Down));
    assert!(stuck("b", true).await.expect_err("open").is_open());
    assert!(stuck("c", true).await.expect_err("open").is_open());
    // until there is room, although the overflow is still open.
    let breaker = registry().circuit_breaker("keys.stuck").expect("annotated");
    breaker
        .with_key("a")
        .expect("it is open")
        .reset("a is back");
    assert_eq!(stuck("c", true).await, Ok(()));
    assert!(breaker.with_key("c").is_some());
    let shown = breaker.key_snapshots();
    let states: Vec<_> = shown
        .iter()
        .map(|(key, seen)| (key.to_string(), seen.state))
        .collect();
    let expected = [
        ("c".to_owned(), CircuitBreakerState::Closed),
        ("overflow".to_owned(), CircuitBreakerState::Open),
    ];
    assert!(
        expected.iter().all(|one| states.contains(one)) && states.len() == 2,
        "{states:?}"
    );
}
