//! What is half typed, and what nobody would type: an attribute never panics, and never takes a
//! function away from the rest of the program.

use super::{Function, attribute, carrier, first_attribute};
use crate::derive::classify;
use crate::table::ATTRIBUTES;
use proc_macro2::{Group, TokenStream, TokenTree};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use std::env;

/// Each is called `target`.
const FUNCTIONS: [&str; 22] = [
    "#[timeout(5s)] async fn target(id: u32) -> Result<Price, Error> { ask(id).await }",
    r#"#[circuit_breaker("pricing", failure_rate = 50%, window = 20, open_for = 30s, when = Error::is_down)]
    #[retry(3, backoff = exponential(100ms..5s), jitter = full, budget("gateway", 20%))]
    #[timeout(1s)]
    pub async fn target(&self, sku: &Sku) -> Result<Price, Error> {
        let mut found = self.ask(sku).await?;
        found.count += 1;
        Ok(found)
    }"#,
    r"#[rate_limit(100/s, burst = 20, algorithm = sliding_window, cost = batch.len() as u32)]
    #[bulkhead(20, queue = 50, order = lifo, key = (tenant, 'x'), max_keys = 10)]
    pub(crate) async fn target(tenant: Tenant, batch: Vec<Row>) -> Result<(), Error> {
        for row in batch { if row.is_empty() { continue; } write(row).await?; }
        Ok(())
    }",
    "#[retry(attempt = cx, idempotency_key = order.id, before = |attempt| self.reconnect(attempt))]
    async fn target(&mut self, mut order: Order) -> Result<Receipt, Error> {
        order.number = cx.number();
        self.gateway.charge(order, cx.idempotency_key()).await
    }",
    r#"#[hedge(p95, max = 2, budget = 10%)] #[bulkhead("shop", 4)]
    async fn target<'a, T: Send + ?Sized>(&'a self, key: &'a T) -> Result<Cow<'a, str>, Error>
    where T: AsRef<str>, for<'b> &'b T: Eq { Ok(Cow::Borrowed(key.as_ref())) }"#,
    "#[fallback(|error| Ok(self.popular(error)))] #[timeout(|| request.budget())]
    async fn target(self: Arc<Self>, request: Request) -> Result<Page, Error> { self.pages.get(request).await }",
    r#"#[fallback("prices", stale = 10m, entries = 100, key = (tenant, sku), mark = Price::mark_old)]
    async fn target(tenant: u32, sku: u32) -> Result<Price, Error> { ask(tenant, sku).await }"#,
    "#[fallback(value = 0)] async fn target() -> u32 { count().await }",
    "#[fallback(list_price, error, may_fail)] #[retry(3, when_rejected = |_| true)]
    fn target(path: &Path, limit: usize) -> io::Result<Vec<u8>> { open(path)?.take(limit).read() }",
    r#"#[resilient("pricing", map_err = refused)]
    async fn target(sku: Sku) -> Answer<Price> { ask(sku).await }"#,
    "#[resilient(timeout(5s), retry(3, backoff = fixed(1ms)), timeout(1s), crate = ::shop::resilient)]
    async fn target((first, mut second): (u32, u32), [third, ..]: [u32; 3]) -> Answer<u32> {
        second += 1; Ok(first + second + third)
    }",
    "#[retry(3)]
    fn target<'a>(&'a self, mut path: String) -> BoxFuture<'a, Result<Page, Error>> {
        path.push('/');
        Box::pin(async move { self.ask(path).await })
    }",
    "#[timeout(1s)]
    fn target(&self) -> impl Future<Output = Result<u8, Error>> + Send + '_ {
        async move { self.ask().await }
    }",
    "#[retry(3)]
    fn target<'life0, 'async_trait>(&'life0 mut self, item: String)
        -> ::core::pin::Pin<Box<dyn ::core::future::Future<Output = Answer<u8>> + ::core::marker::Send + 'async_trait>>
    where 'life0: 'async_trait, Self: 'async_trait {
        Box::pin(async move {
            if let ::core::option::Option::Some(__ret) = ::core::option::Option::None::<Answer<u8>> {
                #[allow(unreachable_code)]
                return __ret;
            }
            let __self = self;
            let item = item;
            let __ret: Answer<u8> = { __self.ask(&item).await };
            #[allow(unreachable_code)]
            __ret
        })
    }",
    "#[circuit_breaker] /// Asks.
    #[must_use = \"it costs\"] #[cfg(feature = \"shop\")]
    pub(in crate::shop) async unsafe fn target(pointer: *const u8) -> Result<u8, Error> { Ok(unsafe { *pointer }) }",
    "#[circuit_breaker(slow_call = 1s, slow_call_rate = 80%, ramp = [10%, 50%])] #[tracing::instrument]
    #[timeout(1s)] async fn target(x: impl Fn(&str) -> u8) -> Result<u8, Error> { Ok(x(\"\")) }",
    "#[timeout(1s)] #[inline] async fn target<const N: usize>(a: [u8; N]) -> Result<&'static [u8], Box<dyn Error>> {
        #![allow(unused)]
        'outer: loop { break 'outer Ok(&[]); }
    }",
    "#[bulkhead(4)] extern \"C\" fn target(r#type: u8, _: u8, ...) -> Result<u8, Error> { macro_rules! m { ($x:expr) => { $x }; } Ok(m!(1)) }",
    "#[rate_limit(3/m, enabled = false)] const fn target() -> Result<(), Error> { Ok(()) }",
    "#[retry] async fn target(&mut self) -> Result<&mut Page, Error> { Ok(&mut self.page) }",
    "#[retry(0, atempts = 3)] #[retry(2)] #[fallback] async fn target(&self) { println!(\"{self:?}\"); }",
    "#[hedge(100ms)] async fn target(&self) -> Result<u8, Error>;",
];

// ---- Prefixes

/// All beginnings of `tokens`, each with its groups closed, as an editor closes them; the last one is
/// the whole.
fn beginnings(tokens: &TokenStream) -> Vec<TokenStream> {
    let mut all = vec![TokenStream::new()];
    let mut before = TokenStream::new();
    for token in tokens.clone() {
        if let TokenTree::Group(group) = &token {
            for inside in beginnings(&group.stream()) {
                let mut beginning = before.clone();
                beginning.extend([TokenTree::Group(Group::new(group.delimiter(), inside))]);
                all.push(beginning);
            }
        } else {
            let mut beginning = before.clone();
            beginning.extend([token.clone()]);
            all.push(beginning);
        }
        before.extend([token]);
    }
    all
}

/// All identifiers and literals, sorted.
fn words(tokens: TokenStream) -> Vec<String> {
    let words = tokens.into_iter().flat_map(|token| match token {
        TokenTree::Group(group) => words(group.stream()),
        TokenTree::Punct(_) => vec![],
        word => vec![word.to_string()],
    });
    let mut words: Vec<String> = words.collect();
    words.sort();
    words
}

fn names(tokens: &TokenStream, name: &str) -> bool {
    words(tokens.clone()).iter().any(|word| word == name)
}

/// What follows the attributes.
fn without_attributes(item: &TokenStream) -> TokenStream {
    let mut rest = item.clone().into_iter().peekable();
    while matches!(rest.peek(), Some(TokenTree::Punct(hash)) if hash.as_char() == '#') {
        rest.next();
        rest.next_if(|token| matches!(token, TokenTree::Group(_)));
    }
    rest.collect()
}

/// The output of one attribute on `item`: the expanded function, or an error and every word of the
/// function as it was written, which `original` is.
fn survived(
    name: &str,
    arguments: &TokenStream,
    item: &TokenStream,
    original: &TokenStream,
) -> TokenStream {
    let input = || format!("#[{name}({arguments})] {item}");
    let output = attribute(name, arguments.clone(), item.clone());
    assert!(
        !output
            .to_string()
            .contains("a mistake in `resilient` itself"),
        "a panic on {}",
        input()
    );
    if names(&output, "compile_error") {
        let mut there = words(output.clone()).into_iter();
        for word in words(without_attributes(original)) {
            // A `where` with nothing behind it says nothing.
            assert!(
                word == "where" || there.any(|other| other == word),
                "`{word}` has vanished from {}, which becomes {output}",
                input()
            );
        }
    } else {
        let whole = syn::parse2::<Function>(output.clone());
        assert!(whole.is_ok(), "no function and no error of {}", input());
    }
    assert!(
        names(&output, "target") || !names(&without_attributes(item), "target"),
        "the function has vanished from {}",
        input()
    );
    output
}

/// Expands all attributes of `item`, from the top down, as rustc does.
fn survived_by_all(item: &TokenStream, original: &TokenStream) -> TokenStream {
    let mut item = item.clone();
    while let Some((name, arguments, rest)) = first_attribute(&item) {
        item = survived(&name, &arguments, &rest, original);
    }
    item
}

/// Holds what must hold for any source: its attributes expand or say what is wrong, and as a carrier or
/// an error type it is taken or refused.
#[cfg_attr(test, track_caller)]
pub(crate) fn any_source(source: &str) {
    // Who writes what we write about mistakes cannot be told from us.
    if ["compile_error", "a mistake in `resilient` itself"]
        .iter()
        .any(|ours| source.contains(ours))
    {
        return;
    }
    let Ok(tokens) = source.parse::<TokenStream>() else {
        return; // the compiler refuses it before it asks us
    };
    if first_attribute(&tokens).is_some() {
        survived_by_all(&tokens, &tokens);
    } else {
        for name in attributes() {
            survived(name, &TokenStream::new(), &tokens, &tokens);
        }
    }
    let _ = carrier(tokens.clone());
    let _ = classify(tokens);
}

fn tokens(source: &str) -> TokenStream {
    source.parse().expect("tokens")
}

#[test]
fn no_half_typed_function_vanishes_under_its_stack() {
    for source in FUNCTIONS {
        let whole = tokens(source);
        let beginnings = beginnings(&whole);
        assert_eq!(
            beginnings.last().expect("one").to_string(),
            whole.to_string()
        );
        for beginning in beginnings {
            let named = names(&beginning, "target");
            let output = survived_by_all(&beginning, &beginning);
            assert_eq!(names(&output, "target"), named);
        }
    }
}

#[test]
fn no_half_typed_function_vanishes_under_any_attribute() {
    for source in FUNCTIONS {
        for beginning in beginnings(&without_attributes(&tokens(source))) {
            for name in attributes() {
                survived(name, &TokenStream::new(), &beginning, &beginning);
            }
        }
    }
}

#[test]
fn no_function_vanishes_under_a_half_typed_attribute() {
    for source in FUNCTIONS {
        let Some((_, arguments, item)) = first_attribute(&tokens(source)) else {
            continue; // it has no body
        };
        for beginning in beginnings(&arguments) {
            for name in attributes() {
                let output = survived(name, &beginning, &item, &item);
                assert!(names(&survived_by_all(&output, &item), "target"));
            }
        }
    }
}

#[test]
fn no_half_of_a_carrier_panics() {
    for source in FUNCTIONS {
        let Some((name, arguments, mut item)) = first_attribute(&tokens(source)) else {
            continue;
        };
        // Another attribute follows, so the stack is carried on.
        item = [tokens("#[instrument]"), item].into_iter().collect();
        let carried = survived(&name, &arguments, &item, &item);
        let Ok(function) = syn::parse2::<Function>(carried) else {
            continue; // a mistake is told at once
        };
        for beginning in beginnings(&function.body.stream()) {
            for token in beginning {
                if let TokenTree::Group(group) = token {
                    let output = carrier(group.stream()).to_string();
                    assert!(!output.contains("a mistake in `resilient` itself"));
                }
            }
        }
    }
}

fn attributes() -> impl Iterator<Item = &'static str> {
    let policies = ATTRIBUTES.iter().map(|attribute| attribute.name);
    policies.chain(["resilient"])
}

// ---- Arbitrary tokens

const WORDS: [&str; 76] = [
    "fn",
    "async",
    "unsafe",
    "pub",
    "crate",
    "self",
    "Self",
    "mut",
    "ref",
    "move",
    "where",
    "impl",
    "dyn",
    "for",
    "target",
    "r#type",
    "_",
    "cx",
    "error",
    "Result",
    "Box",
    "Pin",
    "Future",
    "Output",
    "BoxFuture",
    "u8",
    "'a",
    "'_",
    "&",
    "*",
    "|",
    "||",
    "->",
    "=>",
    "=",
    "==",
    ",",
    ";",
    ":",
    "::",
    "<",
    ">",
    "#",
    "!",
    "?",
    "$",
    "..",
    "..=",
    "...",
    "%",
    "/",
    "-",
    "+",
    "@",
    "0",
    "3",
    "1.5",
    "0x1f",
    "1e3s",
    "100ms",
    "1m30s",
    "5y",
    "50%",
    "100/s",
    "100ms..5s",
    "[10%, 50%]",
    "\"name\"",
    "\"\"",
    "b'x'",
    "p95",
    "exponential",
    "fixed",
    "full",
    "class",
    "transient",
    "__resilient_stack",
];

/// Words of our grammar and of Rust's in any order and any groups, as source.
fn anything() -> impl Strategy<Value = String> {
    let mut words: Vec<&str> = WORDS.to_vec();
    words.extend(attributes());
    for attribute in &ATTRIBUTES {
        words.extend(attribute.keys.iter().map(|key| key.name));
    }
    let word = proptest::sample::select(words).prop_map(str::to_owned);
    let line = |one: BoxedStrategy<String>| {
        proptest::collection::vec(one, 0..6).prop_map(|words| words.join(" "))
    };
    line(word.boxed()).prop_recursive(4, 48, 6, move |inner| {
        let group = (0_usize..4, inner).prop_map(|(kind, inside)| match kind {
            0 => format!("({inside})"),
            1 => format!("[{inside}]"),
            2 => format!("{{{inside}}}"),
            _ => inside,
        });
        line(group.boxed())
    })
}

/// Something like a function, with anything at one of its places.
fn nearly_a_function() -> impl Strategy<Value = String> {
    (0_usize..7, anything()).prop_map(|(place, any)| {
        let mut places = [
            "",
            "",
            "&self, x: u8",
            "-> Result<u8, Error>",
            "",
            "ask(x).await",
        ];
        if let Some(one) = places.get_mut(place) {
            *one = &any;
        }
        let [before, generics, arguments, result, clause, body] = places;
        format!("{before} async fn target<{generics}>({arguments}) {result} {clause} {{ {body} }}")
    })
}

/// The same tokens in every run. `RESILIENT_HISTORIES=1000000` asks for more of them, and
/// `RESILIENT_SEED=7` for others; `RESILIENT_SEED=random` for others each time.
fn config() -> Config {
    let asked = |variable| env::var(variable).ok();
    let cases = asked("RESILIENT_HISTORIES").map_or(1000, |asked| {
        asked.parse().expect("RESILIENT_HISTORIES is a number")
    });
    let rng_seed = match asked("RESILIENT_SEED").as_deref() {
        None => RngSeed::Fixed(1),
        Some("random") => RngSeed::Random,
        Some(seed) => RngSeed::Fixed(seed.parse().expect("RESILIENT_SEED is a number")),
    };
    Config {
        rng_seed,
        failure_persistence: None,
        ..Config::with_cases(cases)
    }
}

#[track_caller]
fn holds_for<S: Strategy>(strategy: &S, holds: impl Fn(S::Value)) {
    let outcome = TestRunner::new(config()).run(strategy, |value| {
        holds(value);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn arbitrary_arguments_panic_nowhere_and_leave_the_function() {
    holds_for(&(anything(), 0..FUNCTIONS.len()), |(arguments, index)| {
        let arguments = tokens(&arguments);
        let item = without_attributes(&tokens(FUNCTIONS[index]));
        for name in attributes() {
            survived(name, &arguments, &item, &item);
        }
    });
}

#[test]
fn arbitrary_items_panic_nowhere_and_keep_their_words() {
    holds_for(&prop_oneof![anything(), nearly_a_function()], |item| {
        let item = tokens(&item);
        for name in attributes() {
            survived(name, &TokenStream::new(), &item, &item);
        }
        let _ = carrier(item.clone());
        let _ = classify(item);
    });
}

#[test]
fn what_the_fuzzer_keeps_vanishes_nowhere() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/attributes");
    let kept = std::fs::read_dir(corpus).expect("the corpus is there");
    let mut count = 0;
    for file in kept {
        let source = std::fs::read(file.expect("an entry").path()).expect("a file");
        any_source(&String::from_utf8_lossy(&source));
        count += 1;
    }
    assert!(count > 20, "{count} files");
}

#[test]
fn arbitrary_classes_panic_nowhere() {
    holds_for(&(anything(), anything()), |(class, fields)| {
        let source =
            format!("enum E {{ #[class({class})] A {{ {fields} }}, #[class({fields})] B }}");
        let _ = classify(tokens(&source));
    });
}
