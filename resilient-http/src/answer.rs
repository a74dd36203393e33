//! Answers: JSON, refusals that say what is wrong, and the headers that all of them carry.

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use resilient_core::{ReconfigureError, SettingError};
use serde::Serialize;
use serde_json::{Map, Value};

/// Why a request is not answered as it was meant to be. Nothing has changed then.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    fields: Map<String, Value>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        let fields = Map::from_iter([("error".to_owned(), Value::String(error.into()))]);
        Self { status, fields }
    }

    pub(crate) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(field.to_owned(), value.into());
        self
    }

    pub(crate) fn no_such_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is nothing here")
    }

    pub(crate) fn no_such_policy(kind: &str, name: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            format!("there is no {kind} `{name}`"),
        )
    }
}

impl From<ReconfigureError> for Refusal {
    fn from(error: ReconfigureError) -> Self {
        let text = error.to_string();
        match error {
            ReconfigureError::UnknownPolicy { .. } => Self::new(StatusCode::NOT_FOUND, text),
            ReconfigureError::VersionMismatch { version, .. } => {
                Self::new(StatusCode::PRECONDITION_FAILED, text).with("version", version)
            }
            ReconfigureError::Setting(setting) => {
                let refusal = Self::new(StatusCode::UNPROCESSABLE_ENTITY, text);
                match setting {
                    SettingError::Unknown { key, known } => {
                        refusal.with("key", key).with("allowed", known.join(", "))
                    }
                    SettingError::Unlike { key, expected, .. } => {
                        refusal.with("key", key).with("allowed", expected)
                    }
                    SettingError::Invalid(invalid) => refusal
                        .with("key", invalid.key())
                        .with("allowed", invalid.allowed()),
                    _ => refusal,
                }
            }
            _ => Self::new(StatusCode::UNPROCESSABLE_ENTITY, text),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, json(&self.fields)).into_response()
    }
}

/// `value` as JSON.
pub(crate) fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(text) => typed("application/json", text),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// An answer of this type.
pub(crate) fn typed(content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// What every answer says to browsers: keep nothing, guess nothing, load nothing, stay out of frames.
pub(crate) async fn secured(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'",
        ));
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
