use resilient::{Rejected, bulkhead};

#[bulkhead(20, max_keys = 0, key = tenant)]
async fn search(tenant: &str) -> Result<(), Rejected> {
    Ok(())
}

fn main() {}
