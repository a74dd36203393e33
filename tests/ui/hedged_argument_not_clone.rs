use resilient::{Rejected, hedge};

struct Order;

#[hedge(100ms)]
async fn charge(order: Order) -> Result<(), Rejected> {
    drop(order);
    Ok(())
}

fn main() {}
