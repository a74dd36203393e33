//! The last good answer of a key, for calls that fail.

use super::answers::{Answers, StaleKey};
use super::{Fallback, FallbackPolicy, Ruling};
use crate::event::{What, emit};
use crate::isolation::{PerRegistry, epoch};
use crate::outcome::{Inside, Verdict};
use crate::policy::Policy;
use crate::sync::{Mutex, Ordering, unshared::AtomicU64};
use crate::time::{Nanos, now};
use std::any::{Any, TypeId};
use std::cell::Cell;
use std::fmt;
use std::mem::replace;
use std::sync::Arc;
use std::time::Duration;

/// An answer that can be given more than once: `Clone`, and everything that a value needs which calls on
/// all threads share.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept for `stale`",
    label = "needs to be `Clone + Send + Sync`, and to borrow nothing",
    note = "the last good answer is kept, and cloned for every call that it answers: derive `Clone`, or \
            return an `Arc` of it"
)]
pub trait Keep: Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> Keep for T {}

/// Any answer, as it is kept. What is in it is cloned and dropped where no lock is held: both is code of
/// the user.
type Kept = Arc<dyn Any + Send + Sync>;

/// The good answers that one call site keeps for [`FallbackPolicy::stale`], in a static.
pub struct StaleAnswers(PerRegistry<Mutex<Store>>);

/// The answers, and when they were begun anew for the last time.
struct Store {
    answers: Answers<Kept>,
    epoch: u64,
}

impl Store {
    /// The answers of this time; those of an earlier one are taken out, to be dropped without the lock.
    fn of_now(&mut self) -> (&mut Answers<Kept>, Option<Answers<Kept>>) {
        let epoch = epoch();
        let old = (self.epoch != epoch).then(|| replace(&mut self.answers, Answers::new()));
        self.epoch = epoch;
        (&mut self.answers, old)
    }
}

impl StaleAnswers {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(PerRegistry::new(|| {
            Mutex::new(Store {
                answers: Answers::new(),
                epoch: epoch(),
            })
        }))
    }

    /// How many answers are kept, those included that are too old to be given.
    #[must_use]
    pub fn count(&'static self) -> usize {
        let (count, old) = {
            let mut store = self.0.current().lock();
            let (answers, old) = store.of_now();
            (answers.len(), old)
        };
        drop(old);
        count
    }

    fn store<T: Keep>(&'static self, key: StaleKey, value: T, stale: Nanos, entries: u32) {
        let (of, value, entries) = (TypeId::of::<T>(), Arc::new(value), entries as usize);
        let removed = {
            let mut store = self.0.current().lock();
            let (answers, old) = store.of_now();
            (answers.store(of, key, value, now(), stale, entries), old)
        };
        drop(removed);
    }

    fn get<T: Keep>(&'static self, key: StaleKey, stale: Nanos) -> Option<(T, Duration)> {
        let (found, old) = {
            let mut store = self.0.current().lock();
            let (answers, old) = store.of_now();
            let found = answers.get(TypeId::of::<T>(), key, now(), stale);
            (found.map(|(kept, age)| (Arc::clone(kept), age)), old)
        };
        drop(old);
        let (kept, age) = found?;
        let kept = kept.downcast_ref::<T>()?;
        Some((kept.clone(), Duration::from_nanos(age)))
    }
}

impl Default for StaleAnswers {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for StaleAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaleAnswers").finish_non_exhaustive()
    }
}

/// Who gave the answer of one call: its body, a fallback, or an earlier call.
///
/// There is one for each call of a function on which `stale` stands. The body and the fallbacks say that
/// they have answered, in the order in which they do, so the last word is about the answer.
#[derive(Debug)]
pub struct Origin {
    /// The age of the answer of an earlier call, or one of the two below.
    // Never shared between threads at once: an atomic only because a call may move between them.
    age: AtomicU64,
}

const BODY: Nanos = Nanos::MAX;
const FALLBACK: Nanos = Nanos::MAX - 1;

impl Origin {
    /// Nobody has answered yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            age: AtomicU64::new(BODY),
        }
    }

    /// The body has ended.
    #[inline]
    pub fn body(&self) {
        self.age.store(BODY, Ordering::Relaxed);
    }

    /// A fallback has answered with its function or value.
    #[inline]
    pub fn fallback(&self) {
        self.age.store(FALLBACK, Ordering::Relaxed);
    }

    /// The call ends: [`answered_stale`] tells of it from now on.
    #[inline]
    pub fn tell(&self, answered: bool) {
        let age = self.age.load(Ordering::Relaxed);
        let is_stale = answered && age < FALLBACK;
        LAST.set(Last {
            task: tokio::task::try_id(),
            age: is_stale.then(|| Duration::from_nanos(age)),
        });
    }

    fn stale(&self, age: Duration) {
        let age = crate::time::nanos(age).min(FALLBACK - 1);
        self.age.store(age, Ordering::Relaxed);
    }

    fn is_body(&self) -> bool {
        self.age.load(Ordering::Relaxed) == BODY
    }
}

impl Default for Origin {
    fn default() -> Self {
        Self::new()
    }
}

/// The call of a function with `stale` that has returned last on this thread.
#[derive(Clone, Copy)]
struct Last {
    /// The task that it ran in. Another one which has come to this thread knows nothing of it.
    task: Option<tokio::task::Id>,
    age: Option<Duration>,
}

thread_local! {
    static LAST: Cell<Last> = const { Cell::new(Last { task: None, age: None }) };
}

/// How old the answer was, if the call that has just returned was answered with the last good answer of
/// its key.
///
/// It tells of the call that returned last, in this task, of all functions with a `stale` fallback: ask
/// right behind its `.await`, before anything else is awaited. `None` is a fresh answer, the answer of
/// another fallback, or an error.
///
/// - Of two calls joined in one task it tells of the one that returned last: ask inside each of them.
/// - A call in a spawned task is told of in that task alone.
/// - A function whose body called another one with `stale` returns later, and tells of itself if `stale`
///   stands on it too; otherwise the inner one is told of.
/// - A call that was dropped, or that panicked, leaves what the one before it said.
///
/// ```
/// assert_eq!(resilient_core::answered_stale(), None, "nothing was called");
/// ```
#[must_use]
pub fn answered_stale() -> Option<Duration> {
    let last = LAST.get();
    if last.task == tokio::task::try_id() {
        last.age
    } else {
        None
    }
}

impl Fallback {
    /// The key of a call, made of `key` only if answers are kept: the fallback is switched on and has
    /// [`stale`](FallbackPolicy::stale).
    ///
    /// It is asked for before the call begins, since the body may take away what a key is made of.
    #[inline]
    pub fn stale_key(&self, key: impl FnOnce() -> StaleKey) -> Option<StaleKey> {
        self.keeping().map(|_| key())
    }

    /// Keeps a good answer of the body, and answers a failure with the last good answer of `key`.
    ///
    /// A failure is answered if `judge` says so, as for [`decide`](Self::decide), and if there is an
    /// answer at most as old as [`stale`](FallbackPolicy::stale); it goes through `mark`. Otherwise
    /// `outcome` stays as it is. Values are cloned and dropped while no lock is held.
    ///
    /// # Errors
    ///
    /// The failure in `outcome`, unless it is answered.
    ///
    /// # Panics
    ///
    /// If `judge`, `mark` or the answer's own `clone` or destructor does. Nothing is lost by that but this
    /// call.
    ///
    /// ```
    /// use resilient_core::{
    ///     Failure, Fallback, FallbackPolicy, Inside, LivePolicy, Origin, StaleAnswers, StaleKey, Verdict,
    /// };
    /// use std::time::Duration;
    ///
    /// static PRICES: StaleAnswers = StaleAnswers::new();
    /// let policy = FallbackPolicy::new().stale(Duration::from_secs(600));
    /// let fallback = Fallback::new("price", &policy);
    ///
    /// let call = |sku: &str, outcome: Inside<u32, &'static str>| {
    ///     let key = fallback.stale_key(|| StaleKey::of(&|| (), sku));
    ///     fallback.last_good(&PRICES, key, &Origin::new(), outcome, |_| Verdict::Failure, |price| price)
    /// };
    /// assert_eq!(call("lamp", Ok(990)), Ok(990));
    /// assert_eq!(call("lamp", Err(Failure::Error("down"))), Ok(990));
    /// assert_eq!(call("sofa", Err(Failure::Error("down"))), Err(Failure::Error("down")));
    /// ```
    pub fn last_good<T: Keep, E>(
        &self,
        answers: &'static StaleAnswers,
        key: Option<StaleKey>,
        origin: &Origin,
        outcome: Inside<T, E>,
        judge: impl FnOnce(&Inside<T, E>) -> Verdict,
        mark: impl FnOnce(T) -> T,
    ) -> Inside<T, E> {
        // Both: it may have been reconfigured since the key was asked for.
        let (Some(key), Some((stale, entries))) = (key, self.keeping()) else {
            return outcome;
        };
        if let Ok(value) = &outcome {
            if origin.is_body() {
                answers.store(key, value.clone(), stale, entries);
            }
            return outcome;
        }
        let failure = match self.decide(outcome, judge) {
            Ruling::Keep(outcome) => return outcome,
            Ruling::Replace(failure) => failure,
        };
        let Some((value, age)) = answers.get::<T>(key, stale) else {
            self.missed.fetch_add(1, Ordering::Relaxed);
            return Err(failure);
        };
        let value = mark(value);
        origin.stale(age);
        self.answered_stale.fetch_add(1, Ordering::Relaxed);
        emit(
            FallbackPolicy::KIND,
            self.name(),
            What::AnsweredStale { age },
        );
        Ok(value)
    }
}
