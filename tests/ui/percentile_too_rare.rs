use resilient::{Rejected, hedge};

#[hedge(after = p99.99)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
