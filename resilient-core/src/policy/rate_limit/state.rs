//! The pure machines of a rate limit: a bucket whose whole state is one instant, and windows that
//! count or remember calls.

use super::Algorithm;
use crate::setting::Rate;
use crate::time::{NEVER, Nanos, nanos};
use std::collections::VecDeque;

/// The longest bucket, 146 years: no sum of instants overflows.
pub(super) const LONGEST_BUCKET: Nanos = 1 << 62;
/// The longest wait, and the longest pause behind one call, half as long.
pub(super) const LONGEST_WAIT: Nanos = 1 << 61;

// ---- Buckets

/// A rate and a burst, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// From one token to the next; zero lets everybody through.
    pub(super) step: Nanos,
    /// What a full bucket is worth.
    pub(super) bucket: Nanos,
    /// Whether a call takes its tokens when the bucket is full, however many, and not when there
    /// are as many: what follows keeps its distance from it.
    pub(super) spaced: bool,
}

impl Pace {
    pub(super) const UNLIMITED: Self = Self {
        step: 0,
        bucket: 0,
        spaced: false,
    };

    pub(super) fn of(rate: Rate, burst: u32, spaced: bool) -> Self {
        // Rounded up: a token that comes early would be one too many.
        let step = nanos(rate.per())
            .div_ceil(u64::from(rate.count().max(1)))
            .max(1);
        Self {
            step,
            bucket: step
                .saturating_mul(u64::from(burst.max(1)))
                .min(LONGEST_BUCKET),
            spaced,
        }
    }

    /// The most that a call may cost.
    pub(super) fn most(self) -> u32 {
        let longest = if self.spaced {
            LONGEST_WAIT
        } else {
            self.bucket
        };
        u32::try_from(longest / self.step.max(1)).unwrap_or(u32::MAX)
    }

    /// What a call that costs this much is worth, if it is not too costly.
    pub(super) fn worth(self, cost: u32) -> Nanos {
        self.step.saturating_mul(cost.into())
    }
}

/// The instant at which the bucket will be full, if nobody else comes: the theoretical arrival
/// time of the algorithm. It has passed when the bucket is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State(pub(super) Nanos);

/// The state while other settings are taken over, and while windows take the bucket's place: so far
/// ahead that no call is admitted by it.
pub(super) const CHANGING: State = State(3 << 62);

pub(super) const FULL: State = State(0);

impl State {
    /// The state after one more call, and whether that call has to wait.
    #[inline]
    pub(super) fn take(self, step: Nanos, bucket: Nanos, now: Nanos) -> (Self, bool) {
        let next = self.0.max(now) + step;
        (Self(next), next > now + bucket)
    }

    /// The state after one more call that is worth this much, and how long that call has to wait.
    pub(super) fn take_worth(self, worth: Nanos, pace: Pace, now: Nanos) -> (Self, Nanos) {
        let next = self.0.max(now) + worth;
        let room = if pace.spaced { worth } else { pace.bucket };
        (Self(next), (next - now).saturating_sub(room))
    }

    /// How many calls would be admitted now.
    pub(super) fn available(self, pace: Pace, now: Nanos) -> u64 {
        pace.bucket.saturating_sub(self.0.saturating_sub(now)) / pace.step.max(1)
    }

    /// The state for other settings: a full bucket stays full, an empty one empty, a half one half;
    /// each call that waits is worth one token, as before.
    pub(super) fn converted(self, from: Pace, to: Pace, now: Nanos) -> Self {
        let missing = self.0.saturating_sub(now);
        if missing == 0 {
            // All instants that have passed mean the same. Another one is taken, so that a call
            // which has read the old settings must look again.
            return Self(if self.0 == 0 { 1 } else { self.0 - 1 });
        }
        let taken = scaled(missing.min(from.bucket), to.bucket, from.bucket);
        let promised = missing.saturating_sub(from.bucket);
        let promised = scaled(promised, to.step, from.step).min(LONGEST_WAIT);
        let converted = Self(now + taken + promised);
        if converted == self && from.bucket != to.bucket {
            return Self(converted.0 + 1);
        }
        converted
    }

    pub(super) fn left(self, pace: Pace, now: Nanos) -> Left {
        Left {
            most: pace.bucket / pace.step.max(1),
            available: self.available(pace, now),
            from: now.max(self.0.saturating_sub(pace.bucket)),
        }
    }

    /// A bucket that takes the place of windows.
    pub(super) fn with(left: Left, pace: Pace) -> Self {
        match left.taken_of(pace.bucket) {
            0 => FULL,
            missing => Self(left.from + missing),
        }
    }
}

/// `length` · `to` / `from`, rounded up.
fn scaled(length: u64, to: u64, from: u64) -> u64 {
    let scaled = (u128::from(length) * u128::from(to)).div_ceil(u128::from(from.max(1)));
    u64::try_from(scaled).unwrap_or(NEVER)
}

/// What one algorithm leaves to another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    /// How many calls it admits at once at most, and how many it would admit now.
    pub(super) most: u64,
    pub(super) available: u64,
    /// When the last call that waits has its turn, or now.
    pub(super) from: Nanos,
}

impl Left {
    /// The share of `whole` that is taken, rounded up.
    fn taken_of(self, whole: u64) -> u64 {
        let taken = self.most.saturating_sub(self.available);
        scaled(taken, whole, self.most).min(whole)
    }
}

// ---- Windows

/// So many calls in a window of time.
#[derive(Debug)]
pub(super) struct Window {
    count: u32,
    per: Nanos,
    /// The latest instant at which anything was decided: clocks of processors differ a little.
    seen: Nanos,
    calls: Calls,
}

#[derive(Debug)]
enum Calls {
    Counted(Counted),
    Remembered(Remembered),
}

impl Window {
    pub(super) fn of(algorithm: Algorithm, rate: Rate, now: Nanos) -> Self {
        let calls = match algorithm {
            Algorithm::SlidingWindow => Calls::Remembered(Remembered::default()),
            _ => Calls::Counted(Counted::from(now)),
        };
        Self {
            count: rate.count(),
            per: nanos(rate.per()).max(1),
            seen: now,
            calls,
        }
    }

    /// A new window that takes the place of something else, of which there was so much left.
    pub(super) fn after(mut self, left: Option<Left>) -> Self {
        if let Some(left) = left {
            let seen = self.seen;
            self.begin_again(left.from);
            // It may begin later than now: waits are reckoned from now all the same.
            self.seen = seen;
            let taken = left.taken_of(self.count.into());
            self.take(u32::try_from(taken).unwrap_or(u32::MAX), left.from);
        }
        self
    }

    /// Whether nothing is different but the calls that were seen.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (self.count, self.per) == (other.count, other.per) && self.same_algorithm(other)
    }

    fn same_algorithm(&self, other: &Self) -> bool {
        matches!(
            (&self.calls, &other.calls),
            (Calls::Counted(_), Calls::Counted(_)) | (Calls::Remembered(_), Calls::Remembered(_))
        )
    }

    /// This window with the settings of another one, or that one, with so much left.
    pub(super) fn turned_into(mut self, other: Self, left: Option<Left>) -> Self {
        if !self.same_algorithm(&other) {
            return other.after(left);
        }
        (self.count, self.per) = (other.count, other.per);
        self
    }

    /// The latest instant at which anything was decided.
    pub(super) const fn seen(&self) -> Nanos {
        self.seen
    }

    /// The most that a call may cost.
    pub(super) const fn most(&self) -> u32 {
        self.count
    }

    /// The latest instant that this window knows of.
    pub(super) fn latest(&self) -> Nanos {
        self.seen.max(match &self.calls {
            Calls::Counted(counted) => counted.start,
            Calls::Remembered(remembered) => remembered.last(),
        })
    }

    /// Forgets everything.
    pub(super) fn begin_again(&mut self, now: Nanos) {
        self.seen = now;
        match &mut self.calls {
            Calls::Counted(counted) => *counted = Counted::from(now),
            Calls::Remembered(remembered) => *remembered = Remembered::default(),
        }
    }

    /// When a call that comes now, and is not too costly, has its turn: now, or later.
    pub(super) fn turn(&mut self, cost: u32, now: Nanos) -> Nanos {
        self.seen = self.seen.max(now);
        match &mut self.calls {
            Calls::Counted(counted) => counted.turn(cost, self.count, self.per, self.seen),
            Calls::Remembered(remembered) => remembered.turn(cost, self.count, self.per, self.seen),
        }
    }

    /// Gives a call the turn that was found for it.
    pub(super) fn take(&mut self, cost: u32, at: Nanos) {
        match &mut self.calls {
            Calls::Counted(counted) => counted.take(cost, at, self.per),
            Calls::Remembered(remembered) => remembered.take(cost, at),
        }
    }

    /// Takes back the turn of a call that is dropped while it waits.
    pub(super) fn give_back(&mut self, cost: u32, at: Nanos, now: Nanos) {
        match &mut self.calls {
            Calls::Counted(counted) => counted.give_back(cost, at, self.count, self.per, now),
            Calls::Remembered(remembered) => remembered.give_back(cost, at),
        }
    }

    /// How many calls would be admitted now.
    pub(super) fn available(&mut self, now: Nanos) -> u32 {
        if self.turn(1, now) > self.seen {
            return 0;
        }
        let taken = match &self.calls {
            Calls::Counted(counted) => counted.used,
            Calls::Remembered(remembered) => remembered.taken(),
        };
        u32::try_from(u64::from(self.count).saturating_sub(taken)).unwrap_or(u32::MAX)
    }

    /// Whether nobody could tell it from a new one: no call is in it, and none waits.
    pub(super) fn is_untouched(&mut self, now: Nanos) -> bool {
        self.available(now) == self.count
    }

    pub(super) fn left(&mut self, now: Nanos) -> Left {
        Left {
            most: self.count.into(),
            available: self.available(now).into(),
            from: self.latest(),
        }
    }
}

/// Windows one behind the other: how much is taken of the latest one in which anybody has a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counted {
    start: Nanos,
    used: u64,
    /// How much was taken of the window before.
    before: u64,
}

impl Counted {
    const fn from(start: Nanos) -> Self {
        Self {
            start,
            used: 0,
            before: 0,
        }
    }

    fn turn(&mut self, cost: u32, count: u32, per: Nanos, now: Nanos) -> Nanos {
        if let Some(passed) = now.checked_sub(self.start).map(|since| since / per)
            && passed > 0
        {
            *self = Self::from(self.start + passed * per);
        }
        if self.used + u64::from(cost) <= u64::from(count) {
            self.start.max(now)
        } else {
            self.start + per
        }
    }

    fn take(&mut self, cost: u32, at: Nanos, per: Nanos) {
        if at >= self.start + per {
            *self = Self {
                start: self.start + per,
                used: 0,
                before: self.used,
            };
        }
        self.used += u64::from(cost);
    }

    /// Nobody is sent to a window before the latest one, so what is given back there is lost.
    fn give_back(&mut self, cost: u32, at: Nanos, count: u32, per: Nanos, now: Nanos) {
        if at < self.start {
            return;
        }
        self.used = self.used.saturating_sub(cost.into());
        if self.used == 0 && self.start > now {
            *self = Self {
                start: self.start - per,
                used: self.before,
                before: count.into(),
            };
        }
    }
}

/// Every call of the last window, and those which wait for their turn.
#[derive(Debug, Default)]
struct Remembered {
    calls: VecDeque<Call>,
    /// What all calls cost together that are forgotten.
    forgotten: u64,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    at: Nanos,
    /// What all calls up to this one have cost, from the first on.
    through: u64,
}

impl Remembered {
    fn last(&self) -> Nanos {
        self.calls.back().map_or(0, |call| call.at)
    }

    fn through(&self) -> u64 {
        self.calls
            .back()
            .map_or(self.forgotten, |call| call.through)
    }

    fn taken(&self) -> u64 {
        self.through() - self.forgotten
    }

    fn turn(&mut self, cost: u32, count: u32, per: Nanos, now: Nanos) -> Nanos {
        while let Some(first) = self.calls.front()
            && first.at + per <= now
        {
            self.forgotten = first.through;
            self.calls.pop_front();
        }
        // Nobody is admitted before others who wait.
        let earliest = now.max(self.last());
        let Some(too_many) = (self.taken() + u64::from(cost)).checked_sub(count.into()) else {
            return earliest;
        };
        if too_many == 0 {
            return earliest;
        }
        // The first calls have to leave the window until there is room.
        let enough = self.forgotten + too_many;
        let leaves = self.calls.partition_point(|call| call.through < enough);
        let leaves = self.calls.get(leaves).map_or(0, |call| call.at + per);
        earliest.max(leaves)
    }

    fn take(&mut self, cost: u32, at: Nanos) {
        if cost != 0 {
            let through = self.through() + u64::from(cost);
            self.calls.push_back(Call { at, through });
        }
    }

    fn give_back(&mut self, cost: u32, at: Nanos) {
        let mut index = self.calls.partition_point(|call| call.at < at);
        let mut before = match index.checked_sub(1) {
            Some(before) => self.calls[before].through,
            None => self.forgotten,
        };
        while let Some(call) = self.calls.get(index)
            && call.at == at
        {
            if call.through - before == u64::from(cost) {
                self.calls.remove(index);
                for behind in self.calls.range_mut(index..) {
                    behind.through -= u64::from(cost);
                }
                return;
            }
            before = call.through;
            index += 1;
        }
    }
}

#[cfg(any(test, resilient_fuzz))]
mod tests;
