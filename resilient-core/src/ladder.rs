//! What can be learnt about an error of whatever type, without demanding anything of it.
//!
//! `diagnose!` calls a method on references of different depth around the error. Method lookup tries the deepest first, skips what the type's bounds do not allow,
//! and takes off one reference after the other: so the compiler chooses the rung, in generic
//! functions too, by what is known of the type there (D. Tolnay, "Autoref-based stable
//! specialization", 2019).
//!
//! No rung demands `'static`, since method lookup is blind to lifetimes and a type that borrows
//! would be stuck on it. The sources of an error are `'static`, and every refusal has one.

use crate::class::{Classify, Diagnosis};
use crate::error::Rejected;
use std::error::Error;

/// An error that is being looked at.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a, E>(pub &'a E);

/// What the error says of itself: two rungs.
pub trait ByClass {
    /// What it says.
    fn diagnosis(&self) -> Diagnosis;
}

/// It is [`Classify`].
impl<E: Classify> ByClass for &Seen<'_, E> {
    #[cold]
    fn diagnosis(&self) -> Diagnosis {
        Diagnosis::of(self.0)
    }
}

/// It says nothing.
impl<E> ByClass for Seen<'_, E> {
    #[cold]
    fn diagnosis(&self) -> Diagnosis {
        Diagnosis::UNKNOWN
    }
}

/// Whether the error is, or was caused by, the refusal of a policy: four rungs.
pub trait BySource {
    /// The refusal.
    fn refusal(&self) -> Option<Rejected>;
}

/// `anyhow::Error`, `Box<dyn Error + Send + Sync>` and the like.
impl<'e, E: AsRef<dyn Error + Send + Sync + 'e>> BySource for &&&Seen<'_, E> {
    #[cold]
    fn refusal(&self) -> Option<Rejected> {
        behind(self.0.as_ref())
    }
}

/// `Box<dyn Error>` and the like.
impl<'e, E: AsRef<dyn Error + 'e>> BySource for &&Seen<'_, E> {
    #[cold]
    fn refusal(&self) -> Option<Rejected> {
        behind(self.0.as_ref())
    }
}

/// A type of errors.
impl<E: Error> BySource for &Seen<'_, E> {
    #[cold]
    fn refusal(&self) -> Option<Rejected> {
        behind(self.0)
    }
}

/// Anything else: nowhere to look.
impl<E> BySource for Seen<'_, E> {
    #[inline]
    fn refusal(&self) -> Option<Rejected> {
        None
    }
}

/// The refusal among the sources of `error`, where each has left its reason.
fn behind(error: &(impl Error + ?Sized)) -> Option<Rejected> {
    error.source().and_then(Rejected::find)
}

/// The [`Diagnosis`] of an error, which is given by reference; or the closure that makes it.
#[doc(hidden)]
#[macro_export]
macro_rules! __resilient_diagnose {
    () => {
        |error| $crate::__private::diagnose!(error)
    };
    ($error:expr) => {{
        use $crate::__private::{ByClass as _, BySource as _};
        let seen = $crate::__private::Seen($error);
        (&&seen).diagnosis().unless(|| (&&&&seen).refusal())
    }};
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::__private::diagnose;
    use crate::class::{Class, RetryHint};
    use std::io;

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
        assert_eq!(diagnose!(&Own::Transparent(REFUSED)), FOUND);
        assert_eq!(diagnose!(&Own::Source(REFUSED)), FOUND);
        assert_eq!(diagnose!(&Own::Other), Diagnosis::UNKNOWN);
        assert_eq!(diagnose!(&REFUSED), FOUND);
        assert_eq!(diagnose!(&io::Error::other(REFUSED)), FOUND);
        let hidden = io::Error::other(Own::Transparent(REFUSED));
        assert_eq!(diagnose!(&hidden), FOUND);
        let missing = io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(diagnose!(&missing), PERMANENT);

        let boxed: Box<dyn Error> = Box::new(REFUSED);
        assert_eq!(diagnose!(&boxed), FOUND);
        let boxed: Box<dyn Error + Send + Sync> = Own::Transparent(REFUSED).into();
        assert_eq!(diagnose!(&boxed), FOUND);
        let boxed: Box<dyn Error + Send + Sync> = "x".into();
        assert_eq!(diagnose!(&boxed), Diagnosis::UNKNOWN);
    }

    #[test]
    fn a_type_that_is_no_error_is_unknown() {
        assert_eq!(diagnose!(&Bare), Diagnosis::UNKNOWN);
        assert_eq!(diagnose!(&"x"), Diagnosis::UNKNOWN);
        assert_eq!(diagnose!(&String::from("x")), Diagnosis::UNKNOWN);
        assert_eq!(diagnose!(&()), Diagnosis::UNKNOWN);
    }

    #[test]
    fn an_error_that_borrows_need_not_live_for_ever() {
        let text = String::from("x");
        let source = REFUSED;
        let borrows = Borrows {
            text: &text,
            source,
        };
        assert_eq!(diagnose!(&borrows), FOUND);
        let boxed: Box<dyn Error + '_> = Box::new(borrows);
        assert_eq!(diagnose!(&boxed), FOUND);
    }

    #[test]
    fn a_class_does_not_make_a_refusal_anything_else() {
        assert_eq!(diagnose!(&Forgetful(None)), PERMANENT);
        assert_eq!(diagnose!(&Forgetful(Some(REFUSED))), FOUND);
    }

    #[test]
    fn a_generic_function_sees_what_its_bounds_say() {
        fn unbounded<E>(error: &E) -> Diagnosis {
            diagnose!(error)
        }
        fn errors<E: Error>(error: &E) -> Diagnosis {
            diagnose!(error)
        }
        fn classes<E: Classify>(error: &E) -> Diagnosis {
            diagnose!(error)
        }
        fn both<E: Classify + Error + 'static>(error: &E) -> Diagnosis {
            diagnose!(error)
        }
        let error = Forgetful(Some(REFUSED));
        assert_eq!(unbounded(&error), Diagnosis::UNKNOWN);
        assert_eq!(errors(&error), FOUND);
        assert_eq!(classes(&error), PERMANENT);
        assert_eq!(both(&error), FOUND);
    }
}
