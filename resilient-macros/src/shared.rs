//! What stands on one attribute and holds for its whole stack, and the mistakes found in a stack.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Error, Expr, Result, Token};

/// What holds for a whole stack.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) map_err: Option<Expr>,
    pub(crate) private_crate: Option<syn::Path>,
}

impl Shared {
    /// Parses `map_err = path` or `crate = ::path`, if that stands here.
    pub(crate) fn parse(&mut self, input: ParseStream<'_>) -> Result<bool> {
        if input.peek(Token![crate]) && input.peek2(Token![=]) {
            let key: Token![crate] = input.parse()?;
            input.parse::<Token![=]>()?;
            let path = input.call(syn::Path::parse_mod_style)?;
            let first = path
                .segments
                .first()
                .map(|segment| segment.ident.to_string());
            let absolute = path.leading_colon.is_some()
                || matches!(first.as_deref(), Some("crate" | "$crate"));
            if !absolute {
                return Err(Error::new_spanned(
                    &path,
                    format!(
                        "the path of the crate is absolute: `crate = ::{}`",
                        path.to_token_stream().to_string().replace(' ', "")
                    ),
                ));
            }
            if self.private_crate.replace(path).is_some() {
                return Err(twice(&key, "crate"));
            }
            return Ok(true);
        }
        let ahead = input.fork();
        if !(ahead
            .call(Ident::parse_any)
            .is_ok_and(|key| key == "map_err")
            && ahead.peek(Token![=]))
        {
            return Ok(false);
        }
        let key: Ident = input.parse()?;
        input.parse::<Token![=]>()?;
        let path: Expr = input.parse()?;
        if matches!(path, Expr::Lit(_)) {
            return Err(Error::new_spanned(
                path,
                "`map_err` is a path or a closure that makes the function's error of a `Rejected`",
            ));
        }
        if self.map_err.replace(path).is_some() {
            return Err(twice(&key, "map_err"));
        }
        Ok(true)
    }

    /// Adds what stands on another attribute of the stack.
    pub(crate) fn add(&mut self, other: Self, mistakes: &mut Mistakes) {
        if let (Some(_), Some(path)) = (&self.map_err, &other.map_err) {
            mistakes.add(twice(path, "map_err"));
        }
        if let (Some(_), Some(path)) = (&self.private_crate, &other.private_crate) {
            mistakes.add(twice(path, "crate"));
        }
        self.map_err = self.map_err.take().or(other.map_err);
        self.private_crate = self.private_crate.take().or(other.private_crate);
    }
}

fn twice(tokens: &impl ToTokens, key: &str) -> Error {
    Error::new_spanned(
        tokens,
        format!("`{key}` is given twice: it stands on one attribute and holds for the whole stack"),
    )
}

/// The mistakes found so far: one error for each.
#[derive(Default)]
pub(crate) struct Mistakes(Option<Error>);

impl Mistakes {
    pub(crate) fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            None => self.0 = Some(error),
        }
    }

    pub(crate) fn found(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn or<T>(self, fine: T) -> Result<T> {
        self.0.map_or(Ok(fine), Err)
    }
}
