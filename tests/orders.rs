//! Every order and every spelling of the attributes gives the stack as it is written.
//!
//! All ordered pairs of policies, each in every pair of spellings, and full stacks that a generator drew:
//! `UPDATE_ORDERS=1 cargo test --test orders` writes `tests/orders/drawn.rs` anew.

#![allow(
    clippy::too_many_lines,
    reason = "one function calls all that were drawn"
)]

#[path = "orders/draw.rs"]
mod draw;
#[path = "orders/drawn.rs"]
#[rustfmt::skip]
mod drawn;

use draw::{KINDS, ORDERS};
use resilient::Rejected;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::pin::Pin;

#[derive(Debug, PartialEq, thiserror::Error)]
enum Error {
    #[error("the replica failed")]
    Failed,
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

type Answer = Result<u32, Error>;
type Call = fn() -> Pin<Box<dyn Future<Output = Answer>>>;

thread_local! {
    static IS_DOWN: Cell<bool> = const { Cell::new(false) };
}

async fn replica() -> Answer {
    if IS_DOWN.get() {
        return Err(Error::Failed);
    }
    Ok(0)
}

/// How each of two is spelled.
const SPELLINGS: [&str; 5] = ["bare", "by_path", "renamed", "conditional", "combined"];

/// The names of the functions in which `inner` stands below `outer`, as `all` calls them.
fn names(outer: &str, inner: &str) -> Vec<String> {
    let each = SPELLINGS.iter();
    let each = each.flat_map(|above| SPELLINGS.map(|below| format!("{above}::{below}")));
    let together = ["together", "conditional_together"].map(str::to_owned);
    each.chain(together)
        .map(|spelled| format!("orders::{outer}::{inner}::{spelled}"))
        .collect()
}

/// The attributes under their own names, and under others.
mod attributes {
    pub(crate) use resilient::{
        bulkhead, bulkhead as places, circuit_breaker, circuit_breaker as breaker, fallback,
        fallback as otherwise, hedge, hedge as beside, rate_limit, rate_limit as pace, resilient,
        resilient as stack, retry, retry as again, timeout, timeout as deadline,
    };
}

/// `outer` above `inner`, in every pair of spellings.
macro_rules! pair {
    ($outer:ident $outer_as:ident $outer_with:tt, $inner:ident $inner_as:ident $inner_with:tt) => {
        pub(crate) mod $inner {
            use crate::{Answer, Call, attributes::*, replica};

            spelled!(bare: [$outer $outer_with], $inner $inner_as $inner_with);
            spelled!(by_path: [::resilient::$outer $outer_with], $inner $inner_as $inner_with);
            spelled!(renamed: [$outer_as $outer_with], $inner $inner_as $inner_with);
            spelled!(conditional: [cfg_attr(all(), $outer $outer_with)], $inner $inner_as $inner_with);
            spelled!(combined: [resilient($outer $outer_with)], $inner $inner_as $inner_with);

            #[resilient($outer $outer_with, $inner $inner_with)]
            async fn together() -> Answer {
                replica().await
            }

            #[cfg_attr(all(), stack($outer $outer_with), ::resilient::$inner $inner_with)]
            #[cfg_attr(any(), again(1), deadline(1ns))]
            async fn conditional_together() -> Answer {
                replica().await
            }

            pub(crate) fn all() -> Vec<Call> {
                let each = [
                    bare::all(),
                    by_path::all(),
                    renamed::all(),
                    conditional::all(),
                    combined::all(),
                ];
                let together: [Call; 2] =
                    [|| Box::pin(together()), || Box::pin(conditional_together())];
                [&each.concat()[..], &together].concat()
            }
        }
    };
}

/// What stands above, with `inner` below it in every spelling, and what is inert between them.
macro_rules! spelled {
    ($name:ident: [$($above:tt)*], $inner:ident $inner_as:ident $inner_with:tt) => {
        mod $name {
            use crate::{Answer, Call, attributes::*, replica};

            #[$($above)*]
            #[$inner $inner_with]
            async fn bare() -> Answer {
                replica().await
            }

            #[$($above)*]
            #[allow(unused_variables)]
            #[::resilient::$inner $inner_with]
            async fn by_path() -> Answer {
                replica().await
            }

            /// Between them, and above.
            #[$($above)*]
            /// Documentation.
            #[$inner_as $inner_with]
            async fn renamed() -> Answer {
                replica().await
            }

            #[$($above)*]
            #[cfg_attr(all(), $inner $inner_with)]
            #[must_use = "it answers"]
            async fn conditional() -> Answer {
                replica().await
            }

            #[inline]
            #[$($above)*]
            #[cfg(not(any()))]
            #[resilient($inner $inner_with)]
            async fn combined() -> Answer {
                replica().await
            }

            pub(crate) fn all() -> [Call; 5] {
                [
                    || Box::pin(bare()),
                    || Box::pin(by_path()),
                    || Box::pin(renamed()),
                    || Box::pin(conditional()),
                    || Box::pin(combined()),
                ]
            }
        }
    };
}

/// One policy above each of the others.
macro_rules! above {
    ($outer:ident $outer_as:ident $outer_with:tt: $($inner:ident $inner_as:ident $inner_with:tt),*) => {
        mod $outer {
            $(pair!($outer $outer_as $outer_with, $inner $inner_as $inner_with);)*

            pub(crate) fn all() -> Vec<crate::Call> {
                [$($inner::all()),*].concat()
            }
        }
    };
}

above!(circuit_breaker breaker (failure_threshold = 3):
    circuit_breaker breaker (window = 20), retry again (2), timeout deadline (1s), bulkhead places (20),
    rate_limit pace (1000/s), hedge beside (1h), fallback otherwise (replica, may_fail));
above!(retry again (2):
    circuit_breaker breaker (window = 20), timeout deadline (1s), bulkhead places (20),
    rate_limit pace (1000/s), hedge beside (1h), fallback otherwise (replica, may_fail));
above!(timeout deadline (5s):
    circuit_breaker breaker (window = 20), retry again (2), timeout deadline (1s), bulkhead places (20),
    rate_limit pace (1000/s), hedge beside (1h), fallback otherwise (replica));
above!(bulkhead places (9, queue = 5):
    circuit_breaker breaker (window = 20), retry again (2), timeout deadline (1s), bulkhead places (20),
    rate_limit pace (1000/s), hedge beside (1h), fallback otherwise (replica));
above!(rate_limit pace (10/ms, burst = 5):
    circuit_breaker breaker (window = 20), retry again (2), timeout deadline (1s), bulkhead places (20),
    rate_limit pace (1000/s), hedge beside (1h), fallback otherwise (replica));
above!(hedge beside (1m, max = 2):
    circuit_breaker breaker (window = 20), retry again (2), timeout deadline (1s), bulkhead places (20),
    rate_limit pace (1000/s), fallback otherwise (replica));
above!(fallback otherwise (value = 7):
    circuit_breaker breaker (window = 20), retry again (2), timeout deadline (1s), bulkhead places (20),
    rate_limit pace (1000/s), hedge beside (1h), fallback otherwise (replica));

/// The kinds of each call site's stack from the top, by the name of the function.
fn stacks() -> BTreeMap<String, Vec<String>> {
    let sites = resilient::registry().call_sites().into_iter();
    let stacks = sites.map(|site| {
        let kinds = site.layers.iter().map(|layer| layer.kind.to_string());
        (site.name.to_owned(), kinds.collect())
    });
    stacks.collect()
}

#[test]
fn every_pair_in_every_spelling_is_the_stack_as_written() {
    let stacks = stacks();
    let mut pairs = 0;
    for outer in KINDS {
        for inner in KINDS {
            // Their attempts would multiply.
            if outer == inner && ["retry", "hedge"].contains(&outer) {
                continue;
            }
            for name in names(outer, inner) {
                let stack = stacks.get(&name).unwrap_or_else(|| panic!("no {name}"));
                assert_eq!(stack, &[outer, inner], "{name}");
                pairs += 1;
            }
        }
    }
    assert_eq!(pairs, 47 * 27);
}

#[tokio::test]
async fn every_pair_in_every_spelling_runs_its_body() {
    let all = [
        circuit_breaker::all(),
        retry::all(),
        timeout::all(),
        bulkhead::all(),
        rate_limit::all(),
        hedge::all(),
        fallback::all(),
    ];
    let all = all.concat();
    assert_eq!(all.len(), 47 * 27);
    for call in all {
        assert_eq!(call().await, Ok(0));
    }
}

/// How many failures the breaker of each function has seen, of one call with two attempts.
async fn failures(outer: &str, inner: &str, calls: Vec<Call>) -> Vec<u64> {
    let names = names(outer, inner);
    assert_eq!(names.len(), calls.len());
    let mut failures = vec![];
    for (name, call) in names.iter().zip(calls) {
        let breaker = resilient::registry().circuit_breaker(name);
        let breaker = breaker.expect("it is annotated");
        let seen = || breaker.snapshot().counts.failure;
        let before = seen();
        IS_DOWN.set(true);
        assert_eq!(call().await, Err(Error::Failed), "{name}");
        IS_DOWN.set(false);
        failures.push(seen() - before);
    }
    failures
}

#[tokio::test(start_paused = true)]
async fn what_stands_above_is_outside_however_it_is_spelled() {
    let above = failures("circuit_breaker", "retry", circuit_breaker::retry::all()).await;
    assert_eq!(above, [1; 27], "it sees the whole call");
    let below = failures("retry", "circuit_breaker", retry::circuit_breaker::all()).await;
    assert_eq!(below, [2; 27], "it sees each attempt");
}

#[test]
fn every_order_that_was_drawn_is_the_stack_as_written() {
    let stacks = stacks();
    for order in draw::orders() {
        let name = format!("orders::drawn::{}", order.name());
        let written = order.kinds();
        let stack = stacks.get(&name).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(stack, &written, "{name}");
    }
    let is_drawn = |name: &&String| name.starts_with("orders::drawn::");
    assert_eq!(stacks.keys().filter(is_drawn).count(), ORDERS);
}

#[tokio::test]
async fn every_order_that_was_drawn_runs_its_body() {
    for (number, answer) in drawn::all().await.into_iter().enumerate() {
        assert_eq!(answer, Ok(u32::try_from(number).expect("few")));
    }
}

#[test]
fn the_orders_are_those_that_the_seed_draws() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/orders/drawn.rs");
    let drawn = draw::file();
    if std::env::var_os("UPDATE_ORDERS").is_some() {
        std::fs::write(&path, &drawn).expect("the file can be written");
    }
    assert!(
        std::fs::read_to_string(&path).is_ok_and(|written| written == drawn),
        "tests/orders/drawn.rs is not what the seed draws: set UPDATE_ORDERS=1"
    );
}
