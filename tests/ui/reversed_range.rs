use resilient::{Rejected, retry};

#[retry(3, backoff = exponential(5s..100ms))]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
