//! Bulkhead: so many calls at a time, so many more in line, and no others.
//!
//! One word holds how many places are taken and how many calls wait. A call enters by one
//! compare-and-swap and leaves by one subtraction; only who waits takes a lock. The numbers of the
//! word are changed together, so neither limit is exceeded under any interleaving, and nobody
//! enters past a call that waits, however many places that call needs.

mod line;
mod settings;
mod state;

use self::line::{Line, NONE, Turn};
use self::settings::BulkheadSettings;
pub use self::settings::{BulkheadPolicy, Order};
use self::state::{ADMITTED, Arrival, Limits, MANY_ADMITTED, State, WAITING};
use crate::deadline::deadline_that_nobody_enforces;
use crate::error::Rejected;
use crate::event::emit_rejected_keyed;
use crate::frame::Frame;
use crate::key::{Key, StoredKey};
use crate::keyed::{Instance, Keyed, Keys, KeysSnapshot, Role, noted};
use crate::policy::{LivePolicy, LiveSnapshot, Policy, Show};
use crate::setting::Kind;
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering, Padded};
use crate::time::{NEVER, Nanos, Timer, nanos, now, sleep_until};
use std::fmt;
use std::mem::{ManuallyDrop, replace};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

// ---- Policy

// The table of settings and the order are in `bulkhead/settings.rs`.

// ---- State

// The word is in `bulkhead/state.rs`, the line of those who wait in `bulkhead/line.rs`.

// ---- Live policy and permit

/// A bulkhead at work: it admits so many calls at a time, keeps so many in line, and refuses
/// the others.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use resilient_core::{Bulkhead, BulkheadPolicy, Frame, LivePolicy, Rejected};
///
/// let bulkhead = Bulkhead::new("gateway", &BulkheadPolicy::new().limit(1));
/// let frame = Frame::new();
///
/// let permit = bulkhead.admit(&frame).await.expect("the only place is free");
/// let refused = bulkhead.admit(&frame).await.unwrap_err();
/// assert_eq!(refused, Rejected::bulkhead_full("gateway"));
///
/// drop(permit);
/// assert!(bulkhead.admit(&frame).await.is_ok());
/// # }
/// ```
pub struct Bulkhead {
    hot: Padded<Hot>,
    rejected: AtomicU64,
    line: Mutex<Line<Waker>>,
}

/// What every call reads and writes, and what is written only by calls that wait.
#[derive(Debug)]
struct Hot {
    state: AtomicU64,
    limits: AtomicU64,
    /// `NEVER`: until the call is dropped. The lowest bit is the order.
    max_wait_and_order: AtomicU64,
    waited: AtomicU64,
    abandoned: AtomicU64,
    /// Boxed, so that it fits into this line.
    role: Box<Role<Bulkhead>>,
    name: &'static str,
}

/// How the longest wait and the order are kept in one word: a wait is a nanosecond exact, and
/// shorter than half of what the word could hold.
fn packed(settings: &BulkheadSettings) -> u64 {
    let max_wait = settings
        .max_wait
        .map_or(NEVER >> 1, |max_wait| nanos(max_wait).min(NEVER >> 1));
    max_wait << 1 | u64::from(settings.order == Order::Lifo)
}

/// What became of a call that found no free place at once.
enum Joined<'a> {
    Admitted(BulkheadPermit<'a>),
    Refused,
    TooCostly { most: u32 },
    InLine(u32),
}

impl Bulkhead {
    /// The name of the bulkhead.
    pub fn name(&self) -> &'static str {
        self.hot.0.name
    }

    /// A permit as soon as there is a place, at once if one is free and nobody waits.
    ///
    /// Resolves to [`Rejected::BulkheadFull`] if the queue is full too, or when `max_wait` is
    /// over. The frame says which call it is for.
    ///
    /// # Panics
    ///
    /// If `max_wait` is set, the call has to wait, and there is no tokio runtime with its timer
    /// enabled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place in the line, or the place inside that it was granted
    /// and has not seen, at once: the next call that waits gets it.
    #[inline]
    pub fn admit<'a>(&'a self, frame: &'a Frame) -> BulkheadAdmission<'a> {
        self.admit_weighing(frame, 1)
    }

    /// The same for a call that needs `cost` places at once, which its permit gives back together.
    ///
    /// Resolves to [`Rejected::TooCostly`] if there are never as many, also when the limit is
    /// lowered while the call waits. Nobody overtakes a call that waits because it needs many
    /// places; with `lifo` that is who came last. What costs 0 takes no place, and is admitted
    /// at once even if there is none.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use resilient_core::{Bulkhead, BulkheadPolicy, Frame, LivePolicy, Rejected};
    ///
    /// let memory = Bulkhead::new("memory", &BulkheadPolicy::new().limit(100));
    /// let frame = Frame::new();
    ///
    /// let most = memory.admit_weighing(&frame, 90).await.expect("there are 100");
    /// let refused = memory.admit_weighing(&frame, 20).await.unwrap_err();
    /// assert_eq!(refused, Rejected::bulkhead_full("memory"));
    /// let refused = memory.admit_weighing(&frame, 101).await.unwrap_err();
    /// assert_eq!(refused, Rejected::too_costly("memory", 101, 100));
    ///
    /// drop(most);
    /// assert!(memory.admit_weighing(&frame, 20).await.is_ok());
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// As [`Bulkhead::admit`].
    ///
    /// # Cancel safety
    ///
    /// As [`Bulkhead::admit`].
    #[inline]
    pub fn admit_weighing<'a>(&'a self, _frame: &'a Frame, cost: u32) -> BulkheadAdmission<'a> {
        BulkheadAdmission {
            bulkhead: self,
            slot: NONE,
            cost,
            timer: ManuallyDrop::new(None),
        }
    }

    /// A permit if there is a place now and nobody waits for one, for a call that cannot wait itself.
    ///
    /// `queue`, `max_wait` and `order` are for those who can, and nobody who waits is overtaken.
    ///
    /// # Errors
    ///
    /// [`Rejected::BulkheadFull`] otherwise.
    ///
    /// ```
    /// use resilient_core::{Bulkhead, BulkheadPolicy, Frame, LivePolicy, Rejected};
    ///
    /// let bulkhead = Bulkhead::new("gateway", &BulkheadPolicy::new().limit(1).queue(5));
    /// let frame = Frame::new();
    ///
    /// let permit = bulkhead.try_admit(&frame).expect("the only place is free");
    /// let refused = bulkhead.try_admit(&frame).unwrap_err();
    /// assert_eq!(refused, Rejected::bulkhead_full("gateway"), "it does not wait in line");
    ///
    /// drop(permit);
    /// assert!(bulkhead.try_admit(&frame).is_ok());
    /// ```
    #[inline]
    pub fn try_admit<'a>(&'a self, frame: &'a Frame) -> Result<BulkheadPermit<'a>, Rejected> {
        self.try_admit_weighing(frame, 1)
    }

    /// The same for a call that needs `cost` places at once, which its permit gives back together.
    ///
    /// # Errors
    ///
    /// [`Rejected::TooCostly`] if there are never as many places, [`Rejected::BulkheadFull`] if there
    /// are not now, or others wait. What costs 0 takes no place, and is admitted even if there is none.
    #[inline]
    pub fn try_admit_weighing<'a>(
        &'a self,
        _frame: &'a Frame,
        cost: u32,
    ) -> Result<BulkheadPermit<'a>, Rejected> {
        self.enter(cost).ok_or_else(|| self.turn_away(cost))
    }

    /// The refusal for a call that cannot wait.
    #[cold]
    #[inline(never)]
    fn turn_away(&self, cost: u32) -> Rejected {
        match self.limits().places() {
            0 => self.refuse(),
            most if cost > most => self.refuse_too_costly(cost, most),
            _ => self.refuse(),
        }
    }

    /// A permit for places that were taken.
    #[inline]
    const fn permit(&self, cost: u32) -> BulkheadPermit<'_> {
        BulkheadPermit {
            bulkhead: self,
            cost,
        }
    }

    /// A permit for places that were taken when the word became `next`.
    #[inline(always)]
    fn entered(&self, next: State, cost: u32) -> BulkheadPermit<'_> {
        if next.0 & MANY_ADMITTED != 0 {
            self.fold();
        }
        self.permit(cost)
    }

    #[inline]
    fn state(&self) -> State {
        State(self.hot.0.state.load(Ordering::Acquire))
    }

    /// To be read after the state: a change of the limits changes the state too, later, so a
    /// compare-and-swap fails that was decided on limits which hold no longer.
    #[inline]
    fn limits(&self) -> Limits {
        Limits(self.hot.0.limits.load(Ordering::Relaxed))
    }

    fn order(&self) -> Order {
        match self.hot.0.max_wait_and_order.load(Ordering::Relaxed) & 1 {
            0 => Order::Fifo,
            _ => Order::Lifo,
        }
    }

    /// The longest wait, or `NEVER`.
    fn max_wait(&self) -> Nanos {
        match self.hot.0.max_wait_and_order.load(Ordering::Relaxed) >> 1 {
            longest if longest == NEVER >> 1 => NEVER,
            max_wait => max_wait,
        }
    }

    #[inline]
    fn swap(&self, from: State, to: State) -> Result<(), State> {
        self.hot
            .0
            .state
            .compare_exchange_weak(from.0, to.0, Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
            .map_err(State)
    }

    /// A permit, if the call need not wait for it.
    #[inline]
    fn enter(&self, cost: u32) -> Option<BulkheadPermit<'_>> {
        let state = self.state();
        if let Some(next) = state.arrive_at_once(self.limits(), cost)
            && self.swap(state, next).is_ok()
        {
            return Some(self.entered(next, cost));
        }
        self.enter_otherwise(cost)
    }

    /// The same with a second glance, and for as often as others are quicker. Apart: it is rare, and a
    /// loop would make the first glance longer.
    #[inline(never)]
    fn enter_otherwise(&self, cost: u32) -> Option<BulkheadPermit<'_>> {
        let mut state = self.state();
        loop {
            match state.arrive(self.limits(), cost) {
                Arrival::Place(next) => match self.swap(state, next) {
                    Ok(()) => return Some(self.entered(next, cost)),
                    Err(other) => state = other,
                },
                Arrival::Through => return Some(self.permit(0)),
                _ => return None,
            }
        }
    }

    /// Moves admissions out of the word before their count overflows, if they are many.
    #[cold]
    fn fold(&self) {
        let mut line = self.line.lock();
        if self.state().0 & MANY_ADMITTED != 0 {
            self.hot.0.state.fetch_sub(MANY_ADMITTED, Ordering::AcqRel);
            line.admitted = line.admitted.wrapping_add(State(MANY_ADMITTED).admitted());
        }
    }

    #[inline]
    fn leave(&self, cost: u32) {
        // Where anybody waits nobody else can take the place before it is handed on.
        let places = u64::from(cost);
        let before = State(self.hot.0.state.fetch_sub(places, Ordering::AcqRel));
        if before.waiting() != 0 {
            self.hand_on();
        }
    }

    /// Gives free places to calls that wait, as long as there are enough for the next one.
    #[cold]
    #[inline(never)]
    fn hand_on(&self) {
        while self.state().may_hand_on(self.limits()) {
            let wake = self.hand_on_one(&mut self.line.lock());
            let Some(wake) = wake else { return };
            wake.wake();
        }
    }

    /// `waiting` changes only under the lock; `inside` may shrink at any time.
    fn hand_on_one(&self, line: &mut Line<Waker>) -> Option<Waker> {
        let order = self.order();
        let cost = line.next_cost(order)?;
        let mut state = self.state();
        let mut limits = self.limits();
        while let Some(next) = state.hand_on(limits, cost) {
            match self.swap(state, next) {
                Ok(()) => {
                    let turn = match limits.limit() {
                        0 => Turn::Through,
                        _ => Turn::Inside,
                    };
                    return line.call_up(order, turn);
                }
                Err(other) => (state, limits) = (other, self.limits()),
            }
        }
        None
    }

    /// For a call that found no free place: a place after all, a place in the line, or neither.
    fn join(&self, waker: &Waker, cost: u32) -> Joined<'_> {
        let state = self.state();
        if state.arrive(self.limits(), cost) == Arrival::Full && self.state() == state {
            // The word did not change meanwhile, so both were true of one instant.
            return Joined::Refused;
        }
        // Neither cloned nor dropped under the lock: wakers are somebody else's code.
        let waker = waker.clone();
        loop {
            // Whoever waits already comes first.
            self.hand_on();
            let mut line = self.line.lock();
            let mut state = self.state();
            loop {
                let limits = self.limits();
                let arrival = match (state.arrive(limits, cost), self.order()) {
                    (Arrival::Promised, order) => match line.next_cost(order) {
                        Some(next) => state.arrive_behind(limits, cost, next, order),
                        None => Arrival::Promised,
                    },
                    (arrival, _) => arrival,
                };
                let (next, joins) = match arrival {
                    Arrival::Through => return Joined::Admitted(self.permit(0)),
                    Arrival::Full => return Joined::Refused,
                    Arrival::TooCostly => {
                        let most = limits.places();
                        return Joined::TooCostly { most };
                    }
                    Arrival::Promised => break,
                    Arrival::Place(next) => (next, false),
                    Arrival::Line(next) => (next, true),
                };
                match self.swap(state, next) {
                    Err(other) => state = other,
                    Ok(()) if joins => {
                        self.hot.0.waited.fetch_add(1, Ordering::Relaxed);
                        return Joined::InLine(line.join(waker, cost));
                    }
                    Ok(()) => {
                        drop(line);
                        return Joined::Admitted(self.entered(next, cost));
                    }
                }
            }
        }
    }

    /// Takes a call that waits out of the line.
    fn leave_line(&self, line: &mut MutexGuard<'_, Line<Waker>>, slot: u32) {
        line.unlink(slot);
        self.hot.0.state.fetch_sub(WAITING, Ordering::AcqRel);
    }

    /// What there is for a call in the line; `over` says that its longest wait has passed.
    fn turn(
        &self,
        (slot, cost): (u32, u32),
        over: bool,
        waker: &Waker,
    ) -> Poll<Result<BulkheadPermit<'_>, Rejected>> {
        let mut waker = waker.clone();
        let mut line = self.line.lock();
        // A place that was granted in the same instant wins.
        let permit = match &mut line.slot(slot).turn {
            Turn::Waiting(old) if !over => {
                std::mem::swap(old, &mut waker);
                drop(line);
                return Poll::Pending;
            }
            Turn::Waiting(_) => {
                self.leave_line(&mut line, slot);
                let turn = line.release(slot);
                drop(line);
                drop(turn);
                // It may have kept others waiting who need fewer places.
                self.hand_on();
                return Poll::Ready(Err(self.refuse()));
            }
            Turn::TooCostly(most) => {
                let most = *most;
                line.release(slot);
                drop(line);
                return Poll::Ready(Err(self.refuse_too_costly(cost, most)));
            }
            Turn::Inside => self.permit(cost),
            Turn::Through => self.permit(0),
        };
        line.release(slot);
        line.admitted = line.admitted.wrapping_add(1);
        drop(line);
        Poll::Ready(Ok(permit))
    }

    /// For a call that is dropped while it is in the line, or before it saw that it was granted.
    #[cold]
    #[inline(never)]
    fn give_up(&self, slot: u32, cost: u32) {
        let mut line = self.line.lock();
        if matches!(line.slot(slot).turn, Turn::Waiting(_)) {
            self.leave_line(&mut line, slot);
        }
        let turn = line.release(slot);
        drop(line);
        self.hot.0.abandoned.fetch_add(1, Ordering::Relaxed);
        match turn {
            Turn::Inside => self.leave(cost),
            // It may have kept others waiting who need fewer places.
            Turn::Waiting(_) => self.hand_on(),
            Turn::Through | Turn::TooCostly(_) => {}
        }
    }

    /// Sends away who waits for more places than there are any more, and says whom to wake.
    fn send_away(&self, line: &mut MutexGuard<'_, Line<Waker>>, most: u32) -> Vec<Waker> {
        let mut wakers = Vec::new();
        let mut slot = line.first;
        while slot != NONE {
            let next = line.slot(slot).behind;
            if line.slot(slot).cost > most {
                self.leave_line(line, slot);
                let turn = replace(&mut line.slot(slot).turn, Turn::TooCostly(most));
                wakers.extend(turn.waker());
            }
            slot = next;
        }
        wakers
    }

    #[cold]
    #[inline(never)]
    fn refuse_too_costly(&self, cost: u32, most: u32) -> Rejected {
        self.report(Rejected::too_costly(self.name(), cost, most))
    }

    #[cold]
    #[inline(never)]
    fn refuse(&self) -> Rejected {
        self.report(Rejected::bulkhead_full(self.name()))
    }

    fn report(&self, rejected: Rejected) -> Rejected {
        self.rejected.fetch_add(1, Ordering::Relaxed);
        emit_rejected_keyed(BulkheadPolicy::KIND, self.hot.0.role.key(), rejected);
        rejected
    }
}

impl LivePolicy for Bulkhead {
    type Policy = BulkheadPolicy;

    fn new(name: &'static str, policy: &BulkheadPolicy) -> Self {
        let max = BulkheadSettings::of(policy).max_keys;
        Self::new_as(name, policy, Role::base(policy, max))
    }

    /// Takes over other settings: more places wake calls that wait, fewer take effect as calls
    /// leave, a shorter queue as it drains, and another `max_wait` for calls that begin to wait. A
    /// call that waits for more places than there are any more is refused.
    fn reconfigure(&self, policy: &BulkheadPolicy) {
        self.configure(policy);
        if let Some(keys) = self.hot.0.role.keys() {
            keys.configure(policy, BulkheadSettings::of(policy).max_keys);
        }
    }

    fn snapshot(&self) -> LiveSnapshot {
        LiveSnapshot::Bulkhead(self.look_with_keys())
    }
}

impl Bulkhead {
    fn look(&self) -> BulkheadSnapshot {
        let line = self.line.lock();
        let (state, limits) = (self.state(), self.limits());
        let admitted = line.admitted.wrapping_add(state.admitted());
        drop(line);
        let count = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        BulkheadSnapshot {
            limit: Some(count(limits.limit())).filter(|limit| *limit != 0),
            inside: count(state.inside()),
            queue: count(limits.queue()),
            waiting: count(state.waiting()),
            admitted,
            rejected: self.rejected.load(Ordering::Relaxed),
            waited: self.hot.0.waited.load(Ordering::Relaxed),
            abandoned: self.hot.0.abandoned.load(Ordering::Relaxed),
            keys: None,
        }
    }

    /// The same with what its instances have counted.
    fn look_with_keys(&self) -> BulkheadSnapshot {
        let mut snapshot = self.look();
        if let Some((keys, counts)) = self.hot.0.role.keys().and_then(Keys::snapshot) {
            snapshot.keys = Some(keys);
            snapshot.admitted += counts.admitted;
            snapshot.rejected += counts.rejected;
            snapshot.waited += counts.waited;
            snapshot.abandoned += counts.abandoned;
        }
        snapshot
    }

    /// The instance for `key`: a bulkhead of its own, with the same settings, for one tenant or one
    /// host. While nothing limits the calls it is this one itself.
    ///
    /// There are at most [`max_keys`](BulkheadPolicy::max_keys) instances. One in which nobody is, and
    /// for which nobody waits, gives its place to another key; where there is none, further keys share
    /// one. Nothing is allocated for a key that has an instance.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use resilient_core::{Bulkhead, BulkheadPolicy, Frame, LivePolicy};
    ///
    /// let bulkhead = Bulkhead::new("reports", &BulkheadPolicy::new().limit(1));
    /// let (frame, acme) = (Frame::new(), bulkhead.keyed("acme"));
    /// let permit = acme.admit(&frame).await.expect("the only place of acme is free");
    /// assert!(acme.admit(&frame).await.is_err());
    /// assert!(bulkhead.keyed("umbra").admit(&frame).await.is_ok(), "another tenant");
    /// # drop(permit);
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// Where [`Key::write`] does; nothing has happened then.
    #[inline]
    pub fn keyed(&self, key: &(impl Key + ?Sized)) -> Keyed<'_, Self> {
        if self.limits().limit() == 0 {
            return Keyed::base(self);
        }
        self.hot.0.role.keyed(self, self.name(), key)
    }

    /// The instance for `key`, to be looked at; `None` if there is none now.
    pub fn with_key(&self, key: &(impl Key + ?Sized)) -> Option<Keyed<'_, Self>> {
        self.hot.0.role.with_key(self, key)
    }

    /// What can be seen of the instances, by their keys, the overflow among them.
    pub fn key_snapshots(&self) -> Vec<(StoredKey, BulkheadSnapshot)> {
        self.hot.0.role.each(Self::look)
    }

    fn new_as(name: &'static str, policy: &BulkheadPolicy, role: Role<Self>) -> Self {
        let settings = BulkheadSettings::of(policy);
        Self {
            hot: Padded(Hot {
                state: AtomicU64::new(0),
                limits: AtomicU64::new(Limits::of(&settings).0),
                max_wait_and_order: AtomicU64::new(packed(&settings)),
                waited: AtomicU64::new(0),
                abandoned: AtomicU64::new(0),
                role: Box::new(role),
                name,
            }),
            rejected: AtomicU64::new(0),
            line: Mutex::new(Line::new()),
        }
    }
}

/// What a bulkhead counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BulkheadCounts {
    admitted: u64,
    rejected: u64,
    waited: u64,
    abandoned: u64,
}

impl Instance for Bulkhead {
    type Written = BulkheadPolicy;
    type Counts = BulkheadCounts;

    const KIND: Kind = <BulkheadPolicy as Policy>::KIND;

    fn instance(name: &'static str, written: &BulkheadPolicy, key: StoredKey) -> Self {
        Self::new_as(name, written, Role::Instance(key))
    }

    fn configure(&self, written: &BulkheadPolicy) {
        let settings = BulkheadSettings::of(written);
        let mut line = self.line.lock();
        self.hot
            .0
            .max_wait_and_order
            .store(packed(&settings), Ordering::Relaxed);
        self.hot
            .0
            .limits
            .store(Limits::of(&settings).0, Ordering::Relaxed);
        // Nobody was admitted: a call that has read the old limits must look again.
        line.admitted = line.admitted.wrapping_sub(1);
        self.hot.0.state.fetch_add(ADMITTED, Ordering::AcqRel);
        let limits = self.limits();
        let sent_away = match limits.places() {
            0 => Vec::new(),
            most => self.send_away(&mut line, most),
        };
        drop(line);
        self.fold();
        sent_away.into_iter().for_each(Waker::wake);
        self.hand_on();
    }

    fn is_fresh(&self, _: Nanos) -> bool {
        let state = self.state();
        state.inside() == 0 && state.waiting() == 0
    }

    fn is_refusing(&self, _: Nanos) -> bool {
        let (state, limits) = (self.state(), self.limits());
        limits.limit() != 0 && state.inside() >= limits.limit()
    }

    fn count(&self, sum: &mut BulkheadCounts) {
        let seen = self.look();
        sum.admitted += seen.admitted;
        sum.rejected += seen.rejected;
        sum.waited += seen.waited;
        sum.abandoned += seen.abandoned;
    }
}

impl fmt::Debug for Bulkhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulkhead")
            .field("name", &self.name())
            .field("now", &self.look())
            .finish_non_exhaustive()
    }
}

/// A call on its way into a bulkhead; see [`Bulkhead::admit`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct BulkheadAdmission<'a> {
    bulkhead: &'a Bulkhead,
    /// Its place in the line, or `NONE`.
    slot: u32,
    cost: u32,
    /// There is one only while the call has a place in the line, and goes with it: a call that never
    /// waited looks at nothing when it is dropped.
    timer: ManuallyDrop<Option<Pin<Box<Timer>>>>,
}

impl<'a> Future for BulkheadAdmission<'a> {
    type Output = Result<BulkheadPermit<'a>, Rejected>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.slot == NONE
            && let Some(permit) = self.bulkhead.enter(self.cost)
        {
            return Poll::Ready(Ok(permit));
        }
        self.poll_line(context)
    }
}

impl<'a> BulkheadAdmission<'a> {
    #[cold]
    #[inline(never)]
    fn give_up(&mut self) {
        *self.timer = None;
        self.bulkhead.give_up(self.slot, self.cost);
    }

    #[cold]
    #[inline(never)]
    fn poll_line(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<BulkheadPermit<'a>, Rejected>> {
        let bulkhead = self.bulkhead;
        if self.slot == NONE {
            match bulkhead.join(context.waker(), self.cost) {
                Joined::Admitted(permit) => return Poll::Ready(Ok(permit)),
                Joined::Refused => return Poll::Ready(Err(bulkhead.refuse())),
                Joined::TooCostly { most } => {
                    return Poll::Ready(Err(bulkhead.refuse_too_costly(self.cost, most)));
                }
                Joined::InLine(slot) => self.slot = slot,
            }
            let (max_wait, deadline) = (bulkhead.max_wait(), deadline_that_nobody_enforces());
            if max_wait == NEVER && deadline == NEVER {
                return Poll::Pending;
            }
            let until = deadline.min(now().saturating_add(max_wait));
            *self.timer = Some(Box::pin(sleep_until(until)));
        }
        let over = match &mut *self.timer {
            Some(timer) => timer.as_mut().poll(context).is_ready(),
            None => false,
        };
        let polled = bulkhead.turn((self.slot, self.cost), over, context.waker());
        if polled.is_ready() {
            self.slot = NONE;
            *self.timer = None;
        }
        polled
    }
}

impl Drop for BulkheadAdmission<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.slot != NONE {
            self.give_up();
        }
    }
}

impl fmt::Debug for BulkheadAdmission<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkheadAdmission")
            .field("bulkhead", &self.bulkhead.name())
            .field("waiting", &(self.slot != NONE))
            .finish()
    }
}

/// A place in a bulkhead, or as many as the call costs, given back when it is dropped.
///
/// A permit of a bulkhead that let the call through without counting it holds no place, and gives
/// none back, even if a limit was set meanwhile.
#[must_use = "dropping the permit gives the place back"]
pub struct BulkheadPermit<'a> {
    bulkhead: &'a Bulkhead,
    /// How many places it holds.
    cost: u32,
}

impl Drop for BulkheadPermit<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.cost != 0 {
            self.bulkhead.leave(self.cost);
        }
    }
}

impl fmt::Debug for BulkheadPermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkheadPermit")
            .field("bulkhead", &self.bulkhead.name())
            .field("places", &self.cost)
            .finish()
    }
}

// ---- Snapshot

/// What can be seen of a bulkhead. `inside` and `waiting` are of one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BulkheadSnapshot {
    /// How many places there are; `None` if all calls are let through, uncounted.
    pub limit: Option<u32>,
    /// How many places are taken now: by one call each, or by as many as it costs. More than
    /// `limit` only after the limit was lowered.
    pub inside: u32,
    /// How many calls may wait.
    pub queue: u32,
    /// How many calls wait now. More than `queue` only after the queue was shortened.
    pub waiting: u32,
    /// Calls that got a place, at once or after waiting.
    pub admitted: u64,
    /// Calls that were refused, at once or after `max_wait`.
    pub rejected: u64,
    /// Calls that had to wait, whatever became of them.
    pub waited: u64,
    /// Calls that were dropped while they waited.
    pub abandoned: u64,
    /// What can be seen of its instances together, whose calls are counted above, while the rest is its
    /// own; `None` if no call has come with a key.
    pub keys: Option<KeysSnapshot>,
}

impl Show for BulkheadSnapshot {
    fn state(&self) -> String {
        match self.limit {
            Some(limit) => format!("{} of {limit}", self.inside),
            None => "unlimited".to_owned(),
        }
    }

    fn note(&self) -> String {
        let waiting = match (self.waiting, self.queue) {
            (0, 0) => String::new(),
            (waiting, queue) => format!("{waiting} of {queue} waiting"),
        };
        noted(waiting, self.keys)
    }

    fn counts(&self) -> Vec<(&'static str, Option<u64>)> {
        vec![
            ("admitted", Some(self.admitted)),
            ("rejected", Some(self.rejected)),
            ("waited", Some(self.waited)),
            ("abandoned", Some(self.abandoned)),
        ]
    }
}

// ---- Tests

#[cfg(any(test, resilient_fuzz))]
mod tests;
