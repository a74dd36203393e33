use resilient::{Rejected, resilient, retry, timeout as deadline};
use std::pin::Pin;

struct Shop;

#[async_trait::async_trait]
trait Sell {
    async fn sell(&self) -> Result<u32, Rejected>;
}

#[async_trait::async_trait]
impl Sell for Shop {
    #[deadline(5s)]
    #[tracing::instrument(skip_all)]
    #[retry(3)]
    async fn sell(&self) -> Result<u32, Rejected> {
        Ok(1)
    }
}

#[::resilient::retry(3)]
#[tracing::instrument]
#[resilient(bulkhead(20), rate_limit(100/s))]
fn plain() -> Result<u32, Rejected> {
    Ok(1)
}

#[cfg_attr(all(), retry(3))]
#[tracing::instrument]
#[deadline(1s)]
fn boxed() -> Pin<Box<dyn Future<Output = Result<u32, Rejected>> + Send>> {
    Box::pin(async { Ok(1) })
}

fn main() {}
