//! The payment gateway: slow, and exact about idempotency keys.

use crate::fault::Switch;
use crate::order::{Charge, IDEMPOTENCY_KEY, Order};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use axum::{Json, Router};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// The gateway. Clones are the same gateway.
#[derive(Clone)]
pub(crate) struct Gateway {
    pub(crate) switch: Switch,
    books: Arc<Mutex<Books>>,
}

/// What the gateway did, for those who check.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    /// By idempotency key.
    pub(crate) payments: HashMap<String, Payment>,
    /// Orders that were charged while an earlier charge for them was still good.
    pub(crate) charged_twice: Vec<String>,
    /// How many charges came after they had been voided, and were turned away.
    pub(crate) too_late: u32,
    charges: u64,
}

/// What stands under one key.
#[derive(Clone, Debug)]
pub(crate) enum Payment {
    Taken {
        order: String,
        charge: Charge,
        voided: bool,
    },
    /// Voided before it was seen: it will never be taken.
    NeverToBe,
}

impl Gateway {
    pub(crate) fn new(switch: Switch) -> Self {
        Self {
            switch,
            books: Arc::default(),
        }
    }

    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route("/charges", post(charge))
            .route("/charges/{key}", delete(void))
            .with_state(self.clone())
    }

    /// A copy of the books.
    pub(crate) fn audit(&self) -> Books {
        self.books().clone()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books
            .lock()
            .expect("nothing panics while it holds the books")
    }
}

impl Books {
    /// Takes the money once per key, and answers a key that it knows as it did before.
    fn charge(&mut self, key: String, order: Order) -> Response {
        match self.payments.get(&key) {
            Some(Payment::Taken {
                charge,
                voided: false,
                ..
            }) => {
                return Json(charge.clone()).into_response();
            }
            Some(_) => {
                self.too_late += 1;
                return StatusCode::GONE.into_response();
            }
            None if !order.card_is_good => return StatusCode::PAYMENT_REQUIRED.into_response(),
            None => {}
        }
        if self
            .payments
            .values()
            .any(|payment| payment.is_good_for(&order.id))
        {
            self.charged_twice.push(order.id.clone());
        }
        self.charges += 1;
        let charge = Charge {
            number: self.charges,
        };
        let (order, answer) = (order.id, Json(charge.clone()));
        self.payments.insert(
            key,
            Payment::Taken {
                order,
                charge,
                voided: false,
            },
        );
        answer.into_response()
    }

    fn void(&mut self, key: String) {
        let payment = self.payments.entry(key).or_insert(Payment::NeverToBe);
        if let Payment::Taken { voided, .. } = payment {
            *voided = true;
        }
    }
}

impl Payment {
    pub(crate) fn is_good_for(&self, wanted: &str) -> bool {
        matches!(self, Self::Taken { order, voided: false, .. } if order == wanted)
    }
}

async fn charge(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(order): Json<Order>,
) -> Response {
    let Some(key) = key(&headers) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let books = gateway.clone();
    let work = {
        let key = key.clone();
        move || books.books().charge(key, order)
    };
    gateway.switch.answer(&key, work).await
}

async fn void(State(gateway): State<Gateway>, Path(key): Path<String>) -> Response {
    let books = gateway.clone();
    let work = {
        let key = key.clone();
        move || books.books().void(key)
    };
    gateway.switch.answer(&format!("void {key}"), work).await
}

/// The idempotency key of a call; without one, no service does anything.
pub(crate) fn key(headers: &HeaderMap) -> Option<String> {
    Some(headers.get(IDEMPOTENCY_KEY)?.to_str().ok()?.to_owned())
}
