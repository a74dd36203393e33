//! How a request is copied, so that a retry can send it again.

/// How a request is copied before each attempt. `None`: this attempt is the last.
pub trait Copying<Request> {
    /// A copy of the request, if there can be one.
    fn copy(&self, request: &Request) -> Option<Request>;
}

/// Requests are `Clone`. This is the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByClone;

impl<Request: Clone> Copying<Request> for ByClone {
    fn copy(&self, request: &Request) -> Option<Request> {
        Some(request.clone())
    }
}

/// Requests are never copied, so there is one attempt.
#[derive(Clone, Copy, Debug, Default)]
pub struct Once;

impl<Request> Copying<Request> for Once {
    fn copy(&self, _: &Request) -> Option<Request> {
        None
    }
}

/// Requests are copied by a function.
#[derive(Clone, Copy, Debug)]
pub struct CopyWith<F>(pub(crate) F);

impl<Request, F: Fn(&Request) -> Option<Request>> Copying<Request> for CopyWith<F> {
    fn copy(&self, request: &Request) -> Option<Request> {
        (self.0)(request)
    }
}
