use resilient::timeout;

struct Price(u32);

#[timeout(1s)]
async fn price() -> Price {
    Price(1)
}

fn main() {}
