//! The invariants: what holds whenever nobody calls, and what a round must not have done.

use crate::broken::broken;
use crate::call::{ENDS, NAMES};
use crate::service::{
    BROWSED, Bodies, CHECKED_OUT, CHECKOUTS, EXPORTED, EXPORTERS, EXPORTS, ORDERED, ORDERS, QUOTES,
    SEARCHED, SEARCHERS, SEARCHES,
};
use resilient::{
    Bulkhead, BulkheadSnapshot, CircuitBreaker, CircuitBreakerSnapshot, LivePolicy, LiveSnapshot,
    RateLimiter, RateLimiterSnapshot, registry,
};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tokio::runtime::Handle;

const BREAKERS: [&str; 4] = ["soak.quote", "soak.order", "soak.checkout", "soak.browse"];
const BULKHEADS: [&str; 5] = [
    "soak.order",
    "soak.search",
    "soak.export",
    "soak.checkout",
    "soak.browse",
];
const RATE_LIMITS: [&str; 2] = ["soak.search", "soak.export"];

pub(crate) fn breaker(name: &str) -> &'static CircuitBreaker {
    let found = registry().circuit_breaker(name);
    found.unwrap_or_else(|| broken("what is annotated is known", name))
}

pub(crate) fn bulkhead(name: &str) -> &'static Bulkhead {
    let found = registry().bulkhead(name);
    found.unwrap_or_else(|| broken("what is annotated is known", name))
}

fn limiter(name: &str) -> &'static RateLimiter {
    let found = registry().rate_limit(name);
    found.unwrap_or_else(|| broken("what is annotated is known", name))
}

fn of_breaker(name: &str) -> CircuitBreakerSnapshot {
    breaker(name).snapshot()
}

fn of_bulkhead(name: &str) -> BulkheadSnapshot {
    match bulkhead(name).snapshot() {
        LiveSnapshot::Bulkhead(seen) => seen,
        other => broken("a policy shows itself", format!("{other:?}")),
    }
}

fn of_limiter(name: &str) -> RateLimiterSnapshot {
    match limiter(name).snapshot() {
        LiveSnapshot::RateLimiter(seen) => seen,
        other => broken("a policy shows itself", format!("{other:?}")),
    }
}

fn hedged() -> u64 {
    match registry().hedge("soak.search").map(LivePolicy::snapshot) {
        Some(LiveSnapshot::Hedge(seen)) => seen.extra_attempts,
        other => broken("a policy shows itself", format!("{other:?}")),
    }
}

/// All that is counted, at a moment when nobody calls.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    /// Calls, of each function.
    called: [u64; 6],
    /// Bodies that began, of each function.
    begun: [u64; 6],
    exports: Vec<u64>,
    /// What each breaker admitted and refused.
    breakers: [(u64, u64); 4],
    /// What each bulkhead admitted, and refused or lost.
    bulkheads: [(u64, u64); 5],
    /// What each limit admitted, and refused or lost.
    limits: [(u64, u64); 2],
    /// Attempts after the first of `soak.search`.
    hedged: u64,
}

impl Counted {
    pub(crate) fn now() -> Self {
        let begun = |bodies: &Bodies| bodies.begun.load(SeqCst);
        let exports: Vec<u64> = EXPORTED.iter().map(begun).collect();
        Self {
            called: ENDS.each_ref().map(|ends| ends.called.load(SeqCst)),
            begun: [
                begun(&QUOTES),
                begun(&ORDERED),
                begun(&SEARCHED),
                exports.iter().sum(),
                begun(&CHECKED_OUT),
                begun(&BROWSED),
            ],
            exports,
            breakers: BREAKERS.map(|name| {
                let counts = of_breaker(name).counts;
                let admitted = counts.success + counts.failure + counts.ignored + counts.abandoned;
                (admitted, counts.rejected)
            }),
            bulkheads: BULKHEADS.map(|name| {
                let seen = of_bulkhead(name);
                (seen.admitted, seen.rejected + seen.abandoned)
            }),
            limits: RATE_LIMITS.map(|name| {
                let seen = of_limiter(name);
                (seen.admitted, seen.rejected + seen.abandoned)
            }),
            hedged: hedged(),
        }
    }

    /// What was counted since `before`, held against itself, after a round in which nothing was switched
    /// off.
    pub(crate) fn holds_since(&self, before: &Self, lasted: Duration) {
        let called = |index: usize| self.called[index] - before.called[index];
        let begun = |index: usize| self.begun[index] - before.begun[index];
        let pair = |now: (u64, u64), before: (u64, u64)| (now.0 - before.0, now.1 - before.1);
        let breakers = [0, 1, 2, 3].map(|index| pair(self.breakers[index], before.breakers[index]));
        let bulkheads =
            [0, 1, 2, 3, 4].map(|index| pair(self.bulkheads[index], before.bulkheads[index]));
        let limits = [0, 1].map(|index| pair(self.limits[index], before.limits[index]));

        let most = |(rate, burst): (u32, u32)| {
            f64::from(burst) + f64::from(rate) * lasted.as_secs_f64() + 1.0
        };
        at_most(
            "no rate is exceeded",
            "soak.search",
            limits[0].0,
            most(SEARCHES),
        );
        for (key, (now, before)) in self.exports.iter().zip(&before.exports).enumerate() {
            let what = format!("soak.export {key}");
            at_most("no rate is exceeded", &what, now - before, most(EXPORTS));
        }

        for ((index, function), what) in [(0, 0), (1, 1), (2, 4), (3, 5)].into_iter().zip(BREAKERS)
        {
            let (admitted, rejected) = breakers[index];
            equal(
                "a breaker counts every call once",
                what,
                admitted + rejected,
                called(function),
            );
        }
        equal(
            "a breaker's calls are bodies",
            "soak.quote",
            breakers[0].0,
            begun(0),
        );
        for ((index, function), what) in [(0, 2), (1, 3)].into_iter().zip(RATE_LIMITS) {
            let (admitted, others) = limits[index];
            equal(
                "a limit counts every call once",
                what,
                admitted + others,
                called(function),
            );
        }
        for ((index, function), what) in [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]
            .into_iter()
            .zip(BULKHEADS)
        {
            equal(
                "a place is a body",
                what,
                bulkheads[index].0,
                begun(function),
            );
        }
        let (admitted, others) = bulkheads[2];
        equal(
            "a bulkhead counts every call once",
            "soak.export",
            admitted + others,
            limits[1].0,
        );
        let (admitted, others) = bulkheads[4];
        equal(
            "a bulkhead counts every call once",
            "soak.browse",
            admitted + others,
            breakers[3].0,
        );
        let (admitted, others) = bulkheads[1];
        let entered = limits[0].0 + self.hedged - before.hedged;
        equal(
            "a bulkhead counts every call once",
            "soak.search",
            admitted + others,
            entered,
        );
    }
}

fn equal(invariant: &str, what: &str, one: u64, other: u64) {
    if one != other {
        broken(invariant, format!("{what}: {one}, not {other}"));
    }
}

#[expect(clippy::cast_precision_loss, reason = "so much was not counted")]
fn at_most(invariant: &str, what: &str, is: u64, most: f64) {
    if is as f64 > most {
        broken(invariant, format!("{what}: {is} are more than {most:.1}"));
    }
}

/// No more bodies of any function ran at once than its bulkhead has places.
pub(crate) fn limits_held() {
    let held = |bodies: &Bodies, limit: u32, what: &str| {
        let most = bodies.most.swap(0, SeqCst);
        if most > limit {
            broken(
                "no limit is exceeded",
                format!("{what}: {most} of {limit} at once"),
            );
        }
    };
    held(&ORDERED, ORDERS, "soak.order");
    held(&SEARCHED, SEARCHERS, "soak.search");
    held(&CHECKED_OUT, CHECKOUTS, "soak.checkout");
    for bodies in &EXPORTED {
        held(bodies, EXPORTERS, "soak.export");
    }
}

/// Forgets how many ran at once while everything was switched off.
pub(crate) fn limits_forgotten() {
    for bodies in [&ORDERED, &SEARCHED, &CHECKED_OUT]
        .into_iter()
        .chain(&EXPORTED)
    {
        bodies.most.store(0, SeqCst);
    }
}

/// When nobody calls, every place is free, nobody waits, every call has ended once, and no task is left.
pub(crate) fn quiet(tasks: usize) {
    let free = |what: &str, taken: u64| {
        equal("every place is returned", what, taken, 0);
    };
    for name in BULKHEADS {
        let keyed = bulkhead(name)
            .key_snapshots()
            .into_iter()
            .map(|(_, seen)| seen);
        for seen in keyed.chain([of_bulkhead(name)]) {
            free(name, (seen.inside + seen.waiting).into());
        }
    }
    for name in RATE_LIMITS {
        let keyed = limiter(name)
            .key_snapshots()
            .into_iter()
            .map(|(_, seen)| seen);
        for seen in keyed.chain([of_limiter(name)]) {
            free(name, seen.waiting);
        }
    }
    for name in BREAKERS {
        let keyed = breaker(name)
            .key_snapshots()
            .into_iter()
            .map(|(_, seen)| seen);
        for seen in keyed.chain([of_breaker(name)]) {
            free(name, seen.probes_inside.unwrap_or(0).into());
        }
    }
    for bodies in [&QUOTES, &ORDERED, &SEARCHED, &CHECKED_OUT, &BROWSED]
        .into_iter()
        .chain(&EXPORTED)
    {
        free("a body", bodies.inside.load(SeqCst).into());
    }
    for (ends, name) in ENDS.iter().zip(NAMES) {
        let ended = [
            &ends.good,
            &ends.failed,
            &ends.refused,
            &ends.panicked,
            &ends.dropped,
        ];
        let ended = ended.map(|count| count.load(SeqCst)).iter().sum();
        equal(
            "every call ends once",
            name,
            ended,
            ends.called.load(SeqCst),
        );
    }
    let alive = Handle::current().metrics().num_alive_tasks();
    if alive != tasks {
        broken("no task is left", format!("{alive} are alive, not {tasks}"));
    }
}
