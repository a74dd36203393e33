//! Names and their live policies: who defined what, what holds, and what contradicts itself.
//!
//! A policy is known under its kind and its name. Calls never come here: a call site looks its
//! policies up once and keeps them.
//!
//! A policy that only pipelines mention has one layer more, below the defaults: it is switched off.
//! So whatever anybody writes about it, or a single attribute that names it, switches it on.

use crate::configured::Configured;
use crate::definition::Declaration;
use crate::entry::{AnyEntry, Changes, Entry, ReconfigureError, Reconfigured, ends};
use crate::error::Rejected;
use crate::event::{self, Events, History, What};
#[cfg(feature = "testing")]
use crate::isolation;
use crate::isolation::PerRegistry;
use crate::policy::{
    AttemptTimeout, AttemptTimeoutPolicy, Bulkhead, BulkheadPolicy, CircuitBreaker,
    CircuitBreakerPolicy, Fallback, FallbackPolicy, Hedge, HedgePolicy, Policy, RateLimitPolicy,
    RateLimiter, Retry, RetryPolicy, Timeout, TimeoutPolicy,
};
use crate::setting::{InvalidSetting, Kind, Override, Setting};
use crate::sync::Mutex;
use crate::time::{self, Nanos};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The policies of the process, by name.
///
/// A look-up never creates anything: an unknown name is `None`.
///
/// ```
/// use resilient_core::{BulkheadPolicy, policy, registry};
///
/// policy("search").bulkhead(BulkheadPolicy::new().limit(8)).register()?;
///
/// let bulkhead = registry().bulkhead("search").unwrap();
/// assert_eq!(bulkhead.name(), "search");
/// assert!(registry().bulkhead("serach").is_none(), "a name that nobody has mentioned");
/// assert!(registry().circuit_breaker("search").is_none(), "another kind");
/// # Ok::<(), resilient_core::RegisterError>(())
/// ```
pub struct Registry {
    entries: Mutex<Entries>,
    /// The pipelines that have seen a call.
    used_pipelines: Mutex<BTreeSet<&'static str>>,
    /// Why all policies are switched off, if they are, and until when.
    all_off: Mutex<AllOff>,
    configured: Mutex<Configured>,
}

#[derive(Default)]
struct AllOff {
    off: Option<(Override, Nanos)>,
    /// Counts the changes.
    version: u64,
}

/// The functions that use them, by the names of the pipelines.
pub(crate) type UndefinedPipelines = BTreeMap<&'static str, Vec<&'static str>>;

/// What a pipeline is called where a policy's kind stands.
pub(crate) const PIPELINE: Kind = Kind::new("pipeline");

/// By name first, so that the policies of one name stand together.
type Entries = BTreeMap<(&'static str, Kind), &'static dyn AnyEntry>;

static REGISTRY: PerRegistry<Registry> = PerRegistry::new(|| {
    // Reading the clock for the first time calibrates it, which no call should have to wait for.
    time::start();
    Registry {
        entries: Mutex::new(BTreeMap::new()),
        used_pipelines: Mutex::new(BTreeSet::new()),
        all_off: Mutex::default(),
        configured: Mutex::new(Configured::default()),
    }
});

impl Registry {
    /// The registry without the call sites; [`registry`](crate::registry) lists them first.
    pub(crate) fn bare() -> &'static Self {
        REGISTRY.current()
    }

    /// The registry of the process, without the call sites.
    pub(crate) fn process() -> &'static Self {
        REGISTRY.process()
    }

    /// Has every policy begin anew, with the settings that it has.
    #[cfg(feature = "testing")]
    pub(crate) fn renew(&self) {
        self.used_pipelines.lock().clear();
        isolation::begin_anew();
        self.all_off.lock().off = None;
        for entry in self.all() {
            entry.renew();
        }
    }

    /// The circuit breaker of this name; `None` if nobody has mentioned it.
    pub fn circuit_breaker(&self, name: &str) -> Option<&'static CircuitBreaker> {
        self.live::<CircuitBreakerPolicy>(name)
    }

    /// The retry of this name; `None` if nobody has mentioned it.
    pub fn retry(&self, name: &str) -> Option<&'static Retry> {
        self.live::<RetryPolicy>(name)
    }

    /// The timeout of each attempt in the pipelines of this name; `None` if nobody has mentioned it.
    pub fn attempt_timeout(&self, name: &str) -> Option<&'static Timeout> {
        self.live::<AttemptTimeoutPolicy>(name)
            .map(AttemptTimeout::timeout)
    }

    /// The timeout of this name; `None` if nobody has mentioned it. In a pipeline it is the one of the
    /// whole call.
    pub fn timeout(&self, name: &str) -> Option<&'static Timeout> {
        self.live::<TimeoutPolicy>(name)
    }

    /// The bulkhead of this name; `None` if nobody has mentioned it.
    pub fn bulkhead(&self, name: &str) -> Option<&'static Bulkhead> {
        self.live::<BulkheadPolicy>(name)
    }

    /// The rate limit of this name; `None` if nobody has mentioned it.
    pub fn rate_limit(&self, name: &str) -> Option<&'static RateLimiter> {
        self.live::<RateLimitPolicy>(name)
    }

    /// The fallback of this name; `None` if nobody has mentioned it.
    pub fn fallback(&self, name: &str) -> Option<&'static Fallback> {
        self.live::<FallbackPolicy>(name)
    }

    /// The hedge of this name; `None` if nobody has mentioned it.
    pub fn hedge(&self, name: &str) -> Option<&'static Hedge> {
        self.live::<HedgePolicy>(name)
    }

    /// The live policy of any kind, also one that this crate does not know; `None` if nobody has
    /// mentioned its name.
    pub fn live<P: Policy>(&self, name: &str) -> Option<&'static P::Live> {
        self.entry::<P>(name).map(Entry::live)
    }

    /// Subscribes to the events of all policies, from now on; see [`Events`].
    pub fn events(&self) -> Events {
        Events::subscribe()
    }

    pub(crate) fn entry<P: Policy>(&self, name: &str) -> Option<&'static Entry<P>> {
        let entry = self.any(name, P::KIND)?;
        entry.as_any().downcast_ref()
    }

    pub(crate) fn any(&self, name: &str, kind: Kind) -> Option<&'static dyn AnyEntry> {
        let entry = find(&self.entries.lock(), name, kind)?;
        entry.end_changes();
        Some(entry)
    }

    /// All policies, by name and kind.
    pub(crate) fn all(&self) -> Vec<&'static dyn AnyEntry> {
        let all: Vec<_> = self.entries.lock().values().copied().collect();
        for entry in &all {
            entry.end_changes();
        }
        all
    }

    /// Changes settings of one policy while the program runs, with an end if `by` has one: what
    /// `policy` writes hides what attributes, code, files and the environment write, until it is taken
    /// back with [`Changes::take_back`].
    ///
    /// State and statistics stay; what a changed rule means for them says its policy.
    ///
    /// ```
    /// use resilient_core::{Override, RetryPolicy, Source, policy, registry};
    /// use std::time::Duration;
    ///
    /// policy("mail").retry(RetryPolicy::new().attempts(5)).register()?;
    /// let night = Override::because("the relay is slow").by("ana").lasting(Duration::from_secs(3600));
    /// let changed = registry().reconfigure("mail", RetryPolicy::new().attempts(2), night.clone())?;
    /// assert_eq!(changed.changes[0].source, Source::Override { by: night });
    ///
    /// let wrong = registry().reconfigure("mail", RetryPolicy::new().attempts(0), "a slip");
    /// assert!(wrong.unwrap_err().to_string().contains("attempts"));
    /// let unknown = registry().reconfigure("male", RetryPolicy::new(), "a slip");
    /// assert_eq!(unknown.unwrap_err().to_string(), "there is no retry `male`");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If nobody has mentioned the policy, a setting is out of range, or the settings would contradict
    /// each other. Then nothing has changed.
    pub fn reconfigure<P: Policy>(
        &self,
        name: &str,
        policy: P,
        by: impl Into<Override>,
    ) -> Result<Reconfigured, ReconfigureError> {
        match self.entry::<P>(name) {
            Some(entry) => entry.lay(policy, by.into()),
            None => Err(unknown_policy(P::KIND.as_str(), name)),
        }
    }

    /// Makes changes that come from outside, key by key; see [`Changes`].
    ///
    /// # Errors
    ///
    /// As [`reconfigure`](Self::reconfigure), and if a setting is unknown, a value is not of its type,
    /// or the settings have another version than the changes expect. Then nothing has changed.
    pub fn reconfigure_with(
        &self,
        kind: &str,
        name: &str,
        changes: &Changes,
        by: impl Into<Override>,
    ) -> Result<Reconfigured, ReconfigureError> {
        self.named(kind, name)?.reconfigure(changes, by.into())
    }

    /// What [`reconfigure_with`](Self::reconfigure_with) would do, without doing it.
    ///
    /// # Errors
    ///
    /// As [`reconfigure_with`](Self::reconfigure_with).
    pub fn preview(
        &self,
        kind: &str,
        name: &str,
        changes: &Changes,
    ) -> Result<Reconfigured, ReconfigureError> {
        self.named(kind, name)?.preview(changes)
    }

    /// Switches every policy off, also those that become known later: each lets every call through at
    /// the cost of a load, whatever is written about it, until [`enable_all`](Self::enable_all) or the
    /// end that `by` has.
    ///
    /// ```
    /// use resilient_core::{BulkheadPolicy, Setting, Value, policy, registry};
    ///
    /// policy("search").bulkhead(BulkheadPolicy::new().limit(8)).register()?;
    /// let enabled = || {
    ///     let search = registry().snapshot().policies.remove(0);
    ///     search.settings.into_iter().find(|setting| setting.key == "enabled").unwrap().value
    /// };
    /// registry().disable_all("is it us, or is it them?");
    /// assert_eq!(enabled(), Some(Value::Flag(false)));
    /// assert_eq!(registry().all_disabled().unwrap().reason(), "is it us, or is it them?");
    /// registry().enable_all("it was them");
    /// assert_eq!(registry().all_disabled(), None);
    /// assert_eq!(enabled(), Some(Value::Flag(true)));
    /// # Ok::<(), resilient_core::RegisterError>(())
    /// ```
    pub fn disable_all(&self, by: impl Into<Override>) {
        let by = by.into();
        let ends = ends(&by);
        self.switch_all(Some((by, ends)), None);
    }

    /// Takes [`disable_all`](Self::disable_all) back: what is written about each policy holds again.
    pub fn enable_all(&self, by: impl Into<Override>) {
        self.switch_all(None, Some(&by.into()));
    }

    /// No lock is held while the entries are told, for they report it. Of several that come here at once
    /// each tells what holds in the end.
    fn switch_all(&self, off: Option<(Override, Nanos)>, by: Option<&Override>) {
        let mut version = {
            let mut all_off = self.all_off.lock();
            all_off.off = off;
            all_off.version += 1;
            all_off.version
        };
        loop {
            let off = self.all_off.lock().off.clone();
            for entry in self.all() {
                entry.switch_all(off.as_ref().map(|(by, ends)| (by, *ends)), by);
            }
            let now = self.all_off.lock().version;
            if now == version {
                return;
            }
            version = now;
        }
    }

    /// The entry of this kind and name. A new one takes over what holds for it already, and nobody has
    /// to be told of that.
    fn entry_or_insert<P: Policy>(
        &self,
        entries: &mut Entries,
        name: &'static str,
    ) -> &'static Entry<P> {
        let known = find(entries, name, P::KIND).and_then(|entry| entry.as_any().downcast_ref());
        known.unwrap_or_else(|| {
            let entry: &'static Entry<P> = Box::leak(Box::new(Entry::new(name)));
            entries.insert((name, P::KIND), entry);
            self.configured.lock().tell(entry);
            if let Some((by, ends)) = &self.all_off.lock().off
                && time::now() < *ends
            {
                entry.is_off(by, *ends);
            }
            entry
        })
    }

    /// Why all policies are switched off by [`disable_all`](Self::disable_all); `None` if they are not,
    /// or not any more.
    pub fn all_disabled(&self) -> Option<Override> {
        let (by, ends) = self.all_off.lock().off.clone()?;
        (time::now() < ends).then_some(by)
    }

    /// The kind of this name, if there is any policy of it.
    pub fn kind(&self, name: &str) -> Option<Kind> {
        let entries = self.entries.lock();
        let mut kinds = entries.keys().map(|(_, kind)| *kind);
        kinds.find(|kind| kind.as_str() == name)
    }

    /// What is remembered of the important events after this position, from 0; see [`History`].
    pub fn history(&self, after: u64) -> History {
        event::history_after(after)
    }

    /// The same, as soon as there is any.
    ///
    /// # Cancel safety
    ///
    /// No event is lost if the future is dropped.
    pub async fn next_history(&self, after: u64) -> History {
        event::next_history(after).await
    }

    pub(crate) const fn configured(&self) -> &Mutex<Configured> {
        &self.configured
    }

    fn named(&self, kind: &str, name: &str) -> Result<&'static dyn AnyEntry, ReconfigureError> {
        let entries = self.entries.lock();
        let entry = of_name(&entries, name).find(|entry| entry.kind().as_str() == kind);
        drop(entries);
        let entry = entry.ok_or_else(|| unknown_policy(kind, name))?;
        entry.end_changes();
        Ok(entry)
    }

    /// The pipelines of which nobody defines any policy.
    pub(crate) fn undefined_pipelines(&self) -> UndefinedPipelines {
        let mut pipelines = BTreeMap::new();
        for entry in self.all() {
            let call_sites = entry.pipelines();
            if !call_sites.is_empty() {
                let pipeline = pipelines.entry(entry.name()).or_insert(Some(call_sites));
                if entry.is_defined() {
                    *pipeline = None;
                }
            }
        }
        let undefined = pipelines.into_iter();
        undefined
            .filter_map(|(name, call_sites)| Some((name, call_sites?)))
            .collect()
    }

    /// Reports a pipeline that nobody defines, once, when it sees its first call.
    pub(crate) fn first_use_of_pipeline(&self, name: &'static str) {
        let is_first = self.used_pipelines.lock().insert(name);
        if is_first && self.undefined_pipelines().contains_key(name) {
            event::emit(PIPELINE, name, What::Undefined);
        }
    }

    /// Adds what an attribute wrote under `name`, and makes the policy known.
    pub(crate) fn declare<P: Policy>(
        &self,
        name: &'static str,
        written: &Declaration<P>,
    ) -> &'static Entry<P> {
        let entry = self.entry_or_insert::<P>(&mut self.entries.lock(), name);
        entry.declare(*written);
        entry.take_effect();
        entry
    }
}

fn unknown_policy(kind: &str, name: &str) -> ReconfigureError {
    ReconfigureError::UnknownPolicy {
        kind: kind.to_owned(),
        policy: name.to_owned(),
    }
}

/// The keys of the map live for ever; that of a look-up does not have to.
fn find<'a>(
    entries: &BTreeMap<(&'a str, Kind), &'static dyn AnyEntry>,
    name: &'a str,
    kind: Kind,
) -> Option<&'static dyn AnyEntry> {
    entries.get(&(name, kind)).copied()
}

/// What is known under `name`, of whatever kind; the others are not looked at.
fn of_name<'a>(
    entries: &BTreeMap<(&'a str, Kind), &'static dyn AnyEntry>,
    name: &'a str,
) -> impl Iterator<Item = &'static dyn AnyEntry> {
    let least = Kind::new("");
    entries
        .range((name, least)..)
        .take_while(move |((known, _), _)| *known == name)
        .map(|(_, entry)| *entry)
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries.lock();
        f.debug_set()
            .entries(entries.keys().map(|(name, kind)| format!("{kind} {name}")))
            .finish()
    }
}

/// Begins the definition, in code, of policies under one name.
///
/// What is registered hides what attributes write, setting by setting, before or after their first
/// call; what it leaves out stays as it is. A fallback has nothing to register but whether it is
/// switched on: `policy("…").with(FallbackPolicy::new().enabled(false))`.
///
/// ```
/// use resilient_core::{BulkheadPolicy, RetryPolicy, policy, registry};
///
/// policy("mail")
///     .retry(RetryPolicy::new().attempts(5))
///     .bulkhead(BulkheadPolicy::new().limit(4))
///     .register()?;
/// assert!(registry().retry("mail").is_some());
///
/// let wrong = policy("mail.bulk").bulkhead(BulkheadPolicy::new().limit(0)).register();
/// assert!(wrong.unwrap_err().to_string().contains("limit"));
/// assert!(registry().bulkhead("mail.bulk").is_none(), "what is refused changes nothing");
///
/// let again = policy("mail").retry(RetryPolicy::new().attempts(9)).register();
/// assert!(again.is_err(), "a kind and name is registered once");
/// # Ok::<(), resilient_core::RegisterError>(())
/// ```
pub fn policy(name: impl Into<String>) -> PolicyDefinition {
    PolicyDefinition {
        name: name.into(),
        parts: Vec::new(),
    }
}

/// Policies that are about to be registered under one name; see [`policy()`].
///
/// Values out of range are refused by [`register`](Self::register), not before.
#[must_use = "nothing is defined before `register` is called"]
pub struct PolicyDefinition {
    name: String,
    parts: Vec<Box<dyn Part>>,
}

impl PolicyDefinition {
    /// Defines the circuit breaker of this name.
    pub fn circuit_breaker(self, policy: CircuitBreakerPolicy) -> Self {
        self.with(policy)
    }

    /// Defines the retry of this name.
    pub fn retry(self, policy: RetryPolicy) -> Self {
        self.with(policy)
    }

    /// Defines the timeout of each attempt in the pipelines of this name, a kind of its own:
    /// `attempt_timeout`.
    pub fn attempt_timeout(self, policy: TimeoutPolicy) -> Self {
        self.with(AttemptTimeoutPolicy::from(policy))
    }

    /// Defines the timeout of this name. In a pipeline it is the one of the whole call.
    pub fn timeout(self, policy: TimeoutPolicy) -> Self {
        self.with(policy)
    }

    /// Defines the bulkhead of this name.
    pub fn bulkhead(self, policy: BulkheadPolicy) -> Self {
        self.with(policy)
    }

    /// Defines the rate limit of this name.
    pub fn rate_limit(self, policy: RateLimitPolicy) -> Self {
        self.with(policy)
    }

    /// Defines the hedge of this name.
    pub fn hedge(self, policy: HedgePolicy) -> Self {
        self.with(policy)
    }

    /// Defines the fallback of this name: whether it answers, and how old an answer it may give once more.
    pub fn fallback(self, policy: FallbackPolicy) -> Self {
        self.with(policy)
    }

    /// Defines a policy of any kind, also one that this crate does not know.
    pub fn with<P: Policy>(mut self, policy: P) -> Self {
        self.parts.push(Box::new(policy));
        self
    }

    /// Registers everything that was defined, or nothing.
    ///
    /// # Errors
    ///
    /// If the name is empty, a setting is out of range or contradicts another one, or a kind was
    /// defined under this name before, here or by an earlier call; what attributes write does not
    /// count.
    /// Then nothing has changed.
    pub fn register(self) -> Result<(), RegisterError> {
        let Self { name, parts } = self;
        if name.trim().is_empty() {
            return Err(RegisterError::EmptyName);
        }
        let changes = {
            let mut entries = Registry::bare().entries.lock();
            check(&entries, &name, &parts)?;
            let known = of_name(&entries, &name).next().map(AnyEntry::name);
            let name = known.unwrap_or_else(|| name.leak());
            parts
                .iter()
                .map(|part| part.define(&mut entries, name))
                .collect::<Vec<_>>()
        };
        for (entry, (before, after)) in changes {
            entry.take_effect();
            entry.report_changes(&before, &after);
        }
        Ok(())
    }
}

fn check(entries: &Entries, name: &str, parts: &[Box<dyn Part>]) -> Result<(), RegisterError> {
    let mut kinds = Vec::new();
    for part in parts {
        let kind = part.kind();
        if let Some(invalid) = part.invalid() {
            return Err(RegisterError::Invalid {
                policy: name.to_owned(),
                kind,
                invalid,
            });
        }
        let is_registered = find(entries, name, kind).is_some_and(AnyEntry::is_registered);
        if is_registered || kinds.contains(&kind) {
            return Err(RegisterError::AlreadyRegistered {
                policy: name.to_owned(),
                kind,
            });
        }
        kinds.push(kind);
    }
    Ok(())
}

impl fmt::Debug for PolicyDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<_> = self.parts.iter().map(|part| part.kind()).collect();
        f.debug_struct("PolicyDefinition")
            .field("name", &self.name)
            .field("kinds", &kinds)
            .finish()
    }
}

/// One policy of a definition, whatever its kind.
trait Part {
    fn kind(&self) -> Kind;
    fn invalid(&self) -> Option<InvalidSetting>;
    /// Puts the policy into its entry, which is returned with its settings before and after.
    fn define(
        &self,
        entries: &mut Entries,
        name: &'static str,
    ) -> (&'static dyn AnyEntry, (Vec<Setting>, Vec<Setting>));
}

impl<P: Policy> Part for P {
    fn kind(&self) -> Kind {
        P::KIND
    }

    fn invalid(&self) -> Option<InvalidSetting> {
        Policy::invalid(self)
    }

    fn define(
        &self,
        entries: &mut Entries,
        name: &'static str,
    ) -> (&'static dyn AnyEntry, (Vec<Setting>, Vec<Setting>)) {
        let entry = Registry::bare().entry_or_insert::<P>(entries, name);
        (entry, entry.define(*self))
    }
}

/// Why policies were not registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name is empty.
    #[error("a policy needs a name that is not empty")]
    EmptyName,
    /// A setting is out of range, or contradicts another one.
    #[error("{kind} `{policy}`: {invalid}")]
    Invalid {
        /// The name that was to be defined.
        policy: String,
        /// The kind of the policy.
        kind: Kind,
        /// The setting, and what is allowed.
        #[source]
        invalid: InvalidSetting,
    },
    /// The kind has been registered under this name before.
    #[error("{kind} `{policy}` is registered already: register it once, with all its settings")]
    AlreadyRegistered {
        /// The name that was to be defined.
        policy: String,
        /// The kind of the policy.
        kind: Kind,
    },
}

// A refusal stays small: it travels by value through every policy of a stack.
const _: () = assert!(size_of::<Rejected>() <= 40);
