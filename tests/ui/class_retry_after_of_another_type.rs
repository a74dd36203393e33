use resilient::Classify;

#[derive(Classify)]
enum PriceError {
    #[class(throttled, retry_after = seconds)]
    Busy { seconds: u64 },
}

fn main() {}
