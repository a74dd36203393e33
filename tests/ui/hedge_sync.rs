use resilient::{Rejected, hedge};

#[hedge(100ms)]
fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
