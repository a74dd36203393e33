//! What may be written in which attribute: one table, which diagnostics and expansion share.
//!
//! Defaults and limits are not here: they live in the builders of `resilient-core` alone, and a
//! test compares the keys of data with theirs.

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// A whole number.
    Count,
    /// A number that may have a fraction.
    Factor,
    /// `true` or `false`.
    Flag,
    /// `250ms`
    Duration,
    /// `250ms`, or a closure that is evaluated once per entry.
    DurationOrClosure,
    /// `50%`
    Share,
    /// `[10%, 50%]`
    Shares,
    /// `100/s`
    Rate,
    /// `exponential(100ms..5s)`
    Backoff,
    /// `full`
    Jitter,
    /// `fifo`
    Order,
    /// `sliding_window`
    Algorithm,
    /// `20%`, or `budget("gateway", 20%)`
    Budget,
    /// `250ms`, or `p95`
    After,
    /// A path or a closure that looks at an outcome.
    Predicate,
    /// A path or a closure that is told the number of the next attempt.
    Hook,
    /// A path or a closure that answers instead of the function.
    Function,
    /// Any expression, evaluated in the function.
    Expression,
    /// The name of a new local variable of the function.
    Binding,
    /// Nothing: the bare word says it.
    Mark,
}

impl Takes {
    /// Whether the value is data, which the registry keeps, and not code, which stays at the site.
    pub(crate) const fn is_data(self) -> bool {
        !matches!(
            self,
            Self::Predicate
                | Self::Hook
                | Self::Function
                | Self::Expression
                | Self::Binding
                | Self::Mark
        )
    }
}

/// One key of an attribute.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) takes: Takes,
}

/// The one value of an attribute that may stand without its key.
#[derive(Debug)]
pub(crate) struct Positional {
    pub(crate) key: &'static str,
    pub(crate) takes: Takes,
    /// An example of the attribute, if it means nothing without this value.
    pub(crate) compulsory: Option<&'static str>,
}

/// One attribute.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) name: &'static str,
    /// The builder of its data.
    pub(crate) policy: &'static str,
    /// Whether it can refuse a call or cut it off.
    pub(crate) rejects: bool,
    pub(crate) positional: Option<Positional>,
    pub(crate) keys: &'static [Key],
}

impl Attribute {
    pub(crate) fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The attribute of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        ATTRIBUTES.iter().find(|attribute| attribute.name == name)
    }
}

const fn key(name: &'static str, takes: Takes) -> Key {
    Key { name, takes }
}

const fn positional(
    key: &'static str,
    takes: Takes,
    compulsory: Option<&'static str>,
) -> Positional {
    Positional {
        key,
        takes,
        compulsory,
    }
}

/// The keys that stand on any one attribute of a stack and hold for all of it.
pub(crate) const SHARED: [&str; 2] = ["map_err", "crate"];

/// All attributes.
pub(crate) static ATTRIBUTES: [Attribute; 7] = [
    Attribute {
        name: "circuit_breaker",
        policy: "CircuitBreakerPolicy",
        rejects: true,
        positional: None,
        keys: &[
            key("failure_threshold", Takes::Count),
            key("failure_rate", Takes::Share),
            key("window", Takes::Count),
            key("window_time", Takes::Duration),
            key("min_calls", Takes::Count),
            key("slow_call", Takes::Duration),
            key("slow_call_rate", Takes::Share),
            key("open_for", Takes::Duration),
            key("open_backoff", Takes::Factor),
            key("open_jitter", Takes::Share),
            key("half_open_calls", Takes::Count),
            key("success_threshold", Takes::Count),
            key("half_open_for", Takes::Duration),
            key("ramp", Takes::Shares),
            key("count_rejections", Takes::Flag),
            key("obey_retry_after", Takes::Flag),
            key("max_keys", Takes::Count),
            key("enabled", Takes::Flag),
            key("key", Takes::Expression),
            key("when", Takes::Predicate),
            key("unless", Takes::Predicate),
            key("when_ok", Takes::Predicate),
        ],
    },
    Attribute {
        name: "retry",
        policy: "RetryPolicy",
        rejects: false,
        positional: Some(positional("attempts", Takes::Count, None)),
        keys: &[
            key("attempts", Takes::Count),
            key("backoff", Takes::Backoff),
            key("factor", Takes::Factor),
            key("jitter", Takes::Jitter),
            key("max_elapsed", Takes::Duration),
            key("budget", Takes::Budget),
            key("enabled", Takes::Flag),
            key("when", Takes::Predicate),
            key("unless", Takes::Predicate),
            key("when_ok", Takes::Predicate),
            key("when_rejected", Takes::Predicate),
            key("before", Takes::Hook),
            key("attempt", Takes::Binding),
            key("idempotency_key", Takes::Expression),
        ],
    },
    Attribute {
        name: "timeout",
        policy: "TimeoutPolicy",
        rejects: true,
        positional: Some(positional(
            "duration",
            Takes::DurationOrClosure,
            Some("timeout(5s)"),
        )),
        keys: &[
            key("duration", Takes::DurationOrClosure),
            key("enabled", Takes::Flag),
        ],
    },
    Attribute {
        name: "bulkhead",
        policy: "BulkheadPolicy",
        rejects: true,
        positional: Some(positional("limit", Takes::Count, Some("bulkhead(20)"))),
        keys: &[
            key("limit", Takes::Count),
            key("queue", Takes::Count),
            key("max_wait", Takes::Duration),
            key("order", Takes::Order),
            key("max_keys", Takes::Count),
            key("enabled", Takes::Flag),
            key("cost", Takes::Expression),
            key("key", Takes::Expression),
        ],
    },
    Attribute {
        name: "rate_limit",
        policy: "RateLimitPolicy",
        rejects: true,
        positional: Some(positional("rate", Takes::Rate, Some("rate_limit(100/s)"))),
        keys: &[
            key("rate", Takes::Rate),
            key("burst", Takes::Count),
            key("algorithm", Takes::Algorithm),
            key("max_wait", Takes::Duration),
            key("max_keys", Takes::Count),
            key("enabled", Takes::Flag),
            key("cost", Takes::Expression),
            key("key", Takes::Expression),
        ],
    },
    Attribute {
        name: "hedge",
        policy: "HedgePolicy",
        rejects: false,
        positional: Some(positional("after", Takes::After, Some("hedge(100ms)"))),
        keys: &[
            key("after", Takes::After),
            key("max", Takes::Count),
            key("budget", Takes::Budget),
            key("enabled", Takes::Flag),
        ],
    },
    Attribute {
        name: "fallback",
        policy: "FallbackPolicy",
        rejects: false,
        positional: Some(positional("function", Takes::Function, None)),
        keys: &[
            key("enabled", Takes::Flag),
            key("value", Takes::Expression),
            key("stale", Takes::Duration),
            key("key", Takes::Expression),
            key("entries", Takes::Count),
            key("mark", Takes::Function),
            key("error", Takes::Mark),
            key("when", Takes::Predicate),
            key("when_rejected", Takes::Predicate),
            key("may_fail", Takes::Mark),
        ],
    },
];

/// The timeout of each attempt in a pipeline. No attribute stands for it alone: below a `retry`,
/// `timeout` says the same.
pub(crate) static ATTEMPT_TIMEOUT: Attribute = Attribute {
    name: "timeout",
    policy: "AttemptTimeoutPolicy",
    rejects: true,
    positional: None,
    keys: &[],
};

/// The word of `words` that was probably meant by `written`.
pub(crate) fn nearest<'a>(
    written: &str,
    words: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let furthest = (written.len() / 2).clamp(1, 3);
    words
        .into_iter()
        .map(|word| (distance(written, word), word))
        .filter(|(distance, _)| *distance <= furthest)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// How many letters have to be put in, taken out or replaced (Levenshtein 1965).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, letter) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (column, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

/// `a`, `b` and `c`, in code quotes.
pub(crate) fn listed(words: impl IntoIterator<Item: AsRef<str>>) -> String {
    let words: Vec<String> = words
        .into_iter()
        .map(|word| format!("`{}`", word.as_ref()))
        .collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_typed_wrong_is_recognised() {
        let keys = ["attempts", "backoff", "jitter"];
        assert_eq!(nearest("attemps", keys), Some("attempts"));
        assert_eq!(nearest("attempt", keys), Some("attempts"));
        assert_eq!(nearest("backof", keys), Some("backoff"));
        assert_eq!(nearest("delay", keys), None);
    }

    #[test]
    fn words_are_listed_as_in_a_sentence() {
        assert_eq!(listed(["a"]), "`a`");
        assert_eq!(listed(["a", "b", "c"]), "`a`, `b` and `c`");
    }

    /// The keys of data are those of the core's builder, in any order.
    fn agrees<P: resilient_core::Policy>() {
        let attribute = Attribute::named(P::KIND.as_str()).expect("an attribute for every kind");
        let of_table = attribute.keys.iter().filter(|key| key.takes.is_data());
        let mut of_table: Vec<&str> = of_table.map(|key| key.name).collect();
        let mut of_builder = P::KEYS.to_vec();
        of_table.sort_unstable();
        of_builder.sort_unstable();
        assert_eq!(of_table, of_builder, "{}", attribute.name);
    }

    #[test]
    fn the_table_and_the_builders_have_the_same_keys() {
        agrees::<resilient_core::CircuitBreakerPolicy>();
        agrees::<resilient_core::RetryPolicy>();
        agrees::<resilient_core::TimeoutPolicy>();
        agrees::<resilient_core::BulkheadPolicy>();
        agrees::<resilient_core::RateLimitPolicy>();
        agrees::<resilient_core::HedgePolicy>();
        agrees::<resilient_core::FallbackPolicy>();
    }

    #[test]
    fn every_positional_value_has_a_key_unless_it_is_code() {
        for attribute in &ATTRIBUTES {
            if let Some(positional) = &attribute.positional {
                assert!(
                    positional.takes == Takes::Function || attribute.key(positional.key).is_some()
                );
            }
        }
    }
}
