//! What a call holds while a circuit breaker has let it in.

use super::CircuitBreaker;
use crate::frame::Frame;
use crate::outcome::{Outcome, Verdict};
use crate::time::nanos;
use std::mem::replace;

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
    #[inline(always)]
    pub fn settle(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Success => self.succeed(),
            verdict => self.settle_otherwise(verdict),
        }
    }

    /// Apart, so that a call which succeeds need not have its verdict in memory.
    #[inline(never)]
    fn succeed(&mut self) {
        let generation = replace(&mut self.generation, RELEASED);
        if generation != RELEASED {
            self.breaker.succeed(generation, self.stamp);
        }
    }

    #[inline(never)]
    fn settle_otherwise(&mut self, verdict: Verdict) {
        let generation = replace(&mut self.generation, RELEASED);
        if generation == RELEASED {
            return;
        }
        let (breaker, stamp) = (self.breaker, self.stamp);
        match verdict {
            Verdict::Success | Verdict::NoFailure | Verdict::Permanent => {
                breaker.succeed(generation, stamp);
            }
            Verdict::Advised {
                retry_after: Some(retry_after),
                ..
            } => breaker.settle_throttled(generation, stamp, nanos(retry_after)),
            Verdict::Failure | Verdict::Advised { .. } => {
                breaker.settle(generation, stamp, Outcome::Failure);
            }
            Verdict::Ignored => breaker.settle(generation, stamp, Outcome::Ignored),
            Verdict::Rejected { rejected, .. } => {
                breaker.settle_rejected(generation, stamp, rejected);
            }
        }
    }
}

impl CircuitBreakerPermit<'_> {
    /// Apart, since it happens to few calls, and would stand in every function that has a breaker.
    #[cold]
    #[inline(never)]
    fn end_unsettled(&self) {
        let outcome = self.frame.ending();
        self.breaker.settle(self.generation, self.stamp, outcome);
    }
}

impl Drop for CircuitBreakerPermit<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.generation != RELEASED {
            self.end_unsettled();
        }
    }
}
