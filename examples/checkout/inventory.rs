//! The inventory: fast, and exact about idempotency keys.

use crate::fault::Switch;
use crate::gateway::key;
use crate::order::{Order, SOLD_OUT};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use axum::{Json, Router};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// The inventory. Clones are the same inventory.
#[derive(Clone)]
pub(crate) struct Inventory {
    pub(crate) switch: Switch,
    shelves: Arc<Mutex<Shelves>>,
}

/// Reservations by idempotency key.
type Shelves = HashMap<String, Reservation>;

/// What stands under one key.
#[derive(Clone, Debug)]
pub(crate) enum Reservation {
    /// A piece is kept for this order.
    Kept(String),
    /// It was kept, and was put back.
    Released,
    /// Released before it was seen: nothing will ever be kept.
    NeverToBe,
    /// And then it came all the same, and was turned away.
    CameTooLate,
}

impl Inventory {
    pub(crate) fn new(switch: Switch) -> Self {
        Self {
            switch,
            shelves: Arc::default(),
        }
    }

    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route("/reservations", post(reserve))
            .route("/reservations/{key}", delete(release))
            .with_state(self.clone())
    }

    /// A copy of all reservations.
    pub(crate) fn audit(&self) -> Shelves {
        self.shelves().clone()
    }

    /// Keeps a piece once per key, and answers a key that it knows as it did before.
    fn reserve(&self, key: String, order: Order) -> StatusCode {
        let mut shelves = self.shelves();
        match shelves.get(&key) {
            Some(Reservation::Kept(_)) => StatusCode::OK,
            Some(Reservation::Released) => StatusCode::GONE,
            Some(Reservation::NeverToBe | Reservation::CameTooLate) => {
                shelves.insert(key, Reservation::CameTooLate);
                StatusCode::GONE
            }
            None if order.item == SOLD_OUT => StatusCode::CONFLICT,
            None => {
                shelves.insert(key, Reservation::Kept(order.id));
                StatusCode::OK
            }
        }
    }

    fn release(&self, key: String) {
        let mut shelves = self.shelves();
        let reservation = shelves.entry(key).or_insert(Reservation::NeverToBe);
        if let Reservation::Kept(_) = reservation {
            *reservation = Reservation::Released;
        }
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.shelves
            .lock()
            .expect("nothing panics while it holds the shelves")
    }
}

async fn reserve(
    State(inventory): State<Inventory>,
    headers: HeaderMap,
    Json(order): Json<Order>,
) -> Response {
    let Some(key) = key(&headers) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let shelves = inventory.clone();
    let work = {
        let key = key.clone();
        move || shelves.reserve(key, order)
    };
    inventory.switch.answer(&key, work).await
}

async fn release(State(inventory): State<Inventory>, Path(key): Path<String>) -> Response {
    let shelves = inventory.clone();
    let work = {
        let key = key.clone();
        move || shelves.release(key)
    };
    inventory
        .switch
        .answer(&format!("release {key}"), work)
        .await
}
