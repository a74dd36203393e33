use resilient::{Rejected, circuit_breaker};

#[circuit_breaker(ramp = [50%, 10%])]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
