use resilient::timeout;

struct PriceError;

#[timeout(1s)]
async fn price() -> Result<u32, PriceError> {
    Ok(1)
}

fn main() {}
