use resilient::{Rejected, rate_limit};

struct Tenant;

#[rate_limit(100/s, key = tenant)]
async fn search(tenant: &Tenant) -> Result<(), Rejected> {
    Ok(())
}

fn main() {}
