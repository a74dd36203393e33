//! The paths that a call can take through our policies, and how to measure them.

pub mod by_hand;
pub mod measure;
pub mod paths;

pub use measure::{Measured, Spread, Subject, measure, ratio};
pub use paths::{Answer, Error, fails_every_tenth, pends_once, work};
