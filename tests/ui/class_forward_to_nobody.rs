use resilient::Classify;

#[derive(Classify)]
enum PriceError {
    #[class(forward)]
    Silent,
    #[class(rejected)]
    Two(u8, u8),
}

fn main() {}
