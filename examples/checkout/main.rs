//! A checkout that survives its dependencies: `cargo run --example checkout [-- --speed n]`.
//!
//! It starts three real HTTP services on this machine, a payment gateway, an inventory and
//! recommendations, drives some hundreds of orders through them while they fail one after another,
//! and checks what it has promised: who was charged has what he ordered, and nothing else is kept.
//!
//! Begin with `policies.rs`: there are all the attributes. Then `ledger.rs`: what retries, timeouts
//! and breakers cannot do for you, which is to undo what was done.
//!
//! Everything runs at ten times the real speed; `--speed 1` takes its time. It ends with 1 if a
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
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// No run takes longer, in real time: half of it would do.
const TOO_LONG: u64 = 500_000;
/// No service does anything longer after its caller has gone, in real time.
const AFTERWARDS: u64 = 10_000;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let Some(speed) = speed_wanted(std::env::args().skip(1)) else {
        eprintln!("usage: checkout [--speed n], from 1 (real time) to 20, by default 10");
        return Ok(ExitCode::from(2));
    };
    speed.register()?;
    let seen = timeout(speed.millis(TOO_LONG), run(speed)).await??;
    println!("\n{}", resilient::registry().snapshot());
    Ok(judge(&seen))
}

fn speed_wanted(arguments: impl Iterator<Item = String>) -> Option<Speed> {
    let arguments: Vec<String> = arguments.collect();
    let speed = match arguments.as_slice() {
        [] => 10,
        [flag, speed] if flag == "--speed" => speed.parse().ok()?,
        _ => return None,
    };
    (1..=20).contains(&speed).then_some(Speed(speed))
}

async fn run(speed: Speed) -> Result<Evidence, Box<dyn Error>> {
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

    let switches = Switches([
        gateway.switch.clone(),
        inventory.switch.clone(),
        recommendations,
    ]);
    let customers = Customers { checkout, speed };
    let (stories, recovered) = drive(&customers, &switches).await;
    let unsettled = settled(&ledger, speed.millis(60_000)).await;
    settling.abort();
    sleep(speed.millis(AFTERWARDS)).await;

    report::print(&PHASES.map(|phase| phase.name), &stories);
    Ok(Evidence {
        speed,
        stories,
        receipts: ledger.receipts(),
        unsettled,
        books: gateway.audit(),
        reservations: inventory.audit(),
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
