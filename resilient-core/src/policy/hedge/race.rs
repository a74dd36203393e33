//! The attempts of one call under a hedge, which run at the same time in one future.
//!
//! The frame of the call says where the call is, and each attempt is polled and dropped as if it
//! were the only one: the frame is as that attempt left it. In between it says what is true of all
//! of them together, for the policies outside.

use super::{Hedge, State, ends_the_race};
use crate::frame::{Frame, Phase};
use crate::outcome::{Failure, Inside, Verdict};
use crate::time::{NEVER, Nanos, Timer};
use pin_project_lite::pin_project;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

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
        // The newest one first.
        extras: Option<Pin<Box<Extra<F, E>>>>,
        #[pin]
        timer: Option<Timer>,
        // When the first attempt began, if that is measured.
        began: Nanos,
        state: State,
        // Where the first attempt is. While it is alone the frame itself says so.
        phase: Phase,
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
    struct Extra<F, E> {
        #[pin]
        future: Option<F>,
        phase: Phase,
        number: u32,
        // That of the first attempt, if it came while this one was the newest.
        failure: Option<Failure<E>>,
        before: Option<Pin<Box<Extra<F, E>>>>,
    }
}

impl<I, M, F, J, E> fmt::Debug for Race<'_, I, M, F, J, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Race")
            .field("hedge", &self.hedge.name)
            .field("state", &self.state)
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
            extras: None,
            timer: None,
            began: NEVER,
            state: State::NOT_BEGUN,
            phase: Phase::WAITING,
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

    /// The failure of the first attempt, if it has failed beside others.
    fn take_failure(&mut self) -> Option<Failure<E>> {
        let mut next = self.extras.as_mut();
        while let Some(extra) = next {
            let extra = extra.as_mut().project();
            if let Some(failure) = extra.failure.take() {
                return Some(failure);
            }
            next = extra.before.as_mut();
        }
        None
    }

    /// The first attempt has succeeded, or an extra one has before it.
    #[inline]
    fn measure(&self) {
        if *self.began != NEVER {
            self.hedge.measured(*self.began);
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
        if let Some(extra) = self.extras.as_mut() {
            *extra.as_mut().project().failure = outcome.err();
        }
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
    fn begin_extra(&mut self, number: u32, context: &mut Context<'_>) -> Option<Inside<T, E>> {
        if self.extras.is_none() {
            *self.phase = self.frame.phase();
        }
        // A clone of the user's that panics does so in the call's own poll.
        self.frame.put(Phase::POLLING);
        let future = (self.attempt)(self.input);
        *self.extras = Some(Box::pin(Extra {
            future: Some(future),
            phase: Phase::WAITING,
            number,
            failure: None,
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
                let failure = self.take_failure();
                self.drop_all();
                self.frame.put(*self.phase);
                return failure.map_or(Poll::Pending, |failure| Poll::Ready(Err(failure)));
            }
            self.frame.put(Phase::of_all(self.phases()));
            let due = self.hedge.wait(self.state, self.timer.as_mut(), context);
            answer = self.begin_extra(ready!(due), context);
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
        if !this.state.is_begun {
            (*this.state, *this.began) = this.hedge.begin();
        }
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
        let due = this.hedge.wait(this.state, this.timer.as_mut(), context);
        let answer = this.begin_extra(ready!(due), context);
        this.go_on(answer, context)
    }
}
