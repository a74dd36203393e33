//! Expansions as people would read them, compared with the files in `snapshots`.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p resilient-macros` writes the files anew.

mod documented;
mod half_typed;
#[cfg(test)]
mod spans;

#[cfg(resilient_fuzz)]
pub(crate) use half_typed::any_source;

use super::*;
use crate::table::Attribute;
use proc_macro2::Group;
use quote::ToTokens;
use std::path::Path;

/// Expands the attributes of the only function in `source`, from the top down, as rustc does.
fn expanded(source: &str) -> String {
    let mut tokens: TokenStream = source.parse().expect("tokens");
    while let Some((name, arguments, item)) = first_attribute(&tokens) {
        tokens = attribute(&name, arguments, item);
    }
    let tokens = as_calls(tokens);
    let file = syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("{error}: {tokens}"));
    prettyplease::unparse(&file)
}

/// With `run_body!(…)` and `run_within!(…)` as the call of a function: the printer breaks no lines in macros.
fn as_calls(tokens: TokenStream) -> TokenStream {
    let mut after_name = false;
    let calls = tokens.into_iter().filter_map(|token| {
        let is_bang = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '!');
        if is_bang && after_name {
            return None;
        }
        after_name =
            matches!(&token, TokenTree::Ident(name) if name == "run_body" || name == "run_within");
        Some(match token {
            TokenTree::Group(group) => {
                Group::new(group.delimiter(), as_calls(group.stream())).into()
            }
            other => other,
        })
    });
    calls.collect()
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
fn a_key_is_asked_for_its_instance_before_each_entry() {
    compare(
        "keyed",
        r#"
#[circuit_breaker("partner", key = partner.id, max_keys = 500)]
#[rate_limit(100/s, key = (partner.id, region.name()))]
#[bulkhead(20, key = partner, cost = 2)]
async fn send(partner: &Partner, region: Region) -> Result<(), Error> {
    post(partner, region).await
}
"#,
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

#[test]
fn the_last_good_answer_is_found_by_a_key_of_before_the_body() {
    compare(
        "last_good",
        r#"
#[fallback(list_price)]
#[fallback("prices", stale = 10m, key = (tenant, sku), mark = Price::mark_old)]
#[timeout(1s)]
async fn price(tenant: Tenant, sku: Sku) -> Result<Price, PriceError> {
    ask(tenant, sku).await
}
"#,
    );
}

#[test]
fn a_method_of_async_trait_is_seen_as_it_was_before() {
    compare(
        "async_trait",
        r"
#[retry(3)]
fn price<'life0, 'async_trait>(
    &'life0 self,
    sku: Sku,
    count: u32,
    __arg3: (u32, u32),
) -> ::core::pin::Pin<Box<
    dyn ::core::future::Future<Output = Result<Price, PriceError>> + ::core::marker::Send + 'async_trait,
>>
where
    'life0: 'async_trait,
    Self: 'async_trait,
{
    Box::pin(async move {
        if let ::core::option::Option::Some(__ret) = ::core::option::Option::None::<Result<Price, PriceError>> {
            #[allow(unreachable_code)]
            return __ret;
        }
        let __self = self;
        let sku = sku;
        let mut count = count;
        let (first, second) = { let __arg3 = __arg3; __arg3 };
        let __ret: Result<Price, PriceError> = {
            count += first + second;
            __self.ask(&sku, count).await
        };
        #[allow(unreachable_code)]
        __ret
    })
}
",
    );
}

#[test]
fn a_body_that_prepares_its_future_runs_as_a_whole() {
    compare(
        "boxed_future",
        r"
#[retry(3)]
fn fetch<'a>(&'a self, mut path: String) -> BoxFuture<'a, Result<Page, Error>> {
    path.push('/');
    Box::pin(async move { self.ask(path).await })
}
",
    );
}

#[test]
fn a_plain_function_waits_for_nobody_and_sleeps_between_attempts() {
    compare(
        "plain",
        r#"
#[fallback(last_known)]
#[circuit_breaker("disk")]
#[retry(3, backoff = fixed(10ms))]
#[bulkhead(4)]
fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Error> {
    open(path)?.take(limit).read()
}
"#,
    );
}

#[test]
fn two_breakers_in_one_stack_each_have_their_permit() {
    compare(
        "two_breakers",
        r#"
#[circuit_breaker("region", failure_threshold = 5)]
#[circuit_breaker("pricing", when = PriceError::is_transient, when_ok = Price::is_old)]
async fn price(sku: &Sku) -> Result<Price, PriceError> {
    ask(sku).await
}
"#,
    );
}

#[test]
fn every_setting_of_a_breaker_is_a_call_of_its_builder() {
    compare(
        "every_setting",
        r#"
#[circuit_breaker(
    "partner",
    failure_rate = 50%,
    window_time = 1m,
    min_calls = 20,
    slow_call = 1500ms,
    slow_call_rate = 80%,
    open_for = 30s,
    open_backoff = 1.5,
    open_jitter = 10%,
    half_open_calls = 3,
    success_threshold = 2,
    half_open_for = 1m30s,
    ramp = [10%, 50%],
    count_rejections = true,
    obey_retry_after = true,
    max_keys = 500,
    enabled = true,
    unless = Error::is_ours,
    key = partner,
)]
async fn send(partner: &Partner) -> Result<(), Error> {
    post(partner).await
}
"#,
    );
}

#[test]
fn a_hedge_inside_a_retry_is_a_race_for_each_attempt() {
    compare(
        "retried_race",
        r"
#[retry(2, attempt = cx)]
#[hedge(100ms)]
#[timeout(1s)]
async fn price(&self, sku: Sku) -> Result<Price, PriceError> {
    self.ask(sku, cx.number()).await
}
",
    );
}

#[test]
fn a_generic_method_keeps_its_lifetimes_and_tells_a_refusal_in_its_own_words() {
    compare(
        "generic_method",
        r"
#[timeout(5s, map_err = |rejected: Rejected| Error::refused(self.name, rejected))]
#[retry(3)]
pub(crate) async fn get<'a, 'k: 'a, K, V>(&'a self, key: &'k K, mut limit: usize) -> Result<Cow<'a, V>, Error<'k>>
where
    K: Hash + ?Sized,
    V: ToOwned + FromKey<'k>,
{
    limit += 1;
    self.find(key, limit).await.map(Cow::Owned)
}
",
    );
}
