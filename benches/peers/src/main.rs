//! The field and us, in one process, in turns: the table of ratios that the README quotes.
//!
//! `cargo xtask bench peers` runs it; with `--quick` it takes few rounds, to see that it works.

mod peers;
mod rows;

use resilient_overhead::{Measured, Subject, measure, ratio};
use rows::{Row, rows};
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
    println!("ours and theirs take turns; a ratio is the median (quarters) of those of the rounds");
    let mut missed = 0;
    for threads in [1, 2] {
        println!(
            "\n## {}\n",
            if threads == 1 {
                "One thread"
            } else {
                "Two threads, one instance"
            }
        );
        println!("| path | who | ns | allocations | ours : theirs | budget | met |");
        println!("|---|---|--:|--:|--:|--:|---|");
        for row in rows() {
            missed += print(&row, threads, rounds);
        }
    }
    println!("\n{missed} of the budget's bounds are not met in this run");
    ExitCode::SUCCESS
}

/// How many bounds of the budget a row misses.
fn print(row: &Row, threads: usize, rounds: usize) -> usize {
    let mut subjects: Vec<&Subject> = vec![&row.ours];
    subjects.extend(row.theirs.iter().map(|(peer, _)| peer));
    let measured = measure(&subjects, threads, rounds);
    let [ours, theirs @ ..] = measured.as_slice() else {
        return 0;
    };
    let budget = match threads {
        1 => row.nanos,
        _ => row.nanos_of_two,
    };
    let mut missed = 0;
    let mut is_met = |is, most: Option<f64>| match most {
        Some(most) if is <= most => "yes",
        Some(_) => {
            missed += 1;
            "no"
        }
        None => "",
    };
    let met = is_met(ours.nanos().median, budget);
    let most = budget.map_or_else(String::new, |budget| format!("≤ {budget} ns"));
    println!(
        "| **{}** | **resilient** | {} | | {most} | {met} |",
        row.path,
        cost(ours)
    );
    for (peer, (_, most)) in theirs.iter().zip(&row.theirs) {
        let ratio = ratio(ours, peer);
        let bound = most.filter(|_| threads == 1);
        let met = is_met(ratio.median, bound);
        let most = bound.map_or_else(String::new, |most| format!("≤ {most}"));
        println!(
            "| | {} | {} | {:.2} ({:.2}–{:.2}) | {most} | {met} |",
            peer.name,
            cost(peer),
            ratio.median,
            ratio.low,
            ratio.high
        );
    }
    missed
}

fn cost(measured: &Measured) -> String {
    let nanos = measured.nanos();
    format!(
        "{:.1} ({:.1}–{:.1}) | {:.0}",
        nanos.median, nanos.low, nanos.high, measured.allocations
    )
}
