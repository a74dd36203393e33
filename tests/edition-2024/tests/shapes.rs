//! Functions of every shape in this edition; the files are in `tests/shapes`.

#[path = "../../shapes/neighbours.rs"]
mod neighbours;
