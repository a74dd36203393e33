use resilient::Classify;

#[derive(Classify)]
enum PriceError {
    #[class(transient, attemps = 5)]
    Silent,
    #[class(transient, delay = 5s)]
    Busy,
}

fn main() {}
