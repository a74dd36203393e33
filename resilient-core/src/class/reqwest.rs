//! HTTP with reqwest: what its errors say, and responses that keep their status and `Retry-After`
//! when they become errors.
//!
//! ```no_run
//! use resilient_core::reqwest::{Error, check};
//!
//! async fn motd(client: &reqwest::Client) -> Result<String, Error> {
//!     Ok(check(client.get("http://127.0.0.1/motd").send().await?)?.text().await?)
//! }
//! ```

use super::retry_after::{date, parse};
use super::{Class, Classify, among};
use crate::error::Rejected;
use ::reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use ::reqwest::{Response, StatusCode, Url};
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::{Duration, SystemTime};

/// Passes on a response that is not a failure, and makes an [`struct@Error`] of one that is.
///
/// A failure is a status of 400 or more, as for [`Response::error_for_status`], which forgets
/// `Retry-After`. Redirects, where the client does not follow them, and 304 are passed on. Of
/// `Retry-After` all forms are understood; a date counts from the response's own `Date`, so that
/// the clocks need not agree, and from now where it has none.
///
/// # Errors
///
/// The status, the address and what `Retry-After` asks for. The body is dropped unread.
///
/// ```
/// use resilient_core::reqwest::check;
/// use resilient_core::{Class, Classify};
/// use std::time::Duration;
///
/// let busy = http::Response::builder().status(503).header("retry-after", "7").body("secret").unwrap();
/// let error = check(busy.into()).unwrap_err();
/// assert_eq!(error.status().unwrap(), 503);
/// assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
/// assert_eq!(error.class(), Class::Throttled { retry_after: error.retry_after() });
/// assert!(!error.to_string().contains("secret"));
///
/// assert!(check(http::Response::new("fine").into()).is_ok());
/// ```
pub fn check(response: Response) -> Result<Response, Error> {
    let status = response.status();
    if status.as_u16() < 400 {
        return Ok(response);
    }
    Err(Error(Box::new(What::Status {
        status,
        url: shown(response.url().clone()),
        retry_after: retry_after(response.headers()),
    })))
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let now = || text(DATE).and_then(date).unwrap_or_else(SystemTime::now);
    parse(text(RETRY_AFTER)?, now())
}

/// Why a call over HTTP failed: a status, or something on the way; or the refusal of a policy.
///
/// It is made by [`check`], by `?` from [`reqwest::Error`](::reqwest::Error), and from [`Rejected`].
/// It says of itself which failures deserve another attempt ([`Classify`]).
///
/// `Display` names the origin (scheme, host and port) and what happened. Neither it nor `Debug` shows
/// user, password, query, fragment or body. The path stands in [`url`](Self::url) and in `Debug`.
pub struct Error(Box<What>);

#[derive(Debug)]
enum What {
    Status {
        status: StatusCode,
        url: Url,
        retry_after: Option<Duration>,
    },
    Transport {
        error: ::reqwest::Error,
        url: Option<Url>,
    },
    Rejected(Rejected),
}

impl Error {
    /// The status, if it is the reason.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match &*self.0 {
            What::Status { status, .. } => Some(*status),
            What::Transport { error, .. } => error.status(),
            What::Rejected(_) => None,
        }
    }

    /// For how long the callee wants to be left alone, or a policy will refuse, where that is known.
    ///
    /// At most 2³¹ seconds.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match &*self.0 {
            What::Status { retry_after, .. } => *retry_after,
            What::Transport { .. } => None,
            What::Rejected(rejected) => rejected.retry_after(),
        }
    }

    /// The address, without user, password, query and fragment.
    #[must_use]
    pub fn url(&self) -> Option<&Url> {
        match &*self.0 {
            What::Status { url, .. } => Some(url),
            What::Transport { url, .. } => url.as_ref(),
            What::Rejected(_) => None,
        }
    }

    /// The error of the client, if something failed on the way: it has lost its address.
    #[must_use]
    pub fn transport(&self) -> Option<&::reqwest::Error> {
        match &*self.0 {
            What::Transport { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// The address without what may be a secret.
fn shown(mut url: Url) -> Url {
    // An address without a host has neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let What::Rejected(rejected) = &*self.0 {
            return fmt::Display::fmt(rejected, f);
        }
        match self.url() {
            Some(url) => f.write_str(&url.origin().ascii_serialization())?,
            None => f.write_str("the server")?,
        }
        if let Some(status) = self.status() {
            write!(f, " answered {status}")?;
        } else if let Some(error) = self.transport() {
            write!(f, ": {}", what_failed(error))?;
        }
        match self.retry_after() {
            Some(Duration::ZERO) => f.write_str(", retry at once"),
            Some(asked) => {
                let seconds = asked.as_secs() + u64::from(asked.subsec_nanos() > 0);
                write!(f, ", retry in {seconds}s")
            }
            None => Ok(()),
        }
    }
}

/// In words: the message of the client itself repeats the whole address.
fn what_failed(error: &::reqwest::Error) -> &'static str {
    match error {
        _ if error.is_timeout() => "it took too long",
        _ if error.is_connect() => "no connection",
        _ if error.is_redirect() => "a redirect that cannot be followed",
        _ if error.is_builder() => "the call cannot be built",
        _ if error.is_decode() => "the response cannot be read",
        _ => "the connection was lost",
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &*self.0 {
            What::Status { .. } => None,
            What::Transport { error, .. } => Some(error),
            What::Rejected(rejected) => rejected.source(),
        }
    }
}

impl From<::reqwest::Error> for Error {
    fn from(error: ::reqwest::Error) -> Self {
        let url = error.url().cloned().map(shown);
        let error = error.without_url();
        Self(Box::new(What::Transport { error, url }))
    }
}

impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        Self(Box::new(What::Rejected(rejected)))
    }
}

// Who asks for a class of a type of their own is not helped by these.
#[diagnostic::do_not_recommend]
impl Classify for Error {
    /// By the status and `Retry-After`, as [`Class::of_http_status`] says; without a status as the
    /// error of the client.
    fn class(&self) -> Class {
        match &*self.0 {
            What::Status {
                status,
                retry_after,
                ..
            } => Class::of_http_status(status.as_u16(), *retry_after),
            What::Transport { error, .. } => error.class(),
            What::Rejected(rejected) => rejected.class(),
        }
    }

    fn rejected(&self) -> Option<&Rejected> {
        match &*self.0 {
            What::Status { .. } => None,
            What::Transport { error, .. } => error.rejected(),
            What::Rejected(rejected) => Some(rejected),
        }
    }
}

#[diagnostic::do_not_recommend]
impl Classify for ::reqwest::Error {
    /// A status of `error_for_status` as [`Class::of_http_status`] says; its `Retry-After` is lost,
    /// which [`check`] keeps. Else:
    ///
    /// | error | class |
    /// |---|---|
    /// | took too long | transient |
    /// | no connection: refused, unreachable, no such name | transient |
    /// | connection lost or reset, before the response or within it | transient |
    /// | certificates that are not trusted, and other data that makes no sense (`InvalidData`, `InvalidInput`, `PermissionDenied`, `Unsupported`) | permanent |
    /// | no HTTP at all | permanent |
    /// | a response that cannot be decoded | permanent |
    /// | too many redirects, a call that cannot be built, an upgrade that was not made | permanent |
    fn class(&self) -> Class {
        if let Some(status) = self.status() {
            return Class::of_http_status(status.as_u16(), None);
        }
        let may_pass = if self.is_timeout() {
            true
        } else if self.is_builder() || self.is_redirect() || self.is_upgrade() {
            false
        } else {
            // What cannot be decoded is so next time; unless it was cut off.
            behind(self).unwrap_or(!self.is_decode())
        };
        if may_pass {
            Class::Transient
        } else {
            Class::Permanent
        }
    }

    fn rejected(&self) -> Option<&Rejected> {
        among(self.source())
    }
}

/// Whether what is behind the error may pass, if something is there that can tell: the connection.
fn behind(error: &::reqwest::Error) -> Option<bool> {
    let mut told = None;
    let mut next = error.source();
    while let Some(source) = next {
        if let Some(error) = source.downcast_ref::<io::Error>() {
            // TLS reports what it does not trust as data that is invalid.
            return Some(!matches!(
                error.kind(),
                io::ErrorKind::InvalidData
                    | io::ErrorKind::InvalidInput
                    | io::ErrorKind::PermissionDenied
                    | io::ErrorKind::Unsupported
            ));
        }
        if let Some(error) = source.downcast_ref::<hyper::Error>() {
            told = Some(!error.is_parse() && !error.is_user());
        }
        next = source.source();
    }
    told
}
