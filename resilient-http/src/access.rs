//! Who may look, and who may steer.

use crate::answer::Refusal;
use crate::samples::Samples;
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderName, StatusCode};
use std::fmt;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// How many live streams there may be at once; further ones are answered with 503.
pub const STREAMS: usize = 32;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a caller wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Access {
    /// See the page, snapshots, explanations, events and metrics.
    Read,
    /// See the keys of instances too: tenants, hosts.
    Keys,
    /// Steer policies and change their settings.
    Control,
}

/// Who a caller is: what the audit of a change says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Actor(String);

impl Actor {
    /// The caller of this name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

type Authorise = dyn Fn(&Parts, Access) -> Option<Actor> + Send + Sync;

/// What a router is made with: who may do what, and how it is called.
///
/// The default is the safe one: everybody who can reach the router may read, nobody sees a key, and
/// control does not exist.
///
/// ```
/// use resilient_http::{Access, Actor, Options};
///
/// let options = Options::new().title("checkout").authorise(|request, access| {
///     let user = request.headers.get("x-user")?.to_str().ok()?;
///     let may = access == Access::Read || user == "ana";
///     may.then(|| Actor::new(user))
/// });
/// # let _ = resilient_http::router(options);
/// ```
#[derive(Clone)]
#[must_use = "nothing can be reached before `router` is called"]
pub struct Options {
    title: String,
    authorise: Option<Arc<Authorise>>,
    origins: Vec<String>,
    samples: Arc<Samples>,
}

impl Options {
    /// Everybody may read, nobody sees a key or steers.
    pub fn new() -> Self {
        Self {
            title: "resilient".to_owned(),
            authorise: None,
            origins: Vec::new(),
            samples: Arc::default(),
        }
    }

    /// What the page calls the program; by default `resilient`.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Asks `authorise` before everything: `None` is "no", which is answered with 403.
    ///
    /// It sees the head of the request, and is not async: what takes time, such as looking a session
    /// up, belongs into a layer around the router, which leaves what it found in the request's
    /// extensions.
    ///
    /// What it returns for [`Access::Control`] is the actor in the audit; a body cannot claim to be
    /// somebody else.
    pub fn authorise<A>(mut self, authorise: A) -> Self
    where
        A: Fn(&Parts, Access) -> Option<Actor> + Send + Sync + 'static,
    {
        self.authorise = Some(Arc::new(authorise));
        self
    }

    /// Takes pages of this origin for our own, for example `https://ops.example.com`, where a proxy
    /// gives the request another `Host` than the browser wrote. May be said several times.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// Counts what the policies do, every two seconds, for as long as the future is polled, so that
    /// the page shows the last five minutes to the first who opens it. Without it, whoever looks takes
    /// the samples. No task is spawned for it: do that where your other tasks are.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let options = resilient_http::Options::new();
    /// let sampling = tokio::spawn(options.sampling());
    /// let router: axum::Router = resilient_http::router(options);
    /// # drop(router);
    /// sampling.abort();
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropped, it takes no more samples; those it took stay.
    pub fn sampling(&self) -> impl Future<Output = ()> + Send + use<> {
        Arc::clone(&self.samples).run()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("title", &self.title)
            .field("has_authoriser", &self.authorise.is_some())
            .field("origins", &self.origins)
            .finish_non_exhaustive()
    }
}

/// What all routes share.
pub(crate) struct Door {
    pub(crate) title: String,
    pub(crate) samples: Arc<Samples>,
    pub(crate) streams: Arc<Semaphore>,
    authorise: Option<Arc<Authorise>>,
    origins: Vec<String>,
}

impl Door {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            title: options.title,
            samples: options.samples,
            streams: Arc::new(Semaphore::new(STREAMS)),
            authorise: options.authorise,
            origins: options.origins,
        }
    }

    /// Refuses who may not read.
    pub(crate) fn read(&self, request: &Parts) -> Result<(), Refusal> {
        match &self.authorise {
            Some(authorise) => authorise(request, Access::Read)
                .map(drop)
                .ok_or_else(forbidden),
            None => Ok(()),
        }
    }

    pub(crate) fn shows_keys(&self, request: &Parts) -> bool {
        self.asked(request, Access::Keys).is_some()
    }

    /// Who may steer, if this caller may.
    pub(crate) fn steers(&self, request: &Parts) -> Option<Actor> {
        self.asked(request, Access::Control)
    }

    /// Who steers, or why this caller may not.
    pub(crate) fn control(&self, request: &Parts) -> Result<Actor, Refusal> {
        if self.authorise.is_none() {
            return Err(Refusal::no_such_route());
        }
        self.own_pages_only(request)?;
        self.steers(request).ok_or_else(forbidden)
    }

    fn asked(&self, request: &Parts, access: Access) -> Option<Actor> {
        self.authorise.as_ref()?(request, access)
    }

    /// Refuses what a page of somebody else sends. A browser says where a request comes from; other
    /// programs have no page, and say nothing.
    pub(crate) fn own_pages_only(&self, request: &Parts) -> Result<(), Refusal> {
        let header = |name: &HeaderName| request.headers.get(name).map(|value| value.to_str());
        let is_ours = match header(&ORIGIN) {
            None => true,
            Some(Err(_)) => false,
            Some(Ok(origin)) => {
                let host = header(&HOST).and_then(Result::ok);
                let host = host.or_else(|| request.uri.authority().map(Authority::as_str));
                let ours = origin.split_once("://").map(|(_, host)| host);
                ours.is_some() && ours == host || self.origins.iter().any(|own| own == origin)
            }
        };
        let says_ours = match header(&SEC_FETCH_SITE) {
            None | Some(Ok("same-origin" | "none")) => true,
            // The proxy that makes another origin of ours makes another site of it as well.
            Some(_) => header(&ORIGIN).is_some_and(|origin| {
                origin.is_ok_and(|origin| self.origins.iter().any(|own| own == origin))
            }),
        };
        if is_ours && says_ours {
            Ok(())
        } else {
            Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "this request comes from a page of another origin",
            ))
        }
    }
}

fn forbidden() -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "you may not do this")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn is_ours(door: &Door, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().uri("/disable_all");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        door.own_pages_only(&parts).is_ok()
    }

    #[test]
    fn only_pages_of_our_own_origin_may_steer() {
        let door = Door::new(Options::new().origin("https://ops.example.com"));
        let host = ("host", "localhost:8080");
        assert!(is_ours(&door, &[host]), "not a browser");
        assert!(is_ours(&door, &[host, ("origin", "http://localhost:8080")]));
        assert!(is_ours(&door, &[host, ("sec-fetch-site", "same-origin")]));
        assert!(is_ours(
            &door,
            &[
                host,
                ("origin", "https://ops.example.com"),
                ("sec-fetch-site", "cross-site")
            ]
        ));
        for wrong in [
            ("origin", "http://localhost:8081"),
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("origin", "localhost:8080"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert!(!is_ours(&door, &[host, wrong]), "{wrong:?}");
        }
    }
}
