//! Timeouts inside each other, against a walk through the same program with a list of all ends.

use super::super::*;
use crate::deadline::{deadline, with_deadline};
use proptest::prelude::*;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use tokio::time::{Instant, advance, sleep};

/// What is written of a timeout that several functions have.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Written {
    duration: Option<u64>,
    enabled: bool,
}

impl Written {
    fn policy(self) -> TimeoutPolicy {
        let policy = TimeoutPolicy::new().enabled(self.enabled);
        match self.duration {
            Some(duration) => policy.duration(ms(duration)),
            None => policy,
        }
    }

    /// How long a call that begins now may take, if it came with this duration of its own.
    fn length(self, own: Option<u64>) -> Option<u64> {
        own.or(self.duration).filter(|_| self.enabled)
    }
}

/// What a body does, one step after another. All times are in milliseconds.
#[derive(Clone, Debug)]
enum Step {
    /// Takes so long without ever yielding.
    Compute(u64),
    Wait(u64),
    /// Wants to know how much time is left.
    Ask,
    /// Calls a function with this timeout, and ends with its error or goes on.
    Call(u64, Vec<Step>, bool),
    /// The same with one of the timeouts that several functions have, and with a duration for this call
    /// alone, if there is one.
    Shared(usize, Option<u64>, Vec<Step>, bool),
    /// Something else is written of one of them from now on.
    Reconfigure(usize, Written),
    /// Says that a deadline came with the request, so long after the whole began.
    Given(u64, Vec<Step>),
    Panic,
}

/// The timeout of one function is called after how many there are around it.
const NAMES: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];

/// Those that several functions have.
const SHARED: [&str; 2] = ["shared", "shared too"];

const fn ms(milli: u64) -> Duration {
    Duration::from_millis(milli)
}

fn written() -> impl Strategy<Value = Written> {
    let duration = prop::option::weighted(0.8, 1..90_u64);
    (duration, prop::bool::weighted(0.8))
        .prop_map(|(duration, enabled)| Written { duration, enabled })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let reconfigure = (0..2_usize, written());
    let leaf = prop_oneof![
        12 => reconfigure.prop_map(|(which, written)| Step::Reconfigure(which, written)),
        20 => (1..40_u64).prop_map(Step::Compute),
        40 => (1..40_u64).prop_map(Step::Wait),
        20 => Just(Step::Ask),
        1 => Just(Step::Panic),
    ];
    let step = leaf.prop_recursive(5, 24, 6, |inner| {
        let body = || crate::tests::steps(inner.clone(), 0..6);
        prop_oneof![
            4 => (1..90_u64, body(), any::<bool>())
                .prop_map(|(length, body, passes)| Step::Call(length, body, passes)),
            4 => (0..2_usize, prop::option::weighted(0.3, 0..90_u64), body(), any::<bool>())
                .prop_map(|(which, own, body, passes)| Step::Shared(which, own, body, passes)),
            1 => (0..150_u64, body()).prop_map(|(at, body)| Step::Given(at, body)),
        ]
    });
    crate::tests::steps(step, 1..8)
}

// ---- The walk

#[derive(Clone, Copy, Debug)]
enum Around {
    Timeout {
        name: &'static str,
        length: u64,
        begun: Option<u64>,
    },
    Given(u64),
}

/// How the steps of one body ended early.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Early {
    /// With an error of a call in it.
    Error,
    /// Dropped by the timeout at this place.
    Cut(usize),
    Panic,
}

#[derive(Debug)]
struct Oracle {
    now: u64,
    /// Outermost first.
    around: Vec<Around>,
    /// How many functions there are around, each with a timeout.
    depth: usize,
    shared: [Written; 2],
    reported: Vec<Rejected>,
}

impl Oracle {
    /// When what stands at this place, or further out, ends.
    fn end(&self, place: usize) -> Option<u64> {
        let ends = self.around[..=place]
            .iter()
            .filter_map(|around| match around {
                Around::Timeout { length, begun, .. } => begun.map(|begun| begun + length),
                Around::Given(at) => Some(*at),
            });
        ends.min()
    }

    /// The clocks of all timeouts run from now on at the latest.
    fn begin(&mut self) {
        for around in &mut self.around {
            if let Around::Timeout { begun, .. } = around {
                begun.get_or_insert(self.now);
            }
        }
    }

    fn walk(&mut self, steps: &[Step]) -> Result<(), Early> {
        for step in steps {
            match step {
                Step::Compute(time) => self.now += time,
                Step::Ask => self.begin(),
                Step::Wait(time) => self.wait(*time)?,
                Step::Panic => return Err(Early::Panic),
                Step::Given(at, body) => {
                    self.around.push(Around::Given(*at));
                    let walked = self.walk(body);
                    self.around.pop();
                    walked?;
                }
                Step::Reconfigure(which, written) => self.shared[*which] = *written,
                Step::Call(length, body, passes) => {
                    let called = self.call(NAMES[self.depth], Some(*length), body);
                    passed_on(called, *passes)?;
                }
                Step::Shared(which, own, body, passes) => {
                    let length = self.shared[*which].length(*own);
                    let called = self.call(SHARED[*which], length, body);
                    passed_on(called, *passes)?;
                }
            }
        }
        Ok(())
    }

    fn call(
        &mut self,
        name: &'static str,
        length: Option<u64>,
        body: &[Step],
    ) -> Result<(), Early> {
        let place = self.around.len();
        if let Some(length) = length {
            if place > 0 && self.end(place - 1).is_some_and(|end| end <= self.now) {
                self.reported.push(Rejected::no_time_left(name));
                return Err(Early::Error);
            }
            self.around.push(Around::Timeout {
                name,
                length,
                begun: None,
            });
        }
        self.depth += 1;
        let walked = self.walk(body);
        self.depth -= 1;
        self.around.truncate(place);
        match walked {
            Err(Early::Cut(cut)) if cut == place => Err(Early::Error),
            walked => walked,
        }
    }

    /// Waits, unless a timeout around it ends before: of those which end first, the innermost.
    fn wait(&mut self, time: u64) -> Result<(), Early> {
        self.begin();
        let ready = self.now + time;
        let mut first: Option<(u64, usize, Rejected)> = None;
        for place in 0..self.around.len() {
            let Around::Timeout {
                name,
                length,
                begun: Some(begun),
            } = self.around[place]
            else {
                continue;
            };
            let end = self.end(place).expect("it has begun");
            let after = ms(end.saturating_sub(begun));
            // Who is given no time at all is not cut off before that.
            let rejected = if after < ms(length) {
                Rejected::timed_out_early(name, after)
            } else {
                Rejected::timed_out(name, after)
            };
            // It is noticed now at the earliest.
            let at = end.max(self.now);
            if first.is_none_or(|(earliest, ..)| at <= earliest) {
                first = Some((at, place, rejected));
            }
        }
        match first {
            Some((at, place, rejected)) if at < ready => {
                self.now = at;
                self.reported.push(rejected);
                Err(Early::Cut(place))
            }
            _ => {
                self.now = ready;
                Ok(())
            }
        }
    }
}

/// What a body makes of a call in it: it ends with its error, if that is passed on.
fn passed_on(called: Result<(), Early>, passes: bool) -> Result<(), Early> {
    match called {
        Err(Early::Error) if !passes => Ok(()),
        called => called,
    }
}

// ---- The same with real timeouts

struct World {
    began: Instant,
    shared: [Timeout; 2],
    alive: Cell<usize>,
    reported: RefCell<Vec<Rejected>>,
}

struct Alive<'a>(&'a World);

impl<'a> Alive<'a> {
    fn new(world: &'a World) -> Self {
        world.alive.set(world.alive.get() + 1);
        Self(world)
    }
}

impl Drop for Alive<'_> {
    fn drop(&mut self) {
        self.0.alive.set(self.0.alive.get() - 1);
    }
}

/// Moves paused time in the middle of a poll.
fn compute(time: u64) {
    let mut moving = std::pin::pin!(advance(ms(time)));
    let mut context = Context::from_waker(std::task::Waker::noop());
    let _ = moving.as_mut().poll(&mut context);
}

type Walk<'a> = Pin<Box<dyn Future<Output = Inside<(), ()>> + 'a>>;

fn walk<'a>(steps: &'a [Step], depth: usize, world: &'a World) -> Walk<'a> {
    Box::pin(async move {
        let _alive = Alive::new(world);
        for step in steps {
            match step {
                Step::Compute(time) => compute(*time),
                Step::Wait(time) => sleep(ms(*time)).await,
                Step::Ask => assert_eq!(deadline().is_some(), deadline().is_some()),
                Step::Panic => resume_unwind(Box::new("the body panics")),
                Step::Given(at, body) => {
                    with_deadline(world.began + ms(*at), walk(body, depth, world)).await?;
                }
                Step::Call(length, body, passes) => {
                    let policy = TimeoutPolicy::new().duration(ms(*length));
                    let timeout = Timeout::new(NAMES[depth], &policy);
                    let ended = call(&timeout, None, body, depth, world).await;
                    if *passes {
                        ended?;
                    }
                }
                Step::Shared(which, own, body, passes) => {
                    let ended = call(&world.shared[*which], *own, body, depth, world).await;
                    if *passes {
                        ended?;
                    }
                }
                Step::Reconfigure(which, written) => {
                    world.shared[*which].reconfigure(&written.policy());
                }
            }
        }
        Ok(())
    })
}

async fn call(
    timeout: &Timeout,
    own: Option<u64>,
    body: &[Step],
    depth: usize,
    world: &World,
) -> Inside<(), ()> {
    let passes_through = Cell::new(false);
    let work = async {
        let ended = walk(body, depth + 1, world).await;
        passes_through.set(ended.is_err());
        ended
    };
    let ended = match own {
        Some(own) => timeout.limit_to(ms(own), work).await,
        None => timeout.limit(work).await,
    };
    // An error that only passes through is somebody else's.
    if let Err(Failure::Rejected(rejected)) = ended
        && !passes_through.get()
    {
        world.reported.borrow_mut().push(rejected);
    }
    ended
}

/// How many calls a timeout has cut off, and how many it has not begun.
fn counted(reported: &[Rejected], name: &str) -> (u64, u64) {
    let count = |kind: fn(&Rejected) -> bool| {
        let of_it = reported.iter().filter(|rejected| rejected.policy() == name);
        of_it.filter(|rejected| kind(rejected)).count() as u64
    };
    (
        count(|rejected| matches!(rejected, Rejected::TimedOut(_))),
        count(|rejected| matches!(rejected, Rejected::NoTimeLeft(_))),
    )
}

async fn compare(
    shared: [Written; 2],
    steps: Vec<Step>,
    dropped_after: Option<u64>,
) -> Result<(), TestCaseError> {
    let mut oracle = Oracle {
        now: 0,
        around: Vec::new(),
        depth: 0,
        shared,
        reported: Vec::new(),
    };
    let expected = oracle.walk(&steps);
    let world = World {
        began: Instant::now(),
        shared: [0, 1].map(|which| Timeout::new(SHARED[which], &shared[which].policy())),
        alive: Cell::new(0),
        reported: RefCell::default(),
    };
    let mut program = walk(&steps, 0, &world);
    let walking = std::future::poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| program.as_mut().poll(context))) {
            Ok(polled) => polled.map(Ok),
            Err(_) => Poll::Ready(Err("it panicked")),
        }
    });
    let patience = ms(dropped_after.unwrap_or(1_000_000));
    let ended = tokio::time::timeout(patience, walking).await;
    drop(program);
    prop_assert_eq!(world.alive.get(), 0, "each body was dropped once");
    prop_assert_eq!(deadline(), None, "it holds inside alone");
    let reported = world.reported.borrow();
    match ended {
        Ok(ended) => {
            let ended = ended.map_err(|_| Early::Panic);
            let ended = ended.and_then(|ended| ended.map_err(|_| Early::Error));
            prop_assert_eq!(ended, expected);
            prop_assert_eq!(&*reported, &oracle.reported);
            prop_assert_eq!(world.began.elapsed(), ms(oracle.now));
            for (timeout, written) in world.shared.iter().zip(oracle.shared) {
                prop_assert_eq!(timeout.duration(), written.length(None).map(ms));
            }
        }
        Err(_) => prop_assert!(oracle.reported.starts_with(&reported)),
    }
    for timeout in &world.shared {
        let LiveSnapshot::Timeout(seen) = timeout.snapshot() else {
            unreachable!("it is a timeout")
        };
        let counts = (seen.timed_out, seen.no_time_left);
        prop_assert_eq!(counts, counted(&reported, timeout.name()));
    }
    Ok(())
}

crate::tests::histories! {
    #[test]
    fn timeouts_inside_each_other_end_when_a_list_of_all_ends_says(
        shared in [written(), written()],
        steps in steps(),
        dropped_after in prop::option::weighted(0.2, 0..100_u64),
    ) {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime")
            .block_on(compare(shared, steps, dropped_after))?;
    }
}
