//! Our own figures: what each path costs, alone and in company.
//!
//! `cargo xtask bench overhead` runs it; with `--quick` it takes few rounds, to see that it works.

use resilient::{CircuitBreakerPolicy, policy, registry};
use resilient_overhead::paths::paths;
use resilient_overhead::{Measured, Subject, measure, ratio};
use std::env;
use std::process::ExitCode;

const ROUNDS: usize = 31;
const QUICK: usize = 3;

fn main() -> ExitCode {
    let mut rounds = ROUNDS;
    for argument in env::args().skip(1) {
        if argument != "--quick" {
            eprintln!("unexpected `{argument}`: only `--quick` is known");
            return ExitCode::FAILURE;
        }
        rounds = QUICK;
    }
    println!("{rounds} rounds; nanoseconds of processor time for a call: median (quarters)");
    let paths = paths();
    let subjects: Vec<&Subject> = paths.iter().map(|path| &path.subject).collect();
    every_path(&subjects, rounds);
    attribute_against_by_hand(&subjects, rounds);
    company(&subjects, rounds);
    ExitCode::SUCCESS
}

fn every_path(subjects: &[&Subject], rounds: usize) {
    println!("\n## Every path\n");
    println!("| path | one thread | two threads, one instance | allocations |");
    println!("|---|--:|--:|--:|");
    let one = measure(subjects, 1, rounds);
    let two = measure(subjects, 2, rounds);
    for (one, two) in one.iter().zip(&two) {
        let (name, allocations) = (&one.name, one.allocations);
        println!(
            "| {name} | {} | {} | {allocations:.0} |",
            nanos(one),
            nanos(two)
        );
    }
}

fn attribute_against_by_hand(subjects: &[&Subject], rounds: usize) {
    println!("\n## The attribute against the same calls by hand on the core\n");
    println!("| path | attribute | by hand | ratio |");
    println!("|---|--:|--:|--:|");
    for (attribute, by_hand) in [
        ("breaker, over calls", "by hand: breaker, over calls"),
        ("stack of four", "by hand: stack of four"),
    ] {
        let pair = [named(subjects, attribute), named(subjects, by_hand)];
        let [attribute, by_hand] = &measure(&pair, 1, rounds)[..] else {
            return;
        };
        println!(
            "| {} | {} | {} | {} |",
            attribute.name,
            nanos(attribute),
            nanos(by_hand),
            times(attribute, by_hand)
        );
    }
}

/// The same calls with more and more policies beside them, and with somebody who listens.
fn company(subjects: &[&Subject], rounds: usize) {
    const PATHS: [&str; 4] = [
        "breaker, over calls",
        "breaker, over calls, 10% fail",
        "breaker, open",
        "stack of four",
    ];
    println!("\n## Other policies in the registry, and a listener\n");
    println!("| path | 10 more | 1 000 more | with a listener |");
    println!("|---|--:|--:|--:|");
    let subjects: Vec<&Subject> = PATHS.map(|path| named(subjects, path)).into();
    let mut columns = Vec::new();
    let mut known = 0;
    for more in [10, 1000] {
        (known..more).for_each(define);
        known = more;
        columns.push(measure(&subjects, 1, rounds));
    }
    let listener = registry().events();
    columns.push(measure(&subjects, 1, rounds));
    drop(listener);
    for (index, subject) in subjects.iter().enumerate() {
        let row: Vec<String> = columns.iter().map(|column| nanos(&column[index])).collect();
        println!("| {} | {} |", subject.name(), row.join(" | "));
    }
}

/// One more policy, which nobody calls.
fn define(number: usize) {
    let name: &'static str = format!("more {number}").leak();
    let defined = policy(name)
        .circuit_breaker(CircuitBreakerPolicy::new())
        .register();
    defined.expect("a name of its own");
}

fn named<'a>(subjects: &[&'a Subject], name: &str) -> &'a Subject {
    let subject = subjects.iter().find(|subject| subject.name() == name);
    subject.expect("a path")
}

fn nanos(measured: &Measured) -> String {
    let nanos = measured.nanos();
    format!("{:.1} ({:.1}–{:.1})", nanos.median, nanos.low, nanos.high)
}

fn times(ours: &Measured, theirs: &Measured) -> String {
    let ratio = ratio(ours, theirs);
    format!("{:.2} ({:.2}–{:.2})", ratio.median, ratio.low, ratio.high)
}
