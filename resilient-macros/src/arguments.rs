//! The arguments of the function, as the body and its fallbacks get them.

use crate::body::local;
use crate::literal::Value;
use crate::parse::Datum;
use crate::rename::renamed_self;
use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Error, FnArg, Pat, Result, Signature, Type};

/// The arguments of the function.
#[derive(Default)]
pub(crate) struct Arguments {
    /// The path of our private module.
    private: TokenStream,
    /// All names that the signature binds, `self` included.
    names: Vec<Ident>,
    /// What is lent mutably: the parameter of the body's closure, and what is passed for it.
    pub(crate) lent: Vec<(TokenStream, TokenStream)>,
    /// Statements that bind `mut` names again.
    pub(crate) rebound: TokenStream,
    /// Whether `self` has another name in the body.
    pub(crate) self_is_renamed: bool,
    /// Whether that other name is a parameter of the body's closure.
    pub(crate) self_is_lent: bool,
    /// What stands before the body's closure.
    pub(crate) before: TokenStream,
    /// The names of what is passed by value, unless it is surely `Copy`: these the body may move.
    owned: Vec<Span>,
    /// The whole list.
    list: Option<Span>,
    /// The arguments as a fallback function gets them; the pattern where one has no name.
    pub(crate) passed: Vec<std::result::Result<TokenStream, Pat>>,
}

/// Whether a value of this type may have to be cloned to be used twice.
fn is_owned(of: &Type) -> bool {
    const COPIES: [&str; 17] = [
        "bool", "char", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64",
        "i128", "isize", "f32", "f64", "Duration",
    ];
    match of {
        Type::Reference(_) => false,
        Type::Path(of) => !COPIES.iter().any(|name| of.path.is_ident(name)),
        _ => true,
    }
}

impl Arguments {
    pub(crate) fn of(signature: &Signature, private: &TokenStream, again: bool) -> Self {
        let mut arguments = Self {
            private: private.clone(),
            list: Some(signature.paren_token.span.join()),
            ..Self::default()
        };
        for input in &signature.inputs {
            match input {
                FnArg::Receiver(receiver) => arguments.receiver(receiver, again),
                FnArg::Typed(typed) => arguments.typed(typed, again),
            }
        }
        arguments
    }

    /// Where an argument is that is not `Clone` although the body moves it: the one that it can be, or
    /// the list.
    pub(crate) fn moved(&self) -> Option<Span> {
        match &*self.owned {
            [] => None,
            [only] => Some(*only),
            _ => self.list,
        }
    }

    fn receiver(&mut self, receiver: &syn::Receiver, again: bool) {
        let this = Ident::from(receiver.self_token);
        if is_owned(&receiver.ty) {
            self.owned.push(this.span());
        }
        self.names.push(this.clone());
        let renamed = renamed_self(this.span());
        let by_reference = matches!(&*receiver.ty, Type::Reference(_));
        let mutable_reference =
            matches!(&*receiver.ty, Type::Reference(of) if of.mutability.is_some());
        if again && mutable_reference {
            self.lent
                .push((quote!(#renamed: &mut Self), quote!(&mut *#this)));
            self.self_is_lent = true;
            self.passed.push(Ok(quote!(&mut *#renamed)));
        } else if again && is_pinned_mutable(&receiver.ty) {
            let pinned = local("pinned_self");
            let of = erased(receiver.ty.to_token_stream());
            self.before = quote_spanned!(Span::mixed_site()=> let mut #pinned = #this;);
            self.lent
                .push((quote!(mut #renamed: #of), quote!(#pinned.as_mut())));
            self.self_is_lent = true;
            self.passed.push(Ok(quote!(#renamed.as_mut())));
        } else if receiver.reference.is_none() && receiver.mutability.is_some() {
            self.rebound
                .extend(quote_spanned!(this.span()=> let mut #renamed = #this;));
            self.self_is_renamed = true;
            self.passed.push(Ok(self.clone_of(&this)));
        } else if by_reference {
            self.passed.push(Ok(quote!(#this)));
        } else {
            self.passed.push(Ok(self.clone_of(&this)));
        }
    }

    fn typed(&mut self, typed: &syn::PatType, again: bool) {
        if is_owned(&typed.ty) {
            self.owned.push(typed.pat.span());
        }
        let conditions: Vec<&Attribute> = typed
            .attrs
            .iter()
            .filter(|attribute| attribute.path().is_ident("cfg"))
            .collect();
        let mut bound = vec![];
        names(&typed.pat, &mut bound);
        let simple = match &*typed.pat {
            Pat::Ident(ident) if ident.subpat.is_none() => Some(&ident.ident),
            _ => None,
        };
        match (&*typed.ty, simple) {
            (Type::Reference(of), Some(name)) if again && of.mutability.is_some() => {
                let (pattern, inner) = (&typed.pat, erased(of.elem.to_token_stream()));
                self.lent.push((
                    quote!(#(#conditions)* #pattern: &mut #inner),
                    quote!(#(#conditions)* &mut *#name),
                ));
                self.passed.push(Ok(quote!(#(#conditions)* &mut *#name)));
            }
            (_, Some(name)) => {
                self.rebind(&bound, &conditions);
                let clone = self.clone_of(name);
                self.passed.push(Ok(quote!(#(#conditions)* #clone)));
            }
            _ => {
                self.rebind(&bound, &conditions);
                self.passed.push(Err((*typed.pat).clone()));
            }
        }
        self.names.extend(bound.into_iter().map(|(name, _)| name));
    }

    fn clone_of(&self, name: &Ident) -> TokenStream {
        let private = &self.private;
        quote_spanned!(Span::mixed_site()=> #private::core::clone::Clone::clone(&#name))
    }

    fn rebind(&mut self, bound: &[(Ident, Option<syn::Token![mut]>)], conditions: &[&Attribute]) {
        for (name, mutable) in bound {
            if mutable.is_some() {
                self.rebound
                    .extend(quote!(#(#conditions)* let #mutable #name = #name;));
            }
        }
    }

    /// Refuses a setting that begins with an argument, which is no constant.
    pub(crate) fn check_constant(&self, datum: &Datum) -> Result<()> {
        let Value::Expression(expression) = &datum.value else {
            return Ok(());
        };
        let mut tokens = expression.clone().into_iter();
        let (first, second) = (tokens.next(), tokens.next());
        let is_path = match second {
            Some(TokenTree::Punct(punct)) => punct.as_char() == ':',
            Some(TokenTree::Group(_)) => true,
            _ => false,
        };
        let Some(TokenTree::Ident(name)) = first.filter(|_| !is_path) else {
            return Ok(());
        };
        if !self.names.contains(&name) {
            return Ok(());
        }
        let mend = if datum.key == "duration" {
            format!("; for a duration of each call's own write `|| {expression}`")
        } else {
            String::new()
        };
        Err(Error::new_spanned(
            expression,
            format!("`{name}` is an argument, and a setting is a constant{mend}"),
        ))
    }

    /// Whether `tokens` may use an argument.
    pub(crate) fn are_mentioned(&self, tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => self.names.contains(&ident),
            TokenTree::Group(group) => self.are_mentioned(group.stream()),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                self.names
                    .iter()
                    .any(|name| text.contains(&format!("{{{name}")))
            }
            TokenTree::Punct(_) => false,
        })
    }
}

/// All names that a pattern binds, with their `mut`.
fn names(pattern: &Pat, found: &mut Vec<(Ident, Option<syn::Token![mut]>)>) {
    match pattern {
        Pat::Ident(ident) => {
            let mutable = ident.mutability.filter(|_| ident.by_ref.is_none());
            found.push((ident.ident.clone(), mutable));
            if let Some((_, inner)) = &ident.subpat {
                names(inner, found);
            }
        }
        Pat::Tuple(tuple) => tuple.elems.iter().for_each(|inner| names(inner, found)),
        Pat::TupleStruct(tuple) => tuple.elems.iter().for_each(|inner| names(inner, found)),
        Pat::Slice(slice) => slice.elems.iter().for_each(|inner| names(inner, found)),
        Pat::Struct(fields) => fields
            .fields
            .iter()
            .for_each(|field| names(&field.pat, found)),
        Pat::Reference(reference) => names(&reference.pat, found),
        Pat::Paren(inner) => names(&inner.pat, found),
        _ => {}
    }
}

/// Whether an argument is lent mutably.
pub(crate) fn lends_mutably(input: &FnArg) -> bool {
    let of = match input {
        FnArg::Receiver(receiver) => &receiver.ty,
        FnArg::Typed(typed) => &typed.ty,
    };
    matches!(&**of, Type::Reference(of) if of.mutability.is_some()) || is_pinned_mutable(of)
}

/// `Pin<&mut T>`, by whatever path.
fn is_pinned_mutable(of: &Type) -> bool {
    let Type::Path(path) = of else {
        return false;
    };
    path.path.segments.last().is_some_and(|last| {
        last.ident == "Pin" && mentions_mutable_borrow(last.arguments.to_token_stream())
    })
}

/// Whether `&mut` or `&'a mut` stands in a type.
pub(crate) fn mentions_mutable_borrow(tokens: TokenStream) -> bool {
    let mut borrow = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) if mentions_mutable_borrow(group.stream()) => return true,
            TokenTree::Punct(punct) if punct.as_char() == '&' => borrow = true,
            TokenTree::Punct(punct) if punct.as_char() == '\'' => {}
            TokenTree::Ident(ident) if borrow && ident == "mut" => return true,
            // The name of a lifetime: `mut` may still follow.
            TokenTree::Ident(_) if borrow => {}
            _ => borrow = false,
        }
    }
    false
}

/// A type in which every `impl Trait` is `_`.
pub(crate) fn erased(tokens: TokenStream) -> TokenStream {
    let mut erased_tokens = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) if ident == "impl" => {
                let mut depth = 0_u32;
                let mut before = ' ';
                while let Some(next) = tokens.peek() {
                    let mut now = ' ';
                    if let TokenTree::Punct(punct) = next {
                        now = punct.as_char();
                        let closes = now == '>' && before != '-';
                        match now {
                            ',' if depth == 0 => break,
                            '>' if closes && depth == 0 => break,
                            '>' if closes => depth -= 1,
                            '<' => depth += 1,
                            _ => {}
                        }
                    }
                    before = now;
                    tokens.next();
                }
                erased_tokens.extend(quote_spanned!(ident.span()=> _));
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), erased(group.stream()));
                inner.set_span(group.span());
                erased_tokens.extend([TokenTree::from(inner)]);
            }
            token => erased_tokens.extend([token]),
        }
    }
    erased_tokens
}
