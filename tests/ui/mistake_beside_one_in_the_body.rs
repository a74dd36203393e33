use resilient::{Rejected, retry, timeout};

#[retry(attemps = 3)]
#[timeout(1s)]
async fn price(sku: &str) -> Result<usize, Rejected> {
    Ok(sku.lenght())
}

fn main() {}
