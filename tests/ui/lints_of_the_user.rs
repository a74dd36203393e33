#![deny(unused)]

use resilient::{Rejected, bulkhead, fallback, retry, timeout};
use std::pin::Pin;

fn checked() -> Result<u32, Rejected> {
    Ok(1)
}

#[retry(3)]
#[timeout(1s)]
async fn price(mut count: u32, unread: u32) -> Result<u32, Rejected> {
    checked();
    let unused = count;
    return Ok(1);
    Ok(2)
}

#[retry(3)]
fn plain(mut count: u32, unread: u32) -> Result<u32, Rejected> {
    checked();
    let unused = count;
    Ok(2)
}

#[retry(3)]
fn boxed(unread: u32) -> Pin<Box<dyn Future<Output = Result<u32, Rejected>> + Send>> {
    let unused = 1;
    Box::pin(async move {
        checked();
        Ok((2))
    })
}

#[retry(3)]
async fn never_called() -> Result<u32, Rejected> {
    Ok(1)
}

#[must_use = "nothing else says it"]
#[fallback(value = 0)]
#[bulkhead(3)]
fn cost() -> u32 {
    1
}

fn main() {
    cost();
    price(1, 2);
    let _ = plain(1, 2);
    boxed(1);
}
