use resilient::Classify;

#[derive(Classify)]
enum PriceError {
    #[class(transient, attempts = 0)]
    Silent,
    #[class(transient, backoff = fixed(1s), jitter = decorrelated)]
    Busy,
}

fn main() {}
