//! The way from a call site to its policy: one live policy, whoever comes first, and the settings that hold.

use crate::model::{explore, join, lasting, spawn};
use resilient_core::__private::Binding;
use resilient_core::{CircuitBreakerPolicy, TimeoutPolicy, What, policy, registry};
use std::ptr;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn binding(name: &'static str) -> &'static Binding<CircuitBreakerPolicy> {
    lasting(Binding::new(
        CircuitBreakerPolicy::new().failure_threshold(7),
        Some(name),
    ))
}

#[test]
fn first_calls_on_two_threads_find_one_live_policy() {
    for is_one_call_site in [true, false] {
        explore(move || {
            let one = binding("pricing");
            let other = if is_one_call_site {
                one
            } else {
                binding("pricing")
            };
            let calls = |binding: &'static Binding<CircuitBreakerPolicy>| {
                spawn(move || ptr::from_ref(binding.live()).addr())
            };
            let found = join([calls(one), calls(other)]);
            assert_eq!(found[0], found[1]);
            let known = registry().circuit_breaker("pricing").expect("it is known");
            assert_eq!(ptr::from_ref(known).addr(), found[0]);
        });
    }
}

#[test]
fn a_name_that_nobody_defines_is_reported_once() {
    explore(|| {
        let pipeline =
            lasting(Binding::new(CircuitBreakerPolicy::new(), Some("pricing")).in_pipeline());
        let calls = || spawn(move || ptr::from_ref(pipeline.live()).addr());
        let found = join([calls(), calls()]);
        assert_eq!(found[0], found[1]);
        let events = registry().history(0).events;
        let undefined = events.iter().filter(|event| event.what == What::Undefined);
        assert_eq!(undefined.count(), 1, "{events:?}");
    });
}

#[test]
fn a_definition_in_code_holds_whether_it_comes_before_the_first_call_or_after_it() {
    explore(|| {
        let binding = lasting(Binding::new(
            TimeoutPolicy::new().duration(SECOND),
            Some("search"),
        ));
        let calls = spawn(move || {
            let duration = binding.live().duration().expect("it was written");
            assert!(duration == SECOND || duration == 2 * SECOND);
        });
        let defines = spawn(|| {
            let two = TimeoutPolicy::new().duration(2 * SECOND);
            policy("search").timeout(two).register().expect("it is new");
        });
        join([calls, defines]);
        assert_eq!(binding.live().duration(), Some(2 * SECOND));
    });
}

#[test]
fn of_two_changes_at_once_the_last_one_holds() {
    explore(|| {
        let search = TimeoutPolicy::new().duration(SECOND);
        policy("search")
            .timeout(search)
            .register()
            .expect("it is new");
        let changes = |seconds: u32| {
            spawn(move || {
                let policy = TimeoutPolicy::new().duration(seconds * SECOND);
                let changed = registry().reconfigure("search", policy, "a drill");
                changed.expect("it is known").version
            })
        };
        let versions = join([changes(2), changes(3)]);
        let last = if versions[0] > versions[1] { 2 } else { 3 };
        let live = registry().timeout("search").expect("it is known");
        assert_eq!(live.duration(), Some(last * SECOND));
    });
}
