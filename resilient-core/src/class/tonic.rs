//! gRPC with tonic: what a status says.

use super::{Class, Classify, RetryHint, among};
use crate::error::Rejected;
use ::tonic::{Code, Status};
use std::error::Error;
use std::time::Duration;

/// In milliseconds, how long a client should wait before it tries again; and if it is no number or
/// less than zero, that it should not ("gRPC Retry Design", gRFC A6).
const PUSHBACK: &str = "grpc-retry-pushback-ms";

// Who asks for a class of a type of their own is not helped by it.
#[diagnostic::do_not_recommend]
impl Classify for Status {
    /// By the code, as the list of codes in the documentation of gRPC explains them:
    ///
    /// | code | class | why |
    /// |---|---|---|
    /// | `Unavailable` | transient | "most likely a transient condition" |
    /// | `DeadlineExceeded` | transient | it took too long |
    /// | `ResourceExhausted` | throttled | a quota, or the server's own resources |
    /// | `Aborted` | transient | a conflict: "retry at a higher level", which is the annotated function |
    /// | `Cancelled` | transient | who gives up drops the call and sees no status: a server, a proxy or a timeout of tonic's has given up |
    /// | `Internal`, `Unknown` | transient | a failure of the server, as 500 is |
    /// | `DataLoss` | permanent | "unrecoverable" |
    /// | `FailedPrecondition` | permanent | "should not retry until the system state has been explicitly fixed" |
    /// | `InvalidArgument`, `NotFound`, `AlreadyExists`, `PermissionDenied`, `Unauthenticated`, `OutOfRange`, `Unimplemented` | permanent | whoever asks has to change something first |
    /// | `Ok` | permanent | no failure: to ask again would change nothing |
    ///
    /// How long the server wants to be left alone stands in the metadata `grpc-retry-pushback-ms`, or in
    /// the details as `google.rpc.RetryInfo`. What would be transient is throttled with either.
    fn class(&self) -> Class {
        let retry_after = || match Pushback::of(self) {
            Some(Pushback::For(asked)) => Some(asked),
            Some(Pushback::ForGood) => None,
            None => retry_info(self.details()),
        };
        match self.code() {
            Code::ResourceExhausted => Class::Throttled {
                retry_after: retry_after(),
            },
            Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::Cancelled
            | Code::Internal
            | Code::Unknown => match retry_after() {
                None => Class::Transient,
                retry_after => Class::Throttled { retry_after },
            },
            Code::Ok
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::DataLoss => Class::Permanent,
        }
    }

    /// One attempt, if the server pushed back without saying for how long.
    fn retry(&self) -> Option<RetryHint> {
        let pushback = Pushback::of(self)?;
        matches!(pushback, Pushback::ForGood).then(|| RetryHint::new().attempts(1))
    }

    fn rejected(&self) -> Option<&Rejected> {
        among(self.source())
    }
}

/// What a server asks of clients that would try again.
enum Pushback {
    For(Duration),
    ForGood,
}

impl Pushback {
    fn of(status: &Status) -> Option<Self> {
        let value = status.metadata().get(PUSHBACK)?;
        let millis = value.to_str().ok().and_then(|text| text.parse().ok());
        Some(millis.map_or(Self::ForGood, |millis| {
            Self::For(Duration::from_millis(millis))
        }))
    }
}

/// The delay of a `google.rpc.RetryInfo` among the details, which are a `google.rpc.Status`.
fn retry_info(details: &[u8]) -> Option<Duration> {
    const RETRY_INFO: &[u8] = b"/google.rpc.RetryInfo";

    let mut any = fields(details).filter_map(|field| field.bytes(3));
    any.find_map(|any| {
        fields(any)
            .filter_map(|field| field.bytes(1))
            .find(|url| url.ends_with(RETRY_INFO))?;
        let info = fields(any).find_map(|field| field.bytes(2))?;
        let delay = fields(info).find_map(|field| field.bytes(1))?;
        let number = |tag| fields(delay).find_map(|field| field.number(tag));
        let seconds = number(1).unwrap_or(0);
        let nanos = number(2).unwrap_or(0);
        // Both are signed, and a delay below zero is none.
        if i64::try_from(seconds).is_err() {
            return Some(Duration::ZERO);
        }
        Some(Duration::new(
            seconds,
            u32::try_from(nanos).unwrap_or(0).min(999_999_999),
        ))
    })
}

/// One field of a message of protocol buffers (developers.google.com, "Encoding").
#[derive(Clone, Copy)]
struct Field<'a> {
    tag: u64,
    value: Value<'a>,
}

#[derive(Clone, Copy)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

impl<'a> Field<'a> {
    fn bytes(self, tag: u64) -> Option<&'a [u8]> {
        match self.value {
            Value::Bytes(bytes) if self.tag == tag => Some(bytes),
            _ => None,
        }
    }

    fn number(self, tag: u64) -> Option<u64> {
        match self.value {
            Value::Number(number) if self.tag == tag => Some(number),
            _ => None,
        }
    }
}

/// The fields of a message, up to where it makes no sense.
fn fields(mut message: &[u8]) -> impl Iterator<Item = Field<'_>> {
    std::iter::from_fn(move || {
        let key = varint(&mut message)?;
        let value = match key & 7 {
            0 => Value::Number(varint(&mut message)?),
            1 => message.split_off(..8).map(|_| Value::Fixed)?,
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                Value::Bytes(message.split_off(..length)?)
            }
            5 => message.split_off(..4).map(|_| Value::Fixed)?,
            _ => return None,
        };
        Some(Field {
            tag: key >> 3,
            value,
        })
    })
}

/// Seven bits a byte, the lowest first.
fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *message.split_off_first()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::Diagnosis;

    fn pushed_back(code: Code, value: &'static str) -> Status {
        let mut status = Status::new(code, "x");
        let value = value.parse().expect("a value");
        status.metadata_mut().insert(PUSHBACK, value);
        status
    }

    /// A field of bytes, shorter than 128 of them.
    fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
        let length = u8::try_from(bytes.len()).expect("a short field");
        [&[tag << 3 | 2, length], bytes].concat()
    }

    fn details(delay: &[u8]) -> Vec<u8> {
        let other = field(1, b"type.googleapis.com/google.rpc.Help");
        let url = field(1, b"type.googleapis.com/google.rpc.RetryInfo");
        let info = field(2, &field(1, delay));
        [
            vec![8, 8], // code: ResourceExhausted
            field(2, b"too much"),
            field(3, &[other, field(2, b"x")].concat()),
            field(3, &[url, info].concat()),
        ]
        .concat()
    }

    #[test]
    fn every_code_has_its_class() {
        for (code, class) in [
            (Code::Ok, Class::Permanent),
            (Code::Cancelled, Class::Transient),
            (Code::Unknown, Class::Transient),
            (Code::InvalidArgument, Class::Permanent),
            (Code::DeadlineExceeded, Class::Transient),
            (Code::NotFound, Class::Permanent),
            (Code::AlreadyExists, Class::Permanent),
            (Code::PermissionDenied, Class::Permanent),
            (
                Code::ResourceExhausted,
                Class::Throttled { retry_after: None },
            ),
            (Code::FailedPrecondition, Class::Permanent),
            (Code::Aborted, Class::Transient),
            (Code::OutOfRange, Class::Permanent),
            (Code::Unimplemented, Class::Permanent),
            (Code::Internal, Class::Transient),
            (Code::Unavailable, Class::Transient),
            (Code::DataLoss, Class::Permanent),
            (Code::Unauthenticated, Class::Permanent),
        ] {
            let status = Status::new(code, "x");
            assert_eq!(status.class(), class, "{code:?}");
            assert_eq!(status.retry(), None, "{code:?}");
        }
    }

    #[test]
    fn a_pushback_says_for_how_long() {
        let retry_after = Some(Duration::from_millis(1500));
        for code in [Code::Unavailable, Code::ResourceExhausted] {
            let status = pushed_back(code, "1500");
            assert_eq!(status.class(), Class::Throttled { retry_after });
            assert_eq!(status.retry(), None);
        }
        let status = pushed_back(Code::NotFound, "1500");
        assert_eq!(status.class(), Class::Permanent, "coming back is no use");
    }

    #[test]
    fn a_pushback_that_is_no_time_ends_the_retry_and_is_a_failure_all_the_same() {
        for value in ["-1", "", "soon", "1.5", "99999999999999999999999"] {
            let status = pushed_back(Code::Unavailable, value);
            let once = RetryHint::new().attempts(1);
            let expected = Diagnosis::Failure(Class::Transient, once);
            assert_eq!(Diagnosis::of(&status), expected, "{value}");
        }
    }

    #[test]
    fn retry_info_says_for_how_long() {
        let delay = |bytes: &[u8]| retry_info(&details(bytes));
        let both = [8, 0xac, 2, 16, 0x80, 0xca, 0xb5, 0xee, 1];
        assert_eq!(delay(&both), Some(Duration::from_millis(300_500)));
        assert_eq!(delay(&[8, 7]), Some(Duration::from_secs(7)));
        assert_eq!(delay(&[]), Some(Duration::ZERO), "zero is not written");
        let below_zero = [&[8][..], &[0xff; 9], &[1]].concat();
        assert_eq!(delay(&below_zero), Some(Duration::ZERO));

        let status = Status::with_details(Code::Unavailable, "x", details(&[8, 7]).into());
        let retry_after = Some(Duration::from_secs(7));
        assert_eq!(status.class(), Class::Throttled { retry_after });
        let both = {
            let mut status = status;
            let value = "20".parse().expect("a value");
            status.metadata_mut().insert(PUSHBACK, value);
            status
        };
        let retry_after = Some(Duration::from_millis(20));
        let class = Class::Throttled { retry_after };
        assert_eq!(both.class(), class, "the pushback is meant for clients");
    }

    #[test]
    fn details_of_any_bytes_are_read_without_a_panic() {
        let whole = details(&[8, 7, 16, 1]);
        for end in 0..whole.len() {
            let asked = retry_info(&whole[..end]);
            assert!(asked.is_none(), "cut off at {end}: {asked:?}");
        }
        for place in 0..whole.len() {
            for byte in 0..=u8::MAX {
                let mut broken = whole.clone();
                broken[place] = byte;
                let _ = retry_info(&broken);
            }
        }
        assert_eq!(retry_info(&[0xff; 40]), None);
    }

    #[test]
    fn a_refusal_on_the_way_is_one() {
        let refused = Rejected::bulkhead_full("x");
        let status = Status::from_error(Box::new(refused));
        assert_eq!(Diagnosis::of(&status), Diagnosis::Rejected(refused));
    }
}
