//! The timeout of each attempt in a pipeline: a kind of its own, so that one name has both.

use super::{Timed, Timeout, TimeoutPolicy};
use crate::given::Given;
use crate::outcome::Inside;
use crate::policy::{LivePolicy, LiveSnapshot, Policy};
use crate::setting::{InvalidSetting, Kind, SettingDescription, SettingError, Value};

/// A [`TimeoutPolicy`] for each attempt of a pipeline, of the kind `attempt_timeout`.
///
/// ```
/// use resilient_core::{AttemptTimeoutPolicy, Policy, TimeoutPolicy};
///
/// let policy = AttemptTimeoutPolicy::from(TimeoutPolicy::new());
/// assert_eq!(AttemptTimeoutPolicy::KIND.as_str(), "attempt_timeout");
/// assert_eq!(policy.written("duration"), None, "nobody has written one");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[must_use = "a policy is data: register it"]
pub struct AttemptTimeoutPolicy(TimeoutPolicy);

impl AttemptTimeoutPolicy {
    /// A policy in which nothing is written yet.
    pub const fn new() -> Self {
        Self(TimeoutPolicy::new())
    }
}

impl From<TimeoutPolicy> for AttemptTimeoutPolicy {
    fn from(policy: TimeoutPolicy) -> Self {
        Self(policy)
    }
}

impl Policy for AttemptTimeoutPolicy {
    type Live = AttemptTimeout;

    const KIND: Kind = Kind::new("attempt_timeout");
    const KEYS: &'static [&'static str] = TimeoutPolicy::KEYS;

    fn over(self, below: Self) -> Self {
        Self(self.0.over(below.0))
    }

    fn written(&self, key: &str) -> Option<Value> {
        self.0.written(key)
    }

    fn effective(&self, key: &str) -> Option<Value> {
        self.0.effective(key)
    }

    fn with(self, key: &str, given: &Given) -> Result<Self, SettingError> {
        self.0.with(key, given).map(Self)
    }

    fn without(self, key: &str) -> Self {
        Self(self.0.without(key))
    }

    fn description(key: &str) -> Option<SettingDescription> {
        TimeoutPolicy::description(key)
    }

    fn switched_off() -> Self {
        Self(TimeoutPolicy::switched_off())
    }

    fn invalid(&self) -> Option<InvalidSetting> {
        self.0.invalid()
    }
}

/// A [`Timeout`] for each attempt of a pipeline.
#[derive(Debug)]
pub struct AttemptTimeout(Timeout);

impl AttemptTimeout {
    /// The name of the policy.
    pub const fn name(&self) -> &'static str {
        self.0.name()
    }

    /// The timeout itself, which reports what it does under the kind `attempt_timeout`.
    pub const fn timeout(&self) -> &Timeout {
        &self.0
    }

    /// Limits `inner`; see [`Timeout::limit`].
    ///
    /// # Panics
    ///
    /// When `inner` has to wait and there is no tokio runtime with its timer enabled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops `inner`, which its permits count as abandoned.
    #[inline]
    pub fn limit<T, E, F>(&self, inner: F) -> Timed<'_, F>
    where
        F: Future<Output = Inside<T, E>>,
    {
        self.0.limit(inner)
    }
}

impl LivePolicy for AttemptTimeout {
    type Policy = AttemptTimeoutPolicy;

    fn new(name: &'static str, policy: &AttemptTimeoutPolicy) -> Self {
        Self(Timeout::of_kind(
            AttemptTimeoutPolicy::KIND,
            name,
            &policy.0,
        ))
    }

    fn reconfigure(&self, policy: &AttemptTimeoutPolicy) {
        self.0.reconfigure(&policy.0);
    }

    fn snapshot(&self) -> LiveSnapshot {
        self.0.snapshot()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn its_settings_are_those_of_a_timeout_under_a_kind_of_its_own() {
        let written = |policy: AttemptTimeoutPolicy| {
            policy
                .written("duration")
                .map(|duration| duration.to_string())
        };
        let total = TimeoutPolicy::new().duration(Duration::from_secs(5));
        let policy = AttemptTimeoutPolicy::from(total);
        assert_eq!(written(policy).as_deref(), Some("5s"));
        let shorter = policy.with("duration", &"2s".into()).expect("it is one");
        assert_eq!(written(shorter).as_deref(), Some("2s"));
        assert_eq!(
            shorter.effective("duration"),
            Some(Value::Duration(Duration::from_secs(2)))
        );
        assert!(policy.with("duration", &"soon".into()).is_err());
        assert_eq!(written(shorter.over(policy)).as_deref(), Some("2s"));
        assert_eq!(written(shorter.without("duration")), None);
        assert_eq!(
            AttemptTimeoutPolicy::description("duration"),
            TimeoutPolicy::description("duration")
        );
        let never = TimeoutPolicy::new().duration(Duration::ZERO);
        let invalid = AttemptTimeoutPolicy::from(never).invalid();
        assert_eq!(invalid.map(|invalid| invalid.key()), Some("duration"));

        let live = AttemptTimeout::new("test", &policy);
        assert_eq!(live.name(), "test");
        assert_eq!(live.timeout().duration(), Some(Duration::from_secs(5)));
        live.reconfigure(&shorter);
        assert_eq!(live.timeout().duration(), Some(Duration::from_secs(2)));
        live.reconfigure(&AttemptTimeoutPolicy::switched_off());
        assert_eq!(live.snapshot().show().state(), "off");
    }
}
