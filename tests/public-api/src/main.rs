//! Compares what each library offers with what was kept of it: a public item that goes away, or changes,
//! is a decision and not an accident.
//!
//! `cargo xtask api` runs it; with `--keep` it keeps what it sees. The lists are the files beside `src/`,
//! one for each library.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Each package that is published, and the name of its library.
const LIBRARIES: [(&str, &str); 6] = [
    ("resilient-fn", "resilient"),
    ("resilient-core", "resilient_core"),
    ("resilient-config", "resilient_config"),
    ("resilient-http", "resilient_http"),
    ("resilient-metrics", "resilient_metrics"),
    ("resilient-tower", "resilient_tower"),
];

fn main() -> ExitCode {
    let keep = match env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [option] if option == "--keep" => true,
        others => {
            eprintln!("unexpected {others:?}: only `--keep` is known");
            return ExitCode::FAILURE;
        }
    };
    let mut same = true;
    for (package, library) in LIBRARIES {
        match offered(package, library).and_then(|offered| compare(library, &offered, keep)) {
            Ok(None) => println!("{library}: as kept"),
            Ok(Some(difference)) => {
                println!("{library}:\n{difference}");
                same = keep;
            }
            Err(wrong) => {
                eprintln!("{library}: {wrong}");
                return ExitCode::FAILURE;
            }
        }
    }
    if same {
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "the public interface is not what was kept: if that is meant, say so in CHANGELOG.md and run \
         `cargo xtask api --keep`"
    );
    ExitCode::FAILURE
}

/// Every public item of a library with all its features, one in a line, sorted.
fn offered(package: &str, library: &str) -> Result<String, String> {
    // The one thing that rustdoc calls unstable here is that it writes JSON. It has a directory of its own,
    // since build scripts look at this variable, and everything would be built anew after it.
    let target = root().join("target").join("public-api");
    let ran = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "rustdoc",
            "--quiet",
            "--all-features",
            "--lib",
            "-p",
            package,
        ])
        .args([
            "--",
            "-Zunstable-options",
            "--output-format",
            "json",
            "--cap-lints",
            "allow",
        ])
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", &target)
        .current_dir(root())
        .status()
        .map_err(|error| format!("cargo could not be run: {error}"))?;
    if !ran.success() {
        return Err("rustdoc failed".to_owned());
    }
    let json = target.join("doc").join(format!("{library}.json"));
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .map_err(|error| format!("what rustdoc wrote cannot be read: {error}"))?;
    let mut lines: Vec<String> = api.items().map(|item| format!("{item}\n")).collect();
    lines.sort_unstable();
    lines.dedup();
    Ok(lines.concat())
}

/// What differs between `offered` and what was kept, if anything does; keeps it if asked to.
fn compare(library: &str, offered: &str, keep: bool) -> Result<Option<String>, String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{library}.txt"));
    let kept = fs::read_to_string(&file).unwrap_or_default();
    if keep {
        fs::write(&file, offered)
            .map_err(|error| format!("{} could not be written: {error}", file.display()))?;
    }
    Ok(difference(&kept, offered))
}

/// The lines that went away and those that came, marked.
fn difference(kept: &str, offered: &str) -> Option<String> {
    let mut text = String::new();
    for line in kept
        .lines()
        .filter(|line| !offered.lines().any(|other| other == *line))
    {
        let _ = writeln!(text, "  - {line}");
    }
    for line in offered
        .lines()
        .filter(|line| !kept.lines().any(|other| other == *line))
    {
        let _ = writeln!(text, "  + {line}");
    }
    (!text.is_empty()).then_some(text)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_away_and_what_came_is_named() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(
            difference("pub fn a()\npub fn b()\n", "pub fn b()\npub fn c()\n").as_deref(),
            Some("  - pub fn a()\n  + pub fn c()\n")
        );
    }
}
