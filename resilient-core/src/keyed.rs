//! One instance of a policy for each key, and a bound for how many there are.
//!
//! An instance that nobody uses and that is as if it were new may be evicted: whoever asks for its key
//! gets a new one, and nobody can tell. So no drained bucket is ever refilled, and no open breaker
//! forgotten. Where there is no such instance, the keys that have none share one, the overflow.
//!
//! A key that gets an instance of its own later begins afresh there, whatever it did in the overflow. What
//! is admitted twice by that is, for all keys together, no more than one instance admits. If keys stayed in
//! the overflow until that is as good as new, they would keep it busy themselves, and one flood would refuse
//! all of them long after there is room.

use crate::event::{What, emit};
use crate::key::{Key, KeyBytes, Secrets, StoredKey};
use crate::setting::Kind;
use crate::sync::{Arc, AtomicBool, AtomicU64, AtomicUsize, Mutex, OnceLock, Ordering, Padded};
use crate::time::{Nanos, now};
use hashbrown::HashTable;
use std::fmt;
use std::ops::Deref;

/// How many instances a policy has, if nobody says.
pub(crate) const MAX_KEYS: u32 = 10_000;
/// How many it may have at most.
pub(crate) const MOST_KEYS: u32 = 1_000_000;

/// A live policy that can have instances.
pub(crate) trait Instance: Sized {
    /// What is written about it.
    type Written: Clone;
    /// What it counts.
    type Counts: Clone + Default;

    const KIND: Kind;

    /// A new instance for `key`.
    fn instance(name: &'static str, written: &Self::Written, key: StoredKey) -> Self;

    fn configure(&self, written: &Self::Written);

    /// Whether nobody could tell it from a new one. Nothing but this look uses it, and nothing may be
    /// reported.
    fn is_fresh(&self, now: Nanos) -> bool;

    /// Whether a call that came now would be refused, or would have to wait.
    fn is_refusing(&self, now: Nanos) -> bool;

    /// Adds what it has counted.
    fn count(&self, sum: &mut Self::Counts);
}

/// What a live policy is: what is known under its name, or one of the instances of that.
pub(crate) enum Role<L: Instance> {
    Base(Box<Keys<L>>),
    Instance(StoredKey),
}

impl<L: Instance> Role<L> {
    pub(crate) fn base(written: &L::Written, max: u32) -> Self {
        Self::Base(Box::new(Keys::new(written, max)))
    }

    /// The key of an instance.
    pub(crate) const fn key(&self) -> Option<&StoredKey> {
        match self {
            Self::Base(_) => None,
            Self::Instance(key) => Some(key),
        }
    }

    pub(crate) fn keys(&self) -> Option<&Keys<L>> {
        match self {
            Self::Base(keys) => Some(keys),
            Self::Instance(_) => None,
        }
    }

    /// The instance of `live` for `key`; an instance has none of its own.
    #[inline]
    pub(crate) fn keyed<'a>(
        &self,
        live: &'a L,
        name: &'static str,
        key: &(impl Key + ?Sized),
    ) -> Keyed<'a, L> {
        Keyed {
            base: live,
            own: self.keys().map(|keys| keys.get(name, key)),
        }
    }

    /// The same, if there is one already.
    pub(crate) fn with_key<'a>(
        &self,
        live: &'a L,
        key: &(impl Key + ?Sized),
    ) -> Option<Keyed<'a, L>> {
        let own = self.keys()?.find(key)?;
        Some(Keyed {
            base: live,
            own: Some(own),
        })
    }

    /// What `look` makes of each instance, by key.
    pub(crate) fn each<T>(&self, look: impl Fn(&L) -> T) -> Vec<(StoredKey, T)> {
        let mut seen = Vec::new();
        if let Some(keys) = self.keys() {
            keys.for_each(|key, instance| seen.push((key.clone(), look(instance))));
        }
        seen.sort_by(|(one, _), (other, _)| one.cmp(other));
        seen
    }
}

/// Without the keys, which not everybody may see.
impl<L: Instance> fmt::Debug for Role<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base(keys) => f.debug_tuple("Base").field(keys).finish(),
            Self::Instance(_) => f.write_str("Instance"),
        }
    }
}

/// The instances of a policy.
pub(crate) struct Keys<L: Instance> {
    written: Mutex<Configured<L::Written>>,
    max: AtomicUsize,
    /// Nothing, until a call comes with a key.
    map: OnceLock<Box<Map<L>>>,
}

struct Configured<W> {
    written: W,
    /// Counts the changes.
    version: u64,
}

/// So many locks, of which a call takes one.
const SHARDS: usize = 16;

struct Map<L: Instance> {
    /// Of its own: keys come from strangers.
    secrets: Secrets,
    shards: [Padded<Mutex<HashTable<Entry<L>>>>; SHARDS],
    /// Those in the shards, and those about to be put there.
    instances: AtomicUsize,
    overflow: OnceLock<Arc<L>>,
    overflowed: AtomicU64,
    /// Whether it was reported that there are too many keys, and that is not over.
    is_overflowing: AtomicBool,
    /// When the overflow was last reported; 0 is never.
    reported: AtomicU64,
    /// Held for as long as instances are evicted.
    evicted: Mutex<Evicted<L::Counts>>,
}

struct Entry<L> {
    hash: u64,
    key: StoredKey,
    instance: Arc<L>,
}

struct Evicted<C> {
    instances: u64,
    /// What they had counted.
    counts: C,
    /// When the next sweep may begin.
    next: Nanos,
}

/// Maps of so few instances are swept whenever there is no room.
const SMALL: usize = 64;
/// Below this share of the instances, a sweep was hardly worth its time.
const WORTH: usize = 16;
/// How long nobody sweeps after such a sweep.
const PAUSE: Nanos = 1_000_000;

/// How long it is at least from one report of an overflow to the next.
const BETWEEN_REPORTS: Nanos = 10_000_000_000;

impl<L: Instance> Keys<L> {
    pub(crate) fn new(written: &L::Written, max: u32) -> Self {
        Self {
            written: Mutex::new(Configured {
                written: written.clone(),
                version: 0,
            }),
            max: AtomicUsize::new(max as usize),
            map: OnceLock::new(),
        }
    }

    /// The instance for `key`, or the overflow.
    pub(crate) fn get(&self, name: &'static str, key: &(impl Key + ?Sized)) -> Arc<L> {
        // The user's code runs here, and no lock is held.
        let key = KeyBytes::of(key);
        let map = self.map.get_or_init(Box::default);
        let hash = key.hash(&map.secrets);
        if let Some(instance) = map.find(hash, &key) {
            return instance;
        }
        self.get_new(name, map, hash, &key)
    }

    /// The instance for `key`, if it has one.
    pub(crate) fn find(&self, key: &(impl Key + ?Sized)) -> Option<Arc<L>> {
        let key = KeyBytes::of(key);
        let map = self.map.get()?;
        map.find(key.hash(&map.secrets), &key)
    }

    #[cold]
    #[inline(never)]
    fn get_new(&self, name: &'static str, map: &Map<L>, hash: u64, key: &KeyBytes) -> Arc<L> {
        if !map.reserve(&self.max) {
            return self.overflow(name, map);
        }
        map.is_overflowing.store(false, Ordering::Relaxed);
        // Held until it is in the map: whoever changes the settings afterwards finds it there.
        let configured = self.written.lock();
        let stored = key.store();
        let new = Arc::new(L::instance(name, &configured.written, stored.clone()));
        let mut shard = map.shard(hash).lock();
        if let Some(other) = shard.find(hash, |entry| key.matches(&entry.key)) {
            map.instances.fetch_sub(1, Ordering::Relaxed);
            return Arc::clone(&other.instance);
        }
        let entry = Entry {
            hash,
            key: stored,
            instance: Arc::clone(&new),
        };
        shard.insert_unique(hash, entry, |entry| entry.hash);
        new
    }

    fn overflow(&self, name: &'static str, map: &Map<L>) -> Arc<L> {
        map.overflowed.fetch_add(1, Ordering::Relaxed);
        let overflow = map.overflow.get().unwrap_or_else(|| {
            let configured = self.written.lock();
            map.overflow.get_or_init(|| {
                let key = StoredKey::overflow();
                Arc::new(L::instance(name, &configured.written, key))
            })
        });
        let now = now();
        let reported = map.reported.load(Ordering::Relaxed);
        if (reported == 0 || now.saturating_sub(reported) >= BETWEEN_REPORTS)
            && !map.is_overflowing.swap(true, Ordering::Relaxed)
        {
            map.reported.store(now, Ordering::Relaxed);
            let max = self.max.load(Ordering::Relaxed) as u64;
            emit(L::KIND, name, What::KeysOverflowed { max });
        }
        Arc::clone(overflow)
    }

    /// Has all instances do what is written now. Of two that come here at once the last one wins.
    pub(crate) fn configure(&self, written: &L::Written, max: u32) {
        self.max.store(max as usize, Ordering::Relaxed);
        let mut version = {
            let mut configured = self.written.lock();
            configured.written = written.clone();
            configured.version += 1;
            configured.version
        };
        let Some(map) = self.map.get() else { return };
        let mut written = written.clone();
        loop {
            map.for_each(|_, instance| instance.configure(&written));
            let now = self.written.lock();
            if now.version == version {
                break;
            }
            (written, version) = (now.written.clone(), now.version);
        }
        if map.instances.load(Ordering::Relaxed) > self.max.load(Ordering::Relaxed) {
            map.sweep(&mut map.evicted.lock());
        }
    }

    /// Shows `each` all instances, the overflow included, with no lock held.
    pub(crate) fn for_each(&self, each: impl FnMut(&StoredKey, &L)) {
        if let Some(map) = self.map.get() {
            map.for_each(each);
        }
    }

    /// What can be seen of the instances together, if there were any, and what all there ever were
    /// have counted.
    pub(crate) fn snapshot(&self) -> Option<(KeysSnapshot, L::Counts)> {
        let map = self.map.get()?;
        let now = now();
        // Nobody is evicted meanwhile, so nobody is counted twice, or not at all.
        let evicted = map.evicted.lock();
        let mut counts = evicted.counts.clone();
        let (mut instances, mut refusing) = (0, 0);
        let mut see = |instance: &L| {
            instance.count(&mut counts);
            refusing += u64::from(instance.is_refusing(now));
        };
        for shard in &map.shards {
            for entry in shard.0.lock().iter() {
                instances += 1;
                see(&entry.instance);
            }
        }
        let overflow = map.overflow.get();
        if let Some(overflow) = overflow {
            see(overflow);
        }
        let snapshot = KeysSnapshot {
            max: self.max.load(Ordering::Relaxed) as u64,
            instances,
            refusing,
            evicted: evicted.instances,
            overflowed: map.overflowed.load(Ordering::Relaxed),
        };
        Some((snapshot, counts))
    }
}

impl<L: Instance> fmt::Debug for Keys<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instances = |map: &Map<L>| map.instances.load(Ordering::Relaxed);
        f.debug_struct("Keys")
            .field("max", &self.max)
            .field("instances", &self.map.get().map_or(0, |map| instances(map)))
            .finish_non_exhaustive()
    }
}

impl<L: Instance> Default for Map<L> {
    fn default() -> Self {
        Self {
            secrets: Secrets::default(),
            shards: Default::default(),
            instances: AtomicUsize::new(0),
            overflow: OnceLock::new(),
            overflowed: AtomicU64::new(0),
            is_overflowing: AtomicBool::new(false),
            reported: AtomicU64::new(0),
            evicted: Mutex::new(Evicted {
                instances: 0,
                counts: L::Counts::default(),
                next: 0,
            }),
        }
    }
}

impl<L: Instance> Map<L> {
    #[inline]
    fn shard(&self, hash: u64) -> &Mutex<HashTable<Entry<L>>> {
        // By bits that a table does not look at: it takes the highest seven and the lowest.
        let index = (hash >> 48) as usize % SHARDS;
        &self.shards[index].0
    }

    #[inline]
    fn find(&self, hash: u64, key: &KeyBytes) -> Option<Arc<L>> {
        let shard = self.shard(hash).lock();
        let entry = shard.find(hash, |entry| key.matches(&entry.key))?;
        // Under the lock: who is evicted there has no other owner.
        Some(Arc::clone(&entry.instance))
    }

    fn reserve(&self, max: &AtomicUsize) -> bool {
        if self.has_reserved(max) {
            return true;
        }
        let mut evicted = self.evicted.lock();
        if self.has_reserved(max) {
            return true;
        }
        let instances = self.instances.load(Ordering::Relaxed);
        let now = now();
        // A clock that was paused may have been ahead.
        let pauses = evicted.next > now && evicted.next - now <= PAUSE;
        if instances > SMALL && pauses {
            return false;
        }
        let freed = self.sweep(&mut evicted);
        evicted.next = if freed < instances / WORTH {
            now + PAUSE
        } else {
            0
        };
        self.has_reserved(max)
    }

    fn has_reserved(&self, max: &AtomicUsize) -> bool {
        let max = max.load(Ordering::Relaxed);
        self.instances
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |instances| {
                (instances < max).then_some(instances + 1)
            })
            .is_ok()
    }

    /// Evicts whatever may be, and says how many that were.
    fn sweep(&self, evicted: &mut Evicted<L::Counts>) -> usize {
        let now = now();
        let mut freed = 0;
        for shard in &self.shards {
            shard.0.lock().retain(|entry| {
                // Whoever uses an instance owns a part of it, and only gets that under this lock.
                let unused = Arc::get_mut(&mut entry.instance);
                let Some(instance) = unused.filter(|instance| instance.is_fresh(now)) else {
                    return true;
                };
                instance.count(&mut evicted.counts);
                freed += 1;
                false
            });
        }
        evicted.instances += freed as u64;
        self.instances.fetch_sub(freed, Ordering::Relaxed);
        freed
    }

    fn for_each(&self, mut each: impl FnMut(&StoredKey, &L)) {
        for shard in &self.shards {
            let entries: Vec<_> = shard
                .0
                .lock()
                .iter()
                .map(|entry| (entry.key.clone(), Arc::clone(&entry.instance)))
                .collect();
            for (key, instance) in entries {
                each(&key, &instance);
            }
        }
        if let Some(overflow) = self.overflow.get() {
            each(&StoredKey::overflow(), overflow);
        }
    }
}

/// The instance of a live policy for one key, which is not evicted for as long as this is held.
///
/// It is used as the live policy itself: for calls, for a look, and to steer it.
///
/// ```
/// use resilient_core::{CircuitBreaker, CircuitBreakerPolicy, Frame, LivePolicy, Verdict};
///
/// let policy = CircuitBreakerPolicy::new().failure_threshold(1);
/// let breaker = CircuitBreaker::new("partner", &policy);
/// let frame = Frame::new();
///
/// let acme = breaker.keyed("acme");
/// acme.admit(&frame).expect("it is closed").settle(Verdict::Failure);
/// assert!(acme.admit(&frame).is_err());
/// assert!(breaker.keyed("umbra").admit(&frame).is_ok(), "another partner");
///
/// breaker.with_key("acme").expect("it was called").reset("acme is back");
/// assert!(breaker.keyed("acme").admit(&frame).is_ok());
/// assert!(breaker.with_key("nobody").is_none(), "a look creates nothing");
/// ```
pub struct Keyed<'a, L> {
    base: &'a L,
    own: Option<Arc<L>>,
}

impl<'a, L> Keyed<'a, L> {
    /// The policy itself, which decides about all keys for now.
    #[inline]
    pub(crate) const fn base(base: &'a L) -> Self {
        Self { base, own: None }
    }

    /// Whether somebody steers the policy itself, or it is switched off, so that it decides in place
    /// of all its instances.
    pub const fn is_base(&self) -> bool {
        self.own.is_none()
    }
}

impl<L> Deref for Keyed<'_, L> {
    type Target = L;

    #[inline]
    fn deref(&self) -> &L {
        self.own.as_deref().unwrap_or(self.base)
    }
}

impl<L: fmt::Debug> fmt::Debug for Keyed<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keyed").field(&**self).finish()
    }
}

/// What can be seen of the instances of a policy together. Which keys they have is not among it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct KeysSnapshot {
    /// How many instances there may be.
    pub max: u64,
    /// How many there are, beside the overflow.
    pub instances: u64,
    /// How many of them refuse calls now, or have them wait: an open breaker, a full bulkhead, an
    /// empty bucket.
    pub refusing: u64,
    /// How many were evicted, each of them as good as new.
    pub evicted: u64,
    /// How many calls had to share the overflow, since their key had no instance and got none.
    pub overflowed: u64,
}

impl fmt::Display for KeysSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            max,
            instances,
            refusing,
            overflowed,
            ..
        } = self;
        write!(f, "{instances} of {max} keys")?;
        if *refusing > 0 {
            write!(f, ", {refusing} refusing")?;
        }
        if *overflowed > 0 {
            write!(f, ", {overflowed} calls overflowed")?;
        }
        Ok(())
    }
}

/// What a person should know of a policy, and of its instances.
pub(crate) fn noted(mut note: String, keys: Option<KeysSnapshot>) -> String {
    if let Some(keys) = keys {
        if !note.is_empty() {
            note.push_str("; ");
        }
        note.push_str(&keys.to_string());
    }
    note
}

#[cfg(any(test, resilient_fuzz))]
mod tests;
