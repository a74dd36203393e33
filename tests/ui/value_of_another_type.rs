use resilient::{fallback, timeout};

struct Price(u32);

#[fallback(value = 0)]
#[timeout(1s)]
async fn price() -> Price {
    Price(1)
}

fn main() {}
