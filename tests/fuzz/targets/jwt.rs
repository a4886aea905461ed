//! Tokens without the check of their signature. Input: a token, or a header and claims on two lines that are joined to a
//! token.
#![no_main]

use af_registry::auth::Claims;
use data_encoding::BASE64URL_NOPAD;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let Ok(token) = str::from_utf8(input) else { return };
    check(token);
    if let Some((header, claims)) = token.split_once('\n') {
        check(&put_together(header, claims));
    }
});

/// A token whose signature is invalid.
fn put_together(header: &str, claims: &str) -> String {
    let [header, claims] = [header, claims].map(|part| BASE64URL_NOPAD.encode(part.as_bytes()));
    format!("{header}.{claims}.c2lnbmF0dXJl")
}

fn check(token: &str) {
    let Ok(claims) = Claims::unverified(token) else { return };
    let parts: Vec<_> = token.split('.').collect();
    assert!(parts.len() == 3 && token.len() <= 16 << 10);
    let header = BASE64URL_NOPAD.decode(parts[0].as_bytes()).expect("base64url");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    // A caller who could choose the algorithm or supply a key could forge tokens.
    if let Some(header) = header.as_object() {
        assert_eq!(header["alg"], "RS256");
        assert!(header["kid"].is_string());
        let known = |name: &String| ["alg", "kid", "typ"].contains(&name.as_str());
        assert!(header.keys().all(known), "{header:?}");
    } else {
        panic!("a header that is no object");
    }
    let text = serde_json::to_string(&claims).expect("claims");
    let again = put_together(r#"{"alg":"RS256","kid":"k"}"#, &text);
    if again.len() <= 16 << 10 {
        assert_eq!(Claims::unverified(&again), Ok(claims));
    }
}
