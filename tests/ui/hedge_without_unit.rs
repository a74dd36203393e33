use resilient::{Rejected, hedge};

#[hedge(100)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
