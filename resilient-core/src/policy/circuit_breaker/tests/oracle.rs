//! The live breaker, used by one thread, against a naive one written from the rules.

use super::super::*;
use super::Recorder;
use crate::outcome::Verdict;
use crate::setting::Share;
use proptest::prelude::*;
use proptest::test_runner::Config;

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
    half_open_calls: u32,
    success_threshold: u32,
    half_open_for: Nanos,
    count_rejections: bool,
}

impl Numbers {
    fn policy(self) -> CircuitBreakerPolicy {
        let duration = Duration::from_nanos;
        let mut policy = CircuitBreakerPolicy::new()
            .open_for(duration(self.open_for))
            .half_open_calls(self.half_open_calls)
            .success_threshold(self.success_threshold)
            .half_open_for(duration(self.half_open_for))
            .count_rejections(self.count_rejections);
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
    Open(Nanos),
    HalfOpen {
        ok: u32,
        inside: Vec<(usize, Nanos)>,
    },
    Forced(Nanos),
    Disabled(Nanos),
}

struct Oracle {
    numbers: Numbers,
    phase: Phase,
    epoch: u64,
    since: Nanos,
    log: Vec<Record>,
    counts: CircuitBreakerCounts,
    transitions: Vec<String>,
}

/// What the oracle remembers of a call that it let in.
#[derive(Clone, Copy, Debug)]
struct Inside {
    number: usize,
    epoch: u64,
    at: Nanos,
}

impl Oracle {
    fn new(numbers: Numbers, now: Nanos) -> Self {
        Self {
            numbers,
            phase: Phase::Closed,
            epoch: 0,
            since: now,
            log: Vec::new(),
            counts: CircuitBreakerCounts::default(),
            transitions: Vec::new(),
        }
    }

    fn state(&self) -> CircuitBreakerState {
        match self.phase {
            Phase::Closed => CircuitBreakerState::Closed,
            Phase::Open(_) => CircuitBreakerState::Open,
            Phase::HalfOpen { .. } => CircuitBreakerState::HalfOpen,
            Phase::Forced(_) => CircuitBreakerState::ForcedOpen,
            Phase::Disabled(_) => CircuitBreakerState::Disabled,
        }
    }

    fn go(&mut self, phase: Phase, at: Nanos) {
        let from = self.state();
        self.phase = phase;
        let to = self.state();
        self.transitions.push(format!("{from} > {to}"));
        self.epoch += 1;
        self.since = at;
        if to == CircuitBreakerState::Closed {
            self.log.clear();
        }
    }

    fn look(&mut self, now: Nanos) {
        match &mut self.phase {
            Phase::Open(end) if *end <= now => {
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
                self.go(Phase::Closed, end);
            }
            Phase::HalfOpen { inside, .. } => inside.retain(|(_, deadline)| *deadline > now),
            _ => {}
        }
    }

    /// Let in, refused for so long, or refused because it is forced.
    fn admit(&mut self, number: usize, now: Nanos) -> Result<Inside, Option<Nanos>> {
        self.look(now);
        let epoch = self.epoch;
        let refused = match &mut self.phase {
            Phase::Closed | Phase::Disabled(_) => None,
            Phase::Open(end) => Some(Some(*end - now)),
            Phase::Forced(_) => Some(None),
            Phase::HalfOpen { inside, .. } => {
                if inside.len() < self.numbers.half_open_calls as usize {
                    inside.push((number, now + self.numbers.half_open_for));
                    None
                } else {
                    Some(inside.iter().map(|(_, deadline)| *deadline - now).min())
                }
            }
        };
        if let Some(refused) = refused {
            self.counts.rejected += 1;
            return Err(refused);
        }
        Ok(Inside {
            number,
            epoch,
            at: now,
        })
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
        let Newest::Time(length) = self.numbers.newest else {
            unreachable!("it has no length in calls")
        };
        let mut width = 1;
        while width * 2 <= length / 32 {
            width *= 2;
        }
        let buckets = length / width;
        let held = |record: &&Record| now / width - record.at / width < buckets;
        self.log.iter().filter(held).copied().collect()
    }

    fn min_calls(&self) -> usize {
        let most = self.window_length().unwrap_or(u32::MAX);
        let default = self.window_length().unwrap_or(10);
        self.numbers.min_calls.unwrap_or(default).min(most) as usize
    }

    fn streak(&self) -> usize {
        self.log
            .iter()
            .rev()
            .take_while(|record| record.failed)
            .count()
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
            Failures::InARow(threshold) => self.streak() >= threshold as usize,
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

    fn settle(&mut self, call: Inside, outcome: Outcome, now: Nanos) {
        self.look(now);
        match outcome {
            Outcome::Success => self.counts.success += 1,
            Outcome::Failure => self.counts.failure += 1,
            Outcome::Ignored => self.counts.ignored += 1,
            Outcome::Abandoned => self.counts.abandoned += 1,
        }
        if call.epoch != self.epoch {
            self.counts.late += 1;
            return;
        }
        let decides = matches!(outcome, Outcome::Success | Outcome::Failure);
        let failed = outcome == Outcome::Failure;
        let mut open = false;
        let mut close = false;
        match &mut self.phase {
            Phase::Closed if decides => {
                let slow = self
                    .numbers
                    .slow
                    .is_some_and(|(slow_call, _)| now - call.at >= slow_call);
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
            self.counts.opened += 1;
            self.go(Phase::Open(now + self.numbers.open_for), now);
        } else if close {
            self.go(Phase::Closed, now);
        }
    }

    fn agrees(&mut self, seen: &CircuitBreakerSnapshot, now: Nanos) -> Result<(), TestCaseError> {
        self.look(now);
        prop_assert_eq!(seen.state, self.state());
        prop_assert_eq!(seen.counts, self.counts);
        prop_assert_eq!(seen.since, Some(Duration::from_nanos(now - self.since)));
        prop_assert_eq!(seen.why.is_none(), matches!(self.phase, Phase::Closed));
        let next = match &self.phase {
            Phase::Open(end) => Some(*end - now),
            Phase::HalfOpen { inside, .. } => {
                if inside.len() < self.numbers.half_open_calls as usize {
                    Some(0)
                } else {
                    inside.iter().map(|(_, deadline)| *deadline - now).min()
                }
            }
            _ => None,
        };
        prop_assert_eq!(seen.next_probe_in, next.map(Duration::from_nanos));
        let probes = match &self.phase {
            Phase::HalfOpen { ok, inside } => (Some(*ok), Some(inside.len())),
            _ => (None, None),
        };
        prop_assert_eq!(seen.probes_succeeded, probes.0);
        prop_assert_eq!(seen.probes_inside.map(|inside| inside as usize), probes.1);
        if !matches!(self.phase, Phase::Closed) {
            return Ok(());
        }
        if matches!(self.numbers.failures, Failures::InARow(_)) {
            let streak = u32::try_from(self.streak()).ok();
            prop_assert_eq!(seen.failures_in_a_row, streak);
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
}

impl Ending {
    fn outcome(self, numbers: &Numbers) -> Outcome {
        match self {
            Self::Success | Self::NoFailure => Outcome::Success,
            Self::Failure | Self::TimedOut | Self::Panicked => Outcome::Failure,
            Self::Full if numbers.count_rejections => Outcome::Failure,
            Self::Full | Self::Ignored => Outcome::Ignored,
            Self::Dropped => Outcome::Abandoned,
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
    Reset,
}

fn endings(failing: bool) -> impl Strategy<Value = Ending> {
    let (good, bad) = if failing { (4, 10) } else { (30, 4) };
    prop_oneof![
        good => Just(Ending::Success),
        bad => Just(Ending::Failure),
        1 => Just(Ending::NoFailure),
        1 => Just(Ending::Ignored),
        1 => Just(Ending::Full),
        1 => Just(Ending::TimedOut),
        1 => Just(Ending::Dropped),
        1 => Just(Ending::Panicked),
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
        prop::collection::vec(
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
                1 => Just(Step::Reset),
            ],
            1..160,
        )
    })
}

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
        prop_oneof![1 => Just(0), 4 => times()],
        prop::sample::select(vec![1, 2, 4]),
        prop::sample::select(vec![1, 2, 3]),
        times(),
        any::<bool>(),
    )
        .prop_map(
            |(
                failures,
                newest,
                min_calls,
                slow,
                open_for,
                half_open_calls,
                success_threshold,
                half_open_for,
                count_rejections,
            )| {
                Numbers {
                    failures,
                    newest,
                    min_calls,
                    slow,
                    open_for,
                    half_open_calls,
                    success_threshold,
                    half_open_for,
                    count_rejections,
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
                        oracle.settle(inside, ending.outcome(&numbers), now());
                    }
                    _ => held.push((permit, inside)),
                }
            }
            Step::Settle(..) if held.is_empty() => {}
            Step::Settle(index, ending) => {
                let (permit, inside) = held.swap_remove(index % held.len());
                ending.settle(permit, &panicked);
                oracle.settle(inside, ending.outcome(&numbers), now());
            }
            Step::ForceOpen(lasting) | Step::Disable(lasting) => {
                let mut by_hand = Override::because("a drill");
                if let Some(lasting) = lasting {
                    by_hand = by_hand.lasting(Duration::from_nanos(lasting));
                }
                let end = lasting.map_or(NEVER, |lasting| now() + lasting);
                oracle.look(now());
                if matches!(step, Step::ForceOpen(_)) {
                    breaker.force_open(by_hand);
                    oracle.go(Phase::Forced(end), now());
                } else {
                    breaker.disable(by_hand);
                    oracle.go(Phase::Disabled(end), now());
                }
            }
            Step::Reset => {
                breaker.reset("a drill");
                oracle.look(now());
                oracle.go(Phase::Closed, now());
            }
        }
    }
    oracle.agrees(&breaker.snapshot(), now())?;
    for (permit, inside) in held {
        drop(permit);
        oracle.settle(inside, Outcome::Abandoned, now());
    }
    oracle.agrees(&breaker.snapshot(), now())?;
    ORACLE.set(oracle.transitions);
    Ok(())
}

thread_local! {
    static ORACLE: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// How many histories are compared; `RESILIENT_HISTORIES` may ask for more.
fn histories() -> u32 {
    let asked = std::env::var("RESILIENT_HISTORIES").ok();
    asked.and_then(|asked| asked.parse().ok()).unwrap_or(2_500)
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(histories()) })]

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
