//! What a service under a pipeline answers where it has no response.

use resilient_core::{Class, Classify, Rejected, RetryHint};

/// Why a service under a pipeline has no response.
///
/// It is as transparent as the variants that annotated functions have: a refusal is found in it with
/// [`Rejected::find`], and it is [`Classify`] where the service's own error is.
///
/// ```
/// use resilient_core::Rejected;
/// use resilient_tower::Error;
///
/// let full = Error::<std::io::Error>::Rejected(Rejected::bulkhead_full("pricing"));
/// assert_eq!(full.to_string(), "bulkhead `pricing` is full");
/// assert!(Rejected::find(&full).is_some());
/// let failed = Error::Service(std::io::Error::other("no route"));
/// assert_eq!(Rejected::find(&failed), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error<E> {
    /// A policy of the pipeline refused the call, or cut it off.
    #[error(transparent)]
    Rejected(Rejected),
    /// The service failed with its own error.
    #[error(transparent)]
    Service(E),
}

#[diagnostic::do_not_recommend]
impl<E: Classify> Classify for Error<E> {
    fn class(&self) -> Class {
        match self {
            Self::Rejected(rejected) => rejected.class(),
            Self::Service(error) => error.class(),
        }
    }

    fn retry(&self) -> Option<RetryHint> {
        match self {
            Self::Rejected(rejected) => rejected.retry(),
            Self::Service(error) => error.retry(),
        }
    }

    fn rejected(&self) -> Option<&Rejected> {
        match self {
            Self::Rejected(rejected) => Some(rejected),
            Self::Service(error) => error.rejected(),
        }
    }
}
