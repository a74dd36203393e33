//! The line before a bulkhead: who waits, in which order, and whom a free place goes to.

use super::Order;
use std::mem::replace;

/// No slot: the end of the line, or a call that does not wait.
pub(super) const NONE: u32 = u32::MAX;

/// How far a call that had to wait has come.
#[derive(Debug)]
pub(super) enum Turn<W> {
    /// It waits, and this wakes it.
    Waiting(W),
    /// It has got a place, and has not seen it yet.
    Inside,
    /// It may go in without a place: nothing limits it any more.
    Through,
    /// There are only so many places any more, fewer than it needs.
    TooCostly(u32),
}

impl<W> Turn<W> {
    /// What wakes it, if it waits.
    pub(super) fn waker(self) -> Option<W> {
        match self {
            Self::Waiting(wake) => Some(wake),
            Self::Inside | Self::Through | Self::TooCostly(_) => None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Slot<W> {
    pub(super) before: u32,
    pub(super) behind: u32,
    /// How many places it needs.
    pub(super) cost: u32,
    pub(super) turn: Turn<W>,
}

/// The calls that wait, in the order in which they came: linked by index, so that any of them
/// leaves in constant time, in slots that are used again.
#[derive(Debug)]
pub(super) struct Line<W> {
    pub(super) slots: Vec<Slot<W>>,
    /// The first of the slots that nobody uses, linked by `behind`.
    unused: u32,
    pub(super) first: u32,
    pub(super) last: u32,
    /// Admissions that are not, or no longer, counted in the word.
    pub(super) admitted: u64,
}

impl<W> Line<W> {
    pub(super) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            unused: NONE,
            first: NONE,
            last: NONE,
            admitted: 0,
        }
    }

    pub(super) fn slot(&mut self, index: u32) -> &mut Slot<W> {
        &mut self.slots[index as usize]
    }

    /// Puts a call that needs `cost` places at the back of the line.
    pub(super) fn join(&mut self, wake: W, cost: u32) -> u32 {
        let slot = Slot {
            before: self.last,
            behind: NONE,
            cost,
            turn: Turn::Waiting(wake),
        };
        let index = if self.unused == NONE {
            self.slots.push(slot);
            // There are never more slots than places in the longest queue, and than places inside.
            u32::try_from(self.slots.len() - 1).unwrap_or(NONE)
        } else {
            let index = self.unused;
            self.unused = replace(self.slot(index), slot).behind;
            index
        };
        match self.last {
            NONE => self.first = index,
            last => self.slot(last).behind = index,
        }
        self.last = index;
        index
    }

    pub(super) fn unlink(&mut self, index: u32) {
        let Slot { before, behind, .. } = *self.slot(index);
        match before {
            NONE => self.first = behind,
            before => self.slot(before).behind = behind,
        }
        match behind {
            NONE => self.last = before,
            behind => self.slot(behind).before = before,
        }
    }

    fn next(&self, order: Order) -> Option<u32> {
        let index = match order {
            Order::Fifo => self.first,
            Order::Lifo => self.last,
        };
        (index != NONE).then_some(index)
    }

    /// How many places the one whose turn it is needs, if anybody waits.
    pub(super) fn next_cost(&self, order: Order) -> Option<u32> {
        let index = self.next(order)?;
        Some(self.slots[index as usize].cost)
    }

    /// Gives `turn` to the one whose turn it is, and says how to wake it.
    pub(super) fn call_up(&mut self, order: Order, turn: Turn<W>) -> Option<W> {
        let index = self.next(order)?;
        self.unlink(index);
        replace(&mut self.slot(index).turn, turn).waker()
    }

    /// Takes a slot back from a call that is not in the line any more.
    pub(super) fn release(&mut self, index: u32) -> Turn<W> {
        let unused = replace(&mut self.unused, index);
        let slot = self.slot(index);
        slot.behind = unused;
        replace(&mut slot.turn, Turn::Through)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anyone_may_leave_the_line_from_anywhere() {
        let mut line = Line::new();
        let slots: Vec<_> = ('a'..='e').map(|name| line.join(name, 1)).collect();
        for leaves in [2, 0, 4] {
            line.unlink(slots[leaves]);
            line.release(slots[leaves]);
        }
        line.join('f', 1);
        let mut order = String::new();
        while let Some(name) = line.call_up(Order::Fifo, Turn::Inside) {
            order.push(name);
        }
        assert_eq!(order, "bdf");
        assert_eq!(line.slots.len(), 5, "slots are used again");
    }
}
