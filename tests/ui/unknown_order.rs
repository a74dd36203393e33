use resilient::{Rejected, bulkhead};

#[bulkhead(20, queue = 50, order = filo)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
