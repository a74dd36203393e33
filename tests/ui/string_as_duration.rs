use resilient::{Rejected, circuit_breaker};

#[circuit_breaker("pricing", open_for = "30s")]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
