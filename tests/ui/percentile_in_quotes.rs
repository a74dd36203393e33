use resilient::{Rejected, hedge};

#[hedge("p95")]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
