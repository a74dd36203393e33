use resilient::{Rejected, retry};

trait Sell {
    #[retry(3)]
    async fn price(&self) -> Result<u32, Rejected>;
}

fn main() {}
