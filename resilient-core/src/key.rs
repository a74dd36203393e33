//! Keys: what a policy has one instance for, a tenant or a host.
//!
//! A key is written down as bytes, the same bytes for equal values of whatever type: as a tag and, where
//! the tag does not say how much follows, a length. So no key is the beginning of another one, and
//! `("a", "bc")` is not `("ab", "c")`.

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
#[cfg(not(resilient_loom))]
use std::hash::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

/// What a policy can have one instance for each value of.
///
/// Keys are compared by value, whatever their types: the text of a `&str`, a `String` and an `Arc<str>`
/// is one key, and so are `5_u8` and `5_i64`. Strings, integers, `bool`, `char`, arrays of bytes, IP
/// addresses, options, tuples of up to six keys and, with the feature `uuid`, UUIDs are keys. Types of
/// your own become keys by writing what they are made of.
///
/// Looking a key up does not allocate, unless the key takes more than 128 bytes. `write` runs once for
/// each look-up, before anything is locked or taken: it may panic, and nothing but the call ends.
///
/// ```
/// use resilient_core::{Key, KeyWriter, StoredKey};
///
/// struct TenantId(u64);
///
/// impl Key for TenantId {
///     fn write(&self, to: &mut KeyWriter<'_>) {
///         to.integer(self.0);
///     }
/// }
///
/// assert_eq!(StoredKey::of(&TenantId(7)), StoredKey::of(&7_i32));
/// assert_ne!(StoredKey::of(&TenantId(7)), StoredKey::of("7"));
/// assert_ne!(StoredKey::of(&("a", "bc")), StoredKey::of(&("ab", "c")));
/// ```
#[diagnostic::on_unimplemented(
    message = "a `{Self}` is not a key",
    label = "keys are strings, integers, IP addresses, UUIDs, tuples of them, and what implements `Key`"
)]
pub trait Key {
    /// Writes the value, the same for equal values.
    fn write(&self, to: &mut KeyWriter<'_>);
}

/// Takes down what a [`Key`] is made of.
///
/// What is written one after the other belongs together; a type that is made of other keys writes each
/// of them as a [`part`](Self::part), as tuples do.
#[derive(Debug)]
pub struct KeyWriter<'a> {
    to: &'a mut KeyBytes,
}

// The tags. Those of one row have no length, since they say how much follows.
const FALSE: u8 = b'f';
const TRUE: u8 = b't';
const NONE: u8 = b'n';
const SOME: u8 = b's';
const PART: u8 = b'(';
const END: u8 = b')';
const IP_4: u8 = b'4';
const IP_6: u8 = b'6';
const OVERFLOW: u8 = b'o';
#[cfg(feature = "uuid")]
const UUID: u8 = b'u';
const TEXT: u8 = b'T';
const BYTES: u8 = b'B';
const NATURAL: u8 = b'+';
const NEGATIVE: u8 = b'-';

impl KeyWriter<'_> {
    /// Writes a text; one and the same whatever type of string holds it.
    pub fn text(&mut self, text: &str) {
        self.with_length(TEXT, text.as_bytes());
    }

    /// Writes bytes, which are not the text that they may spell.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.with_length(BYTES, bytes);
    }

    /// Writes an integer; one and the same whatever type of integer holds it.
    pub fn integer(&mut self, integer: impl Into<Integer>) {
        let Integer { negative, size } = integer.into();
        let digits = size.to_be_bytes();
        let first = size.leading_zeros() as usize / 8;
        let tag = if negative { NEGATIVE } else { NATURAL };
        self.with_length(tag, &digits[first..]);
    }

    /// Writes a key that is a part of this one.
    pub fn part(&mut self, part: &(impl Key + ?Sized)) {
        self.enclosed(PART, part);
    }

    fn enclosed(&mut self, tag: u8, part: &(impl Key + ?Sized)) {
        self.to.push(&[tag]);
        part.write(self);
        self.to.push(&[END]);
    }

    fn with_length(&mut self, tag: u8, payload: &[u8]) {
        let mut length = payload.len();
        if length < 0x80 {
            // Nearly every key: tag and length at once.
            self.to.push(&[tag, length.to_le_bytes()[0]]);
            self.to.push(payload);
            return;
        }
        self.to.push(&[tag]);
        // Seven bits in each byte, the lowest first, and a sign in all but the last.
        while length >= 0x80 {
            self.to.push(&[length.to_le_bytes()[0] | 0x80]);
            length >>= 7;
        }
        self.to.push(&[length.to_le_bytes()[0]]);
        self.to.push(payload);
    }
}

/// An integer of any type, for [`KeyWriter::integer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Integer {
    negative: bool,
    /// Its distance from zero.
    size: u128,
}

macro_rules! integers {
    ($($natural:ty),*; $($signed:ty),*) => {
        $( impl From<$natural> for Integer {
            #[allow(clippy::cast_lossless, reason = "there is no `From` for `usize`")]
            fn from(integer: $natural) -> Self {
                Self { negative: false, size: integer as u128 }
            }
        } )*
        $( impl From<$signed> for Integer {
            #[allow(clippy::cast_lossless, reason = "there is no `From` for `usize`")]
            fn from(integer: $signed) -> Self {
                Self { negative: integer < 0, size: integer.unsigned_abs() as u128 }
            }
        } )*
        $( impl Key for $natural {
            fn write(&self, to: &mut KeyWriter<'_>) {
                to.integer(*self);
            }
        } )*
        $( impl Key for $signed {
            fn write(&self, to: &mut KeyWriter<'_>) {
                to.integer(*self);
            }
        } )*
    };
}

integers!(u8, u16, u32, u64, u128, usize; i8, i16, i32, i64, i128, isize);

impl Key for str {
    fn write(&self, to: &mut KeyWriter<'_>) {
        to.text(self);
    }
}

impl Key for String {
    fn write(&self, to: &mut KeyWriter<'_>) {
        to.text(self);
    }
}

impl Key for char {
    fn write(&self, to: &mut KeyWriter<'_>) {
        to.text(self.encode_utf8(&mut [0; 4]));
    }
}

impl Key for bool {
    fn write(&self, to: &mut KeyWriter<'_>) {
        to.to.push(&[if *self { TRUE } else { FALSE }]);
    }
}

impl<const N: usize> Key for [u8; N] {
    fn write(&self, to: &mut KeyWriter<'_>) {
        to.bytes(self);
    }
}

impl Key for [u8] {
    fn write(&self, to: &mut KeyWriter<'_>) {
        to.bytes(self);
    }
}

impl Key for Ipv4Addr {
    fn write(&self, to: &mut KeyWriter<'_>) {
        to.to.push(&[IP_4]);
        to.to.push(&self.octets());
    }
}

impl Key for Ipv6Addr {
    fn write(&self, to: &mut KeyWriter<'_>) {
        to.to.push(&[IP_6]);
        to.to.push(&self.octets());
    }
}

impl Key for IpAddr {
    fn write(&self, to: &mut KeyWriter<'_>) {
        match self {
            Self::V4(address) => address.write(to),
            Self::V6(address) => address.write(to),
        }
    }
}

/// The address and the port; the flow and the scope of an IPv6 address do not tell hosts apart.
impl Key for SocketAddr {
    fn write(&self, to: &mut KeyWriter<'_>) {
        to.part(&self.ip());
        to.part(&self.port());
    }
}

#[cfg(feature = "uuid")]
impl Key for uuid::Uuid {
    fn write(&self, to: &mut KeyWriter<'_>) {
        to.to.push(&[UUID]);
        to.to.push(self.as_bytes());
    }
}

impl<T: Key> Key for Option<T> {
    fn write(&self, to: &mut KeyWriter<'_>) {
        match self {
            None => to.to.push(&[NONE]),
            Some(value) => to.enclosed(SOME, value),
        }
    }
}

macro_rules! as_what_it_holds {
    ($($holder:ty),*) => {
        $( impl<T: Key + ?Sized> Key for $holder {
            fn write(&self, to: &mut KeyWriter<'_>) {
                (**self).write(to);
            }
        } )*
    };
}

as_what_it_holds!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);

impl<T: Key + ToOwned + ?Sized> Key for Cow<'_, T> {
    fn write(&self, to: &mut KeyWriter<'_>) {
        (**self).write(to);
    }
}

macro_rules! tuples {
    ($($($part:ident)+;)*) => {
        $( impl<$($part: Key),+> Key for ($($part,)+) {
            #[allow(non_snake_case, reason = "a part is called like its type")]
            fn write(&self, to: &mut KeyWriter<'_>) {
                let ($($part,)+) = self;
                $( to.part($part); )+
            }
        } )*
    };
}

tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
}

/// How long a key is looked up without an allocation.
const INLINE: usize = 128;

/// What makes the hashes of one table: nobody who chooses keys knows it, so nobody can choose keys that
/// meet in one place. Its seeds are from the system, which foldhash's own are not.
#[derive(Debug)]
pub(crate) struct Secrets {
    table: u64,
    shared: SharedSeed,
}

/// Without secrets in models: each run of one is like the one before.
#[cfg(resilient_loom)]
type RandomState = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;

impl Default for Secrets {
    fn default() -> Self {
        let random = RandomState::default();
        Self {
            table: random.hash_one(0_u8),
            shared: SharedSeed::from_u64(random.hash_one(1_u8)),
        }
    }
}

impl Secrets {
    #[inline]
    fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.table, &self.shared);
        hasher.write(bytes);
        hasher.finish()
    }
}

/// A key that was written down for a look-up: nothing of the user runs any more, and nothing was
/// allocated unless it is long.
#[derive(Debug)]
pub(crate) struct KeyBytes {
    inline: [u8; INLINE],
    length: usize,
    /// All of it, once there is too much.
    spilled: Vec<u8>,
}

impl KeyBytes {
    #[inline]
    pub(crate) fn of(key: &(impl Key + ?Sized)) -> Self {
        let mut bytes = Self {
            inline: [0; INLINE],
            length: 0,
            spilled: Vec::new(),
        };
        key.write(&mut KeyWriter { to: &mut bytes });
        bytes
    }

    #[inline]
    fn push(&mut self, more: &[u8]) {
        let end = self.length + more.len();
        if let Some(place) = self.inline.get_mut(self.length..end) {
            place.copy_from_slice(more);
            self.length = end;
        } else {
            self.spill(more, end);
        }
    }

    #[cold]
    #[inline(never)]
    fn spill(&mut self, more: &[u8], end: usize) {
        if self.spilled.is_empty() {
            self.spilled.reserve(end);
            self.spilled.extend_from_slice(&self.inline[..self.length]);
        }
        self.spilled.extend_from_slice(more);
        self.length = end;
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        self.inline.get(..self.length).unwrap_or(&self.spilled)
    }

    /// What a table finds the key by.
    #[inline]
    pub(crate) fn hash(&self, secrets: &Secrets) -> u64 {
        secrets.hash(self.as_slice())
    }

    /// Whether it is the key that is stored there.
    #[inline]
    pub(crate) fn matches(&self, stored: &StoredKey) -> bool {
        self.as_slice() == stored.as_slice()
    }

    /// The key, to be kept.
    pub(crate) fn store(&self) -> StoredKey {
        StoredKey::keep(self.as_slice())
    }
}

/// A [`Key`] that is kept, whatever it was read from.
///
/// It is shown as people write it: `acme`, `5`, `("acme", 5)`. Different keys may look the same, as the
/// text `5` and the number do.
///
/// ```
/// use resilient_core::StoredKey;
///
/// let key = StoredKey::of(&("acme", 5_u8));
/// assert_eq!(key, StoredKey::of(&(String::from("acme"), 5_i64)));
/// assert_eq!(key.to_string(), r#"("acme", 5)"#);
/// assert_ne!(StoredKey::of("5"), StoredKey::of(&5_u8));
/// ```
#[derive(Clone)]
pub struct StoredKey(Kept);

/// How many bytes are kept in place, where a look-up need not follow a pointer to them.
const SHORT: usize = 22;

#[derive(Clone)]
enum Kept {
    Short { length: u8, bytes: [u8; SHORT] },
    Long(Arc<[u8]>),
}

impl StoredKey {
    /// The key, to be kept.
    #[must_use]
    pub fn of(key: &(impl Key + ?Sized)) -> Self {
        KeyBytes::of(key).store()
    }

    /// Of the instance that further keys share: no key of the user is equal to it.
    pub(crate) fn overflow() -> Self {
        Self::keep(&[OVERFLOW])
    }

    fn keep(key: &[u8]) -> Self {
        let mut bytes = [0; SHORT];
        Self(
            match (bytes.get_mut(..key.len()), u8::try_from(key.len())) {
                (Some(place), Ok(length)) => {
                    place.copy_from_slice(key);
                    Kept::Short { length, bytes }
                }
                _ => Kept::Long(key.into()),
            },
        )
    }

    fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Kept::Short { length, bytes } => &bytes[..usize::from(*length)],
            Kept::Long(bytes) => bytes,
        }
    }
}

impl PartialEq for StoredKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for StoredKey {}

impl PartialOrd for StoredKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// In an order without a meaning.
impl Ord for StoredKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

/// As the bytes of a look-up, so that a table finds one by the other.
impl std::hash::Hash for StoredKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

/// As it was written.
impl Key for StoredKey {
    fn write(&self, to: &mut KeyWriter<'_>) {
        to.to.push(self.as_slice());
    }
}

impl fmt::Display for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.as_slice();
        let shown = show(&mut rest, false);
        f.pad(&shown)
    }
}

/// What is written up to the next end, as people write it; a text that stands alone needs no quotes.
fn show(rest: &mut &[u8], quoted: bool) -> String {
    let (mut shown, mut parts) = (Vec::new(), 0);
    while let Some(tag) = take(rest, 1).first() {
        shown.push(match *tag {
            END => break,
            FALSE => "false".to_owned(),
            TRUE => "true".to_owned(),
            NONE => "none".to_owned(),
            OVERFLOW => "overflow".to_owned(),
            SOME => format!("some({})", show(rest, true)),
            PART => {
                parts += 1;
                show(rest, true)
            }
            IP_4 => fixed::<4, Ipv4Addr>(rest),
            IP_6 => fixed::<16, Ipv6Addr>(rest),
            #[cfg(feature = "uuid")]
            UUID => uuid::Uuid::from_slice(take(rest, 16))
                .map_or_else(|_| String::new(), |uuid| uuid.to_string()),
            TEXT => {
                let text = String::from_utf8_lossy(with_length(rest)).into_owned();
                if quoted || text.chars().any(char::is_control) {
                    format!("{text:?}")
                } else {
                    text
                }
            }
            NEGATIVE => format!("-{}", natural(with_length(rest))),
            NATURAL => natural(with_length(rest)).to_string(),
            _ => hexadecimal(with_length(rest)),
        });
    }
    match (parts, shown.len()) {
        (0, _) => shown.join(" "),
        (1, 1) => format!("({},)", shown[0]),
        _ => format!("({})", shown.join(", ")),
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, left) = rest.split_at(length.min(rest.len()));
    *rest = left;
    taken
}

fn fixed<const N: usize, T: From<[u8; N]> + fmt::Display>(rest: &mut &[u8]) -> String {
    <[u8; N]>::try_from(take(rest, N))
        .map_or_else(|_| String::new(), |bytes| T::from(bytes).to_string())
}

fn with_length<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let (mut length, mut shift) = (0, 0);
    while let [byte] = take(rest, 1) {
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    take(rest, length)
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for digit in [byte >> 4, byte & 0xf] {
            shown.extend(char::from_digit(digit.into(), 16));
        }
    }
    shown
}

fn natural(digits: &[u8]) -> u128 {
    digits
        .iter()
        .fold(0, |sum, digit| sum << 8 | u128::from(*digit))
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredKey({self})")
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for StoredKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn stored(key: &(impl Key + ?Sized)) -> StoredKey {
        StoredKey::of(key)
    }

    #[test]
    fn a_text_is_one_key_whatever_holds_it() {
        let text = stored("acme");
        let owned = String::from("acme");
        assert_eq!(stored(&"acme"), text);
        assert_eq!(stored(&owned), text);
        assert_eq!(stored(&Cow::Borrowed("acme")), text);
        assert_eq!(stored(&Cow::<str>::Owned(owned.clone())), text);
        assert_eq!(stored(&Box::<str>::from("acme")), text);
        assert_eq!(stored(&Arc::<str>::from("acme")), text);
        assert_eq!(stored(&text), text);
        assert_eq!(stored(&'a'), stored("a"));
        assert_ne!(stored(b"acme"), text);
    }

    #[test]
    fn an_integer_is_one_key_whatever_holds_it() {
        for other in [
            stored(&5_i8),
            stored(&5_u64),
            stored(&5_usize),
            stored(&5_i128),
        ] {
            assert_eq!(other, stored(&5_u8));
        }
        assert_eq!(stored(&-1_i8), stored(&-1_i128));
        for other in [
            stored(&255_u8),
            stored(&1),
            stored(&0),
            stored("-1"),
            stored(&u128::MAX),
        ] {
            assert_ne!(other, stored(&-1_i8));
        }
        assert_ne!(stored(&i128::MIN), stored(&(1_u128 << 127)));
    }

    #[test]
    fn parts_are_not_run_together() {
        struct Both(&'static str, &'static str);
        impl Key for Both {
            fn write(&self, to: &mut KeyWriter<'_>) {
                to.text(self.0);
                to.text(self.1);
            }
        }
        let keys = [
            stored(&("a", "bc")),
            stored(&("ab", "c")),
            stored(&("abc",)),
            stored("abc"),
            stored(&(("a", "b"), "c")),
            stored(&("a", ("b", "c"))),
            stored(&("a", "b", "c")),
            stored(&(Both("a", "b"), "c")),
            stored(&("a", Both("b", "c"))),
            stored(&None::<Option<u8>>),
            stored(&Some(None::<u8>)),
            stored(&Some(1_u8)),
            stored(&1_u8),
            stored(&false),
            stored(&true),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert_eq!(
                keys.iter().position(|other| other == key),
                Some(at),
                "{key}"
            );
        }
    }

    #[test]
    fn a_key_is_shown_as_people_write_it() {
        let address: IpAddr = [10, 0, 0, 1].into();
        for (key, shown) in [
            (stored("acme"), "acme"),
            (stored(""), ""),
            (stored("two\nlines"), "\"two\\nlines\""),
            (stored(&-5), "-5"),
            (stored(&0), "0"),
            (
                stored(&u128::MAX),
                "340282366920938463463374607431768211455",
            ),
            (
                stored(&i128::MIN),
                "-170141183460469231731687303715884105728",
            ),
            (stored(&("acme", 5)), "(\"acme\", 5)"),
            (stored(&("acme",)), "(\"acme\",)"),
            (stored(&(("a", 'b'), true)), "((\"a\", \"b\"), true)"),
            (stored(&Some("a")), "some(\"a\")"),
            (stored(&None::<&str>), "none"),
            (stored(&[0xab_u8, 1]), "ab01"),
            (stored(&address), "10.0.0.1"),
            (stored(&SocketAddr::new(address, 80)), "(10.0.0.1, 80)"),
            (stored(&Ipv6Addr::LOCALHOST), "::1"),
        ] {
            assert_eq!(key.to_string(), shown);
        }
        assert_eq!(stored(&"x".repeat(300)).to_string(), "x".repeat(300));
    }

    #[cfg(feature = "uuid")]
    #[test]
    fn a_uuid_is_a_key_and_looks_like_one() {
        let uuid = uuid::Uuid::from_u128(7);
        assert_eq!(
            stored(&uuid).to_string(),
            "00000000-0000-0000-0000-000000000007"
        );
        assert_ne!(stored(&uuid), stored(uuid.as_bytes()));
        assert_ne!(stored(&uuid), stored(&uuid.to_string()));
    }

    #[test]
    fn a_key_that_panics_while_it_is_written_leaves_nothing_behind() {
        struct Broken;
        impl Key for Broken {
            fn write(&self, to: &mut KeyWriter<'_>) {
                to.text("half");
                panic!("a broken key");
            }
        }
        assert!(std::panic::catch_unwind(|| stored(&Broken)).is_err());
        assert_eq!(stored("whole").to_string(), "whole");
    }

    #[test]
    fn hashes_differ_from_table_to_table_and_spread_over_all_bits() {
        let (one, other) = (Secrets::default(), Secrets::default());
        let keys: Vec<_> = (0..20_000_u32)
            .map(|number| KeyBytes::of(&number))
            .chain((0..20_000_u32).map(|number| KeyBytes::of(&format!("tenant-{number}.example"))))
            .collect();
        let hashes: BTreeSet<u64> = keys.iter().map(|key| key.hash(&one)).collect();
        assert_eq!(hashes.len(), keys.len(), "no two of 40 000 meet");
        let same = keys.iter().filter(|key| key.hash(&one) == key.hash(&other));
        assert_eq!(same.count(), 0);
        for bit in 0..64 {
            let set = hashes.iter().filter(|hash| *hash >> bit & 1 == 1).count();
            assert!((19_000..21_000).contains(&set), "bit {bit}: {set}");
        }
    }

    #[test]
    fn every_byte_of_a_key_is_in_its_hash() {
        let secrets = Secrets::default();
        for length in 0..70 {
            let bytes = vec![7_u8; length];
            let hash = secrets.hash(&bytes);
            for at in 0..length {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                assert_ne!(secrets.hash(&changed), hash, "byte {at} of {length}");
            }
            let longer = vec![7_u8; length + 1];
            assert_ne!(secrets.hash(&longer), hash, "{length} and one more");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_found_by_its_own_bytes_alone(one in ".{0,200}", other in ".{0,200}", number: i64) {
            let secrets = Secrets::default();
            let bytes = KeyBytes::of(&(&one, number));
            let kept = bytes.store();
            prop_assert!(bytes.matches(&kept));
            prop_assert_eq!(bytes.hash(&secrets), KeyBytes::of(&kept).hash(&secrets));
            let others = KeyBytes::of(&(&other, number));
            prop_assert_eq!(others.matches(&kept), one == other);
            prop_assert!(!KeyBytes::of(&(&one, i128::from(number) + 1)).matches(&kept));
            prop_assert!(!KeyBytes::of(&one).matches(&kept));
        }
    }
}
