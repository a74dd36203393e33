//! Steering: circuit breakers by hand, settings, and everything at once.

use crate::access::Actor;
use crate::answer::{Refusal, json};
use crate::read::{Asked, Named, Shared, asked, one, tagged};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, IF_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use resilient_core::{Changes, CircuitBreaker, Given, Override, registry};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::timeout;

/// No body of a control request is longer, in bytes.
const LONGEST_BODY: usize = 16 * 1024;
/// Nobody may take longer than this to send one.
const SLOWEST_BODY: Duration = Duration::from_secs(10);
/// No reason is longer, in characters.
const LONGEST_REASON: usize = 500;

/// Why somebody steers, and for how long. Who it is, the authoriser has said.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    reason: String,
    #[serde(default)]
    lasting: Option<Given>,
}

/// The same, where it has no end.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedForGood {
    reason: String,
}

/// Settings that are to change.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedChanges {
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    lasting: Option<Given>,
    #[serde(default)]
    set: BTreeMap<String, Given>,
    #[serde(default)]
    take_back: Vec<String>,
}

/// Which policy is to change, and whether it is only tried out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamedChange {
    kind: String,
    name: String,
    dry_run: Option<String>,
}

/// Steers a circuit breaker by hand.
pub(crate) async fn steer(
    State(door): Shared,
    Path(deed): Path<String>,
    query: Asked<Named>,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let actor = door.control(&parts)?;
    let body = read(&parts.headers, body).await?;
    let steer: fn(&CircuitBreaker, Override) = match deed.as_str() {
        "force_open" => |breaker, by| breaker.force_open(by),
        "disable" => |breaker, by| breaker.disable(by),
        "metrics_only" => |breaker, by| breaker.metrics_only(by),
        "reset" => |breaker, by| breaker.reset(by),
        _ => return Err(Refusal::no_such_route()),
    };
    let by = if deed == "reset" {
        because(&parsed::<WantedForGood>(&body)?.reason, None, &actor)?
    } else {
        let wanted: Wanted = parsed(&body)?;
        because(&wanted.reason, wanted.lasting.as_ref(), &actor)?
    };
    let named = asked(query)?;
    named.snapshot()?;
    let breaker = registry().circuit_breaker(&named.name);
    let breaker = breaker.filter(|_| named.kind == "circuit_breaker");
    let breaker = breaker.ok_or_else(|| {
        unprocessable("only a circuit_breaker is steered by hand; settings are changed with PATCH")
    })?;
    steer(breaker, by);
    Ok(one(&named.snapshot()?))
}

/// Changes settings, or says what would come of it.
pub(crate) async fn reconfigure(
    State(door): Shared,
    query: Asked<NamedChange>,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let actor = door.control(&parts)?;
    let body = read(&parts.headers, body).await?;
    let wanted: WantedChanges = parsed(&body)?;
    let NamedChange {
        kind,
        name,
        dry_run,
    } = asked(query)?;
    let is_dry = match dry_run.as_deref() {
        None | Some("false") => false,
        Some("" | "true") => true,
        Some(_) => {
            let error = "`dry_run` is `true` or `false`";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, error));
        }
    };
    Named {
        kind: kind.clone(),
        name: name.clone(),
    }
    .snapshot()?;
    let changes = changes(&wanted)?;
    let changes = match expected_version(&parts, is_dry)? {
        Some(version) => changes.only_at(version),
        None => changes,
    };
    let reconfigured = if is_dry {
        registry().preview(&kind, &name, &changes)?
    } else {
        let reason = wanted.reason.as_deref().unwrap_or_default();
        let by = because(reason, wanted.lasting.as_ref(), &actor)?;
        registry().reconfigure_with(&kind, &name, &changes, by)?
    };
    Ok(tagged(json(&reconfigured), reconfigured.version))
}

/// Switches every policy off.
pub(crate) async fn disable_all(
    State(door): Shared,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let actor = door.control(&parts)?;
    let wanted: Wanted = parsed(&read(&parts.headers, body).await?)?;
    registry().disable_all(because(&wanted.reason, wanted.lasting.as_ref(), &actor)?);
    Ok(json(&json!({ "all_disabled": registry().all_disabled() })))
}

/// Takes that back.
pub(crate) async fn enable_all(State(door): Shared, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let actor = door.control(&parts)?;
    let wanted: WantedForGood = parsed(&read(&parts.headers, body).await?)?;
    registry().enable_all(because(&wanted.reason, None, &actor)?);
    Ok(json(&json!({ "all_disabled": registry().all_disabled() })))
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|one| one.to_str().ok());
    let content_type = content_type.unwrap_or_default().split(';').next();
    let is_json = content_type
        .is_some_and(|content_type| content_type.trim().eq_ignore_ascii_case("application/json"));
    if !is_json {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send `application/json`",
        ));
    }
    let too_long = || {
        Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a body has at most {LONGEST_BODY} bytes"),
        )
    };
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|one| one.to_str().ok());
    let announced = announced.and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > LONGEST_BODY) {
        return Err(too_long());
    }
    match timeout(SLOWEST_BODY, to_bytes(body, LONGEST_BODY)).await {
        Ok(Ok(body)) => Ok(body),
        // A connection that broke off gets no answer anyway.
        Ok(Err(_)) => Err(too_long()),
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not come",
        )),
    }
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    // A list would do for a struct as well.
    let object = serde_json::from_slice::<Map<String, Value>>(body);
    object
        .and_then(|_| serde_json::from_slice(body))
        .map_err(|wrong| {
            let status = match wrong.classify() {
                Category::Data => StatusCode::UNPROCESSABLE_ENTITY,
                _ => StatusCode::BAD_REQUEST,
            };
            Refusal::new(status, wrong.to_string())
                .with("line", wrong.line())
                .with("column", wrong.column())
        })
}

/// The override that is asked for, by who is known to ask for it.
fn because(reason: &str, lasting: Option<&Given>, actor: &Actor) -> Result<Override, Refusal> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        return Err(unprocessable(format!(
            "`reason` says why, in 1 to {LONGEST_REASON} characters"
        ))
        .with("key", "reason"));
    }
    let by = Override::because(reason).by(actor.name());
    match lasting {
        None => Ok(by),
        Some(given) => match given.as_duration() {
            Some(lasting) if !lasting.is_zero() => Ok(by.lasting(lasting)),
            _ => Err(unprocessable(
                "`lasting` is a duration with its unit, above 0, such as `30s` or `10m`",
            )
            .with("key", "lasting")),
        },
    }
}

fn changes(wanted: &WantedChanges) -> Result<Changes, Refusal> {
    if wanted.set.is_empty() && wanted.take_back.is_empty() {
        return Err(unprocessable(
            "nothing is to change: write `set` or `take_back`",
        ));
    }
    let mut changes = Changes::new();
    for key in &wanted.take_back {
        if wanted.set.contains_key(key) {
            return Err(unprocessable(format!(
                "`{key}` stands in `set` and in `take_back`: which is meant?"
            )));
        }
        changes = changes.take_back(key);
    }
    for (key, given) in &wanted.set {
        changes = changes.set(key, given.clone());
    }
    Ok(changes)
}

/// The version that `If-Match` asks for; `None` for `*`, and for a dry run that does not ask.
fn expected_version(request: &Parts, is_dry: bool) -> Result<Option<u64>, Refusal> {
    let Some(tag) = request.headers.get(IF_MATCH) else {
        return if is_dry {
            Ok(None)
        } else {
            Err(Refusal::new(
                StatusCode::PRECONDITION_REQUIRED,
                "say which version is to change: `If-Match: \"7\"`, or `If-Match: *` for any",
            ))
        };
    };
    let tag = tag.to_str().unwrap_or_default().trim();
    if tag == "*" {
        return Ok(None);
    }
    let version = tag
        .strip_prefix('"')
        .and_then(|tag| tag.strip_suffix('"'))
        .and_then(|version| version.parse().ok());
    version.map(Some).ok_or_else(|| {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "`If-Match` is one version in quotes, such as `\"7\"`, or `*`",
        )
    })
}

fn unprocessable(error: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error)
}
