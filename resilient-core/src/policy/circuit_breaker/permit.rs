//! What a call holds while a circuit breaker has let it in.

use super::CircuitBreaker;
use super::symptoms::{Of, Symptom, Symptoms};
use crate::error::Rejected;
use crate::frame::Frame;
#[cfg(feature = "testing")]
use crate::outcome::Failure;
use crate::outcome::{Inside, Outcome, Verdict};
use crate::sync::Ordering;
use crate::time::nanos;

/// A permit's generation when it holds nothing (any more).
pub(super) const RELEASED: u64 = u64::MAX;

/// One admission of a circuit breaker, settled exactly once: with a verdict, or by being dropped.
///
/// Dropped unsettled it asks the [`Frame`] how the call ended: a body that panicked, or that a timeout
/// cut off, is a failure; everything else is abandoned, which decides nothing. What was admitted before
/// the last change of state decides nothing either.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once counts as an abandoned call"]
pub struct CircuitBreakerPermit<'a> {
    pub(super) breaker: &'a CircuitBreaker,
    pub(super) frame: &'a Frame,
    /// The generation that admitted the call. No flag beside it: a permit is written once and
    /// settled in place, and a single byte written before it is moved would stall the move.
    pub(super) generation: u64,
    /// The number of the probe, if that generation was half-open; else when the call was admitted,
    /// if anybody wants to know whether it was slow.
    pub(super) stamp: u64,
}

impl CircuitBreakerPermit<'_> {
    /// Settles the admission with what the call came to.
    ///
    /// A refusal from further in is ignored unless `count_rejections` is set, and a call that was
    /// cut off is a failure. A throttled answer is one, too, and with `obey_retry_after` opens the
    /// breaker for as long as it says. A second verdict changes nothing.
    #[inline]
    pub fn settle(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Success => self.succeed(),
            verdict => self.settle_otherwise(verdict, Symptoms::UNTYPED),
        }
    }

    /// As [`settle`](Self::settle), with the outcome about which the verdict is: so that the breaker can
    /// say, once it has opened, of which class and type the errors were. What they say is not looked at.
    ///
    /// ```
    /// use resilient_core::{
    ///     CircuitBreaker, CircuitBreakerPolicy, Failure, Frame, Inside, LivePolicy, Verdict,
    /// };
    /// use std::num::ParseIntError;
    ///
    /// let policy = CircuitBreakerPolicy::new().failure_threshold(1).checked();
    /// let breaker = CircuitBreaker::new("pricing", &policy);
    /// let outcome: Inside<u8, ParseIntError> = "seven".parse().map_err(Failure::Error);
    ///
    /// let frame = Frame::new();
    /// breaker.admit(&frame).unwrap().settle_with(Verdict::Failure, &outcome);
    /// let seen = breaker.snapshot();
    /// assert_eq!(seen.tripped_by.unwrap()[0].type_name, Some("core::num::error::ParseIntError"));
    /// assert!(seen.why.unwrap().ends_with(": 1 × transient ParseIntError"));
    /// ```
    #[inline]
    pub fn settle_with<T, E>(&mut self, verdict: Verdict, outcome: &Inside<T, E>) {
        match verdict {
            Verdict::Success => self.succeed(),
            verdict => {
                let symptoms = match outcome {
                    Ok(_) => Of::<T>::ANSWER,
                    #[cfg(feature = "testing")]
                    Err(Failure::Rejected(by_chaos)) if by_chaos.is_injected() => {
                        Symptoms::INJECTED
                    }
                    Err(_) => Of::<E>::ERROR,
                };
                self.settle_otherwise(verdict, symptoms);
            }
        }
    }

    #[inline]
    fn succeed(&mut self) {
        let generation = std::mem::replace(&mut self.generation, RELEASED);
        if generation != RELEASED {
            self.breaker.succeed(generation, self.stamp);
        }
    }

    /// Apart, so that a call which succeeds need not have its verdict in memory.
    #[inline(never)]
    fn settle_otherwise(&mut self, verdict: Verdict, symptoms: &'static Symptoms) {
        let generation = std::mem::replace(&mut self.generation, RELEASED);
        if generation == RELEASED {
            return;
        }
        let (breaker, stamp) = (self.breaker, self.stamp);
        match verdict {
            Verdict::Success | Verdict::NoFailure | Verdict::Permanent => {
                breaker.succeed(generation, stamp);
            }
            Verdict::Advised { class, .. } => {
                let symptom = symptoms.of_class(class);
                match class.retry_after() {
                    Some(asked) => {
                        breaker.settle_throttled(generation, stamp, nanos(asked), symptom);
                    }
                    None => breaker.settle(generation, stamp, Outcome::Failure, symptom),
                }
            }
            Verdict::Failure => {
                breaker.settle(generation, stamp, Outcome::Failure, &symptoms.plain);
            }
            Verdict::Ignored => {
                breaker.settle(generation, stamp, Outcome::Ignored, Symptom::UNKNOWN);
            }
            Verdict::Rejected { rejected, .. } => {
                breaker.settle_rejected(generation, stamp, rejected);
            }
        }
    }
}

impl CircuitBreaker {
    fn settle_rejected(&self, generation: u64, stamp: u64, rejected: Rejected) {
        let counts = self.head.0.count_rejections.load(Ordering::Relaxed);
        let is_failure = matches!(rejected, Rejected::TimedOut(_)) || rejected.is_injected();
        let outcome = if counts || is_failure {
            Outcome::Failure
        } else {
            Outcome::Ignored
        };
        self.settle(generation, stamp, outcome, Symptom::refused(rejected));
    }
}

impl Drop for CircuitBreakerPermit<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.generation != RELEASED {
            let outcome = self.frame.ending();
            let symptom = match outcome {
                Outcome::Failure if std::thread::panicking() => Symptom::PANICKED,
                Outcome::Failure => Symptom::CUT_OFF,
                _ => Symptom::UNKNOWN,
            };
            self.breaker
                .settle(self.generation, self.stamp, outcome, symptom);
        }
    }
}
