//! Functions of every shape keep compiling, and keep their meaning, under attributes and under every
//! lint, in this edition; the files are in `tests/shapes`.

#![allow(
    clippy::needless_pass_by_value,
    clippy::needless_pass_by_ref_mut,
    clippy::future_not_send,
    clippy::multiple_bound_locations,
    clippy::never_loop,
    clippy::no_effect_underscore_binding,
    clippy::type_repetition_in_bounds,
    clippy::unnecessary_wraps,
    clippy::unused_async,
    clippy::unwrap_used,
    reason = "the shapes are made for the attributes and mean nothing by themselves"
)]

#[path = "../../shapes/arguments.rs"]
mod arguments;
#[path = "../../shapes/caches.rs"]
mod caches;
#[path = "../../shapes/callee.rs"]
mod callee;
#[path = "../../shapes/life.rs"]
mod life;
#[path = "../../shapes/neighbours.rs"]
mod neighbours;
#[path = "../../shapes/places.rs"]
mod places;
#[path = "../../shapes/plain.rs"]
mod plain;
#[path = "../../shapes/returns.rs"]
mod returns;
