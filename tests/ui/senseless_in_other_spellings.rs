use resilient::{Rejected, fallback as otherwise, resilient, retry as again};
use std::pin::Pin;

#[resilient(timeout(5s), retry(3))]
#[cfg_attr(all(), again(2))]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

#[again(3)]
#[resilient(timeout(1s), fallback(value = 0))]
fn boxed() -> Pin<Box<dyn Future<Output = Result<u32, Rejected>> + Send>> {
    Box::pin(async { Ok(1) })
}

#[::resilient::circuit_breaker]
#[otherwise(|_| Ok(0))]
fn plain() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
