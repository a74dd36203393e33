use resilient::{Rejected, retry};

#[retry(3, budget("gateway"))]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
