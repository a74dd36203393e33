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
use ledger::{Ledger, start_settling, wait_for_none};
use load::{Customers, Story, payments_breaker};
use phase::{PHASES, Phase, RECOVERING, Switches};
use policies::Checkout;
use resilient::CircuitBreakerState;
use speed::Speed;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let speed = speed_wanted(std::env::args().skip(1))?;
    speed.register()?;
    let seen = run(speed).await?;
    println!("\n{}", resilient::registry().snapshot());
    Ok(judge(&seen))
}

/// `--speed n`, from 1 (real time) to 20; 10 if it is not given.
fn speed_wanted(arguments: impl Iterator<Item = String>) -> Result<Speed, String> {
    let arguments: Vec<String> = arguments.collect();
    let wanted = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Some(10),
        ["--speed", speed] => speed.parse().ok(),
        _ => None,
    };
    let wanted = wanted.filter(|speed| (1..=20).contains(speed));
    wanted
        .map(Speed)
        .ok_or_else(|| "usage: checkout [--speed 1..20]".to_owned())
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
    let unsettled = wait_for_none(speed.millis(60_000), || {
        ledger.running() + ledger.settling()
    })
    .await;
    settling.abort();

    report::print(&PHASES.map(|phase| phase.name), &stories);
    Ok(Evidence {
        stories,
        receipts: ledger.receipts(),
        unsettled,
        books: gateway.audit(),
        reservations: inventory.audit(),
        recovered,
        not_closed: breakers_not_closed(),
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
        customers.arrive(index, numbers, fussy, &mut stories).await;
        // What an order meets is the phase it belongs to; none runs longer than the checkout's 20 s.
        let ledger = &customers.checkout.ledger;
        wait_for_none(customers.speed.millis(25_000), || ledger.running()).await;
        if index == RECOVERING {
            recovered = payments_breaker();
        }
        progress(phase, customers);
    }
    (stories.join_all().await, recovered)
}

fn progress(phase: &Phase, customers: &Customers) {
    println!(
        "{:<22} {:>4} orders submitted, {:>4} placed so far, {:>3} being undone, payments {:?}",
        phase.name,
        phase.orders,
        customers.checkout.ledger.receipts().len(),
        customers.checkout.ledger.settling(),
        payments_breaker().unwrap_or(CircuitBreakerState::Closed),
    );
}

/// The breakers of the process that are not closed, by name.
fn breakers_not_closed() -> Vec<String> {
    match payments_breaker() {
        Some(CircuitBreakerState::Closed) => Vec::new(),
        state => vec![format!("payments is {state:?}")],
    }
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
