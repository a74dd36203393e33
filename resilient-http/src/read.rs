//! What can be read as JSON.

use crate::access::Door;
use crate::answer::{Refusal, json};
use crate::attention::{Attention, attention};
use crate::samples::{BUCKET, Recent};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::ETAG;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use resilient_core::{Kind, LiveSnapshot, PolicySnapshot, Setting, Source, Value, registry};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) type Shared = State<Arc<Door>>;
pub(crate) type Asked<T> = Result<Query<T>, QueryRejection>;

/// Which policy is meant. Names may hold anything, so they are no part of the path.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    pub(crate) kind: String,
    pub(crate) name: String,
}

impl Named {
    pub(crate) fn snapshot(&self) -> Result<PolicySnapshot, Refusal> {
        let found = registry()
            .kind(&self.kind)
            .and_then(|kind| registry().policy_snapshot(kind, &self.name));
        found.ok_or_else(|| Refusal::no_such_policy(&self.kind, &self.name))
    }
}

/// Which annotated function is meant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Function {
    name: String,
}

/// From which event on.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct After {
    #[serde(default)]
    after: u64,
}

pub(crate) fn asked<T>(query: Asked<T>) -> Result<T, Refusal> {
    let Query(asked) =
        query.map_err(|wrong| Refusal::new(StatusCode::BAD_REQUEST, wrong.body_text()))?;
    Ok(asked)
}

/// One policy as the page shows it.
#[derive(Serialize)]
struct Seen {
    kind: Kind,
    name: &'static str,
    state: String,
    attention: Option<Attention>,
    undefined: bool,
    lets_through: bool,
    version: u64,
    /// How many attempts a call may have; `null` unless it is a retry.
    attempts: Option<u64>,
    /// The settings that decide about its state, with where they come from; empty unless it is a
    /// circuit breaker.
    rule: Vec<Rule>,
    live: LiveSnapshot,
    call_sites: Vec<&'static str>,
    /// Where its settings and its functions are written, as `file:line`.
    places: Vec<String>,
    /// The settings that somebody changed while the program runs.
    overridden: Vec<&'static str>,
    recent: Option<Recent>,
}

/// A setting that decides, for people.
#[derive(Serialize)]
struct Rule {
    key: &'static str,
    value: Value,
    source: String,
}

const RULE: [&str; 6] = [
    "failure_threshold",
    "failure_rate",
    "slow_call",
    "window",
    "window_time",
    "open_for",
];

fn rule(policy: &PolicySnapshot) -> Vec<Rule> {
    if !matches!(policy.live, LiveSnapshot::CircuitBreaker(_)) {
        return Vec::new();
    }
    let settings = policy.settings.iter();
    let decides = settings.filter(|one| RULE.contains(&one.key));
    decides
        .filter_map(|one| {
            Some(Rule {
                key: one.key,
                value: one.value.clone()?,
                source: one.source.to_string(),
            })
        })
        .collect()
}

/// The place of each annotated function.
type Places = HashMap<&'static str, String>;

fn places(policy: &PolicySnapshot, sites: &Places) -> Vec<String> {
    let written = policy.settings.iter().filter_map(|one| match &one.source {
        Source::Attribute { file, line } => Some(format!("{file}:{line}")),
        Source::File { file, line } => Some(format!("{file}:{line}")),
        _ => None,
    });
    let functions = policy.call_sites.iter();
    let functions = functions.filter_map(|name| sites.get(name).cloned());
    let mut places: Vec<_> = written.chain(functions).collect();
    places.sort_unstable();
    places.dedup();
    places
}

fn is_overridden(setting: &Setting) -> bool {
    matches!(setting.source, Source::Override { .. })
}

impl Seen {
    fn of(door: &Door, policy: PolicySnapshot, sites: &Places) -> Self {
        let recent = door.samples.recent(&policy);
        let attempts = policy.settings.iter().find(|one| one.key == "attempts");
        Self {
            state: policy.state(),
            attention: attention(&policy, recent.as_ref()),
            attempts: match attempts.and_then(|one| one.value.as_ref()) {
                Some(Value::Count(attempts)) => Some(*attempts),
                _ => None,
            },
            rule: rule(&policy),
            places: places(&policy, sites),
            overridden: policy
                .settings
                .iter()
                .filter(|one| is_overridden(one))
                .map(|one| one.key)
                .collect(),
            kind: policy.kind,
            name: policy.name,
            undefined: policy.undefined,
            lets_through: policy.lets_through,
            version: policy.version,
            live: policy.live,
            call_sites: policy.call_sites,
            recent,
        }
    }
}

pub(crate) async fn overview(State(door): Shared, request: Parts) -> Result<Response, Refusal> {
    door.read(&request)?;
    let snapshot = registry().snapshot();
    door.samples.take(&snapshot.policies);
    let at = serde_json::to_value(&snapshot).ok();
    let at = at.and_then(|mut snapshot| Some(snapshot.get_mut("at_ms")?.take()));
    let sites = snapshot.call_sites.iter();
    let sites = sites.map(|site| (site.name, format!("{}:{}", site.file, site.line)));
    let sites: Places = sites.collect();
    let seen = snapshot.policies.into_iter();
    let seen = seen.map(|policy| Seen::of(&door, policy, &sites));
    let policies: Vec<_> = seen.collect();
    let attention = policies.iter().filter(|one| one.attention.is_some());
    let actor = door.steers(&request);
    Ok(json(&json!({
        "at_ms": at,
        "title": door.title,
        "access": {
            "keys": door.shows_keys(&request),
            "control": actor.is_some(),
            "actor": actor.as_ref().map(crate::Actor::name),
        },
        "attention": attention.count(),
        "all_disabled": registry().all_disabled(),
        "position": registry().history(u64::MAX).position(),
        "bucket_ms": u64::try_from(BUCKET.as_millis()).ok(),
        "policies": policies,
    })))
}

pub(crate) async fn snapshot(State(door): Shared, request: Parts) -> Result<Response, Refusal> {
    door.read(&request)?;
    let snapshot = registry().snapshot();
    door.samples.take(&snapshot.policies);
    Ok(json(&snapshot))
}

pub(crate) async fn policy(
    State(door): Shared,
    query: Asked<Named>,
    request: Parts,
) -> Result<Response, Refusal> {
    door.read(&request)?;
    Ok(one(&asked(query)?.snapshot()?))
}

/// One policy, with the version of its settings as its tag.
pub(crate) fn one(policy: &PolicySnapshot) -> Response {
    tagged(json(policy), policy.version)
}

pub(crate) fn tagged(mut response: Response, version: u64) -> Response {
    if let Ok(tag) = HeaderValue::try_from(format!("\"{version}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

pub(crate) async fn function(
    State(door): Shared,
    query: Asked<Function>,
    request: Parts,
) -> Result<Response, Refusal> {
    door.read(&request)?;
    let Function { name } = asked(query)?;
    let site = registry().call_site(&name).ok_or_else(|| {
        Refusal::new(
            StatusCode::NOT_FOUND,
            format!("there is no annotated function `{name}`"),
        )
    })?;
    let explanation = site.explain();
    let text = explanation.to_string();
    let mut value = serde_json::to_value(&explanation).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("text".to_owned(), text.into());
    }
    Ok(json(&value))
}

pub(crate) async fn graph(State(door): Shared, request: Parts) -> Result<Response, Refusal> {
    door.read(&request)?;
    let snapshot = registry().snapshot();
    let functions: Vec<_> = snapshot
        .call_sites
        .iter()
        .map(|site| json!({ "name": site.name, "file": site.file, "line": site.line }))
        .collect();
    let policies: Vec<_> = snapshot
        .policies
        .iter()
        .map(|one| json!({ "kind": one.kind, "name": one.name, "state": one.state() }))
        .collect();
    let edges: Vec<_> = snapshot
        .call_sites
        .iter()
        .flat_map(|site| {
            site.layers.iter().enumerate().map(|(depth, layer)| {
                json!({
                    "function": site.name,
                    "kind": layer.kind,
                    "policy": layer.policy,
                    "depth": depth,
                    "written": layer.written,
                })
            })
        })
        .collect();
    Ok(json(
        &json!({ "functions": functions, "policies": policies, "edges": edges }),
    ))
}

pub(crate) async fn findings(State(door): Shared, request: Parts) -> Result<Response, Refusal> {
    door.read(&request)?;
    let findings = registry().validate().into_iter().map(|finding| {
        let mut value = serde_json::to_value(&finding).unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            fields.insert("text".to_owned(), finding.to_string().into());
        }
        value
    });
    Ok(json(&findings.collect::<Vec<_>>()))
}

pub(crate) async fn events(
    State(door): Shared,
    query: Asked<After>,
    request: Parts,
) -> Result<Response, Refusal> {
    door.read(&request)?;
    let history = registry().history(asked(query)?.after);
    let shows_keys = door.shows_keys(&request);
    let events: Vec<_> = history
        .events
        .iter()
        .map(|event| event_for(event, shows_keys))
        .collect();
    Ok(json(&json!({
        "after": history.after,
        "position": history.position(),
        "events": events,
    })))
}

/// An event as JSON, without its key for who may not see any.
pub(crate) fn event_for(event: &resilient_core::Event, shows_keys: bool) -> serde_json::Value {
    let mut value = serde_json::to_value(event).unwrap_or_default();
    if let Some(key) = value.get_mut("key").filter(|_| !shows_keys) {
        key.take();
    }
    value
}
