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
    /// Counts the changes.
    version: u64,
}

impl Configured {
    /// What this layer says.
    pub(crate) const fn of(&self, layer: Outside) -> &Policies {
        match layer {
            Outside::File => &self.file,
            Outside::Environment => &self.environment,
        }
    }

    /// Replaces what `layer` said, and counts that.
    pub(crate) fn replace(&mut self, layer: Outside, policies: Policies) -> u64 {
        match layer {
            Outside::File => self.file = policies,
            Outside::Environment => self.environment = policies,
        }
        self.version += 1;
        self.version
    }

    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// Tells a policy that has just become known what is said about it.
    pub(crate) fn tell(&self, entry: &dyn AnyEntry) {
        let key = (entry.kind().as_str().to_owned(), entry.name().to_owned());
        for layer in [Outside::File, Outside::Environment] {
            if let Some(settings) = self.of(layer).get(&key) {
                entry.configure(layer, settings);
            }
        }
    }
}
