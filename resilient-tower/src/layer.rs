//! The layer: a pipeline by its name, and what it is told about a service.

use crate::copying::{ByClone, CopyWith, Once};
use crate::judging::{ByClass, EveryError, When, WhenOk};
use crate::pipeline::Policies;
use crate::service::Pipeline;
use std::panic::Location;

/// The layer that puts the pipeline of this name around a service, as `#[resilient("pricing")]` puts it
/// around a function: timeout ▸ circuit breaker ▸ retry ▸ rate limit ▸ attempt timeout ▸ bulkhead.
///
/// The policies may be defined before or after. The place where this is called is listed among the
/// registry's call sites.
///
/// # Panics
///
/// If the name is empty.
#[track_caller]
#[must_use]
pub fn layer(name: &'static str) -> PipelineLayer {
    assert!(
        !name.is_empty(),
        "a pipeline needs a name that is not empty"
    );
    PipelineLayer {
        policies: Policies::at(name, Location::caller()),
        judging: EveryError,
        copying: ByClone,
    }
}

/// A pipeline by its name, as a [`tower_layer::Layer`]; see [`layer`].
#[derive(Clone, Debug)]
pub struct PipelineLayer<J = EveryError, C = ByClone> {
    policies: &'static Policies,
    judging: J,
    copying: C,
}

impl<C> PipelineLayer<EveryError, C> {
    /// Errors of the service say of themselves what they are: they are
    /// [`Classify`](resilient_core::Classify).
    #[must_use]
    pub fn by_class(self) -> PipelineLayer<ByClass, C> {
        self.judged(|EveryError| ByClass)
    }

    /// Only errors of the service for which `test` is true are failures.
    #[must_use]
    pub fn when<E, F: Fn(&E) -> bool>(self, test: F) -> PipelineLayer<When<F>, C> {
        self.judged(|EveryError| When(test))
    }
}

impl<J, C> PipelineLayer<J, C> {
    /// Responses for which `test` is true are failures, for example those with a status of 500. The
    /// last one is what the caller gets.
    #[must_use]
    pub fn when_ok<R, F: Fn(&R) -> bool>(self, test: F) -> PipelineLayer<WhenOk<J, F>, C> {
        self.judged(|otherwise| WhenOk { otherwise, test })
    }

    fn judged<K>(self, judging: impl FnOnce(J) -> K) -> PipelineLayer<K, C> {
        PipelineLayer {
            policies: self.policies,
            judging: judging(self.judging),
            copying: self.copying,
        }
    }
}

impl<J> PipelineLayer<J, ByClone> {
    /// Requests need not be `Clone`, and there is one attempt, whatever the retry allows.
    #[must_use]
    pub fn once(self) -> PipelineLayer<J, Once> {
        self.copied(Once)
    }

    /// Requests are copied by `copy`. Where it answers `None` there is no further attempt.
    #[must_use]
    pub fn copy_with<R, F: Fn(&R) -> Option<R>>(self, copy: F) -> PipelineLayer<J, CopyWith<F>> {
        self.copied(CopyWith(copy))
    }

    fn copied<C>(self, copying: C) -> PipelineLayer<J, C> {
        PipelineLayer {
            policies: self.policies,
            judging: self.judging,
            copying,
        }
    }
}

impl<S, J: Clone, C: Clone> tower_layer::Layer<S> for PipelineLayer<J, C> {
    type Service = Pipeline<S, J, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Pipeline {
            inner,
            policies: self.policies,
            judging: self.judging.clone(),
            copying: self.copying.clone(),
        }
    }
}
