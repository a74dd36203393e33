//! What happens to the services, one thing after another.

use crate::fault::{Fault, Switch};

pub(crate) const HEALTHY: usize = 0;
pub(crate) const NO_RECOMMENDATIONS: usize = 1;
pub(crate) const HANGING: usize = 2;
pub(crate) const RECOVERING: usize = 3;
pub(crate) const FLAPPING: usize = 4;

/// A stretch of the run.
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    pub(crate) orders: u32,
    /// One customer comes every so many milliseconds, in real time.
    pub(crate) every: u64,
    /// How many of the orders come first, and are answered before anybody else comes.
    pub(crate) alone: u32,
    /// What is wrong with payments, inventory and recommendations.
    pub(crate) faults: [Fault; 3],
}

/// All phases in their order.
///
/// While the recommendations are dead, so many customers come that those who wait for them take
/// all places of the bulkhead. The first two who meet the hang are alone: they are too few to open
/// the breaker, and it is the deadline of the whole checkout that ends their second attempt. Then
/// the hang lasts long enough for the breaker to open (10 s), to let a probe through in vain (30 s
/// later), and to open again.
pub(crate) const PHASES: [Phase; 5] = {
    use Fault::{Dead, Flapping, Hang, Healthy};
    [
        Phase {
            name: "all healthy",
            orders: 120,
            every: 250,
            alone: 0,
            faults: [Healthy, Healthy, Healthy],
        },
        Phase {
            name: "recommendations dead",
            orders: 200,
            every: 100,
            alone: 0,
            faults: [Healthy, Healthy, Dead],
        },
        Phase {
            name: "payments hang",
            orders: 220,
            every: 250,
            alone: 2,
            faults: [Hang, Healthy, Healthy],
        },
        Phase {
            name: "payments recover",
            orders: 200,
            every: 250,
            alone: 0,
            faults: [Healthy, Healthy, Healthy],
        },
        Phase {
            name: "inventory flaps",
            orders: 160,
            every: 250,
            alone: 0,
            faults: [Healthy, Flapping, Healthy],
        },
    ]
};

/// What they are called.
pub(crate) const SERVICES: [&str; 3] = ["payments", "inventory", "recommendations"];

/// The switches of payments, inventory and recommendations.
pub(crate) struct Switches(pub(crate) [Switch; 3]);

impl Switches {
    /// Makes the services behave as in this phase.
    pub(crate) fn set(&self, phase: &Phase) {
        for (switch, fault) in self.0.iter().zip(phase.faults) {
            switch.set(fault);
        }
    }
}
