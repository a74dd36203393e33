use resilient::{Rejected, resilient};

#[resilient("pricing", retry(3))]
async fn name_first() -> Result<u32, Rejected> {
    Ok(1)
}

#[resilient(retry(3), "pricing")]
async fn name_last() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
