//! What policies report, to subscribers and to `tracing`.
//!
//! Reporting costs one relaxed load where nobody listens. Events of one policy arrive in the order
//! in which they happened; a subscriber that falls behind loses the oldest, which is counted.

mod history;
#[cfg(feature = "testing")]
pub(crate) mod record;

pub use history::{HISTORY_CAPACITY, History};
pub(crate) use history::{after as history_after, next as next_history};

use crate::error::Rejected;
use crate::isolation::PerRegistry;
use crate::key::StoredKey;
use crate::setting::{Kind, Override};
use crate::sync::{AtomicU64, AtomicUsize, Ordering, shared_static};
use std::time::{Duration, SystemTime};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

/// How many events are kept for a subscriber that is busy with something else. What is older is lost
/// to it, and counted by [`Events::missed`].
pub const EVENT_CAPACITY: usize = 1024;

/// Something that happened to a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Event {
    /// Counts up by one from event to event while anybody listens, from 0; otherwise from one event
    /// that is remembered to the next.
    pub number: u64,
    /// When it happened, for people; nothing is decided by it.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "at_ms", serialize_with = "crate::data::moment")
    )]
    pub at: SystemTime,
    /// The kind of the policy.
    pub kind: Kind,
    /// The name of the policy.
    pub policy: &'static str,
    /// The key, if it happened to the instance of one key; never for a metric's label, since there is
    /// no end of keys.
    pub key: Option<StoredKey>,
    /// What happened.
    pub what: What,
}

/// What happened to a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "name", rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum What {
    /// A policy went from one state into another.
    Transition {
        /// The state it left, for example `closed`.
        from: &'static str,
        /// The state it is in now, for example `open`.
        to: &'static str,
        /// The rule and the numbers that caused it, or the reason that somebody gave.
        reason: String,
    },
    /// A policy refused a call or cut it off.
    Rejected(Rejected),
    /// An attempt failed, and another one follows after `delay`.
    Retrying {
        /// The number of the attempt that failed, from 1.
        attempt: u32,
        /// How long the call waits before the next attempt.
        #[cfg_attr(
            feature = "serde",
            serde(rename = "delay_ms", serialize_with = "crate::data::millis")
        )]
        delay: Duration,
    },
    /// An attempt failed and no other one follows, although its error would deserve one.
    GaveUp {
        /// How many attempts there were.
        attempts: u32,
        /// Why there is no other one, for example `all attempts used`.
        reason: &'static str,
    },
    /// An attempt did not answer in time, and an extra one begins beside it.
    Hedged {
        /// The number of the extra attempt, from 1.
        extra: u32,
    },
    /// An extra attempt gave the answer of its call.
    HedgeWon {
        /// The number of the extra attempt, from 1.
        extra: u32,
    },
    /// An extra attempt was due, and the budget was spent.
    HedgeSuppressed,
    /// A fallback stood in for a call that failed.
    FellBack,
    /// A fallback failed too.
    FallbackFailed,
    /// A fallback answered a call that failed with the last good answer of its key.
    AnsweredStale {
        /// How old that answer is.
        #[cfg_attr(
            feature = "serde",
            serde(rename = "age_ms", serialize_with = "crate::data::millis")
        )]
        age: Duration,
    },
    /// Settings of a policy were changed while the program runs.
    Reconfigured {
        /// The settings that changed, as `key = value`.
        changes: Vec<String>,
        /// Who changed them and why; `None` if it was the program itself, or a file.
        by: Option<Override>,
    },
    /// A name was used by a call that nobody has defined.
    Undefined,
    /// A chaos switch acted on the body of a call: the policy is the one that it names, the kind is
    /// `chaos`.
    #[cfg(feature = "testing")]
    Disturbed {
        /// Whether the body failed, and was not run.
        failed: bool,
        /// How long it was held up.
        #[cfg_attr(
            feature = "serde",
            serde(rename = "delay_ms", serialize_with = "crate::data::millis")
        )]
        delay: Duration,
    },
    /// There are more keys in use than instances: calls of further keys share one, the overflow.
    /// Reported again only after there was room meanwhile, and at most once in ten seconds.
    KeysOverflowed {
        /// How many instances there may be.
        max: u64,
    },
}

impl What {
    /// A stable name for logs and streams.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Transition { .. } => "transition",
            Self::Rejected(_) => "rejected",
            Self::Retrying { .. } => "retrying",
            Self::GaveUp { .. } => "gave_up",
            Self::Hedged { .. } => "hedged",
            Self::HedgeWon { .. } => "hedge_won",
            Self::HedgeSuppressed => "hedge_suppressed",
            Self::FellBack => "fell_back",
            Self::FallbackFailed => "fallback_failed",
            Self::AnsweredStale { .. } => "answered_stale",
            Self::Reconfigured { .. } => "reconfigured",
            Self::Undefined => "undefined",
            #[cfg(feature = "testing")]
            Self::Disturbed { .. } => "disturbed",
            Self::KeysOverflowed { .. } => "keys_overflowed",
        }
    }
}

shared_static! {
    static SUBSCRIBERS: AtomicUsize = AtomicUsize::new(0);
}
static CHANNEL: PerRegistry<Channel> = PerRegistry::new(|| Channel {
    number: AtomicU64::new(0),
    sender: broadcast::Sender::new(EVENT_CAPACITY),
    #[cfg(feature = "testing")]
    records: record::Records::new(),
});

/// From policies to subscribers.
struct Channel {
    /// Of the next event.
    number: AtomicU64,
    sender: broadcast::Sender<Event>,
    #[cfg(feature = "testing")]
    records: record::Records,
}

/// Reports what happened to a policy. Must not be called while a lock is held.
#[cold]
pub(crate) fn emit(kind: Kind, policy: &'static str, what: What) {
    emit_keyed(kind, policy, None, what);
}

/// The same for what happened to the instance of one key, if it is one.
#[cold]
pub(crate) fn emit_keyed(kind: Kind, policy: &'static str, key: Option<&StoredKey>, what: What) {
    trace(kind, policy, key, &what);
    let is_remembered = what.is_remembered();
    let is_heard = SUBSCRIBERS.load(Ordering::Relaxed) != 0;
    if !is_remembered && !is_heard {
        return;
    }
    let channel = CHANNEL.current();
    let event = Event {
        number: channel.number.fetch_add(1, Ordering::Relaxed),
        at: SystemTime::now(),
        kind,
        policy,
        key: key.cloned(),
        what,
    };
    if is_remembered {
        history::remember(event.clone());
    }
    if is_heard {
        #[cfg(feature = "testing")]
        channel.records.write(&event);
        // Fails only when the last subscriber has just left.
        let _ = channel.sender.send(event);
    }
}

/// Reports a refusal, at the cost of two relaxed loads where nobody wants to know.
#[inline]
pub(crate) fn emit_rejected(kind: Kind, rejected: Rejected) {
    emit_rejected_keyed(kind, None, rejected);
}

/// The same by the instance of one key, if it is one.
#[inline]
pub(crate) fn emit_rejected_keyed(kind: Kind, key: Option<&StoredKey>, rejected: Rejected) {
    if is_heard() {
        tell_rejected(kind, key, rejected);
    }
}

/// Whether anybody would hear of a refusal.
#[inline(always)]
pub(crate) fn is_heard() -> bool {
    SUBSCRIBERS.load(Ordering::Relaxed) != 0
        || tracing::level_filters::LevelFilter::current() >= tracing::Level::DEBUG
}

/// Apart, so that a refusal of which nobody hears does not pay for what it would say.
#[cold]
#[inline(never)]
fn tell_rejected(kind: Kind, key: Option<&StoredKey>, rejected: Rejected) {
    emit_keyed(kind, rejected.policy(), key, What::Rejected(rejected));
}

/// One line in the log: changes of state are warnings or news, single calls are for debugging.
fn trace(kind: Kind, policy: &'static str, key: Option<&StoredKey>, what: &What) {
    let (kind, event) = (kind.as_str(), what.name());
    let key = key.map(tracing::field::display);
    match what {
        What::Transition {
            from,
            to: to @ ("open" | "forced_open"),
            reason,
        } => {
            tracing::warn!(target: "resilient", kind, policy, key, event, from, to, reason);
        }
        What::Transition { from, to, reason } => {
            tracing::info!(target: "resilient", kind, policy, key, event, from, to, reason);
        }
        What::Rejected(rejected) => {
            tracing::debug!(target: "resilient", kind, policy, key, event, %rejected);
        }
        What::Retrying { attempt, delay } => {
            tracing::debug!(target: "resilient", kind, policy, event, attempt, ?delay);
        }
        What::GaveUp { attempts, reason } => {
            tracing::debug!(target: "resilient", kind, policy, event, attempts, reason);
        }
        What::Hedged { extra } | What::HedgeWon { extra } => {
            tracing::debug!(target: "resilient", kind, policy, event, extra);
        }
        What::FellBack | What::FallbackFailed | What::HedgeSuppressed => {
            tracing::debug!(target: "resilient", kind, policy, event);
        }
        What::AnsweredStale { age } => {
            tracing::debug!(target: "resilient", kind, policy, event, ?age);
        }
        What::Reconfigured { changes, by } => {
            let by = by.as_ref().map(tracing::field::display);
            tracing::info!(target: "resilient", kind, policy, event, ?changes, by);
        }
        What::KeysOverflowed { max } => {
            tracing::warn!(
                target: "resilient", kind, policy, event, max,
                "more keys are in use than `max_keys` allows: further ones share one instance"
            );
        }
        What::Undefined => {
            tracing::error!(
                target: "resilient", kind, policy, event,
                "nobody has defined the settings of this policy: is its name written right?"
            );
        }
        #[cfg(feature = "testing")]
        What::Disturbed { failed, delay } => {
            tracing::debug!(target: "resilient", kind, policy, event, failed, ?delay);
        }
    }
}

/// A subscription to the events of all policies, from the moment it was made.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use resilient_core::{Events, What};
///
/// let mut events = Events::subscribe();
/// assert!(events.try_next().is_none(), "nothing has happened yet");
/// assert_eq!(events.missed(), 0);
/// # }
/// ```
#[derive(Debug)]
pub struct Events {
    receiver: broadcast::Receiver<Event>,
    missed: u64,
}

impl Events {
    /// Subscribes to all events from now on.
    #[must_use]
    pub fn subscribe() -> Self {
        let receiver = CHANNEL.current().sender.subscribe();
        SUBSCRIBERS.fetch_add(1, Ordering::Relaxed);
        Self {
            receiver,
            missed: 0,
        }
    }

    /// The next event, as soon as there is one.
    ///
    /// # Cancel safety
    ///
    /// No event is lost if the future is dropped.
    pub async fn next(&mut self) -> Event {
        loop {
            match self.receiver.recv().await {
                Ok(event) => return event,
                Err(RecvError::Lagged(missed)) => self.missed += missed,
                // The sender is a static.
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    /// The next event, if it has already happened.
    pub fn try_next(&mut self) -> Option<Event> {
        loop {
            match self.receiver.try_recv() {
                Ok(event) => return Some(event),
                Err(TryRecvError::Lagged(missed)) => self.missed += missed,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
            }
        }
    }

    /// How many events this subscription has lost because it was more than
    /// [`EVENT_CAPACITY`] behind.
    #[must_use]
    pub const fn missed(&self) -> u64 {
        self.missed
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        SUBSCRIBERS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What `run` makes the policy with this name report.
///
/// Runs it again where a flood of events from a test beside it may have pushed some out.
#[cfg(any(test, resilient_fuzz))]
pub(crate) fn reported(policy: &'static str, mut run: impl FnMut()) -> Vec<What> {
    loop {
        let mut events = Events::subscribe();
        run();
        let mut reported = Vec::new();
        while let Some(event) = events.try_next() {
            if event.policy == policy {
                reported.push(event.what);
            }
        }
        if events.missed() == 0 {
            return reported;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind = Kind::new("test");

    #[tokio::test]
    async fn a_subscriber_hears_what_happens_after_it_came() {
        emit(KIND, "before", What::FellBack);
        let mut events = Events::subscribe();
        emit(KIND, "after", What::FellBack);
        loop {
            let event = events.next().await;
            assert_ne!(event.policy, "before");
            if event.policy == "after" {
                break;
            }
        }
    }

    #[test]
    fn a_subscriber_that_lags_loses_the_oldest_and_knows_how_many() {
        let mut events = Events::subscribe();
        for _ in 0..EVENT_CAPACITY + 10 {
            emit(KIND, "flood", What::FellBack);
        }
        let mut received = 0;
        while events.try_next().is_some() {
            received += 1;
        }
        assert!(events.missed() >= 10, "missed {}", events.missed());
        assert!(received <= EVENT_CAPACITY);
    }
}
