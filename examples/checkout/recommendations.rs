//! The recommendations: nice to have.

use crate::fault::Switch;
use crate::order::ITEMS;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};

/// The routes of the recommendations.
pub(crate) fn router(switch: Switch) -> Router {
    Router::new()
        .route("/recommendations/{item}", get(recommend))
        .with_state(switch)
}

/// Everything but what was bought.
async fn recommend(State(switch): State<Switch>, Path(item): Path<String>) -> Response {
    let key = item.clone();
    let others = move || {
        Json(
            ITEMS
                .into_iter()
                .filter(|other| *other != item)
                .collect::<Vec<_>>(),
        )
    };
    switch.answer(&key, others).await
}
