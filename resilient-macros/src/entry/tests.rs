//! Expansions as people would read them, compared with the files in `snapshots`.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p resilient-macros` writes the files anew.

use super::*;
use crate::table::Attribute;
use quote::ToTokens;
use std::path::Path;

/// Expands the attributes of the only function in `source`, from the top down, as rustc does.
fn expanded(source: &str) -> String {
    let mut tokens: TokenStream = source.parse().expect("tokens");
    while let Some((name, arguments, item)) = first_attribute(&tokens) {
        tokens = attribute(&name, arguments, item);
    }
    let file = syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("{error}: {tokens}"));
    prettyplease::unparse(&file)
}

fn first_attribute(item: &TokenStream) -> Option<(String, TokenStream, TokenStream)> {
    let mut function: Function = syn::parse2(item.clone()).ok()?;
    let index = function.attributes.iter().position(|attribute| {
        let name = attribute.path().to_token_stream().to_string();
        name == "resilient" || Attribute::named(&name).is_some()
    })?;
    let first = function.attributes.remove(index);
    let name = first.path().to_token_stream().to_string();
    let arguments = match first.meta {
        syn::Meta::List(list) => list.tokens,
        _ => TokenStream::new(),
    };
    Some((name, arguments, function.untouched()))
}

fn compare(name: &str, source: &str) {
    let actual = format!("{}\n\n// becomes\n\n{}", source.trim(), expanded(source));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("snapshots/{name}.rs"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &actual).expect("the snapshot can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        actual, expected,
        "the expansion has changed; if it is meant, set UPDATE_SNAPSHOTS=1"
    );
}

#[test]
fn a_stack_of_three_reads_as_if_written_by_hand() {
    compare(
        "stack_of_three",
        r#"
#[circuit_breaker("pricing", failure_rate = 50%, window = 20, when = PriceError::is_transient)]
#[retry(3, backoff = exponential(100ms..5s))]
#[timeout(1s)]
pub async fn price(sku: &Sku) -> Result<Price, PriceError> {
    ask(sku).await
}
"#,
    );
}

#[test]
fn a_body_that_runs_once_demands_nothing() {
    compare(
        "runs_once",
        r"
#[timeout(|| request.budget())]
#[rate_limit(100/s)]
#[bulkhead(20, queue = 50)]
async fn fetch(&mut self, mut request: Request) -> Result<&mut Page, Error> {
    request.sign();
    self.ask(request).await
}
",
    );
}

#[test]
fn whether_an_own_type_is_a_result_is_left_to_the_compiler() {
    compare(
        "own_type",
        r"
#[fallback(|error| self.popular(error))]
#[timeout(1s)]
async fn recommend(&self) -> Recommendations {
    self.engine.ask().await
}
",
    );
}

#[test]
fn a_cost_is_asked_for_once_before_each_entry() {
    compare(
        "weighed",
        r"
#[rate_limit(100/s, algorithm = sliding_window, cost = batch.len() as u32)]
#[bulkhead(20, cost = weight(&batch))]
async fn store(batch: Vec<Row>) -> Result<(), Error> {
    write(batch).await
}
",
    );
}

#[test]
fn what_is_lent_mutably_is_a_parameter_of_the_body() {
    compare(
        "lent_mutably",
        r#"
#[fallback(|error| self.last(order, error))]
#[retry(attempt = cx, idempotency_key = order.id)]
async fn charge(&mut self, order: Order) -> Result<Receipt, Error> {
    println!("{self:?} {}", cx.number());
    self.gateway.charge(order, cx.idempotency_key()).await
}
"#,
    );
}

#[test]
fn an_attempt_of_a_hedge_has_the_body_for_itself() {
    compare(
        "hedged",
        r#"
#[hedge(p95, budget("gateway", 10%))]
#[bulkhead(20)]
async fn price(&self, sku: Sku) -> Result<Price, PriceError> {
    self.ask(sku).await
}
"#,
    );
}

#[test]
fn a_pipeline_is_its_fixed_nest() {
    compare(
        "pipeline",
        r#"
#[resilient("pricing", map_err = refused)]
async fn price(sku: &Sku) -> Result<Price, PriceError> {
    ask(sku).await
}
"#,
    );
}

#[test]
fn a_function_that_cannot_fail_is_answered_for() {
    compare(
        "cannot_fail",
        r"
#[fallback(value = 0)]
#[resilient(timeout(1s), timeout(500ms))]
async fn stock() -> u32 {
    count().await
}
",
    );
}
