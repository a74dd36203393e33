use super::*;
use crate::event::reported;
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Barrier;
use std::time::Duration;

thread_local! {
    /// What somebody else does while the next instance takes over other settings.
    static MEANWHILE: Cell<Option<Box<dyn FnOnce()>>> = const { Cell::new(None) };
}

/// An instance that is as good as new until somebody uses it.
#[derive(Debug)]
struct Pail {
    key: StoredKey,
    used: AtomicBool,
    calls: AtomicU64,
    written: AtomicU64,
}

impl Instance for Pail {
    type Written = u64;
    type Counts = u64;

    const KIND: Kind = Kind::new("pail");

    fn instance(_: &'static str, written: &u64, key: StoredKey) -> Self {
        Self {
            key,
            used: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            written: AtomicU64::new(*written),
        }
    }

    fn configure(&self, written: &u64) {
        if let Some(meanwhile) = MEANWHILE.take() {
            meanwhile();
        }
        self.written.store(*written, Ordering::Relaxed);
    }

    fn is_fresh(&self, _: Nanos) -> bool {
        !self.used.load(Ordering::Relaxed)
    }

    fn is_refusing(&self, _: Nanos) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    fn count(&self, sum: &mut u64) {
        *sum += self.calls.load(Ordering::Relaxed);
    }
}

impl Pail {
    /// A call, after which it is used, or as good as new.
    fn call(&self, used: bool) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.used.store(used, Ordering::Relaxed);
    }
}

const NAME: &str = "keyed.pail";

fn keys(max: u32) -> Keys<Pail> {
    Keys::new(&7, max)
}

fn seen(keys: &Keys<Pail>) -> (KeysSnapshot, u64) {
    keys.snapshot().expect("a call came with a key")
}

#[test]
fn each_value_has_an_instance_of_its_own() {
    let keys = keys(10);
    let acme = keys.get(NAME, "acme");
    assert!(Arc::ptr_eq(&acme, &keys.get(NAME, &String::from("acme"))));
    assert!(!Arc::ptr_eq(&acme, &keys.get(NAME, "umbra")));
    assert!(Arc::ptr_eq(&acme, &keys.find("acme").expect("it is there")));
    assert!(keys.find("nobody").is_none());
    assert_eq!(seen(&keys).0.instances, 2, "a look creates nothing");
}

#[test]
fn before_the_first_key_there_is_nothing_to_see() {
    let keys = keys(10);
    assert!(keys.find("acme").is_none());
    assert!(keys.snapshot().is_none());
}

#[test]
fn what_is_held_or_used_is_never_evicted() {
    let keys = keys(2);
    let held = keys.get(NAME, "held");
    keys.get(NAME, "used").call(true);
    keys.get(NAME, "third").call(true);
    assert!(Arc::ptr_eq(&held, &keys.get(NAME, "held")));
    assert!(keys.find("used").is_some());
    assert!(keys.find("third").is_none(), "it shares the overflow");
    assert_eq!(keys.get(NAME, "fourth").key.to_string(), "overflow");
    drop(held);
    assert_eq!(keys.get(NAME, "fourth").key, StoredKey::of("fourth"));
    assert!(keys.find("held").is_none(), "it was as good as new");
    assert!(keys.find("used").is_some());
}

#[test]
fn the_overflow_is_counted_each_time_and_reported_once_in_ten_seconds() {
    let what = reported("keyed.overflow", || {
        let keys = keys(1);
        let name = "keyed.overflow";
        keys.get(name, "one").call(true);
        for other in ["two", "three", "two"] {
            keys.get(name, other).call(true);
        }
        assert_eq!(seen(&keys).0.overflowed, 3);
        keys.get(name, "one").call(false);
        keys.get(name, "two").call(true);
        assert_eq!(keys.get(name, "one").key.to_string(), "overflow");
    });
    assert_eq!(what, [What::KeysOverflowed { max: 1 }]);
}

#[test]
fn sums_do_not_shrink_when_instances_are_evicted() {
    let keys = keys(3);
    for call in 1..=100_u64 {
        keys.get(NAME, &call).call(false);
        assert_eq!(seen(&keys).1, call);
    }
    let (snapshot, _) = seen(&keys);
    assert!(snapshot.evicted >= 97, "{snapshot}");
    assert!(snapshot.instances <= 3, "{snapshot}");
}

#[test]
fn other_settings_reach_all_instances_and_those_that_come_later() {
    let keys = keys(2);
    let held = keys.get(NAME, "held");
    keys.get(NAME, "used").call(true);
    let overflow = keys.get(NAME, "third");
    keys.configure(&9, 3);
    let later = keys.get(NAME, "later");
    for instance in [&held, &overflow, &later, &keys.get(NAME, "used")] {
        assert_eq!(instance.written.load(Ordering::Relaxed), 9);
    }
    assert_eq!(
        later.key,
        StoredKey::of("later"),
        "there is room for one more"
    );
}

#[test]
fn of_two_changes_of_settings_at_once_the_last_one_holds_for_all_instances() {
    let keys = Arc::new(keys(3));
    let instances: Vec<_> = (0..3_u8).map(|key| keys.get(NAME, &key)).collect();
    let later = Arc::clone(&keys);
    MEANWHILE.set(Some(Box::new(move || later.configure(&9, 3))));
    keys.configure(&8, 3);
    for instance in &instances {
        assert_eq!(instance.written.load(Ordering::Relaxed), 9);
    }
}

#[test]
fn instances_are_shown_in_the_order_of_their_keys() {
    let role = Role::<Pail>::base(&7, 40);
    let keys = role.keys().expect("a base has them");
    let mut names: Vec<_> = (0..50).map(|number| format!("key {number:02}")).collect();
    fastrand::Rng::with_seed(7).shuffle(&mut names);
    for name in &names {
        keys.get(NAME, name).call(true);
    }
    let shown = role.each(|pail| pail.calls.load(Ordering::Relaxed));
    assert_eq!(shown.len(), 41, "and the overflow");
    assert!(shown.is_sorted_by(|(one, _), (next, _)| one < next));
    let own = shown
        .iter()
        .filter(|(key, _)| *key != StoredKey::overflow());
    let own: Vec<_> = own.map(|(key, _)| key.to_string()).collect();
    names.truncate(40);
    names.sort();
    assert_eq!(own, names);
}

#[test]
fn a_lower_bound_evicts_what_may_be_and_the_rest_later() {
    let keys = keys(10);
    for key in 0..10_u8 {
        keys.get(NAME, &key).call(key < 4);
    }
    keys.configure(&7, 2);
    assert_eq!(seen(&keys).0.instances, 4);
    for key in 0..4_u8 {
        keys.get(NAME, &key).call(false);
    }
    keys.get(NAME, &20_u8).call(false);
    assert_eq!(seen(&keys).0.instances, 1);
}

#[test]
fn a_key_that_panics_wedges_nothing() {
    struct Broken;
    impl Key for Broken {
        fn write(&self, _: &mut crate::key::KeyWriter<'_>) {
            panic!("a broken key");
        }
    }
    let keys = keys(1);
    let get = std::panic::AssertUnwindSafe(|| keys.get(NAME, &Broken).call(true));
    assert!(std::panic::catch_unwind(get).is_err());
    assert_eq!(keys.get(NAME, "whole").key, StoredKey::of("whole"));
}

#[tokio::test(start_paused = true)]
async fn a_big_map_in_which_nothing_may_be_evicted_is_not_swept_all_the_time() {
    let keys = keys(100);
    for key in 0..100_u8 {
        keys.get(NAME, &key).call(true);
    }
    let overflows = || keys.get(NAME, "further").key == StoredKey::overflow();
    assert!(overflows());
    keys.get(NAME, &0_u8).call(false);
    assert!(overflows(), "nobody has looked again");
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(!overflows());
}

#[test]
fn many_threads_share_one_instance_for_each_key_and_never_exceed_the_bound() {
    let (keys, barrier) = (keys(8), Barrier::new(4));
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (keys, barrier) = (&keys, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for call in 0..5_000_u64 {
                    let key = (call * (thread + 1)) % 24;
                    keys.get(NAME, &key).call(call % 3 == 0);
                    let instances = keys.map.get().map(|map| &map.instances);
                    assert!(instances.is_some_and(|all| all.load(Ordering::Relaxed) <= 8));
                }
            });
        }
    });
    let (snapshot, calls) = seen(&keys);
    assert_eq!(calls, 20_000, "none is lost by an eviction");
    assert!(snapshot.instances <= 8, "{snapshot}");
}

/// The map as one would write it without a thought of time: a list.
#[derive(Default)]
struct Model {
    max: usize,
    /// Whether it is used, and how often it is held.
    instances: BTreeMap<u8, (bool, u32)>,
    evicted: u64,
    overflowed: u64,
}

impl Model {
    /// Whether the key has an instance, now if not before.
    fn get(&mut self, key: u8) -> bool {
        if !self.instances.contains_key(&key) {
            if self.instances.len() >= self.max {
                self.sweep();
            }
            if self.instances.len() >= self.max {
                self.overflowed += 1;
                return false;
            }
            self.instances.insert(key, (false, 0));
        }
        true
    }

    fn sweep(&mut self) {
        let before = self.instances.len();
        self.instances.retain(|_, (used, held)| *used || *held > 0);
        self.evicted += (before - self.instances.len()) as u64;
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Whether it is used afterwards, and whether it is held.
    Call(u8, bool, bool),
    Drop(usize),
    Find(u8),
    Reconfigure(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (key, max) = (|| 0..9_u8, 1..6_usize);
    let step = prop_oneof![
        6 => (key(), any::<bool>(), any::<bool>())
            .prop_map(|(key, used, held)| Step::Call(key, used, held)),
        3 => any::<usize>().prop_map(Step::Drop),
        1 => key().prop_map(Step::Find),
        1 => max.prop_map(Step::Reconfigure),
    ];
    crate::tests::steps(step, 1..60)
}

crate::tests::histories! {
    #[test]
    fn the_map_does_what_a_list_does(max in 1..6_usize, steps in steps()) {
        let mut model = Model { max, ..Model::default() };
        let bound = |max| u32::try_from(max).expect("it is small");
        let keys = keys(bound(max));
        let mut held: Vec<(u8, Arc<Pail>)> = Vec::new();
        let mut calls = 0;
        for step in steps {
            match step {
                Step::Call(key, used, holds) => {
                    let pail = keys.get(NAME, &key);
                    pail.call(used);
                    calls += 1;
                    let is_new = !model.instances.contains_key(&key);
                    let own = model.get(key);
                    let expected = if own { StoredKey::of(&key) } else { StoredKey::overflow() };
                    prop_assert_eq!(&pail.key, &expected);
                    // A new one begins afresh, also for a key that shared the overflow before.
                    let counted = pail.calls.load(Ordering::Relaxed);
                    if !own {
                        prop_assert_eq!(counted, model.overflowed);
                    } else if is_new {
                        prop_assert_eq!(counted, 1);
                    }
                    if let Some((was_used, holders)) = model.instances.get_mut(&key) {
                        *was_used = used;
                        if holds {
                            *holders += 1;
                            held.push((key, pail));
                        }
                    }
                }
                Step::Drop(_) if held.is_empty() => {}
                Step::Drop(which) => {
                    let (key, pail) = held.swap_remove(which % held.len());
                    drop(pail);
                    model.instances.get_mut(&key).expect("it was held").1 -= 1;
                }
                Step::Find(key) => {
                    prop_assert_eq!(keys.find(&key).is_some(), model.instances.contains_key(&key));
                }
                Step::Reconfigure(max) => {
                    model.max = max;
                    let had_keys = keys.map.get().is_some();
                    keys.configure(&7, bound(max));
                    if had_keys && model.instances.len() > max {
                        model.sweep();
                    }
                }
            }
            if let Some((snapshot, sum)) = keys.snapshot() {
                let seen = (snapshot.instances, snapshot.evicted, snapshot.overflowed, sum);
                let instances = model.instances.len() as u64;
                prop_assert_eq!(seen, (instances, model.evicted, model.overflowed, calls));
            }
        }
    }
}
