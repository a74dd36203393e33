//! What can be seen of everything: snapshots, findings, explanations, and their texts for people.

use crate::definition::Conflict;
use crate::entry::AnyEntry;
use crate::policy::{
    AttemptTimeoutPolicy, CircuitBreakerPolicy, CircuitBreakerState, HedgePolicy, LiveSnapshot,
    Policy, RetryPolicy, TimeoutPolicy,
};
use crate::registry::{PIPELINE, Registry, UndefinedPipelines};
use crate::setting::{InvalidSetting, Kind, Setting, Source, Span, Value};
use crate::site::{KnownLayer, KnownSite, known_site, known_sites};
use std::fmt;
use std::time::{Duration, SystemTime};

impl Registry {
    /// Everything that can be seen of all policies and call sites, at one time for each policy.
    ///
    /// Its `Display` is a table for people.
    ///
    /// ```
    /// use resilient_core::{BulkheadPolicy, policy, registry};
    ///
    /// policy("search").bulkhead(BulkheadPolicy::new().limit(8)).register()?;
    /// let snapshot = registry().snapshot();
    /// assert_eq!(snapshot.policies[0].state(), "0 of 8");
    /// assert!(snapshot.call_sites.is_empty(), "no function here is annotated");
    /// println!("{snapshot}");
    /// # Ok::<(), resilient_core::RegisterError>(())
    /// ```
    pub fn snapshot(&self) -> Snapshot {
        let call_sites: Vec<_> = known_sites()
            .into_iter()
            .map(CallSiteSnapshot::of)
            .collect();
        let undefined = self.undefined_pipelines();
        let of = |entry| PolicySnapshot::of(entry, &undefined);
        let policies = self.all().into_iter().map(of).collect();
        Snapshot {
            at: SystemTime::now(),
            policies,
            call_sites,
        }
    }

    /// What can be seen of one policy of this kind; `None` if nobody has mentioned its name.
    pub fn policy_snapshot(&self, kind: Kind, name: &str) -> Option<PolicySnapshot> {
        let entry = self.any(name, kind)?;
        Some(PolicySnapshot::of(entry, &self.undefined_pipelines()))
    }

    /// Looks for what is probably a mistake: names that nobody has defined, attributes that
    /// contradict each other, settings that mean nothing where they stand, and stacks whose retries do not fit into their timeout.
    ///
    /// Empty if there is nothing to say. Worth an assertion in a test of every service.
    pub fn validate(&self) -> Vec<Finding> {
        let pipelines = self.undefined_pipelines().into_iter();
        let mut findings: Vec<_> = pipelines
            .map(|(policy, call_sites)| Finding::Undefined {
                kind: PIPELINE,
                policy,
                call_sites,
            })
            .collect();
        for entry in self.all() {
            let (kind, policy) = (entry.kind(), entry.name());
            if entry.is_undefined() {
                let call_sites = entry.call_sites();
                findings.push(Finding::Undefined {
                    kind,
                    policy,
                    call_sites,
                });
            }
            if let Some(invalid) = entry.invalid() {
                findings.push(Finding::Invalid {
                    kind,
                    policy,
                    invalid,
                });
            }
            if never_forgets(entry) {
                let call_sites = entry.keyed_call_sites();
                findings.push(Finding::NeverForgets {
                    kind,
                    policy,
                    call_sites,
                });
            }
            let idle = without_effect(entry).into_iter();
            findings.extend(idle.map(|(key, without)| Finding::HasNoEffect {
                kind,
                policy,
                key,
                without,
            }));
            let conflicts = entry.conflicts().into_iter();
            findings.extend(conflicts.map(|conflict| Finding::Conflict {
                kind,
                policy,
                conflict,
            }));
        }
        for site in known_sites() {
            let explanation = Explanation::of(self, site);
            findings.extend(
                explanation
                    .warnings
                    .into_iter()
                    .map(|warning| Finding::DoesNotFit {
                        call_site: site.name,
                        warning,
                    }),
            );
        }
        findings
    }

    /// The annotated function of this name, for example `shop::price`; `None` if there is none. Where
    /// several functions have one path, their names end in `@file:line`.
    pub fn call_site(&self, name: &str) -> Option<CallSiteSnapshot> {
        known_site(name).map(CallSiteSnapshot::of)
    }

    /// All annotated functions, by name.
    pub fn call_sites(&self) -> Vec<CallSiteSnapshot> {
        known_sites()
            .into_iter()
            .map(CallSiteSnapshot::of)
            .collect()
    }
}

/// What can be seen of all policies and annotated functions.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// When it was taken.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "at_ms", serialize_with = "crate::data::moment")
    )]
    pub at: SystemTime,
    /// All policies, by name and kind.
    pub policies: Vec<PolicySnapshot>,
    /// All annotated functions, by name.
    pub call_sites: Vec<CallSiteSnapshot>,
}

/// What can be seen of one policy.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PolicySnapshot {
    /// Its name.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// True if attributes refer to it by name and nobody has written a setting; in a pipeline, if
    /// nobody has defined any policy of that name. Probably the name is written wrong.
    pub undefined: bool,
    /// True if it stands in pipelines alone and nobody has defined it: it is switched off.
    pub lets_through: bool,
    /// Its state and its counts.
    pub live: LiveSnapshot,
    /// Its settings, each with its source.
    pub settings: Vec<Setting>,
    /// Counts the changes of its settings, from whatever layer; see
    /// [`Changes::only_at`](crate::Changes::only_at).
    pub version: u64,
    /// The functions in whose stacks it stands, by name.
    pub call_sites: Vec<&'static str>,
}

impl PolicySnapshot {
    fn of(entry: &'static dyn AnyEntry, pipelines: &UndefinedPipelines) -> Self {
        let lets_through = entry.lets_through();
        Self {
            name: entry.name(),
            kind: entry.kind(),
            undefined: entry.is_undefined() || lets_through && pipelines.contains_key(entry.name()),
            lets_through,
            live: entry.snapshot(),
            settings: entry.settings(),
            version: entry.version(),
            call_sites: entry.call_sites(),
        }
    }

    /// Its state in a word or two, for example `open` or `3 of 20`.
    pub fn state(&self) -> String {
        self.live.show().state()
    }
}

/// What can be seen of one annotated function.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CallSiteSnapshot {
    /// Its path, for example `shop::price`.
    pub name: &'static str,
    /// Its file, as the compiler names it.
    pub file: &'static str,
    /// The line of its first attribute.
    pub line: u32,
    /// Its stack, from the top, which is outermost.
    pub layers: Vec<LayerSnapshot>,
    #[cfg_attr(feature = "serde", serde(skip))]
    site: KnownSite,
}

/// One policy in the stack of an annotated function.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LayerSnapshot {
    /// The kind of the policy.
    pub kind: Kind,
    /// The name of the policy.
    pub policy: &'static str,
    /// The attribute as it was written.
    pub written: &'static str,
}

impl CallSiteSnapshot {
    fn of(site: KnownSite) -> Self {
        let layers = site.layers.iter().map(|layer| LayerSnapshot {
            kind: layer.kind,
            policy: layer.policy,
            written: layer.written,
        });
        Self {
            name: site.name,
            file: site.file,
            line: site.line,
            layers: layers.collect(),
            site,
        }
    }

    /// The stack as it runs now, with its worst case in time and what does not fit into it.
    pub fn explain(&self) -> Explanation {
        Explanation::of(Registry::bare(), self.site)
    }
}

/// Settings that mean something only beside another one, of which any will do.
const BESIDE: [(&str, &str, &[&str]); 4] = [
    ("bulkhead", "max_wait", &["queue"]),
    ("bulkhead", "order", &["queue"]),
    ("circuit_breaker", "slow_call_rate", &["slow_call"]),
    (
        "circuit_breaker",
        "min_calls",
        &["failure_rate", "slow_call"],
    ),
];

/// Whether it is a breaker with instances whose windows never become empty again.
fn never_forgets(entry: &'static dyn AnyEntry) -> bool {
    let settings = entry.settings();
    let window = settings.iter().find(|setting| setting.key == "window");
    entry.kind() == CircuitBreakerPolicy::KIND
        && window.is_some_and(|window| window.value.is_some())
        && !entry.keyed_call_sites().is_empty()
}

/// The settings that somebody wrote and that mean nothing, each with what is missing beside it.
fn without_effect(entry: &'static dyn AnyEntry) -> Vec<(&'static str, &'static str)> {
    let settings = entry.settings();
    let find = |key: &str| settings.iter().find(|setting| setting.key == key);
    let is_written = |key: &str| find(key).is_some_and(|found| found.source != Source::Default);
    let is_there = |key: &&str| {
        find(key).is_some_and(|found| !matches!(found.value, None | Some(Value::Count(0))))
    };
    let call_sites = entry.call_sites();
    // Without attributes it is used by hand, where nobody sees the keys.
    let no_key = !call_sites.is_empty() && entry.keyed_call_sites().is_empty();
    let keys = (no_key && is_written("max_keys")).then_some(("max_keys", "key"));
    BESIDE
        .iter()
        .filter(|(kind, key, beside)| {
            *kind == entry.kind().as_str() && is_written(key) && !beside.iter().any(is_there)
        })
        .filter_map(|(_, key, beside)| Some((*key, *beside.first()?)))
        .chain(keys)
        .collect()
}

/// What is probably a mistake.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "finding", rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Finding {
    /// A name is referred to that nobody has defined: probably it is written wrong.
    Undefined {
        /// The kind of the policy, or `pipeline` where nobody has defined any policy of a pipeline.
        kind: Kind,
        /// Its name.
        policy: &'static str,
        /// The functions that refer to it.
        call_sites: Vec<&'static str>,
    },
    /// What attributes and code write under one name contradicts itself, although each of them
    /// alone does not.
    Invalid {
        /// The kind of the policy.
        kind: Kind,
        /// Its name.
        policy: &'static str,
        /// The setting, and what is allowed.
        invalid: InvalidSetting,
    },
    /// A setting is written that means something only beside another one.
    HasNoEffect {
        /// The kind of the policy.
        kind: Kind,
        /// Its name.
        policy: &'static str,
        /// The setting that is written.
        key: &'static str,
        /// The setting that is missing.
        without: &'static str,
    },
    /// A circuit breaker has a key and a window of calls: a key whose calls come to an end keeps its
    /// last results, so that its instance is never as good as new, and never gives its place to another
    /// key.
    NeverForgets {
        /// The kind of the policy.
        kind: Kind,
        /// Its name.
        policy: &'static str,
        /// The functions that have a key for it.
        call_sites: Vec<&'static str>,
    },
    /// Attributes write different values for one setting under one name.
    Conflict {
        /// The kind of the policy.
        kind: Kind,
        /// Its name.
        policy: &'static str,
        /// The setting and its values.
        conflict: Conflict,
    },
    /// The policies inside a timeout need more time than it gives, or those inside a hedge less than it
    /// waits.
    DoesNotFit {
        /// The annotated function.
        call_site: &'static str,
        /// What does not fit into what.
        warning: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undefined {
                kind,
                policy,
                call_sites,
            } => {
                let call_sites = call_sites.join(", ");
                write!(
                    f,
                    "{kind} `{policy}` is used by {call_sites}, but nobody defines it: write its \
                     settings in an attribute or register them"
                )
            }
            Self::Invalid {
                kind,
                policy,
                invalid,
            } => write!(
                f,
                "{kind} `{policy}`: what is written in several places contradicts itself: {invalid}"
            ),
            Self::HasNoEffect {
                kind,
                policy,
                key,
                without,
            } => write!(
                f,
                "{kind} `{policy}`: `{key}` means nothing without `{without}`: write that too, or \
                 take `{key}` away"
            ),
            Self::NeverForgets {
                kind,
                policy,
                call_sites,
            } => {
                let call_sites = call_sites.join(", ");
                write!(
                    f,
                    "{kind} `{policy}` has a `key` in {call_sites}, and a window of calls, which never \
                     becomes empty: its instances are never forgotten; write `window_time`"
                )
            }
            Self::Conflict {
                kind,
                policy,
                conflict,
            } => {
                let Conflict {
                    key,
                    holds,
                    ignored,
                } = conflict;
                let ignored: Vec<_> = ignored.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "{kind} `{policy}`: `{key}` is {holds}, so {} does not hold",
                    ignored.join(" and ")
                )
            }
            Self::DoesNotFit { call_site, warning } => write!(f, "{call_site}: {warning}"),
        }
    }
}

/// The stack of an annotated function as it runs, and how long a call may take at the most.
///
/// Its `Display` is a text for people.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Explanation {
    /// The function.
    pub call_site: &'static str,
    /// Its file, as the compiler names it.
    pub file: &'static str,
    /// The line of its first attribute.
    pub line: u32,
    /// Its stack, from the top, with the settings that hold now.
    pub layers: Vec<LayerExplanation>,
    /// How long a call can take; `None` if nothing limits it. A fallback's own time, and a body
    /// that blocks without yielding, are not counted.
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "worst_case_ms",
            serialize_with = "crate::data::millis_or_null"
        )
    )]
    pub worst_case: Option<Duration>,
    /// What does not fit into what.
    pub warnings: Vec<String>,
}

/// One policy of an explained stack.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LayerExplanation {
    /// The kind of the policy.
    pub kind: Kind,
    /// The name of the policy.
    pub policy: &'static str,
    /// The attribute as it was written.
    pub written: &'static str,
    /// The settings that somebody has written, with their values now.
    pub settings: Vec<Setting>,
    /// True if it stands in a pipeline and nobody has defined it: it lets every call through.
    pub lets_through: bool,
    /// What state it is in and why, as in the table, if it is a circuit breaker that is not closed;
    /// `None` otherwise.
    pub not_closed: Option<String>,
}

/// The state of a circuit breaker that is not closed, and why.
fn not_closed(live: &LiveSnapshot) -> Option<String> {
    match live {
        LiveSnapshot::CircuitBreaker(seen) if seen.state != CircuitBreakerState::Closed => {
            let show = live.show();
            Some(format!("{}: {}", show.state(), show.note()))
        }
        _ => None,
    }
}

impl Explanation {
    fn of(registry: &Registry, site: KnownSite) -> Self {
        let mut worst_case = None;
        let mut warnings = Vec::new();
        for layer in site.layers.iter().rev() {
            worst_case = longest(registry, layer, worst_case, &mut warnings);
        }
        let layers = site.layers.iter().map(|layer| {
            let entry = registry.any(layer.policy, layer.kind);
            let mut settings = entry.map(AnyEntry::settings).unwrap_or_default();
            let KnownLayer {
                kind,
                policy,
                written,
                is_per_call,
                ..
            } = *layer;
            let has_own_backoff = is_per_call && kind == RetryPolicy::KIND;
            settings.retain(|setting| {
                let is_used = !has_own_backoff || !matches!(setting.key, "backoff" | "factor");
                setting.source != Source::Default && is_used
            });
            LayerExplanation {
                kind,
                policy,
                written,
                settings,
                lets_through: entry.is_some_and(AnyEntry::lets_through),
                not_closed: entry.and_then(|entry| not_closed(&entry.snapshot())),
            }
        });
        Self {
            call_site: site.name,
            file: site.file,
            line: site.line,
            layers: layers.collect(),
            worst_case,
            warnings,
        }
    }
}

/// How long a call can take at the most with `layer` around what takes `inner`.
fn longest(
    registry: &Registry,
    layer: &KnownLayer,
    inner: Option<Duration>,
    warnings: &mut Vec<String>,
) -> Option<Duration> {
    let entry = registry.any(layer.policy, layer.kind);
    if entry.is_some_and(AnyEntry::lets_through) {
        return inner;
    }
    let timeout = if layer.kind == TimeoutPolicy::KIND {
        registry.timeout(layer.policy)
    } else if layer.kind == AttemptTimeoutPolicy::KIND {
        registry.attempt_timeout(layer.policy)
    } else {
        None
    };
    if let Some(timeout) = timeout {
        let limit = timeout.duration();
        let Some(limit) = limit.filter(|_| !layer.is_per_call) else {
            return inner;
        };
        if let Some(inner) = inner.filter(|inner| *inner > limit) {
            warnings.push(format!(
                "what stands below {} `{}` may take {}, but is cut off after {}: later \
                 attempts get less time than their own timeout, or none",
                layer.kind,
                layer.policy,
                Span(inner),
                Span(limit)
            ));
        }
        return Some(inner.map_or(limit, |inner| inner.min(limit)));
    }
    if layer.kind == RetryPolicy::KIND {
        let retry = registry
            .retry(layer.policy)
            .filter(|_| !layer.is_per_call)?;
        return inner.map(|attempt| retry.longest(attempt));
    }
    if layer.kind == HedgePolicy::KIND {
        let hedge = registry.hedge(layer.policy)?;
        if let Some(attempt) = inner
            && let Some(after) = hedge.waits_too_long(attempt)
        {
            warnings.push(format!(
                "what stands below {} `{}` ends after {} at the latest, before the {} that it \
                 waits: no extra attempt ever begins",
                layer.kind,
                layer.policy,
                Span(attempt),
                Span(after)
            ));
        }
        return inner.map(|attempt| hedge.longest(attempt));
    }
    let wait = entry.map(longest_wait);
    Some(inner?.saturating_add(wait.unwrap_or(Some(Duration::ZERO))?))
}

/// How long the policy itself may make a call wait; `None` if nothing limits it.
fn longest_wait(entry: &'static dyn AnyEntry) -> Option<Duration> {
    let settings = entry.settings();
    let value = |key| {
        settings
            .iter()
            .find(|setting| setting.key == key)
            .map(|found| &found.value)
    };
    match (value("queue"), value("max_wait")) {
        (Some(Some(Value::Count(0))), _) | (_, None) => Some(Duration::ZERO),
        (_, Some(Some(Value::Duration(longest)))) => Some(*longest),
        _ => None,
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} at {}:{}", self.call_site, self.file, self.line)?;
        let rows = self.layers.iter().enumerate().map(|(depth, layer)| {
            let settings = layer.settings.iter().filter_map(|setting| {
                Some(format!(
                    "{} = {} ({})",
                    setting.key,
                    setting.value.as_ref()?,
                    setting.source
                ))
            });
            let name = if layer.policy.starts_with(self.call_site) {
                ""
            } else {
                layer.policy
            };
            let settings = settings.collect::<Vec<_>>().join(", ");
            vec![
                format!("  {}{}", "  ".repeat(depth), layer.kind),
                name.to_owned(),
                match &layer.not_closed {
                    _ if layer.lets_through => {
                        "lets every call through: nobody defines it".to_owned()
                    }
                    Some(state) if settings.is_empty() => format!("now {state}"),
                    Some(state) => format!("{settings}; now {state}"),
                    None => settings,
                },
            ]
        });
        write_columns(f, &rows.collect::<Vec<_>>())?;
        writeln!(f, "  {}the body", "  ".repeat(self.layers.len()))?;
        match self.worst_case {
            Some(longest) => write!(f, "takes at most {}", Span(longest))?,
            None => f.write_str("nothing limits how long it takes")?,
        }
        self.warnings
            .iter()
            .try_for_each(|warning| write!(f, "\nwarning: {warning}"))
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.policies.is_empty() {
            return f.write_str("no policies");
        }
        let mut rows = vec![
            ["POLICY", "KIND", "STATE", "COUNTS", "NOTE"]
                .map(str::to_owned)
                .to_vec(),
        ];
        rows.extend(self.policies.iter().map(|policy| {
            let live = policy.live.show();
            let counts = live.counts().into_iter().map(|(what, count)| {
                count.map_or_else(|| format!("{what} –"), |count| format!("{what} {count}"))
            });
            let mut note = live.note();
            if policy.undefined {
                note = format!("undefined: nobody has written its settings. {note}");
            } else if policy.lets_through {
                "lets every call through: nobody defines it".clone_into(&mut note);
            }
            vec![
                policy.name.to_owned(),
                policy.kind.to_string(),
                live.state(),
                counts.collect::<Vec<_>>().join(", "),
                note.trim_end().to_owned(),
            ]
        }));
        write_columns(f, &rows)
    }
}

/// Writes rows as aligned columns, without blanks at the ends of lines.
fn write_columns(f: &mut fmt::Formatter<'_>, rows: &[Vec<String>]) -> fmt::Result {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    for row in rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}
