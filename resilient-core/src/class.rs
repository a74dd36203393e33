//! What an error says of itself: whether trying again makes sense, and how.

mod http;
#[cfg(feature = "reqwest")]
pub mod reqwest;
#[cfg(feature = "reqwest")]
mod retry_after;
#[cfg(feature = "sqlx")]
mod sqlx;
#[cfg(feature = "tonic")]
mod tonic;

use crate::backoff::{Backoff, Jitter};
use crate::error::Rejected;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// What kind of failure an error is.
///
/// | class | a retry | a circuit breaker |
/// |---|---|---|
/// | `Transient` | tries again | counts a failure |
/// | `Throttled` | tries again, not before `retry_after` | counts a failure |
/// | `Permanent` | ends with it | counts a success: the callee answered |
/// | `Ignored` | ends with it | counts nothing |
///
/// `when` and `unless` on an attribute stand above the class. A fallback answers whatever the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// It may go away by itself.
    Transient,
    /// The callee has too much to do, and may say for how long it wants to be left alone.
    Throttled {
        /// How long, if it said so.
        retry_after: Option<Duration>,
    },
    /// The same call would fail in the same way again.
    Permanent,
    /// It says nothing about the callee.
    Ignored,
}

impl Class {
    /// A stable name, for example `transient`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Throttled { .. } => "throttled",
            Self::Permanent => "permanent",
            Self::Ignored => "ignored",
        }
    }

    /// For how long the callee wants to be left alone, if it said so.
    #[must_use]
    pub const fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } => retry_after,
            Self::Transient | Self::Permanent | Self::Ignored => None,
        }
    }
}

/// How an error wants to be retried. What it leaves open, the policy decides.
///
/// ```
/// use resilient_core::{Backoff, RetryHint};
/// use std::time::Duration;
///
/// const RESET: RetryHint = RetryHint::new()
///     .attempts(3)
///     .backoff(Backoff::linear(Duration::from_millis(50), Duration::from_secs(1)));
/// assert_ne!(RESET, RetryHint::new());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[must_use = "a hint is data: an error gives it to the retry"]
pub struct RetryHint {
    pub(crate) attempts: Option<u32>,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) jitter: Option<Jitter>,
}

impl RetryHint {
    /// A hint that leaves everything to the policy.
    pub const fn new() -> Self {
        Self {
            attempts: None,
            backoff: None,
            jitter: None,
        }
    }

    /// How many attempts a call has, the first included. Zero counts as one. More than what is
    /// written on the function it does not get.
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// How the delays grow; `exponential` doubles them. With it comes the jitter `full`, unless the
    /// hint says another one.
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = Some(backoff);
        self
    }

    /// How chance changes the delays. `decorrelated` is for `exponential` only: with another
    /// backoff it counts as `full`.
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = Some(jitter);
        self
    }
}

/// An error that says of itself whether trying again makes sense, and how.
///
/// Everything that decides about errors understands it: an error type says once which failures
/// deserve another attempt, and every function that returns it behaves accordingly.
/// `#[derive(Classify)]` writes it from `#[class(…)]` on each variant. Without it every error counts
/// as [`Class::Transient`]. A generic function finds it only with the bound `E: Classify`.
///
/// `std::io::Error` has it, and with the features `reqwest`, `tonic` and `sqlx` their errors have.
///
/// ```
/// use resilient_core::{Class, Classify, Rejected, RetryHint};
/// use std::time::Duration;
///
/// enum PriceError {
///     Unknown,
///     Busy { wait: Duration },
///     Rejected(Rejected),
/// }
///
/// impl Classify for PriceError {
///     fn class(&self) -> Class {
///         match self {
///             Self::Unknown => Class::Permanent,
///             Self::Busy { wait } => Class::Throttled { retry_after: Some(*wait) },
///             Self::Rejected(rejected) => rejected.class(),
///         }
///     }
///
///     fn retry(&self) -> Option<RetryHint> {
///         matches!(self, Self::Busy { .. }).then(|| RetryHint::new().attempts(10))
///     }
///
///     fn rejected(&self) -> Option<&Rejected> {
///         match self {
///             Self::Rejected(rejected) => Some(rejected),
///             _ => None,
///         }
///     }
/// }
///
/// let busy = PriceError::Busy { wait: Duration::from_secs(1) };
/// assert_eq!(busy.class(), Class::Throttled { retry_after: Some(Duration::from_secs(1)) });
/// assert_eq!(PriceError::Unknown.retry(), None, "it is not retried at all");
/// let refused = PriceError::Rejected(Rejected::bulkhead_full("pricing"));
/// assert_eq!(refused.rejected().unwrap().policy(), "pricing");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what class of failure it is",
    label = "needs `resilient::Classify`",
    note = "`#[derive(resilient::Classify)]` writes it, with `#[class(transient)]` and the like on \
            each variant"
)]
pub trait Classify {
    /// What kind of failure this is.
    fn class(&self) -> Class;

    /// How it wants to be retried, if it is one that is retried at all.
    fn retry(&self) -> Option<RetryHint> {
        None
    }

    /// The refusal by a policy that this error is, if it is one: it came out of another annotated
    /// function, and is decided about by the rules for refusals, not by its class.
    fn rejected(&self) -> Option<&Rejected> {
        None
    }
}

impl<T: Classify + ?Sized> Classify for &T {
    fn class(&self) -> Class {
        (**self).class()
    }

    fn retry(&self) -> Option<RetryHint> {
        (**self).retry()
    }

    fn rejected(&self) -> Option<&Rejected> {
        (**self).rejected()
    }
}

impl<T: Classify + ?Sized> Classify for Box<T> {
    fn class(&self) -> Class {
        (**self).class()
    }

    fn retry(&self) -> Option<RetryHint> {
        (**self).retry()
    }

    fn rejected(&self) -> Option<&Rejected> {
        (**self).rejected()
    }
}

impl<T: Classify + ?Sized> Classify for Arc<T> {
    fn class(&self) -> Class {
        (**self).class()
    }

    fn retry(&self) -> Option<RetryHint> {
        (**self).retry()
    }

    fn rejected(&self) -> Option<&Rejected> {
        (**self).rejected()
    }
}

impl Classify for Rejected {
    /// Whether asking the same policy again makes sense. What the policies around it do is decided
    /// by the kind of refusal, which [`rejected`](Classify::rejected) tells them.
    fn class(&self) -> Class {
        match self {
            Self::TimedOut(_) | Self::BulkheadFull(_) => Class::Transient,
            Self::CircuitOpen(_) | Self::RateLimited(_) => Class::Throttled {
                retry_after: self.retry_after(),
            },
            Self::ForcedOpen(_) | Self::NoTimeLeft(_) | Self::TooCostly(_) => Class::Permanent,
            #[cfg(feature = "testing")]
            Self::Injected(_) => Class::Transient,
        }
    }

    fn rejected(&self) -> Option<&Rejected> {
        Some(self)
    }
}

impl Classify for io::Error {
    /// Permanent is what will be the same the next time: what is missing, forbidden, there already, not
    /// valid, or not supported. Everything else is transient, so also what has no kind of its own, such as
    /// [`io::Error::other`].
    fn class(&self) -> Class {
        use io::ErrorKind;

        match self.kind() {
            ErrorKind::AddrInUse
            | ErrorKind::AddrNotAvailable
            | ErrorKind::AlreadyExists
            | ErrorKind::ArgumentListTooLong
            | ErrorKind::CrossesDevices
            | ErrorKind::DirectoryNotEmpty
            | ErrorKind::FileTooLarge
            | ErrorKind::InvalidData
            | ErrorKind::InvalidFilename
            | ErrorKind::InvalidInput
            | ErrorKind::IsADirectory
            | ErrorKind::NotADirectory
            | ErrorKind::NotFound
            | ErrorKind::NotSeekable
            | ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::TooManyLinks
            | ErrorKind::Unsupported => Class::Permanent,
            _ => Class::Transient,
        }
    }

    fn rejected(&self) -> Option<&Rejected> {
        among(self.get_ref().map(|inner| inner as _))
    }
}

/// The refusal that `error` is, or has among its sources.
fn among<'a>(error: Option<&'a (dyn Error + 'static)>) -> Option<&'a Rejected> {
    let mut next = error;
    while let Some(error) = next {
        if let Some(rejected) = error.downcast_ref() {
            return Some(rejected);
        }
        next = error.source();
    }
    None
}

/// All that an error says of itself, before anybody's predicates are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Diagnosis {
    /// It is a refusal that came out of another annotated function.
    Rejected(Rejected),
    /// A failure of this class, which wants to be retried like this.
    Failure(Class, RetryHint),
}

impl Diagnosis {
    /// Of an error that says nothing: it may go away by itself.
    pub const UNKNOWN: Self = Self::Failure(Class::Transient, RetryHint::new());

    /// What `error` says.
    ///
    /// ```
    /// use resilient_core::{Class, Diagnosis, RetryHint};
    /// use std::io::{Error, ErrorKind};
    ///
    /// assert_eq!(Diagnosis::of(&Error::from(ErrorKind::ConnectionReset)), Diagnosis::UNKNOWN);
    /// let permanent = Diagnosis::Failure(Class::Permanent, RetryHint::new());
    /// assert_eq!(Diagnosis::of(&Error::from(ErrorKind::NotFound)), permanent);
    /// ```
    #[must_use]
    pub fn of<E: Classify + ?Sized>(error: &E) -> Self {
        match error.rejected() {
            Some(rejected) => Self::Rejected(*rejected),
            None => Self::Failure(error.class(), error.retry().unwrap_or_default()),
        }
    }

    /// The same, unless it turned out to be a refusal.
    #[must_use]
    pub fn unless(self, rejected: impl FnOnce() -> Option<Rejected>) -> Self {
        match self {
            Self::Rejected(_) => self,
            Self::Failure(..) => rejected().map_or(self, Self::Rejected),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error(transparent)]
    struct Hidden(Rejected);

    #[test]
    fn a_lost_connection_and_what_has_no_kind_are_transient_and_a_missing_file_is_not() {
        use io::ErrorKind;

        for kind in [
            ErrorKind::BrokenPipe,
            ErrorKind::ConnectionAborted,
            ErrorKind::ConnectionRefused,
            ErrorKind::ConnectionReset,
            ErrorKind::HostUnreachable,
            ErrorKind::Interrupted,
            ErrorKind::NetworkDown,
            ErrorKind::NetworkUnreachable,
            ErrorKind::NotConnected,
            ErrorKind::TimedOut,
            ErrorKind::UnexpectedEof,
            ErrorKind::WouldBlock,
            ErrorKind::Other,
            ErrorKind::OutOfMemory,
            ErrorKind::ResourceBusy,
            ErrorKind::StorageFull,
        ] {
            assert_eq!(io::Error::from(kind).class(), Class::Transient, "{kind}");
        }
        for kind in [
            ErrorKind::AddrInUse,
            ErrorKind::AddrNotAvailable,
            ErrorKind::AlreadyExists,
            ErrorKind::ArgumentListTooLong,
            ErrorKind::CrossesDevices,
            ErrorKind::DirectoryNotEmpty,
            ErrorKind::FileTooLarge,
            ErrorKind::InvalidData,
            ErrorKind::InvalidFilename,
            ErrorKind::InvalidInput,
            ErrorKind::IsADirectory,
            ErrorKind::NotADirectory,
            ErrorKind::NotFound,
            ErrorKind::NotSeekable,
            ErrorKind::PermissionDenied,
            ErrorKind::ReadOnlyFilesystem,
            ErrorKind::TooManyLinks,
            ErrorKind::Unsupported,
        ] {
            assert_eq!(io::Error::from(kind).class(), Class::Permanent, "{kind}");
        }
        // Too many open files: the standard library has no kind for it.
        let without_a_kind = io::Error::from_raw_os_error(24);
        assert_eq!(without_a_kind.class(), Class::Transient, "{without_a_kind}");
    }

    #[test]
    fn a_refusal_inside_an_io_error_is_one_whatever_its_kind() {
        let refused = Rejected::bulkhead_full("x");
        for error in [io::Error::other(refused), io::Error::from(refused)] {
            assert_eq!(Diagnosis::of(&error), Diagnosis::Rejected(refused));
        }
        assert_eq!(io::Error::other("x").rejected(), None);
    }

    /// Says nothing of itself but its source.
    #[derive(Debug, thiserror::Error)]
    #[error("it failed")]
    struct Caused<E: Error + 'static>(#[source] E);

    #[test]
    fn a_refusal_is_found_as_deep_below_an_io_error_as_it_may_be() {
        for refused in [
            Rejected::bulkhead_full("x"),
            Rejected::timed_out("x", Duration::from_secs(1)),
        ] {
            let found = Diagnosis::Rejected(refused);
            assert_eq!(Diagnosis::of(&io::Error::other(Caused(refused))), found);
            let deep = Caused(Caused(Caused(refused)));
            assert_eq!(Diagnosis::of(&io::Error::other(deep)), found);
            let nested = Caused(io::Error::other(Caused(refused)));
            assert_eq!(Diagnosis::of(&io::Error::other(nested)), found);
        }
        let other = io::Error::other(Caused(Caused(std::fmt::Error)));
        assert_eq!(other.rejected(), None);
    }

    #[test]
    fn a_box_an_arc_and_a_reference_say_what_is_inside() {
        let error = || io::Error::from(io::ErrorKind::TimedOut);
        assert_eq!(Diagnosis::of(&Box::new(error())), Diagnosis::UNKNOWN);
        assert_eq!(Diagnosis::of(&Arc::new(error())), Diagnosis::UNKNOWN);
        assert_eq!(Diagnosis::of(&&error()), Diagnosis::UNKNOWN);
        let refused = Rejected::forced_open("x");
        assert_eq!(
            Diagnosis::of(&Box::new(refused)),
            Diagnosis::Rejected(refused)
        );
    }

    #[test]
    fn a_refusal_says_whether_the_policy_is_worth_asking_again() {
        let second = Duration::from_secs(1);
        for (refused, class) in [
            (Rejected::timed_out("x", second), Class::Transient),
            (Rejected::bulkhead_full("x"), Class::Transient),
            (
                Rejected::circuit_open("x", second),
                Class::Throttled {
                    retry_after: Some(second),
                },
            ),
            (
                Rejected::rate_limited("x", second),
                Class::Throttled {
                    retry_after: Some(second),
                },
            ),
            (Rejected::forced_open("x"), Class::Permanent),
            (Rejected::no_time_left("x"), Class::Permanent),
        ] {
            assert_eq!(refused.class(), class, "{refused}");
            assert_eq!(refused.rejected(), Some(&refused));
        }
    }

    #[test]
    fn a_refusal_that_hides_from_the_class_is_looked_for_once_more() {
        let refused = Rejected::bulkhead_full("x");
        let hidden = io::Error::other(Hidden(refused));
        let diagnosis = Diagnosis::of(&hidden);
        assert!(matches!(diagnosis, Diagnosis::Failure(..)));
        let found = diagnosis.unless(|| Rejected::find(&hidden));
        assert_eq!(found, Diagnosis::Rejected(refused));
        assert_eq!(
            Diagnosis::UNKNOWN.unless(|| None),
            Diagnosis::UNKNOWN,
            "nothing was found"
        );
        let known = found.unless(|| unreachable!("it is known already"));
        assert_eq!(known, found);
    }
}
