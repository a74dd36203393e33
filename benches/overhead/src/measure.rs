//! Measures calls side by side: what is compared takes turns in one process, so that what disturbs
//! one of them disturbs the others as well.

use cpu_time::ThreadTime;
use std::fmt;
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// How long one sample takes, about.
const SAMPLE: Duration = Duration::from_millis(1);

/// Makes so many calls on a runtime.
type Run = dyn Fn(&Runtime, u64) + Send + Sync;

/// A call that is measured.
pub struct Subject {
    name: String,
    run: Box<Run>,
}

impl Subject {
    /// The call that `prepare` makes ready for one thread. It gets the number of the call, from 1.
    pub fn new<F, C, A>(name: impl Into<String>, prepare: F) -> Self
    where
        F: Fn() -> C + Send + Sync + 'static,
        C: FnMut(u64) -> A + 'static,
        A: Future,
    {
        Self {
            name: name.into(),
            run: Box::new(move |runtime, calls| {
                let mut call = prepare();
                runtime.block_on(async {
                    for number in 1..=calls {
                        black_box(call(black_box(number)).await);
                    }
                });
            }),
        }
    }

    /// The same for a call that borrows what was made ready.
    pub fn borrowing<F, C, A>(name: impl Into<String>, prepare: F) -> Self
    where
        F: Fn() -> C + Send + Sync + 'static,
        C: AsyncFnMut(u64) -> A + 'static,
    {
        Self {
            name: name.into(),
            run: Box::new(move |runtime, calls| {
                let mut call = prepare();
                runtime.block_on(async {
                    for number in 1..=calls {
                        black_box(call(black_box(number)).await);
                    }
                });
            }),
        }
    }

    /// What it is called in tables.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes so many calls, one after the other.
    pub fn run(&self, runtime: &Runtime, calls: u64) {
        (self.run)(runtime, calls);
    }

    /// The processor time of this thread for one call, in nanoseconds.
    #[allow(clippy::cast_precision_loss, reason = "far from 2^52")]
    fn sample(&self, runtime: &Runtime, calls: u64) -> f64 {
        let begin = ThreadTime::now();
        self.run(runtime, calls);
        begin.elapsed().as_nanos() as f64 / calls as f64
    }

    /// How many calls make a sample.
    fn calls(&self, runtime: &Runtime) -> u64 {
        self.run(runtime, 100);
        let mut calls = 100;
        loop {
            let begin = ThreadTime::now();
            self.run(runtime, calls);
            if begin.elapsed() >= SAMPLE || calls >= 1_000_000 {
                return calls;
            }
            calls *= 2;
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "far from 2^52")]
    fn allocations(&self, runtime: &Runtime) -> f64 {
        let counted = |calls| allocation_counter::measure(|| self.run(runtime, calls)).count_total;
        // What a run allocates for itself is in both.
        let once = counted(1000);
        counted(2000).saturating_sub(once) as f64 / 1000.0
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subject").field(&self.name).finish()
    }
}

/// A runtime as each thread has one.
///
/// # Panics
///
/// If the system has nothing left to make one of.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
}

/// The middle of some samples, and the quarters on both sides of it.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// A quarter of the samples lies below.
    pub low: f64,
    /// Half of them.
    pub median: f64,
    /// Three quarters.
    pub high: f64,
}

impl Spread {
    fn of(samples: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = samples.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |quarters: usize| sorted[(sorted.len() - 1) * quarters / 4];
        Self {
            low: at(1),
            median: at(2),
            high: at(3),
        }
    }
}

/// What was measured of one subject.
#[derive(Debug)]
pub struct Measured {
    /// What it is called in tables.
    pub name: String,
    /// Nanoseconds for a call, round by round.
    pub samples: Vec<f64>,
    /// Allocations for a call, on one thread.
    pub allocations: f64,
}

impl Measured {
    /// Nanoseconds for a call.
    pub fn nanos(&self) -> Spread {
        Spread::of(self.samples.iter().copied())
    }
}

/// How many times as long as `theirs` one of `ours` takes, round by round.
pub fn ratio(ours: &Measured, theirs: &Measured) -> Spread {
    let rounds = ours.samples.iter().zip(&theirs.samples);
    Spread::of(rounds.map(|(ours, theirs)| ours / theirs))
}

/// Measures `subjects` in turns, so many rounds, on one thread or on several at once.
///
/// # Panics
///
/// If a subject does.
pub fn measure(subjects: &[&Subject], threads: usize, rounds: usize) -> Vec<Measured> {
    let one = runtime();
    let mut measured: Vec<(u64, Measured)> = subjects
        .iter()
        .map(|subject| {
            let calls = subject.calls(&one);
            let measured = Measured {
                name: subject.name.clone(),
                samples: Vec::with_capacity(rounds),
                allocations: subject.allocations(&one),
            };
            (calls, measured)
        })
        .collect();
    for _ in 0..rounds {
        for (subject, (calls, measured)) in subjects.iter().zip(&mut measured) {
            measured.samples.push(match threads {
                1 => subject.sample(&one, *calls),
                threads => together(subject, threads, *calls),
            });
        }
    }
    measured.into_iter().map(|(_, measured)| measured).collect()
}

/// How often a sample of several threads is taken again that did not run side by side.
const TRIES: usize = 20;

/// The processor time for a call while as many threads make the same one.
///
/// Where others use the machine, threads take turns on a processor, and then do not get in each
/// other's way: such a sample is taken again.
fn together(subject: &Subject, threads: usize, calls: u64) -> f64 {
    let mut last = f64::NAN;
    for _ in 0..TRIES {
        let (nanos, side_by_side) = once_together(subject, threads, calls);
        last = nanos;
        if side_by_side {
            break;
        }
    }
    last
}

/// The same once, and whether no thread had to wait for a processor.
#[allow(clippy::cast_precision_loss, reason = "a few threads")]
fn once_together(subject: &Subject, threads: usize, calls: u64) -> (f64, bool) {
    let barrier = Barrier::new(threads);
    let all: Vec<(f64, f64)> = thread::scope(|scope| {
        let all: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let runtime = runtime();
                    subject.run(&runtime, 10);
                    barrier.wait();
                    let begin = Instant::now();
                    let nanos = subject.sample(&runtime, calls);
                    (nanos, begin.elapsed().as_nanos() as f64 / calls as f64)
                })
            })
            .collect();
        let all = all.into_iter();
        all.map(|one| one.join().expect("a thread that measures"))
            .collect()
    });
    let sum: f64 = all.iter().map(|(nanos, _)| nanos).sum();
    let side_by_side = all.iter().all(|(nanos, passed)| nanos / passed > 0.9);
    (sum / threads as f64, side_by_side)
}
