use resilient::timeout;

#[timeout(1s)]
async fn price() -> Option<u32> {
    Some(1)
}

fn main() {}
