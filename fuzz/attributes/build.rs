//! Says that these sources are compiled for the fuzzer.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(resilient_fuzz)");
    println!("cargo::rustc-cfg=resilient_fuzz");
    println!("cargo::rerun-if-changed=build.rs");
}
