//! The circuit breaker: after too many failures it refuses calls for a while, and then lets a few
//! through to see whether the callee is well again.

mod account;
mod cause;
mod permit;
mod phase;
mod rules;
mod settings;
mod shard;
mod snapshot;
mod state;
mod symptoms;

use crate::error::Rejected;
use crate::event::{What, emit_keyed, emit_rejected_keyed, is_heard};
use crate::frame::Frame;
use crate::key::{Key, StoredKey};
use crate::keyed::{Instance, Keyed, Role};
use crate::outcome::Outcome;
use crate::policy::{LivePolicy, LiveSnapshot, Policy};
use crate::setting::{Kind, Override};
use crate::sync::{AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering, Padded, Slots, bump};
use crate::time::{NEVER, Nanos, now};
use crate::window::Window;
use phase::{Admission, Phase, Transition};
use rules::Rules;
use shard::{COUNT, PARKED, count, shard, tick_of};
use state::{ASIDE, State};
use std::collections::VecDeque;
use std::sync::Arc;
use symptoms::Symptom;

// ---- Policy

pub use settings::CircuitBreakerPolicy;
use settings::CircuitBreakerSettings;

// ---- State

pub use phase::CircuitBreakerState;

// ---- Live policy and permit

pub use permit::CircuitBreakerPermit;
use permit::RELEASED;

// The control word: what a call needs to know, in one load.
//
//   generation (48 bits) | shift (8) | lane (2) | 0 (2) | timed (1) | kind (3)
//
// Every transition happens under the lock and stores it last.

/// Closed, and a quick success can do no more than be counted: no lock is needed.
const QUIET: u64 = 0;
/// Closed, and a success may change something: it comes to the lock.
const BUSY: u64 = 1;
const OPEN: u64 = 2;
const HALF_OPEN: u64 = 3;
const FORCED_OPEN: u64 = 4;
const DISABLED: u64 = 5;
/// Switched off by its settings.
const OFF: u64 = 6;
/// Only the state knows: ramping, or watched while it refuses nothing.
const ASK: u64 = 7;
const KIND: u64 = 7;
/// Slow calls are looked for: a call needs to know when it was admitted.
const TIMED: u64 = 1 << 3;

/// Where a quick success is counted: nowhere but in the statistics,
const STREAK: u64 = 0;
/// in its thread's shard for the window of calls,
const CALLS: u64 = 1 << 6;
/// or there for the tick of the window of time.
const TIME: u64 = 2 << 6;
const LANE: u64 = 3 << 6;
const SHIFT: u32 = 8;
const SHIFTS: u64 = 0xff;
const GENERATION: u32 = 16;

/// A circuit breaker at work.
///
/// ```
/// use resilient_core::{
///     CircuitBreaker, CircuitBreakerPolicy, CircuitBreakerState, Frame, LivePolicy, Verdict,
/// };
///
/// let policy = CircuitBreakerPolicy::new().failure_threshold(2).checked();
/// let breaker = CircuitBreaker::new("pricing", &policy);
/// for _ in 0..2 {
///     let frame = Frame::new();
///     let mut permit = breaker.admit(&frame).expect("it is closed");
///     permit.settle(Verdict::Failure);
/// }
/// assert_eq!(breaker.state(), CircuitBreakerState::Open);
///
/// let frame = Frame::new();
/// let rejected = breaker.admit(&frame).expect_err("it is open");
/// assert!(rejected.retry_after().is_some());
///
/// breaker.reset("the gateway is back");
/// assert!(breaker.admit(&frame).is_ok());
/// ```
#[derive(Debug)]
pub struct CircuitBreaker {
    head: Padded<Head>,
    slots: Slots<Slot>,
    role: Role<Self>,
    locked: Mutex<Locked>,
}

/// What every call reads and only transitions write.
#[derive(Debug)]
struct Head {
    control: AtomicU64,
    /// While it is open, forced open or disabled: when that ends.
    until: AtomicU64,
    slow_call: AtomicU64,
    count_rejections: AtomicBool,
    /// Whether somebody steers it, or its settings switch it off, so that it decides about all keys.
    steered: AtomicBool,
    name: &'static str,
}

/// What the owner of one slot writes.
#[derive(Debug, Default)]
struct Slot {
    shard: AtomicU64,
    /// Successes that no window wants to know of.
    successes: AtomicU64,
    rejected: AtomicU64,
}

#[derive(Debug)]
struct Locked {
    state: State,
    enabled: bool,
    /// How many successes of each shard the state knows already.
    seen: Box<[u64]>,
    /// True while all shards are parked.
    parked: bool,
    reports: VecDeque<Transition>,
    /// True while a thread reports transitions: it takes along what others add.
    delivering: bool,
}

impl CircuitBreaker {
    /// The name of the policy.
    pub fn name(&self) -> &'static str {
        self.head.0.name
    }

    /// Lets a call in, or refuses it.
    ///
    /// The permit is settled with what the call came to. One that is dropped unsettled looks at
    /// `frame` to see whether the body failed, or whether the call was given up.
    ///
    /// # Errors
    ///
    /// [`Rejected::CircuitOpen`] while it is open, or half-open with all places taken;
    /// [`Rejected::ForcedOpen`] while somebody has it refuse all calls.
    #[inline]
    pub fn admit<'a>(&'a self, frame: &'a Frame) -> Result<CircuitBreakerPermit<'a>, Rejected> {
        let control = self.head.0.control.load(Ordering::Acquire);
        let (generation, stamp) = if control & (KIND | TIMED) <= BUSY {
            (control >> GENERATION, 0)
        } else {
            self.admit_otherwise(control)?
        };
        Ok(CircuitBreakerPermit {
            breaker: self,
            frame,
            generation,
            stamp,
        })
    }

    /// An open breaker first: it refuses as many calls as there are. Everything else stands in functions
    /// of its own, which are called last, so that this one saves few registers.
    #[inline(never)]
    fn admit_otherwise(&self, control: u64) -> Result<(u64, u64), Rejected> {
        if control & KIND == OPEN {
            let wait = self.head.0.until.load(Ordering::Relaxed).checked_sub(now());
            if let Some(wait) = wait
                && wait > 0
            {
                return match self.slots.owned() {
                    Some(slot) if !is_heard() => {
                        bump(&slot.rejected);
                        Err(Rejected::circuit_open_for(self.name(), wait))
                    }
                    _ => self.refuse_aloud(wait),
                };
            }
        }
        self.admit_apart(control)
    }

    /// The same where somebody hears of it, or this thread has no slot of its own.
    #[cold]
    #[inline(never)]
    fn refuse_aloud(&self, wait: Nanos) -> Result<(u64, u64), Rejected> {
        Err(self.refuse(Admission::Open(wait)))
    }

    #[inline(never)]
    fn admit_apart(&self, control: u64) -> Result<(u64, u64), Rejected> {
        let generation = control >> GENERATION;
        match control & KIND {
            OFF => return Ok((RELEASED, 0)),
            QUIET | BUSY => return Ok((generation, now())),
            DISABLED if self.head.0.until.load(Ordering::Relaxed) == NEVER => {
                return Ok((generation, 0));
            }
            FORCED_OPEN if self.head.0.until.load(Ordering::Relaxed) == NEVER => {
                return Err(self.refuse(Admission::ForcedOpen));
            }
            _ => {}
        }
        let now = now();
        let ends = self.head.0.until.load(Ordering::Relaxed);
        match control & KIND {
            FORCED_OPEN if now < ends => Err(self.refuse(Admission::ForcedOpen)),
            DISABLED if now < ends => Ok((generation, 0)),
            _ => self.admit_locked(now),
        }
    }

    #[cold]
    #[inline(never)]
    fn admit_locked(&self, now: Nanos) -> Result<(u64, u64), Rejected> {
        let (admission, generation, timed) = self.locked(now, |locked| {
            let admission = locked.state.admit(now);
            let timed = locked.state.rules().slow.is_some();
            (admission, locked.state.generation(), timed)
        });
        match admission {
            Admission::Free => Ok((generation, if timed { now } else { 0 })),
            Admission::Probe(number) => Ok((generation, number)),
            Admission::Aside => Ok((ASIDE, 0)),
            refused => Err(self.refuse(refused)),
        }
    }

    fn refuse(&self, refused: Admission) -> Rejected {
        self.slots.count(|slot| &slot.rejected);
        let rejected = match refused {
            Admission::Open(wait) => Rejected::circuit_open_for(self.name(), wait),
            _ => Rejected::forced_open(self.name()),
        };
        emit_rejected_keyed(CircuitBreakerPolicy::KIND, self.role.key(), rejected);
        rejected
    }

    /// Everything but the shortest ways stands in functions of its own, which are called last: so
    /// the short ones save no registers.
    #[inline]
    fn succeed(&self, generation: u64, stamp: u64) {
        let control = self.head.0.control.load(Ordering::Acquire);
        // Nothing but lane and shift is left if it is quiet, untimed and of this generation.
        let rest = control ^ generation << GENERATION;
        if let Some(slot) = self.slots.owned() {
            match rest {
                STREAK => {
                    bump(&slot.successes);
                    return;
                }
                CALLS if count(&slot.shard, shard(generation, 0)) => return,
                _ => {}
            }
        }
        self.succeed_in_time(control, generation, stamp);
    }

    #[inline(never)]
    fn succeed_in_time(&self, control: u64, generation: u64, stamp: u64) {
        let rest = control ^ generation << GENERATION;
        if rest & !(SHIFTS << SHIFT) == TIME {
            let tick = now() >> ((control >> SHIFT) & SHIFTS);
            if let Some(slot) = self.slots.owned()
                && count(&slot.shard, shard(generation, tick))
            {
                return;
            }
        }
        self.succeed_otherwise(control, generation, stamp);
    }

    #[inline(never)]
    fn succeed_otherwise(&self, control: u64, generation: u64, stamp: u64) {
        if control >> GENERATION == generation && self.is_counted(control, generation, stamp) {
            return;
        }
        self.settle(generation, stamp, Outcome::Success, Symptom::UNKNOWN);
    }

    /// Counts a success without the lock, if it can do no more than be counted. For those who share a
    /// slot, for a thread that has none yet, and where somebody looks for slow calls.
    fn is_counted(&self, control: u64, generation: u64, stamp: u64) -> bool {
        let is_timed = match control & (KIND | TIMED) {
            QUIET => false,
            quiet if quiet == QUIET | TIMED => true,
            disabled if disabled & KIND == DISABLED => {
                let for_ever = self.head.0.until.load(Ordering::Relaxed) == NEVER;
                if for_ever {
                    self.slots.count(|slot| &slot.successes);
                }
                return for_ever;
            }
            _ => return false,
        };
        let lane = control & LANE;
        let now = if is_timed || lane == TIME { now() } else { 0 };
        if is_timed && self.is_slow(stamp, now) {
            return false;
        }
        let tick = match lane {
            STREAK if !is_timed => {
                self.slots.count(|slot| &slot.successes);
                return true;
            }
            TIME => now >> ((control >> SHIFT) & SHIFTS),
            _ => 0,
        };
        count(&self.slots.own().shard, shard(generation, tick))
    }

    fn is_slow(&self, stamp: u64, now: Nanos) -> bool {
        stamp != 0 && now.saturating_sub(stamp) >= self.head.0.slow_call.load(Ordering::Relaxed)
    }

    #[inline(never)]
    fn settle(&self, generation: u64, stamp: u64, outcome: Outcome, symptom: &'static Symptom) {
        let now = now();
        let slow = self.is_slow(stamp, now);
        let random = fastrand::u64(..);
        self.locked(now, |locked| {
            // Half-open, the stamp is the number of the probe, and no call is slow.
            let state = &mut locked.state;
            state.symptoms.expect(symptom);
            state.settle(generation, stamp, outcome, slow, now, random);
        });
    }

    #[cold]
    fn settle_throttled(
        &self,
        generation: u64,
        stamp: u64,
        retry_after: Nanos,
        symptom: &'static Symptom,
    ) {
        let now = now();
        let slow = self.is_slow(stamp, now);
        let random = fastrand::u64(..);
        self.locked(now, |locked| {
            let state = &mut locked.state;
            state.symptoms.expect(symptom);
            state.settle_throttled(generation, stamp, retry_after, slow, now, random);
        });
    }

    /// Changes the state under the lock, makes that visible, and reports it afterwards.
    ///
    /// `change` always looks, too, at what time has changed: what `publish` makes of the shards
    /// depends on it.
    fn locked<R>(&self, now: Nanos, change: impl FnOnce(&mut Locked) -> R) -> R {
        let mut locked = self.locked.lock();
        let before = locked.state.generation();
        self.collect(&mut locked, now);
        let answer = change(&mut locked);
        self.publish(&mut locked, before, now);
        self.report(locked);
        answer
    }

    /// Tells the state of the successes in the shards: they all precede what comes next.
    fn collect(&self, locked: &mut Locked, now: Nanos) {
        if locked.parked {
            return;
        }
        let Locked { state, seen, .. } = locked;
        let tick = tick(state, now);
        let fresh = shard(state.generation(), tick);
        let own = self.slots.own_index();
        for (index, (slot, seen)) in self.slots.iter().zip(seen.iter_mut()).enumerate() {
            let shard = &slot.shard;
            let mut word = shard.load(Ordering::Acquire);
            // Most threads have done nothing since.
            if word & COUNT == *seen && index != own {
                continue;
            }
            // The first success of a thread in a new tick comes to the lock, since results that
            // have left the window may make it the one that opens. Its shard moves on with it; if
            // the next success may open it as well, the shards are parked before the lock is left.
            let moved = index == own && word & !COUNT != fresh || word & COUNT == COUNT;
            if moved {
                word = shard.swap(fresh, Ordering::AcqRel);
            }
            let more = (word & COUNT) - *seen;
            if more > 0 {
                state.quiet_successes(more, tick_of(word, tick));
            }
            *seen = if moved { 0 } else { word & COUNT };
        }
    }

    /// Has the shards count for the present generation, or parks them.
    fn sweep(&self, locked: &mut Locked, generation: u64, count: bool, now: Nanos) {
        let tick = tick(&locked.state, now);
        let random = fastrand::u64(..);
        let fresh = if count {
            shard(locked.state.generation(), tick)
        } else {
            PARKED
        };
        for (slot, seen) in self.slots.iter().zip(locked.seen.iter_mut()) {
            let word = slot.shard.swap(fresh, Ordering::AcqRel);
            // What was counted since the shards were collected.
            let more = (word & COUNT) - *seen;
            // A parked shard has counted nothing, and its tick means nothing.
            if more > 0 {
                let tick = tick_of(word, tick);
                locked.state.successes(generation, more, tick, now, random);
            }
            *seen = 0;
        }
        locked.parked = !count;
    }

    /// Makes visible what was decided since the generation was `before`.
    fn publish(&self, locked: &mut Locked, before: u64, now: Nanos) {
        let counts = locked.state.window().is_some() && locked.state.is_quiet();
        let renewed = locked.state.generation() != before && !locked.parked;
        if renewed || locked.parked == counts {
            self.sweep(locked, before, counts, now);
        }
        let state = &locked.state;
        let head = &self.head.0;
        let kind = match state.phase() {
            _ if !locked.enabled => OFF,
            _ if state.would_be().is_some() => ASK,
            Phase::Closed if !locked.parked => QUIET,
            Phase::Closed if state.window().is_none() && state.is_quiet() => QUIET,
            Phase::Closed => BUSY,
            Phase::HalfOpen { .. } => HALF_OPEN,
            Phase::Ramping(_) => ASK,
            Phase::Open { until, .. } => {
                head.until.store(*until, Ordering::Relaxed);
                OPEN
            }
            Phase::ForcedOpen { until, .. } => {
                head.until.store(*until, Ordering::Relaxed);
                FORCED_OPEN
            }
            Phase::Disabled { until, .. } => {
                head.until.store(*until, Ordering::Relaxed);
                DISABLED
            }
        };
        let timed = if state.rules().slow.is_some() {
            TIMED
        } else {
            0
        };
        let lane = match state.window() {
            None => STREAK,
            Some(Window::Calls(_)) => CALLS,
            Some(Window::Time(window)) => TIME | u64::from(window.shift()) << SHIFT,
        };
        let control = state.generation() << GENERATION | lane | timed | kind;
        let steered = !locked.enabled || state.by_hand().is_some();
        // Who reads this line reads it on every call: it is written only if it changes.
        if head.steered.load(Ordering::Relaxed) != steered {
            head.steered.store(steered, Ordering::Relaxed);
        }
        if head.control.load(Ordering::Relaxed) != control {
            head.control.store(control, Ordering::Release);
        }
    }

    /// Reports transitions in order, with no lock held: subscribers are the user's code.
    fn report(&self, mut locked: MutexGuard<'_, Locked>) {
        let Locked { state, reports, .. } = &mut *locked;
        if state.has_moved() {
            reports.extend(state.take_transitions());
        }
        if !reports.is_empty() && !locked.delivering {
            locked.delivering = true;
            drop(locked);
            self.deliver();
        }
    }

    #[cold]
    fn deliver(&self) {
        /// Lets the next one report if a subscriber panics.
        struct Delivering<'a> {
            breaker: &'a CircuitBreaker,
            unfinished: bool,
        }

        impl Drop for Delivering<'_> {
            fn drop(&mut self) {
                if self.unfinished {
                    self.breaker.locked.lock().delivering = false;
                }
            }
        }

        let mut delivering = Delivering {
            breaker: self,
            unfinished: true,
        };
        loop {
            let transition = {
                let mut locked = self.locked.lock();
                let Some(transition) = locked.reports.pop_front() else {
                    locked.delivering = false;
                    locked.reports = VecDeque::new();
                    delivering.unfinished = false;
                    return;
                };
                transition
            };
            emit_keyed(
                CircuitBreakerPolicy::KIND,
                self.name(),
                self.role.key(),
                What::Transition {
                    from: transition.from.as_str(),
                    to: transition.to.as_str(),
                    reason: transition.cause.to_string(),
                },
            );
        }
    }

    /// The state it is in now, also if no call has come since it should have changed.
    pub fn state(&self) -> CircuitBreakerState {
        let head = &self.head.0;
        match head.control.load(Ordering::Acquire) & KIND {
            QUIET | BUSY => CircuitBreakerState::Closed,
            HALF_OPEN => CircuitBreakerState::HalfOpen,
            OFF => CircuitBreakerState::Disabled,
            _ => {
                let now = now();
                self.locked(now, |locked| {
                    locked.state.look(now);
                    if locked.enabled {
                        locked.state.kind()
                    } else {
                        CircuitBreakerState::Disabled
                    }
                })
            }
        }
    }

    /// Refuses all calls with [`Rejected::ForcedOpen`], from the next one on, until the override
    /// ends or [`reset`](Self::reset) takes it back; then it is closed with an empty window.
    ///
    /// ```
    /// use resilient_core::{CircuitBreaker, CircuitBreakerPolicy, Frame, LivePolicy, Override};
    /// use std::time::Duration;
    ///
    /// let breaker = CircuitBreaker::new("pricing", &CircuitBreakerPolicy::new());
    /// let drill = Override::because("a drill").by("ana").lasting(Duration::from_secs(600));
    /// breaker.force_open(drill);
    /// assert!(breaker.admit(&Frame::new()).is_err());
    ///
    /// breaker.reset("the drill is over");
    /// assert!(breaker.admit(&Frame::new()).is_ok());
    /// ```
    pub fn force_open(&self, reason: impl Into<Override>) {
        let (by_hand, now) = (reason.into(), now());
        self.locked(now, |locked| locked.state.force_open(by_hand, now));
    }

    /// Lets all calls through, from the next one on, until the override ends or
    /// [`reset`](Self::reset) takes it back; then it is closed with an empty window.
    ///
    /// Results are counted in the statistics and decide nothing.
    pub fn disable(&self, reason: impl Into<Override>) {
        let (by_hand, now) = (reason.into(), now());
        self.locked(now, |locked| locked.state.disable(by_hand, now));
    }

    /// Lets all calls through, from the next one on, and only shows what it would do, until the
    /// override ends or [`reset`](Self::reset) takes it back; then it is closed with an empty
    /// window.
    ///
    /// It begins closed with an empty window, goes through its states as the results say, and
    /// counts the calls that it would have refused. What becomes of those decides nothing, since
    /// they would not have run. Every call takes a lock meanwhile, on its way in and on its way
    /// out.
    ///
    /// ```
    /// use resilient_core::{
    ///     CircuitBreaker, CircuitBreakerPolicy, CircuitBreakerState, Frame, LivePolicy, Verdict,
    /// };
    ///
    /// let policy = CircuitBreakerPolicy::new().failure_threshold(1).checked();
    /// let breaker = CircuitBreaker::new("pricing", &policy);
    /// breaker.metrics_only("a trial");
    /// let frame = Frame::new();
    /// for _ in 0..3 {
    ///     let mut permit = breaker.admit(&frame).expect("it refuses nothing");
    ///     permit.settle(Verdict::Failure);
    /// }
    /// assert_eq!(breaker.state(), CircuitBreakerState::MetricsOnly);
    /// let seen = breaker.snapshot();
    /// assert_eq!(seen.would_be, Some(CircuitBreakerState::Open));
    /// assert_eq!(seen.counts.would_have_rejected, 2);
    ///
    /// breaker.reset("the trial is over");
    /// assert_eq!(breaker.snapshot().would_be, None);
    /// ```
    pub fn metrics_only(&self, reason: impl Into<Override>) {
        let (by_hand, now) = (reason.into(), now());
        self.locked(now, |locked| locked.state.metrics_only(by_hand, now));
    }

    /// Closes it with an empty window, from the next call on, whatever state it is in.
    ///
    /// Statistics stay. An end of the override means nothing here.
    pub fn reset(&self, reason: impl Into<Override>) {
        let (by_hand, now) = (reason.into(), now());
        if let Some(keys) = self.role.keys() {
            keys.for_each(|_, instance| {
                if !instance.is_fresh(now) {
                    instance.reset(by_hand.clone());
                }
            });
        }
        self.locked(now, |locked| locked.state.reset(by_hand, now));
    }

    /// The instance for `key`: a circuit breaker of its own, with the same settings, for one tenant or
    /// one host. While this one is steered by hand, or switched off, it is this one itself.
    ///
    /// There are at most [`max_keys`](CircuitBreakerPolicy::max_keys) instances. One that nobody uses,
    /// closed with an empty window, gives its place to another key; where there is none, further keys
    /// share one. Nothing is allocated for a key that has an instance.
    ///
    /// # Panics
    ///
    /// Where [`Key::write`] does; nothing has happened then.
    #[inline]
    pub fn keyed(&self, key: &(impl Key + ?Sized)) -> Keyed<'_, Self> {
        if self.head.0.steered.load(Ordering::Relaxed) && self.is_steered() {
            return Keyed::base(self);
        }
        self.role.keyed(self, self.name(), key)
    }

    /// The instance for `key`, to be looked at or steered; `None` if there is none now.
    pub fn with_key(&self, key: &(impl Key + ?Sized)) -> Option<Keyed<'_, Self>> {
        self.role.with_key(self, key)
    }

    /// What can be seen of the instances, by their keys, the overflow among them.
    pub fn key_snapshots(&self) -> Vec<(StoredKey, CircuitBreakerSnapshot)> {
        self.role.each(Self::snapshot)
    }

    #[cold]
    fn is_steered(&self) -> bool {
        let now = now();
        self.locked(now, |locked| {
            locked.state.look(now);
            !locked.enabled || locked.state.by_hand().is_some()
        })
    }

    fn new_as(name: &'static str, rules: &Arc<Rules>, role: Role<Self>) -> Self {
        let now = now();
        let slots = match role {
            Role::Base(_) => Slots::per_thread(),
            Role::Instance(_) => Slots::lone(),
        };
        let seen = slots.iter().map(|_| 0).collect();
        let breaker = Self {
            head: Padded(Head {
                control: AtomicU64::new(0),
                until: AtomicU64::new(NEVER),
                slow_call: AtomicU64::new(NEVER),
                count_rejections: AtomicBool::new(false),
                steered: AtomicBool::new(false),
                name,
            }),
            slots,
            role,
            locked: Mutex::new(Locked {
                state: State::new(Arc::clone(rules), now),
                enabled: true,
                seen,
                parked: true,
                reports: VecDeque::new(),
                delivering: false,
            }),
        };
        breaker.configure(rules);
        breaker
    }
}

/// The tick of the window at `now`, if it has one.
fn tick(state: &State, now: Nanos) -> u64 {
    match state.window() {
        Some(Window::Time(window)) => window.tick(now),
        _ => 0,
    }
}

impl LivePolicy for CircuitBreaker {
    type Policy = CircuitBreakerPolicy;

    fn new(name: &'static str, policy: &CircuitBreakerPolicy) -> Self {
        let rules = Arc::new(Rules::of(policy));
        let max = CircuitBreakerSettings::of(policy).max_keys;
        Self::new_as(name, &rules, Role::base(&rules.of_an_instance(), max))
    }

    fn reconfigure(&self, policy: &CircuitBreakerPolicy) {
        let rules = Arc::new(Rules::of(policy));
        self.configure(&rules);
        if let Some(keys) = self.role.keys() {
            let max = CircuitBreakerSettings::of(policy).max_keys;
            keys.configure(&rules.of_an_instance(), max);
        }
    }

    fn consequence(&self, policy: &CircuitBreakerPolicy) -> Option<String> {
        let (rules, now) = (Rules::of(policy), now());
        self.locked(now, |locked| {
            locked.state.look(now);
            let state = &locked.state;
            let would = || state.consequence(rules, now);
            if rules.enabled { would() } else { None }
        })
    }

    fn snapshot(&self) -> LiveSnapshot {
        LiveSnapshot::CircuitBreaker(self.snapshot())
    }
}

impl Instance for CircuitBreaker {
    type Written = Arc<Rules>;
    type Counts = CircuitBreakerCounts;

    const KIND: Kind = <CircuitBreakerPolicy as Policy>::KIND;

    fn instance(name: &'static str, written: &Arc<Rules>, key: StoredKey) -> Self {
        Self::new_as(name, written, Role::Instance(key))
    }

    fn configure(&self, rules: &Arc<Rules>) {
        let now = now();
        self.locked(now, |locked| {
            let generation = locked.state.generation();
            // The shards count for the window as it was.
            if !locked.parked {
                self.sweep(locked, generation, false, now);
            }
            locked.enabled = rules.enabled;
            locked.state.reconfigure(Arc::clone(rules), now);
            let slow_call = rules.slow.map_or(NEVER, |(slow_call, _)| slow_call);
            self.head.0.slow_call.store(slow_call, Ordering::Relaxed);
            let counts = rules.count_rejections;
            self.head
                .0
                .count_rejections
                .store(counts, Ordering::Relaxed);
        });
    }

    fn is_fresh(&self, now: Nanos) -> bool {
        let mut locked = self.locked.lock();
        let before = locked.state.generation();
        self.collect(&mut locked, now);
        let is_fresh = locked.state.is_fresh(now) && locked.reports.is_empty();
        self.publish(&mut locked, before, now);
        is_fresh
    }

    fn is_refusing(&self, now: Nanos) -> bool {
        let head = &self.head.0;
        matches!(
            head.control.load(Ordering::Acquire) & KIND,
            OPEN | FORCED_OPEN
        ) && now < head.until.load(Ordering::Relaxed)
    }

    fn count(&self, sum: &mut CircuitBreakerCounts) {
        let locked = self.locked.lock();
        *sum += CircuitBreakerCounts::of(locked.state.totals());
        for (slot, seen) in self.slots.iter().zip(&locked.seen) {
            sum.success += slot.successes.load(Ordering::Relaxed);
            sum.rejected += slot.rejected.load(Ordering::Relaxed);
            // What the state does not know yet.
            sum.success += (slot.shard.load(Ordering::Acquire) & COUNT) - seen;
        }
    }
}

// ---- Snapshot

pub use snapshot::{
    CircuitBreakerCounts, CircuitBreakerOutage, CircuitBreakerOverride, CircuitBreakerSnapshot,
    CircuitBreakerWindow, TimeInStates,
};
pub use symptoms::CircuitBreakerSymptom;

// ---- Tests

#[cfg(any(test, resilient_fuzz))]
mod tests;
