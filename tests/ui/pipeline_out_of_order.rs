use resilient::{Rejected, fallback, resilient};

#[resilient("pricing")]
#[fallback(value = 0)]
async fn hidden() -> Result<u32, Rejected> {
    Ok(1)
}

#[resilient("pricing")]
async fn no_error_channel() -> u32 {
    1
}

struct NotClone;

#[resilient("pricing")]
async fn consumes(argument: NotClone) -> Result<u32, Rejected> {
    drop(argument);
    Ok(1)
}

fn main() {}
