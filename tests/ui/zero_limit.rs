use resilient::{Rejected, bulkhead};

#[bulkhead(0)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
