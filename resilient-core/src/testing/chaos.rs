//! Bodies that fail or are slow by a given share, although their dependency is well.

use crate::error::Rejected;
use crate::event::{What, emit};
use crate::isolation::PerRegistry;
use crate::setting::{Kind, Share};
use crate::site::{Layer, known_sites};
use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering};
use crate::time::{Timer, block_until, boxed_sleep, nanos, now};
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

const CHAOS: Kind = Kind::new("chaos");

/// How many switches are on in the process.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

static SWITCHES: PerRegistry<Mutex<Vec<Arc<Switch>>>> = PerRegistry::new(Mutex::default);

/// Makes the bodies of annotated functions fail or slow, namely of those in whose stack a policy of
/// this name stands, of any kind. A policy without a name of its own has that of its function, for
/// example `shop::price`.
///
/// It does nothing before [`start`](Chaos::start).
///
/// ```
/// use resilient_core::Share;
/// use resilient_core::testing::{chaos, isolated};
///
/// let _test = isolated();
/// let tenth = chaos("pricing").fail(Share::percent(10)).seed(7);
/// let started = std::panic::catch_unwind(|| drop(tenth.start()));
/// assert!(started.is_err(), "no annotated function has a policy of this name");
/// ```
pub fn chaos(policy: impl Into<String>) -> Chaos {
    Chaos {
        policy: policy.into(),
        fail: Share::percent(0),
        slow: Share::percent(0),
        delay: Duration::ZERO,
        seed: 0,
    }
}

/// What a chaos switch is to do; see [`chaos`].
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `start`"]
pub struct Chaos {
    policy: String,
    fail: Share,
    slow: Share,
    delay: Duration,
    seed: u64,
}

impl Chaos {
    /// This share of the runs fails, and the body is not run; 0% if it is not called.
    ///
    /// The failure is [`Rejected::Injected`], which every policy takes for a failure of the body that
    /// may go away by itself: a circuit breaker counts it, a retry tries again. Predicates are not
    /// asked, since there is no error of the function's own.
    pub const fn fail(mut self, share: Share) -> Self {
        self.fail = share;
        self
    }

    /// This share of the runs begins only after `delay`; 0% if it is not called. To the policies around
    /// it the body runs meanwhile: a timeout cuts it off. A run can be slow and fail after it.
    ///
    /// It takes a tokio runtime with its timer enabled: without one, a run that shall be slow panics.
    pub const fn slow(mut self, share: Share, delay: Duration) -> Self {
        self.slow = share;
        self.delay = delay;
        self
    }

    /// Another sequence of decisions; 0 if it is not called. With one seed the decisions are the same
    /// each time: the n-th run under a switch meets what the n-th run met before.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Begins, in the registry of this test or else in the one of the process.
    ///
    /// # Panics
    ///
    /// If no annotated function has a policy of this name; or if runs shall fail and none of these
    /// functions takes a refusal, see [`ChaosSwitch::unreachable`].
    #[track_caller]
    pub fn start(self) -> ChaosSwitch {
        let (reachable, unreachable): (Vec<_>, Vec<_>) = known_sites()
            .into_iter()
            .filter(|site| site.layers.iter().any(|layer| layer.policy == self.policy))
            .partition(|site| site.takes_refusals);
        let unreachable: Vec<_> = unreachable.iter().map(|site| site.name).collect();
        assert!(
            !(reachable.is_empty() && unreachable.is_empty()),
            "no annotated function has a policy called `{}`; there are: {}",
            self.policy,
            known_names()
        );
        assert!(
            self.fail.is_zero() || !reachable.is_empty(),
            "chaos on `{}` has no way to make {} fail: no policy of the stack refuses calls, so the \
             error of the function need not be able to hold a refusal; add `map_err = …`, or use \
             `slow` alone",
            self.policy,
            unreachable.join(", "),
        );
        let switch = Arc::new(Switch {
            random: Mutex::new(fastrand::Rng::with_seed(self.seed)),
            settings: self,
            runs: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            slowed: AtomicU64::new(0),
        });
        let switches = SWITCHES.current();
        switches.lock().push(Arc::clone(&switch));
        RUNNING.fetch_add(1, Ordering::Relaxed);
        ChaosSwitch {
            switch,
            switches,
            unreachable,
        }
    }
}

fn known_names() -> String {
    let sites = known_sites();
    let layers = sites.iter().flat_map(|site| site.layers);
    let names: BTreeSet<String> = layers.map(|layer| format!("`{}`", layer.policy)).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// A chaos switch that is on until this is dropped; see [`Chaos::start`].
#[derive(Debug)]
#[must_use = "the switch is on until this is dropped: `let _chaos = chaos(…).start();`"]
pub struct ChaosSwitch {
    switch: Arc<Switch>,
    switches: &'static Mutex<Vec<Arc<Switch>>>,
    unreachable: Vec<&'static str>,
}

impl ChaosSwitch {
    /// How many runs of bodies it has decided about.
    pub fn runs(&self) -> u64 {
        self.switch.runs.load(Ordering::Relaxed)
    }

    /// How many of them it made fail.
    pub fn failed(&self) -> u64 {
        self.switch.failed.load(Ordering::Relaxed)
    }

    /// How many of them it slowed, those included that failed afterwards.
    pub fn slowed(&self) -> u64 {
        self.switch.slowed.load(Ordering::Relaxed)
    }

    /// The functions that it can only slow, by name.
    ///
    /// Where no policy of a stack refuses calls, as under `retry` alone, the error of the function need
    /// not be able to hold a refusal, and an injected failure is none of its own errors. With `map_err`
    /// on an attribute it has a way out.
    pub fn unreachable(&self) -> &[&'static str] {
        &self.unreachable
    }
}

impl Drop for ChaosSwitch {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
        let mut switches = self.switches.lock();
        switches.retain(|switch| !Arc::ptr_eq(switch, &self.switch));
    }
}

#[derive(Debug)]
struct Switch {
    settings: Chaos,
    random: Mutex<fastrand::Rng>,
    runs: AtomicU64,
    failed: AtomicU64,
    slowed: AtomicU64,
}

impl Switch {
    /// What becomes of the next run: whether it fails, and after which delay.
    ///
    /// Each run takes two numbers of the sequence whatever the shares are, so that another share does
    /// not change all decisions.
    fn decide(&self, takes_refusals: bool) -> (bool, Duration) {
        let settings = &self.settings;
        let (fails, is_slow) = {
            let mut random = self.random.lock();
            let mut hits = |share: Share| random.u32(0..1_000_000) < share.as_parts_per_million();
            (hits(settings.fail), hits(settings.slow))
        };
        let fails = fails && takes_refusals;
        let delay = if is_slow {
            settings.delay
        } else {
            Duration::ZERO
        };
        self.runs.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(u64::from(fails), Ordering::Relaxed);
        self.slowed.fetch_add(u64::from(is_slow), Ordering::Relaxed);
        (fails, delay)
    }
}

/// True if any switch is on in the process.
#[inline(always)]
pub fn is_disturbed() -> bool {
    RUNNING.load(Ordering::Relaxed) != 0
}

/// What the switches of the registry do to one run of a body under these policies.
#[cold]
pub fn disturb(layers: &[Layer], takes_refusals: bool) -> Disturbance {
    let switches = SWITCHES.current().lock().clone();
    let mut disturbance = Disturbance {
        delay: Duration::ZERO,
        timer: None,
        injected: None,
    };
    for switch in switches {
        let mut policies = layers.iter().map(|layer| layer.policy());
        let Some(policy) = policies.find(|policy| *policy == switch.settings.policy) else {
            continue;
        };
        let (failed, delay) = switch.decide(takes_refusals);
        if failed || !delay.is_zero() {
            emit(CHAOS, policy, What::Disturbed { failed, delay });
        }
        if failed {
            disturbance
                .injected
                .get_or_insert(Rejected::injected(policy));
        }
        disturbance.delay = disturbance.delay.saturating_add(delay);
    }
    disturbance
}

/// What comes before one run of a body: a delay perhaps, and then a failure instead of it perhaps.
#[derive(Debug)]
pub struct Disturbance {
    delay: Duration,
    timer: Option<Pin<Box<Timer>>>,
    injected: Option<Rejected>,
}

impl Disturbance {
    /// The same for a plain function, whose thread sleeps.
    pub fn block(self) -> Option<Rejected> {
        block_until(now().saturating_add(nanos(self.delay)));
        self.injected
    }
}

impl Future for Disturbance {
    type Output = Option<Rejected>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Rejected>> {
        let delay = self.delay;
        if !delay.is_zero() {
            let timer = self.timer.get_or_insert_with(|| boxed_sleep(delay));
            ready!(timer.as_mut().poll(context));
        }
        Poll::Ready(self.injected)
    }
}
