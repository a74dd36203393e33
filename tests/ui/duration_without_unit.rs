use resilient::{Rejected, timeout};

#[timeout(5)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
