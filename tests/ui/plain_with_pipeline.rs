use resilient::{Rejected, resilient};

#[resilient("pricing")]
fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
