//! Arbitrary configuration files: nothing panics, a file that is refused changes nothing and says where
//! it is wrong, and one that is taken can be taken again and taken back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use resilient_config::{FileError, load_text};
use resilient_core::testing::isolated;
use resilient_core::{
    BulkheadPolicy, CircuitBreakerPolicy, FallbackPolicy, HedgePolicy, RateLimitPolicy,
    RetryPolicy, Setting, TimeoutPolicy, policy, registry,
};
use std::cell::Cell;
use std::time::Duration;

const FILE: &str = "fuzz.toml";

thread_local! {
    static IS_DECLARED: Cell<bool> = const { Cell::new(false) };
}

fuzz_target!(|text: &str| {
    if !IS_DECLARED.replace(true) {
        // It holds for this thread, on which all files are read.
        std::mem::forget(isolated());
        declare();
    }
    load_text("", FILE).expect("an empty file says nothing");
    let before = settings();
    match load_text(text, FILE) {
        Err(error) => {
            assert_eq!(settings(), before, "{error}\nhas changed something");
            says_where(&error, text);
        }
        Ok(unmentioned) => {
            let taken = settings();
            let again = load_text(text, FILE).expect("it was taken before");
            assert_eq!(again, unmentioned);
            assert_eq!(settings(), taken);
            load_text("", FILE).expect("an empty file says nothing");
            assert_eq!(settings(), before, "it was taken back");
        }
    }
});

/// A policy of each kind: with what the default is, and with settings that a file may contradict.
fn declare() {
    let plain = policy("plain")
        .circuit_breaker(CircuitBreakerPolicy::new())
        .retry(RetryPolicy::new())
        .timeout(TimeoutPolicy::new())
        .attempt_timeout(TimeoutPolicy::new())
        .bulkhead(BulkheadPolicy::new())
        .rate_limit(RateLimitPolicy::new())
        .hedge(HedgePolicy::new())
        .fallback(FallbackPolicy::new());
    let written = policy("written")
        .circuit_breaker(CircuitBreakerPolicy::new().failure_threshold(5).window(20))
        .retry(RetryPolicy::new().attempts(3).factor(3.0))
        .timeout(TimeoutPolicy::new().duration(Duration::from_secs(1)))
        .bulkhead(BulkheadPolicy::new().limit(20).queue(5))
        .rate_limit(RateLimitPolicy::new().burst(7));
    for definition in [plain, written] {
        definition.register().expect("nobody else is here");
    }
}

/// All settings that hold, each with its source.
fn settings() -> Vec<(String, Vec<Setting>)> {
    let policies = registry().snapshot().policies.into_iter();
    let named = policies.map(|one| (format!("{} {}", one.kind, one.name), one.settings));
    named.collect()
}

/// A file that is refused is refused at a line that it has, and the setting at fault is named.
fn says_where(error: &FileError, text: &str) {
    let lines = text.split('\n').count();
    let place = |shown: &str| {
        let place = shown
            .strip_prefix(FILE)
            .and_then(|rest| rest.strip_prefix(':'));
        let line = place.and_then(|place| place.split_once(": ")?.0.parse::<usize>().ok());
        let line = line.unwrap_or_else(|| panic!("no place in {shown:?}"));
        assert!((1..=lines).contains(&line), "{line} of {lines}: {shown}");
    };
    match error {
        FileError::Settings(error) => {
            assert!(!error.mistakes().is_empty());
            for mistake in error.mistakes() {
                let shown = mistake.to_string();
                place(&shown);
                assert!(shown.contains(&mistake.kind), "{shown}");
                assert!(
                    mistake.error.is_none() || shown.contains(&mistake.policy),
                    "{shown}"
                );
            }
        }
        other => place(&other.to_string()),
    }
}
