//! What the checkout knows of its orders, and how a refused order leaves no trace.
//!
//! Three things make this hard: a timeout drops the checkout wherever it happens to wait; a
//! service may do what it was asked long after nobody waits for it any more; and a customer may
//! submit a refused order again at any time, with the same id.
//!
//! So each step is noted **before** it is made, in the ledger and not in the future that may be
//! dropped. A [`Submission`] that ends without a receipt, by whatever way, becomes a [`Debt`],
//! and a worker pays it: it asks the services to undo everything *by idempotency key*, until they
//! confirm. A service that has not seen the key yet remembers it, and turns the late call away.
//!
//! A key that was undone is burnt. An order that is submitted again therefore waits for its
//! settlement (until then it is refused), and begins anew under the next key: `order-7`, then
//! `order-7.2`. All attempts of one submission share one key.
//!
//! In a real service the ledger is a table, written in the transaction that accepts the order, and
//! the worker also takes up what a crash has left behind.

use crate::order::{Charge, CheckoutError, Order, Receipt, Recommended};
use crate::policies::Checkout;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, JoinSet};

/// All orders, by id. Clones are the same ledger.
#[derive(Clone)]
pub(crate) struct Ledger {
    entries: Arc<Mutex<HashMap<String, Entry>>>,
    debts: UnboundedSender<Debt>,
}

/// What is known of one order.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    state: State,
    pub(crate) submissions: u32,
    /// What the latest submission has tried.
    pub(crate) steps: Steps,
}

#[derive(Clone, Debug)]
enum State {
    Running,
    Settling,
    Settled,
    Placed(Receipt),
}

/// How often a submission tried what, counted before it was sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Steps {
    pub(crate) reserve: u32,
    pub(crate) charge: u32,
    /// How long the inventory took, retries included.
    pub(crate) inventory: Option<Duration>,
}

/// What has to be undone, under which key.
#[derive(Debug)]
pub(crate) struct Debt {
    order: String,
    key: String,
    steps: Steps,
}

/// What comes of opening an order.
pub(crate) enum Opened {
    /// It had been placed before: this is its receipt.
    Before(Receipt),
    Now(Submission),
}

impl Ledger {
    /// An empty ledger, and the debts that will come out of it.
    pub(crate) fn new() -> (Self, UnboundedReceiver<Debt>) {
        let (debts, unpaid) = unbounded_channel();
        let entries = Arc::default();
        (Self { entries, debts }, unpaid)
    }

    /// Opens a submission, unless an earlier one of the same order is under way or not settled.
    pub(crate) fn open(&self, order: &Order) -> Result<Opened, CheckoutError> {
        let mut entries = self.entries();
        let submissions = match entries.get(&order.id) {
            None => 1,
            Some(entry) => match &entry.state {
                State::Running | State::Settling => return Err(CheckoutError::Settling),
                State::Placed(receipt) => return Ok(Opened::Before(receipt.clone())),
                State::Settled => entry.submissions + 1,
            },
        };
        let entry = Entry {
            state: State::Running,
            submissions,
            steps: Steps::default(),
        };
        entries.insert(order.id.clone(), entry);
        let key = match submissions {
            1 => order.id.clone(),
            again => format!("{}.{again}", order.id),
        };
        Ok(Opened::Now(Submission {
            ledger: self.clone(),
            order: order.clone(),
            key,
        }))
    }

    /// What is known of an order.
    pub(crate) fn entry(&self, order: &str) -> Option<Entry> {
        self.entries().get(order).cloned()
    }

    /// The receipts of all placed orders, by order.
    pub(crate) fn receipts(&self) -> HashMap<String, Receipt> {
        let entries = self.entries();
        let placed = entries
            .iter()
            .filter_map(|(order, entry)| match &entry.state {
                State::Placed(receipt) => Some((order.clone(), receipt.clone())),
                _ => None,
            });
        placed.collect()
    }

    /// How many orders are under way, or refused and not all undone yet.
    pub(crate) fn unsettled(&self) -> usize {
        let entries = self.entries();
        let open = |entry: &&Entry| matches!(entry.state, State::Running | State::Settling);
        entries.values().filter(open).count()
    }

    fn update(&self, order: &str, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries().get_mut(order) {
            change(entry);
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries
            .lock()
            .expect("nothing panics while it holds the ledger")
    }
}

/// One submission of an order. Dropped before it is placed, it leaves a debt.
pub(crate) struct Submission {
    ledger: Ledger,
    order: Order,
    key: String,
}

impl Submission {
    pub(crate) fn order(&self) -> &Order {
        &self.order
    }

    /// The key under which the services know this submission, whatever is attempted again.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn about_to_reserve(&self) {
        self.note(|steps| steps.reserve += 1);
    }

    pub(crate) fn about_to_charge(&self) {
        self.note(|steps| steps.charge += 1);
    }

    /// Notes how long the inventory took.
    pub(crate) async fn stopwatch<T>(&self, work: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let answer = work.await;
        self.note(|steps| steps.inventory = Some(begun.elapsed()));
        answer
    }

    /// The order is placed. There is no `.await` between this and the receipt's way out.
    pub(crate) fn place(self, charge: Charge, recommended: Recommended) -> Receipt {
        let receipt = Receipt {
            charge,
            recommended,
        };
        let placed = receipt.clone();
        self.ledger
            .update(&self.order.id, |entry| entry.state = State::Placed(placed));
        receipt
    }

    fn note(&self, step: impl FnOnce(&mut Steps)) {
        self.ledger
            .update(&self.order.id, |entry| step(&mut entry.steps));
    }
}

impl Drop for Submission {
    fn drop(&mut self) {
        let mut steps = None;
        self.ledger.update(&self.order.id, |entry| {
            if matches!(entry.state, State::Running) {
                entry.state = State::Settling;
                steps = Some(entry.steps.clone());
            }
        });
        if let Some(steps) = steps {
            let (order, key) = (self.order.id.clone(), self.key.clone());
            // It can fail only when the worker has ended, which shows as an unsettled order.
            let _ = self.ledger.debts.send(Debt { order, key, steps });
        }
    }
}

/// Starts the worker that pays debts, each in its own time: one that hangs holds up no other.
/// How many of them call a service at once is said where all policies are.
pub(crate) fn start_settling(
    checkout: Arc<Checkout>,
    mut debts: UnboundedReceiver<Debt>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut settling = JoinSet::new();
        loop {
            tokio::select! {
                Some(debt) = debts.recv() => {
                    settling.spawn(settle(checkout.clone(), debt));
                }
                Some(_) = settling.join_next() => {}
                else => return,
            }
        }
    })
}

async fn settle(checkout: Arc<Checkout>, debt: Debt) {
    match undo(&checkout, &debt).await {
        Ok(()) => checkout
            .ledger
            .update(&debt.order, |entry| entry.state = State::Settled),
        Err(error) => eprintln!("{} could not be settled: {error}", debt.order),
    }
}

/// The piece first: other customers wait for it.
async fn undo(checkout: &Checkout, debt: &Debt) -> Result<(), CheckoutError> {
    if debt.steps.reserve > 0 {
        checkout.release(&debt.key).await?;
    }
    if debt.steps.charge > 0 {
        checkout.void(&debt.key).await?;
    }
    Ok(())
}

/// Waits until every order is placed or settled, `within` so much time: how many are not.
pub(crate) async fn settled(ledger: &Ledger, within: Duration) -> usize {
    let begun = Instant::now();
    while ledger.unsettled() > 0 && begun.elapsed() < within {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    ledger.unsettled()
}
