use resilient::{Rejected, rate_limit};

#[rate_limit(0/s)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
