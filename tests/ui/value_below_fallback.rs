use resilient::{Rejected, fallback, timeout};

async fn cached() -> Result<u32, Rejected> {
    Ok(2)
}

#[fallback(cached)]
#[fallback(value = 1)]
#[timeout(1s)]
async fn price() -> Result<u32, Rejected> {
    Ok(3)
}

fn main() {
    let _ = price();
}
