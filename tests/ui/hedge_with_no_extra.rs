use resilient::{Rejected, hedge};

#[hedge(100ms, max = 0)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
