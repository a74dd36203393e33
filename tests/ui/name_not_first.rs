use resilient::{Rejected, bulkhead};

#[bulkhead(20, "pricing")]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
