//! The JSON schema of a configuration file, for editors.

use resilient_core::{SettingDescription, kinds};
use serde_json::{Map, Value, json};

/// The JSON schema (draft 2020-12) of a configuration file, as text.
///
/// Editors check TOML against it and complete keys, for example with a first line
/// `#:schema ./resilient.schema.json`.
///
/// ```
/// let schema = resilient_config::schema();
/// assert!(schema.contains("\"open_for\""));
/// assert!(schema.contains("a duration with its unit, such as `30s` or `250ms`"));
/// assert!(!schema.contains("\"pipeline\""), "only kinds that have settings");
/// ```
#[must_use]
pub fn schema() -> String {
    let kinds = kinds().into_iter().map(|(kind, settings)| {
        let properties = settings
            .into_iter()
            .map(|(key, setting)| (key.to_owned(), of(&setting)));
        let kind_of_policy = json!({
            "type": "object",
            "properties": Value::Object(properties.collect()),
            "additionalProperties": false,
        });
        (kind.as_str().to_owned(), kind_of_policy)
    });
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Policies of resilient",
        "description": "By name, then by kind: [pricing.circuit_breaker]",
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "properties": Value::Object(kinds.collect()),
            "additionalProperties": false,
        },
    });
    format!("{schema:#}\n")
}

fn of(setting: &SettingDescription) -> Value {
    let mut of = Map::new();
    let allowed = setting.allowed.join("; ");
    let separator = if allowed.is_empty() { "" } else { ": " };
    let description = format!("{}{separator}{allowed}", setting.expected);
    of.insert("description".to_owned(), description.into());
    of.insert("type".to_owned(), setting.types.into());
    if let Some(default) = &setting.default {
        of.insert("default".to_owned(), default.to_string().into());
    }
    of.into()
}
