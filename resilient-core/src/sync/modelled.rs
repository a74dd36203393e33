//! What stands in for locks, atomics and statics in models: the same under the eyes of loom, which tries
//! out how threads may come between each other, and which values a load may see.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

pub(crate) use loom::sync::Arc;
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize};

use super::{Mutex, Ordering, RETURN};

/// Gives the slot of this thread back. In a model a thread says so itself: what is dropped at its end
/// comes too late for statics.
pub fn end_of_thread() {
    RETURN.with(super::ReturnSlot::give_back);
}

/// What `std::thread::LocalKey` can do for a cell.
pub(super) trait CellOfThread<T> {
    fn get(&'static self) -> T;
    fn set(&'static self, value: T);
}

impl<T: Copy + 'static> CellOfThread<T> for loom::thread::LocalKey<Cell<T>> {
    fn get(&'static self) -> T {
        self.with(Cell::get)
    }

    fn set(&'static self, value: T) {
        self.with(|cell| cell.set(value));
    }
}

/// One for each run of a model.
pub(crate) struct LazyLock<T: 'static>(loom::lazy_static::Lazy<T>);

impl<T> LazyLock<T> {
    pub(crate) const fn new(init: fn() -> T) -> Self {
        Self(loom::lazy_static::Lazy {
            init,
            _p: PhantomData,
        })
    }

    pub(crate) fn force(this: &'static Self) -> &'static T {
        this.0.get()
    }
}

/// The value is in a lock of the standard library, which nobody ever waits for: who comes first is
/// decided where loom sees it.
pub(crate) struct OnceLock<T> {
    is_set: AtomicBool,
    setting: Mutex<()>,
    value: std::sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self {
            is_set: AtomicBool::new(false),
            setting: Mutex::new(()),
            value: std::sync::OnceLock::new(),
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        if self.is_set.load(Ordering::Acquire) {
            self.value.get()
        } else {
            None
        }
    }

    pub(crate) fn get_or_init(&self, init: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        let _setting = self.setting.lock();
        if self.value.get().is_none() {
            let value = init();
            let _ = self.value.set(value);
            self.is_set.store(true, Ordering::Release);
        }
        self.value.get().expect("it was set")
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}
