use resilient::{Rejected, timeout};

#[timeout(0s)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
