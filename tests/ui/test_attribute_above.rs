use resilient::retry;

#[tokio::test]
#[retry(3)]
async fn price() -> Result<(), std::io::Error> {
    Ok(())
}

fn main() {}
