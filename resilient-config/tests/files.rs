//! Files and what becomes of them.

use resilient_config::{FileError, load, load_text, watch};
use resilient_core::{
    BulkheadPolicy, CircuitBreakerPolicy, RateLimitPolicy, RetryPolicy, TimeoutPolicy, policy,
    registry,
};
use std::fs;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

/// All files of a process are one layer, so those who write it take turns.
static FILE: Mutex<()> = Mutex::new(());

fn setting(kind: &str, name: &str, key: &str) -> (Option<String>, String) {
    let policies = registry().snapshot().policies.into_iter();
    let mut found = policies.filter(|policy| policy.kind.as_str() == kind && policy.name == name);
    let settings = found.next().expect("it is known").settings;
    let mut found = settings.into_iter().filter(|setting| setting.key == key);
    let setting = found.next().expect("it is a setting");
    (
        setting.value.map(|value| value.to_string()),
        setting.source.to_string(),
    )
}

#[test]
fn every_kind_of_value_is_read_with_its_line() {
    let _turn = FILE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    policy("shop::price")
        .circuit_breaker(CircuitBreakerPolicy::new())
        .retry(RetryPolicy::new())
        .bulkhead(BulkheadPolicy::new().limit(1))
        .rate_limit(RateLimitPolicy::new())
        .attempt_timeout(TimeoutPolicy::new())
        .register()
        .expect("a new name");
    let text = r#"
["shop::price".circuit_breaker]
failure_rate = "50%"   # a share
window = 20
open_backoff = 1.5
ramp = ["10%", "50%"]
count_rejections = true
open_for = '1m30s'

["shop::price".retry]
attempts = 0x5
backoff = "exponential(50ms..2s)"
jitter = "proportional(20%)"
budget = 0.2

["shop::price"]
rate_limit.rate = "1_000/min"
bulkhead = { limit = 7, order = "lifo" }
attempt_timeout.duration = "250ms"
"#;
    assert!(load_text(text, "shop.toml").expect("all fine").is_empty());
    for (kind, key, value, line) in [
        ("circuit_breaker", "failure_rate", "50%", 3),
        ("circuit_breaker", "window", "20", 4),
        ("circuit_breaker", "open_backoff", "1.5", 5),
        ("circuit_breaker", "ramp", "[10%, 50%]", 6),
        ("circuit_breaker", "count_rejections", "true", 7),
        ("circuit_breaker", "open_for", "1m30s", 8),
        ("retry", "attempts", "5", 11),
        ("retry", "backoff", "exponential(50ms..2s)", 12),
        ("retry", "jitter", "proportional(20%)", 13),
        ("retry", "budget", "20%", 14),
        ("rate_limit", "rate", "1000/m", 17),
        ("bulkhead", "limit", "7", 18),
        ("bulkhead", "order", "lifo", 18),
        ("attempt_timeout", "duration", "250ms", 19),
    ] {
        assert_eq!(
            setting(kind, "shop::price", key),
            (Some(value.to_owned()), format!("shop.toml:{line}")),
            "{kind} {key}"
        );
    }
    assert!(
        load_text("", "shop.toml")
            .expect("empty is fine")
            .is_empty()
    );
    assert_eq!(setting("retry", "shop::price", "attempts").1, "default");
}

#[test]
fn what_is_wrong_is_told_with_line_and_key_and_changes_nothing() {
    let _turn = FILE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    policy("files.wrong")
        .retry(RetryPolicy::new())
        .register()
        .expect("a new name");
    load_text("[\"files.wrong\".retry]\nattempts = 4\n", "good.toml").expect("all fine");
    for (text, refused) in [
        ("[\"files.wrong\".retry]\nattempts = \n", "bad.toml:2: "),
        (
            "[\"files.wrong\".retry]\nattempts = 0\n",
            "bad.toml:2: retry `files.wrong`: `attempts`: ",
        ),
        (
            "\n\n[\"files.wrong\".retry]\n\natempts = 3\n",
            "bad.toml:5: retry `files.wrong`: there is no setting `atempts`, did you mean `attempts`?",
        ),
        (
            "[\"files.wrong\".rety]\nattempts = 3\n",
            "bad.toml:2: there is no kind of policy `rety`, did you mean `retry`?",
        ),
        ("attempts = 3\n", "bad.toml:1: `attempts` is no setting"),
        (
            "[retry]\nattempts = 3\n",
            "bad.toml:2: `attempts` is no kind of policy",
        ),
        (
            "[files.wrong.retry]\nattempts = 3\n",
            "bad.toml:1: `retry` is a table, but settings are plain values",
        ),
        (
            "[\"files.wrong\".retry]\nattempts = 2026-11-21\n",
            "bad.toml:2: `attempts` is a date",
        ),
        (
            "[\"files.wrong\".retry]\nattempts = 99999999999999999999\n",
            "bad.toml:2: ",
        ),
    ] {
        let error = load_text(text, "bad.toml").expect_err(text).to_string();
        assert!(error.starts_with(refused), "{text}\n{error}");
        assert_eq!(
            setting("retry", "files.wrong", "attempts"),
            (Some("4".to_owned()), "good.toml:2".to_owned())
        );
    }
    assert!(matches!(
        load("/nowhere/at/all.toml"),
        Err(FileError::Unreadable { .. })
    ));
    load_text("[\"files.wrong\".retry]\nattempts = 6\n", "good.toml")
        .expect("and the next is read");
    assert_eq!(
        setting("retry", "files.wrong", "attempts").0.as_deref(),
        Some("6")
    );
}

#[test]
fn a_file_is_read_again_when_it_changes_and_a_bad_one_does_not_stop_that() {
    let _turn = FILE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    policy("files.watched")
        .retry(RetryPolicy::new())
        .register()
        .expect("a new name");
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("policies.toml");
    let attempts = |attempts: &str| format!("[\"files.watched\".retry]\nattempts = {attempts}\n");
    let now = || {
        setting("retry", "files.watched", "attempts")
            .0
            .expect("it has a default")
    };
    fs::write(&file, attempts("4")).expect("writable");
    let (told, results) = channel();
    let watch = watch(&file, move |result| {
        told.send(result).expect("somebody listens");
    });
    let watch = watch.expect("it is fine");
    assert_eq!(now(), "4");
    let next = || {
        results
            .recv_timeout(Duration::from_secs(30))
            .expect("it is read again")
    };

    fs::write(&file, attempts("5")).expect("writable");
    assert!(next().is_ok());
    assert_eq!(now(), "5");

    fs::write(&file, attempts("\"many\"")).expect("writable");
    assert!(matches!(next(), Err(FileError::Settings(_))));
    assert_eq!(now(), "5");

    // As an editor does it: another file takes its place.
    let other = directory.path().join("other");
    fs::write(&other, attempts("6")).expect("writable");
    fs::rename(&other, &file).expect("one directory");
    assert!(next().is_ok());
    assert_eq!(now(), "6");

    fs::remove_file(&file).expect("it is there");
    assert!(matches!(next(), Err(FileError::Unreadable { .. })));
    assert_eq!(now(), "6", "a file that is gone changes nothing");

    drop(watch);
    fs::write(&file, attempts("7")).expect("writable");
    assert!(results.recv().is_err(), "nobody reads any more");
    assert_eq!(now(), "6");
}

#[test]
fn a_listener_that_panics_and_a_directory_that_is_never_quiet_do_not_keep_a_file_from_being_read() {
    let _turn = FILE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    policy("files.busy")
        .retry(RetryPolicy::new())
        .register()
        .expect("a new name");
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("policies.toml");
    let write = |attempts: u32| {
        let text = format!("[\"files.busy\".retry]\nattempts = {attempts}\n");
        fs::write(&file, text).expect("writable");
    };
    write(4);
    let (told, results) = channel();
    let watch = watch(&file, move |result| {
        told.send(result.is_ok()).expect("somebody listens");
        panic!("the listener has a mistake");
    });
    let watch = watch.expect("it is fine");
    for attempts in [5, 6] {
        write(attempts);
        // Somebody else writes all the time.
        let neighbour = directory.path().join("neighbour");
        let begun = std::time::Instant::now();
        let is_ok = loop {
            fs::write(&neighbour, "busy").expect("writable");
            match results.recv_timeout(Duration::from_millis(10)) {
                Ok(is_ok) => break is_ok,
                Err(_) => assert!(begun.elapsed() < Duration::from_secs(30), "it is not read"),
            }
        };
        assert!(is_ok);
        let (now, _) = setting("retry", "files.busy", "attempts");
        assert_eq!(now.expect("it has a value"), attempts.to_string());
    }
    drop(watch);
}

#[test]
fn the_schema_knows_every_kind_and_setting() {
    let schema: serde_json::Value =
        serde_json::from_str(&resilient_config::schema()).expect("it is JSON");
    let kinds = &schema["additionalProperties"]["properties"];
    for (kind, settings) in resilient_core::kinds() {
        for (key, _) in settings {
            let setting = &kinds[kind.as_str()]["properties"][key];
            assert!(
                setting["description"].is_string(),
                "{kind} {key}: {setting}"
            );
            assert!(setting["type"].is_array(), "{kind} {key}: {setting}");
        }
    }
    assert_eq!(kinds["retry"]["properties"]["attempts"]["default"], "3");
    assert_eq!(kinds["retry"]["additionalProperties"], false);
}
