use resilient::{Rejected, hedge};

#[hedge(95p)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
