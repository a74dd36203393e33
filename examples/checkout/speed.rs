//! How fast the clock of the demonstration runs: the durations that the attributes state, divided.

use resilient::{Backoff, CircuitBreakerPolicy, RetryPolicy, TimeoutPolicy, policy};
use std::time::Duration;

/// How many times faster than real time everything runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Speed(pub(crate) u32);

impl Speed {
    /// A duration of the real world, as long as it lasts at this speed.
    pub(crate) fn of(self, real: Duration) -> Duration {
        real / self.0
    }

    /// The same, of so many milliseconds.
    pub(crate) fn millis(self, real: u64) -> Duration {
        self.of(Duration::from_millis(real))
    }

    /// Defines every duration of `policies.rs` anew. What is defined in code takes precedence over
    /// what is written in an attribute; counts and limits stay as they are written there.
    pub(crate) fn register(self) -> Result<(), resilient::RegisterError> {
        policy("checkout")
            .timeout(self.timeout(20_000))
            .register()?;
        policy("payments")
            .retry(self.retry(1_000, 5_000))
            .circuit_breaker(
                CircuitBreakerPolicy::new()
                    .window_time(self.millis(30_000))
                    .open_for(self.millis(30_000)),
            )
            .register()?;
        policy("payments.attempt")
            .timeout(self.timeout(10_000))
            .register()?;
        policy("inventory").retry(self.retry(50, 500)).register()?;
        policy("inventory.attempt")
            .timeout(self.timeout(2_000))
            .register()?;
        policy("recommendations")
            .timeout(self.timeout(1_000))
            .register()?;
        policy("settlement")
            .retry(RetryPolicy::new().backoff(Backoff::fixed(self.millis(1_000))))
            .register()?;
        policy("payments.void")
            .timeout(self.timeout(5_000))
            .register()?;
        policy("inventory.release")
            .timeout(self.timeout(2_000))
            .register()
    }

    fn timeout(self, real: u64) -> TimeoutPolicy {
        TimeoutPolicy::new().duration(self.millis(real))
    }

    fn retry(self, first: u64, longest: u64) -> RetryPolicy {
        RetryPolicy::new().backoff(Backoff::exponential(
            self.millis(first),
            self.millis(longest),
        ))
    }
}
