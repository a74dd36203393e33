//! Names and their live policies: who defined what, what holds, and what contradicts itself.
//!
//! A policy is known under its kind and its name. Its definition has layers, default < attribute <
//! code, and each setting is taken from the highest layer that writes it. Calls never come here:
//! a call site looks its policies up once and keeps them.
//!
//! A policy that only pipelines mention has one layer more, below the defaults: it is switched off.
//! So whatever anybody writes about it, or a single attribute that names it, switches it on.

use crate::error::Rejected;
use crate::event::{self, Events, What};
use crate::policy::{
    AttemptTimeout, AttemptTimeoutPolicy, Bulkhead, BulkheadPolicy, CircuitBreaker,
    CircuitBreakerPolicy, Fallback, FallbackPolicy, Hedge, HedgePolicy, LivePolicy, LiveSnapshot,
    Policy, RateLimitPolicy, RateLimiter, Retry, RetryPolicy, Timeout, TimeoutPolicy,
};
use crate::setting::{InvalidSetting, Kind, Setting, Source, Value};
use crate::sync::{AtomicBool, Mutex, Ordering};
use crate::time;
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

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
}

/// The functions that use them, by the names of the pipelines.
pub(crate) type UndefinedPipelines = BTreeMap<&'static str, Vec<&'static str>>;

/// What a pipeline is called where a policy's kind stands.
pub(crate) const PIPELINE: Kind = Kind::new("pipeline");

/// By name first, so that the policies of one name stand together.
type Entries = BTreeMap<(&'static str, Kind), &'static dyn AnyEntry>;

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    // Reading the clock for the first time calibrates it, which no call should have to wait for.
    time::start();
    Registry {
        entries: Mutex::new(BTreeMap::new()),
        used_pipelines: Mutex::new(BTreeSet::new()),
    }
});

impl Registry {
    /// The registry without the call sites; [`registry`](crate::registry) lists them first.
    pub(crate) fn bare() -> &'static Self {
        &REGISTRY
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
        self.entry::<P>(name).map(|entry| &entry.live)
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
        find(&self.entries.lock(), name, kind)
    }

    /// All policies, by name and kind.
    pub(crate) fn all(&self) -> Vec<&'static dyn AnyEntry> {
        self.entries.lock().values().copied().collect()
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
        let entry = entry_or_insert::<P>(&mut self.entries.lock(), name);
        entry.change(|definition| {
            let at = definition
                .attributes
                .partition_point(|other| (other.file, other.line) <= (written.file, written.line));
            definition.attributes.insert(at, *written);
        });
        entry.take_effect();
        entry
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

fn entry_or_insert<P: Policy>(entries: &mut Entries, name: &'static str) -> &'static Entry<P> {
    let known = find(entries, name, P::KIND).and_then(|entry| entry.as_any().downcast_ref());
    known.unwrap_or_else(|| {
        let entry: &'static Entry<P> = Box::leak(Box::new(Entry::new(name)));
        entries.insert((name, P::KIND), entry);
        entry
    })
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries.lock();
        f.debug_set()
            .entries(entries.keys().map(|(name, kind)| format!("{kind} {name}")))
            .finish()
    }
}

/// What one attribute wrote about a policy, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declaration<P> {
    pub(crate) policy: P,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    pub(crate) call_site: &'static str,
    pub(crate) reference: Reference,
}

/// What it means for an attribute if nobody writes anything about its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// Nothing: the policy has no name of its own, or its one setting is computed for each call.
    Complete,
    /// Its name is probably written wrong; the defaults hold.
    Named,
    /// Its pipeline does without it.
    Pipeline,
}

/// One policy: its definition in layers, and the live policy that it makes.
#[derive(Debug)]
pub(crate) struct Entry<P: Policy> {
    name: &'static str,
    definition: Mutex<Definition<P>>,
    live: P::Live,
    was_used: AtomicBool,
}

#[derive(Debug)]
struct Definition<P> {
    /// By file and line: of two attributes that write one setting, the first holds.
    attributes: Vec<Declaration<P>>,
    code: Option<P>,
    /// Counts the changes.
    version: u64,
}

impl<P: Policy> Definition<P> {
    fn effective(&self) -> P {
        if self.lets_through() {
            P::switched_off()
        } else {
            self.written()
        }
    }

    /// What is written in all layers together.
    fn written(&self) -> P {
        let attributes = self
            .attributes
            .iter()
            .fold(P::default(), |above, below| above.over(below.policy));
        self.code.unwrap_or_default().over(attributes)
    }

    fn is_defined(&self) -> bool {
        let written = self.written();
        self.code.is_some() || P::KEYS.iter().any(|key| written.written(key).is_some())
    }

    fn refers(&self, reference: Reference) -> bool {
        let mut attributes = self.attributes.iter();
        attributes.any(|attribute| attribute.reference == reference)
    }

    /// Whether only pipelines mention it, which do without it.
    fn lets_through(&self) -> bool {
        let alone = !self.refers(Reference::Named) && !self.refers(Reference::Complete);
        alone && self.refers(Reference::Pipeline) && !self.is_defined()
    }

    fn source(&self, key: &str) -> Source {
        if self.code.is_some_and(|code| code.written(key).is_some()) {
            return Source::Code;
        }
        self.attributes
            .iter()
            .find(|attribute| attribute.policy.written(key).is_some())
            .map_or(Source::Default, |attribute| Source::Attribute {
                file: attribute.file,
                line: attribute.line,
            })
    }

    fn is_undefined(&self) -> bool {
        self.refers(Reference::Named) && !self.is_defined()
    }
}

impl<P: Policy> Entry<P> {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            definition: Mutex::new(Definition {
                attributes: Vec::new(),
                code: None,
                version: 0,
            }),
            live: P::Live::new(name, &P::default()),
            was_used: AtomicBool::new(false),
        }
    }

    /// The live policy, for a call site that is about to use it for the first time.
    pub(crate) fn first_use(&'static self) -> &'static P::Live {
        if !self.was_used.swap(true, Ordering::Relaxed) && self.is_undefined() {
            event::emit(P::KIND, self.name, What::Undefined);
        }
        &self.live
    }

    /// The functions that refer to it in this way, by name.
    fn call_sites_by(&self, by: impl Fn(Reference) -> bool) -> Vec<&'static str> {
        let definition = self.definition.lock();
        let mut call_sites: Vec<_> = definition
            .attributes
            .iter()
            .filter(|attribute| by(attribute.reference))
            .map(|attribute| attribute.call_site)
            .collect();
        call_sites.sort_unstable();
        call_sites.dedup();
        call_sites
    }

    fn change(&self, change: impl FnOnce(&mut Definition<P>)) {
        let mut definition = self.definition.lock();
        change(&mut definition);
        definition.version += 1;
    }

    /// Gives the live policy the settings that hold now. No lock is held meanwhile, since a live
    /// policy may wake calls that wait; of two that come here at once the last change wins.
    fn take_effect(&self) {
        loop {
            let (effective, version) = {
                let definition = self.definition.lock();
                (definition.effective(), definition.version)
            };
            self.live.reconfigure(&effective);
            if self.definition.lock().version == version {
                return;
            }
        }
    }
}

/// What the registry knows of an entry, whatever its kind.
pub(crate) trait AnyEntry: Send + Sync {
    fn name(&self) -> &'static str;
    fn kind(&self) -> Kind;
    fn as_any(&'static self) -> &'static dyn Any;
    fn settings(&self) -> Vec<Setting>;
    fn is_undefined(&self) -> bool;
    fn is_defined(&self) -> bool;
    /// Whether only pipelines mention it and nobody defines it, so that it is switched off.
    fn lets_through(&self) -> bool;
    /// The functions in whose pipelines it stands.
    fn pipelines(&self) -> Vec<&'static str>;
    /// What attributes and code wrote together, if it contradicts itself.
    fn invalid(&self) -> Option<InvalidSetting>;
    fn call_sites(&self) -> Vec<&'static str>;
    fn conflicts(&self) -> Vec<Conflict>;
    fn is_registered(&self) -> bool;
    fn take_effect(&self);
    fn report_changes(&self, before: &[Setting]);
    fn snapshot(&self) -> LiveSnapshot;
}

impl<P: Policy> AnyEntry for Entry<P> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn kind(&self) -> Kind {
        P::KIND
    }

    fn as_any(&'static self) -> &'static dyn Any {
        self
    }

    fn settings(&self) -> Vec<Setting> {
        let definition = self.definition.lock();
        let effective = definition.effective();
        P::KEYS
            .iter()
            .map(|&key| Setting::new(key, effective.effective(key), definition.source(key)))
            .collect()
    }

    fn is_undefined(&self) -> bool {
        self.definition.lock().is_undefined()
    }

    fn is_defined(&self) -> bool {
        self.definition.lock().is_defined()
    }

    fn lets_through(&self) -> bool {
        self.definition.lock().lets_through()
    }

    fn pipelines(&self) -> Vec<&'static str> {
        self.call_sites_by(|reference| reference == Reference::Pipeline)
    }

    fn invalid(&self) -> Option<InvalidSetting> {
        self.definition.lock().effective().invalid()
    }

    fn call_sites(&self) -> Vec<&'static str> {
        self.call_sites_by(|_| true)
    }

    fn conflicts(&self) -> Vec<Conflict> {
        let definition = self.definition.lock();
        let mut conflicts = Vec::new();
        for &key in P::KEYS {
            let mut written = definition.attributes.iter().filter_map(|attribute| {
                Some(Written {
                    value: attribute.policy.written(key)?,
                    file: attribute.file,
                    line: attribute.line,
                })
            });
            let Some(holds) = written.next() else {
                continue;
            };
            let ignored: Vec<_> = written.filter(|other| other.value != holds.value).collect();
            if !ignored.is_empty() {
                conflicts.push(Conflict {
                    key,
                    holds,
                    ignored,
                });
            }
        }
        conflicts
    }

    fn is_registered(&self) -> bool {
        self.definition.lock().code.is_some()
    }

    fn take_effect(&self) {
        self.take_effect();
    }

    fn report_changes(&self, before: &[Setting]) {
        if !self.was_used.load(Ordering::Relaxed) {
            return;
        }
        let changes: Vec<_> = self
            .settings()
            .iter()
            .zip(before)
            .filter(|(after, before)| after.value != before.value)
            .filter_map(|(after, _)| Some(format!("{} = {}", after.key, after.value.as_ref()?)))
            .collect();
        if !changes.is_empty() {
            event::emit(P::KIND, self.name, What::Reconfigured { changes });
        }
    }

    fn snapshot(&self) -> LiveSnapshot {
        self.live.snapshot()
    }
}

/// Attributes that write different values for one setting under one name.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Conflict {
    /// The key of the setting.
    pub key: &'static str,
    /// The value that holds, of the attribute that comes first by file and line.
    pub holds: Written,
    /// The values that do not hold.
    pub ignored: Vec<Written>,
}

/// A value in an attribute.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Written {
    /// The value.
    pub value: Value,
    /// The file of the annotated function.
    pub file: &'static str,
    /// The line of its first attribute.
    pub line: u32,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}:{}", self.value, self.file, self.line)
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
            let known = entries
                .keys()
                .map(|(known, _)| *known)
                .find(|known| *known == name);
            let name = known.unwrap_or_else(|| name.leak());
            parts
                .iter()
                .map(|part| part.define(&mut entries, name))
                .collect::<Vec<_>>()
        };
        for (entry, before) in changes {
            entry.take_effect();
            entry.report_changes(&before);
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
    /// Puts the policy into its entry, which is returned with the settings it had before.
    fn define(
        &self,
        entries: &mut Entries,
        name: &'static str,
    ) -> (&'static dyn AnyEntry, Vec<Setting>);
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
    ) -> (&'static dyn AnyEntry, Vec<Setting>) {
        let entry = entry_or_insert::<P>(entries, name);
        let before = entry.settings();
        entry.change(|definition| definition.code = Some(*self));
        (entry, before)
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
