//! What settings are made of.

use std::fmt;
use std::time::Duration;

/// The kind of a policy, for example `circuit_breaker`: its name in files, snapshots and events.
///
/// Open on purpose: kinds that this crate does not know are registered, listed and reported in the
/// same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub struct Kind(&'static str);

impl Kind {
    /// A kind with this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name of the kind.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

/// A share of a whole, exact to one part in a million.
///
/// ```
/// use resilient_core::Share;
///
/// assert_eq!(Share::percent(50), Share::ratio(0.5));
/// assert_eq!(Share::percent(7).to_string(), "7%");
/// assert!(Share::percent(7).is_reached(7, 100));
/// assert!(!Share::percent(7).is_reached(6, 100));
/// assert_eq!(Share::percent(101), Share::percent(100), "there is no more than the whole");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub struct Share {
    parts_per_million: u32,
}

impl Share {
    const WHOLE: u32 = 1_000_000;

    /// `percent` hundredths; more than 100 counts as 100.
    #[must_use]
    pub const fn percent(percent: u32) -> Self {
        Self::parts_per_million(if percent > 100 {
            Self::WHOLE
        } else {
            percent * 10_000
        })
    }

    /// `ratio` of the whole, from 0.0 to 1.0, rounded to one part in a million; what lies outside
    /// counts as the nearest limit, and what is not a number as 0.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from float saturates, and NaN becomes 0"
    )]
    pub const fn ratio(ratio: f64) -> Self {
        Self::parts_per_million((ratio * Self::WHOLE as f64 + 0.5) as u32)
    }

    /// `parts` millionths; more than a million counts as a million.
    #[must_use]
    pub const fn parts_per_million(parts: u32) -> Self {
        Self {
            parts_per_million: if parts > Self::WHOLE {
                Self::WHOLE
            } else {
                parts
            },
        }
    }

    /// The share in millionths.
    #[must_use]
    pub const fn as_parts_per_million(self) -> u32 {
        self.parts_per_million
    }

    /// True if this is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.parts_per_million == 0
    }

    /// True if `part` of `whole` is at least this share, without rounding.
    #[must_use]
    pub const fn is_reached(self, part: u64, whole: u64) -> bool {
        part as u128 * Self::WHOLE as u128 >= self.parts_per_million as u128 * whole as u128
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.parts_per_million / 10_000;
        let rest = format!("{:04}", self.parts_per_million % 10_000);
        match rest.trim_end_matches('0') {
            "" => f.pad(&format!("{whole}%")),
            rest => f.pad(&format!("{whole}.{rest}%")),
        }
    }
}

/// Ascending shares, one after another: how much is let through while something recovers.
///
/// Shares that do not ascend from above 0%, and more than eight of them, are refused by
/// [`CircuitBreakerPolicy::ramp`](crate::CircuitBreakerPolicy::ramp): in an attribute that is a
/// compile error.
///
/// ```
/// use resilient_core::{CircuitBreakerPolicy, Ramp, Share};
///
/// const RAMP: Ramp = Ramp::new(&[Share::percent(10), Share::percent(50)]);
/// assert_eq!(RAMP.to_string(), "[10%, 50%]");
/// assert_eq!(CircuitBreakerPolicy::new().ramp(RAMP).invalid(), None);
///
/// let backwards = Ramp::new(&[Share::percent(50), Share::percent(10)]);
/// let refused = CircuitBreakerPolicy::new().ramp(backwards).invalid();
/// assert_eq!(refused.unwrap().key(), "ramp");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ramp {
    shares: [Share; Self::LONGEST],
    /// How many were written, also if there was no room for all.
    written: usize,
}

impl Ramp {
    const LONGEST: usize = 8;

    /// A ramp of these shares; of none, there is no ramp.
    #[must_use]
    pub const fn new(shares: &[Share]) -> Self {
        let mut ramp = Self {
            shares: [Share::percent(0); Self::LONGEST],
            written: shares.len(),
        };
        let mut at = 0;
        while at < shares.len() && at < Self::LONGEST {
            ramp.shares[at] = shares[at];
            at += 1;
        }
        ramp
    }

    /// The shares, in order.
    #[must_use]
    pub fn shares(&self) -> &[Share] {
        &self.shares[..self.written.min(Self::LONGEST)]
    }

    pub(crate) const fn is_short(&self) -> bool {
        self.written <= Self::LONGEST
    }

    pub(crate) const fn is_ascending(&self) -> bool {
        let mut before = 0;
        let mut at = 0;
        while at < self.written && at < Self::LONGEST {
            let share = self.shares[at].parts_per_million;
            if share <= before {
                return false;
            }
            before = share;
            at += 1;
        }
        true
    }
}

impl fmt::Display for Ramp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shares: Vec<String> = self.shares().iter().map(ToString::to_string).collect();
        f.pad(&format!("[{}]", shares.join(", ")))
    }
}

impl From<Ramp> for Value {
    fn from(ramp: Ramp) -> Self {
        Self::Text(ramp.to_string())
    }
}

/// So many in so much time.
///
/// ```
/// use resilient_core::Rate;
/// use std::time::Duration;
///
/// let rate = Rate::new(10, Duration::from_millis(500));
/// assert_eq!(rate.to_string(), "10/500ms");
/// assert_eq!(rate.in_a_second(), 20);
/// assert_eq!(Rate::new(1, Duration::from_secs(60)).in_a_second(), 0, "less than one");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Rate {
    count: u32,
    per: Duration,
}

impl Rate {
    /// `count` in every `per`. Which of them a policy takes says
    /// [`RateLimitPolicy::rate`](crate::RateLimitPolicy::rate).
    #[must_use]
    pub const fn new(count: u32, per: Duration) -> Self {
        Self { count, per }
    }

    /// How many.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count
    }

    /// In how much time.
    #[must_use]
    pub const fn per(self) -> Duration {
        self.per
    }

    /// How many that makes in a second, rounded down, and at most 4 294 967 295.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "capped by the line before")]
    pub const fn in_a_second(self) -> u32 {
        let nanos = self.per.as_nanos();
        if nanos == 0 {
            return u32::MAX;
        }
        let count = self.count as u128 * 1_000_000_000 / nanos;
        if count > u32::MAX as u128 {
            u32::MAX
        } else {
            count as u32
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = Span(self.per).to_string();
        f.pad(&format!(
            "{}/{}",
            self.count,
            per.strip_prefix('1')
                .filter(|unit| {
                    unit.starts_with(|first: char| first.is_ascii_alphabetic())
                        && !unit.contains(|c: char| c.is_ascii_digit())
                })
                .unwrap_or(&per)
        ))
    }
}

/// A duration as it is written in an attribute: `1m30s`, `250ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if self.0.subsec_nanos() != 0 || seconds == 0 {
            if seconds < 60 {
                return f.pad(&if self.0.is_zero() {
                    "0s".into()
                } else {
                    format!("{:?}", self.0)
                });
            }
            let rest = Duration::new(seconds % 60, self.0.subsec_nanos());
            return f.pad(&format!(
                "{}{rest:?}",
                Span(Duration::from_secs(seconds - seconds % 60))
            ));
        }
        let units = [
            (seconds / 3600, "h"),
            (seconds / 60 % 60, "m"),
            (seconds % 60, "s"),
        ];
        let written = units.map(|(count, unit)| match count {
            0 => String::new(),
            count => format!("{count}{unit}"),
        });
        f.pad(&written.concat())
    }
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(untagged))]
#[non_exhaustive]
pub enum Value {
    /// On or off.
    Flag(bool),
    /// A number of calls, attempts or places.
    Count(u64),
    /// A factor without a unit.
    Factor(f64),
    /// A length of time.
    Duration(Duration),
    /// A share of a whole.
    Share(Share),
    /// So many in so much time.
    Rate(Rate),
    /// A choice, or anything that has its own way of being written.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(value) => value.fmt(f),
            Self::Count(value) => value.fmt(f),
            Self::Factor(value) => value.fmt(f),
            Self::Duration(value) => Span(*value).fmt(f),
            Self::Share(value) => value.fmt(f),
            Self::Rate(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

macro_rules! values {
    ($($from:ty => $variant:ident;)*) => { $(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        }
    )* };
}

values! {
    bool => Flag;
    u32 => Count;
    f64 => Factor;
    Duration => Duration;
    Share => Share;
    Rate => Rate;
}

/// Where the value of a setting comes from; each hides those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Source {
    /// Nobody wrote it.
    Default,
    /// It stands on an annotated function.
    Attribute {
        /// The file, as the compiler names it.
        file: &'static str,
        /// The line of the function's first attribute.
        line: u32,
    },
    /// The program registered it with [`policy`](crate::policy()).
    Code,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.pad("default"),
            Self::Attribute { file, line } => f.pad(&format!("{file}:{line}")),
            Self::Code => f.pad("code"),
        }
    }
}

/// One effective setting of a policy.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Setting {
    /// Its key, as it is written in an attribute.
    pub key: &'static str,
    /// Its value; `None` if it has no default and nobody wrote it.
    pub value: Option<Value>,
    /// Where the value comes from.
    pub source: Source,
}

impl Setting {
    pub(crate) const fn new(key: &'static str, value: Option<Value>, source: Source) -> Self {
        Self { key, value, source }
    }
}

/// Why somebody steers a policy by hand, who it is, and for how long.
///
/// A plain string is the reason alone.
///
/// ```
/// use resilient_core::Override;
/// use std::time::Duration;
///
/// let by_hand = Override::because("the gateway is being replaced")
///     .by("ana")
///     .lasting(Duration::from_secs(600));
/// assert_eq!(by_hand.to_string(), "the gateway is being replaced, by ana, for 10m");
/// assert_eq!(Override::from("a drill").actor(), None, "nobody said who it was");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Override {
    reason: String,
    actor: Option<String>,
    lasting: Option<Duration>,
}

impl Override {
    /// An override for this reason, by nobody in particular, until it is taken back.
    #[must_use]
    pub fn because(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            actor: None,
            lasting: None,
        }
    }

    /// Names who steers.
    #[must_use]
    pub fn by(self, actor: impl Into<String>) -> Self {
        Self {
            actor: Some(actor.into()),
            ..self
        }
    }

    /// Ends the override by itself after this time, from when it begins. Zero ends it at once.
    #[must_use]
    pub fn lasting(self, lasting: Duration) -> Self {
        Self {
            lasting: Some(lasting),
            ..self
        }
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Who, if it was said.
    #[must_use]
    pub fn actor(&self) -> Option<&str> {
        self.actor.as_deref()
    }

    /// For how long; `None` is until it is taken back.
    #[must_use]
    pub const fn lasts(&self) -> Option<Duration> {
        self.lasting
    }
}

impl From<&str> for Override {
    fn from(reason: &str) -> Self {
        Self::because(reason)
    }
}

impl From<String> for Override {
    fn from(reason: String) -> Self {
        Self::because(reason)
    }
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        if let Some(actor) = &self.actor {
            write!(f, ", by {actor}")?;
        }
        if let Some(lasting) = self.lasting {
            write!(f, ", for {}", Span(lasting))?;
        }
        Ok(())
    }
}

/// A setting that was refused, and what is allowed instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[error("`{key}`: {allowed}")]
pub struct InvalidSetting {
    key: &'static str,
    allowed: &'static str,
}

impl InvalidSetting {
    /// The refusal of a value for `key`; `allowed` says what may be written.
    #[must_use]
    pub const fn new(key: &'static str, allowed: &'static str) -> Self {
        Self { key, allowed }
    }

    /// The key of the setting.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        self.key
    }

    /// What is allowed.
    #[must_use]
    pub const fn allowed(&self) -> &'static str {
        self.allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_exact() {
        assert!(Share::percent(100).is_reached(3, 3));
        assert!(!Share::percent(100).is_reached(2, 3));
        assert!(Share::ratio(0.333_333).is_reached(1, 3));
        assert!(!Share::ratio(0.333_334).is_reached(1, 3));
        assert!(Share::percent(50).is_reached(u64::MAX / 2 + 1, u64::MAX));
    }

    #[test]
    fn shares_are_written_as_in_an_attribute() {
        assert_eq!(Share::ratio(0.125).to_string(), "12.5%");
        assert_eq!(Share::ratio(0.0001).to_string(), "0.01%");
        assert_eq!(Share::ratio(f64::NAN).to_string(), "0%");
        assert_eq!(Share::ratio(-1.0).to_string(), "0%");
    }

    #[test]
    fn a_ramp_is_written_as_in_an_attribute_and_ascends() {
        let ramp = |percents: &[u32]| {
            let shares: Vec<Share> = percents.iter().copied().map(Share::percent).collect();
            Ramp::new(&shares)
        };
        assert_eq!(ramp(&[10, 50]).to_string(), "[10%, 50%]");
        assert_eq!(ramp(&[]).to_string(), "[]");
        for fine in [&[][..], &[10], &[10, 50, 100], &[1, 2, 3, 4, 5, 6, 7, 8]] {
            assert!(
                ramp(fine).is_ascending() && ramp(fine).is_short(),
                "{fine:?}"
            );
        }
        for wrong in [&[0][..], &[10, 10], &[50, 10], &[1, 2, 0]] {
            assert!(!ramp(wrong).is_ascending(), "{wrong:?}");
        }
        assert!(!ramp(&[1, 2, 3, 4, 5, 6, 7, 8, 9]).is_short());
    }

    #[test]
    fn durations_are_written_as_in_an_attribute() {
        for (duration, written) in [
            (Duration::ZERO, "0s"),
            (Duration::from_micros(100), "100µs"),
            (Duration::from_millis(250), "250ms"),
            (Duration::from_millis(1500), "1.5s"),
            (Duration::from_secs(30), "30s"),
            (Duration::from_secs(90), "1m30s"),
            (Duration::from_secs(3600), "1h"),
            (Duration::from_secs(3605), "1h5s"),
            (Duration::from_millis(60_500), "1m500ms"),
            (Duration::from_secs(100 * 3600), "100h"),
        ] {
            assert_eq!(Span(duration).to_string(), written);
        }
    }

    #[test]
    fn rates_are_written_as_in_an_attribute() {
        for (per, written) in [
            (Duration::from_secs(1), "100/s"),
            (Duration::from_secs(60), "100/m"),
            (Duration::from_secs(10), "100/10s"),
            (Duration::from_secs(90), "100/1m30s"),
            (Duration::from_millis(500), "100/500ms"),
        ] {
            assert_eq!(Rate::new(100, per).to_string(), written);
        }
    }
}
