//! The live breaker, used by one thread, against a naive one written from the rules.

use super::super::*;
use super::Recorder;
use crate::class::{Class, RetryHint};
use crate::outcome::Verdict;
use crate::setting::{Ramp, Share};
use proptest::prelude::*;
use std::time::Duration;

const MILLI: Nanos = 1_000_000;

#[derive(Clone, Copy, Debug)]
enum Failures {
    InARow(u32),
    Among(u32),
    Rate(u32),
}

#[derive(Clone, Copy, Debug)]
enum Newest {
    Calls(u32),
    Time(Nanos),
}

#[derive(Clone, Copy, Debug)]
struct Numbers {
    failures: Failures,
    newest: Newest,
    min_calls: Option<u32>,
    slow: Option<(Nanos, u32)>,
    open_for: Nanos,
    open_backoff: u32,
    open_jitter: u32,
    half_open_calls: u32,
    success_threshold: u32,
    half_open_for: Nanos,
    ramp: &'static [u32],
    count_rejections: bool,
    obey_retry_after: bool,
    enabled: bool,
}

impl Numbers {
    /// Some of these numbers replaced by others.
    fn mixed(self, other: Self, which: [bool; 7]) -> Self {
        let mut mixed = self;
        if which[0] {
            mixed.failures = other.failures;
        }
        if which[1] {
            mixed.newest = other.newest;
        }
        if which[2] {
            (mixed.min_calls, mixed.slow) = (other.min_calls, other.slow);
        }
        if which[3] {
            mixed.open_for = other.open_for;
            mixed.open_backoff = other.open_backoff;
            mixed.open_jitter = other.open_jitter;
        }
        if which[4] {
            mixed.half_open_calls = other.half_open_calls;
            mixed.success_threshold = other.success_threshold;
            mixed.half_open_for = other.half_open_for;
            mixed.count_rejections = other.count_rejections;
        }
        if which[5] {
            mixed.ramp = other.ramp;
        }
        if which[6] {
            mixed.obey_retry_after = other.obey_retry_after;
            mixed.enabled = other.enabled;
        }
        mixed
    }

    fn longest_open(&self) -> Nanos {
        self.open_for.max(600_000 * MILLI)
    }

    /// How long it is open after so many failed recoveries, before jitter.
    fn lengthened(&self, times: u32) -> Nanos {
        let mut length = u128::from(self.open_for);
        for _ in 0..times {
            length = (length * u128::from(self.open_backoff)).min(self.longest_open().into());
        }
        Nanos::try_from(length).expect("capped")
    }

    /// The shortest and the longest time that chance can make of it, or for how long the callee asked.
    fn open_times(&self, asked: Option<Nanos>, lengthened: u32) -> (Nanos, Nanos) {
        if let Some(asked) = asked.filter(|_| self.obey_retry_after) {
            let length = asked.min(self.longest_open());
            return (length, length);
        }
        let length = self.lengthened(lengthened);
        let part = length * Nanos::from(self.open_jitter) / 1_000_000;
        (length - part, (length + part).min(self.longest_open()))
    }

    /// Which results are held, and by which rule: another answer begins an empty window.
    fn rule(&self) -> (u8, u8) {
        let window = match self.newest {
            _ if matches!(self.failures, Failures::InARow(_)) => u8::from(self.slow.is_some()),
            Newest::Calls(_) => 1,
            Newest::Time(_) => 2,
        };
        match self.failures {
            Failures::InARow(_) => (0, window),
            Failures::Among(_) => (1, window),
            Failures::Rate(_) => (2, window),
        }
    }

    fn policy(self) -> CircuitBreakerPolicy {
        let duration = Duration::from_nanos;
        let mut policy = CircuitBreakerPolicy::new()
            .open_for(duration(self.open_for))
            .open_backoff(self.open_backoff.into())
            .open_jitter(Share::parts_per_million(self.open_jitter))
            .half_open_calls(self.half_open_calls)
            .success_threshold(self.success_threshold)
            .half_open_for(duration(self.half_open_for))
            .count_rejections(self.count_rejections)
            .obey_retry_after(self.obey_retry_after)
            .enabled(self.enabled);
        policy = match self.failures {
            Failures::InARow(threshold) | Failures::Among(threshold) => {
                policy.failure_threshold(threshold)
            }
            Failures::Rate(parts) => policy.failure_rate(Share::parts_per_million(parts)),
        };
        policy = match self.newest {
            _ if matches!(self.failures, Failures::InARow(_)) => policy,
            Newest::Calls(length) => policy.window(length),
            Newest::Time(length) => policy.window_time(duration(length)),
        };
        if !self.ramp.is_empty() {
            let shares: Vec<Share> = self
                .ramp
                .iter()
                .map(|parts| Share::parts_per_million(*parts))
                .collect();
            policy = policy.ramp(Ramp::new(&shares));
        }
        if let Some(min_calls) = self.min_calls {
            policy = policy.min_calls(min_calls);
        }
        if let Some((slow_call, parts)) = self.slow {
            policy = policy
                .slow_call(duration(slow_call))
                .slow_call_rate(Share::parts_per_million(parts));
        }
        policy.checked()
    }
}

#[derive(Clone, Copy, Debug)]
struct Record {
    at: Nanos,
    failed: bool,
    slow: bool,
}

#[derive(Clone, Debug)]
enum Phase {
    Closed,
    /// Until when, and for how long the callee asked.
    Open(Nanos, Option<Nanos>),
    HalfOpen {
        ok: u32,
        inside: Vec<(usize, Nanos)>,
    },
    Ramping {
        step: usize,
        began: Nanos,
        /// In millionths of a call.
        owed: u32,
    },
    Forced(Nanos),
    Disabled(Nanos),
}

struct Oracle {
    numbers: Numbers,
    phase: Phase,
    epoch: u64,
    since: Nanos,
    /// While it is only watched: since when, and until when.
    watched: Option<(Nanos, Nanos)>,
    lengthened: u32,
    /// Since when it has not been closed, and how often it opened since.
    outage: Option<(Nanos, u64)>,
    streak: u32,
    log: Vec<Record>,
    counts: CircuitBreakerCounts,
    transitions: Vec<String>,
}

/// What the oracle remembers of a call that it let in.
#[derive(Clone, Copy, Debug)]
struct Inside {
    number: usize,
    /// `None` if it would have been refused.
    epoch: Option<u64>,
    at: Nanos,
    /// Whether anybody wanted to know how long it takes when it was let in.
    timed: bool,
    /// Whether the breaker was switched off, and has nothing to do with it.
    off: bool,
}

impl Oracle {
    fn new(numbers: Numbers, now: Nanos) -> Self {
        Self {
            numbers,
            phase: Phase::Closed,
            epoch: 0,
            since: now,
            watched: None,
            lengthened: 0,
            outage: None,
            streak: 0,
            log: Vec::new(),
            counts: CircuitBreakerCounts::default(),
            transitions: Vec::new(),
        }
    }

    fn state(&self) -> CircuitBreakerState {
        if !self.numbers.enabled {
            return CircuitBreakerState::Disabled;
        }
        self.steered_state()
    }

    /// The state that is left and entered, also while it is switched off.
    fn steered_state(&self) -> CircuitBreakerState {
        match self.watched {
            Some(_) => CircuitBreakerState::MetricsOnly,
            None => self.phase_state(),
        }
    }

    fn phase_state(&self) -> CircuitBreakerState {
        match self.phase {
            Phase::Closed => CircuitBreakerState::Closed,
            Phase::Open(..) => CircuitBreakerState::Open,
            Phase::HalfOpen { .. } => CircuitBreakerState::HalfOpen,
            Phase::Ramping { .. } => CircuitBreakerState::Ramping,
            Phase::Forced(_) => CircuitBreakerState::ForcedOpen,
            Phase::Disabled(_) => CircuitBreakerState::Disabled,
        }
    }

    fn go(&mut self, phase: Phase, at: Nanos) {
        let from = self.phase_state();
        self.phase = phase;
        let to = self.phase_state();
        if self.watched.is_none() {
            self.transitions.push(format!("{from} > {to}"));
        }
        self.begin(at);
    }

    /// By hand, or at the end of that.
    fn switch(&mut self, phase: Phase, watched: Option<Nanos>, at: Nanos) {
        let from = self.steered_state();
        self.phase = phase;
        self.watched = watched.map(|end| (at, end));
        self.lengthened = 0;
        let to = self.steered_state();
        self.transitions.push(format!("{from} > {to}"));
        self.begin(at);
    }

    fn begin(&mut self, at: Nanos) {
        self.epoch += 1;
        self.since = at;
        if matches!(self.phase, Phase::Closed | Phase::Ramping { .. }) {
            self.log.clear();
            self.streak = 0;
        }
        self.outage = match (&self.phase, self.outage) {
            (Phase::Open(..), None) => Some((at, 0)),
            (Phase::Open(..), Some((began, again))) => Some((began, again + 1)),
            (Phase::HalfOpen { .. } | Phase::Ramping { .. }, outage) => outage,
            _ => None,
        };
    }

    fn open(&mut self, asked: Option<Nanos>, now: Nanos) {
        if matches!(self.phase, Phase::Closed) {
            let mut left = now - self.since;
            while self.lengthened > 0 && left >= self.numbers.open_for {
                left -= self.numbers.open_for;
                self.lengthened -= 1;
            }
        } else if self.numbers.lengthened(self.lengthened + 1)
            != self.numbers.lengthened(self.lengthened)
        {
            self.lengthened += 1;
        }
        if self.watched.is_none() {
            self.counts.opened += 1;
        }
        let (shortest, _) = self.numbers.open_times(asked, self.lengthened);
        self.go(Phase::Open(now + shortest, asked), now);
    }

    /// Takes over what chance has decided, if it was allowed to.
    fn learn(&mut self, breaker: &CircuitBreaker) -> Result<(), TestCaseError> {
        let Phase::Open(end, asked) = &mut self.phase else {
            return Ok(());
        };
        let locked = breaker.locked.lock();
        let seen = match locked.state.phase() {
            super::super::Phase::Open { until, .. } => *until,
            // It was shortened so that it is over, at an instant which it hides while watched.
            super::super::Phase::HalfOpen { .. } if self.watched.is_some() => {
                *end = self.since;
                return Ok(());
            }
            super::super::Phase::HalfOpen { .. } => locked.state.since(),
            other => return Err(TestCaseError::fail(format!("{other:?}, not open"))),
        };
        let (shortest, longest) = self.numbers.open_times(*asked, self.lengthened);
        let length = seen - self.since;
        prop_assert!((shortest..=longest).contains(&length), "{}", length);
        *end = seen;
        Ok(())
    }

    fn reconfigure(&mut self, numbers: Numbers, now: Nanos) {
        self.look(now);
        if matches!(self.phase, Phase::Closed | Phase::Ramping { .. }) && self.has_calls() {
            self.log = self.held(now);
            if let Some(width) = self.width() {
                for record in &mut self.log {
                    record.at = record.at / width * width;
                }
            }
        }
        let before = std::mem::replace(&mut self.numbers, numbers);
        if before.rule() != numbers.rule() {
            self.log.clear();
        }
        if before.rule().0 != numbers.rule().0 {
            self.streak = 0;
        }
        if numbers.slow.is_none() {
            for record in &mut self.log {
                record.slow = false;
            }
        }
        if self.has_calls() {
            self.log = self.held(now);
        }
        match &mut self.phase {
            Phase::Open(end, asked) => {
                *end = self.since + numbers.open_times(*asked, self.lengthened).0;
            }
            Phase::Ramping { step, .. } if numbers.ramp.is_empty() => *step = 0,
            Phase::Ramping { step, .. } => *step = (*step).min(numbers.ramp.len() - 1),
            _ => {}
        }
    }

    fn look(&mut self, now: Nanos) {
        if let Some((_, end)) = self.watched
            && end <= now
        {
            self.switch(Phase::Closed, None, end);
        }
        match &mut self.phase {
            Phase::Open(end, _) if *end <= now => {
                let end = *end;
                self.go(
                    Phase::HalfOpen {
                        ok: 0,
                        inside: Vec::new(),
                    },
                    end,
                );
            }
            Phase::Forced(end) | Phase::Disabled(end) if *end <= now => {
                let end = *end;
                self.switch(Phase::Closed, None, end);
            }
            Phase::HalfOpen { inside, .. } => inside.retain(|(_, deadline)| *deadline > now),
            Phase::Ramping { .. } if self.numbers.ramp.is_empty() => {
                self.go(Phase::Closed, now);
            }
            Phase::Ramping { step, began, owed } => {
                while *began + self.numbers.open_for <= now && *step < self.numbers.ramp.len() {
                    *began += self.numbers.open_for;
                    *step += 1;
                    *owed = 0;
                }
                if *step == self.numbers.ramp.len() {
                    let end = *began;
                    self.go(Phase::Closed, end);
                }
            }
            _ => {}
        }
    }

    /// When there is a place half-open, if nobody answers.
    fn next_place(&self, inside: &[(usize, Nanos)], now: Nanos) -> Nanos {
        let limit = self.numbers.half_open_calls as usize;
        let mut deadlines: Vec<Nanos> = inside.iter().map(|(_, deadline)| *deadline).collect();
        deadlines.sort_unstable();
        match inside.len().checked_sub(limit) {
            Some(too_many) => deadlines[too_many] - now,
            None => 0,
        }
    }

    /// Let in, refused for so long, or refused because it is forced.
    fn admit(&mut self, number: usize, now: Nanos) -> Result<Inside, Option<Nanos>> {
        let mut inside = Inside {
            number,
            epoch: None,
            at: now,
            timed: self.numbers.slow.is_some(),
            off: !self.numbers.enabled,
        };
        if inside.off {
            return Ok(inside);
        }
        self.look(now);
        let refused = match self.phase.clone() {
            Phase::Closed | Phase::Disabled(_) => None,
            Phase::Open(end, _) => Some(Some(end - now)),
            Phase::Forced(_) => Some(None),
            Phase::HalfOpen { ok, mut inside } => {
                let wait = self.next_place(&inside, now);
                if inside.len() < self.numbers.half_open_calls as usize {
                    inside.push((number, now + self.numbers.half_open_for));
                    self.phase = Phase::HalfOpen { ok, inside };
                    None
                } else {
                    Some(Some(wait))
                }
            }
            Phase::Ramping { step, began, owed } => {
                let owed = owed + self.numbers.ramp[step];
                let admitted = owed >= 1_000_000;
                let owed = if admitted { owed - 1_000_000 } else { owed };
                self.phase = Phase::Ramping { step, began, owed };
                (!admitted).then_some(Some(began + self.numbers.open_for - now))
            }
        };
        inside.epoch = Some(self.epoch);
        if let Some(refused) = refused {
            if self.watched.is_none() {
                self.counts.rejected += 1;
                return Err(refused);
            }
            self.counts.would_have_rejected += 1;
            inside.epoch = None;
        }
        Ok(inside)
    }

    /// How wide the steps are in which results leave a window of time.
    fn width(&self) -> Option<Nanos> {
        match self.numbers.newest {
            Newest::Time(length) if self.window_length().is_none() => {
                let mut width = 1;
                while width * 2 <= length / 32 {
                    width *= 2;
                }
                Some(width)
            }
            _ => None,
        }
    }

    fn has_calls(&self) -> bool {
        !matches!(self.numbers.failures, Failures::InARow(_)) || self.numbers.slow.is_some()
    }

    fn window_length(&self) -> Option<u32> {
        match self.numbers.newest {
            _ if matches!(self.numbers.failures, Failures::InARow(_)) => Some(100),
            Newest::Calls(length) => Some(length),
            Newest::Time(_) => None,
        }
    }

    fn held(&self, now: Nanos) -> Vec<Record> {
        if let Some(length) = self.window_length() {
            let skip = self.log.len().saturating_sub(length as usize);
            return self.log[skip..].to_vec();
        }
        let (Newest::Time(length), Some(width)) = (self.numbers.newest, self.width()) else {
            unreachable!("it has no length in calls")
        };
        let buckets = length / width;
        let held = |record: &&Record| now / width - record.at / width < buckets;
        self.log.iter().filter(held).copied().collect()
    }

    fn min_calls(&self) -> usize {
        let most = self.window_length().unwrap_or(u32::MAX);
        let default = self.window_length().unwrap_or(10);
        self.numbers.min_calls.unwrap_or(default).min(most) as usize
    }

    fn ought_to_open(&self, now: Nanos) -> bool {
        let held = self.held(now);
        let enough = !held.is_empty() && held.len() >= self.min_calls();
        let failed = held.iter().filter(|record| record.failed).count();
        let slow = held.iter().filter(|record| record.slow).count();
        let reached = |part: usize, parts: u32| {
            enough && part as u64 * 1_000_000 >= u64::from(parts) * held.len() as u64
        };
        let failures = match self.numbers.failures {
            Failures::InARow(threshold) => self.streak >= threshold,
            Failures::Among(threshold) => {
                let most = self.window_length().unwrap_or(u32::MAX);
                failed >= threshold.min(most) as usize
            }
            Failures::Rate(parts) => reached(failed, parts),
        };
        failures
            || self
                .numbers
                .slow
                .is_some_and(|(_, parts)| reached(slow, parts))
    }

    fn settle(&mut self, call: Inside, ending: Ending, now: Nanos) {
        if call.off {
            return;
        }
        self.look(now);
        let outcome = ending.outcome(&self.numbers);
        let asked = ending.asked(&self.numbers);
        match outcome {
            Outcome::Success => self.counts.success += 1,
            Outcome::Failure => self.counts.failure += 1,
            Outcome::Ignored => self.counts.ignored += 1,
            Outcome::Abandoned => self.counts.abandoned += 1,
        }
        if call.epoch != Some(self.epoch) {
            self.counts.late += u64::from(call.epoch.is_some());
            return;
        }
        let decides = matches!(outcome, Outcome::Success | Outcome::Failure);
        let failed = outcome == Outcome::Failure;
        let mut open = false;
        let mut close = false;
        match &mut self.phase {
            Phase::Closed | Phase::Ramping { .. } if asked.is_some() => open = true,
            Phase::Closed | Phase::Ramping { .. } if decides => {
                let slow = self
                    .numbers
                    .slow
                    .is_some_and(|(slow_call, _)| call.timed && now - call.at >= slow_call);
                self.streak = if failed { self.streak + 1 } else { 0 };
                self.log.push(Record {
                    at: now,
                    failed,
                    slow,
                });
                open = self.ought_to_open(now);
            }
            Phase::HalfOpen { ok, inside } => {
                let before = inside.len();
                inside.retain(|(number, _)| *number != call.number);
                if inside.len() == before {
                    self.counts.late += 1;
                    return;
                }
                open = failed;
                if outcome == Outcome::Success {
                    *ok += 1;
                    close = *ok >= self.numbers.success_threshold;
                }
            }
            _ => {}
        }
        if open {
            self.open(asked, now);
        } else if close && self.numbers.ramp.is_empty() {
            self.go(Phase::Closed, now);
        } else if close {
            let ramping = Phase::Ramping {
                step: 0,
                began: now,
                owed: 0,
            };
            self.go(ramping, now);
        }
    }

    fn agrees(&mut self, seen: &CircuitBreakerSnapshot, now: Nanos) -> Result<(), TestCaseError> {
        self.look(now);
        prop_assert_eq!(seen.state, self.state());
        prop_assert_eq!(seen.counts, self.counts);
        let on = self.numbers.enabled;
        let since = self.watched.map_or(self.since, |(since, _)| since);
        let since = on.then_some(Duration::from_nanos(now - since));
        prop_assert_eq!(seen.since, since);
        prop_assert_eq!(
            seen.why.is_none(),
            seen.state == CircuitBreakerState::Closed
        );
        let would_be = self.watched.filter(|_| on).map(|_| self.phase_state());
        prop_assert_eq!(seen.would_be, would_be);
        let left = would_be.is_some_and(|state| state != CircuitBreakerState::Closed);
        prop_assert_eq!(seen.would_be_why.is_some(), left);
        let limit = self.numbers.half_open_calls as usize;
        let (next, free) = match &self.phase {
            _ if !on => (None, None),
            Phase::Open(end, _) => (Some(*end - now), None),
            Phase::HalfOpen { inside, .. } if inside.len() < limit => (Some(0), None),
            Phase::HalfOpen { inside, .. } => (None, Some(self.next_place(inside, now))),
            _ => (None, None),
        };
        prop_assert_eq!(seen.place_free_in, free.map(Duration::from_nanos));
        let outage = seen.outage.as_ref();
        let outage = outage.map(|outage| (outage.since, outage.reopened));
        let expected = self
            .outage
            .filter(|_| on)
            .map(|(began, again)| (now - began, again));
        let expected = expected.map(|(since, again)| (Duration::from_nanos(since), again));
        prop_assert_eq!(outage, expected);
        let opening = match &self.phase {
            Phase::Open(end, _) if on => Some(Duration::from_nanos(*end - self.since)),
            _ => None,
        };
        prop_assert_eq!(seen.open_for, opening);
        let step = match &self.phase {
            Phase::Ramping { step, began, .. } if on => Some((
                Share::parts_per_million(self.numbers.ramp[*step]),
                Duration::from_nanos(*began + self.numbers.open_for - now),
            )),
            _ => None,
        };
        prop_assert_eq!(seen.admitted_share.zip(seen.next_step_in), step);
        prop_assert_eq!(seen.next_probe_in, next.map(Duration::from_nanos));
        let probes = match &self.phase {
            Phase::HalfOpen { ok, inside } => (Some(*ok), Some(inside.len())),
            _ => (None, None),
        };
        prop_assert_eq!(seen.probes_succeeded, probes.0);
        prop_assert_eq!(seen.probes_inside.map(|inside| inside as usize), probes.1);
        if !matches!(self.phase, Phase::Closed | Phase::Ramping { .. }) {
            return Ok(());
        }
        if matches!(self.numbers.failures, Failures::InARow(_)) {
            prop_assert_eq!(seen.failures_in_a_row, Some(self.streak));
        }
        prop_assert_eq!(seen.window.is_some(), self.has_calls());
        if let Some(window) = seen.window {
            let held = self.held(now);
            let failed = held.iter().filter(|record| record.failed).count();
            let slow = held.iter().filter(|record| record.slow).count();
            prop_assert_eq!(
                (window.calls, window.failures),
                (held.len() as u64, failed as u64)
            );
            prop_assert_eq!(window.slow, self.numbers.slow.map(|_| slow as u64));
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Success,
    Failure,
    NoFailure,
    Ignored,
    Full,
    TimedOut,
    Dropped,
    Panicked,
    /// The callee has too much to do, and may say for how long it wants to be left alone.
    Throttled(Option<Nanos>),
}

impl Ending {
    fn outcome(self, numbers: &Numbers) -> Outcome {
        match self {
            Self::Success | Self::NoFailure => Outcome::Success,
            Self::Failure | Self::TimedOut | Self::Panicked | Self::Throttled(_) => {
                Outcome::Failure
            }
            Self::Full if numbers.count_rejections => Outcome::Failure,
            Self::Full | Self::Ignored => Outcome::Ignored,
            Self::Dropped => Outcome::Abandoned,
        }
    }

    /// For how long it has to be open, if it is asked for that and obeys.
    fn asked(self, numbers: &Numbers) -> Option<Nanos> {
        match self {
            Self::Throttled(asked) if numbers.obey_retry_after => asked.filter(|asked| *asked > 0),
            _ => None,
        }
    }

    fn settle(self, mut permit: CircuitBreakerPermit<'_>, panicked: &Frame) {
        let rejected = |rejected| Verdict::Rejected {
            rejected,
            when_rejected: None,
        };
        permit.settle(match self {
            Self::Success => Verdict::Success,
            Self::Failure => Verdict::Failure,
            Self::NoFailure => Verdict::NoFailure,
            Self::Ignored => Verdict::Ignored,
            Self::Full => rejected(Rejected::bulkhead_full("x")),
            Self::TimedOut => rejected(Rejected::timed_out("x", Duration::ZERO)),
            Self::Throttled(asked) => Verdict::Advised {
                class: Class::Throttled {
                    retry_after: asked.map(Duration::from_nanos),
                },
                hint: RetryHint::new(),
            },
            Self::Dropped => return,
            Self::Panicked => {
                // As if the body of this call had panicked.
                let CircuitBreakerPermit {
                    breaker,
                    generation,
                    stamp,
                    ..
                } = permit;
                permit.generation = RELEASED;
                drop(CircuitBreakerPermit {
                    breaker,
                    frame: panicked,
                    generation,
                    stamp,
                });
                return;
            }
        });
        permit.settle(Verdict::Failure);
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Call(Ending),
    SlowCall(Ending),
    Hold,
    Settle(usize, Ending),
    Wait(Nanos),
    Look,
    ForceOpen(Option<Nanos>),
    Disable(Option<Nanos>),
    MetricsOnly(Option<Nanos>),
    Reset,
    Reconfigure(Numbers, [bool; 7]),
}

fn endings(failing: bool) -> impl Strategy<Value = Ending> {
    let (good, bad) = if failing { (4, 10) } else { (30, 4) };
    let asked = prop_oneof![6 => waits(), 1 => Just(0), 1 => Just(800_000 * MILLI)];
    prop_oneof![
        good => Just(Ending::Success),
        bad => Just(Ending::Failure),
        1 => Just(Ending::NoFailure),
        1 => Just(Ending::Ignored),
        1 => Just(Ending::Full),
        1 => Just(Ending::TimedOut),
        1 => Just(Ending::Dropped),
        1 => Just(Ending::Panicked),
        1 => prop::option::weighted(0.8, asked).prop_map(Ending::Throttled),
    ]
}

fn waits() -> impl Strategy<Value = Nanos> {
    prop::sample::select(vec![
        1,
        MILLI / 100,
        MILLI / 20,
        MILLI / 3,
        MILLI,
        MILLI * 5 / 2,
        5 * MILLI,
        40 * MILLI,
    ])
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let lasting = || prop::option::of(waits());
    any::<bool>().prop_flat_map(move |failing| {
        crate::tests::steps(
            prop_oneof![
                60 => endings(failing).prop_map(Step::Call),
                4 => endings(failing).prop_map(Step::SlowCall),
                5 => Just(Step::Hold),
                6 => (any::<prop::sample::Index>(), endings(failing))
                    .prop_map(|(index, ending)| Step::Settle(index.index(64), ending)),
                14 => waits().prop_map(Step::Wait),
                6 => Just(Step::Look),
                1 => lasting().prop_map(Step::ForceOpen),
                1 => lasting().prop_map(Step::Disable),
                1 => lasting().prop_map(Step::MetricsOnly),
                1 => Just(Step::Reset),
                3 => (numbers(), any::<[bool; 7]>())
                    .prop_map(|(numbers, which)| Step::Reconfigure(numbers, which)),
                1 => Just(Step::Wait(700_000 * MILLI)),
            ],
            1..160,
        )
    })
}

/// In millionths; most breakers have no ramp.
const RAMPS: [&[u32]; 6] = [
    &[],
    &[],
    &[],
    &[100_000, 500_000],
    &[333_333, 333_334, 1_000_000],
    &[750_000],
];

fn numbers() -> impl Strategy<Value = Numbers> {
    let parts =
        || prop::sample::select(vec![70_000, 200_000, 333_333, 500_000, 750_000, 1_000_000]);
    let failures = prop_oneof![
        2 => prop::sample::select(vec![1, 2, 3, 5]).prop_map(Failures::InARow),
        2 => prop::sample::select(vec![1, 2, 3, 5, 9]).prop_map(Failures::Among),
        5 => parts().prop_map(Failures::Rate),
    ];
    let newest = prop_oneof![
        prop::sample::select(vec![1, 2, 3, 4, 5, 10, 20, 63, 64, 65, 100, 130])
            .prop_map(Newest::Calls),
        prop::sample::select(vec![MILLI, 3 * MILLI, 10 * MILLI, 50 * MILLI + 12_345])
            .prop_map(Newest::Time),
    ];
    let times = || prop::sample::select(vec![MILLI / 50, MILLI, 4 * MILLI, 60 * MILLI]);
    (
        failures,
        newest,
        prop::option::weighted(0.7, prop::sample::select(vec![1, 2, 3, 4, 8, 10, 20])),
        prop::option::weighted(0.3, (times(), parts())),
        (
            prop_oneof![1 => Just(0), 4 => times()],
            prop::sample::select(vec![1, 1, 2, 3, 1000]),
            prop::sample::select(vec![0, 0, 0, 200_000, 1_000_000]),
        ),
        prop::sample::select(vec![1, 2, 4]),
        prop::sample::select(vec![1, 2, 3]),
        times(),
        prop::sample::select(RAMPS.to_vec()),
        any::<bool>(),
        (prop::bool::weighted(0.4), prop::bool::weighted(0.9)),
    )
        .prop_map(
            |(
                failures,
                newest,
                min_calls,
                slow,
                (open_for, open_backoff, open_jitter),
                half_open_calls,
                success_threshold,
                half_open_for,
                ramp,
                count_rejections,
                (obey_retry_after, enabled),
            )| {
                Numbers {
                    failures,
                    newest,
                    min_calls,
                    slow,
                    open_for,
                    open_backoff,
                    open_jitter,
                    half_open_calls,
                    success_threshold,
                    half_open_for,
                    ramp,
                    count_rejections,
                    obey_retry_after,
                    enabled,
                }
            },
        )
}

async fn wait(length: Nanos) {
    tokio::time::advance(Duration::from_nanos(length)).await;
}

async fn compare(numbers: Numbers, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let frame = Frame::new();
    let panicked = Frame::new();
    let body = std::panic::AssertUnwindSafe(|| {
        let mut body =
            std::pin::pin!(panicked.run(async { std::panic::resume_unwind(Box::new(())) }));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let _: std::task::Poll<()> = Future::poll(body.as_mut(), &mut context);
    });
    assert!(std::panic::catch_unwind(body).is_err());

    let breaker = CircuitBreaker::new("compared", &numbers.policy());
    let mut numbers = numbers;
    let mut oracle = Oracle::new(numbers, now());
    let mut held = Vec::new();
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Wait(length) => wait(length).await,
            Step::Look => {
                let seen = breaker.snapshot();
                oracle.agrees(&seen, now())?;
                prop_assert_eq!(breaker.state(), seen.state);
            }
            Step::Call(_) | Step::SlowCall(_) | Step::Hold => {
                let (permit, inside) = match (breaker.admit(&frame), oracle.admit(number, now())) {
                    (Ok(permit), Ok(inside)) => (permit, inside),
                    (Err(rejected @ Rejected::CircuitOpen(_)), Err(Some(wait))) => {
                        prop_assert_eq!(rejected.retry_after(), Some(Duration::from_nanos(wait)));
                        continue;
                    }
                    (Err(Rejected::ForcedOpen(_)), Err(None)) => continue,
                    (permit, inside) => {
                        return Err(TestCaseError::fail(format!("{permit:?}, not {inside:?}")));
                    }
                };
                match step {
                    Step::Call(ending) | Step::SlowCall(ending) => {
                        if matches!(step, Step::SlowCall(_)) {
                            wait(numbers.slow.map_or(MILLI, |(slow_call, _)| slow_call)).await;
                        }
                        ending.settle(permit, &panicked);
                        oracle.settle(inside, ending, now());
                        oracle.learn(&breaker)?;
                    }
                    _ => held.push((permit, inside)),
                }
            }
            Step::Settle(..) if held.is_empty() => {}
            Step::Settle(index, ending) => {
                let (permit, inside) = held.swap_remove(index % held.len());
                ending.settle(permit, &panicked);
                oracle.settle(inside, ending, now());
                oracle.learn(&breaker)?;
            }
            Step::ForceOpen(lasting) | Step::Disable(lasting) | Step::MetricsOnly(lasting) => {
                let mut by_hand = Override::because("a drill");
                if let Some(lasting) = lasting {
                    by_hand = by_hand.lasting(Duration::from_nanos(lasting));
                }
                let end = lasting.map_or(NEVER, |lasting| now() + lasting);
                oracle.look(now());
                match step {
                    Step::ForceOpen(_) => {
                        breaker.force_open(by_hand);
                        oracle.switch(Phase::Forced(end), None, now());
                    }
                    Step::Disable(_) => {
                        breaker.disable(by_hand);
                        oracle.switch(Phase::Disabled(end), None, now());
                    }
                    _ => {
                        breaker.metrics_only(by_hand);
                        oracle.switch(Phase::Closed, Some(end), now());
                    }
                }
            }
            Step::Reconfigure(other, which) => {
                numbers = numbers.mixed(other, which);
                breaker.reconfigure(&numbers.policy());
                oracle.reconfigure(numbers, now());
                oracle.learn(&breaker)?;
                oracle.look(now());
            }
            Step::Reset => {
                breaker.reset("a drill");
                oracle.look(now());
                oracle.switch(Phase::Closed, None, now());
            }
        }
    }
    oracle.agrees(&breaker.snapshot(), now())?;
    for (permit, inside) in held {
        drop(permit);
        oracle.settle(inside, Ending::Dropped, now());
    }
    oracle.agrees(&breaker.snapshot(), now())?;
    ORACLE.set(oracle.transitions);
    Ok(())
}

thread_local! {
    static ORACLE: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(Vec::new()) };
}

crate::tests::histories! {
    #[test]
    fn a_breaker_decides_counts_and_reports_as_the_rules_say(
        numbers in numbers(),
        steps in steps(),
    ) {
        let (recorder, written) = Recorder::new(|| ());
        tracing::subscriber::with_default(recorder, || {
            tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("a runtime")
                .block_on(compare(numbers, steps))
        })?;
        let written = written.lock().expect("nobody panics holding it");
        let written: Vec<&str> = written
            .iter()
            .map(|line| line.split_once(": ").expect("a reason").0)
            .collect();
        prop_assert_eq!(written, ORACLE.take());
    }
}
