//! What the failures of a circuit breaker are like: the class and the type of their errors, never
//! what these say.

use crate::class::Class;
use crate::error::Rejected;
use crate::window::Window;
use std::any::type_name;
use std::cmp::Reverse;
use std::fmt;
use std::marker::PhantomData;

/// How many kinds of failures are told apart at a time.
const KNOWN: usize = 4;
/// What stands for all kinds beyond these.
const OTHER: u8 = 0xf;
/// How many of the newest failures are remembered.
const REMEMBERED: usize = 32;

#[allow(clippy::cast_possible_truncation, reason = "thirty-two")]
const REMEMBERED_BYTE: u8 = REMEMBERED as u8;

/// The name of a type, asked for only when somebody wants to read it.
type Name = fn() -> &'static str;

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// Nobody said.
    Unknown,
    Transient,
    Throttled,
    Permanent,
    Ignored,
    /// A good answer that `when_ok` takes for a failure.
    Answer,
    Panicked,
    Slow,
    Refused(Refusal),
}

/// Which refusal it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    TimedOut,
    CircuitOpen,
    ForcedOpen,
    NoTimeLeft,
    BulkheadFull,
    RateLimited,
    TooCostly,
    #[cfg(feature = "testing")]
    Injected,
}

impl Sign {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "other",
            Self::Transient => "transient",
            Self::Throttled => "throttled",
            Self::Permanent => "permanent",
            Self::Ignored => "ignored",
            Self::Answer => "answer",
            Self::Panicked => "panicked",
            Self::Slow => "slow",
            Self::Refused(refusal) => match refusal {
                Refusal::TimedOut => "timed_out",
                Refusal::CircuitOpen => "circuit_open",
                Refusal::ForcedOpen => "forced_open",
                Refusal::NoTimeLeft => "no_time_left",
                Refusal::BulkheadFull => "bulkhead_full",
                Refusal::RateLimited => "rate_limited",
                Refusal::TooCostly => "too_costly",
                #[cfg(feature = "testing")]
                Refusal::Injected => "injected",
            },
        }
    }
}

/// What one failure was like.
#[derive(Debug)]
pub(super) struct Symptom {
    sign: Sign,
    /// Of the error, or of the answer.
    name: Name,
}

impl Symptom {
    /// Nobody said what it was like.
    pub(super) const UNKNOWN: &'static Self = &Self::of(Sign::Unknown, nameless);
    pub(super) const PANICKED: &'static Self = &Self::of(Sign::Panicked, nameless);
    pub(super) const SLOW: &'static Self = &Self::of(Sign::Slow, nameless);
    /// A timeout further out cut the body off.
    pub(super) const CUT_OFF: &'static Self = &Self::of_refusal(Refusal::TimedOut);

    const fn of(sign: Sign, name: Name) -> Self {
        Self { sign, name }
    }

    const fn of_refusal(refusal: Refusal) -> Self {
        Self::of(Sign::Refused(refusal), type_name::<Rejected>)
    }

    pub(super) const fn refused(rejected: Rejected) -> &'static Self {
        match rejected {
            Rejected::TimedOut(_) => Self::CUT_OFF,
            Rejected::CircuitOpen(_) => const { &Self::of_refusal(Refusal::CircuitOpen) },
            Rejected::ForcedOpen(_) => const { &Self::of_refusal(Refusal::ForcedOpen) },
            Rejected::NoTimeLeft(_) => const { &Self::of_refusal(Refusal::NoTimeLeft) },
            Rejected::BulkheadFull(_) => const { &Self::of_refusal(Refusal::BulkheadFull) },
            Rejected::RateLimited(_) => const { &Self::of_refusal(Refusal::RateLimited) },
            Rejected::TooCostly(_) => const { &Self::of_refusal(Refusal::TooCostly) },
            #[cfg(feature = "testing")]
            Rejected::Injected(_) => const { &Self::of_refusal(Refusal::Injected) },
        }
    }

    fn is_unknown(&self) -> bool {
        self.sign == Sign::Unknown
    }
}

impl PartialEq for Symptom {
    fn eq(&self, other: &Self) -> bool {
        self.sign == other.sign && (self.name)() == (other.name)()
    }
}

/// What failures of one type are like, whatever class they are of.
#[derive(Debug)]
pub(super) struct Symptoms {
    pub(super) plain: Symptom,
    throttled: Symptom,
    permanent: Symptom,
    ignored: Symptom,
}

impl Symptoms {
    /// Of a failure of which nobody has said the type.
    pub(super) const UNTYPED: &'static Self = &Self {
        plain: Symptom::of(Sign::Unknown, nameless),
        ..Self::errors(nameless)
    };

    /// Of a failure that a chaos switch has made.
    #[cfg(feature = "testing")]
    pub(super) const INJECTED: &'static Self = &Self {
        plain: Symptom::of_refusal(Refusal::Injected),
        ..Self::errors(type_name::<Rejected>)
    };

    const fn errors(name: Name) -> Self {
        Self {
            plain: Symptom::of(Sign::Transient, name),
            throttled: Symptom::of(Sign::Throttled, name),
            permanent: Symptom::of(Sign::Permanent, name),
            ignored: Symptom::of(Sign::Ignored, name),
        }
    }

    pub(super) const fn of_class(&'static self, class: Class) -> &'static Symptom {
        match class {
            Class::Transient => &self.plain,
            Class::Throttled { .. } => &self.throttled,
            Class::Permanent => &self.permanent,
            Class::Ignored => &self.ignored,
        }
    }
}

/// A type of errors, or of answers.
pub(super) struct Of<T>(PhantomData<T>);

impl<T> Of<T> {
    pub(super) const ERROR: &'static Symptoms = &Symptoms::errors(type_name::<T>);
    pub(super) const ANSWER: &'static Symptoms = &Symptoms {
        plain: Symptom::of(Sign::Answer, type_name::<T>),
        ..Symptoms::errors(type_name::<T>)
    };
}

/// In place of the name of a type.
const fn nameless() -> &'static str {
    ""
}

/// So many calls that failed in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CircuitBreakerSymptom {
    /// What its error said of itself (`transient`, `throttled`, and with `when` also `permanent` and
    /// `ignored`), the name of the refusal (`timed_out`, `bulkhead_full`, …), `answer` for a value
    /// that `when_ok` takes for a failure, `panicked`, `slow`, or `other` for all that is not told
    /// apart.
    pub class: &'static str,
    /// The full name of the error's type, as the compiler writes it; `None` if there is no error or
    /// its type is not known.
    pub type_name: Option<&'static str>,
    /// How many calls.
    pub calls: u64,
}

impl CircuitBreakerSymptom {
    pub(super) fn new(symptom: &Symptom, calls: u64) -> Self {
        Self {
            class: symptom.sign.as_str(),
            type_name: Some((symptom.name)()).filter(|name| !name.is_empty()),
            calls,
        }
    }
}

impl fmt::Display for CircuitBreakerSymptom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {}", self.calls, self.class)?;
        match self.type_name {
            // That of every refusal, whose class says more.
            Some(name) if name == type_name::<Rejected>() => Ok(()),
            Some(name) => write!(f, " {}", Short(name)),
            None => Ok(()),
        }
    }
}

/// The name of a type without the modules in it.
struct Short(&'static str);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_path = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
        let mut rest = self.0;
        while !rest.is_empty() {
            let path = rest.find(|letter| !is_path(letter)).unwrap_or(rest.len());
            let (path, after) = rest.split_at(path);
            f.write_str(path.rsplit("::").next().unwrap_or(path))?;
            let next = after.find(is_path).unwrap_or(after.len());
            let (between, after) = after.split_at(next);
            f.write_str(between)?;
            rest = after;
        }
        Ok(())
    }
}

/// What the newest failures were like, in the order in which they came.
///
/// The failures in a window are always its newest ones, and so are those in a row: to say what they
/// were like, it is enough to know how many they are.
#[derive(Clone, Debug)]
pub(super) struct Newest {
    /// What the result is like that is settled next, should it be a failure.
    next: &'static Symptom,
    last: &'static Symptom,
    /// The kinds that are told apart, in no order.
    known: [&'static Symptom; KNOWN],
    /// For each failure the number of its kind, in a circle; two in a byte.
    circle: [u8; REMEMBERED / 2],
    /// The number of the newest.
    number: u8,
    /// Where the next one goes.
    place: u8,
    /// How many there are.
    held: u8,
}

impl Newest {
    pub(super) const fn new() -> Self {
        Self {
            next: Symptom::UNKNOWN,
            last: Symptom::UNKNOWN,
            known: [Symptom::UNKNOWN; KNOWN],
            circle: [0; REMEMBERED / 2],
            number: OTHER,
            place: 0,
            held: 0,
        }
    }

    pub(super) const fn clear(&mut self) {
        let next = self.next;
        *self = Self::new();
        self.next = next;
    }

    /// Says what the result is like that is settled next.
    #[inline]
    pub(super) const fn expect(&mut self, symptom: &'static Symptom) {
        self.next = symptom;
    }

    /// A failure, after which the window, or else the failures in a row, are these.
    #[inline]
    pub(super) fn record(&mut self, window: Option<&Window>, streak: u32) {
        // One kind may be told at several places.
        if !std::ptr::eq(self.next, self.last) {
            self.find(window, streak);
        }
        let place = usize::from(self.place) % REMEMBERED;
        let (byte, shift) = (&mut self.circle[place / 2], place % 2 * 4);
        *byte = *byte & (0xf0 >> shift) | self.number << shift;
        self.place = self.place.wrapping_add(1);
        self.held = self.held.max(self.place.min(REMEMBERED_BYTE));
    }

    /// Finds out the number of what comes next, which may take the place of a kind that matters no more.
    #[inline(never)]
    fn find(&mut self, window: Option<&Window>, streak: u32) {
        let known = self.known.iter().position(|known| *known == self.next);
        let free = || {
            let failures = window.map_or(streak.into(), |window| window.counts().failures);
            let (counts, _) = self.counts(failures.saturating_sub(1));
            counts.iter().position(|count| *count == 0)
        };
        let number = if self.next.is_unknown() {
            None
        } else {
            known.or_else(free)
        };
        if let Some(at) = number {
            self.known[at] = self.next;
        }
        self.last = self.next;
        self.number = number.and_then(|at| u8::try_from(at).ok()).unwrap_or(OTHER);
    }

    /// How many of the newest `failures` were of each kind, and how many of no kind that is known.
    fn counts(&self, failures: u64) -> ([u64; KNOWN], u64) {
        let (mut counts, mut named) = ([0; KNOWN], 0);
        let held = failures.min(self.held.into());
        let mut place = self.place;
        for _ in 0..held {
            place = place.wrapping_sub(1);
            let at = usize::from(place) % REMEMBERED;
            let number = self.circle[at / 2] >> (at % 2 * 4) & 0xf;
            if let Some(count) = counts.get_mut(usize::from(number)) {
                *count += 1;
                named += 1;
            }
        }
        (counts, failures - named)
    }

    /// What the newest `failures` were like, the most frequent first; nothing if nobody has said it
    /// of any.
    pub(super) fn of_the_newest(&self, failures: u64) -> Vec<CircuitBreakerSymptom> {
        let (counts, others) = self.counts(failures);
        let known = self.known.iter().zip(counts);
        let mut symptoms: Vec<_> = known
            .filter(|(_, count)| *count > 0)
            .map(|(symptom, count)| CircuitBreakerSymptom::new(symptom, count))
            .collect();
        symptoms.sort_by_key(|one| (Reverse(one.calls), one.class, one.type_name));
        if !symptoms.is_empty() && others > 0 {
            symptoms.push(CircuitBreakerSymptom::new(Symptom::UNKNOWN, others));
        }
        symptoms
    }

    /// What the result that is being settled is like, if anybody has said it.
    pub(super) fn of_this_one(&self) -> Vec<CircuitBreakerSymptom> {
        let this = Some(self.next).filter(|symptom| !symptom.is_unknown());
        this.map(|symptom| CircuitBreakerSymptom::new(symptom, 1))
            .into_iter()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &Symptom = &Symptom::of(Sign::Transient, || "a::A");
    const B: &Symptom = &Symptom::of(Sign::Refused(Refusal::TimedOut), || "b::B");

    fn record(symptoms: &mut Newest, symptom: &'static Symptom, matter: u32) {
        symptoms.expect(symptom);
        symptoms.record(None, matter + 1);
    }

    fn texts(symptoms: &[CircuitBreakerSymptom]) -> Vec<String> {
        symptoms.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_newest_failures_are_told_by_what_they_were_like() {
        let mut symptoms = Newest::new();
        for symptom in [A, A, A, B, A, B, B] {
            record(&mut symptoms, symptom, 7);
        }
        let of = |failures| texts(&symptoms.of_the_newest(failures));
        assert_eq!(of(7), ["4 × transient A", "3 × timed_out B"]);
        assert_eq!(of(3), ["2 × timed_out B", "1 × transient A"]);
        assert_eq!(of(0), <[&str; 0]>::default());
        assert_eq!(
            of(9),
            ["4 × transient A", "3 × timed_out B", "2 × other"],
            "two came when nobody listened"
        );
    }

    #[test]
    fn what_no_failure_was_said_to_be_like_has_no_name() {
        let mut symptoms = Newest::new();
        symptoms.record(None, 1);
        assert_eq!(symptoms.of_the_newest(1), []);
        assert_eq!(symptoms.of_this_one(), []);
        record(&mut symptoms, A, 1);
        assert_eq!(
            texts(&symptoms.of_the_newest(2)),
            ["1 × transient A", "1 × other"]
        );
        symptoms.clear();
        assert_eq!(symptoms.of_the_newest(2), []);
    }

    #[test]
    fn kinds_that_matter_no_more_give_way_and_too_many_at_once_are_others() {
        let all = |matter| {
            const ALL: [&Symptom; 8] = [
                &Symptom::of(Sign::Transient, || "a"),
                &Symptom::of(Sign::Transient, || "b"),
                &Symptom::of(Sign::Transient, || "c"),
                &Symptom::of(Sign::Transient, || "d"),
                &Symptom::of(Sign::Transient, || "e"),
                &Symptom::of(Sign::Transient, || "f"),
                &Symptom::of(Sign::Transient, || "g"),
                &Symptom::of(Sign::Transient, || "h"),
            ];
            let mut symptoms = Newest::new();
            for symptom in ALL {
                record(&mut symptoms, symptom, matter);
            }
            symptoms
        };
        let newest = all(2).of_the_newest(2);
        assert_eq!(
            newest[0].type_name.zip(newest[1].type_name),
            Some(("g", "h"))
        );
        let named = all(8).of_the_newest(8);
        assert_eq!(named.len(), KNOWN + 1);
        assert_eq!(named[KNOWN].to_string(), "4 × other");
    }

    #[test]
    fn a_kind_that_is_told_at_two_places_is_one() {
        static ELSEWHERE: Symptom = Symptom::of(Sign::Transient, || "a::A");
        let mut symptoms = Newest::new();
        record(&mut symptoms, A, 1);
        record(&mut symptoms, &ELSEWHERE, 1);
        assert_eq!(texts(&symptoms.of_the_newest(2)), ["2 × transient A"]);
    }

    #[test]
    fn what_is_told_of_many_failures_adds_up_to_all_of_them() {
        let mut symptoms = Newest::new();
        for number in 0..1000 {
            record(&mut symptoms, if number % 4 == 0 { A } else { B }, number);
        }
        assert_eq!(
            texts(&symptoms.of_the_newest(1000)),
            ["24 × timed_out B", "8 × transient A", "968 × other"]
        );
    }

    #[test]
    fn what_is_remembered_fits_into_an_instance_for_a_key() {
        assert!(size_of::<Newest>() <= 72, "{}", size_of::<Newest>());
    }

    #[test]
    fn the_name_of_a_type_is_written_without_modules() {
        for (full, short) in [
            ("checkout::gateway::PriceError", "PriceError"),
            ("&str", "&str"),
            ("()", "()"),
            (
                "alloc::boxed::Box<dyn core::error::Error + core::marker::Send>",
                "Box<dyn Error + Send>",
            ),
            (
                "core::result::Result<a::B, (c::D, [u8; 4])>",
                "Result<B, (D, [u8; 4])>",
            ),
        ] {
            assert_eq!(Short(full).to_string(), short);
        }
    }
}
