use resilient::{Rejected, retry};

#[retry(3, idempotency_key = "order 7")]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
