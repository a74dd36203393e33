//! An annotated service under seeded faults: errors, delays, panics, calls that are dropped, and somebody
//! who steers the policies at random. What must hold is checked whenever nobody calls, and all along.

mod broken;
mod call;
mod checks;
mod plan;
mod service;
mod steering;
mod transitions;

use broken::broken;
use call::{Call, Function};
use checks::Counted;
use fastrand::Rng;
use resilient::Override;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const USAGE: &str = "usage: resilient-soak [--seconds N] [--seed S] [--sabotage WHAT]";

/// How many call at the same time.
const CALLERS: u64 = 64;

/// How long they call before everybody is quiet.
const ROUND: Duration = Duration::from_millis(500);

/// How far memory may be from what it was after the warm-up, in percent.
const MEMORY_WITHIN: f64 = 2.0;

/// What is done wrong on purpose, to see that it is noticed.
const SABOTAGES: [&str; 8] = [
    "place",
    "outcome",
    "call",
    "limit",
    "rate",
    "task",
    "memory",
    "transition",
];

#[derive(Clone, Debug)]
struct Asked {
    seconds: u64,
    seed: u64,
    sabotage: Option<String>,
}

fn asked() -> Result<Asked, String> {
    let mut asked = Asked {
        seconds: 600,
        seed: fastrand::u64(..),
        sabotage: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        match argument.as_str() {
            "--seconds" => asked.seconds = value.parse().map_err(|_| USAGE)?,
            "--seed" => asked.seed = value.parse().map_err(|_| USAGE)?,
            "--sabotage" if SABOTAGES.contains(&value.as_str()) => asked.sabotage = Some(value),
            "--sabotage" => return Err(format!("WHAT is one of {}", SABOTAGES.join(", "))),
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(asked)
}

fn main() {
    let asked = match asked() {
        Ok(asked) => asked,
        Err(wrong) => {
            eprintln!("{wrong}");
            std::process::exit(2);
        }
    };
    broken::begin(asked.seed);
    let standard = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.payload().is::<plan::Planned>() {
            standard(panic);
            broken("nothing panics that was not meant to", panic);
        }
    }));
    if let Err(error) = service::define() {
        broken("what is defined in code is taken", error);
    }
    let clock = if cfg!(feature = "paused") {
        "a clock that jumps"
    } else {
        "real time"
    };
    println!("soak: {} s in {clock}, seed {}", asked.seconds, asked.seed);
    match runtime() {
        Ok(runtime) => runtime.block_on(soak(&asked)),
        Err(error) => broken("there is a runtime", error),
    }
}

#[cfg(not(feature = "paused"))]
fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
}

#[cfg(feature = "paused")]
fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
}

static STOPPED: AtomicBool = AtomicBool::new(false);

async fn soak(asked: &Asked) {
    let began = Instant::now();
    let length = Duration::from_secs(asked.seconds);
    let mut random = Rng::with_seed(asked.seed);
    let tasks = Handle::current().metrics().num_alive_tasks();
    // What grows with the number of keys is there before memory is watched: the breaker of each, and what
    // it needs when it opens and recovers.
    for failing in [true, true, true, false] {
        for key in 0..service::KEYS {
            Call::of(Function::Quote(key), failing).make().await;
        }
        sleep(Duration::from_millis(50)).await;
    }
    let reading = transitions::Reading::begin();
    let mut memory = Memory::default();
    let mut rounds = 0;
    let mut before = Counted::now();
    let mut switching = false;
    while began.elapsed() < length {
        let round = tokio::time::Instant::now();
        let was_switching = std::mem::replace(&mut switching, rounds % 4 == 3);
        if was_switching {
            checks::limits_forgotten();
            before = Counted::now();
        }
        one_round(&mut random, switching, asked).await;
        checks::quiet(tasks);
        let counted = Counted::now();
        if !switching {
            checks::limits_held();
            counted.holds_since(&before, round.elapsed());
        }
        before = counted;
        rounds += 1;
        if asked.sabotage.as_deref() == Some("memory") {
            std::mem::forget(vec![0_u8; 200_000]);
        }
        memory.look(began.elapsed().as_secs_f64() / length.as_secs_f64());
    }
    let ways = reading.end();
    memory.is_flat();
    report(&ways, rounds, &memory);
}

/// Everybody calls, and somebody steers; then everybody is quiet, and nothing is changed by hand any more.
async fn one_round(random: &mut Rng, switching: bool, asked: &Asked) {
    STOPPED.store(false, Ordering::Relaxed);
    let failing = [0.05, 0.3, 0.6, 0.95][random.usize(0..4)];
    let mut all = JoinSet::new();
    for _ in 0..CALLERS {
        all.spawn(calls(random.u64(..), failing));
    }
    for _ in 0..2 {
        all.spawn(steering::steer(random.u64(..), switching, &STOPPED));
    }
    let until = tokio::time::Instant::now() + ROUND;
    while tokio::time::Instant::now() < until {
        step(random).await;
    }
    if let Some(what) = &asked.sabotage {
        sabotage(what).await;
    }
    STOPPED.store(true, Ordering::Relaxed);
    let ended = timeout(Duration::from_secs(120), async {
        while let Some(ended) = all.join_next().await {
            if let Err(error) = ended {
                broken("every caller comes back", error);
            }
        }
    });
    if ended.await.is_err() {
        broken("every caller comes back", "some wait for ever");
    }
    resilient::registry().enable_all(Override::because("quiet").by("soak"));
    // What was done by hand has an end, at most so far away.
    sleep(Duration::from_millis(40)).await;
}

/// Time passes.
#[cfg(not(feature = "paused"))]
async fn step(_: &mut Rng) {
    sleep(Duration::from_millis(20)).await;
}

/// The clock jumps: by nothing, by a little, or by minutes.
#[cfg(feature = "paused")]
async fn step(random: &mut Rng) {
    for _ in 0..random.u8(0..40) {
        tokio::task::yield_now().await;
    }
    let length = match random.u8(0..20) {
        0..14 => Duration::from_micros(random.u64(0..5_000)),
        14..19 => Duration::from_millis(random.u64(0..200)),
        _ => Duration::from_secs(random.u64(0..600)),
    };
    tokio::time::advance(length).await;
}

/// One caller: most calls are made where it is, some in a task of their own, which may be aborted.
async fn calls(seed: u64, failing: f64) {
    let mut random = Rng::with_seed(seed);
    while !STOPPED.load(Ordering::Relaxed) {
        let call = Call::draw(&mut random, failing);
        if random.u8(0..16) > 0 {
            call.make().await;
        } else {
            let task = tokio::spawn(call.make());
            for _ in 0..random.u8(0..6) {
                tokio::task::yield_now().await;
            }
            task.abort();
            if task.await.is_err_and(|error| error.is_panic()) {
                broken("nothing panics that was not meant to", "a call");
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Does wrong what an invariant forbids.
async fn sabotage(what: &str) {
    use resilient::Frame;
    static FRAME: Frame = Frame::new();
    match what {
        "place" => {
            let admitted = checks::bulkhead("soak.order").admit(&FRAME).await;
            std::mem::forget(admitted);
        }
        "outcome" => drop(checks::breaker("soak.order").admit(&FRAME)),
        "call" => {
            call::ENDS[1].called.fetch_add(1, Ordering::SeqCst);
        }
        "limit" => {
            let bodies: Vec<_> = (0..=service::ORDERS)
                .map(|_| service::ORDERED.enter())
                .collect();
            sleep(Duration::from_millis(1)).await;
            drop(bodies);
        }
        "rate" => {
            for _ in 0..2000 {
                drop(service::EXPORTED[0].enter());
            }
        }
        "task" => drop(tokio::spawn(std::future::pending::<()>())),
        "transition" => {
            transitions::Ways::default().step(
                "soak.order",
                None,
                ("closed", "half_open"),
                "sabotage",
            );
        }
        _ => {}
    }
}

/// How many bytes are allocated whenever nobody calls.
#[derive(Debug, Default)]
struct Memory {
    /// After the warm-up.
    early: Vec<f64>,
    /// In the end.
    late: Vec<f64>,
    most: f64,
}

impl Memory {
    /// Looks when this share of the time has passed.
    #[expect(clippy::cast_precision_loss, reason = "there is not so much memory")]
    fn look(&mut self, passed: f64) {
        let seen = ALLOCATOR.stats();
        let live = (seen.bytes_allocated - seen.bytes_deallocated) as f64;
        self.most = self.most.max(live);
        let looks = if (0.25..0.5).contains(&passed) {
            &mut self.early
        } else if passed >= 0.75 {
            &mut self.late
        } else {
            return;
        };
        // Their room does not grow while it is measured.
        if looks.len() < 10_000 {
            looks.push(live);
        }
    }

    fn change(&self) -> Option<f64> {
        let (early, late) = (median(&self.early)?, median(&self.late)?);
        Some((late / early - 1.0) * 100.0)
    }

    fn is_flat(&self) {
        match self.change() {
            Some(change) if change.abs() > MEMORY_WITHIN => {
                broken("memory is flat", format!("{change:+.1}% after the warm-up"));
            }
            _ => {}
        }
    }
}

fn median(of: &[f64]) -> Option<f64> {
    let mut sorted = of.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

fn report(ways: &transitions::Ways, rounds: u32, memory: &Memory) {
    println!(
        "{rounds} rounds, {} deeds by hand",
        steering::DEEDS.load(Ordering::Relaxed)
    );
    for (name, ends) in call::NAMES.iter().zip(&call::ENDS) {
        let count = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
        println!(
            "  {name:9} {:9} calls: {} good, {} failed, {} refused, {} panicked, {} dropped",
            count(&ends.called),
            count(&ends.good),
            count(&ends.failed),
            count(&ends.refused),
            count(&ends.panicked),
            count(&ends.dropped),
        );
    }
    let steps: Vec<String> = ways
        .steps
        .iter()
        .map(|((from, to), count)| format!("{from} to {to} {count}"))
        .collect();
    println!("  breakers: {}", steps.join(", "));
    println!(
        "  {} events were forgotten before they were read",
        ways.missed
    );
    let change = memory
        .change()
        .map_or("too short to say".to_owned(), |change| {
            format!("{change:+.2}%")
        });
    println!(
        "  memory after the warm-up: {change}, at most {:.1} MB",
        memory.most / 1e6
    );
    println!("soak: every invariant held");
}
