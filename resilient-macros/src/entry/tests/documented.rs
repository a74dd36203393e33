//! The chapters "What it expands to" in `docs`, held against what the attribute expands to.

use super::attribute;
use crate::table::ATTRIBUTES;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::fs;

/// What the chapters leave out: how the body is kept for further attempts, what a test kit puts around
/// it, and a question to the compiler.
const LEFT_OUT: [&str; 8] = [
    "Own::new",
    "body",
    "clone",
    "clone_arguments_moved_by_the_body",
    "run_body",
    "run_within",
    "take",
    "unrefused",
];

/// The attribute at the head of the chapter, and the code below it.
fn chapter(page: &str) -> (String, TokenStream) {
    let path = format!("{}/../docs/{page}.md", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(&path).expect("a page for each policy");
    let between = |text: &str, start: &str, end: &str| {
        let (_, rest) = text
            .split_once(start)
            .unwrap_or_else(|| panic!("no {start} in {path}"));
        let (inside, _) = rest
            .split_once(end)
            .unwrap_or_else(|| panic!("no {end} in {path}"));
        inside.to_owned()
    };
    let (_, chapter) = text
        .split_once("\n## What it expands to\n")
        .expect("the chapter");
    let written = between(chapter, "`#[", "]`");
    let code = between(chapter, "```rust,ignore\n", "```");
    (written, code.parse().expect("tokens"))
}

/// What is called, awaited and branched on, in the order in which it stands.
fn steps(tokens: TokenStream) -> Vec<String> {
    const STEERS: [&str; 5] = ["await", "break", "if", "loop", "match"];
    let mut steps = vec![];
    let mut path: Vec<String> = vec![];
    let (mut before, mut generics) = (' ', 0_usize);
    for token in tokens {
        let is_segment = before == ':';
        before = ' ';
        match token {
            TokenTree::Ident(_) if generics > 0 => {}
            TokenTree::Ident(ident) if STEERS.iter().any(|word| ident == word) => {
                steps.push(ident.to_string());
                path.clear();
            }
            TokenTree::Ident(ident) => {
                if !is_segment {
                    path.clear();
                }
                let ident = ident.to_string();
                if ident != "__resilient" {
                    path.push(ident.trim_start_matches("__resilient_").to_owned());
                }
            }
            TokenTree::Group(group) => {
                if group.delimiter() == Delimiter::Parenthesis && !path.is_empty() {
                    steps.push(path.join("::"));
                }
                path.clear();
                steps.extend(self::steps(group.stream()));
            }
            TokenTree::Punct(punct) => {
                match punct.as_char() {
                    '<' => generics += 1,
                    '>' => generics = generics.saturating_sub(1),
                    ':' | '!' => {}
                    _ if generics > 0 => {}
                    _ => path.clear(),
                }
                before = punct.as_char();
            }
            TokenTree::Literal(_) => path.clear(),
        }
    }
    steps.retain(|step| !LEFT_OUT.contains(&step.as_str()));
    steps
}

/// The statics, and whatever registers them, and the line of calls behind them.
fn halves(code: TokenStream) -> (TokenStream, TokenStream) {
    let tokens: Vec<TokenTree> = code.into_iter().collect();
    let is_let = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "let");
    let middle = tokens.iter().position(is_let).expect("a line of calls");
    let (statics, line) = tokens.split_at(middle);
    (
        statics.iter().cloned().collect(),
        line.iter().cloned().collect(),
    )
}

/// Without the statement that keeps the body, and without what only helps inference.
fn without_body(tokens: TokenStream) -> TokenStream {
    let mut kept = vec![];
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is = |token: &TokenTree, text: &str| token.to_string() == text;
        let next = |tokens: &mut std::iter::Peekable<_>, text: &str| {
            tokens.peek().is_some_and(|token| is(token, text))
        };
        if is(&token, "let") && next(&mut tokens, "__resilient_body") {
            let _ = tokens.by_ref().find(|token| is(token, ";"));
        } else if is(&token, "#") {
            let _ = tokens.by_ref().find(|token| {
                matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
            });
        } else {
            kept.push(match token {
                TokenTree::Group(group) => {
                    let inside = without_body(group.stream());
                    proc_macro2::Group::new(group.delimiter(), inside).into()
                }
                other => other,
            });
        }
    }
    kept.into_iter().collect()
}

#[test]
fn what_an_attribute_expands_to_is_what_its_page_says() {
    for policy in &ATTRIBUTES {
        let (written, code) = chapter(policy.name);
        let arguments = written
            .strip_prefix(policy.name)
            .expect("its own attribute");
        let arguments: TokenStream = arguments.parse().expect("tokens");
        let Some(TokenTree::Group(arguments)) = arguments.into_iter().next() else {
            panic!("no arguments in `{written}`");
        };
        let item = "async fn price(&self, sku: Sku) -> Result<Price, PriceError> { body }";
        let output = attribute(
            policy.name,
            arguments.stream(),
            item.parse().expect("tokens"),
        );
        let Some(TokenTree::Group(body)) = output.into_iter().last() else {
            panic!("no body under `{written}`");
        };
        let (statics, line) = halves(body.stream());
        let (documented_statics, documented_line) = halves(code);
        assert_eq!(
            steps(documented_line),
            steps(without_body(line)),
            "the line of calls in docs/{}.md",
            policy.name
        );
        let statics = steps(statics);
        for step in steps(documented_statics) {
            let last = step.rsplit("::").next().expect("one").to_owned();
            let is_there = |other: &String| other.rsplit("::").next() == Some(&last);
            assert!(
                statics.iter().any(is_there),
                "`{step}` in docs/{}.md is not in {statics:?}",
                policy.name
            );
        }
    }
}
