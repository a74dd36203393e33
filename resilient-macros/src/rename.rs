//! The body's `self` under another name, where it is a parameter or a local of the body.

use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream, TokenTree};

/// The name under which a body sees its `self` where it is not the function's own.
pub(crate) fn renamed_self(span: Span) -> Ident {
    Ident::new("__resilient_self", Span::mixed_site().located_at(span))
}

/// The statements with `self` under its other name, also in `"{self}"`, but not in items which
/// have a `self` of their own and not in paths such as `self::Item`.
pub(crate) fn with_self_renamed(tokens: TokenStream, in_macro: bool) -> TokenStream {
    let mut renamed: Vec<TokenTree> = vec![];
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) if starts_item(&ident, renamed.last()) => {
                let is_use = ident == "use";
                renamed.push(ident.into());
                for token in tokens.by_ref() {
                    let ends = match &token {
                        TokenTree::Group(group) => !is_use && group.delimiter() == Delimiter::Brace,
                        TokenTree::Punct(punct) => is_use && punct.as_char() == ';',
                        _ => false,
                    };
                    renamed.push(token);
                    if ends {
                        break;
                    }
                }
            }
            TokenTree::Ident(ident) if ident == "self" => {
                let is_path = matches!(
                    tokens.peek(),
                    Some(TokenTree::Punct(punct))
                        if punct.as_char() == ':' && punct.spacing() == proc_macro2::Spacing::Joint
                );
                renamed.push(if is_path {
                    ident.into()
                } else {
                    renamed_self(ident.span()).into()
                });
            }
            TokenTree::Group(group) => {
                let is_visibility = group.delimiter() == Delimiter::Parenthesis
                    && matches!(renamed.last(), Some(TokenTree::Ident(ident)) if ident == "pub");
                let inner = if is_visibility {
                    group.stream()
                } else {
                    let calls_macro = matches!(renamed.last(), Some(TokenTree::Punct(bang)) if bang.as_char() == '!');
                    with_self_renamed(group.stream(), in_macro || calls_macro)
                };
                let mut inner = Group::new(group.delimiter(), inner);
                inner.set_span(group.span());
                renamed.push(inner.into());
            }
            TokenTree::Literal(literal) if in_macro => {
                renamed.push(format_string_renamed(literal).into());
            }
            token => renamed.push(token),
        }
    }
    renamed.into_iter().collect()
}

/// Whether an item with a `self` of its own, or a `use`, begins here.
fn starts_item(word: &Ident, before: Option<&TokenTree>) -> bool {
    let begins = match before {
        None => true,
        Some(TokenTree::Punct(punct)) => punct.as_char() == ';',
        Some(TokenTree::Group(group)) => {
            matches!(group.delimiter(), Delimiter::Brace | Delimiter::Bracket)
        }
        Some(TokenTree::Ident(ident)) => ident == "unsafe" || ident == "pub",
        Some(TokenTree::Literal(_)) => false,
    };
    begins && (word == "impl" || word == "trait" || word == "use")
}

fn format_string_renamed(literal: Literal) -> Literal {
    let text = literal.to_string();
    if !(text.starts_with('"') || text.starts_with('r')) || !text.contains("{self") {
        return literal;
    }
    let text = text
        .replace("{self}", "{__resilient_self}")
        .replace("{self:", "{__resilient_self:");
    let Ok(mut renamed) = text.parse::<Literal>() else {
        return literal;
    };
    renamed.set_span(Span::mixed_site().located_at(literal.span()));
    renamed
}
