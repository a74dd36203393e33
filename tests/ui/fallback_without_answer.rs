use resilient::{Rejected, fallback};

#[fallback]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
