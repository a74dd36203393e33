//! Keys are, where they were written, names of methods of the builders: an editor shows the documentation
//! of the method at the key, and goes there.

use super::{attribute, first_attribute};
use crate::table::{ATTRIBUTES, Takes};
use proc_macro2::{Delimiter, LineColumn, TokenStream, TokenTree};

/// The names that are called as methods or functions, and where they were written.
fn called(tokens: TokenStream, found: &mut Vec<(String, LineColumn)>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => called(group.stream(), found),
            TokenTree::Ident(name) => {
                let is_called = matches!(tokens.get(index + 1), Some(TokenTree::Group(arguments))
                    if arguments.delimiter() == Delimiter::Parenthesis);
                let is_member = index.checked_sub(1).is_some_and(|before| {
                    matches!(&tokens[before], TokenTree::Punct(punct)
                        if matches!(punct.as_char(), '.' | ':'))
                });
                if is_called && is_member {
                    found.push((name.to_string(), name.span().start()));
                }
            }
            _ => {}
        }
    }
}

/// A value that this kind of key takes, if it becomes a call.
fn example(takes: Takes) -> Option<&'static str> {
    Some(match takes {
        Takes::Count => "5",
        Takes::Share => "50%",
        Takes::Duration | Takes::DurationOrClosure => "5s",
        Takes::Factor => "1.5",
        Takes::Flag => "true",
        Takes::Shares => "[10%, 50%]",
        Takes::Rate => "100/s",
        Takes::Backoff => "exponential(100ms..5s)",
        Takes::Jitter => "full",
        Takes::Order => "fifo",
        Takes::Algorithm => "sliding_window",
        Takes::Budget => "20%",
        Takes::After => "p95",
        Takes::Predicate => "|_| true",
        Takes::Hook | Takes::Function | Takes::Expression | Takes::Binding | Takes::Mark => {
            return None;
        }
    })
}

#[test]
fn a_key_is_the_method_of_the_builder_where_it_was_written() {
    let mut seen = 0;
    for policy in &ATTRIBUTES {
        for key in policy.keys {
            let Some(value) = example(key.takes) else {
                continue;
            };
            let written = format!("{} = {value}", key.name);
            let before = match policy.name {
                "timeout" if key.name != "duration" => "5s, ",
                "rate_limit" if key.name != "rate" => "100/s, ",
                "hedge" if key.name != "after" => "100ms, ",
                "bulkhead" if key.name != "limit" => "20, ",
                "fallback" if key.name == "stale" => "key = id, ",
                "fallback" if key.name == "entries" => "key = id, stale = 10m, ",
                "fallback" => "list_price, ",
                _ => "",
            };
            let source = format!(
                "#[{}({before}{written})]\nasync fn target(id: u32) -> Result<u32, Error> {{ ask(id).await }}",
                policy.name
            );
            let column = source.find(&written).expect("it is written there");
            let tokens: TokenStream = source.parse().expect("tokens");
            let (name, arguments, item) = first_attribute(&tokens).expect("an attribute");
            let expansion = attribute(&name, arguments, item);
            let refused = expansion.to_string().contains("compile_error");
            assert!(!refused, "{source}\n{expansion}");
            let mut names = vec![];
            called(expansion, &mut names);
            let is_there = names
                .iter()
                .any(|(name, at)| name == key.name && (at.line, at.column) == (1, column));
            assert!(is_there, "{source}\n{names:?}");
            seen += 1;
        }
    }
    assert!(seen >= 25, "{seen} keys");
}
