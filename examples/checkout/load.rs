//! The customers: so many in a row, whatever becomes of those before, and some come back.

use crate::ledger::Steps;
use crate::order::{CheckoutError, Order, Receipt};
use crate::phase::PHASES;
use crate::policies::Checkout;
use crate::seed::one_in;
use crate::speed::Speed;
use resilient::CircuitBreakerState;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// What a refused customer is told to wait when no policy knows better, in real time.
const COME_BACK: u64 = 5_000;

/// What came of one submission of an order.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Index of the phase in which the order was first submitted.
    pub(crate) phase: usize,
    pub(crate) order: String,
    pub(crate) latency: Duration,
    pub(crate) outcome: Outcome,
    /// False if the breaker of the payments refused calls when this was submitted.
    pub(crate) breaker_was_closed: bool,
    pub(crate) steps: Steps,
}

impl Answer {
    pub(crate) fn is_placed(&self) -> bool {
        matches!(self.outcome, Outcome::Placed(_))
    }

    pub(crate) fn is_refused_with(&self, wanted: u16) -> bool {
        matches!(self.outcome, Outcome::Refused { status, .. } if status == wanted)
    }
}

/// How an order was answered.
#[derive(Debug)]
pub(crate) enum Outcome {
    Placed(Receipt),
    Refused {
        status: u16,
        retry_after: Option<Duration>,
        /// True if its work was cut off because the time of the whole checkout was up.
        at_deadline: bool,
    },
}

/// All submissions of one order, the first one first.
pub(crate) type Story = Vec<Answer>;

/// Who submits orders to the checkout.
#[derive(Clone)]
pub(crate) struct Customers {
    pub(crate) checkout: Arc<Checkout>,
    pub(crate) speed: Speed,
}

impl Customers {
    /// Submits orders at a steady rate, and returns when each has been answered once: what an
    /// order meets belongs to its phase. Who comes again may do so in a later one.
    pub(crate) async fn arrive(
        &self,
        phase: usize,
        numbers: Range<u32>,
        fussy: bool,
        stories: &mut JoinSet<Story>,
    ) {
        let mut ticks = interval(self.speed.millis(PHASES[phase].every));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Nothing is sent: the channel closes when the last customer has let go of it.
        let (unanswered, mut all_answered) = channel::<()>(1);
        for number in numbers {
            ticks.tick().await;
            let order = Order::numbered(number, fussy);
            stories.spawn(self.clone().shop(phase, order, unanswered.clone()));
        }
        drop(unanswered);
        all_answered.recv().await;
    }

    /// Submits one order, and perhaps once more; nobody asks what came of it.
    pub(crate) async fn come(self, order: Order) {
        let (unanswered, _) = channel::<()>(1);
        self.shop(0, order, unanswered).await;
    }

    /// Submits one order, and perhaps once more.
    async fn shop(self, phase: usize, order: Order, unanswered: Sender<()>) -> Story {
        let first = self.submit(phase, &order).await;
        drop(unanswered);
        let wait = self.wait_before_again(&first);
        let mut story = vec![first];
        if let Some(wait) = wait {
            sleep(wait).await;
            story.push(self.submit(phase, &order).await);
        }
        story
    }

    /// A tenth of the refused orders comes again, half of them without waiting as they were told;
    /// so does a fiftieth of the placed ones, whose customers clicked twice.
    fn wait_before_again(&self, answer: &Answer) -> Option<Duration> {
        let order = &answer.order;
        match &answer.outcome {
            Outcome::Placed(_) => one_in(50, &format!("twice {order}")).then_some(Duration::ZERO),
            Outcome::Refused { .. } if !one_in(10, &format!("again {order}")) => None,
            Outcome::Refused { .. } if one_in(2, &format!("impatient {order}")) => {
                Some(Duration::ZERO)
            }
            Outcome::Refused { retry_after, .. } => {
                Some(retry_after.unwrap_or(self.speed.millis(COME_BACK)))
            }
        }
    }

    async fn submit(&self, phase: usize, order: &Order) -> Answer {
        let breaker_was_closed = payments_breaker() == Some(CircuitBreakerState::Closed);
        let ledger = &self.checkout.ledger;
        let before = ledger.entry(&order.id).map(|entry| entry.submissions);
        let begun = Instant::now();
        // Boxed, since the futures of an HTTP client are large.
        let answer = Box::pin(self.checkout.place(order)).await;
        let latency = begun.elapsed();
        // What an earlier submission tried is not what this one did.
        let entry = ledger.entry(&order.id);
        let entry = entry.filter(|entry| Some(entry.submissions) != before);
        Answer {
            phase,
            order: order.id.clone(),
            latency,
            outcome: self.outcome(answer),
            breaker_was_closed,
            steps: entry.map(|entry| entry.steps).unwrap_or_default(),
        }
    }

    fn outcome(&self, answer: Result<Receipt, CheckoutError>) -> Outcome {
        match answer {
            Ok(receipt) => Outcome::Placed(receipt),
            Err(error) => Outcome::Refused {
                status: error.status(),
                retry_after: error.retry_after(self.speed.millis(COME_BACK)),
                at_deadline: error.is_deadline(),
            },
        }
    }
}

/// What the breaker in front of the payments does.
pub(crate) fn payments_breaker() -> Option<CircuitBreakerState> {
    let breaker = resilient::registry().circuit_breaker("payments")?;
    Some(breaker.state())
}
