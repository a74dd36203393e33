use resilient::{Rejected, resilient};

#[resilient("pricing", when = is_transient)]
async fn code() -> Result<u32, Rejected> {
    Ok(1)
}

#[resilient("pricing", attempts = 3)]
async fn data() -> Result<u32, Rejected> {
    Ok(1)
}

#[resilient("pricing", colour = 3, 5s)]
async fn neither() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
