//! The histories over which the machines are compared with their oracles, and where they come from: from
//! a seed, or, in the fuzz targets (`fuzz/`), which compile these tests with `--cfg resilient_fuzz`, from
//! arbitrary bytes.

#[cfg(not(resilient_fuzz))]
pub(crate) use seeded::{compare, steps};

#[cfg(resilient_fuzz)]
pub(crate) use fed::{History, compare, steps};

#[cfg(resilient_fuzz)]
pub use fed::{histories as all, play};

/// Tests that hold for every history of a strategy: written as for `proptest!`, and known to the fuzzer.
macro_rules! histories {
    ($(
        $(#[doc = $doc:literal])*
        #[test]
        fn $name:ident($($history:pat in $strategy:expr),+ $(,)?) $holds:block
    )+) => {$(
        $(#[doc = $doc])*
        #[cfg_attr(test, test)]
        fn $name() {
            $crate::tests::compare(&($($strategy,)+), |($($history,)+)| {
                $holds
                Ok(())
            });
        }

        #[cfg(resilient_fuzz)]
        inventory::submit! { $crate::tests::History { name: stringify!($name), compare: $name } }
    )+};
}

pub(crate) use histories;

#[cfg(not(resilient_fuzz))]
mod seeded {
    use proptest::collection::{VecStrategy, vec};
    use proptest::strategy::Strategy;
    use proptest::test_runner::{Config, RngSeed, TestCaseResult, TestRunner};
    use std::env;
    use std::ops::Range;

    /// So many steps, one after the other.
    pub(crate) fn steps<S: Strategy>(step: S, count: Range<usize>) -> VecStrategy<S> {
        vec(step, count)
    }

    /// Ten thousand histories, the same ones in every run.
    ///
    /// `RESILIENT_HISTORIES=1000000` asks for more of them, and `RESILIENT_SEED=7` for others;
    /// `RESILIENT_SEED=random` for others each time. A history that fails is shrunk and printed.
    #[track_caller]
    pub(crate) fn compare<S: Strategy>(histories: &S, holds: impl Fn(S::Value) -> TestCaseResult) {
        let outcome = TestRunner::new(config()).run(histories, holds);
        outcome.unwrap_or_else(|failure| panic!("{failure}"));
    }

    fn config() -> Config {
        let asked = |variable| env::var(variable).ok();
        let cases = asked("RESILIENT_HISTORIES").map_or(10_000, |asked| {
            asked.parse().expect("RESILIENT_HISTORIES is a number")
        });
        let rng_seed = match asked("RESILIENT_SEED").as_deref() {
            None => RngSeed::Fixed(1),
            Some("random") => RngSeed::Random,
            Some(seed) => RngSeed::Fixed(seed.parse().expect("RESILIENT_SEED is a number")),
        };
        Config {
            rng_seed,
            failure_persistence: None,
            ..Config::with_cases(cases)
        }
    }
}

#[cfg(resilient_fuzz)]
mod fed {
    use proptest::strategy::{Just, NewTree, Strategy, ValueTree};
    use proptest::test_runner::{Config, RngAlgorithm, TestCaseError};
    use proptest::test_runner::{TestCaseResult, TestRng, TestRunner};
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::ops::Range;

    /// A test that the fuzzer may feed.
    #[derive(Debug)]
    pub(crate) struct History {
        pub(crate) name: &'static str,
        pub(crate) compare: fn(),
    }

    inventory::collect!(History);

    /// So many bytes of the input say what everything but the steps is, and what each step is. So the
    /// fuzzer may change, repeat, move and leave out single steps.
    const BYTES_OF_ONE: usize = 4;

    thread_local! {
        static BYTES: RefCell<VecDeque<u8>> = const { RefCell::new(VecDeque::new()) };
    }

    /// The names of all tests that can be fed.
    pub fn histories() -> impl Iterator<Item = &'static str> {
        inventory::iter::<History>.into_iter().map(|one| one.name)
    }

    /// Makes the history of these bytes, and compares the machine of this test with its oracle over it.
    ///
    /// # Panics
    ///
    /// If they differ, or nothing is called like that.
    pub fn play(name: &str, bytes: &[u8]) {
        let mut all = inventory::iter::<History>.into_iter();
        let history = all.find(|history| history.name == name);
        BYTES.set(bytes.iter().copied().collect());
        (history.expect("it is one of `histories()`").compare)();
    }

    pub(crate) fn compare<S: Strategy>(histories: &S, holds: impl Fn(S::Value) -> TestCaseResult) {
        let Ok(history) = histories.new_tree(&mut runner()) else {
            return; // no value of these bytes passes a filter
        };
        if let Err(TestCaseError::Fail(reason)) = holds(history.current()) {
            panic!("{reason}");
        }
    }

    /// Draws what the next bytes say; 0 behind their end.
    fn runner() -> TestRunner {
        let mut seed = [0; 32];
        BYTES.with_borrow_mut(|bytes| {
            let next = bytes.drain(..bytes.len().min(BYTES_OF_ONE));
            for (into, byte) in seed.iter_mut().zip(next) {
                *into = byte;
            }
        });
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        TestRunner::new_with_rng(Config::default(), random)
    }

    /// As many steps as there are bytes for, in these bounds.
    pub(crate) fn steps<S: Strategy>(step: S, count: Range<usize>) -> Steps<S> {
        Steps { step, count }
    }

    /// See [`steps`].
    #[derive(Clone, Debug)]
    pub(crate) struct Steps<S> {
        step: S,
        count: Range<usize>,
    }

    impl<S: Strategy<Value: Clone>> Strategy for Steps<S> {
        type Tree = Just<Vec<S::Value>>;
        type Value = Vec<S::Value>;

        fn new_tree(&self, _: &mut TestRunner) -> NewTree<Self> {
            let mut steps = Vec::new();
            while steps.len() + 1 < self.count.end
                && (steps.len() < self.count.start || BYTES.with_borrow(|bytes| !bytes.is_empty()))
            {
                steps.push(self.step.new_tree(&mut runner())?.current());
            }
            Ok(Just(steps))
        }
    }
}
