//! What settings are made of.

use crate::given::{FromGiven, Given, nearest, scaled};
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

/// A fraction, from 0.0 to 1.0.
#[cfg(feature = "serde")]
impl serde::Serialize for Share {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.parts_per_million) / f64::from(Self::WHOLE))
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
    #[cfg_attr(
        feature = "serde",
        serde(rename = "per_ms", serialize_with = "crate::data::millis")
    )]
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

/// The units of time, from the longest to the shortest, in nanoseconds.
const UNITS: [(&str, u64); 8] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("min", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("ns", 1),
];

/// The duration of a text such as `1.5s` or `1m30s`: units from the longest to the shortest, a fraction
/// only if there is one unit.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total: u64 = 0;
    let mut longest = u64::MAX;
    while !rest.is_empty() {
        let (number, tail) =
            rest.split_at(rest.find(|c: char| !matches!(c, '0'..='9' | '_' | '.'))?);
        let after = tail.find(|c: char| c.is_ascii_digit());
        let (unit, tail) = tail.split_at(after.unwrap_or(tail.len()));
        let (_, length) = *UNITS.iter().find(|(name, _)| *name == unit.trim())?;
        let is_alone = longest == u64::MAX && tail.is_empty();
        if length >= longest || number.contains('.') && !is_alone {
            return None;
        }
        longest = length;
        total = total.checked_add(scaled(number, length)?)?;
        rest = tail;
    }
    (longest != u64::MAX).then(|| Duration::from_nanos(total))
}

/// The two durations of a text such as `100ms..5s`.
pub(crate) fn range(text: &str) -> Option<(Duration, Duration)> {
    let (low, high) = text.split_once("..")?;
    Some((duration(low)?, duration(high)?))
}

impl FromGiven for Duration {
    const EXPECTED: &'static str = "a duration with its unit, such as `30s` or `250ms`";

    fn from_given(given: &Given) -> Option<Self> {
        match given {
            Given::Text(text) => duration(text),
            _ => None,
        }
    }
}

impl FromGiven for Share {
    const EXPECTED: &'static str = "a share such as `50%`, or a fraction from `0.0` to `1.0`";
    const TYPES: &'static [&'static str] = &["string", "number"];

    fn from_given(given: &Given) -> Option<Self> {
        let parts = match given {
            Given::Number(number) if (0.0..=1.0).contains(number) => {
                return Some(Self::ratio(*number));
            }
            Given::Text(text) => match text.trim().strip_suffix('%') {
                Some(percent) => scaled(percent.trim_end(), 10_000)?,
                None if text.contains('.') => scaled(text.trim(), 1_000_000)?,
                None => return None,
            },
            _ => return None,
        };
        let parts = u32::try_from(parts).ok()?;
        (parts <= Self::WHOLE).then(|| Self::parts_per_million(parts))
    }
}

impl FromGiven for Ramp {
    const EXPECTED: &'static str = "a list of shares, such as `[10%, 50%]`";
    const TYPES: &'static [&'static str] = &["array", "string"];

    fn from_given(given: &Given) -> Option<Self> {
        let shares: Option<Vec<Share>> = match given {
            Given::List(shares) => shares.iter().map(Share::from_given).collect(),
            Given::Text(text) => {
                let inside = text.trim().strip_prefix('[')?.strip_suffix(']')?.trim();
                let shares = inside.split(',').filter(|share| !share.trim().is_empty());
                shares
                    .map(|share| Share::from_given(&share.into()))
                    .collect()
            }
            _ => None,
        };
        Some(Self::new(&shares?))
    }
}

impl FromGiven for Rate {
    const EXPECTED: &'static str = "a rate such as `100/s`, `1000/min` or `10/500ms`";

    fn from_given(given: &Given) -> Option<Self> {
        let Given::Text(text) = given else {
            return None;
        };
        let (count, per) = text.split_once('/')?;
        let per = per.trim();
        let per = match UNITS.iter().find(|(name, _)| *name == per) {
            Some((_, length)) => Duration::from_nanos(*length),
            None => duration(per)?,
        };
        Some(Self::new(u32::from_given(&count.into())?, per))
    }
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq)]
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

/// As it can be given back in [`Changes`](crate::Changes): numbers and flags as such, everything else as
/// it is written in an attribute, `"30s"` or `"50%"`.
#[cfg(feature = "serde")]
impl serde::Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Count(count) => serializer.serialize_u64(*count),
            Self::Factor(factor) => serializer.serialize_f64(*factor),
            other => serializer.collect_str(other),
        }
    }
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
    serde(tag = "from", rename_all = "snake_case")
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
    /// It stands in a configuration file.
    File {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// It is the value of an environment variable.
    Environment {
        /// The name of the variable.
        variable: String,
    },
    /// Somebody changed it while the program runs.
    Override {
        /// Why, and who it was.
        by: Override,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.pad("default"),
            Self::Attribute { file, line } => f.pad(&format!("{file}:{line}")),
            Self::Code => f.pad("code"),
            Self::File { file, line } => f.pad(&format!("{file}:{line}")),
            Self::Environment { variable } => f.pad(variable),
            Self::Override { by } => f.pad(&format!("override: {by}")),
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
    #[cfg_attr(
        feature = "serde",
        serde(rename = "lasting_ms", serialize_with = "crate::data::millis_or_null")
    )]
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

/// What may be given for a setting from outside: for schemas, forms and editors.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SettingDescription {
    /// What is expected, in words.
    pub expected: &'static str,
    /// What is allowed of that, each in words.
    pub allowed: &'static [&'static str],
    /// The types of JSON that it may be written as.
    pub types: &'static [&'static str],
    /// What holds if nobody writes it; `None` if it has no default.
    pub default: Option<Value>,
}

impl SettingDescription {
    /// A setting of which this is expected, written as text, without a default.
    #[must_use]
    pub const fn new(expected: &'static str) -> Self {
        Self {
            expected,
            allowed: &[],
            types: &["string"],
            default: None,
        }
    }
}

/// Why a value from outside does not become a setting.
///
/// ```
/// use resilient_core::{CircuitBreakerPolicy, Policy, SettingError};
///
/// let policy = CircuitBreakerPolicy::new();
/// assert_eq!(policy.with("open_for", &"60s".into())?, policy.open_for(std::time::Duration::from_secs(60)));
///
/// let unknown = policy.with("openfor", &"60s".into()).unwrap_err();
/// assert_eq!(unknown.to_string(), "there is no setting `openfor`, did you mean `open_for`?");
/// let bare = policy.with("open_for", &60.into()).unwrap_err();
/// assert_eq!(
///     bare.to_string(),
///     "`open_for` is a duration with its unit, such as `30s` or `250ms`, not 60"
/// );
/// # Ok::<(), SettingError>(())
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// The policy has no such setting.
    #[error("{}", unknown(key, known))]
    Unknown {
        /// What was written.
        key: String,
        /// The settings that there are.
        known: &'static [&'static str],
    },
    /// The value is not of the setting's type.
    #[error("`{key}` is {expected}, not {given}")]
    Unlike {
        /// The key of the setting.
        key: &'static str,
        /// What is expected.
        expected: &'static str,
        /// What was written.
        given: Given,
    },
    /// The value is out of range, or contradicts another one.
    #[error(transparent)]
    Invalid(#[from] InvalidSetting),
}

fn unknown(key: &str, known: &[&str]) -> String {
    match nearest(key, known.iter().copied()) {
        Some(meant) => format!("there is no setting `{key}`, did you mean `{meant}`?"),
        None => format!(
            "there is no setting `{key}`; there are {}",
            known
                .iter()
                .map(|key| format!("`{key}`"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_setting_can_be_given_back() {
        for text in ["250ms", "1.5s", "1m30s", "100h", "100µs", "1m500ms"] {
            let read = Duration::from_given(&text.into()).expect(text);
            assert_eq!(Span(read).to_string(), text);
        }
        for text in ["7%", "12.5%", "100%", "0.01%"] {
            assert_eq!(
                Share::from_given(&text.into()).expect(text).to_string(),
                text
            );
        }
        for text in ["100/s", "100/m", "100/1m30s", "100/500ms"] {
            assert_eq!(
                Rate::from_given(&text.into()).expect(text).to_string(),
                text
            );
        }
        for text in ["[10%, 50%]", "[]"] {
            assert_eq!(
                Ramp::from_given(&text.into()).expect(text).to_string(),
                text
            );
        }
    }

    #[test]
    fn a_value_that_is_not_written_like_one_is_not_guessed() {
        let durations = [
            "",
            "5",
            "s",
            "1.5m30s",
            "30s1m",
            "5 parsecs",
            "-1s",
            "1e3s",
            "9999999999h",
        ];
        for text in durations {
            assert_eq!(Duration::from_given(&text.into()), None, "{text}");
        }
        assert_eq!(Duration::from_given(&5.into()), None);
        for wrong in [
            Given::from("50"),
            "101%".into(),
            1.5.into(),
            (-0.5).into(),
            1.into(),
            "%".into(),
        ] {
            assert_eq!(Share::from_given(&wrong), None, "{wrong}");
        }
        for text in ["100", "100/", "/s", "x/s", "1.5/s", "100/5"] {
            assert_eq!(Rate::from_given(&text.into()), None, "{text}");
        }
        for text in ["10%", "[10%; 50%]", "[10, 50]"] {
            assert_eq!(Ramp::from_given(&text.into()), None, "{text}");
        }
    }

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
