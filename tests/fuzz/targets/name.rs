//! Repository names, and patterns of grants.
#![no_main]

use af_registry::oci::{NameError, RepositoryName};
use af_registry::rights::Pattern;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let name = text.parse::<RepositoryName>();
    let is_short = text.len() <= RepositoryName::MAX_LEN;
    assert_eq!(name.is_ok(), is_short && fuzz::NAME.holds(text));
    match &name {
        Ok(name) => assert_eq!(name.to_string(), text),
        Err(error) => assert_eq!(*error == NameError::TooLong, !is_short),
    }
    let prefix = text.strip_suffix("/*").unwrap_or(text);
    let pattern = text.parse::<Pattern>();
    assert_eq!(pattern.is_ok(), text == "*" || prefix.parse::<RepositoryName>().is_ok());
    if let Ok(pattern) = pattern {
        assert_eq!(pattern.as_str(), text);
        let first = prefix.split('/').next().unwrap_or_default();
        assert!(text == "*" || (pattern.is_within(prefix) && pattern.is_within(first)));
        assert_eq!(pattern.is_within("acme"), text == "acme" || text.starts_with("acme/"));
    }
});
