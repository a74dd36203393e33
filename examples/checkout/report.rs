//! What the run came to, as a table.

use crate::load::{Answer, Outcome, Story};
use std::time::Duration;

const HEAD: [&str; 14] = [
    "phase",
    "orders",
    "placed",
    "degraded",
    "402",
    "409",
    "503",
    "Retry-After",
    "again",
    "p50",
    "p95",
    "p99",
    "inventory",
    "payments",
];

/// Prints one line per phase: what became of its orders when they were first submitted.
pub(crate) fn print(phases: &[&str], stories: &[Story]) {
    let mut lines = vec![HEAD.map(str::to_owned).to_vec()];
    for (index, name) in phases.iter().enumerate() {
        lines.push(line(name, &of_phase(stories, index)));
    }
    println!(
        "\nOrders by phase. Retry-After is the longest that went with a 503, again counts who"
    );
    println!(
        "came a second time (and had a receipt then), inventory and payments are attempts per"
    );
    println!("order (the most).\n");
    for line in &lines {
        print_aligned(line, &lines);
    }
}

/// The stories that began in this phase.
pub(crate) fn of_phase(stories: &[Story], phase: usize) -> Vec<&Story> {
    let began = |story: &&Story| story.first().is_some_and(|answer| answer.phase == phase);
    stories.iter().filter(began).collect()
}

/// How the orders of these stories were answered first.
pub(crate) fn first_answers<'a>(stories: &[&'a Story]) -> impl Iterator<Item = &'a Answer> {
    stories.iter().filter_map(|story| story.first())
}

fn line(name: &str, stories: &[&Story]) -> Vec<String> {
    let latencies = sorted(first_answers(stories).map(|answer| answer.latency));
    let mut cells = vec![name.to_owned(), stories.len().to_string()];
    cells.extend(placed_whole_and_degraded(stories).map(|count| count.to_string()));
    cells.extend([402, 409, 503].map(|status| refused(stories, status).to_string()));
    cells.push(milliseconds(longest_wait(stories)));
    cells.push(again(stories));
    cells.extend([50, 95, 99].map(|share| milliseconds(percentile(&latencies, share))));
    cells.push(attempts(stories, |answer| answer.steps.reserve));
    cells.push(attempts(stories, |answer| answer.steps.charge));
    cells
}

fn placed_whole_and_degraded(stories: &[&Story]) -> [usize; 2] {
    let mut counts = [0, 0];
    for answer in first_answers(stories) {
        if let Outcome::Placed(receipt) = &answer.outcome {
            counts[usize::from(receipt.is_degraded())] += 1;
        }
    }
    counts
}

fn refused(stories: &[&Story], status: u16) -> usize {
    first_answers(stories)
        .filter(|answer| answer.is_refused_with(status))
        .count()
}

fn longest_wait(stories: &[&Story]) -> Option<Duration> {
    let wait = |answer: &Answer| match answer.outcome {
        Outcome::Refused { retry_after, .. } => retry_after,
        Outcome::Placed(_) => None,
    };
    first_answers(stories).filter_map(wait).max()
}

fn again(stories: &[&Story]) -> String {
    let second = || stories.iter().filter_map(|story| story.get(1));
    let placed = second().filter(|answer| answer.is_placed());
    format!("{} ({})", second().count(), placed.count())
}

/// The mean, and the most.
fn attempts(stories: &[&Story], count: impl Fn(&Answer) -> u32) -> String {
    let counts: Vec<u32> = first_answers(stories).map(count).collect();
    let Some(most) = counts.iter().max() else {
        return "-".to_owned();
    };
    let hundredths = counts.iter().sum::<u32>() as usize * 100 / counts.len();
    format!("{}.{:02} ({most})", hundredths / 100, hundredths % 100)
}

/// The same durations, the shortest first.
pub(crate) fn sorted(durations: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let mut durations: Vec<Duration> = durations.collect();
    durations.sort_unstable();
    durations
}

/// The smallest duration that `share` percent do not exceed.
pub(crate) fn percentile(sorted: &[Duration], share: usize) -> Option<Duration> {
    let rank = (sorted.len() * share).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

/// A duration for people; no data is a dash.
pub(crate) fn milliseconds(duration: Option<Duration>) -> String {
    duration.map_or("-".to_owned(), |duration| {
        format!("{:.1}ms", duration.as_secs_f64() * 1e3)
    })
}

/// The first column to the left, numbers to the right, each column as wide as its widest cell.
fn print_aligned(line: &[String], all: &[Vec<String>]) {
    for (column, cell) in line.iter().enumerate() {
        let width = all.iter().map(|line| line[column].len()).max().unwrap_or(0);
        if column == 0 {
            print!("{cell:<width$}");
        } else {
            print!("  {cell:>width$}");
        }
    }
    println!();
}
