//! Nothing that the user's module calls something else confuses an expansion.
#![allow(dead_code, non_snake_case)]

use resilient::{Rejected, fallback, retry, timeout};

mod std {}
mod resilient_core {}
struct Option;
struct Box;
struct Some;
trait Clone {}
trait Future {}

type Answer = ::core::result::Result<u32, Rejected>;

fn cached(number: u32) -> Answer {
    ::core::result::Result::Ok(number)
}

mod inner {
    use super::cached;

    fn Ok() {}
    fn Err() {}
    type Result = u8;

    #[resilient::fallback(cached)]
    #[::resilient::retry(3, attempt = cx)]
    #[::resilient::timeout(1s)]
    async fn price(number: u32) -> super::Answer {
        ::core::result::Result::Ok(number + cx.number())
    }
}

#[fallback(cached)]
#[retry(3)]
#[timeout(1s)]
async fn price(number: u32) -> Answer {
    ::core::result::Result::Ok(number)
}

fn main() {
    drop(price(1));
}
