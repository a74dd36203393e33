use resilient::{Rejected, retry};

#[retry(attemps = 3)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

pub async fn caller() -> Result<u32, Rejected> {
    price().await
}

fn main() {}
