use resilient::{Rejected, circuit_breaker, retry};

#[retry(3)]
#[circuit_breaker(key = tenant)]
async fn search(tenant: String) -> Result<usize, Rejected> {
    Ok(consume(tenant))
}

fn consume(text: String) -> usize {
    text.len()
}

fn main() {}
