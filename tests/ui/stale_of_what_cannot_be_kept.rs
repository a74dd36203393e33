use resilient::{Rejected, fallback};

struct NotClone;

#[fallback(stale = 10m, key = id)]
async fn not_clone(id: u32) -> Result<NotClone, Rejected> {
    let _ = id;
    Ok(NotClone)
}

#[fallback(stale = 10m, key = "all")]
async fn borrows(text: &str) -> Result<&str, Rejected> {
    Ok(text)
}

#[fallback(stale = 10m, key = "all", mark = |price| price.to_string())]
async fn marked_as_another_type() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
