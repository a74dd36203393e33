use resilient::{Rejected, fallback, timeout};

type Answer = Result<u32, Rejected>;

fn takes_the_sku(_sku: &str) -> Answer {
    Ok(1)
}

#[fallback(takes_the_sku)]
#[timeout(1s)]
async fn without_arguments() -> Answer {
    Ok(2)
}

#[fallback(takes_the_sku, error)]
#[timeout(1s)]
async fn with_the_error(sku: &str) -> Answer {
    Ok(sku.len() as u32)
}

#[fallback(|| Ok(1))]
#[timeout(1s)]
async fn closure_of_nothing() -> Answer {
    Ok(2)
}

#[fallback(|sku, error| Ok(1))]
#[timeout(1s)]
async fn closure_of_two(sku: &str) -> Answer {
    Ok(sku.len() as u32)
}

#[fallback(0)]
#[timeout(1s)]
async fn number() -> Answer {
    Ok(2)
}

#[fallback(takes_the_sku("lamp"))]
#[timeout(1s)]
async fn call() -> Answer {
    Ok(2)
}

fn main() {}
