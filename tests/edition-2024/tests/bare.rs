//! Without a prelude, without unsafe code, and with names that mean something else.
#![no_implicit_prelude]
#![forbid(unsafe_code)]

::core::include!("../../shapes/bare.rs");
