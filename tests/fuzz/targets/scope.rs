//! Scopes of tokens, single and in lists.
#![no_main]

use af_registry::rights::{Kind, Scope};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some(scope) = Scope::parse(text) {
        check(&scope);
        let (kind, name) = (text.split(':').next(), scope.kind.repository());
        assert!(kind.is_some_and(|kind| kind.starts_with("re")));
        assert!(name.is_none_or(|name| text.contains(&format!(":{name}:"))));
    }
    let all: Vec<_> = Scope::parse_all(text).collect();
    assert!(all.len() <= text.len() / 2);
    all.iter().for_each(check);
});

/// Checks that the text of a scope parses to the same scope.
fn check(scope: &Scope) {
    let text = scope.to_string();
    assert!(!text.contains(char::is_whitespace) && !text.contains('"'));
    assert_eq!(Scope::parse(&text).as_ref(), Some(scope));
    assert!((1..=3).contains(&scope.actions.len()));
    match &scope.kind {
        Kind::Repository(name) => assert!(fuzz::NAME.holds(name.as_str())),
        Kind::Catalog => assert_eq!(text, "registry:catalog:*"),
    }
}
