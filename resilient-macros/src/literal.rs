//! The values of settings: how durations, shares, rates and choices are written.

use crate::choice::{after, algorithm, backoff, budget, jitter, order};
use crate::table::{Takes, listed};
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{ParseBuffer, ParseStream};
use syn::spanned::Spanned;
use syn::{BinOp, Error, Expr, Lit, RangeLimits, Result, Token, UnOp};

/// The value of one setting, as it goes to a builder.
#[derive(Clone)]
pub(crate) enum Value {
    /// A length of time in nanoseconds.
    Duration(u64),
    /// A share in millionths.
    Share(u32),
    /// Several shares, one after another.
    Shares(Vec<Value>),
    /// So many in so much time.
    Rate(TokenStream, Box<Value>),
    /// A constructor of the named type and its arguments, for example of `Backoff`.
    Made(&'static str, Ident, Vec<Value>),
    /// A variant of the named type, for example of `Order`.
    Variant(&'static str, Ident),
    /// What a closure without parameters says, once per entry.
    Closure(TokenStream),
    /// Any constant expression.
    Expression(TokenStream),
}

impl Value {
    /// The value as an argument of a builder. Every token of ours is at `span`, so that the
    /// compiler reports a value out of range there; `private` is the path of our private module.
    pub(crate) fn tokens(&self, private: &TokenStream, span: Span) -> TokenStream {
        match self {
            Self::Duration(nanos) => {
                let (constructor, count) = match *nanos {
                    nanos if nanos % 1_000_000_000 == 0 => ("from_secs", nanos / 1_000_000_000),
                    nanos if nanos % 1_000_000 == 0 => ("from_millis", nanos / 1_000_000),
                    nanos if nanos % 1_000 == 0 => ("from_micros", nanos / 1_000),
                    nanos => ("from_nanos", nanos),
                };
                let constructor = Ident::new(constructor, span);
                let mut count = Literal::u64_unsuffixed(count);
                count.set_span(span);
                quote_spanned!(span=> #private::Duration::#constructor(#count))
            }
            Self::Share(parts) => {
                let mut parts = Literal::u32_unsuffixed(*parts);
                parts.set_span(span);
                quote_spanned!(span=> #private::Share::parts_per_million(#parts))
            }
            Self::Shares(shares) => {
                let shares = shares.iter().map(|share| share.tokens(private, span));
                quote_spanned!(span=> #private::Ramp::new(&[#(#shares),*]))
            }
            Self::Rate(count, per) => {
                let per = per.tokens(private, span);
                quote_spanned!(span=> #private::Rate::new(#count, #per))
            }
            Self::Made(kind, constructor, arguments) => {
                let kind = Ident::new(kind, span);
                let arguments = arguments.iter().map(|value| value.tokens(private, span));
                quote_spanned!(span=> #private::#kind::#constructor(#(#arguments),*))
            }
            Self::Variant(kind, variant) => {
                let kind = Ident::new(kind, span);
                quote_spanned!(span=> #private::#kind::#variant)
            }
            Self::Closure(tokens) | Self::Expression(tokens) => tokens.clone(),
        }
    }
}

/// Parses the value of `key`, and says where it stands.
pub(crate) fn value(takes: Takes, key: &str, input: ParseStream<'_>) -> Result<(Value, Span)> {
    let ahead = input.fork();
    let parsed = match takes {
        Takes::Share => share(input)?,
        Takes::Shares => shares(key, input)?,
        Takes::Backoff => backoff(input)?,
        Takes::Jitter => jitter(input)?,
        Takes::Order => order(input)?,
        Takes::Algorithm => algorithm(input)?,
        Takes::Budget => budget(input)?,
        Takes::After => after(input)?,
        _ => plain(takes, key, &expression(input)?)?,
    };
    Ok((parsed, consumed(&ahead, input)))
}

/// The span of what `input` has consumed since `before` was forked from it.
fn consumed(before: &ParseBuffer<'_>, input: ParseStream<'_>) -> Span {
    let rest = input.cursor();
    let mut tokens = TokenStream::new();
    while before.cursor() != rest && !before.is_empty() {
        match before.parse::<proc_macro2::TokenTree>() {
            Ok(token) => tokens.extend([token]),
            Err(_) => break,
        }
    }
    whole(&tokens)
}

/// One span for all of `tokens`, as far as the compiler lets spans be joined.
pub(crate) fn whole(tokens: &TokenStream) -> Span {
    tokens.span()
}

/// An expression, out of the invisible groups in which `macro_rules` hands it on.
pub(crate) fn expression(input: ParseStream<'_>) -> Result<Expr> {
    let mut expression: Expr = input.parse()?;
    while let Expr::Group(group) = expression {
        expression = *group.expr;
    }
    Ok(expression)
}

fn plain(takes: Takes, key: &str, expression: &Expr) -> Result<Value> {
    match takes {
        Takes::Duration => duration(expression),
        Takes::DurationOrClosure => match expression {
            Expr::Closure(closure) if closure.inputs.is_empty() => {
                Ok(Value::Closure(closure.to_token_stream()))
            }
            Expr::Closure(closure) => Err(Error::new_spanned(
                &closure.inputs,
                "a timeout's closure has no parameters: write `|| …`, it sees the arguments of \
                 the function",
            )),
            expression => duration(expression),
        },
        Takes::Rate => rate(expression),
        Takes::Count => count(key, expression),
        Takes::Factor => factor(key, expression),
        Takes::Flag => match expression {
            Expr::Lit(literal) if !matches!(literal.lit, Lit::Bool(_)) => Err(Error::new_spanned(
                literal,
                format!("`{key}` is `true` or `false`"),
            )),
            expression => Ok(Value::Expression(expression.to_token_stream())),
        },
        _ => Ok(Value::Expression(expression.to_token_stream())),
    }
}

fn count(key: &str, expression: &Expr) -> Result<Value> {
    let message = match expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) if matches!(number.suffix(), "" | "u32") => {
                return Ok(Value::Expression(expression.to_token_stream()));
            }
            Lit::Int(number) => format!(
                "`{key}` is a whole number, without the unit `{}`",
                number.suffix()
            ),
            _ => format!("`{key}` is a whole number, such as `3`"),
        },
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => {
            format!("`{key}` is a whole number that is not negative")
        }
        _ => return Ok(Value::Expression(expression.to_token_stream())),
    };
    Err(Error::new_spanned(expression, message))
}

fn factor(key: &str, expression: &Expr) -> Result<Value> {
    match expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Float(number) if matches!(number.suffix(), "" | "f64") => {
                Ok(Value::Expression(expression.to_token_stream()))
            }
            Lit::Int(number) if number.suffix().is_empty() => {
                let mut float = Literal::f64_unsuffixed(number.base10_parse()?);
                float.set_span(number.span());
                Ok(Value::Expression(quote!(#float)))
            }
            _ => Err(Error::new_spanned(
                expression,
                format!("`{key}` is a number without a unit, such as `1.5`"),
            )),
        },
        expression => Ok(Value::Expression(expression.to_token_stream())),
    }
}

/// The units of time, from the longest to the shortest, in nanoseconds.
const UNITS: [(&str, u64); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

const UNITS_LISTED: &str = "`h`, `m`, `s`, `ms`, `us` and `ns`";

/// The unit that is meant by another name for it.
fn meant(unit: &str) -> Option<&'static str> {
    let unit = unit.to_lowercase();
    if unit == "ms" {
        return Some("ms");
    }
    Some(match unit.trim_end_matches('s') {
        "h" | "hr" | "hour" => "h",
        "m" | "min" | "minute" => "m",
        "" | "sec" | "second" => "s",
        "milli" | "msec" | "millisec" | "millisecond" => "ms",
        "u" | "\u{b5}" | "\u{3bc}" | "micro" | "usec" | "microsec" | "microsecond" => "us",
        "n" | "nano" | "nsec" | "nanosec" | "nanosecond" => "ns",
        _ => return None,
    })
}

pub(crate) fn duration(expression: &Expr) -> Result<Value> {
    match expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(_) | Lit::Float(_) => {
                let written = literal.lit.to_token_stream().to_string();
                nanos(&written)
                    .map(Value::Duration)
                    .map_err(|message| Error::new_spanned(literal, message))
            }
            Lit::Str(text) => {
                let text = text.value();
                let text = text.trim();
                Err(Error::new_spanned(
                    literal,
                    if nanos(text).is_ok() {
                        format!("a duration is written without quotes: `{text}`")
                    } else {
                        "a duration is written as a number with its unit, such as `5s`".to_owned()
                    },
                ))
            }
            _ => Err(Error::new_spanned(
                literal,
                "a duration is written as a number with its unit, such as `5s`",
            )),
        },
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => {
            Err(Error::new_spanned(unary, "a duration is not negative"))
        }
        Expr::Range(range) => Err(Error::new_spanned(
            range,
            "one duration stands here, not a range",
        )),
        Expr::Closure(closure) => Err(Error::new_spanned(
            closure,
            "a duration stands here, such as `5s`, or a constant expression",
        )),
        expression => Ok(Value::Expression(expression.to_token_stream())),
    }
}

/// The nanoseconds of a literal such as `1.5s` or `1m30s`, or what is wrong with it.
pub(crate) fn nanos(written: &str) -> std::result::Result<u64, String> {
    if ["0x", "0o", "0b"]
        .iter()
        .any(|base| written.starts_with(base))
    {
        return Err("a duration is written in decimal digits, such as `16s`".to_owned());
    }
    let mut rest = written;
    let mut total: u64 = 0;
    let mut longest = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !matches!(c, '0'..='9' | '_' | '.'));
        let (number, tail) = rest.split_at(digits.unwrap_or(rest.len()));
        if number.is_empty() {
            return Err(format!(
                "`{rest}` is not a duration, which is written as `5s`"
            ));
        }
        let after = tail.find(|c: char| c.is_ascii_digit());
        let (unit, tail) = tail.split_at(after.unwrap_or(tail.len()));
        if matches!(unit, "e" | "E") {
            return Err("a duration is written without an exponent, such as `1000s`".to_owned());
        }
        if unit.is_empty() {
            return Err(format!(
                "a duration needs a unit: `{number}s` are seconds, `{number}ms` milliseconds"
            ));
        }
        let Some(&(_, length)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            let meant = meant(unit).map_or_else(
                || ";".to_owned(),
                |meant| format!(", did you mean `{number}{meant}`?"),
            );
            return Err(format!(
                "there is no unit `{unit}` of time{meant} the units are {UNITS_LISTED}"
            ));
        };
        if length >= longest {
            return Err(
                "the parts of a duration are written from the longest unit to the shortest, such \
                 as `1m30s`"
                    .to_owned(),
            );
        }
        if number.contains('.') && !(tail.is_empty() && longest == u64::MAX) {
            return Err(
                "a duration has a fraction or several units, not both: `1.5m` or `1m30s`"
                    .to_owned(),
            );
        }
        longest = length;
        total = scaled(number, length)
            .and_then(|part| total.checked_add(part))
            .ok_or_else(|| {
                "a duration is a whole number of nanoseconds, and shorter than 584 years".to_owned()
            })?;
        rest = tail;
    }
    Ok(total)
}

/// `number` times `scale`, if that is a whole number that fits.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let number = number.replace('_', "");
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    let fraction = fraction.trim_end_matches('0');
    let mut total = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    let mut place = scale;
    for digit in fraction.chars() {
        if !place.is_multiple_of(10) {
            return None;
        }
        place /= 10;
        total = total.checked_add(u64::from(digit.to_digit(10)?) * place)?;
    }
    Some(total)
}

/// `100ms..10s`: two durations, the shorter one first.
pub(crate) fn range(example: &str, input: ParseStream<'_>) -> Result<Vec<Value>> {
    let parsed = expression(input)?;
    let Expr::Range(range) = &parsed else {
        return Err(Error::new_spanned(
            &parsed,
            format!("from the first delay to the longest one: `{example}`"),
        ));
    };
    let (Some(low), Some(high), RangeLimits::HalfOpen(_)) =
        (&range.start, &range.end, &range.limits)
    else {
        return Err(Error::new_spanned(
            range,
            format!("a range has two ends: `{example}`"),
        ));
    };
    let ends = [duration(low)?, duration(high)?];
    if let [Value::Duration(from), Value::Duration(to)] = ends
        && from > to
    {
        let (longer, shorter) = (low.to_token_stream(), high.to_token_stream());
        return Err(Error::new_spanned(
            range,
            format!(
                "a range goes from the shorter duration to the longer one: `{shorter}..{longer}`"
            ),
        ));
    }
    Ok(ends.into())
}

/// `50%` or `0.5`
pub(crate) fn share(input: ParseStream<'_>) -> Result<Value> {
    let ahead = input.fork();
    if let (Ok(number), Ok(percent)) = (ahead.parse::<Lit>(), ahead.parse::<Token![%]>())
        && (ahead.is_empty() || ahead.peek(Token![,]))
    {
        let written = quote!(#number #percent);
        input.parse::<Lit>()?;
        input.parse::<Token![%]>()?;
        return parts(&number.to_token_stream().to_string(), 10_000)
            .map_err(|message| Error::new_spanned(written, message));
    }
    match expression(input)? {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Float(number) => parts(&number.to_string(), 1_000_000)
                .map_err(|message| Error::new_spanned(&literal, message)),
            Lit::Int(number) => Err(Error::new_spanned(
                number,
                format!("a share is written `{number}%`, or as a fraction such as `0.5`"),
            )),
            _ => Err(Error::new_spanned(
                &literal,
                "a share is written without quotes: `50%` or `0.5`",
            )),
        },
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => {
            Err(Error::new_spanned(unary, "a share is not negative"))
        }
        expression => Ok(Value::Expression(expression.to_token_stream())),
    }
}

/// `[10%, 50%]`
fn shares(key: &str, input: ParseStream<'_>) -> Result<Value> {
    if !input.peek(syn::token::Bracket) {
        let message = format!("`{key}` is a list of shares: `{key} = [10%, 50%]`");
        let ahead = input.fork();
        if ahead.parse::<Lit>().is_ok() && ahead.peek(Token![%]) {
            let (number, percent) = (input.parse::<Lit>()?, input.parse::<Token![%]>()?);
            return Err(Error::new_spanned(quote!(#number #percent), message));
        }
        return match expression(input)? {
            expression @ (Expr::Lit(_) | Expr::Closure(_) | Expr::Range(_) | Expr::Unary(_)) => {
                Err(Error::new_spanned(expression, message))
            }
            expression => Ok(Value::Expression(expression.to_token_stream())),
        };
    }
    let inside;
    syn::bracketed!(inside in input);
    whole_of(&inside, |inside| {
        let mut shares = vec![];
        while !inside.is_empty() {
            shares.push(share(inside)?);
            if !inside.is_empty() {
                inside.parse::<Token![,]>()?;
            }
        }
        Ok(Value::Shares(shares))
    })
}

/// Parses what stands in brackets. After a mistake it skips the rest: what is left over there would
/// be reported in place of the mistake.
pub(crate) fn whole_of<T>(
    inside: ParseStream<'_>,
    parse: impl FnOnce(ParseStream<'_>) -> Result<T>,
) -> Result<T> {
    let parsed = parse(inside);
    if parsed.is_err() {
        inside.parse::<TokenStream>()?;
    }
    parsed
}

fn parts(number: &str, scale: u64) -> std::result::Result<Value, String> {
    if !number.chars().all(|c| matches!(c, '0'..='9' | '_' | '.')) {
        return Err("a share is a plain decimal number: `50%` or `0.5`".to_owned());
    }
    let parts = scaled(number, scale)
        .ok_or_else(|| "a share is exact to one part in a million: `0.0001%`".to_owned())?;
    u32::try_from(parts)
        .ok()
        .filter(|parts| *parts <= 1_000_000)
        .map(Value::Share)
        .ok_or_else(|| "a share is at most the whole: `100%` or `1.0`".to_owned())
}

/// The share of a percentile, `95` of `p95`. Which of them a policy takes says its builder: what is
/// more than the whole is the whole.
pub(crate) fn percent(number: &str) -> std::result::Result<Value, String> {
    let parts = scaled(number, 10_000)
        .ok_or_else(|| "a percentile has at most four decimals: `p99.9`".to_owned())?;
    let parts = u32::try_from(parts.min(1_000_000)).unwrap_or(1_000_000);
    Ok(Value::Share(parts))
}

/// `100/s`, `1000/min` or `10/500ms`
fn rate(expression: &Expr) -> Result<Value> {
    let example = "a rate is so many in so much time: `100/s`, `1000/min` or `10/500ms`";
    match expression {
        Expr::Binary(binary) if matches!(binary.op, BinOp::Div(_)) => {
            let per = match &*binary.right {
                Expr::Path(path) => {
                    let word = path.to_token_stream().to_string();
                    let unit = if word == "min" { "m" } else { &word };
                    match UNITS.iter().find(|(name, _)| *name == unit) {
                        Some((_, length)) => Value::Duration(*length),
                        None if word.chars().all(char::is_lowercase) => {
                            return Err(Error::new_spanned(
                                path,
                                format!(
                                    "there is no period `{word}`; the periods are {} and any \
                                     duration such as `500ms`",
                                    listed(["s", "min", "h"])
                                ),
                            ));
                        }
                        None => duration(&binary.right)?,
                    }
                }
                other => duration(other)?,
            };
            let Value::Expression(count) = count("the number of a rate", &binary.left)? else {
                return Err(Error::new_spanned(&binary.left, example));
            };
            Ok(Value::Rate(count, Box::new(per)))
        }
        Expr::Lit(literal) => Err(Error::new_spanned(
            literal,
            match &literal.lit {
                Lit::Int(number) if number.suffix().is_empty() => {
                    format!("a rate needs a period: `{number}/s` or `{number}/min`")
                }
                _ => example.to_owned(),
            },
        )),
        Expr::Unary(_) | Expr::Closure(_) | Expr::Range(_) => {
            Err(Error::new_spanned(expression, example))
        }
        expression => Ok(Value::Expression(expression.to_token_stream())),
    }
}

#[cfg(test)]
mod tests;
