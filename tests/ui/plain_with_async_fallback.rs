use resilient::{Rejected, circuit_breaker, fallback};

#[fallback(async |_| Ok(2))]
#[circuit_breaker]
fn price() -> Result<u32, Rejected> {
    Ok(1)
}

async fn later() -> Result<u32, Rejected> {
    Ok(2)
}

#[fallback(later)]
#[circuit_breaker]
fn stock() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
