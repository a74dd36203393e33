use resilient::{Rejected, retry};

#[retry(3, backoff = exponential)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
