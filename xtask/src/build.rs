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

/// Processor time, in which `/proc` counts, is in hundredths of a second on every Linux.
const TICK: Duration = Duration::from_millis(10);

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
            let begin = Moment::now();
            compile(way).run()?;
            times.push(begin.elapsed());
        }
    }
    let clock = if children().is_some() {
        "processor"
    } else {
        "elapsed"
    };
    println!(
        "\n`cargo {command}` of {FUNCTIONS} functions, the least {clock} time of {ROUNDS} rounds in turns:"
    );
    // Whatever else the machine does makes a round longer, and none shorter.
    let least = |times: &Vec<Duration>| times.iter().min().map_or(0.0, Duration::as_secs_f64);
    let instrumented = least(&times[INSTRUMENTED]);
    for ((way, _), times) in WAYS.iter().zip(&times) {
        let least = least(times);
        let ratio = least / instrumented;
        println!("{least:8.2} s  {ratio:5.2} × instrumented  {way}");
    }
    Ok(())
}

/// When a command began.
struct Moment {
    instant: Instant,
    children: Option<Duration>,
}

impl Moment {
    fn now() -> Self {
        Self {
            instant: Instant::now(),
            children: children(),
        }
    }

    /// The processor time of the commands since then, so that it does not count what else the machine
    /// does; where nobody knows it, the time that has passed.
    fn elapsed(&self) -> Duration {
        match (self.children, children()) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ => self.instant.elapsed(),
        }
    }
}

/// The processor time of all commands that have ended, and of those that they have started.
fn children() -> Option<Duration> {
    of_children(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// What `/proc/self/stat` says of it: in the program's own mode, and in the kernel's (see `man proc_pid_stat`).
fn of_children(stat: &str) -> Option<Duration> {
    // The second field, a name in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(13);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some(TICK * (ticks()? + ticks()?))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_the_children_is_found_behind_whatever_the_program_is_called() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 10 20 0 0 900 800 150 25 20 0 1 0 5 6 7";
        assert_eq!(of_children(stat), Some(Duration::from_millis(1750)));
        assert_eq!(of_children("7 (a) S 1"), None);
    }
}
