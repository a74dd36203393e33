//! Pure state first, then one race after another in paused time. What a stack makes of it is in
//! `tests/hedge.rs`.

mod oracle;

use super::*;
use crate::class::{Class, RetryHint};
use crate::error::Rejected;
use crate::event::reported;
use crate::frame::cut;
use crate::outcome::{Failure, Outcome};
use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Waker;
use tokio::time::{advance, sleep};

type Answer = Inside<u8, &'static str>;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn fixed(millis: u64) -> HedgePolicy {
    HedgePolicy::new().after(HedgeAfter::after(ms(millis)))
}

const fn p95() -> HedgePolicy {
    HedgePolicy::new().after(HedgeAfter::percentile(Share::percent(95)))
}

fn snapshot(hedge: &Hedge) -> HedgeSnapshot {
    match hedge.snapshot() {
        LiveSnapshot::Hedge(snapshot) => snapshot,
        other => panic!("{other:?}"),
    }
}

const fn failure(_: &Answer) -> Verdict {
    Verdict::Failure
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

// ---- Pure

#[test]
fn each_extra_attempt_is_due_that_much_after_the_one_before_and_there_are_no_more_than_max() {
    let mut state = State::new(2);
    assert_eq!(state.next(1_000, 100, NEVER), Some(1_100));
    assert_eq!(state.begin(), 1);
    assert_eq!(state.next(1_105, 100, NEVER), Some(1_205));
    assert_eq!(state.begin(), 2);
    assert_eq!(state.next(1_205, 100, NEVER), None);
}

#[test]
fn an_extra_attempt_that_was_suppressed_uses_up_its_turn_and_no_number() {
    let mut state = State::new(2);
    assert_eq!(state.next(0, 100, NEVER), Some(100));
    assert_eq!(state.next(100, 100, NEVER), Some(200));
    assert_eq!(state.begin(), 1);
    assert_eq!(state.next(200, 100, NEVER), None);
}

#[test]
fn nothing_is_due_at_the_deadline_or_later_nor_without_a_time() {
    assert_eq!(State::new(1).next(0, 100, 101), Some(100));
    let mut state = State::new(1);
    assert_eq!(state.next(0, 100, 100), None);
    assert_eq!(state.next(0, 0, NEVER), None, "and nothing behind it");
    assert_eq!(State::new(1).next(0, NEVER, NEVER), None);
    assert_eq!(State::new(1).next(50, 0, NEVER), Some(50), "at once");
}

#[test]
fn only_a_failure_or_a_refusal_is_waited_after() {
    let advised = Verdict::Advised {
        class: Class::Transient,
        hint: RetryHint::new(),
    };
    let rejected = Verdict::Rejected {
        rejected: Rejected::bulkhead_full("x"),
        when_rejected: None,
    };
    for (verdict, ends) in [
        (Verdict::Success, true),
        (Verdict::NoFailure, true),
        (Verdict::Permanent, true),
        (Verdict::Ignored, true),
        (Verdict::Failure, false),
        (advised, false),
        (rejected, false),
    ] {
        assert_eq!(ends_the_race(verdict), ends, "{verdict:?}");
    }
}

#[test]
fn a_plan_holds_what_was_put_into_it() {
    let plan = |policy: HedgePolicy, budget| Plan::new(&HedgeSettings::of(&policy), budget);
    let all = plan(p95().max(MOST), Some(7));
    assert_eq!(
        (all.measures(), all.max(), all.budget()),
        (true, 10, Some(7))
    );
    let least = plan(fixed(1), None);
    assert_eq!(
        (least.measures(), least.max(), least.budget()),
        (false, 1, None)
    );
    for nothing in [HedgePolicy::new(), p95().enabled(false)] {
        assert_eq!(plan(nothing, Some(0)).0, 0);
    }
}

#[test]
fn what_is_out_of_range_is_refused() {
    let percentile = |parts| HedgeAfter::percentile(Share::parts_per_million(parts));
    let wrong = [
        (HedgePolicy::new().after(percentile(499_999)), "after"),
        (HedgePolicy::new().after(percentile(999_001)), "after"),
        (fixed(1).max(0), "max"),
        (fixed(1).max(11), "max"),
        (fixed(1).budget(Budget::own(Share::percent(0))), "budget"),
        (
            fixed(1).budget(Budget::shared(" ", Share::percent(1))),
            "budget",
        ),
    ];
    for (policy, key) in wrong {
        assert_eq!(policy.invalid().unwrap().key(), key);
    }
    for right in [
        percentile(500_000),
        percentile(999_000),
        HedgeAfter::after(Duration::ZERO),
    ] {
        assert_eq!(HedgePolicy::new().after(right).max(10).invalid(), None);
    }
}

#[test]
fn a_setting_shows_itself_as_it_is_written() {
    let written = |policy: HedgePolicy| policy.written("after").unwrap().to_string();
    assert_eq!(
        (written(fixed(250)), written(p95())),
        ("250ms".into(), "p95".into())
    );
    let rare = HedgeAfter::percentile(Share::parts_per_million(999_000));
    assert_eq!(written(HedgePolicy::new().after(rare)), "p99.9");
    assert_eq!(HedgePolicy::new().effective("after"), None);
    assert_eq!(HedgePolicy::new().effective("max"), Some(1.into()));
}

#[test]
fn the_longest_call_has_all_its_extra_attempts_as_late_as_can_be() {
    let longest = |policy: HedgePolicy| Hedge::new("h", &policy).longest(ms(1_000));
    assert_eq!(longest(fixed(100).max(3)), ms(1_300));
    assert_eq!(longest(fixed(1_000).max(3)), ms(1_000), "too late for any");
    assert_eq!(longest(p95().max(3)), ms(4_000));
    assert_eq!(longest(HedgePolicy::new()), ms(1_000));
    assert_eq!(longest(fixed(100).enabled(false)), ms(1_000));
}

// ---- Paused time

#[test]
fn what_happens_is_reported_in_order() {
    let what = reported("reports", || {
        let hedge = Hedge::new(
            "reports",
            &fixed(0).max(2).budget(Budget::own(Share::percent(1))),
        );
        let runs = Cell::new(0);
        let attempt = |runs: &Cell<u8>| {
            runs.set(runs.get() + 1);
            let is_last = runs.get() == 3;
            async move {
                if is_last {
                    Answer::Ok(3)
                } else {
                    pending().await
                }
            }
        };
        let frame = Frame::new();
        let mut race = pin!(hedge.race(&frame, runs, attempt, failure));
        assert_eq!(poll_once(race.as_mut()), Poll::Ready(Ok(3)));
        assert_eq!(
            poll_once(race),
            Poll::Pending,
            "there is nothing left to poll"
        );
        for _ in 0..28 {
            let mut race = pin!(hedge.race(&frame, (), |()| pending::<Answer>(), failure));
            assert!(poll_once(race.as_mut()).is_pending());
        }
        let mut late = pin!(hedge.race(&frame, (), |()| pending::<Answer>(), failure));
        assert!(poll_once(late.as_mut()).is_pending());
    });
    let extras = [1, 2].map(|extra| What::Hedged { extra });
    assert_eq!(what[..2], extras);
    assert_eq!(what[2], What::HedgeWon { extra: 2 });
    assert_eq!(what[3..5], extras);
    let suppressed = what.iter().filter(|what| **what == What::HedgeSuppressed);
    assert_eq!(
        suppressed.count(),
        30 * 2 - 30,
        "of thirty calls with two each"
    );
}

#[tokio::test(start_paused = true)]
async fn settings_change_while_the_program_runs_and_what_was_measured_stays() {
    let hedge = Hedge::new("changes", &p95());
    let frame = Frame::new();
    let state = |hedge: &Hedge| snapshot(hedge).state();
    assert_eq!((state(&hedge).as_str(), hedge.after()), ("measuring", None));
    let attempt = |(): &()| async {
        sleep(ms(10)).await;
        Answer::Ok(1)
    };
    for _ in 0..100 {
        assert_eq!(hedge.race(&frame, (), attempt, failure).await, Ok(1));
    }
    let measured = hedge.after().expect("there are enough");
    assert!(measured >= ms(10) && measured < ms(11), "{measured:?}");
    hedge.reconfigure(&fixed(7));
    assert_eq!(
        (state(&hedge).as_str(), hedge.after()),
        ("after 7ms", Some(ms(7)))
    );
    hedge.reconfigure(&p95().enabled(false));
    assert_eq!((state(&hedge).as_str(), hedge.after()), ("disabled", None));
    hedge.reconfigure(&HedgePolicy::new());
    assert_eq!((state(&hedge).as_str(), hedge.after()), ("off", None));
    hedge.reconfigure(&p95());
    assert_eq!(hedge.after(), Some(measured));
    assert_eq!(snapshot(&hedge).note(), "p95");
}

/// Looks at the frame when it is dropped, as a permit does.
struct Look<'a>(&'a Frame, &'a RefCell<Vec<Outcome>>);

impl Drop for Look<'_> {
    fn drop(&mut self) {
        self.1.borrow_mut().push(self.0.ending());
    }
}

#[tokio::test(start_paused = true)]
async fn each_attempt_finds_the_frame_as_if_it_were_alone() {
    let hedge = Hedge::new("frames", &fixed(100).max(2));
    let (frame, endings, runs) = (Frame::new(), RefCell::default(), Cell::new(0));
    let (frame, endings) = (&frame, &endings);
    let attempt = |runs: &Cell<u8>| {
        runs.set(runs.get() + 1);
        let waits = runs.get() == 2;
        async move {
            let _permit = Look(frame, endings);
            if waits {
                pending::<()>().await;
            }
            frame.run(pending::<Answer>()).await
        }
    };
    let mut race = Box::pin(hedge.race(frame, runs, attempt, failure));
    for _ in 0..3 {
        assert!(poll_once(race.as_mut()).is_pending());
        advance(ms(100)).await;
    }
    cut(|| assert_eq!(frame.ending(), Outcome::Failure, "two are in their body"));
    cut(|| drop(race));
    assert_eq!(
        endings.take(),
        [Outcome::Failure, Outcome::Failure, Outcome::Abandoned],
        "the first one, then the newest"
    );
    cut(|| assert_eq!(frame.ending(), Outcome::Failure, "for whoever is outside"));
}

#[tokio::test(start_paused = true)]
async fn a_destructor_of_a_loser_that_panics_leaves_the_frame_as_the_winner_did() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    let hedge = Hedge::new("destructor", &fixed(0));
    let (frame, runs) = (Frame::new(), Cell::new(0));
    let attempt = |runs: &Cell<u8>| {
        runs.set(runs.get() + 1);
        let loses = runs.get() == 1;
        frame.run(async move {
            if loses {
                let _panics = Panics;
                pending::<()>().await;
            }
            Answer::Ok(1)
        })
    };
    let mut race = Box::pin(hedge.race(&frame, runs, attempt, failure));
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(race.as_mut()))).is_err());
    let ending = Cell::new(None);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        struct At<'a>(&'a Frame, &'a Cell<Option<Outcome>>);
        impl Drop for At<'_> {
            fn drop(&mut self) {
                self.1.set(Some(self.0.ending()));
            }
        }
        let _permit = At(&frame, &ending);
        panic!("the same panic, further out");
    }));
    assert!(panicked.is_err());
    assert_eq!(
        ending.get(),
        Some(Outcome::Failure),
        "a panic of the call's own"
    );
}

#[tokio::test(start_paused = true)]
async fn a_clone_that_panics_is_the_calls_own_panic() {
    let hedge = Hedge::new("clone", &fixed(0));
    let (frame, runs) = (Frame::new(), Cell::new(0));
    let attempt = |runs: &Cell<u8>| {
        runs.set(runs.get() + 1);
        assert!(runs.get() == 1, "no second copy can be made");
        frame.run(pending::<Answer>())
    };
    let mut race = Box::pin(hedge.race(&frame, runs, attempt, failure));
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(race.as_mut()))).is_err());
    assert_eq!(frame.ending(), Outcome::Failure);
}

#[tokio::test(start_paused = true)]
async fn the_first_failure_is_kept_whichever_extra_attempt_was_the_newest() {
    let hedge = Hedge::new("kept", &fixed(10).max(3));
    let (frame, runs) = (Frame::new(), Cell::new(0));
    let attempt = |runs: &Cell<u64>| {
        runs.set(runs.get() + 1);
        let run = runs.get();
        async move {
            sleep(ms(if run == 1 { 15 } else { 30 })).await;
            Answer::Err(Failure::Error(if run == 1 { "first" } else { "extra" }))
        }
    };
    let begin = tokio::time::Instant::now();
    let ended = hedge.race(&frame, runs, attempt, failure).await;
    assert_eq!(ended, Err(Failure::Error("first")));
    assert_eq!(begin.elapsed(), ms(60), "the third one began at 30ms");
}

#[test]
fn a_snapshot_shows_each_count_under_its_name() {
    let hedge = Hedge::new("test", &fixed(5));
    for (counter, value) in [
        (&hedge.counters.hedged, 1),
        (&hedge.counters.extra_attempts, 2),
        (&hedge.counters.won, 3),
        (&hedge.counters.suppressed, 4),
    ] {
        counter.store(value, Ordering::Relaxed);
    }
    let snapshot = LivePolicy::snapshot(&hedge);
    let shown = snapshot.show();
    assert_eq!(shown.state(), "after 5ms");
    assert_eq!(
        shown.counts(),
        [
            ("calls", None),
            ("hedged", Some(1)),
            ("extra attempts", Some(2)),
            ("won", Some(3)),
            ("suppressed", Some(4))
        ]
    );
}

#[test]
fn a_wait_as_long_as_every_attempt_or_longer_is_too_long() {
    let hedge = Hedge::new("test", &fixed(5));
    assert_eq!(hedge.waits_too_long(ms(4)), Some(ms(5)));
    assert_eq!(hedge.waits_too_long(ms(5)), Some(ms(5)));
    assert_eq!(hedge.waits_too_long(ms(6)), None);
    hedge.reconfigure(&fixed(5).enabled(false));
    assert_eq!(hedge.waits_too_long(ms(4)), None, "it is switched off");
    hedge.reconfigure(&p95());
    assert_eq!(hedge.waits_too_long(ms(1)), None, "nobody knows");
}
