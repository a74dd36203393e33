use resilient::{Rejected, retry};

#[retry(3)]
#[retry(2)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
