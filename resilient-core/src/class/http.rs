//! What the status of an HTTP response says.

use super::Class;
use std::time::Duration;

impl Class {
    /// The class of an HTTP response with this status, and with what its `Retry-After` asks for.
    ///
    /// | status | class | why |
    /// |---|---|---|
    /// | 408, 425, 500, 502, 503, 504, 507 and every other 5xx but those below | transient; throttled with a `retry_after` | it was too late, too early, or is not the fault of who asks |
    /// | 421 | the same | RFC 9110 §15.5.20: another connection may do |
    /// | 429 | throttled | too many calls |
    /// | 413 with a `retry_after` | throttled | RFC 9110 §15.5.14: the condition is temporary |
    /// | 501, 505, 506, 508, 510, 511 | permanent | the server cannot, or wants something else first |
    /// | every other 4xx: 400, 401, 403, 404, 409, 410, 413, 423, … | permanent | whoever asks has to change something first |
    /// | below 400 | permanent | no failure: to ask again would change nothing |
    /// | 600 and above | as 5xx | RFC 9110 §15: an invalid status counts as one of the server's failures |
    ///
    /// 409 and 423 speak of the state of a thing, which a caller has to look at before it tries again.
    /// Where that is known to pass by itself, `when` on the attribute says so.
    ///
    /// ```
    /// use resilient_core::Class;
    /// use std::time::Duration;
    ///
    /// assert_eq!(Class::of_http_status(502, None), Class::Transient);
    /// assert_eq!(Class::of_http_status(404, None), Class::Permanent);
    /// let retry_after = Some(Duration::from_secs(7));
    /// assert_eq!(Class::of_http_status(503, retry_after), Class::Throttled { retry_after });
    /// assert_eq!(Class::of_http_status(404, retry_after), Class::Permanent);
    /// ```
    #[must_use]
    pub const fn of_http_status(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            429 => Self::Throttled { retry_after },
            413 if retry_after.is_some() => Self::Throttled { retry_after },
            501 | 505 | 506 | 508 | 510 | 511 => Self::Permanent,
            408 | 421 | 425 | 500.. => match retry_after {
                Some(_) => Self::Throttled { retry_after },
                None => Self::Transient,
            },
            _ => Self::Permanent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_one_class() {
        let transient = |status: u16| {
            let others = [408, 421, 425];
            let never = [501, 505, 506, 508, 510, 511];
            others.contains(&status) || status >= 500 && !never.contains(&status)
        };
        for status in 100..1000 {
            let class = match status {
                429 => Class::Throttled { retry_after: None },
                status if transient(status) => Class::Transient,
                _ => Class::Permanent,
            };
            assert_eq!(Class::of_http_status(status, None), class, "{status}");
        }
    }

    #[test]
    fn who_says_when_to_come_back_is_throttled_unless_coming_back_is_no_use() {
        let retry_after = Some(Duration::from_secs(3));
        for status in [408, 413, 425, 429, 500, 502, 503, 504, 507, 520, 599, 600] {
            let class = Class::of_http_status(status, retry_after);
            assert_eq!(class, Class::Throttled { retry_after }, "{status}");
        }
        for status in [304, 400, 401, 403, 404, 409, 423, 501, 505] {
            let class = Class::of_http_status(status, retry_after);
            assert_eq!(class, Class::Permanent, "{status}");
        }
    }
}
