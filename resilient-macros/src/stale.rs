//! `stale = 10m, key = sku`: a fallback that answers with the last good answer of its key.

use crate::parse::Layer;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Expr, ExprClosure, Result};

/// What an answer goes through that is given once more.
pub(crate) fn mark(expression: Expr) -> Result<Expr> {
    let takes_one =
        |closure: &ExprClosure| closure.inputs.len() == 1 && closure.asyncness.is_none();
    match &expression {
        Expr::Closure(closure) if takes_one(closure) => Ok(expression),
        Expr::Path(_) | Expr::Call(_) | Expr::MethodCall(_) | Expr::Block(_) | Expr::Macro(_) => {
            Ok(expression)
        }
        _ => Err(Error::new_spanned(
            expression,
            "`mark` is a path or a closure that takes the answer and gives it back, not async: \
             `|answer| …`",
        )),
    }
}

/// What is wrong with `stale` and what belongs to it, where `given` finds the keys that are written.
pub(crate) fn mistake<'a>(
    layer: &Layer,
    given: &dyn Fn(&str) -> Option<&'a (String, TokenStream)>,
) -> Option<Error> {
    if !layer.is("fallback") {
        return None;
    }
    let tokens = |key: &str| given(key).map(|(_, tokens)| tokens);
    let stale = tokens("stale");
    let other = tokens("function").or_else(|| tokens("value"));
    if let (Some(stale), Some(other)) = (stale, other) {
        return Some(Error::new_spanned(
            quote!(#stale #other),
            "the last good answer comes first, and the other one where there is none: stack two \
             fallbacks, `#[fallback(stale = …, key = …)]` below the other one",
        ));
    }
    if let (Some(stale), None) = (stale, &layer.key) {
        return Some(Error::new_spanned(
            stale,
            "`stale` needs a `key` of all that the answer depends on, the tenant included: \
             `key = sku`, or `key = (tenant, sku)`",
        ));
    }
    // A name may have its `stale` from elsewhere; it is the key that makes it such a fallback.
    let is_reference = layer.name.is_some() && other.is_none() && layer.key.is_some();
    let alone = ["key", "entries", "mark"].into_iter().find_map(tokens);
    match alone {
        Some(word) if stale.is_none() && !is_reference => Some(Error::new_spanned(
            word,
            format!("`{word}` belongs to the last good answer: `stale = 10m, key = …`"),
        )),
        _ => None,
    }
}
