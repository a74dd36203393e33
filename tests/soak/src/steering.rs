//! Somebody who steers the policies at random, with reasons.

use crate::broken::broken;
use crate::service::KEYS;
use fastrand::Rng;
use resilient::{Changes, CircuitBreaker, Override, registry};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::sleep;

/// Whom the audit names.
pub(crate) const AUDIT: &str = "by soak";

/// How often something was done by hand.
pub(crate) static DEEDS: AtomicU64 = AtomicU64::new(0);

const BREAKERS: [&str; 3] = ["soak.quote", "soak.order", "soak.checkout"];

/// Settings that may change under calls. No limit becomes higher than it is written.
const CHANGES: [(&str, &str, &str, &[&str]); 15] = [
    ("timeout", "soak.quote", "duration", &["1ms", "10ms", "1s"]),
    ("timeout", "soak.order", "duration", &["5ms", "30ms", "1s"]),
    ("retry", "soak.order", "attempts", &["1", "2", "6"]),
    ("retry", "soak.order", "max_elapsed", &["10ms", "30ms"]),
    ("bulkhead", "soak.order", "queue", &["0", "3", "40"]),
    ("bulkhead", "soak.order", "max_wait", &["1ms", "50ms"]),
    ("bulkhead", "soak.order", "order", &["lifo", "fifo"]),
    ("bulkhead", "soak.search", "order", &["fifo", "lifo"]),
    ("bulkhead", "soak.export", "queue", &["0", "4"]),
    (
        "rate_limit",
        "soak.search",
        "max_wait",
        &["0s", "1ms", "20ms"],
    ),
    ("circuit_breaker", "soak.order", "window", &["10", "100"]),
    (
        "circuit_breaker",
        "soak.order",
        "ramp",
        &["[]", "[10%, 50%]"],
    ),
    (
        "circuit_breaker",
        "soak.quote",
        "failure_threshold",
        &["1", "5"],
    ),
    (
        "circuit_breaker",
        "soak.checkout",
        "half_open_calls",
        &["1", "4"],
    ),
    ("hedge", "soak.search", "after", &["0s", "1ms", "p95"]),
];

/// Limits that may become lower under calls.
const LIMITS: [(&str, &[&str]); 3] = [
    ("soak.order", &["1", "3", "7"]),
    ("soak.search", &["2", "5"]),
    ("soak.export", &["1"]),
];

fn by(random: &mut Rng, longest: u64) -> Override {
    let number = DEEDS.fetch_add(1, Ordering::Relaxed);
    Override::because(format!("drill {number}"))
        .by("soak")
        .lasting(Duration::from_millis(random.u64(1..=longest)))
}

/// Steers until `stopped`. With `switching` everything is switched off now and then.
pub(crate) async fn steer(seed: u64, switching: bool, stopped: &'static AtomicBool) {
    let mut random = Rng::with_seed(seed);
    while !stopped.load(Ordering::Relaxed) {
        one(&mut random, switching);
        sleep(Duration::from_micros(random.u64(100..3000))).await;
    }
}

fn one(random: &mut Rng, switching: bool) {
    match random.u8(0..16) {
        0..6 => by_hand(random),
        6..10 => {
            let (kind, name, key, values) = CHANGES[random.usize(0..CHANGES.len())];
            change(
                kind,
                name,
                key,
                values[random.usize(0..values.len())],
                random,
            );
        }
        10 | 11 => {
            let (name, values) = LIMITS[random.usize(0..LIMITS.len())];
            let value = values[random.usize(0..values.len())];
            change("bulkhead", name, "limit", value, random);
        }
        12 => refused(random),
        13 if switching => registry().disable_all(by(random, 20)),
        14 if switching => registry().enable_all(Override::because("enough").by("soak")),
        _ => look(random),
    }
}

fn by_hand(random: &mut Rng) {
    let name = BREAKERS[random.usize(0..BREAKERS.len())];
    let Some(breaker) = registry().circuit_breaker(name) else {
        broken("what is annotated is known", name);
    };
    let deed = |breaker: &CircuitBreaker, random: &mut Rng| match random.u8(0..4) {
        0 => breaker.force_open(by(random, 20)),
        1 => breaker.disable(by(random, 20)),
        2 => breaker.metrics_only(by(random, 20)),
        _ => breaker.reset(Override::because("again").by("soak")),
    };
    if random.bool() {
        let keyed = breaker.with_key(&random.u32(0..KEYS));
        if let Some(instance) = keyed.filter(|instance| !instance.is_base()) {
            deed(&instance, random);
        }
    } else if name != "soak.quote" || random.u8(0..50) == 0 {
        // To reset it resets ten thousand breakers, all of which say so.
        deed(breaker, random);
    }
}

fn change(kind: &str, name: &str, key: &str, value: &str, random: &mut Rng) {
    let changes = match value.parse::<i64>() {
        Ok(number) => Changes::new().set(key, number),
        Err(_) => Changes::new().set(key, value),
    };
    if let Err(error) = registry().preview(kind, name, &changes) {
        broken(
            "what is allowed is taken",
            format!("{kind} {name}: {error}"),
        );
    }
    // What is changed beside it may contradict it by now; then it is refused as a whole.
    let _ = registry().reconfigure_with(kind, name, &changes, by(random, 30));
}

/// A change that nobody may make.
fn refused(random: &mut Rng) {
    let (kind, name, key, _) = CHANGES[random.usize(0..CHANGES.len())];
    let changes = Changes::new().set(key, "neither");
    if registry()
        .reconfigure_with(kind, name, &changes, by(random, 5))
        .is_ok()
    {
        broken(
            "what is not allowed is refused",
            format!("{kind} {name}: {key}"),
        );
    }
}

fn look(random: &mut Rng) {
    let text = match random.u8(0..3) {
        0 => registry().snapshot().to_string(),
        1 => format!("{:?}", registry().validate()),
        _ => registry()
            .call_sites()
            .iter()
            .map(|site| site.explain().to_string())
            .collect(),
    };
    std::hint::black_box(text);
}
