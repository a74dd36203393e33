//! A registry for one test, and the way back to the beginning.

use super::watch::Watch;
use crate::budget;
use crate::isolation;
use crate::registry::Registry;
use crate::site::{declare_all, registry};
use pin_project_lite::pin_project;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// Gives this thread a registry of its own, until what is returned is dropped.
///
/// In it all annotated functions are declared as if the program had just started: no policy was used,
/// and nothing is registered in code. [`registry()`](crate::registry()), annotated functions,
/// [`policy()`](crate::policy()), events and budgets with a name all belong to it. So two tests on two
/// threads never meet, whatever names they use.
///
/// It is for tests: the memory of its policies is never given back, a few kilobytes for each annotated
/// function.
///
/// ```
/// use resilient_core::testing::isolated;
/// use resilient_core::{BulkheadPolicy, policy, registry};
///
/// {
///     let _test = isolated();
///     policy("search").bulkhead(BulkheadPolicy::new().limit(1)).register()?;
///     assert!(registry().bulkhead("search").is_some());
/// }
/// assert!(registry().bulkhead("search").is_none(), "the process knows nothing of it");
/// # Ok::<(), resilient_core::RegisterError>(())
/// ```
#[must_use = "the registry holds until this is dropped: `let _test = isolated();`"]
pub fn isolated() -> Isolated {
    let number = isolation::new_number();
    isolation::enter(number);
    let test = Isolated {
        number,
        this_thread: PhantomData,
    };
    declare_all();
    test
}

/// The registry of one test; see [`isolated`].
///
/// It holds for what runs on the thread that made it, tasks of a current-thread runtime included. What
/// runs elsewhere is taken along by [`scope`](Self::scope). Within it there may be another one, which
/// holds until it is dropped.
#[derive(Debug)]
pub struct Isolated {
    number: u64,
    this_thread: PhantomData<Rc<()>>,
}

impl Isolated {
    /// The registry itself.
    pub fn registry(&self) -> &'static Registry {
        isolation::within(self.number, registry)
    }

    /// Takes the registry along into `future`, wherever that is polled: in a task on another thread, or
    /// after this test has ended. A task that is spawned inside needs a scope of its own.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops `future`, on the registry of the test.
    ///
    /// ```
    /// use resilient_core::testing::isolated;
    /// use resilient_core::{BulkheadPolicy, policy, registry};
    ///
    /// # #[tokio::main(flavor = "multi_thread", worker_threads = 1)] async fn main() {
    /// # tokio::task::spawn_blocking(|| {
    /// let test = isolated();
    /// policy("search").bulkhead(BulkheadPolicy::new().limit(1)).register().unwrap();
    /// let look = || async { registry().bulkhead("search").is_some() };
    /// # tokio::runtime::Handle::current().block_on(async {
    /// assert!(tokio::spawn(test.scope(look())).await.unwrap());
    /// assert!(!tokio::spawn(look()).await.unwrap(), "the task is on another thread");
    /// # })
    /// # }).await.unwrap() }
    /// ```
    pub fn scope<F: Future>(&self, future: F) -> Scope<F> {
        Scope::new(self.number, future)
    }

    /// Records what happens to the policies of this name in this registry; see
    /// [`watch`](super::watch()).
    ///
    /// # Panics
    ///
    /// If there is no policy of this name.
    #[track_caller]
    pub fn watch(&self, policy: &str) -> Watch {
        match isolation::within(self.number, || Watch::begin(policy)) {
            Ok(watch) => watch,
            Err(unknown) => panic!("{unknown}"),
        }
    }
}

impl Drop for Isolated {
    fn drop(&mut self) {
        isolation::leave(self.number);
    }
}

pin_project! {
    /// A future that works on the registry of a test, wherever it is polled or dropped; see
    /// [`Isolated::scope`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Scope<F> {
        #[pin]
        inner: Option<F>,
        number: u64,
    }

    impl<F> PinnedDrop for Scope<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            isolation::within(*this.number, || this.inner.set(None));
        }
    }
}

impl<F> Scope<F> {
    const fn new(number: u64, inner: F) -> Self {
        Self {
            inner: Some(inner),
            number,
        }
    }
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        match this.inner.as_pin_mut() {
            Some(inner) => isolation::within(*this.number, || inner.poll(context)),
            None => Poll::Pending,
        }
    }
}

/// Has every policy of the registry begin anew: states, windows, statistics, overrides, what is inside
/// and what waits, budgets.
///
/// What was written about a policy stays, in attributes and in code. A call that is under way ends with
/// the policies that it began with: it keeps its place, and whatever it comes to changes none of the
/// new ones. It can still report events under their names. A policy that somebody has looked up is one
/// of the old ones: look it up again.
///
/// In a test with a registry of its own it resets that one, elsewhere the one of the process, which
/// other tests may use at the same time: prefer [`isolated`].
///
/// ```
/// use resilient_core::testing::{isolated, reset_all};
/// use resilient_core::{CircuitBreakerPolicy, CircuitBreakerState, policy, registry};
///
/// let _test = isolated();
/// policy("pricing").circuit_breaker(CircuitBreakerPolicy::new()).register()?;
/// registry().circuit_breaker("pricing").unwrap().force_open("a drill");
///
/// reset_all();
/// let breaker = registry().circuit_breaker("pricing").unwrap();
/// assert_eq!(breaker.state(), CircuitBreakerState::Closed);
/// # Ok::<(), resilient_core::RegisterError>(())
/// ```
pub fn reset_all() {
    isolation::ask();
    let registry = registry();
    budget::forget_shared();
    registry.renew();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_holds_while_its_future_is_polled_and_dropped() {
        struct Look<'a>(&'a std::cell::Cell<Option<u64>>);

        impl Drop for Look<'_> {
            fn drop(&mut self) {
                self.0.set(isolation::current());
            }
        }

        let (number, dropped_on) = (isolation::new_number(), std::cell::Cell::new(None));
        let look = Look(&dropped_on);
        let mut scope = Box::pin(Scope::new(number, async move {
            let _look = look;
            let polled_on = isolation::current();
            std::future::pending::<()>().await;
            polled_on
        }));
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(scope.as_mut().poll(&mut context).is_pending());
        assert_eq!(isolation::current(), None);
        drop(scope);
        assert_eq!(dropped_on.get(), Some(number));
    }
}
