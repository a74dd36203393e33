//! The small pieces that an expanded attribute is put together with. Not for use by hand.

use crate::class::{Class, Classify, RetryHint};
use crate::error::Rejected;
use crate::frame::{Frame, Running};
use crate::outcome::{Failure, Fallible, FromRejected, Inside, Judge, Verdict};
use crate::policy::{CircuitBreakerPermit, Delay, RetryCall, RetryPolicy};
use pin_project_lite::pin_project;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::ladder::{AsksClass, LooksForRefusal};
pub use crate::ladder::{ByClass, BySource, Seen, Way, diagnosing, way};
pub use crate::shape::{Known, OfResult, OfValue, Shape};
pub use crate::site::{Binding, CallSite, Layer, announce};
pub use core;
pub use core::option::Option::{None, Some};
pub use core::result::Result::{self, Err, Ok};
pub use core::time::Duration;
pub use inventory;
pub use std::boxed::Box;

/// One run of a body: the policies around it, its frame if there is one, whether a refusal from here
/// reaches the caller, and the expression. Only tests want to know anything but the last.
#[cfg(not(feature = "testing"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __resilient_run_body {
    ($how:ident, [$($binding:ident),*], [$($frame:ident)?], $takes_refusals:literal, $body:expr) => {
        $body
    };
}

/// One run of a body, unless a chaos switch makes it fail.
///
/// What waits is gone before the body begins, so the future of the function hardly grows.
#[cfg(feature = "testing")]
#[doc(hidden)]
#[macro_export]
macro_rules! __resilient_run_body {
    ($how:ident, [$($binding:ident),*], [$($frame:ident)?], $takes_refusals:literal, $body:expr) => {
        'body: {
            if $crate::__private::is_disturbed() {
                let disturbance = $crate::__private::disturb(
                    &[$($crate::__private::Layer::new(&$binding, "")),*],
                    $takes_refusals,
                );
                let injected = $crate::__resilient_run_body!(@$how [$($frame)?] disturbance);
                if let $crate::__private::Some(rejected) = injected {
                    break 'body $crate::__private::Err($crate::Failure::Rejected(rejected));
                }
            }
            $body
        }
    };
    (@waits [$frame:ident] $disturbance:expr) => {
        $frame.run($disturbance).await
    };
    (@waits [] $disturbance:expr) => {
        $disturbance.await
    };
    (@blocks [$($frame:ident)?] $disturbance:expr) => {
        $disturbance.block()
    };
}

/// One run of a body as a future of its outcome, for what takes a future: policies, frame and the rest
/// as before, and the run.
#[cfg(not(feature = "testing"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __resilient_run_within {
    ([$($binding:ident),*], [$($frame:ident)?], $takes_refusals:literal, $run:expr) => {
        $run
    };
}

/// One run of a body as a future of its outcome, unless a chaos switch makes it fail.
#[cfg(feature = "testing")]
#[doc(hidden)]
#[macro_export]
macro_rules! __resilient_run_within {
    ([$($binding:ident),*], [$($frame:ident)?], $takes_refusals:literal, $run:expr) => {
        async {
            $crate::__resilient_run_body!(
                waits, [$($binding),*], [$($frame)?], $takes_refusals, $run.await
            )
        }
    };
}

/// What the closure that holds a body and its fallbacks is asked to do.
///
/// They share one closure, so that the body may move an argument which a fallback mentions.
#[derive(Debug)]
pub enum Step<A, E> {
    /// Run the body.
    Run(A),
    /// Run the fallback of this number, counted from the top, for this error.
    Fallback(usize, E),
}

/// The closure itself: fixes what it takes and gives before its body is looked at.
#[inline(always)]
pub const fn body<F, A, B>(body: F) -> F
where
    F: FnOnce(A) -> B,
    B: Future,
{
    body
}

/// The closure that holds the body of a plain function: fixes what it takes before it is looked at.
#[inline(always)]
pub const fn plain_body<F, A, B>(body: F) -> F
where
    F: FnOnce(A) -> B,
{
    body
}

/// Runs the body of a plain function, or its fallback, where no frame has to know.
#[inline(always)]
pub fn run_plain<R>(body: impl FnOnce() -> R) -> R {
    body()
}

/// The future that the body of a function makes which returns one.
#[inline(always)]
pub fn future_of<F: Future>(make: impl FnOnce() -> F) -> F {
    make()
}

/// Another copy of the body. What the body only borrows is captured by reference, what it moves by
/// value: only the latter has to be `Clone`. The compiler shows the line of the bound, and what it says.
#[inline(always)]
pub fn clone_arguments_moved_by_the_body<F>(body: &F) -> F
where
    F: Clone, // each attempt needs its own: lend it as `&T`, share it as `Arc<T>`, or derive `Clone`
{
    body.clone()
}

/// The body of one attempt of a hedge, until that begins. A body that could be copied would be
/// borrowed by the attempt, which it has to belong to: this cannot be copied.
#[derive(Debug)]
pub struct Own<B>(B);

impl<B> Own<B> {
    /// Holds a body.
    #[inline(always)]
    pub const fn new(body: B) -> Self {
        Self(body)
    }

    /// The body.
    #[inline(always)]
    pub fn take(self) -> B {
        self.0
    }
}

/// The result of the body as it travels between policies.
///
/// # Errors
///
/// The body's own error.
#[inline(always)]
pub fn split<R: Fallible>(result: R) -> Inside<R::Value, R::Error> {
    result.split()
}

/// A run of the body whose result is split: an `async` block for it would cost the compiler more.
#[inline(always)]
pub const fn splitting<F>(run: F) -> Splitting<F>
where
    F: Future<Output: Fallible>,
{
    Splitting { run }
}

/// A run of the body inside its frame whose result is split.
#[inline(always)]
pub const fn splitting_in<F>(frame: &Frame, run: F) -> Splitting<Running<'_, F>>
where
    F: Future<Output: Fallible>,
{
    Splitting {
        run: frame.run(run),
    }
}

pin_project! {
    /// See [`splitting`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Splitting<F> {
        #[pin]
        run: F,
    }
}

impl<F: Future<Output: Fallible>> Future for Splitting<F> {
    type Output = Inside<<F::Output as Fallible>::Value, <F::Output as Fallible>::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().run.poll(context).map(Fallible::split)
    }
}

/// The predicates of one attribute, where it is not clear that the function returns a `Result`: the
/// compiler shall complain about that once, and not here.
#[inline(always)]
pub const fn judge_of<T, E>(_: &Inside<T, E>) -> Judge<Result<T, E>> {
    Judge::new()
}

/// The errors of such an outcome.
#[inline(always)]
pub const fn seen_in<T, E>(_: &Inside<T, E>) -> Seen<E> {
    Seen::all()
}

/// The errors of a function that returns this.
#[inline(always)]
pub const fn seen_of<R: Fallible>() -> Seen<R::Error> {
    Seen::all()
}

/// What an outcome is where no predicate is asked.
#[inline(always)]
fn verdict<T, E, C, S>(outcome: &Inside<T, E>, way: Way<C, S>) -> Verdict
where
    C: AsksClass<E>,
    S: LooksForRefusal<E>,
{
    Judge::<Result<T, E>>::new().verdict_with(outcome, diagnosing(way))
}

/// The delay after which a retry without predicates tries again, if it does.
///
/// An expansion could call what is called here, but one call costs the compiler less than four.
#[inline(always)]
pub fn decide<T, E, C, S>(
    retry: &mut RetryCall<'_>,
    outcome: &Inside<T, E>,
    way: Way<C, S>,
) -> Option<Delay>
where
    C: AsksClass<E>,
    S: LooksForRefusal<E>,
{
    retry.decide(verdict(outcome, way))
}

/// Settles the permit of a circuit breaker without predicates.
#[inline(always)]
pub fn settle<T, E, C, S>(
    permit: &mut CircuitBreakerPermit<'_>,
    outcome: &Inside<T, E>,
    way: Way<C, S>,
) where
    C: AsksClass<E>,
    S: LooksForRefusal<E>,
{
    permit.settle_with(verdict(outcome, way), outcome);
}

/// What the function returns: a refusal becomes its own error here, once, at the outer edge.
#[inline(always)]
pub fn finish<R: Fallible>(outcome: Inside<R::Value, R::Error>) -> R
where
    R::Error: FromRejected,
{
    finish_with(outcome, FromRejected::from_rejected)
}

/// What the function returns, with `map_err` for refusals.
#[inline(always)]
pub fn finish_with<R, M>(outcome: Inside<R::Value, R::Error>, map_err: M) -> R
where
    R: Fallible,
    M: FnOnce(Rejected) -> R::Error,
{
    R::join(match outcome {
        Ok(value) => Ok(value),
        Err(failure) => Err(error_with::<R, M>(failure, map_err)),
    })
}

/// What a function returns in whose stack nothing refuses: it demands nothing of the error.
#[inline(always)]
pub fn finish_unrejected<R: Fallible>(outcome: Inside<R::Value, R::Error>) -> R {
    R::join(match outcome {
        Ok(value) => Ok(value),
        Err(failure) => Err(error_unrejected::<R>(failure)),
    })
}

/// The function's own error for what failed inside.
#[inline(always)]
pub fn error<R: Fallible>(failure: Failure<R::Error>) -> R::Error
where
    R::Error: FromRejected,
{
    error_with::<R, _>(failure, FromRejected::from_rejected)
}

/// The function's own error for what failed inside, with `map_err` for refusals.
#[inline(always)]
pub fn error_with<R, M>(failure: Failure<R::Error>, map_err: M) -> R::Error
where
    R: Fallible,
    M: FnOnce(Rejected) -> R::Error,
{
    match failure {
        Failure::Error(error) => error,
        Failure::Rejected(rejected) => map_err(rejected),
    }
}

/// The function's own error for what failed inside a stack in which nothing refuses.
#[inline(always)]
pub fn error_unrejected<R: Fallible>(failure: Failure<R::Error>) -> R::Error {
    match failure {
        Failure::Error(error) => error,
        Failure::Rejected(rejected) => unreachable!("no policy of this stack refuses: {rejected}"),
    }
}

/// Tells a retry's hook the number of the attempt that is about to begin.
#[inline]
pub fn before<F: FnOnce(u32)>(hook: F, attempt: u32) {
    hook(attempt);
}

/// The settings of a retry as the hint of an error.
pub const fn hint(policy: RetryPolicy) -> RetryHint {
    policy.hint()
}

/// The class of an error that is a refusal.
pub fn class_of_refusal(error: &impl Classify) -> Class {
    error.rejected().map_or(Class::Transient, Classify::class)
}

/// For how long an error wants its callee to be left alone.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no time to wait",
    label = "`retry_after` is a `Duration` or an `Option<Duration>`"
)]
pub trait RetryAfter {
    /// How long, if it says so.
    fn retry_after(&self) -> Option<Duration>;
}

impl RetryAfter for Duration {
    fn retry_after(&self) -> Option<Duration> {
        Some(*self)
    }
}

impl RetryAfter for Option<Duration> {
    fn retry_after(&self) -> Option<Duration> {
        *self
    }
}

/// For how long `error` wants its callee to be left alone, as `wait` says.
pub fn retry_after<E, W: RetryAfter>(error: &E, wait: impl FnOnce(&E) -> W) -> Option<Duration> {
    wait(error).retry_after()
}

/// What a fallback gave, be it the answer or a future of it. No opaque type stands around its future:
/// `Send` would have to hold for an answer of any other lifetime, too.
#[inline(always)]
pub fn answer<R, A, How>(answer: A) -> A::Future
where
    A: IntoAnswer<R, How>,
{
    answer.into_answer()
}

/// An answer of `R`, or a future of one; `How` tells the two apart.
#[diagnostic::on_unimplemented(
    message = "a fallback answers what the function returns, or a future of it",
    label = "expected `{R}`"
)]
pub trait IntoAnswer<R, How> {
    /// The future of the answer.
    type Future: Future<Output = R>;

    /// The future of the answer.
    fn into_answer(self) -> Self::Future;
}

/// The answer itself.
#[derive(Debug)]
pub struct Now;

/// A future of the answer.
#[derive(Debug)]
pub struct Later;

impl<R> IntoAnswer<R, Now> for R {
    type Future = Ready<R>;

    #[inline(always)]
    fn into_answer(self) -> Ready<R> {
        ready(self)
    }
}

impl<R, F: Future<Output = R>> IntoAnswer<R, Later> for F {
    type Future = F;

    #[inline(always)]
    fn into_answer(self) -> F {
        self
    }
}
