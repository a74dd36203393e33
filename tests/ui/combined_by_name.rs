use resilient::{Rejected, resilient};

#[resilient("pricing")]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
