//! The body of the function: how it is run once, and how it is run again.
//!
//! A body that runs once is an `async` block. One that may run again, or that shares its arguments
//! with a fallback, is a closure around an `async` block. The closure is cloned for every run and
//! captures by reference what the body only borrows, and by value what it moves: so the compiler
//! itself finds out which arguments have to be `Clone`. What is lent mutably comes as a parameter.

use crate::arguments::{Arguments, erased};
use crate::expand::at;
use crate::parse::{Answer, Layer};
use crate::rename::with_self_renamed;
use crate::stack::{Returns, Stack};
use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Expr, Result, ReturnType, Signature};

/// A name of ours, which the user's code does not see.
pub(crate) fn local(name: &str) -> Ident {
    Ident::new(&format!("__resilient_{name}"), Span::mixed_site())
}

/// A statement that never runs and returns a value of the declared type: the one way in which a
/// block keeps all the inference and coercions that a function's body has.
pub(crate) fn hint(returns: &TokenStream, span: Span) -> TokenStream {
    let hint = local("returns");
    quote_spanned!(span=>
        #[allow(clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction, unreachable_code)]
        if false {
            let #hint: #returns = loop {};
            return #hint;
        }
    )
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
    /// Whether it is no future: then each run is a closure.
    pub(crate) is_plain: bool,
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
        let repeats = |layer: &Layer| layer.is("retry") || layer.is("hedge");
        let again = !inside.is_empty() || stack.layers.iter().any(repeats);
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
            is_plain: signature.asyncness.is_none(),
            inside,
        })
    }

    pub(crate) fn returns(&self) -> &TokenStream {
        &self.returns
    }

    /// Whether only the compiler knows all of what it returns, because there is an `impl Trait` in it.
    pub(crate) fn hides_returns(&self) -> bool {
        fn is_hidden(tokens: TokenStream) -> bool {
            tokens.into_iter().any(|token| match token {
                TokenTree::Ident(word) => word == "_",
                TokenTree::Group(group) => is_hidden(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => false,
            })
        }
        is_hidden(self.returns.clone())
    }

    /// Where the function says what it returns.
    pub(crate) fn returns_span(&self) -> Span {
        self.returns_span.resolved_at(Span::mixed_site())
    }

    fn hint(&self) -> TokenStream {
        hint(&self.returns, self.returns_span())
    }

    fn block(&self, before: &TokenStream) -> TokenStream {
        let (hint, rebound, statements) = (self.hint(), &self.arguments.rebound, &self.statements);
        // In braces of their own, the user's items still stand before all statements, and lints
        // do not mind braces of ours.
        let span = Span::mixed_site().located_at(self.braces);
        let braced = |statements: TokenStream| {
            let mut block = Group::new(Delimiter::Brace, statements);
            block.set_span(span);
            block
        };
        let inner = braced(statements.clone());
        braced(quote!(#hint #before #rebound #inner)).into_token_stream()
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
        let lent = self.arguments.lent.iter().map(|(parameter, _)| parameter);
        match (self.arguments.lent.is_empty(), self.is_plain) {
            (true, false) => {
                quote_spanned!(site=> #early let #body = #private::body(|#step: #of| async #block);)
            }
            (true, true) => {
                quote_spanned!(site=> #early let #body = #private::plain_body(|#step: #of| #block);)
            }
            (false, false) => {
                quote_spanned!(site=> #early let #body = async |#step: #of, #(#lent),*| #block;)
            }
            (false, true) => {
                quote_spanned!(site=> #early let #body = |#step: #of, #(#lent),*| #block;)
            }
        }
    }

    /// One run of the body, as a future, or as a closure where the function is plain.
    pub(crate) fn run(&self, by_move: bool) -> TokenStream {
        if !self.again {
            let block = self.block(&TokenStream::new());
            let by_move = by_move.then(|| quote_spanned!(Span::mixed_site()=> move));
            if self.is_plain {
                return quote_spanned!(Span::mixed_site()=> #by_move || #block);
            }
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

    /// Whether each run of the body is that of a copy, with clones of what it moves. A plain function makes
    /// the copy within the run.
    pub(crate) fn is_copied(&self) -> bool {
        self.again && !self.is_plain && !self.is_last_use(self.stack.layers.len())
    }

    fn call(&self, step: &TokenStream) -> TokenStream {
        let (lent, body) = (self.arguments.lent.iter(), local("body"));
        let lent = lent.map(|(_, argument)| argument);
        let again = if self.is_last_use(self.stack.layers.len()) {
            body.into_token_stream()
        } else {
            self.copy_of(&quote_spanned!(Span::mixed_site()=> &#body))
        };
        let run = quote_spanned!(Span::mixed_site()=> #again(#step #(, #lent)*));
        if self.is_plain {
            return quote_spanned!(Span::mixed_site()=> || #run);
        }
        run
    }

    /// Whether nobody needs the body again after the layer at `index`, or after the body itself, where
    /// that lies in an attempt of a hedge. Each of those attempts has a copy of its own.
    fn is_last_use(&self, index: usize) -> bool {
        let above = &self.stack.layers[..index];
        let hedge = above.iter().rposition(|layer| layer.is("hedge"));
        let from = hedge.map_or(0, |hedge| hedge + 1);
        let is_hedge = self
            .stack
            .layers
            .get(index)
            .is_some_and(|layer| layer.is("hedge"));
        let again = |at: usize| self.stack.layers[at].is("retry") || self.inside.contains(&at);
        (is_hedge || hedge.is_some()) && !(from..index).any(again)
    }

    /// The body for the attempts of the hedge at `index`.
    pub(crate) fn handed_on(&self, index: usize) -> TokenStream {
        let body = local("body");
        if self.is_last_use(index) {
            body.into_token_stream()
        } else {
            self.copy_of(&quote_spanned!(Span::mixed_site()=> &#body))
        }
    }

    /// A copy of the body that `body` borrows.
    pub(crate) fn copy_of(&self, body: &TokenStream) -> TokenStream {
        let private = self.private;
        let asks = self
            .stack
            .layers
            .iter()
            .find(|layer| layer.is("retry") || layer.is("hedge"))
            .or_else(|| self.inside.first().map(|index| &self.stack.layers[*index]));
        // An argument that is moved and not `Clone` is an error here.
        let span = self.arguments.moved().or(asks.map(|layer| layer.span));
        let span = span.map_or_else(Span::mixed_site, |span| {
            span.resolved_at(Span::mixed_site())
        });
        let body = at(span, body);
        quote_spanned!(span=> #private::clone_arguments_moved_by_the_body(#body))
    }

    /// What the fallback at `index` answers to `failure`, as a future of what the function returns,
    /// or as a closure.
    pub(crate) fn answer(&self, index: usize, failure: &Ident) -> TokenStream {
        let private = self.private;
        if let Some(place) = self.inside.iter().position(|inside| *inside == index) {
            let place = Literal::usize_unsuffixed(place);
            let step =
                quote_spanned!(Span::mixed_site()=> #private::Step::Fallback(#place, #failure));
            return self.call(&step);
        }
        let (hint, answer) = (self.hint(), self.answer_with(index, failure));
        if self.is_plain {
            return quote_spanned!(Span::mixed_site()=> || { #hint #answer });
        }
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
                if self.is_plain {
                    return quote_spanned!(span=> #path(#(#passed),*));
                }
                let private = at(span, self.private);
                let answer = quote_spanned!(span=> #private::answer::<#returns, _, _>);
                quote_spanned!(span=> #answer(#path(#(#passed),*)).await)
            }
            Some(Answer::Closure(closure)) => {
                let (pattern, inner) = (&closure.inputs[0], in_braces_of_ours(&closure.body));
                let is_leaf = || closure.asyncness.is_none() && leaf(&closure.body).is_some();
                if self.is_plain || is_leaf() {
                    return quote_spanned!(site=> let #pattern = #error; #inner);
                }
                let inner = if closure.asyncness.is_some() {
                    let hint = self.hint();
                    quote_spanned!(site=> async { #hint #inner })
                } else {
                    inner
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

    fn wrapped(&self, value: &Expr) -> TokenStream {
        let private = self.private;
        match self.stack.returns {
            Returns::Value => value.to_token_stream(),
            Returns::Result | Returns::Alias => {
                quote_spanned!(Span::mixed_site()=> #private::Ok(#value))
            }
            Returns::Either => {
                let shape = self.shape();
                quote_spanned!(Span::mixed_site()=> #shape.answer(#value))
            }
        }
    }

    /// Whether the declared type is a `Result`, as the compiler finds out.
    pub(crate) fn shape(&self) -> TokenStream {
        let (private, returns) = (at(self.returns_span(), self.private), &self.returns);
        quote_spanned!(self.returns_span()=> #private::Shape::<#returns>::of().known())
    }

    /// The type of the outcome: what is declared, or a `Result` around it.
    pub(crate) fn fallible(&self) -> TokenStream {
        let (private, returns) = (self.private, &self.returns);
        if self.stack.returns == Returns::Value {
            quote_spanned!(self.returns_span()=>
                #private::Result<#returns, #private::Rejected>
            )
        } else {
            returns.clone()
        }
    }

    /// `failure` as the function's own error.
    fn error(&self, index: usize, failure: &Ident) -> TokenStream {
        let (fallible, span) = (self.fallible(), self.returns_span());
        let (private, failure) = (at(span, self.private), at(span, &failure.to_token_stream()));
        let rejects = Stack::rejects(&self.stack.layers[index..]);
        if self.stack.returns == Returns::Either {
            let shape = self.shape();
            return if rejects {
                quote_spanned!(span=> #shape.error(#failure))
            } else {
                quote_spanned!(span=> #shape.error_unrejected(#failure))
            };
        }
        if !rejects {
            return quote_spanned!(span=> #private::error_unrejected::<#fallible>(#failure));
        }
        if let Some(path) = &self.stack.shared.map_err {
            quote_spanned!(span=> #private::error_with::<#fallible, _>(#failure, #path))
        } else {
            quote_spanned!(span=> #private::error::<#fallible>(#failure))
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

/// The body of a closure, whose braces lints do not mind although they are not needed any more.
fn in_braces_of_ours(body: &Expr) -> TokenStream {
    let Expr::Block(block) = body else {
        return body.to_token_stream();
    };
    if block.label.is_some() || !block.attrs.is_empty() {
        return body.to_token_stream();
    }
    let statements = block.block.stmts.iter();
    let statements = statements.map(ToTokens::to_token_stream).collect();
    let mut braced = Group::new(Delimiter::Brace, statements);
    braced.set_span(Span::mixed_site().located_at(block.block.brace_token.span.join()));
    braced.into_token_stream()
}

/// How an expression ends that is surely what the function returns, and no future of it.
enum Leaf {
    /// Never.
    Diverges,
    /// With `Ok(…)` or `Err(…)`.
    Result,
}

/// How `expression` ends, if its tokens say so: then it has the coercions of a function's body.
fn leaf(expression: &Expr) -> Option<Leaf> {
    let either = |one: Option<Leaf>, other: Option<Leaf>| match (one, other) {
        (Some(Leaf::Result), _) | (_, Some(Leaf::Result)) => Some(Leaf::Result),
        (Some(Leaf::Diverges), Some(Leaf::Diverges)) => Some(Leaf::Diverges),
        _ => None,
    };
    let block = |block: &syn::Block| match block.stmts.last() {
        Some(syn::Stmt::Expr(last, None)) => leaf(last),
        Some(syn::Stmt::Macro(last)) if last.semi_token.is_none() => diverges(&last.mac),
        _ => None,
    };
    match expression {
        Expr::Call(call) => match &*call.func {
            Expr::Path(path) => {
                let last = path.path.segments.last()?;
                (last.ident == "Ok" || last.ident == "Err").then_some(Leaf::Result)
            }
            _ => None,
        },
        Expr::Macro(called) => diverges(&called.mac),
        Expr::Block(inner) if inner.label.is_none() => block(&inner.block),
        Expr::Group(group) => leaf(&group.expr),
        Expr::Paren(paren) => leaf(&paren.expr),
        Expr::If(branches) => {
            let (_, otherwise) = branches.else_branch.as_ref()?;
            either(block(&branches.then_branch), leaf(otherwise))
        }
        Expr::Match(arms) => {
            let arms = arms.arms.iter().map(|arm| leaf(&arm.body));
            arms.reduce(either).flatten()
        }
        _ => None,
    }
}

fn diverges(called: &syn::Macro) -> Option<Leaf> {
    const DIVERGE: [&str; 4] = ["panic", "todo", "unimplemented", "unreachable"];
    let last = called.path.segments.last()?;
    let known = DIVERGE.iter().any(|name| last.ident == name);
    known.then_some(Leaf::Diverges)
}
