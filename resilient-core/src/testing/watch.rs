//! What happened to a policy, written down while a test runs.

use crate::error::Rejected;
use crate::event::record::Record;
use crate::event::{Event, What};
use crate::isolation;
use crate::policy::CircuitBreakerState;
use crate::registry::Registry;
use crate::site::registry;
use crate::time::{Nanos, until};
use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::time::Duration;

/// Records what happens from now on to the policies of this name, of any kind.
///
/// Nothing is lost, however much happens: it is no subscription.
///
/// ```
/// use resilient_core::testing::{isolated, watch};
/// use resilient_core::{CircuitBreakerPolicy, CircuitBreakerState, Frame, Verdict, policy, registry};
/// use CircuitBreakerState::Open;
///
/// let _test = isolated();
/// let settings = CircuitBreakerPolicy::new().failure_threshold(1);
/// policy("pricing").circuit_breaker(settings).register()?;
///
/// let pricing = watch("pricing");
/// pricing.assert_never_opened();
/// let (breaker, frame) = (registry().circuit_breaker("pricing").unwrap(), Frame::new());
/// breaker.admit(&frame).unwrap().settle(Verdict::Failure);
/// assert!(breaker.admit(&frame).is_err());
///
/// pricing.assert_transitions([Open]);
/// assert_eq!(pricing.rejections().len(), 1);
/// assert!(std::panic::catch_unwind(|| pricing.assert_never_opened()).is_err());
/// # Ok::<(), resilient_core::RegisterError>(())
/// ```
///
/// # Panics
///
/// If there is no policy of this name: with a name that is written wrong, nothing would ever happen.
#[track_caller]
pub fn watch(policy: &str) -> Watch {
    // No closure panics: the message shows who called.
    match Watch::begin(policy) {
        Ok(watch) => watch,
        Err(unknown) => panic!("{unknown}"),
    }
}

/// What happens to the policies of one name; see [`watch`].
///
/// What is due by now has happened when it is asked: an open circuit breaker whose time is over is
/// half-open, also if no call has come.
#[derive(Debug)]
pub struct Watch {
    policy: String,
    registry: &'static Registry,
    isolated: Option<u64>,
    record: Record,
}

/// One step of a circuit breaker.
struct Step {
    after: Duration,
    from: &'static str,
    to: &'static str,
    reason: String,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            after,
            from,
            to,
            reason,
        } = self;
        write!(f, "after {after:?}: {from} -> {to}, {reason}")
    }
}

impl Watch {
    /// Begins, or says what is wrong with the name.
    pub(super) fn begin(policy: &str) -> Result<Self, String> {
        let registry = registry();
        let names: BTreeSet<&str> = registry.all().iter().map(|entry| entry.name()).collect();
        if !names.contains(policy) {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            let known = names.join(", ");
            return Err(format!(
                "no policy is called `{policy}`; there are: {known}"
            ));
        }
        Ok(Self {
            policy: policy.to_owned(),
            registry,
            isolated: isolation::current(),
            record: Record::begin(policy),
        })
    }

    /// Everything that has happened so far, each with the time since the watch began.
    pub fn events(&self) -> Vec<(Duration, Event)> {
        self.look();
        let began = self.record.began();
        let since = |at: Nanos| until(at, began);
        let events = self.record.events().into_iter();
        events.map(|(at, event)| (since(at), event)).collect()
    }

    /// Has happen what is due.
    fn look(&self) {
        let look = || {
            if let Some(breaker) = self.registry.circuit_breaker(&self.policy) {
                breaker.state();
            }
        };
        match self.isolated {
            Some(number) => isolation::within(number, look),
            None => look(),
        }
    }

    fn steps(&self) -> Vec<Step> {
        let events = self.events().into_iter();
        events
            .filter_map(|(after, event)| match event.what {
                What::Transition { from, to, reason } => Some(Step {
                    after,
                    from,
                    to,
                    reason,
                }),
                _ => None,
            })
            .collect()
    }

    /// The states that the circuit breaker has gone into, in their order. The one that it began in is
    /// not among them.
    pub fn transitions(&self) -> Vec<CircuitBreakerState> {
        let steps = self.steps();
        steps.iter().filter_map(|step| state(step.to)).collect()
    }

    /// What the policies of this name refused or cut off.
    pub fn rejections(&self) -> Vec<Rejected> {
        let events = self.events().into_iter();
        events
            .filter_map(|(_, event)| match event.what {
                What::Rejected(rejected) => Some(rejected),
                _ => None,
            })
            .collect()
    }

    /// How many extra attempts the retry of this name has decided on.
    pub fn retries(&self) -> usize {
        let is_retry = |(_, event): &(Duration, Event)| matches!(event.what, What::Retrying { .. });
        self.events().iter().filter(|event| is_retry(event)).count()
    }

    /// How often the fallback of this name has answered.
    pub fn fallbacks(&self) -> usize {
        let is_answer = |(_, event): &(Duration, Event)| event.what == What::FellBack;
        self.events()
            .iter()
            .filter(|event| is_answer(event))
            .count()
    }

    /// Asserts that the circuit breaker went into exactly these states, in this order, since the watch
    /// began.
    ///
    /// # Panics
    ///
    /// If it went another way: the message has both, and when and why each step was taken.
    #[track_caller]
    pub fn assert_transitions(&self, expected: impl IntoIterator<Item = CircuitBreakerState>) {
        let expected: Vec<&str> = expected
            .into_iter()
            .map(CircuitBreakerState::as_str)
            .collect();
        let steps = self.steps();
        let actual: Vec<&str> = steps.iter().map(|step| step.to).collect();
        assert!(
            actual == expected,
            "circuit breaker `{}` went another way\n  expected: {}\n    actual: {}{}",
            self.policy,
            walk(&expected),
            walk(&actual),
            told(&steps)
        );
    }

    /// Asserts that the circuit breaker was never open, and not forced open either, since the watch
    /// began.
    ///
    /// # Panics
    ///
    /// If it was: the message says when and why.
    #[track_caller]
    pub fn assert_never_opened(&self) {
        let steps = self.steps();
        assert!(
            !steps
                .iter()
                .any(|step| matches!(step.to, "open" | "forced_open")),
            "circuit breaker `{}` opened{}",
            self.policy,
            told(&steps)
        );
    }
}

fn state(name: &str) -> Option<CircuitBreakerState> {
    let mut states = CircuitBreakerState::ALL.into_iter();
    states.find(|state| state.as_str() == name)
}

fn walk(states: &[&str]) -> String {
    if states.is_empty() {
        return "no step".to_owned();
    }
    states.join(" -> ")
}

/// All steps, one a line.
fn told(steps: &[Step]) -> String {
    steps.iter().fold(String::new(), |mut told, step| {
        let _ = write!(told, "\n    {step}");
        told
    })
}
