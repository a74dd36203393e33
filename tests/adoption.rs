//! Functions as well-known services and clients have them, under stacks of three. Only the signatures are
//! theirs, written anew, and none was changed for an attribute. What a stack asks for: where an argument
//! is moved and is not `Clone`, or the result borrows from `&mut self`, it has no retry; and a refusal has
//! to become the function's error, by `From<Rejected>` or by `map_err`.

#![allow(
    clippy::needless_pass_by_value,
    clippy::needless_pass_by_ref_mut,
    clippy::unused_async,
    clippy::unwrap_used,
    reason = "the signatures are as they are found"
)]

#[path = "adoption/borrowed.rs"]
mod borrowed;
#[path = "adoption/driven.rs"]
mod driven;
#[path = "adoption/lent_mutably.rs"]
mod lent_mutably;
#[path = "adoption/moved.rs"]
mod moved;
#[path = "adoption/traits.rs"]
mod traits;
