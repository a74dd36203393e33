use resilient::{Rejected, retry};

#[retry(3)]
async fn first(numbers: &mut [u32]) -> Result<&mut u32, Rejected> {
    Ok(&mut numbers[0])
}

fn main() {}
