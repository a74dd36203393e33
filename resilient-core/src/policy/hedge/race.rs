//! The attempts of one call under a hedge, which run at the same time in one future.
//!
//! The frame of the call says where the call is, and each attempt is polled and dropped as if it
//! were the only one: the frame is as that attempt left it. In between it says what is true of all
//! of them together, for the policies outside.

use super::{Call, Hedge, ends_the_race};
use crate::frame::{Frame, Phase};
use crate::outcome::{Failure, Inside, Verdict};
use crate::time::{NEVER, Timer};
use pin_project_lite::pin_project;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project! {
    /// The attempts of one call under a hedge; see [`Hedge::race`].
    ///
    /// # Panics
    ///
    /// When it has to wait, extra attempts may be started, and there is no tokio runtime with its timer
    /// enabled.
    #[must_use = "futures do nothing unless they are awaited"]
    #[project = Attempts]
    pub struct Race<'a, I, M, F, J, E> {
        // Gone as soon as it has failed or lost, so that what it holds is free at that moment.
        #[pin]
        first: Option<F>,
        // Where the first attempt is. While it is alone the frame itself says so.
        phase: Phase,
        // The newest one first.
        extras: Option<Pin<Box<Extra<F>>>>,
        // That of the first attempt.
        failure: Option<Failure<E>>,
        #[pin]
        timer: Option<Timer>,
        // Nothing before the first poll.
        call: Option<Call>,
        hedge: &'a Hedge,
        frame: &'a Frame,
        input: I,
        attempt: M,
        judge: J,
    }

    impl<I, M, F, J, E> PinnedDrop for Race<'_, I, M, F, J, E> {
        fn drop(this: Pin<&mut Self>) {
            this.project().drop_attempts();
        }
    }
}

pin_project! {
    /// An extra attempt, and those that began before it.
    struct Extra<F> {
        #[pin]
        future: Option<F>,
        phase: Phase,
        number: u32,
        before: Option<Pin<Box<Extra<F>>>>,
    }
}

impl<I, M, F, J, E> fmt::Debug for Race<'_, I, M, F, J, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Race")
            .field("hedge", &self.hedge.name)
            .field("call", &self.call)
            .finish_non_exhaustive()
    }
}

impl<'a, I, M, F, J, E> Race<'a, I, M, F, J, E> {
    #[inline]
    pub(super) const fn new(
        hedge: &'a Hedge,
        frame: &'a Frame,
        input: I,
        attempt: M,
        judge: J,
        first: F,
    ) -> Self {
        Self {
            first: Some(first),
            phase: Phase::WAITING,
            extras: None,
            failure: None,
            timer: None,
            call: None,
            hedge,
            frame,
            input,
            attempt,
            judge,
        }
    }
}

/// Whether the call need not wait for other attempts after one that ended like this.
fn ends<T, E>(outcome: &Inside<T, E>, judge: &mut impl FnMut(&Inside<T, E>) -> Verdict) -> bool {
    outcome.is_ok() || ends_the_race(judge(outcome))
}

/// The frame says this again at the end, also after a panic.
struct Restore<'a>(&'a Frame, Phase);

impl Drop for Restore<'_> {
    fn drop(&mut self) {
        self.0.put(self.1);
    }
}

impl<I, M, F, J, E> Attempts<'_, '_, I, M, F, J, E> {
    /// Drops all attempts, each where it is, so that its permits know how it ended.
    #[inline]
    fn drop_attempts(&mut self) {
        if self.extras.is_some() {
            self.drop_all();
        }
    }

    #[cold]
    #[inline(never)]
    fn drop_all(&mut self) {
        let _restore = Restore(self.frame, self.frame.phase());
        if self.first.is_some() {
            self.frame.put(*self.phase);
            self.first.set(None);
        }
        let mut next = self.extras.take();
        while let Some(mut extra) = next {
            let mut extra = extra.as_mut().project();
            if extra.future.is_some() {
                self.frame.put(*extra.phase);
                extra.future.set(None);
            }
            next = extra.before.take();
        }
    }

    /// Where the attempts are that run, the first one first.
    fn phases(&self) -> impl Iterator<Item = Phase> {
        let first = self.first.is_some().then_some(*self.phase);
        let mut next = self.extras.as_ref();
        let extras = std::iter::from_fn(move || {
            loop {
                let extra = next?.as_ref().project_ref();
                next = extra.before.as_ref();
                if extra.future.is_some() {
                    return Some(*extra.phase);
                }
            }
        });
        first.into_iter().chain(extras)
    }

    /// The first attempt has succeeded, or an extra one has before it.
    #[inline]
    fn measure(&self) {
        if let Some(Call { began, .. }) = self.call.as_ref().filter(|call| call.began != NEVER) {
            self.hedge.measured(*began);
        }
    }
}

impl<T, E, I, M, F, J> Attempts<'_, '_, I, M, F, J, E>
where
    M: FnMut(&I) -> F,
    F: Future<Output = Inside<T, E>>,
    J: FnMut(&Inside<T, E>) -> Verdict,
{
    /// Polls the first attempt beside others: an outcome if it ends the race.
    fn poll_first(&mut self, context: &mut Context<'_>) -> Option<Inside<T, E>> {
        let first = self.first.as_mut().as_pin_mut()?;
        self.frame.put(*self.phase);
        let polled = first.poll(context);
        *self.phase = self.frame.phase();
        let Poll::Ready(outcome) = polled else {
            return None;
        };
        if ends(&outcome, self.judge) {
            if outcome.is_ok() {
                self.measure();
            }
            return Some(outcome);
        }
        self.first.set(None);
        *self.failure = outcome.err();
        None
    }

    /// Polls the extra attempts, the newest one first, or that alone.
    fn poll_extras(
        &mut self,
        newest_alone: bool,
        context: &mut Context<'_>,
    ) -> Option<Inside<T, E>> {
        let mut next = self.extras.as_mut();
        while let Some(extra) = next {
            let mut extra = extra.as_mut().project();
            if let Some(future) = extra.future.as_mut().as_pin_mut() {
                self.frame.put(*extra.phase);
                let polled = future.poll(context);
                *extra.phase = self.frame.phase();
                if let Poll::Ready(outcome) = polled {
                    if ends(&outcome, self.judge) {
                        let number = *extra.number;
                        if outcome.is_ok() && self.first.is_some() {
                            self.measure();
                        }
                        self.hedge.extra_won(number);
                        return Some(outcome);
                    }
                    extra.future.set(None);
                }
            }
            next = extra.before.as_mut().filter(|_| !newest_alone);
        }
        None
    }

    /// Begins an extra attempt, and polls it.
    fn begin_extra(&mut self, context: &mut Context<'_>) -> Option<Inside<T, E>> {
        if self.extras.is_none() {
            *self.phase = self.frame.phase();
        }
        // A clone of the user's that panics does so in the call's own poll.
        self.frame.put(Phase::POLLING);
        let future = (self.attempt)(self.input);
        *self.extras = Some(Box::pin(Extra {
            future: Some(future),
            phase: Phase::WAITING,
            number: self.call.as_ref().map_or(0, |call| call.extras),
            before: self.extras.take(),
        }));
        self.poll_extras(true, context)
    }

    /// The race goes on beside at least one extra attempt.
    #[cold]
    #[inline(never)]
    fn go_on(
        &mut self,
        mut answer: Option<Inside<T, E>>,
        context: &mut Context<'_>,
    ) -> Poll<Inside<T, E>> {
        loop {
            if let Some(outcome) = answer {
                self.drop_all();
                return Poll::Ready(outcome);
            }
            if self.phases().next().is_none() {
                // All have failed, and the call ends as its first attempt did.
                self.drop_all();
                self.frame.put(*self.phase);
                return match self.failure.take() {
                    Some(failure) => Poll::Ready(Err(failure)),
                    None => Poll::Pending,
                };
            }
            self.frame.put(Phase::of_all(self.phases()));
            let Some(call) = self.call.as_mut() else {
                return Poll::Pending;
            };
            let due = self.hedge.wait(call, self.timer.as_mut(), context);
            if due.is_pending() {
                return Poll::Pending;
            }
            answer = self.begin_extra(context);
        }
    }
}

impl<T, E, I, M, F, J> Future for Race<'_, I, M, F, J, E>
where
    M: FnMut(&I) -> F,
    F: Future<Output = Inside<T, E>>,
    J: FnMut(&Inside<T, E>) -> Verdict,
{
    type Output = Inside<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Inside<T, E>> {
        let mut this = self.project();
        if this.extras.is_some() {
            let answer = this
                .poll_first(context)
                .or_else(|| this.poll_extras(false, context));
            return this.go_on(answer, context);
        }
        let call = this.call.get_or_insert_with(|| this.hedge.begin());
        let Some(first) = this.first.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        // The work first: an answer that is ready needs no timer, and a failure no other attempt.
        let polled = first.poll(context);
        if let Poll::Ready(outcome) = polled {
            if outcome.is_ok() {
                this.measure();
            }
            return Poll::Ready(outcome);
        }
        if this
            .hedge
            .wait(call, this.timer.as_mut(), context)
            .is_pending()
        {
            return Poll::Pending;
        }
        let answer = this.begin_extra(context);
        this.go_on(answer, context)
    }
}
