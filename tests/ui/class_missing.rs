use resilient::Classify;

#[derive(Classify)]
enum PriceError {
    #[class(attempts = 5)]
    Silent,
    #[class()]
    Busy,
    #[class]
    Slow,
    Misplaced(#[class(transient)] u8),
}

fn main() {}
