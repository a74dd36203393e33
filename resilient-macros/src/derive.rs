//! `#[derive(Classify)]`: from `#[class(…)]` on each variant to an implementation.

mod case;
mod said;

use crate::body::local;
use crate::expand::{at, checked, private};
use crate::shared::Mistakes;
use case::{Case, Says, Wait};
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use said::Said;
use syn::spanned::Spanned;
use syn::{Error, Generics, Item, Member, Type};

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
                Case::of(
                    name,
                    quote!(Self::#name),
                    &variant.fields,
                    said.as_ref(),
                    whole.as_ref(),
                )
            });
            variants.collect::<Vec<_>>()
        }
        Item::Struct(item) => vec![Case::of(
            name,
            quote!(Self),
            &item.fields,
            whole.as_ref(),
            None,
        )],
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
        let arms: Vec<TokenStream> = arms.collect();
        self.optional(
            &quote_spanned!(site=> retry),
            &quote_spanned!(site=> #private::RetryHint),
            &arms,
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
        let arms: Vec<TokenStream> = arms.collect();
        self.optional(
            &quote_spanned!(site=> rejected),
            &quote_spanned!(site=> &#private::Rejected),
            &arms,
        )
    }

    /// A method that answers only for some of the cases, if there are any.
    fn optional(
        &self,
        name: &TokenStream,
        of: &TokenStream,
        arms: &[TokenStream],
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
