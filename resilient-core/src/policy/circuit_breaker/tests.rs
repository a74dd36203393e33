//! What a circuit breaker does: the pure machine, then the live one in paused time and among
//! threads. The comparison with an oracle is in `oracle.rs`.

mod fresh;
mod live;
mod oracle;
mod pure;
mod symptoms;

use std::sync::{Arc, LazyLock, Mutex};
use tracing::field::{Field, Visit};
use tracing::span;

/// A subscriber that writes down transitions as `from > to: reason`, and then does something.
struct Recorder<F> {
    written: Arc<Mutex<Vec<String>>>,
    then: F,
}

/// With fewer than two subscribers alive, `tracing` asks only that of the thread which comes first
/// whether an event is wanted, and other tests run on threads without any.
static ALIVE: LazyLock<[tracing::Dispatch; 2]> = LazyLock::new(|| {
    let idle = || Recorder {
        written: Arc::default(),
        then: || (),
    };
    [
        tracing::Dispatch::new(idle()),
        tracing::Dispatch::new(idle()),
    ]
});

impl<F: Fn()> Recorder<F> {
    fn new(then: F) -> (Self, Arc<Mutex<Vec<String>>>) {
        LazyLock::force(&ALIVE);
        let written = Arc::default();
        let recorder = Self {
            written: Arc::clone(&written),
            then,
        };
        (recorder, written)
    }
}

#[derive(Default)]
struct Fields {
    from: String,
    to: String,
    reason: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "from" => value.clone_into(&mut self.from),
            "to" => value.clone_into(&mut self.to),
            "reason" => value.clone_into(&mut self.reason),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl<F: Fn() + 'static> tracing::Subscriber for Recorder<F> {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::INFO
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(tracing::level_filters::LevelFilter::INFO)
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Fields { from, to, reason } = fields;
        if !to.is_empty() {
            let mut written = self.written.lock().expect("nobody panics holding it");
            written.push(format!("{from} > {to}: {reason}"));
        }
        (self.then)();
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
