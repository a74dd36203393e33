//! A crate that re-exports this one names itself.

mod facade {
    pub use resilient;
}

use facade::resilient::{Rejected, retry, timeout};

#[retry(3)]
#[timeout(1s, crate = crate::facade::resilient)]
async fn price() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {
    drop(price());
}
