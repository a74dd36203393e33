//! Makes instances of the annotated functions of another crate.

use resilient::{Rejected, retry};

/// Calls the other crate's function with a type of this one.
///
/// # Errors
///
/// If `fails`, or if a policy refuses.
#[retry(1)]
pub async fn fetch(fails: bool) -> Result<Vec<u16>, Failed> {
    let read = async || {
        if fails {
            Err(Failed(None))
        } else {
            Ok(vec![1])
        }
    };
    edition_2024::fetch(read).await
}

/// A type that the other crate does not know.
#[derive(Debug, PartialEq, Eq)]
pub struct Failed(pub Option<Rejected>);

impl From<Rejected> for Failed {
    fn from(rejected: Rejected) -> Self {
        Self(Some(rejected))
    }
}
