//! What can be learnt about an error of whatever type, without demanding anything of it.
//!
//! `diagnose!` calls a method on references of different depth to [`Seen`]. Method lookup tries the
//! deepest first, skips what the type's bounds do not allow, and takes off one reference after the
//! other: so the compiler chooses the rung, in generic functions too, by what is known of the type
//! there (D. Tolnay, "Autoref-based stable specialization", 2019).
//!
//! A rung gives a way to ask, which is a type of ours: so all functions with the same error share what
//! is compiled for it.
//!
//! No rung demands `'static`, since method lookup is blind to lifetimes and a type that borrows
//! would be stuck on it. The sources of an error are `'static`, and every refusal has one.

use crate::class::{Classify, Diagnosis};
use crate::error::Rejected;
use std::error::Error;
use std::marker::PhantomData;

/// A type of errors that is being looked at.
#[derive(Debug)]
pub struct Seen<E>(PhantomData<fn(&E)>);

impl<E> Seen<E> {
    /// All errors of this type.
    #[inline(always)]
    #[must_use]
    pub const fn all() -> Self {
        Self(PhantomData)
    }
}

/// What an error says of itself: two rungs.
pub trait ByClass<E> {
    /// The way to ask it.
    type Way: AsksClass<E>;

    /// The way to ask it.
    fn by_class(&self) -> Self::Way;
}

/// A way to ask an error what it says of itself.
pub trait AsksClass<E> {
    /// What it says.
    fn diagnosis(error: &E) -> Diagnosis;
}

/// It is [`Classify`].
#[derive(Clone, Copy, Debug)]
pub struct Classified;

impl<E: Classify> AsksClass<E> for Classified {
    #[cold]
    fn diagnosis(error: &E) -> Diagnosis {
        Diagnosis::of(error)
    }
}

impl<E: Classify> ByClass<E> for &Seen<E> {
    type Way = Classified;

    #[inline(always)]
    fn by_class(&self) -> Classified {
        Classified
    }
}

/// It says nothing.
#[derive(Clone, Copy, Debug)]
pub struct Unclassified;

impl<E> AsksClass<E> for Unclassified {
    #[cold]
    fn diagnosis(_: &E) -> Diagnosis {
        Diagnosis::UNKNOWN
    }
}

impl<E> ByClass<E> for Seen<E> {
    type Way = Unclassified;

    #[inline(always)]
    fn by_class(&self) -> Unclassified {
        Unclassified
    }
}

/// Whether an error is, or was caused by, the refusal of a policy: four rungs.
pub trait BySource<E> {
    /// The way to look for the refusal.
    type Way: LooksForRefusal<E>;

    /// The way to look for the refusal.
    fn by_source(&self) -> Self::Way;
}

/// A way to look for the refusal that an error is, or was caused by.
pub trait LooksForRefusal<E> {
    /// The refusal.
    fn refusal(error: &E) -> Option<Rejected>;
}

/// `anyhow::Error`, `Box<dyn Error + Send + Sync>` and the like.
#[derive(Clone, Copy, Debug)]
pub struct HoldsThreadSafe;

impl<'e, E: AsRef<dyn Error + Send + Sync + 'e>> LooksForRefusal<E> for HoldsThreadSafe {
    #[cold]
    fn refusal(error: &E) -> Option<Rejected> {
        behind(error.as_ref())
    }
}

impl<'e, E: AsRef<dyn Error + Send + Sync + 'e>> BySource<E> for &&&Seen<E> {
    type Way = HoldsThreadSafe;

    #[inline(always)]
    fn by_source(&self) -> HoldsThreadSafe {
        HoldsThreadSafe
    }
}

/// `Box<dyn Error>` and the like.
#[derive(Clone, Copy, Debug)]
pub struct Holds;

impl<'e, E: AsRef<dyn Error + 'e>> LooksForRefusal<E> for Holds {
    #[cold]
    fn refusal(error: &E) -> Option<Rejected> {
        behind(error.as_ref())
    }
}

impl<'e, E: AsRef<dyn Error + 'e>> BySource<E> for &&Seen<E> {
    type Way = Holds;

    #[inline(always)]
    fn by_source(&self) -> Holds {
        Holds
    }
}

/// A type of errors.
#[derive(Clone, Copy, Debug)]
pub struct IsError;

impl<E: Error> LooksForRefusal<E> for IsError {
    #[cold]
    fn refusal(error: &E) -> Option<Rejected> {
        behind(error)
    }
}

impl<E: Error> BySource<E> for &Seen<E> {
    type Way = IsError;

    #[inline(always)]
    fn by_source(&self) -> IsError {
        IsError
    }
}

/// Anything else: nowhere to look.
#[derive(Clone, Copy, Debug)]
pub struct Opaque;

impl<E> LooksForRefusal<E> for Opaque {
    #[inline]
    fn refusal(_: &E) -> Option<Rejected> {
        None
    }
}

impl<E> BySource<E> for Seen<E> {
    type Way = Opaque;

    #[inline(always)]
    fn by_source(&self) -> Opaque {
        Opaque
    }
}

/// The refusal among the sources of `error`, where each has left its reason.
fn behind(error: &(impl Error + ?Sized)) -> Option<Rejected> {
    error.source().and_then(Rejected::find)
}

/// The way to ask an error: what it says of itself, and where it may hide a refusal.
#[derive(Clone, Copy, Debug)]
pub struct Way<C, S>(PhantomData<fn(C, S)>);

/// The way that the two ladders lead to.
#[inline(always)]
pub const fn way<C: Copy, S: Copy>(_: C, _: S) -> Way<C, S> {
    Way(PhantomData)
}

/// What to ask an error with.
#[inline(always)]
pub fn diagnosing<E, C: AsksClass<E>, S: LooksForRefusal<E>>(
    _: Way<C, S>,
) -> impl FnOnce(&E) -> Diagnosis {
    |error| C::diagnosis(error).unless(|| S::refusal(error))
}

/// The way to ask the errors of a type, of which the expression says which it is.
#[doc(hidden)]
#[macro_export]
macro_rules! __resilient_way {
    ($seen:expr) => {{
        use $crate::__private::{ByClass as _, BySource as _};
        let seen = $seen;
        $crate::__private::way((&&seen).by_class(), (&&&&seen).by_source())
    }};
}

/// What to ask the error of an outcome with, which is given by reference.
#[doc(hidden)]
#[macro_export]
macro_rules! __resilient_diagnose {
    ($outcome:expr) => {
        $crate::__private::diagnosing($crate::__private::way!($crate::__private::seen_in(
            $outcome
        )))
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::__private;
    use crate::class::{Class, RetryHint};
    use std::io;

    /// What an error says, asked as an expansion asks an outcome.
    macro_rules! diagnosis {
        ($error:expr) => {{
            let error = $error;
            __private::diagnose!(&none_of(error))(error)
        }};
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is there for its type")]
    fn none_of<E>(_: &E) -> crate::Inside<(), E> {
        Ok(())
    }

    const REFUSED: Rejected = Rejected::bulkhead_full("x");
    const FOUND: Diagnosis = Diagnosis::Rejected(REFUSED);
    const PERMANENT: Diagnosis = Diagnosis::Failure(Class::Permanent, RetryHint::new());

    #[derive(Debug, thiserror::Error)]
    enum Own {
        #[error(transparent)]
        Transparent(Rejected),
        #[error("refused")]
        Source(#[source] Rejected),
        #[error("something else")]
        Other,
    }

    /// Has nothing at all.
    struct Bare;

    #[derive(Debug, thiserror::Error)]
    #[error("not a number: {text}")]
    struct Borrows<'a> {
        text: &'a str,
        source: Rejected,
    }

    /// Says its class, and hides a refusal from it.
    #[derive(Debug, thiserror::Error)]
    #[error("it failed")]
    struct Forgetful(#[source] Option<Rejected>);

    impl Classify for Forgetful {
        fn class(&self) -> Class {
            Class::Permanent
        }
    }

    #[test]
    fn every_type_of_errors_is_looked_into_as_far_as_it_can_be() {
        assert_eq!(diagnosis!(&Own::Transparent(REFUSED)), FOUND);
        assert_eq!(diagnosis!(&Own::Source(REFUSED)), FOUND);
        assert_eq!(diagnosis!(&Own::Other), Diagnosis::UNKNOWN);
        assert_eq!(diagnosis!(&REFUSED), FOUND);
        assert_eq!(diagnosis!(&io::Error::other(REFUSED)), FOUND);
        let hidden = io::Error::other(Own::Transparent(REFUSED));
        assert_eq!(diagnosis!(&hidden), FOUND);
        let missing = io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(diagnosis!(&missing), PERMANENT);

        let boxed: Box<dyn Error> = Box::new(REFUSED);
        assert_eq!(diagnosis!(&boxed), FOUND);
        let boxed: Box<dyn Error + Send + Sync> = Own::Transparent(REFUSED).into();
        assert_eq!(diagnosis!(&boxed), FOUND);
        let boxed: Box<dyn Error + Send + Sync> = "x".into();
        assert_eq!(diagnosis!(&boxed), Diagnosis::UNKNOWN);
    }

    #[test]
    fn a_type_that_is_no_error_is_unknown() {
        assert_eq!(diagnosis!(&Bare), Diagnosis::UNKNOWN);
        assert_eq!(diagnosis!(&"x"), Diagnosis::UNKNOWN);
        assert_eq!(diagnosis!(&String::from("x")), Diagnosis::UNKNOWN);
        assert_eq!(diagnosis!(&()), Diagnosis::UNKNOWN);
    }

    #[test]
    fn an_error_that_borrows_need_not_live_for_ever() {
        let text = String::from("x");
        let source = REFUSED;
        let borrows = Borrows {
            text: &text,
            source,
        };
        assert_eq!(diagnosis!(&borrows), FOUND);
        let boxed: Box<dyn Error + '_> = Box::new(borrows);
        assert_eq!(diagnosis!(&boxed), FOUND);
    }

    #[test]
    fn a_class_does_not_make_a_refusal_anything_else() {
        assert_eq!(diagnosis!(&Forgetful(None)), PERMANENT);
        assert_eq!(diagnosis!(&Forgetful(Some(REFUSED))), FOUND);
    }

    #[test]
    fn a_generic_function_sees_what_its_bounds_say() {
        fn unbounded<E>(error: &E) -> Diagnosis {
            diagnosis!(error)
        }
        fn errors<E: Error>(error: &E) -> Diagnosis {
            diagnosis!(error)
        }
        fn classes<E: Classify>(error: &E) -> Diagnosis {
            diagnosis!(error)
        }
        fn both<E: Classify + Error + 'static>(error: &E) -> Diagnosis {
            diagnosis!(error)
        }
        let error = Forgetful(Some(REFUSED));
        assert_eq!(unbounded(&error), Diagnosis::UNKNOWN);
        assert_eq!(errors(&error), FOUND);
        assert_eq!(classes(&error), PERMANENT);
        assert_eq!(both(&error), FOUND);
    }
}
