use resilient::{Rejected, circuit_breaker, fallback};

#[circuit_breaker]
#[fallback(|_| Ok(0))]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
