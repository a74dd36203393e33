//! What the body of a function may know of the attempt it runs in.

use crate::deadline::current_deadline;
use crate::time::{self, NEVER, Nanos, until};
use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What the body of a function knows of the attempt it runs in: `attempt = cx` binds one to `cx`.
///
/// ```
/// use resilient_core::{Attempt, IdempotencyKey};
///
/// let key = IdempotencyKey::of("order-7");
/// let attempt = Attempt::new(2, key.clone());
/// assert_eq!(attempt.number(), 2, "the first one has failed");
/// assert_eq!(attempt.idempotency_key(), &key);
/// assert_eq!(attempt.deadline(), None, "nothing limits this code");
/// ```
#[derive(Clone, Debug)]
pub struct Attempt {
    number: u32,
    key: IdempotencyKey,
    /// [`NEVER`] if nothing limits it.
    deadline: Nanos,
}

impl Attempt {
    /// The attempt with this number, from 1, of the call with this key.
    ///
    /// It remembers the deadline that holds where it is made, which fixes that deadline.
    #[must_use]
    pub fn new(number: u32, key: IdempotencyKey) -> Self {
        Self {
            number,
            key,
            deadline: current_deadline().unwrap_or(NEVER),
        }
    }

    /// Its number, from 1.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The key of the call: the same for all its attempts.
    #[must_use]
    pub const fn idempotency_key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// When the attempt will be cut off by a timeout, if any limits it.
    ///
    /// It holds in a spawned task too, which has no deadline of its own accord.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.earliest().map(time::instant)
    }

    /// How long the attempt may still take, zero if its deadline has passed; `None` if no timeout
    /// limits it.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        self.earliest().map(|at| until(at, time::now()))
    }

    /// A timeout may have been entered after the attempt was made.
    fn earliest(&self) -> Option<Nanos> {
        let deadline = self.deadline.min(current_deadline().unwrap_or(NEVER));
        (deadline != NEVER).then_some(deadline)
    }
}

/// By which a callee recognises the attempts of one call, so that it does its work only once.
///
/// Two keys are equal if they are written alike. Send it along as text, in a header or a column.
///
/// ```
/// use resilient_core::IdempotencyKey;
///
/// let key = IdempotencyKey::random();
/// assert_eq!(key.to_string().len(), 32, "128 bits in hexadecimal");
/// assert_eq!(IdempotencyKey::of(key.to_string()), key, "read back from where it was kept");
/// assert_ne!(IdempotencyKey::random(), key, "another call, another key");
///
/// // A key which says only *what* is bought makes one order of two.
/// assert_eq!(IdempotencyKey::of("sku-7"), IdempotencyKey::of("sku-7"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Key);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Number([u64; 2]),
    /// Never the text of a `Number`.
    Text(Arc<str>),
}

impl IdempotencyKey {
    /// A key that nobody has and nobody can guess: 128 random bits.
    ///
    /// Each thread hashes (`SipHash`, through the standard library) its own count of keys with
    /// 128 bits that came from the system's source of randomness.
    #[must_use]
    pub fn random() -> Self {
        thread_local! {
            static SECRET: RandomState = RandomState::new();
            static COUNT: Cell<u64> = const { Cell::new(0) };
        }

        let count = COUNT.get();
        COUNT.set(count.wrapping_add(1));
        // A process that forked goes on with the secret and the count of its parent.
        let process = std::process::id();
        let half = |which: u8| {
            SECRET.with(|secret| {
                let mut hasher = secret.build_hasher();
                hasher.write_u64(count);
                hasher.write_u32(process);
                hasher.write_u8(which);
                hasher.finish()
            })
        };
        Self(Key::Number([half(0), half(1)]))
    }

    /// The key that `text` is, for example the number of an order.
    #[must_use]
    pub fn of(text: impl fmt::Display) -> Self {
        let text = text.to_string();
        Self(number(&text).map_or_else(|| Key::Text(text.into()), Key::Number))
    }
}

/// The number that is displayed as this text, if there is one.
fn number(text: &str) -> Option<[u64; 2]> {
    let as_displayed = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    if text.len() != 32 || !text.bytes().all(as_displayed) {
        return None;
    }
    let half = |digits| u64::from_str_radix(digits, 16).ok();
    Some([half(&text[..16])?, half(&text[16..])?])
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Key::Number([high, low]) => f.pad(&format!("{high:016x}{low:016x}")),
            Key::Text(text) => f.pad(text),
        }
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdempotencyKey({self})")
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for IdempotencyKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadline::Deadline;
    use crate::time::{instant, now};
    use std::collections::HashSet;

    #[test]
    fn keys_are_unique_over_many_draws_and_over_threads() {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(|| {
                    (0..100_000)
                        .map(|_| IdempotencyKey::random())
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let mut keys = HashSet::new();
        for thread in threads {
            keys.extend(thread.join().expect("nothing panics"));
        }
        assert_eq!(keys.len(), 400_000);
    }

    #[test]
    fn every_bit_of_a_random_key_is_set_about_half_of_the_time() {
        const DRAWS: u32 = 10_000;
        let mut set = [0_u32; 128];
        for _ in 0..DRAWS {
            let Key::Number(halves) = IdempotencyKey::random().0 else {
                unreachable!("a random key is a number");
            };
            for (bit, count) in set.iter_mut().enumerate() {
                *count += u32::from(halves[bit / 64] >> (bit % 64) & 1 == 1);
            }
        }
        // Twenty standard deviations.
        assert!(
            set.iter().all(|count| count.abs_diff(DRAWS / 2) < 1000),
            "{set:?}"
        );
    }

    #[test]
    fn keys_are_equal_exactly_if_they_are_written_alike() {
        let key = IdempotencyKey::random();
        assert_eq!(IdempotencyKey::of(&key), key);
        let small = IdempotencyKey::of("000000000000000000000000000000ff");
        assert_eq!(small.to_string(), "000000000000000000000000000000ff");
        for (one, other) in [
            (
                "000000000000000000000000000000ff",
                "000000000000000000000000000000FF",
            ),
            ("000000000000000000000000000000ff", "ff"),
            (
                "+00000000000000000000000000000ff",
                "000000000000000000000000000000ff",
            ),
        ] {
            assert_ne!(IdempotencyKey::of(one), IdempotencyKey::of(other));
            assert_eq!(IdempotencyKey::of(one).to_string(), one);
            assert_eq!(IdempotencyKey::of(other).to_string(), other);
        }
    }

    #[test]
    fn an_attempt_may_be_cloned_and_sent_to_another_task() {
        fn sendable<T: Clone + Send + Sync + 'static>() {}
        sendable::<Attempt>();
        sendable::<IdempotencyKey>();
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_knows_its_deadline_outside_of_it_too() {
        let begin = now();
        let outer = Deadline::enter(Deadline::current(), NEVER, 5_000_000_000);
        let attempt = Attempt::new(1, IdempotencyKey::of("x"));
        let inner = Deadline::enter(Deadline::current(), begin + 1_000_000_000, NEVER);
        assert_eq!(attempt.deadline(), Some(instant(begin + 1_000_000_000)));
        drop(inner);
        drop(outer);
        assert_eq!(attempt.deadline(), Some(instant(begin + 5_000_000_000)));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(attempt.time_left(), Some(Duration::from_secs(2)));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(attempt.time_left(), Some(Duration::ZERO));
        assert_eq!(
            Attempt::new(1, IdempotencyKey::of("x")).time_left(),
            None,
            "nothing limits it"
        );
    }
}
