//! What a policy answers instead of running, or finishing, the work.

use crate::time::{NEVER, Nanos, nanos};
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why a call was refused or cut off, by which policy, and when it may be tried again.
///
/// A function keeps its own error type: what a policy refused arrives in it through
/// `From<Rejected>`, or through `map_err = path` on an attribute.
///
/// ```
/// use resilient_core::Rejected;
/// use std::time::Duration;
///
/// #[derive(Debug, thiserror::Error)]
/// enum PriceError {
///     #[error("no such item")]
///     Unknown,
///     #[error(transparent)]
///     Rejected(#[from] Rejected),
/// }
///
/// let refused = PriceError::from(Rejected::circuit_open("pricing", Duration::from_secs(7)));
/// assert_eq!(refused.to_string(), "circuit breaker `pricing` is open, retry in 7s");
/// assert_eq!(Rejected::find(&refused).unwrap().retry_after(), Some(Duration::from_secs(7)));
/// assert_eq!(Rejected::find(&PriceError::Unknown), None, "an error of the work itself");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// A circuit breaker is open, or half-open with all its places for probes taken.
    #[error("circuit breaker `{}` is open{}", .0.policy, .0.retry())]
    CircuitOpen(#[source] Reason),
    /// Somebody forced a circuit breaker open.
    #[error("circuit breaker `{}` is forced open", .0.policy)]
    ForcedOpen(#[source] Reason),
    /// The work took longer than its timeout, and was dropped.
    #[error("timeout `{}` cut the call off after {}{}", .0.policy, .0.span(), .0.whose())]
    TimedOut(#[source] Reason),
    /// An outer timeout had already passed when a timeout was about to start.
    #[error("timeout `{}` refused the call: the outer deadline has passed", .0.policy)]
    NoTimeLeft(#[source] Reason),
    /// A bulkhead has as many calls inside, and waiting, as it allows.
    #[error("bulkhead `{}` is full", .0.policy)]
    BulkheadFull(#[source] Reason),
    /// A rate limit has nothing left to give.
    #[error("rate limit `{}` is exceeded{}", .0.policy, .0.retry())]
    RateLimited(#[source] Reason),
    /// A call costs more than its rate limit or bulkhead ever has to give, however long it waits.
    #[error("`{}` never admits a call that costs {}: at most {}", .0.policy, .0.cost(), .0.most())]
    TooCostly(#[source] Reason),
    /// A chaos switch of a test failed the call. The policies around it take it for a failure of the
    /// work, which may go away by itself.
    #[cfg(feature = "testing")]
    #[error("chaos on `{}` failed the call", .0.policy)]
    Injected(#[source] Reason),
}

impl Rejected {
    /// The refusal of an open circuit breaker that lets a call through after `retry_after`.
    #[must_use]
    pub const fn circuit_open(policy: &'static str, retry_after: Duration) -> Self {
        Self::circuit_open_for(policy, nanos(retry_after))
    }

    /// The same for who has no `Duration`: a breaker that is open refuses many calls, and seconds would
    /// have to be divided out of the wait, and multiplied into it again.
    #[inline]
    pub(crate) const fn circuit_open_for(policy: &'static str, wait: Nanos) -> Self {
        Self::CircuitOpen(Reason::new(What::CircuitOpen, policy, wait))
    }

    /// The refusal of a circuit breaker that was forced open.
    #[must_use]
    pub const fn forced_open(policy: &'static str) -> Self {
        Self::ForcedOpen(Reason::new(What::ForcedOpen, policy, NEVER))
    }

    /// A call that was cut off after `after`.
    #[must_use]
    pub const fn timed_out(policy: &'static str, after: Duration) -> Self {
        Self::TimedOut(Reason::new(What::TimedOut, policy, nanos(after)))
    }

    /// A call that was cut off after `after`, before its own timeout, because the deadline of an
    /// outer one had come.
    #[must_use]
    pub const fn timed_out_early(policy: &'static str, after: Duration) -> Self {
        Self::TimedOut(Reason::new(What::TimedOutEarly, policy, nanos(after)))
    }

    /// A call that was not begun because an outer deadline had passed.
    #[must_use]
    pub const fn no_time_left(policy: &'static str) -> Self {
        Self::NoTimeLeft(Reason::new(What::NoTimeLeft, policy, NEVER))
    }

    /// The refusal of a full bulkhead.
    #[must_use]
    pub const fn bulkhead_full(policy: &'static str) -> Self {
        Self::BulkheadFull(Reason::new(What::BulkheadFull, policy, NEVER))
    }

    /// The refusal of a rate limit that has something to give after `retry_after`.
    #[must_use]
    pub const fn rate_limited(policy: &'static str, retry_after: Duration) -> Self {
        Self::RateLimited(Reason::new(What::RateLimited, policy, nanos(retry_after)))
    }

    /// The refusal of a call that costs `cost` by a policy that never gives more than `most`.
    #[must_use]
    pub const fn too_costly(policy: &'static str, cost: u32, most: u32) -> Self {
        let length = (cost as Nanos) << 32 | most as Nanos;
        Self::TooCostly(Reason::new(What::TooCostly, policy, length))
    }

    /// A call that the chaos switch on `policy` failed.
    #[cfg(feature = "testing")]
    #[must_use]
    pub const fn injected(policy: &'static str) -> Self {
        Self::Injected(Reason::new(What::Injected, policy, NEVER))
    }

    /// True if a chaos switch failed the call, and no policy refused it.
    #[must_use]
    pub(crate) const fn is_injected(&self) -> bool {
        match self {
            #[cfg(feature = "testing")]
            Self::Injected(_) => true,
            _ => false,
        }
    }

    /// The reason, which names the policy.
    #[must_use]
    pub const fn reason(&self) -> &Reason {
        match self {
            Self::CircuitOpen(reason)
            | Self::ForcedOpen(reason)
            | Self::TimedOut(reason)
            | Self::NoTimeLeft(reason)
            | Self::BulkheadFull(reason)
            | Self::RateLimited(reason)
            | Self::TooCostly(reason) => reason,
            #[cfg(feature = "testing")]
            Self::Injected(reason) => reason,
        }
    }

    /// The name of the policy that refused the call or cut it off.
    #[must_use]
    pub const fn policy(&self) -> &'static str {
        self.reason().policy
    }

    /// A stable name for logs and metrics, for example `circuit_open`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CircuitOpen(_) => "circuit_open",
            Self::ForcedOpen(_) => "forced_open",
            Self::TimedOut(_) => "timed_out",
            Self::NoTimeLeft(_) => "no_time_left",
            Self::BulkheadFull(_) => "bulkhead_full",
            Self::RateLimited(_) => "rate_limited",
            Self::TooCostly(_) => "too_costly",
            #[cfg(feature = "testing")]
            Self::Injected(_) => "injected",
        }
    }

    /// How long to wait before the same policy may admit a call, where it is known.
    ///
    /// An open circuit breaker and an empty rate limit know it; a full bulkhead does not.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::CircuitOpen(reason) | Self::RateLimited(reason) => Some(reason.length()),
            _ => None,
        }
    }

    /// True for [`Rejected::TimedOut`]: the work was begun, and may have had an effect.
    #[must_use]
    pub const fn was_begun(&self) -> bool {
        matches!(self, Self::TimedOut(_))
    }

    /// True if a timeout cut the call off before its own time, because the deadline of an outer
    /// one had come.
    ///
    /// ```
    /// use resilient_core::Rejected;
    /// use std::time::Duration;
    ///
    /// let second = Duration::from_secs(1);
    /// assert!(Rejected::timed_out_early("attempt", second).hit_outer_deadline());
    /// assert!(!Rejected::timed_out("attempt", second).hit_outer_deadline());
    /// ```
    #[must_use]
    pub const fn hit_outer_deadline(&self) -> bool {
        matches!(self.reason().what, What::TimedOutEarly)
    }

    /// The refusal that `error` is or was caused by, wherever it stands in the chain of sources.
    ///
    /// It is found behind `#[error(transparent)]` and [`std::io::Error::other`] too, which hide
    /// the value itself: the typed [`Reason`] is a source of every refusal.
    #[must_use]
    pub fn find(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(rejected) = error.downcast_ref::<Self>() {
                return Some(*rejected);
            }
            if let Some(reason) = error.downcast_ref::<Reason>() {
                return Some(Self::from(*reason));
            }
            next = error.source();
        }
        None
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Rejected {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;

        #[derive(serde::Serialize)]
        struct RetryAfter(
            #[serde(serialize_with = "crate::data::millis_or_null")] Option<Duration>,
        );

        let mut fields = serializer.serialize_struct("Rejected", 3)?;
        fields.serialize_field("rejected", self.name())?;
        fields.serialize_field("policy", self.policy())?;
        fields.serialize_field("retry_after_ms", &RetryAfter(self.retry_after()))?;
        fields.end()
    }
}

impl From<Reason> for Rejected {
    fn from(reason: Reason) -> Self {
        match reason.what {
            What::CircuitOpen => Self::CircuitOpen(reason),
            What::ForcedOpen => Self::ForcedOpen(reason),
            What::TimedOut | What::TimedOutEarly => Self::TimedOut(reason),
            What::NoTimeLeft => Self::NoTimeLeft(reason),
            What::BulkheadFull => Self::BulkheadFull(reason),
            What::RateLimited => Self::RateLimited(reason),
            What::TooCostly => Self::TooCostly(reason),
            #[cfg(feature = "testing")]
            What::Injected => Self::Injected(reason),
        }
    }
}

impl From<Rejected> for std::io::Error {
    /// `TimedOut` and `NoTimeLeft` become [`std::io::ErrorKind::TimedOut`], all others
    /// [`std::io::ErrorKind::Other`]; [`Rejected::find`] finds the refusal in either.
    fn from(rejected: Rejected) -> Self {
        let kind = match rejected {
            Rejected::TimedOut(_) | Rejected::NoTimeLeft(_) => std::io::ErrorKind::TimedOut,
            _ => std::io::ErrorKind::Other,
        };
        Self::new(kind, rejected)
    }
}

/// The typed source of every [`Rejected`].
///
/// It is what is left to be found where an error type hides the refusal itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    what: What,
    policy: &'static str,
    /// Until the next chance, or what was waited for; `NEVER` where that means nothing. Of a call
    /// that is too costly, its cost above the most that there is.
    length: Nanos,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    CircuitOpen,
    ForcedOpen,
    TimedOut,
    TimedOutEarly,
    NoTimeLeft,
    BulkheadFull,
    RateLimited,
    TooCostly,
    #[cfg(feature = "testing")]
    Injected,
}

impl Reason {
    const fn new(what: What, policy: &'static str, length: Nanos) -> Self {
        Self {
            what,
            policy,
            length,
        }
    }

    /// The name of the policy.
    #[must_use]
    pub const fn policy(&self) -> &'static str {
        self.policy
    }

    const fn length(&self) -> Duration {
        Duration::from_nanos(self.length)
    }

    const fn cost(&self) -> u64 {
        self.length >> 32
    }

    const fn most(&self) -> u64 {
        self.length & 0xffff_ffff
    }

    fn retry(&self) -> String {
        if self.length == 0 {
            return ", retry at once".to_owned();
        }
        format!(", retry in {}", self.span())
    }

    const fn whose(&self) -> &'static str {
        match self.what {
            What::TimedOutEarly => ", when the deadline of an outer timeout had come",
            _ => "",
        }
    }

    /// The length to a hundredth of its unit, rounded up: who reads an error wants no nanoseconds.
    fn span(&self) -> String {
        let nanos = self.length;
        let unit = match nanos {
            ..1_000 => return format!("{:?}", self.length()),
            1_000..1_000_000 => 1,
            1_000_000..1_000_000_000 => 1_000,
            _ => 1_000_000,
        };
        format!(
            "{:?}",
            Duration::from_nanos(nanos.div_ceil(unit * 10) * unit * 10)
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.what {
            What::TimedOut | What::TimedOutEarly => {
                "the work was begun and was dropped before it had finished"
            }
            _ => "the work was not begun",
        })
    }
}

impl Error for Reason {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error(transparent)]
    struct Hidden(Rejected);

    #[test]
    fn a_refusal_is_found_wherever_an_error_hides_it() {
        let refused = Rejected::rate_limited("search", Duration::from_millis(20));
        assert_eq!(Rejected::find(&refused), Some(refused));
        assert_eq!(Rejected::find(&Hidden(refused)), Some(refused));
        assert_eq!(
            Rejected::find(&std::io::Error::other(refused)),
            Some(refused)
        );
        assert_eq!(
            Rejected::find(&std::io::Error::from(refused)),
            Some(refused)
        );
        assert_eq!(
            Rejected::find(&std::io::Error::other(Hidden(refused))),
            Some(refused)
        );
        assert_eq!(Rejected::find(&fmt::Error), None);
    }

    #[test]
    fn every_refusal_survives_the_way_through_its_reason() {
        for refused in [
            Rejected::circuit_open("x", Duration::from_secs(1)),
            Rejected::forced_open("x"),
            Rejected::timed_out("x", Duration::from_secs(1)),
            Rejected::timed_out_early("x", Duration::from_secs(1)),
            Rejected::no_time_left("x"),
            Rejected::bulkhead_full("x"),
            Rejected::rate_limited("x", Duration::ZERO),
            Rejected::too_costly("x", 9, 4),
            #[cfg(feature = "testing")]
            Rejected::injected("x"),
        ] {
            assert_eq!(Rejected::from(*refused.reason()), refused);
            assert_eq!(refused.policy(), "x");
        }
    }

    #[test]
    fn only_who_knows_it_says_when_to_try_again() {
        let second = Duration::from_secs(1);
        assert_eq!(
            Rejected::circuit_open("x", second).retry_after(),
            Some(second)
        );
        assert_eq!(Rejected::timed_out("x", second).retry_after(), None);
        assert_eq!(Rejected::bulkhead_full("x").retry_after(), None);
        assert_eq!(Rejected::too_costly("x", 9, 4).retry_after(), None);
    }

    #[test]
    fn messages_round_lengths_up_to_a_hundredth_of_their_unit() {
        let message = Rejected::circuit_open("x", Duration::from_nanos(6_998_765_432)).to_string();
        assert_eq!(message, "circuit breaker `x` is open, retry in 7s");
        let message = Rejected::timed_out("x", Duration::from_micros(1_004)).to_string();
        assert_eq!(message, "timeout `x` cut the call off after 1.01ms");
        let message = Rejected::rate_limited("x", Duration::ZERO).to_string();
        assert_eq!(message, "rate limit `x` is exceeded, retry at once");
        let message = Rejected::too_costly("x", u32::MAX, 4).to_string();
        assert_eq!(
            message,
            "`x` never admits a call that costs 4294967295: at most 4"
        );
    }
}
