//! Inspection and control of resilient's policies over HTTP, with a page for people.
//!
//! Use it through the crate `resilient`, as `resilient::http` with its feature `http`: there is the
//! documentation of all routes.

mod access;
mod answer;
mod attention;
mod control;
mod page;
mod prometheus;
mod read;
mod samples;
mod stream;

pub use access::{Access, Actor, Options, STREAMS};

use access::Door;
use answer::{Refusal, secured};
use axum::Router;
use axum::http::StatusCode;
use axum::middleware::map_response;
use axum::routing::{get, post};
use std::sync::Arc;

/// A router with the page, and everything that the page is made of; mount it where you like.
///
/// ```
/// use resilient_http::Options;
///
/// let app: axum::Router =
///     axum::Router::new().nest_service("/resilience", resilient_http::router(Options::new()));
/// # drop(app);
/// ```
pub fn router(options: Options) -> Router {
    Router::new()
        .route("/", get(page::page))
        .route("/overview", get(read::overview))
        .route("/snapshot", get(read::snapshot))
        .route("/policy", get(read::policy).patch(control::reconfigure))
        .route("/policy/{deed}", post(control::steer))
        .route("/function", get(read::function))
        .route("/graph", get(read::graph))
        .route("/findings", get(read::findings))
        .route("/events", get(read::events))
        .route("/events/stream", get(stream::stream))
        .route("/metrics", get(prometheus::metrics))
        .route("/disable_all", post(control::disable_all))
        .route("/enable_all", post(control::enable_all))
        .fallback(no_such_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(map_response(secured))
        .with_state(Arc::new(Door::new(options)))
}

async fn no_such_route() -> Refusal {
    Refusal::no_such_route()
}

async fn wrong_method() -> Refusal {
    Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this is not answered to that method",
    )
}
