use resilient::{Rejected, hedge};

#[hedge(95%)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
