use resilient::{fallback, timeout};

struct PriceError;

type Answer = Result<u32, PriceError>;

#[fallback(|error| Err(error))]
#[timeout(1s)]
async fn price() -> Answer {
    Ok(1)
}

fn main() {}
