//! `#[resilient("pricing")]`: one fixed nest of policies, all under that name.

use crate::parse::{self, Layer, Written};
use crate::shared::{Mistakes, Shared};
use crate::table::{ATTEMPT_TIMEOUT, ATTRIBUTES, Attribute};
use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, LitStr, Result, Token};

/// Whether a name stands first, so that it is not a list of policies.
pub(crate) fn is_meant(arguments: &TokenStream) -> bool {
    let first = arguments.clone().into_iter().next();
    first.is_some_and(|first| syn::parse2::<LitStr>(first.into()).is_ok())
}

/// The nest of a pipeline from the top, and what else stands beside its name.
pub(crate) fn parse(written: &Written) -> Result<(Vec<Layer>, Shared)> {
    let mut name = None;
    let mut shared = Shared::default();
    let mut mistakes = Mistakes::default();
    let parse = |input: ParseStream<'_>| {
        parse::separated(input, &mut |input, index| {
            if index == 0 {
                let first: LitStr = input.parse()?;
                if first.value().trim().is_empty() {
                    return Err(Error::new_spanned(
                        first,
                        "the name of a pipeline is not empty",
                    ));
                }
                name = Some(first);
                return Ok(());
            }
            if shared.parse(input)? {
                return Ok(());
            }
            Err(not_beside_a_name(input))
        })
    };
    match parse.parse2(written.arguments.clone()) {
        Ok(wrong) => wrong.into_iter().for_each(|error| mistakes.add(error)),
        Err(error) => mistakes.add(error),
    }
    let layers = nest().map(|attribute| Layer {
        name: name.clone(),
        in_pipeline: true,
        ..Layer::bare(attribute, written)
    });
    mistakes.or((layers.collect(), shared))
}

/// The policies of every pipeline, from the top. Their order is what the user reads about it in
/// the documentation of `resilient`.
fn nest() -> impl Iterator<Item = &'static Attribute> {
    let named = |name| Attribute::named(name).into_iter();
    named("timeout")
        .chain(named("circuit_breaker"))
        .chain(named("retry"))
        .chain(named("rate_limit"))
        .chain([&ATTEMPT_TIMEOUT])
        .chain(named("bulkhead"))
}

/// The error for what stands beside the name of a pipeline.
fn not_beside_a_name(input: ParseStream<'_>) -> Error {
    let span = input.span();
    if input.peek(LitStr) {
        return Error::new(span, "a pipeline has one name");
    }
    let ahead = input.fork();
    let Ok(word) = ahead.call(Ident::parse_any) else {
        // The value, or whatever it is, as a whole token.
        let span = ahead
            .parse::<TokenTree>()
            .map_or(span, |token| token.span());
        return Error::new(
            span,
            "beside the name of a pipeline stand only `map_err` and `crate`",
        );
    };
    let written = word.to_string();
    let message = if !ahead.peek(Token![=]) && Attribute::named(&written).is_some() {
        format!(
            "a pipeline has its policies already: write `#[{written}(…)]` above or below it, or \
             leave the name out"
        )
    } else if let Some((owner, key)) = owner(&written) {
        if key {
            format!(
                "`{written}` is code, and a pipeline is data alone: put an attribute that has it \
                 around the pipeline, such as `#[{owner}({written} = …)]`"
            )
        } else {
            format!(
                "the settings of a pipeline stand where it is defined: \
                 `resilient::policy(\"…\").{owner}(…)`, or `#[{owner}(\"…\", {written} = …)]` on \
                 another function"
            )
        }
    } else {
        format!(
            "there is no key `{written}`: beside the name of a pipeline stand only `map_err` and \
             `crate`"
        )
    };
    Error::new(word.span(), message)
}

/// The first attribute that has this key, and whether the key is code.
fn owner(key: &str) -> Option<(&'static str, bool)> {
    ATTRIBUTES.iter().find_map(|attribute| {
        let key = attribute.key(key)?;
        Some((attribute.name, !key.takes.is_data()))
    })
}
