//! The body of the function: how it is run once, and how it is run again.
//!
//! A body that runs once is an `async` block. One that may run again, or that shares its arguments
//! with a fallback, is a closure around an `async` block. The closure is cloned for every run and
//! captures by reference what the body only borrows, and by value what it moves: so the compiler
//! itself finds out which arguments have to be `Clone`. What is lent mutably comes as a parameter.

use crate::expand::at;
use crate::literal::Value;
use crate::parse::{Answer, Datum, Layer};
use crate::stack::Stack;
use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Error, FnArg, Pat, Result, ReturnType, Signature, Type};

/// A name of ours, which the user's code does not see.
pub(crate) fn local(name: &str) -> Ident {
    Ident::new(&format!("__resilient_{name}"), Span::mixed_site())
}

/// The name under which a body sees its `self` where it is not the function's own.
fn renamed_self(span: Span) -> Ident {
    Ident::new("__resilient_self", Span::mixed_site().located_at(span))
}

/// The arguments of the function.
#[derive(Default)]
pub(crate) struct Arguments {
    /// The path of our private module.
    private: TokenStream,
    /// All names that the signature binds, `self` included.
    names: Vec<Ident>,
    /// What is lent mutably: the parameter of the body's closure, and what is passed for it.
    lent: Vec<(TokenStream, TokenStream)>,
    /// Statements that bind `mut` names again.
    rebound: TokenStream,
    /// Whether `self` has another name in the body.
    self_is_renamed: bool,
    /// Whether that other name is a parameter of the body's closure.
    self_is_lent: bool,
    /// What stands before the body's closure.
    before: TokenStream,
    /// The arguments as a fallback function gets them; the pattern where one has no name.
    passed: Vec<std::result::Result<TokenStream, Pat>>,
}

impl Arguments {
    pub(crate) fn of(signature: &Signature, private: &TokenStream, again: bool) -> Self {
        let mut arguments = Self {
            private: private.clone(),
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

    fn receiver(&mut self, receiver: &syn::Receiver, again: bool) {
        let this = Ident::from(receiver.self_token);
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
    fn check_constant(&self, datum: &Datum) -> Result<()> {
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

/// How the body is emitted.
pub(crate) struct Body<'a> {
    stack: &'a Stack,
    private: &'a TokenStream,
    arguments: Arguments,
    /// The declared type, with `impl Trait` as `_`.
    returns: TokenStream,
    returns_span: Span,
    /// The user's statements.
    statements: TokenStream,
    braces: Span,
    /// Whether the body may run more than once or shares its arguments with a fallback.
    again: bool,
    /// The fallbacks that run inside the body's closure, by their index in the stack.
    inside: Vec<usize>,
}

impl<'a> Body<'a> {
    pub(crate) fn new(
        stack: &'a Stack,
        private: &'a TokenStream,
        signature: &Signature,
        body: &Group,
    ) -> Result<Self> {
        let arguments = Arguments::of(signature, private, false);
        let inside: Vec<usize> = (0..stack.layers.len())
            .filter(|index| uses_arguments(&stack.layers[*index], &arguments))
            .collect();
        let again = !inside.is_empty() || stack.layers.iter().any(|layer| layer.is("retry"));
        let arguments = Arguments::of(signature, private, again);
        let calls_function =
            |index: &usize| matches!(stack.layers[*index].answer, Some(Answer::Function { .. }));
        if inside.iter().any(calls_function)
            && let Some(Err(pattern)) = arguments.passed.iter().find(|passed| passed.is_err())
        {
            return Err(Error::new_spanned(
                pattern,
                "a fallback function gets every argument, and this one has no name: name it and \
                 take it apart in the body, or write the fallback as a closure",
            ));
        }
        let data = stack.layers.iter().flat_map(|layer| &layer.data);
        for datum in data {
            arguments.check_constant(datum)?;
        }
        let (returns, returns_span) = match &signature.output {
            ReturnType::Default => (quote!(()), signature.ident.span()),
            ReturnType::Type(_, of) => (erased(of.to_token_stream()), of.span()),
        };
        let statements = if arguments.self_is_renamed || arguments.self_is_lent {
            with_self_renamed(body.stream(), false)
        } else {
            body.stream()
        };
        Ok(Self {
            stack,
            private,
            arguments,
            returns,
            returns_span,
            statements,
            braces: body.span(),
            again,
            inside,
        })
    }

    pub(crate) fn returns(&self) -> &TokenStream {
        &self.returns
    }

    /// Where the function says what it returns.
    pub(crate) fn returns_span(&self) -> Span {
        self.returns_span.resolved_at(Span::mixed_site())
    }

    /// A statement that never runs and returns a value of the declared type: the one way in which
    /// a block keeps all the inference and coercions that a function's body has.
    fn hint(&self) -> TokenStream {
        let (hint, returns) = (local("returns"), &self.returns);
        quote_spanned!(self.returns_span()=>
            #[allow(clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction, unreachable_code)]
            if false {
                let #hint: #returns = loop {};
                return #hint;
            }
        )
    }

    fn block(&self, before: &TokenStream) -> TokenStream {
        let (hint, rebound, statements) = (self.hint(), &self.arguments.rebound, &self.statements);
        let mut block = Group::new(Delimiter::Brace, quote!(#hint #before #rebound #statements));
        block.set_span(self.braces);
        block.into_token_stream()
    }

    /// The attempts which the body wants to see: the name, and the layer it belongs to.
    fn attempts(&self) -> Vec<(&'a Ident, usize)> {
        let layers = self.stack.layers.iter().enumerate();
        layers
            .filter_map(|(index, layer)| Some((layer.attempt.as_ref()?, index)))
            .collect()
    }

    /// The closure around the body, if it needs one.
    pub(crate) fn definition(&self) -> TokenStream {
        if !self.again {
            return TokenStream::new();
        }
        let (private, body, step) = (self.private, local("body"), local("step"));
        let site = Span::mixed_site();
        let names: Vec<&Ident> = self.attempts().into_iter().map(|(name, _)| name).collect();
        let each = names
            .iter()
            .map(|_| quote_spanned!(site=> #private::Attempt));
        let (pattern, of) = match &*names {
            [] => (quote!(()), quote!(())),
            [name] => (quote!(#name), quote_spanned!(site=> #private::Attempt)),
            names => (quote!((#(#names),*)), quote!((#(#each),*))),
        };
        let (of, before) = if self.inside.is_empty() {
            let before = (!names.is_empty()).then(|| quote_spanned!(site=> let #pattern = #step;));
            (of, before.unwrap_or_default())
        } else {
            let run = local("attempt");
            let arms = self.fallback_arms();
            let choose = quote_spanned!(site=>
                match #step {
                    #private::Step::Run(#run) => #run,
                    #arms
                }
            );
            let before = if names.is_empty() {
                quote_spanned!(site=> #choose)
            } else {
                quote_spanned!(site=> let #pattern = #choose;)
            };
            (quote_spanned!(site=> #private::Step<#of, _>), before)
        };
        let step = if before.is_empty() {
            quote!(_)
        } else {
            quote!(#step)
        };
        let block = self.block(&before);
        let early = &self.arguments.before;
        if self.arguments.lent.is_empty() {
            quote_spanned!(site=> #early let #body = #private::body(|#step: #of| async #block);)
        } else {
            let lent = self.arguments.lent.iter().map(|(parameter, _)| parameter);
            quote_spanned!(site=> #early let #body = async |#step: #of, #(#lent),*| #block;)
        }
    }

    /// One run of the body, as a future.
    pub(crate) fn run(&self, by_move: bool) -> TokenStream {
        if !self.again {
            let block = self.block(&TokenStream::new());
            let by_move = by_move.then(|| quote_spanned!(Span::mixed_site()=> move));
            return quote_spanned!(Span::mixed_site()=> async #by_move #block);
        }
        let private = self.private;
        let attempts: Vec<TokenStream> = self
            .attempts()
            .into_iter()
            .map(|(_, index)| {
                let (retry, key) = (local(&format!("retry_{index}")), local(&format!("key_{index}")));
                quote_spanned!(Span::mixed_site()=>
                    #private::Attempt::new(#retry.number(), #private::core::clone::Clone::clone(&#key))
                )
            })
            .collect();
        let attempt = match &*attempts {
            [] => quote!(()),
            [attempt] => attempt.clone(),
            attempts => quote!((#(#attempts),*)),
        };
        if self.inside.is_empty() {
            self.call(&attempt)
        } else {
            self.call(&quote_spanned!(Span::mixed_site()=> #private::Step::Run(#attempt)))
        }
    }

    fn call(&self, step: &TokenStream) -> TokenStream {
        let (private, body) = (self.private, local("body"));
        let lent = self.arguments.lent.iter().map(|(_, argument)| argument);
        let asks = self
            .stack
            .layers
            .iter()
            .find(|layer| layer.is("retry"))
            .or_else(|| self.inside.first().map(|index| &self.stack.layers[*index]));
        let span = asks.map_or_else(Span::mixed_site, |layer| {
            layer.span.resolved_at(Span::mixed_site())
        });
        let again = quote_spanned!(span=> #private::clone_arguments_moved_by_the_body(&#body));
        quote_spanned!(Span::mixed_site()=> #again(#step #(, #lent)*))
    }

    /// What the fallback at `index` answers to `failure`, as a future of what the function returns.
    pub(crate) fn answer(&self, index: usize, failure: &Ident) -> TokenStream {
        let private = self.private;
        if let Some(place) = self.inside.iter().position(|inside| *inside == index) {
            let place = Literal::usize_unsuffixed(place);
            let step =
                quote_spanned!(Span::mixed_site()=> #private::Step::Fallback(#place, #failure));
            return self.call(&step);
        }
        let (hint, answer) = (self.hint(), self.answer_with(index, failure));
        quote_spanned!(Span::mixed_site()=> async { #hint #answer })
    }

    /// The arms of the selector in the body's closure.
    fn fallback_arms(&self) -> TokenStream {
        let (private, failure) = (self.private, local("failure"));
        let mut arms = TokenStream::new();
        for (place, index) in self.inside.iter().enumerate() {
            let answer = self.answer_with(*index, &failure);
            let answer = if self.arguments.self_is_lent {
                with_self_renamed(answer, false)
            } else {
                answer
            };
            let place = if place + 1 == self.inside.len() {
                quote!(_)
            } else {
                Literal::usize_unsuffixed(place).into_token_stream()
            };
            arms.extend(quote_spanned!(Span::mixed_site()=>
                #private::Step::Fallback(#place, #failure) => return { #answer },
            ));
        }
        arms
    }

    /// The user's answer itself, which may await.
    fn answer_with(&self, index: usize, failure: &Ident) -> TokenStream {
        let (returns, site) = (&self.returns, Span::mixed_site());
        let error = self.error(index, failure);
        match &self.stack.layers[index].answer {
            Some(Answer::Function {
                path,
                error: wants_error,
            }) => {
                let passed = self.arguments.passed.iter().flatten();
                let mut passed: Vec<TokenStream> = passed.cloned().collect();
                if *wants_error {
                    passed.push(error);
                }
                let span = path.span().resolved_at(site);
                let private = at(span, self.private);
                let answer = quote_spanned!(span=> #private::answer::<#returns, _, _>);
                quote_spanned!(span=> #answer(#path(#(#passed),*)).await)
            }
            Some(Answer::Closure(closure)) => {
                let (pattern, inner) = (&closure.inputs[0], &closure.body);
                let inner = if closure.asyncness.is_some() {
                    quote_spanned!(site=> async { #inner })
                } else {
                    inner.to_token_stream()
                };
                let span = closure.span().resolved_at(site);
                let private = at(span, self.private);
                let answer = quote_spanned!(span=> #private::answer::<#returns, _, _>);
                quote_spanned!(span=> let #pattern = #error; #answer(#inner).await)
            }
            Some(Answer::Value(value)) => self.wrapped(value),
            None => TokenStream::new(),
        }
    }

    fn wrapped(&self, value: &syn::Expr) -> TokenStream {
        if self.stack.infallible {
            return value.to_token_stream();
        }
        let private = self.private;
        quote_spanned!(Span::mixed_site()=> #private::core::result::Result::Ok(#value))
    }

    /// The type of the outcome: what is declared, or a `Result` around it.
    pub(crate) fn fallible(&self) -> TokenStream {
        let (private, returns) = (self.private, &self.returns);
        if self.stack.infallible {
            quote_spanned!(self.returns_span()=>
                #private::core::result::Result<#returns, #private::Rejected>
            )
        } else {
            returns.clone()
        }
    }

    /// `failure` as the function's own error.
    fn error(&self, index: usize, failure: &Ident) -> TokenStream {
        let (fallible, span) = (self.fallible(), self.returns_span());
        let (private, failure) = (at(span, self.private), at(span, &failure.to_token_stream()));
        if !Stack::rejects(&self.stack.layers[index..]) {
            return quote_spanned!(span=> #private::error_unrejected::<#fallible>(#failure));
        }
        match &self.stack.shared.map_err {
            Some(path) => {
                quote_spanned!(span=> #private::error_with::<#fallible, _>(#failure, #path))
            }
            None => quote_spanned!(span=> #private::error::<#fallible>(#failure)),
        }
    }

    /// Whether `tokens` may use an argument.
    pub(crate) fn mentions_arguments(&self, tokens: TokenStream) -> bool {
        self.arguments.are_mentioned(tokens)
    }
}

/// Whether a fallback has to share its arguments with the body.
fn uses_arguments(layer: &Layer, arguments: &Arguments) -> bool {
    match &layer.answer {
        Some(Answer::Function { .. }) => !arguments.passed.is_empty(),
        Some(Answer::Closure(closure)) => arguments.are_mentioned(closure.to_token_stream()),
        Some(Answer::Value(value)) => arguments.are_mentioned(value.to_token_stream()),
        None => false,
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
fn erased(tokens: TokenStream) -> TokenStream {
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

/// The statements with `self` under its other name, also in `"{self}"`, but not in items which
/// have a `self` of their own and not in paths such as `self::Item`.
fn with_self_renamed(tokens: TokenStream, in_macro: bool) -> TokenStream {
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
                renamed.push(format_string_renamed(literal).into())
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
