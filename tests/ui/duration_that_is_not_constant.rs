use resilient::{Rejected, timeout};
use std::time::Duration;

#[timeout(limit)]
async fn price(limit: Duration) -> Result<u32, Rejected> {
    Ok(limit.subsec_nanos())
}

fn main() {}
