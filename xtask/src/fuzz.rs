//! Runs the fuzz targets for a while each.

use crate::step::{Failed, Step};
use std::path::Path;
use std::process::Command;

/// The targets in `fuzz/`, with what each is fed.
pub(crate) const TARGETS: [&str; 4] = ["histories", "attributes", "configuration", "control"];

/// How long each runs if nobody says, in seconds.
pub(crate) const SECONDS: u32 = 20 * 60;

/// No input is longer, in bytes.
const LONGEST: u32 = 4096;

/// What is missing on this machine, and how to get it.
fn missing() -> Option<&'static str> {
    let works = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !works("rustup", &["run", "nightly", "rustc", "--version"]) {
        Some("no nightly compiler: `rustup toolchain install nightly`")
    } else if !works("cargo", &["fuzz", "--version"]) {
        Some("no cargo-fuzz: `cargo install cargo-fuzz`")
    } else if !works("c++", &["--version"]) {
        Some("no C++ compiler, with which libFuzzer is built: install g++ or clang")
    } else {
        None
    }
}

/// Runs `targets` from the kept corpus, each for so many seconds.
pub(crate) fn run(targets: &[&str], seconds: u32, if_available: bool) -> Result<(), Failed> {
    if let Some(missing) = missing() {
        if if_available {
            println!("SKIPPED: nothing is fuzzed here, there is {missing}");
            return Ok(());
        }
        return Err(Failed::because(format!("there is {missing}")));
    }
    for target in targets {
        one(target, seconds)?;
    }
    println!(
        "{} ran for {seconds} s each and found nothing",
        targets.join(", ")
    );
    Ok(())
}

fn one(target: &str, seconds: u32) -> Result<(), Failed> {
    // What is found grows beside the corpus that is kept, which the second folder is.
    let grown = format!("fuzz/target/corpus/{target}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::create_dir_all(root.join(&grown))
        .map_err(|error| Failed::because(format!("could not make {grown}: {error}")))?;
    let mut step = Step::nightly_cargo("fuzz run --sanitizer none")
        .argument(target)
        .argument(&grown)
        .argument(&format!("fuzz/corpus/{target}"))
        .argument("--")
        .argument(&format!("-max_total_time={seconds}"))
        .argument(&format!("-max_len={LONGEST}"))
        .argument("-timeout=20")
        .argument("-print_final_stats=1");
    let words = format!("fuzz/{target}.dict");
    if root.join(&words).exists() {
        step = step.argument(&format!("-dict={words}"));
    }
    step.run()
}
