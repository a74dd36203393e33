#[resilient::rate_limit(100/min, algorithm = fixed_window, burst = 20)]
async fn contradicts() -> Result<(), resilient::Rejected> {
    Ok(())
}

#[resilient::rate_limit(200_000/min, algorithm = sliding_window)]
async fn remembers_too_much() -> Result<(), resilient::Rejected> {
    Ok(())
}

#[resilient::rate_limit(100/min, cost = 1_u64)]
async fn costs_another_type() -> Result<(), resilient::Rejected> {
    Ok(())
}

fn main() {}
