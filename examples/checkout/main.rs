//! A checkout that survives its dependencies: `cargo run --example checkout [-- --speed n | --serve]`.
//!
//! It starts three real HTTP services on this machine, a payment gateway, an inventory and
//! recommendations, drives some hundreds of orders through them while they fail one after another,
//! and checks what it has promised: who was charged has what he ordered, and nothing else is kept.
//!
//! Begin with `policies.rs`: there are all the attributes. Then `ledger.rs`: what retries, timeouts
//! and breakers cannot do for you, which is to undo what was done.
//!
//! With `--serve` it keeps going in real time until it is stopped, and shows its policies on a page;
//! `serve.rs`.
//!
//! Everything else runs at ten times the real speed; `--speed 1` takes its time. It ends with 1 if a
//! check fails, and with the reason.

mod checks;
mod fault;
mod gateway;
mod inventory;
mod ledger;
mod load;
mod order;
mod phase;
mod policies;
mod recommendations;
mod report;
mod seed;
mod serve;
mod speed;

use checks::Evidence;
use fault::{Switch, serve};
use gateway::Gateway;
use inventory::Inventory;
use ledger::{Ledger, settled, start_settling};
use load::{Customers, Story, payments_breaker};
use phase::{PHASES, Phase, RECOVERING, Switches};
use policies::Checkout;
use resilient::CircuitBreakerState;
use speed::Speed;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// No run takes longer, in real time: half of it would do.
const TOO_LONG: u64 = 500_000;
/// No service does anything longer after its caller has gone, in real time.
const AFTERWARDS: u64 = 10_000;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let Some((speed, is_served)) = wanted(std::env::args().skip(1)) else {
        eprintln!(
            "usage: checkout [--serve] [--speed n], from 1 (real time) to 20, by default 10, and 1 \
             with --serve"
        );
        return Ok(ExitCode::from(2));
    };
    // In real time everything is as the attributes say.
    if speed.0 > 1 || !is_served {
        speed.register()?;
    }
    if is_served {
        let (shop, _settling) = open(speed).await?;
        let (checkout, switches) = (shop.checkout.clone(), shop.switches());
        serve::serve(Customers { checkout, speed }, switches).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let seen = timeout(speed.millis(TOO_LONG), run(speed)).await??;
    println!("\n{}", resilient::registry().snapshot());
    Ok(judge(&seen))
}

/// How fast, and whether it is to be served.
fn wanted(arguments: impl Iterator<Item = String>) -> Option<(Speed, bool)> {
    let (mut speed, mut is_served) = (None, false);
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--serve" => is_served = true,
            "--speed" => speed = Some(arguments.next()?.parse().ok()?),
            _ => return None,
        }
    }
    let speed = speed.unwrap_or(if is_served { 1 } else { 10 });
    (1..=20)
        .contains(&speed)
        .then_some((Speed(speed), is_served))
}

/// The checkout and the services around it.
struct Shop {
    checkout: Arc<Checkout>,
    ledger: Ledger,
    gateway: Gateway,
    inventory: Inventory,
    recommendations: Switch,
}

impl Shop {
    fn switches(&self) -> Switches {
        Switches([
            self.gateway.switch.clone(),
            self.inventory.switch.clone(),
            self.recommendations.clone(),
        ])
    }
}

/// Starts the services, the checkout, and the worker that settles what was refused.
async fn open(speed: Speed) -> Result<(Shop, JoinHandle<()>), Box<dyn Error>> {
    let gateway = Gateway::new(Switch::new(speed.millis(300)));
    let inventory = Inventory::new(Switch::new(speed.millis(10)));
    let recommendations = Switch::new(speed.millis(50));
    let (ledger, debts) = Ledger::new();
    let checkout = Arc::new(Checkout {
        http: reqwest::Client::builder().no_proxy().build()?,
        payments: serve(gateway.router()).await?,
        inventory: serve(inventory.router()).await?,
        recommendations: serve(recommendations::router(recommendations.clone())).await?,
        ledger: ledger.clone(),
    });
    let settling = start_settling(checkout.clone(), debts);
    let shop = Shop {
        checkout,
        ledger,
        gateway,
        inventory,
        recommendations,
    };
    Ok((shop, settling))
}

async fn run(speed: Speed) -> Result<Evidence, Box<dyn Error>> {
    let (shop, settling) = open(speed).await?;
    let switches = shop.switches();
    let customers = Customers {
        checkout: shop.checkout.clone(),
        speed,
    };
    let (stories, recovered) = drive(&customers, &switches).await;
    let unsettled = settled(&shop.ledger, speed.millis(60_000)).await;
    settling.abort();
    sleep(speed.millis(AFTERWARDS)).await;

    report::print(&PHASES.map(|phase| phase.name), &stories);
    Ok(Evidence {
        speed,
        stories,
        receipts: shop.ledger.receipts(),
        unsettled,
        books: shop.gateway.audit(),
        reservations: shop.inventory.audit(),
        recovered,
        at_end: payments_breaker(),
    })
}

/// All phases: every order's story, and the breaker's state after the recovery.
async fn drive(
    customers: &Customers,
    switches: &Switches,
) -> (Vec<Story>, Option<CircuitBreakerState>) {
    let mut stories = JoinSet::new();
    let mut recovered = None;
    let mut next = 1;
    for (index, phase) in PHASES.iter().enumerate() {
        switches.set(phase);
        let numbers = next..next + phase.orders;
        next = numbers.end;
        // Only while all is well is an order refused for its own sake: later on, whatever is
        // refused was refused because something did not work.
        let fussy = index == phase::HEALTHY;
        let others = numbers.start + phase.alone;
        for numbers in [numbers.start..others, others..numbers.end] {
            customers.arrive(index, numbers, fussy, &mut stories).await;
        }
        if index == RECOVERING {
            recovered = payments_breaker();
        }
        progress(phase, customers);
    }
    (stories.join_all().await, recovered)
}

fn progress(phase: &Phase, customers: &Customers) {
    println!(
        "{:<22} {:>4} orders submitted, {:>4} placed so far, {:>3} not settled, payments {:?}",
        phase.name,
        phase.orders,
        customers.checkout.ledger.receipts().len(),
        customers.checkout.ledger.unsettled(),
        payments_breaker().unwrap_or(CircuitBreakerState::Closed),
    );
}

/// Prints every check, and makes the exit code of them.
fn judge(seen: &Evidence) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for (claim, finding) in checks::all(seen) {
        match finding {
            Ok(found) => println!("  holds   {claim}: {found}"),
            Err(found) => {
                eprintln!("  FAILED  {claim}: {found}");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}
