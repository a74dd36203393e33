//! Models of what threads may do to each other. Loom runs each of them again and again: in every order in
//! which the threads can come between each other, and with every value that a load may see.
//!
//! `cargo xtask loom` builds them, with `--cfg resilient_loom`; without it there is nothing here.

#![cfg(resilient_loom)]
#![allow(missing_docs, reason = "a test program")]

mod binding;
mod budget;
mod bulkhead;
mod circuit_breaker;
mod keyed;
mod model;
mod rate_limit;
mod stale;
