//! What can be seen of a rate limit.

use super::Algorithm;
use crate::keyed::{KeysSnapshot, noted};
use crate::policy::Show;
use crate::setting::Rate;

/// What can be seen of a rate limit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RateLimiterSnapshot {
    /// How many calls may begin in how much time; `None` if all are let through, uncounted.
    pub rate: Option<Rate>,
    /// How many calls may begin at once; `None` if all are let through.
    pub burst: Option<u32>,
    /// How the limit reckons; `None` if all are let through.
    pub algorithm: Option<Algorithm>,
    /// How many calls would be admitted now; `None` if all are let through.
    pub available: Option<u32>,
    /// How many calls wait for their turn now.
    pub waiting: u64,
    /// Calls that were admitted, at once or after waiting.
    pub admitted: u64,
    /// Calls that were refused. None of them waited.
    pub rejected: u64,
    /// Calls that had to wait, whatever became of them.
    pub waited: u64,
    /// Calls that were dropped while they waited.
    pub abandoned: u64,
    /// What can be seen of its instances together, whose calls are counted above, while the rest is its
    /// own; `None` if no call has come with a key.
    pub keys: Option<KeysSnapshot>,
}

impl Show for RateLimiterSnapshot {
    fn state(&self) -> String {
        match (self.available, self.burst) {
            (Some(available), Some(burst)) => format!("{available} of {burst}"),
            _ => "unlimited".to_owned(),
        }
    }

    fn note(&self) -> String {
        let rate = match (self.rate, self.algorithm) {
            (Some(rate), None | Some(Algorithm::TokenBucket)) => rate.to_string(),
            (Some(rate), Some(algorithm)) => format!("{rate} by {algorithm}"),
            (None, _) => String::new(),
        };
        let rate = match self.waiting {
            0 => rate,
            waiting => format!("{rate}, {waiting} waiting"),
        };
        noted(rate, self.keys)
    }

    fn counts(&self) -> Vec<(&'static str, Option<u64>)> {
        vec![
            ("admitted", Some(self.admitted)),
            ("rejected", Some(self.rejected)),
            ("waited", Some(self.waited)),
            ("abandoned", Some(self.abandoned)),
        ]
    }
}
