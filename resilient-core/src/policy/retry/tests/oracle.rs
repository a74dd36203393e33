//! One call's decisions, and several calls under a budget, against lists of everything that happened.

use super::*;
use crate::setting::Share;
use proptest::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

const BEGIN: Nanos = 1 << 62;

// ---- What is written, as plain numbers

#[derive(Clone, Copy, Debug, PartialEq)]
enum Growth {
    Fixed,
    Linear,
    Exponential,
    Fibonacci,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Delayed {
    growth: Growth,
    base: Nanos,
    cap: Nanos,
}

impl Delayed {
    fn backoff(self) -> Backoff {
        let (base, cap) = (
            Duration::from_nanos(self.base),
            Duration::from_nanos(self.cap),
        );
        match self.growth {
            Growth::Fixed => Backoff::fixed(base),
            Growth::Linear => Backoff::linear(base, cap),
            Growth::Exponential => Backoff::exponential(base, cap),
            Growth::Fibonacci => Backoff::fibonacci(base, cap),
        }
    }

    /// The delay before the retry with this number, written out from the first one on.
    fn plain(self, factor: u32, retry: usize) -> Nanos {
        let (mut before, mut delay) = (u128::from(self.base), u128::from(self.base));
        for _ in 1..retry {
            (before, delay) = match self.growth {
                Growth::Fixed => (before, delay),
                Growth::Linear => (before, delay + u128::from(self.base)),
                Growth::Exponential => (before, delay * u128::from(factor)),
                Growth::Fibonacci => (delay, before + delay),
            };
            delay = delay.min(u128::from(self.longest()));
        }
        Nanos::try_from(delay).expect("capped")
    }

    fn longest(self) -> Nanos {
        if self.growth == Growth::Fixed {
            self.base
        } else {
            self.cap
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Chance {
    None,
    Full,
    Equal,
    Decorrelated,
    Proportional(u32),
    Additive(u32),
}

impl Chance {
    fn jitter(self) -> Jitter {
        let share = Share::parts_per_million;
        match self {
            Self::None => Jitter::none(),
            Self::Full => Jitter::full(),
            Self::Equal => Jitter::equal(),
            Self::Decorrelated => Jitter::decorrelated(),
            Self::Proportional(parts) => Jitter::proportional(share(parts)),
            Self::Additive(parts) => Jitter::additive(share(parts)),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Numbers {
    enabled: bool,
    attempts: Option<u32>,
    delayed: Option<Delayed>,
    factor: Option<u32>,
    chance: Option<Chance>,
    max_elapsed: Option<Nanos>,
}

impl Numbers {
    fn policy(self) -> RetryPolicy {
        let mut policy = RetryPolicy::new().enabled(self.enabled);
        if let Some(attempts) = self.attempts {
            policy = policy.attempts(attempts);
        }
        if let Some(delayed) = self.delayed {
            policy = policy.backoff(delayed.backoff());
        }
        if let Some(factor) = self.factor {
            policy = policy.factor(factor.into());
        }
        if let Some(chance) = self.chance {
            policy = policy.jitter(chance.jitter());
        }
        if let Some(max_elapsed) = self.max_elapsed {
            policy = policy.max_elapsed(Duration::from_nanos(max_elapsed));
        }
        policy.checked()
    }
}

// ---- How an attempt ends

#[derive(Clone, Copy, Debug, Default)]
struct Advice {
    attempts: Option<u32>,
    delayed: Option<Delayed>,
    chance: Option<Chance>,
}

impl Advice {
    fn hint(self) -> RetryHint {
        let mut hint = RetryHint::new();
        if let Some(attempts) = self.attempts {
            hint = hint.attempts(attempts);
        }
        if let Some(delayed) = self.delayed {
            hint = hint.backoff(delayed.backoff());
        }
        if let Some(chance) = self.chance {
            hint = hint.jitter(chance.jitter());
        }
        hint
    }
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Success,
    Failure,
    NoFailure,
    Permanent,
    Ignored,
    Advised(Option<Nanos>, Advice),
    CircuitOpen(Nanos, Option<bool>),
    RateLimited(Nanos, Option<bool>),
    ForcedOpen(Option<bool>),
    NoTimeLeft(Option<bool>),
    TooCostly(Option<bool>),
    BulkheadFull(Option<bool>),
    TimedOut(Option<bool>),
}

impl Ending {
    fn verdict(self) -> Verdict {
        let refused = |rejected, when_rejected| Verdict::Rejected {
            rejected,
            when_rejected,
        };
        let time = Duration::from_nanos;
        match self {
            Self::Success => Verdict::Success,
            Self::Failure => Verdict::Failure,
            Self::NoFailure => Verdict::NoFailure,
            Self::Permanent => Verdict::Permanent,
            Self::Ignored => Verdict::Ignored,
            Self::Advised(retry_after, advice) => Verdict::Advised {
                class: Class::Throttled {
                    retry_after: retry_after.map(time),
                },
                hint: advice.hint(),
            },
            Self::CircuitOpen(after, when) => {
                refused(Rejected::circuit_open("x", time(after)), when)
            }
            Self::RateLimited(after, when) => {
                refused(Rejected::rate_limited("x", time(after)), when)
            }
            Self::ForcedOpen(when) => refused(Rejected::forced_open("x"), when),
            Self::NoTimeLeft(when) => refused(Rejected::no_time_left("x"), when),
            Self::TooCostly(when) => refused(Rejected::too_costly("x", 2, 1), when),
            Self::BulkheadFull(when) => refused(Rejected::bulkhead_full("x"), when),
            Self::TimedOut(when) => refused(Rejected::timed_out("x", time(1)), when),
        }
    }

    fn when_rejected(self) -> Option<bool> {
        match self {
            Self::CircuitOpen(_, when)
            | Self::RateLimited(_, when)
            | Self::ForcedOpen(when)
            | Self::NoTimeLeft(when)
            | Self::TooCostly(when)
            | Self::BulkheadFull(when)
            | Self::TimedOut(when) => when,
            _ => None,
        }
    }

    /// Whether anybody wants to try again at all.
    fn asks(self) -> bool {
        let is_fine = matches!(
            self,
            Self::Success | Self::NoFailure | Self::Permanent | Self::Ignored
        );
        !is_fine && self.when_rejected() != Some(false)
    }
}

// ---- The naive call

/// All that one call has seen: the delays that were drawn for it, whether they were slept or not.
struct Oracle {
    began: Nanos,
    drawn: Vec<Nanos>,
}

impl Oracle {
    fn new(began: Nanos) -> Self {
        Self {
            began,
            drawn: Vec::new(),
        }
    }

    fn decide(&mut self, numbers: Numbers, ending: Ending, at: Moment) -> Decision {
        let advice = match ending {
            Ending::Advised(_, advice) => advice,
            _ => Advice::default(),
        };
        let attempts = match (advice.attempts, numbers.attempts) {
            (Some(advised), Some(written)) => advised.min(written),
            (Some(advised), None) => advised,
            (None, written) => written.unwrap_or(3),
        };
        let ran = self.drawn.len() + 1;
        if ran >= attempts as usize {
            return Decision::GiveUp("all attempts used");
        }
        let default = Delayed {
            growth: Growth::Exponential,
            base: 100 * MILLI,
            cap: 30_000 * MILLI,
        };
        let nothing_written = numbers.delayed.is_none() && numbers.factor.is_none();
        let (delayed, factor, chance) = match advice.delayed {
            Some(delayed) => (delayed, 2, Chance::Full),
            None => (
                numbers.delayed.unwrap_or(default),
                numbers.factor.unwrap_or(2),
                numbers.chance.unwrap_or(if nothing_written {
                    Chance::Decorrelated
                } else {
                    Chance::Full
                }),
            ),
        };
        let chance = advice.chance.unwrap_or(chance);
        let delay = self.draw(delayed, factor, chance, at.random == u64::MAX);
        let asked = match ending {
            _ if ending.when_rejected() == Some(true) => Ok(0),
            Ending::ForcedOpen(_) | Ending::NoTimeLeft(_) | Ending::TooCostly(_) => {
                Err("final refusal")
            }
            Ending::CircuitOpen(after, _) if after > delay => Err("retry_after too long"),
            Ending::RateLimited(after, _) | Ending::Advised(Some(after), _)
                if after > delayed.longest() =>
            {
                Err("retry_after too long")
            }
            Ending::CircuitOpen(after, _) | Ending::RateLimited(after, _) if after > 0 => {
                Ok(after + at.drift)
            }
            Ending::Advised(Some(after), _) => Ok(after),
            _ => Ok(0),
        };
        let wait = match asked {
            Ok(asked) => asked.max(delay),
            Err(reason) => return Decision::GiveUp(reason),
        };
        let last = numbers
            .max_elapsed
            .map(|limit| self.began.saturating_add(limit));
        let too_late = |end: Option<Nanos>| end.is_some_and(|end| at.now + wait >= end);
        let first_end = match (last, at.deadline) {
            (Some(last), Some(deadline)) if deadline < last => "deadline",
            (None, Some(_)) => "deadline",
            _ => "max_elapsed",
        };
        if too_late(last) || too_late(at.deadline) {
            return Decision::GiveUp(first_end);
        }
        self.drawn.push(delay);
        Decision::Again(wait)
    }

    /// The shortest or the longest delay that chance may make.
    fn draw(&self, delayed: Delayed, factor: u32, chance: Chance, longest: bool) -> Nanos {
        let plain = delayed.plain(factor, self.drawn.len() + 1);
        let part = |parts: u32| {
            let part = u128::from(plain) * u128::from(parts) / 1_000_000;
            Nanos::try_from(part).expect("a part")
        };
        let before = self.drawn.last().copied().unwrap_or(0).max(delayed.base);
        let chance = match chance {
            Chance::Decorrelated if delayed.growth != Growth::Exponential => Chance::Full,
            chance => chance,
        };
        let (low, high) = match chance {
            Chance::None => (plain, plain),
            Chance::Full => (0, plain),
            Chance::Equal => (plain / 2, plain),
            Chance::Decorrelated => (delayed.base, 3 * before),
            Chance::Proportional(parts) => (plain - part(parts), plain + part(parts)),
            Chance::Additive(parts) => (plain, plain + part(parts)),
        };
        let drawn = if longest { high } else { low };
        match delayed.growth {
            Growth::Fixed => drawn,
            _ => drawn.min(delayed.cap),
        }
    }
}

// ---- Histories of one call after another

#[derive(Clone, Copy, Debug)]
struct Try {
    takes: Nanos,
    ending: Ending,
    longest: bool,
    /// From the end of the attempt on.
    deadline: Option<Nanos>,
    drifts: bool,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Attempt(Try),
    Drop,
    Reconfigure(Numbers),
}

fn times() -> impl Strategy<Value = Nanos> {
    prop::sample::select(vec![
        0,
        1,
        MILLI,
        10 * MILLI,
        99 * MILLI,
        100 * MILLI,
        101 * MILLI,
        300 * MILLI,
        1000 * MILLI,
        30_000 * MILLI,
        30_001 * MILLI,
    ])
}

fn delayed() -> impl Strategy<Value = Delayed> {
    let growth = prop::sample::select(vec![
        Growth::Fixed,
        Growth::Linear,
        Growth::Exponential,
        Growth::Fibonacci,
    ]);
    (growth, times(), times()).prop_map(|(growth, base, over)| Delayed {
        growth,
        base: if growth == Growth::Fixed {
            base
        } else {
            base.max(1)
        },
        cap: base.max(1) + over,
    })
}

fn chance() -> impl Strategy<Value = Chance> {
    let parts = || prop::sample::select(vec![0, 200_000, 333_333, 1_000_000]);
    prop_oneof![
        Just(Chance::None),
        Just(Chance::Full),
        Just(Chance::Equal),
        Just(Chance::Decorrelated),
        parts().prop_map(Chance::Proportional),
        parts().prop_map(Chance::Additive),
    ]
}

fn numbers() -> impl Strategy<Value = Numbers> {
    (
        prop::option::of(1..12_u32),
        prop::option::of(delayed()),
        prop::option::of(prop::sample::select(vec![1, 2, 3, 10])),
        prop::option::of(chance()),
        prop::option::weighted(0.3, times()),
    )
        .prop_map(|(attempts, delayed, factor, chance, max_elapsed)| {
            let grows = delayed.is_none_or(|delayed| delayed.growth == Growth::Exponential);
            let factor = factor.filter(|_| grows);
            let decorrelates = grows && factor.is_none();
            Numbers {
                enabled: true,
                attempts,
                delayed,
                factor,
                chance: chance.filter(|chance| *chance != Chance::Decorrelated || decorrelates),
                max_elapsed: max_elapsed.filter(|limit| *limit > 0),
            }
        })
}

fn ending() -> impl Strategy<Value = Ending> {
    let when = || prop::option::weighted(0.3, any::<bool>());
    let advice = (
        prop::option::of(0..8_u32),
        prop::option::of(delayed()),
        prop::option::of(chance()),
    )
        .prop_map(|(attempts, delayed, chance)| Advice {
            attempts,
            delayed,
            chance,
        });
    prop_oneof![
        1 => Just(Ending::Success),
        12 => Just(Ending::Failure),
        1 => Just(Ending::NoFailure),
        1 => Just(Ending::Permanent),
        1 => Just(Ending::Ignored),
        4 => (prop::option::of(times()), advice)
            .prop_map(|(after, advice)| Ending::Advised(after, advice)),
        3 => (times(), when()).prop_map(|(after, when)| Ending::CircuitOpen(after, when)),
        3 => (times(), when()).prop_map(|(after, when)| Ending::RateLimited(after, when)),
        1 => when().prop_map(Ending::ForcedOpen),
        1 => when().prop_map(Ending::NoTimeLeft),
        1 => when().prop_map(Ending::TooCostly),
        2 => when().prop_map(Ending::BulkheadFull),
        2 => when().prop_map(Ending::TimedOut),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let attempt = (
        times(),
        ending(),
        any::<bool>(),
        prop::option::weighted(0.2, times()),
        any::<bool>(),
    )
        .prop_map(|(takes, ending, longest, deadline, drifts)| {
            Step::Attempt(Try {
                takes,
                ending,
                longest,
                deadline,
                drifts,
            })
        });
    let step = prop_oneof![
        20 => attempt,
        1 => Just(Step::Drop),
        2 => numbers().prop_map(Step::Reconfigure),
    ];
    crate::tests::steps(step, 1..60)
}

crate::tests::histories! {
    #[test]
    fn a_call_tries_again_as_a_list_of_its_delays_would_say(
        numbers in numbers(),
        steps in steps(),
    ) {
        let mut numbers = numbers;
        let mut now = BEGIN;
        let (mut state, mut oracle) = (State::new(now), Oracle::new(now));
        for step in steps {
            let attempt = match step {
                Step::Attempt(attempt) => attempt,
                Step::Reconfigure(other) => {
                    numbers = other;
                    continue;
                }
                Step::Drop => {
                    (state, oracle) = (State::new(now), Oracle::new(now));
                    continue;
                }
            };
            now += attempt.takes;
            let verdict = attempt.ending.verdict();
            prop_assert_eq!(asks_for_more(verdict), attempt.ending.asks());
            let mut goes_on = false;
            if attempt.ending.asks() {
                let at = Moment {
                    now,
                    deadline: attempt.deadline.map(|left| now + left),
                    random: if attempt.longest { u64::MAX } else { 0 },
                    drift: if attempt.drifts { MILLI } else { 0 },
                };
                let settings = Plan::of(&numbers.policy()).after(verdict);
                let decided = state.decide(&settings, verdict, at);
                prop_assert_eq!(decided, oracle.decide(numbers, attempt.ending, at));
                prop_assert_eq!(state.number() as usize, oracle.drawn.len() + 1);
                if let Decision::Again(wait) = decided {
                    goes_on = true;
                    now += wait;
                }
            }
            if !goes_on {
                (state, oracle) = (State::new(now), Oracle::new(now));
            }
        }
    }
}

// ---- Histories of calls that share a budget

/// What a live retry of many calls is told. Which call is the rest of a division by their number.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Begin(usize),
    Fail(usize),
    Succeed(usize),
    Drop(usize),
    Panic(usize),
    Pass(Nanos),
    /// Attempts, the delay, and the share of a budget in millionths.
    Reconfigure(bool, u32, Nanos, Option<u32>),
}

fn shares() -> impl Strategy<Value = Option<u32>> {
    prop::option::weighted(
        0.8,
        prop::sample::select(vec![1, 100_000, 333_333, 1_000_000]),
    )
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let which = any::<usize>;
    let delays = || prop::sample::select(vec![0, MILLI, 50 * MILLI, 500 * MILLI, 60_000 * MILLI]);
    let turn = prop_oneof![
        6 => (1..20_usize).prop_map(Turn::Begin),
        16 => which().prop_map(Turn::Fail),
        1 => which().prop_map(Turn::Succeed),
        2 => which().prop_map(Turn::Drop),
        1 => which().prop_map(Turn::Panic),
        3 => prop::sample::select(vec![1, 99, 100, 500, 1_000, 9_900, 10_100])
            .prop_map(|milli| Turn::Pass(milli * MILLI)),
        1 => (prop::bool::weighted(0.9), 1..9_u32, delays(), shares())
            .prop_map(|(enabled, attempts, delay, share)| {
                Turn::Reconfigure(enabled, attempts, delay, share)
            }),
    ];
    crate::tests::steps(turn, 1..120)
}

/// The settings that these histories change.
#[derive(Clone, Copy, Debug)]
struct Shared {
    enabled: bool,
    attempts: u32,
    delay: Nanos,
    share: Option<u32>,
}

impl Shared {
    fn policy(self) -> RetryPolicy {
        let policy = fixed(self.attempts, Duration::from_nanos(self.delay)).enabled(self.enabled);
        match self.share {
            Some(parts) => policy.budget(Budget::own(Share::parts_per_million(parts))),
            None => policy,
        }
    }
}

/// A call under way, and what the oracle knows of it.
struct Under<'a> {
    call: RetryCall<'a>,
    attempt: u32,
    waiting: Option<Waiting>,
}

struct Waiting {
    delay: Pin<Box<Delaying>>,
    until: Nanos,
    /// Whether a budget counts it.
    counts: bool,
}

/// Everything that ever happened, and what was counted of it.
#[derive(Default)]
struct Spent {
    calls: Vec<Nanos>,
    began: Vec<Nanos>,
    retried: u64,
    extra_attempts: u64,
    recovered: u64,
    gave_up: u64,
}

/// How many of these there were in the newest tenths of a second, in which a budget reckons.
fn newest(instants: &[Nanos], now: Nanos, tenths: u64) -> u64 {
    let tenth = 100 * MILLI;
    let within = |at: &&Nanos| **at / tenth + tenths > now / tenth;
    instants.iter().filter(within).count() as u64
}

struct History<'a> {
    retry: &'a Retry,
    shared: Shared,
    spent: Spent,
    under_way: Vec<Under<'a>>,
}

impl History<'_> {
    fn chosen(&self, which: usize) -> Option<usize> {
        which.checked_rem(self.under_way.len())
    }

    fn begin(&mut self) {
        self.under_way.push(Under {
            call: self.retry.begin(),
            attempt: 1,
            waiting: None,
        });
        if self.shared.enabled && self.shared.share.is_some() {
            self.spent.calls.push(time::now());
        }
    }

    fn used(&self, now: Nanos) -> u64 {
        let waiting = self
            .under_way
            .iter()
            .filter_map(|under| under.waiting.as_ref());
        let counted = waiting.filter(|waiting| waiting.counts).count() as u64;
        counted + newest(&self.spent.began, now, 101)
    }

    /// One attempt of this call ends, unless it waits for its next one.
    fn end(&mut self, which: usize, fails: bool) -> Result<(), TestCaseError> {
        if self.under_way[which].waiting.is_some() {
            return Ok(());
        }
        let Shared {
            enabled,
            attempts,
            delay: wait,
            share,
        } = self.shared;
        let mut under = self.under_way.swap_remove(which);
        let now = time::now();
        let limit = share.map(|parts| {
            let calls = newest(&self.spent.calls, now, 100);
            (calls * u64::from(parts) / 1_000_000).max(30)
        });
        let granted = fails
            && enabled
            && under.attempt < attempts
            && limit.is_none_or(|limit| self.used(now) < limit);
        let decided = under.call.decide(if fails {
            Verdict::Failure
        } else {
            Verdict::Success
        });
        prop_assert_eq!(decided.is_some(), granted, "at most {:?}", limit);
        self.spent.recovered += u64::from(!fails && under.attempt > 1);
        self.spent.gave_up += u64::from(fails && enabled && !granted);
        if let Some(delay) = decided {
            self.spent.retried += u64::from(under.attempt == 1);
            self.spent.extra_attempts += 1;
            under.attempt += 1;
            under.waiting = Some(Waiting {
                delay: Box::pin(delay.into_future()),
                until: now + wait,
                counts: share.is_some(),
            });
            self.under_way.push(under);
        }
        Ok(())
    }

    /// Those whose delay is over begin their next attempt, which the budget counts from now on.
    fn pass(&mut self) -> Result<(), TestCaseError> {
        let now = time::now();
        for under in &mut self.under_way {
            prop_assert_eq!(under.call.number(), under.attempt);
            let Some(waiting) = &mut under.waiting else {
                continue;
            };
            let mut context = Context::from_waker(Waker::noop());
            let polled = waiting.delay.as_mut().poll(&mut context);
            prop_assert_eq!(polled.is_ready(), waiting.until <= now);
            if polled.is_ready() {
                self.spent.began.extend(waiting.counts.then_some(now));
                under.waiting = None;
            }
        }
        Ok(())
    }

    fn agrees(&self) -> Result<(), TestCaseError> {
        let (now, spent, seen) = (time::now(), &self.spent, snapshot(self.retry));
        prop_assert_eq!(seen.retried, spent.retried);
        prop_assert_eq!(seen.extra_attempts, spent.extra_attempts);
        prop_assert_eq!(seen.recovered, spent.recovered);
        prop_assert_eq!(seen.gave_up, spent.gave_up);
        if let Some(budget) = seen.budget {
            prop_assert_eq!(budget.used, self.used(now));
            prop_assert_eq!(budget.calls, newest(&spent.calls, now, 100));
        }
        Ok(())
    }
}

async fn compare(shared: Shared, turns: Vec<Turn>) -> Result<(), TestCaseError> {
    let retry = retry(shared.policy());
    let mut history = History {
        retry: &retry,
        shared,
        spent: Spent::default(),
        under_way: Vec::new(),
    };
    for turn in turns {
        match turn {
            Turn::Begin(count) => (0..count).for_each(|_| history.begin()),
            Turn::Fail(which) | Turn::Succeed(which) => {
                if let Some(which) = history.chosen(which) {
                    history.end(which, matches!(turn, Turn::Fail(_)))?;
                }
            }
            Turn::Drop(which) => {
                if let Some(which) = history.chosen(which) {
                    drop(history.under_way.swap_remove(which));
                }
            }
            Turn::Panic(which) => {
                if let Some(which) = history.chosen(which) {
                    let under = history.under_way.swap_remove(which);
                    let panics = AssertUnwindSafe(|| {
                        let _under = under;
                        resume_unwind(Box::new("the body panics"));
                    });
                    prop_assert!(catch_unwind(panics).is_err());
                }
            }
            Turn::Pass(length) => tokio::time::advance(Duration::from_nanos(length)).await,
            Turn::Reconfigure(enabled, attempts, delay, share) => {
                history.shared = Shared {
                    enabled,
                    attempts,
                    delay,
                    share,
                };
                retry.reconfigure(&history.shared.policy());
            }
        }
        history.pass()?;
        history.agrees()?;
    }
    history.under_way.clear();
    history.agrees()
}

crate::tests::histories! {
    #[test]
    fn a_retry_counts_and_a_budget_grants_as_a_list_of_all_calls_would_say(
        share in shares(),
        turns in turns(),
    ) {
        let shared = Shared { enabled: true, attempts: 6, delay: 50 * MILLI, share };
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime")
            .block_on(compare(shared, turns))?;
    }
}
