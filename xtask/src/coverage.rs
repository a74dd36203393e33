//! `cargo xtask coverage`: which lines of the core no test runs.

use crate::step::{Failed, Step};
use std::env;
use std::path::Path;

/// The least share of the core's lines, in percent, that the tests have to run.
const LEAST_LINES: u32 = 95;

/// Tests that run what those which notice mutants do not.
const ALSO: [&str; 10] = [
    "adoption",
    "faults",
    "grpc",
    "http",
    "http_errors",
    "memory",
    "orders",
    "page",
    "registry_of_many",
    "tower",
];

/// Everything that is built beside the core.
const NOT_THE_CORE: &str = "(resilient-(config|http|macros|metrics|tower)|xtask|benches|examples|tests|/src/testing)/|^src/";

/// Runs the tests of the core and those through the attributes, and prints a line for each file.
pub(crate) fn run() -> Result<(), Failed> {
    if !Step::cargo("llvm-cov --version").output()?.succeeded {
        return Err(Failed::because(
            "cargo-llvm-cov is missing: cargo install --locked cargo-llvm-cov".to_owned(),
        ));
    }
    let mut step = Step::cargo("llvm-cov -p resilient-core -p resilient-fn --all-features --lib");
    for test in crate::mutants::ROOT_TESTS.iter().chain(&ALSO) {
        step = step.argument("--test").argument(test);
    }
    step = step
        .argument("--ignore-filename-regex")
        .argument(NOT_THE_CORE)
        .argument("--fail-under-lines")
        .argument(&LEAST_LINES.to_string());
    // A toolchain without the component `llvm-tools` can use those of the system, if they are as new.
    for (variable, tool) in [("LLVM_COV", "llvm-cov"), ("LLVM_PROFDATA", "llvm-profdata")] {
        if env::var_os(variable).is_none()
            && let Some(found) = of_the_system(tool)?
        {
            step = step.with(variable, &found);
        }
    }
    step.with("RESILIENT_HISTORIES", "300").run()
}

/// The tool of the version of LLVM that this compiler writes profiles for, as Debian installs it.
fn of_the_system(tool: &str) -> Result<Option<String>, Failed> {
    let version = Step::program("rustc", "-vV").output()?.text;
    let major = llvm_major(&version)
        .ok_or_else(|| Failed::because(format!("no version of LLVM in:\n{version}")))?;
    let path = format!("/usr/bin/{tool}-{major}");
    Ok(Path::new(&path).exists().then_some(path))
}

fn llvm_major(version: &str) -> Option<&str> {
    let line = version
        .lines()
        .find_map(|line| line.strip_prefix("LLVM version: "))?;
    line.split('.').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tools_are_those_of_the_compilers_own_llvm() {
        let version =
            "rustc 1.95.0 (59807616e 2026-04-14)\nrelease: 1.95.0\nLLVM version: 22.1.2\n";
        assert_eq!(llvm_major(version), Some("22"));
        assert_eq!(llvm_major("rustc 1.95.0"), None);
    }
}
