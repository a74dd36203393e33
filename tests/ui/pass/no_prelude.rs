//! An expansion needs no prelude and no unsafe code.
#![no_implicit_prelude]
#![forbid(unsafe_code)]

use ::core::result::Result;
use ::core::result::Result::Ok;
use ::resilient::{Rejected, fallback, retry, timeout};

#[fallback(value = 0)]
#[retry(3, attempt = cx, when_ok = |number| *number > 3, jitter = full)]
#[timeout(1s)]
async fn price(number: u32) -> Result<u32, Rejected> {
    Ok(number + cx.number())
}

fn main() {
    ::core::mem::drop(price(1));
}
