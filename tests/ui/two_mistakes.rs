use resilient::{Rejected, retry};

#[retry(attemps = 3, jitter = half)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
