use resilient::{Rejected, retry};

#[retry(3, burst = 5)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
