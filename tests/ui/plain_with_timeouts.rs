use resilient::{Rejected, resilient, retry, timeout};

#[timeout(5s)]
#[retry(3)]
#[timeout(1s)]
fn price() -> Result<u32, Rejected> {
    Ok(1)
}

#[resilient(retry(3), timeout(1s))]
fn stock() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {
    let _: Result<u32, Rejected> = price();
    let _: Result<u32, Rejected> = stock();
}
