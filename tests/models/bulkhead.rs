//! The bulkhead: the limit is never exceeded, no place is lost, and nobody who waits is forgotten.

use crate::model::{Gauge, block_on, explore, explore_to, join, lasting, poll, spawn};
use loom::thread::JoinHandle;
use resilient_core::{
    Bulkhead, BulkheadAdmission, BulkheadPermit, BulkheadPolicy, BulkheadSnapshot, Frame,
    LivePolicy, LiveSnapshot, Order, Rejected, modelled,
};
use std::mem::swap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn limit(limit: u32) -> BulkheadPolicy {
    BulkheadPolicy::new().limit(limit)
}

fn bulkhead(policy: BulkheadPolicy) -> &'static Bulkhead {
    lasting(Bulkhead::new("gateway", &policy))
}

fn frame() -> &'static Frame {
    lasting(Frame::new())
}

fn look(bulkhead: &Bulkhead) -> BulkheadSnapshot {
    match bulkhead.snapshot() {
        LiveSnapshot::Bulkhead(seen) => seen,
        other => panic!("{other:?}"),
    }
}

/// What is left when all have gone: nobody inside, nobody in line, and as many places as there were.
#[track_caller]
fn assert_free(bulkhead: &'static Bulkhead, places: u32) {
    let seen = look(bulkhead);
    assert_eq!((seen.inside, seen.waiting), (0, 0));
    let frame = frame();
    let all = bulkhead.try_admit_weighing(frame, places);
    assert!(all.is_ok(), "all places are free");
    assert!(bulkhead.try_admit(frame).is_err(), "there are no more");
}

fn stay(gauge: &Gauge, cost: u32, permit: Result<BulkheadPermit<'_>, Rejected>) -> bool {
    let Ok(_permit) = permit else { return false };
    gauge.enter(cost);
    gauge.leave(cost);
    true
}

/// A call that does not wait; whether it was let in.
fn tries(bulkhead: &'static Bulkhead, gauge: &Arc<Gauge>, cost: u32) -> JoinHandle<bool> {
    let (gauge, frame) = (Arc::clone(gauge), frame());
    spawn(move || stay(&gauge, cost, bulkhead.try_admit_weighing(frame, cost)))
}

/// A call that waits for as long as it takes; whether it was let in.
fn waits(bulkhead: &'static Bulkhead, gauge: &Arc<Gauge>, cost: u32) -> JoinHandle<bool> {
    let (gauge, frame) = (Arc::clone(gauge), frame());
    spawn(move || stay(&gauge, cost, block_on(bulkhead.admit_weighing(frame, cost))))
}

/// A call that stands in line.
struct Line {
    admission: Pin<Box<BulkheadAdmission<'static>>>,
    flag: Arc<Flag>,
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

impl Line {
    fn join(bulkhead: &'static Bulkhead) -> Self {
        let mut line = Self {
            admission: Box::pin(bulkhead.admit(frame())),
            flag: Arc::default(),
        };
        assert!(!line.is_admitted());
        line
    }

    fn is_admitted(&mut self) -> bool {
        let waker = Waker::from(Arc::clone(&self.flag));
        let polled = self
            .admission
            .as_mut()
            .poll(&mut Context::from_waker(&waker));
        match polled {
            Poll::Ready(Ok(permit)) => {
                drop(permit);
                true
            }
            Poll::Ready(Err(refused)) => panic!("{refused}"),
            Poll::Pending => false,
        }
    }

    fn was_woken(&self) -> bool {
        self.flag.0.load(Relaxed)
    }
}

fn leaves(permit: BulkheadPermit<'static>) -> JoinHandle<bool> {
    spawn(move || {
        drop(permit);
        true
    })
}

fn reconfigures(bulkhead: &'static Bulkhead, policy: BulkheadPolicy) -> JoinHandle<bool> {
    spawn(move || {
        bulkhead.reconfigure(&policy);
        true
    })
}

#[test]
fn no_more_than_the_limit_are_inside_and_no_place_is_lost() {
    for places in [1, 2] {
        explore(move || {
            let (bulkhead, gauge) = (bulkhead(limit(places)), Gauge::new(places));
            let admitted = join([1; 3].map(|cost| tries(bulkhead, &gauge, cost)));
            let seen = look(bulkhead);
            let count = admitted.iter().filter(|admitted| **admitted).count() as u64;
            assert!(count >= u64::from(places), "{count}");
            assert_eq!((seen.admitted, seen.rejected), (count, 3 - count));
            assert_free(bulkhead, places);
        });
    }
}

#[test]
fn calls_of_different_cost_share_the_places() {
    explore(|| {
        let (bulkhead, gauge) = (bulkhead(limit(3)), Gauge::new(3));
        let admitted = join([3, 2, 1].map(|cost| tries(bulkhead, &gauge, cost)));
        assert!(admitted.contains(&true));
        assert_free(bulkhead, 3);
    });
}

#[test]
fn everybody_who_waits_gets_in_whoever_comes_first() {
    for order in [Order::Fifo, Order::Lifo] {
        explore_to(1, move || {
            let bulkhead = bulkhead(limit(1).queue(2).order(order));
            let gauge = Gauge::new(1);
            let admitted = join([1; 3].map(|cost| waits(bulkhead, &gauge, cost)));
            assert_eq!(admitted, [true; 3]);
            assert_free(bulkhead, 1);
        });
    }
}

#[test]
fn a_place_that_becomes_free_while_a_call_joins_the_line_is_not_missed() {
    explore_to(4, || {
        let bulkhead = bulkhead(limit(1).queue(1));
        let gauge = Gauge::new(1);
        let first = bulkhead.try_admit(frame()).expect("it is free");
        let ended = join([leaves(first), waits(bulkhead, &gauge, 1)]);
        assert_eq!(ended, [true, true]);
        assert_free(bulkhead, 1);
    });
}

#[test]
fn no_more_wait_than_the_queue_has_room_for() {
    explore_to(3, || {
        let bulkhead = bulkhead(limit(1).queue(1));
        let first = bulkhead.try_admit(frame()).expect("it is free");
        let begins = || {
            let frame = frame();
            spawn(move || {
                let mut admission = Box::pin(bulkhead.admit(frame));
                let polled = poll(admission.as_mut());
                assert!(look(bulkhead).waiting <= 1);
                (polled.is_pending(), admission)
            })
        };
        let ended = join([begins(), begins()]);
        let waiting = ended.iter().filter(|(waits, _)| *waits).count();
        assert_eq!((waiting, look(bulkhead).waiting), (1, 1));
        drop((first, ended));
        assert_free(bulkhead, 1);
    });
}

#[test]
fn a_call_that_is_dropped_with_a_place_which_it_has_not_seen_hands_it_on() {
    for order in [Order::Fifo, Order::Lifo] {
        explore_to(4, move || {
            let bulkhead = bulkhead(limit(1).queue(2).order(order));
            let first = bulkhead.try_admit(frame()).expect("it is free");
            let mut early = Line::join(bulkhead);
            let mut late = Line::join(bulkhead);
            if order == Order::Lifo {
                swap(&mut early, &mut late);
            }
            let gives_up = spawn(move || {
                drop(early);
                true
            });
            join([leaves(first), gives_up]);
            assert!(late.was_woken() && late.is_admitted());
            drop(late);
            assert_free(bulkhead, 1);
        });
    }
}

#[test]
fn a_place_goes_to_whose_turn_it_is() {
    for order in [Order::Fifo, Order::Lifo] {
        explore_to(3, move || {
            let bulkhead = bulkhead(limit(2).queue(2).order(order));
            let first = bulkhead.try_admit(frame()).expect("it is free");
            let second = bulkhead.try_admit(frame()).expect("it is free");
            let mut early = Line::join(bulkhead);
            let mut late = Line::join(bulkhead);
            join([leaves(first), leaves(second)]);
            assert!(early.was_woken() && early.is_admitted());
            assert!(late.was_woken() && late.is_admitted());
            drop((early, late));
            assert_free(bulkhead, 2);
        });
    }
}

#[test]
fn a_call_that_stands_in_line_and_is_dropped_keeps_nobody_behind_it() {
    explore(|| {
        let bulkhead = bulkhead(limit(2).queue(2));
        let gauge = Gauge::new(1);
        // One place is free, the first in line needs two, and the second one.
        let first = bulkhead.try_admit(frame()).expect("it is free");
        let mut large = Box::pin(bulkhead.admit_weighing(frame(), 2));
        assert!(poll(large.as_mut()).is_pending());
        let behind = waits(bulkhead, &gauge, 1);
        let gives_up = spawn(move || {
            drop(large);
            true
        });
        assert_eq!(join([behind, gives_up]), [true, true]);
        drop(first);
        assert_free(bulkhead, 2);
    });
}

#[test]
fn calls_that_need_many_places_are_not_forgotten() {
    for order in [Order::Fifo, Order::Lifo] {
        explore_to(1, move || {
            let bulkhead = bulkhead(limit(2).queue(3).order(order));
            let gauge = Gauge::new(2);
            let admitted = join([2, 1, 1].map(|cost| waits(bulkhead, &gauge, cost)));
            assert_eq!(admitted, [true; 3]);
            assert_free(bulkhead, 2);
        });
    }
}

#[test]
fn more_places_let_those_in_who_wait() {
    explore_to(3, || {
        let bulkhead = bulkhead(limit(1).queue(2));
        let gauge = Gauge::new(1);
        let first = bulkhead.try_admit(frame()).expect("it is free");
        let grows = reconfigures(bulkhead, limit(2).queue(2));
        assert_eq!(join([waits(bulkhead, &gauge, 1), grows]), [true, true]);
        drop(first);
        assert_free(bulkhead, 2);
    });
}

#[test]
fn fewer_places_hold_for_all_who_come_later_and_nobody_is_forgotten() {
    explore(|| {
        let bulkhead = bulkhead(limit(2).queue(2));
        let gauge = Gauge::new(2);
        let shrinks = reconfigures(bulkhead, limit(1).queue(2));
        let ended = join([
            waits(bulkhead, &gauge, 1),
            waits(bulkhead, &gauge, 1),
            shrinks,
        ]);
        assert_eq!(ended, [true; 3]);
        assert_free(bulkhead, 1);
    });
}

#[test]
fn after_fewer_places_were_set_no_call_gets_in_by_the_old_limit() {
    explore_to(3, || {
        let bulkhead = bulkhead(limit(2));
        let first = bulkhead.try_admit(frame()).expect("it is free");
        let enters = {
            let frame = frame();
            spawn(move || bulkhead.try_admit(frame).ok())
        };
        bulkhead.reconfigure(&limit(1));
        // Whoever is inside by now had come before.
        let inside = look(bulkhead).inside;
        let second = join([enters]);
        assert_eq!(look(bulkhead).inside, inside);
        drop((first, second));
        assert_free(bulkhead, 1);
    });
}

#[test]
fn who_waits_for_more_places_than_there_are_any_more_is_sent_away() {
    explore(|| {
        let bulkhead = bulkhead(limit(2).queue(2));
        let gauge = Gauge::new(2);
        let first = bulkhead.try_admit(frame()).expect("it is free");
        let shrinks = reconfigures(bulkhead, limit(1).queue(2));
        join([leaves(first), waits(bulkhead, &gauge, 2), shrinks]);
        assert_free(bulkhead, 1);
    });
}

#[test]
fn what_is_switched_off_lets_everybody_go_and_gives_back_what_was_taken_before() {
    explore_to(1, || {
        let bulkhead = bulkhead(limit(1).queue(2));
        let gauge = Gauge::new(2);
        let first = bulkhead.try_admit(frame()).expect("it is free");
        let off = reconfigures(bulkhead, limit(1).queue(2).enabled(false));
        let ended = join([waits(bulkhead, &gauge, 1), waits(bulkhead, &gauge, 1), off]);
        assert_eq!(ended, [true; 3]);
        drop(first);
        bulkhead.reconfigure(&limit(1));
        assert_free(bulkhead, 1);
    });
}

#[test]
fn a_wait_that_ends_in_the_instant_in_which_it_is_granted_loses_no_place() {
    explore_to(3, || {
        let bulkhead = bulkhead(limit(1).queue(1).max_wait(SECOND));
        let first = bulkhead.try_admit(frame()).expect("it is free");
        let frame = frame();
        let waits = spawn(move || {
            let mut admission = Box::pin(bulkhead.admit(frame));
            let mut polled = poll(admission.as_mut());
            if polled.is_pending() {
                modelled::advance(SECOND);
                polled = poll(admission.as_mut());
            }
            match polled {
                Poll::Ready(Ok(_)) => true,
                Poll::Ready(Err(refused)) => {
                    assert_eq!(refused, Rejected::bulkhead_full("gateway"));
                    true
                }
                Poll::Pending => false,
            }
        });
        assert_eq!(join([leaves(first), waits]), [true, true]);
        assert_free(bulkhead, 1);
    });
}
