//! Where one call is, so that a permit which is dropped unsettled knows how the call ended.

use crate::outcome::Outcome;
use crate::sync::{Ordering, unshared::AtomicU8};
use pin_project_lite::pin_project;
use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The call waits: for a place, for a limit, or between two attempts.
const WAITING: u8 = 0;
/// The body has begun and has not finished; it is not being polled right now.
const BODY: u8 = 1;
/// The body is being polled, or the user's code is asked for something. Seen by a permit that is dropped,
/// it means that this panicked: nothing else can drop a permit in the middle of its own call's poll.
const POLLING: u8 = 2;

/// The body has answered, and predicates decide in the same poll what comes of it.
const ANSWERED: u8 = 3;

thread_local! {
    static CUTTING: Cell<bool> = const { Cell::new(false) };
}

/// Where a call is, kept for a while: attempts that run at the same time share the frame of their
/// call, and each of them finds it as it left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Phase(u8);

impl Phase {
    pub(crate) const WAITING: Self = Self(WAITING);
    /// Says of a panic that it is the call's own.
    pub(crate) const POLLING: Self = Self(POLLING);

    /// Where a call is whose attempts are in these phases: in its body if one of them is.
    pub(crate) fn of_all(mut phases: impl Iterator<Item = Self>) -> Self {
        let body = Self(BODY);
        if phases.any(|phase| phase == body) {
            body
        } else {
            Self::WAITING
        }
    }
}

/// Where one call of an annotated function is: waiting, or in its body.
///
/// There is one frame a call, outside of all its policies. Permits look at it when they are
/// dropped without a result: a body, a predicate, or a key or cost that panicked, and a body that a
/// timeout cut off, are failures; a call whose caller dropped it, or that was cut off while it waited,
/// is abandoned.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use resilient_core::{CircuitBreaker, CircuitBreakerPolicy, Frame, LivePolicy};
///
/// let breaker = CircuitBreaker::new("pricing", &CircuitBreakerPolicy::new());
/// let frame = Frame::new();
/// let permit = breaker.admit(&frame).expect("it is closed");
/// assert_eq!(frame.run(async { 7 }).await, 7);
///
/// drop(permit); // nobody said what the call came to
/// let counts = breaker.snapshot().counts;
/// assert_eq!((counts.abandoned, counts.failure), (1, 0));
/// # }
/// ```
#[derive(Debug)]
pub struct Frame {
    // Never shared between threads at once: an atomic only because a call may move between them.
    phase: AtomicU8,
}

impl Frame {
    /// A frame for a call that has not begun.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            phase: AtomicU8::new(WAITING),
        }
    }

    /// Runs the body of the call: while it runs, the frame says so.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops `body`, and nothing of it runs afterwards.
    #[inline]
    pub const fn run<F>(&self, body: F) -> Running<'_, F> {
        Running { body, frame: self }
    }

    /// Runs the body of a call that is no future: while it runs, the frame says so.
    ///
    /// ```
    /// use resilient_core::{CircuitBreaker, CircuitBreakerPolicy, Frame, LivePolicy};
    /// use std::panic::{AssertUnwindSafe, catch_unwind};
    ///
    /// let breaker = CircuitBreaker::new("pricing", &CircuitBreakerPolicy::new());
    /// let panicked = catch_unwind(AssertUnwindSafe(|| {
    ///     let frame = Frame::new();
    ///     let _permit = breaker.admit(&frame).expect("it is closed");
    ///     frame.run_plain(|| panic!("in the body"))
    /// }));
    /// assert!(panicked.is_err());
    /// assert_eq!(breaker.snapshot().counts.failure, 1);
    /// ```
    #[inline]
    pub fn run_plain<R>(&self, body: impl FnOnce() -> R) -> R {
        self.phase.store(POLLING, Ordering::Relaxed);
        let returned = body();
        self.phase.store(ANSWERED, Ordering::Relaxed);
        returned
    }

    /// Says that the user's code is asked for something before the body begins, such as a key or a cost.
    /// It must not wait meanwhile; [`wait`](Self::wait) says that it has answered.
    #[inline]
    pub fn ask(&self) {
        self.phase.store(POLLING, Ordering::Relaxed);
    }

    /// Says that the call waits again: between two attempts, after the body has answered.
    #[inline]
    pub fn wait(&self) {
        self.phase.store(WAITING, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn phase(&self) -> Phase {
        Phase(self.phase.load(Ordering::Relaxed))
    }

    #[inline]
    pub(crate) fn put(&self, phase: Phase) {
        self.phase.store(phase.0, Ordering::Relaxed);
    }

    /// How a call ended whose permit is being dropped unsettled.
    pub(crate) fn ending(&self) -> Outcome {
        match self.phase.load(Ordering::Relaxed) {
            POLLING => Outcome::Failure,
            // A predicate panicked.
            ANSWERED if std::thread::panicking() => Outcome::Failure,
            BODY if CUTTING.get() => Outcome::Failure,
            _ => Outcome::Abandoned,
        }
    }
}

impl Default for Frame {
    fn default() -> Self {
        Self::new()
    }
}

pin_project! {
    /// The body of a call while it runs; see [`Frame::run`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Running<'a, F> {
        #[pin]
        body: F,
        frame: &'a Frame,
    }
}

impl<F: Future> Future for Running<'_, F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let phase = &this.frame.phase;
        phase.store(POLLING, Ordering::Relaxed);
        let polled = this.body.poll(context);
        phase.store(
            if polled.is_ready() { ANSWERED } else { BODY },
            Ordering::Relaxed,
        );
        polled
    }
}

/// Runs `drop_the_call`, in which calls are dropped because their time is up.
pub(crate) fn cut(drop_the_call: impl FnOnce()) {
    struct Restore(bool);

    impl Drop for Restore {
        fn drop(&mut self) {
            CUTTING.set(self.0);
        }
    }

    let _restore = Restore(CUTTING.replace(true));
    drop_the_call();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::pin::pin;
    use std::task::Waker;

    fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_call_that_waits_is_abandoned_even_if_it_is_cut() {
        let frame = Frame::new();
        assert_eq!(frame.ending(), Outcome::Abandoned);
        cut(|| assert_eq!(frame.ending(), Outcome::Abandoned));
    }

    #[test]
    fn a_body_that_is_cut_is_a_failure_and_one_that_is_dropped_is_abandoned() {
        let frame = Frame::new();
        let mut body = pin!(frame.run(pending::<()>()));
        assert!(poll_once(body.as_mut()).is_pending());
        assert_eq!(frame.ending(), Outcome::Abandoned);
        cut(|| assert_eq!(frame.ending(), Outcome::Failure));
        assert_eq!(frame.ending(), Outcome::Abandoned);
    }

    #[test]
    fn code_that_panics_before_the_body_begins_is_a_failure() {
        let frame = Frame::new();
        frame.ask();
        assert_eq!(frame.ending(), Outcome::Failure);
        frame.wait();
        assert_eq!(frame.ending(), Outcome::Abandoned);
    }

    #[test]
    fn a_body_that_panics_is_a_failure() {
        let frame = Frame::new();
        let mut body = pin!(frame.run(async { panic!("boom") }));
        assert!(catch_unwind(AssertUnwindSafe(|| poll_once(body.as_mut()))).is_err());
        assert_eq!(frame.ending(), Outcome::Failure);
    }

    #[test]
    fn a_plain_body_is_in_its_call_while_it_runs_and_a_failure_if_it_panics() {
        let frame = Frame::new();
        assert_eq!(frame.run_plain(|| frame.ending()), Outcome::Failure);
        assert_eq!(frame.ending(), Outcome::Abandoned);
        let panicked = catch_unwind(AssertUnwindSafe(|| frame.run_plain(|| panic!("boom"))));
        assert!(panicked.is_err());
        assert_eq!(frame.ending(), Outcome::Failure);
    }

    #[test]
    fn a_call_is_not_in_its_body_any_more_after_that_has_answered() {
        let frame = Frame::new();
        assert!(poll_once(pin!(frame.run(ready(())))).is_ready());
        cut(|| assert_eq!(frame.ending(), Outcome::Abandoned));
        frame.wait();
        cut(|| assert_eq!(frame.ending(), Outcome::Abandoned));
    }

    #[test]
    fn a_panic_in_the_poll_in_which_the_body_answered_is_a_failure_and_a_later_one_is_not() {
        struct Look<'a>(&'a Frame, &'a Cell<Option<Outcome>>);
        impl Drop for Look<'_> {
            fn drop(&mut self) {
                self.1.set(Some(self.0.ending()));
            }
        }
        let (frame, ending) = (Frame::new(), Cell::new(None));
        let panic_with_a_permit = || {
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                let _permit = Look(&frame, &ending);
                panic!("a predicate, or somebody else");
            }));
            assert!(panicked.is_err());
        };
        assert!(poll_once(pin!(frame.run(ready(())))).is_ready());
        panic_with_a_permit();
        assert_eq!(ending.get(), Some(Outcome::Failure));
        frame.wait();
        panic_with_a_permit();
        assert_eq!(ending.get(), Some(Outcome::Abandoned));
    }

    #[test]
    fn the_mark_of_a_cut_is_gone_after_a_panic_in_a_destructor() {
        assert!(catch_unwind(|| cut(|| panic!("in a destructor"))).is_err());
        assert!(!CUTTING.get());
    }
}
