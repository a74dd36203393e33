use resilient::{Rejected, retry};

#[retry(3, backof = fixed(1s))]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
