//! What a test of annotated functions needs: a registry of its own, scripted outcomes, the way that a
//! circuit breaker went, and chaos.

mod chaos;
mod isolated;
mod script;
mod watch;

pub use chaos::{Chaos, ChaosSwitch, chaos};
pub use isolated::{Isolated, Scope, isolated, reset_all};
pub use script::Script;
pub use watch::{Watch, watch};

/// What expansions ask before they run a body.
pub(crate) mod hook {
    pub use super::chaos::{Disturbance, disturb, is_disturbed};
}
