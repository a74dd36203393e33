use resilient::{Rejected, hedge};

#[hedge]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
