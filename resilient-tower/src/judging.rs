//! What the retry and the circuit breaker of a pipeline take for a failure.

use resilient_core::{Diagnosis, Failure, Inside, Judge, Verdict};

/// Says what a call of a service came to.
pub trait Judging<Response, E> {
    /// What `outcome` is.
    fn verdict(&self, outcome: &Inside<Response, E>) -> Verdict;
}

/// Every error is a failure that may go away by itself. This is the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct EveryError;

impl<Response, E> Judging<Response, E> for EveryError {
    fn verdict(&self, outcome: &Inside<Response, E>) -> Verdict {
        Judge::<Result<Response, E>>::new().verdict(outcome)
    }
}

/// Errors say of themselves what they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByClass;

impl<Response, E: resilient_core::Classify> Judging<Response, E> for ByClass {
    fn verdict(&self, outcome: &Inside<Response, E>) -> Verdict {
        Judge::<Result<Response, E>>::new().verdict_with(outcome, Diagnosis::of)
    }
}

/// Only errors for which a function is true are failures.
#[derive(Clone, Copy, Debug)]
pub struct When<F>(pub(crate) F);

impl<Response, E, F: Fn(&E) -> bool> Judging<Response, E> for When<F> {
    fn verdict(&self, outcome: &Inside<Response, E>) -> Verdict {
        Judge::<Result<Response, E>>::new()
            .when(&self.0)
            .verdict(outcome)
    }
}

/// Responses for which a function is true are failures too.
#[derive(Clone, Copy, Debug)]
pub struct WhenOk<J, F> {
    pub(crate) otherwise: J,
    pub(crate) test: F,
}

impl<Response, E, J: Judging<Response, E>, F: Fn(&Response) -> bool> Judging<Response, E>
    for WhenOk<J, F>
{
    fn verdict(&self, outcome: &Inside<Response, E>) -> Verdict {
        match outcome {
            Ok(response) if (self.test)(response) => Verdict::Failure,
            Ok(_) | Err(Failure::Error(_) | Failure::Rejected(_)) => {
                self.otherwise.verdict(outcome)
            }
        }
    }
}
