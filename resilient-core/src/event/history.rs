//! The newest important events, kept for whoever looks later.
//!
//! Only what happens rarely is kept, in the cold path that reports it: a call that is admitted,
//! refused or tried again never comes here.

use super::{Event, What};
use crate::isolation::PerRegistry;
use crate::sync::Mutex;
use std::collections::VecDeque;
use tokio::sync::watch;

/// How many events are remembered, also while nobody listens.
pub const HISTORY_CAPACITY: usize = 256;

/// The newest important events: changes of state, changes of settings, names that nobody has defined.
///
/// Their positions count from 1, without gaps, from the start of the program.
///
/// ```
/// use resilient_core::{CircuitBreakerPolicy, What, policy, registry};
///
/// policy("pricing").circuit_breaker(CircuitBreakerPolicy::new()).register()?;
/// assert!(registry().history(0).events.is_empty());
///
/// registry().circuit_breaker("pricing").unwrap().force_open("a drill");
/// let history = registry().history(0);
/// assert!(matches!(history.events[0].what, What::Transition { to: "forced_open", .. }));
/// assert!(registry().history(history.position()).events.is_empty(), "nothing since then");
/// # Ok::<(), resilient_core::RegisterError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct History {
    /// The position of the event before the first one here; 0 if the first one here is the first of all.
    pub after: u64,
    /// The events, the oldest first.
    pub events: Vec<Event>,
}

impl History {
    /// The position of its last event; without any, of the event before.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.after + self.events.len() as u64
    }
}

struct Remembered {
    newest: Mutex<Newest>,
    /// The position of the newest event, for those who wait for it.
    position: watch::Sender<u64>,
}

#[derive(Default)]
struct Newest {
    forgotten: u64,
    events: VecDeque<Event>,
}

static REMEMBERED: PerRegistry<Remembered> = PerRegistry::new(|| Remembered {
    newest: Mutex::default(),
    position: watch::Sender::new(0),
});

impl What {
    /// Whether events like this one are remembered in the [`History`].
    #[must_use]
    pub const fn is_remembered(&self) -> bool {
        matches!(
            self,
            Self::Transition { .. }
                | Self::Reconfigured { .. }
                | Self::Undefined
                | Self::KeysOverflowed { .. }
        )
    }
}

pub(super) fn remember(event: Event) {
    let remembered = REMEMBERED.current();
    let position = {
        let mut newest = remembered.newest.lock();
        if newest.events.len() == HISTORY_CAPACITY {
            newest.events.pop_front();
            newest.forgotten += 1;
        }
        newest.events.push_back(event);
        newest.forgotten + newest.events.len() as u64
    };
    remembered
        .position
        .send_modify(|known| *known = position.max(*known));
}

/// What is remembered of the events after `position`.
pub(crate) fn after(position: u64) -> History {
    let newest = REMEMBERED.current().newest.lock();
    let end = newest.forgotten + newest.events.len() as u64;
    let after = position.clamp(newest.forgotten, end);
    let skipped = usize::try_from(after - newest.forgotten).unwrap_or(usize::MAX);
    History {
        after,
        events: newest.events.iter().skip(skipped).cloned().collect(),
    }
}

/// The same, as soon as there is any.
pub(crate) async fn next(position: u64) -> History {
    let mut watched = REMEMBERED.current().position.subscribe();
    loop {
        watched.borrow_and_update();
        let history = after(position);
        // The sender is a static: waiting for it cannot fail.
        if !history.events.is_empty() || watched.changed().await.is_err() {
            return history;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::emit;
    use crate::setting::Kind;

    const KIND: Kind = Kind::new("test");

    #[tokio::test]
    async fn what_is_important_is_remembered_and_the_oldest_is_forgotten() {
        let before = after(0).position();
        emit(KIND, "history", What::FellBack);
        emit(KIND, "history", What::Undefined);
        let seen = next(before).await;
        assert!(seen.events.iter().all(|event| event.what.is_remembered()));
        assert!(seen.events.iter().any(|event| event.policy == "history"));

        for _ in 0..=HISTORY_CAPACITY {
            emit(KIND, "flood", What::Undefined);
        }
        let all = after(0);
        assert_eq!(all.events.len(), HISTORY_CAPACITY);
        assert!(all.after > before, "its position tells that some are gone");
        assert_eq!(after(u64::MAX).events, [], "a position of another process");
    }

    #[tokio::test]
    async fn who_waits_is_told_of_the_next_one() {
        let waiting = tokio::spawn(next(after(0).position()));
        tokio::task::yield_now().await;
        emit(KIND, "awaited", What::Undefined);
        assert!(!waiting.await.expect("it ends").events.is_empty());
    }
}
