//! Makes calls on every path, for callgrind to count: it counts in `counted` alone.
//!
//! `instructions 1000` prints the names of the paths, in the order in which they are counted;
//! `instructions 1000 "timeout, ready"` counts one of them, for a look at its profile.

use resilient_overhead::Subject;
use resilient_overhead::measure::runtime;
use resilient_overhead::paths::paths;
use std::env;
use tokio::runtime::Runtime;

/// Enough for what a path does at its first calls only.
const BEFORE: u64 = 200;

fn main() {
    let calls = env::args().nth(1).and_then(|calls| calls.parse().ok());
    let calls = calls.unwrap_or(1000);
    let runtime = runtime();
    let only = env::args().nth(2);
    let mut paths = paths();
    paths.retain(|path| {
        only.as_deref()
            .is_none_or(|only| only == path.subject.name())
    });
    for path in paths {
        path.subject.run(&runtime, BEFORE);
        counted(&path.subject, &runtime, calls);
        let budget = path
            .instructions
            .map_or_else(|| "-".to_owned(), |budget| budget.to_string());
        println!("{budget}\t{}", path.subject.name());
    }
}

/// Not inlined: callgrind knows it by its name.
#[inline(never)]
fn counted(subject: &Subject, runtime: &Runtime, calls: u64) {
    subject.run(runtime, calls);
}
