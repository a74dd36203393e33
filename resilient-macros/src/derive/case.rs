//! What one variant says of itself.

use super::said::{Said, is_class};
use crate::parse::Datum;
use crate::table::{listed, nearest};
use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;
use syn::{Attribute, Error, Expr, Field, Fields, Index, Member, Result, Type};

/// What one variant, or a struct, comes to.
pub(super) struct Case<'a> {
    /// `Self::Variant`
    pub(super) path: TokenStream,
    pub(super) says: Says<'a>,
    pub(super) hints: Vec<Datum>,
}

pub(super) enum Says<'a> {
    /// The variant of `Class`.
    Plain(Ident),
    /// For as long as a field says, or a function of the whole error.
    Throttled(Wait),
    /// What this field says.
    Forward(Member, &'a Type),
    /// That it is this refusal.
    Rejected(Member, &'a Type),
}

pub(super) enum Wait {
    Field(Member),
    Function(Box<Expr>),
}

impl<'a> Case<'a> {
    /// What a variant says, and where it says nothing the whole type.
    pub(super) fn of(
        name: &Ident,
        path: TokenStream,
        fields: &'a Fields,
        said: Option<&Said>,
        whole: Option<&Said>,
    ) -> Result<Self> {
        if let Some(misplaced) = fields
            .iter()
            .flat_map(|field| &field.attrs)
            .find(|attribute| is_class(attribute))
        {
            return Err(Error::new_spanned(
                misplaced,
                "`class` stands on the variant or on the type, not on a field",
            ));
        }
        let refusal = fields
            .iter()
            .enumerate()
            .find(|(_, field)| is_from_rejected(field));
        let own = said.and_then(|said| said.class.as_ref());
        if let Some((index, field)) = refusal {
            match own {
                Some((class, word)) if !matches!(*class, "rejected" | "forward") => {
                    return Err(Error::new(
                        word.span(),
                        "a refusal is decided about by rules of its own: write \
                         `#[class(rejected)]`, or nothing",
                    ));
                }
                _ => {
                    let says = Says::Rejected(member(index, field), &field.ty);
                    let hints = vec![];
                    return Ok(Self { path, says, hints });
                }
            }
        }
        let Some(Said {
            class: Some((class, word)),
            hints,
            retry_after,
            ..
        }) = said.or(whole)
        else {
            let says = Says::Plain(Ident::new("Transient", Span::mixed_site()));
            let hints = vec![];
            return Ok(Self { path, says, hints });
        };
        let plain = |class| Says::Plain(Ident::new(class, Span::mixed_site()));
        let says = match (*class, retry_after) {
            ("forward", _) => {
                let (member, of) = the_field(name, fields, word)?;
                Says::Forward(member, of)
            }
            ("rejected", _) => {
                let (member, of) = the_field(name, fields, word)?;
                Says::Rejected(member, of)
            }
            ("throttled", Some((_, value))) => Says::Throttled(wait(name, fields, value)?),
            ("throttled", None) => plain("Throttled"),
            ("permanent", _) => plain("Permanent"),
            ("ignored", _) => plain("Ignored"),
            _ => plain("Transient"),
        };
        let hints = hints.clone();
        Ok(Self { path, says, hints })
    }
}

/// Whether thiserror, or who writes like it, makes the variant from a `Rejected`.
fn is_from_rejected(field: &Field) -> bool {
    let marked = |attribute: &Attribute| attribute.path().is_ident("from");
    let Type::Path(of) = &field.ty else {
        return false;
    };
    field.attrs.iter().any(marked)
        && of
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "Rejected")
}

fn member(index: usize, field: &Field) -> Member {
    field
        .ident
        .clone()
        .map_or_else(|| Member::from(index), Member::from)
}

/// The one field that says everything.
fn the_field<'a>(name: &Ident, fields: &'a Fields, word: &Ident) -> Result<(Member, &'a Type)> {
    let marked = |field: &Field| {
        let is_mark = |attribute: &Attribute| {
            attribute.path().is_ident("from") || attribute.path().is_ident("source")
        };
        field.attrs.iter().any(is_mark)
    };
    let mut found = fields
        .iter()
        .enumerate()
        .filter(|(_, field)| fields.len() == 1 || marked(field));
    match (found.next(), found.next()) {
        (Some((index, field)), None) => Ok((member(index, field), &field.ty)),
        _ => Err(Error::new(
            word.span(),
            format!(
                "`{word}` is for a variant with one field, or with one marked `#[from]` or \
                 `#[source]`; `{name}` has {}",
                match fields.len() {
                    0 => "none".to_owned(),
                    count => count.to_string(),
                }
            ),
        )),
    }
}

/// Where the time to wait comes from.
fn wait(name: &Ident, fields: &Fields, value: &Expr) -> Result<Wait> {
    let written = match value {
        Expr::Path(path) => match path.path.get_ident() {
            Some(field) => Member::from(field.clone()),
            None => return Ok(Wait::Function(Box::new(value.clone()))),
        },
        Expr::Closure(closure) if closure.inputs.len() == 1 => {
            return Ok(Wait::Function(Box::new(value.clone())));
        }
        Expr::Lit(literal) => match syn::parse2::<Index>(literal.to_token_stream()) {
            Ok(index) => Member::from(index),
            Err(_) => return Err(not_a_wait(value)),
        },
        _ => return Err(not_a_wait(value)),
    };
    let members: Vec<Member> = fields.members().collect();
    if members.contains(&written) {
        return Ok(Wait::Field(written));
    }
    let text = |member: &Member| member.to_token_stream().to_string();
    let (written, members) = (text(&written), members.iter().map(text).collect::<Vec<_>>());
    let meant = nearest(&written, members.iter().map(String::as_str))
        .map(|meant| format!(", did you mean `{meant}`?"))
        .unwrap_or_default();
    let has = if members.is_empty() {
        "it has none".to_owned()
    } else {
        format!("it has {}", listed(members))
    };
    let separator = if meant.is_empty() { ";" } else { "" };
    Err(Error::new_spanned(
        value,
        format!("there is no field `{written}` in `{name}`{meant}{separator} {has}"),
    ))
}

fn not_a_wait(value: &Expr) -> Error {
    Error::new_spanned(
        value,
        "`retry_after` is a field of the variant, or a function of the error: `Self::wait`, \
         `|error| …`",
    )
}
