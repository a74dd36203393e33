use resilient::{Rejected, retry, timeout};

#[retry(3)]
#[tokio::main]
#[timeout(1s)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
