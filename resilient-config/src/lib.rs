//! Settings of policies from TOML files and environment variables.
//!
//! Use it through the crate `resilient`, as `resilient::config`, with its feature `config`.

mod environment;
mod file;
mod schema;
mod watch;

pub use environment::{PREFIX, environment};
pub use file::{FileError, load, load_text};
pub use schema::schema;
pub use watch::{Watch, WatchError, watch};
