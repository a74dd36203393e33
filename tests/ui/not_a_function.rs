use resilient::retry;

#[retry(3)]
struct Price;

fn main() {}
