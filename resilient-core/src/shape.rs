//! Whether a function returns a `Result`, where only the compiler knows: a name may be an alias.
//!
//! [`Shape::known`] is an inherent method for every `Result` and the method of a trait for
//! everything, and method lookup asks the former first. So the compiler chooses between [`OfResult`]
//! and [`OfValue`], which do the same things with the same names, each in its own way.
//!
//! In a generic function a parameter is a value, whatever it will be.

use crate::error::Rejected;
use crate::outcome::{Failure, FromRejected, Inside, Judge};
use crate::policy::Ruling;
use std::marker::PhantomData;

/// The return type of a function.
#[derive(Debug)]
pub struct Shape<R>(PhantomData<fn() -> R>);

impl<R> Shape<R> {
    /// The shape of `R`, which is still to be found out.
    #[inline(always)]
    #[must_use]
    pub const fn of() -> Self {
        Self(PhantomData)
    }
}

impl<T, E> Shape<Result<T, E>> {
    /// It is a `Result`.
    #[inline(always)]
    #[must_use]
    pub const fn known(self) -> OfResult<T, E> {
        OfResult(PhantomData)
    }
}

/// The way out for all that is no `Result`.
pub trait Known<R> {
    /// It is a value.
    fn known(self) -> OfValue<R>;
}

impl<R> Known<R> for Shape<R> {
    #[inline(always)]
    fn known(self) -> OfValue<R> {
        OfValue(PhantomData)
    }
}

/// The function returns a `Result`: its errors are failures.
#[derive(Debug)]
pub struct OfResult<T, E>(PhantomData<fn() -> Result<T, E>>);

impl<T, E> OfResult<T, E> {
    /// The predicates of one attribute.
    #[inline(always)]
    #[must_use]
    pub const fn judge(self) -> Judge<Result<T, E>> {
        Judge::new()
    }

    /// What the body or a fallback gave, as it travels between policies.
    ///
    /// # Errors
    ///
    /// The function's own error.
    #[inline(always)]
    pub fn split(self, returned: Result<T, E>) -> Inside<T, E> {
        returned.map_err(Failure::Error)
    }

    /// What the function returns for a value of a fallback.
    ///
    /// # Errors
    ///
    /// None.
    #[inline(always)]
    pub fn answer(self, value: T) -> Result<T, E> {
        Ok(value)
    }

    /// Whether a fallback did answer.
    #[inline(always)]
    pub const fn is_answered(self, returned: &Result<T, E>) -> bool {
        returned.is_ok()
    }

    /// The function's own error for what failed inside.
    #[inline(always)]
    pub fn error(self, failure: Failure<E>) -> E
    where
        E: FromRejected,
    {
        match failure {
            Failure::Error(error) => error,
            Failure::Rejected(rejected) => E::from_rejected(rejected),
        }
    }

    /// The same in a stack in which nothing refuses.
    #[inline(always)]
    pub fn error_unrejected(self, failure: Failure<E>) -> E {
        match failure {
            Failure::Error(error) => error,
            Failure::Rejected(rejected) => {
                unreachable!("no policy of this stack refuses: {rejected}")
            }
        }
    }

    /// What the function returns, if the fallback at the top lets it pass.
    ///
    /// # Errors
    ///
    /// What the fallback has to answer.
    #[inline(always)]
    pub fn kept(self, ruling: Ruling<T, E>) -> Result<Result<T, E>, Failure<E>>
    where
        E: FromRejected,
    {
        match ruling {
            Ruling::Keep(outcome) => Ok(outcome.map_err(|failure| self.error(failure))),
            Ruling::Replace(failure) => Err(failure),
        }
    }

    /// The same in a stack in which nothing refuses.
    ///
    /// # Errors
    ///
    /// What the fallback has to answer.
    #[inline(always)]
    pub fn kept_unrejected(self, ruling: Ruling<T, E>) -> Result<Result<T, E>, Failure<E>> {
        match ruling {
            Ruling::Keep(outcome) => Ok(outcome.map_err(|failure| self.error_unrejected(failure))),
            Ruling::Replace(failure) => Err(failure),
        }
    }
}

/// The function returns a value: nothing fails but by a refusal, and the fallback at the top answers
/// also if it is switched off.
#[derive(Debug)]
pub struct OfValue<R>(PhantomData<fn() -> R>);

impl<R> OfValue<R> {
    /// The predicates of one attribute.
    #[inline(always)]
    #[must_use]
    pub const fn judge(self) -> Judge<Result<R, Rejected>> {
        Judge::new()
    }

    /// What the body or a fallback gave, as it travels between policies.
    ///
    /// # Errors
    ///
    /// None.
    #[inline(always)]
    pub fn split(self, returned: R) -> Inside<R, Rejected> {
        Ok(returned)
    }

    /// What the function returns for a value of a fallback.
    #[inline(always)]
    pub fn answer(self, value: R) -> R {
        value
    }

    /// Whether a fallback did answer.
    #[inline(always)]
    pub const fn is_answered(self, _: &R) -> bool {
        true
    }

    /// The refusal.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "it is called as for a `Result`"
    )]
    #[inline(always)]
    pub const fn error(self, failure: Failure<Rejected>) -> Rejected {
        match failure {
            Failure::Error(rejected) | Failure::Rejected(rejected) => rejected,
        }
    }

    /// The refusal.
    #[inline(always)]
    pub const fn error_unrejected(self, failure: Failure<Rejected>) -> Rejected {
        self.error(failure)
    }

    /// What the function returns, if there is a value.
    ///
    /// # Errors
    ///
    /// What the fallback has to answer.
    #[inline(always)]
    pub fn kept(self, ruling: Ruling<R, Rejected>) -> Result<R, Failure<Rejected>> {
        match ruling {
            Ruling::Keep(outcome) => outcome,
            Ruling::Replace(failure) => Err(failure),
        }
    }

    /// What the function returns, if there is a value.
    ///
    /// # Errors
    ///
    /// What the fallback has to answer.
    #[inline(always)]
    pub fn kept_unrejected(self, ruling: Ruling<R, Rejected>) -> Result<R, Failure<Rejected>> {
        self.kept(ruling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Answer = Result<u8, &'static str>;

    struct Page<'a>(&'a str);

    const REFUSED: Failure<Rejected> = Failure::Rejected(Rejected::bulkhead_full("x"));

    #[test]
    fn an_alias_of_a_result_is_one() {
        let shape = || Shape::<Answer>::of().known();
        assert_eq!(shape().split(Err("x")), Err(Failure::Error("x")));
        assert_eq!(shape().answer(7), Ok(7));
        assert!(!shape().is_answered(&Err("x")));
        let kept = shape().kept_unrejected(Ruling::Keep(Err(Failure::Error("x"))));
        assert_eq!(kept, Ok(Err("x")), "a fallback that is switched off");
    }

    #[test]
    fn everything_else_is_a_value_and_never_leaves_without_one() {
        fn generic<T>(value: T) -> bool {
            let shape = Shape::<T>::of().known();
            shape.split(value).is_ok()
        }
        assert!(generic(7), "a parameter");
        assert!(generic(Answer::Err("x")), "whatever it is");
        let text = String::from("text");
        let page = Shape::<Page<'_>>::of().known().answer(Page(&text));
        assert_eq!(page.0, "text");
        for ruling in [Ruling::Keep(Err(REFUSED)), Ruling::Replace(REFUSED)] {
            assert_eq!(Shape::<u8>::of().known().kept(ruling), Err(REFUSED));
        }
    }
}
