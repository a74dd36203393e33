use resilient::{Rejected, retry};

#[retry(attempts = 3, attempts = 4)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
