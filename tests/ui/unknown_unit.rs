use resilient::{Rejected, timeout};

#[timeout(5min)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
