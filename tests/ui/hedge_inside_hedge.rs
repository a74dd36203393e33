use resilient::{Rejected, hedge};

#[hedge(100ms)]
#[hedge(10ms)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {}
