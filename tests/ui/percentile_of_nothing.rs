use resilient::{Rejected, hedge};

#[hedge(p)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
