use resilient::{Rejected, hedge};

#[hedge(p0)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
