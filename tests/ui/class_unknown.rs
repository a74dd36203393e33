use resilient::Classify;

#[derive(Classify)]
enum PriceError {
    #[class(transitory)]
    Silent,
    #[class(retryable)]
    Busy,
}

fn main() {}
