use resilient::{Rejected, rate_limit};

#[rate_limit(100)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
