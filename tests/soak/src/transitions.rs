//! Every breaker's way from state to state, read from the history of events as it is written.

use crate::broken::broken;
use crate::steering::AUDIT;
use resilient::{StoredKey, What, registry};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// What has been seen of all breakers together.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    /// Where each one is, as far as it is known.
    states: HashMap<(&'static str, Option<StoredKey>), &'static str>,
    /// How often each step was seen.
    pub(crate) steps: BTreeMap<(&'static str, &'static str), u64>,
    position: u64,
    /// Events that were forgotten before they were read.
    pub(crate) missed: u64,
}

/// The steps that the rules of a breaker make.
const BY_RULE: [(&str, &str); 7] = [
    ("closed", "open"),
    ("open", "half_open"),
    ("half_open", "open"),
    ("half_open", "closed"),
    ("half_open", "ramping"),
    ("ramping", "open"),
    ("ramping", "closed"),
];

const BY_HAND: [&str; 3] = ["forced_open", "disabled", "metrics_only"];

/// What is wrong with a step, if anything is.
pub(crate) fn wrong_step(
    before: Option<&str>,
    (from, to): (&str, &str),
    reason: &str,
) -> Option<&'static str> {
    if before.is_some_and(|before| before != from) {
        return Some("it did not begin where the one before had ended");
    }
    let is_audited = reason.contains(AUDIT);
    let is_by_rule = BY_RULE.contains(&(from, to));
    if BY_HAND.contains(&to) {
        return (!is_audited).then_some("nobody has answered for it");
    }
    // A reset, or the end of what was done by hand, which leads to where it began.
    if is_audited {
        return (to != "closed").then_some("nobody can steer it there");
    }
    match is_by_rule {
        true if reason.is_empty() => Some("it has no reason"),
        true => None,
        false => Some("no rule makes it"),
    }
}

impl Ways {
    /// Reads what has happened since the last time.
    pub(crate) fn read(&mut self) {
        let history = registry().history(self.position);
        if history.after > self.position {
            self.missed += history.after - self.position;
            self.states.clear();
        }
        self.position = history.position();
        for event in history.events {
            if let What::Transition { from, to, reason } = event.what {
                self.step(event.policy, event.key, (from, to), &reason);
            }
        }
    }

    pub(crate) fn step(
        &mut self,
        policy: &'static str,
        key: Option<StoredKey>,
        step: (&'static str, &'static str),
        reason: &str,
    ) {
        let breaker = (policy, key);
        let before = self.states.get(&breaker).copied();
        if let Some(wrong) = wrong_step(before, step, reason) {
            let (from, to) = step;
            let (name, key) = &breaker;
            broken(
                "every breaker goes a legal way",
                format!(
                    "{name} {key:?}: {from} to {to} ({reason}), known before: {before:?}: {wrong}"
                ),
            );
        }
        // Most are closed most of the time: what is known of them is not worth a place.
        if step.1 == "closed" && before.is_none() {
            self.states.remove(&breaker);
        } else {
            self.states.insert(breaker, step.1);
        }
        *self.steps.entry(step).or_default() += 1;
    }
}

/// Reads along on a thread of its own until the end.
#[derive(Debug)]
pub(crate) struct Reading {
    thread: JoinHandle<Ways>,
}

static ENDED: AtomicBool = AtomicBool::new(false);

impl Reading {
    pub(crate) fn begin() -> Self {
        let mut ways = Ways {
            position: registry().history(0).position(),
            ..Ways::default()
        };
        // All keys at once, so that what is known does not grow while memory is watched.
        ways.states.reserve(2 * crate::service::KEYS as usize);
        let thread = std::thread::spawn(move || {
            while !ENDED.load(Ordering::Relaxed) {
                ways.read();
                std::thread::sleep(Duration::from_micros(300));
            }
            ways.read();
            ways
        });
        Self { thread }
    }

    pub(crate) fn end(self) -> Ways {
        ENDED.store(true, Ordering::Relaxed);
        match self.thread.join() {
            Ok(ways) => ways,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}
