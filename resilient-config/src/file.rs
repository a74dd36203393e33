//! A TOML file, read with the line of each setting.

use resilient_core::{Configuration, ConfigurationError, Given, Source, Unmentioned, registry};
use std::io;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Why a file was not taken. Then everything is as it was before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file cannot be read.
    #[error("{file}: {error}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// It is no TOML.
    #[error("{file}:{line}: {message}")]
    Malformed {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// It is TOML, but not of the form `[name.kind]`, `key = value`.
    #[error("{file}:{line}: {message}")]
    Misplaced {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What stands there, and what is expected.
        message: String,
    },
    /// Settings are unknown, of the wrong type, out of range, or contradict each other.
    #[error(transparent)]
    Settings(#[from] ConfigurationError),
}

/// Reads the file at `path`, and has what it says hold instead of what a file said before.
///
/// It stands above what attributes and code write, and below environment variables and what was changed
/// by hand. What it does not mention (any more) falls back to those below. It defines only policies that
/// an attribute or code mentions; the others are answered.
///
/// ```
/// use resilient_core::{TimeoutPolicy, policy, registry};
/// use std::time::Duration;
///
/// policy("search").timeout(TimeoutPolicy::new().duration(Duration::from_secs(8))).register()?;
/// let file = std::env::temp_dir().join(format!("resilient-{}.toml", std::process::id()));
///
/// std::fs::write(&file, "[search.timeout]\nduration = \"2s\"\n")?;
/// let unmentioned = resilient_config::load(&file)?;
/// assert!(unmentioned.is_empty());
/// assert_eq!(registry().timeout("search").unwrap().duration(), Some(Duration::from_secs(2)));
///
/// std::fs::write(&file, "[search.timeout]\nduration = 2\n")?;
/// let refused = resilient_config::load(&file).unwrap_err().to_string();
/// assert!(refused.ends_with("is a duration with its unit, such as `30s` or `250ms`, not 2"));
/// assert_eq!(registry().timeout("search").unwrap().duration(), Some(Duration::from_secs(2)));
/// # std::fs::remove_file(file)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// If the file cannot be read, is no TOML, or anything in it is wrong. Then nothing has changed.
pub fn load(path: impl AsRef<Path>) -> Result<Vec<Unmentioned>, FileError> {
    let path = path.as_ref();
    let file = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => load_text(&text, &file),
        Err(error) => Err(FileError::Unreadable { file, error }),
    }
}

/// Has `text`, which came from `file`, hold instead of what a file said before; see [`load`].
///
/// # Errors
///
/// If it is no TOML, or anything in it is wrong. Then nothing has changed.
pub fn load_text(text: &str, file: &str) -> Result<Vec<Unmentioned>, FileError> {
    let configuration = read(text, file)?;
    Ok(registry().configure_from_file(configuration)?)
}

/// The settings in `text`, by name, kind and key, each with its line.
fn read(text: &str, file: &str) -> Result<Configuration, FileError> {
    let line = |span: std::ops::Range<usize>| {
        let before = text.get(..span.start).unwrap_or(text);
        before.bytes().filter(|byte| *byte == b'\n').count() + 1
    };
    let policies = DeTable::parse(text).map_err(|error| FileError::Malformed {
        file: file.to_owned(),
        line: error.span().map_or(1, line),
        message: error.message().to_owned(),
    })?;
    let misplaced = |at: std::ops::Range<usize>, message: String| FileError::Misplaced {
        file: file.to_owned(),
        line: line(at),
        message,
    };
    let mut configuration = Configuration::new();
    for (name, kinds) in policies.get_ref() {
        let name_of_policy = name.get_ref();
        let DeValue::Table(kinds) = kinds.get_ref() else {
            return Err(misplaced(
                name.span(),
                format!(
                    "`{name_of_policy}` is no setting: settings stand under the name and the kind of \
                     a policy, such as `[pricing.circuit_breaker]`"
                ),
            ));
        };
        for (kind, settings) in kinds {
            let kind_of_policy = kind.get_ref();
            let DeValue::Table(settings) = settings.get_ref() else {
                return Err(misplaced(
                    kind.span(),
                    format!(
                        "`{kind_of_policy}` is no kind of policy: settings stand under the name and \
                         the kind of a policy, such as `[{name_of_policy}.circuit_breaker]`; a name \
                         with dots is quoted: `[\"a.b\".retry]`"
                    ),
                ));
            };
            for (key, value) in settings {
                let source = Source::File {
                    file: file.to_owned(),
                    line: line(key.span()),
                };
                let given = given(value).map_err(|message| {
                    misplaced(value.span(), format!("`{}` {message}", key.get_ref()))
                })?;
                configuration.set(
                    kind_of_policy.as_ref(),
                    name_of_policy.as_ref(),
                    key.get_ref().as_ref(),
                    given,
                    source,
                );
            }
        }
    }
    Ok(configuration)
}

/// The value as a setting may have it, or what it is instead.
fn given(value: &Spanned<DeValue<'_>>) -> Result<Given, String> {
    Ok(match value.get_ref() {
        DeValue::String(text) => Given::Text(text.as_ref().to_owned()),
        DeValue::Boolean(flag) => Given::Flag(*flag),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Given::Text(number.as_str().to_owned()), Given::Integer),
        DeValue::Float(number) => match number.as_str().parse() {
            Ok(number) => Given::Number(number),
            Err(_) => Given::Text(number.as_str().to_owned()),
        },
        DeValue::Array(values) => Given::List(values.iter().map(given).collect::<Result<_, _>>()?),
        DeValue::Table(_) => {
            return Err(
                "is a table, but settings are plain values; a name with dots is quoted: \
                        `[\"a.b\".retry]`"
                    .to_owned(),
            );
        }
        DeValue::Datetime(_) => return Err("is a date, which no setting is".to_owned()),
    })
}
