//! What the policies did in the last minutes, in buckets of ten seconds.
//!
//! Samples are taken when somebody looks, or by a future that the program runs; nothing of it touches
//! a call. What nobody sampled is not known, and is shown as such.

use resilient_core::{LiveSnapshot, PolicySnapshot, Registry, registry};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How long one bucket is.
pub(crate) const BUCKET: Duration = Duration::from_secs(10);
/// How many buckets there are.
pub(crate) const BUCKETS: usize = 30;
/// How often the program takes one, if it does.
const EVERY: Duration = Duration::from_secs(2);
/// Between two samples that are farther apart, nobody knows when something happened.
const GAP: Duration = Duration::from_secs(15);

type Name = (&'static str, &'static str);

/// Samples of all policies. Nobody can look at them for longer than they are bounded: so many buckets
/// for each policy, and policies are never forgotten by the registry either.
#[derive(Default)]
pub(crate) struct Samples(Mutex<Option<Series>>);

struct Series {
    begun: Instant,
    /// When the newest sample was taken.
    sampled: Option<Instant>,
    /// The bucket in which the newest sample lies, counted from the beginning.
    bucket: u64,
    /// Whether anything is known of a bucket.
    known: [bool; BUCKETS],
    policies: HashMap<Name, Counts>,
}

struct Counts {
    total: Deeds,
    /// The bucket in which it was seen for the first time.
    first: u64,
    buckets: [Deeds; BUCKETS],
}

/// What a policy did, as far as its kind knows: what is good, bad and refused depends on that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Deeds {
    pub(crate) good: Option<u64>,
    pub(crate) bad: Option<u64>,
    pub(crate) refused: Option<u64>,
    /// What was let through by who does not look at results.
    pub(crate) let_through: Option<u64>,
    /// What was let through and says nothing about the callee.
    pub(crate) ignored: Option<u64>,
}

/// The buckets of one policy, the newest last; `null` where nobody looked, or the kind does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Recent {
    good: Vec<Option<u64>>,
    bad: Vec<Option<u64>>,
    refused: Vec<Option<u64>>,
    let_through: Vec<Option<u64>>,
    ignored: Vec<Option<u64>>,
    /// What was done in the last minute, as far as anybody knows.
    #[serde(skip)]
    pub(crate) minute: Deeds,
}

impl Deeds {
    /// What the policy has done since the program started.
    pub(crate) fn of(live: &LiveSnapshot) -> Option<Self> {
        let none = Self::default();
        Some(match live {
            LiveSnapshot::CircuitBreaker(seen) => Self {
                good: Some(seen.counts.success),
                bad: Some(seen.counts.failure),
                refused: Some(seen.counts.rejected),
                ignored: Some(seen.counts.ignored),
                ..none
            },
            LiveSnapshot::Bulkhead(seen) => Self {
                let_through: Some(seen.admitted),
                refused: Some(seen.rejected),
                ..none
            },
            LiveSnapshot::RateLimiter(seen) => Self {
                let_through: Some(seen.admitted),
                refused: Some(seen.rejected),
                ..none
            },
            LiveSnapshot::Retry(seen) => Self {
                good: Some(seen.recovered),
                bad: Some(seen.gave_up),
                ..none
            },
            LiveSnapshot::Timeout(seen) => Self {
                bad: Some(seen.timed_out),
                refused: Some(seen.no_time_left),
                ..none
            },
            LiveSnapshot::Hedge(seen) => Self {
                good: Some(seen.won),
                refused: Some(seen.suppressed),
                ..none
            },
            LiveSnapshot::Fallback(seen) => Self {
                good: Some(seen.answered + seen.answered_stale),
                bad: Some(seen.failed + seen.missed),
                ..none
            },
            _ => return None,
        })
    }

    fn since(self, before: Self) -> Self {
        self.with(before, u64::saturating_sub)
    }

    fn plus(self, more: Self) -> Self {
        self.with(more, |one, other| one + other)
    }

    /// Of what only one of them knows, that is taken.
    fn with(self, other: Self, both: fn(u64, u64) -> u64) -> Self {
        let with = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (Some(one), Some(other)) => Some(both(one, other)),
            (one, other) => one.or(other),
        };
        Self {
            good: with(self.good, other.good),
            bad: with(self.bad, other.bad),
            refused: with(self.refused, other.refused),
            let_through: with(self.let_through, other.let_through),
            ignored: with(self.ignored, other.ignored),
        }
    }

    /// The same without anything done.
    fn nothing(self) -> Self {
        self.since(self)
    }
}

impl Samples {
    /// Takes samples for as long as it is polled.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.look(registry());
        }
    }

    fn look(&self, registry: &Registry) {
        self.take(&registry.snapshot().policies);
    }

    /// Takes a sample.
    pub(crate) fn take(&self, policies: &[PolicySnapshot]) {
        let seen = policies.iter().filter_map(|policy| {
            let name = (policy.kind.as_str(), policy.name);
            Some((name, Deeds::of(&policy.live)?))
        });
        self.add(seen, Instant::now());
    }

    fn add(&self, seen: impl Iterator<Item = (Name, Deeds)>, now: Instant) {
        let mut series = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let series = series.get_or_insert_with(|| Series {
            begun: now,
            sampled: None,
            bucket: 0,
            known: [false; BUCKETS],
            policies: HashMap::new(),
        });
        series.add(seen, now);
    }

    /// The last minutes of one policy, up to the newest sample.
    pub(crate) fn recent(&self, policy: &PolicySnapshot) -> Option<Recent> {
        self.of((policy.kind.as_str(), policy.name))
    }

    fn of(&self, name: Name) -> Option<Recent> {
        let series = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let series = series.as_ref()?;
        let counts = series.policies.get(&name)?;
        let oldest = (series.bucket + 1).saturating_sub(BUCKETS as u64);
        let buckets: Vec<_> = (0..BUCKETS as u64)
            .map(|back| {
                let bucket = (series.bucket + 1 + back).checked_sub(BUCKETS as u64)?;
                let is_known = bucket >= oldest.max(counts.first) && series.known[place(bucket)];
                is_known.then(|| counts.buckets[place(bucket)])
            })
            .collect();
        let column = |which: fn(Deeds) -> Option<u64>| {
            buckets.iter().map(|one| one.and_then(which)).collect()
        };
        let minute = buckets.iter().rev().take(6).flatten();
        Some(Recent {
            good: column(|deeds| deeds.good),
            bad: column(|deeds| deeds.bad),
            refused: column(|deeds| deeds.refused),
            let_through: column(|deeds| deeds.let_through),
            ignored: column(|deeds| deeds.ignored),
            minute: minute.fold(Deeds::default(), |sum, one| sum.plus(*one)),
        })
    }
}

fn place(bucket: u64) -> usize {
    usize::try_from(bucket % BUCKETS as u64).unwrap_or(0)
}

impl Series {
    fn add(&mut self, seen: impl Iterator<Item = (Name, Deeds)>, now: Instant) {
        // The first of all, and one after a gap, tells only from what to count on.
        let sampled = self.sampled;
        let is_close = sampled.is_some_and(|sampled| now.duration_since(sampled) <= GAP);
        let since = now.duration_since(self.begun).as_millis() / BUCKET.as_millis();
        let bucket = u64::try_from(since).unwrap_or(u64::MAX);
        let fresh = (self.bucket + 1..=bucket).rev().take(BUCKETS);
        for fresh in fresh {
            // The short bucket between two close samples is as well known as they are.
            self.known[place(fresh)] = is_close;
            for counts in self.policies.values_mut() {
                counts.buckets[place(fresh)] = counts.total.nothing();
            }
        }
        self.known[place(bucket)] |= is_close;
        for (name, total) in seen {
            let counts = self.policies.entry(name).or_insert_with(|| Counts {
                total,
                first: bucket,
                buckets: [total.nothing(); BUCKETS],
            });
            if is_close {
                let deeds = total.since(counts.total);
                let sum = &mut counts.buckets[place(bucket)];
                *sum = sum.plus(deeds);
            }
            counts.total = total;
        }
        (self.bucket, self.sampled) = (bucket, Some(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: Name = ("circuit_breaker", "pricing");

    fn add(samples: &Samples, good: u64, bad: u64, at: Instant) {
        let deeds = Deeds {
            good: Some(good),
            bad: Some(bad),
            ..Deeds::default()
        };
        samples.add([(NAME, deeds)].into_iter(), at);
    }

    fn known(samples: &Samples) -> Vec<(usize, u64)> {
        let recent = samples.of(NAME).expect("it is known");
        let known = recent.good.into_iter().enumerate();
        known.filter_map(|(at, good)| Some((at, good?))).collect()
    }

    #[test]
    fn what_happens_is_counted_in_its_bucket() {
        let (samples, begin) = (Samples::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        add(&samples, 100, 0, at(0));
        assert_eq!(known(&samples), [], "what was before is not recent");
        add(&samples, 103, 0, at(4));
        add(&samples, 110, 1, at(12));
        assert_eq!(known(&samples), [(28, 3), (29, 7)]);
        assert_eq!(samples.of(NAME).expect("known").minute.bad, Some(1));
    }

    #[test]
    fn what_nobody_saw_is_not_known() {
        let (samples, begin) = (Samples::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        add(&samples, 0, 0, at(0));
        add(&samples, 50, 0, at(45));
        assert_eq!(known(&samples), [], "nobody knows when");
        add(&samples, 52, 0, at(47));
        assert_eq!(known(&samples), [(29, 2)]);
        add(&samples, 60, 0, at(1_000));
        assert_eq!(known(&samples), []);
    }

    #[test]
    fn what_a_kind_does_not_look_at_is_not_known_of_it() {
        let (samples, begin) = (Samples::default(), Instant::now());
        for second in 0..25 {
            let deeds = Deeds {
                let_through: Some(second),
                refused: Some(0),
                ..Deeds::default()
            };
            samples.add(
                [(NAME, deeds)].into_iter(),
                begin + Duration::from_secs(second),
            );
        }
        let recent = samples.of(NAME).expect("it is known");
        assert_eq!(recent.let_through[27..], [Some(9), Some(10), Some(5)]);
        assert_eq!(recent.refused[27..], [Some(0); 3]);
        assert_eq!((recent.good, recent.bad), (vec![None; 30], vec![None; 30]));
    }

    #[test]
    fn the_ring_forgets_the_oldest() {
        let (samples, begin) = (Samples::default(), Instant::now());
        for step in 0..200 {
            add(&samples, step, 0, begin + Duration::from_secs(step * 5));
        }
        let recent = samples.of(NAME).expect("it is known");
        assert_eq!(recent.good.len(), BUCKETS);
        assert!(
            recent.good.iter().all(|good| *good == Some(2)),
            "{recent:?}"
        );
    }
}
