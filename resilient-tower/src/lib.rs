//! Any pipeline of `resilient`'s policies as a `tower` layer. Use it through the crate `resilient`, feature
//! `tower`, where this is the module `resilient::tower`.

mod copying;
mod error;
mod judging;
mod layer;
mod pipeline;
mod service;

pub use copying::{ByClone, CopyWith, Copying, Once};
pub use error::Error;
pub use judging::{ByClass, EveryError, Judging, When, WhenOk};
pub use layer::{PipelineLayer, layer};
pub use service::Pipeline;
