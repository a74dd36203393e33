use resilient::{Rejected, hedge};

#[hedge(100ms, when = |_| true)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
