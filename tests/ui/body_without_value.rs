use resilient::{Rejected, retry};

#[retry(3)]
async fn price(sku: &str) -> Result<usize, Rejected> {
    println!("{sku}");
}

fn main() {}
