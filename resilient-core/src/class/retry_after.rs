//! The header `Retry-After` of an HTTP response (RFC 9110 §10.2.3).

use std::time::{Duration, SystemTime};

/// What counts for a number of seconds that is larger (RFC 9111 §1.2.2).
const LONGEST: u64 = 1 << 31;

/// What the header's value asks for at `now`: seconds, or a date in one of the three forms of RFC
/// 9110 §5.6.7. A date that has passed is zero, and what is neither is nothing.
pub(super) fn parse(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that are no number are too many of them.
        let seconds = value.parse().unwrap_or(LONGEST).min(LONGEST);
        return Some(Duration::from_secs(seconds));
    }
    let date = date(value)?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// A date in one of the three forms.
pub(super) fn date(value: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT, the example of the standard.
    const EXAMPLE: u64 = 784_111_777;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn parsed(value: &str) -> Option<u64> {
        parse(value, at(EXAMPLE - 20)).map(|asked| asked.as_secs())
    }

    #[test]
    fn seconds_are_digits_and_too_many_of_them_are_very_long() {
        assert_eq!(parsed("120"), Some(120));
        assert_eq!(parsed("0"), Some(0));
        assert_eq!(parsed(" 007\t"), Some(7));
        assert_eq!(parsed("99999999999"), Some(LONGEST));
        assert_eq!(parsed("99999999999999999999999999"), Some(LONGEST));
    }

    #[test]
    fn a_date_has_three_forms() {
        for date in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parsed(date), Some(20), "{date}");
        }
    }

    #[test]
    fn a_date_that_has_passed_asks_for_nothing() {
        for now in [EXAMPLE, EXAMPLE + 1, EXAMPLE + 1_000_000_000] {
            let asked = parse("Sun, 06 Nov 1994 08:49:37 GMT", at(now));
            assert_eq!(asked, Some(Duration::ZERO), "{now}");
        }
    }

    #[test]
    fn what_is_neither_says_nothing() {
        for garbage in [
            "",
            " ",
            "soon",
            "-5",
            "+5",
            "1.5",
            "5s",
            "0x10",
            "1e3",
            "٣",
            "1994-11-06T08:49:37Z",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 +0100",
        ] {
            assert_eq!(parsed(garbage), None, "{garbage}");
        }
    }
}
