use resilient::{Rejected, bulkhead, rate_limit};

#[bulkhead(20, queue = 50, order = lifo)]
#[rate_limit(100/s, burst = 20, max_wait = 1s)]
fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
