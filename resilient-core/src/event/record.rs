//! Events as a test writes them down: all of them, each with its time on the library's clock.
//!
//! A subscription keeps so many events and loses the others. A record keeps every event of its policy.

use super::{CHANNEL, Event, SUBSCRIBERS};
use crate::sync::{Mutex, Ordering};
use crate::time::{Nanos, now};
use std::sync::{Arc, Weak};

/// The records that are being written of one registry.
#[derive(Debug, Default)]
pub(super) struct Records(Mutex<Vec<Weak<Written>>>);

impl Records {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    pub(super) fn write(&self, event: &Event) {
        let now = now();
        for record in self.0.lock().iter().filter_map(Weak::upgrade) {
            if record.policy == event.policy {
                record.events.lock().push((now, event.clone()));
            }
        }
    }
}

#[derive(Debug)]
struct Written {
    policy: String,
    events: Mutex<Vec<(Nanos, Event)>>,
}

/// All events of the policies of one name, in the registry in which it was begun, from then on.
#[derive(Debug)]
pub(crate) struct Record {
    began: Nanos,
    written: Arc<Written>,
}

impl Record {
    pub(crate) fn begin(policy: &str) -> Self {
        let written = Arc::new(Written {
            policy: policy.to_owned(),
            events: Mutex::default(),
        });
        let mut records = CHANNEL.current().records.0.lock();
        records.retain(|record| record.strong_count() > 0);
        records.push(Arc::downgrade(&written));
        drop(records);
        SUBSCRIBERS.fetch_add(1, Ordering::Relaxed);
        Self {
            began: now(),
            written,
        }
    }

    /// When it was begun.
    pub(crate) const fn began(&self) -> Nanos {
        self.began
    }

    /// What has happened so far, and when.
    pub(crate) fn events(&self) -> Vec<(Nanos, Event)> {
        self.written.events.lock().clone()
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        SUBSCRIBERS.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EVENT_CAPACITY, What, emit};
    use crate::setting::Kind;

    const KIND: Kind = Kind::new("test");

    #[test]
    fn a_record_has_every_event_of_its_name_however_many_there_are() {
        let record = Record::begin("recorded");
        for _ in 0..2 * EVENT_CAPACITY {
            emit(KIND, "recorded", What::FellBack);
            emit(KIND, "other", What::FellBack);
        }
        let events = record.events();
        assert_eq!(events.len(), 2 * EVENT_CAPACITY);
        assert!(
            events
                .iter()
                .all(|(at, event)| { *at >= record.began() && event.policy == "recorded" })
        );
    }
}
