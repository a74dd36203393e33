//! A dependency that does what is written for it, run by run.

use crate::sync::Mutex;
use crate::time::{Nanos, nanos, now, sleep_until, until};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// What a dependency answers, run by run: the body of the function under test plays it.
///
/// A script lives as long as the test that wrote it, and may be played by several calls at once: each
/// run takes the next step. Steps are written one after another; [`after`](Self::after) and
/// [`held`](Self::held) say more about the step before them. A run for which nothing is written panics,
/// unless the script ends with [`then_always`](Self::then_always).
///
/// ```
/// use resilient_core::testing::Script;
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// let script = Script::new()
///     .fails("down")
///     .succeeds(7).after(Duration::from_secs(2))
///     .then_always(|run| Ok(run));
///
/// assert_eq!(script.play().await, Err("down"));
/// assert_eq!(script.play().await, Ok(7));
/// assert_eq!(script.play().await, Ok(3), "the third run");
/// let second = Duration::from_secs(1);
/// assert_eq!(script.starts(), [0 * second, 0 * second, 2 * second]);
/// script.assert_finished();
/// # }
/// ```
pub struct Script<R> {
    began: Nanos,
    play: Mutex<Play<R>>,
    released: Semaphore,
}

struct Play<R> {
    steps: VecDeque<Step<R>>,
    starts: Vec<Nanos>,
    running: usize,
    most_at_once: usize,
    dropped: usize,
}

struct Step<R> {
    answer: Answer<R>,
    /// How many more runs it is for; for ever if it is [`ALWAYS`].
    times: usize,
    after: Duration,
    is_held: bool,
}

impl<R> Step<R> {
    /// One run of a step that is for several.
    fn once_more(&mut self) -> Option<Self> {
        let Answer::Made(make) = &self.answer else {
            return None;
        };
        if self.times != ALWAYS {
            self.times -= 1;
        }
        Some(Self {
            answer: Answer::Made(Arc::clone(make)),
            times: 1,
            after: self.after,
            is_held: self.is_held,
        })
    }
}

enum Answer<R> {
    Value(R),
    Made(Arc<dyn Fn(usize) -> R + Send + Sync>),
    Hangs,
    Panics(String),
}

const ALWAYS: usize = usize::MAX;

/// What one run has to do.
struct Task<R> {
    /// `None` if nothing is written for it.
    step: Option<Step<R>>,
    number: usize,
}

/// A run that has begun.
struct Running<'a, R> {
    script: &'a Script<R>,
    is_over: bool,
}

impl<R> Drop for Running<'_, R> {
    fn drop(&mut self) {
        let mut play = self.script.play.lock();
        play.running -= 1;
        play.dropped += usize::from(!self.is_over);
    }
}

impl<R> Script<R> {
    /// A script in which nothing is written yet. The times of its runs count from now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            began: now(),
            play: Mutex::new(Play {
                steps: VecDeque::new(),
                starts: Vec::new(),
                running: 0,
                most_at_once: 0,
                dropped: 0,
            }),
            released: Semaphore::new(0),
        }
    }

    #[track_caller]
    fn with(self, answer: Answer<R>, times: usize) -> Self {
        let mut play = self.play.lock();
        let ended = play.steps.back().is_some_and(|step| step.times == ALWAYS);
        assert!(!ended, "nothing is played after what is always answered");
        if times > 0 {
            play.steps.push_back(Step {
                answer,
                times,
                after: Duration::ZERO,
                is_held: false,
            });
        }
        drop(play);
        self
    }

    /// The next run answers this.
    ///
    /// # Panics
    ///
    /// After `then_always`, as all steps do.
    #[must_use]
    #[track_caller]
    pub fn then(self, answer: R) -> Self {
        self.with(Answer::Value(answer), 1)
    }

    /// The next so many runs answer what `answer` makes of the number of the run, from 1.
    #[must_use]
    #[track_caller]
    pub fn then_times(
        self,
        times: usize,
        answer: impl Fn(usize) -> R + Send + Sync + 'static,
    ) -> Self {
        self.with(Answer::Made(Arc::new(answer)), times)
    }

    /// All further runs answer what `answer` makes of the number of the run, from 1.
    #[must_use]
    #[track_caller]
    pub fn then_always(self, answer: impl Fn(usize) -> R + Send + Sync + 'static) -> Self {
        self.with(Answer::Made(Arc::new(answer)), ALWAYS)
    }

    /// The next run never answers.
    #[must_use]
    #[track_caller]
    pub fn then_hangs(self) -> Self {
        self.with(Answer::Hangs, 1)
    }

    /// The next run panics with this message.
    #[must_use]
    #[track_caller]
    pub fn then_panics(self, message: impl Into<String>) -> Self {
        self.with(Answer::Panics(message.into()), 1)
    }

    /// The step before this one takes `delay` before it answers, or panics. If it is held too, the
    /// delay begins when it is released.
    ///
    /// # Panics
    ///
    /// If there is no step before it.
    #[must_use]
    #[track_caller]
    pub fn after(self, delay: Duration) -> Self {
        self.say("after", |step| step.after = delay);
        self
    }

    /// Each run of the step before this one waits until [`release`](Self::release) lets it go on.
    ///
    /// # Panics
    ///
    /// If there is no step before it.
    #[must_use]
    #[track_caller]
    pub fn held(self) -> Self {
        self.say("held", |step| step.is_held = true);
        self
    }

    #[track_caller]
    fn say(&self, word: &str, more: impl FnOnce(&mut Step<R>)) {
        match self.play.lock().steps.back_mut() {
            Some(step) => more(step),
            None => panic!("`{word}` says more about a step: write the step first"),
        }
    }

    /// Plays the next step: one run of the dependency.
    ///
    /// # Panics
    ///
    /// If the step says so, or if there is none.
    ///
    /// # Cancel safety
    ///
    /// The step is taken at the first poll. A run that is dropped afterwards has been played, and is
    /// counted by [`dropped`](Self::dropped).
    pub async fn play(&self) -> R {
        let Task { step, number } = self.take();
        let Some(step) = step else {
            panic!(
                "the script has no step for run {number}: write it, or end with `then_always(…)`"
            );
        };
        let mut running = Running {
            script: self,
            is_over: false,
        };
        if step.is_held {
            match self.released.acquire().await {
                Ok(permit) => permit.forget(),
                Err(_) => unreachable!("nobody closes it"),
            }
        }
        if !step.after.is_zero() {
            sleep_until(now().saturating_add(nanos(step.after))).await;
        }
        if matches!(step.answer, Answer::Hangs) {
            std::future::pending::<()>().await;
        }
        running.is_over = true;
        drop(running);
        match step.answer {
            Answer::Value(value) => value,
            Answer::Made(make) => make(number),
            Answer::Panics(message) => panic!("{message}"),
            Answer::Hangs => unreachable!("it does not get here"),
        }
    }

    /// Begins a run, and takes its step.
    fn take(&self) -> Task<R> {
        let mut play = self.play.lock();
        play.starts.push(now());
        let number = play.starts.len();
        let step = match play.steps.front_mut() {
            Some(step) if step.times > 1 => step.once_more(),
            _ => play.steps.pop_front(),
        };
        if step.is_some() {
            play.running += 1;
            play.most_at_once = play.most_at_once.max(play.running);
        }
        Task { step, number }
    }

    /// Lets so many held runs go on, the oldest first; runs that are held only later if there are not
    /// as many now.
    pub fn release(&self, runs: usize) {
        self.released.add_permits(runs);
    }

    /// How many runs have begun.
    pub fn runs(&self) -> usize {
        self.play.lock().starts.len()
    }

    /// When each run began, counted from when the script was made.
    pub fn starts(&self) -> Vec<Duration> {
        let play = self.play.lock();
        play.starts
            .iter()
            .map(|at| until(*at, self.began))
            .collect()
    }

    /// How many runs have begun and have not ended.
    pub fn running(&self) -> usize {
        self.play.lock().running
    }

    /// The most runs that there were at a time.
    pub fn most_at_once(&self) -> usize {
        self.play.lock().most_at_once
    }

    /// How many runs were dropped before they had answered, for example by a timeout.
    pub fn dropped(&self) -> usize {
        self.play.lock().dropped
    }

    /// Asserts that every step was played. One that is always answered need not be.
    ///
    /// # Panics
    ///
    /// If there are steps left.
    #[track_caller]
    pub fn assert_finished(&self) {
        let (runs, left) = {
            let play = self.play.lock();
            let steps = play.steps.iter().map(|step| step.times);
            let left: usize = steps.filter(|times| *times != ALWAYS).sum();
            (play.starts.len(), left)
        };
        assert!(
            left == 0,
            "the script is not finished (runs played: {runs}, left: {left})"
        );
    }
}

impl<T, E> Script<Result<T, E>> {
    /// The next run succeeds with this value.
    #[must_use]
    #[track_caller]
    pub fn succeeds(self, value: T) -> Self {
        self.then(Ok(value))
    }

    /// The next run fails with this error.
    #[must_use]
    #[track_caller]
    pub fn fails(self, error: E) -> Self {
        self.then(Err(error))
    }
}

impl<R> Default for Script<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> fmt::Debug for Script<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let play = self.play.lock();
        f.debug_struct("Script")
            .field("runs", &play.starts.len())
            .field("running", &play.running)
            .field("steps_left", &play.steps.len())
            .finish_non_exhaustive()
    }
}
