//! `--serve`: the same checkout under load until it is stopped, with the page of the policies beside it,
//! and one with buttons that break and mend the services.

use crate::fault::{Fault, Switch};
use crate::load::Customers;
use crate::order::Order;
use crate::phase::{SERVICES, Switches};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use resilient::http::{Access, Actor, Options};
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval};

/// Where the pages are, unless somebody else is there.
const ADDRESS: &str = "127.0.0.1:7878";
/// One customer comes every so many milliseconds, in real time.
const EVERY: u64 = 250;

/// Serves both pages, and lets customers come, until the program is stopped.
pub(crate) async fn serve(customers: Customers, switches: Switches) -> io::Result<()> {
    let options = Options::new().title("checkout").authorise(visitor);
    tokio::spawn(options.sampling());
    let app = Router::new()
        .route("/", get(buttons))
        .route("/switch/{service}/{fault}", post(turn))
        .with_state(Arc::new(switches))
        .nest_service("/resilience", resilient::http::router(options));
    let listener = match TcpListener::bind(ADDRESS).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind("127.0.0.1:0").await?,
    };
    let address = listener.local_addr()?;
    println!("the policies:             http://{address}/resilience");
    println!("break and mend services:  http://{address}/");
    println!("orders keep coming; stop with Ctrl-C");
    let load = tokio::spawn(orders(customers));
    let served = axum::serve(listener, app).await;
    load.abort();
    served
}

/// Who sits at this computer may do everything. A page from elsewhere that gave its own name the
/// address of this computer is told by that name.
fn visitor(request: &axum::http::request::Parts, _: Access) -> Option<Actor> {
    let host = request.headers.get("host")?.to_str().ok()?;
    let is_here = host.starts_with("127.0.0.1:") || host.starts_with("localhost:");
    is_here.then(|| Actor::new("who sits at this computer"))
}

async fn orders(customers: Customers) {
    let mut ticks = interval(customers.speed.millis(EVERY));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 1.. {
        ticks.tick().await;
        tokio::spawn(customers.clone().come(Order::numbered(number, false)));
    }
}

const FAULTS: [(&str, &str, Fault); 4] = [
    ("healthy", "mend it", Fault::Healthy),
    ("dead", "break it: connections break, or hang", Fault::Dead),
    ("hang", "let it hang: nothing is answered", Fault::Hang),
    (
        "flapping",
        "let it flap: a fifth of the answers is 503",
        Fault::Flapping,
    ),
];

async fn turn(
    State(switches): State<Arc<Switches>>,
    Path((service, fault)): Path<(String, String)>,
) -> Response {
    let service = SERVICES.iter().position(|name| *name == service);
    let fault = FAULTS.iter().find(|(name, ..)| *name == fault);
    let (Some(service), Some((.., fault))) = (service, fault) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    switches.0[service].set(*fault);
    Redirect::to("/").into_response()
}

async fn buttons(State(switches): State<Arc<Switches>>) -> Html<String> {
    let services = SERVICES.iter().zip(&switches.0);
    let rows: String = services.map(|(name, switch)| row(name, switch)).collect();
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Break and mend</title><link rel=\"icon\" href=\"data:,\"><style>{STYLE}</style>\
         <h1>Break and mend the services of the checkout</h1>\
         <p>Four orders a second are placed all the time. See what becomes of them on \
         <a href=\"/resilience\">the page of the policies</a>.</p>{rows}</html>"
    ))
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;\
                     padding:0 1rem;color-scheme:light dark}h2{margin:1.5rem 0 .3rem}\
                     form{display:inline}button{font:inherit;margin:.15rem .3rem .15rem 0;\
                     padding:.3rem .7rem}";

fn row(name: &str, switch: &Switch) -> String {
    let current = switch.fault();
    let buttons = FAULTS.iter().map(|(fault, what, is)| {
        let pressed = *is == current;
        format!(
            "<form method=\"post\" action=\"/switch/{name}/{fault}\"><button \
             aria-pressed=\"{pressed}\"{}>{what}</button></form>",
            if pressed { " disabled" } else { "" }
        )
    });
    let current = FAULTS.iter().find(|(.., is)| *is == current);
    let current = current.map_or("", |(name, ..)| *name);
    format!("<h2>{name}: {current}</h2>{}", buttons.collect::<String>())
}
