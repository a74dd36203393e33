use resilient::{Rejected, retry, timeout};

#[retry(3)]
#[timeout(1s)]
async fn price(sku: &str) -> Result<usize, Rejected> {
    sku.len()
}

fn main() {}
