//! A derived class needs no prelude, names another crate where it is told to, and wants nothing of
//! the type.
#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications)]

mod facade {
    pub(crate) use ::resilient;
}

mod std {}
mod core {}

use ::resilient::{Class, Classify, Rejected};

#[derive(Classify)]
#[class(permanent, crate = crate::facade::resilient)]
enum PriceError<'a, T: Classify, const N: usize>
where
    T: 'a,
{
    #[class(forward)]
    Inner(T),
    #[deprecated]
    #[class(transient, attempts = 5, backoff = exponential(100ms..5s), jitter = full)]
    Text(&'a str),
    #[class(rejected)]
    Refused { refused: Rejected },
    #[class(throttled, retry_after = r#type)]
    Raw { r#type: ::core::time::Duration },
    Bytes([u8; N]),
}

#[derive(Classify)]
enum Never {}

#[derive(Classify)]
#[class(ignored)]
struct Unit;

fn main() {
    type Error = PriceError<'static, Unit, 2>;
    let errors: [Error; 4] = [
        PriceError::Inner(Unit),
        PriceError::Refused {
            refused: Rejected::forced_open("x"),
        },
        PriceError::Raw {
            r#type: ::core::time::Duration::ZERO,
        },
        PriceError::Bytes([0; 2]),
    ];
    let classes = errors.each_ref().map(Classify::class);
    ::core::assert!(::core::matches!(
        classes,
        [Class::Ignored, Class::Permanent, Class::Throttled { .. }, Class::Permanent]
    ));
    let _: fn(Never) -> Class = |never| never.class();
}
