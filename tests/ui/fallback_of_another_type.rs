use resilient::{Rejected, fallback, timeout};

fn cached() -> u32 {
    1
}

#[fallback(cached)]
#[timeout(1s)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
