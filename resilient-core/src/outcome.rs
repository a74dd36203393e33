//! How a call ended, and what the user's predicates make of it.

use crate::class::{Class, Diagnosis, RetryHint};
use crate::error::Rejected;
use std::marker::PhantomData;

/// What one call says about whom it called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Outcome {
    /// The callee answered.
    Success,
    /// The callee failed, panicked, or did not answer in time.
    Failure,
    /// The call says nothing about the callee.
    Ignored,
    /// The caller dropped the call before it had ended.
    Abandoned,
}

/// Why the inner part of a stack has no value.
///
/// Inside one stack a refusal travels as itself, so that a retry can see that the breaker inside
/// it refused; it becomes the function's own error once, at the outer edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure<E> {
    /// A policy refused the work or cut it off.
    Rejected(Rejected),
    /// The work failed with its own error.
    Error(E),
}

/// What travels between the policies of one stack: a value, or why there is none.
pub type Inside<T, E> = Result<T, Failure<E>>;

/// A return type with a channel for errors: any `Result`, also behind an alias.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no error channel, so a refused call cannot be reported",
    label = "expected a `Result<T, E>`",
    note = "return a `Result` whose error implements `From<resilient::Rejected>`, or put a \
            `#[fallback(…)]` that always answers above the other attributes"
)]
pub trait Fallible: Sized {
    /// The value of a call that succeeded.
    type Value;
    /// The function's own error.
    type Error;

    /// The result as it travels between policies.
    ///
    /// # Errors
    ///
    /// The function's own error, as [`Failure::Error`].
    fn split(self) -> Inside<Self::Value, Self::Error>;

    /// The result as the function returns it.
    fn join(result: Result<Self::Value, Self::Error>) -> Self;
}

impl<T, E> Fallible for Result<T, E> {
    type Value = T;
    type Error = E;

    #[inline]
    fn split(self) -> Inside<T, E> {
        self.map_err(Failure::Error)
    }

    #[inline]
    fn join(result: Self) -> Self {
        result
    }
}

/// An error type that can represent a refused call: everything that is `From<Rejected>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot represent a call that was refused or timed out",
    label = "needs `impl From<resilient::Rejected> for {Self}`",
    note = "with thiserror, add the variant `#[error(transparent)] Rejected(#[from] resilient::Rejected)`",
    note = "or convert it on an attribute of the stack: `map_err = path::to::function`"
)]
pub trait FromRejected: Sized {
    /// The refusal as an error of this type.
    fn from_rejected(rejected: Rejected) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E: From<Rejected>> FromRejected for E {
    #[inline]
    fn from_rejected(rejected: Rejected) -> Self {
        rejected.into()
    }
}

/// What a call inside a policy came to, in the eyes of that policy's predicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A good answer.
    Success,
    /// A failure: an error, or an answer that `when_ok` takes for one.
    Failure,
    /// A failure whose error says more: that it is no transient one, or how to try again.
    Advised {
        /// What kind of failure the error is; it is a failure here whatever that is.
        class: Class,
        /// How often, and with which delays.
        hint: RetryHint,
    },
    /// An error that is none of this policy's business: `when` is given and says no.
    NoFailure,
    /// An error that would be the same again: its class says so.
    Permanent,
    /// An error which says nothing about the callee: `unless` or its class says so.
    Ignored,
    /// A policy further in refused the call or cut it off.
    Rejected {
        /// What it answered.
        rejected: Rejected,
        /// What `when_rejected` says of it, if that is given.
        when_rejected: Option<bool>,
    },
}

impl Verdict {
    /// The verdict on an error of this class, about which `when` has said nothing or yes.
    #[cold]
    fn on(class: Class, hint: RetryHint, when: Option<bool>) -> Self {
        match (class, when) {
            (Class::Permanent, None) => Self::Permanent,
            (Class::Ignored, None) => Self::Ignored,
            (Class::Transient, _) if hint == RetryHint::new() => Self::Failure,
            _ => Self::Advised { class, hint },
        }
    }
}

/// A predicate of the user's, or the absence of one.
pub trait Predicate<T: ?Sized> {
    /// What the predicate says; `None` if there is none.
    fn test(self, value: &T) -> Option<bool>;
}

/// A predicate that was not written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unset;

impl<T: ?Sized> Predicate<T> for Unset {
    #[inline(always)]
    fn test(self, _: &T) -> Option<bool> {
        None
    }
}

/// A predicate that was written.
#[derive(Clone, Copy, Debug)]
pub struct Given<F>(F);

impl<T: ?Sized, F: FnOnce(&T) -> bool> Predicate<T> for Given<F> {
    #[inline(always)]
    fn test(self, value: &T) -> Option<bool> {
        Some((self.0)(value))
    }
}

/// The predicates of one attribute, and the order in which they are asked.
///
/// `R` is the return type of the function: closures find the types of their arguments in it.
///
/// ```
/// use resilient_core::{Failure, Judge, Rejected, Verdict};
///
/// type Answer = Result<u32, &'static str>;
///
/// let judge = || Judge::<Answer>::new().when(|error| *error != "not found");
/// assert_eq!(judge().verdict(&Ok(7)), Verdict::Success);
/// assert_eq!(judge().verdict(&Err(Failure::Error("no answer"))), Verdict::Failure);
/// assert_eq!(judge().verdict(&Err(Failure::Error("not found"))), Verdict::NoFailure);
///
/// let rejected = Rejected::bulkhead_full("search");
/// let refused = judge().verdict(&Err(Failure::Rejected(rejected)));
/// assert_eq!(refused, Verdict::Rejected { rejected, when_rejected: None }, "`when` is not asked");
/// ```
#[derive(Debug)]
pub struct Judge<R, When = Unset, Unless = Unset, WhenOk = Unset, WhenRejected = Unset> {
    when: When,
    unless: Unless,
    when_ok: WhenOk,
    when_rejected: WhenRejected,
    of: PhantomData<fn() -> R>,
}

impl<R: Fallible> Judge<R> {
    /// Without predicates: every error is a failure, every value a success.
    #[inline(always)]
    #[must_use]
    pub const fn new() -> Self {
        Self {
            when: Unset,
            unless: Unset,
            when_ok: Unset,
            when_rejected: Unset,
            of: PhantomData,
        }
    }
}

impl<R: Fallible> Default for Judge<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Fallible, When, Unless, WhenOk, WhenRejected> Judge<R, When, Unless, WhenOk, WhenRejected> {
    /// Only errors for which `test` is true are failures. A refusal is not an error.
    #[inline(always)]
    #[must_use]
    pub fn when<F: FnOnce(&R::Error) -> bool>(
        self,
        test: F,
    ) -> Judge<R, Given<F>, Unless, WhenOk, WhenRejected> {
        let Self {
            unless,
            when_ok,
            when_rejected,
            of,
            ..
        } = self;
        Judge {
            when: Given(test),
            unless,
            when_ok,
            when_rejected,
            of,
        }
    }

    /// Errors for which `test` is true say nothing about the callee. It is asked before
    /// [`when`](Self::when). A refusal is not an error.
    #[inline(always)]
    #[must_use]
    pub fn unless<F: FnOnce(&R::Error) -> bool>(
        self,
        test: F,
    ) -> Judge<R, When, Given<F>, WhenOk, WhenRejected> {
        let Self {
            when,
            when_ok,
            when_rejected,
            of,
            ..
        } = self;
        Judge {
            when,
            unless: Given(test),
            when_ok,
            when_rejected,
            of,
        }
    }

    /// Values for which `test` is true are failures.
    #[inline(always)]
    #[must_use]
    pub fn when_ok<F: FnOnce(&R::Value) -> bool>(
        self,
        test: F,
    ) -> Judge<R, When, Unless, Given<F>, WhenRejected> {
        let Self {
            when,
            unless,
            when_rejected,
            of,
            ..
        } = self;
        Judge {
            when,
            unless,
            when_ok: Given(test),
            when_rejected,
            of,
        }
    }

    /// Decides what a refusal from further in means: for a retry, true is another attempt after its
    /// own delay; for a fallback, false is to let it pass. A circuit breaker does not look at it.
    #[inline(always)]
    #[must_use]
    pub fn when_rejected<F: FnOnce(&Rejected) -> bool>(
        self,
        test: F,
    ) -> Judge<R, When, Unless, WhenOk, Given<F>> {
        let Self {
            when,
            unless,
            when_ok,
            of,
            ..
        } = self;
        Judge {
            when,
            unless,
            when_ok,
            when_rejected: Given(test),
            of,
        }
    }

    /// What `outcome` is, if errors say nothing of themselves: every one may go away by itself.
    ///
    /// A refusal reaches only `when_rejected`, an error `unless` before `when`.
    #[inline]
    pub fn verdict(self, outcome: &Inside<R::Value, R::Error>) -> Verdict
    where
        When: Predicate<R::Error>,
        Unless: Predicate<R::Error>,
        WhenOk: Predicate<R::Value>,
        WhenRejected: Predicate<Rejected>,
    {
        self.verdict_with(outcome, |_| Diagnosis::UNKNOWN)
    }

    /// What `outcome` is, with what `diagnose` makes of an error.
    ///
    /// A refusal reaches only `when_rejected`, also one that came out of another annotated function
    /// as an error. Any other error reaches `unless` before `when`, and its class decides where
    /// neither does. What it says about the time and manner of trying again holds all the same.
    ///
    /// ```
    /// use resilient_core::{Class, Diagnosis, Failure, Judge, Verdict};
    /// use std::io::{Error, ErrorKind};
    ///
    /// let missing = Err(Failure::Error(Error::from(ErrorKind::NotFound)));
    /// let judge = Judge::<Result<u8, Error>>::new();
    /// assert_eq!(judge.verdict_with(&missing, Diagnosis::of), Verdict::Permanent);
    ///
    /// let judge = Judge::<Result<u8, Error>>::new().when(|_| true);
    /// let verdict = judge.verdict_with(&missing, Diagnosis::of);
    /// assert!(matches!(verdict, Verdict::Advised { class: Class::Permanent, .. }));
    /// ```
    #[inline]
    pub fn verdict_with(
        self,
        outcome: &Inside<R::Value, R::Error>,
        diagnose: impl FnOnce(&R::Error) -> Diagnosis,
    ) -> Verdict
    where
        When: Predicate<R::Error>,
        Unless: Predicate<R::Error>,
        WhenOk: Predicate<R::Value>,
        WhenRejected: Predicate<Rejected>,
    {
        match outcome {
            Ok(value) if self.when_ok.test(value) == Some(true) => Verdict::Failure,
            Ok(_) => Verdict::Success,
            Err(_) => failed(
                outcome,
                diagnose,
                self.unless,
                self.when,
                self.when_rejected,
            ),
        }
    }
}

/// Apart, so that a call which succeeds pays nothing for what could be asked of its error.
#[cold]
#[inline(never)]
fn failed<T, E>(
    outcome: &Inside<T, E>,
    diagnose: impl FnOnce(&E) -> Diagnosis,
    unless: impl Predicate<E>,
    when: impl Predicate<E>,
    when_rejected: impl Predicate<Rejected>,
) -> Verdict {
    let refused = |rejected: Rejected| {
        if rejected.is_injected() {
            return Verdict::Failure;
        }
        Verdict::Rejected {
            rejected,
            when_rejected: when_rejected.test(&rejected),
        }
    };
    let error = match outcome {
        Ok(_) => return Verdict::Success,
        Err(Failure::Rejected(rejected)) => return refused(*rejected),
        Err(Failure::Error(error)) => error,
    };
    match diagnose(error) {
        Diagnosis::Rejected(rejected) => refused(rejected),
        Diagnosis::Failure(..) if unless.test(error) == Some(true) => Verdict::Ignored,
        Diagnosis::Failure(class, hint) => match when.test(error) {
            Some(false) => Verdict::NoFailure,
            when => Verdict::on(class, hint, when),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    type Answer = Result<u8, &'static str>;

    fn judge() -> Judge<Answer> {
        Judge::new()
    }

    #[test]
    fn without_predicates_every_error_is_a_failure() {
        assert_eq!(judge().verdict(&Ok(1)), Verdict::Success);
        assert_eq!(judge().verdict(&Err(Failure::Error("x"))), Verdict::Failure);
    }

    #[test]
    fn unless_is_asked_before_when() {
        let outcome = Err(Failure::Error("x"));
        assert_eq!(
            judge().when(|_| true).unless(|_| true).verdict(&outcome),
            Verdict::Ignored
        );
        assert_eq!(
            judge().when(|_| false).unless(|_| false).verdict(&outcome),
            Verdict::NoFailure
        );
        assert_eq!(
            judge().when(|_| true).unless(|_| false).verdict(&outcome),
            Verdict::Failure
        );
    }

    #[test]
    fn when_ok_turns_a_value_into_a_failure() {
        assert_eq!(
            judge().when_ok(|value| *value > 3).verdict(&Ok(4)),
            Verdict::Failure
        );
        assert_eq!(
            judge().when_ok(|value| *value > 3).verdict(&Ok(3)),
            Verdict::Success
        );
    }

    #[test]
    fn a_refusal_reaches_when_rejected_alone() {
        let rejected = Rejected::bulkhead_full("x");
        let verdict = judge()
            .when(|_| unreachable!("asked `when`"))
            .unless(|_| unreachable!("asked `unless`"))
            .when_rejected(|rejected| rejected.policy() == "x")
            .verdict(&Err(Failure::Rejected(rejected)));
        assert_eq!(
            verdict,
            Verdict::Rejected {
                rejected,
                when_rejected: Some(true)
            }
        );
    }

    #[cfg(feature = "testing")]
    #[test]
    fn an_injected_failure_is_one_of_the_body_and_no_predicate_is_asked() {
        let injected = Rejected::injected("x");
        let judge = || {
            judge()
                .when(|_| unreachable!("asked `when`"))
                .unless(|_| unreachable!("asked `unless`"))
                .when_rejected(|_| unreachable!("asked `when_rejected`"))
        };
        let here = Err(Failure::Rejected(injected));
        assert_eq!(judge().verdict(&here), Verdict::Failure);
        let further_in = Err(Failure::Error("x"));
        let verdict = judge().verdict_with(&further_in, |_| Diagnosis::Rejected(injected));
        assert_eq!(verdict, Verdict::Failure);
    }

    const SECOND: Duration = Duration::from_secs(1);

    fn on(class: Class, hint: RetryHint) -> Verdict {
        let error = Err(Failure::Error("x"));
        judge().verdict_with(&error, |_| Diagnosis::Failure(class, hint))
    }

    #[test]
    fn without_predicates_the_class_decides() {
        let plain = RetryHint::new();
        let hint = plain.attempts(5);
        let throttled = |retry_after| Class::Throttled { retry_after };
        let advised = |class, hint| Verdict::Advised { class, hint };
        for (class, hint, expected) in [
            (Class::Transient, plain, Verdict::Failure),
            (Class::Transient, hint, advised(Class::Transient, hint)),
            (throttled(None), plain, advised(throttled(None), plain)),
            (
                throttled(Some(SECOND)),
                plain,
                advised(throttled(Some(SECOND)), plain),
            ),
            (
                throttled(Some(SECOND)),
                hint,
                advised(throttled(Some(SECOND)), hint),
            ),
            (Class::Permanent, hint, Verdict::Permanent),
            (Class::Ignored, hint, Verdict::Ignored),
        ] {
            assert_eq!(on(class, hint), expected, "{class:?}");
        }
    }

    #[test]
    fn predicates_replace_the_class_and_not_what_it_says_about_trying_again() {
        let error = Err(Failure::Error("x"));
        let hint = RetryHint::new().attempts(5);
        for class in [
            Class::Transient,
            Class::Throttled {
                retry_after: Some(SECOND),
            },
            Class::Permanent,
            Class::Ignored,
        ] {
            let diagnose = |_: &&str| Diagnosis::Failure(class, hint);
            assert_eq!(
                judge().when(|_| true).verdict_with(&error, diagnose),
                Verdict::Advised { class, hint }
            );
            assert_eq!(
                judge().when(|_| false).verdict_with(&error, diagnose),
                Verdict::NoFailure
            );
            assert_eq!(
                judge().unless(|_| true).verdict_with(&error, diagnose),
                Verdict::Ignored
            );
            assert_eq!(
                judge().unless(|_| false).verdict_with(&error, diagnose),
                on(class, hint),
                "`unless` that says no leaves it to the class"
            );
        }
    }

    #[test]
    fn a_refusal_inside_an_error_reaches_when_rejected_alone() {
        let rejected = Rejected::bulkhead_full("inner");
        let verdict = judge()
            .when(|_| unreachable!("asked `when`"))
            .unless(|_| unreachable!("asked `unless`"))
            .when_rejected(|rejected| rejected.policy() == "inner")
            .verdict_with(&Err(Failure::Error("x")), |_| Diagnosis::Rejected(rejected));
        assert_eq!(
            verdict,
            Verdict::Rejected {
                rejected,
                when_rejected: Some(true)
            }
        );
    }

    #[test]
    fn a_verdict_is_eight_words_at_most() {
        assert!(size_of::<Verdict>() <= 64, "{}", size_of::<Verdict>());
    }
}
