use resilient::Classify;

#[derive(Classify)]
union PriceError {
    number: u32,
}

fn main() {}
