//! One entry of the registry: a policy's definition and the live policy that it makes.

use crate::definition::{
    Changed, Configured, Conflict, Declaration, Definition, Outside, Reference,
};
use crate::event::{self, What};
use crate::given::Given;
use crate::isolation::Renewable;
use crate::policy::{LivePolicy, LiveSnapshot, Policy};
use crate::setting::{InvalidSetting, Kind, Override, Setting, SettingError, Source, Value};
use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering};
use crate::time::{NEVER, Nanos, nanos, now};
use std::any::Any;
use std::mem::replace;

/// One policy: its definition in layers, and the live policy that it makes.
///
/// The live policy stands first, so that what points to the entry points to it, too.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Entry<P: Policy> {
    live: Renewable<P::Live>,
    name: &'static str,
    definition: Mutex<Definition<P>>,
    was_used: AtomicBool,
    /// When the first change ends that ends by itself.
    ends: AtomicU64,
}

/// What a change would make of a policy, or has made of it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Reconfigured {
    /// The version of the policy's settings afterwards; of a preview, as it is now.
    pub version: u64,
    /// The settings whose values differ.
    pub changes: Vec<SettingChange>,
    /// What the policy would have done with these settings on what it remembers; `None` if nothing
    /// would be different, or nobody can know.
    pub consequence: Option<String>,
}

/// A setting whose value differs.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SettingChange {
    /// The key of the setting.
    pub key: &'static str,
    /// Its value before; `None` if it had none.
    pub from: Option<Value>,
    /// Its value afterwards; `None` if it has none.
    pub to: Option<Value>,
    /// Where the value afterwards comes from.
    pub source: Source,
}

/// Why settings were not changed. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReconfigureError {
    /// Nobody has mentioned a policy of this kind and name.
    #[error("there is no {kind} `{policy}`")]
    UnknownPolicy {
        /// The kind that was asked for.
        kind: String,
        /// The name that was asked for.
        policy: String,
    },
    /// The settings have changed since they were looked at.
    #[error("the settings have version {version} by now, not {expected}: look again")]
    VersionMismatch {
        /// The version that they have.
        version: u64,
        /// The version that was expected.
        expected: u64,
    },
    /// A setting is unknown, not of its type, out of range, or contradicts another one.
    #[error(transparent)]
    Setting(#[from] SettingError),
}

impl From<InvalidSetting> for ReconfigureError {
    fn from(invalid: InvalidSetting) -> Self {
        Self::Setting(invalid.into())
    }
}

/// What somebody wants to be different, key by key.
///
/// ```
/// use resilient_core::{Changes, TimeoutPolicy, policy, registry};
/// use std::time::Duration;
///
/// policy("search").timeout(TimeoutPolicy::new().duration(Duration::from_secs(8))).register()?;
/// let duration = || registry().timeout("search").unwrap().duration();
///
/// let changes = Changes::new().set("duration", "4s").take_back("enabled");
/// let preview = registry().preview("timeout", "search", &changes)?;
/// assert_eq!(preview.changes[0].key, "duration");
/// assert_eq!(duration(), Some(Duration::from_secs(8)), "nothing has happened yet");
///
/// registry().reconfigure_with("timeout", "search", &changes, "the index is being rebuilt")?;
/// assert_eq!(duration(), Some(Duration::from_secs(4)));
///
/// let wrong = Changes::new().set("duration", "0s");
/// assert!(registry().reconfigure_with("timeout", "search", &wrong, "a slip").is_err());
/// assert_eq!(duration(), Some(Duration::from_secs(4)), "refused, so unchanged");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "nothing changes before they are handed to the registry"]
pub struct Changes {
    pub(crate) wanted: Vec<(String, Option<Given>)>,
    pub(crate) version: Option<u64>,
}

impl Changes {
    /// No change.
    pub const fn new() -> Self {
        Self {
            wanted: Vec::new(),
            version: None,
        }
    }

    /// Gives `key` this value. The last word about a key holds.
    pub fn set(mut self, key: impl Into<String>, value: impl Into<Given>) -> Self {
        self.wanted.push((key.into(), Some(value.into())));
        self
    }

    /// Takes back whatever was changed about `key` while the program runs, so that the layers below
    /// hold again.
    pub fn take_back(mut self, key: impl Into<String>) -> Self {
        self.wanted.push((key.into(), None));
        self
    }

    /// Refuses the changes if the settings have another version than this one by then.
    pub const fn only_at(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }
}

/// One setting as a file or the environment gives it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GivenSetting {
    pub(crate) key: String,
    pub(crate) given: Given,
    pub(crate) source: Source,
}

/// The policy that these settings make, or each that is wrong.
pub(crate) fn configured<P: Policy>(
    settings: &[GivenSetting],
) -> Result<Configured<P>, Vec<(Source, SettingError)>> {
    let mut configured = Configured::<P>::default();
    let mut wrong = Vec::new();
    for GivenSetting { key, given, source } in settings {
        match configured.policy.with(key, given) {
            Ok(policy) => {
                configured.policy = policy;
                let key = P::KEYS.iter().find(|known| *known == key);
                configured
                    .sources
                    .extend(key.map(|key| (*key, source.clone())));
            }
            Err(error) => wrong.push((source.clone(), error)),
        }
    }
    if wrong.is_empty()
        && let Some(invalid) = configured.policy.invalid()
    {
        let source = configured
            .sources
            .iter()
            .find(|(key, _)| *key == invalid.key());
        let source = source.map_or(Source::Default, |(_, source)| source.clone());
        wrong.push((source, invalid.into()));
    }
    if wrong.is_empty() {
        Ok(configured)
    } else {
        Err(wrong)
    }
}

impl<P: Policy> Entry<P> {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            live: Renewable::new(P::Live::new(name, &P::default())),
            name,
            definition: Mutex::new(Definition::default()),
            was_used: AtomicBool::new(false),
            ends: AtomicU64::new(NEVER),
        }
    }

    /// The live policy, for a call site that is about to use it for the first time.
    pub(crate) fn first_use(&'static self) -> &'static P::Live {
        if !self.was_used.swap(true, Ordering::Relaxed) && self.is_undefined() {
            event::emit(P::KIND, self.name, What::Undefined);
        }
        self.live()
    }

    pub(crate) fn live(&'static self) -> &'static P::Live {
        self.live.get()
    }

    /// The live policy for a call site that knows that nobody has renewed it. It is a part of the
    /// entry, so that nothing has to be read to find it.
    #[inline(always)]
    pub(crate) fn live_as_ever(&'static self) -> &'static P::Live {
        self.live.first()
    }

    pub(crate) fn declare(&self, written: Declaration<P>) {
        self.write(|definition| definition.declare(written));
    }

    /// The settings before and after it.
    pub(crate) fn define(&self, code: P) -> (Vec<Setting>, Vec<Setting>) {
        self.write(|definition| {
            let before = definition.settings();
            definition.code = Some(code);
            (before, definition.settings())
        })
    }

    /// Switched off together with all others, before anybody has used it.
    pub(crate) fn is_off(&self, by: &Override, ends: Nanos) {
        self.write(|definition| definition.all_off = Some(all_off((by, ends))));
        self.take_effect();
    }

    /// The functions that refer to it in this way, by name.
    fn call_sites_by(&self, by: impl Fn(&Declaration<P>) -> bool) -> Vec<&'static str> {
        let definition = self.definition.lock();
        let mut call_sites: Vec<_> = definition
            .attributes()
            .iter()
            .filter(|attribute| by(attribute))
            .map(|attribute| attribute.call_site)
            .collect();
        call_sites.sort_unstable();
        call_sites.dedup();
        call_sites
    }

    fn write<T>(&self, change: impl FnOnce(&mut Definition<P>) -> T) -> T {
        let mut definition = self.definition.lock();
        let changed = change(&mut definition);
        self.is_written(&mut definition);
        changed
    }

    fn is_written(&self, definition: &mut Definition<P>) {
        definition.version += 1;
        self.ends.store(definition.ends(), Ordering::Relaxed);
    }

    /// Whether there is a change that ends by itself: where there is none, no call reads the clock.
    #[inline(always)]
    pub(crate) fn changes_may_end(&self) -> bool {
        self.ends.load(Ordering::Relaxed) != NEVER
    }

    /// Takes away what was changed for a time that is over.
    #[cold]
    pub(crate) fn end_changes(&self) {
        let ends = self.ends.load(Ordering::Relaxed);
        if ends == NEVER || now() < ends {
            return;
        }
        loop {
            let (by, before, after) = {
                let mut definition = self.definition.lock();
                let before = definition.settings();
                let Some(by) = definition.end_next_change(now()) else {
                    return;
                };
                self.is_written(&mut definition);
                (by, before, definition.settings())
            };
            self.take_effect();
            let by = Override::because(format!("the override has ended: {by}"));
            self.report(&before, &after, Some(by));
        }
    }

    /// Changes the definition, and reports what differs: no other change comes between the two looks.
    fn write_and_report(&self, by: Option<Override>, change: impl FnOnce(&mut Definition<P>)) {
        let (before, after) = self.write(|definition| {
            let before = definition.settings();
            change(definition);
            (before, definition.settings())
        });
        self.take_effect();
        self.report(&before, &after, by);
    }

    fn report(&self, before: &[Setting], after: &[Setting], by: Option<Override>) {
        if by.is_none() && !self.was_used.load(Ordering::Relaxed) {
            return;
        }
        let changes: Vec<_> = after
            .iter()
            .zip(before)
            // Somebody who writes the value that holds anyway says who holds it from now on, and until when.
            .filter(|(after, before)| {
                after.value != before.value || by.is_some() && after.source != before.source
            })
            .map(|(after, _)| match &after.value {
                Some(value) => format!("{} = {value}", after.key),
                None => format!("{} has no value any more", after.key),
            })
            .collect();
        if !changes.is_empty() {
            event::emit(P::KIND, self.name, What::Reconfigured { changes, by });
        }
    }

    /// Lays `policy` over everything that is written.
    pub(crate) fn lay(&self, policy: P, by: Override) -> Result<Reconfigured, ReconfigureError> {
        if let Some(invalid) = policy.invalid() {
            return Err(invalid.into());
        }
        self.replace(by, |definition, by| {
            laid_over(definition, definition.clone(), policy, by)
        })
    }

    fn replace(
        &self,
        by: Override,
        after: impl FnOnce(&Definition<P>, Override) -> Result<Definition<P>, ReconfigureError>,
    ) -> Result<Reconfigured, ReconfigureError> {
        let (before, after) = {
            let mut definition = self.definition.lock();
            let after = after(&definition, by.clone())?;
            let before = replace(&mut *definition, after);
            self.is_written(&mut definition);
            (before, definition.clone())
        };
        let reconfigured = self.compare(&before, &after);
        self.take_effect();
        self.report(&before.settings(), &after.settings(), Some(by));
        Ok(reconfigured)
    }

    /// The definition after these changes.
    fn after(
        definition: &Definition<P>,
        changes: &Changes,
        by: Override,
    ) -> Result<Definition<P>, ReconfigureError> {
        let version = definition.version;
        if let Some(expected) = changes.version.filter(|expected| *expected != version) {
            return Err(ReconfigureError::VersionMismatch { version, expected });
        }
        let mut after = definition.clone();
        let mut policy = P::default();
        for (key, wanted) in &changes.wanted {
            if let Some(given) = wanted {
                policy = policy.without(key).with(key, given)?;
            } else if P::KEYS.contains(&key.as_str()) {
                policy = policy.without(key);
                after.take_back(key);
            } else {
                return Err(ReconfigureError::Setting(SettingError::Unknown {
                    key: key.clone(),
                    known: P::KEYS,
                }));
            }
        }
        laid_over(definition, after, policy, by)
    }

    fn compare(&self, before: &Definition<P>, after: &Definition<P>) -> Reconfigured {
        let changes = before.settings().into_iter().zip(after.settings());
        let changes = changes.filter(|(before, after)| before.value != after.value);
        Reconfigured {
            version: after.version,
            changes: changes
                .map(|(before, after)| SettingChange {
                    key: after.key,
                    from: before.value,
                    to: after.value,
                    source: after.source,
                })
                .collect(),
            consequence: self.live.get().consequence(&after.effective()),
        }
    }

    /// Gives the live policy the settings that hold now. No lock is held meanwhile, since a live
    /// policy may wake calls that wait; of two that come here at once the last change wins.
    fn take_effect(&self) {
        loop {
            let (effective, version) = {
                let definition = self.definition.lock();
                (definition.effective(), definition.version)
            };
            self.live.get().reconfigure(&effective);
            if self.definition.lock().version == version {
                return;
            }
        }
    }
}

/// `after` with `policy` laid over it, unless it contradicts itself then.
fn laid_over<P: Policy>(
    before: &Definition<P>,
    mut after: Definition<P>,
    policy: P,
    by: Override,
) -> Result<Definition<P>, ReconfigureError> {
    if policy != P::default() {
        let ends = ends(&by);
        after.change(Changed { policy, by, ends });
    }
    match after.invalid_sooner_or_later() {
        // What contradicted itself before may stay as it is: it is no fault of these changes.
        Some(invalid) if before.invalid_sooner_or_later() != Some(invalid) => Err(invalid.into()),
        _ => Ok(after),
    }
}

fn all_off<P: Policy>((by, ends): (&Override, Nanos)) -> Changed<P> {
    Changed {
        policy: P::switched_off(),
        by: by.clone(),
        ends,
    }
}

/// When an override ends that begins now.
pub(crate) fn ends(by: &Override) -> Nanos {
    by.lasts().map_or(NEVER, |lasts| {
        now().saturating_add(nanos(lasts)).min(NEVER - 1)
    })
}

/// What the registry knows of an entry, whatever its kind.
pub(crate) trait AnyEntry: Send + Sync {
    fn name(&self) -> &'static str;
    fn kind(&self) -> Kind;
    fn as_any(&'static self) -> &'static dyn Any;
    fn settings(&self) -> Vec<Setting>;
    /// Counts the changes of its settings.
    fn version(&self) -> u64;
    fn is_undefined(&self) -> bool;
    fn is_defined(&self) -> bool;
    /// Whether only pipelines mention it and nobody defines it, so that it is switched off.
    fn lets_through(&self) -> bool;
    /// The functions in whose pipelines it stands.
    fn pipelines(&self) -> Vec<&'static str>;
    /// What attributes and code wrote together, if it contradicts itself.
    fn invalid(&self) -> Option<InvalidSetting>;
    fn call_sites(&self) -> Vec<&'static str>;
    /// The functions that have a key for it.
    fn keyed_call_sites(&self) -> Vec<&'static str>;
    fn conflicts(&self) -> Vec<Conflict>;
    fn is_registered(&self) -> bool;
    fn take_effect(&self);
    fn report_changes(&self, before: &[Setting], after: &[Setting]);
    /// Takes away what was changed for a time that is over.
    fn end_changes(&self);
    /// What would come of these changes, without making them.
    fn preview(&self, changes: &Changes) -> Result<Reconfigured, ReconfigureError>;
    fn reconfigure(
        &self,
        changes: &Changes,
        by: Override,
    ) -> Result<Reconfigured, ReconfigureError>;
    /// What is wrong with these settings as the only ones of a file, or of the environment.
    fn check(&self, layer: Outside, settings: &[GivenSetting]) -> Vec<(Source, SettingError)>;
    /// Replaces everything that the file, or the environment, said before. What is wrong is left out.
    fn configure(&self, layer: Outside, settings: &[GivenSetting]);
    /// Switches it off together with all others, or on again.
    fn switch_all(&self, off: Option<(&Override, Nanos)>, by: Option<&Override>);
    fn snapshot(&self) -> LiveSnapshot;
    /// Puts a live policy that has seen nothing into the place of the one that is there.
    #[cfg(feature = "testing")]
    fn renew(&self);
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
        self.definition.lock().settings()
    }

    fn version(&self) -> u64 {
        self.definition.lock().version
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
        self.call_sites_by(|attribute| attribute.reference == Reference::Pipeline)
    }

    fn invalid(&self) -> Option<InvalidSetting> {
        self.definition.lock().invalid()
    }

    fn call_sites(&self) -> Vec<&'static str> {
        self.call_sites_by(|_| true)
    }

    fn keyed_call_sites(&self) -> Vec<&'static str> {
        self.call_sites_by(|attribute| attribute.is_keyed)
    }

    fn conflicts(&self) -> Vec<Conflict> {
        self.definition.lock().conflicts()
    }

    fn is_registered(&self) -> bool {
        self.definition.lock().code.is_some()
    }

    fn take_effect(&self) {
        self.take_effect();
    }

    fn report_changes(&self, before: &[Setting], after: &[Setting]) {
        self.report(before, after, None);
    }

    fn end_changes(&self) {
        self.end_changes();
    }

    fn preview(&self, changes: &Changes) -> Result<Reconfigured, ReconfigureError> {
        let before = self.definition.lock().clone();
        let after = Self::after(&before, changes, "a preview".into())?;
        Ok(self.compare(&before, &after))
    }

    fn reconfigure(
        &self,
        changes: &Changes,
        by: Override,
    ) -> Result<Reconfigured, ReconfigureError> {
        self.replace(by, |definition, by| Self::after(definition, changes, by))
    }

    fn check(&self, layer: Outside, settings: &[GivenSetting]) -> Vec<(Source, SettingError)> {
        let configured = match configured::<P>(settings) {
            Ok(configured) => configured,
            Err(wrong) => return wrong,
        };
        let before = self.definition.lock().clone();
        let mut after = before.clone();
        *after.outside(layer) = Some(configured.clone());
        match after.invalid() {
            Some(invalid) if before.invalid() != Some(invalid) => {
                let mut sources = configured.sources.iter();
                let at = sources.find(|(key, _)| *key == invalid.key());
                let at = at.or_else(|| configured.sources.first());
                let source = at.map_or(Source::Default, |(_, source)| source.clone());
                vec![(source, invalid.into())]
            }
            _ => Vec::new(),
        }
    }

    fn configure(&self, layer: Outside, settings: &[GivenSetting]) {
        let configured = if settings.is_empty() {
            None
        } else {
            configured::<P>(settings).ok()
        };
        if configured.is_none() && self.definition.lock().outside(layer).is_none() {
            return;
        }
        self.write_and_report(None, |definition| {
            *definition.outside(layer) = configured;
        });
    }

    fn switch_all(&self, off: Option<(&Override, Nanos)>, by: Option<&Override>) {
        let by = by.or(off.map(|(by, _)| by)).cloned();
        self.write_and_report(by, |definition| definition.all_off = off.map(all_off));
    }

    fn snapshot(&self) -> LiveSnapshot {
        self.live.get().snapshot()
    }

    #[cfg(feature = "testing")]
    fn renew(&self) {
        let live = P::Live::new(self.name, &P::default());
        self.write(Definition::forget_changes);
        let effective = self.definition.lock().effective();
        live.reconfigure(&effective);
        self.live.renew(live);
        self.was_used.store(false, Ordering::Relaxed);
        // What has changed since.
        self.take_effect();
    }
}
