use resilient::{Rejected, retry};

struct Order;

#[retry(3)]
async fn charge(order: Order) -> Result<(), Rejected> {
    drop(order);
    Ok(())
}

fn main() {}
