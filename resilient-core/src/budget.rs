//! How many extra attempts there may be, for all calls of a policy or of several together.
//!
//! The form is that of the `RetryBudget` in Finagle (Twitter): a share of the newest calls, and a
//! small number that is always there. From Envoy's `retry_budget` it has the lesson that an attempt
//! counts while it waits for its turn, not only when it runs: otherwise all that wait fire together.

use crate::given::{FromGiven, Given, call};
use crate::isolation::PerRegistry;
use crate::setting::{Share, Value};
use crate::sync::{AtomicU64, Mutex, OnceLock, Ordering, Tally, shared_static};
use crate::time::{self, Nanos};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// How many extra attempts there may be: a share of the calls of the last ten seconds, but never
/// fewer than thirty in that time, three a second.
///
/// ```
/// use resilient_core::{Budget, RetryPolicy, Share};
///
/// const OWN: Budget = Budget::own(Share::percent(20));
/// const GATEWAY: Budget = Budget::shared("gateway", Share::percent(20));
/// assert_eq!(OWN.to_string(), "20%");
/// assert_eq!(GATEWAY.to_string(), "budget(\"gateway\", 20%)");
/// assert_eq!(RetryPolicy::new().budget(GATEWAY).invalid(), None);
///
/// let none = RetryPolicy::new().budget(Budget::own(Share::percent(0)));
/// assert_eq!(none.invalid().unwrap().key(), "budget");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Budget {
    name: Option<&'static str>,
    share: Share,
}

impl Budget {
    /// A budget of one policy alone.
    #[must_use]
    pub const fn own(share: Share) -> Self {
        Self { name: None, share }
    }

    /// A budget of all policies that write this name: their calls and their extra attempts are
    /// counted together. Each of them goes by the share that it wrote itself.
    #[must_use]
    pub const fn shared(name: &'static str, share: Share) -> Self {
        Self {
            name: Some(name),
            share,
        }
    }

    /// The name under which it is shared, if it is.
    #[must_use]
    pub const fn name(&self) -> Option<&'static str> {
        self.name
    }

    /// How many extra attempts there may be, of all calls.
    #[must_use]
    pub const fn share(&self) -> Share {
        self.share
    }

    pub(crate) const fn has_a_name_if_shared(&self) -> bool {
        match self.name {
            Some(name) => !name.trim_ascii().is_empty(),
            None => true,
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => f.pad(&format!("budget({name:?}, {})", self.share)),
            None => self.share.fmt(f),
        }
    }
}

impl From<Budget> for Value {
    fn from(budget: Budget) -> Self {
        match budget.name {
            Some(_) => Self::Text(budget.to_string()),
            None => Self::Share(budget.share),
        }
    }
}

impl FromGiven for Budget {
    const EXPECTED: &'static str = "a share such as `20%`, or `budget(\"gateway\", 20%)`";
    const TYPES: &'static [&'static str] = &["string", "number"];

    fn from_given(given: &Given) -> Option<Self> {
        if let Given::Text(text) = given
            && let Some(("budget", Some(inside))) = call(text)
        {
            let (name, share) = inside.strip_prefix('"')?.rsplit_once('"')?;
            let share = share.trim_start().strip_prefix(',')?;
            let share = Share::from_given(&share.into())?;
            return Some(Self::shared(kept(name), share));
        }
        Share::from_given(given).map(Self::own)
    }
}

/// `name` for ever: the same text is kept once.
fn kept(name: &str) -> &'static str {
    shared_static! {
        static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    }
    let mut kept = KEPT.lock();
    if let Some(name) = kept.get(name) {
        return name;
    }
    let name = name.to_owned().leak();
    kept.insert(name);
    name
}

/// What can be seen of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BudgetSnapshot {
    /// The name under which it is shared, if it is.
    pub name: Option<&'static str>,
    /// The share of the calls that may be extra attempts.
    pub share: Share,
    /// The calls of the last ten seconds, as far as they are counted for sure.
    pub calls: u64,
    /// Extra attempts that began in the last ten seconds, or wait for their delay to end.
    pub used: u64,
    /// How many more there may be now.
    pub left: u64,
}

impl BudgetSnapshot {
    /// What a person should know of it.
    pub(crate) fn note(&self) -> String {
        let Self {
            share, used, left, ..
        } = self;
        let name = self.name.map(|name| format!(" `{name}`"));
        let name = name.unwrap_or_default();
        format!("budget{name} {share}: {used} used, {left} left")
    }
}

/// How long one bucket of the window is.
const TICK: Nanos = 100_000_000;

/// How many buckets hold ten seconds.
const BUCKETS: u64 = 100;

/// One more: what is counted for an attempt is kept for ten seconds at least, what is counted for a
/// call for ten seconds at most.
const RING: usize = 101;

/// How many extra attempts there may always be in a window: three a second.
const ALWAYS: u64 = 30;

/// What one bucket holds.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    calls: u64,
    extra: u64,
}

/// The calls and the extra attempts of the last ten seconds; pure.
#[derive(Clone, Debug)]
struct State {
    /// Of the last look.
    tick: u64,
    /// How many calls there had been at the last look, since ever.
    seen: u64,
    /// By tick; that of `tick` is the newest.
    ring: [Bucket; RING],
    calls: u64,
    extra: u64,
    /// Extra attempts whose delay has not ended yet.
    waiting: u64,
}

impl State {
    const fn new(now: Nanos) -> Self {
        Self {
            tick: now / TICK,
            seen: 0,
            ring: [Bucket { calls: 0, extra: 0 }; RING],
            calls: 0,
            extra: 0,
            waiting: 0,
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "below the ring's length")]
    const fn place(tick: u64) -> usize {
        (tick % RING as u64) as usize
    }

    /// Looks at the number of calls since ever. Those that are new happened since the last look, and
    /// count as if they had happened right after it: so no call is ever counted for too long.
    fn look(&mut self, total: u64, now: Nanos) {
        let new = total.saturating_sub(self.seen);
        self.seen += new;
        self.calls += new;
        self.ring[Self::place(self.tick)].calls += new;
        let tick = now / TICK;
        // Only where time can be paused does it go back so far: each test has a clock of its own, and
        // that of an earlier one may have been far ahead.
        if tick.abs_diff(self.tick) > BUCKETS {
            self.ring = [Bucket::default(); RING];
            (self.calls, self.extra) = (0, 0);
            self.tick = tick;
        }
        while self.tick < tick {
            self.tick += 1;
            // The place after the newest is that of the oldest one: its calls have left already.
            let oldest = &mut self.ring[Self::place(self.tick)];
            self.extra -= oldest.extra;
            *oldest = Bucket::default();
            let left = &mut self.ring[Self::place(self.tick + 1)];
            self.calls -= left.calls;
            left.calls = 0;
        }
    }

    fn limit(&self, share: Share) -> u64 {
        let part = u128::from(self.calls) * u128::from(share.as_parts_per_million()) / 1_000_000;
        u64::try_from(part).unwrap_or(u64::MAX).max(ALWAYS)
    }

    const fn used(&self) -> u64 {
        self.waiting.saturating_add(self.extra)
    }

    fn left(&self, share: Share) -> u64 {
        self.limit(share).saturating_sub(self.used())
    }

    /// Takes a place for an extra attempt, as of the last look, if one is left.
    fn take(&mut self, share: Share) -> bool {
        let is_left = self.left(share) != 0;
        self.waiting += u64::from(is_left);
        is_left
    }

    /// An attempt that waited begins, as of the last look.
    fn begin(&mut self) {
        self.waiting -= 1;
        self.extra += 1;
        self.ring[Self::place(self.tick)].extra += 1;
    }

    /// An attempt that waited will never begin.
    const fn give_back(&mut self) {
        self.waiting -= 1;
    }
}

/// After how many calls of one thread it looks at the clock.
///
/// Between two looks calls are counted, and not yet dated: at most seven in each slot of the tally,
/// 56 in all. If a pause makes them count as too old, half of them would have been fewer extra
/// attempts than there always are.
const LOOK_EVERY: u64 = 8;

/// The budgets that have a name.
static SHARED: PerRegistry<Mutex<BTreeMap<&'static str, Arc<LiveBudget>>>> =
    PerRegistry::new(Mutex::default);

/// Whoever asks for a budget by its name from now on gets a new one.
#[cfg(feature = "testing")]
pub(crate) fn forget_shared() {
    SHARED.current().lock().clear();
}

/// A budget at work.
#[derive(Debug)]
pub(crate) struct LiveBudget {
    name: Option<&'static str>,
    /// All calls since ever.
    calls: Tally,
    /// The tick of the last look: within it, another one would find out nothing.
    looked: AtomicU64,
    state: Mutex<State>,
}

impl LiveBudget {
    fn new(name: Option<&'static str>, now: Nanos) -> Self {
        Self {
            name,
            calls: Tally::default(),
            looked: AtomicU64::new(now / TICK),
            state: Mutex::new(State::new(now)),
        }
    }

    /// The budget of this name, which everybody shares who asks for it; without a name a new one.
    fn of(name: Option<&'static str>) -> Arc<Self> {
        let new = || Arc::new(Self::new(name, time::now()));
        match name {
            Some(name) => Arc::clone(SHARED.current().lock().entry(name).or_insert_with(new)),
            None => new(),
        }
    }

    /// Counts a call, at the cost of a load and a store.
    #[inline]
    fn count(&self) {
        if self.calls.add_and_tell().is_multiple_of(LOOK_EVERY) {
            self.date();
        }
    }

    #[cold]
    #[inline(never)]
    fn date(&self) {
        let now = time::now();
        if now / TICK > self.looked.load(Ordering::Relaxed) {
            self.at(now, |_| ());
        }
    }

    /// The state as it is at `now`.
    fn at<T>(&self, now: Nanos, of: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        state.look(self.calls.sum(), now);
        self.looked.store(state.tick, Ordering::Relaxed);
        of(&mut state)
    }

    /// A place for an extra attempt, if one is left. It is held while the attempt waits.
    pub(crate) fn take(self: Arc<Self>, share: Share, now: Nanos) -> Option<Place> {
        let is_taken = self.at(now, |state| state.take(share));
        is_taken.then(|| Place { budget: Some(self) })
    }

    pub(crate) fn snapshot(&self, share: Share, now: Nanos) -> BudgetSnapshot {
        self.at(now, |state| BudgetSnapshot {
            name: self.name,
            share,
            calls: state.calls,
            used: state.used(),
            left: state.left(share),
        })
    }
}

/// The place of one extra attempt in a budget, from when it is granted until it begins. It is given
/// back if it never does.
#[derive(Debug)]
pub(crate) struct Place {
    budget: Option<Arc<LiveBudget>>,
}

impl Place {
    /// The attempt begins, and stays counted for the next ten seconds.
    pub(crate) fn begin(mut self, now: Nanos) {
        if let Some(budget) = self.budget.take() {
            budget.at(now, State::begin);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(budget) = &self.budget {
            budget.state.lock().give_back();
        }
    }
}

/// The budgets that one policy has had since it was made, so that a call finds the one that holds
/// now by its number, without a lock. Hardly ever more than one.
#[derive(Debug, Default)]
pub(crate) struct Budgets(OnceLock<Box<Link>>);

#[derive(Debug)]
struct Link {
    budget: Arc<LiveBudget>,
    others: Budgets,
}

impl Budgets {
    /// The number of the budget with this name, or of the one that belongs to the policy alone.
    pub(crate) fn number(&self, name: Option<&'static str>) -> u64 {
        let (mut links, mut number) = (self, 0);
        loop {
            let link = links.0.get_or_init(|| {
                Box::new(Link {
                    budget: LiveBudget::of(name),
                    others: Self::default(),
                })
            });
            if link.budget.name == name {
                return number;
            }
            (links, number) = (&link.others, number + 1);
        }
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Arc<LiveBudget>> {
        let mut link = self.0.get()?;
        for _ in 0..number {
            link = link.others.0.get()?;
        }
        Some(&link.budget)
    }

    /// Counts a call for the budget of this number.
    #[inline]
    pub(crate) fn count(&self, number: u64) {
        if let Some(budget) = self.get(number) {
            budget.count();
        }
    }
}

#[cfg(any(test, resilient_fuzz))]
mod tests;
