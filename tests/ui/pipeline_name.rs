use resilient::{Rejected, resilient};

#[resilient("")]
async fn empty() -> Result<u32, Rejected> {
    Ok(1)
}

#[resilient("pricing", "stock")]
async fn two() -> Result<u32, Rejected> {
    Ok(1)
}

#[resilient]
async fn none() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
