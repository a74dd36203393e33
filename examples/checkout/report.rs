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

/// Prints one line per phase: orders by their last answer, latencies by their first.
pub(crate) fn print(phases: &[&str], stories: &[Story]) {
    let mut lines = vec![HEAD.map(str::to_owned).to_vec()];
    for (index, name) in phases.iter().enumerate() {
        lines.push(line(name, &of_phase(stories, index)));
    }
    println!(
        "\nOrders by phase. 503 says when to come again (the longest wait is shown), again is"
    );
    println!(
        "how many were submitted twice, the last two columns are attempts per order (most).\n"
    );
    for line in &lines {
        print_aligned(line, &lines);
    }
}

/// The stories that began in this phase.
pub(crate) fn of_phase(stories: &[Story], phase: usize) -> Vec<&Story> {
    stories
        .iter()
        .filter(|story| first(story).is_some_and(|answer| answer.phase == phase))
        .collect()
}

fn first(story: &Story) -> Option<&Answer> {
    story.first()
}

fn line(name: &str, stories: &[&Story]) -> Vec<String> {
    let last = || stories.iter().filter_map(|story| story.last());
    let placed = |degraded: bool| {
        last()
            .filter(|answer| matches!(&answer.outcome, Outcome::Placed(receipt) if receipt.is_degraded() == degraded))
            .count()
    };
    let refused = |wanted: u16| {
        last()
            .filter(|answer| matches!(answer.outcome, Outcome::Refused { status, .. } if status == wanted))
            .count()
    };
    let latencies = sorted(
        stories
            .iter()
            .filter_map(|story| first(story))
            .map(|answer| answer.latency),
    );
    let again = stories.iter().filter(|story| story.len() > 1).count();
    let counts = [
        stories.len(),
        placed(false),
        placed(true),
        refused(402),
        refused(409),
        refused(503),
    ];
    let mut cells = vec![name.to_owned()];
    cells.extend(counts.map(|count| count.to_string()));
    cells.push(longest_wait(last()));
    cells.push(again.to_string());
    cells.extend([50, 95, 99].map(|share| milliseconds(percentile(&latencies, share))));
    cells.push(attempts(stories, |answer| answer.steps.reserve));
    cells.push(attempts(stories, |answer| answer.steps.charge));
    cells
}

fn longest_wait<'a>(answers: impl Iterator<Item = &'a Answer>) -> String {
    let waits = answers.filter_map(|answer| match answer.outcome {
        Outcome::Refused {
            status: 503,
            retry_after,
            ..
        } => retry_after,
        _ => None,
    });
    waits
        .max()
        .map_or("-".to_owned(), |wait| milliseconds(Some(wait)))
}

/// The mean over the first submissions, and the most.
fn attempts(stories: &[&Story], count: impl Fn(&Answer) -> u32) -> String {
    let counts: Vec<u32> = stories
        .iter()
        .filter_map(|story| first(story))
        .map(count)
        .collect();
    let Some(most) = counts.iter().max() else {
        return "-".to_owned();
    };
    let mean = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
    format!("{mean:.2} ({most})")
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
    let mut text = String::new();
    for (column, cell) in line.iter().enumerate() {
        let width = all.iter().map(|line| line[column].len()).max().unwrap_or(0);
        text += &if column == 0 {
            format!("{cell:<width$}")
        } else {
            format!("  {cell:>width$}")
        };
    }
    println!("{text}");
}
