use resilient::{Ramp, Rejected, Share, circuit_breaker};

const RAMP: Ramp = Ramp::new(&[Share::percent(5), Share::percent(25)]);

#[circuit_breaker(open_backoff = 2, open_jitter = 20%, ramp = [10%, 50%])]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

#[circuit_breaker(ramp = RAMP)]
async fn stock() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {
    drop((price(), stock()));
}
