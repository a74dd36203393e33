//! The page to read first: a checkout, the services it calls, and what stands between them.
//!
//! A stack is read from the top: the top attribute is outermost. The durations are the real ones;
//! every policy that has some is named, so that `speed.rs` can shorten them for a demonstration.

use crate::ledger::{Ledger, Opened, Submission};
use crate::order::{
    Charge, CheckoutError, IDEMPOTENCY_KEY, Order, Receipt, Recommended, accepted, may_pass,
};
use reqwest::Client;
use resilient::{bulkhead, circuit_breaker, fallback, retry, timeout};

/// The checkout and where its services are.
pub(crate) struct Checkout {
    pub(crate) http: Client,
    pub(crate) payments: String,
    pub(crate) inventory: String,
    pub(crate) recommendations: String,
    pub(crate) ledger: Ledger,
}

impl Checkout {
    /// Places an order: a piece from the stock, the money for it, and a word on what else to buy.
    ///
    /// The timeout may drop all of this at any `.await`. The submission notes every step in the
    /// ledger before it is made; dropped without a receipt, it has what was done undone.
    #[timeout("checkout", 20s)]
    pub(crate) async fn place(&self, order: &Order) -> Result<Receipt, CheckoutError> {
        let submission = match self.ledger.open(order)? {
            Opened::Before(receipt) => return Ok(receipt),
            Opened::Now(submission) => submission,
        };
        let (charge, recommended) = tokio::try_join!(self.buy(&submission), self.recommend(order))?;
        Ok(submission.place(charge, recommended))
    }

    async fn buy(&self, submission: &Submission) -> Result<Charge, CheckoutError> {
        submission.stopwatch(self.reserve(submission)).await?;
        self.charge(submission).await
    }

    /// Takes the money: critical, slow, and the one thing that must not happen twice.
    ///
    /// The breaker stands *inside* the retry. There it counts attempts, so a gateway that hangs
    /// opens it after 10 s and not after the 20 s which a whole call may last, and it ends the
    /// retries of the calls under way. What it refuses is refused at once: an open breaker is
    /// none of the things that `may_pass`. Three attempts of 10 s do not fit into 20 s; the last
    /// one gets what is left, and none is begun that could not end.
    #[retry("payments", 3, backoff = exponential(1s..5s), when = CheckoutError::is_outage,
            when_rejected = may_pass, attempt = attempt, idempotency_key = submission.key())]
    #[circuit_breaker("payments", failure_threshold = 5, window_time = 30s, open_for = 30s,
                      when = CheckoutError::is_outage)]
    #[timeout("payments.attempt", 10s)]
    #[bulkhead("payments", 10)]
    async fn charge(&self, submission: &Submission) -> Result<Charge, CheckoutError> {
        submission.about_to_charge();
        let request = self.http.post(format!("{}/charges", self.payments));
        let key = attempt.idempotency_key().to_string();
        let answer = request
            .header(IDEMPOTENCY_KEY, key)
            .json(submission.order())
            .send()
            .await?;
        Ok(accepted(answer)?.json().await?)
    }

    /// Takes a piece from the stock: critical and fast.
    #[retry("inventory", 3, backoff = exponential(50ms..500ms), when = CheckoutError::is_outage,
            attempt = attempt, idempotency_key = submission.key())]
    #[timeout("inventory.attempt", 2s)]
    #[bulkhead("inventory", 20)]
    async fn reserve(&self, submission: &Submission) -> Result<(), CheckoutError> {
        submission.about_to_reserve();
        let request = self.http.post(format!("{}/reservations", self.inventory));
        let key = attempt.idempotency_key().to_string();
        let answer = request
            .header(IDEMPOTENCY_KEY, key)
            .json(submission.order())
            .send()
            .await?;
        accepted(answer).map(drop)
    }

    /// Finds what else the customer may like: optional, so it always has an answer.
    #[fallback(value = Recommended::Nothing)]
    #[fallback(|_| Self::popular(&order.item))]
    #[timeout("recommendations", 1s)]
    #[bulkhead("recommendations", 5)]
    async fn recommend(&self, order: &Order) -> Result<Recommended, CheckoutError> {
        let url = format!("{}/recommendations/{}", self.recommendations, order.item);
        let answer = self.http.get(url).send().await?;
        Ok(Recommended::Personal(accepted(answer)?.json().await?))
    }

    /// What everybody buys with most items.
    fn popular(item: &str) -> Result<Recommended, CheckoutError> {
        match item {
            "lamp" | "kettle" => Ok(Recommended::Popular(vec!["bulb".into(), "teapot".into()])),
            "spade" | "novel" => Ok(Recommended::Popular(vec!["seeds".into()])),
            _ => Err(CheckoutError::NothingPopular),
        }
    }

    /// Gives the money back, or sees to it that it is never taken. Nobody waits for it, so it is
    /// patient, and it has places of its own: what hangs here takes none from a customer.
    #[retry("settlement", 100, backoff = fixed(1s), when = CheckoutError::is_outage)]
    #[bulkhead("payments.void", 4, queue = 1_000)]
    #[timeout("payments.void", 5s)]
    pub(crate) async fn void(&self, key: &str) -> Result<(), CheckoutError> {
        let url = format!("{}/charges/{key}", self.payments);
        accepted(self.http.delete(url).send().await?).map(drop)
    }

    /// Puts the piece back into the stock.
    #[retry("settlement", 100, backoff = fixed(1s), when = CheckoutError::is_outage)]
    #[bulkhead("inventory.release", 4, queue = 1_000)]
    #[timeout("inventory.release", 2s)]
    pub(crate) async fn release(&self, key: &str) -> Result<(), CheckoutError> {
        let url = format!("{}/reservations/{key}", self.inventory);
        accepted(self.http.delete(url).send().await?).map(drop)
    }
}
