//! What every model is made of.

use loom::sync::Notify;
use loom::sync::atomic::AtomicU32;
use loom::thread::{Builder, JoinHandle};
use resilient_core::{What, modelled, registry};
use std::env;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Once};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

/// Messages of events are put together on the stack.
const STACK: usize = 1 << 13;

/// How often a thread may be held up in favour of another one. Where a thread waits it costs nothing.
const PREEMPTIONS: usize = 2;

/// How often more than each model says, for who has the time: `cargo xtask loom --long`.
const MORE: &str = "RESILIENT_MORE_PREEMPTIONS";

/// Tries all that may happen in `model` with so many preemptions.
#[track_caller]
pub(crate) fn explore_to(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let more = env::var(MORE).map_or(0, |more| more.parse().expect("a number"));
    let mut loom = loom::model::Builder::new();
    // Call sites are looked for once in a process: a run that does it would be unlike all others.
    static START: Once = Once::new();
    START.call_once(|| {
        loom.check(|| {
            registry();
        });
    });
    loom.preemption_bound = Some(preemptions + more);
    loom.max_branches = 20_000;
    let runs = Arc::new(AtomicUsize::new(0));
    let (counted, model) = (Arc::clone(&runs), Arc::new(model));
    let begin = Instant::now();
    loom.check(move || {
        counted.fetch_add(1, Relaxed);
        modelled::start();
        let model = Arc::clone(&model);
        // Not on the first thread: what is dropped at its end comes too late for statics.
        let root = spawn(move || model());
        root.join().expect("a panic ends the model");
    });
    let (runs, took) = (runs.load(Relaxed), begin.elapsed());
    println!("{runs} runs in {took:.1?}");
    assert!(runs > 1, "nothing ever came between its threads");
}

/// Tries all that may happen in `model`.
#[track_caller]
pub(crate) fn explore(model: impl Fn() + Send + Sync + 'static) {
    explore_to(PREEMPTIONS, model);
}

/// A thread of a model.
pub(crate) fn spawn<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let thread = Builder::new().stack_size(STACK);
    let run = move || {
        let done = run();
        modelled::end_of_thread();
        done
    };
    thread.spawn(run).expect("a thread")
}

/// What each of these threads came to.
pub(crate) fn join<T>(threads: impl IntoIterator<Item = JoinHandle<T>>) -> Vec<T> {
    let ended = threads.into_iter().map(JoinHandle::join);
    ended
        .map(|ended| ended.expect("a panic ends the model"))
        .collect()
}

/// A live policy whose permits may go from thread to thread. It stays behind when the run ends.
pub(crate) fn lasting<T>(live: T) -> &'static T {
    Box::leak(Box::new(live))
}

struct Waking(Notify);

impl Wake for Waking {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// Runs a future until it is done. It is polled only when it was woken, and once in a while for no reason,
/// as executors may.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waking = Arc::new(Waking(Notify::new()));
    let waker = Waker::from(Arc::clone(&waking));
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        waking.0.wait();
    }
}

/// Polls a future for which nobody waits.
pub(crate) fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// How many are inside of something at a time.
///
/// It is relaxed, so that it brings no order into what is being looked at.
#[derive(Debug)]
pub(crate) struct Gauge {
    inside: AtomicU32,
    limit: u32,
}

impl Gauge {
    pub(crate) fn new(limit: u32) -> Arc<Self> {
        let inside = AtomicU32::new(0);
        Arc::new(Self { inside, limit })
    }

    pub(crate) fn enter(&self, places: u32) {
        let inside = self.inside.fetch_add(places, Relaxed) + places;
        assert!(inside <= self.limit, "{inside} inside of {}", self.limit);
    }

    pub(crate) fn leave(&self, places: u32) {
        self.inside.fetch_sub(places, Relaxed);
    }
}

/// The changes of state that were reported, each of which must begin where the one before has ended.
#[track_caller]
pub(crate) fn transitions() -> Vec<(&'static str, &'static str)> {
    let events = registry().history(0).events.into_iter();
    let transitions: Vec<_> = events
        .filter_map(|event| match event.what {
            What::Transition { from, to, .. } => Some((from, to)),
            _ => None,
        })
        .collect();
    let mut state = "closed";
    for (from, to) in &transitions {
        assert_eq!(*from, state, "{transitions:?}");
        state = to;
    }
    transitions
}
