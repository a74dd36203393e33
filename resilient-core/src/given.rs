//! Values of settings as they come from outside: from a file, a variable, a control call.
//!
//! They are written as in an attribute; where a file has no such literal, as text: `"30s"`, `"50%"`,
//! `"exponential(100ms..5s)"`.

use std::fmt;
use std::time::Duration;

/// A value of a setting as a file, an environment variable or a control call gives it.
///
/// ```
/// use resilient_core::Given;
///
/// assert_eq!(Given::from("30s").to_string(), "\"30s\"");
/// assert_eq!(Given::from(20).to_string(), "20");
/// assert_eq!(Given::List(vec!["10%".into(), "50%".into()]).to_string(), "[\"10%\", \"50%\"]");
/// assert_ne!(Given::from(1), Given::from(true), "nothing is guessed");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(untagged))]
#[non_exhaustive]
pub enum Given {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Number(f64),
    /// Anything that is written as text. A number or a flag may be, too.
    Text(String),
    /// Several values.
    List(Vec<Given>),
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => flag.fmt(f),
            Self::Integer(number) => number.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::List(values) => {
                f.write_str("[")?;
                for (at, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
        }
    }
}

impl Given {
    /// The length of time that is written here, for example `1m30s`; `None` if none is.
    ///
    /// ```
    /// use resilient_core::Given;
    ///
    /// assert_eq!(Given::from("1m30s").as_duration().unwrap().as_secs(), 90);
    /// assert_eq!(Given::from(90).as_duration(), None, "90 of what?");
    /// ```
    #[must_use]
    pub fn as_duration(&self) -> Option<Duration> {
        Duration::from_given(self)
    }
}

impl From<bool> for Given {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<i64> for Given {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for Given {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Given {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Given {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// What a value from outside can become.
pub(crate) trait FromGiven: Sized {
    /// What is expected, for example "a duration with its unit, such as `30s`".
    const EXPECTED: &'static str;

    /// The types of JSON that it may be written as; a text may hold any value.
    const TYPES: &'static [&'static str] = &["string"];

    /// The value, if it is written like one.
    fn from_given(given: &Given) -> Option<Self>;
}

impl FromGiven for bool {
    const EXPECTED: &'static str = "`true` or `false`";
    const TYPES: &'static [&'static str] = &["boolean", "string"];

    fn from_given(given: &Given) -> Option<Self> {
        match given {
            Given::Flag(flag) => Some(*flag),
            Given::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }
}

impl FromGiven for u32 {
    const EXPECTED: &'static str = "a whole number from 0 to 4294967295";
    const TYPES: &'static [&'static str] = &["integer", "string"];

    fn from_given(given: &Given) -> Option<Self> {
        match given {
            Given::Integer(number) => (*number).try_into().ok(),
            Given::Text(text) => text.trim().replace('_', "").parse().ok(),
            _ => None,
        }
    }
}

impl FromGiven for f64 {
    const EXPECTED: &'static str = "a number without a unit, such as `1.5`";
    const TYPES: &'static [&'static str] = &["number", "string"];

    #[allow(
        clippy::cast_precision_loss,
        reason = "a factor of that size is refused anyway"
    )]
    fn from_given(given: &Given) -> Option<Self> {
        let number = match given {
            Given::Integer(number) => *number as Self,
            Given::Number(number) => *number,
            Given::Text(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }
}

/// `name(inside)`, or a bare `name`: its two parts.
pub(crate) fn call(text: &str) -> Option<(&str, Option<&str>)> {
    let text = text.trim();
    match text.split_once('(') {
        None => Some((text, None)),
        Some((name, rest)) => Some((name.trim(), Some(rest.strip_suffix(')')?.trim()))),
    }
}

/// `number` times `scale`, if that is a whole number that fits.
pub(crate) fn scaled(number: &str, scale: u64) -> Option<u64> {
    let number = number.replace('_', "");
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    if whole.is_empty() || !whole.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let mut total = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    let mut place = scale;
    for digit in fraction.trim_end_matches('0').chars() {
        if !place.is_multiple_of(10) {
            return None;
        }
        place /= 10;
        total = total.checked_add(u64::from(digit.to_digit(10)?) * place)?;
    }
    Some(total)
}

/// The one of `known` that `unknown` was probably meant to be: at most a third of its letters, or two
/// of them, differ.
pub(crate) fn nearest<'a>(
    unknown: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let most = (unknown.chars().count() / 3).max(2);
    known
        .into_iter()
        .map(|known| (distance(unknown, known), known))
        .filter(|(distance, known)| *distance <= most && *distance < known.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// The Levenshtein distance: how many letters have to be put in, taken out or replaced.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, other) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_not_guessed_out_of_anything_else() {
        assert_eq!(u32::from_given(&20.into()), Some(20));
        assert_eq!(u32::from_given(&"1_000".into()), Some(1000));
        for wrong in [
            Given::from(-1),
            1.5.into(),
            true.into(),
            "".into(),
            "3s".into(),
            i64::MAX.into(),
            Given::List(vec![3.into()]),
        ] {
            assert_eq!(u32::from_given(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_factor_is_finite() {
        assert_eq!(f64::from_given(&2.into()), Some(2.0));
        assert_eq!(f64::from_given(&"1.5".into()), Some(1.5));
        for wrong in [
            Given::from("inf"),
            "nan".into(),
            f64::NAN.into(),
            false.into(),
        ] {
            assert_eq!(f64::from_given(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_nearest_name_is_suggested_and_a_far_one_is_not() {
        let known = ["open_for", "window", "window_time"];
        assert_eq!(nearest("openfor", known), Some("open_for"));
        assert_eq!(nearest("windwo", known), Some("window"));
        assert_eq!(nearest("attempts", known), None);
        assert_eq!(nearest("", known), None);
    }

    #[test]
    fn a_number_is_scaled_exactly_or_not_at_all() {
        assert_eq!(scaled("1.5", 1_000), Some(1_500));
        assert_eq!(scaled("0.0001", 1_000), None);
        assert_eq!(scaled("1_0", 10), Some(100));
        for wrong in ["", ".5", "-1", "1e3", "+1", "99999999999999999999"] {
            assert_eq!(scaled(wrong, 1_000), None, "{wrong}");
        }
    }
}
