//! The arguments of one attribute.

use crate::choice;
use crate::literal::{self, Value};
use crate::shared::{Mistakes, Shared};
use crate::stale;
use crate::table::{ATTRIBUTES, Attribute, Key, SHARED, Takes, listed, nearest};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprClosure, Lit, LitStr, Result, Token};

/// One attribute as it was written.
#[derive(Clone)]
pub(crate) struct Written {
    /// Which attribute; its span is that of the attribute.
    pub(crate) name: Ident,
    pub(crate) arguments: TokenStream,
}

/// One policy of a stack.
pub(crate) struct Layer {
    pub(crate) attribute: &'static Attribute,
    /// Where the attribute stands.
    pub(crate) span: Span,
    /// The attribute as people should read it.
    pub(crate) written: String,
    pub(crate) name: Option<LitStr>,
    pub(crate) data: Vec<Datum>,
    /// Code that computes a setting: a timeout's duration for every call, a retry's delay for every attempt.
    pub(crate) per_call: Option<TokenStream>,
    /// `when`, `unless`, `when_ok` and `when_rejected`, in the order in which they were written.
    pub(crate) predicates: Vec<(Ident, Expr)>,
    /// What is told of each attempt after the first.
    pub(crate) before: Option<Expr>,
    pub(crate) attempt: Option<Ident>,
    pub(crate) idempotency_key: Option<Expr>,
    /// How many places or tokens a call takes.
    pub(crate) cost: Option<Expr>,
    /// For which value of its own instance a call asks, or what its answer depends on.
    pub(crate) key: Option<Expr>,
    /// What an answer goes through that is given once more.
    pub(crate) mark: Option<Expr>,
    pub(crate) answer: Option<Answer>,
    pub(crate) may_fail: bool,
    /// Whether it stands for its part of `#[resilient("pricing")]`.
    pub(crate) in_pipeline: bool,
}

/// One call of a builder.
#[derive(Clone)]
pub(crate) struct Datum {
    pub(crate) key: Ident,
    pub(crate) value: Value,
    pub(crate) span: Span,
}

/// What a fallback answers with.
pub(crate) enum Answer {
    /// A function of the same arguments, and perhaps of the error behind them.
    Function { path: Expr, error: bool },
    /// A closure of the error.
    Closure(Box<ExprClosure>),
    /// A value of the success type.
    Value(Expr),
}

impl Layer {
    /// The layer of an attribute in which nothing is written.
    pub(crate) fn bare(attribute: &'static Attribute, written: &Written) -> Self {
        Self {
            attribute,
            span: written.name.span(),
            written: readable(written),
            name: None,
            data: vec![],
            per_call: None,
            predicates: vec![],
            before: None,
            attempt: None,
            idempotency_key: None,
            cost: None,
            key: None,
            mark: None,
            answer: None,
            may_fail: false,
            in_pipeline: false,
        }
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.attribute.name == name
    }

    /// Whether nothing gets past this fallback as an error.
    pub(crate) fn always_answers(&self) -> bool {
        self.hides_failures() && !self.is_stale()
    }

    /// Whether this fallback answers failures of every kind, and nobody said that it may fail.
    pub(crate) fn hides_failures(&self) -> bool {
        self.is("fallback") && !self.may_fail && self.predicates.is_empty()
    }

    /// Whether this fallback answers with the last good answer.
    pub(crate) fn is_stale(&self) -> bool {
        self.is("fallback") && self.key.is_some()
    }
}

/// What stands on one attribute: a policy, and what holds for its whole stack.
pub(crate) struct Parsed {
    pub(crate) layer: Layer,
    pub(crate) shared: Shared,
}

/// Parses what stands on one attribute.
pub(crate) fn attribute(written: &Written) -> Result<Parsed> {
    let name = written.name.to_string();
    let Some(attribute) = Attribute::named(&name) else {
        return Err(Error::new(
            written.name.span(),
            format!("there is no policy `{name}`"),
        ));
    };
    let mut arguments = Arguments {
        parsed: Parsed {
            layer: Layer::bare(attribute, written),
            shared: Shared::default(),
        },
        given: vec![],
        error_mark: None,
        mistakes: Mistakes::default(),
    };
    let parse = |input: ParseStream<'_>| {
        separated(input, &mut |input, index| arguments.one(input, index)).map(|wrong| {
            for error in wrong {
                arguments.mistakes.add(error);
            }
        })
    };
    parse.parse2(written.arguments.clone())?;
    arguments.finish()
}

/// Parses things separated by commas. A wrong one does not hide the mistakes behind it.
pub(crate) fn separated(
    input: ParseStream<'_>,
    one: &mut dyn FnMut(ParseStream<'_>, usize) -> Result<()>,
) -> Result<Vec<Error>> {
    let mut wrong = vec![];
    let mut index = 0;
    while !input.is_empty() {
        let parsed = one(input, index).and_then(|()| {
            if input.is_empty() || input.peek(Token![,]) {
                return Ok(());
            }
            Err(input.error("expected `,` before the next setting"))
        });
        if let Err(error) = parsed {
            wrong.push(error);
            while !input.is_empty() && !input.peek(Token![,]) {
                input.parse::<proc_macro2::TokenTree>()?;
            }
        }
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        index += 1;
    }
    Ok(wrong)
}

/// The attribute on one line, as it stands in the source.
fn readable(written: &Written) -> String {
    let arguments = written.arguments.to_string();
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let name = &written.name;
    if arguments.is_empty() {
        return name.to_string();
    }
    let arguments = [
        (" ,", ","),
        (" ..", ".."),
        (".. ", ".."),
        (" %", "%"),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        ("[ ", "["),
        (" ]", "]"),
        (" :: ", "::"),
        (" . ", "."),
        ("=(", "= ("),
    ]
    .iter()
    .fold(arguments.join(" "), |text, (from, to)| {
        text.replace(from, to)
    });
    format!("{name}({arguments})")
}

struct Arguments {
    parsed: Parsed,
    /// The keys given so far, and their tokens.
    given: Vec<(String, TokenStream)>,
    error_mark: Option<Span>,
    mistakes: Mistakes,
}

impl Arguments {
    fn one(&mut self, input: ParseStream<'_>, index: usize) -> Result<()> {
        if self.parsed.shared.parse(input)? {
            return Ok(());
        }
        if input.peek(LitStr) {
            return self.name(&input.parse()?, index);
        }
        let ahead = input.fork();
        if let Ok(word) = ahead.call(Ident::parse_any) {
            if ahead.peek(Token![=]) && !ahead.peek(Token![==]) && !ahead.peek(Token![=>]) {
                return self.keyed(input);
            }
            let alone = ahead.is_empty() || ahead.peek(Token![,]);
            let known = self.attribute().key(&word.to_string());
            if let Some(key) = known
                && (alone || ahead.peek(syn::token::Paren))
            {
                if key.takes == Takes::Budget && !alone {
                    self.give(key.name, &word.to_token_stream())?;
                    return self.set(key.name, key.takes, Some(word), input);
                }
                input.call(Ident::parse_any)?;
                if key.takes != Takes::Mark {
                    return Err(Error::new(
                        word.span(),
                        format!("`{0}` needs a value: `{0} = …`", key.name),
                    ));
                }
                return self.mark(&word);
            }
        }
        self.positional(input)
    }

    fn attribute(&self) -> &'static Attribute {
        self.parsed.layer.attribute
    }

    fn name(&mut self, name: &LitStr, index: usize) -> Result<()> {
        let text = name.value();
        let attribute = self.attribute().name;
        if text.trim().is_empty() {
            return Err(Error::new_spanned(
                name,
                "a name is not empty; leave it out for a policy of this function alone",
            ));
        }
        if index != 0 {
            return Err(Error::new_spanned(
                name,
                format!(
                    "a string is the name of the policy, and stands first: `{attribute}({}, …)`",
                    name.token()
                ),
            ));
        }
        let is_time = matches!(attribute, "timeout" | "hedge");
        if is_time && literal::nanos(text.trim()).is_ok() {
            return Err(Error::new_spanned(
                name,
                format!("a duration is written without quotes: `{}`", text.trim()),
            ));
        }
        if attribute == "hedge" && choice::is_percentile(text.trim()) {
            return Err(Error::new_spanned(
                name,
                format!("a percentile is written without quotes: `{}`", text.trim()),
            ));
        }
        self.parsed.layer.name = Some(name.clone());
        Ok(())
    }

    /// Remembers that `key` is given, once.
    fn give(&mut self, key: &str, tokens: &TokenStream) -> Result<()> {
        if let Some((_, first)) = self.given.iter().find(|(given, _)| given == key) {
            return Err(Error::new_spanned(
                quote!(#first #tokens),
                format!("`{key}` is given twice: keep one"),
            ));
        }
        self.given.push((key.to_owned(), tokens.clone()));
        Ok(())
    }

    fn keyed(&mut self, input: ParseStream<'_>) -> Result<()> {
        let word = input.call(Ident::parse_any)?;
        let Some(key) = self.attribute().key(&word.to_string()) else {
            return Err(unknown(self.attribute(), &word));
        };
        if key.takes == Takes::Mark {
            return Err(Error::new_spanned(
                &word,
                format!("`{word}` has no value, the word alone says it"),
            ));
        }
        self.give(key.name, &word.to_token_stream())?;
        let equals: Token![=] = input.parse()?;
        if input.is_empty() || input.peek(Token![,]) {
            return Err(Error::new_spanned(
                quote!(#word #equals),
                format!("`{word}` needs a value: `{word} = …`"),
            ));
        }
        self.set(key.name, key.takes, Some(word), input)
    }

    fn set(
        &mut self,
        key: &'static str,
        takes: Takes,
        word: Option<Ident>,
        input: ParseStream<'_>,
    ) -> Result<()> {
        let layer = &mut self.parsed.layer;
        match takes {
            Takes::Binding => {
                let binding = input.call(Ident::parse_any)?;
                if !(input.is_empty() || input.peek(Token![,]))
                    || syn::parse2::<Ident>(quote!(#binding)).is_err()
                {
                    return Err(Error::new_spanned(
                        binding,
                        "`attempt` takes the name of a new variable: `attempt = cx`",
                    ));
                }
                layer.attempt = Some(binding);
            }
            Takes::Expression => {
                let expression = input.parse()?;
                match key {
                    "value" => return self.answer(Answer::Value(expression)),
                    "cost" => layer.cost = Some(expression),
                    "key" => layer.key = Some(expression),
                    _ => layer.idempotency_key = Some(expression),
                }
            }
            Takes::Predicate => {
                let expression: Expr = input.parse()?;
                predicate(key, &expression)?;
                let word = word.unwrap_or_else(|| Ident::new(key, expression.span()));
                layer.predicates.push((word, expression));
            }
            Takes::Hook => {
                let expression: Expr = input.parse()?;
                hook(key, &expression)?;
                layer.before = Some(expression);
            }
            Takes::Function if key == "mark" => layer.mark = Some(stale::mark(input.parse()?)?),
            Takes::Function => {
                let expression: Expr = input.parse()?;
                return self.function(expression);
            }
            takes => {
                let (value, span) = literal::value(takes, key, input)?;
                if let Value::Closure(closure) = value {
                    layer.per_call = Some(closure);
                    return Ok(());
                }
                let key = word.unwrap_or_else(|| Ident::new(key, span));
                layer.data.push(Datum { key, value, span });
            }
        }
        Ok(())
    }

    fn mark(&mut self, word: &Ident) -> Result<()> {
        self.give(&word.to_string(), &word.to_token_stream())?;
        if word == "error" {
            self.error_mark = Some(word.span());
        } else {
            self.parsed.layer.may_fail = true;
        }
        Ok(())
    }

    fn positional(&mut self, input: ParseStream<'_>) -> Result<()> {
        let ahead = input.fork();
        let attribute = self.attribute();
        let Some(positional) = &attribute.positional else {
            return Err(Error::new(
                ahead.span(),
                format!(
                    "`{}` takes a name and settings such as `failure_threshold = 5`",
                    attribute.name
                ),
            ));
        };
        let first = ahead.parse::<proc_macro2::TokenTree>()?;
        if self.given.iter().any(|(key, _)| key == positional.key) {
            return Err(Error::new(
                first.span(),
                format!(
                    "`{}` has its {} already; settings behind it have keys, such as `{} = …`",
                    attribute.name, positional.key, attribute.keys[1].name
                ),
            ));
        }
        self.give(positional.key, &first.to_token_stream())?;
        self.set(positional.key, positional.takes, None, input)
    }

    fn function(&mut self, expression: Expr) -> Result<()> {
        let answer = match expression {
            // What a `macro_rules` hands on.
            Expr::Group(group) => return self.function(*group.expr),
            Expr::Path(_) => Answer::Function {
                path: expression,
                error: false,
            },
            Expr::Closure(closure) if closure.inputs.len() == 1 => {
                Answer::Closure(Box::new(closure))
            }
            Expr::Closure(closure) => {
                return Err(Error::new_spanned(
                    quote!(#closure),
                    "a fallback's closure takes the error: `|error| …`, or `|_| …`",
                ));
            }
            other => {
                return Err(Error::new_spanned(
                    other,
                    "a fallback is a function, a closure `|error| …`, or `value = …`",
                ));
            }
        };
        self.answer(answer)
    }

    fn answer(&mut self, answer: Answer) -> Result<()> {
        if self.parsed.layer.answer.is_some() {
            let all = self
                .given
                .iter()
                .filter(|(key, _)| matches!(&**key, "function" | "value"));
            let tokens: TokenStream = all.flat_map(|(_, tokens)| tokens.clone()).collect();
            return Err(Error::new_spanned(
                tokens,
                "a fallback answers with a function or with `value`, not with both",
            ));
        }
        self.parsed.layer.answer = Some(answer);
        Ok(())
    }

    fn finish(mut self) -> Result<Parsed> {
        if !self.mistakes.found() {
            self.whole();
        }
        self.mistakes.or(self.parsed)
    }

    /// What can be said only when all arguments are known.
    fn whole(&mut self) {
        let attribute = self.attribute();
        let given = |key: &str| self.given.iter().find(|(given, _)| given == key);
        if let (Some((_, count)), Some((_, rate))) =
            (given("failure_threshold"), given("failure_rate"))
        {
            self.mistakes.add(Error::new_spanned(
                quote!(#count #rate),
                "`failure_threshold` and `failure_rate` are two ways to say when to open: keep one",
            ));
        }
        if let (Some((_, key)), None) = (given("idempotency_key"), given("attempt")) {
            self.mistakes.add(Error::new_spanned(
                key,
                "the body finds the key in its attempt: add `attempt = cx`",
            ));
        }
        if let (Some((_, factor)), Some(_)) = (given("factor"), given("backoff"))
            && self.parsed.layer.per_call.is_some()
        {
            self.mistakes.add(Error::new_spanned(
                factor,
                "`factor` goes with `backoff = exponential(..)` only: the function of `backoff` says \
                 itself how its delays grow",
            ));
        }
        if let Some(positional) = &attribute.positional
            && let Some(example) = positional.compulsory
            && given(positional.key).is_none()
            && (self.parsed.layer.name.is_none() || !self.given.is_empty())
        {
            self.mistakes.add(Error::new(
                self.parsed.layer.span,
                format!(
                    "`{}` needs its {}: `{example}`; only a reference to a policy that is defined \
                     elsewhere is a name alone",
                    attribute.name, positional.key
                ),
            ));
        }
        if let Some(mistake) = stale::mistake(&self.parsed.layer, &given) {
            self.mistakes.add(mistake);
            return;
        }
        let layer = &mut self.parsed.layer;
        if layer.is("fallback") && layer.answer.is_none() && !layer.is_stale() {
            self.mistakes.add(Error::new(
                layer.span,
                "a fallback needs something to answer with: a function, a closure `|error| …`, \
                 `value = …`, or the last good answer: `stale = 10m, key = …`",
            ));
        }
        if let Some(span) = self.error_mark {
            match &mut layer.answer {
                Some(Answer::Function { error, .. }) => *error = true,
                _ => self.mistakes.add(Error::new(
                    span,
                    "`error` stands behind a function, which then takes the error as its last \
                     argument",
                )),
            }
        }
        if let (true, Some(Answer::Value(value))) = (layer.may_fail, &layer.answer) {
            self.mistakes.add(Error::new_spanned(
                value,
                "a value cannot fail: take `may_fail` away",
            ));
        }
    }
}

fn predicate(key: &str, expression: &Expr) -> Result<()> {
    let message = match expression {
        Expr::Lit(literal) if !matches!(literal.lit, Lit::Verbatim(_)) => {
            format!("`{key}` is a path or a closure that answers with a `bool`: `|it| …`")
        }
        Expr::Closure(closure) if closure.inputs.len() != 1 => {
            format!("the closure of `{key}` takes one argument by reference: `|it| …`")
        }
        _ => return Ok(()),
    };
    Err(Error::new_spanned(expression, message))
}

fn hook(key: &str, expression: &Expr) -> Result<()> {
    let message = match expression {
        Expr::Lit(literal) if !matches!(literal.lit, Lit::Verbatim(_)) => {
            format!("`{key}` is a path or a closure that is told a number: `|attempt| …`")
        }
        Expr::Closure(closure) if closure.inputs.len() != 1 => format!(
            "the closure of `{key}` takes the number of the attempt that is about to begin: \
             `|attempt| …`, or `|_| …`"
        ),
        Expr::Closure(closure) if closure.asyncness.is_some() => format!(
            "the closure of `{key}` is not async: what has to wait stands in the body, which knows \
             the number of its attempt with `attempt = cx`"
        ),
        _ => return Ok(()),
    };
    Err(Error::new_spanned(expression, message))
}

/// The error for a key that the attribute does not have.
fn unknown(attribute: &Attribute, word: &Ident) -> Error {
    let written = word.to_string();
    let keys = || {
        let keys = attribute.keys.iter().map(|Key { name, .. }| *name);
        keys.chain(SHARED)
    };
    let allowed = format!("the keys of `{}` are {}", attribute.name, listed(keys()));
    let owners = ATTRIBUTES
        .iter()
        .filter(|other| other.key(&written).is_some());
    let owners = listed(owners.map(|other| other.name));
    let message = if !owners.is_empty() {
        format!(
            "`{written}` is a key of {owners}, not of `{}`; {allowed}",
            attribute.name
        )
    } else if let Some(meant) = nearest(&written, keys()) {
        format!("there is no key `{written}`, did you mean `{meant}`? {allowed}")
    } else {
        format!("there is no key `{written}`; {allowed}")
    };
    Error::new(word.span(), message)
}

#[cfg(test)]
mod tests;
