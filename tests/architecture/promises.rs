//! What is promised to users, each with the test that holds it: the rules in `docs/rules.md`, and the
//! settings, which are documented where they stand.

use crate::rules::Violation;
use crate::source::line;
use std::collections::BTreeSet;

/// What each setting does, as a test says it. A new setting belongs here together with its test.
pub(crate) const EFFECTS: &[(&str, &str, &str)] = &[
    (
        "bulkhead",
        "limit",
        "the_fourth_of_three_is_refused_until_one_leaves",
    ),
    (
        "bulkhead",
        "queue",
        "never_more_than_the_limit_are_inside_nor_more_than_the_queue_wait",
    ),
    (
        "bulkhead",
        "max_wait",
        "a_wait_ends_exactly_when_max_wait_is_over",
    ),
    ("bulkhead", "order", "with_lifo_the_last_one_comes_in_first"),
    (
        "bulkhead",
        "enabled",
        "switching_off_lets_those_in_who_wait",
    ),
    (
        "bulkhead",
        "max_keys",
        "max_keys_bounds_the_instances_of_bulkheads_and_rate_limits_too",
    ),
    (
        "circuit_breaker",
        "max_keys",
        "a_million_keys_take_the_memory_of_as_many_as_are_allowed",
    ),
    (
        "rate_limit",
        "max_keys",
        "max_keys_bounds_the_instances_of_bulkheads_and_rate_limits_too",
    ),
    (
        "hedge",
        "after",
        "the_extra_attempt_starts_when_the_first_has_not_answered_after_that_time",
    ),
    (
        "hedge",
        "max",
        "each_further_extra_attempt_starts_that_much_later_than_the_one_before",
    ),
    (
        "hedge",
        "budget",
        "when_the_budget_is_spent_no_extra_attempt_starts_and_the_first_goes_on",
    ),
    (
        "hedge",
        "enabled",
        "a_hedge_that_is_switched_off_or_that_nobody_defined_starts_nothing_until_it_is_defined",
    ),
    (
        "fallback",
        "stale",
        "a_failure_is_answered_with_the_last_good_answer_of_its_key_at_most_that_old",
    ),
    (
        "fallback",
        "entries",
        "the_answer_that_was_stored_longest_ago_makes_room",
    ),
    (
        "circuit_breaker",
        "failure_threshold",
        "the_nth_failure_in_a_row_opens_it_and_a_success_begins_anew",
    ),
    (
        "circuit_breaker",
        "failure_rate",
        "seven_of_a_hundred_reach_seven_percent_and_six_do_not",
    ),
    (
        "circuit_breaker",
        "window",
        "with_a_window_of_calls_that_many_failures_among_them_open_it",
    ),
    (
        "circuit_breaker",
        "window_time",
        "results_leave_a_window_of_time_and_ten_calls_are_enough",
    ),
    (
        "circuit_breaker",
        "min_calls",
        "below_min_calls_nothing_is_decided",
    ),
    (
        "circuit_breaker",
        "slow_call",
        "a_slow_call_is_measured_from_its_admission",
    ),
    (
        "circuit_breaker",
        "slow_call_rate",
        "slow_calls_open_it_whether_they_succeed_or_fail",
    ),
    (
        "circuit_breaker",
        "open_for",
        "exactly_at_the_end_of_open_for_a_call_is_let_through",
    ),
    (
        "circuit_breaker",
        "open_backoff",
        "each_recovery_that_fails_lengthens_the_next_opening_up_to_ten_minutes",
    ),
    (
        "circuit_breaker",
        "open_jitter",
        "jitter_lengthens_and_shortens_an_opening_and_the_cap_holds_again",
    ),
    (
        "circuit_breaker",
        "half_open_calls",
        "never_more_than_half_open_calls_are_inside_at_a_time",
    ),
    (
        "circuit_breaker",
        "success_threshold",
        "enough_successes_close_it_with_an_empty_window",
    ),
    (
        "circuit_breaker",
        "half_open_for",
        "a_probe_that_does_not_answer_forfeits_its_place_and_changes_nothing_later",
    ),
    (
        "circuit_breaker",
        "ramp",
        "after_its_probes_a_ramp_admits_each_share_for_one_open_for_and_then_closes",
    ),
    (
        "circuit_breaker",
        "count_rejections",
        "with_count_rejections_three_refusals_open_it_and_who_is_inside_ends_well",
    ),
    (
        "circuit_breaker",
        "obey_retry_after",
        "a_throttled_answer_that_is_obeyed_opens_it_for_as_long_as_it_asks",
    ),
    (
        "circuit_breaker",
        "enabled",
        "switched_off_it_admits_all_and_remembers_what_it_knew",
    ),
    (
        "fallback",
        "enabled",
        "a_fallback_that_is_switched_off_lets_every_error_pass_until_it_is_switched_on",
    ),
    (
        "rate_limit",
        "rate",
        "it_starts_full_and_a_refusal_costs_nothing_and_names_the_exact_wait",
    ),
    (
        "rate_limit",
        "burst",
        "a_pause_saves_up_one_burst_and_no_more",
    ),
    ("rate_limit", "algorithm", "a_sliding_window_has_no_border"),
    (
        "rate_limit",
        "max_wait",
        "calls_that_wait_come_in_one_by_one_each_at_its_turn",
    ),
    (
        "rate_limit",
        "enabled",
        "without_a_rate_every_call_is_let_through",
    ),
    ("retry", "attempts", "attempts_count_the_first_one"),
    ("retry", "backoff", "each_backoff_grows_by_its_own_rule"),
    ("retry", "factor", "each_backoff_grows_by_its_own_rule"),
    (
        "retry",
        "jitter",
        "each_jitter_spreads_the_delay_by_its_own_rule",
    ),
    (
        "retry",
        "max_elapsed",
        "a_delay_that_does_not_fit_max_elapsed_is_not_slept",
    ),
    (
        "retry",
        "budget",
        "an_outage_costs_a_fifth_more_calls_instead_of_three_times_as_many",
    ),
    (
        "retry",
        "enabled",
        "a_retry_that_is_switched_off_lets_every_failure_pass",
    ),
    (
        "timeout",
        "duration",
        "work_is_dropped_exactly_at_its_deadline",
    ),
    (
        "timeout",
        "enabled",
        "a_duration_of_one_call_is_switched_off_with_the_policy",
    ),
];

/// The names of the functions that are tests.
pub(crate) fn tests_in(text: &str) -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some((before, rest)) = line.split_once("fn ")
            && is_test
            && matches!(before, "" | "async ")
        {
            let name: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            tests.insert(name);
            is_test = false;
        }
    }
    tests
}

/// Every rule has tests, and they exist; the numbers ascend.
pub(crate) fn held(path: &str, text: &str, tests: &BTreeSet<String>) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut rules: Vec<(usize, usize, String)> = Vec::new();
    let mut inside = false;
    for (at, line) in (1..).zip(text.lines()) {
        let number = line
            .split_once(". ")
            .and_then(|(number, _)| number.parse().ok());
        if let Some(number) = number {
            rules.push((at, number, String::new()));
            inside = true;
        } else if line.starts_with('#') {
            inside = false;
        }
        if inside && let Some((_, _, rule)) = rules.last_mut() {
            rule.push_str(line);
            rule.push('\n');
        }
    }
    let mut before = 0;
    for (at, number, rule) in rules {
        if number <= before {
            violations.push(Violation::new(path, at, "the numbers of rules ascend"));
        }
        before = number;
        let held_by = rule.split_once("Held by ").map_or("", |(_, tests)| tests);
        let named: Vec<&str> = held_by.split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            violations.push(Violation::new(
                path,
                at,
                format!("no test holds rule {number}"),
            ));
        }
        for test in named.into_iter().filter(|test| !tests.contains(*test)) {
            let rule = format!("rule {number}: there is no test `{test}`");
            violations.push(Violation::new(path, at, rule));
        }
    }
    violations
}

/// One setting in a table of a policy.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Documented {
    pub(crate) line: usize,
    pub(crate) policy: String,
    pub(crate) key: String,
    documentation: String,
    is_checked: bool,
}

/// The settings of the tables in this file.
pub(crate) fn settings(text: &str) -> Vec<Documented> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices("\npolicy! {\n") {
        let table = &text[start + 1..];
        let table = &table[..table.find("\n}").unwrap_or(table.len())];
        let (mut policy, mut documentation) = (String::new(), String::new());
        for (at, line) in (line(text, start + 1)..).zip(table.lines()) {
            let line = line.trim();
            if let Some(said) = line.strip_prefix("///") {
                documentation.push_str(said);
                continue;
            }
            let key: String = line
                .chars()
                .take_while(|c| c.is_lowercase() || *c == '_')
                .collect();
            if !key.is_empty() && line[key.len()..].starts_with(": ") && !documentation.is_empty() {
                found.push(Documented {
                    line: at,
                    policy: policy.clone(),
                    key,
                    documentation: std::mem::take(&mut documentation),
                    is_checked: false,
                });
            } else if policy.is_empty()
                && let Some(name) = line.split('"').nth(1)
            {
                name.clone_into(&mut policy);
                documentation.clear();
            }
            if let Some(setting) = found.last_mut().filter(|setting| setting.policy == policy) {
                // The message of a check is the only text in a table.
                setting.is_checked |= line.contains('"') || line.ends_with(',');
            }
        }
        found.push(Documented {
            line: line(text, start + 1),
            policy,
            key: "enabled".to_owned(),
            documentation: "Default `true`.".to_owned(),
            is_checked: false,
        });
    }
    found
}

/// A setting says its default, and its range if it has one; and a test says what it does.
pub(crate) fn promises(path: &str, text: &str, tests: &BTreeSet<String>) -> Vec<Violation> {
    const RANGES: [&str; 7] = [
        "at least",
        "at most",
        "from ",
        "above ",
        "longer than",
        "more than",
        "ascending",
    ];
    let mut violations = Vec::new();
    for setting in settings(text) {
        let (kind, key) = (setting.policy.as_str(), setting.key.as_str());
        let said = setting.documentation.to_lowercase();
        let mut add = |rule: String| violations.push(Violation::new(path, setting.line, rule));
        if !said.contains("default") {
            add(format!("`{key}` does not say its default"));
        }
        if setting.is_checked && !RANGES.iter().any(|range| said.contains(range)) {
            add(format!("`{key}` is checked and does not say its range"));
        }
        match EFFECTS
            .iter()
            .find(|(of, name, _)| (*of, *name) == (kind, key))
        {
            None => add(format!(
                "no test says what `{key}` of `{kind}` does: name one in EFFECTS"
            )),
            Some((.., named)) if !tests.contains(*named) => {
                add(format!("`{key}` of `{kind}`: there is no test `{named}`"));
            }
            Some(_) => {}
        }
    }
    violations
}

/// The longest that a test may really sleep, in milliseconds.
const LONGEST_SLEEP: u64 = 100;

/// No test sleeps for long in real time: neither on a thread, nor in a runtime whose time runs; nor does
/// what it calls in its own file.
pub(crate) fn sleeps(path: &str, text: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    // In two parts, or this file would be found.
    let sleep = ["thread::", "sleep("].concat();
    for (at, call) in text.match_indices(&sleep) {
        let argument = &text[at + call.len()..];
        let argument = &argument[..argument.find(';').unwrap_or(argument.len())];
        if milliseconds(argument).is_none_or(|length| length > LONGEST_SLEEP) {
            let rule = "a real sleep is written out, and no longer than 100ms";
            violations.push(Violation::new(path, line(text, at), rule));
        }
    }
    let functions = functions(path, text);
    let mut reached: Vec<&Function<'_>> = functions.iter().filter(|one| one.is_real_test).collect();
    let mut at = 0;
    while let Some(caller) = reached.get(at) {
        let calls = functions.iter().filter(|called| caller.calls(called));
        let new: Vec<_> = calls
            .filter(|called| !reached.iter().any(|known| known.line == called.line))
            .collect();
        reached.extend(new);
        at += 1;
    }
    let mut lines: Vec<_> = reached.iter().flat_map(|one| one.long_sleeps()).collect();
    lines.sort_unstable();
    lines.dedup();
    let rule = "a test sleeps here in real time: pause it";
    violations.extend(lines.iter().map(|line| Violation::new(path, *line, rule)));
    violations
}

/// A function among tests.
struct Function<'a> {
    name: &'a str,
    line: usize,
    body: Vec<&'a str>,
    /// A test whose time runs.
    is_real_test: bool,
    /// A timeout cuts it off, however long it sleeps.
    is_cut: bool,
}

impl Function<'_> {
    fn calls(&self, other: &Function<'_>) -> bool {
        let call = format!("{}(", other.name);
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        self.body.iter().skip(1).any(|line| {
            line.match_indices(&call).any(|(at, _)| {
                let before = &line[..at];
                !before.ends_with(is_word) && !before.ends_with("fn ")
            })
        })
    }

    /// Lines that sleep for long, or for nobody can see how long.
    fn long_sleeps(&self) -> impl Iterator<Item = usize> {
        let lines = (self.line..).zip(&self.body).skip(1);
        let lines = lines.filter(|_| !self.is_cut);
        lines.filter_map(|(at, line)| {
            let mut lengths = line.split("sleep(").skip(1).map(milliseconds);
            lengths
                .any(|length| length.is_none_or(|length| length > LONGEST_SLEEP))
                .then_some(at)
        })
    }
}

/// The functions of a file that are there for tests only. Each ends where a line closes it.
fn functions<'a>(path: &str, text: &'a str) -> Vec<Function<'a>> {
    let lines: Vec<&str> = text.lines().collect();
    let begin = if path.contains("tests") {
        0
    } else {
        let tests = lines.iter().position(|line| *line == "#[cfg(test)]");
        tests.unwrap_or(lines.len())
    };
    let mut found = Vec::new();
    let mut is_real_test = false;
    for (at, line) in lines.iter().enumerate().skip(begin) {
        let code = line.trim_start();
        if code.starts_with("#[tokio::test") {
            is_real_test = !code.contains("start_paused = true");
        } else if code == "#[test]" {
            is_real_test = true;
        }
        let words = ["pub(crate) ", "pub(super) ", "pub ", "const ", "async "];
        let mut rest = code;
        for word in words {
            rest = rest.strip_prefix(word).unwrap_or(rest);
        }
        let Some(name) = rest.strip_prefix("fn ") else {
            continue;
        };
        let name = name.split(['(', '<']).next().unwrap_or_default();
        let end = format!("{}}}", &line[..line.len() - code.len()]);
        let length = lines[at..].iter().position(|line| *line == end);
        let body = lines[at..=at + length.unwrap_or(0)].to_vec();
        // Some make a runtime themselves, whose time may stand still; others have none.
        let has = |part: &str| body.iter().any(|line| line.contains(part));
        let runs = code.contains("async fn ") || has("block_on(") && !has("start_paused(true)");
        let attributes = lines[begin..at].iter().rev();
        let mut attributes = attributes.take_while(|line| line.trim_start().starts_with("#["));
        found.push(Function {
            name,
            line: at + 1,
            body,
            is_real_test: std::mem::take(&mut is_real_test) && runs,
            is_cut: attributes.any(|line| line.contains("[timeout(")),
        });
    }
    found
}

/// The length that is written as `Duration::from_millis(5)`, `ms(5)`, `milli(5)` or the like.
fn milliseconds(written: &str) -> Option<u64> {
    let (unit, rest) = written.split_once('(')?;
    let digits: String = rest
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '_')
        .collect();
    let number: u64 = digits.replace('_', "").parse().ok()?;
    let unit = unit.rsplit("::").next()?;
    match unit {
        "from_secs" | "seconds" => Some(number * 1000),
        "from_millis" | "ms" | "milli" => Some(number),
        "from_micros" | "from_nanos" => Some(0),
        _ => None,
    }
}

/// Rows of tables in `text` that name no check, or one that is not there: a path that does not exist, or a
/// command that the help of the runner does not list.
pub(crate) fn checked(
    file: &str,
    text: &str,
    runner: &str,
    exists: impl Fn(&str) -> bool,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (number, row) in text.lines().enumerate() {
        let is_head = row.starts_with("|---") || row.starts_with("| promise |");
        if !row.starts_with('|') || is_head || row.starts_with("| question |") {
            continue;
        }
        let mut wrong = |what: String| violations.push(Violation::new(file, number + 1, what));
        let named: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        if !named.iter().any(|name| name.contains("cargo ")) {
            wrong("no command checks this".to_owned());
        }
        for name in named {
            if let Some(command) = name.strip_prefix("cargo xtask ") {
                let word = command.split(' ').next().unwrap_or_default();
                if !runner.contains(&format!("\n  {word} ")) {
                    wrong(format!("there is no `cargo xtask {word}`"));
                }
            } else if name.contains('/') && !name.contains(' ') && !exists(name) {
                wrong(format!("there is no `{name}`"));
            }
        }
    }
    violations
}

mod tests {
    use super::*;

    fn lines(violations: &[Violation]) -> Vec<String> {
        violations.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_promise_whose_check_is_missing_is_found() {
        let text = "| promise | check | command |\n|---|---|---|\n\
                    | a | `tests/a.rs` | `cargo xtask test` |\n\
                    | b | `tests/b.rs` | `cargo xtask test` |\n\
                    | c | by eye | nothing |\n\
                    | d | `tests/a.rs` | `cargo xtask hope` |\n";
        let wrong = checked("page.md", text, "\n  test    run", |path| {
            path == "tests/a.rs"
        });
        assert_eq!(
            lines(&wrong),
            [
                "page.md:4: there is no `tests/b.rs`",
                "page.md:5: no command checks this",
                "page.md:6: there is no `cargo xtask hope`"
            ]
        );
    }

    #[test]
    fn a_rule_without_a_test_is_found() {
        let text =
            "1. One.\n   Held by `a`.\n2. Two.\n\n## Next\n\n3. Three.\n   Held by `a`, `b`.\n";
        let tests = tests_in("#[test]\nfn a() {}\n#[tokio::test]\nasync fn c() {}\nfn b() {}\n");
        assert_eq!(
            lines(&held("rules.md", text, &tests)),
            [
                "rules.md:3: no test holds rule 2",
                "rules.md:7: rule 3: there is no test `b`"
            ]
        );
    }

    #[test]
    fn a_setting_that_says_too_little_is_found() {
        let text = "\npolicy! {\n    /// The policy.\n    RetryPolicy, Retry, \"retry\";\n\n    \
                    /// How many, at least 1 (default 3).\n    attempts: u32 = 3, attempts > 0, \"at least 1\";\n    \
                    /// How long.\n    delay: Duration,\n        !delay.is_zero(), \"longer\";\n}\n";
        let tests = BTreeSet::from(["attempts_count_the_first_one".to_owned()]);
        let found = lines(&promises("retry.rs", text, &tests));
        assert_eq!(
            found[..3],
            [
                "retry.rs:9: `delay` does not say its default",
                "retry.rs:9: `delay` is checked and does not say its range",
                "retry.rs:9: no test says what `delay` of `retry` does: name one in EFFECTS"
            ]
        );
        assert_eq!(found.len(), 4, "`enabled` has a test that is not there");
    }

    #[test]
    fn a_long_sleep_is_found() {
        let text = "#[tokio::test]\nasync fn a() {\n    sleep(ms(101)).await;\n    sleep(ms(5)).await;\n}\n\
                    #[tokio::test(start_paused = true)]\nasync fn b() {\n    sleep(ms(5_000)).await;\n}\n";
        assert_eq!(
            lines(&sleeps("tests/a.rs", text)),
            ["tests/a.rs:3: a test sleeps here in real time: pause it"]
        );
        let called = "#[tokio::test]\nasync fn a() {\n    b().await;\n}\n\
                      async fn b() {\n    c(7).await;\n}\n\
                      async fn c(length: u64) {\n    sleep(ms(length)).await;\n}\n\
                      async fn d() {\n    sleep(ms(1_000)).await;\n}\n\
                      #[tokio::test(start_paused = true)]\nasync fn e() {\n    d().await;\n}\n\
                      #[timeout(5ms)]\nasync fn f() {\n    sleep(ms(1_000)).await;\n}\n\
                      #[tokio::test]\nasync fn g() {\n    f().await;\n}\n";
        assert_eq!(
            lines(&sleeps("tests/a.rs", called)),
            ["tests/a.rs:9: a test sleeps here in real time: pause it"]
        );
        assert_eq!(sleeps("a.rs", called), [], "these are no tests");
        let real = ["std::thread::", "sleep(Duration::from_secs(1));"].concat();
        assert_eq!(sleeps("a.rs", &real).len(), 1);
        let short = ["std::thread::", "sleep(Duration::from_millis(20));"].concat();
        assert_eq!(sleeps("a.rs", &short), []);
    }
}
