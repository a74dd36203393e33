//! What is ordered, what comes of it, and what can go wrong.

use crate::seed::one_in;
use resilient::Rejected;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The header under which the services recognise a call that is made again.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What is never in stock.
pub(crate) const SOLD_OUT: &str = "unicorn";
/// What recommendations and popular items are about.
pub(crate) const ITEMS: [&str; 5] = ["lamp", "spade", "novel", "kettle", "kite"];

/// An order as the customer sends it, the same each time it is submitted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) item: String,
    pub(crate) amount: u32,
    /// False for a card that the payment gateway declines.
    pub(crate) card_is_good: bool,
}

impl Order {
    /// The order with this number; `fussy` ones are now and then declined or out of stock.
    pub(crate) fn numbered(number: u32, fussy: bool) -> Self {
        let item = ITEMS[number as usize % ITEMS.len()];
        let sold_out = fussy && one_in(20, &format!("sold out {number}"));
        Self {
            id: format!("order-{number}"),
            item: if sold_out { SOLD_OUT } else { item }.to_owned(),
            amount: 100 + number,
            card_is_good: !(fussy && one_in(20, &format!("declined {number}"))),
        }
    }
}

/// What the payment gateway answers to a charge it took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Charge {
    pub(crate) number: u64,
}

/// What the customer may like besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Recommended {
    /// Chosen for this order.
    Personal(Vec<String>),
    /// What everybody buys, when nobody can choose.
    Popular(Vec<String>),
    /// Not even that.
    Nothing,
}

/// A placed order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) charge: Charge,
    pub(crate) recommended: Recommended,
}

impl Receipt {
    /// True if the order was placed without what an optional service would have added.
    pub(crate) fn is_degraded(&self) -> bool {
        !matches!(self.recommended, Recommended::Personal(_))
    }
}

/// Why an order was not placed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckoutError {
    #[error("the card was declined")]
    Declined,
    #[error("out of stock")]
    OutOfStock,
    #[error("an earlier submission of this order is not settled yet")]
    Settling,
    #[error("nothing like it is popular")]
    NothingPopular,
    #[error("a service answered {0}")]
    Answered(reqwest::StatusCode),
    #[error("a service cannot be reached")]
    Unreachable(#[from] reqwest::Error),
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

impl CheckoutError {
    /// A service does not work. A declined card and an empty shelf are answers like others.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Answered(status) => status.is_server_error(),
            _ => false,
        }
    }

    /// The time of the whole checkout was up. The timeout that noticed it may be one inside, which
    /// had been given no more than what was left.
    pub(crate) fn is_deadline(&self) -> bool {
        match self {
            Self::Rejected(rejected @ Rejected::TimedOut(_)) => {
                rejected.policy() == "checkout" || rejected.hit_outer_deadline()
            }
            _ => false,
        }
    }

    /// The status a web service would answer with.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Declined => 402,
            Self::OutOfStock => 409,
            _ => 503,
        }
    }

    /// What a web service would send as `Retry-After` with a 503: what a policy knows, or a guess.
    pub(crate) fn retry_after(&self, guess: Duration) -> Option<Duration> {
        match self {
            Self::Declined | Self::OutOfStock => None,
            Self::Rejected(rejected) => Some(rejected.retry_after().unwrap_or(guess)),
            _ => Some(guess),
        }
    }
}

/// What may be over before the next attempt. An open circuit breaker is not: it knows better.
pub(crate) fn may_pass(rejected: &Rejected) -> bool {
    matches!(rejected, Rejected::TimedOut(_) | Rejected::BulkheadFull(_))
}

/// The answer of a service, if it is a good one.
pub(crate) fn accepted(answer: reqwest::Response) -> Result<reqwest::Response, CheckoutError> {
    match answer.status().as_u16() {
        200 => Ok(answer),
        402 => Err(CheckoutError::Declined),
        409 => Err(CheckoutError::OutOfStock),
        _ => Err(CheckoutError::Answered(answer.status())),
    }
}
