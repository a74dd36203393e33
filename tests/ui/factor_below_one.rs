use resilient::{Rejected, retry};

#[retry(3, backoff = exponential(100ms..5s), factor = 0.5)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
