//! The word of a bulkhead, pure: how many places are taken, and how many calls wait.

use super::{BulkheadSettings, Order};

pub(super) const WAITING: u64 = 1 << WAITING_AT;
pub(super) const ADMITTED: u64 = 1 << ADMITTED_AT;
pub(super) const WAITING_AT: u32 = 20;
pub(super) const ADMITTED_AT: u32 = 40;
const PLACES: u64 = WAITING - 1;
/// Set when half of what the count of admissions can hold is used up.
pub(super) const MANY_ADMITTED: u64 = 1 << 63;

/// The word: how many places are taken (20 bits), how many calls wait (20 bits), and how many were
/// admitted (24 bits). The last also tells words apart that are equal otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State(pub(super) u64);

/// What a call meets on its arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// There is nothing to obey.
    Through,
    /// Enough free places, and the word with the call inside.
    Place(State),
    /// A free place, and calls that wait already: the line knows whose it is.
    Promised,
    /// Room in the line, and the word with the call waiting.
    Line(State),
    /// Neither.
    Full,
    /// There are never as many places as the call needs.
    TooCostly,
}

impl State {
    #[inline]
    pub(super) const fn inside(self) -> u64 {
        self.0 & PLACES
    }

    #[inline]
    pub(super) const fn waiting(self) -> u64 {
        self.0 >> WAITING_AT & PLACES
    }

    pub(super) const fn admitted(self) -> u64 {
        self.0 >> ADMITTED_AT
    }

    /// The word with a call inside that needs `cost` places, if that is clear at one glance: calls that
    /// wait make the word greater than any limit, and without a limit it is never smaller.
    #[inline]
    pub(super) const fn arrive_at_once(self, limits: Limits, cost: u32) -> Option<Self> {
        let last_place = (self.0 & (ADMITTED - 1))
            .wrapping_add(cost as u64)
            .wrapping_sub(1);
        if last_place < limits.limit() {
            Some(self.entered(cost))
        } else {
            None
        }
    }

    /// For a call that needs `cost` places. What needs none is always let in.
    #[inline]
    pub(super) const fn arrive(self, limits: Limits, cost: u32) -> Arrival {
        if limits.limit() == 0 {
            return Arrival::Through;
        }
        if cost == 0 || self.waiting() == 0 && self.fits(limits, cost) {
            return Arrival::Place(self.entered(cost));
        }
        if cost as u64 > limits.limit() {
            return Arrival::TooCostly;
        }
        if self.waiting() != 0 && self.inside() < limits.limit() {
            return Arrival::Promised;
        }
        self.line_up(limits)
    }

    /// The same where a place is free and others wait, for whom `next` places are needed first.
    pub(super) const fn arrive_behind(
        self,
        limits: Limits,
        cost: u32,
        next: u32,
        order: Order,
    ) -> Arrival {
        if self.fits(limits, next) {
            return Arrival::Promised;
        }
        if matches!(order, Order::Lifo) && self.fits(limits, cost) {
            // It would be the next one itself.
            return Arrival::Place(self.entered(cost));
        }
        self.line_up(limits)
    }

    const fn line_up(self, limits: Limits) -> Arrival {
        if self.waiting() < limits.queue() {
            Arrival::Line(Self(self.0 + WAITING))
        } else {
            Arrival::Full
        }
    }

    #[inline]
    const fn fits(self, limits: Limits, cost: u32) -> bool {
        self.inside() + cost as u64 <= limits.limit()
    }

    /// The count of admissions may wrap around: it takes nothing with it.
    #[inline]
    const fn entered(self, cost: u32) -> Self {
        Self(self.0.wrapping_add(cost as u64 + ADMITTED))
    }

    /// Whether one that waits might get in.
    #[inline]
    pub(super) const fn may_hand_on(self, limits: Limits) -> bool {
        self.waiting() != 0 && (limits.limit() == 0 || self.inside() < limits.limit())
    }

    /// The word in which the next one that waits, for `cost` places, has got them.
    pub(super) const fn hand_on(self, limits: Limits, cost: u32) -> Option<Self> {
        if limits.limit() == 0 {
            Some(Self(self.0 - WAITING))
        } else if self.fits(limits, cost) {
            Some(Self(self.0 - WAITING + cost as u64))
        } else {
            None
        }
    }
}

/// How many may be inside and how many may wait, in one word so that nobody sees halves of two
/// settings. A limit of zero lets everybody through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits(pub(super) u64);

impl Limits {
    pub(super) fn of(settings: &BulkheadSettings) -> Self {
        let limit = settings.limit.filter(|_| settings.enabled).unwrap_or(0);
        Self(u64::from(settings.queue) << 32 | u64::from(limit))
    }

    #[inline]
    pub(super) const fn limit(self) -> u64 {
        self.0 & 0xffff_ffff
    }

    #[inline]
    pub(super) const fn queue(self) -> u64 {
        self.0 >> 32
    }

    #[allow(clippy::cast_possible_truncation, reason = "the lower half")]
    pub(super) const fn places(self) -> u32 {
        self.limit() as u32
    }
}
