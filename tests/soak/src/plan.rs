//! What one body does: seeded faults.

use fastrand::Rng;
use resilient::{Classify, Rejected};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::yield_now;
use tokio::time::sleep;

/// What a call fails with.
#[derive(Debug, Classify, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the dependency is down")]
    #[class(transient)]
    Down,
    #[error("it will never work")]
    #[class(permanent)]
    Never,
    #[error("not our fault")]
    #[class(ignored)]
    Theirs,
    #[error(transparent)]
    #[class(rejected)]
    Rejected(#[from] Rejected),
}

/// What a body panics with when it is meant to.
#[derive(Debug)]
pub(crate) struct Planned;

#[derive(Clone, Copy, Debug)]
enum Ending {
    Good,
    Down,
    Never,
    Theirs,
    Panic,
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    yields: u8,
    delay: Option<Duration>,
    ending: Ending,
}

/// What the attempts of one call do.
#[derive(Debug)]
pub(crate) struct Plan {
    attempts: [Attempt; 3],
    begun: AtomicUsize,
}

impl Plan {
    /// A plan for a dependency of which this share of the attempts fails.
    pub(crate) fn draw(random: &mut Rng, failing: f64) -> Self {
        let mut attempt = || Attempt {
            yields: random.u8(0..3),
            delay: match random.u8(0..20) {
                0..12 => None,
                12..19 => Some(Duration::from_micros(random.u64(1..6000))),
                // Longer than any timeout, and not for ever: timeouts may be switched off.
                _ => Some(Duration::from_millis(120)),
            },
            ending: if random.f64() < failing {
                match random.u8(0..20) {
                    0..14 => Ending::Down,
                    14..16 => Ending::Never,
                    16..18 => Ending::Theirs,
                    _ => Ending::Panic,
                }
            } else {
                Ending::Good
            },
        };
        Self {
            attempts: [attempt(), attempt(), attempt()],
            begun: AtomicUsize::new(0),
        }
    }

    /// Attempts that end at once, all in the same way.
    pub(crate) fn quick(failing: bool) -> Self {
        let attempt = Attempt {
            yields: 0,
            delay: None,
            ending: if failing { Ending::Down } else { Ending::Good },
        };
        Self {
            attempts: [attempt; 3],
            begun: AtomicUsize::new(0),
        }
    }

    /// One attempt.
    pub(crate) async fn run(&self) -> Result<(), Failure> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let attempt = self.attempts[number % self.attempts.len()];
        for _ in 0..attempt.yields {
            yield_now().await;
        }
        if let Some(delay) = attempt.delay {
            sleep(delay).await;
        }
        match attempt.ending {
            Ending::Good => Ok(()),
            Ending::Down => Err(Failure::Down),
            Ending::Never => Err(Failure::Never),
            Ending::Theirs => Err(Failure::Theirs),
            Ending::Panic => std::panic::panic_any(Planned),
        }
    }
}
