//! The annotated function, and the carrier: the body that holds a stack while it is collected.

use crate::parse::Written;
use crate::returned_future::{self, ReturnedFuture};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{AttrStyle, Attribute, Error, FnArg, Pat, Result, Signature, Token, Visibility};

/// A function whose body nobody has looked into.
#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: Group,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let start = input.span();
        let Ok(signature) = input.parse::<Signature>() else {
            return Err(Error::new(
                start,
                "a policy stands on a function, or on a method with a body",
            ));
        };
        if input.peek(Token![;]) {
            return Err(Error::new(
                signature.ident.span(),
                "this method has no body that a policy could protect: put the attribute on its \
                 implementations",
            ));
        }
        let body = without_inner_attributes(braces(input.parse()?)?, &mut attributes)?;
        Ok(Self {
            attributes,
            visibility,
            signature,
            body,
        })
    }
}

/// The body, with what `#![…]` says in it said as `#[…]` on the function: it will not stand at the
/// beginning of a body any more.
fn without_inner_attributes(body: Group, attributes: &mut Vec<Attribute>) -> Result<Group> {
    let split = |input: ParseStream<'_>| {
        let inner = input.call(Attribute::parse_inner)?;
        let rest: TokenStream = input.parse()?;
        Ok((inner, rest))
    };
    let (inner, rest) = split.parse2(body.stream())?;
    if inner.is_empty() {
        return Ok(body);
    }
    attributes.extend(inner.into_iter().map(|attribute| Attribute {
        style: AttrStyle::Outer,
        ..attribute
    }));
    let mut without = Group::new(Delimiter::Brace, rest);
    without.set_span(body.span());
    Ok(without)
}

/// A block, out of the invisible groups in which `macro_rules` hands it on.
fn braces(token: TokenTree) -> Result<Group> {
    match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Ok(group),
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            braces(syn::parse2(group.stream())?)
        }
        other => Err(Error::new(
            other.span(),
            "expected the body of the function",
        )),
    }
}

impl Function {
    /// The function with another body, in the braces of the user, so that it is theirs to every lint.
    pub(crate) fn with_body(&self, body: &TokenStream) -> TokenStream {
        self.with_body_at(body, self.body.span())
    }

    /// The function with another body, in braces of this span.
    pub(crate) fn with_body_at(&self, body: &TokenStream, span: Span) -> TokenStream {
        let Self {
            attributes,
            visibility,
            signature,
            ..
        } = self;
        let mut braced = Group::new(Delimiter::Brace, body.clone());
        braced.set_span(span);
        quote!(#(#attributes)* #visibility #signature #braced)
    }

    /// The function as it was.
    pub(crate) fn untouched(&self) -> TokenStream {
        let Self {
            attributes,
            visibility,
            signature,
            body,
        } = self;
        quote!(#(#attributes)* #visibility #signature #body)
    }

    /// Whether no attribute is left that has yet to look at the function.
    pub(crate) fn is_last(&self) -> bool {
        self.attributes.iter().all(is_inert)
    }
}

/// Whether the compiler itself knows the attribute and it expands to nothing.
fn is_inert(attribute: &Attribute) -> bool {
    const INERT: [&str; 18] = [
        "allow",
        "automatically_derived",
        "cfg",
        "clippy",
        "cold",
        "deny",
        "deprecated",
        "diagnostic",
        "doc",
        "expect",
        "forbid",
        "inline",
        "must_use",
        "no_mangle",
        "rustfmt",
        "target_feature",
        "track_caller",
        "warn",
    ];
    let first = attribute.path().segments.first();
    first.is_some_and(|segment| INERT.iter().any(|name| segment.ident == name))
}

/// The stack as far as it has been collected, and the function as it was.
pub(crate) struct Carrier {
    pub(crate) stack: Vec<Written>,
    pub(crate) signature: Signature,
    pub(crate) body: Group,
}

/// The name of the macro that carries a stack.
const CARRIER: &str = "__resilient_stack";

impl Carrier {
    /// What the body of `function` carries: the stack so far, or nothing yet.
    ///
    /// # Errors
    ///
    /// If another attribute has wrapped a carrier: it stood between two of ours.
    pub(crate) fn of(function: &Function) -> Result<Self> {
        let body = function.body.stream();
        // Of a function that returns a future it stands where the body of the future does.
        let tokens: Vec<TokenTree> = match returned_future::inside(body.clone()) {
            Some(inside) if function.signature.asyncness.is_none() => inside.into_iter().collect(),
            _ => body.into_iter().collect(),
        };
        if let Some(carrier) = Self::exactly(&tokens) {
            return Ok(carrier);
        }
        if contains_carrier(function.body.stream()) {
            return Err(Error::new(
                Span::call_site(),
                "another attribute stands between this one and the policies above it, and would \
                 tear the stack apart: move it above all of them or below all of them",
            ));
        }
        Ok(Self {
            stack: vec![],
            signature: function.signature.clone(),
            body: function.body.clone(),
        })
    }

    /// The carrier, if `tokens` are `path::to::__resilient_stack! { … }` and nothing else.
    fn exactly(tokens: &[TokenTree]) -> Option<Self> {
        let [
            path @ ..,
            TokenTree::Ident(name),
            TokenTree::Punct(bang),
            TokenTree::Group(group),
        ] = tokens
        else {
            return None;
        };
        let is_path = path.iter().all(|token| match token {
            TokenTree::Ident(_) => true,
            TokenTree::Punct(punct) => punct.as_char() == ':',
            _ => false,
        });
        if !(is_path && name == CARRIER && bang.as_char() == '!') {
            return None;
        }
        Self::parse.parse2(group.stream()).ok()
    }

    pub(crate) fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (list, signature);
        syn::bracketed!(list in input);
        let mut stack = vec![];
        while !list.is_empty() {
            let name = list.parse()?;
            let arguments;
            syn::parenthesized!(arguments in list);
            let arguments = arguments.parse()?;
            stack.push(Written { name, arguments });
        }
        syn::braced!(signature in input);
        Ok(Self {
            stack,
            signature: signature.parse()?,
            body: braces(input.parse()?)?,
        })
    }

    /// The body that carries this.
    pub(crate) fn tokens(&self, private: &TokenStream) -> TokenStream {
        let entries = self
            .stack
            .iter()
            .map(|Written { name, arguments }| quote!(#name (#arguments)));
        let Self {
            signature, body, ..
        } = self;
        let carrier = Ident::new(CARRIER, Span::mixed_site());
        quote_spanned!(Span::mixed_site()=>
            #private::#carrier! { [#(#entries)*] {#signature} #body }
        )
    }

    /// The original function as an `async fn`, if it returns a future.
    pub(crate) fn future(&self) -> Option<ReturnedFuture> {
        ReturnedFuture::of(&self.signature, &self.body)
    }
}

fn contains_carrier(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == CARRIER,
        TokenTree::Group(group) => contains_carrier(group.stream()),
        _ => false,
    })
}

/// The signature without `mut` before names: the body binds them again, once per attempt.
pub(crate) fn without_mut(signature: &Signature) -> Signature {
    let mut signature = signature.clone();
    for input in &mut signature.inputs {
        match input {
            FnArg::Receiver(receiver) if receiver.reference.is_none() => receiver.mutability = None,
            FnArg::Receiver(_) => {}
            FnArg::Typed(typed) => pattern_without_mut(&mut typed.pat),
        }
    }
    signature
}

pub(crate) fn pattern_without_mut(pattern: &mut Pat) {
    match pattern {
        Pat::Ident(ident) => {
            if ident.by_ref.is_none() {
                ident.mutability = None;
            }
            if let Some((_, inner)) = &mut ident.subpat {
                pattern_without_mut(inner);
            }
        }
        Pat::Tuple(tuple) => tuple.elems.iter_mut().for_each(pattern_without_mut),
        Pat::TupleStruct(tuple) => tuple.elems.iter_mut().for_each(pattern_without_mut),
        Pat::Slice(slice) => slice.elems.iter_mut().for_each(pattern_without_mut),
        Pat::Struct(fields) => {
            for field in &mut fields.fields {
                // `Point { mut x }` is short for `x: mut x`.
                pattern_without_mut(&mut field.pat);
            }
        }
        Pat::Reference(reference) => pattern_without_mut(&mut reference.pat),
        Pat::Paren(inner) => pattern_without_mut(&mut inner.pat),
        _ => {}
    }
}

/// The item without our attributes, for when something is wrong: its callers still type-check.
///
/// Nobody resolves names here, so it goes by the last segment.
pub(crate) fn without_ours(item: TokenStream) -> TokenStream {
    let split = |input: ParseStream<'_>| {
        let attributes = input.call(Attribute::parse_outer)?;
        let rest: TokenStream = input.parse()?;
        Ok((attributes, rest))
    };
    let Ok((attributes, rest)) = split.parse2(item.clone()) else {
        return item;
    };
    let attributes = attributes.iter().filter(|attribute| {
        let last = attribute
            .path()
            .segments
            .last()
            .map(|last| last.ident.to_string());
        last.is_none_or(|last| {
            last != "resilient" && crate::table::Attribute::named(&last).is_none()
        })
    });
    let mut tokens = TokenStream::new();
    attributes.for_each(|attribute| attribute.to_tokens(&mut tokens));
    tokens.extend(rest);
    tokens
}
