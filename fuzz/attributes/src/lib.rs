//! The sources of the attributes, in a library: a crate of macros exports nothing that a fuzzer could call.

#![allow(dead_code, unused_imports, unused_macros)]

#[path = "../../../resilient-macros/src"]
mod sources {
    pub(crate) mod arguments;
    pub(crate) mod body;
    pub(crate) mod choice;
    pub(crate) mod derive;
    pub(crate) mod entry;
    pub(crate) mod expand;
    pub(crate) mod function;
    pub(crate) mod literal;
    pub(crate) mod parse;
    pub(crate) mod pipeline;
    pub(crate) mod plain;
    pub(crate) mod rename;
    pub(crate) mod returned_future;
    pub(crate) mod shared;
    pub(crate) mod stack;
    pub(crate) mod stale;
    pub(crate) mod table;
}

// They know each other by the names that they have there.
use sources::{
    arguments, body, choice, derive, entry, expand, function, literal, parse, pipeline, plain,
    rename, returned_future, shared, stack, stale, table,
};

/// Expands this source, whatever it is, and holds what must hold for any.
///
/// # Panics
///
/// If it does not.
pub fn any_source(source: &str) {
    entry::any_source(source);
}
