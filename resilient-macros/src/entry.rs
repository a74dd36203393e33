//! From one attribute to the next, and from the last one to the expansion.
//!
//! Attributes expand from the top down, each on its own. While others still follow, one of ours
//! leaves the function with a body that is a carrier: a private macro which holds the stack so far
//! and the function as it was. The next one of ours finds it and appends itself; the last one
//! expands the stack. If the last attribute is not ours, the carrier expands the stack itself,
//! because macros in bodies come after all attributes. No name is ever looked up.

use crate::expand::{expand, private};
use crate::function::{Carrier, Function, without_mut, without_ours};
use crate::parse::Written;
use crate::plain;
use crate::stack::Stack;
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::quote;
use std::panic::{AssertUnwindSafe, catch_unwind};
use syn::parse::Parser;
use syn::{Error, Result};

/// Expands one attribute.
pub(crate) fn attribute(name: &str, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let original = item.clone();
    unpanicked(move || add(name, arguments, item), || original)
}

/// Expands a carrier that no attribute of ours has consumed.
pub(crate) fn carrier(tokens: TokenStream) -> TokenStream {
    unpanicked(
        move || match Carrier::parse.parse2(tokens) {
            Ok(carrier) => match whole(&carrier) {
                Ok(expansion) => quote!({ #expansion }),
                Err(error) => {
                    let error = error.into_compile_error();
                    let (before, body) = match carrier.future() {
                        Some(future) => (future.before, future.body.stream()),
                        None => (TokenStream::new(), carrier.body.stream()),
                    };
                    quote!({ #error #before #body })
                }
            },
            Err(error) => error.into_compile_error(),
        },
        TokenStream::new,
    )
}

fn add(name: &str, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut function: Function = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            let (error, item) = (error.into_compile_error(), without_ours(item));
            return quote!(#item #error);
        }
    };
    let mut carrier = match Carrier::of(&function) {
        Ok(carrier) => carrier,
        Err(error) => {
            let error = error.into_compile_error();
            return quote!(#item #error);
        }
    };
    let future = carrier.future();
    let (signature, attributes) = (&function.signature, &function.attributes);
    let body = function.body.stream();
    if let Some(error) = plain::made_by_a_runtime(name, signature, attributes, &body) {
        let (error, item) = (error.into_compile_error(), without_ours(item));
        return quote!(#item #error);
    }
    carrier.stack.push(Written {
        name: Ident::new(name, Span::call_site()),
        arguments,
    });
    let private = private_so_far(&carrier);
    let expansion = if function.is_last() {
        whole(&carrier)
    } else {
        Ok(carrier.tokens(&private))
    };
    match expansion {
        Ok(expansion) => {
            function.signature = without_mut(&function.signature);
            match future {
                // In braces of ours: nobody shall advise to make an `async fn` of it.
                Some(future) => {
                    let body = future.wrapped(&private, &expansion);
                    function.with_body_at(&body, Span::call_site())
                }
                None => function.with_body(&expansion),
            }
        }
        Err(error) => {
            function.signature = carrier.signature;
            function.body = carrier.body;
            let (error, function) = (error.into_compile_error(), function.untouched());
            quote!(#function #error)
        }
    }
}

fn whole(carrier: &Carrier) -> Result<TokenStream> {
    let Some(future) = carrier.future() else {
        let stack = Stack::of(&carrier.stack, &carrier.signature)?;
        return expand(&stack, &carrier.stack, &carrier.signature, &carrier.body);
    };
    let stack = Stack::of(&carrier.stack, &future.signature)?;
    let expansion = expand(&stack, &carrier.stack, &future.signature, &future.body)?;
    let before = &future.before;
    Ok(quote!(#before #expansion))
}

/// Where our private module is, as far as the attributes so far say.
fn private_so_far(carrier: &Carrier) -> TokenStream {
    // Few say so, and to read a stack takes long: it is done once more for each of its attributes.
    let written = &carrier.stack;
    if !written.iter().any(|one| mentions_crate(&one.arguments)) {
        return private(None);
    }
    let future = carrier.future();
    let signature = future
        .as_ref()
        .map_or(&carrier.signature, |future| &future.signature);
    let stack = Stack::of(&carrier.stack, signature);
    private(
        stack
            .ok()
            .and_then(|stack| stack.shared.private_crate)
            .as_ref(),
    )
}

fn mentions_crate(tokens: &TokenStream) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(word) => word == "crate",
        TokenTree::Group(group) => mentions_crate(&group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// A mistake of ours must not take the function away from the rest of the program.
fn unpanicked(
    expansion: impl FnOnce() -> TokenStream,
    original: impl FnOnce() -> TokenStream,
) -> TokenStream {
    catch_unwind(AssertUnwindSafe(expansion)).unwrap_or_else(|_| {
        let original = original();
        let error = Error::new(
            Span::call_site(),
            "the attributes of `resilient` could not expand this function; this is a mistake in \
             `resilient` itself",
        );
        let error = error.into_compile_error();
        quote!(#original #error)
    })
}

#[cfg(any(test, resilient_fuzz))]
mod tests;

#[cfg(resilient_fuzz)]
pub(crate) use tests::any_source;
