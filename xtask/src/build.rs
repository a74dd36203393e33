//! Measures what attributes cost the compiler: the same functions, written in several ways.

use crate::step::{Failed, Step};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const FUNCTIONS: usize = 400;
const ROUNDS: usize = 5;

/// Each way of writing the functions, by the name of its module.
const WAYS: [(&str, &str); 4] = [
    ("plain", ""),
    ("instrumented", "#[tracing::instrument]\n"),
    ("one_attribute", "#[resilient::retry(3)]\n"),
    (
        "stack_of_three",
        "#[resilient::circuit_breaker(failure_rate = 50%)]\n#[resilient::retry(3)]\n#[resilient::timeout(1s)]\n",
    ),
];

/// The way that the others are compared with: an attribute which many functions have.
const INSTRUMENTED: usize = 1;

/// Checks, and builds, the same functions in each way, in turns, and prints how long it takes.
pub(crate) fn bench() -> Result<(), Failed> {
    let folder = folder();
    write(&folder).map_err(|error| Failed::because(format!("could not write: {error}")))?;
    for command in ["check", "build"] {
        measure(&folder, command)?;
    }
    Ok(())
}

fn measure(folder: &Path, command: &str) -> Result<(), Failed> {
    let compile = |way: &str| {
        let manifest = folder.join("Cargo.toml");
        Step::cargo(&format!("{command} --quiet --features"))
            .argument(way)
            .argument("--manifest-path")
            .argument(&manifest.display().to_string())
            .with("CARGO_INCREMENTAL", "0")
    };
    // Their dependencies first, which are not measured.
    for (way, _) in WAYS {
        compile(way).run()?;
    }
    let mut times = vec![Vec::new(); WAYS.len()];
    for _ in 0..ROUNDS {
        for ((way, _), times) in WAYS.iter().zip(&mut times) {
            touch(folder, way).map_err(|error| Failed::because(error.to_string()))?;
            let begin = Instant::now();
            compile(way).run()?;
            times.push(begin.elapsed());
        }
    }
    println!("\n`cargo {command}` of {FUNCTIONS} functions, {ROUNDS} rounds in turns:");
    let medians: Vec<f64> = times
        .iter_mut()
        .map(|times| median(times).as_secs_f64())
        .collect();
    for ((way, _), median) in WAYS.iter().zip(&medians) {
        let ratio = median / medians[INSTRUMENTED];
        println!("{median:8.2} s  {ratio:5.2} × instrumented  {way}");
    }
    Ok(())
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join("bench-build")
}

/// A package of its own, whose features choose the way.
fn write(folder: &Path) -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()?;
    fs::create_dir_all(folder.join("src"))?;
    let features = WAYS.map(|(way, _)| format!("{way} = []\n")).concat();
    fs::write(
        folder.join("Cargo.toml"),
        format!(
            "[package]\nname = \"bench-build\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [workspace]\n\n[features]\n{features}\n[dependencies]\n\
             resilient-fn = {{ path = \"{}\" }}\n\
             tracing = {{ version = \"0.1\", default-features = false, features = [\"attributes\", \"std\"] }}\n",
            root.display()
        ),
    )?;
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let mut library = String::new();
    for (way, attributes) in WAYS {
        // Writing to a string cannot fail.
        let _ = writeln!(library, "#[cfg(feature = \"{way}\")]\npub mod {way};");
        fs::write(folder.join(format!("src/{way}.rs")), functions(attributes))?;
    }
    fs::write(folder.join("src/lib.rs"), library)
}

fn functions(attributes: &str) -> String {
    let mut text = String::new();
    for number in 0..FUNCTIONS {
        let _ = writeln!(
            text,
            "{attributes}pub async fn f{number}(id: u64, name: &str) -> Result<u64, resilient::Rejected> {{\n    \
             let length = std::future::ready(name.len() as u64).await;\n    \
             Ok(id + length + {number})\n}}\n"
        );
    }
    text
}

/// Makes cargo compile a way again.
fn touch(folder: &Path, way: &str) -> std::io::Result<()> {
    let path = folder.join(format!("src/{way}.rs"));
    let text = fs::read_to_string(&path)?;
    fs::write(path, text)
}
