use resilient::{Rejected, retry};

#[tokio::main]
#[retry(3)]
async fn main() -> Result<(), Rejected> {
    Ok(())
}
