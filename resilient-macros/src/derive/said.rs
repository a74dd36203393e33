//! What stands in one `#[class(…)]`.

use crate::literal::{self, Value};
use crate::parse::{Datum, separated};
use crate::shared::{Mistakes, Shared};
use crate::table::{Takes, listed, nearest};
use proc_macro2::Ident;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Error, Expr, Meta, Result, Token};

/// The words for a class.
const CLASSES: [&str; 6] = [
    "transient",
    "throttled",
    "permanent",
    "ignored",
    "forward",
    "rejected",
];

/// The settings of a retry that an error can have an opinion about.
const HINTS: [(&str, Takes); 3] = [
    ("attempts", Takes::Count),
    ("backoff", Takes::Backoff),
    ("jitter", Takes::Jitter),
];

/// What stands in `#[class(…)]`.
#[derive(Default)]
pub(super) struct Said {
    pub(super) class: Option<(&'static str, Ident)>,
    pub(super) hints: Vec<Datum>,
    pub(super) retry_after: Option<(Ident, Expr)>,
    pub(super) path: Option<syn::Path>,
}

impl Said {
    /// What `attributes` say; `whole` if they stand on the type.
    pub(super) fn on(
        attributes: &[Attribute],
        whole: bool,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let mut said = None;
        for attribute in attributes {
            if !is_class(attribute) {
                continue;
            }
            let Meta::List(list) = &attribute.meta else {
                let message = "the class stands in parentheses: `#[class(transient)]`";
                mistakes.add(Error::new_spanned(attribute, message));
                continue;
            };
            if said.is_some() {
                let message = "`class` is given twice: keep one";
                mistakes.add(Error::new_spanned(attribute, message));
                continue;
            }
            let mut parsed = Self::default();
            let parse =
                |input: ParseStream<'_>| separated(input, &mut |input, _| parsed.one(input, whole));
            match parse.parse2(list.tokens.clone()) {
                Ok(wrong) if wrong.is_empty() => {
                    if let Err(error) = parsed.check(list) {
                        mistakes.add(error);
                    }
                }
                Ok(wrong) => wrong.into_iter().for_each(|error| mistakes.add(error)),
                Err(error) => mistakes.add(error),
            }
            said = Some(parsed);
        }
        said
    }

    fn one(&mut self, input: ParseStream<'_>, whole: bool) -> Result<()> {
        if input.peek(Token![crate]) && input.peek2(Token![=]) {
            if !whole {
                return Err(input.error("`crate = …` stands on the type, and holds for all of it"));
            }
            let mut shared = Shared::default();
            shared.parse(input)?;
            self.path = shared.private_crate;
            return Ok(());
        }
        let Ok(word) = input.call(Ident::parse_any) else {
            return Err(input.error(format!("expected a class: {}", listed(CLASSES))));
        };
        if !input.peek(Token![=]) {
            return self.class(word);
        }
        let name = word.to_string();
        let hint = HINTS.iter().find(|(hint, _)| *hint == name);
        if hint.is_none() && name != "retry_after" {
            let keys = || HINTS.iter().map(|(hint, _)| *hint).chain(["retry_after"]);
            let meant = nearest(&name, keys())
                .map(|meant| format!(", did you mean `{meant}`?"))
                .unwrap_or_default();
            let separator = if meant.is_empty() { ";" } else { "" };
            let keys = listed(keys());
            return Err(Error::new(
                word.span(),
                format!(
                    "there is no key `{name}`{meant}{separator} the keys of `class` are {keys}"
                ),
            ));
        }
        let given = self.hints.iter().any(|datum| datum.key == word);
        if given || (name == "retry_after" && self.retry_after.is_some()) {
            return Err(Error::new(
                word.span(),
                format!("`{name}` is given twice: keep one"),
            ));
        }
        let equals: Token![=] = input.parse()?;
        if input.is_empty() || input.peek(Token![,]) {
            let message = format!("`{name}` needs a value: `{name} = …`");
            return Err(Error::new_spanned(quote!(#word #equals), message));
        }
        if let Some((hint, takes)) = hint {
            let (value, span) = literal::value(*takes, hint, input)?;
            if let Value::Closure(code) = value {
                return Err(Error::new_spanned(
                    code,
                    "a function has its place on the `retry` of a function: a hint is data, such as \
                     `backoff = exponential(100ms..10s)`",
                ));
            }
            let key = word;
            self.hints.push(Datum { key, value, span });
        } else {
            self.retry_after = Some((word, literal::expression(input)?));
        }
        Ok(())
    }

    fn class(&mut self, word: Ident) -> Result<()> {
        let name = word.to_string();
        let Some(class) = CLASSES.into_iter().find(|class| *class == name) else {
            let meant = nearest(&name, CLASSES)
                .map(|meant| format!(", did you mean `{meant}`?"))
                .unwrap_or_default();
            let separator = if meant.is_empty() { ";" } else { "" };
            let classes = listed(CLASSES);
            return Err(Error::new(
                word.span(),
                format!("there is no class `{name}`{meant}{separator} the classes are {classes}"),
            ));
        };
        if let Some((first, _)) = self.class {
            return Err(Error::new(
                word.span(),
                format!("an error has one class, and this one is `{first}` already"),
            ));
        }
        self.class = Some((class, word));
        Ok(())
    }

    /// What makes no sense whatever it stands on.
    fn check(&self, list: &syn::MetaList) -> Result<()> {
        let keys = self.hints.iter().map(|datum| &datum.key);
        let first_key = keys
            .chain(self.retry_after.iter().map(|(key, _)| key))
            .next();
        let Some((class, _)) = self.class else {
            return match first_key {
                Some(key) => Err(Error::new(
                    key.span(),
                    format!("the class is missing: `#[class(transient, {key} = …)]`"),
                )),
                None if self.path.is_some() => Ok(()),
                None => Err(Error::new_spanned(
                    list,
                    format!("the class is missing; the classes are {}", listed(CLASSES)),
                )),
            };
        };
        if let (Some((key, _)), true) = (&self.retry_after, class != "throttled") {
            return Err(Error::new(
                key.span(),
                "`retry_after` goes with `throttled`: `#[class(throttled, retry_after = …)]`",
            ));
        }
        let Some(key) = first_key else { return Ok(()) };
        let why = match class {
            "permanent" | "ignored" => "is not retried",
            "forward" => "says what its field says",
            "rejected" => "is decided about by the rules for refusals",
            _ => return Ok(()),
        };
        let message = format!("what is `{class}` {why}, so `{key}` has no place here");
        Err(Error::new(key.span(), message))
    }
}

pub(super) fn is_class(attribute: &Attribute) -> bool {
    attribute.path().is_ident("class")
}
