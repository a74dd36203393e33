//! Holds what ARCHITECTURE.md promises: who may import whom, who may name a clock or a lock, the
//! one shape of policy files, and the places that a new policy touches.
//!
//! Each rule is a pure function of a path and a text, so that it can be shown to fail.

#[path = "architecture/source.rs"]
mod source;

use source::{code, inline_modules, line, mentions, paths, without_tests};
use std::fmt;
use std::fs;
use std::path::Path;

/// The modules of the core, lowest first. A module may import what stands in rows above its own
/// in this list, and nothing of its own row.
const LAYERS: &[&[&str]] = &[
    &["sync", "time"],
    &["deadline", "setting"],
    &["window", "backoff"],
    &["error"],
    &["outcome", "event"],
    &["frame"],
    &["policy"],
    &[ANY_POLICY],
    &["pipeline"],
    &["registry"],
    &["site"],
    &["inspect"],
    &[ROOT],
];

/// Stands for every file in `policy/`.
const ANY_POLICY: &str = "policy/*";

/// The root of the crate: what a file imports as `crate::Share` instead of from its module.
const ROOT: &str = "lib";

/// What only one file may name, with the reason.
const OWNERS: &[Owner] = &[
    Owner {
        file: "sync.rs",
        names: &[
            "std::sync::atomic",
            "std::sync::Mutex",
            "std::sync::RwLock",
            "std::sync::Condvar",
            "core::sync::atomic",
            "tokio::sync::Mutex",
            "tokio::sync::RwLock",
        ],
        why: "locks and atomics come from crate::sync",
    },
    Owner {
        file: "time.rs",
        names: &["tokio::time", "quanta"],
        why: "clocks and timers come from crate::time",
    },
];

/// Types of tokio in public signatures: naming a type reads no clock.
const TYPES_OF_TIME: &[(&str, &str)] = &[
    ("deadline.rs", "tokio::time::Instant"),
    ("policy/retry.rs", "tokio::time::Instant"),
];

const SECTIONS: [&str; 5] = [
    "// ---- Policy",
    "// ---- State",
    "// ---- Live policy and permit",
    "// ---- Snapshot",
    "// ---- Tests",
];

/// What the pure machine of a policy never does.
const IMPURE: [&str; 9] = [
    "now()",
    "lock(",
    "emit",
    "emit(",
    "emit_rejected(",
    ".await",
    "async",
    "Mutex",
    "tracing",
];

/// The chapters of a policy's page, in their order.
const CHAPTERS: [&str; 9] = [
    "what it does",
    "when to use it",
    "example",
    "settings",
    "what it rejects",
    "events",
    "with other policies",
    "pitfalls",
    "what it expands to",
];

/// Files longer than this, unit tests apart, have more than one subject.
const LONGEST: usize = 600;

struct Owner {
    file: &'static str,
    names: &'static [&'static str],
    why: &'static str,
}

/// One line that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    path: String,
    line: usize,
    rule: String,
}

impl Violation {
    fn new(path: &str, line: usize, rule: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            rule: rule.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.rule)
    }
}

// ---- The rules. Paths are relative to the `src` of the core where a rule is about the core.

/// The module that a file of the core is, for example `policy`, `retry`.
fn module_of(path: &str) -> Vec<String> {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    let segments = path.split('/').map(str::to_owned);
    segments.filter(|segment| segment != ROOT).collect()
}

/// The name in [`LAYERS`] for a path from the root of the core.
fn layer_of(module: &[String], policies: &[String]) -> String {
    match module {
        [policy, name, ..] if policy == "policy" && policies.contains(name) => ANY_POLICY.into(),
        [first, ..] if rank(first).is_some() => first.clone(),
        _ => ROOT.into(),
    }
}

fn rank(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&layer))
}

/// Import arrows point down.
fn arrows(path: &str, text: &str, policies: &[String]) -> Vec<Violation> {
    let own = module_of(path);
    if own.first().is_some_and(|first| rank(first).is_none()) {
        let rule = "this module stands in no row: give it its place in LAYERS";
        return vec![Violation::new(path, 1, rule)];
    }
    let own_layer = layer_of(&own, policies);
    let code = code(without_tests(text));
    let mut violations = Vec::new();
    let from_root = paths(&code, "crate");
    for named in from_root.iter().chain(&paths(&code, "super")) {
        let mut target = own.clone();
        target.extend(inline_modules(&code, named.offset));
        for segment in &named.segments {
            match segment.as_str() {
                "crate" => target.clear(),
                "super" => drop(target.pop()),
                _ => target.push(segment.clone()),
            }
        }
        let layer = layer_of(&target, policies);
        let same_module = if layer == ANY_POLICY {
            target[1] == own[own.len().min(2) - 1]
        } else {
            layer == own_layer
        };
        // The enum of snapshots lists the policies.
        let enumerates = path == "policy/mod.rs" && layer == ANY_POLICY;
        if same_module || enumerates || rank(&layer) < rank(&own_layer) {
            continue;
        }
        let written = named.segments.join("::");
        let rule = if layer == ROOT {
            format!("imports `{written}` from the root of the crate: name the module it stands in")
        } else if layer == ANY_POLICY && own_layer == ANY_POLICY {
            format!("imports `{written}`: policies never import each other")
        } else {
            format!(
                "imports `{written}`: {own_layer} stands below or beside {layer}, and import arrows point down"
            )
        };
        violations.push(Violation::new(path, line(&code, named.offset), rule));
    }
    violations
}

/// Locks and clocks have one home each.
fn owners(path: &str, text: &str) -> Vec<Violation> {
    let code = code(without_tests(text));
    let mut violations = Vec::new();
    for owner in OWNERS.iter().filter(|owner| owner.file != path) {
        let roots = ["std", "core", "tokio", "quanta"];
        for named in roots.iter().flat_map(|root| paths(&code, root)) {
            let written = named.segments.join("::");
            let is_allowed = TYPES_OF_TIME.contains(&(path, written.as_str()));
            let is_owned = owner.names.iter().any(|name| {
                let whole = written.trim_end_matches("::*");
                name.starts_with(&format!("{whole}::"))
                    || format!("{written}::").starts_with(&format!("{name}::"))
            });
            if is_owned && !is_allowed {
                let rule = format!("names `{written}`: {} ({} alone)", owner.why, owner.file);
                violations.push(Violation::new(path, line(&code, named.offset), rule));
            }
        }
    }
    if path != "time.rs" {
        violations.extend(mentions(&code, "Instant::now").map(|at| {
            let rule = "reads a clock: `now` comes from crate::time (time.rs alone)";
            Violation::new(path, line(&code, at), rule)
        }));
    }
    violations
}

/// Every policy file has the same sections, and its `State` is pure.
fn sections(path: &str, text: &str) -> Vec<Violation> {
    let found: Vec<(usize, &str)> = (1..)
        .zip(text.lines())
        .filter(|(_, line)| line.starts_with("// ----"))
        .collect();
    let titles: Vec<&str> = found.iter().map(|(_, title)| *title).collect();
    if titles != SECTIONS {
        let wrong = found
            .iter()
            .zip(SECTIONS)
            .find(|((_, title), right)| title != right);
        let at = wrong.map_or(1, |((line, _), _)| *line);
        let rule = format!("a policy has the sections {SECTIONS:?} in this order, once each");
        return vec![Violation::new(path, at, rule)];
    }
    let (first, end) = (found[1].0, found[2].0);
    let code = code(text);
    let mut violations = Vec::new();
    for (number, line) in (1..).zip(code.lines()) {
        let impure = IMPURE
            .iter()
            .find(|word| mentions(line, word).next().is_some());
        if let Some(word) = impure.filter(|_| (first..end).contains(&number)) {
            let rule =
                format!("`{word}` in State: it is pure, without clock, lock, await or event");
            violations.push(Violation::new(path, number, rule));
        }
    }
    violations
}

/// Nothing unfinished and nothing unsafe.
fn forbidden(path: &str, text: &str) -> Vec<Violation> {
    let code = code(text);
    let words = ["unsafe", "todo!", "unimplemented!", "dbg!"];
    let mut violations = Vec::new();
    for word in words {
        for at in mentions(&code, word) {
            // The macros speak about the keyword: `Token![unsafe]`.
            if !(word == "unsafe" && code[at + word.len()..].starts_with(']')) {
                violations.push(Violation::new(
                    path,
                    line(&code, at),
                    format!("`{word}` has no place here"),
                ));
            }
        }
    }
    violations
}

/// A file has one subject.
fn length(path: &str, text: &str) -> Vec<Violation> {
    let lines = without_tests(text).lines().count();
    if lines <= LONGEST {
        return Vec::new();
    }
    let rule = format!("{lines} lines without its tests: at most {LONGEST}, split it by subject");
    vec![Violation::new(path, lines, rule)]
}

/// Every policy's page has the same chapters.
fn chapters(path: &str, text: &str) -> Vec<Violation> {
    let headings: Vec<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(str::to_lowercase)
        .collect();
    let is_right = headings.len() == CHAPTERS.len()
        && headings
            .iter()
            .zip(CHAPTERS)
            .all(|(heading, chapter)| heading.starts_with(chapter));
    if is_right {
        return Vec::new();
    }
    let rule = format!("the chapters are {headings:?}, expected {CHAPTERS:?}");
    vec![Violation::new(path, 1, rule)]
}

/// A policy is known everywhere it must be: ARCHITECTURE.md, "How to add a policy".
fn places(policy: &str, read: impl Fn(&str) -> Option<String>) -> Vec<Violation> {
    let variant: String = policy
        .split('_')
        .map(|word| word[..1].to_uppercase() + &word[1..])
        .collect();
    let places = [
        (
            "resilient-core/src/policy/mod.rs",
            format!("mod {policy};"),
            "its module",
        ),
        (
            "resilient-core/src/policy/mod.rs",
            format!("Self::{variant}"),
            "its arm of LiveSnapshot",
        ),
        (
            "resilient-core/src/registry.rs",
            policy.to_owned(),
            "its look-up",
        ),
        (
            "resilient-macros/src/table.rs",
            policy.to_owned(),
            "its keys",
        ),
        ("src/lib.rs", policy.to_owned(), "its attribute"),
    ];
    let missing = places
        .iter()
        .filter(|(path, needle, _)| !read(path).is_some_and(|text| text.contains(needle.as_str())));
    missing
        .map(|(path, needle, what)| {
            Violation::new(
                path,
                1,
                format!("{policy} lacks {what}: no `{needle}` here"),
            )
        })
        .collect()
}

/// A person who opens a file finds it on the map.
fn on_the_map(path: &str, architecture: &str) -> Vec<Violation> {
    if architecture.contains(&format!("`{path}`")) {
        return Vec::new();
    }
    vec![Violation::new(
        path,
        1,
        "the code map of ARCHITECTURE.md does not list this file",
    )]
}

// ---- The repository

const CORE: &str = "resilient-core/src";
const SOURCES: [&str; 5] = ["src", CORE, "resilient-macros/src", "xtask/src", "examples"];

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

/// The core without files that are tests as a whole.
fn core() -> Vec<(String, String)> {
    let mut files = files(CORE);
    files.retain(|(path, _)| !path.ends_with("tests.rs"));
    files
}

/// The names of the policies: one file each.
fn policies() -> Vec<String> {
    let files = core().into_iter();
    let names = files.filter_map(|(path, _)| {
        let name = path.strip_prefix("policy/")?.strip_suffix(".rs")?;
        (name != "mod" && !name.contains('/')).then(|| name.to_owned())
    });
    names.collect()
}

fn policy_files() -> Vec<(String, String)> {
    let policies = policies();
    let is_policy = |path: &str| {
        policies
            .iter()
            .any(|name| *path == format!("policy/{name}.rs"))
    };
    core()
        .into_iter()
        .filter(|(path, _)| is_policy(path))
        .collect()
}

#[track_caller]
fn assert_none(violations: impl IntoIterator<Item = Violation>) {
    let lines: Vec<String> = violations.into_iter().map(|one| one.to_string()).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}

fn check_core(rule: impl Fn(&str, &str) -> Vec<Violation>) {
    let files = core();
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
    assert_none(
        policy_files()
            .iter()
            .flat_map(|(path, text)| sections(path, text)),
    );
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
        let mut files = files(folder);
        files.retain(|(path, _)| !path.ends_with("tests.rs"));
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
    for folder in [CORE, "resilient-macros/src"] {
        let mut files = files(folder);
        files.retain(|(path, _)| !path.ends_with("tests.rs"));
        assert_none(files.iter().flat_map(|(path, _)| on_the_map(path, &map)));
    }
}

#[test]
fn every_member_takes_the_lints_of_the_workspace() {
    for member in ["", "resilient-core/", "resilient-macros/", "xtask/"] {
        let manifest = read(&format!("{member}Cargo.toml")).expect("a manifest");
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{member}Cargo.toml"
        );
    }
}

// ---- The rules themselves

fn lines(violations: &[Violation]) -> Vec<usize> {
    violations.iter().map(|violation| violation.line).collect()
}

fn two_policies() -> Vec<String> {
    vec!["retry".to_owned(), "timeout".to_owned()]
}

#[test]
fn an_arrow_that_points_up_is_found() {
    let text = "use crate::time::now;\nuse crate::{\n    policy::Policy, sync};\n";
    let found = arrows("event.rs", text, &two_policies());
    assert_eq!(
        found[0].to_string(),
        "event.rs:2: imports `crate::policy::Policy`: event stands below or beside policy, and \
         import arrows point down"
    );
    assert_eq!(found.len(), 1);
}

#[test]
fn an_arrow_to_the_side_or_through_the_root_is_found() {
    let policies = two_policies();
    let import = "use super::timeout::Timeout;\nuse crate::policy::retry::A;\nuse super::Policy;\n";
    assert_eq!(lines(&arrows("policy/retry.rs", import, &policies)), [1]);
    assert_eq!(
        lines(&arrows("policy/retry/attempt.rs", import, &policies)),
        [0; 0]
    );
    assert_eq!(
        lines(&arrows("event.rs", "use crate::Share;\n", &policies)),
        [1]
    );
    assert_eq!(
        lines(&arrows(
            "sync.rs",
            "fn f(_: crate::time::Nanos) {}\n",
            &policies
        )),
        [1]
    );
    assert_eq!(lines(&arrows("util.rs", "", &policies)), [1]);
}

#[test]
fn an_arrow_that_is_allowed_is_not_found() {
    let policies = two_policies();
    for (path, text) in [
        (
            "policy/mod.rs",
            "use crate::setting::Kind;\nuse crate::policy::retry::A;\n",
        ),
        ("policy/retry.rs", "use super::{LivePolicy, Policy};\n"),
        ("registry.rs", "use crate::policy::retry::Retry;\n"),
        (
            "setting.rs",
            "// crate::policy\nmacro_rules! a { () => { $crate::policy::Policy } }\n",
        ),
        (
            "time.rs",
            "mod a { mod b { pub(super) fn c() {} } use super::now; }\n",
        ),
        (
            "time.rs",
            "fn a() {}\n#[cfg(test)]\nmod tests { use crate::policy::Policy; }\n",
        ),
    ] {
        assert_eq!(arrows(path, text, &policies), [], "{path}");
    }
}

#[test]
fn a_lock_or_a_clock_away_from_home_is_found() {
    let text = "use std::sync::{Arc, atomic::AtomicU8};\nuse tokio::time;\nuse std::sync::OnceLock;\n\
                fn f() { Instant::now(); }\nuse std::sync::*;\nuse quanta::Clock;\n";
    assert_eq!(lines(&owners("event.rs", text)), [1, 5, 2, 6, 4]);
    assert_eq!(lines(&owners("sync.rs", text)), [2, 6, 4]);
    assert_eq!(lines(&owners("time.rs", text)), [1, 5]);
    let signature = "fn f() -> tokio::time::Instant { g() }\n";
    assert_eq!(lines(&owners("deadline.rs", signature)), [0; 0]);
    assert_eq!(lines(&owners("event.rs", signature)), [1]);
    let reading = "fn f() { tokio::time::Instant::now() }\n";
    assert_eq!(lines(&owners("deadline.rs", reading)), [1, 1]);
}

#[test]
fn a_policy_of_another_shape_or_an_impure_state_is_found() {
    let good = "// ---- Policy\n// ---- State\nfn a(now: u64) {} // now()\n\
                // ---- Live policy and permit\nfn b() { now(); }\n// ---- Snapshot\n// ---- Tests\n";
    assert_eq!(sections("policy/retry.rs", good), []);
    let impure = good.replace("{} // now()", "{ now(); }");
    assert_eq!(lines(&sections("policy/retry.rs", &impure)), [3]);
    let emits = good.replace("{} // now()", "{ emit_rejected(a) }");
    assert_eq!(lines(&sections("policy/retry.rs", &emits)), [3]);
    let swapped = good.replace("---- Snapshot", "---- Tests");
    assert_eq!(lines(&sections("policy/retry.rs", &swapped)), [6]);
    assert_eq!(lines(&sections("policy/retry.rs", "fn a() {}\n")), [1]);
}

#[test]
fn what_is_unsafe_or_unfinished_is_found() {
    let text = "fn a() { todo!() }\nunsafe fn b() { dbg!(1); }\n// todo!\n#![forbid(unsafe_code)]\n\
                Token![unsafe]\n";
    let mut found = lines(&forbidden("src/lib.rs", text));
    found.sort_unstable();
    assert_eq!(found, [1, 2, 2]);
}

#[test]
fn a_file_that_is_too_long_is_found() {
    let long = "fn a() {}\n".repeat(LONGEST + 1);
    assert_eq!(lines(&length("src/lib.rs", &long)), [LONGEST + 1]);
    let tests = format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
    assert_eq!(length("src/lib.rs", &tests), []);
}

#[test]
fn a_page_without_a_chapter_is_found() {
    let page: String = CHAPTERS
        .iter()
        .map(|chapter| format!("## {chapter}\n"))
        .collect();
    assert_eq!(chapters("docs/retry.md", &page), []);
    let page = page.replace("## pitfalls\n", "");
    assert_eq!(lines(&chapters("docs/retry.md", &page)), [1]);
}

#[test]
fn a_policy_that_is_missing_somewhere_is_found() {
    let everything = "mod rate_limit; Self::RateLimit";
    assert_eq!(places("rate_limit", |_| Some(everything.to_owned())), []);
    let found = places("rate_limit", |path| {
        (path != "resilient-core/src/registry.rs").then(|| everything.to_owned())
    });
    assert_eq!(
        found[0].to_string(),
        "resilient-core/src/registry.rs:1: rate_limit lacks its look-up: no `rate_limit` here"
    );
    assert_eq!(found.len(), 1);
}

#[test]
fn a_file_that_is_not_on_the_map_is_found() {
    assert_eq!(
        on_the_map("policy/retry.rs", "| `policy/retry.rs` | tries again |"),
        []
    );
    assert_eq!(lines(&on_the_map("policy/retry.rs", "| `retry.rs` |")), [1]);
}
