mod oracle;

use super::settings::MOST;
use super::state::{ADMITTED_AT, WAITING_AT};
use super::*;
use crate::deadline::with_deadline;
use crate::setting::Value;
use crate::time::now;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::task::Wake;
use std::time::Duration;
use tokio::time::{Instant, advance, sleep, timeout};

const fn policy(limit: u32, queue: u32) -> BulkheadPolicy {
    BulkheadPolicy::new().limit(limit).queue(queue)
}

fn bulkhead(policy: BulkheadPolicy) -> Bulkhead {
    Bulkhead::new("test", &policy)
}

static FRAME: Frame = Frame::new();

fn admit(bulkhead: &Bulkhead) -> BulkheadAdmission<'_> {
    bulkhead.admit(&FRAME)
}

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

type Polled<'a> = Poll<Result<BulkheadPermit<'a>, Rejected>>;

fn poll<'a>(admission: &mut BulkheadAdmission<'a>) -> Polled<'a> {
    poll_with(admission, &Arc::default())
}

fn poll_with<'a>(admission: &mut BulkheadAdmission<'a>, woken: &Arc<Woken>) -> Polled<'a> {
    let waker = Waker::from(Arc::clone(woken));
    Pin::new(admission).poll(&mut Context::from_waker(&waker))
}

fn enter(bulkhead: &Bulkhead) -> BulkheadPermit<'_> {
    match poll(&mut admit(bulkhead)) {
        Poll::Ready(Ok(permit)) => permit,
        other => panic!("no free place: {other:?}"),
    }
}

fn wait(bulkhead: &Bulkhead) -> BulkheadAdmission<'_> {
    let mut admission = admit(bulkhead);
    assert!(poll(&mut admission).is_pending());
    admission
}

fn is_full(bulkhead: &Bulkhead) -> bool {
    match poll(&mut admit(bulkhead)) {
        Poll::Ready(Err(rejected)) => {
            assert_eq!(rejected, Rejected::bulkhead_full("test"));
            true
        }
        _ => false,
    }
}

fn is_in(admission: &mut BulkheadAdmission<'_>) -> bool {
    matches!(poll(admission), Poll::Ready(Ok(_)))
}

// ---- The word, without a runtime

fn limits(limit: u32, queue: u32) -> Limits {
    Limits::of(&BulkheadSettings::of(&policy(limit, queue)))
}

#[test]
fn the_word_holds_the_largest_numbers_that_can_be_written_without_mixing_them() {
    let most = u64::from(MOST);
    let full = State(u64::MAX << ADMITTED_AT | most << WAITING_AT | most);
    assert_eq!((full.inside(), full.waiting()), (most, most));
    let next_to_full = State(full.0 - WAITING * most - 1);
    let Arrival::Place(next) = next_to_full.arrive(limits(MOST, MOST), 1) else {
        panic!("a place is free");
    };
    assert_eq!((next.inside(), next.waiting()), (most, 0));
    assert_eq!(
        next.admitted(),
        0,
        "wrapped around, and took nothing with it"
    );
}

#[test]
fn a_free_place_belongs_to_whoever_waits_already() {
    let one_waits = State(WAITING);
    assert_eq!(one_waits.arrive(limits(1, 9), 1), Arrival::Promised);
    assert_eq!(one_waits.hand_on(limits(1, 9), 1), Some(State(1)));
}

#[test]
fn a_bulkhead_takes_two_cache_lines() {
    if cfg!(all(target_os = "linux", target_pointer_width = "64")) {
        assert_eq!(size_of::<Bulkhead>(), 128);
        assert_eq!(size_of::<BulkheadAdmission<'_>>(), 24);
        assert_eq!(size_of::<BulkheadPermit<'_>>(), 16);
    }
}

#[test]
fn the_count_of_admissions_outlives_its_bits() {
    let bulkhead = bulkhead(policy(1, 0));
    let before = 3 * (MANY_ADMITTED >> ADMITTED_AT);
    bulkhead.line.lock().admitted = before - (ADMITTED_COUNT - 5);
    bulkhead
        .hot
        .0
        .state
        .store((ADMITTED_COUNT - 5) << ADMITTED_AT, Ordering::SeqCst);
    for _ in 0..10 {
        drop(enter(&bulkhead));
    }
    assert_eq!(bulkhead.look().admitted, before + 10);
    assert_eq!(bulkhead.look().inside, 0);
    let in_the_word = bulkhead.state().admitted();
    assert!(in_the_word < ADMITTED_COUNT, "half of them have moved out");
    // As if two calls had seen at once that there are many.
    bulkhead.fold();
    assert_eq!(bulkhead.look().admitted, before + 10);
}

#[test]
fn a_call_that_finds_a_free_place_takes_no_lock() {
    let bulkhead = bulkhead(policy(2, 5));
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let line = bulkhead.line.lock();
        scope.spawn(|| {
            for _ in 0..100 {
                drop((enter(&bulkhead), enter(&bulkhead)));
            }
            done.send(()).expect("somebody listens");
        });
        let went_through = is_done.recv_timeout(Duration::from_secs(10));
        // Before the assertion: otherwise the thread would wait for it for ever.
        drop(line);
        assert_eq!(went_through, Ok(()));
    });
}

const ADMITTED_COUNT: u64 = MANY_ADMITTED >> ADMITTED_AT;

// ---- Calls that need several places

fn weigh(bulkhead: &Bulkhead, cost: u32) -> BulkheadAdmission<'_> {
    bulkhead.admit_weighing(&FRAME, cost)
}

fn enter_weighing(bulkhead: &Bulkhead, cost: u32) -> BulkheadPermit<'_> {
    match poll(&mut weigh(bulkhead, cost)) {
        Poll::Ready(Ok(permit)) => permit,
        other => panic!("no free place: {other:?}"),
    }
}

fn wait_weighing(bulkhead: &Bulkhead, cost: u32) -> BulkheadAdmission<'_> {
    let mut admission = weigh(bulkhead, cost);
    assert!(poll(&mut admission).is_pending());
    admission
}

fn too_costly(admission: &mut BulkheadAdmission<'_>, cost: u32, most: u32) -> bool {
    match poll(admission) {
        Poll::Ready(Err(rejected)) => rejected == Rejected::too_costly("test", cost, most),
        _ => false,
    }
}

#[test]
fn a_permit_gives_back_what_it_took() {
    let bulkhead = bulkhead(policy(10, 0));
    let (three, seven) = (enter_weighing(&bulkhead, 3), enter_weighing(&bulkhead, 7));
    assert!(is_full(&bulkhead));
    drop(seven);
    assert_eq!(bulkhead.look().inside, 3);
    assert!(poll(&mut weigh(&bulkhead, 8)).is_ready(), "refused");
    assert_eq!(bulkhead.look().inside, 3, "a refusal takes nothing");
    drop(three);
    let look = bulkhead.look();
    assert_eq!((look.inside, look.admitted, look.rejected), (0, 2, 2));
}

#[test]
fn a_cost_above_the_limit_is_refused_at_once_and_never_waits() {
    let bulkhead = bulkhead(policy(4, 9));
    assert!(too_costly(&mut weigh(&bulkhead, 5), 5, 4));
    assert!(too_costly(&mut weigh(&bulkhead, u32::MAX), u32::MAX, 4));
    let _inside = enter(&bulkhead);
    let _waits = wait_weighing(&bulkhead, 4);
    assert!(too_costly(&mut weigh(&bulkhead, 5), 5, 4));
    let look = bulkhead.look();
    assert_eq!((look.inside, look.waiting, look.rejected), (1, 1, 3));
}

#[test]
fn what_costs_nothing_takes_nothing_and_is_never_kept_waiting() {
    let bulkhead = bulkhead(policy(1, 1));
    let inside = enter(&bulkhead);
    let mut waits = wait(&bulkhead);
    let nothing = enter_weighing(&bulkhead, 0);
    assert_eq!((bulkhead.look().inside, bulkhead.look().admitted), (1, 2));
    drop(nothing);
    assert!(poll(&mut waits).is_pending());
    drop(inside);
    assert!(is_in(&mut waits));
}

#[test]
fn nobody_overtakes_a_call_that_waits_for_many_places() {
    let bulkhead = bulkhead(policy(4, 9));
    let mut inside: Vec<_> = (0..4).map(|_| enter(&bulkhead)).collect();
    let mut heavy = wait_weighing(&bulkhead, 4);
    let mut light = wait(&bulkhead);
    for _ in 0..3 {
        inside.pop();
        assert!(poll(&mut heavy).is_pending());
        assert!(poll(&mut light).is_pending());
        drop(wait(&bulkhead));
    }
    inside.pop();
    let permit = poll(&mut heavy);
    assert!(permit.is_ready());
    assert!(poll(&mut light).is_pending());
    drop(permit);
    assert!(is_in(&mut light));
}

#[test]
fn with_lifo_the_newest_comes_first_and_a_newcomer_for_whom_there_is_room_is_the_newest() {
    let bulkhead = bulkhead(policy(4, 9).order(Order::Lifo));
    let _inside = enter_weighing(&bulkhead, 2);
    let mut heavy = wait_weighing(&bulkhead, 4);
    let _light = enter_weighing(&bulkhead, 2);
    assert!(poll(&mut heavy).is_pending());
}

#[test]
fn a_call_that_gives_up_its_wait_lets_those_in_who_need_fewer_places() {
    let bulkhead = bulkhead(policy(4, 9));
    let _inside = enter_weighing(&bulkhead, 2);
    let heavy = wait_weighing(&bulkhead, 4);
    let (mut first, mut second) = (wait(&bulkhead), wait(&bulkhead));
    drop(heavy);
    assert!(poll(&mut first).is_ready() && poll(&mut second).is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_over_lets_those_in_who_need_fewer_places() {
    let bulkhead = bulkhead(policy(4, 9).max_wait(Duration::from_millis(10)));
    let _inside = enter_weighing(&bulkhead, 2);
    let mut heavy = wait_weighing(&bulkhead, 4);
    advance(Duration::from_millis(5)).await;
    let mut light = wait(&bulkhead);
    advance(Duration::from_millis(6)).await;
    assert!(matches!(poll(&mut heavy), Poll::Ready(Err(_))));
    assert!(is_in(&mut light));
}

#[test]
fn who_waits_for_more_places_than_are_left_by_a_lower_limit_is_sent_away() {
    let bulkhead = bulkhead(policy(4, 9));
    let _inside = enter(&bulkhead);
    let (woken, mut heavy) = (Arc::default(), weigh(&bulkhead, 4));
    assert!(poll_with(&mut heavy, &woken).is_pending());
    let mut light = wait(&bulkhead);
    let forgotten = wait_weighing(&bulkhead, 4);
    bulkhead.reconfigure(&policy(3, 9));
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    assert!(too_costly(&mut heavy, 4, 3));
    assert!(is_in(&mut light));
    drop(forgotten);
    let look = bulkhead.look();
    assert_eq!((look.inside, look.waiting, look.abandoned), (1, 0, 1));
}

// ---- Rules 33 to 36

#[test]
fn never_more_than_the_limit_are_inside_nor_more_than_the_queue_wait() {
    for (limit, queue) in [(10, 10), (3, 10), (5, 5)] {
        let bulkhead = bulkhead(policy(limit, queue));
        let mut inside: Vec<_> = (0..limit).map(|_| enter(&bulkhead)).collect();
        let mut waiting: Vec<_> = (0..queue).map(|_| wait(&bulkhead)).collect();
        assert!(is_full(&bulkhead));
        inside.pop();
        let started: Vec<_> = waiting
            .iter_mut()
            .map(poll)
            .filter(Poll::is_ready)
            .collect();
        assert_eq!(started.len(), 1, "exactly one that waits starts");
        assert_eq!(bulkhead.look().inside, limit);
        assert_eq!(bulkhead.look().waiting, queue - 1);
    }
}

#[test]
fn the_fourth_of_three_is_refused_until_one_leaves() {
    let bulkhead = bulkhead(policy(3, 0));
    let mut inside: Vec<_> = (0..3).map(|_| enter(&bulkhead)).collect();
    assert!(is_full(&bulkhead));
    inside.pop();
    inside.push(enter(&bulkhead));
    assert!(is_full(&bulkhead));
    let look = bulkhead.look();
    assert_eq!((look.inside, look.admitted, look.rejected), (3, 4, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_from_many_threads_is_never_more_than_five_inside() {
    let bulkhead = Arc::new(bulkhead(policy(5, 0)));
    let inside = Arc::new(AtomicU32::new(0));
    let calls: Vec<_> = (0..100)
        .map(|number| {
            let (bulkhead, inside) = (Arc::clone(&bulkhead), Arc::clone(&inside));
            tokio::spawn(async move {
                sleep(Duration::from_millis(2 * number)).await;
                match admit(&bulkhead).await {
                    Ok(_permit) => {
                        assert!(inside.fetch_add(1, Ordering::SeqCst) < 5);
                        sleep(Duration::from_millis(20)).await;
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                    Err(rejected) => assert_eq!(rejected, Rejected::bulkhead_full("test")),
                }
            })
        })
        .collect();
    for call in calls {
        call.await.expect("no more than five inside");
    }
    let look = bulkhead.look();
    assert_eq!((look.inside, look.admitted + look.rejected), (0, 100));
}

#[tokio::test(start_paused = true)]
async fn calls_that_fail_free_their_places_for_those_that_wait() {
    let bulkhead = Arc::new(bulkhead(policy(2, 3)));
    let call = |error: u32| {
        let bulkhead = Arc::clone(&bulkhead);
        tokio::spawn(async move {
            let _permit = admit(&bulkhead).await.expect("room in the line");
            sleep(Duration::from_millis(10 * u64::from(error))).await;
            Err::<(), _>(error)
        })
    };
    let mut calls: Vec<_> = (1..=5).map(call).collect();
    tokio::task::yield_now().await;
    assert!(is_full(&bulkhead));
    sleep(Duration::from_millis(11)).await;
    calls.push(call(6));
    for (error, call) in (1..=6).zip(calls) {
        assert_eq!(call.await.expect("no panic"), Err(error), "each its own");
    }
    assert_eq!(bulkhead.look().inside, 0);
}

#[test]
fn those_who_wait_come_in_as_they_came() {
    let bulkhead = bulkhead(policy(1, 3));
    let place = enter(&bulkhead);
    let mut waiting = [wait(&bulkhead), wait(&bulkhead), wait(&bulkhead)];
    drop(place);
    for turn in 0..3 {
        assert!((turn + 1..3).all(|later| poll(&mut waiting[later]).is_pending()));
        assert!(is_in(&mut waiting[turn]), "and leaves at once");
    }
}

#[test]
fn with_lifo_the_last_one_comes_in_first() {
    let bulkhead = bulkhead(policy(1, 3).order(Order::Lifo));
    let place = enter(&bulkhead);
    let mut waiting = [wait(&bulkhead), wait(&bulkhead), wait(&bulkhead)];
    drop(place);
    for turn in (0..3).rev() {
        assert!((0..turn).all(|later| poll(&mut waiting[later]).is_pending()));
        assert!(is_in(&mut waiting[turn]));
    }
}

#[test]
fn nobody_enters_past_a_call_that_waits_or_was_granted_a_place() {
    let bulkhead = bulkhead(policy(1, 1));
    let place = enter(&bulkhead);
    let mut first = wait(&bulkhead);
    drop(place);
    let mut second = wait(&bulkhead);
    assert!(is_full(&bulkhead), "the place is the first one's already");
    assert!(is_in(&mut first));
    assert!(is_in(&mut second));
}

#[test]
fn a_call_that_waits_is_woken_once_and_by_its_latest_waker() {
    let bulkhead = bulkhead(policy(1, 1));
    let place = enter(&bulkhead);
    let (old, new) = (Arc::default(), Arc::default());
    let mut admission = admit(&bulkhead);
    assert!(poll_with(&mut admission, &old).is_pending());
    assert!(poll_with(&mut admission, &new).is_pending());
    drop(place);
    assert_eq!(old.0.load(Ordering::SeqCst), 0);
    assert_eq!(new.0.load(Ordering::SeqCst), 1);
}

#[test]
fn a_waiting_call_that_is_dropped_gives_up_its_place_in_line_and_never_starts() {
    let bulkhead = bulkhead(policy(1, 2));
    let place = enter(&bulkhead);
    let first = wait(&bulkhead);
    let mut second = wait(&bulkhead);
    drop(first);
    let mut third = wait(&bulkhead);
    assert!(is_full(&bulkhead));
    drop(place);
    assert!(is_in(&mut second));
    assert!(is_in(&mut third));
    let look = bulkhead.look();
    assert_eq!((look.inside, look.waiting, look.abandoned), (0, 0, 1));
    assert_eq!((look.admitted, look.waited, look.rejected), (3, 3, 1));
}

#[test]
fn a_call_that_is_dropped_after_it_was_granted_a_place_passes_it_on() {
    let bulkhead = bulkhead(policy(1, 2));
    let place = enter(&bulkhead);
    let first = wait(&bulkhead);
    let woken = Arc::default();
    let mut second = admit(&bulkhead);
    assert!(poll_with(&mut second, &woken).is_pending());
    drop(place);
    drop(first);
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    assert!(is_in(&mut second));
    assert_eq!(bulkhead.look().abandoned, 1);
    assert_eq!(bulkhead.look().admitted, 2, "the dropped one never started");
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_exactly_when_max_wait_is_over() {
    let bulkhead = bulkhead(policy(1, 1).max_wait(Duration::from_millis(100)));
    let place = enter(&bulkhead);
    let begin = now();
    let refused = admit(&bulkhead).await.map(drop);
    assert_eq!(refused, Err(Rejected::bulkhead_full("test")));
    assert_eq!(now() - begin, 100_000_000);
    let look = bulkhead.look();
    assert_eq!((look.waiting, look.waited, look.rejected), (0, 1, 1));
    drop(place);
    drop(enter(&bulkhead));
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_a_deadline_from_elsewhere_even_before_max_wait_is_over() {
    for (max_wait, waits) in [(None, 60), (Some(100), 60), (Some(20), 20)] {
        let mut policy = policy(1, 1);
        if let Some(max_wait) = max_wait {
            policy = policy.max_wait(Duration::from_millis(max_wait));
        }
        let bulkhead = bulkhead(policy);
        let _place = enter(&bulkhead);
        let begin = Instant::now();
        let deadline = begin + Duration::from_millis(60);
        let refused = with_deadline(deadline, admit(&bulkhead)).await.map(drop);
        assert_eq!(refused, Err(Rejected::bulkhead_full("test")));
        assert_eq!(
            begin.elapsed(),
            Duration::from_millis(waits),
            "{max_wait:?}"
        );
        let look = bulkhead.look();
        assert_eq!((look.waiting, look.rejected, look.abandoned), (0, 1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_free_is_given_after_the_deadline_too() {
    let bulkhead = bulkhead(policy(1, 1));
    assert!(
        with_deadline(Instant::now(), admit(&bulkhead))
            .await
            .is_ok()
    );
}

#[tokio::test(start_paused = true)]
async fn a_place_granted_in_the_instant_in_which_max_wait_is_over_wins() {
    let bulkhead = bulkhead(policy(1, 1).max_wait(Duration::from_millis(100)));
    let place = enter(&bulkhead);
    let mut admission = wait(&bulkhead);
    advance(Duration::from_millis(100)).await;
    drop(place);
    assert!(is_in(&mut admission));
    assert_eq!(bulkhead.look().rejected, 0);
}

#[tokio::test(start_paused = true)]
async fn without_max_wait_a_call_waits_as_long_as_its_caller() {
    let bulkhead = bulkhead(policy(1, 1));
    let _place = enter(&bulkhead);
    let cut = timeout(Duration::from_secs(86_400), admit(&bulkhead)).await;
    assert!(cut.is_err());
    let look = bulkhead.look();
    assert_eq!((look.waiting, look.abandoned, look.rejected), (0, 1, 0));
}

#[test]
fn a_call_with_a_free_place_needs_no_runtime() {
    let bulkhead = bulkhead(policy(1, 1).max_wait(Duration::from_millis(100)));
    drop(enter(&bulkhead));
}

#[test]
fn growing_wakes_as_many_as_there_are_new_places() {
    let bulkhead = bulkhead(policy(1, 4));
    let _place = enter(&bulkhead);
    let mut waiting: Vec<_> = (0..4).map(|_| wait(&bulkhead)).collect();
    bulkhead.reconfigure(&policy(3, 4));
    let mut permits: Vec<_> = waiting.iter_mut().map(poll).collect();
    permits.retain(Poll::is_ready);
    assert_eq!(permits.len(), 2);
    assert_eq!((bulkhead.look().inside, bulkhead.look().waiting), (3, 2));
}

#[test]
fn shrinking_takes_effect_as_calls_leave() {
    let bulkhead = bulkhead(policy(3, 1));
    let mut inside: Vec<_> = (0..3).map(|_| enter(&bulkhead)).collect();
    let mut waiting = wait(&bulkhead);
    bulkhead.reconfigure(&policy(1, 1));
    assert_eq!(
        (bulkhead.look().inside, bulkhead.look().limit),
        (3, Some(1))
    );
    inside.pop();
    inside.pop();
    assert!(poll(&mut waiting).is_pending());
    inside.pop();
    assert!(is_in(&mut waiting));
}

#[test]
fn a_shorter_queue_sends_nobody_away_who_waits() {
    let bulkhead = bulkhead(policy(1, 2));
    let place = enter(&bulkhead);
    let (mut first, mut second) = (wait(&bulkhead), wait(&bulkhead));
    bulkhead.reconfigure(&policy(1, 0));
    assert!(is_full(&bulkhead));
    drop(place);
    assert!(is_in(&mut first));
    assert!(is_in(&mut second));
}

// ---- Switched off, or without a limit

#[test]
fn without_a_limit_every_call_is_let_through() {
    for policy in [
        BulkheadPolicy::new(),
        BulkheadPolicy::new().queue(3),
        policy(1, 0).enabled(false),
    ] {
        let bulkhead = bulkhead(policy);
        let _inside: Vec<_> = (0..100).map(|_| enter(&bulkhead)).collect();
        let look = bulkhead.look();
        assert_eq!((look.limit, look.inside, look.admitted), (None, 0, 0));
        assert_eq!(look.state(), "unlimited");
    }
}

#[test]
fn a_call_that_took_no_place_gives_none_back() {
    let bulkhead = bulkhead(policy(1, 0).enabled(false));
    let before = enter(&bulkhead);
    bulkhead.reconfigure(&policy(1, 0));
    let counted = enter(&bulkhead);
    drop(before);
    assert!(is_full(&bulkhead));
    bulkhead.reconfigure(&policy(1, 0).enabled(false));
    drop(counted);
    bulkhead.reconfigure(&policy(1, 0));
    assert_eq!(bulkhead.look().inside, 0);
}

#[test]
fn switching_off_lets_those_in_who_wait() {
    let bulkhead = bulkhead(policy(1, 3));
    let place = enter(&bulkhead);
    let mut first = wait(&bulkhead);
    let second = wait(&bulkhead);
    bulkhead.reconfigure(&policy(1, 3).enabled(false));
    assert!(is_in(&mut first));
    drop(second);
    assert_eq!((bulkhead.look().inside, bulkhead.look().waiting), (1, 0));
    drop(place);
    assert_eq!(bulkhead.look().inside, 0);
}

// ---- Reported and shown

#[tokio::test]
async fn a_refusal_is_an_event() {
    use crate::event::{Events, What};
    let bulkhead = Bulkhead::new("reported", &policy(1, 0));
    let _place = enter(&bulkhead);
    let mut events = Events::subscribe();
    assert!(poll(&mut admit(&bulkhead)).is_ready());
    loop {
        let event = events.next().await;
        if event.policy == "reported" {
            assert_eq!(event.kind, BulkheadPolicy::KIND);
            assert_eq!(
                event.what,
                What::Rejected(Rejected::bulkhead_full("reported"))
            );
            break;
        }
    }
}

#[test]
fn a_snapshot_says_how_full_it_is_in_words() {
    let bulkhead = bulkhead(policy(2, 5));
    let _inside = (enter(&bulkhead), enter(&bulkhead));
    let _waiting = wait(&bulkhead);
    let snapshot = bulkhead.snapshot();
    assert_eq!(snapshot.show().state(), "2 of 2");
    assert_eq!(snapshot.show().note(), "1 of 5 waiting");
    assert_eq!(snapshot.show().counts()[0], ("admitted", Some(2)));
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let key = |policy: BulkheadPolicy| policy.invalid().map(|invalid| invalid.key());
    assert_eq!(key(BulkheadPolicy::new().limit(0)), Some("limit"));
    assert_eq!(key(BulkheadPolicy::new().limit(MOST + 1)), Some("limit"));
    assert_eq!(key(BulkheadPolicy::new().queue(MOST + 1)), Some("queue"));
    assert_eq!(
        key(BulkheadPolicy::new().max_wait(Duration::ZERO)),
        Some("max_wait")
    );
    assert_eq!(key(policy(MOST, MOST).max_wait(Duration::MAX)), None);
    assert_eq!(
        policy(1, 0).effective("order"),
        Some(Value::Text("fifo".to_owned()))
    );
}

#[test]
fn what_is_written_of_a_bulkhead_and_its_calls_for_people_names_it() {
    let bulkhead = bulkhead(policy(1, 1));
    let mut admission = admit(&bulkhead);
    let waits = |admission: &BulkheadAdmission<'_>, waits: bool| {
        let expected = format!("BulkheadAdmission {{ bulkhead: \"test\", waiting: {waits} }}");
        assert_eq!(format!("{admission:?}"), expected);
    };
    waits(&admission, false);
    let place = enter_weighing(&bulkhead, 1);
    assert_eq!(
        format!("{place:?}"),
        r#"BulkheadPermit { bulkhead: "test", places: 1 }"#
    );
    assert!(poll(&mut admission).is_pending());
    waits(&admission, true);
}

#[test]
fn a_call_that_cannot_wait_and_meets_a_limit_that_is_just_taken_away_is_told_that_it_was_full() {
    // Between the look at the word and the refusal the limit may go.
    let bulkhead = bulkhead(BulkheadPolicy::new());
    assert_eq!(bulkhead.turn_away(3), Rejected::bulkhead_full("test"));
}

// ---- One bulkhead for each key

#[test]
fn what_the_bulkheads_of_all_keys_count_is_counted_together() {
    let bulkhead = bulkhead(policy(1, 1));
    let use_up = |bulkhead: &Bulkhead, admitted: u32, abandoned: u32, rejected: u32| {
        for _ in 0..admitted {
            drop(enter(bulkhead));
        }
        let _place = enter(bulkhead);
        for _ in 0..abandoned {
            drop(wait(bulkhead));
        }
        let _waits = wait(bulkhead);
        for _ in 0..rejected {
            assert!(is_full(bulkhead));
        }
    };
    // Each of them: one more that is admitted, and one more that waits and is abandoned.
    use_up(&bulkhead, 1, 2, 3);
    use_up(&bulkhead.keyed("a"), 10, 20, 30);
    use_up(&bulkhead.keyed("b"), 100, 200, 300);
    let LiveSnapshot::Bulkhead(seen) = bulkhead.snapshot() else {
        panic!("it is a bulkhead");
    };
    assert_eq!(seen.admitted, 111 + 3);
    assert_eq!(seen.abandoned, 222 + 3);
    assert_eq!(seen.waited, 222 + 3);
    assert_eq!(seen.rejected, 333);
    assert_eq!(seen.keys.expect("there are keys").instances, 2);
    let of_keys: Vec<_> = bulkhead
        .key_snapshots()
        .into_iter()
        .map(|(key, seen)| (key.to_string(), seen.rejected))
        .collect();
    assert_eq!(of_keys, [("a".to_owned(), 30), ("b".to_owned(), 300)]);
}

#[test]
fn a_key_keeps_its_bulkhead_for_as_long_as_a_call_is_inside_and_is_refusing_when_it_is_full() {
    let bulkhead = bulkhead(policy(2, 1).max_keys(1));
    let refusing = |bulkhead: &Bulkhead| {
        let keys = bulkhead.look_with_keys().keys.expect("there are keys");
        (keys.instances, keys.refusing)
    };
    let a = bulkhead.keyed("a");
    let first = enter(&a);
    assert_eq!(refusing(&bulkhead), (1, 0), "one place is left");
    let second = enter(&a);
    assert_eq!(refusing(&bulkhead), (1, 1));
    bulkhead.keyed("b");
    assert!(bulkhead.with_key("b").is_none(), "it shares the overflow");
    drop((first, second));
    assert!(a.is_fresh(0));
    let waits = {
        let _both = enter_weighing(&a, 2);
        let waits = wait(&a);
        assert!(!a.is_fresh(0));
        waits
    };
    assert!(!a.is_fresh(0), "a call has its place, and has not seen it");
    drop(waits);
    assert!(a.is_fresh(0));
    drop(a);
    bulkhead.keyed("b");
    assert!(bulkhead.with_key("b").is_some());
    assert!(bulkhead.with_key("a").is_none());
}

// ---- Under load

/// Calls that are dropped at random polls, and now and then other settings. Who is inside and who
/// waits is counted independently of the word.
#[test]
fn a_storm_of_calls_dropped_at_random_ends_with_nobody_inside_and_nobody_forgotten() {
    const LIMIT: u32 = 3;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .expect("a runtime");
    let bulkhead = Arc::new(bulkhead(policy(LIMIT, 5)));
    let inside = Arc::new(AtomicU32::new(0));
    runtime.block_on(async {
        let tasks: Vec<_> = (0..16)
            .map(|task| {
                let (bulkhead, inside) = (Arc::clone(&bulkhead), Arc::clone(&inside));
                tokio::spawn(async move {
                    for round in 0..600 {
                        if task == 0 && round % 50 == 0 {
                            let order = [Order::Fifo, Order::Lifo][round / 50 % 2];
                            let limit = LIMIT - u32::from(round % 100 == 0);
                            bulkhead.reconfigure(&policy(limit, 5).order(order));
                        }
                        let mut polls = fastrand::u32(1..6);
                        let call = async {
                            let cost = fastrand::u32(0..=LIMIT);
                            let Ok(_permit) = weigh(&bulkhead, cost).await else {
                                return;
                            };
                            assert!(inside.fetch_add(cost, Ordering::SeqCst) + cost <= LIMIT);
                            let _leaves = Leaves(&inside, cost);
                            for _ in 0..fastrand::u32(0..3) {
                                tokio::task::yield_now().await;
                            }
                        };
                        let mut call = std::pin::pin!(call);
                        let patient = fastrand::bool();
                        std::future::poll_fn(|context| {
                            polls -= u32::from(!patient);
                            match call.as_mut().poll(context) {
                                Poll::Pending if polls > 0 => {
                                    if !patient {
                                        context.waker().wake_by_ref();
                                    }
                                    Poll::Pending
                                }
                                _ => Poll::Ready(()),
                            }
                        })
                        .await;
                        assert!(bulkhead.look().waiting <= 5);
                    }
                })
            })
            .collect();
        for task in tasks {
            timeout(Duration::from_secs(60), task)
                .await
                .expect("nobody was forgotten")
                .expect("never more than the limit inside");
        }
    });
    let look = bulkhead.look();
    assert_eq!((look.inside, look.waiting), (0, 0));
    assert_eq!(look.admitted + look.rejected + look.abandoned, 16 * 600);
    let line = bulkhead.line.lock();
    assert_eq!((line.first, line.last), (NONE, NONE));
}

struct Leaves<'a>(&'a AtomicU32, u32);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::SeqCst);
    }
}

#[test]
fn a_place_changes_hands_between_threads_without_a_lost_wake_up() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime");
    let bulkhead = Arc::new(bulkhead(policy(1, 8)));
    runtime.block_on(async {
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let bulkhead = Arc::clone(&bulkhead);
                tokio::spawn(async move {
                    for _ in 0..1_000 {
                        drop(admit(&bulkhead).await.expect("room for all"));
                    }
                })
            })
            .collect();
        for task in tasks {
            timeout(Duration::from_secs(60), task)
                .await
                .expect("nobody was forgotten")
                .expect("no refusal");
        }
    });
    assert_eq!(bulkhead.look().admitted, 8_000);
    assert_eq!(bulkhead.look().inside, 0);
}

#[test]
fn a_call_that_cannot_wait_is_refused_at_once_and_overtakes_nobody() {
    let bulkhead = bulkhead(policy(2, 5));
    let heavy = bulkhead.try_admit_weighing(&FRAME, 2).expect("both places");
    let refused = bulkhead.try_admit(&FRAME).expect_err("it is full");
    assert_eq!(
        refused,
        Rejected::bulkhead_full("test"),
        "although there is a queue"
    );
    let refused = bulkhead.try_admit_weighing(&FRAME, 3).expect_err("never");
    assert_eq!(refused, Rejected::too_costly("test", 3, 2));
    assert!(
        bulkhead.try_admit_weighing(&FRAME, 0).is_ok(),
        "it takes nothing"
    );
    drop(heavy);

    let place = enter(&bulkhead);
    let mut heavy = bulkhead.admit_weighing(&FRAME, 2);
    assert!(poll(&mut heavy).is_pending());
    assert!(
        bulkhead.try_admit(&FRAME).is_err(),
        "the free place is for who waits"
    );
    drop(place);
    assert!(poll(&mut heavy).is_ready());
    drop(heavy);

    let unlimited = Bulkhead::new("test", &BulkheadPolicy::new());
    assert!(unlimited.try_admit_weighing(&FRAME, 7).is_ok());
}
