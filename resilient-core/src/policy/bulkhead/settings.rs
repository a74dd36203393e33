//! The settings of a bulkhead.

use super::Bulkhead;
use crate::given::{FromGiven, Given};
use crate::keyed::{MAX_KEYS, MOST_KEYS};
use crate::setting::Value;
use crate::table::policy;
use std::fmt;
use std::time::Duration;

/// The most places, and the longest queue, that can be written.
pub(super) const MOST: u32 = 1_000_000;

/// Which of the calls that wait gets the next free place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Order {
    /// The one that has waited longest: first come, first served.
    #[default]
    Fifo,
    /// The one that came last: under overload some calls are answered quickly, instead of all of
    /// them too late.
    Lifo,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fifo => "fifo",
            Self::Lifo => "lifo",
        })
    }
}

impl From<Order> for Value {
    fn from(order: Order) -> Self {
        Self::Text(order.to_string())
    }
}

impl FromGiven for Order {
    const EXPECTED: &'static str = "`fifo` or `lifo`";

    fn from_given(given: &Given) -> Option<Self> {
        match given {
            Given::Text(text) if text == "fifo" => Some(Self::Fifo),
            Given::Text(text) if text == "lifo" => Some(Self::Lifo),
            _ => None,
        }
    }
}

policy! {
    /// How many calls may be at work at the same time, and how many may wait for a place.
    ///
    /// ```
    /// use resilient_core::{BulkheadPolicy, Order};
    /// use std::time::Duration;
    ///
    /// const GATEWAY: BulkheadPolicy = BulkheadPolicy::new()
    ///     .limit(20)
    ///     .queue(50)
    ///     .max_wait(Duration::from_millis(200))
    ///     .order(Order::Fifo);
    /// assert!(GATEWAY.invalid().is_none());
    /// assert_eq!(BulkheadPolicy::new().limit(0).invalid().unwrap().key(), "limit");
    /// ```
    BulkheadPolicy, BulkheadSettings, Bulkhead, "bulkhead";

    /// How many calls may be inside at the same time, from 1 to 1 000 000; with
    /// [`Bulkhead::admit_weighing`], how much they may cost together.
    ///
    /// There is no default: without it every call is let through.
    limit: u32, limit >= 1, "a bulkhead has at least one place: `limit` counts from 1",
        limit <= MOST, "`limit` is at most 1 000 000 calls";
    /// How many calls may wait for a place, from 0 to 1 000 000 (default 0: a call that finds no
    /// free place is refused at once).
    queue: u32 = 0, queue <= MOST, "`queue` is at most 1 000 000 calls";
    /// How long a call may wait for a place, longer than zero, and at most until the deadline of the
    /// call, if it has one (default: until then).
    max_wait: Duration, !max_wait.is_zero(),
        "`max_wait` is longer than 0s: to refuse at once, leave out `queue`";
    /// Which of the calls that wait gets the next free place (default [`Order::Fifo`]).
    order: Order = Order::Fifo;
    /// How many instances there may be where call sites have a `key`, one for each value, from 1 to
    /// 1 000 000 (default 10 000).
    max_keys: u32 = MAX_KEYS,
        max_keys >= 1 && max_keys <= MOST_KEYS, "`max_keys` is from 1 to 1 000 000 keys";
}
