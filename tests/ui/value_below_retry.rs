use resilient::{Rejected, fallback, retry, timeout};

#[retry(3)]
#[fallback(value = 0)]
#[timeout(1s)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
