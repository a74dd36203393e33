//! Functions that are no future: what cannot be promised to them, and why.
//!
//! A plain `fn` cannot be stopped and cannot give its thread to others while it waits. So nothing cuts
//! it off, nobody stands in line, and a retry lets the thread sleep. What is asked for and cannot be
//! kept is refused here; nothing is silently ignored.

use crate::parse::{Answer, Layer};
use crate::shared::Mistakes;
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Error, ReturnType, Signature, Type};

/// What only a future can do.
const CUTS: [(&str, &str); 2] = [
    (
        "timeout",
        "a plain `fn` cannot be cut off, since nothing stops a thread that is running: make the \
         function `async`, or put the timeout on the `async fn` that awaits it with `spawn_blocking`",
    ),
    (
        "hedge",
        "a plain `fn` has its thread to itself, so nothing could run beside it: make the function \
         `async`",
    ),
];

/// What says how to wait for a place or a turn.
const WAITS: [&str; 3] = ["queue", "max_wait", "order"];

/// Refuses what `layers` ask for and a plain function cannot do.
pub(crate) fn check(layers: &[Layer], signature: &Signature, mistakes: &mut Mistakes) {
    if let ReturnType::Type(_, of) = &signature.output
        && hides_a_future(of)
    {
        mistakes.add(Error::new_spanned(
            of,
            "this type does not say what its future comes to: write \
             `Pin<Box<dyn Future<Output = …>>>`, `BoxFuture<'_, …>` or `impl Future<Output = …>`",
        ));
        return;
    }
    if let Some(constant) = &signature.constness {
        mistakes.add(Error::new_spanned(
            constant,
            "a policy remembers what has happened, and a `const fn` cannot: take `const` away",
        ));
    }
    if let Some(pipeline) = layers.iter().find(|layer| layer.in_pipeline) {
        mistakes.add(Error::new(
            pipeline.span,
            "a pipeline has two timeouts, and a plain `fn` cannot be cut off: make the function \
             `async`, or write the policies that are meant, such as \
             `#[resilient(circuit_breaker(\"…\"), retry(\"…\"))]`",
        ));
    }
    let written = || layers.iter().filter(|layer| !layer.in_pipeline);
    for (name, message) in CUTS {
        if let Some(layer) = written().find(|layer| layer.is(name)) {
            mistakes.add(Error::new(layer.span, message));
        }
    }
    for layer in written().filter(|layer| layer.is("bulkhead") || layer.is("rate_limit")) {
        let refuses = if layer.is("bulkhead") {
            "a full bulkhead"
        } else {
            "an empty rate limit"
        };
        let keys = layer.data.iter().map(|datum| &datum.key);
        for key in keys.filter(|key| WAITS.iter().any(|waits| key == waits)) {
            mistakes.add(Error::new_spanned(
                key,
                format!(
                    "a plain `fn` does not wait, {refuses} refuses it at once: take `{key}` away, or \
                     make the function `async`; who shares the policy by its name may still wait"
                ),
            ));
        }
    }
    for layer in written() {
        if let Some(Answer::Closure(closure)) = &layer.answer
            && let Some(asyncness) = &closure.asyncness
        {
            mistakes.add(Error::new_spanned(
                asyncness,
                "a plain `fn` cannot await its fallback: take `async` away",
            ));
        }
    }
}

/// Whether another attribute has wrapped an `async` body into a runtime, so that the function is
/// plain only because that attribute stands above ours.
pub(crate) fn made_by_a_runtime(
    name: &str,
    signature: &Signature,
    attributes: &[Attribute],
    body: &TokenStream,
) -> Option<Error> {
    if signature.asyncness.is_some() {
        return None;
    }
    let is_test = attributes.iter().any(|attribute| {
        let last = attribute.path().segments.last();
        last.is_some_and(|last| last.ident == "test")
    });
    let runs = |token: &TokenTree| matches!(token, TokenTree::Ident(name) if name == "block_on");
    let builds = |token: &TokenTree| matches!(token, TokenTree::Literal(text) if text.to_string() == "\"Failed building the Runtime\"");
    let who = if is_test && any(body, &runs) {
        "a test attribute such as `#[tokio::test]`"
    } else if any(body, &builds) {
        "`#[tokio::main]`"
    } else {
        return None;
    };
    Some(Error::new(
        signature.fn_token.span,
        format!("{who} has already made this function sync: put it below `{name}`"),
    ))
}

fn any(tokens: &TokenStream, wanted: &impl Fn(&TokenTree) -> bool) -> bool {
    tokens.clone().into_iter().any(|token| {
        wanted(&token) || matches!(&token, TokenTree::Group(group) if any(&group.stream(), wanted))
    })
}

/// Whether a type is that of a future and does not say what it comes to, as far as its name goes.
fn hides_a_future(of: &Type) -> bool {
    let opaque = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "dyn" || word == "impl");
    let future = |token: &TokenTree| matches!(token, TokenTree::Ident(name) if name == "Future");
    let tokens = of.to_token_stream();
    if any(&tokens, &opaque) && any(&tokens, &future) {
        return true;
    }
    let Type::Path(path) = of else {
        return false;
    };
    let last = path.path.segments.last();
    last.is_some_and(|last| {
        let name = last.ident.to_string();
        name.ends_with("Future") && (name != "Future" || path.path.segments.len() > 1)
    })
}
