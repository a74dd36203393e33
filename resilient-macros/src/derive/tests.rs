//! The derived implementation as people would read it, compared with a file in `snapshots`.

use super::*;
use std::path::Path;

fn derived(source: &str) -> String {
    let tokens = classify(source.parse().expect("tokens"));
    let file = syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("{error}: {tokens}"));
    prettyplease::unparse(&file)
}

#[test]
fn an_enum_of_every_class_reads_as_if_written_by_hand() {
    let source = r"
#[derive(Debug, thiserror::Error, Classify)]
enum PriceError {
    #[class(transient, attempts = 5, backoff = exponential(100ms..5s), jitter = full)]
    Silent,
    #[class(throttled, retry_after = wait)]
    Busy { wait: Option<Duration> },
    #[class(throttled, retry_after = Self::quota, attempts = 10)]
    Quota(u64),
    #[class(permanent)]
    Unknown(Sku),
    #[class(permanent)]
    Forbidden,
    #[class(forward)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Rejected(#[from] Rejected),
    Other,
}
";
    let actual = format!("{}\n\n// becomes\n\n{}", source.trim(), derived(source));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/derived.rs");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &actual).expect("the snapshot can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        actual, expected,
        "the implementation has changed; if it is meant, set UPDATE_SNAPSHOTS=1"
    );
}

#[test]
fn a_mistake_leaves_an_implementation_so_that_it_is_the_only_error() {
    let text = derived("enum Wrong { #[class(transitory)] One }");
    assert!(text.contains("compile_error!"), "{text}");
    assert!(text.contains("Classify for Wrong"), "{text}");
}

#[test]
fn a_generic_field_that_is_asked_is_bounded() {
    let text = derived("enum E<T> { #[class(forward)] One(Box<T>), Two(T) }");
    assert!(text.contains("Box<T>: __resilient::Classify"), "{text}");
    let text = derived("enum E<T> { #[class(forward)] One(Io), Two(T) }");
    assert!(!text.contains("where"), "{text}");
}

#[test]
fn an_enum_without_variants_is_matched_all_the_same() {
    assert!(derived("enum Never {}").contains("match *self {}"));
}
