//! Arbitrary source under the attributes: none panics, and none takes a function away.

#![no_main]

use libfuzzer_sys::fuzz_target;
use resilient_attributes::any_source;

fuzz_target!(|source: &str| any_source(source));
