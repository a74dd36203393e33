//! What files and the environment say about policies: checked as a whole, taken as a whole or not at all.

use crate::configured::Policies;
use crate::definition::Outside;
use crate::entry::{GivenSetting, configured};
use crate::given::{Given, nearest};
use crate::policy::{
    AttemptTimeoutPolicy, BulkheadPolicy, CircuitBreakerPolicy, FallbackPolicy, HedgePolicy,
    Policy, RateLimitPolicy, RetryPolicy, TimeoutPolicy,
};
use crate::registry::Registry;
use crate::setting::{Kind, SettingDescription, SettingError, Source};
use std::collections::BTreeMap;
use std::fmt;

/// All settings that one file, or the environment, gives.
///
/// ```
/// use resilient_core::{Configuration, Source, TimeoutPolicy, policy, registry};
/// use std::time::Duration;
///
/// policy("search").timeout(TimeoutPolicy::new().duration(Duration::from_secs(8))).register()?;
/// let duration = || registry().timeout("search").unwrap().duration();
/// let line = |line| Source::File { file: "shop.toml".into(), line };
///
/// let mut file = Configuration::new();
/// file.set("timeout", "search", "duration", "20s", line(2));
/// file.set("timeout", "serach", "duration", "30s", line(5));
/// let unmentioned = registry().configure_from_file(file)?;
/// assert_eq!(duration(), Some(Duration::from_secs(20)));
/// assert_eq!(
///     unmentioned[0].to_string(),
///     "shop.toml:5: nobody mentions a timeout `serach`, did you mean `search`?"
/// );
///
/// let mut worse = Configuration::new();
/// worse.set("timeout", "search", "duration", "10s", line(2));
/// worse.set("timeout", "search", "enabled", "perhaps", line(3));
/// let refused = registry().configure_from_file(worse).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "shop.toml:3: timeout `search`: `enabled` is `true` or `false`, not \"perhaps\""
/// );
/// assert_eq!(duration(), Some(Duration::from_secs(20)), "nothing of it holds");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    policies: Policies,
}

impl Configuration {
    /// A configuration that says nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            policies: BTreeMap::new(),
        }
    }

    /// Gives a setting of the policy of this kind and name. The last word about a key holds.
    pub fn set(
        &mut self,
        kind: impl Into<String>,
        name: impl Into<String>,
        key: impl Into<String>,
        value: impl Into<Given>,
        source: Source,
    ) {
        let settings = self.policies.entry((kind.into(), name.into())).or_default();
        let key = key.into();
        settings.retain(|setting| setting.key != key);
        settings.push(GivenSetting {
            key,
            given: value.into(),
            source,
        });
    }
}

/// A policy that is configured although neither an attribute nor code mentions it. If one does later, it
/// finds its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Unmentioned {
    /// The kind.
    pub kind: String,
    /// The name.
    pub policy: String,
    /// Where its first setting stands.
    pub source: Source,
    /// The name that was probably meant.
    pub nearest: Option<&'static str>,
}

impl fmt::Display for Unmentioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            policy,
            source,
            nearest,
        } = self;
        write!(f, "{source}: nobody mentions a {kind} `{policy}`")?;
        nearest.map_or(Ok(()), |nearest| write!(f, ", did you mean `{nearest}`?"))
    }
}

/// Everything that is wrong with a configuration of which nothing holds.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}", mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigurationError {
    mistakes: Vec<ConfigurationMistake>,
}

impl ConfigurationError {
    /// The mistakes, at least one, by kind and name.
    #[must_use]
    pub fn mistakes(&self) -> &[ConfigurationMistake] {
        &self.mistakes
    }
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ConfigurationMistake {
    /// The kind of the policy.
    pub kind: String,
    /// Its name.
    pub policy: String,
    /// Where the setting stands.
    pub source: Source,
    /// What is wrong with it; `None` if there is no such kind of policy.
    pub error: Option<SettingError>,
}

impl fmt::Display for ConfigurationMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            policy,
            source,
            error,
        } = self;
        if let Some(error) = error {
            return write!(f, "{source}: {kind} `{policy}`: {error}");
        }
        write!(f, "{source}: there is no kind of policy `{kind}`")?;
        let known = KINDS.iter().map(|(kind, _, _)| *kind);
        nearest(kind, known).map_or(Ok(()), |nearest| write!(f, ", did you mean `{nearest}`?"))
    }
}

type Check = fn(&[GivenSetting]) -> Vec<(Source, SettingError)>;
type Describe = fn() -> Vec<(&'static str, SettingDescription)>;

/// The kinds of policies of this crate, each with its settings by key: for schemas, forms and editors.
///
/// ```
/// let kinds = resilient_core::kinds();
/// let (_, retry) = kinds.iter().find(|(kind, _)| kind.as_str() == "retry").unwrap();
/// let (key, attempts) = &retry[0];
/// assert_eq!(*key, "attempts");
/// assert_eq!(attempts.default.as_ref().unwrap().to_string(), "3");
/// assert!(kinds.iter().all(|(kind, _)| kind.as_str() != "pipeline"), "it has no settings");
/// ```
#[must_use]
pub fn kinds() -> Vec<(Kind, Vec<(&'static str, SettingDescription)>)> {
    let described = KINDS
        .iter()
        .map(|(kind, _, describe)| (Kind::new(kind), describe()));
    described.collect()
}

/// The kinds of this crate, how settings are checked where no policy has their name, and what they are.
const KINDS: [(&str, Check, Describe); 8] = [
    kind::<CircuitBreakerPolicy>(),
    kind::<RetryPolicy>(),
    kind::<TimeoutPolicy>(),
    kind::<AttemptTimeoutPolicy>(),
    kind::<BulkheadPolicy>(),
    kind::<RateLimitPolicy>(),
    kind::<HedgePolicy>(),
    kind::<FallbackPolicy>(),
];

const fn kind<P: Policy>() -> (&'static str, Check, Describe) {
    (
        P::KIND.as_str(),
        |settings| configured::<P>(settings).err().unwrap_or_default(),
        || {
            let described = P::KEYS.iter().map(|key| Some((*key, P::description(key)?)));
            described.flatten().collect()
        },
    )
}

impl Registry {
    /// Replaces everything that a configuration file said before by what `file` says: as a whole, or
    /// not at all.
    ///
    /// It defines only policies that an attribute or code mentions; the others are answered, and wait
    /// for somebody to mention them.
    ///
    /// # Errors
    ///
    /// Every setting that is unknown, not of its type, out of range, or contradicts another one, and
    /// every kind that does not exist. Then nothing has changed.
    pub fn configure_from_file(
        &self,
        file: Configuration,
    ) -> Result<Vec<Unmentioned>, ConfigurationError> {
        self.configure(Outside::File, file)
    }

    /// Replaces everything that the environment said before; see
    /// [`configure_from_file`](Self::configure_from_file), which it hides setting by setting.
    ///
    /// # Errors
    ///
    /// As [`configure_from_file`](Self::configure_from_file).
    pub fn configure_from_environment(
        &self,
        environment: Configuration,
    ) -> Result<Vec<Unmentioned>, ConfigurationError> {
        self.configure(Outside::Environment, environment)
    }

    fn configure(
        &self,
        layer: Outside,
        configuration: Configuration,
    ) -> Result<Vec<Unmentioned>, ConfigurationError> {
        let all = self.all();
        let find = |(kind, name): &(String, String)| {
            let mut all = all.iter();
            all.find(|entry| entry.kind().as_str() == kind && entry.name() == name)
        };
        let mut mistakes = Vec::new();
        let mut unmentioned = Vec::new();
        for (key, settings) in &configuration.policies {
            let (kind, policy) = key.clone();
            let source = settings
                .first()
                .map_or(Source::Default, |setting| setting.source.clone());
            let known = KINDS.iter().find(|(known, _, _)| *known == kind);
            let wrong = match (find(key), known) {
                (Some(entry), _) => entry.check(layer, settings),
                (None, Some((_, check, _))) => check(settings),
                (None, None) if all.iter().any(|entry| entry.kind().as_str() == kind) => Vec::new(),
                (None, None) => {
                    mistakes.push(ConfigurationMistake {
                        kind,
                        policy,
                        source,
                        error: None,
                    });
                    continue;
                }
            };
            if find(key).is_none() && wrong.is_empty() {
                let names = all.iter().filter(|entry| entry.kind().as_str() == kind);
                unmentioned.push(Unmentioned {
                    nearest: nearest(&policy, names.map(|entry| entry.name())),
                    kind: kind.clone(),
                    policy: policy.clone(),
                    source,
                });
            }
            mistakes.extend(
                wrong
                    .into_iter()
                    .map(|(source, error)| ConfigurationMistake {
                        kind: kind.clone(),
                        policy: policy.clone(),
                        source,
                        error: Some(error),
                    }),
            );
        }
        if !mistakes.is_empty() {
            return Err(ConfigurationError { mistakes });
        }
        let mut version = self
            .configured()
            .lock()
            .replace(layer, configuration.policies);
        // No lock is held while the entries are told, for they report it. Of several that come here at
        // once each tells what holds in the end, and what has become known in between.
        loop {
            let policies = self.configured().lock().of(layer).clone();
            for entry in self.all() {
                let key = (entry.kind().as_str().to_owned(), entry.name().to_owned());
                entry.configure(layer, policies.get(&key).map_or(&[], Vec::as_slice));
            }
            let now = self.configured().lock().version();
            if now == version {
                return Ok(unmentioned);
            }
            version = now;
        }
    }
}
