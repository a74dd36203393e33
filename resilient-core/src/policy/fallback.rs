//! Another answer for a call that failed.

mod answers;
mod stale;

pub use answers::StaleKey;
pub use stale::{Keep, Origin, StaleAnswers, answered_stale};

use super::{LivePolicy, LiveSnapshot, Policy, Show};
use crate::event::{What, emit};
use crate::outcome::{Failure, Inside, Verdict};
use crate::sync::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use crate::table::policy;
use crate::time::{Nanos, nanos};
use std::time::Duration;

// ---- Policy

/// The largest `entries`.
const MOST: u32 = 1_000_000;

policy! {
    /// The data of a fallback: whether it is switched on, and for how long it answers with the last good
    /// answer. Any other answer is code, and stands on the function.
    ///
    /// ```
    /// use resilient_core::FallbackPolicy;
    /// use std::time::Duration;
    ///
    /// const PRICES: FallbackPolicy = FallbackPolicy::new()
    ///     .stale(Duration::from_secs(600))
    ///     .entries(5000);
    /// assert_eq!(PRICES.invalid(), None);
    /// let at_once = FallbackPolicy::new().stale(Duration::ZERO);
    /// assert_eq!(at_once.invalid().unwrap().key(), "stale");
    /// ```
    FallbackPolicy, FallbackSettings, Fallback, "fallback";

    /// How old a good answer may be that is given once more, longer than zero; an answer of exactly this
    /// age still is (default none: no answers are kept).
    stale: Duration, !stale.is_zero(),
        "`stale` is longer than 0s: how old the last good answer may be";
    /// How many good answers each call site keeps, one for each key, from 1 to 1 000 000 (default
    /// 1000). The one that was stored longest ago makes room for another.
    entries: u32 = 1000, entries >= 1, "`entries` counts from 1: that many answers are kept",
        entries <= MOST, "`entries` is at most 1 000 000 answers";
}

// ---- State

/// True if the fallback stands in for a call with this verdict.
///
/// Only `when` and `when_rejected` let an error pass: a class decides about retries and breakers.
const fn stands_in(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Failure | Verdict::Advised { .. } | Verdict::Permanent | Verdict::Ignored => true,
        Verdict::Success | Verdict::NoFailure => false,
        Verdict::Rejected { when_rejected, .. } => !matches!(when_rejected, Some(false)),
    }
}

// ---- Live policy and permit

/// A fallback at work.
///
/// ```
/// use resilient_core::{
///     Failure, Fallback, FallbackPolicy, Inside, Judge, LivePolicy, Rejected, Ruling,
/// };
///
/// type Answer = Result<u32, &'static str>;
///
/// let fallback = Fallback::new("price", &FallbackPolicy::new());
/// let only_refusals = |outcome: &Inside<u32, &'static str>| {
///     Judge::<Answer>::new().when(|_| false).verdict(outcome)
/// };
///
/// let refused = Err(Failure::Rejected(Rejected::bulkhead_full("price")));
/// assert!(matches!(fallback.decide(refused, only_refusals), Ruling::Replace(_)));
/// fallback.settle(true);
///
/// let failed = Err(Failure::Error("no such item"));
/// assert!(matches!(fallback.decide(failed, only_refusals), Ruling::Keep(Err(_))));
/// ```
#[derive(Debug)]
pub struct Fallback {
    name: &'static str,
    enabled: AtomicBool,
    /// Zero where no answers are kept.
    stale: AtomicU64,
    entries: AtomicU32,
    answered: AtomicU64,
    failed: AtomicU64,
    answered_stale: AtomicU64,
    missed: AtomicU64,
}

/// What becomes of a call that a fallback stands above.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the outcome of the call is in it"]
pub enum Ruling<T, E> {
    /// The call ends as it is.
    Keep(Inside<T, E>),
    /// The fallback answers instead of this failure, and says how it went with
    /// [`Fallback::settle`].
    Replace(Failure<E>),
}

impl Fallback {
    /// The name of the policy.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether the fallback stands in for a call that ended like this.
    ///
    /// A value stays as it is, and `judge` is not asked. An error is replaced unless `judge` says
    /// [`Verdict::NoFailure`], which is `when`, or a refusal to which `when_rejected` says no.
    #[inline]
    pub fn decide<T, E>(
        &self,
        outcome: Inside<T, E>,
        judge: impl FnOnce(&Inside<T, E>) -> Verdict,
    ) -> Ruling<T, E> {
        if outcome.is_ok() || !self.enabled.load(Ordering::Relaxed) || !stands_in(judge(&outcome)) {
            return Ruling::Keep(outcome);
        }
        match outcome {
            Ok(_) => Ruling::Keep(outcome),
            Err(failure) => Ruling::Replace(failure),
        }
    }

    /// Counts a call that the fallback stood in for: whether it had an answer, or failed too.
    #[cold]
    pub fn settle(&self, answered: bool) {
        let (counter, what) = if answered {
            (&self.answered, What::FellBack)
        } else {
            (&self.failed, What::FallbackFailed)
        };
        counter.fetch_add(1, Ordering::Relaxed);
        emit(FallbackPolicy::KIND, self.name, what);
    }

    /// How old a good answer may be, and how many are kept, if any are.
    #[inline]
    fn keeping(&self) -> Option<(Nanos, u32)> {
        let stale = self.stale.load(Ordering::Relaxed);
        (stale != 0 && self.enabled.load(Ordering::Relaxed))
            .then(|| (stale, self.entries.load(Ordering::Relaxed)))
    }

    fn set(&self, settings: &FallbackSettings) {
        let stale = settings.stale.map_or(0, nanos);
        self.stale.store(stale, Ordering::Relaxed);
        self.entries.store(settings.entries, Ordering::Relaxed);
        self.enabled.store(settings.enabled, Ordering::Relaxed);
    }
}

impl LivePolicy for Fallback {
    type Policy = FallbackPolicy;

    fn new(name: &'static str, policy: &FallbackPolicy) -> Self {
        let live = Self {
            name,
            enabled: AtomicBool::new(true),
            stale: AtomicU64::new(0),
            entries: AtomicU32::new(0),
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            answered_stale: AtomicU64::new(0),
            missed: AtomicU64::new(0),
        };
        live.reconfigure(policy);
        live
    }

    fn reconfigure(&self, policy: &FallbackPolicy) {
        self.set(&FallbackSettings::of(policy));
    }

    fn snapshot(&self) -> LiveSnapshot {
        let stale = self.stale.load(Ordering::Relaxed);
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LiveSnapshot::Fallback(FallbackSnapshot {
            enabled: self.enabled.load(Ordering::Relaxed),
            stale: (stale != 0).then(|| Duration::from_nanos(stale)),
            answered: count(&self.answered),
            failed: count(&self.failed),
            answered_stale: count(&self.answered_stale),
            missed: count(&self.missed),
        })
    }
}

// ---- Snapshot

/// What can be seen of a fallback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FallbackSnapshot {
    /// Whether it does anything.
    pub enabled: bool,
    /// How old the last good answer may be with which it answers, if it keeps any.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "stale_ms", serialize_with = "crate::data::millis_or_null")
    )]
    pub stale: Option<Duration>,
    /// Calls that it stood in for and answered with its function or value.
    pub answered: u64,
    /// Calls that it stood in for and failed as well. One that was dropped while the fallback ran
    /// is counted nowhere.
    pub failed: u64,
    /// Calls that failed and were answered with the last good answer of their key.
    pub answered_stale: u64,
    /// Calls that failed and found no good answer of their key, or too old a one.
    pub missed: u64,
}

impl Show for FallbackSnapshot {
    fn state(&self) -> String {
        if self.enabled { "ready" } else { "disabled" }.to_owned()
    }

    fn note(&self) -> String {
        String::new()
    }

    fn counts(&self) -> Vec<(&'static str, Option<u64>)> {
        let mut counts = vec![
            ("answered", Some(self.answered)),
            ("failed", Some(self.failed)),
        ];
        if self.stale.is_some() || self.answered_stale + self.missed > 0 {
            counts.push(("stale", Some(self.answered_stale)));
            counts.push(("missed", Some(self.missed)));
        }
        counts
    }
}

// ---- Tests

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::{Class, RetryHint};
    use crate::error::Rejected;
    use crate::event::reported;
    use crate::outcome::Judge;
    use std::time::Duration;

    type Answer = Result<u8, &'static str>;
    type Outcome = Inside<u8, &'static str>;

    fn plain(outcome: &Outcome) -> Verdict {
        Judge::<Answer>::new().verdict(outcome)
    }

    fn fallback() -> Fallback {
        Fallback::new("price", &FallbackPolicy::new())
    }

    fn counts(fallback: &Fallback) -> (u64, u64) {
        match fallback.snapshot() {
            LiveSnapshot::Fallback(snapshot) => (snapshot.answered, snapshot.failed),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_value_stays_and_no_predicate_is_asked() {
        let ruling = fallback().decide(Outcome::Ok(1), |_| unreachable!("asked about a value"));
        assert_eq!(ruling, Ruling::Keep(Ok(1)));
    }

    #[test]
    fn every_error_refusal_and_timeout_is_replaced() {
        for failure in [
            Failure::Error("E"),
            Failure::Rejected(Rejected::bulkhead_full("x")),
            Failure::Rejected(Rejected::circuit_open("x", Duration::ZERO)),
            Failure::Rejected(Rejected::forced_open("x")),
            Failure::Rejected(Rejected::rate_limited("x", Duration::ZERO)),
            Failure::Rejected(Rejected::timed_out("x", Duration::ZERO)),
            Failure::Rejected(Rejected::no_time_left("x")),
        ] {
            let ruling = fallback().decide(Outcome::Err(failure.clone()), plain);
            assert_eq!(ruling, Ruling::Replace(failure));
        }
    }

    #[test]
    fn an_error_for_which_when_says_no_passes_unchanged() {
        let outcome = Outcome::Err(Failure::Error("another"));
        let ruling = fallback().decide(outcome.clone(), |outcome| {
            Judge::<Answer>::new()
                .when(|error| *error == "E")
                .verdict(outcome)
        });
        assert_eq!(ruling, Ruling::Keep(outcome));
    }

    #[test]
    fn an_error_is_replaced_whatever_its_class() {
        let advised = Verdict::Advised {
            class: Class::Permanent,
            hint: RetryHint::new(),
        };
        for verdict in [Verdict::Ignored, Verdict::Permanent, advised] {
            let ruling = fallback().decide(Outcome::Err(Failure::Error("E")), |_| verdict);
            assert_eq!(ruling, Ruling::Replace(Failure::Error("E")), "{verdict:?}");
        }
    }

    #[test]
    fn a_refusal_passes_if_when_rejected_says_no() {
        let outcome = Outcome::Err(Failure::Rejected(Rejected::bulkhead_full("x")));
        for (stands_in, expected) in [
            (false, Ruling::Keep(outcome.clone())),
            (
                true,
                Ruling::Replace(Failure::Rejected(Rejected::bulkhead_full("x"))),
            ),
        ] {
            let ruling = fallback().decide(outcome.clone(), |outcome| {
                Judge::<Answer>::new()
                    .when(|_| unreachable!("a refusal never reaches `when`"))
                    .when_rejected(|_| stands_in)
                    .verdict(outcome)
            });
            assert_eq!(ruling, expected);
        }
    }

    #[test]
    fn a_fallback_that_is_switched_off_lets_every_error_pass_until_it_is_switched_on() {
        let fallback = Fallback::new("price", &FallbackPolicy::new().enabled(false));
        let outcome = Outcome::Err(Failure::Error("E"));
        assert_eq!(
            fallback.decide(outcome.clone(), plain),
            Ruling::Keep(outcome.clone())
        );
        fallback.reconfigure(&FallbackPolicy::new());
        assert_eq!(
            fallback.decide(outcome, plain),
            Ruling::Replace(Failure::Error("E"))
        );
    }

    #[test]
    fn answers_and_failures_are_counted_and_reported_each_once() {
        let reported = reported("counted", || {
            let fallback = Fallback::new("counted", &FallbackPolicy::new());
            assert_eq!(counts(&fallback), (0, 0));
            fallback.settle(true);
            fallback.settle(false);
            fallback.settle(true);
            assert_eq!(counts(&fallback), (2, 1));
        });
        assert_eq!(
            reported,
            [What::FellBack, What::FallbackFailed, What::FellBack]
        );
    }

    #[test]
    fn a_policy_in_which_nothing_is_written_keeps_no_answers() {
        assert_eq!(FallbackPolicy::KEYS, ["stale", "entries", "enabled"]);
        assert_eq!(FallbackPolicy::new().effective("stale"), None);
        assert_eq!(
            FallbackPolicy::new().effective("entries"),
            Some(1000.into())
        );
        let off = FallbackPolicy::new().enabled(false);
        assert_eq!(off.written("enabled"), Some(false.into()));
        assert_eq!(FallbackPolicy::new().written("enabled"), None);
        assert_eq!(
            FallbackPolicy::new().effective("enabled"),
            Some(true.into())
        );
        assert_eq!(FallbackPolicy::new().over(off), off);
        assert_eq!(off.effective("when"), None, "that is code");
    }

    #[test]
    fn a_snapshot_shows_old_answers_only_where_they_are_kept() {
        let fallback = Fallback::new("test", &FallbackPolicy::new());
        fallback.settle(true);
        fallback.settle(true);
        fallback.settle(false);
        let snapshot = fallback.snapshot();
        let shown = snapshot.show();
        assert_eq!(
            (shown.state(), shown.note()),
            ("ready".to_owned(), String::new())
        );
        assert_eq!(shown.counts(), [("answered", Some(2)), ("failed", Some(1))]);

        let stale = FallbackPolicy::new().stale(Duration::from_secs(60));
        let keeping = Fallback::new("test", &stale);
        keeping.answered_stale.store(3, Ordering::Relaxed);
        keeping.missed.store(4, Ordering::Relaxed);
        let snapshot = keeping.snapshot();
        let old = [("stale", Some(3)), ("missed", Some(4))];
        assert_eq!(snapshot.show().counts()[2..], old);
        keeping.reconfigure(&FallbackPolicy::new());
        let snapshot = keeping.snapshot();
        assert_eq!(snapshot.show().counts()[2..], old, "they have happened");
    }
}
