use resilient::{Rejected, rate_limit};

#[rate_limit(100/s, algorithm = fixed_windows)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
