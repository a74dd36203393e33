use resilient::{Rejected, bulkhead};

#[bulkhead("pricing", queue = 5)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
