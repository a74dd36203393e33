//! Settings in environment variables.

use resilient_core::{
    Configuration, ConfigurationError, Given, Source, Unmentioned, kinds, registry,
};

/// What the variables begin with that [`environment`] reads, by default.
pub const PREFIX: &str = "RESILIENT";

/// Reads the environment variables `<prefix>__<NAME>__<KIND>__<KEY>`, and has what they say hold instead
/// of what the environment said before, above attributes, code and files.
///
/// Names are compared in capitals, with `_` for everything that is no letter and no digit: the policy
/// `shop::price` is set by `RESILIENT__SHOP__PRICE__RETRY__ATTEMPTS=5`. The values are written as in an
/// attribute. A variable whose name nobody mentions, or that has no kind and key in it, is answered.
///
/// ```
/// # #![allow(unused)]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // RESILIENT__SEARCH__TIMEOUT__DURATION=2s
/// for unmentioned in resilient_config::environment(resilient_config::PREFIX)? {
///     eprintln!("{unmentioned}");
/// }
/// assert!(resilient_config::environment("NOBODY_USES_THIS")?.is_empty());
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// If a value is of the wrong type, out of range, or contradicts another one, or a variable could mean
/// several policies. Then nothing has changed.
pub fn environment(prefix: &str) -> Result<Vec<Unmentioned>, ConfigurationError> {
    let variables = std::env::vars_os().filter_map(|(variable, value)| {
        Some((
            variable.into_string().ok()?,
            value.to_string_lossy().into_owned(),
        ))
    });
    let policies: Vec<_> = registry()
        .snapshot()
        .policies
        .into_iter()
        .map(|policy| (policy.kind.as_str(), policy.name))
        .collect();
    let configuration = read(prefix, variables, &policies);
    registry().configure_from_environment(configuration)
}

/// `name` as it stands in a variable.
fn capitals(name: &str) -> String {
    let letters = name.chars().flat_map(char::to_uppercase);
    letters
        .map(|letter| {
            if letter.is_alphanumeric() {
                letter
            } else {
                '_'
            }
        })
        .collect()
}

/// What these variables say of these policies, which are given by kind and name.
fn read(
    prefix: &str,
    variables: impl Iterator<Item = (String, String)>,
    policies: &[(&str, &str)],
) -> Configuration {
    let start = format!("{prefix}__");
    let kinds = kinds();
    let mut configuration = Configuration::new();
    let mut sorted: Vec<_> = variables.collect();
    sorted.sort();
    for (variable, value) in sorted {
        let Some(rest) = variable.strip_prefix(&start) else {
            continue;
        };
        let mut parts = rest.rsplitn(3, "__");
        let (key, kind, name) = (
            parts.next().unwrap_or_default().to_lowercase(),
            parts.next().unwrap_or_default().to_lowercase(),
            parts.next().unwrap_or_default(),
        );
        let known_kind = kinds.iter().map(|(kind, _)| kind.as_str());
        let mut of_kind = policies.iter().filter(|(known, _)| *known == kind);
        let policy = of_kind
            .find(|(_, known)| capitals(known) == name)
            .map_or_else(|| name.to_lowercase(), |(_, known)| (*known).to_owned());
        let kind = known_kind
            .chain(policies.iter().map(|(kind, _)| *kind))
            .find(|known| *known == kind)
            .map_or(kind.clone(), str::to_owned);
        let source = Source::Environment {
            variable: variable.clone(),
        };
        configuration.set(kind, policy, key, Given::Text(value), source);
    }
    configuration
}

#[cfg(test)]
mod tests {
    use super::*;
    use resilient_core::{RetryPolicy, policy};

    #[test]
    fn a_name_is_found_whatever_its_punctuation() {
        assert_eq!(capitals("shop::Shop::price#2"), "SHOP__SHOP__PRICE_2");
        assert_eq!(capitals("größe-1"), "GRÖSSE_1");
    }

    #[test]
    fn a_variable_sets_what_its_last_parts_say() {
        policy("environment::of-a.test")
            .retry(RetryPolicy::new())
            .register()
            .expect("a new name");
        let variables = [
            ("T__ENVIRONMENT__OF_A_TEST__RETRY__ATTEMPTS", "7"),
            ("T__NOBODY__RETRY__ATTEMPTS", "7"),
            ("ANOTHER__ENVIRONMENT__OF_A_TEST__RETRY__ATTEMPTS", "9"),
        ];
        let variables = variables.map(|(variable, value)| (variable.to_owned(), value.to_owned()));
        let policies = [("retry", "environment::of-a.test")];
        let configuration = read("T", variables.into_iter(), &policies);
        let unmentioned = registry()
            .configure_from_environment(configuration)
            .expect("all fine");
        assert_eq!(unmentioned.len(), 1);
        assert_eq!(unmentioned[0].policy, "nobody");
        let snapshot = registry().snapshot();
        let mut found = snapshot.policies.iter();
        let retry = found
            .find(|policy| policy.name == "environment::of-a.test")
            .expect("known");
        let attempts = retry
            .settings
            .iter()
            .find(|setting| setting.key == "attempts");
        let attempts = attempts.expect("a setting");
        assert_eq!(
            attempts.value.as_ref().map(ToString::to_string).as_deref(),
            Some("7")
        );
        assert_eq!(
            attempts.source.to_string(),
            "T__ENVIRONMENT__OF_A_TEST__RETRY__ATTEMPTS"
        );
    }

    #[test]
    fn a_variable_without_a_kind_is_refused_by_its_name() {
        let variables = [("T__PRICING".to_owned(), "7".to_owned())];
        let configuration = read("T", variables.into_iter(), &[]);
        let refused = registry().configure_from_environment(configuration);
        let refused = refused.expect_err("it means nothing").to_string();
        assert_eq!(refused, "T__PRICING: there is no kind of policy ``");
    }
}
