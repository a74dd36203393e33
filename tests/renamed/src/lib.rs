//! Nothing here is called `resilient`: one key on any attribute of a stack says what it is called.

use std::future::{Future, pending};
use tenacious::{
    Class, Classify, Rejected, bulkhead, circuit_breaker, fallback, resilient, retry, timeout,
};

/// For those who depend on this crate alone.
pub mod facade {
    pub use tenacious as tough;
}

/// What can go wrong.
#[derive(Debug, PartialEq, Eq, Classify)]
#[class(permanent, crate = ::tenacious)]
pub enum Error {
    /// Because it was asked to.
    Failed,
    /// A policy refused the call.
    Rejected(Rejected),
}

impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

/// Through the name of the dependency.
///
/// # Errors
///
/// None.
#[fallback(value = 0, crate = ::tenacious)]
#[timeout(10ms)]
#[retry(3)]
#[timeout(1s)]
pub async fn by_name(number: u32) -> Result<u32, Error> {
    if number == 1 {
        pending::<()>().await;
    }
    Ok(number)
}

/// Through a re-export, said on the last attribute.
///
/// # Errors
///
/// [`Error::Failed`] if there is no number.
#[circuit_breaker(failure_threshold = 2, when = |error| *error == Error::Failed)]
#[resilient(retry(3, attempt = cx), bulkhead(9), crate = crate::facade::tough)]
pub async fn by_path(number: Option<u32>) -> Result<u32, Error> {
    let number = number.ok_or(Error::Failed)?;
    Ok(number * cx.number())
}

/// In a plain function.
///
/// # Errors
///
/// [`Error::Failed`] if there is no number.
#[retry(3)]
#[bulkhead(9, crate = ::tenacious)]
pub fn plainly(number: Option<u32>) -> Result<u32, Error> {
    number.ok_or(Error::Failed)
}

/// In a function that returns a future.
#[resilient("renamed", crate = ::tenacious)]
pub fn later(number: u32) -> impl Future<Output = Result<u32, Error>> + Send {
    let class = Error::Failed.class();
    async move {
        assert_eq!(class, Class::Permanent);
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn another_name_does_as_well() {
        assert_eq!(by_name(7).await, Ok(7));
        assert_eq!(by_name(1).await, Ok(0));
        assert_eq!(by_path(Some(7)).await, Ok(7));
        for _ in 0..2 {
            assert_eq!(by_path(None).await, Err(Error::Failed));
        }
        let refused = by_path(Some(7)).await;
        assert!(matches!(
            refused,
            Err(Error::Rejected(Rejected::CircuitOpen(_)))
        ));
        assert_eq!(plainly(Some(7)), Ok(7));
        assert_eq!(plainly(None), Err(Error::Failed));
        assert_eq!(later(7).await, Ok(7));
    }
}
