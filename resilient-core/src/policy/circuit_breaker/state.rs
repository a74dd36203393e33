//! The pure machine of a circuit breaker: instants come in as values, and nothing else happens.

use super::account::Account;
use super::cause::Cause;
use super::phase::{
    Admission, CircuitBreakerState, Climb, Phase, Probe, Totals, Transition, Watch, end,
};
use super::rules::{FailureRule, Rules, WindowRule};
use super::symptoms::Newest;
use crate::outcome::Outcome;
use crate::setting::{Override, Share};
use crate::time::Nanos;
use crate::window::{Counts, Mark, Window};
use std::collections::VecDeque;
use std::sync::Arc;

/// In place of a generation: that of calls which would have been refused.
pub(super) const ASIDE: u64 = 0;

#[derive(Clone, Debug)]
pub(super) struct State {
    /// Shared by the instances of one policy.
    rules: Arc<Rules>,
    /// Counts up with every transition: what was admitted in an older one decides nothing.
    generation: u64,
    phase: Phase,
    since: Nanos,
    watch: Option<Box<Watch>>,
    /// How many times `open_backoff` lengthens the time it is open.
    lengthened: u32,
    /// Failures without a success between them.
    streak: u32,
    window: Option<Window>,
    pub(super) symptoms: Newest,
    /// Who is inside half-open, in the order of their deadlines.
    probes: VecDeque<Probe>,
    next_probe: u64,
    /// Unless it is closed.
    why: Option<Box<Account>>,
    totals: Totals,
    /// How long it was in each state before it came into the present one.
    spent: [Nanos; CircuitBreakerState::ALL.len()],
    transitions: Vec<Transition>,
}

impl State {
    pub(super) fn new(rules: impl Into<Arc<Rules>>, now: Nanos) -> Self {
        let rules = rules.into();
        Self {
            generation: 1,
            phase: Phase::Closed,
            since: now,
            watch: None,
            lengthened: 0,
            streak: 0,
            window: rules.empty_window(),
            symptoms: Newest::new(),
            probes: VecDeque::with_capacity(rules.reserved_probes()),
            next_probe: 0,
            why: None,
            totals: Totals::default(),
            rules,
            spent: [0; CircuitBreakerState::ALL.len()],
            transitions: Vec::new(),
        }
    }

    // What it is.

    pub(super) fn kind(&self) -> CircuitBreakerState {
        match self.watch {
            Some(_) => CircuitBreakerState::MetricsOnly,
            None => self.phase.kind(),
        }
    }

    /// What it would be if nobody had it refuse nothing, while somebody has.
    pub(super) fn would_be(&self) -> Option<CircuitBreakerState> {
        self.watch.as_ref().map(|_| self.phase.kind())
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn phase(&self) -> &Phase {
        &self.phase
    }

    pub(super) fn since(&self) -> Nanos {
        self.watch.as_ref().map_or(self.since, |watch| watch.since)
    }

    /// Who steers it by hand, and until when.
    pub(super) fn by_hand(&self) -> Option<(&Override, Nanos)> {
        match (&self.watch, &self.phase) {
            (Some(watch), _) => Some((&watch.by_hand, watch.until)),
            (None, Phase::ForcedOpen { by_hand, until } | Phase::Disabled { by_hand, until }) => {
                Some((by_hand, *until))
            }
            _ => None,
        }
    }

    pub(super) fn streak(&self) -> u32 {
        self.streak
    }

    pub(super) fn window(&self) -> Option<&Window> {
        self.window.as_ref()
    }

    pub(super) fn why(&self) -> Option<&Cause> {
        match &self.watch {
            Some(watch) => Some(&watch.why),
            None => self.account().map(|account| &*account.newest),
        }
    }

    /// Why it is not closed, or would not be; of what somebody wants, only while it is not watched.
    pub(super) fn account(&self) -> Option<&Account> {
        self.why.as_deref()
    }

    /// From when to when it is open this time.
    pub(super) fn opening(&self) -> Option<(Nanos, Nanos)> {
        match self.phase {
            Phase::Open { until, .. } => Some((self.since, until)),
            _ => None,
        }
    }

    pub(super) fn totals(&self) -> Totals {
        self.totals
    }

    pub(super) fn probes_inside(&self) -> usize {
        self.probes.len()
    }

    /// How long it has been in `state`, up to now.
    pub(super) fn spent(&self, state: CircuitBreakerState, now: Nanos) -> Nanos {
        let running = (self.kind() == state).then(|| now.saturating_sub(self.since()));
        self.spent[state as usize].saturating_add(running.unwrap_or(0))
    }

    /// When the next probe is let through, if it is known.
    pub(super) fn next_probe_at(&self) -> Option<Nanos> {
        match self.phase {
            Phase::Open { until, .. } => Some(until),
            Phase::HalfOpen { .. } if self.has_place() => Some(0),
            _ => None,
        }
    }

    /// When so many probes have forfeited their places that there is one for another.
    pub(super) fn next_place_at(&self) -> Option<Nanos> {
        let too_many = self.probes.len() - self.rules.half_open_calls as usize;
        self.probes.get(too_many).map(|probe| probe.deadline)
    }

    /// True if a quick success, recorded now, could neither open it nor change more than a count.
    pub(super) fn is_quiet(&self) -> bool {
        if self.watch.is_some() || !matches!(self.phase, Phase::Closed) {
            return false;
        }
        if let FailureRule::InARow(_) = self.rules.failures
            && (self.streak > 0 || self.rules.slow.is_none())
        {
            return self.streak == 0;
        }
        let counts = self.counts();
        // Before there are enough calls, a success may be the one with which there are.
        let enough = counts.calls >= self.rules.min_calls;
        let failures_are_quiet = match self.rules.failures {
            FailureRule::InARow(_) | FailureRule::Among(_) => true,
            FailureRule::Rate(_) => enough || counts.failures == 0,
        };
        failures_are_quiet
            && (self.rules.slow.is_none() || enough || counts.slow == 0)
            && self.tripped().is_none()
    }

    /// Whether nobody could tell it from a new one: closed, with no results that matter, and no memory
    /// of openings.
    pub(super) fn is_fresh(&mut self, now: Nanos) -> bool {
        self.slide(now);
        self.watch.is_none()
            && matches!(self.phase, Phase::Closed)
            && self.streak == 0
            && self.counts().calls == 0
            && self.remembers(now) == 0
            && self.transitions.is_empty()
    }

    /// How many times the next opening is lengthened, after being closed up to now.
    fn remembers(&self, now: Nanos) -> u32 {
        let steps = now
            .saturating_sub(self.since)
            .checked_div(self.rules.open_for);
        let steps = steps.and_then(|steps| u32::try_from(steps).ok());
        self.lengthened.saturating_sub(steps.unwrap_or(u32::MAX))
    }

    pub(super) fn counts(&self) -> Counts {
        self.window.as_ref().map(Window::counts).unwrap_or_default()
    }

    fn has_place(&self) -> bool {
        self.probes.len() < self.rules.half_open_calls as usize
    }

    pub(super) fn has_moved(&self) -> bool {
        !self.transitions.is_empty()
    }

    /// Takes out the transitions since the last time, in order.
    pub(super) fn take_transitions(&mut self) -> std::vec::IntoIter<Transition> {
        // They are rare, and instances many: no room is kept for the next ones.
        std::mem::take(&mut self.transitions).into_iter()
    }

    // What happens to it.

    /// Moves what time alone moves: at nearly every failure nothing but the window.
    #[inline]
    pub(super) fn look(&mut self, now: Nanos) {
        if matches!((&self.watch, &self.phase), (None, Phase::Closed)) {
            return self.slide(now);
        }
        self.look_at_phase(now);
    }

    fn look_at_phase(&mut self, now: Nanos) {
        if let Some((by_hand, until)) = self.by_hand()
            && until <= now
        {
            let ended = Cause::OverrideEnded(by_hand.clone());
            self.switch(Phase::Closed, None, ended, until);
        }
        match self.phase {
            Phase::Closed => self.slide(now),
            Phase::Open { until, .. } if until <= now => {
                let waited = Cause::Waited(until.saturating_sub(self.since));
                self.go(Phase::HalfOpen { successes: 0 }, waited, until);
                self.look(now);
            }
            Phase::HalfOpen { .. } => {
                while self
                    .probes
                    .front()
                    .is_some_and(|probe| probe.deadline <= now)
                {
                    self.probes.pop_front();
                }
            }
            Phase::Ramping(climb) => match self.step() {
                Some((_, ends)) if ends > now => self.slide(now),
                Some((_, ends)) => {
                    self.climb(climb.number + 1, ends);
                    self.look(now);
                }
                None => self.climb(climb.number, now),
            },
            _ => {}
        }
    }

    /// Lets go of results that are too old.
    fn slide(&mut self, now: Nanos) {
        if let Some(window) = &mut self.window {
            window.advance(now);
        }
    }

    /// Takes the step of this number, from `at` on, or closes if the ramp has no such step.
    fn climb(&mut self, number: usize, at: Nanos) {
        let ramp = self.rules.ramp;
        if number < ramp.shares().len() {
            self.phase = Phase::Ramping(Climb {
                number,
                began: at,
                credit: 0,
            });
        } else {
            self.go(Phase::Closed, Cause::RampedUp(ramp), at);
        }
    }

    pub(super) fn admit(&mut self, now: Nanos) -> Admission {
        self.look(now);
        match self.answer(now) {
            Admission::Open(_) if self.watch.is_some() => {
                self.totals.would_have_rejected += 1;
                Admission::Aside
            }
            admission => admission,
        }
    }

    fn answer(&mut self, now: Nanos) -> Admission {
        match self.phase {
            Phase::Closed | Phase::Disabled { .. } => Admission::Free,
            Phase::Open { until, .. } => Admission::Open(until.saturating_sub(now)),
            Phase::ForcedOpen { .. } => Admission::ForcedOpen,
            Phase::HalfOpen { .. } if self.has_place() => {
                let number = self.next_probe;
                self.next_probe += 1;
                // Deadlines stay in order although clocks are read before the lock is taken, and
                // although the setting may have been changed.
                let deadline = now.saturating_add(self.rules.half_open_for);
                let at = self
                    .probes
                    .partition_point(|probe| probe.deadline <= deadline);
                self.probes.insert(at, Probe { number, deadline });
                Admission::Probe(number)
            }
            Phase::HalfOpen { .. } => {
                Admission::Open(self.next_place_at().unwrap_or(now).saturating_sub(now))
            }
            Phase::Ramping(climb) => {
                let whole = Share::percent(100);
                let (share, ends) = self.step().unwrap_or((whole, now));
                let whole = whole.as_parts_per_million();
                let credit = climb.credit + share.as_parts_per_million();
                self.phase = Phase::Ramping(Climb {
                    credit: credit % whole,
                    ..climb
                });
                if credit >= whole {
                    Admission::Free
                } else {
                    Admission::Open(ends.saturating_sub(now))
                }
            }
        }
    }

    /// The result of a call that was admitted in `generation`, with `probe` if that was half-open.
    ///
    /// `random` is any number, all of them equally likely.
    pub(super) fn settle(
        &mut self,
        generation: u64,
        probe: u64,
        outcome: Outcome,
        slow: bool,
        now: Nanos,
        random: u64,
    ) {
        self.look(now);
        match outcome {
            Outcome::Success => self.totals.success += 1,
            Outcome::Failure => self.totals.failure += 1,
            Outcome::Ignored => self.totals.ignored += 1,
            Outcome::Abandoned => self.totals.abandoned += 1,
        }
        if generation != self.generation {
            self.totals.late += u64::from(generation != ASIDE);
            return;
        }
        match self.phase {
            Phase::Closed | Phase::Ramping(_) => {
                let failed = match outcome {
                    Outcome::Success => false,
                    Outcome::Failure => true,
                    Outcome::Ignored | Outcome::Abandoned => return,
                };
                self.record(Mark { failed, slow }, now, random);
            }
            Phase::HalfOpen { successes } => {
                let place = self.probes.iter().position(|inside| inside.number == probe);
                let Some(place) = place else {
                    self.totals.late += 1;
                    return;
                };
                self.probes.remove(place);
                self.probed(outcome, successes, now, random);
            }
            // Nobody is admitted while it is open, and what runs while it is disabled is counted
            // and decides nothing.
            Phase::Open { .. } | Phase::ForcedOpen { .. } | Phase::Disabled { .. } => {}
        }
    }

    /// The failure of a call whose callee asked to be left alone for so long; the rest as in
    /// [`settle`](Self::settle).
    pub(super) fn settle_throttled(
        &mut self,
        generation: u64,
        probe: u64,
        retry_after: Nanos,
        slow: bool,
        now: Nanos,
        random: u64,
    ) {
        self.look(now);
        let decides = match self.phase {
            Phase::Closed | Phase::Ramping(_) => true,
            Phase::HalfOpen { .. } => self.probes.iter().any(|inside| inside.number == probe),
            Phase::Open { .. } | Phase::ForcedOpen { .. } | Phase::Disabled { .. } => false,
        };
        let obeys = self.rules.obey_retry_after && retry_after != 0;
        if !(obeys && decides && generation == self.generation) {
            self.settle(generation, probe, Outcome::Failure, slow, now, random);
            return;
        }
        self.totals.failure += 1;
        let cause = Cause::Throttled(retry_after);
        self.open_for(Some(retry_after), cause, now, random);
    }

    fn record(&mut self, mark: Mark, now: Nanos, random: u64) {
        self.streak = if mark.failed {
            self.streak.saturating_add(1)
        } else {
            0
        };
        if let Some(window) = &mut self.window {
            window.push(mark, now);
        }
        if mark.failed {
            self.symptoms.record(self.window.as_ref(), self.streak);
        }
        if let Some(cause) = self.tripped() {
            self.open(cause, now, random);
        }
    }

    fn probed(&mut self, outcome: Outcome, successes: u32, now: Nanos, random: u64) {
        let threshold = self.rules.success_threshold;
        match outcome {
            Outcome::Success if successes + 1 >= threshold => {
                let successes = successes + 1;
                let phase = if self.rules.ramp.shares().is_empty() {
                    Phase::Closed
                } else {
                    Phase::Ramping(Climb {
                        number: 0,
                        began: now.max(self.since),
                        credit: 0,
                    })
                };
                self.go(phase, Cause::ProbesSucceeded { successes }, now);
            }
            Outcome::Success => {
                self.phase = Phase::HalfOpen {
                    successes: successes + 1,
                };
            }
            Outcome::Failure => self.open(
                Cause::ProbeFailed {
                    successes,
                    threshold,
                },
                now,
                random,
            ),
            Outcome::Ignored | Outcome::Abandoned => {}
        }
    }

    /// Why the results that are recorded ought to open it, if they ought to.
    pub(super) fn tripped(&self) -> Option<Cause> {
        let counts = self.counts();
        let within = self.rules.window;
        let enough = counts.calls >= self.rules.min_calls;
        match self.rules.failures {
            FailureRule::InARow(threshold) if self.streak >= threshold => {
                return Some(Cause::FailuresInARow {
                    failures: self.streak,
                    threshold,
                });
            }
            FailureRule::Among(threshold) if counts.failures >= threshold.into() => {
                return Some(Cause::FailuresAmong {
                    counts,
                    threshold,
                    within,
                });
            }
            FailureRule::Rate(limit) if enough && counts.reached(limit, counts.failures) => {
                return Some(Cause::FailureRate {
                    counts,
                    limit,
                    within,
                });
            }
            _ => {}
        }
        match self.rules.slow {
            Some((slow_call, limit)) if enough && counts.reached(limit, counts.slow) => {
                Some(Cause::SlowCallRate {
                    counts,
                    limit,
                    slow_call,
                    within,
                })
            }
            _ => None,
        }
    }

    /// Quick successes of this generation, of which none can change more than a count.
    pub(super) fn quiet_successes(&mut self, calls: u64, tick: u64) {
        self.totals.success += calls;
        if let Some(window) = &mut self.window {
            window.push_successes(calls, tick);
        }
    }

    /// Quick successes that were admitted in `generation`, of which each may be the one that opens
    /// it; `random` as in [`settle`](Self::settle).
    pub(super) fn successes(
        &mut self,
        generation: u64,
        mut calls: u64,
        tick: u64,
        now: Nanos,
        random: u64,
    ) {
        while calls > 0 && generation == self.generation && !self.is_quiet() {
            calls -= 1;
            self.streak = 0;
            self.quiet_successes(1, tick);
            if let Some(cause) = self.tripped() {
                self.open(cause, now, random);
            }
        }
        if generation == self.generation {
            self.quiet_successes(calls, tick);
        } else {
            self.totals.success += calls;
            self.totals.late += calls;
        }
    }

    pub(super) fn force_open(&mut self, by_hand: Override, now: Nanos) {
        let until = end(&by_hand, now);
        let cause = Cause::ByHand(by_hand.clone());
        let by_hand = Box::new(by_hand);
        self.steer(Phase::ForcedOpen { by_hand, until }, None, cause, now);
    }

    pub(super) fn disable(&mut self, by_hand: Override, now: Nanos) {
        let until = end(&by_hand, now);
        let cause = Cause::ByHand(by_hand.clone());
        let by_hand = Box::new(by_hand);
        self.steer(Phase::Disabled { by_hand, until }, None, cause, now);
    }

    pub(super) fn metrics_only(&mut self, by_hand: Override, now: Nanos) {
        let cause = Cause::ByHand(by_hand.clone());
        let watch = Watch {
            until: end(&by_hand, now),
            by_hand,
            since: now,
            why: cause.clone(),
        };
        self.steer(Phase::Closed, Some(watch), cause, now);
    }

    pub(super) fn reset(&mut self, by_hand: Override, now: Nanos) {
        self.steer(Phase::Closed, None, Cause::Reset(by_hand), now);
    }

    fn steer(&mut self, phase: Phase, watch: Option<Watch>, cause: Cause, now: Nanos) {
        self.look(now);
        self.switch(phase, watch, cause, now);
    }

    /// Takes over other rules; its state, its totals and the newest results of one rule stay.
    pub(super) fn reconfigure(&mut self, rules: impl Into<Arc<Rules>>, now: Nanos) {
        use std::mem::discriminant;
        let rules = rules.into();
        self.look(now);
        let before = std::mem::replace(&mut self.rules, Arc::clone(&rules));
        let more = rules.reserved_probes().saturating_sub(self.probes.len());
        self.probes.reserve_exact(more);
        let same_rule = discriminant(&before.failures) == discriminant(&rules.failures);
        if !same_rule {
            self.streak = 0;
        }
        let with_slow = rules.slow.is_some();
        self.window = match (&self.window, rules.window) {
            (window, same) if same_rule && same == before.window && before.slow == rules.slow => {
                window.clone()
            }
            (Some(Window::Calls(window)), WindowRule::Calls(length)) if same_rule => {
                Some(Window::Calls(window.resized(length, with_slow)))
            }
            (Some(Window::Time(window)), WindowRule::Time(length)) if same_rule => {
                Some(Window::Time(window.resized(length, with_slow)))
            }
            _ => rules.empty_window(),
        };
        match &mut self.phase {
            Phase::Open {
                until,
                random,
                asked,
            } => {
                let length = rules.open_time(*asked, self.lengthened, *random);
                *until = self.since.saturating_add(length);
            }
            // A ramp that has become shorter goes on with its last step.
            Phase::Ramping(climb) => {
                let last = rules.ramp.shares().len().saturating_sub(1);
                climb.number = climb.number.min(last);
            }
            _ => {}
        }
        self.look(now);
    }

    fn open(&mut self, cause: Cause, now: Nanos, random: u64) {
        self.open_for(None, cause, now, random);
    }

    fn open_for(&mut self, asked: Option<Nanos>, cause: Cause, now: Nanos, random: u64) {
        let cause = cause.named(&self.symptoms);
        let rules = &self.rules;
        let now = now.max(self.since);
        if let Phase::Closed = self.phase {
            self.lengthened = self.remembers(now);
        } else if rules.lengthened(self.lengthened + 1) > rules.lengthened(self.lengthened) {
            self.lengthened += 1;
        }
        let until = now.saturating_add(rules.open_time(asked, self.lengthened, random));
        self.totals.opened += u64::from(self.watch.is_none());
        let phase = Phase::Open {
            until,
            random,
            asked,
        };
        self.go(phase, cause, now);
    }

    /// Goes into another phase by its own rules: nobody sees that while it is only watched.
    fn go(&mut self, phase: Phase, cause: Cause, at: Nanos) {
        let from = self.phase.kind();
        // Clocks are read before the lock is taken: another thread may have been here later.
        let at = at.max(self.since);
        let stayed = at - self.since;
        let cause = Arc::new(cause);
        self.enter(phase, &cause, at);
        if self.watch.is_none() {
            let to = self.phase.kind();
            self.spent[from as usize] += stayed;
            self.transitions.push(Transition { from, to, cause });
        }
    }

    /// Begins anew in another state because somebody wants that, or does not want it any more.
    fn switch(&mut self, phase: Phase, watch: Option<Watch>, cause: Cause, at: Nanos) {
        let from = self.kind();
        let at = at.max(self.since());
        self.spent[from as usize] += at - self.since();
        self.watch = watch.map(|watch| Box::new(Watch { since: at, ..watch }));
        self.lengthened = 0;
        let cause = Arc::new(cause);
        self.enter(phase, &cause, at);
        let to = self.kind();
        self.transitions.push(Transition { from, to, cause });
    }

    fn enter(&mut self, phase: Phase, cause: &Arc<Cause>, at: Nanos) {
        self.since = at;
        self.phase = phase;
        self.generation += 1;
        self.probes.clear();
        match self.phase {
            Phase::Closed | Phase::Ramping(_) => {
                self.streak = 0;
                if let Some(window) = &mut self.window {
                    window.clear();
                }
                self.symptoms.clear();
            }
            Phase::ForcedOpen { .. } | Phase::Disabled { .. } => {
                self.why = Some(Box::new(Account::by_hand(cause)));
            }
            Phase::Open { .. } => {
                let before = self.why.take().map(|why| *why);
                self.why = Some(Box::new(Account::opened(before, cause, at)));
            }
            // It recovers from what opened it last.
            Phase::HalfOpen { .. } => {}
        }
        if let Phase::Closed = self.phase {
            self.why = None;
        }
    }
}
