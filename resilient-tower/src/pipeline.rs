//! The six policies of one layer, and how the registry gets to know them.

use resilient_core::__private::{Binding, Layer, announce};
use resilient_core::{
    AttemptTimeoutPolicy, BulkheadPolicy, CircuitBreakerPolicy, Policy, RateLimitPolicy,
    RetryPolicy, TimeoutPolicy,
};
use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::{Mutex, PoisonError};

/// The policies of a pipeline, as a layer at one place of the program mentions them.
#[derive(Debug)]
pub(crate) struct Policies {
    pub(crate) timeout: Binding<TimeoutPolicy>,
    pub(crate) circuit_breaker: Binding<CircuitBreakerPolicy>,
    pub(crate) retry: Binding<RetryPolicy>,
    pub(crate) rate_limit: Binding<RateLimitPolicy>,
    pub(crate) attempt_timeout: Binding<AttemptTimeoutPolicy>,
    pub(crate) bulkhead: Binding<BulkheadPolicy>,
}

/// One for each name and place: layers that are made again and again are one call site.
type Known = BTreeMap<(&'static str, &'static str, u32), &'static Policies>;

static KNOWN: Mutex<Known> = Mutex::new(Known::new());

impl Policies {
    /// Those of the layer of this name that is made at this place, which is listed as a call site.
    pub(crate) fn at(name: &'static str, place: &'static Location<'static>) -> &'static Self {
        let (policies, is_new) = {
            let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
            let at = (name, place.file(), place.line());
            match known.get(&at) {
                Some(policies) => (*policies, false),
                None => (*known.entry(at).or_insert_with(|| Self::of(name)), true),
            }
        };
        // Without the lock: what becomes known is reported, and subscribers may make layers.
        if is_new {
            policies.announce(name, place);
        }
        policies
    }

    fn of(name: &'static str) -> &'static Self {
        Box::leak(Box::new(Self {
            timeout: bound(name),
            circuit_breaker: bound(name),
            retry: bound(name),
            rate_limit: bound(name),
            attempt_timeout: bound(name),
            bulkhead: bound(name),
        }))
    }

    fn announce(&'static self, name: &'static str, place: &'static Location<'static>) {
        let policies = self;
        let (file, line) = (place.file(), place.line());
        let site = String::leak(format!("layer(\"{name}\")@{file}:{line}"));
        let written = &site[..site.len() - file.len() - line.to_string().len() - 2];
        let layers = vec![
            Layer::new(&policies.timeout, written),
            Layer::new(&policies.circuit_breaker, written),
            Layer::new(&policies.retry, written),
            Layer::new(&policies.rate_limit, written),
            Layer::new(&policies.attempt_timeout, written),
            Layer::new(&policies.bulkhead, written),
        ];
        announce(site, file, line, layers.leak());
    }
}

fn bound<P: Policy>(name: &'static str) -> Binding<P> {
    Binding::new(P::default(), Some(name)).in_pipeline()
}
