use resilient::{Rejected, retry, timeout};

#[retry(3, map_err = std::convert::identity)]
#[timeout(1s, map_err = std::convert::identity)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
