//! What is written about one policy, in layers, and what holds of it.
//!
//! default < attribute < code < file < environment < override at run time: each setting is taken from
//! the highest layer that writes it.

use crate::policy::Policy;
use crate::setting::{InvalidSetting, Override, Setting, Source, Value};
use crate::time::{NEVER, Nanos};
use std::fmt;

/// What one attribute wrote about a policy, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declaration<P> {
    pub(crate) policy: P,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    pub(crate) call_site: &'static str,
    pub(crate) reference: Reference,
    pub(crate) is_keyed: bool,
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

/// What a file, or the environment, wrote.
#[derive(Clone, Debug, Default)]
pub(crate) struct Configured<P> {
    pub(crate) policy: P,
    pub(crate) sources: Vec<(&'static str, Source)>,
}

/// Which layer it is that does not belong to the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outside {
    File,
    Environment,
}

/// What somebody changed while the program runs.
#[derive(Clone, Debug)]
pub(crate) struct Changed<P> {
    pub(crate) policy: P,
    pub(crate) by: Override,
    /// When it ends by itself.
    pub(crate) ends: Nanos,
}

/// Everything that is written about one policy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Definition<P> {
    /// By file and line: of two attributes that write one setting, the first holds.
    attributes: Vec<Declaration<P>>,
    pub(crate) code: Option<P>,
    file: Option<Configured<P>>,
    environment: Option<Configured<P>>,
    /// Oldest first.
    changes: Vec<Changed<P>>,
    /// Switched off together with all others.
    pub(crate) all_off: Option<Changed<P>>,
    /// Counts the changes of all layers.
    pub(crate) version: u64,
}

impl<P: Policy> Definition<P> {
    pub(crate) fn declare(&mut self, written: Declaration<P>) {
        let at = self
            .attributes
            .partition_point(|other| (other.file, other.line) <= (written.file, written.line));
        self.attributes.insert(at, written);
    }

    pub(crate) fn attributes(&self) -> &[Declaration<P>] {
        &self.attributes
    }

    /// What the file, or the environment, says.
    pub(crate) const fn outside(&mut self, layer: Outside) -> &mut Option<Configured<P>> {
        match layer {
            Outside::File => &mut self.file,
            Outside::Environment => &mut self.environment,
        }
    }

    /// Lays what somebody changed over everything that is there.
    pub(crate) fn change(&mut self, changed: Changed<P>) {
        // What ends no later than what is laid over it will never hold again.
        for key in P::KEYS {
            if changed.policy.written(key).is_none() {
                continue;
            }
            for below in &mut self.changes {
                if below.ends <= changed.ends {
                    below.policy = below.policy.without(key);
                }
            }
        }
        self.forget_empty_changes();
        self.changes.push(changed);
    }

    fn forget_empty_changes(&mut self) {
        self.changes
            .retain(|changed| changed.policy != P::default());
    }

    /// Takes back what anybody changed about `key` while the program runs.
    pub(crate) fn take_back(&mut self, key: &str) {
        for changed in &mut self.changes {
            changed.policy = changed.policy.without(key);
        }
        self.forget_empty_changes();
    }

    /// Takes back everything that anybody changed while the program runs.
    #[cfg(feature = "testing")]
    pub(crate) fn forget_changes(&mut self) {
        self.changes.clear();
        self.all_off = None;
    }

    /// When the first change ends that ends by itself.
    pub(crate) fn ends(&self) -> Nanos {
        let changes = self.changes.iter().chain(&self.all_off);
        changes.map(|changed| changed.ends).min().unwrap_or(NEVER)
    }

    /// Takes away the change that ended first of those whose time is over, and says whose it was.
    pub(crate) fn end_next_change(&mut self, now: Nanos) -> Option<Override> {
        let ends = self.ends();
        if ends > now || ends == NEVER {
            return None;
        }
        if let Some(at) = self.changes.iter().position(|changed| changed.ends == ends) {
            return Some(self.changes.remove(at).by);
        }
        self.all_off.take().map(|all_off| all_off.by)
    }

    /// What contradicts itself now, or will once changes that end by themselves have ended.
    pub(crate) fn invalid_sooner_or_later(&self) -> Option<InvalidSetting> {
        let mut later = self.clone();
        loop {
            if let Some(invalid) = later.invalid() {
                return Some(invalid);
            }
            later.end_next_change(later.ends())?;
        }
    }

    /// What holds.
    pub(crate) fn effective(&self) -> P {
        if self.lets_through() || self.all_off.is_some() {
            P::switched_off().over(self.written())
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
        let layers = [
            self.code,
            self.file.as_ref().map(|file| file.policy),
            self.environment
                .as_ref()
                .map(|environment| environment.policy),
        ];
        let layers = layers
            .into_iter()
            .flatten()
            .chain(self.changes.iter().map(|changed| changed.policy));
        layers.fold(attributes, |below, above| above.over(below))
    }

    /// Whether anybody wrote a setting, or registered the policy.
    pub(crate) fn is_defined(&self) -> bool {
        let written = self.written();
        self.code.is_some() || P::KEYS.iter().any(|key| written.written(key).is_some())
    }

    fn refers(&self, reference: Reference) -> bool {
        let mut attributes = self.attributes.iter();
        attributes.any(|attribute| attribute.reference == reference)
    }

    /// Whether only pipelines mention it, which do without it.
    pub(crate) fn lets_through(&self) -> bool {
        let alone = !self.refers(Reference::Named) && !self.refers(Reference::Complete);
        alone && self.refers(Reference::Pipeline) && !self.is_defined()
    }

    pub(crate) fn is_undefined(&self) -> bool {
        self.refers(Reference::Named) && !self.is_defined()
    }

    /// All settings as they hold, each with its source.
    pub(crate) fn settings(&self) -> Vec<Setting> {
        let effective = self.effective();
        P::KEYS
            .iter()
            .map(|&key| Setting::new(key, effective.effective(key), self.source(key)))
            .collect()
    }

    fn source(&self, key: &str) -> Source {
        if let ("enabled", Some(all_off)) = (key, &self.all_off) {
            let by = all_off.by.clone();
            return Source::Override { by };
        }
        let writes = |policy: &P| policy.written(key).is_some();
        let mut newest = self.changes.iter().rev();
        if let Some(changed) = newest.find(|changed| writes(&changed.policy)) {
            let by = changed.by.clone();
            return Source::Override { by };
        }
        for configured in [&self.environment, &self.file].into_iter().flatten() {
            let mut sources = configured.sources.iter();
            if let Some((_, source)) = sources.find(|(configured, _)| *configured == key) {
                return source.clone();
            }
        }
        if self.code.as_ref().is_some_and(writes) {
            return Source::Code;
        }
        self.attributes
            .iter()
            .find(|attribute| writes(&attribute.policy))
            .map_or(Source::Default, |attribute| Source::Attribute {
                file: attribute.file,
                line: attribute.line,
            })
    }

    /// What contradicts itself although no layer alone does.
    pub(crate) fn invalid(&self) -> Option<InvalidSetting> {
        self.effective().invalid()
    }

    /// Settings for which attributes write different values.
    pub(crate) fn conflicts(&self) -> Vec<Conflict> {
        let mut conflicts = Vec::new();
        for &key in P::KEYS {
            let mut written = self.attributes.iter().filter_map(|attribute| {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::RetryPolicy;

    fn attribute(line: u32, policy: RetryPolicy) -> Declaration<RetryPolicy> {
        Declaration {
            policy,
            file: "shop.rs",
            line,
            call_site: "shop::price",
            reference: Reference::Named,
            is_keyed: false,
        }
    }

    fn changed(attempts: u32, ends: Nanos) -> Changed<RetryPolicy> {
        Changed {
            policy: RetryPolicy::new().attempts(attempts),
            by: format!("change to {attempts}").into(),
            ends,
        }
    }

    fn attempts(definition: &Definition<RetryPolicy>) -> (Option<Value>, Source) {
        let mut settings = definition.settings().into_iter();
        let found = settings
            .find(|setting| setting.key == "attempts")
            .expect("it is a setting");
        (found.value, found.source)
    }

    #[test]
    fn each_layer_hides_those_before_it() {
        let mut definition = Definition::<RetryPolicy>::default();
        let mut expect = |change: &dyn Fn(&mut Definition<RetryPolicy>), count: u64, from: &str| {
            change(&mut definition);
            let (value, source) = attempts(&definition);
            assert_eq!(value, Some(Value::Count(count)));
            assert_eq!(source.to_string(), from);
        };
        let configured = |attempts, source| {
            Some(Configured {
                policy: RetryPolicy::new().attempts(attempts),
                sources: vec![("attempts", source)],
            })
        };
        let file = Source::File {
            file: "shop.toml".into(),
            line: 3,
        };
        let variable = Source::Environment {
            variable: "SHOP".into(),
        };
        expect(&|_| {}, 3, "default");
        expect(
            &|it| it.declare(attribute(7, RetryPolicy::new().attempts(4))),
            4,
            "shop.rs:7",
        );
        expect(
            &|it| it.declare(attribute(2, RetryPolicy::new().attempts(5))),
            5,
            "shop.rs:2",
        );
        expect(
            &|it| it.code = Some(RetryPolicy::new().attempts(6)),
            6,
            "code",
        );
        expect(
            &|it| it.file = configured(7, file.clone()),
            7,
            "shop.toml:3",
        );
        expect(
            &|it| it.environment = configured(8, variable.clone()),
            8,
            "SHOP",
        );
        expect(
            &|it| it.change(changed(9, NEVER)),
            9,
            "override: change to 9",
        );
        expect(
            &|it| it.change(changed(10, NEVER)),
            10,
            "override: change to 10",
        );
        expect(&|it| it.take_back("attempts"), 8, "SHOP");
    }

    #[test]
    fn changes_that_will_never_hold_again_are_not_kept() {
        let mut definition = Definition::<RetryPolicy>::default();
        for attempts in 1..1000 {
            definition.change(changed(attempts, NEVER));
        }
        assert_eq!(definition.changes.len(), 1);
        definition.change(changed(7, 100));
        definition.change(Changed {
            policy: RetryPolicy::new().max_elapsed(std::time::Duration::from_secs(1)),
            ..changed(0, NEVER)
        });
        assert_eq!(definition.changes.len(), 3, "each holds now or later");
        definition.end_next_change(100);
        assert_eq!(attempts(&definition).0, Some(Value::Count(999)));
    }

    #[test]
    fn a_change_that_ends_uncovers_what_was_there_before() {
        let mut definition = Definition::<RetryPolicy>::default();
        definition.change(changed(9, 200));
        definition.change(changed(10, 100));
        assert_eq!(definition.ends(), 100);
        assert_eq!(definition.end_next_change(99), None);
        assert_eq!(definition.end_next_change(100), Some("change to 10".into()));
        assert_eq!(attempts(&definition).0, Some(Value::Count(9)));
        assert_eq!(definition.end_next_change(200), Some("change to 9".into()));
        assert_eq!(definition.end_next_change(200), None);
        assert_eq!(
            attempts(&definition),
            (Some(Value::Count(3)), Source::Default)
        );
        assert_eq!(definition.ends(), NEVER);
    }

    #[test]
    fn a_change_that_was_taken_back_has_no_end_any_more() {
        let mut definition = Definition::<RetryPolicy>::default();
        definition.change(changed(9, 100));
        definition.take_back("attempts");
        assert_eq!(definition.ends(), NEVER);
        assert_eq!(definition.end_next_change(100), None);
    }

    #[test]
    fn all_off_hides_a_later_change_of_the_same_setting() {
        let mut definition = Definition {
            all_off: Some(Changed {
                policy: RetryPolicy::switched_off(),
                by: "a drill".into(),
                ends: NEVER,
            }),
            ..Definition::<RetryPolicy>::default()
        };
        definition.change(Changed {
            policy: RetryPolicy::new().enabled(true),
            by: "not I".into(),
            ends: NEVER,
        });
        assert_eq!(
            definition.effective().effective("enabled"),
            Some(Value::Flag(false))
        );
        definition.all_off = None;
        assert_eq!(
            definition.effective().effective("enabled"),
            Some(Value::Flag(true))
        );
    }
}
