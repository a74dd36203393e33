use resilient::{Rejected, retry};

#[retry(3, when = |_| name.is_empty())]
async fn price(name: String) -> Result<usize, Rejected> {
    let moved = name;
    Ok(moved.len())
}

fn main() {}
