use resilient::{Rejected, circuit_breaker, retry};
use std::pin::Pin;

type PriceFuture = Pin<Box<dyn Future<Output = Result<u32, Rejected>>>>;

#[retry(3)]
fn price() -> PriceFuture {
    Box::pin(async { Ok(1) })
}

#[circuit_breaker]
fn stock() -> Box<dyn Future<Output = Result<u32, Rejected>> + Unpin> {
    Box::new(std::future::ready(Ok(1)))
}

fn main() {}
