//! One call from outside: begun, perhaps dropped at some poll, and counted however it ends.

use crate::plan::{Failure, Plan, Planned};
use crate::service;
use fastrand::Rng;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::thread::panicking;

/// The functions of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Quote(u32),
    Order,
    Search,
    Export(usize),
    Checkout,
    Browse(u32),
}

impl Function {
    fn draw(random: &mut Rng) -> Self {
        match random.u8(0..10) {
            0..4 => Self::Quote(random.u32(0..service::KEYS)),
            4..6 => Self::Order,
            6..8 => Self::Search,
            8 if random.bool() => Self::Export(random.usize(0..service::HOT_KEYS)),
            8 => Self::Browse(random.u32(0..service::KEYS)),
            _ => Self::Checkout,
        }
    }

    fn index(self) -> usize {
        match self {
            Self::Quote(_) => 0,
            Self::Order => 1,
            Self::Search => 2,
            Self::Export(_) => 3,
            Self::Checkout => 4,
            Self::Browse(_) => 5,
        }
    }
}

/// How the calls of one function ended.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) called: AtomicU64,
    pub(crate) good: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) panicked: AtomicU64,
    pub(crate) dropped: AtomicU64,
}

/// The functions, in the order of [`ENDS`].
pub(crate) const NAMES: [&str; 6] = ["quote", "order", "search", "export", "checkout", "browse"];

pub(crate) static ENDS: [Ends; 6] = [const {
    Ends {
        called: AtomicU64::new(0),
        good: AtomicU64::new(0),
        failed: AtomicU64::new(0),
        refused: AtomicU64::new(0),
        panicked: AtomicU64::new(0),
        dropped: AtomicU64::new(0),
    }
}; 6];

/// A call that has begun and is counted once when it ends, by a result or by being dropped.
struct Begun<'a> {
    ends: &'a Ends,
    settled: bool,
}

impl<'a> Begun<'a> {
    fn new(ends: &'a Ends) -> Self {
        ends.called.fetch_add(1, Ordering::SeqCst);
        Self {
            ends,
            settled: false,
        }
    }

    fn settle(mut self, ended: &Result<u32, Failure>) {
        self.settled = true;
        let count = match ended {
            Ok(_) => &self.ends.good,
            Err(Failure::Rejected(_)) => &self.ends.refused,
            Err(_) => &self.ends.failed,
        };
        count.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if !self.settled {
            let count = if panicking() {
                &self.ends.panicked
            } else {
                &self.ends.dropped
            };
            count.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// What is drawn for one call before it begins.
#[derive(Debug)]
pub(crate) struct Call {
    function: Function,
    plan: Plan,
    /// It is dropped when it has to wait for this time.
    polls: u32,
}

impl Call {
    pub(crate) fn draw(random: &mut Rng, failing: f64) -> Self {
        Self {
            function: Function::draw(random),
            plan: Plan::draw(random, failing),
            polls: if random.u8(0..10) == 0 {
                random.u32(1..5)
            } else {
                u32::MAX
            },
        }
    }

    /// A call of this function, which nobody drops.
    pub(crate) fn of(function: Function, failing: bool) -> Self {
        Self {
            function,
            plan: Plan::quick(failing),
            polls: u32::MAX,
        }
    }

    /// Makes the call, until it ends or is dropped.
    ///
    /// A panic that was planned ends here, every other one goes on.
    pub(crate) async fn make(self) {
        let mut call = pin!(self.called());
        let mut polls = 0;
        poll_fn(|context| {
            polls += 1;
            match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context))) {
                Ok(Poll::Pending) if polls < self.polls => Poll::Pending,
                Ok(_) => Poll::Ready(()),
                Err(panic) if panic.is::<Planned>() => Poll::Ready(()),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
        .await;
    }

    async fn called(&self) {
        let begun = Begun::new(&ENDS[self.function.index()]);
        let ended = match self.function {
            Function::Quote(key) => service::quote(key, &self.plan).await,
            Function::Order => service::order(&self.plan).await,
            Function::Search => service::search(&self.plan).await,
            Function::Export(key) => service::export(key, &self.plan).await,
            Function::Checkout => service::checkout(&self.plan).await,
            Function::Browse(key) => service::browse(key, &self.plan).await,
        };
        begun.settle(&ended);
    }
}
