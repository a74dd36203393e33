//! Settings that are one of several choices: backoff, jitter, order, algorithm, budget and the wait of
//! a hedge.

use crate::literal::{Value, duration, expression, percent, range, share, whole_of};
use crate::table::{listed, nearest};
use proc_macro2::{Ident, Span};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Error, Expr, ExprPath, Lit, LitInt, LitStr, Result, Token};

/// A bare lower-case word, alone or with something in parentheses: one of several choices.
fn choice(input: ParseStream<'_>) -> Option<Ident> {
    let ahead = input.fork();
    let word = Ident::parse_any(&ahead).ok()?;
    let alone = ahead.is_empty() || ahead.peek(Token![,]) || ahead.peek(syn::token::Paren);
    (alone
        && word
            .to_string()
            .chars()
            .all(|c| c.is_lowercase() || c == '_'))
    .then_some(word)
}

fn unknown(what: &str, word: &Ident, words: &[&str]) -> Error {
    let meant = nearest(&word.to_string(), words.iter().copied())
        .map(|meant| format!(", did you mean `{meant}`?"))
        .unwrap_or_default();
    let separator = if meant.is_empty() { ";" } else { "" };
    Error::new(
        word.span(),
        format!(
            "there is no {what} `{word}`{meant}{separator} the choices are {}",
            listed(words)
        ),
    )
}

/// By its name: functions are in small letters, constants in capitals.
fn is_function(path: &ExprPath) -> bool {
    let last = path.path.segments.last();
    last.is_some_and(|last| {
        last.ident
            .unraw()
            .to_string()
            .starts_with(char::is_lowercase)
    })
}

fn constant(what: &str, words: &[&str], input: ParseStream<'_>) -> Result<Value> {
    one_of(what, words, expression(input)?)
}

fn one_of(what: &str, words: &[&str], expression: Expr) -> Result<Value> {
    match expression {
        expression @ (Expr::Lit(_) | Expr::Closure(_) | Expr::Range(_) | Expr::Unary(_)) => Err(
            Error::new_spanned(expression, format!("a {what} is one of {}", listed(words))),
        ),
        expression => Ok(Value::Expression(expression.to_token_stream())),
    }
}

/// `fixed(1s)`, `linear(…)`, `exponential(…)` or `fibonacci(100ms..10s)`; or a function of the number of the
/// attempt that ended, by its path or as a closure
pub(crate) fn backoff(input: ParseStream<'_>) -> Result<Value> {
    const SHAPES: [&str; 4] = ["fixed", "linear", "exponential", "fibonacci"];
    let Some(word) = choice(input) else {
        return match expression(input)? {
            Expr::Closure(closure) if closure.inputs.len() != 1 || closure.asyncness.is_some() => {
                Err(Error::new_spanned(
                    closure,
                    "the closure of `backoff` takes the number of the attempt that ended and gives a \
                     duration: `|attempt| …`",
                ))
            }
            Expr::Closure(closure) => Ok(Value::Closure(closure.to_token_stream())),
            Expr::Path(path) if is_function(&path) => Ok(Value::Closure(path.to_token_stream())),
            expression => one_of("backoff", &SHAPES, expression),
        };
    };
    Ident::parse_any(input)?;
    let shape = word.to_string();
    if !SHAPES.contains(&&*shape)
        && !input.peek(syn::token::Paren)
        && nearest(&shape, SHAPES).is_none()
    {
        return Ok(Value::Closure(word.to_token_stream()));
    }
    let Some(shape) = SHAPES.into_iter().find(|name| *name == shape) else {
        return Err(unknown("backoff", &word, &SHAPES));
    };
    let example = match shape {
        "fixed" => "fixed(1s)".to_owned(),
        shape => format!("{shape}(100ms..10s)"),
    };
    if !input.peek(syn::token::Paren) {
        return Err(Error::new(
            word.span(),
            format!("`{shape}` needs its delays: `{example}`"),
        ));
    }
    let inside;
    syn::parenthesized!(inside in input);
    if inside.is_empty() {
        return Err(Error::new(
            word.span(),
            format!("`{shape}` needs its delays: `{example}`"),
        ));
    }
    let delays = whole_of(&inside, |inside| {
        let delays = if shape == "fixed" {
            vec![duration(&expression(inside)?)?]
        } else {
            range(&example, inside)?
        };
        end(inside, &example)?;
        Ok(delays)
    })?;
    Ok(Value::Made("Backoff", word, delays))
}

/// `none`, `full`, `equal`, `decorrelated`, `proportional(20%)` or `additive(100%)`
pub(crate) fn jitter(input: ParseStream<'_>) -> Result<Value> {
    const JITTERS: [&str; 6] = [
        "none",
        "full",
        "equal",
        "decorrelated",
        "proportional",
        "additive",
    ];
    let Some(word) = choice(input) else {
        return constant("jitter", &JITTERS, input);
    };
    Ident::parse_any(input)?;
    let written = word.to_string();
    let Some(name) = JITTERS.into_iter().find(|name| *name == written) else {
        return Err(unknown("jitter", &word, &JITTERS));
    };
    let shares = if matches!(name, "proportional" | "additive") {
        let example = format!("{name}(20%)");
        if !input.peek(syn::token::Paren) {
            return Err(Error::new(
                word.span(),
                format!("`{name}` needs its share: `{example}`"),
            ));
        }
        let inside;
        syn::parenthesized!(inside in input);
        let parsed = whole_of(&inside, |inside| {
            let parsed = share(inside)?;
            end(inside, &example)?;
            Ok(parsed)
        })?;
        vec![parsed]
    } else {
        vec![]
    };
    Ok(Value::Made("Jitter", word, shares))
}

/// `fifo` or `lifo`
pub(crate) fn order(input: ParseStream<'_>) -> Result<Value> {
    variant("Order", &[("fifo", "Fifo"), ("lifo", "Lifo")], input)
}

/// `token_bucket`, `leaky_bucket`, `fixed_window` or `sliding_window`
pub(crate) fn algorithm(input: ParseStream<'_>) -> Result<Value> {
    const ALGORITHMS: [(&str, &str); 4] = [
        ("token_bucket", "TokenBucket"),
        ("leaky_bucket", "LeakyBucket"),
        ("fixed_window", "FixedWindow"),
        ("sliding_window", "SlidingWindow"),
    ];
    variant("Algorithm", &ALGORITHMS, input)
}

/// One of several words, each of which is a variant of the named type.
fn variant(of: &'static str, variants: &[(&str, &str)], input: ParseStream<'_>) -> Result<Value> {
    let what = of.to_lowercase();
    let words: Vec<&str> = variants.iter().map(|(word, _)| *word).collect();
    let Some(word) = choice(input) else {
        return constant(&what, &words, input);
    };
    Ident::parse_any(input)?;
    let written = word.to_string();
    let Some((_, variant)) = variants.iter().find(|(name, _)| *name == written) else {
        return Err(unknown(&what, &word, &words));
    };
    Ok(Value::Variant(of, Ident::new(variant, word.span())))
}

/// `20%`, or `budget("gateway", 20%)` with or without `budget =` before it.
pub(crate) fn budget(input: ParseStream<'_>) -> Result<Value> {
    const SHARED: &str =
        "a budget that is shared has a name and a share: `budget(\"gateway\", 20%)`";
    if let Some(word) = choice(input).filter(|word| word == "budget")
        && input.peek2(syn::token::Paren)
    {
        Ident::parse_any(input)?;
        let inside;
        syn::parenthesized!(inside in input);
        return whole_of(&inside, |inside| named_budget(inside, word.span(), SHARED));
    }
    if input.peek(LitStr) {
        return Err(Error::new(input.span(), SHARED));
    }
    let own = Ident::new("own", input.span());
    Ok(Value::Made("Budget", own, vec![share(input)?]))
}

/// `"gateway", 20%`
fn named_budget(inside: ParseStream<'_>, word: Span, shared: &str) -> Result<Value> {
    if inside.is_empty() {
        return Err(Error::new(word, shared));
    }
    if !inside.peek(LitStr) {
        let own = "a budget without a name is of this policy alone, and written `budget = 20%`; \
                   with one it is shared: `budget(\"gateway\", 20%)`";
        return Err(Error::new(inside.span(), own));
    }
    let name: LitStr = inside.parse()?;
    if name.value().trim().is_empty() {
        return Err(Error::new_spanned(
            name,
            "the name of a budget is not empty; without one the budget is of this policy alone: \
             `budget = 20%`",
        ));
    }
    if inside.is_empty() {
        return Err(Error::new_spanned(
            &name,
            format!("a budget needs its share: `budget({}, 20%)`", name.token()),
        ));
    }
    inside.parse::<Token![,]>()?;
    let share = share(inside)?;
    inside.parse::<Option<Token![,]>>()?;
    end(inside, "budget(\"gateway\", 20%)")?;
    let name = Value::Expression(Lit::Str(name).to_token_stream());
    Ok(Value::Made(
        "Budget",
        Ident::new("shared", word),
        vec![name, share],
    ))
}

/// `100ms`, or `p95` and `p99.9`.
pub(crate) fn after(input: ParseStream<'_>) -> Result<Value> {
    if let Some((word, number)) = percentile(input)? {
        let share = percent(&number).map_err(|message| Error::new(word.span(), message))?;
        return Ok(Value::Made(
            "HedgeAfter",
            Ident::new("percentile", word.span()),
            vec![share],
        ));
    }
    let span = input.span();
    let ahead = input.fork();
    if let Ok(literal) = ahead.parse::<Lit>()
        && let Some(number) = number_of_percentile(&literal, ahead.peek(Token![%]))
    {
        return Err(Error::new_spanned(
            literal,
            format!("a percentile of the newest calls is written `p{number}`"),
        ));
    }
    let expression = expression(input)?;
    let fixed = Ident::new("after", span);
    Ok(Value::Made(
        "HedgeAfter",
        fixed,
        vec![duration(&expression)?],
    ))
}

/// The number in `95p`, `"p95"` or `95%`, which is meant as a percentile.
fn number_of_percentile(literal: &Lit, is_percent: bool) -> Option<String> {
    let written = literal.to_token_stream().to_string();
    let number = written.trim_matches('"').trim_matches(['p', 'P', '%']);
    let is_meant = is_percent || number != written;
    (is_meant && is_percentile(&format!("p{number}"))).then(|| number.to_owned())
}

/// Whether this is `p95`, or `p99.9`.
pub(crate) fn is_percentile(written: &str) -> bool {
    let number = written.strip_prefix('p').unwrap_or_default();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_number =
        |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number(whole) && is_number(fraction)
}

/// `p95`, or `p99` and `.9`: the word, and the number behind its `p`.
fn percentile(input: ParseStream<'_>) -> Result<Option<(Ident, String)>> {
    let Ok(word) = input.fork().call(Ident::parse_any) else {
        return Ok(None);
    };
    if !is_percentile(&word.to_string()) {
        return Ok(None);
    }
    input.call(Ident::parse_any)?;
    let mut number = word.to_string().split_off(1);
    if input.peek(Token![.]) {
        input.parse::<Token![.]>()?;
        let fraction: LitInt = input.parse()?;
        number = format!("{number}.{fraction}");
    }
    Ok(Some((word, number)))
}

fn end(inside: ParseStream<'_>, example: &str) -> Result<()> {
    if inside.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        inside.span(),
        format!("nothing else stands here: `{example}`"),
    ))
}
