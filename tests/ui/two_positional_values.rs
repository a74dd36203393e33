use resilient::{Rejected, bulkhead};

#[bulkhead(20, 50)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
