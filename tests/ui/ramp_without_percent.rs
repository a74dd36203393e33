use resilient::{Rejected, circuit_breaker};

#[circuit_breaker(ramp = [10, 50])]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
