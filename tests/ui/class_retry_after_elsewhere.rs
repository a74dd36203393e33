use resilient::Classify;

#[derive(Classify)]
enum PriceError {
    #[class(throttled, retry_after = wiat)]
    Named { wait: std::time::Duration },
    #[class(throttled, retry_after = 1)]
    Numbered(std::time::Duration),
    #[class(throttled, retry_after = wait)]
    Unit,
    #[class(throttled, retry_after = 5s)]
    Fixed,
}

fn main() {}
