use resilient::{Classify, Rejected};

#[derive(Debug, thiserror::Error, Classify)]
#[error("{self:?}")]
enum PriceError {
    #[class(permanent, attempts = 5)]
    Unknown,
    #[class(transient, retry_after = wait)]
    Busy { wait: std::time::Duration },
    #[class(transient)]
    Rejected(#[from] Rejected),
}

fn main() {}
