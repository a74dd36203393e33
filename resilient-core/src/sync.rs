//! Locks, atomics and per-thread slots. Only this file names them.
//!
//! Models of what threads may do to each other (`cargo xtask loom`) are built with the stand-ins in
//! `sync/modelled.rs`.

#[cfg(resilient_loom)]
pub(crate) mod modelled;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::PoisonError;

#[cfg(resilient_loom)]
use modelled::CellOfThread;
#[cfg(resilient_loom)]
pub(crate) use modelled::{Arc, AtomicBool, AtomicU32, AtomicU64, AtomicUsize, LazyLock, OnceLock};
pub(crate) use std::sync::atomic::Ordering;
#[cfg(not(resilient_loom))]
pub(crate) use std::sync::{
    Arc, LazyLock, OnceLock,
    atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize},
};

/// Atomics that no two threads use at once: no model looks at them.
pub(crate) mod unshared {
    pub(crate) use std::sync::atomic::{AtomicU8, AtomicU64};
}

/// A static that each run of a model has one of; everywhere else an ordinary one.
macro_rules! shared_static {
    ($(#[$about:meta])* static $name:ident: $type:ty = $value:expr;) => {
        #[cfg(not(resilient_loom))]
        $(#[$about])*
        static $name: $type = $value;

        #[cfg(resilient_loom)]
        loom::lazy_static! {
            $(#[$about])*
            static ref $name: $type = $value;
        }
    };
}
pub(crate) use shared_static;

/// A `const fn`, except in models: what they replace is made while they run.
macro_rules! const_unless_modelled {
    ($(#[$about:meta])* $vis:vis const fn $($rest:tt)*) => {
        #[cfg(not(resilient_loom))]
        $(#[$about])*
        $vis const fn $($rest)*

        #[cfg(resilient_loom)]
        $(#[$about])*
        $vis fn $($rest)*
    };
}
pub(crate) use const_unless_modelled;

#[cfg(resilient_loom)]
use loom::sync as locks;
#[cfg(not(resilient_loom))]
use std::sync as locks;

/// A mutex that a panic of its holder does not close for ever.
///
/// No user code runs under a lock of this library, so what a panicking holder leaves behind is
/// whole: it can only have run out of memory.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(locks::Mutex<T>);

pub(crate) type MutexGuard<'a, T> = locks::MutexGuard<'a, T>;

impl<T> Mutex<T> {
    const_unless_modelled! {
        pub(crate) const fn new(value: T) -> Self {
            Self(locks::Mutex::new(value))
        }
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many slots there are for counters which every thread writes on its own.
///
/// Each slot but the first belongs to one thread at a time; the first is shared by all others.
pub(crate) const SLOTS: usize = if cfg!(resilient_loom) { 2 } else { 8 };

/// The place of the slot that is shared.
const SHARED: usize = 0;

/// What stands for the slot of a thread that shares one, and of a thread that was given none yet: no
/// slot is there, so who looks for its own finds at one glance that it has none.
const NONE_OWNED: usize = usize::MAX - 1;
const UNASSIGNED: usize = usize::MAX;

#[cfg(not(resilient_loom))]
thread_local! {
    // Without a destructor, so that it can be read for as long as the thread lives.
    static SLOT: Cell<usize> = const { Cell::new(UNASSIGNED) };
    static RETURN: ReturnSlot = const { ReturnSlot(Cell::new(UNASSIGNED)) };
}

#[cfg(resilient_loom)]
loom::thread_local! {
    static SLOT: Cell<usize> = Cell::new(UNASSIGNED);
    static RETURN: ReturnSlot = ReturnSlot(Cell::new(UNASSIGNED));
}

/// Thread numbers that were given back, and the first that was never given out.
struct Numbers {
    free: BTreeSet<usize>,
    next: usize,
}

shared_static! {
    static NUMBERS: Mutex<Numbers> = Mutex::new(Numbers {
        free: BTreeSet::new(),
        next: 0,
    });
}

/// Gives a thread's number back when the thread ends.
struct ReturnSlot(Cell<usize>);

impl ReturnSlot {
    fn give_back(&self) {
        let number = self.0.replace(UNASSIGNED);
        // What still runs on this thread, in other destructors, shares the last slot.
        SLOT.set(NONE_OWNED);
        if number != UNASSIGNED {
            NUMBERS.lock().free.insert(number);
        }
    }
}

#[cfg(not(resilient_loom))]
impl Drop for ReturnSlot {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// The slot that belongs to this thread, if one does.
#[inline(always)]
fn slot() -> usize {
    let slot = SLOT.get();
    if slot == UNASSIGNED { assign() } else { slot }
}

#[cold]
#[inline(never)]
fn assign() -> usize {
    let number = {
        let mut numbers = NUMBERS.lock();
        numbers.free.pop_first().unwrap_or_else(|| {
            numbers.next += 1;
            numbers.next - 1
        })
    };
    let owned = RETURN.try_with(|end| end.0.set(number)).is_ok();
    if !owned {
        // The thread is ending already: nobody would give the number back later.
        NUMBERS.lock().free.insert(number);
    }
    let slot = if owned && number < SLOTS - 1 {
        SHARED + 1 + number
    } else {
        NONE_OWNED
    };
    SLOT.set(slot);
    slot
}

/// Adds one to a counter that only this thread writes, and says what it was before.
///
/// A plain load and store: it costs a twentieth of a locked add.
#[inline(always)]
pub(crate) fn bump(own: &AtomicU64) -> u64 {
    let before = own.load(Ordering::Relaxed);
    own.store(before + 1, Ordering::Relaxed);
    before
}

/// A value on a cache line of its own, so that threads which write neighbours do not slow each
/// other down.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Padded<T>(pub(crate) T);

/// One value for each slot, or, where memory counts for more than time, one for all threads: then there
/// is only the one that is shared.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    slots: Box<[Padded<T>]>,
}

impl<T: Default> Slots<T> {
    pub(crate) fn per_thread() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Padded::default()).collect(),
        }
    }

    pub(crate) fn lone() -> Self {
        Self {
            slots: [Padded::default()].into(),
        }
    }
}

impl<T> Slots<T> {
    /// The value that only this thread writes, if there is one. Nothing is called, so that who asks may
    /// be so short as to need no registers of its own.
    #[inline(always)]
    pub(crate) fn owned(&self) -> Option<&T> {
        // One comparison says that the thread has a slot, and that it is nobody else's.
        Some(&self.slots.get(SLOT.get())?.0)
    }

    /// The value that this thread writes, alone or together with others.
    #[inline]
    pub(crate) fn own(&self) -> &T {
        &self.slots[self.own_index()].0
    }

    /// The place in [`iter`](Self::iter) of the value that this thread writes.
    #[inline]
    pub(crate) fn own_index(&self) -> usize {
        let slot = slot();
        if slot < self.slots.len() {
            slot
        } else {
            SHARED
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().map(|slot| &slot.0)
    }

    /// Adds one to this thread's own of the counters that `counter` finds, and says what it was before.
    #[inline]
    pub(crate) fn count(&self, counter: impl Fn(&T) -> &AtomicU64) -> u64 {
        match self.owned() {
            Some(slot) => bump(counter(slot)),
            None => self.count_with_others(counter),
        }
    }

    /// For a thread that has no slot of its own, or none yet, and where there is one for all.
    #[cold]
    #[inline(never)]
    fn count_with_others(&self, counter: impl Fn(&T) -> &AtomicU64) -> u64 {
        match self.own_index() {
            SHARED => counter(&self.slots[SHARED].0).fetch_add(1, Ordering::Relaxed),
            owned => bump(counter(&self.slots[owned].0)),
        }
    }
}

/// A counter that many threads add to at the cost of one, and that is summed up when it is read.
#[derive(Debug)]
pub(crate) struct Tally {
    slots: Slots<AtomicU64>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            slots: Slots::per_thread(),
        }
    }
}

impl Tally {
    /// A counter that takes less memory, and more time.
    pub(crate) fn lone() -> Self {
        Self {
            slots: Slots::lone(),
        }
    }

    #[inline]
    pub(crate) fn add(&self) {
        self.add_and_tell();
    }

    /// Adds one, and says what was there before of the threads that share a slot with this one.
    #[inline]
    pub(crate) fn add_and_tell(&self) -> u64 {
        self.slots.count(|counter| counter)
    }

    pub(crate) fn sum(&self) -> u64 {
        self.slots
            .iter()
            .map(|slot| slot.load(Ordering::Relaxed))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_loses_nothing_with_more_threads_than_slots() {
        let tally = Tally::default();
        std::thread::scope(|scope| {
            for _ in 0..2 * SLOTS {
                scope.spawn(|| (0..10_000).for_each(|_| tally.add()));
            }
        });
        assert_eq!(tally.sum(), 2 * SLOTS as u64 * 10_000);
    }

    #[test]
    fn a_tally_loses_nothing_when_threads_follow_each_other() {
        let tally = Tally::default();
        for _ in 0..100 {
            std::thread::scope(|scope| {
                scope.spawn(|| (0..100).for_each(|_| tally.add()));
                scope.spawn(|| (0..100).for_each(|_| tally.add()));
            });
        }
        assert_eq!(tally.sum(), 20_000);
    }

    #[test]
    fn a_mutex_is_usable_after_a_panic_of_its_holder() {
        let mutex = Mutex::new(1);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _guard = mutex.lock();
            panic!("while holding it");
        }));
        assert!(panicked.is_err());
        *mutex.lock() += 1;
        assert_eq!(*mutex.lock(), 2);
    }
}
