//! `#[derive(Classify)]`: from `#[class(…)]` on each variant to an implementation.

use crate::body::local;
use crate::expand::{at, checked, private};
use crate::literal;
use crate::parse::{Datum, separated};
use crate::shared::{Mistakes, Shared};
use crate::table::{Takes, listed, nearest};
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, Expr, Field, Fields, Generics, Index, Item, Member, Meta, Result, Token, Type,
};

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

/// Expands the derive on `item`.
pub(crate) fn classify(item: TokenStream) -> TokenStream {
    let item = match syn::parse2(item) {
        Ok(item) => item,
        Err(error) => return error.into_compile_error(),
    };
    let (name, attributes, generics) = match &item {
        Item::Enum(item) => (&item.ident, &item.attrs, &item.generics),
        Item::Struct(item) => (&item.ident, &item.attrs, &item.generics),
        other => {
            let message = "`Classify` is derived for an enum or a struct";
            return Error::new_spanned(other, message).into_compile_error();
        }
    };
    let mut mistakes = Mistakes::default();
    let whole = Said::on(attributes, true, &mut mistakes);
    let cases = match &item {
        Item::Enum(item) => {
            let variants = item.variants.iter().map(|variant| {
                let said = Said::on(&variant.attrs, false, &mut mistakes);
                let name = &variant.ident;
                Case::of(name, quote!(Self::#name), &variant.fields, said, &whole)
            });
            variants.collect::<Vec<_>>()
        }
        Item::Struct(item) => vec![Case::of(name, quote!(Self), &item.fields, None, &whole)],
        _ => vec![],
    };
    let cases: Vec<Case<'_>> = cases
        .into_iter()
        .filter_map(|case| case.map_err(|error| mistakes.add(error)).ok())
        .collect();
    let path = whole.as_ref().and_then(|said| said.path.as_ref());
    let derived = Derived {
        name,
        generics,
        cases: &cases,
        private: quote_spanned!(Span::mixed_site()=> __resilient),
    };
    let (module, alias) = (private(path), &derived.private);
    let (implementation, error) = match mistakes.or(()) {
        Ok(()) => (derived.implementation(), None),
        // Whoever needs the trait finds it, and reports nothing on top of the mistake.
        Err(error) => (derived.pretence(), Some(error.into_compile_error())),
    };
    quote_spanned!(Span::mixed_site()=>
        #error
        const _: () = {
            use #module as #alias;
            #implementation
        };
    )
}

/// What stands in `#[class(…)]`.
#[derive(Default)]
struct Said {
    class: Option<(&'static str, Ident)>,
    hints: Vec<Datum>,
    retry_after: Option<(Ident, Expr)>,
    path: Option<syn::Path>,
}

impl Said {
    /// What `attributes` say; `whole` if they stand on the type.
    fn on(attributes: &[Attribute], whole: bool, mistakes: &mut Mistakes) -> Option<Self> {
        let mut said = None;
        for attribute in attributes {
            if !attribute.path().is_ident("class") {
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
            return Err(Error::new(word.span(), format!("`{name}` is given twice")));
        }
        let equals: Token![=] = input.parse()?;
        if input.is_empty() || input.peek(Token![,]) {
            let message = format!("`{name}` needs a value: `{name} = …`");
            return Err(Error::new_spanned(quote!(#word #equals), message));
        }
        if let Some((hint, takes)) = hint {
            let (value, span) = literal::value(*takes, hint, input)?;
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

/// What one variant, or a struct, comes to.
struct Case<'a> {
    /// `Self::Variant`
    path: TokenStream,
    says: Says<'a>,
    hints: Vec<Datum>,
}

enum Says<'a> {
    /// The variant of `Class`.
    Plain(Ident),
    /// For as long as a field says, or a function of the whole error.
    Throttled(Wait),
    /// What this field says.
    Forward(Member, &'a Type),
    /// That it is this refusal.
    Rejected(Member, &'a Type),
}

enum Wait {
    Field(Member),
    Function(Expr),
}

impl<'a> Case<'a> {
    /// A variant, which has no say of its own where the type is a struct.
    fn of(
        name: &Ident,
        path: TokenStream,
        fields: &'a Fields,
        said: Option<Said>,
        whole: &Option<Said>,
    ) -> Result<Self> {
        if let Some(misplaced) = fields.iter().flat_map(|field| &field.attrs).find(is_class) {
            return Err(Error::new_spanned(
                misplaced,
                "`class` stands on the variant or on the type, not on a field",
            ));
        }
        let refusal = fields
            .iter()
            .enumerate()
            .find(|(_, field)| is_from_rejected(field));
        let own = said.as_ref().or(path
            .to_string()
            .eq("Self")
            .then_some(whole.as_ref())
            .flatten());
        let own = own.and_then(|said| said.class.as_ref());
        if let Some((index, field)) = refusal {
            match own {
                Some((class, word)) if !matches!(*class, "rejected" | "forward") => {
                    return Err(Error::new(
                        word.span(),
                        "a refusal is decided about by rules of its own: write \
                         `#[class(rejected)]`, or nothing",
                    ));
                }
                _ => {
                    let says = Says::Rejected(member(index, field), &field.ty);
                    let hints = vec![];
                    return Ok(Self { path, says, hints });
                }
            }
        }
        let Some(Said {
            class: Some((class, word)),
            hints,
            retry_after,
            ..
        }) = said.as_ref().or(whole.as_ref())
        else {
            let says = Says::Plain(Ident::new("Transient", Span::mixed_site()));
            let hints = vec![];
            return Ok(Self { path, says, hints });
        };
        let plain = |class| Says::Plain(Ident::new(class, Span::mixed_site()));
        let says = match (*class, retry_after) {
            ("forward", _) => {
                let (member, of) = the_field(name, fields, word)?;
                Says::Forward(member, of)
            }
            ("rejected", _) => {
                let (member, of) = the_field(name, fields, word)?;
                Says::Rejected(member, of)
            }
            ("throttled", Some((_, value))) => Says::Throttled(wait(name, fields, value)?),
            ("throttled", None) => plain("Throttled"),
            ("permanent", _) => plain("Permanent"),
            ("ignored", _) => plain("Ignored"),
            _ => plain("Transient"),
        };
        let hints = hints.clone();
        Ok(Self { path, says, hints })
    }
}

fn is_class(attribute: &&Attribute) -> bool {
    attribute.path().is_ident("class")
}

/// Whether thiserror, or who writes like it, makes the variant from a `Rejected`.
fn is_from_rejected(field: &Field) -> bool {
    let marked = |attribute: &Attribute| attribute.path().is_ident("from");
    let Type::Path(of) = &field.ty else {
        return false;
    };
    field.attrs.iter().any(marked)
        && of
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "Rejected")
}

fn member(index: usize, field: &Field) -> Member {
    field
        .ident
        .clone()
        .map_or_else(|| Member::from(index), Member::from)
}

/// The one field that says everything.
fn the_field<'a>(name: &Ident, fields: &'a Fields, word: &Ident) -> Result<(Member, &'a Type)> {
    let marked = |field: &Field| {
        let is_mark = |attribute: &Attribute| {
            attribute.path().is_ident("from") || attribute.path().is_ident("source")
        };
        field.attrs.iter().any(is_mark)
    };
    let mut found = fields
        .iter()
        .enumerate()
        .filter(|(_, field)| fields.len() == 1 || marked(field));
    match (found.next(), found.next()) {
        (Some((index, field)), None) => Ok((member(index, field), &field.ty)),
        _ => Err(Error::new(
            word.span(),
            format!(
                "`{word}` is for a variant with one field, or with one marked `#[from]` or \
                 `#[source]`; `{name}` has {}",
                match fields.len() {
                    0 => "none".to_owned(),
                    count => count.to_string(),
                }
            ),
        )),
    }
}

/// Where the time to wait comes from.
fn wait(name: &Ident, fields: &Fields, value: &Expr) -> Result<Wait> {
    let written = match value {
        Expr::Path(path) => match path.path.get_ident() {
            Some(field) => Member::from(field.clone()),
            None => return Ok(Wait::Function(value.clone())),
        },
        Expr::Closure(closure) if closure.inputs.len() == 1 => {
            return Ok(Wait::Function(value.clone()));
        }
        Expr::Lit(literal) => match syn::parse2::<Index>(literal.to_token_stream()) {
            Ok(index) => Member::from(index),
            Err(_) => return Err(not_a_wait(value)),
        },
        _ => return Err(not_a_wait(value)),
    };
    let members: Vec<Member> = fields.members().collect();
    if members.contains(&written) {
        return Ok(Wait::Field(written));
    }
    let text = |member: &Member| member.to_token_stream().to_string();
    let (written, members) = (text(&written), members.iter().map(text).collect::<Vec<_>>());
    let meant = nearest(&written, members.iter().map(String::as_str))
        .map(|meant| format!(", did you mean `{meant}`?"))
        .unwrap_or_default();
    let has = if members.is_empty() {
        "it has none".to_owned()
    } else {
        format!("it has {}", listed(members))
    };
    let separator = if meant.is_empty() { ";" } else { "" };
    Err(Error::new_spanned(
        value,
        format!("there is no field `{written}` in `{name}`{meant}{separator} {has}"),
    ))
}

fn not_a_wait(value: &Expr) -> Error {
    Error::new_spanned(
        value,
        "`retry_after` is a field of the variant, or a function of the error: `Self::wait`, \
         `|error| …`",
    )
}

struct Derived<'a> {
    name: &'a Ident,
    generics: &'a Generics,
    cases: &'a [Case<'a>],
    /// The path of our private module.
    private: TokenStream,
}

impl Derived<'_> {
    fn around(&self, methods: &TokenStream) -> TokenStream {
        let (name, private) = (self.name, &self.private);
        let mut generics = self.generics.clone();
        for case in self.cases {
            if let Says::Forward(_, of) = case.says
                && self.is_generic(of.to_token_stream())
            {
                let bound = syn::parse2::<syn::WherePredicate>(quote!(#of: #private::Classify));
                generics.make_where_clause().predicates.extend(bound);
            }
        }
        let (parameters, arguments, bounds) = generics.split_for_impl();
        quote_spanned!(Span::mixed_site()=>
            #[automatically_derived]
            #[allow(deprecated)]
            impl #parameters #private::Classify for #name #arguments #bounds { #methods }
        )
    }

    fn is_generic(&self, of: TokenStream) -> bool {
        of.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => self
                .generics
                .type_params()
                .any(|parameter| parameter.ident == ident),
            TokenTree::Group(group) => self.is_generic(group.stream()),
            _ => false,
        })
    }

    fn pretence(&self) -> TokenStream {
        let private = &self.private;
        self.around(&quote_spanned!(Span::mixed_site()=>
            fn class(&self) -> #private::Class { #private::Class::Transient }
        ))
    }

    fn implementation(&self) -> TokenStream {
        let (class, retry, rejected) = (self.class(), self.retry(), self.rejected());
        self.around(&quote_spanned!(Span::mixed_site()=> #class #retry #rejected))
    }

    /// A pattern with the field bound to a name of ours, and the name at the type of the field.
    fn bound(path: &TokenStream, member: &Member, span: Span) -> (TokenStream, Ident) {
        let mut field = local("field");
        field.set_span(span.resolved_at(Span::mixed_site()));
        (quote!(#path { #member: #field, .. }), field)
    }

    fn class(&self) -> TokenStream {
        let private = &self.private;
        let site = Span::mixed_site();
        let mut arms: Vec<(TokenStream, TokenStream)> = vec![];
        for Case { path, says, .. } in self.cases {
            let (pattern, answer) = match says {
                Says::Plain(class) if class == "Throttled" => (
                    quote!(#path { .. }),
                    quote_spanned!(site=> #private::Class::Throttled { retry_after: #private::None }),
                ),
                Says::Plain(class) => (
                    quote!(#path { .. }),
                    quote_spanned!(site=> #private::Class::#class),
                ),
                Says::Throttled(Wait::Field(member)) => {
                    let (pattern, field) = Self::bound(path, member, member.span());
                    let at = at(member.span().resolved_at(site), private);
                    let wait = quote_spanned!(member.span().resolved_at(site)=>
                        #at::RetryAfter::retry_after(#field)
                    );
                    (
                        pattern,
                        quote_spanned!(site=> #private::Class::Throttled { retry_after: #wait }),
                    )
                }
                Says::Throttled(Wait::Function(function)) => {
                    let span = function.span().resolved_at(site);
                    let at = at(span, private);
                    let wait = quote_spanned!(span=> #at::retry_after(self, #function));
                    (
                        quote!(#path { .. }),
                        quote_spanned!(site=> #private::Class::Throttled { retry_after: #wait }),
                    )
                }
                Says::Forward(member, of) => {
                    let (pattern, field) = Self::bound(path, member, of.span());
                    (pattern, self.asked("class", of, &field))
                }
                Says::Rejected(..) => (
                    quote!(#path { .. }),
                    quote_spanned!(site=> #private::class_of_refusal(self)),
                ),
            };
            let same = arms.iter_mut().find(|(_, other)| {
                matches!(says, Says::Plain(_) | Says::Rejected(..))
                    && other.to_string() == answer.to_string()
            });
            match same {
                Some((patterns, _)) => patterns.extend(quote!(| #pattern)),
                None => arms.push((pattern, answer)),
            }
        }
        let arms = arms
            .iter()
            .map(|(pattern, answer)| quote!(#pattern => #answer,));
        let scrutinee = if self.cases.is_empty() {
            quote_spanned!(site=> *self)
        } else {
            quote_spanned!(site=> self)
        };
        quote_spanned!(site=>
            fn class(&self) -> #private::Class {
                match #scrutinee { #(#arms)* }
            }
        )
    }

    /// What a field says.
    fn asked(&self, method: &str, of: &Type, field: &Ident) -> TokenStream {
        let span = of.span().resolved_at(Span::mixed_site());
        let (private, method) = (at(span, &self.private), Ident::new(method, span));
        quote_spanned!(span=> #private::Classify::#method(#field))
    }

    fn retry(&self) -> Option<TokenStream> {
        let private = &self.private;
        let site = Span::mixed_site();
        let arms = self.cases.iter().filter_map(|case| {
            let path = &case.path;
            if let Says::Forward(member, of) = &case.says {
                let (pattern, field) = Self::bound(path, member, of.span());
                let hint = self.asked("retry", of, &field);
                return Some(quote!(#pattern => #hint,));
            }
            let new = quote_spanned!(site=> #private::RetryPolicy::new());
            let hints = case.hints.iter();
            let policy = hints.fold(new, |before, datum| {
                checked(private, "RetryPolicy", &before, datum)
            });
            (!case.hints.is_empty()).then(|| {
                quote_spanned!(site=> #path { .. } => {
                    const HINT: #private::RetryHint = #private::hint(#policy);
                    #private::Some(HINT)
                })
            })
        });
        let arms = arms.collect();
        self.optional(
            &quote_spanned!(site=> retry),
            &quote_spanned!(site=> #private::RetryHint),
            arms,
        )
    }

    fn rejected(&self) -> Option<TokenStream> {
        let private = &self.private;
        let site = Span::mixed_site();
        let arms = self
            .cases
            .iter()
            .filter_map(|Case { path, says, .. }| match says {
                Says::Forward(member, of) => {
                    let (pattern, field) = Self::bound(path, member, of.span());
                    let rejected = self.asked("rejected", of, &field);
                    Some(quote!(#pattern => #rejected,))
                }
                Says::Rejected(member, of) => {
                    let (pattern, field) = Self::bound(path, member, of.span());
                    Some(quote_spanned!(site=> #pattern => #private::Some(#field),))
                }
                _ => None,
            });
        let arms = arms.collect();
        self.optional(
            &quote_spanned!(site=> rejected),
            &quote_spanned!(site=> &#private::Rejected),
            arms,
        )
    }

    /// A method that answers only for some of the cases, if there are any.
    fn optional(
        &self,
        name: &TokenStream,
        of: &TokenStream,
        arms: Vec<TokenStream>,
    ) -> Option<TokenStream> {
        let private = &self.private;
        let rest = (arms.len() < self.cases.len())
            .then(|| quote_spanned!(Span::mixed_site()=> _ => #private::None,));
        (!arms.is_empty()).then(|| {
            quote_spanned!(Span::mixed_site()=>
                fn #name(&self) -> #private::core::option::Option<#of> {
                    match self { #(#arms)* #rest }
                }
            )
        })
    }
}

#[cfg(test)]
mod tests;
