//! What one attribute says, and what it is told.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use super::*;
use quote::format_ident;

fn parsed(name: &str, arguments: &str) -> std::result::Result<Layer, Vec<String>> {
    let written = Written {
        name: format_ident!("{name}"),
        arguments: arguments.parse().unwrap_or_default(),
    };
    attribute(&written)
        .map(|parsed| parsed.layer)
        .map_err(|errors| errors.into_iter().map(|error| error.to_string()).collect())
}

fn mistakes(name: &str, arguments: &str) -> Vec<String> {
    parsed(name, arguments).err().unwrap_or_default()
}

fn mistake(name: &str, arguments: &str) -> String {
    let mistakes = mistakes(name, arguments);
    assert_eq!(mistakes.len(), 1, "one error for one mistake: {mistakes:?}");
    mistakes.concat()
}

#[test]
fn a_name_a_positional_value_and_keys_are_told_apart() {
    let layer = parsed("bulkhead", "\"pricing\", 20, queue = 50").unwrap();
    assert_eq!(layer.name.unwrap().value(), "pricing");
    let keys: Vec<String> = layer
        .data
        .iter()
        .map(|datum| datum.key.to_string())
        .collect();
    assert_eq!(keys, ["limit", "queue"]);
}

#[test]
fn a_name_alone_is_a_reference() {
    for name in [
        "circuit_breaker",
        "retry",
        "timeout",
        "bulkhead",
        "rate_limit",
    ] {
        let layer = parsed(name, "\"gateway\"").unwrap();
        assert!(layer.data.is_empty());
    }
}

#[test]
fn a_closure_with_commas_is_one_value() {
    let layer = parsed(
        "retry",
        "3, when = |error| matches!(error, E::A | E::B), jitter = full",
    );
    assert_eq!(layer.unwrap().predicates.len(), 1);
}

#[test]
fn the_written_attribute_is_kept_for_people() {
    let layer = parsed(
        "retry",
        "3, backoff = exponential(100ms..5s), jitter = proportional(20%)",
    );
    assert_eq!(
        layer.unwrap().written,
        "retry(3, backoff = exponential(100ms..5s), jitter = proportional(20%))"
    );
    assert_eq!(
        parsed("circuit_breaker", "").unwrap().written,
        "circuit_breaker"
    );
}

#[test]
fn a_wrong_setting_does_not_hide_the_next_one() {
    let mistakes = mistakes("retry", "attemps = 3, backoff = slow(1s), jitter = 5");
    assert_eq!(mistakes.len(), 3, "{mistakes:?}");
}

#[test]
fn an_unknown_key_is_corrected_and_a_foreign_one_is_sent_home() {
    assert!(mistake("bulkhead", "20, quue = 5").starts_with(
        "there is no key `quue`, did you mean `queue`? the keys of `bulkhead` are `limit`, "
    ));
    assert!(
        mistake("retry", "burst = 5")
            .starts_with("`burst` is a key of `rate_limit`, not of `retry`; the keys of `retry`")
    );
}

#[test]
fn a_key_is_given_once_also_if_it_stood_without_its_key() {
    assert_eq!(
        mistake("retry", "attempts = 3, attempts = 4"),
        "`attempts` is given twice: keep one"
    );
    assert_eq!(
        mistake("retry", "3, attempts = 4"),
        "`attempts` is given twice: keep one"
    );
    assert_eq!(
        mistake("retry", "3, 4"),
        "`retry` has its attempts already; settings behind it have keys, such as `backoff = …`"
    );
}

#[test]
fn strings_are_names_and_nothing_else() {
    assert_eq!(
        mistake("timeout", "\"5s\""),
        "a duration is written without quotes: `5s`"
    );
    assert_eq!(
        mistake("bulkhead", "20, \"pricing\""),
        "a string is the name of the policy, and stands first: `bulkhead(\"pricing\", …)`"
    );
    assert_eq!(
        mistake("retry", "\"\""),
        "a name is not empty; leave it out for a policy of this function alone"
    );
}

#[test]
fn what_is_compulsory_may_be_left_out_of_a_reference_only() {
    for arguments in ["", "enabled = false", "\"pricing\", queue = 5"] {
        assert_eq!(
            mistakes("bulkhead", arguments).len(),
            1,
            "bulkhead({arguments})"
        );
    }
    assert_eq!(
        mistake("rate_limit", ""),
        "`rate_limit` needs its rate: `rate_limit(100/s)`; only a reference to a policy that is \
         defined elsewhere is a name alone"
    );
}

#[test]
fn two_ways_to_open_do_not_go_together() {
    assert_eq!(
        mistake(
            "circuit_breaker",
            "failure_threshold = 3, failure_rate = 50%"
        ),
        "`failure_threshold` and `failure_rate` are two ways to say when to open: keep one"
    );
}

#[test]
fn a_fallback_answers_in_one_way() {
    assert_eq!(
        mistake("fallback", "cached, value = 3"),
        "a fallback answers with a function or with `value`, not with both"
    );
    assert!(mistake("fallback", "").starts_with("a fallback needs something to answer with"));
    assert!(mistake("fallback", "|| 3").starts_with("a fallback's closure takes the error"));
    assert!(mistake("fallback", "|_| 3, error").starts_with("`error` stands behind a function"));
    assert!(mistake("fallback", "value = 3, may_fail").starts_with("a value cannot fail"));
}

#[test]
fn the_path_of_the_crate_is_absolute() {
    assert_eq!(
        mistake("retry", "crate = facade::resilient"),
        "the path of the crate is absolute: `crate = ::facade::resilient`"
    );
    assert!(parsed("retry", "crate = ::facade::resilient").is_ok());
    assert!(parsed("retry", "crate = crate::resilient").is_ok());
}

#[test]
fn a_mistake_in_brackets_is_reported_as_itself_whatever_follows_it_there() {
    assert_eq!(
        mistake("circuit_breaker", "ramp = [10, 50%], window = 20"),
        "a share is written `10%`, or as a fraction such as `0.5`"
    );
    assert_eq!(
        mistake("retry", "backoff = exponential(5s, 10s)"),
        "from the first delay to the longest one: `exponential(100ms..10s)`"
    );
    assert_eq!(
        mistake("retry", "jitter = additive(20%, 30%)"),
        "nothing else stands here: `additive(20%)`"
    );
}

#[test]
fn a_list_of_shares_is_shown_as_it_was_written() {
    let layer = parsed("circuit_breaker", "\"pricing\", ramp = [10%, 50%]").unwrap();
    assert_eq!(
        layer.written,
        "circuit_breaker(\"pricing\", ramp = [10%, 50%])"
    );
}

#[test]
fn a_budget_is_a_share_or_a_name_with_a_share_in_either_form() {
    for written in [
        "3, budget = 20%",
        "3, budget = 0.2",
        "3, budget = SHARE",
        "3, budget(\"gateway\", 20%)",
        "3, budget = budget(\"gateway\", 20%), jitter = full",
        "3, budget(\"gateway\", SHARE,)",
    ] {
        let layer = parsed("retry", written).unwrap();
        assert_eq!(layer.data[1].key.to_string(), "budget", "{written}");
    }
    assert_eq!(
        mistake("retry", "budget = 20%, budget(\"gateway\", 20%)"),
        "`budget` is given twice: keep one"
    );
    assert_eq!(
        mistake("retry", "3, budget"),
        "`budget` needs a value: `budget = …`"
    );
    for written in ["budget(\"gateway\")", "budget = budget(\"gateway\")"] {
        assert_eq!(
            mistake("retry", written),
            "a budget needs its share: `budget(\"gateway\", 20%)`"
        );
    }
    for written in ["budget()", "budget = \"gateway\""] {
        assert_eq!(
            mistake("retry", written),
            "a budget that is shared has a name and a share: `budget(\"gateway\", 20%)`"
        );
    }
    for written in ["budget(20%)", "budget(GATEWAY, 20%)"] {
        assert_eq!(
            mistake("retry", written),
            "a budget without a name is of this policy alone, and written `budget = 20%`; with one \
             it is shared: `budget(\"gateway\", 20%)`"
        );
    }
    assert_eq!(
        mistake("retry", "budget(\" \", 20%)"),
        "the name of a budget is not empty; without one the budget is of this policy alone: \
         `budget = 20%`"
    );
    assert_eq!(
        mistake("retry", "budget(\"gateway\", 20%, 3)"),
        "nothing else stands here: `budget(\"gateway\", 20%)`"
    );
    assert_eq!(
        mistake("retry", "budget = 20"),
        "a share is written `20%`, or as a fraction such as `0.5`"
    );
}

#[test]
fn a_backoff_may_be_a_function_of_the_attempt_that_ended() {
    let code = |arguments: &str| {
        let layer = parsed("retry", arguments).unwrap();
        layer.per_call.map(|code| code.to_string())
    };
    assert_eq!(code("3, backoff = waits").as_deref(), Some("waits"));
    assert_eq!(
        code("3, backoff = Self::waits").as_deref(),
        Some("Self :: waits")
    );
    assert!(code("3, backoff = |attempt| base * attempt").is_some());
    for data in ["crate::SLOW", "SLOW", "fixed(1s)", "Backoff::fixed(WAIT)"] {
        assert_eq!(code(&format!("3, backoff = {data}")), None, "{data}");
    }
    assert_eq!(
        mistake("retry", "backoff = || WAIT"),
        "the closure of `backoff` takes the number of the attempt that ended and gives a duration: \
         `|attempt| …`"
    );
    assert_eq!(
        mistake("retry", "backoff = waits, factor = 3.0"),
        "`factor` goes with `backoff = exponential(..)` only: the function of `backoff` says itself \
         how its delays grow"
    );
    assert_eq!(
        mistake("retry", "backoff = exponental"),
        "there is no backoff `exponental`, did you mean `exponential`? the choices are `fixed`, \
         `linear`, `exponential` and `fibonacci`"
    );
}

#[test]
fn a_hook_is_a_path_or_a_closure_of_a_number() {
    assert!(
        parsed("retry", "3, before = reconnect")
            .unwrap()
            .before
            .is_some()
    );
    assert!(parsed("retry", "3, before = |attempt| log(attempt), jitter = full").is_ok());
    assert_eq!(
        mistake("retry", "before = 3"),
        "`before` is a path or a closure that is told a number: `|attempt| …`"
    );
    assert_eq!(
        mistake("retry", "before = || log()"),
        "the closure of `before` takes the number of the attempt that is about to begin: \
         `|attempt| …`, or `|_| …`"
    );
    assert_eq!(
        mistake("retry", "before = async |attempt| log(attempt)"),
        "the closure of `before` is not async: what has to wait stands in the body, which knows \
         the number of its attempt with `attempt = cx`"
    );
}
