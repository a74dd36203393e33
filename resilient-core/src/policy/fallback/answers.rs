//! The good answers that one call site keeps: pure, bounded, in the order in which they were stored.

use crate::key::{Key, StoredKey};
use crate::time::Nanos;
use std::any::TypeId;
use std::collections::HashMap;

/// What an answer is the answer to.
///
/// A static of a generic function is one for all its instances, and so are the answers in it: those of
/// different types are kept apart, and those of different instances with one type as well.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StaleKey {
    instance: &'static str,
    key: StoredKey,
}

impl StaleKey {
    /// What `key` says, in the instance of a generic function in which the closure `within` was written.
    #[must_use]
    pub fn of<Within: Fn()>(within: &Within, key: &(impl Key + ?Sized)) -> Self {
        Self {
            instance: std::any::type_name_of_val(within),
            key: StoredKey::of(key),
        }
    }
}

/// Where an answer is kept.
type Place = (TypeId, StaleKey);

/// An answer, between the one that was stored before it and the one after it.
#[derive(Debug)]
struct Node<V> {
    place: Place,
    value: V,
    stored: Nanos,
    older: Option<usize>,
    newer: Option<usize>,
}

/// The newest good answer for each key, at most so many.
///
/// A list through the nodes of a slab, oldest first, and a map into it: what is stored again goes to
/// the end, what has to go is taken from the front. So whatever is too old to be used goes before
/// anything else, and every operation is O(1). What is taken out is handed back, never dropped here.
#[derive(Debug)]
pub(super) struct Answers<V> {
    found: HashMap<Place, usize>,
    nodes: Vec<Option<Node<V>>>,
    free: Vec<usize>,
    oldest: Option<usize>,
    newest: Option<usize>,
}

/// How many answers that are too old one new answer takes along: more than one, so that they get
/// fewer, and few, so that no call pays for all of them.
const SWEPT: usize = 2;

impl<V> Answers<V> {
    pub(super) fn new() -> Self {
        Self {
            found: HashMap::new(),
            nodes: Vec::new(),
            free: Vec::new(),
            oldest: None,
            newest: None,
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// Keeps `value`, and hands back what it replaces and what had to go: what is older than `stale`,
    /// a few at a time, and the oldest of more than `entries`.
    pub(super) fn store(
        &mut self,
        of: TypeId,
        key: StaleKey,
        value: V,
        now: Nanos,
        stale: Nanos,
        entries: usize,
    ) -> Vec<V> {
        let mut removed = Vec::new();
        let place = (of, key);
        if let Some(index) = self.found.remove(&place) {
            removed.extend(self.unlink(index));
        }
        self.link(place, value, now);
        let mut swept = 0;
        while let Some(oldest) = self.oldest {
            let is_too_old = self.age(oldest, now) > Some(stale);
            if self.len() <= entries && (!is_too_old || swept >= SWEPT) {
                break;
            }
            swept += 1;
            if let Some(Some(node)) = self.nodes.get(oldest) {
                self.found.remove(&node.place);
            }
            removed.extend(self.unlink(oldest));
        }
        removed
    }

    /// The answer to `key` with its age, if that is at most `stale`.
    pub(super) fn get(
        &self,
        of: TypeId,
        key: StaleKey,
        now: Nanos,
        stale: Nanos,
    ) -> Option<(&V, Nanos)> {
        let index = *self.found.get(&(of, key))?;
        let node = self.nodes.get(index)?.as_ref()?;
        let age = now.saturating_sub(node.stored);
        (age <= stale).then_some((&node.value, age))
    }

    fn age(&self, index: usize, now: Nanos) -> Option<Nanos> {
        let node = self.nodes.get(index)?.as_ref()?;
        Some(now.saturating_sub(node.stored))
    }

    /// Puts an answer at the end of the list.
    fn link(&mut self, place: Place, value: V, stored: Nanos) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.nodes.push(None);
            self.nodes.len() - 1
        });
        self.found.insert(place.clone(), index);
        self.nodes[index] = Some(Node {
            place,
            value,
            stored,
            older: self.newest,
            newer: None,
        });
        match self.newest.replace(index) {
            Some(before) => self.set_newer(before, Some(index)),
            None => self.oldest = Some(index),
        }
    }

    /// Takes an answer out of the list, wherever in it that is.
    fn unlink(&mut self, index: usize) -> Option<V> {
        let node = self.nodes[index].take()?;
        self.free.push(index);
        match node.older {
            Some(older) => self.set_newer(older, node.newer),
            None => self.oldest = node.newer,
        }
        match node.newer {
            Some(newer) => self.set_older(newer, node.older),
            None => self.newest = node.older,
        }
        Some(node.value)
    }

    fn set_newer(&mut self, index: usize, newer: Option<usize>) {
        if let Some(node) = &mut self.nodes[index] {
            node.newer = newer;
        }
    }

    fn set_older(&mut self, index: usize, older: Option<usize>) {
        if let Some(node) = &mut self.nodes[index] {
            node.older = older;
        }
    }
}

#[cfg(any(test, resilient_fuzz))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FOR_EVER: Nanos = Nanos::MAX;

    fn key(number: u32) -> StaleKey {
        StaleKey {
            instance: "",
            key: StoredKey::of(&number),
        }
    }

    fn of() -> TypeId {
        TypeId::of::<u32>()
    }

    #[test]
    fn an_answer_is_found_until_exactly_its_age() {
        let mut answers = Answers::new();
        assert!(answers.store(of(), key(1), "one", 100, 10, 5).is_empty());
        assert_eq!(answers.get(of(), key(1), 110, 10), Some((&"one", 10)));
        assert_eq!(answers.get(of(), key(1), 111, 10), None);
        assert_eq!(answers.get(of(), key(1), 111, 11), Some((&"one", 11)));
        assert_eq!(answers.get(of(), key(2), 110, 10), None);
    }

    #[test]
    fn the_newest_answer_of_a_key_replaces_the_one_before() {
        let mut answers = Answers::new();
        answers.store(of(), key(1), "old", 0, 10, 5);
        assert_eq!(answers.store(of(), key(1), "new", 1, 10, 5), ["old"]);
        assert_eq!(answers.get(of(), key(1), 1, 10), Some((&"new", 0)));
        assert_eq!(answers.len(), 1);
    }

    #[test]
    fn the_one_that_was_stored_longest_ago_makes_room() {
        let mut answers = Answers::new();
        for number in [1, 2] {
            answers.store(of(), key(number), number, 0, FOR_EVER, 2);
        }
        answers.store(of(), key(1), 10, 1, FOR_EVER, 2);
        assert_eq!(answers.store(of(), key(3), 3, 2, FOR_EVER, 2), [2]);
        assert_eq!(answers.get(of(), key(1), 2, 10), Some((&10, 1)));
    }

    #[test]
    fn fewer_entries_are_kept_from_the_next_answer_on() {
        let mut answers = Answers::new();
        for number in 0..10 {
            answers.store(of(), key(number), number, 0, FOR_EVER, 10);
        }
        let removed = answers.store(of(), key(10), 10, 0, FOR_EVER, 3);
        assert_eq!(removed, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(answers.len(), 3);
    }

    #[test]
    fn what_is_too_old_goes_a_few_at_a_time_and_its_room_is_used_again() {
        let mut answers = Answers::new();
        for number in 0..10 {
            answers.store(of(), key(number), number, 0, 10, 100);
        }
        for number in 10..20 {
            let removed = answers.store(of(), key(number), number, 11, 10, 100);
            assert!(removed.len() <= SWEPT, "{removed:?}");
        }
        assert_eq!(answers.len(), 10);
        assert!(answers.nodes.len() <= 20);
    }

    #[test]
    fn answers_of_two_types_and_of_two_instances_are_kept_apart() {
        let mut answers = Answers::new();
        let other = StaleKey {
            instance: "other",
            ..key(1)
        };
        answers.store(of(), key(1), "a", 0, FOR_EVER, 5);
        answers.store(TypeId::of::<u64>(), key(1), "b", 0, FOR_EVER, 5);
        answers.store(of(), other.clone(), "c", 0, FOR_EVER, 5);
        assert_eq!(answers.get(of(), key(1), 0, 0), Some((&"a", 0)));
        assert_eq!(
            answers.get(TypeId::of::<u64>(), key(1), 0, 0),
            Some((&"b", 0))
        );
        assert_eq!(answers.get(of(), other, 0, 0), Some((&"c", 0)));
    }

    /// The same, searched through from the front each time.
    #[derive(Default)]
    struct Naive(Vec<(u32, u32, Nanos)>);

    impl Naive {
        fn store(
            &mut self,
            key: u32,
            value: u32,
            now: Nanos,
            stale: Nanos,
            entries: usize,
        ) -> Vec<u32> {
            let mut removed = Vec::new();
            self.0.retain(|(kept, value, _)| {
                if *kept == key {
                    removed.push(*value);
                }
                *kept != key
            });
            self.0.push((key, value, now));
            let mut swept = 0;
            while self.0.len() > entries
                || (swept < SWEPT && now.saturating_sub(self.0[0].2) > stale)
            {
                removed.push(self.0.remove(0).1);
                swept += 1;
            }
            removed
        }

        fn get(&self, key: u32, now: Nanos, stale: Nanos) -> Option<(u32, Nanos)> {
            let (_, value, stored) = self.0.iter().find(|(kept, ..)| *kept == key)?;
            let age = now - stored;
            (age <= stale).then_some((*value, age))
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Store(u32),
        Look(u32),
        Wait(Nanos),
        Reconfigure(Nanos, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0_u32..12).prop_map(Step::Store),
            4 => (0_u32..12).prop_map(Step::Look),
            2 => (0_u64..8).prop_map(Step::Wait),
            1 => (1_u64..20, 1_usize..9).prop_map(|(stale, entries)| Step::Reconfigure(stale, entries)),
        ]
    }

    crate::tests::histories! {
        #[test]
        fn it_keeps_and_finds_what_a_list_searched_through_keeps_and_finds(
            steps in crate::tests::steps(step(), 0..60),
        ) {
            let (mut answers, mut naive) = (Answers::new(), Naive::default());
            let (mut now, mut stale, mut entries) = (1_000, 10, 5);
            for (value, step) in (0_u32..).zip(steps) {
                match step {
                    Step::Store(of_key) => prop_assert_eq!(
                        answers.store(of(), key(of_key), value, now, stale, entries),
                        naive.store(of_key, value, now, stale, entries)
                    ),
                    Step::Look(of_key) => prop_assert_eq!(
                        answers.get(of(), key(of_key), now, stale).map(|(value, age)| (*value, age)),
                        naive.get(of_key, now, stale)
                    ),
                    Step::Wait(nanos) => now += nanos,
                    Step::Reconfigure(other, fewer) => (stale, entries) = (other, fewer),
                }
                prop_assert_eq!(answers.len(), naive.0.len());
                prop_assert_eq!(answers.nodes.len(), answers.len() + answers.free.len());
            }
        }
    }
}
