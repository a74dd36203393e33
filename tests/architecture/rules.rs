//! The rules, each a pure function of a path and a text, so that it can be shown to fail.
//!
//! Where a rule is about the core alone, paths are relative to its `src`.

use crate::source::{code, inline_modules, line, mentions, paths, without_tests};
use std::fmt;
use std::ops::Range;

/// The modules of the core, lowest first. A module may import what stands in rows above its own
/// in this list, and nothing of its own row.
const LAYERS: &[&[&str]] = &[
    &["sync", "time", "data"],
    &["given"],
    &["deadline", "setting", "isolation", "key"],
    &["table"],
    &["window", "backoff", "budget", "latency"],
    &["error"],
    &["class"],
    &["outcome", "event", "ladder"],
    &["frame", "keyed"],
    &["policy"],
    &[ANY_POLICY],
    &["pipeline"],
    &["definition"],
    &["entry"],
    &["configured"],
    &["registry"],
    &["site", "shape", "configuration"],
    &["inspect", "expansion"],
    &["series"],
    &["testing"],
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

/// Types of tokio that signatures and futures need: to name a type reads no clock.
const TYPES_OF_TIME: [&str; 2] = ["tokio::time::Instant", "tokio::time::Sleep"];

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

/// Files longer than this, documentation and unit tests apart, have more than one subject.
const LONGEST: usize = 600;

struct Owner {
    file: &'static str,
    names: &'static [&'static str],
    why: &'static str,
}

/// One line that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    path: String,
    line: usize,
    rule: String,
}

impl Violation {
    pub(crate) fn new(path: &str, line: usize, rule: impl Into<String>) -> Self {
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

/// The module that a file of the core is, for example `policy`, `retry`.
fn module_of(path: &str) -> Vec<String> {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    let segments = path.split('/').map(str::to_owned);
    segments.filter(|segment| segment != ROOT).collect()
}

/// The name in [`LAYERS`] for a path from the root of the core.
fn layer_of(module: &[String], policies: &[String]) -> String {
    match module {
        _ if policy_of(module, policies).is_some() => ANY_POLICY.into(),
        [first, ..] if rank(first).is_some() => first.clone(),
        _ => ROOT.into(),
    }
}

/// The policy that a path leads to: into its file, or to what is called after it.
fn policy_of<'a>(module: &[String], policies: &'a [String]) -> Option<&'a String> {
    let [policy, name, ..] = module else {
        return None;
    };
    let leads_to = |known: &&String| name == *known || name.starts_with(&type_name(known));
    policies
        .iter()
        .filter(|_| policy == "policy")
        .find(leads_to)
}

/// `rate_limit` becomes `RateLimit`.
fn type_name(policy: &str) -> String {
    let words = policy.split('_');
    words
        .map(|word| word[..1].to_uppercase() + &word[1..])
        .collect()
}

fn rank(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&layer))
}

/// Import arrows point down.
pub(crate) fn arrows(path: &str, text: &str, policies: &[String]) -> Vec<Violation> {
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
        let same_module = match policy_of(&target, policies) {
            Some(policy) => policy_of(&own, policies) == Some(policy),
            None => layer == own_layer,
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
pub(crate) fn owners(path: &str, text: &str) -> Vec<Violation> {
    let code = code(without_tests(text));
    let mut violations = Vec::new();
    for owner in OWNERS.iter().filter(|owner| owner.file != path) {
        let roots = ["std", "core", "tokio", "quanta"];
        for named in roots.iter().flat_map(|root| paths(&code, root)) {
            let written = named.segments.join("::");
            let is_allowed = (path == "deadline.rs" || path.starts_with("policy/"))
                && TYPES_OF_TIME.contains(&written.as_str());
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
pub(crate) fn sections(path: &str, text: &str) -> Vec<Violation> {
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
    impurities(path, text, found[1].0..found[2].0)
}

/// A file that is nothing but the `State` of a policy.
pub(crate) fn pure(path: &str, text: &str) -> Vec<Violation> {
    impurities(path, without_tests(text), 1..usize::MAX)
}

/// What the pure machine in these lines should not do.
fn impurities(path: &str, text: &str, state: Range<usize>) -> Vec<Violation> {
    let code = code(text);
    let mut violations = Vec::new();
    for (number, line) in (1..)
        .zip(code.lines())
        .filter(|(number, _)| state.contains(number))
    {
        if let Some(word) = IMPURE
            .iter()
            .find(|word| mentions(line, word).next().is_some())
        {
            let rule =
                format!("`{word}` in State: it is pure, without clock, lock, await or event");
            violations.push(Violation::new(path, number, rule));
        }
    }
    violations
}

/// Nothing unfinished and nothing unsafe.
pub(crate) fn forbidden(path: &str, text: &str) -> Vec<Violation> {
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
pub(crate) fn length(path: &str, text: &str) -> Vec<Violation> {
    let is_documentation = |line: &&str| {
        let line = line.trim_start();
        line.is_empty() || line.starts_with("//")
    };
    let lines = without_tests(text)
        .lines()
        .filter(|line| !is_documentation(line))
        .count();
    if lines <= LONGEST {
        return Vec::new();
    }
    let rule = format!(
        "{lines} lines without documentation and tests: at most {LONGEST}, split it by subject"
    );
    vec![Violation::new(path, lines, rule)]
}

/// Every policy's page has the same chapters.
pub(crate) fn chapters(path: &str, text: &str) -> Vec<Violation> {
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
pub(crate) fn places(policy: &str, read: impl Fn(&str) -> Option<String>) -> Vec<Violation> {
    let variant = type_name(policy);
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
pub(crate) fn on_the_map(path: &str, architecture: &str) -> Vec<Violation> {
    if architecture.contains(&format!("`{path}`")) {
        return Vec::new();
    }
    vec![Violation::new(
        path,
        1,
        "the code map of ARCHITECTURE.md does not list this file",
    )]
}

mod tests {
    use super::*;

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
        let import =
            "use super::timeout::Timeout;\nuse crate::policy::retry::A;\nuse super::Policy;\n";
        assert_eq!(lines(&arrows("policy/retry.rs", import, &policies)), [1]);
        assert_eq!(
            lines(&arrows("policy/retry/attempt.rs", import, &policies)),
            [0; 0]
        );
        let reexported = "use super::{LivePolicy, TimeoutSnapshot};\n";
        assert_eq!(
            lines(&arrows("policy/retry.rs", reexported, &policies)),
            [1]
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
        assert_eq!(lines(&owners("policy/retry.rs", signature)), [0; 0]);
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
        let machine = "fn a(now: u64) { b() }\nfn b() { now(); }\n";
        assert_eq!(lines(&pure("policy/retry/state.rs", machine)), [2]);
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
        let documented = "/// What it does.\n".repeat(LONGEST + 1);
        assert_eq!(length("src/lib.rs", &documented), []);
        let tests = format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
        assert_eq!(length("src/lib.rs", &tests), []);
    }

    #[test]
    fn a_page_without_a_chapter_is_found() {
        let page = format!("## {}\n", CHAPTERS.join("\n## "));
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
}
