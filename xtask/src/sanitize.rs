//! `cargo xtask sanitize`: the tests with many threads, in a build that watches every access to memory.

use crate::step::{Failed, Step};
use std::path::{Path, PathBuf};

/// What watches. There is no `unsafe` in any of our libraries, so what it may find stands in a dependency, or
/// in the compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sanitizer {
    Address,
    Thread,
}

impl Sanitizer {
    pub(crate) const ALL: [Self; 2] = [Self::Address, Self::Thread];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Thread => "thread",
        }
    }

    /// Reports races of a standard library that was built without it, where there are none: it sees the
    /// accesses there, and not what orders them.
    const fn needs_its_own_std(self) -> bool {
        matches!(self, Self::Thread)
    }
}

/// The tests through the attributes in which threads meet.
const TESTS: [&str; 3] = ["threads", "contention", "registry_of_many"];

/// Runs the tests of the core, and those with many threads, under each of `sanitizers`.
pub(crate) fn run(sanitizers: &[Sanitizer]) -> Result<(), Failed> {
    let compiler = nightly()?;
    for &sanitizer in sanitizers {
        if sanitizer.needs_its_own_std() && !compiler.has_sources {
            println!(
                "SKIPPED: the sanitizer `{}` needs the sources of the standard library: \
                 `rustup component add rust-src --toolchain nightly`",
                sanitizer.name()
            );
            continue;
        }
        one(sanitizer, &compiler)?;
    }
    Ok(())
}

fn one(sanitizer: Sanitizer, compiler: &Nightly) -> Result<(), Failed> {
    let name = sanitizer.name();
    let mut step = Step::nightly_cargo("test --target")
        .argument(&compiler.host)
        .argument("--target-dir")
        .argument(&target(sanitizer).display().to_string());
    if sanitizer.needs_its_own_std() {
        step = step.argument("-Zbuild-std");
    }
    for argument in ["-p", "resilient-core", "-p", "resilient-fn", "--lib"] {
        step = step.argument(argument);
    }
    for test in TESTS {
        step = step.argument("--test").argument(test);
    }
    step.with("RUSTFLAGS", &format!("-Zsanitizer={name}"))
        .with("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
        .with("RESILIENT_HISTORIES", "300")
        .run()
}

/// The nightly compiler: only it has sanitizers.
#[derive(Debug)]
struct Nightly {
    host: String,
    has_sources: bool,
}

fn nightly() -> Result<Nightly, Failed> {
    let ask =
        |arguments: &str| Step::program("rustup", &format!("run nightly {arguments}")).output();
    let version = ask("rustc -vV")?;
    let host = host(&version.text).filter(|_| version.succeeded);
    let host = host.ok_or_else(|| {
        Failed::because("no nightly compiler: rustup toolchain install nightly".to_owned())
    })?;
    let sysroot = PathBuf::from(ask("rustc --print sysroot")?.text.trim());
    let sources = sysroot.join("lib/rustlib/src/rust/library/Cargo.lock");
    Ok(Nightly {
        host: host.to_owned(),
        has_sources: sources.exists(),
    })
}

fn host(version: &str) -> Option<&str> {
    version.lines().find_map(|line| line.strip_prefix("host: "))
}

/// A folder for each: what is built with one sanitizer does not go with anything else.
fn target(sanitizer: Sanitizer) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join(format!("{}-sanitizer", sanitizer.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_built_for_this_machine() {
        let version = "rustc 1.97.0-nightly\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\n";
        assert_eq!(host(version), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(host("error: toolchain 'nightly' is not installed"), None);
    }
}
