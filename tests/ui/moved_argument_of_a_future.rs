use resilient::{Rejected, retry};
use std::pin::Pin;

struct Ticket(u32);

fn redeem(ticket: Ticket) -> u32 {
    ticket.0
}

#[retry(3)]
fn price(ticket: Ticket) -> Pin<Box<dyn Future<Output = Result<u32, Rejected>> + Send>> {
    Box::pin(async move { Ok(redeem(ticket)) })
}

struct Shop;

#[async_trait::async_trait]
trait Sell {
    async fn sell(&self, ticket: Ticket) -> Result<u32, Rejected>;
}

#[async_trait::async_trait]
impl Sell for Shop {
    #[retry(3)]
    async fn sell(&self, ticket: Ticket) -> Result<u32, Rejected> {
        Ok(redeem(ticket))
    }
}

fn main() {}
