//! `cargo xtask mutants`: changes the core in many small ways, one at a time, and counts the changes that no
//! test notices.

use crate::step::{Failed, Step};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// What is changed unless files are named: what decides.
const FILES: [&str; 8] = [
    "resilient-core/src/policy/**",
    "resilient-core/src/window.rs",
    "resilient-core/src/backoff.rs",
    "resilient-core/src/registry.rs",
    "resilient-core/src/entry.rs",
    "resilient-core/src/definition.rs",
    "resilient-core/src/configur*.rs",
    "resilient-core/src/key*.rs",
];

/// What stands below these is not the core itself.
const EXCEPT: [&str; 3] = [
    "resilient-core/src/**/tests.rs",
    "resilient-core/src/**/tests/**",
    "resilient-core/src/**/modelled.rs",
];

/// The tests through the attributes: those that decisions of the core can fail. The others, about
/// diagnostics, pages and sizes, are slow.
pub(crate) const ROOT_TESTS: [&str; 17] = [
    "attributes",
    "budget",
    "cases",
    "classes",
    "drops",
    "foreign_kind",
    "hedge",
    "keys",
    "life",
    "pipeline",
    "registry",
    "rules",
    "stale",
    "steering",
    "testing",
    "testing_process",
    "threads",
];

/// The least share of the changes, in percent, that some test has to notice.
const LEAST_SCORE: f64 = 95.0;

/// Changes that nothing notices, each with the reason.
const ACCEPTED: &str = include_str!("../survivors.txt");

/// Where cargo-mutants leaves what it found, below `target/`.
const ROUNDS: [&str; 2] = ["core", "attributes"];

/// Which of the changes are tried: one part of so many, counted from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) part: usize,
    pub(crate) of: usize,
}

impl Share {
    pub(crate) const ALL: Self = Self { part: 1, of: 1 };

    /// Reads `1/3`.
    pub(crate) fn parse(typed: &str) -> Result<Self, String> {
        let (part, of) = typed.split_once('/').unwrap_or_default();
        match (part.parse(), of.parse()) {
            (Ok(part), Ok(of)) if (1..=of).contains(&part) => Ok(Self { part, of }),
            _ => Err(format!(
                "`--share {typed}`: expected a part of a number of parts, as 1/3"
            )),
        }
    }
}

/// Tries a share of the changes of `files`, drawn by `seed`: first against the tests of the core, and what they
/// miss against the tests through the attributes.
pub(crate) fn run(share: Share, seed: u64, files: &[String]) -> Result<(), Failed> {
    if !Step::cargo("mutants --version").output()?.succeeded {
        return Err(Failed::because(
            "cargo-mutants is missing: cargo install --locked cargo-mutants".to_owned(),
        ));
    }
    let drawn = draw(all(files)?, share, seed);
    let Share { part, of } = share;
    println!(
        "{} changes, part {part} of {of}, drawn by {seed}",
        drawn.len()
    );
    // The tests of the core are compiled anew for each change, and run for a second: what makes them run
    // faster would cost more than it gains.
    let first = round(
        ROUNDS[0],
        &drawn,
        &["--config=profile.dev.package.resilient-core.opt-level=0"],
        &["--lib"],
    )?;
    let second = if first.missed.is_empty() {
        Found::default()
    } else {
        let mut tests = vec!["--all-features"];
        for test in ROOT_TESTS {
            tests.extend(["--test", test]);
        }
        round(ROUNDS[1], &first.missed, &[], &tests)?
    };
    let noticed = first.noticed + second.noticed;
    let survivors = second.missed;
    print!("{}", report(&survivors, &accepted(ACCEPTED)));
    let tried = noticed + survivors.len();
    if tried == 0 {
        return Err(Failed::because("no change was tried".to_owned()));
    }
    let score = score(noticed, tried);
    println!("{noticed} of {tried} changes were noticed: {score:.1}%");
    if score < LEAST_SCORE {
        return Err(Failed::because(format!(
            "{score:.1}% of the changes were noticed, expected at least {LEAST_SCORE}%"
        )));
    }
    Ok(())
}

/// What one round of cargo-mutants found.
#[derive(Debug, Default)]
struct Found {
    /// How many changes failed a test, or made it run for ever.
    noticed: usize,
    missed: Vec<String>,
}

/// Every change that could be made, by name.
fn all(files: &[String]) -> Result<Vec<String>, Failed> {
    let files: Vec<&str> = match files {
        [] => FILES.to_vec(),
        files => files.iter().map(String::as_str).collect(),
    };
    let list = among_files(Step::cargo("mutants --list -p resilient-core"), &files);
    let output = list.output()?;
    if !output.succeeded {
        return Err(Failed::because(output.text));
    }
    Ok(output.text.lines().map(str::to_owned).collect())
}

fn among_files(mut step: Step, files: &[&str]) -> Step {
    for file in files {
        step = step.argument("--file").argument(file);
    }
    for file in EXCEPT {
        step = step.argument("--exclude").argument(file);
    }
    step
}

/// A share of `names`, the same ones for the same `seed`.
fn draw(mut names: Vec<String>, share: Share, seed: u64) -> Vec<String> {
    // Without the place, which moves whenever something above is edited: the draw shall stay as it is.
    names.sort_by_cached_key(|name| (hash(seed, &without_place(name)), name.clone()));
    let until = |part| names.len() * part / share.of;
    names[until(share.part - 1)..until(share.part)].to_vec()
}

/// FNV-1a, 64 bits, over the seed and the name: the draw must not change with a library.
fn hash(seed: u64, name: &str) -> u64 {
    let bytes = seed.to_le_bytes().into_iter().chain(name.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Tries each of `names` against `tests`.
fn round(name: &str, names: &[String], build: &[&str], tests: &[&str]) -> Result<Found, Failed> {
    let folder = target().join("mutants").join(name);
    let write = |error| Failed::because(format!("could not write {}: {error}", folder.display()));
    fs::create_dir_all(&folder).map_err(write)?;
    let config = folder.join("drawn.toml");
    let mut drawn = String::from("examine_re = [\n");
    for name in names {
        let _ = writeln!(drawn, "    '''^{}$''',", escaped(name));
    }
    drawn.push_str("]\n");
    fs::write(&config, drawn).map_err(write)?;

    let mut step = Step::cargo("mutants -p resilient-core --no-shuffle --colors never --config")
        .argument(&config.display().to_string())
        .argument("--output")
        .argument(&folder.display().to_string());
    // Some kinds of changes cargo-mutants tries in every file that it looks at, asked for or not.
    let asked: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let files: BTreeSet<&str> = names
        .iter()
        .filter_map(|name| Some(name.split_once(':')?.0))
        .collect();
    step = among_files(step, &Vec::from_iter(files));
    if !tests.contains(&"--lib") {
        // Unchanged, cargo-mutants would look for the tests in the package that it changes.
        step = step.argument("--test-package").argument("resilient-fn");
        step = step.argument("--baseline").argument("skip");
        step = step.argument("--timeout").argument("300");
    }
    // The tests take a second or two, unless the change makes them run for ever.
    step = step.argument("--minimum-test-timeout").argument("10");
    for argument in build {
        step = step.argument(&format!("--cargo-arg={argument}"));
    }
    step = step.argument("--");
    for argument in tests {
        step = step.argument(argument);
    }
    // What is missed makes it fail, as does what it cannot build: only its lists tell which.
    let ran = step
        .with("CARGO_INCREMENTAL", "1")
        .with("CARGO_PROFILE_DEV_DEBUG", "0")
        .with("RESILIENT_HISTORIES", "300")
        .run();
    let list = |what: &str| -> Vec<String> {
        let file = folder.join("mutants.out").join(what);
        let text = fs::read_to_string(file).unwrap_or_default();
        let found = text.lines().filter(|name| asked.contains(name));
        found.map(str::to_owned).collect()
    };
    let noticed = list("caught.txt").len() + list("timeout.txt").len();
    let missed = list("missed.txt");
    if noticed + missed.len() + list("unviable.txt").len() < names.len() {
        ran?;
        return Err(Failed::because("not every change was tried".to_owned()));
    }
    Ok(Found { noticed, missed })
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join("target")
}

/// `name` as a regular expression that matches it alone.
fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for letter in name.chars() {
        if r"\.+*?()|[]{}^$".contains(letter) {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// The changes of `text` that may survive, each with its reason: lines in pairs, the reason indented.
fn accepted(text: &str) -> BTreeMap<&str, &str> {
    let mut lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut accepted = BTreeMap::new();
    while let (Some(change), Some(reason)) = (lines.next(), lines.next()) {
        accepted.insert(change, reason.trim());
    }
    accepted
}

/// A change without the line and the column, which move: `file: what was changed`.
fn without_place(name: &str) -> String {
    let mut parts = name.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(file), Some(_), Some(_), Some(change)) => format!("{file}:{change}"),
        _ => name.to_owned(),
    }
}

fn report(survivors: &[String], accepted: &BTreeMap<&str, &str>) -> String {
    let mut report = String::new();
    for survivor in survivors {
        let reason = accepted
            .get(without_place(survivor).as_str())
            .unwrap_or(&"NO REASON GIVEN: write a test, or say why in xtask/survivors.txt");
        let _ = writeln!(report, "not noticed: {survivor}\n    {reason}");
    }
    report
}

#[expect(
    clippy::cast_precision_loss,
    reason = "there are some thousands of changes"
)]
fn score(noticed: usize, tried: usize) -> f64 {
    100.0 * noticed as f64 / tried as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count)
            .map(|number| format!("change {number}"))
            .collect()
    }

    #[test]
    fn the_same_seed_draws_the_same_changes_whatever_their_order() {
        let third = |part| Share { part, of: 3 };
        let first = draw(names(100), third(1), 7);
        assert_eq!(first.len(), 33);
        let mut turned = names(100);
        turned.reverse();
        assert_eq!(draw(turned, third(1), 7), first);
        assert_ne!(draw(names(100), third(1), 8), first);
        assert_eq!(draw(names(100), Share::ALL, 7).len(), 100);
    }

    #[test]
    fn the_parts_together_are_all_changes() {
        let mut drawn: Vec<String> = (1..=3)
            .flat_map(|part| draw(names(100), Share { part, of: 3 }, 7))
            .collect();
        drawn.sort();
        let mut all = names(100);
        all.sort();
        assert_eq!(drawn, all);
    }

    #[test]
    fn a_name_is_matched_letter_by_letter() {
        assert_eq!(
            escaped("a.rs:1:2: replace f -> Option<u8> with Some(1) | x"),
            r"a\.rs:1:2: replace f -> Option<u8> with Some\(1\) \| x"
        );
    }

    #[test]
    fn a_survivor_is_known_by_its_change_wherever_it_has_moved() {
        let accepted =
            accepted("# why\n\na.rs: replace < with <=\n    both are the same at zero\n");
        let survivors = [
            "a.rs:12:7: replace < with <=".to_owned(),
            "a.rs:13:7: replace f::g with ()".to_owned(),
        ];
        let report = report(&survivors, &accepted);
        assert!(
            report.contains("a.rs:12:7: replace < with <=\n    both are"),
            "{report}"
        );
        assert!(
            report.contains("a.rs:13:7: replace f::g with ()\n    NO REASON"),
            "{report}"
        );
    }

    #[test]
    fn every_accepted_survivor_has_a_reason() {
        for (change, reason) in accepted(ACCEPTED) {
            assert!(change.starts_with("resilient-core/src/"), "{change}");
            assert!(reason.len() > 20, "{change}: {reason}");
        }
        let lines = ACCEPTED
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        assert_eq!(lines.count() % 2, 0, "a change, then its reason");
    }
}
