//! The live bulkhead, used by one thread, against lists of calls that are too simple to be wrong.

use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// What is written; the longest wait in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Written {
    limit: Option<u32>,
    queue: u32,
    order: Order,
    max_wait: Option<u64>,
    enabled: bool,
}

impl Written {
    fn policy(self) -> BulkheadPolicy {
        let mut policy = BulkheadPolicy::new()
            .queue(self.queue)
            .order(self.order)
            .enabled(self.enabled);
        if let Some(limit) = self.limit {
            policy = policy.limit(limit);
        }
        if let Some(max_wait) = self.max_wait {
            policy = policy.max_wait(Duration::from_millis(max_wait));
        }
        policy.checked()
    }

    fn limit(self) -> Option<usize> {
        let limit = self.limit.filter(|_| self.enabled);
        limit.map(|limit| limit as usize)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Arrive(u32),
    /// By a call that cannot wait.
    Try(u32),
    Poll(usize),
    Drop(usize, Unwinding),
    Leave(usize, Unwinding),
    Pass(u64),
    Reconfigure(Written),
}

/// Whether it happens because something panics.
type Unwinding = bool;

fn written() -> impl Strategy<Value = Written> {
    (
        prop_oneof![6 => (1..5_u32).prop_map(Some), 1 => Just(None)],
        0..5_u32,
        prop_oneof![Just(Order::Fifo), Just(Order::Lifo)],
        prop::option::weighted(0.7, 1..60_u64),
        prop::bool::weighted(0.85),
    )
        .prop_map(|(limit, queue, order, max_wait, enabled)| Written {
            limit,
            queue,
            order,
            max_wait,
            enabled,
        })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let cost = || prop_oneof![3 => 0..6_u32, 2 => Just(1)];
    let unwinding = || prop::bool::weighted(0.2);
    let step = prop_oneof![
        12 => cost().prop_map(Step::Arrive),
        2 => cost().prop_map(Step::Try),
        8 => any::<usize>().prop_map(Step::Poll),
        3 => (any::<usize>(), unwinding())
            .prop_map(|(which, unwinding)| Step::Drop(which, unwinding)),
        7 => (any::<usize>(), unwinding())
            .prop_map(|(which, unwinding)| Step::Leave(which, unwinding)),
        6 => prop_oneof![3 => 0..10_u64, 2 => 10..70_u64].prop_map(Step::Pass),
        2 => written().prop_map(Step::Reconfigure),
    ];
    crate::tests::steps(step, 1..200)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Waits,
    Inside,
    Through,
    TooCostly(usize),
    Full,
}

/// Numbers for calls, lists for places.
struct Oracle {
    written: Written,
    now: u64,
    inside: usize,
    line: VecDeque<usize>,
    fates: Vec<Fate>,
    costs: Vec<usize>,
    /// Until when it waits at the longest.
    ends: Vec<Option<u64>>,
    admitted: u64,
    rejected: u64,
    waited: u64,
    abandoned: u64,
}

impl Oracle {
    fn new(written: Written) -> Self {
        Self {
            written,
            now: 0,
            inside: 0,
            line: VecDeque::new(),
            fates: Vec::new(),
            costs: Vec::new(),
            ends: Vec::new(),
            admitted: 0,
            rejected: 0,
            waited: 0,
            abandoned: 0,
        }
    }

    /// What a new call meets, if it lines up; nobody notices if it leaves the line at once.
    fn arrive(&mut self, cost: usize, can_wait: bool) -> Fate {
        let call = self.fates.len();
        self.costs.push(cost);
        let end = self.written.max_wait.map(|max_wait| self.now + max_wait);
        self.ends.push(end);
        self.fates.push(match self.written.limit() {
            None => Fate::Through,
            Some(_) if cost == 0 => Fate::Inside,
            Some(limit) if cost > limit => Fate::TooCostly(limit),
            Some(_) if !can_wait && !self.line.is_empty() => Fate::Full,
            Some(_) => Fate::Waits,
        });
        if self.fates[call] == Fate::Waits {
            let before: Vec<Fate> = self.fates.clone();
            self.line.push_back(call);
            self.hand_on();
            assert_eq!(
                before[..call],
                self.fates[..call],
                "nobody had to wait for it"
            );
            let queue = if can_wait { self.written.queue } else { 0 };
            if self.fates[call] == Fate::Waits && self.line.len() > queue as usize {
                self.line.retain(|waits| *waits != call);
                self.fates[call] = Fate::Full;
            }
        }
        match self.fates[call] {
            Fate::Inside => self.admitted += 1,
            Fate::Waits => self.waited += 1,
            Fate::TooCostly(_) | Fate::Full => self.rejected += 1,
            Fate::Through => {}
        }
        self.fates[call]
    }

    fn is_over(&self, call: usize) -> bool {
        self.ends[call].is_some_and(|end| end <= self.now)
    }

    /// A call in line looks again.
    fn look(&mut self, call: usize) -> Fate {
        if self.fates[call] == Fate::Waits && self.is_over(call) {
            self.fates[call] = Fate::Full;
            self.line.retain(|waits| *waits != call);
            self.hand_on();
        }
        match self.fates[call] {
            Fate::Inside | Fate::Through => self.admitted += 1,
            Fate::TooCostly(_) | Fate::Full => self.rejected += 1,
            Fate::Waits => {}
        }
        self.fates[call]
    }

    /// It is dropped in line, or its permit is.
    fn end(&mut self, call: usize) {
        match self.fates[call] {
            Fate::Waits => self.line.retain(|waits| *waits != call),
            Fate::Inside => self.inside -= self.costs[call],
            Fate::Through | Fate::TooCostly(_) | Fate::Full => {}
        }
        self.hand_on();
    }

    fn reconfigure(&mut self, written: Written) {
        self.written = written;
        if let Some(limit) = written.limit() {
            for (fate, cost) in self.fates.iter_mut().zip(&self.costs) {
                if *fate == Fate::Waits && *cost > limit {
                    *fate = Fate::TooCostly(limit);
                }
            }
        }
        self.line.retain(|waits| self.fates[*waits] == Fate::Waits);
        self.hand_on();
    }

    fn hand_on(&mut self) {
        loop {
            let next = match self.written.order {
                Order::Lifo => self.line.back(),
                Order::Fifo => self.line.front(),
            };
            let Some(&next) = next else { return };
            self.fates[next] = match self.written.limit() {
                None => Fate::Through,
                Some(limit) if self.inside + self.costs[next] <= limit => {
                    self.inside += self.costs[next];
                    Fate::Inside
                }
                Some(_) => return,
            };
            self.line.retain(|waits| *waits != next);
        }
    }
}

/// Drops it at once, or while its stack unwinds.
fn drop_in<T>(held: T, unwinding: Unwinding) {
    let dropped = catch_unwind(AssertUnwindSafe(|| {
        let _held = held;
        if unwinding {
            resume_unwind(Box::new("the body panics"));
        }
    }));
    assert_eq!(dropped.is_err(), unwinding);
}

fn is_as_told(rejected: Rejected, cost: usize, fate: Fate) -> bool {
    let count = |number: usize| u32::try_from(number).expect("few");
    rejected
        == match fate {
            Fate::TooCostly(most) => Rejected::too_costly("test", count(cost), count(most)),
            _ => Rejected::bulkhead_full("test"),
        }
}

async fn compare(written: Written, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let bulkhead = bulkhead(written.policy());
    let mut oracle = Oracle::new(written);
    let mut waiting: Vec<(usize, BulkheadAdmission<'_>, Arc<Woken>)> = Vec::new();
    let mut inside: Vec<(usize, BulkheadPermit<'_>)> = Vec::new();
    for step in steps {
        let call = oracle.fates.len();
        match step {
            Step::Arrive(cost) => {
                let woken = Arc::default();
                let mut admission = weigh(&bulkhead, cost);
                let polled = poll_with(&mut admission, &woken);
                match (polled, oracle.arrive(cost as usize, true)) {
                    (Poll::Ready(Err(rejected)), fate @ (Fate::TooCostly(_) | Fate::Full)) => {
                        prop_assert!(is_as_told(rejected, cost as usize, fate), "{rejected:?}");
                    }
                    (Poll::Ready(Ok(permit)), Fate::Inside | Fate::Through) => {
                        inside.push((call, permit));
                    }
                    (Poll::Pending, Fate::Waits) => waiting.push((call, admission, woken)),
                    (polled, fate) => prop_assert!(false, "{polled:?}, expected {fate:?}"),
                }
            }
            Step::Try(cost) => {
                let tried = bulkhead.try_admit_weighing(&FRAME, cost);
                match (tried, oracle.arrive(cost as usize, false)) {
                    (Err(rejected), fate @ (Fate::TooCostly(_) | Fate::Full)) => {
                        prop_assert!(is_as_told(rejected, cost as usize, fate), "{rejected:?}");
                    }
                    (Ok(permit), Fate::Inside | Fate::Through) => inside.push((call, permit)),
                    (tried, fate) => prop_assert!(false, "{tried:?}, expected {fate:?}"),
                }
            }
            Step::Poll(which) if !waiting.is_empty() => {
                let which = which % waiting.len();
                let (call, mut admission, woken) = waiting.remove(which);
                let cost = oracle.costs[call];
                match (poll_with(&mut admission, &woken), oracle.look(call)) {
                    (Poll::Pending, Fate::Waits) => waiting.push((call, admission, woken)),
                    (Poll::Ready(Ok(permit)), Fate::Inside | Fate::Through) => {
                        inside.push((call, permit));
                    }
                    (Poll::Ready(Err(rejected)), fate @ (Fate::TooCostly(_) | Fate::Full)) => {
                        prop_assert!(is_as_told(rejected, cost, fate), "{rejected:?}");
                    }
                    (polled, fate) => prop_assert!(false, "{polled:?}, expected {fate:?}"),
                }
            }
            Step::Drop(which, unwinding) if !waiting.is_empty() => {
                let (call, admission, _) = waiting.remove(which % waiting.len());
                drop_in(admission, unwinding);
                oracle.abandoned += 1;
                oracle.end(call);
            }
            Step::Leave(which, unwinding) if !inside.is_empty() => {
                let (call, permit) = inside.remove(which % inside.len());
                drop_in(permit, unwinding);
                oracle.end(call);
            }
            Step::Pass(time) => {
                advance(Duration::from_millis(time)).await;
                oracle.now += time;
            }
            Step::Reconfigure(written) => {
                bulkhead.reconfigure(&written.policy());
                oracle.reconfigure(written);
            }
            Step::Poll(_) | Step::Drop(..) | Step::Leave(..) => {}
        }
        let look = bulkhead.look();
        let limit = look.limit.map(|limit| limit as usize);
        prop_assert_eq!(limit, oracle.written.limit());
        prop_assert_eq!(look.inside as usize, oracle.inside);
        prop_assert_eq!(look.waiting as usize, oracle.line.len());
        prop_assert_eq!(look.admitted, oracle.admitted);
        prop_assert_eq!(look.rejected, oracle.rejected);
        prop_assert_eq!(look.waited, oracle.waited);
        prop_assert_eq!(look.abandoned, oracle.abandoned);
        for (call, _, woken) in &waiting {
            let called_up = oracle.fates[*call] != Fate::Waits;
            let times = usize::from(called_up) + usize::from(oracle.is_over(*call));
            prop_assert_eq!(woken.0.load(Ordering::SeqCst), times);
        }
    }
    drop(waiting);
    drop(inside);
    let look = bulkhead.look();
    prop_assert_eq!((look.inside, look.waiting), (0, 0));
    prop_assert!(bulkhead.line.lock().slots.len() <= oracle.fates.len());
    Ok(())
}

crate::tests::histories! {
    #[test]
    fn a_bulkhead_does_what_lists_of_calls_would_do(written in written(), steps in steps()) {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime")
            .block_on(compare(written, steps))?;
    }
}
