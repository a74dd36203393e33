//! Why a circuit breaker is not closed: for what it opened the last time, and at first.

use super::cause::Cause;
use crate::time::Nanos;
use std::sync::Arc;

/// Why it is not closed.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// For what it opened the last time.
    pub(super) newest: Arc<Cause>,
    /// `None` if somebody wants it.
    pub(super) outage: Option<Outage>,
}

/// What is remembered from the opening until it has closed.
#[derive(Clone, Debug)]
pub(super) struct Outage {
    pub(super) began: Nanos,
    /// For what it opened at first.
    pub(super) first: Arc<Cause>,
    /// How often it opened since, after that.
    pub(super) reopened: u64,
}

impl Account {
    pub(super) fn by_hand(cause: &Arc<Cause>) -> Self {
        Self::of(cause, None)
    }

    /// It opens by its rules, after what is told `before`.
    pub(super) fn opened(before: Option<Self>, cause: &Arc<Cause>, at: Nanos) -> Self {
        let outage = match before.and_then(|before| before.outage) {
            Some(outage) => Outage {
                reopened: outage.reopened + 1,
                ..outage
            },
            None => Outage {
                began: at,
                first: Arc::clone(cause),
                reopened: 0,
            },
        };
        Self::of(cause, Some(outage))
    }

    fn of(cause: &Arc<Cause>, outage: Option<Outage>) -> Self {
        let newest = Arc::clone(cause);
        Self { newest, outage }
    }
}
