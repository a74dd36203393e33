//! What the attributes say to mistakes, and what compiles although it looks as if it should not.
//!
//! `TRYBUILD=overwrite cargo test --test compile_fail` writes the messages anew.

#[test]
fn every_mistake_has_one_message_that_says_what_is_allowed() {
    let tests = trybuild::TestCases::new();
    tests.compile_fail("tests/ui/*.rs");
    tests.pass("tests/ui/pass/*.rs");
}
