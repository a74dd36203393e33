use resilient::Classify;

#[derive(Classify)]
enum PriceError {
    #[class(transient, permanent)]
    Silent,
    #[class(transient)]
    #[class(ignored)]
    Busy,
    #[class(transient, attempts = 3, attempts = 4)]
    Slow,
}

fn main() {}
