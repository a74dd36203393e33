use resilient::{Rejected, fallback};

#[fallback(|_| Ok(0), value = 1)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
