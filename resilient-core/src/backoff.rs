//! How long a call waits between its attempts. Pure arithmetic: random numbers come in as values.

use crate::given::{FromGiven, Given, call};
use crate::setting::{Share, Span, Value, duration, range};
use crate::time::{Nanos, nanos};
use std::fmt;
use std::time::Duration;

/// How the delays between the attempts of one call grow, before jitter.
///
/// Every growing backoff saturates at its cap, however many retries there are. What is out of
/// range (a delay of zero that should grow, a cap below the first delay) is refused by
/// [`RetryPolicy::backoff`](crate::RetryPolicy::backoff): in an attribute that is a compile error.
///
/// ```
/// use resilient_core::{Backoff, RetryPolicy};
/// use std::time::Duration;
///
/// let (short, long) = (Duration::from_millis(100), Duration::from_secs(5));
/// assert_eq!(Backoff::exponential(short, long).to_string(), "exponential(100ms..5s)");
/// assert_eq!(Backoff::fixed(Duration::ZERO).to_string(), "fixed(0s)");
///
/// let backwards = RetryPolicy::new().backoff(Backoff::linear(long, short));
/// assert_eq!(backwards.invalid().unwrap().key(), "backoff");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Backoff {
    growth: Growth,
    base: Nanos,
    max: Nanos,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Growth {
    Fixed,
    Linear,
    Exponential,
    Fibonacci,
}

impl Backoff {
    /// The default: `exponential(100ms..30s)`.
    pub(crate) const DEFAULT: Self =
        Self::exponential(Duration::from_millis(100), Duration::from_secs(30));

    /// Always `delay`, which may be zero. Jitter may lengthen it, for it has no cap.
    #[must_use]
    pub const fn fixed(delay: Duration) -> Self {
        Self {
            growth: Growth::Fixed,
            base: nanos(delay),
            max: nanos(delay),
        }
    }

    /// `base`, 2 × `base`, 3 × `base` and so on, never more than `max`.
    #[must_use]
    pub const fn linear(base: Duration, max: Duration) -> Self {
        Self {
            growth: Growth::Linear,
            base: nanos(base),
            max: nanos(max),
        }
    }

    /// `base`, `base` × factor, `base` × factor² and so on, never more than `max`.
    ///
    /// The factor is a setting of its own: [`RetryPolicy::factor`](crate::RetryPolicy::factor).
    #[must_use]
    pub const fn exponential(base: Duration, max: Duration) -> Self {
        Self {
            growth: Growth::Exponential,
            base: nanos(base),
            max: nanos(max),
        }
    }

    /// 1, 2, 3, 5, 8 and so on times `base`, never more than `max`.
    #[must_use]
    pub const fn fibonacci(base: Duration, max: Duration) -> Self {
        Self {
            growth: Growth::Fibonacci,
            base: nanos(base),
            max: nanos(max),
        }
    }

    /// True if the delays have something to grow from.
    pub(crate) const fn can_grow(self) -> bool {
        matches!(self.growth, Growth::Fixed) || self.base != 0
    }

    /// True if the cap is not below the first delay.
    pub(crate) const fn is_ascending(self) -> bool {
        self.base <= self.max
    }

    pub(crate) const fn is_exponential(self) -> bool {
        matches!(self.growth, Growth::Exponential)
    }

    /// The longest delay before jitter.
    pub(crate) const fn cap(self) -> Nanos {
        self.max
    }

    /// The delay before the retry with this number, from 1, without jitter.
    fn delay(self, factor: f64, retry: u32) -> Nanos {
        let (base, cap) = (self.base, self.max);
        let grown = match self.growth {
            Growth::Fixed => base,
            Growth::Linear => base.saturating_mul(retry.into()),
            Growth::Exponential => exponential(base, factor, retry),
            Growth::Fibonacci => fibonacci(base, retry),
        };
        grown.min(cap)
    }
}

/// `base` × `factor` to the power of `retry` − 1; what is too large becomes the largest number.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "exact up to 104 days; beyond, and at infinity, a cast from float saturates"
)]
pub(crate) fn exponential(base: Nanos, factor: f64, retry: u32) -> Nanos {
    let exponent = i32::try_from(retry.saturating_sub(1)).unwrap_or(i32::MAX);
    (base as f64 * factor.powi(exponent)).round() as Nanos
}

/// At most so many steps, for by then every length of time has become the largest number.
const STEPS: u32 = 94;

fn fibonacci(base: Nanos, retry: u32) -> Nanos {
    let (mut before, mut delay) = (base, base);
    for _ in 1..retry.min(STEPS) {
        (before, delay) = (delay, before.saturating_add(delay));
    }
    delay
}

/// A delay as it is written.
const fn span(delay: Nanos) -> Span {
    Span(Duration::from_nanos(delay))
}

impl fmt::Display for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.growth {
            Growth::Fixed => return f.pad(&format!("fixed({})", span(self.base))),
            Growth::Linear => "linear",
            Growth::Exponential => "exponential",
            Growth::Fibonacci => "fibonacci",
        };
        f.pad(&format!("{name}({}..{})", span(self.base), span(self.max)))
    }
}

impl From<Backoff> for Value {
    fn from(backoff: Backoff) -> Self {
        Self::Text(backoff.to_string())
    }
}

impl FromGiven for Backoff {
    const EXPECTED: &'static str = "a backoff such as `fixed(1s)`, `linear(100ms..10s)`, \
                                    `exponential(100ms..10s)` or `fibonacci(100ms..10s)`";

    fn from_given(given: &Given) -> Option<Self> {
        let Given::Text(text) = given else {
            return None;
        };
        let (growth, delays) = call(text)?;
        let delays = delays?;
        if growth == "fixed" {
            return duration(delays).map(Self::fixed);
        }
        let (base, max) = range(delays)?;
        match growth {
            "linear" => Some(Self::linear(base, max)),
            "exponential" => Some(Self::exponential(base, max)),
            "fibonacci" => Some(Self::fibonacci(base, max)),
            _ => None,
        }
    }
}

/// How chance changes the delays, so that callers which failed together do not come back together.
///
/// The result never exceeds the cap of a growing backoff; `fixed` has no cap.
///
/// ```
/// use resilient_core::{Backoff, Jitter, RetryPolicy, Share};
/// use std::time::Duration;
///
/// assert_eq!(Jitter::full().to_string(), "full");
/// assert_eq!(Jitter::proportional(Share::percent(20)).to_string(), "proportional(20%)");
///
/// let contradiction = RetryPolicy::new()
///     .backoff(Backoff::fixed(Duration::from_secs(1)))
///     .jitter(Jitter::decorrelated());
/// assert_eq!(contradiction.invalid().unwrap().key(), "jitter");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Jitter(Spread);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Spread {
    None,
    Full,
    Equal,
    Decorrelated,
    Proportional(Share),
    Additive(Share),
}

impl Jitter {
    /// The delay as it is.
    #[must_use]
    pub const fn none() -> Self {
        Self(Spread::None)
    }

    /// Anything from zero to the delay.
    #[must_use]
    pub const fn full() -> Self {
        Self(Spread::Full)
    }

    /// Half of the delay, and anything from zero to the other half.
    #[must_use]
    pub const fn equal() -> Self {
        Self(Spread::Equal)
    }

    /// Anything from the backoff's first delay to three times the delay before, with `exponential`
    /// without `factor` only.
    ///
    /// Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    #[must_use]
    pub const fn decorrelated() -> Self {
        Self(Spread::Decorrelated)
    }

    /// The delay, less or more by up to `share` of it.
    #[must_use]
    pub const fn proportional(share: Share) -> Self {
        Self(Spread::Proportional(share))
    }

    /// The delay, and anything from zero to `share` of it on top.
    #[must_use]
    pub const fn additive(share: Share) -> Self {
        Self(Spread::Additive(share))
    }

    pub(crate) const fn is_decorrelated(self) -> bool {
        matches!(self.0, Spread::Decorrelated)
    }
}

impl fmt::Display for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Spread::None => f.pad("none"),
            Spread::Full => f.pad("full"),
            Spread::Equal => f.pad("equal"),
            Spread::Decorrelated => f.pad("decorrelated"),
            Spread::Proportional(share) => f.pad(&format!("proportional({share})")),
            Spread::Additive(share) => f.pad(&format!("additive({share})")),
        }
    }
}

impl From<Jitter> for Value {
    fn from(jitter: Jitter) -> Self {
        Self::Text(jitter.to_string())
    }
}

impl FromGiven for Jitter {
    const EXPECTED: &'static str = "one of `none`, `full`, `equal`, `decorrelated`, \
                                    `proportional(20%)` and `additive(100%)`";

    fn from_given(given: &Given) -> Option<Self> {
        let Given::Text(text) = given else {
            return None;
        };
        let share = |share: &str| Share::from_given(&share.into());
        match call(text)? {
            ("none", None) => Some(Self::none()),
            ("full", None) => Some(Self::full()),
            ("equal", None) => Some(Self::equal()),
            ("decorrelated", None) => Some(Self::decorrelated()),
            ("proportional", Some(inside)) => share(inside).map(Self::proportional),
            ("additive", Some(inside)) => share(inside).map(Self::additive),
            _ => None,
        }
    }
}

/// What the next delay of one call depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delays {
    drawn: u32,
    previous: Nanos,
}

impl Delays {
    pub(crate) const fn new() -> Self {
        Self {
            drawn: 0,
            previous: 0,
        }
    }

    /// How many delays have been drawn.
    #[inline]
    pub(crate) const fn drawn(self) -> u32 {
        self.drawn
    }

    /// Draws the next delay; `random` is any number, all of them equally likely.
    pub(crate) fn next(
        &mut self,
        backoff: Backoff,
        factor: f64,
        jitter: Jitter,
        random: u64,
    ) -> Nanos {
        self.drawn = self.drawn.saturating_add(1);
        let delay = backoff.delay(factor, self.drawn);
        let spread = match jitter.0 {
            // Two places that define one name may write what neither could write alone.
            Spread::Decorrelated if !backoff.is_exponential() => Spread::Full,
            spread => spread,
        };
        let (low, high) = match spread {
            Spread::None => (delay, delay),
            Spread::Full => (0, delay),
            Spread::Equal => (delay / 2, delay),
            Spread::Decorrelated => {
                let base = backoff.base;
                (base, self.previous.max(base).saturating_mul(3))
            }
            Spread::Proportional(share) => around(delay, share),
            Spread::Additive(share) => (delay, delay.saturating_add(part(delay, share))),
        };
        let jittered = uniform(low, high, random);
        self.previous = if matches!(backoff.growth, Growth::Fixed) {
            jittered
        } else {
            jittered.min(backoff.cap())
        };
        self.previous
    }
}

/// The sum of the first `count` delays, if chance makes each as long as it can; beyond a thousand
/// delays it reckons with the last one.
pub(crate) fn longest_sum(backoff: Backoff, factor: f64, jitter: Jitter, count: u32) -> Nanos {
    let mut delays = Delays::new();
    let mut sum: Nanos = 0;
    let drawn = count.min(1000);
    for _ in 0..drawn {
        sum = sum.saturating_add(delays.next(backoff, factor, jitter, u64::MAX));
    }
    sum.saturating_add(delays.previous.saturating_mul((count - drawn).into()))
}

/// This share of `delay`, rounded down.
fn part(delay: Nanos, share: Share) -> Nanos {
    let part = u128::from(delay) * u128::from(share.as_parts_per_million()) / 1_000_000;
    Nanos::try_from(part).unwrap_or(delay)
}

/// What lies at most this share of `delay` below or above it.
fn around(delay: Nanos, share: Share) -> (Nanos, Nanos) {
    let part = part(delay, share);
    (delay - part, delay.saturating_add(part))
}

/// `delay`, less or more by up to `share` of it, as `random` says: any number, all equally likely.
pub(crate) fn proportional(delay: Nanos, share: Share, random: u64) -> Nanos {
    let (low, high) = around(delay, share);
    uniform(low, high, random)
}

/// The number from `low` to `high`, both included, that `random` stands for.
#[allow(
    clippy::cast_possible_truncation,
    reason = "the high half of a product of 64 by 65 bits, the latter at most 2^64, fits 64 bits"
)]
fn uniform(low: Nanos, high: Nanos, random: u64) -> Nanos {
    let choices = u128::from(high - low) + 1;
    low + ((u128::from(random) * choices) >> 64) as Nanos
}

#[cfg(any(test, resilient_fuzz))]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_backoff_or_a_jitter_can_be_given_back() {
        for text in [
            "fixed(1s)",
            "linear(1s..10s)",
            "exponential(100ms..1m30s)",
            "fibonacci(1ms..1h)",
        ] {
            assert_eq!(
                Backoff::from_given(&text.into()).expect(text).to_string(),
                text
            );
        }
        for text in [
            "none",
            "full",
            "equal",
            "decorrelated",
            "proportional(20%)",
            "additive(100%)",
        ] {
            assert_eq!(
                Jitter::from_given(&text.into()).expect(text).to_string(),
                text
            );
        }
        for text in [
            "fixed",
            "fixed(1s..2s)",
            "linear(1s)",
            "exponential(1s..2s",
            "square(1s..2s)",
            "",
        ] {
            assert_eq!(Backoff::from_given(&text.into()), None, "{text}");
        }
        for text in ["full(20%)", "proportional", "additive(20)", "some", ""] {
            assert_eq!(Jitter::from_given(&text.into()), None, "{text}");
        }
    }
    use proptest::prelude::*;

    const MILLI: Nanos = 1_000_000;

    fn milli(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// The first delays in milliseconds, without jitter.
    fn first(backoff: Backoff, factor: f64, count: usize) -> Vec<u64> {
        let mut delays = Delays::new();
        (0..count)
            .map(|_| delays.next(backoff, factor, Jitter::none(), 0) / MILLI)
            .collect()
    }

    /// The least, a middle and the greatest delay that the first retry can get, in milliseconds.
    fn range(backoff: Backoff, jitter: Jitter) -> [u64; 3] {
        [0, u64::MAX / 2, u64::MAX]
            .map(|random| Delays::new().next(backoff, 2.0, jitter, random) / MILLI)
    }

    #[test]
    fn each_backoff_grows_by_its_own_rule() {
        let (base, max) = (milli(100), milli(1000));
        assert_eq!(first(Backoff::fixed(base), 2.0, 4), [100; 4]);
        assert_eq!(
            first(Backoff::linear(base, max), 2.0, 12),
            [
                100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1000, 1000
            ]
        );
        assert_eq!(
            first(Backoff::exponential(base, max), 2.0, 6),
            [100, 200, 400, 800, 1000, 1000]
        );
        assert_eq!(
            first(Backoff::exponential(base, max), 1.5, 7),
            [100, 150, 225, 337, 506, 759, 1000]
        );
        assert_eq!(
            first(Backoff::exponential(base, max), 1.0, 3),
            [100, 100, 100]
        );
        assert_eq!(
            first(Backoff::fibonacci(base, max), 2.0, 7),
            [100, 200, 300, 500, 800, 1000, 1000]
        );
    }

    #[test]
    fn the_longest_sum_reckons_with_the_worst_of_chance() {
        let (base, max) = (milli(100), milli(1000));
        let sum = |backoff, jitter, count| longest_sum(backoff, 2.0, jitter, count) / MILLI;
        assert_eq!(
            sum(Backoff::exponential(base, max), Jitter::full(), 5),
            100 + 200 + 400 + 800 + 1000
        );
        assert_eq!(
            sum(Backoff::exponential(base, max), Jitter::decorrelated(), 3),
            300 + 900 + 1000
        );
        assert_eq!(
            sum(
                Backoff::fixed(base),
                Jitter::additive(Share::percent(50)),
                2
            ),
            300
        );
        assert_eq!(sum(Backoff::fixed(base), Jitter::none(), 10_000), 1_000_000);
        assert_eq!(sum(Backoff::fixed(base), Jitter::none(), 0), 0);
    }

    #[test]
    fn every_backoff_saturates_at_its_cap_after_ten_thousand_retries() {
        let (base, max) = (Duration::from_nanos(1), Duration::from_secs(30));
        for backoff in [
            Backoff::exponential(base, max),
            Backoff::fibonacci(base, max),
            Backoff::linear(milli(4), max),
        ] {
            for jitter in [Jitter::none(), Jitter::additive(Share::percent(100))] {
                let mut delays = Delays::new();
                let mut last = 0;
                for _ in 0..10_000 {
                    last = delays.next(backoff, 2.0, jitter, u64::MAX);
                }
                assert_eq!(last, nanos(max), "{backoff} {jitter}");
            }
            assert_eq!(backoff.delay(f64::MAX, u32::MAX), nanos(max), "{backoff}");
        }
    }

    #[test]
    fn the_longest_durations_do_not_overflow() {
        let longest = Duration::MAX;
        for backoff in [
            Backoff::fixed(longest),
            Backoff::linear(longest, longest),
            Backoff::exponential(longest, longest),
            Backoff::fibonacci(longest, longest),
        ] {
            for jitter in [
                Jitter::full(),
                Jitter::decorrelated(),
                Jitter::proportional(Share::percent(100)),
                Jitter::additive(Share::percent(100)),
            ] {
                let mut delays = Delays::new();
                for _ in 0..3 {
                    delays.next(backoff, 2.0, jitter, u64::MAX);
                }
            }
        }
    }

    #[test]
    fn each_jitter_spreads_the_delay_by_its_own_rule() {
        let backoff = Backoff::linear(milli(100), milli(1000));
        let fifth = Share::percent(20);
        assert_eq!(range(backoff, Jitter::none()), [100, 100, 100]);
        assert_eq!(range(backoff, Jitter::full()), [0, 50, 100]);
        assert_eq!(range(backoff, Jitter::equal()), [50, 75, 100]);
        assert_eq!(range(backoff, Jitter::proportional(fifth)), [80, 100, 120]);
        assert_eq!(
            range(backoff, Jitter::additive(Share::percent(100))),
            [100, 150, 200]
        );
    }

    #[test]
    fn jitter_never_leads_beyond_the_cap() {
        let backoff = Backoff::linear(milli(100), milli(110));
        let whole = Share::percent(100);
        assert_eq!(range(backoff, Jitter::proportional(whole))[2], 110);
        assert_eq!(range(backoff, Jitter::additive(whole))[2], 110);
    }

    #[test]
    fn a_fixed_delay_has_no_cap_and_may_be_lengthened_by_jitter() {
        let backoff = Backoff::fixed(milli(100));
        let fifth = Share::percent(20);
        assert_eq!(range(backoff, Jitter::proportional(fifth)), [80, 100, 120]);
        assert_eq!(range(backoff, Jitter::additive(fifth)), [100, 110, 120]);
    }

    #[test]
    fn decorrelated_jitter_draws_between_the_base_and_three_times_the_delay_before() {
        let backoff = Backoff::exponential(milli(100), milli(2000));
        let draw = |delays: &mut Delays, random| {
            delays.next(backoff, 2.0, Jitter::decorrelated(), random) / MILLI
        };
        let mut longest = Delays::new();
        assert_eq!(draw(&mut longest, u64::MAX), 300);
        assert_eq!(draw(&mut longest, u64::MAX), 900);
        assert_eq!(draw(&mut longest, u64::MAX), 2000, "capped, not 2700");
        assert_eq!(draw(&mut longest, 0), 100, "not correlated with the number");
        assert_eq!(draw(&mut longest, u64::MAX), 300);
    }

    #[test]
    fn a_random_number_reaches_both_ends_of_its_range() {
        assert_eq!(uniform(3, 5, 0), 3);
        assert_eq!(uniform(3, 5, u64::MAX / 2), 4);
        assert_eq!(uniform(3, 5, u64::MAX), 5);
        assert_eq!(uniform(0, u64::MAX, u64::MAX), u64::MAX);
        assert_eq!(uniform(7, 7, u64::MAX), 7);
    }

    #[test]
    fn full_jitter_reaches_every_tenth_of_its_range() {
        let backoff = Backoff::fixed(Duration::from_nanos(999));
        let mut random = fastrand::Rng::with_seed(7);
        let mut tenths = [0_u32; 10];
        for _ in 0..10_000 {
            let delay = Delays::new().next(backoff, 2.0, Jitter::full(), random.u64(..));
            tenths[usize::try_from(delay / 100).expect("a small number")] += 1;
        }
        assert!(tenths.iter().all(|count| *count > 800), "{tenths:?}");
    }

    #[test]
    fn a_backoff_is_written_as_in_an_attribute() {
        let (base, max) = (milli(100), milli(90_000));
        assert_eq!(Backoff::DEFAULT.to_string(), "exponential(100ms..30s)");
        assert_eq!(Backoff::fixed(base).to_string(), "fixed(100ms)");
        assert_eq!(
            Backoff::linear(base, max).to_string(),
            "linear(100ms..1m30s)"
        );
        assert_eq!(
            Backoff::fibonacci(base, max).to_string(),
            "fibonacci(100ms..1m30s)"
        );
        assert_eq!(
            Value::from(Jitter::additive(Share::percent(100))).to_string(),
            "additive(100%)"
        );
    }

    prop_compose! {
        fn backoffs()(growth in 0..4, base in 1..10_000_000_000_u64, over in 0..100_000_000_000_u64)
            -> Backoff {
            let (base, max) = (Duration::from_nanos(base), Duration::from_nanos(base + over));
            match growth {
                0 => Backoff::fixed(base),
                1 => Backoff::linear(base, max),
                2 => Backoff::exponential(base, max),
                _ => Backoff::fibonacci(base, max),
            }
        }
    }

    /// The delay of this retry without jitter, added and multiplied one retry after another.
    fn by_hand(backoff: Backoff, factor: u32, retry: u32) -> Nanos {
        let (base, cap) = (u128::from(backoff.base), u128::from(backoff.cap()));
        let mut delays = vec![base, base];
        for number in 1..=u128::from(retry) {
            let [.., before, last] = delays[..] else {
                unreachable!("there are two")
            };
            delays.push(
                match backoff.growth {
                    Growth::Fixed => base,
                    Growth::Linear => base * number,
                    Growth::Exponential | Growth::Fibonacci if number == 1 => base,
                    Growth::Exponential => last * u128::from(factor),
                    Growth::Fibonacci => before + last,
                }
                .min(1 << 90),
            );
        }
        Nanos::try_from(delays[delays.len() - 1].min(cap)).expect("the cap is one")
    }

    crate::tests::histories! {
        /// The settings may change between two retries of one call; the state is the call's own.
        #[test]
        fn the_delays_of_a_call_are_those_of_a_list_while_its_settings_change(
            draws in crate::tests::steps(
                (backoffs(), 1..4_u32, 0..6_usize, 0..=1_000_000_u32, any::<u64>(), 1..5_usize), 1..20,
            ),
        ) {
            let (mut delays, mut retry, mut previous) = (Delays::new(), 0, 0);
            for (backoff, factor, kind, parts, random, times) in draws {
                let share = Share::parts_per_million(parts);
                let jitter = [
                    Jitter::none(), Jitter::full(), Jitter::equal(), Jitter::decorrelated(),
                    Jitter::proportional(share), Jitter::additive(share),
                ][kind];
                for _ in 0..times {
                    retry += 1;
                    let delay = by_hand(backoff, factor, retry);
                    let part = u128::from(delay) * u128::from(parts) / 1_000_000;
                    let part = Nanos::try_from(part).expect("less than the delay");
                    let grows = !matches!(backoff.growth, Growth::Fixed);
                    let is_exponential = matches!(backoff.growth, Growth::Exponential);
                    let (low, high) = match kind {
                        0 => (delay, delay),
                        2 => (delay / 2, delay),
                        3 if is_exponential => (backoff.base, 3 * backoff.base.max(previous)),
                        4 => (delay - part, delay + part),
                        5 => (delay, delay + part),
                        _ => (0, delay),
                    };
                    let cap = if grows { backoff.cap() } else { Nanos::MAX };
                    let drawn = delays.next(backoff, factor.into(), jitter, random);
                    let told = format!("{backoff} {factor} {jitter}, retry {retry}: {drawn}");
                    prop_assert!((low.min(cap)..=high.min(cap)).contains(&drawn), "{}", told);
                    let (mut least, mut most) = (delays, delays);
                    for (at, random, end) in [(&mut least, 0, low), (&mut most, u64::MAX, high)] {
                        (at.drawn, at.previous) = (retry - 1, previous);
                        let drawn = at.next(backoff, factor.into(), jitter, random);
                        prop_assert_eq!(drawn, end.min(cap), "an end of: {}", &told);
                    }
                    previous = drawn;
                }
            }
        }

        #[test]
        fn delays_without_jitter_never_shrink_and_stay_between_base_and_cap(
            backoff in backoffs(), factor in 1.0..10.0_f64, retry in 1..20_000_u32,
        ) {
            let delay = backoff.delay(factor, retry);
            prop_assert!(backoff.base <= delay && delay <= backoff.cap());
            prop_assert!(delay <= backoff.delay(factor, retry + 1));
        }

        #[test]
        fn jitter_keeps_to_the_bounds_of_its_rule(
            backoff in backoffs(), parts in 0..=1_000_000_u32, drawn in 0..200_u32,
            random in any::<u64>(),
        ) {
            let share = Share::parts_per_million(parts);
            let at = Delays { drawn, previous: 0 };
            let delay = backoff.delay(2.0, drawn + 1);
            let draw = |jitter| { let mut at = at; at.next(backoff, 2.0, jitter, random) };
            let cap = if matches!(backoff.growth, Growth::Fixed) { u64::MAX } else { backoff.cap() };
            let part = part(delay, share);
            prop_assert_eq!(draw(Jitter::none()), delay);
            prop_assert!(draw(Jitter::full()) <= delay);
            prop_assert!((delay / 2..=delay).contains(&draw(Jitter::equal())));
            let proportional = draw(Jitter::proportional(share));
            prop_assert!((delay - part..=cap.min(delay + part)).contains(&proportional));
            let additive = draw(Jitter::additive(share));
            prop_assert!((delay..=cap.min(delay + part)).contains(&additive));
        }

        #[test]
        fn decorrelated_delays_keep_to_base_cap_and_three_times_the_one_before(
            base in 1..10_000_000_000_u64, over in 0..100_000_000_000_u64,
            randoms in crate::tests::steps(any::<u64>(), 1..50),
        ) {
            let (least, most) = (Duration::from_nanos(base), Duration::from_nanos(base + over));
            let backoff = Backoff::exponential(least, most);
            let (mut delays, mut previous) = (Delays::new(), base);
            for random in randoms {
                let delay = delays.next(backoff, 2.0, Jitter::decorrelated(), random);
                prop_assert!((base..=(3 * previous).min(base + over)).contains(&delay));
                previous = delay;
            }
        }
    }
}
