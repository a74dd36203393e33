//! What another crate sees of annotated functions: `tests/shapes.rs` has all the others.
