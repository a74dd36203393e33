use resilient::{Rejected, resilient};

#[resilient(timeout(1s), retries(3))]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
