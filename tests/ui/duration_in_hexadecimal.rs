use resilient::{Rejected, timeout};

#[timeout(0x10s)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
