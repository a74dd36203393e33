//! The live limit, used by one thread, against a list of all calls that were admitted or wait.

use super::*;
use crate::deadline::with_deadline;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use tokio::time::Instant;

/// What is written, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    algorithm: Algorithm,
    count: u32,
    /// For as many calls as `count` says; a whole number of milliseconds for each.
    per: u64,
    burst: u32,
    max_wait: u64,
    enabled: bool,
}

impl Numbers {
    fn policy(self) -> RateLimitPolicy {
        let policy = RateLimitPolicy::new()
            .rate(Rate::new(self.count, Duration::from_millis(self.per)))
            .algorithm(self.algorithm)
            .max_wait(Duration::from_millis(self.max_wait))
            .enabled(self.enabled);
        let policy = match self.algorithm {
            Algorithm::TokenBucket => policy.burst(self.burst),
            _ => policy,
        };
        policy.checked()
    }

    /// From one token to the next.
    fn step(self) -> Nanos {
        self.per() / u64::from(self.count)
    }

    fn per(self) -> Nanos {
        self.per * MILLI
    }

    /// How many calls it admits at once.
    fn most(self) -> u64 {
        match self.algorithm {
            Algorithm::TokenBucket => self.burst.into(),
            Algorithm::LeakyBucket => 1,
            _ => self.count.into(),
        }
    }

    /// What a full bucket is worth.
    fn bucket(self) -> Nanos {
        self.most() * self.step()
    }

    fn is_bucket(self) -> bool {
        matches!(
            self.algorithm,
            Algorithm::TokenBucket | Algorithm::LeakyBucket
        )
    }

    /// Whether both limit calls in the same way.
    fn is_like(self, other: Self) -> bool {
        let rate = |numbers: Self| match numbers.algorithm {
            Algorithm::TokenBucket => (numbers.step(), numbers.burst),
            Algorithm::LeakyBucket => (numbers.step(), 1),
            _ => (numbers.per(), numbers.count),
        };
        self.algorithm == other.algorithm && rate(self) == rate(other)
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A call of this cost, with a deadline so many milliseconds later.
    Arrive(u32, Option<u64>),
    /// By a call that cannot wait.
    Try(u32),
    Poll(usize),
    /// At once, or because something panics.
    Drop(usize, bool),
    Pass(u64),
    Reconfigure(Numbers),
    /// Whether it is switched on, and the longest wait.
    Adjust(bool, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let cost = || prop_oneof![8 => Just(1), 1 => Just(0), 4 => 2..7_u32];
    let deadline = prop::option::weighted(0.2, 0..120_u64);
    let step = prop_oneof![
        24 => (cost(), deadline).prop_map(|(cost, deadline)| Step::Arrive(cost, deadline)),
        2 => cost().prop_map(Step::Try),
        8 => any::<usize>().prop_map(Step::Poll),
        6 => (any::<usize>(), prop::bool::weighted(0.2))
            .prop_map(|(which, unwinding)| Step::Drop(which, unwinding)),
        12 => prop_oneof![0..20_u64, 20..300_u64].prop_map(Step::Pass),
        2 => numbers().prop_map(Step::Reconfigure),
        2 => (prop::bool::weighted(0.8), 0..200_u64)
            .prop_map(|(enabled, max_wait)| Step::Adjust(enabled, max_wait)),
    ];
    crate::tests::steps(step, 1..150)
}

fn numbers() -> impl Strategy<Value = Numbers> {
    let algorithm = prop::sample::select(vec![
        Algorithm::TokenBucket,
        Algorithm::LeakyBucket,
        Algorithm::FixedWindow,
        Algorithm::SlidingWindow,
    ]);
    let enabled = prop::bool::weighted(0.9);
    (
        algorithm,
        1..9_u32,
        1..40_u64,
        1..9_u32,
        0..200_u64,
        enabled,
    )
        .prop_map(
            |(algorithm, count, step, burst, max_wait, enabled)| Numbers {
                algorithm,
                count,
                per: step * u64::from(count),
                burst,
                max_wait,
                enabled,
            },
        )
}

/// A call that took tokens: when it came, when its turn is, and how many it took.
#[derive(Clone, Copy, Debug)]
struct Taken {
    /// `None` for what was taken under other settings.
    number: Option<usize>,
    came: Nanos,
    at: Nanos,
    cost: u64,
}

/// A window of those which follow each other, and how much is taken of it.
#[derive(Clone, Copy, Debug)]
struct Place {
    begins: Nanos,
    used: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Through,
    At(Nanos),
    Refused(Nanos),
    TooCostly,
}

struct Limit {
    /// What is written now, and what limited the calls last.
    numbers: Numbers,
    held: Option<Numbers>,
    /// Since the settings changed.
    taken: Vec<Taken>,
    /// When a bucket is full if nobody has come since the settings changed.
    full_at: Nanos,
    /// Of the windows that follow each other, in order.
    places: Vec<Place>,
    admitted: u64,
    rejected: u64,
    waited: u64,
    abandoned: u64,
}

impl Limit {
    fn new(numbers: Numbers, now: Nanos) -> Self {
        let mut limit = Self {
            numbers,
            held: None,
            taken: Vec::new(),
            full_at: 0,
            places: Vec::new(),
            admitted: 0,
            rejected: 0,
            waited: 0,
            abandoned: 0,
        };
        limit.reconfigure(numbers, now);
        limit
    }

    /// The latest window in which anybody has a turn, or that of now.
    fn latest(&self, held: Numbers, now: Nanos) -> Place {
        let last = *self.places.last().expect("there is one");
        match now.checked_sub(last.begins) {
            Some(since) if since >= held.per() => Place {
                begins: now - since % held.per(),
                used: 0,
            },
            _ => last,
        }
    }

    /// When a call of this cost that comes now has its turn, if it ever has.
    fn turn(&self, held: Numbers, cost: u64, now: Nanos) -> Option<Nanos> {
        let step = held.step();
        match held.algorithm {
            Algorithm::SlidingWindow => {
                let (count, per) = (u64::from(held.count), held.per());
                let last = self.taken.iter().map(|taken| taken.at).max().unwrap_or(0);
                let leaves = self.taken.iter().map(|taken| taken.at + per);
                let mut instants: Vec<u64> = leaves.chain([now, last]).collect();
                instants.retain(|at| *at >= now && *at >= last);
                instants.sort_unstable();
                let is_free = |at: &u64| {
                    let inside = self.taken.iter().filter(|taken| taken.at + per > *at);
                    inside.map(|taken| taken.cost).sum::<u64>() + cost <= count
                };
                (cost <= count).then(|| instants.into_iter().find(is_free).expect("some day"))
            }
            Algorithm::FixedWindow => {
                let latest = self.latest(held, now);
                let next = if latest.used + cost <= held.count.into() {
                    latest.begins.max(now)
                } else {
                    latest.begins + held.per()
                };
                (cost <= held.count.into()).then_some(next)
            }
            Algorithm::LeakyBucket => Some(now.max(self.full_at(held))),
            Algorithm::TokenBucket => {
                let full = self.full_at(held).max(now) + cost * step;
                (cost <= held.most()).then(|| now.max(full.saturating_sub(held.bucket())))
            }
        }
    }

    /// When a bucket is full again of which these calls have taken.
    fn full_at(&self, held: Numbers) -> Nanos {
        self.taken.iter().fold(self.full_at, |full, taken| {
            full.max(taken.came) + taken.cost * held.step()
        })
    }

    fn arrive(&mut self, number: usize, cost: u32, now: Nanos, latest: Option<Nanos>) -> Fate {
        if !self.numbers.enabled {
            return Fate::Through;
        }
        let held = self.held.expect("it is switched on");
        let cost = u64::from(cost);
        if cost == 0 {
            self.admitted += 1;
            return Fate::Through;
        }
        let Some(at) = self.turn(held, cost, now) else {
            self.rejected += 1;
            return Fate::TooCostly;
        };
        let may_wait = latest.is_some_and(|latest| at < latest);
        if at > now && !(may_wait && at - now <= self.numbers.max_wait * MILLI) {
            self.rejected += 1;
            return Fate::Refused(at - now);
        }
        if held.algorithm == Algorithm::FixedWindow {
            let latest = self.latest(held, now);
            if at >= latest.begins + held.per() {
                let begins = latest.begins + held.per();
                self.places.push(Place { begins, used: cost });
            } else {
                self.places.retain(|place| place.begins != latest.begins);
                let used = latest.used + cost;
                self.places.push(Place { used, ..latest });
            }
        }
        self.taken.push(Taken {
            number: Some(number),
            came: now,
            at,
            cost,
        });
        self.admitted += u64::from(at == now);
        self.waited += u64::from(at > now);
        Fate::At(at)
    }

    /// A sliding window takes everything back, a bucket what was taken last, and of windows that
    /// follow each other the latest.
    fn give_back(&mut self, number: usize, now: Nanos) {
        self.abandoned += 1;
        let is_it = |taken: &Taken| taken.number == Some(number);
        let (Some(held), Some(index)) = (self.held, self.taken.iter().position(is_it)) else {
            return;
        };
        match held.algorithm {
            Algorithm::SlidingWindow => {
                self.taken.remove(index);
            }
            Algorithm::FixedWindow => {
                let Taken { at, cost, .. } = self.taken.remove(index);
                let last = self.places.last_mut().expect("there is one");
                if at < last.begins {
                    return;
                }
                last.used -= cost;
                if last.used == 0 && last.begins > now {
                    self.places.pop();
                    // What stands before the one that is now the latest is not remembered.
                    let before = self.places.len() - 1;
                    for place in &mut self.places[..before] {
                        place.used = held.count.into();
                    }
                }
            }
            _ if index + 1 == self.taken.len() => {
                self.taken.remove(index);
            }
            _ => {}
        }
    }

    /// No window remembers a call that is older than itself.
    fn forget(&mut self, now: Nanos) {
        let Some(held) = self.held else { return };
        match held.algorithm {
            Algorithm::SlidingWindow => self.taken.retain(|taken| taken.at + held.per() > now),
            Algorithm::FixedWindow => {
                let latest = self.latest(held, now);
                if self
                    .places
                    .last()
                    .is_some_and(|last| last.begins < latest.begins)
                {
                    self.places = vec![latest];
                }
            }
            _ => {}
        }
    }

    fn available(&self, now: Nanos) -> Option<u32> {
        let held = self.held.filter(|_| self.numbers.enabled)?;
        let most = u32::try_from(held.most()).expect("few");
        let fits = |cost: &u32| self.turn(held, (*cost).into(), now) == Some(now);
        Some((1..=most).take_while(fits).last().unwrap_or(0))
    }

    /// What is taken of a full bucket or an empty window of before, as a share in 1 of so many, and when
    /// the last call that waits has its turn.
    fn share_taken(&self, held: Numbers, now: Nanos) -> (u64, u64, Nanos) {
        let most = held.most();
        let fits = |cost: &u64| self.turn(held, *cost, now) == Some(now);
        let available = (1..=most).take_while(fits).last().unwrap_or(0);
        let last = match held.algorithm {
            Algorithm::FixedWindow => self.latest(held, now).begins,
            Algorithm::SlidingWindow => self.taken.last().map_or(0, |taken| taken.at),
            _ => self.full_at(held).saturating_sub(held.bucket()),
        };
        (most - available, most, last.max(now))
    }

    /// Takes over other settings: what is taken keeps its share, rounded up, and who waits is in front
    /// of all others.
    fn reconfigure(&mut self, numbers: Numbers, now: Nanos) {
        self.numbers = numbers;
        if !numbers.enabled {
            return;
        }
        let before = self.held.replace(numbers);
        let Some(held) = before else {
            self.places = vec![Place {
                begins: now,
                used: 0,
            }];
            return;
        };
        if held.is_like(numbers) {
            return;
        }
        let (taken, most, last) = self.share_taken(held, now);
        let missing = self.full_at(held).saturating_sub(now);
        let latest = (held.algorithm == Algorithm::FixedWindow).then(|| self.latest(held, now));
        for taken in &mut self.taken {
            taken.number = None;
        }
        match numbers.algorithm {
            same if same == held.algorithm && !numbers.is_bucket() => {
                if let Some(latest) = latest {
                    self.places = vec![latest];
                }
                return;
            }
            Algorithm::SlidingWindow => {
                let cost = (taken * numbers.most()).div_ceil(most);
                self.taken = vec![Taken {
                    number: None,
                    came: now,
                    at: last,
                    cost,
                }];
                self.taken.retain(|taken| taken.cost > 0);
                return;
            }
            Algorithm::FixedWindow => {
                let used = (taken * numbers.most()).div_ceil(most);
                self.places = vec![Place { begins: last, used }];
            }
            _ if held.is_bucket() => {
                // Its tokens, and those that are promised to calls which wait.
                let tokens = missing.min(held.bucket());
                let promised = missing.saturating_sub(held.bucket());
                self.full_at = now
                    + (tokens * numbers.bucket()).div_ceil(held.bucket())
                    + (promised * numbers.step()).div_ceil(held.step());
            }
            _ => {
                let missing = (taken * numbers.bucket()).div_ceil(most);
                self.full_at = if missing == 0 { now } else { last + missing };
            }
        }
        self.taken.clear();
    }

    /// Takes over by how little more than that the bucket is less full, so that no call is admitted by
    /// settings of which it has read one half before.
    fn learn(&mut self, limiter: &RateLimiter, now: Nanos) -> Result<(), TestCaseError> {
        if self.held.is_some_and(Numbers::is_bucket) && self.taken.is_empty() {
            let seen = limiter.state().0;
            if self.full_at <= now {
                prop_assert!(seen <= now);
            } else {
                let more = seen.checked_sub(self.full_at);
                prop_assert!(more.is_some_and(|more| more <= 1), "{more:?}");
                self.full_at = seen;
            }
        }
        Ok(())
    }
}

/// Drops it at once, or while its stack unwinds.
fn drop_in(admission: RateLimitAdmission<'_>, unwinding: bool) {
    let dropped = catch_unwind(AssertUnwindSafe(|| {
        let _admission = admission;
        if unwinding {
            resume_unwind(Box::new("somebody panics"));
        }
    }));
    assert_eq!(dropped.is_err(), unwinding);
}

fn is_as_told(rejected: Rejected, fate: Fate) -> bool {
    match fate {
        Fate::Refused(wait) => {
            rejected == Rejected::rate_limited("test", Duration::from_nanos(wait))
        }
        _ => rejected.name() == "too_costly",
    }
}

async fn compare(numbers: Numbers, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let limiter = limiter(numbers.policy());
    let mut limit = Limit::new(numbers, now());
    let mut waiting: Vec<(usize, Nanos, RateLimitAdmission<'_>)> = Vec::new();
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Arrive(cost, deadline) => {
                let mut admission = limiter.admit_weighing(cost);
                let latest = deadline.map_or(NEVER, |deadline| now() + deadline * MILLI);
                let fate = limit.arrive(number, cost, now(), Some(latest));
                let polled = match deadline {
                    None => poll(&mut admission),
                    Some(deadline) => {
                        let first =
                            poll_fn(|context| Poll::Ready(Pin::new(&mut admission).poll(context)));
                        let deadline = Instant::now() + Duration::from_millis(deadline);
                        with_deadline(deadline, first).await
                    }
                };
                match (polled, fate) {
                    (Poll::Ready(Ok(())), Fate::Through) => {}
                    (Poll::Ready(Ok(())), Fate::At(at)) => prop_assert_eq!(at, now()),
                    (Poll::Ready(Err(rejected)), Fate::Refused(_) | Fate::TooCostly) => {
                        prop_assert!(is_as_told(rejected, fate), "{rejected:?}, {fate:?}");
                    }
                    (Poll::Pending, Fate::At(at)) => {
                        prop_assert!(at > now());
                        waiting.push((number, at, admission));
                    }
                    (polled, fate) => prop_assert!(false, "{polled:?}, expected {fate:?}"),
                }
            }
            Step::Try(cost) => {
                let tried = limiter.try_admit_weighing(cost);
                match (tried, limit.arrive(number, cost, now(), None)) {
                    (Ok(()), Fate::Through) => {}
                    (Ok(()), Fate::At(at)) => prop_assert_eq!(at, now()),
                    (Err(rejected), fate @ (Fate::Refused(_) | Fate::TooCostly)) => {
                        prop_assert!(is_as_told(rejected, fate), "{rejected:?}, {fate:?}");
                    }
                    (tried, fate) => prop_assert!(false, "{tried:?}, expected {fate:?}"),
                }
            }
            Step::Poll(_) | Step::Drop(..) if waiting.is_empty() => {}
            Step::Poll(which) => {
                let which = which % waiting.len();
                let (_, at, admission) = &mut waiting[which];
                let polled = poll(admission);
                prop_assert_eq!(polled.is_ready(), *at <= now());
                if polled.is_ready() {
                    limit.admitted += 1;
                    drop(waiting.remove(which));
                }
            }
            Step::Drop(which, unwinding) => {
                let (number, _, admission) = waiting.remove(which % waiting.len());
                drop_in(admission, unwinding);
                limit.give_back(number, now());
            }
            Step::Pass(milli) => advance(Duration::from_millis(milli)).await,
            Step::Reconfigure(numbers) => {
                limiter.reconfigure(&numbers.policy());
                limit.reconfigure(numbers, now());
                limit.learn(&limiter, now())?;
            }
            Step::Adjust(enabled, max_wait) => {
                let numbers = Numbers {
                    max_wait,
                    enabled,
                    ..limit.numbers
                };
                limiter.reconfigure(&numbers.policy());
                limit.reconfigure(numbers, now());
                limit.learn(&limiter, now())?;
            }
        }
        let seen = limiter.look();
        limit.forget(now());
        prop_assert_eq!(seen.waiting, waiting.len() as u64);
        prop_assert_eq!(seen.admitted, limit.admitted);
        prop_assert_eq!(seen.rejected, limit.rejected);
        prop_assert_eq!(seen.waited, limit.waited);
        prop_assert_eq!(seen.abandoned, limit.abandoned);
        prop_assert_eq!(seen.available, limit.available(now()));
    }
    drop(waiting);
    prop_assert_eq!(limiter.look().waiting, 0);
    Ok(())
}

crate::tests::histories! {
    #[test]
    fn a_limit_admits_waits_and_counts_as_a_list_of_all_calls_would_say(
        numbers in numbers(),
        steps in steps(),
    ) {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime")
            .block_on(compare(numbers, steps))?;
    }
}
