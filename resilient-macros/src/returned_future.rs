//! Functions that return a future: each is seen as the `async fn` that it could be.
//!
//! The type is what stands behind `Output =`. A body that is one `async` block, in a `Box::pin` or
//! not, is the body of that `async fn`; of any other body each attempt runs the whole and awaits
//! what it gave. What the stack becomes goes into an `async` block of ours, so nothing happens
//! before the first poll.
//!
//! `#[async_trait]` has expanded when it stands on the `impl` or the `trait`. It binds every
//! argument anew in the block, and calls `self` `__self`. Taken as the user's, that would move every
//! argument into every attempt, so the function is seen as it was before.

use crate::arguments::erased;
use crate::body::{hint, local};
use crate::function::pattern_without_mut;
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    AngleBracketedGenericArguments, FnArg, GenericArgument, Lifetime, Pat, PathArguments,
    PathSegment, Receiver, ReturnType, Signature, Token, Type, TypeParamBound,
};

/// A function that returns a future, as the `async fn` that it could be.
pub(crate) struct ReturnedFuture {
    /// The signature of the `async fn`.
    pub(crate) signature: Signature,
    /// The body of the `async fn`.
    pub(crate) body: Group,
    /// Statements that bind names which the signature does not bind any more, once for all attempts.
    pub(crate) before: TokenStream,
    wrapper: Wrapper,
}

/// What stands around the `async` block.
enum Wrapper {
    Nothing,
    /// `Box::pin`, as it was written.
    Written(TokenStream),
    /// `Box::pin`, which was not written.
    Ours,
}

impl ReturnedFuture {
    /// The function with this signature and body, if it surely returns a future.
    pub(crate) fn of(signature: &Signature, body: &Group) -> Option<Self> {
        if signature.asyncness.is_some() {
            return None;
        }
        let ReturnType::Type(arrow, of) = &signature.output else {
            return None;
        };
        let output = output(of)?;
        let is_boxed = !matches!(&**of, Type::ImplTrait(_));
        let mut seen = signature.clone();
        seen.asyncness = Some(Token![async](signature.fn_token.span));
        seen.output = ReturnType::Type(*arrow, Box::new(output));
        let (wrapper, block) = match block(body.stream()) {
            Some((written, block)) if written.is_some() == is_boxed => {
                let written = written.map_or(Wrapper::Nothing, Wrapper::Written);
                (written, Some(block))
            }
            _ if is_boxed => (Wrapper::Ours, None),
            _ => (Wrapper::Nothing, None),
        };
        let mut before = TokenStream::new();
        let body = match block {
            Some(block) => Rebound::of(&block).map_or(block, |rebound| {
                before = rebound.restore(&mut seen);
                rebound.body
            }),
            None => made_by(body, of),
        };
        Some(Self {
            signature: seen,
            body,
            before,
            wrapper,
        })
    }

    /// The body of the function: `inside`, which is the body of the `async fn`, as a future.
    pub(crate) fn wrapped(&self, private: &TokenStream, inside: &TokenStream) -> TokenStream {
        let block = quote_spanned!(Span::mixed_site()=> async move { #inside });
        match &self.wrapper {
            Wrapper::Nothing => block,
            Wrapper::Written(path) => quote!(#path(#block)),
            Wrapper::Ours => quote_spanned!(Span::mixed_site()=> #private::Box::pin(#block)),
        }
    }
}

/// What is in the `async` block that is all of `body`, in a `Box::pin` or not.
pub(crate) fn inside(body: TokenStream) -> Option<TokenStream> {
    block(body).map(|(_, block)| block.stream())
}

/// The `async` block that is all of `body`, and what stands before it if it is `Box::pin(…)`.
fn block(body: TokenStream) -> Option<(Option<TokenStream>, Group)> {
    let mut tokens: Vec<TokenTree> = body.into_iter().collect();
    // As it stands behind `return`, or at the end of a statement, it is another body.
    match (tokens.pop()?, &*tokens) {
        (TokenTree::Group(group), []) if group.delimiter() == Delimiter::None => {
            block(group.stream())
        }
        (TokenTree::Group(group), [TokenTree::Ident(word), rest @ ..])
            if group.delimiter() == Delimiter::Brace && word == "async" =>
        {
            let is_block = match rest {
                [] => true,
                [TokenTree::Ident(word)] => word == "move",
                _ => false,
            };
            is_block.then_some((None, group))
        }
        (TokenTree::Group(group), path)
            if group.delimiter() == Delimiter::Parenthesis && is_box_pin(path) =>
        {
            let mut inside: Vec<TokenTree> = group.stream().into_iter().collect();
            if matches!(inside.last(), Some(TokenTree::Punct(comma)) if comma.as_char() == ',') {
                inside.pop();
            }
            match block(inside.into_iter().collect())? {
                (None, block) => Some((Some(path.iter().cloned().collect()), block)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether this is `Box::pin`, by whatever path.
fn is_box_pin(path: &[TokenTree]) -> bool {
    let is_path = path.iter().all(|token| match token {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(punct) => punct.as_char() == ':',
        _ => false,
    });
    let mut names = path.iter().filter_map(|token| match token {
        TokenTree::Ident(name) => Some(name),
        _ => None,
    });
    let last = names.next_back();
    is_path
        && last.is_some_and(|name| name == "pin")
        && names.next_back().is_some_and(|name| name == "Box")
}

/// A body that runs the whole of `body` and awaits the future that it gave.
fn made_by(body: &Group, of: &Type) -> Group {
    let site = Span::mixed_site();
    let private = quote_spanned!(site=> __resilient);
    let future = local("future");
    let hint = hint(&erased(for_one_attempt(of).into_token_stream()), site);
    let statements = body.stream();
    let span = site.located_at(body.span());
    let mut inner = Group::new(Delimiter::Brace, statements);
    inner.set_span(span);
    let made = quote_spanned!(site=>
        let #future = #private::future_of(|| {
            #hint
            #inner
        });
        #future.await
    );
    let mut made = Group::new(Delimiter::Brace, made);
    made.set_span(span);
    made
}

/// The declared type of the future, which need not live longer than its attempt.
fn for_one_attempt(of: &Type) -> Type {
    let mut of = of.clone();
    let lifetime = Lifetime::new("'_", of.span());
    if let Some(bounds) = bounds_of_boxed(&mut of) {
        let outlives = |bound: &TypeParamBound| matches!(bound, TypeParamBound::Lifetime(_));
        let kept = std::mem::take(bounds).into_iter();
        bounds.extend(kept.filter(|bound| !outlives(bound)));
        bounds.push(TypeParamBound::Lifetime(lifetime));
    } else if let Some(arguments) = last_of(&mut of).and_then(arguments_of) {
        for argument in arguments {
            if let GenericArgument::Lifetime(given) = argument {
                *given = lifetime.clone();
            }
        }
    }
    of
}

/// What the future comes to, if the type surely is one of a future.
fn output(of: &Type) -> Option<Type> {
    let mut of = of.clone();
    if let Type::ImplTrait(opaque) = &of {
        return output_of(&opaque.bounds);
    }
    if let Some(bounds) = bounds_of_boxed(&mut of) {
        return output_of(bounds);
    }
    // The names that `futures` gives to it.
    let last = last_of(&mut of)?;
    if last.ident != "BoxFuture" && last.ident != "LocalBoxFuture" {
        return None;
    }
    let mut types = arguments_of(last)?.iter().filter_map(as_type);
    let output = types.next()?.clone();
    types.next().is_none().then_some(output)
}

/// `Output = T` of the bound `Future<Output = T>`.
fn output_of(bounds: &Punctuated<TypeParamBound, Token![+]>) -> Option<Type> {
    bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else {
            return None;
        };
        let last = bound.path.segments.last()?;
        let PathArguments::AngleBracketed(arguments) = &last.arguments else {
            return None;
        };
        arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(of) if last.ident == "Future" && of.ident == "Output" => {
                Some(of.ty.clone())
            }
            _ => None,
        })
    })
}

/// The bounds of what stands in `Pin<Box<dyn …>>`.
fn bounds_of_boxed(of: &mut Type) -> Option<&mut Punctuated<TypeParamBound, Token![+]>> {
    let pinned = only_type_in(of, "Pin")?;
    match bare(only_type_in(pinned, "Box")?) {
        Type::TraitObject(object) => Some(&mut object.bounds),
        Type::ImplTrait(opaque) => Some(&mut opaque.bounds),
        _ => None,
    }
}

/// `T` of `Name<T>`, by whatever path.
fn only_type_in<'a>(of: &'a mut Type, name: &str) -> Option<&'a mut Type> {
    let last = last_of(of)?;
    if last.ident != name {
        return None;
    }
    arguments_of(last)?
        .iter_mut()
        .find_map(|argument| match argument {
            GenericArgument::Type(of) => Some(of),
            _ => None,
        })
}

fn as_type(argument: &GenericArgument) -> Option<&Type> {
    match argument {
        GenericArgument::Type(of) => Some(of),
        _ => None,
    }
}

fn last_of(of: &mut Type) -> Option<&mut PathSegment> {
    match bare(of) {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last_mut(),
        _ => None,
    }
}

fn arguments_of(segment: &mut PathSegment) -> Option<&mut Punctuated<GenericArgument, Token![,]>> {
    match &mut segment.arguments {
        PathArguments::AngleBracketed(AngleBracketedGenericArguments { args, .. }) => Some(args),
        _ => None,
    }
}

/// The type out of the parentheses and invisible groups around it.
fn bare(of: &mut Type) -> &mut Type {
    match of {
        Type::Group(group) => bare(&mut group.elem),
        Type::Paren(paren) => bare(&mut paren.elem),
        of => of,
    }
}

/// The block that `#[async_trait]` leaves: its bindings, and the body as the user wrote it.
struct Rebound {
    bindings: Vec<Binding>,
    self_is_renamed: bool,
    body: Group,
}

/// `let pattern = argument;`
struct Binding {
    conditions: TokenStream,
    pattern: Pat,
    argument: Ident,
}

impl Rebound {
    /// What `block` is, if `#[async_trait]` made it.
    fn of(block: &Group) -> Option<Self> {
        let mut tokens: Vec<TokenTree> = block.stream().into_iter().collect();
        // `if let Some(__ret) = None::<T> { return __ret; }` for inference, which we do ourselves.
        if let [TokenTree::Ident(word), ..] = &*tokens
            && word == "if"
        {
            let end = tokens.iter().position(|token| {
                matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
            })?;
            let returns = tokens[end].to_token_stream().to_string();
            if !returns.contains("return __ret") {
                return None;
            }
            tokens.drain(..=end);
        }
        let mut rebound = Self {
            bindings: vec![],
            self_is_renamed: false,
            body: Group::new(Delimiter::Brace, TokenStream::new()),
        };
        let statements = tokens
            .split(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';'));
        let mut statements = statements.collect::<Vec<_>>().into_iter();
        loop {
            let statement = statements.next()?;
            if let Some(body) = body_of(statement) {
                rebound.body = body;
                break;
            }
            rebound.binding(statement)?;
        }
        let rest: TokenStream = statements.next()?.iter().cloned().collect();
        let is_end = rest.is_empty() || rest.to_string().ends_with("__ret");
        if !is_end || statements.next().is_some() {
            return None;
        }
        if rebound.self_is_renamed {
            rebound.body = with_self(&rebound.body);
        }
        Some(rebound)
    }

    /// Notes one binding, which has no `;` any more.
    fn binding(&mut self, statement: &[TokenTree]) -> Option<()> {
        let word = statement
            .iter()
            .position(|token| matches!(token, TokenTree::Ident(word) if word == "let"))?;
        let (conditions, binding) = (&statement[..word], &statement[word + 1..]);
        let equals = binding
            .iter()
            .position(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == '='))?;
        let pattern = binding[..equals].iter().cloned().collect();
        let pattern = Pat::parse_single.parse2(pattern).ok()?;
        let argument = match &binding[equals + 1..] {
            [TokenTree::Ident(argument)] => argument.clone(),
            [TokenTree::Group(group)] => match group.stream().into_iter().last()? {
                TokenTree::Ident(argument) => argument,
                _ => return None,
            },
            _ => return None,
        };
        let renamed = matches!(&pattern, Pat::Ident(name) if name.ident == "__self");
        self.self_is_renamed |= renamed && argument == "self";
        self.bindings.push(Binding {
            conditions: conditions.iter().cloned().collect(),
            pattern,
            argument,
        });
        Some(())
    }

    /// Puts the patterns back into the signature, and says what the function has to bind itself.
    fn restore(&self, signature: &mut Signature) -> TokenStream {
        let mut before = TokenStream::new();
        for Binding {
            conditions,
            pattern,
            argument,
        } in &self.bindings
        {
            for input in &mut signature.inputs {
                match (input, pattern) {
                    (FnArg::Receiver(receiver), Pat::Ident(name))
                        if argument == "self" && is_owned(receiver) =>
                    {
                        receiver.mutability = name.mutability;
                    }
                    (FnArg::Typed(typed), pattern) if binds(&typed.pat, argument) => {
                        let is_same =
                            matches!(pattern, Pat::Ident(name) if name.ident == *argument);
                        if !is_same {
                            let mut bound = pattern.clone();
                            pattern_without_mut(&mut bound);
                            before.extend(quote!(#conditions let #bound = #argument;));
                        }
                        *typed.pat = pattern.clone();
                    }
                    _ => {}
                }
            }
        }
        before
    }
}

/// Whether a receiver is no reference, of which `#[async_trait]` binds `mut __self` for itself.
fn is_owned(receiver: &Receiver) -> bool {
    receiver.reference.is_none() && !matches!(&*receiver.ty, Type::Reference(_))
}

fn binds(pattern: &Pat, name: &Ident) -> bool {
    matches!(pattern, Pat::Ident(bound) if bound.ident == *name)
}

/// The body in `let __ret: T = { … }`, or in `let _: () = { … }`.
fn body_of(statement: &[TokenTree]) -> Option<Group> {
    let [
        TokenTree::Ident(word),
        name,
        TokenTree::Punct(colon),
        ..,
        TokenTree::Group(body),
    ] = statement
    else {
        return None;
    };
    let is_result = word == "let"
        && colon.as_char() == ':'
        && matches!(name, TokenTree::Ident(name) if name == "__ret" || name == "_");
    (is_result && body.delimiter() == Delimiter::Brace).then(|| body.clone())
}

/// The body with its own `self` again.
fn with_self(body: &Group) -> Group {
    let tokens = body.stream().into_iter().map(|token| match token {
        TokenTree::Ident(name) if name == "__self" => Ident::new("self", name.span()).into(),
        TokenTree::Group(group) => with_self(&group).into(),
        token => token,
    });
    let mut own = Group::new(body.delimiter(), tokens.collect());
    own.set_span(body.span());
    own
}
