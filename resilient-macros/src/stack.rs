//! The attributes of one function, from the top down, and whether their order can be meant.

use crate::arguments::{lends_mutably, mentions_mutable_borrow};
use crate::parse::{self, Answer, Layer, Parsed, Written};
use crate::pipeline;
use crate::plain;
use crate::shared::{Mistakes, Shared};
use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, LitStr, Result, ReturnType, Signature, Type};

/// The policies of one function; the first one is outermost.
pub(crate) struct Stack {
    pub(crate) layers: Vec<Layer>,
    pub(crate) shared: Shared,
    pub(crate) returns: Returns,
}

/// What the function returns, as far as its signature says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Returns {
    /// A `Result`, by its name.
    Result,
    /// What has to be a `Result`, since nothing else could report a refusal.
    Alias,
    /// Surely no `Result`: the top fallback has to answer.
    Value,
    /// Either, by its name, and the top fallback always answers: the compiler decides.
    Either,
}

impl Stack {
    /// Parses and checks all attributes of one function.
    pub(crate) fn of(written: &[Written], signature: &Signature) -> Result<Self> {
        let mut mistakes = Mistakes::default();
        let mut stack = Self {
            layers: vec![],
            shared: Shared::default(),
            returns: Returns::of(&signature.output),
        };
        for written in written {
            if written.name == "resilient" {
                stack.add_combined(written, &mut mistakes);
            } else {
                stack.add(parse::attribute(written), &mut mistakes);
            }
        }
        let answers = stack.layers.first().is_some_and(Layer::always_answers);
        if stack.returns == Returns::Either && (!answers || stack.shared.map_err.is_some()) {
            stack.returns = Returns::Alias;
        }
        if !mistakes.found() {
            stack.check_order(&mut mistakes);
            if signature.asyncness.is_none() {
                plain::check(&stack.layers, signature, &mut mistakes);
            }
            if !mistakes.found() {
                stack.check_signature(signature, &mut mistakes);
            }
        }
        mistakes.or(stack)
    }

    fn add(&mut self, parsed: Result<Parsed>, mistakes: &mut Mistakes) {
        match parsed {
            Ok(Parsed { layer, shared }) => {
                self.layers.push(layer);
                self.shared.add(shared, mistakes);
            }
            Err(error) => mistakes.add(error),
        }
    }

    /// `#[resilient(timeout(5s), retry(3))]` is exactly these attributes, at its place, and
    /// `#[resilient("pricing")]` a pipeline.
    fn add_combined(&mut self, written: &Written, mistakes: &mut Mistakes) {
        const EXAMPLE: &str = "`resilient(timeout(5s), retry(3))`";
        if pipeline::is_meant(&written.arguments) {
            match pipeline::parse(written) {
                Ok((layers, shared)) => {
                    self.layers.extend(layers);
                    self.shared.add(shared, mistakes);
                }
                Err(error) => mistakes.add(error),
            }
            return;
        }
        if written.arguments.is_empty() {
            mistakes.add(Error::new(
                written.name.span(),
                format!(
                    "`resilient` takes the policies of the function, {EXAMPLE}, or the name of a \
                     pipeline, `resilient(\"pricing\")`"
                ),
            ));
            return;
        }
        let mut shared = Shared::default();
        let mut found = vec![];
        let parse = |input: ParseStream<'_>| {
            parse::separated(input, &mut |input, _| {
                if shared.parse(input)? {
                    return Ok(());
                }
                if input.peek(LitStr) {
                    return Err(Error::new(
                        input.span(),
                        format!(
                            "beside policies, as in {EXAMPLE}, a name stands in the parentheses of \
                             one of them; the name of a pipeline stands alone: \
                             `resilient(\"pricing\")`"
                        ),
                    ));
                }
                let Ok(name) = input.call(Ident::parse_any) else {
                    return Err(Error::new(
                        input.span(),
                        format!("`resilient` takes policies such as {EXAMPLE}"),
                    ));
                };
                known(&name)?;
                let arguments = if input.peek(syn::token::Paren) {
                    let inside;
                    syn::parenthesized!(inside in input);
                    inside.parse()?
                } else {
                    TokenStream::new()
                };
                found.push(Written { name, arguments });
                Ok(())
            })
        };
        match parse.parse2(written.arguments.clone()) {
            Ok(wrong) => wrong.into_iter().for_each(|error| mistakes.add(error)),
            Err(error) => mistakes.add(error),
        }
        self.shared.add(shared, mistakes);
        for written in &found {
            self.add(parse::attribute(written), mistakes);
        }
    }

    /// Whether any layer can refuse a call or cut it off.
    pub(crate) fn rejects(layers: &[Layer]) -> bool {
        layers.iter().any(|layer| layer.attribute.rejects)
    }

    /// Whether a refusal that comes out of the body's place reaches the caller, and every fallback that
    /// wants to see the error, although no policy there refuses.
    pub(crate) fn takes_refusals(&self) -> bool {
        let at_the_edge = match self.returns {
            Returns::Value => true,
            Returns::Result | Returns::Alias => {
                self.shared.map_err.is_some() || Self::rejects(&self.layers)
            }
            Returns::Either => Self::rejects(&self.layers),
        };
        let sees_the_error = |layer: &Layer| match &layer.answer {
            Some(Answer::Function { error, .. }) => *error,
            Some(Answer::Closure(_)) => true,
            Some(Answer::Value(_)) | None => false,
        };
        let mut layers = self.layers.iter().enumerate();
        at_the_edge
            && layers.all(|(index, layer)| {
                !sees_the_error(layer) || Self::rejects(&self.layers[index..])
            })
    }

    /// Refuses orders that cannot be meant, and says what to write instead.
    fn check_order(&self, mistakes: &mut Mistakes) {
        for pair in self.layers.windows(2) {
            if let [outer, inner] = pair
                && outer.is("retry")
                && inner.is("retry")
            {
                mistakes.add(Error::new(
                    inner.span,
                    "a retry directly inside another one multiplies the attempts: write one \
                     `retry` with as many as are meant",
                ));
            }
        }
        for pair in self.layers.windows(2) {
            if let [outer, inner] = pair
                && outer.is("hedge")
                && inner.is("hedge")
            {
                mistakes.add(Error::new(
                    inner.span,
                    "a hedge directly inside another one multiplies the attempts: write one \
                     `hedge` with `max` as large as is meant",
                ));
            }
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let is_value = matches!(layer.answer, Some(Answer::Value(_)));
            let below_another = self.layers[..index]
                .iter()
                .any(|outer| outer.is("fallback"));
            if is_value && layer.always_answers() && below_another {
                mistakes.add(Error::new(
                    layer.span,
                    "this fallback always has its answer, so the `fallback` above it is never \
                     asked: the lowest one is tried first, so swap them",
                ));
            }
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let outer = self.layers[..index]
                .iter()
                .rev()
                .find(|outer| outer.is("retry") || outer.is("circuit_breaker"));
            if let (true, Some(outer)) = (layer.hides_failures(), outer) {
                let outer = if outer.in_pipeline {
                    "pipeline".to_owned()
                } else {
                    format!("`{}`", outer.attribute.name)
                };
                let mend = match layer.answer {
                    Some(Answer::Value(_)) => "move it above".to_owned(),
                    _ => "move it above, or add `may_fail` if it can fail itself".to_owned(),
                };
                mistakes.add(Error::new(
                    layer.span,
                    if layer.is_stale() {
                        format!(
                            "this fallback hides failures behind old answers, so the {outer} above \
                             it sees only those without one: move it above, or add `may_fail` if \
                             that is meant"
                        )
                    } else {
                        format!(
                            "this fallback answers every failure, so the {outer} above it never \
                             sees one: {mend}"
                        )
                    },
                ));
            }
        }
    }

    fn check_signature(&self, signature: &Signature, mistakes: &mut Mistakes) {
        let Some(first) = self.layers.first() else {
            return;
        };
        if self.returns == Returns::Value {
            if !first.always_answers() {
                let (tokens, written) = match &signature.output {
                    ReturnType::Default => (signature.ident.to_token_stream(), "()".to_owned()),
                    ReturnType::Type(_, of) => (of.to_token_stream(), readable(of)),
                };
                mistakes.add(Error::new_spanned(
                    tokens,
                    format!(
                        "`{written}` has no error channel, so a refused call cannot be reported: \
                         return a `Result`, or put a `#[fallback(…)]` that always answers on top"
                    ),
                ));
            }
            if let Some(path) = &self.shared.map_err {
                mistakes.add(Error::new_spanned(
                    path,
                    "this function has no error that a refusal could become: take `map_err` away",
                ));
            }
        }
        if self.layers.iter().any(|layer| layer.is("hedge"))
            && let Some(lent) = signature.inputs.iter().find(|input| lends_mutably(input))
        {
            mistakes.add(Error::new_spanned(
                lent,
                "what is lent mutably cannot be hedged: several attempts run at the same time, and \
                 each would need it for itself; lend it without `mut`, pass something that is \
                 `Clone`, or put the `hedge` on a function that is called from here",
            ));
            return;
        }
        let again = self.layers.iter().find(|layer| layer.is("retry"));
        if let (Some(_), ReturnType::Type(_, of)) = (again, &signature.output)
            && mentions_mutable_borrow(of.to_token_stream())
            && signature.inputs.iter().any(lends_mutably)
        {
            mistakes.add(Error::new_spanned(
                of,
                "a result that borrows mutably cannot be retried: the next attempt would borrow \
                 the same again while the last result lives; return an owned value, or put the \
                 retry on a caller",
            ));
        }
    }
}

impl Returns {
    fn of(output: &ReturnType) -> Self {
        match output {
            ReturnType::Default => Self::Value,
            ReturnType::Type(_, of) => Self::of_type(of),
        }
    }

    fn of_type(of: &Type) -> Self {
        const VALUES: [&str; 22] = [
            "Option", "Vec", "String", "Box", "bool", "char", "str", "u8", "u16", "u32", "u64",
            "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32", "f64", "Duration",
        ];
        match of {
            Type::Group(group) => Self::of_type(&group.elem),
            Type::Paren(paren) => Self::of_type(&paren.elem),
            Type::Tuple(_)
            | Type::Reference(_)
            | Type::Array(_)
            | Type::Slice(_)
            | Type::Ptr(_)
            | Type::ImplTrait(_)
            | Type::BareFn(_) => Self::Value,
            Type::Path(path) => match path.path.segments.last() {
                Some(last) if path.qself.is_none() && last.ident == "Result" => Self::Result,
                Some(last)
                    if path.qself.is_none() && VALUES.iter().any(|name| last.ident == name) =>
                {
                    Self::Value
                }
                _ => Self::Either,
            },
            Type::Macro(_) => Self::Either,
            _ => Self::Alias,
        }
    }
}

fn readable(of: &Type) -> String {
    let mut written = of.to_token_stream().to_string();
    for (from, to) in [
        (" <", "<"),
        ("< ", "<"),
        (" >", ">"),
        ("& ", "&"),
        (" :: ", "::"),
        (" ,", ","),
    ] {
        written = written.replace(from, to);
    }
    written
}

/// Refuses what is not the name of a policy.
fn known(name: &Ident) -> Result<()> {
    use crate::table::{ATTRIBUTES, Attribute, listed, nearest};
    let written = name.to_string();
    if Attribute::named(&written).is_some() {
        return Ok(());
    }
    let names = || ATTRIBUTES.iter().map(|attribute| attribute.name);
    let meant = nearest(&written, names()).map_or_else(
        || ";".to_owned(),
        |meant| format!(", did you mean `{meant}`?"),
    );
    Err(Error::new(
        name.span(),
        format!(
            "there is no policy `{written}`{meant} the policies are {}",
            listed(names())
        ),
    ))
}
