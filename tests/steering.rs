//! Settings that change while the program runs: by hand, from files, from the environment.

use resilient::{
    Backoff, BulkheadPolicy, Changes, CircuitBreakerPolicy, CircuitBreakerState, Configuration,
    Events, Jitter, Override, ReconfigureError, Registry, Rejected, RetryPolicy, Setting,
    SettingError, Source, TimeoutPolicy, Value, What, bulkhead, circuit_breaker, policy,
    rate_limit, registry, resilient, retry, timeout,
};
use std::time::Duration;
use tokio::time::{advance, sleep};

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the callee failed")]
    Failed,
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

type Answer = Result<u32, Error>;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn setting(kind: &str, name: &str, key: &str) -> Setting {
    let policies = registry().snapshot().policies.into_iter();
    let mut found = policies.filter(|policy| policy.kind.as_str() == kind && policy.name == name);
    let settings = found.next().expect("it is known").settings;
    let mut found = settings.into_iter().filter(|setting| setting.key == key);
    found.next().expect("it is a setting")
}

fn version(kind: &str, name: &str) -> u64 {
    let policies = registry().snapshot().policies.into_iter();
    let mut found = policies.filter(|policy| policy.kind.as_str() == kind && policy.name == name);
    found.next().expect("it is known").version
}

fn reconfigured(events: &mut Events, name: &str) -> Vec<(Vec<String>, Option<Override>)> {
    let mut reconfigured = Vec::new();
    while let Some(event) = events.try_next() {
        if let What::Reconfigured { changes, by } = event.what
            && event.policy == name
        {
            reconfigured.push((changes, by));
        }
    }
    assert_eq!(events.missed(), 0);
    reconfigured
}

#[timeout("steering.cut", 10s)]
async fn cut() -> Answer {
    sleep(seconds(5)).await;
    Ok(1)
}

#[tokio::test(start_paused = true)]
async fn a_change_holds_from_the_next_call_on_until_it_is_taken_back() {
    assert_eq!(cut().await.unwrap(), 1);
    let by = Override::because("they are slow").by("ana");
    let mut events = registry().events();
    let shorter = TimeoutPolicy::new().duration(seconds(2));
    let changed = registry()
        .reconfigure("steering.cut", shorter, by.clone())
        .unwrap();
    assert_eq!(changed.changes.len(), 1);
    assert_eq!(changed.changes[0].from, Some(Value::Duration(seconds(10))));
    assert_eq!(changed.changes[0].to, Some(Value::Duration(seconds(2))));
    assert!(matches!(
        cut().await,
        Err(Error::Rejected(Rejected::TimedOut(_)))
    ));
    assert_eq!(
        setting("timeout", "steering.cut", "duration").source,
        Source::Override { by: by.clone() }
    );
    let back = Changes::new().take_back("duration");
    registry()
        .reconfigure_with("timeout", "steering.cut", &back, "well again")
        .unwrap();
    assert_eq!(cut().await.unwrap(), 1);
    assert_eq!(
        reconfigured(&mut events, "steering.cut"),
        [
            (vec!["duration = 2s".to_owned()], Some(by)),
            (vec!["duration = 10s".to_owned()], Some("well again".into())),
        ]
    );
}

#[timeout("steering.ends", 10s)]
async fn ends() -> Answer {
    sleep(seconds(5)).await;
    Ok(1)
}

#[tokio::test(start_paused = true)]
async fn a_change_with_an_end_ends_without_anybody_looking() {
    let by = Override::because("a drill").lasting(seconds(60));
    let shorter = TimeoutPolicy::new().duration(seconds(2));
    registry()
        .reconfigure("steering.ends", shorter, by)
        .unwrap();
    assert!(ends().await.is_err());
    let mut events = registry().events();
    advance(seconds(57)).await;
    assert!(ends().await.is_err(), "59 seconds have passed");
    assert_eq!(ends().await.unwrap(), 1, "the call itself finds out");
    assert_eq!(
        reconfigured(&mut events, "steering.ends"),
        [(
            vec!["duration = 10s".to_owned()],
            Some("the override has ended: a drill, for 1m".into())
        )]
    );
}

#[test]
fn a_refused_change_changes_nothing_and_says_why() {
    policy("steering.refused")
        .circuit_breaker(CircuitBreakerPolicy::new().failure_threshold(3))
        .register()
        .unwrap();
    let before = version("circuit_breaker", "steering.refused");
    let try_to = |changes: Changes| {
        let by_hand =
            registry().reconfigure_with("circuit_breaker", "steering.refused", &changes, "x");
        let preview = registry().preview("circuit_breaker", "steering.refused", &changes);
        assert_eq!(by_hand, preview, "a preview refuses the same");
        by_hand.unwrap_err().to_string()
    };
    let set = |key: &str, value: &str| try_to(Changes::new().set(key, value));
    assert_eq!(
        set("open_fro", "1s"),
        "there is no setting `open_fro`, did you mean `open_for`?"
    );
    assert_eq!(
        set("open_for", "soon"),
        "`open_for` is a duration with its unit, such as `30s` or `250ms`, not \"soon\""
    );
    assert!(set("half_open_calls", "0").starts_with("`half_open_calls`: "));
    assert!(try_to(Changes::new().take_back("nothing")).contains("no setting `nothing`"));
    let two = Changes::new()
        .set("open_for", "1s")
        .set("half_open_calls", 0);
    assert!(
        try_to(two).starts_with("`half_open_calls`: "),
        "all or nothing"
    );
    let stale = Changes::new().set("open_for", "1s").only_at(before + 7);
    assert_eq!(
        try_to(stale),
        format!(
            "the settings have version {before} by now, not {}: look again",
            before + 7
        )
    );
    assert_eq!(version("circuit_breaker", "steering.refused"), before);
    assert_eq!(
        setting("circuit_breaker", "steering.refused", "open_for").source,
        Source::Default
    );
    let unknown = registry().reconfigure("steering.refsued", CircuitBreakerPolicy::new(), "x");
    assert!(matches!(
        unknown,
        Err(ReconfigureError::UnknownPolicy { .. })
    ));
    assert!(
        registry().circuit_breaker("steering.refsued").is_none(),
        "nothing is created"
    );
    let typed = CircuitBreakerPolicy::new().half_open_calls(0);
    let typed = registry().reconfigure("steering.refused", typed, "x");
    assert!(matches!(
        typed,
        Err(ReconfigureError::Setting(SettingError::Invalid(_)))
    ));
}

#[test]
fn only_one_of_two_changes_that_were_made_for_one_version_holds() {
    policy("steering.version")
        .retry(RetryPolicy::new().attempts(2))
        .register()
        .unwrap();
    let version = version("retry", "steering.version");
    let to = |attempts: i64| {
        let changes = Changes::new().set("attempts", attempts).only_at(version);
        registry().reconfigure_with("retry", "steering.version", &changes, "x")
    };
    assert_eq!(to(4).unwrap().version, version + 1);
    assert!(matches!(
        to(5),
        Err(ReconfigureError::VersionMismatch { .. })
    ));
    assert_eq!(
        setting("retry", "steering.version", "attempts").value,
        Some(Value::Count(4))
    );
}

#[circuit_breaker("steering.keeps", failure_threshold = 3, open_for = 60s)]
async fn keeps(succeed: bool) -> Answer {
    if succeed { Ok(1) } else { Err(Error::Failed) }
}

#[tokio::test(start_paused = true)]
async fn a_change_keeps_state_and_totals() {
    for _ in 0..3 {
        keeps(false).await.unwrap_err();
    }
    let breaker = registry().circuit_breaker("steering.keeps").unwrap();
    assert_eq!(breaker.state(), CircuitBreakerState::Open);
    let other = CircuitBreakerPolicy::new().failure_threshold(10);
    registry()
        .reconfigure("steering.keeps", other, "x")
        .unwrap();
    assert_eq!(breaker.state(), CircuitBreakerState::Open);
    assert_eq!(breaker.snapshot().counts.failure, 3);
}

#[bulkhead("steering.off", 1)]
#[circuit_breaker("steering.off", failure_threshold = 1)]
#[rate_limit("steering.off", 1/h)]
#[timeout("steering.off", 1s)]
#[retry("steering.off", 5, backoff = fixed(0s))]
async fn off(runs: &std::cell::Cell<u32>) -> Answer {
    runs.set(runs.get() + 1);
    sleep(seconds(3)).await;
    Err(Error::Failed)
}

#[resilient("steering.off.later")]
async fn off_later() -> Answer {
    sleep(seconds(3)).await;
    Ok(1)
}

/// The only test that touches all policies of this process: the others look at their settings by
/// value, so all of it stands in one function that other tests do not run beside; see below.
async fn switch_all_off(registry: &Registry) {
    let runs = std::cell::Cell::new(0);
    registry.disable_all(Override::because("is it us?").by("ana"));
    for _ in 0..3 {
        assert!(
            matches!(off(&runs).await, Err(Error::Failed)),
            "nothing refuses it"
        );
    }
    assert_eq!(runs.get(), 3, "nothing tries again, nothing cuts it off");
    policy("steering.off.later")
        .timeout(TimeoutPolicy::new().duration(seconds(1)))
        .register()
        .expect("a new name");
    assert_eq!(
        off_later().await.expect("it is off"),
        1,
        "what is defined later is off as well"
    );
    let by_hand = TimeoutPolicy::new().enabled(true);
    registry
        .reconfigure("steering.off", by_hand, "not I")
        .expect("it is fine");
    assert!(
        matches!(off(&runs).await, Err(Error::Failed)),
        "all are off, whatever is written"
    );
    let source = setting("bulkhead", "steering.off", "enabled").source;
    assert_eq!(source.to_string(), "override: is it us?, by ana");

    registry.enable_all("it is not");
    runs.set(0);
    assert!(matches!(
        off(&runs).await,
        Err(Error::Rejected(Rejected::TimedOut(_)))
    ));
    assert!(off_later().await.is_err());

    registry.disable_all(Override::because("for a minute").lasting(seconds(60)));
    assert!(matches!(off(&runs).await, Err(Error::Failed)));
    advance(seconds(60)).await;
    let rejected = off(&runs).await;
    assert!(matches!(rejected, Err(Error::Rejected(_))), "{rejected:?}");

    policy("steering.off.after")
        .timeout(TimeoutPolicy::new().duration(seconds(1)))
        .register()
        .expect("a new name");
    let enabled = setting("timeout", "steering.off.after", "enabled");
    assert_eq!(
        enabled.value,
        Some(Value::Flag(true)),
        "that is over for new ones too"
    );
}

#[test]
fn all_policies_are_switched_off_and_on_again_together() {
    // In a process of its own, since it changes what every other test here looks at.
    const ALONE: &str = "RESILIENT_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(switch_all_off(registry()));
        return;
    }
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "all_policies_are_switched_off_and_on_again_together",
        ])
        .env(ALONE, "1")
        .output()
        .unwrap();
    assert!(
        status.status.success(),
        "{}",
        String::from_utf8_lossy(&status.stdout)
    );
}

#[bulkhead("steering.file", 3)]
async fn from_file() -> Answer {
    Ok(1)
}

#[test]
fn a_file_lies_over_code_and_the_environment_over_the_file() {
    policy("steering.file")
        .bulkhead(BulkheadPolicy::new().limit(4))
        .register()
        .unwrap();
    let limit = || {
        let limit = setting("bulkhead", "steering.file", "limit");
        (limit.value, limit.source.to_string())
    };
    assert_eq!(limit(), (Some(Value::Count(4)), "code".to_owned()));
    let line = |line| Source::File {
        file: "shop.toml".into(),
        line,
    };
    let file = |entries: &[(&str, &str, &str)]| {
        let mut file = Configuration::new();
        for (at, (name, key, value)) in entries.iter().enumerate() {
            file.set("bulkhead", *name, *key, *value, line(at + 1));
        }
        registry().configure_from_file(file)
    };
    assert!(file(&[("steering.file", "limit", "5")]).unwrap().is_empty());
    assert_eq!(limit(), (Some(Value::Count(5)), "shop.toml:1".to_owned()));

    let mut environment = Configuration::new();
    let variable = Source::Environment {
        variable: "STEERING_LIMIT".into(),
    };
    environment.set("bulkhead", "steering.file", "limit", "6", variable);
    assert!(
        registry()
            .configure_from_environment(environment)
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        limit(),
        (Some(Value::Count(6)), "STEERING_LIMIT".to_owned())
    );
    registry()
        .configure_from_environment(Configuration::new())
        .unwrap();
    assert_eq!(limit(), (Some(Value::Count(5)), "shop.toml:1".to_owned()));

    // Two mistakes: both are told, nothing holds, and the next file does.
    let refused = file(&[
        ("steering.file", "limit", "7"),
        ("steering.file", "queue", "many"),
        ("steering.file", "lmit", "7"),
    ]);
    let refused = refused.unwrap_err().to_string();
    assert_eq!(
        refused.lines().collect::<Vec<_>>(),
        [
            "shop.toml:2: bulkhead `steering.file`: `queue` is a whole number from 0 to \
             4294967295, not \"many\"",
            "shop.toml:3: bulkhead `steering.file`: there is no setting `lmit`, did you mean \
             `limit`?",
        ]
    );
    assert_eq!(limit().0, Some(Value::Count(5)));

    // Who is mentioned later finds what the file said.
    let unmentioned = file(&[("steering.file.later", "limit", "9")]).unwrap();
    assert_eq!(unmentioned.len(), 1);
    assert!(
        registry().bulkhead("steering.file.later").is_none(),
        "a file creates nothing"
    );
    assert_eq!(
        limit(),
        (Some(Value::Count(4)), "code".to_owned()),
        "not in the file any more"
    );
    policy("steering.file.later")
        .bulkhead(BulkheadPolicy::new().limit(1))
        .register()
        .unwrap();
    assert_eq!(
        setting("bulkhead", "steering.file.later", "limit").value,
        Some(Value::Count(9))
    );

    let mut strange = Configuration::new();
    strange.set("bulkhaed", "x", "limit", 1, line(3));
    assert_eq!(
        registry()
            .configure_from_file(strange)
            .unwrap_err()
            .to_string(),
        "shop.toml:3: there is no kind of policy `bulkhaed`, did you mean `bulkhead`?"
    );
    drop(from_file());
}

#[test]
fn every_setting_of_every_kind_can_be_given_back_as_it_is_shown() {
    let mut seen = 0;
    for policy in registry().snapshot().policies {
        for setting in policy.settings {
            let Some(value) = setting.value else { continue };
            let changes = Changes::new().set(setting.key, value.to_string());
            let preview = registry().preview(policy.kind.as_str(), policy.name, &changes);
            // Alone it may contradict others, which is another matter than how it is written.
            if let Err(ReconfigureError::Setting(error @ SettingError::Unlike { .. })) = preview {
                panic!("{} {}: {error}", policy.kind, policy.name);
            }
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn who_writes_the_value_that_holds_already_is_told_too() {
    policy("steering.again")
        .retry(RetryPolicy::new().attempts(2))
        .register()
        .unwrap();
    let mut events = registry().events();
    for by in [
        Override::because("for a while").lasting(seconds(3600)),
        Override::because("for good"),
    ] {
        let attempts = RetryPolicy::new().attempts(2);
        registry()
            .reconfigure("steering.again", attempts, by)
            .unwrap();
    }
    let told = reconfigured(&mut events, "steering.again");
    let told: Vec<_> = told
        .iter()
        .map(|(changes, by)| (changes.concat(), by.as_ref().unwrap().reason()))
        .collect();
    let attempts = || "attempts = 2".to_owned();
    assert_eq!(
        told,
        [(attempts(), "for a while"), (attempts(), "for good")]
    );
}

#[test]
fn of_two_changes_at_once_each_is_told_alone() {
    policy("steering.audit")
        .retry(RetryPolicy::new().attempts(2))
        .register()
        .unwrap();
    let mut events = registry().events();
    for round in 3..40 {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let attempts = RetryPolicy::new().attempts(round);
                registry()
                    .reconfigure("steering.audit", attempts, "ana")
                    .unwrap();
            });
            scope.spawn(|| {
                let elapsed = RetryPolicy::new().max_elapsed(seconds(round.into()));
                registry()
                    .reconfigure("steering.audit", elapsed, "bob")
                    .unwrap();
            });
        });
    }
    let told = reconfigured(&mut events, "steering.audit");
    assert_eq!(told.len(), 2 * 37);
    for (changes, by) in told {
        let key = if by.unwrap().reason() == "ana" {
            "attempts"
        } else {
            "max_elapsed"
        };
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert!(changes[0].starts_with(key), "{changes:?}");
    }
}

#[test]
fn of_two_files_at_once_one_holds_as_a_whole() {
    let names: Vec<String> = (0..50)
        .map(|number| format!("steering.whole.{number}"))
        .collect();
    for name in &names {
        policy(name.as_str())
            .bulkhead(BulkheadPolicy::new().limit(1))
            .register()
            .unwrap();
    }
    // What another test here says in its file is its own matter: so it is the environment.
    let configure = |limit: i64| {
        let mut environment = Configuration::new();
        for name in &names {
            let variable = Source::Environment {
                variable: format!("LIMIT_{limit}"),
            };
            environment.set("bulkhead", name.as_str(), "limit", limit, variable);
        }
        registry().configure_from_environment(environment).unwrap();
    };
    for _ in 0..10 {
        std::thread::scope(|scope| {
            scope.spawn(|| configure(5));
            scope.spawn(|| configure(6));
        });
        let limits: Vec<_> = names
            .iter()
            .map(|name| setting("bulkhead", name, "limit").value)
            .collect();
        assert!(limits.iter().all(|limit| *limit == limits[0]), "{limits:?}");
    }
}

#[test]
fn a_change_that_would_contradict_itself_once_another_ends_is_refused() {
    policy("steering.later")
        .retry(RetryPolicy::new().backoff(Backoff::fixed(seconds(1))))
        .register()
        .unwrap();
    let growing = RetryPolicy::new().backoff(Backoff::exponential(seconds(1), seconds(9)));
    let for_now = Override::because("for now").lasting(seconds(3600));
    registry()
        .reconfigure("steering.later", growing, for_now)
        .unwrap();
    let decorrelated = RetryPolicy::new().jitter(Jitter::decorrelated());
    let refused = registry().reconfigure("steering.later", decorrelated, "for good");
    assert!(refused.unwrap_err().to_string().starts_with("`jitter`: "));
}

#[circuit_breaker("steering.preview", failure_rate = 80%, window = 10)]
async fn previewed(succeed: bool) -> Answer {
    if succeed { Ok(1) } else { Err(Error::Failed) }
}

#[tokio::test(start_paused = true)]
async fn a_preview_says_what_the_breaker_would_have_done_on_its_window() {
    let consequence = |changes: &Changes| {
        let preview = registry().preview("circuit_breaker", "steering.preview", changes);
        preview.unwrap().consequence
    };
    let half = Changes::new().set("failure_rate", "50%");
    assert_eq!(consequence(&half), None, "it remembers nothing");
    for succeed in [true, false].repeat(5) {
        let _ = previewed(succeed).await;
    }
    let breaker = registry().circuit_breaker("steering.preview").unwrap();
    assert_eq!(
        consequence(&half).as_deref(),
        Some("it would open with the next failure: failure rate 50% of 10 calls reached 50%")
    );
    assert_eq!(
        consequence(&Changes::new().set("failure_rate", "60%")),
        None
    );
    assert_eq!(consequence(&Changes::new().set("open_for", "1s")), None);
    assert_eq!(
        breaker.state(),
        CircuitBreakerState::Closed,
        "nothing has happened"
    );

    for _ in 0..10 {
        let _ = previewed(false).await;
    }
    assert_eq!(breaker.state(), CircuitBreakerState::Open);
    let all = Changes::new().set("failure_rate", "100%");
    assert_eq!(
        consequence(&all).as_deref(),
        Some("what is in its window would not open it")
    );
    assert_eq!(consequence(&half), None, "it would have as well");
}
