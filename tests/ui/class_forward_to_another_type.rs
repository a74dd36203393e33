use resilient::Classify;

#[derive(Classify)]
enum PriceError {
    #[class(forward)]
    Text(String),
    #[class(rejected)]
    Code(u16),
}

fn main() {}
