//! What values are read as, and what wrong ones are told.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use super::*;
use syn::parse::Parser;

fn read(takes: Takes, written: &str) -> std::result::Result<String, String> {
    (|input: ParseStream<'_>| value(takes, "key", input))
        .parse_str(written)
        .map(|(value, _)| {
            value
                .tokens(&quote!(P), Span::call_site())
                .to_string()
                .replace(' ', "")
        })
        .map_err(|error| error.to_string())
}

#[test]
fn durations_are_read_as_they_tokenise() {
    for (written, nanos) in [
        ("250ms", 250_000_000),
        ("1.5s", 1_500_000_000),
        ("2m", 120_000_000_000),
        ("1h", 3_600_000_000_000),
        ("100us", 100_000),
        ("7ns", 7),
        ("1m30s", 90_000_000_000),
        ("1h2m3s", 3_723_000_000_000),
        ("1_000ms", 1_000_000_000),
        ("0.25h", 900_000_000_000),
    ] {
        assert_eq!(super::nanos(written), Ok(nanos), "{written}");
    }
}

#[test]
fn a_duration_is_emitted_in_the_longest_unit_that_is_exact() {
    assert_eq!(
        read(Takes::Duration, "90s").unwrap(),
        "P::Duration::from_secs(90)"
    );
    assert_eq!(
        read(Takes::Duration, "1.5s").unwrap(),
        "P::Duration::from_millis(1500)"
    );
    assert_eq!(read(Takes::Duration, "LIMIT").unwrap(), "LIMIT");
    assert_eq!(read(Takes::Duration, "half(LIMIT)").unwrap(), "half(LIMIT)");
}

#[test]
fn each_wrong_duration_has_its_own_message() {
    for (written, message) in [
        (
            "5",
            "a duration needs a unit: `5s` are seconds, `5ms` milliseconds",
        ),
        ("\"5s\"", "a duration is written without quotes: `5s`"),
        (
            "1e3s",
            "a duration is written without an exponent, such as `1000s`",
        ),
        (
            "0x10s",
            "a duration is written in decimal digits, such as `16s`",
        ),
        (
            "5min",
            "there is no unit `min` of time, did you mean `5m`? the units are `h`, `m`, `s`, `ms`, `us` and `ns`",
        ),
        (
            "2Seconds",
            "there is no unit `Seconds` of time, did you mean `2s`? the units are `h`, `m`, `s`, \
             `ms`, `us` and `ns`",
        ),
        (
            "5parsecs",
            "there is no unit `parsecs` of time; the units are `h`, `m`, `s`, `ms`, `us` and `ns`",
        ),
        (
            "30s1m",
            "the parts of a duration are written from the longest unit to the shortest, such \
             as `1m30s`",
        ),
        (
            "1.5m30s",
            "a duration has a fraction or several units, not both: `1.5m` or `1m30s`",
        ),
        ("-5s", "a duration is not negative"),
        ("1s..2s", "one duration stands here, not a range"),
        (
            "0.5ns",
            "a duration is a whole number of nanoseconds, and shorter than 584 years",
        ),
        (
            "9999999999h",
            "a duration is a whole number of nanoseconds, and shorter than 584 years",
        ),
    ] {
        assert_eq!(
            read(Takes::Duration, written).unwrap_err(),
            message,
            "{written}"
        );
    }
}

#[test]
fn shares_are_exact() {
    for (written, parts) in [
        ("50%", 500_000),
        ("12.5%", 125_000),
        ("0.5", 500_000),
        ("100%", 1_000_000),
        ("1.0", 1_000_000),
        ("0.0001%", 1),
    ] {
        assert_eq!(
            read(Takes::Share, written).unwrap(),
            format!("P::Share::parts_per_million({parts})")
        );
    }
    assert_eq!(read(Takes::Share, "HALF").unwrap(), "HALF");
}

#[test]
fn each_wrong_share_has_its_own_message() {
    for (written, message) in [
        (
            "50",
            "a share is written `50%`, or as a fraction such as `0.5`",
        ),
        ("101%", "a share is at most the whole: `100%` or `1.0`"),
        ("1.5", "a share is at most the whole: `100%` or `1.0`"),
        (
            "0.00001%",
            "a share is exact to one part in a million: `0.0001%`",
        ),
        (
            "\"50%\"",
            "a share is written without quotes: `50%` or `0.5`",
        ),
    ] {
        assert_eq!(
            read(Takes::Share, written).unwrap_err(),
            message,
            "{written}"
        );
    }
}

#[test]
fn lists_of_shares_are_read() {
    let parts = |parts: &[u32]| {
        let shares: Vec<String> = parts
            .iter()
            .map(|parts| format!("P::Share::parts_per_million({parts})"))
            .collect();
        format!("P::Ramp::new(&[{}])", shares.join(","))
    };
    for (written, expected) in [
        ("[10%, 50%]", parts(&[100_000, 500_000])),
        ("[0.1, 12.5%,]", parts(&[100_000, 125_000])),
        ("[]", parts(&[])),
        ("RAMP", "RAMP".to_owned()),
        ("[FIRST, 50%]", parts(&[500_000]).replace("[P", "[FIRST,P")),
    ] {
        assert_eq!(read(Takes::Shares, written).unwrap(), expected);
    }
}

#[test]
fn each_wrong_list_of_shares_has_its_own_message() {
    let list = "`key` is a list of shares: `key = [10%, 50%]`";
    for (written, message) in [
        (
            "[10, 50%]",
            "a share is written `10%`, or as a fraction such as `0.5`",
        ),
        (
            "[10%, 101%]",
            "a share is at most the whole: `100%` or `1.0`",
        ),
        ("10%", list),
        ("10", list),
        ("\"10%\"", list),
        ("10%..50%", list),
    ] {
        assert_eq!(
            read(Takes::Shares, written).unwrap_err(),
            message,
            "{written}"
        );
    }
}

#[test]
fn rates_are_read() {
    for (written, expected) in [
        ("100/s", "P::Rate::new(100,P::Duration::from_secs(1))"),
        ("1000/min", "P::Rate::new(1000,P::Duration::from_secs(60))"),
        ("10/500ms", "P::Rate::new(10,P::Duration::from_millis(500))"),
        (
            "MANY/1m30s",
            "P::Rate::new(MANY,P::Duration::from_secs(90))",
        ),
        ("RATE", "RATE"),
    ] {
        assert_eq!(read(Takes::Rate, written).unwrap(), expected);
    }
    assert_eq!(
        read(Takes::Rate, "100").unwrap_err(),
        "a rate needs a period: `100/s` or `100/min`"
    );
    assert_eq!(
        read(Takes::Rate, "100/sec").unwrap_err(),
        "there is no period `sec`; the periods are `s`, `min` and `h` and any duration such \
         as `500ms`"
    );
}

#[test]
fn choices_are_read_and_corrected() {
    assert_eq!(
        read(Takes::Backoff, "exponential(100ms..5s)").unwrap(),
        "P::Backoff::exponential(P::Duration::from_millis(100),P::Duration::from_secs(5))"
    );
    assert_eq!(
        read(Takes::Backoff, "fixed(1s)").unwrap(),
        "P::Backoff::fixed(P::Duration::from_secs(1))"
    );
    assert_eq!(read(Takes::Backoff, "crate::SLOW").unwrap(), "crate::SLOW");
    assert_eq!(read(Takes::Jitter, "none").unwrap(), "P::Jitter::none()");
    assert_eq!(
        read(Takes::Jitter, "proportional(20%)").unwrap(),
        "P::Jitter::proportional(P::Share::parts_per_million(200000))"
    );
    assert_eq!(read(Takes::Order, "lifo").unwrap(), "P::Order::Lifo");
    assert_eq!(
        read(Takes::Algorithm, "sliding_window").unwrap(),
        "P::Algorithm::SlidingWindow"
    );
    assert_eq!(
        read(Takes::Backoff, "exponental(1s..2s)").unwrap_err(),
        "there is no backoff `exponental`, did you mean `exponential`? the choices are \
         `fixed`, `linear`, `exponential` and `fibonacci`"
    );
    assert_eq!(
        read(Takes::Backoff, "exponential(10s..100ms)").unwrap_err(),
        "a range goes from the shorter duration to the longer one: `100ms..10s`"
    );
    assert_eq!(
        read(Takes::Backoff, "exponential(10s)").unwrap_err(),
        "from the first delay to the longest one: `exponential(100ms..10s)`"
    );
    assert_eq!(
        read(Takes::Order, "random").unwrap_err(),
        "there is no order `random`; the choices are `fifo` and `lifo`"
    );
    assert_eq!(
        read(Takes::Algorithm, "leaky_bukcet").unwrap_err(),
        "there is no algorithm `leaky_bukcet`, did you mean `leaky_bucket`? the choices are \
         `token_bucket`, `leaky_bucket`, `fixed_window` and `sliding_window`"
    );
}

#[test]
fn numbers_have_no_unit() {
    assert_eq!(read(Takes::Count, "3").unwrap(), "3");
    assert_eq!(read(Takes::Factor, "2").unwrap(), "2.0");
    assert_eq!(
        read(Takes::Count, "3s").unwrap_err(),
        "`key` is a whole number, without the unit `s`"
    );
    assert_eq!(
        read(Takes::Count, "-3").unwrap_err(),
        "`key` is a whole number that is not negative"
    );
    assert_eq!(
        read(Takes::Flag, "1").unwrap_err(),
        "`key` is `true` or `false`"
    );
}

#[test]
fn the_wait_of_a_hedge_is_a_duration_or_a_percentile() {
    for (written, tokens) in [
        (
            "100ms",
            "P::HedgeAfter::after(P::Duration::from_millis(100))",
        ),
        ("LIMIT", "P::HedgeAfter::after(LIMIT)"),
        ("half(p)", "P::HedgeAfter::after(half(p))"),
        (
            "p95",
            "P::HedgeAfter::percentile(P::Share::parts_per_million(950000))",
        ),
        (
            "p99.9",
            "P::HedgeAfter::percentile(P::Share::parts_per_million(999000))",
        ),
        // Out of range, which the builder says.
        (
            "p0",
            "P::HedgeAfter::percentile(P::Share::parts_per_million(0))",
        ),
        (
            "p101",
            "P::HedgeAfter::percentile(P::Share::parts_per_million(1000000))",
        ),
    ] {
        assert_eq!(
            read(Takes::After, written).as_deref(),
            Ok(tokens),
            "{written}"
        );
    }
}

#[test]
fn each_wrong_wait_of_a_hedge_has_its_own_message() {
    let p95 = "a percentile of the newest calls is written `p95`";
    for (written, message) in [
        ("95p", p95),
        ("\"p95\"", p95),
        ("95%", p95),
        (
            "99.9%",
            "a percentile of the newest calls is written `p99.9`",
        ),
        (
            "p99.99999",
            "a percentile has at most four decimals: `p99.9`",
        ),
        ("p99.x", "expected integer literal"),
        (
            "95",
            "a duration needs a unit: `95s` are seconds, `95ms` milliseconds",
        ),
        ("\"100ms\"", "a duration is written without quotes: `100ms`"),
        (
            "100p5",
            "there is no unit `p` of time; the units are `h`, `m`, `s`, `ms`, `us` and `ns`",
        ),
        ("10ms..1s", "one duration stands here, not a range"),
    ] {
        assert_eq!(
            read(Takes::After, written),
            Err(message.to_owned()),
            "{written}"
        );
    }
}
