//! The deadline of the call that is being polled on this thread.
//!
//! Every timeout sets it around each poll of what it limits and restores it afterwards. So it
//! reaches the policies inside, the body, and other annotated functions which the body calls,
//! stays apart between two calls joined in one task, and does not cross a spawn.

use crate::time::{NEVER, Nanos, from_instant, instant, now, until};
use pin_project_lite::pin_project;
use std::cell::Cell;
use std::mem::forget;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// What limits the code that is running: an instant, a length that has not begun to run, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    /// The earliest deadline that is already an instant.
    at: Nanos,
    /// The shortest timeout around us whose clock nobody has needed yet.
    within: Nanos,
}

#[cfg(test)]
const UNLIMITED: Deadline = Deadline {
    at: NEVER,
    within: NEVER,
};

/// What holds on a thread. In cells of their own, since a scope in which nobody asks leaves the last one
/// as it is.
struct Current {
    at: Cell<Nanos>,
    within: Cell<Nanos>,
    /// When somebody last asked while `within` had not begun: the clock began to run then.
    asked: Cell<Nanos>,
    /// The earliest deadline that was brought in from elsewhere, and was earlier than all timeouts
    /// around it.
    brought: Cell<Nanos>,
}

thread_local! {
    static CURRENT: Current = const {
        Current {
            at: Cell::new(NEVER),
            within: Cell::new(NEVER),
            asked: Cell::new(NEVER),
            brought: Cell::new(NEVER),
        }
    };
}

impl Deadline {
    /// The deadline that holds outside of a timeout which is about to be polled.
    #[inline]
    pub(crate) fn current() -> Self {
        CURRENT.with(|current| Self {
            at: current.at.get(),
            within: current.within.get(),
        })
    }

    #[inline]
    fn hold(self) {
        CURRENT.with(|current| {
            current.at.set(self.at);
            current.within.set(self.within);
        });
    }

    /// True if this is an instant, or has one beside a length.
    #[inline]
    pub(crate) const fn is_instant(self) -> bool {
        self.at != NEVER
    }

    /// True if an instant has already been passed.
    pub(crate) fn has_passed(self) -> bool {
        self.is_instant() && now() >= self.at
    }

    /// The earlier of `at` and this deadline, if this is an instant.
    #[inline]
    pub(crate) fn earlier(self, at: Nanos) -> Nanos {
        self.at.min(at)
    }

    /// This deadline's length that has not begun to run, or [`NEVER`].
    #[inline]
    pub(crate) fn within(self) -> Nanos {
        self.within
    }

    /// Holds for what runs on this thread until the scope ends.
    #[inline]
    pub(crate) fn enter(outer: Self, at: Nanos, within: Nanos) -> Scope {
        let narrower = Self {
            at: outer.at.min(at),
            within: outer.within.min(within),
        };
        narrower.hold();
        Scope {
            outer,
            within: narrower.within,
            asked_before: CURRENT.with(|current| current.asked.get()),
        }
    }
}

/// The instant at which the running call will be cut off, fixed now if it was not before.
pub(crate) fn current_deadline() -> Option<Nanos> {
    let mut current = Deadline::current();
    if current.within != NEVER {
        let now = now();
        current.at = current.at.min(now.saturating_add(current.within));
        current.within = NEVER;
        current.hold();
        CURRENT.with(|current| current.asked.set(now));
    }
    (current.at != NEVER).then_some(current.at)
}

/// The deadline of the running call if no timeout of this task cuts the call off at it, or [`NEVER`]:
/// who waits has to look at it himself.
///
/// Where a timeout inside ends at the same instant, it is still this one.
pub(crate) fn deadline_that_nobody_enforces() -> Nanos {
    CURRENT.with(|current| {
        let brought = current.brought.get();
        if brought <= current.at.get() {
            brought
        } else {
            NEVER
        }
    })
}

/// A poll during which a deadline holds that was brought in from elsewhere.
struct Brought {
    outer: Nanos,
    _scope: Scope,
}

impl Brought {
    fn enter(at: Nanos) -> Self {
        let deadline = Deadline::current();
        let outer = CURRENT.with(|current| {
            let outer = current.brought.get();
            if at < deadline.at {
                current.brought.set(at);
            }
            outer
        });
        Self {
            outer,
            _scope: Deadline::enter(deadline, at, NEVER),
        }
    }
}

impl Drop for Brought {
    fn drop(&mut self) {
        CURRENT.with(|current| current.brought.set(self.outer));
    }
}

/// A poll during which a narrower deadline holds.
#[derive(Debug)]
pub(crate) struct Scope {
    outer: Deadline,
    /// As it was when the scope began: if it is another one at the end, somebody has asked.
    within: Nanos,
    asked_before: Nanos,
}

impl Scope {
    /// Ends the scope: when the clock of a timeout began to run in it, or [`NEVER`] if nobody
    /// asked.
    #[inline(always)]
    pub(crate) fn leave(self) -> Nanos {
        let asked = self.end();
        forget(self);
        asked
    }

    #[inline(always)]
    fn end(&self) -> Nanos {
        if CURRENT.with(|current| current.within.get()) == self.within {
            self.outer.hold();
            return NEVER;
        }
        let Deadline { at, within } = self.outer;
        end_asked(at, within, self.asked_before)
    }
}

impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        self.end();
    }
}

/// Ends a scope in which somebody asked. It takes numbers, so that a scope need not stand in memory.
#[cold]
#[inline(never)]
fn end_asked(at: Nanos, within: Nanos, asked_before: Nanos) -> Nanos {
    let asked = CURRENT.with(|current| current.asked.get());
    let mut outer = Deadline { at, within };
    if outer.within == NEVER {
        // Whoever asked did not ask the outer timeout, which had begun before.
        CURRENT.with(|current| current.asked.set(asked_before));
    } else {
        // Whoever asked fixed the outer timeout's beginning as well.
        outer.at = outer.at.min(asked.saturating_add(outer.within));
        outer.within = NEVER;
    }
    outer.hold();
    asked
}

/// When the call in whose body this is asked will be cut off by a timeout, if any limits it.
///
/// It is the earliest of all timeouts around the caller, in its own stack and in annotated
/// functions further out. The clock of a timeout begins to run at the latest when somebody asks.
/// A spawned task has no deadline of its own accord; [`inherit`] gives it one.
///
/// ```
/// assert_eq!(resilient_core::deadline(), None, "nothing limits this code");
/// ```
pub fn deadline() -> Option<tokio::time::Instant> {
    current_deadline().map(instant)
}

/// How long the call in whose body this is asked may still take, if a timeout limits it.
///
/// Zero when the deadline has passed, which a body that does not yield may live to see.
///
/// ```
/// assert_eq!(resilient_core::time_left(), None, "nothing limits this code");
/// ```
pub fn time_left() -> Option<Duration> {
    current_deadline().map(|at| until(at, now()))
}

pin_project! {
    /// A future with a deadline that came from elsewhere; see [`with_deadline`] and [`inherit`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct WithDeadline<F> {
        #[pin]
        inner: F,
        at: Nanos,
    }
}

/// Tells all timeouts inside `future` that a deadline holds, for example one that came with a
/// request.
///
/// It shortens the timeouts of annotated functions inside, and ends waiting for a place or a turn; a body
/// it does not cut off. A later deadline than the one that holds already changes nothing.
///
/// # Cancel safety
///
/// Dropping it drops `future`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::time::Duration;
/// use tokio::time::Instant;
///
/// let deadline = Instant::now() + Duration::from_secs(5);
/// let left = resilient_core::with_deadline(deadline, async { resilient_core::time_left() }).await;
/// assert!(left.unwrap() <= Duration::from_secs(5));
/// assert_eq!(resilient_core::time_left(), None, "it holds inside alone");
/// # }
/// ```
pub fn with_deadline<F: Future>(deadline: tokio::time::Instant, future: F) -> WithDeadline<F> {
    WithDeadline {
        inner: future,
        at: from_instant(deadline),
    }
}

/// Carries the deadline that holds here into `future`, also across a spawn.
///
/// # Cancel safety
///
/// Dropping it drops `future`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::time::Duration;
/// use resilient_core::{inherit, time_left, with_deadline};
///
/// let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
/// with_deadline(deadline, async {
///     let spawned = tokio::spawn(inherit(async { time_left() }));
///     assert!(spawned.await.unwrap().is_some());
///     let forgotten = tokio::spawn(async { time_left() });
///     assert_eq!(forgotten.await.unwrap(), None, "a spawned task has no deadline by itself");
/// })
/// .await;
/// # }
/// ```
pub fn inherit<F: Future>(future: F) -> WithDeadline<F> {
    WithDeadline {
        inner: future,
        at: current_deadline().unwrap_or(NEVER),
    }
}

impl<F: Future> Future for WithDeadline<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _brought = Brought::enter(*this.at);
        this.inner.poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn asking_fixes_every_timeout_that_has_not_begun() {
        let begin = now();
        let outer = Deadline::enter(Deadline::current(), NEVER, 500);
        let inner = Deadline::enter(Deadline::current(), NEVER, 100);
        assert_eq!(current_deadline(), Some(begin + 100));
        assert_eq!(inner.leave(), begin);
        assert_eq!(current_deadline(), Some(begin + 500));
        assert_eq!(outer.leave(), begin);
        assert_eq!(current_deadline(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_inner_limit_never_lengthens_an_outer_one() {
        let begin = now();
        let outer = Deadline::enter(Deadline::current(), begin + 50, NEVER);
        let inner = Deadline::enter(Deadline::current(), NEVER, 100);
        assert_eq!(current_deadline(), Some(begin + 50));
        drop(inner);
        drop(outer);
        assert_eq!(Deadline::current(), UNLIMITED);
    }

    /// What the innermost future sees under a timeout that ends at `timeout` around `brought` deadlines.
    fn seen(timeout: Nanos, brought: &[Nanos]) -> Nanos {
        let _timeout = Deadline::enter(Deadline::current(), timeout, NEVER);
        let _brought: Vec<Brought> = brought.iter().map(|at| Brought::enter(*at)).collect();
        deadline_that_nobody_enforces()
    }

    #[test]
    fn a_deadline_from_elsewhere_is_enforced_by_nobody_unless_a_timeout_ends_sooner() {
        assert_eq!(seen(NEVER, &[]), NEVER);
        assert_eq!(seen(200, &[]), NEVER, "the timeout sees to it");
        assert_eq!(seen(200, &[100]), 100);
        assert_eq!(seen(200, &[300]), NEVER);
        assert_eq!(
            seen(200, &[200]),
            NEVER,
            "it was inherited from the timeout"
        );
        assert_eq!(seen(NEVER, &[100, 200]), 100);
        let _outer = Brought::enter(100);
        let _timeout = Deadline::enter(Deadline::current(), 50, NEVER);
        assert_eq!(
            deadline_that_nobody_enforces(),
            NEVER,
            "the timeout inside is sooner"
        );
    }

    #[test]
    fn a_deadline_from_elsewhere_ends_with_its_poll() {
        drop(Brought::enter(100));
        assert_eq!(deadline_that_nobody_enforces(), NEVER);
        let outer = Brought::enter(100);
        drop(Brought::enter(50));
        assert_eq!(deadline_that_nobody_enforces(), 100);
        drop(outer);
        assert_eq!(Deadline::current(), UNLIMITED);
    }

    #[test]
    fn nobody_asks_and_nothing_begins() {
        let scope = Deadline::enter(Deadline::current(), NEVER, 100);
        assert_eq!(Deadline::current().within(), 100);
        assert_eq!(scope.leave(), NEVER);
    }
}
