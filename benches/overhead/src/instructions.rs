//! Makes calls on every path, for callgrind to count: it counts in `counted` alone.
//!
//! `instructions 1000` prints the names of the paths, in the order in which they are counted;
//! `instructions 1000 "timeout, ready"` counts one of them, for a look at its profile.

use resilient::{CircuitBreakerPolicy, policy, registry};
use resilient_overhead::Subject;
use resilient_overhead::measure::runtime;
use resilient_overhead::paths::paths;
use std::env;
use tokio::runtime::Runtime;

/// Enough for what a path does at its first calls only.
const BEFORE: u64 = 200;

/// Those that are counted again in company.
const IN_COMPANY: [&str; 2] = ["breaker, over calls", "stack of four"];

fn main() {
    let calls = env::args().nth(1).and_then(|calls| calls.parse().ok());
    let calls = calls.unwrap_or(1000);
    let only = env::args().nth(2);
    let runtime = runtime();
    let count = |subject: &Subject, name: String| {
        if only.as_ref().is_none_or(|only| *only == name) {
            subject.run(&runtime, BEFORE);
            counted(subject, &runtime, calls);
            println!("counted: {name}");
        }
    };
    let paths = paths();
    for path in &paths {
        count(&path.subject, path.subject.name().to_owned());
    }
    let company = |beside: &str| {
        let named = |name| paths.iter().find(move |path| path.subject.name() == name);
        for path in IN_COMPANY.into_iter().filter_map(named) {
            count(&path.subject, format!("{}, {beside}", path.subject.name()));
        }
    };
    for number in 0..1000 {
        let breaker = CircuitBreakerPolicy::new();
        let defined = policy(format!("beside {number}").leak())
            .circuit_breaker(breaker)
            .register();
        defined.expect("a name of its own");
    }
    company("1000 policies beside it");
    let _listener = registry().events();
    company("somebody listens");
}

/// Not inlined: callgrind knows it by its name.
#[inline(never)]
fn counted(subject: &Subject, runtime: &Runtime, calls: u64) {
    subject.run(runtime, calls);
}
