//! Which registry this thread works on: the one of the process, or under the feature `testing` one of a
//! test.
//!
//! Registries of tests have numbers that are never used twice. What there is one of for each registry
//! stands in a [`PerRegistry`]; without the feature that is a plain static.

use crate::sync::LazyLock;
#[cfg(feature = "testing")]
use crate::sync::{AtomicU64, Ordering};

#[cfg(feature = "testing")]
pub(crate) use asked_for::*;

/// How often the registry which this thread works on has begun anew.
pub(crate) fn epoch() -> u64 {
    #[cfg(feature = "testing")]
    return EPOCH.current().load(Ordering::Relaxed);
    #[cfg(not(feature = "testing"))]
    0
}

/// Has everything begin anew that is kept beside the registry which this thread works on.
#[cfg(feature = "testing")]
pub(crate) fn begin_anew() {
    EPOCH.current().fetch_add(1, Ordering::Relaxed);
}

#[cfg(feature = "testing")]
static EPOCH: PerRegistry<AtomicU64> = PerRegistry::new(|| AtomicU64::new(0));

/// Something that each registry has one of.
pub(crate) struct PerRegistry<T: 'static> {
    process: LazyLock<T>,
    #[cfg(feature = "testing")]
    isolated: Isolated<T>,
}

impl<T> PerRegistry<T> {
    pub(crate) const fn new(new: fn() -> T) -> Self {
        Self {
            process: LazyLock::new(new),
            #[cfg(feature = "testing")]
            isolated: Isolated::new(new),
        }
    }

    /// The one of the process.
    pub(crate) fn process(&'static self) -> &'static T {
        LazyLock::force(&self.process)
    }

    /// The one of the registry that this thread works on.
    pub(crate) fn current(&'static self) -> &'static T {
        #[cfg(feature = "testing")]
        if let Some(isolated) = self.isolated.current() {
            return isolated;
        }
        self.process()
    }
}

/// A policy at work, which `reset_all` replaces by a new one.
#[derive(Debug)]
pub(crate) struct Renewable<T: 'static> {
    first: T,
    #[cfg(feature = "testing")]
    renewed: crate::sync::Mutex<Option<&'static T>>,
}

impl<T> Renewable<T> {
    pub(crate) const fn new(first: T) -> Self {
        Self {
            first,
            #[cfg(feature = "testing")]
            renewed: crate::sync::Mutex::new(None),
        }
    }

    #[inline(always)]
    pub(crate) const fn first(&self) -> &T {
        &self.first
    }

    #[inline]
    pub(crate) fn get(&self) -> &T {
        #[cfg(feature = "testing")]
        if let Some(renewed) = *self.renewed.lock() {
            return renewed;
        }
        &self.first
    }
}

#[cfg(feature = "testing")]
mod asked_for {
    use super::Renewable;
    use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering};
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    /// True for good from the moment when somebody in the process isolates or resets a registry: before
    /// that, what a call site has found holds for ever.
    static ASKED_FOR: AtomicBool = AtomicBool::new(false);

    thread_local! {
        /// The registries of the tests that run on this thread, one within another.
        static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    }

    /// True if a call site may have to look for another policy than the one which it found first.
    #[inline(always)]
    pub(crate) fn is_asked_for() -> bool {
        ASKED_FOR.load(Ordering::Relaxed)
    }

    pub(crate) fn ask() {
        ASKED_FOR.store(true, Ordering::Relaxed);
    }

    /// The number of the registry which this thread works on; `None` is the one of the process.
    pub(crate) fn current() -> Option<u64> {
        if !is_asked_for() {
            return None;
        }
        // A thread that is ending works on that of the process.
        ENTERED
            .try_with(|entered| entered.borrow().last().copied())
            .ok()
            .flatten()
    }

    /// A number that no registry has.
    pub(crate) fn new_number() -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(0);

        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    /// Works on the registry of this number from now on; see [`leave`].
    pub(crate) fn enter(number: u64) {
        ask();
        ENTERED.with_borrow_mut(|entered| entered.push(number));
    }

    /// Ends the latest [`enter`] of this number, also if others were entered after it.
    pub(crate) fn leave(number: u64) {
        let _ = ENTERED.try_with(|entered| {
            let mut entered = entered.borrow_mut();
            if let Some(at) = entered.iter().rposition(|other| *other == number) {
                entered.remove(at);
            }
        });
    }

    /// What `run` does on the registry of this number.
    pub(crate) fn within<R>(number: u64, run: impl FnOnce() -> R) -> R {
        struct Leave(u64);

        impl Drop for Leave {
            fn drop(&mut self) {
                leave(self.0);
            }
        }

        enter(number);
        let _leave = Leave(number);
        run()
    }

    /// Those of the registries of tests, each made when it is first asked for. They are never given
    /// back: what call sites hand out lives for ever.
    pub(super) struct Isolated<T: 'static> {
        new: fn() -> T,
        by_number: Mutex<BTreeMap<u64, &'static T>>,
    }

    impl<T> Isolated<T> {
        pub(super) const fn new(new: fn() -> T) -> Self {
            Self {
                new,
                by_number: Mutex::new(BTreeMap::new()),
            }
        }

        pub(super) fn current(&self) -> Option<&'static T> {
            let number = current()?;
            let mut by_number = self.by_number.lock();
            Some(
                by_number
                    .entry(number)
                    .or_insert_with(|| Box::leak(Box::new((self.new)()))),
            )
        }
    }

    impl<T> Renewable<T> {
        /// Puts another one into its place. Who holds the old one goes on with it.
        pub(crate) fn renew(&self, other: T) {
            *self.renewed.lock() = Some(Box::leak(Box::new(other)));
        }
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::sync::{AtomicU64, Ordering};

    static COUNTS: PerRegistry<AtomicU64> = PerRegistry::new(|| AtomicU64::new(0));

    fn count() -> u64 {
        COUNTS.current().fetch_add(1, Ordering::Relaxed)
    }

    #[test]
    fn each_registry_has_its_own_and_finds_it_again() {
        let (one, other) = (new_number(), new_number());
        assert_eq!((within(one, count), within(one, count)), (0, 1));
        assert_eq!(within(other, count), 0);
        let inner = within(one, || (within(other, count), count()));
        assert_eq!(inner, (1, 2), "the outer one holds again afterwards");
        assert_eq!(COUNTS.process().load(Ordering::Relaxed), 0);
    }

    #[test]
    fn registries_may_be_left_in_any_order() {
        let (one, other) = (new_number(), new_number());
        enter(one);
        enter(other);
        leave(one);
        assert_eq!(current(), Some(other));
        leave(other);
        assert_eq!(current(), None);
    }

    #[test]
    fn a_panic_leaves_the_registry() {
        let number = new_number();
        let panicked = std::panic::catch_unwind(|| within(number, || panic!("inside")));
        assert!(panicked.is_err());
        assert_eq!(current(), None);
    }

    #[test]
    fn what_is_renewed_leaves_the_old_one_to_who_holds_it() {
        let renewable: &'static Renewable<u8> = Box::leak(Box::new(Renewable::new(1)));
        let old = renewable.get();
        renewable.renew(2);
        assert_eq!((*old, *renewable.get()), (1, 2));
    }
}
