use resilient::{Rejected, circuit_breaker};

#[circuit_breaker]
const fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
