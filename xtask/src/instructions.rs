//! Counts the instructions of a call on every path, and compares them with those that were kept.
//!
//! Callgrind counts what a program does, not how long it takes: the numbers are the same on a busy
//! machine. They change with the compiler, and with what is compiled.

use crate::step::{Failed, Step};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const KEPT: &str = "benches/instructions.txt";

/// How far a count may be from the one that was kept, in percent.
const WITHIN: f64 = 5.0;

/// What must not cost more because there is more of it: the path, the same one with more, and how
/// many times as much that may be.
const GROWS_NOT: [(&str, &str, f64); 6] = [
    ("breaker, 10 keys", "breaker, 100 000 keys", 2.0),
    ("breaker, over calls", "breaker, over 1000 calls", 1.01),
    (
        "breaker, over calls",
        "breaker, over calls, 1000 policies beside it",
        1.01,
    ),
    (
        "stack of four",
        "stack of four, 1000 policies beside it",
        1.01,
    ),
    (
        "breaker, over calls",
        "breaker, over calls, somebody listens",
        1.01,
    ),
    ("stack of four", "stack of four, somebody listens", 1.01),
];

/// How many calls callgrind sees on each path.
const CALLS: u32 = 1000;

/// What was counted on one path.
#[derive(Clone, Debug, PartialEq)]
struct Count {
    path: String,
    for_a_call: f64,
}

/// Counts, and fails where a count is not what it was; skipped where there is no valgrind.
pub(crate) fn compare() -> Result<(), Failed> {
    if !has_valgrind() {
        println!("SKIPPED: no valgrind here, so the instructions of a call are not counted");
        return Ok(());
    }
    let counts = count()?;
    let path = root().join(KEPT);
    let kept = fs::read_to_string(&path)
        .map_err(|error| Failed::because(format!("could not read {KEPT}: {error}")))?;
    let (table, wrong) = verdict(&counts, &read(&kept));
    print!("{table}");
    if wrong.is_empty() {
        println!("{} paths take as many instructions as before", counts.len());
        return Ok(());
    }
    Err(Failed::because(format!(
        "{}\nkept with {}; if this is meant, or the compiler is another one: \
         `cargo xtask instructions --keep`",
        wrong.join("\n"),
        kept.lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("# "),
    )))
}

/// Counts, and keeps what was counted.
pub(crate) fn keep() -> Result<(), Failed> {
    if !has_valgrind() {
        return Err(Failed::because("there is no valgrind here".to_owned()));
    }
    let counts = count()?;
    let mut text = format!("# {}\n", compiler());
    for count in &counts {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:8.1}  {}", count.for_a_call, count.path);
    }
    print!("{text}");
    fs::write(root().join(KEPT), text)
        .map_err(|error| Failed::because(format!("could not write {KEPT}: {error}")))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn has_valgrind() -> bool {
    let version = Command::new("valgrind").arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

fn compiler() -> String {
    let version = Command::new("rustc").arg("--version").output();
    let text = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default().trim().to_owned()
}

fn count() -> Result<Vec<Count>, Failed> {
    let folder =
        std::env::temp_dir().join(format!("resilient-instructions-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|error| Failed::because(error.to_string()))?;
    let counts = count_into(&folder);
    // What is left behind in the folder of temporary files does no harm.
    let _ = fs::remove_dir_all(&folder);
    counts
}

fn count_into(folder: &Path) -> Result<Vec<Count>, Failed> {
    let out = folder.join("callgrind");
    let runner = [
        "valgrind",
        "--quiet",
        "--tool=callgrind",
        "--collect-atstart=no",
        "--toggle-collect=instructions::counted",
        "--dump-after=instructions::counted",
        &format!("--callgrind-out-file={}", out.display()),
    ];
    let output = Step::cargo("run --profile bench -p resilient-overhead --bin instructions")
        .argument("--config")
        .argument(&format!("target.'cfg(all())'.runner={runner:?}"))
        .argument("--")
        .argument(&CALLS.to_string())
        .output()?;
    if !output.succeeded {
        return Err(Failed::because(format!("it failed:\n{}", output.text)));
    }
    let paths = output
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("counted: "));
    let counts = paths.enumerate().map(|(index, path)| {
        let dump = fs::read_to_string(out.with_extension(format!("{}", index + 1)));
        let total =
            dump.ok().as_deref().and_then(total).ok_or_else(|| {
                Failed::because(format!("callgrind counted nothing for `{path}`"))
            })?;
        Ok(Count {
            path: path.to_owned(),
            for_a_call: total / f64::from(CALLS),
        })
    });
    counts.collect()
}

/// The sum in a dump of callgrind.
fn total(dump: &str) -> Option<f64> {
    let line = dump
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))?;
    line.trim().parse().ok()
}

/// The counts in a file that was kept.
fn read(kept: &str) -> BTreeMap<String, f64> {
    let lines = kept.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| {
        let (count, path) = line.trim().split_once("  ")?;
        Some((path.to_owned(), count.parse().ok()?))
    });
    pairs.collect()
}

/// A table of what was counted, and what is wrong with it.
fn verdict(counts: &[Count], kept: &BTreeMap<String, f64>) -> (String, Vec<String>) {
    let (mut table, mut wrong) = (String::new(), Vec::new());
    let counted = |name: &str| counts.iter().find(|count| count.path == name);
    for Count { path, for_a_call } in counts {
        let Some(before) = kept.get(path) else {
            wrong.push(format!("`{path}` has no count in {KEPT}"));
            continue;
        };
        let change = (for_a_call / before - 1.0) * 100.0;
        let _ = writeln!(table, "{for_a_call:8.1}  {change:+5.1}%  {path}");
        if change.abs() > WITHIN {
            wrong.push(format!(
                "`{path}` takes {for_a_call:.1} instructions, not {before:.1}: {change:+.1}%"
            ));
        }
    }
    for path in kept.keys().filter(|path| counted(path).is_none()) {
        wrong.push(format!("`{path}` stands in {KEPT}, and nothing counts it"));
    }
    for (alone, with_more, at_most) in GROWS_NOT {
        let (Some(one), Some(more)) = (counted(alone), counted(with_more)) else {
            wrong.push(format!("`{alone}` or `{with_more}` was not counted"));
            continue;
        };
        let ratio = more.for_a_call / one.for_a_call;
        if ratio > at_most {
            wrong.push(format!(
                "`{with_more}` takes {ratio:.2} times what `{alone}` takes"
            ));
        }
    }
    (table, wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts() -> Vec<Count> {
        let paths = GROWS_NOT
            .iter()
            .flat_map(|(alone, more, _)| [*alone, *more]);
        let count = |path: &str| Count {
            path: path.to_owned(),
            for_a_call: 100.0,
        };
        let mut counts: Vec<Count> = paths.map(count).collect();
        counts.sort_by(|one, other| one.path.cmp(&other.path));
        counts.dedup();
        counts
    }

    fn kept() -> BTreeMap<String, f64> {
        let pairs = counts().into_iter();
        pairs.map(|count| (count.path, count.for_a_call)).collect()
    }

    #[test]
    fn what_did_not_change_is_right() {
        assert_eq!(verdict(&counts(), &kept()).1, Vec::<String>::new());
    }

    #[test]
    fn a_path_that_takes_more_or_less_than_before_is_named() {
        for (is, expected) in [
            (106.0, "takes 106.0 instructions, not 100.0: +6.0%"),
            (94.0, "takes 94.0 instructions, not 100.0: -6.0%"),
        ] {
            let mut counts = counts();
            for count in &mut counts {
                count.for_a_call = is;
            }
            let wrong = verdict(&counts, &kept()).1;
            assert_eq!(wrong.len(), counts.len());
            assert!(wrong[0].ends_with(expected), "{}", wrong[0]);
        }
    }

    #[test]
    fn what_grows_is_named_even_within_five_percent() {
        let mut counts = counts();
        let longer = counts
            .iter_mut()
            .find(|count| count.path.contains("1000 calls"));
        longer.expect("it is there").for_a_call = 102.0;
        let wrong = verdict(&counts, &kept()).1;
        assert_eq!(
            wrong,
            ["`breaker, over 1000 calls` takes 1.02 times what `breaker, over calls` takes"]
        );
    }

    #[test]
    fn a_path_without_a_count_and_a_count_without_a_path_are_named() {
        let mut counts = counts();
        counts[0].path = "new".to_owned();
        let wrong = verdict(&counts, &kept()).1.join("\n");
        assert!(wrong.contains("`new` has no count"), "{wrong}");
        assert!(wrong.contains("nothing counts it"), "{wrong}");
    }

    #[test]
    fn a_dump_and_a_kept_file_are_read() {
        assert_eq!(total("version: 1\ntotals: 13500\n"), Some(13500.0));
        let kept = read("# rustc 1.95.0\n   119.6  breaker, over calls\n");
        assert_eq!(kept.get("breaker, over calls"), Some(&119.6));
        assert_eq!(kept.len(), 1);
    }
}
