use resilient::{circuit_breaker, retry};

struct Price(u32);

#[retry(3, when_ok = |price| price.0 == 0)]
#[circuit_breaker(failure_threshold = 3)]
async fn price() -> Price {
    Price(1)
}

fn main() {}
