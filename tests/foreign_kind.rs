//! A kind of policy that the library does not know: registered, shown, configured and steered as its own.

use resilient::{
    Changes, Configuration, Given, InvalidSetting, Kind, LivePolicy, LiveSnapshot, OtherSnapshot,
    Policy, ReconfigureError, SettingDescription, SettingError, Source, Value, policy, registry,
};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

/// Lets calls through up to a priority.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct ShedPolicy {
    up_to: Option<u32>,
}

#[derive(Debug)]
struct Shed {
    name: &'static str,
    up_to: AtomicU32,
}

/// What somebody else does while the settings of `foreign.meanwhile` are taken over, once.
static MEANWHILE: Mutex<Option<fn()>> = Mutex::new(None);

impl Policy for ShedPolicy {
    type Live = Shed;

    const KIND: Kind = Kind::new("shed");
    const KEYS: &'static [&'static str] = &["up_to"];

    fn over(self, below: Self) -> Self {
        Self {
            up_to: self.up_to.or(below.up_to),
        }
    }

    fn written(&self, key: &str) -> Option<Value> {
        self.up_to.filter(|_| key == "up_to").map(Value::from)
    }

    fn effective(&self, key: &str) -> Option<Value> {
        (key == "up_to").then(|| Value::from(self.up_to.unwrap_or(9)))
    }

    fn with(self, key: &str, given: &Given) -> Result<Self, SettingError> {
        match given {
            _ if key != "up_to" => Err(SettingError::Unknown {
                key: key.to_owned(),
                known: Self::KEYS,
            }),
            Given::Integer(up_to @ 0..=9) => Ok(Self {
                up_to: u32::try_from(*up_to).ok(),
            }),
            given => Err(SettingError::Unlike {
                key: "up_to",
                expected: "a priority from 0 to 9",
                given: given.clone(),
            }),
        }
    }

    fn without(self, _: &str) -> Self {
        Self { up_to: None }
    }

    fn description(key: &str) -> Option<SettingDescription> {
        (key == "up_to").then(|| SettingDescription::new("a priority from 0 to 9"))
    }

    fn switched_off() -> Self {
        Self { up_to: Some(9) }
    }

    fn invalid(&self) -> Option<InvalidSetting> {
        (self.up_to > Some(9)).then(|| InvalidSetting::new("up_to", "a priority is at most 9"))
    }
}

impl LivePolicy for Shed {
    type Policy = ShedPolicy;

    fn new(name: &'static str, policy: &ShedPolicy) -> Self {
        Self {
            name,
            up_to: policy.up_to.unwrap_or(9).into(),
        }
    }

    fn reconfigure(&self, policy: &ShedPolicy) {
        if self.name == "foreign.meanwhile" {
            let meanwhile = MEANWHILE.lock().expect("nobody panics").take();
            if let Some(change) = meanwhile {
                change();
            }
        }
        self.up_to
            .store(policy.up_to.unwrap_or(9), Ordering::Relaxed);
    }

    fn snapshot(&self) -> LiveSnapshot {
        let up_to = self.up_to.load(Ordering::Relaxed);
        LiveSnapshot::Other(OtherSnapshot {
            state: format!("up to {up_to}"),
            note: "since the flood".to_owned(),
            counts: vec![("shed", Some(u64::from(up_to))), ("asked", None)],
        })
    }
}

#[test]
fn a_kind_of_another_crate_is_registered_shown_configured_and_steered() {
    let five = ShedPolicy { up_to: Some(5) };
    policy("foreign").with(five).register().unwrap();
    let shed = registry()
        .live::<ShedPolicy>("foreign")
        .expect("registered");
    let up_to = || shed.up_to.load(Ordering::Relaxed);
    assert_eq!(up_to(), 5);
    assert!(registry().live::<ShedPolicy>("foreing").is_none());
    let wrong = policy("foreign.wrong").with(ShedPolicy { up_to: Some(10) });
    assert!(
        wrong
            .register()
            .unwrap_err()
            .to_string()
            .contains("at most 9")
    );

    let table = registry().snapshot().to_string();
    let line = table
        .lines()
        .find(|line| line.starts_with("foreign "))
        .expect("it is in the table");
    for part in ["shed", "up to 5", "since the flood", "shed 5", "asked –"] {
        assert!(line.contains(part), "{part}: {line}");
    }

    let preview = registry()
        .preview("shed", "foreign", &Changes::new().set("up_to", 3))
        .unwrap();
    assert_eq!((preview.changes.len(), preview.consequence), (1, None));
    assert_eq!(up_to(), 5, "a preview changes nothing");
    let lower = Changes::new().set("up_to", 3);
    registry()
        .reconfigure_with("shed", "foreign", &lower, "a flood")
        .unwrap();
    assert_eq!(up_to(), 3);
    let refused =
        registry().reconfigure_with("shed", "foreign", &Changes::new().set("up_to", 30), "x");
    assert!(matches!(
        refused,
        Err(ReconfigureError::Setting(SettingError::Unlike { .. }))
    ));
    registry()
        .reconfigure_with(
            "shed",
            "foreign",
            &Changes::new().take_back("up_to"),
            "it is over",
        )
        .unwrap();
    assert_eq!(up_to(), 5);

    let line = Source::File {
        file: "shop.toml".to_owned(),
        line: 1,
    };
    let mut settings = Configuration::new();
    settings.set("shed", "foreign", "up_to", 7, line.clone());
    assert!(registry().configure_from_file(settings).unwrap().is_empty());
    assert_eq!(up_to(), 7);
    let mut wrong = Configuration::new();
    wrong.set("shed", "foreign", "up_to", "all", line);
    let refused = registry()
        .configure_from_file(wrong)
        .unwrap_err()
        .to_string();
    assert_eq!(
        refused,
        "shop.toml:1: shed `foreign`: `up_to` is a priority from 0 to 9, not \"all\""
    );
    assert_eq!(up_to(), 7);

    registry().disable_all("a drill");
    assert_eq!(up_to(), 9);
    registry().enable_all("it is over");
    assert_eq!(up_to(), 7);
}

#[test]
fn of_two_changes_at_once_the_last_one_holds() {
    const NAME: &str = "foreign.meanwhile";
    let five = ShedPolicy { up_to: Some(5) };
    policy(NAME).with(five).register().unwrap();
    let shed = registry().live::<ShedPolicy>(NAME).expect("registered");
    *MEANWHILE.lock().unwrap() = Some(|| {
        let changes = Changes::new().set("up_to", 2);
        registry()
            .reconfigure_with("shed", NAME, &changes, "the later one")
            .unwrap();
    });
    let changes = Changes::new().set("up_to", 7);
    registry()
        .reconfigure_with("shed", NAME, &changes, "the earlier one")
        .unwrap();
    assert!(MEANWHILE.lock().unwrap().is_none(), "both have happened");
    assert_eq!(
        shed.up_to.load(Ordering::Relaxed),
        2,
        "although the earlier one was taken over last"
    );
    assert!(registry().snapshot().to_string().contains("up to 2"));
}
