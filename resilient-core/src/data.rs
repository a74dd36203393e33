//! How times look as data: numbers of milliseconds, and `null` where there is none.

use serde::{Serialize, Serializer};
use std::time::{Duration, SystemTime};

/// A length of time in milliseconds: a whole number where it is one.
#[derive(Serialize)]
#[serde(untagged)]
enum Millis {
    Whole(u64),
    Fraction(f64),
}

impl From<Duration> for Millis {
    fn from(duration: Duration) -> Self {
        match u64::try_from(duration.as_millis()) {
            Ok(whole) if duration.subsec_nanos().is_multiple_of(1_000_000) => Self::Whole(whole),
            _ => Self::Fraction(duration.as_secs_f64() * 1_000.0),
        }
    }
}

/// A length of time in milliseconds.
pub(crate) fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    Millis::from(*duration).serialize(serializer)
}

/// A length of time in milliseconds, or `null`.
#[allow(clippy::ref_option, reason = "serde hands it over like that")]
pub(crate) fn millis_or_null<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration.map(Millis::from).serialize(serializer)
}

/// A moment in milliseconds since the beginning of 1970, in UTC.
pub(crate) fn moment<S: Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    let whole = since.map(|since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    whole.ok().serialize(serializer)
}
