//! The page: one document, written by hand, which loads nothing but what this router answers.

use crate::answer::{Refusal, typed};
use crate::read::Shared;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::request::Parts;
use axum::response::Response;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

const HTML: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

pub(crate) async fn page(State(door): Shared, request: Parts) -> Result<Response, Refusal> {
    door.read(&request)?;
    let nonce = nonce();
    let html = HTML
        .replace("{nonce}", &nonce)
        .replace("{style}", STYLE)
        .replace("{script}", SCRIPT);
    let mut response = typed("text/html; charset=utf-8", html);
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::try_from(policy) {
        let headers = response.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

/// A word that nobody outside can guess: the keys of the hash come from the operating system.
fn nonce() -> String {
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}
