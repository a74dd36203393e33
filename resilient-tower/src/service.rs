//! The service: the nest of a pipeline around each call.

use crate::copying::Copying;
use crate::error::Error;
use crate::judging::Judging;
use crate::pipeline::Policies;
use resilient_core::__private::{run_body, split};
use resilient_core::{Failure, Frame, Inside, Verdict};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use tower_service::Service;

/// A service under a pipeline; see [`layer`](crate::layer).
///
/// It is always ready: that the inner service is, is awaited within each attempt, on a clone of its own,
/// where the timeouts hold and the bulkhead has given a place.
///
/// # Cancel safety
///
/// Dropping the future of a call drops the attempt, and gives back what the policies had given.
#[derive(Clone, Debug)]
pub struct Pipeline<S, J, C> {
    pub(crate) inner: S,
    pub(crate) policies: &'static Policies,
    pub(crate) judging: J,
    pub(crate) copying: C,
}

impl<S, J, C, Request> Service<Request> for Pipeline<S, J, C>
where
    S: Service<Request> + Clone + Send + 'static,
    S::Response: Send,
    S::Error: Send,
    S::Future: Send,
    J: Judging<S::Response, S::Error> + Clone + Send + 'static,
    C: Copying<Request> + Clone + Send + 'static,
    Request: Send + 'static,
{
    type Response = S::Response;
    type Error = Error<S::Error>;
    // A service has to name its future, and that of an `async` block has no name.
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Self {
            inner,
            policies,
            judging,
            copying,
        } = self.clone();
        Box::pin(async move {
            let outcome = run(policies, inner, judging, copying, request).await;
            outcome.map_err(|failure| match failure {
                Failure::Rejected(rejected) => Error::Rejected(rejected),
                Failure::Error(error) => Error::Service(error),
            })
        })
    }
}

async fn run<S: Service<Request> + Clone, J, C, Request>(
    policies: &'static Policies,
    inner: S,
    judging: J,
    copying: C,
    request: Request,
) -> Inside<S::Response, S::Error>
where
    J: Judging<S::Response, S::Error>,
    C: Copying<Request>,
{
    let frame = &Frame::new();
    let nest = async move {
        let circuit_breaker = policies.circuit_breaker.live();
        let mut permit = circuit_breaker.admit(frame).map_err(Failure::Rejected)?;
        let mut retry = policies.retry.live().begin();
        let mut request = request;
        let outcome = loop {
            // What the user's code does here is a part of the call: if it panics, the call has failed.
            frame.ask();
            let copy = copying.copy(&request);
            let service = inner.clone();
            frame.wait();
            let outcome = attempt(policies, frame, service, request).await;
            let verdict = judging.verdict(&outcome);
            let Some(copy) = copy else {
                // There is nothing to try again with.
                let is_good = verdict == Verdict::Success;
                let last = if is_good { verdict } else { Verdict::Permanent };
                let _ = retry.decide(last);
                break outcome;
            };
            let Some(delay) = retry.decide(verdict) else {
                break outcome;
            };
            drop(outcome);
            request = copy;
            frame.wait();
            delay.await;
        };
        permit.settle_with(judging.verdict(&outcome), &outcome);
        outcome
    };
    policies.timeout.live().limit(nest).await
}

async fn attempt<S: Service<Request>, Request>(
    policies: &'static Policies,
    frame: &Frame,
    mut service: S,
    request: Request,
) -> Inside<S::Response, S::Error> {
    let rate_limit = policies.rate_limit.live();
    rate_limit.admit().await.map_err(Failure::Rejected)?;
    let limited = async move {
        let bulkhead = policies.bulkhead.live();
        let _permit = bulkhead.admit(frame).await.map_err(Failure::Rejected)?;
        let Policies {
            timeout,
            circuit_breaker,
            retry,
            rate_limit,
            attempt_timeout,
            bulkhead,
        } = policies;
        let _ = (
            timeout,
            circuit_breaker,
            retry,
            rate_limit,
            attempt_timeout,
            bulkhead,
        );
        run_body!(
            waits,
            [
                timeout,
                circuit_breaker,
                retry,
                rate_limit,
                attempt_timeout,
                bulkhead
            ],
            [frame],
            true,
            {
                let body = async move {
                    poll_fn(|context| service.poll_ready(context)).await?;
                    service.call(request).await
                };
                split(frame.run(body).await)
            }
        )
    };
    policies.attempt_timeout.live().limit(limited).await
}
