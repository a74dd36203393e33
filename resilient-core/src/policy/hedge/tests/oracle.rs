//! Races under one hedge, polled when chance says, against a list of all their attempts.

use super::*;
use crate::deadline::with_deadline;
use proptest::prelude::*;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::atomic::AtomicUsize;
use std::task::Wake;
use tokio::time::Instant;

/// More attempts than a call can have.
const ATTEMPTS: usize = 12;

/// Of fewer calls than a history has a tenth is no more than what there is always.
const SHARE: Share = Share::percent(10);
const ALWAYS: usize = 30;
const TICK: u64 = 100;

/// How an attempt ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Good,
    /// An error which another attempt might not meet.
    Transient,
    /// One with a hint about trying again.
    Busy,
    /// One that every attempt would meet.
    Permanent,
    NoFailure,
    Ignored,
    /// By a policy further in: before its body, if it waits there.
    Refused,
    Panic,
}

impl End {
    /// Whether a call that ends like this need not wait for others.
    fn is_final(self) -> bool {
        !matches!(self, Self::Transient | Self::Busy | Self::Refused)
    }
}

/// What is written, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Written {
    after: Option<u64>,
    max: u32,
    budget: bool,
    enabled: bool,
}

impl Written {
    fn policy(self) -> HedgePolicy {
        let mut policy = HedgePolicy::new().max(self.max).enabled(self.enabled);
        if let Some(after) = self.after {
            policy = policy.after(HedgeAfter::after(ms(after)));
        }
        if self.budget {
            policy = policy.budget(Budget::own(SHARE));
        }
        policy.checked()
    }

    fn hedges(self) -> bool {
        self.enabled && self.after.is_some()
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// A call, with a deadline so long after the beginning, and whose attempts wait before their bodies.
    Start(Option<u64>, [bool; 2]),
    Pass(u64),
    Poll(usize),
    /// The attempt of a call with this number ends when it is polled next, or for the first time.
    Answer(usize, usize, End),
    /// It need not wait any longer before its body.
    Enter(usize, usize),
    /// By the caller, or by a timeout above.
    Drop(usize, bool),
    /// So many places of the budget are used by somebody else.
    Spend(usize),
    Reconfigure(Written),
}

fn written() -> impl Strategy<Value = Written> {
    (
        prop::option::weighted(0.9, prop_oneof![1 => Just(0), 5 => 1..40_u64]),
        prop_oneof![4 => 1..4_u32, 1 => 1..11_u32],
        prop::bool::weighted(0.4),
        prop::bool::weighted(0.9),
    )
        .prop_map(|(after, max, budget, enabled)| Written {
            after,
            max,
            budget,
            enabled,
        })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let deadline = prop::option::weighted(0.3, prop_oneof![0..60_u64, 0..600_u64]);
    let end = prop_oneof![
        6 => Just(End::Good),
        10 => Just(End::Transient),
        2 => Just(End::Busy),
        2 => Just(End::Permanent),
        1 => Just(End::NoFailure),
        1 => Just(End::Ignored),
        4 => Just(End::Refused),
        1 => Just(End::Panic),
    ];
    let attempt = || prop_oneof![3 => 0..2_usize, 2 => 0..5_usize];
    let step = prop_oneof![
        8 => (deadline, [prop::bool::weighted(0.2), prop::bool::weighted(0.5)])
            .prop_map(|(deadline, queued)| Step::Start(deadline, queued)),
        12 => prop_oneof![4 => 0..30_u64, 1 => 30..200_u64, 1 => Just(10_100)].prop_map(Step::Pass),
        16 => any::<usize>().prop_map(Step::Poll),
        10 => (any::<usize>(), attempt(), end).prop_map(|(call, attempt, end)| {
            Step::Answer(call, attempt, end)
        }),
        4 => (any::<usize>(), attempt()).prop_map(|(call, attempt)| Step::Enter(call, attempt)),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(call, cut)| Step::Drop(call, cut)),
        1 => (1..32_usize).prop_map(Step::Spend),
        2 => written().prop_map(Step::Reconfigure),
    ];
    crate::tests::steps(step, 1..120)
}

// ---- What is told to the attempts of a call, and what they tell

#[derive(Clone, Copy, Debug, Default)]
struct Told {
    /// It waits before its body for as long as this is true.
    queued: bool,
    ends: Option<End>,
}

#[derive(Debug, Default)]
struct World {
    told: [Cell<Told>; ATTEMPTS],
    begun: Cell<usize>,
    alive: Cell<usize>,
    /// The attempts that were dropped before they ended, and how that looked to their permits.
    endings: RefCell<Vec<(usize, Outcome)>>,
}

/// What an attempt holds for as long as it lives.
struct Permit<'a> {
    world: Rc<World>,
    attempt: usize,
    frame: &'a Frame,
    settled: bool,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.world.alive.set(self.world.alive.get() - 1);
        if !self.settled {
            let ending = (self.attempt, self.frame.ending());
            self.world.endings.borrow_mut().push(ending);
        }
    }
}

/// The error of an attempt, with its number.
type Said = (End, usize);
type Ended = Inside<usize, Said>;

/// As many seconds tell which attempt met it.
fn refusal(attempt: usize) -> Rejected {
    Rejected::rate_limited("inner", Duration::from_secs(attempt as u64))
}

fn ended(end: End, attempt: usize) -> Ended {
    match end {
        End::Good => Ok(attempt),
        End::Refused => Err(Failure::Rejected(refusal(attempt))),
        End::Panic => resume_unwind(Box::new("the body panics")),
        error => Err(Failure::Error((error, attempt))),
    }
}

fn verdict(outcome: &Ended) -> Verdict {
    match outcome {
        Ok(_) => Verdict::Success,
        Err(Failure::Rejected(rejected)) => Verdict::Rejected {
            rejected: *rejected,
            when_rejected: None,
        },
        Err(Failure::Error((end, _))) => match end {
            End::Permanent => Verdict::Permanent,
            End::NoFailure => Verdict::NoFailure,
            End::Ignored => Verdict::Ignored,
            End::Busy => Verdict::Advised {
                class: Class::Throttled { retry_after: None },
                hint: RetryHint::new(),
            },
            _ => Verdict::Failure,
        },
    }
}

async fn attempt(world: Rc<World>, attempt: usize, frame: &Frame) -> Ended {
    world.alive.set(world.alive.get() + 1);
    let mut permit = Permit {
        world: Rc::clone(&world),
        attempt,
        frame,
        settled: false,
    };
    let told = || world.told[attempt].get();
    let refused = std::future::poll_fn(|_| match told() {
        Told {
            queued: true,
            ends: Some(End::Refused),
        } => Poll::Ready(Some(End::Refused)),
        Told { queued: true, .. } => Poll::Pending,
        Told { queued: false, .. } => Poll::Ready(None),
    });
    let outcome = if let Some(refused) = refused.await {
        ended(refused, attempt)
    } else {
        let body = std::future::poll_fn(|_| match told().ends {
            Some(end) => Poll::Ready(ended(end, attempt)),
            None => Poll::Pending,
        });
        frame.run(body).await
    };
    permit.settled = true;
    outcome
}

// ---- The list

#[derive(Clone, Copy, Debug, PartialEq)]
enum Where {
    Waits,
    Body,
    /// It has failed, and others run.
    Failed(End),
}

/// A call, told by its attempts in the order in which they began.
#[derive(Debug)]
struct Call {
    attempts: Vec<Where>,
    /// Whether it was polled, and so has begun.
    begun: bool,
    /// How many extra attempts may still come.
    left: u32,
    due: Option<u64>,
    deadline: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Pending,
    /// Of this attempt.
    Ended(End, usize),
}

#[derive(Debug)]
struct Oracle {
    written: Written,
    now: u64,
    /// When extra attempts of the budget began.
    spent: Vec<u64>,
    hedged: u64,
    extra_attempts: u64,
    won: u64,
    suppressed: u64,
}

impl Oracle {
    fn is_left(&self) -> bool {
        let newest = |at: &&u64| *at / TICK + 101 > self.now / TICK;
        self.spent.iter().filter(newest).count() < ALWAYS
    }

    /// Polls an attempt: how it ended, if it did.
    fn look(call: &mut Call, number: usize, told: Told) -> Option<End> {
        let place = &mut call.attempts[number];
        match (*place, told) {
            (Where::Failed(_), _) => return None,
            (
                Where::Waits,
                Told {
                    queued: true, ends, ..
                },
            ) => {
                if ends != Some(End::Refused) {
                    return None;
                }
            }
            _ => *place = Where::Body,
        }
        if let Some(end) = told.ends {
            *place = Where::Failed(end);
        }
        told.ends
    }

    fn poll(&mut self, call: &mut Call, told: impl Fn(usize) -> Told) -> Answer {
        if !call.begun {
            call.begun = true;
            if self.written.hedges() {
                call.left = self.written.max;
            }
        }
        // The first attempt, then the newest one and those before it.
        let count = call.attempts.len();
        for number in std::iter::once(0).chain((1..count).rev()) {
            let Some(end) = Self::look(call, number, told(number)) else {
                continue;
            };
            if end.is_final() || count == 1 {
                return self.ends(end, number);
            }
        }
        loop {
            let all_failed = call
                .attempts
                .iter()
                .all(|place| matches!(place, Where::Failed(_)));
            if all_failed {
                let Where::Failed(first) = call.attempts[0] else {
                    unreachable!("all have failed")
                };
                return Answer::Ended(first, 0);
            }
            if call.due.is_none() && call.left > 0 {
                let after = self.written.after.filter(|_| self.written.enabled);
                let due = after.map(|after| self.now + after);
                call.due = due.filter(|due| call.deadline.is_none_or(|end| *due < end));
                call.left = if call.due.is_some() { call.left - 1 } else { 0 };
            }
            if call.due.is_none_or(|due| due > self.now) {
                return Answer::Pending;
            }
            call.due = None;
            if self.written.budget && !self.is_left() {
                self.suppressed += 1;
                continue;
            }
            if self.written.budget {
                self.spent.push(self.now);
            }
            let number = call.attempts.len();
            self.hedged += u64::from(number == 1);
            self.extra_attempts += 1;
            call.attempts.push(Where::Waits);
            if let Some(end) = Self::look(call, number, told(number))
                && end.is_final()
            {
                return self.ends(end, number);
            }
        }
    }

    fn ends(&mut self, end: End, number: usize) -> Answer {
        self.won += u64::from(number > 0 && end != End::Panic);
        Answer::Ended(end, number)
    }

    /// How the attempts that run look to their permits when they are dropped.
    fn dropped(call: &Call, cut: bool) -> Vec<(usize, Outcome)> {
        let begun = call.attempts.iter().enumerate().filter(|_| call.begun);
        begun
            .filter_map(|(number, place)| match place {
                Where::Body if cut => Some((number, Outcome::Failure)),
                Where::Body | Where::Waits => Some((number, Outcome::Abandoned)),
                Where::Failed(_) => None,
            })
            .collect()
    }
}

// ---- The same with a real hedge

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Running<'a> {
    call: Call,
    race: Pin<Box<dyn Future<Output = Ended> + 'a>>,
    world: Rc<World>,
    frame: &'a Frame,
    woken: Arc<Woken>,
}

impl<'a> Running<'a> {
    fn new(hedge: &'a Hedge, frame: &'a Frame, queued: [bool; 2]) -> Self {
        let world = Rc::<World>::default();
        for (number, told) in world.told.iter().enumerate() {
            let queued = queued[number.min(1)];
            told.set(Told { queued, ends: None });
        }
        let make = |world: &Rc<World>| {
            let number = world.begun.replace(world.begun.get() + 1);
            attempt(Rc::clone(world), number, frame)
        };
        Self {
            call: Call {
                attempts: vec![Where::Waits],
                begun: false,
                left: 0,
                due: None,
                deadline: None,
            },
            race: Box::pin(hedge.race(frame, Rc::clone(&world), make, verdict)),
            world,
            frame,
            woken: Arc::default(),
        }
    }

    fn until(mut self, deadline: u64, at: Instant) -> Self {
        self.race = Box::pin(with_deadline(at, self.race));
        self.call.deadline = Some(deadline);
        self
    }

    /// Polls it, and compares: true if it is over.
    fn poll(&mut self, oracle: &mut Oracle) -> Result<bool, TestCaseError> {
        let world = Rc::clone(&self.world);
        let expected = oracle.poll(&mut self.call, |number| world.told[number].get());
        self.woken.0.store(0, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&self.woken));
        let mut context = Context::from_waker(&waker);
        let polled = catch_unwind(AssertUnwindSafe(|| self.race.as_mut().poll(&mut context)));
        prop_assert_eq!(world.begun.get(), self.call.attempts.len());
        let seen = match polled {
            Ok(Poll::Pending) => Answer::Pending,
            Ok(Poll::Ready(Ok(number))) => Answer::Ended(End::Good, number),
            Ok(Poll::Ready(Err(Failure::Error((end, number))))) => Answer::Ended(end, number),
            Ok(Poll::Ready(Err(Failure::Rejected(seen)))) => {
                let refused = |number: &usize| seen == refusal(*number);
                let number = (0..ATTEMPTS).find(refused).expect("of an attempt");
                Answer::Ended(End::Refused, number)
            }
            Err(_) => match expected {
                Answer::Ended(End::Panic, number) => Answer::Ended(End::Panic, number),
                _ => return Err(TestCaseError::fail("it panicked")),
            },
        };
        prop_assert_eq!(seen, expected);
        let mut endings = match expected {
            Answer::Pending => Vec::new(),
            Answer::Ended(End::Panic, number) => vec![(number, Outcome::Failure)],
            Answer::Ended(..) => Oracle::dropped(&self.call, false),
        };
        let mut seen = world.endings.take();
        endings.sort_unstable_by_key(|(number, _)| *number);
        seen.sort_unstable_by_key(|(number, _)| *number);
        prop_assert_eq!(seen, endings);
        match expected {
            Answer::Ended(End::Panic, _) => self.drop_attempts(false)?,
            Answer::Ended(..) => prop_assert_eq!(world.alive.get(), 0, "before it is dropped"),
            Answer::Pending => {
                let is_in_body = self.call.attempts.contains(&Where::Body);
                let ending = Cell::new(None);
                cut(|| ending.set(Some(self.frame.ending())));
                let is_failure = ending.get() == Some(Outcome::Failure);
                prop_assert_eq!(is_failure, is_in_body, "for who is outside");
            }
        }
        Ok(expected != Answer::Pending)
    }

    fn drop_attempts(&mut self, by_timeout: bool) -> Result<(), TestCaseError> {
        let expected = Oracle::dropped(&self.call, by_timeout);
        let gone = Box::pin(pending());
        let race = std::mem::replace(&mut self.race, gone);
        if by_timeout {
            cut(|| drop(race));
        } else {
            drop(race);
        }
        let mut seen = self.world.endings.take();
        seen.sort_unstable_by_key(|(number, _)| *number);
        prop_assert_eq!(seen, expected);
        prop_assert_eq!(self.world.alive.get(), 0);
        Ok(())
    }
}

async fn compare(written: Written, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let began = Instant::now();
    let frames: Vec<Frame> = steps.iter().map(|_| Frame::new()).collect();
    let hedge = Hedge::new("compared", &written.policy());
    let start = time::now() / 1_000_000;
    let mut oracle = Oracle {
        written,
        // The clock of the process does not begin with the history, and the budget looks at it.
        now: start,
        spent: Vec::new(),
        hedged: 0,
        extra_attempts: 0,
        won: 0,
        suppressed: 0,
    };
    let mut calls: Vec<Running<'_>> = Vec::new();
    for (step, frame) in steps.into_iter().zip(&frames) {
        match step {
            Step::Start(deadline, queued) => {
                let mut call = Running::new(&hedge, frame, queued);
                if let Some(deadline) = deadline {
                    call = call.until(start + deadline, began + ms(deadline));
                }
                calls.push(call);
            }
            Step::Pass(time) => {
                advance(ms(time)).await;
                oracle.now += time;
            }
            Step::Spend(places) => {
                let live = hedge.held.lock().budget.clone();
                for _ in 0..places {
                    if let Some(live) = &live {
                        let place = Arc::clone(live).take(SHARE, time::now());
                        prop_assert_eq!(place.is_some(), oracle.is_left());
                        if let Some(place) = place {
                            place.begin(time::now());
                            oracle.spent.push(oracle.now);
                        }
                    }
                }
            }
            Step::Reconfigure(written) => {
                oracle.written = written;
                hedge.reconfigure(&written.policy());
            }
            _ if calls.is_empty() => {}
            Step::Poll(which) => {
                let which = which % calls.len();
                if calls[which].poll(&mut oracle)? {
                    calls.swap_remove(which);
                }
            }
            Step::Answer(which, attempt, end) => {
                let which = which % calls.len();
                let told = &calls[which].world.told[attempt];
                let queued = told.get().queued;
                told.set(Told {
                    queued,
                    ends: Some(end),
                });
            }
            Step::Enter(which, attempt) => {
                let which = which % calls.len();
                let told = &calls[which].world.told[attempt];
                let ends = told.get().ends;
                told.set(Told {
                    queued: false,
                    ends,
                });
            }
            Step::Drop(which, by_timeout) => {
                let mut call = calls.swap_remove(which % calls.len());
                call.drop_attempts(by_timeout)?;
            }
        }
        for call in &calls {
            if call.call.due.is_some_and(|due| due <= oracle.now) {
                prop_assert_eq!(call.woken.0.load(Ordering::SeqCst), 1, "it is due");
            }
        }
        let seen = snapshot(&hedge);
        prop_assert_eq!(seen.hedged, oracle.hedged);
        prop_assert_eq!(seen.extra_attempts, oracle.extra_attempts);
        prop_assert_eq!(seen.won, oracle.won);
        prop_assert_eq!(seen.suppressed, oracle.suppressed);
        let after = oracle.written.after.filter(|_| oracle.written.enabled);
        prop_assert_eq!(seen.after, after.map(ms));
        prop_assert_eq!(seen.enabled, oracle.written.enabled);
    }
    for mut call in calls {
        call.drop_attempts(false)?;
    }
    Ok(())
}

crate::tests::histories! {
    #[test]
    fn the_attempts_of_a_race_begin_and_end_as_a_list_of_them_says(
        written in written(),
        steps in steps(),
    ) {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime")
            .block_on(compare(written, steps))?;
    }
}
