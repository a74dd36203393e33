//! Holds what ARCHITECTURE.md promises: who may import whom, who may name a clock or a lock, the
//! one shape of policy files, and the places that a new policy touches.

#[path = "architecture/promises.rs"]
mod promises;
#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/source.rs"]
mod source;

use promises::{checked, held, promises, sleeps, tests_in};
use rules::{
    Violation, arrows, chapters, forbidden, length, on_the_map, owners, places, pure, sections,
};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const CORE: &str = "resilient-core/src";
const SOURCES: [&str; 12] = [
    "src",
    CORE,
    "resilient-macros/src",
    "resilient-config/src",
    "resilient-http/src",
    "resilient-metrics/src",
    "resilient-tower/src",
    "xtask/src",
    "examples",
    "benches/overhead/src",
    "benches/peers/src",
    "tests/soak/src",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(root().join(path)).ok()
}

/// All Rust files under a folder of the repository, by their paths relative to that folder.
fn files(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(root().join(folder)) else {
        return found;
    };
    for entry in entries {
        let name = entry.expect("an entry").file_name();
        let name = name.to_str().expect("a name in UTF-8").to_owned();
        let path = format!("{folder}/{name}");
        if root().join(&path).is_dir() {
            let inside = files(&path).into_iter();
            found.extend(inside.map(|(inner, text)| (format!("{name}/{inner}"), text)));
        } else if Path::new(&name).extension().is_some_and(|end| end == "rs") {
            let text = read(&path).expect("a readable file");
            found.push((name, text));
        }
    }
    found.sort();
    found
}

/// The files of a folder that are not tests as a whole.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut files = files(folder);
    files.retain(|(path, _)| {
        !path
            .split('/')
            .any(|part| part.trim_end_matches(".rs") == "tests")
    });
    files
}

/// The names of the policies: one file each, or a folder where it has several rooms.
fn policies() -> Vec<String> {
    let files = sources(CORE).into_iter();
    files
        .filter_map(|(path, _)| policy(&path).map(str::to_owned))
        .collect()
}

/// The policy that this file of the core is, with its five sections.
fn policy(path: &str) -> Option<&str> {
    let name = path.strip_prefix("policy/")?.strip_suffix(".rs")?;
    let name = name.strip_suffix("/mod").unwrap_or(name);
    (name != "mod" && !name.contains('/')).then_some(name)
}

#[track_caller]
fn assert_none(violations: impl IntoIterator<Item = Violation>) {
    let lines: Vec<String> = violations.into_iter().map(|one| one.to_string()).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}

fn check_core(rule: impl Fn(&str, &str) -> Vec<Violation>) {
    let files = sources(CORE);
    assert!(files.len() > 5, "the core was not found");
    assert_none(files.iter().flat_map(|(path, text)| rule(path, text)));
}

#[test]
fn import_arrows_point_down() {
    let policies = policies();
    check_core(|path, text| arrows(path, text, &policies));
}

#[test]
fn locks_and_clocks_have_one_home_each() {
    check_core(owners);
}

#[test]
fn policy_files_have_one_shape_and_a_pure_state() {
    check_core(|path, text| match policy(path) {
        Some(_) => sections(path, text),
        // A machine that is too long for its policy's file has one of its own.
        None if path.ends_with("/state.rs") => pure(path, text),
        None => Vec::new(),
    });
}

#[test]
fn nothing_is_unsafe_or_unfinished() {
    for folder in SOURCES {
        let files = files(folder);
        assert_none(
            files
                .iter()
                .flat_map(|(path, text)| forbidden(&format!("{folder}/{path}"), text)),
        );
    }
}

#[test]
fn files_have_one_subject() {
    for folder in SOURCES {
        let files = sources(folder);
        assert_none(
            files
                .iter()
                .flat_map(|(path, text)| length(&format!("{folder}/{path}"), text)),
        );
    }
}

#[test]
fn every_policy_has_its_page() {
    assert_none(policies().iter().flat_map(|policy| {
        let path = format!("docs/{policy}.md");
        match read(&path) {
            Some(text) => chapters(&path, &text),
            None => vec![Violation::new(&path, 1, "this policy has no page")],
        }
    }));
}

#[test]
fn every_policy_is_known_everywhere_it_must_be() {
    assert_none(policies().iter().flat_map(|policy| places(policy, read)));
}

#[test]
fn the_code_map_lists_every_file() {
    let map = read("ARCHITECTURE.md").expect("ARCHITECTURE.md");
    for folder in [
        CORE,
        "resilient-http/src",
        "resilient-macros/src",
        "resilient-config/src",
        "resilient-metrics/src",
        "resilient-tower/src",
    ] {
        let files = sources(folder);
        assert_none(files.iter().flat_map(|(path, _)| on_the_map(path, &map)));
    }
}

#[test]
fn every_member_takes_the_lints_of_the_workspace() {
    for member in [
        "",
        "benches/overhead/",
        "benches/peers/",
        "resilient-config/",
        "resilient-core/",
        "resilient-macros/",
        "resilient-metrics/",
        "resilient-tower/",
        "tests/databases/",
        "tests/models/",
        "xtask/",
    ] {
        let manifest = read(&format!("{member}Cargo.toml")).expect("a manifest");
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{member}Cargo.toml"
        );
    }
}

const TESTS: [&str; 4] = [CORE, "resilient-macros/src", "tests", "xtask/src"];

/// The names of all tests.
fn tests() -> BTreeSet<String> {
    let files = TESTS.iter().flat_map(|folder| files(folder));
    files.flat_map(|(_, text)| tests_in(&text)).collect()
}

#[test]
fn every_rule_has_its_tests() {
    let text = read("docs/rules.md").expect("docs/rules.md");
    assert_none(held("docs/rules.md", &text, &tests()));
}

#[test]
fn every_promise_names_a_check_that_exists() {
    let text = read("docs/reliability.md").expect("docs/reliability.md");
    let commands = read("xtask/src/main.rs").expect("the runner");
    let exists = |path: &str| root().join(path).exists();
    assert_none(checked("docs/reliability.md", &text, &commands, exists));
}

#[test]
fn every_setting_is_documented_and_does_something() {
    let tests = tests();
    check_core(|path, text| promises(path, text, &tests));
}

#[test]
fn no_test_sleeps_for_long() {
    for folder in TESTS {
        let files = files(folder);
        assert_none(
            files
                .iter()
                // Which lets the plain functions of the user sleep.
                .filter(|(path, _)| !(folder == CORE && path == "time.rs"))
                // Whose clock stands still.
                .filter(|(path, _)| !path.starts_with("models/"))
                .flat_map(|(path, text)| sleeps(&format!("{folder}/{path}"), text)),
        );
    }
}
