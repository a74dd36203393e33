use resilient::{Rejected, retry};

#[retry(3, backoff = exponental(100ms..5s))]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
