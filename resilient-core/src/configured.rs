//! What files and the environment say of policies, kept for those that become known later.

use crate::definition::Outside;
use crate::entry::{AnyEntry, GivenSetting};
use std::collections::BTreeMap;

/// By kind and name.
pub(crate) type Policies = BTreeMap<(String, String), Vec<GivenSetting>>;

/// What files and the environment say of policies, also of those that nobody has mentioned yet.
#[derive(Debug, Default)]
pub(crate) struct Configured {
    file: Policies,
    environment: Policies,
}

impl Configured {
    pub(crate) const fn layer(&mut self, layer: Outside) -> &mut Policies {
        match layer {
            Outside::File => &mut self.file,
            Outside::Environment => &mut self.environment,
        }
    }

    /// Tells a policy that has just become known what is said about it.
    pub(crate) fn tell(&self, entry: &dyn AnyEntry) {
        let key = (entry.kind().as_str().to_owned(), entry.name().to_owned());
        for (layer, policies) in [
            (Outside::File, &self.file),
            (Outside::Environment, &self.environment),
        ] {
            if let Some(settings) = policies.get(&key) {
                entry.configure(layer, settings);
            }
        }
    }
}
