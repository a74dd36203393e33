//! The clock of a model: it stands still, until the model moves it.

use super::{Nanos, ORIGIN};
use loom::sync::atomic::{AtomicU64, Ordering};
use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

std::thread_local! {
    // All threads of a model run on one.
    static NOW: Cell<Nanos> = const { Cell::new(ORIGIN) };
}

loom::lazy_static! {
    // So that loom knows what a change of the time may do to whom. The value says nothing: clocks of
    // processors do not lag behind each other.
    static ref MOVED: AtomicU64 = AtomicU64::new(0);
}

/// Begins a run of a model.
pub fn start() {
    NOW.set(ORIGIN);
    MOVED.load(Ordering::Relaxed);
}

/// Lets time pass.
pub fn advance(by: Duration) {
    MOVED.store(0, Ordering::Relaxed);
    NOW.set(NOW.get() + super::nanos(by));
}

pub(super) fn now() -> Nanos {
    MOVED.load(Ordering::Relaxed);
    NOW.get()
}

/// A timer that wakes nobody: who waits for it is polled by the model.
#[derive(Debug)]
pub(crate) struct Timer(pub(super) Nanos);

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if now() >= self.0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
