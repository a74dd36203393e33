//! `cargo xtask`: the one runner of this repository. What it prints before each step is the
//! command that a person would type.

mod build;
mod coverage;
mod fuzz;
mod instructions;
mod mutants;
mod sanitize;
mod step;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use step::{Failed, Step, Totals};

/// What a user sees of `resilient-fn` with its default features, itself included, stays below this.
const PACKAGES_BELOW: usize = 30;

const DEFAULT_TIMES: u32 = 10;

/// How long the soak takes if nobody says.
const SOAK_SECONDS: u64 = 600;

const HELP: &str = "\
usage: cargo xtask <command>

commands:
  test                    run every test: units, integration, diagnostics, expansions, documentation,
                          and count the instructions of a call on every path
  check                   formatting, clippy and rustdoc, with every warning an error
  instructions [--keep]   count the instructions only; with --keep, keep them for later comparison
  bench overhead [--quick]
                          measure what each path costs, alone and in company
  bench peers [--quick]   measure other libraries beside ours, and print the ratios
  bench build             measure what attributes cost the compiler
  api [--keep]            compare the public items of every library with those that were kept; with --keep,
                          keep them
  coverage                which lines of the core the tests run; needs cargo-llvm-cov
  mutants [--share PART/N] [--seed N] [--file GLOB]...
                          change the core in small ways (one part of N of them, drawn by a seed), one at
                          a time, and count the changes that no test notices; needs cargo-mutants
  loom [--long]           try out all that threads may do to each other, in models; with --long, more of it
  soak [--seconds N] [--seed S]
                          drive an annotated service under seeded faults (default 600 s), and check what
                          must hold all along
  soak --prove            do wrong what each invariant forbids, and see that it is noticed
  fuzz [target] [--seconds N] [--if-available]
                          feed the targets in `fuzz/` with arbitrary input (default 20 minutes each);
                          needs nightly, cargo-fuzz and a C++ compiler
  sanitize [address|thread]
                          the tests with many threads, with every access to memory watched; needs nightly
  checkout [--times N]    run the checkout example N times (default 10) and name the runs that failed
  tree                    count the packages that a user of resilient-fn compiles
  help                    print this text
";

#[derive(Debug, PartialEq, Eq)]
enum Command {
    Test,
    Check,
    Instructions {
        keep: bool,
    },
    Bench {
        package: &'static str,
        quick: bool,
    },
    BenchBuild,
    Api {
        keep: bool,
    },
    Coverage,
    Mutants {
        share: mutants::Share,
        seed: u64,
        files: Vec<String>,
    },
    Loom {
        long: bool,
    },
    Checkout {
        times: u32,
    },
    Soak {
        seconds: u64,
        seed: Option<u64>,
    },
    ProveSoak,
    Fuzz {
        targets: Vec<&'static str>,
        seconds: u32,
        if_available: bool,
    },
    Sanitize {
        sanitizers: Vec<sanitize::Sanitizer>,
    },
    Tree,
    Help,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match command(&arguments) {
        Ok(Command::Test) => test(),
        Ok(Command::Check) => check(),
        Ok(Command::Instructions { keep: false }) => instructions::compare(),
        Ok(Command::Instructions { keep: true }) => instructions::keep(),
        Ok(Command::Bench { package, quick }) => bench(package, quick),
        Ok(Command::BenchBuild) => build::bench(),
        Ok(Command::Api { keep }) => api(keep),
        Ok(Command::Coverage) => coverage::run(),
        Ok(Command::Mutants { share, seed, files }) => mutants::run(share, seed, &files),
        Ok(Command::Loom { long }) => loom(long),
        Ok(Command::Checkout { times }) => checkout(times),
        Ok(Command::Soak { seconds, seed }) => soak(seconds, seed),
        Ok(Command::ProveSoak) => prove_soak(),
        Ok(Command::Fuzz {
            targets,
            seconds,
            if_available,
        }) => fuzz::run(&targets, seconds, if_available),
        Ok(Command::Sanitize { sanitizers }) => sanitize::run(&sanitizers),
        Ok(Command::Tree) => tree(),
        Ok(Command::Help) => {
            print!("{HELP}");
            Ok(())
        }
        Err(wrong) => Err(Failed::because(format!("{wrong}\n\n{}", HELP.trim_end()))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("xtask: {failed}");
            ExitCode::FAILURE
        }
    }
}

/// The command that `arguments` ask for, or what is wrong with them.
fn command(arguments: &[String]) -> Result<Command, String> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["test"] => Ok(Command::Test),
        ["check"] => Ok(Command::Check),
        ["instructions"] => Ok(Command::Instructions { keep: false }),
        ["instructions", "--keep"] => Ok(Command::Instructions { keep: true }),
        ["bench", "build"] => Ok(Command::BenchBuild),
        ["bench", what @ ("overhead" | "peers"), options @ ..]
            if matches!(options, [] | ["--quick"]) =>
        {
            let package = match *what {
                "peers" => "resilient-peers",
                _ => "resilient-overhead",
            };
            let quick = !options.is_empty();
            Ok(Command::Bench { package, quick })
        }
        ["bench", ..] => Err("`bench` takes `overhead`, `peers` or `build`".to_owned()),
        ["api"] => Ok(Command::Api { keep: false }),
        ["api", "--keep"] => Ok(Command::Api { keep: true }),
        ["coverage"] => Ok(Command::Coverage),
        ["mutants", options @ ..] => mutants(options),
        ["loom"] => Ok(Command::Loom { long: false }),
        ["loom", "--long"] => Ok(Command::Loom { long: true }),
        ["checkout"] => Ok(Command::Checkout {
            times: DEFAULT_TIMES,
        }),
        ["checkout", "--times", times] => match times.parse() {
            Ok(times) if times > 0 => Ok(Command::Checkout { times }),
            _ => Err(format!("`--times {times}`: expected a number from 1 on")),
        },
        ["soak", "--prove"] => Ok(Command::ProveSoak),
        ["soak", options @ ..] => soak_options(options),
        ["fuzz", options @ ..] => fuzz_options(options),
        ["sanitize"] => Ok(Command::Sanitize {
            sanitizers: sanitize::Sanitizer::ALL.to_vec(),
        }),
        ["sanitize", name] => sanitizer(name),
        ["tree"] => Ok(Command::Tree),
        [] | ["help" | "--help" | "-h"] => Ok(Command::Help),
        [
            "test" | "check" | "instructions" | "api" | "coverage" | "loom" | "checkout"
            | "sanitize" | "tree",
            rest @ ..,
        ] => Err(format!("unexpected `{}`", rest.join(" "))),
        [unknown, ..] => Err(format!("there is no command `{unknown}`")),
    }
}

/// `mutants` with its options: all changes of all files, unless a share or some files are asked for.
fn mutants(options: &[&str]) -> Result<Command, String> {
    let (mut share, mut seed, mut files) = (mutants::Share::ALL, 2026, Vec::new());
    for option in options.chunks(2) {
        match option {
            ["--file", glob] => files.push((*glob).to_owned()),
            ["--share", typed] => share = mutants::Share::parse(typed)?,
            ["--seed", number] => {
                seed = number
                    .parse()
                    .map_err(|_| format!("`--seed {number}`: expected a number"))?;
            }
            _ => return Err(format!("unexpected `{}`", option.join(" "))),
        }
    }
    Ok(Command::Mutants { share, seed, files })
}

fn sanitizer(name: &str) -> Result<Command, String> {
    let known = sanitize::Sanitizer::ALL.into_iter();
    let found = known.filter(|sanitizer| sanitizer.name() == name);
    match found.collect::<Vec<_>>() {
        found if found.is_empty() => Err(format!(
            "there is no sanitizer `{name}`: expected `address` or `thread`"
        )),
        sanitizers => Ok(Command::Sanitize { sanitizers }),
    }
}

fn number<N: std::str::FromStr>(option: &str, value: Option<&&str>) -> Result<N, String> {
    let value = value.copied().unwrap_or_default();
    value
        .parse()
        .map_err(|_| format!("`{option} {value}`: expected a number"))
}

fn soak_options(mut options: &[&str]) -> Result<Command, String> {
    let (mut seconds, mut seed) = (SOAK_SECONDS, None);
    while let [option, rest @ ..] = options {
        match *option {
            "--seconds" => seconds = number(option, rest.first())?,
            "--seed" => seed = Some(number(option, rest.first())?),
            unknown => return Err(format!("unexpected `{unknown}`")),
        }
        options = rest.get(1..).unwrap_or_default();
    }
    Ok(Command::Soak { seconds, seed })
}

fn fuzz_options(mut options: &[&str]) -> Result<Command, String> {
    let (mut targets, mut seconds, mut if_available) = (Vec::new(), fuzz::SECONDS, false);
    while let [option, rest @ ..] = options {
        options = rest;
        match *option {
            "--seconds" => {
                seconds = number(option, rest.first())?;
                options = rest.get(1..).unwrap_or_default();
            }
            "--if-available" => if_available = true,
            name => {
                let known = fuzz::TARGETS.into_iter().find(|target| *target == name);
                targets.push(known.ok_or_else(|| {
                    let targets = fuzz::TARGETS.join("`, `");
                    format!("`{name}` is no target; there are `{targets}`")
                })?);
            }
        }
    }
    if targets.is_empty() {
        targets.extend(fuzz::TARGETS);
    }
    Ok(Command::Fuzz {
        targets,
        seconds,
        if_available,
    })
}

/// The soak in real time, on many threads and built as users build, or on one thread whose clock jumps.
fn soaking(paused: bool) -> Step {
    let options = if paused { " --features paused" } else { "" };
    Step::cargo(&format!(
        "run --quiet --profile soak -p resilient-soak{options} --"
    ))
}

/// Five sixths of the time are real. The clock that jumps has half a minute at least, which a short run takes
/// longer for: what memory does in less says little.
fn soak(seconds: u64, seed: Option<u64>) -> Result<(), Failed> {
    let jumping = (seconds / 6).max(30.min(seconds / 2));
    for (paused, seconds) in [(false, seconds - seconds / 6), (true, jumping)] {
        let step = soaking(paused)
            .argument("--seconds")
            .argument(&seconds.to_string());
        match seed {
            Some(seed) => step.argument("--seed").argument(&seed.to_string()).run()?,
            None => step.run()?,
        }
    }
    Ok(())
}

/// What the soak does wrong when it is asked to, and what it says then.
const SABOTAGES: [(&str, &str); 8] = [
    ("place", "every place is returned"),
    ("outcome", "counts every call once"),
    ("call", "every call ends once"),
    ("limit", "no limit is exceeded"),
    ("rate", "no rate is exceeded"),
    ("task", "no task is left"),
    ("memory", "memory is flat"),
    ("transition", "every breaker goes a legal way"),
];

fn prove_soak() -> Result<(), Failed> {
    for (what, invariant) in SABOTAGES {
        let step = soaking(false).argument("--seconds").argument("6");
        let run = step.argument("--sabotage").argument(what).output()?;
        if run.succeeded || !run.text.contains(invariant) {
            return Err(Failed::because(format!(
                "`{what}` was done wrong, and nobody said that it breaks `{invariant}`:\n{}",
                run.text
            )));
        }
    }
    println!(
        "the soak notices all {} things that are done wrong on purpose",
        SABOTAGES.len()
    );
    Ok(())
}

/// Runs every test of the workspace; one build makes the libraries, the tests and the examples.
fn test() -> Result<(), Failed> {
    let mut totals = Totals::default();
    // The field that we compare ourselves with has no tests of ours, and takes minutes to build.
    Step::cargo("test --workspace --exclude resilient-peers --all-features")
        .run_and_show(|line| totals.add(line))?;
    if totals.is_empty() {
        return Err(Failed::because("no test was run".to_owned()));
    }
    println!("\n{totals}");
    instructions::compare()
}

/// Runs one of the programs in `benches/`, built as users build: without tokio's `test-util`.
fn bench(package: &str, quick: bool) -> Result<(), Failed> {
    let step = Step::cargo(&format!("run --profile bench -p {package}"));
    let step = if quick {
        step.argument("--").argument("--quick")
    } else {
        step
    };
    step.run()
}

/// What every library offers, compared with what was kept of it.
fn api(keep: bool) -> Result<(), Failed> {
    let step = Step::cargo("run --quiet -p resilient-public-api --");
    let step = if keep { step.argument("--keep") } else { step };
    step.run()
}

/// Runs the models of what threads may do to each other.
///
/// Not with `--cfg loom`, which switches tokio's own models on. What is built with the flag has a folder of
/// its own, or each build would throw the other one away.
fn loom(long: bool) -> Result<(), Failed> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let target = env::var_os("CARGO_TARGET_DIR").map_or(target, PathBuf::from);
    let target = target.join("loom").display().to_string();
    let step = Step::cargo("test --profile models -p resilient-models --target-dir")
        .argument(&target)
        .with("RUSTFLAGS", "--cfg resilient_loom");
    if long {
        step.with("RESILIENT_MORE_PREEMPTIONS", "1").run()
    } else {
        step.run()
    }
}

/// Everything about the sources that needs no test to run.
fn check() -> Result<(), Failed> {
    Step::cargo("fmt --all --check").run()?;
    Step::cargo(
        "clippy --workspace --exclude resilient-peers --all-targets --all-features -- -D warnings",
    )
    .run()?;
    // Tests switch tokio's `test-util` on, and with it another clock: this is what users build.
    Step::cargo("clippy -p resilient-core -p resilient-fn -p resilient-http -- -D warnings")
        .run()?;
    Step::cargo("doc --workspace --exclude resilient-peers --no-deps --all-features")
        .with("RUSTDOCFLAGS", "-D warnings")
        .run()
}

/// Runs the checkout again and again: its own checks must hold every time.
fn checkout(times: u32) -> Result<(), Failed> {
    Step::cargo("build --example checkout").run()?;
    let mut failed = Vec::new();
    for number in 1..=times {
        println!("run {number} of {times}");
        let run = Step::cargo("run --quiet --example checkout").output()?;
        if !run.succeeded {
            print!("{}", run.text);
            failed.push(number.to_string());
        }
    }
    if !failed.is_empty() {
        let (count, runs) = (failed.len(), failed.join(", "));
        return Err(Failed::because(format!(
            "{count} of {times} runs of the checkout failed: {runs}"
        )));
    }
    println!("all {times} runs of the checkout passed their own checks");
    Ok(())
}

/// Holds the number of packages that somebody compiles who depends on us.
fn tree() -> Result<(), Failed> {
    let tree = Step::cargo("tree -e normal -p resilient-fn --prefix none").output()?;
    if !tree.succeeded {
        return Err(Failed::because(format!(
            "cargo tree failed:\n{}",
            tree.text
        )));
    }
    let packages = packages(&tree.text);
    let count = packages.len();
    if count >= PACKAGES_BELOW {
        return Err(Failed::because(format!(
            "resilient-fn has {count} packages, must stay under {PACKAGES_BELOW}:\n  {}",
            packages.join("\n  ")
        )));
    }
    println!("resilient-fn has {count} packages, itself included (under {PACKAGES_BELOW})");
    Ok(())
}

/// The packages in the output of `cargo tree --prefix none`, each once.
fn packages(tree: &str) -> Vec<&str> {
    let mut packages: Vec<&str> = tree
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .filter(|line| !line.is_empty())
        .collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &str) -> Result<Command, String> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        command(&arguments)
    }

    #[test]
    fn every_command_of_the_help_exists() {
        let listed = HELP.lines().skip_while(|line| *line != "commands:").skip(1);
        for line in listed {
            // Two words where the first takes a second, and not what is optional or explained.
            let line = line.strip_prefix("  ").expect("what is listed is indented");
            if line.starts_with(' ') {
                continue;
            }
            let words = line.split("  ").next().expect("a command");
            let words = words.split(" [").next().expect("a command");
            assert!(typed(words).is_ok(), "{words}");
        }
    }

    #[test]
    fn the_checkout_runs_as_often_as_asked() {
        assert_eq!(
            typed("checkout --times 3"),
            Ok(Command::Checkout { times: 3 })
        );
        assert_eq!(
            typed("checkout --times 0"),
            Err("`--times 0`: expected a number from 1 on".to_owned())
        );
    }

    #[test]
    fn a_share_of_the_mutants_is_drawn_by_a_seed() {
        assert_eq!(
            typed("mutants --share 2/3 --file a.rs --seed 7 --file b/**"),
            Ok(Command::Mutants {
                share: mutants::Share { part: 2, of: 3 },
                seed: 7,
                files: vec!["a.rs".to_owned(), "b/**".to_owned()],
            })
        );
        for wrong in ["0", "3", "0/3", "4/3", "1/0", "1/3/5"] {
            assert_eq!(
                typed(&format!("mutants --share {wrong}")),
                Err(format!(
                    "`--share {wrong}`: expected a part of a number of parts, as 1/3"
                ))
            );
        }
        assert!(typed("mutants --third").is_err());
    }

    #[test]
    fn the_soak_and_the_fuzzer_run_as_long_as_asked() {
        assert_eq!(
            typed("soak --seed 7 --seconds 60"),
            Ok(Command::Soak {
                seconds: 60,
                seed: Some(7)
            })
        );
        assert_eq!(
            typed("soak --seconds"),
            Err("`--seconds `: expected a number".to_owned())
        );
        assert_eq!(
            typed("fuzz control --seconds 5 --if-available"),
            Ok(Command::Fuzz {
                targets: vec!["control"],
                seconds: 5,
                if_available: true
            })
        );
        assert!(typed("fuzz everything").is_err());
    }

    #[test]
    fn a_bench_may_be_quick() {
        let bench = |package, quick| Ok(Command::Bench { package, quick });
        assert_eq!(typed("bench peers"), bench("resilient-peers", false));
        assert_eq!(
            typed("bench overhead --quick"),
            bench("resilient-overhead", true)
        );
        assert!(typed("bench peers --fast").is_err());
    }

    #[test]
    fn models_may_be_looked_at_longer() {
        assert_eq!(typed("loom"), Ok(Command::Loom { long: false }));
        assert_eq!(typed("loom --long"), Ok(Command::Loom { long: true }));
        assert!(typed("loom --longer").is_err());
    }

    #[test]
    fn one_sanitizer_or_all_of_them_are_asked_for() {
        assert_eq!(
            typed("sanitize"),
            Ok(Command::Sanitize {
                sanitizers: sanitize::Sanitizer::ALL.to_vec()
            })
        );
        assert_eq!(
            typed("sanitize thread"),
            Ok(Command::Sanitize {
                sanitizers: vec![sanitize::Sanitizer::Thread]
            })
        );
        assert_eq!(
            typed("sanitize memory"),
            Err("there is no sanitizer `memory`: expected `address` or `thread`".to_owned())
        );
        assert!(typed("sanitize thread address").is_err());
    }

    #[test]
    fn what_does_not_exist_is_named() {
        assert_eq!(
            typed("benchmark"),
            Err("there is no command `benchmark`".to_owned())
        );
        assert_eq!(
            typed("bench everything"),
            Err("`bench` takes `overhead`, `peers` or `build`".to_owned())
        );
        assert_eq!(
            typed("test fast"),
            Err("unexpected `fast`".to_owned()),
            "an argument that is ignored would look as if it worked"
        );
    }

    #[test]
    fn a_package_that_stands_twice_in_the_tree_counts_once() {
        let tree = "a v1.0.0 (/path)\nb v1.0.0\nc v2.0.0\nb v1.0.0 (*)\nb v2.0.0\n";
        assert_eq!(
            packages(tree),
            ["a v1.0.0 (/path)", "b v1.0.0", "b v2.0.0", "c v2.0.0"]
        );
    }
}
