//! One command of a longer task: it is shown before it runs, and named when it fails.

use std::env;
use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// Why a task stopped.
#[derive(Debug)]
pub(crate) struct Failed(String);

impl Failed {
    pub(crate) const fn because(reason: String) -> Self {
        Self(reason)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a command printed, for a task that reads it.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) succeeded: bool,
    /// Standard output, then standard error.
    pub(crate) text: String,
}

/// A cargo command in the root of the workspace.
#[derive(Debug)]
pub(crate) struct Step {
    command: Command,
    /// As a person would type it.
    shown: String,
}

impl Step {
    /// `cargo` with these arguments, which are separated by spaces.
    pub(crate) fn cargo(arguments: &str) -> Self {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Self::of(Command::new(cargo), "cargo", arguments)
    }

    /// The same with the nightly compiler, whichever one this was built with.
    pub(crate) fn nightly_cargo(arguments: &str) -> Self {
        Self::program("rustup", &format!("run nightly cargo {arguments}"))
    }

    /// A program, by its name on the path, with these arguments.
    pub(crate) fn program(name: &str, arguments: &str) -> Self {
        Self::of(Command::new(name), name, arguments)
    }

    fn of(mut command: Command, name: &str, arguments: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        command.args(arguments.split_whitespace()).current_dir(root);
        Self {
            command,
            shown: format!("{name} {arguments}"),
        }
    }

    /// One more argument, which may hold spaces.
    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self.shown.push(' ');
        if argument.contains([' ', '\'', '"']) {
            self.shown.push_str(&quoted(argument));
        } else {
            self.shown += argument;
        }
        self
    }

    /// Sets an environment variable for the command.
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.command.env(key, value);
        self.shown = format!("{key}='{value}' {}", self.shown);
        self
    }

    /// Runs the command.
    pub(crate) fn run(mut self) -> Result<(), Failed> {
        println!("$ {}", self.shown);
        let ended = self.command.status();
        self.finish(ended.map(|status| status.success()))
    }

    /// Runs the command, and hands each line of its standard output to `see` after showing it.
    pub(crate) fn run_and_show(mut self, mut see: impl FnMut(&str)) -> Result<(), Failed> {
        println!("$ {}", self.shown);
        let ended = (|| {
            let mut child = self.command.stdout(Stdio::piped()).spawn()?;
            for line in child.stdout.take().into_iter().flat_map(lines) {
                println!("{line}");
                see(&line);
            }
            Ok(child.wait()?.success())
        })();
        self.finish(ended)
    }

    /// Runs the command and keeps what it prints.
    pub(crate) fn output(mut self) -> Result<Output, Failed> {
        println!("$ {}", self.shown);
        let output = self.command.output().map_err(|error| self.error(&error))?;
        Ok(Output {
            succeeded: output.status.success(),
            text: String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr),
        })
    }

    fn finish(self, ended: io::Result<bool>) -> Result<(), Failed> {
        match ended {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failed(format!("failed: {}", self.shown))),
            Err(error) => Err(self.error(&error)),
        }
    }

    fn error(&self, error: &io::Error) -> Failed {
        Failed(format!("could not run `{}`: {error}", self.shown))
    }
}

/// An argument that a shell takes as one.
fn quoted(argument: &str) -> String {
    format!("{argument:?}")
}

/// The lines of `output`; a test may print what is not UTF-8.
fn lines(output: impl io::Read) -> impl Iterator<Item = String> {
    BufReader::new(output)
        .split(b'\n')
        .map_while(Result::ok)
        .map(|line| String::from_utf8_lossy(&line).into_owned())
}

/// What all test programs of one run add up to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Totals {
    /// Adds the numbers of a line like `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    pub(crate) fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        for part in result.split(['.', ';']) {
            let Some((number, what)) = part.trim().split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }

    /// True if nothing passed and nothing failed.
    pub(crate) const fn is_empty(&self) -> bool {
        self.passed == 0 && self.failed == 0
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_add_up_over_the_test_programs() {
        let mut totals = Totals::default();
        assert!(totals.is_empty());
        totals.add("running 3 tests");
        totals.add(
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.02s",
        );
        totals.add("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured");
        assert_eq!(totals.to_string(), "4 passed, 2 failed, 1 skipped");
    }

    #[test]
    fn a_failure_names_the_command() {
        let failed = Step::cargo("no-such-command --quiet")
            .finish(Ok(false))
            .expect_err("it failed");
        assert_eq!(failed.to_string(), "failed: cargo no-such-command --quiet");
    }
}
