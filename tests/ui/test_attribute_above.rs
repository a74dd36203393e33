use resilient::{Rejected, retry};

#[tokio::test]
#[retry(3)]
async fn price() -> Result<(), Rejected> {
    Ok(())
}

fn main() {}
