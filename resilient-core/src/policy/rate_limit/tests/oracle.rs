//! The live limit, used by one thread, against a list of all calls that were admitted or wait.

use super::*;

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

    fn step(self) -> u64 {
        self.per / u64::from(self.count)
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Arrive(u32),
    Poll(usize),
    Drop(usize),
    Pass(u64),
    /// Whether it is switched on, the longest wait, and for a window another count.
    Reconfigure(bool, u64, u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let cost = prop_oneof![8 => Just(1), 1 => Just(0), 4 => 2..7_u32];
    let step = prop_oneof![
        12 => cost.prop_map(Step::Arrive),
        4 => any::<usize>().prop_map(Step::Poll),
        3 => any::<usize>().prop_map(Step::Drop),
        6 => prop_oneof![0..20_u64, 20..300_u64].prop_map(Step::Pass),
        1 => (prop::bool::weighted(0.8), 0..200_u64, 1..9_u32)
            .prop_map(|(enabled, max_wait, count)| Step::Reconfigure(enabled, max_wait, count)),
    ];
    crate::tests::steps(step, 1..150)
}

fn numbers() -> impl Strategy<Value = Numbers> {
    let algorithm = prop::sample::select(vec![
        Algorithm::TokenBucket,
        Algorithm::LeakyBucket,
        Algorithm::SlidingWindow,
    ]);
    (algorithm, 1..9_u32, 1..40_u64, 1..9_u32, 0..200_u64).prop_map(
        |(algorithm, count, step, burst, max_wait)| Numbers {
            algorithm,
            count,
            per: step * u64::from(count),
            burst,
            max_wait,
            enabled: true,
        },
    )
}

/// A call that took tokens: when it came, when its turn is, and how many it took.
#[derive(Clone, Copy, Debug)]
struct Taken {
    number: usize,
    came: u64,
    at: u64,
    cost: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Through,
    At(u64),
    Refused(u64),
    TooCostly,
}

struct Limit {
    numbers: Numbers,
    taken: Vec<Taken>,
    admitted: u64,
    rejected: u64,
    waited: u64,
    abandoned: u64,
}

impl Limit {
    /// When a call of this cost that comes now has its turn, if it ever has.
    fn turn(&self, cost: u64, now: u64) -> Option<u64> {
        let step = self.numbers.step();
        match self.numbers.algorithm {
            Algorithm::SlidingWindow => {
                let (count, per) = (u64::from(self.numbers.count), self.numbers.per);
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
            Algorithm::LeakyBucket => Some(now.max(self.full_at())),
            _ => {
                let burst = u64::from(self.numbers.burst);
                let full = self.full_at().max(now) + cost * step;
                (cost <= burst).then(|| now.max(full.saturating_sub(burst * step)))
            }
        }
    }

    /// When a bucket is full again of which these calls have taken.
    fn full_at(&self) -> u64 {
        self.taken.iter().fold(0, |full, taken| {
            full.max(taken.came) + taken.cost * self.numbers.step()
        })
    }

    fn arrive(&mut self, number: usize, cost: u32, now: u64) -> Fate {
        if !self.numbers.enabled {
            return Fate::Through;
        }
        let cost = u64::from(cost);
        if cost == 0 {
            self.admitted += 1;
            return Fate::Through;
        }
        let Some(at) = self.turn(cost, now) else {
            self.rejected += 1;
            return Fate::TooCostly;
        };
        if at - now > self.numbers.max_wait {
            self.rejected += 1;
            return Fate::Refused(at - now);
        }
        let came = now;
        self.taken.push(Taken {
            number,
            came,
            at,
            cost,
        });
        self.admitted += u64::from(at == now);
        self.waited += u64::from(at > now);
        Fate::At(at)
    }

    /// A window takes everything back, a bucket what was taken last.
    fn give_back(&mut self, number: usize) {
        self.abandoned += 1;
        let is_window = self.numbers.algorithm == Algorithm::SlidingWindow;
        let Some(place) = self.taken.iter().position(|taken| taken.number == number) else {
            return;
        };
        if is_window || place + 1 == self.taken.len() {
            self.taken.remove(place);
        }
    }

    /// A window remembers no call that is older than itself.
    fn forget(&mut self, now: u64) {
        let per = self.numbers.per;
        if self.numbers.algorithm == Algorithm::SlidingWindow {
            self.taken.retain(|taken| taken.at + per > now);
        }
    }

    fn available(&self, now: u64) -> u32 {
        let most = self.numbers.count.max(self.numbers.burst);
        let fits = |cost: &u32| self.turn((*cost).into(), now) == Some(now);
        (1..=most).take_while(fits).last().unwrap_or(0)
    }
}

async fn compare(numbers: Numbers, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let limiter = limiter(numbers.policy());
    let begin = now();
    let mut limit = Limit {
        numbers,
        taken: Vec::new(),
        admitted: 0,
        rejected: 0,
        waited: 0,
        abandoned: 0,
    };
    // The bucket was filled long ago.
    let milli = || 1_000_000 + (now() - begin) / MILLI;
    let mut waiting: Vec<(usize, u64, RateLimitAdmission<'_>)> = Vec::new();
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Arrive(cost) => {
                let mut admission = limiter.admit_weighing(cost);
                let fate = limit.arrive(number, cost, milli());
                match (poll(&mut admission), fate) {
                    (Poll::Ready(Ok(())), Fate::Through) => {}
                    (Poll::Ready(Ok(())), Fate::At(at)) => prop_assert_eq!(at, milli()),
                    (Poll::Ready(Err(rejected)), Fate::Refused(wait)) => {
                        let wait = Duration::from_millis(wait);
                        prop_assert_eq!(rejected, Rejected::rate_limited("test", wait));
                    }
                    (Poll::Ready(Err(rejected)), Fate::TooCostly) => {
                        prop_assert_eq!(rejected.name(), "too_costly");
                    }
                    (Poll::Pending, Fate::At(at)) => {
                        prop_assert!(at > milli());
                        waiting.push((number, at, admission));
                    }
                    (polled, fate) => prop_assert!(false, "{polled:?}, expected {fate:?}"),
                }
            }
            Step::Poll(_) | Step::Drop(_) if waiting.is_empty() => {}
            Step::Poll(which) => {
                let which = which % waiting.len();
                let (_, at, admission) = &mut waiting[which];
                let polled = poll(admission);
                prop_assert_eq!(polled.is_ready(), *at <= milli());
                if polled.is_ready() {
                    limit.admitted += 1;
                    drop(waiting.remove(which));
                }
            }
            Step::Drop(which) => {
                let (number, _, admission) = waiting.remove(which % waiting.len());
                drop(admission);
                limit.give_back(number);
            }
            Step::Pass(milli) => advance(Duration::from_millis(milli)).await,
            Step::Reconfigure(enabled, max_wait, count) => {
                limit.numbers.enabled = enabled;
                limit.numbers.max_wait = max_wait;
                // What waits under another rate is not given back; see the tests of changes.
                if limit.numbers.algorithm == Algorithm::SlidingWindow && waiting.is_empty() {
                    limit.numbers.count = count;
                }
                limiter.reconfigure(&limit.numbers.policy());
            }
        }
        let seen = limiter.look();
        limit.forget(milli());
        prop_assert_eq!(seen.waiting, waiting.len() as u64);
        prop_assert_eq!(seen.admitted, limit.admitted);
        prop_assert_eq!(seen.rejected, limit.rejected);
        prop_assert_eq!(seen.waited, limit.waited);
        prop_assert_eq!(seen.abandoned, limit.abandoned);
        let buckets = limit.numbers.algorithm == Algorithm::LeakyBucket;
        if let Some(available) = seen.available.filter(|_| !buckets) {
            prop_assert_eq!(available, limit.available(milli()));
        }
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
