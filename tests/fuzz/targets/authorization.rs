//! The value of `Authorization`.
#![no_main]

use af_registry::auth::{AuthError, Credentials};
use af_registry::config::Secret;
use data_encoding::BASE64;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|header: &[u8]| {
    match Credentials::parse(Some(header)) {
        Ok(Credentials::None) => {
            let login = str::from_utf8(header).unwrap_or_default().trim_end();
            assert!(login.ends_with("Og=="));
        }
        Ok(credentials @ Credentials::Basic { .. }) => {
            let Credentials::Basic { user, password } = &credentials else { return };
            let pair = format!("{user}:{}", password.expose());
            assert!(!user.is_empty() && !user.contains(':') && !pair.contains(char::is_control));
            let again = format!("bAsIc {}", BASE64.encode(pair.as_bytes()));
            let again = Credentials::parse(Some(again.as_bytes())).expect("the same again");
            assert!(again == credentials);
            let other = Credentials::Basic { user: user.clone(), password: Secret::new("other") };
            assert_eq!(format!("{credentials:?}"), format!("{other:?}"));
        }
        Ok(Credentials::Bearer(token)) => {
            assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
            let again = Credentials::parse(Some(format!("Bearer {token}").as_bytes()));
            assert!(again.is_ok_and(|again| again == Credentials::Bearer(token)));
        }
        // Parsing looks nothing up, so no other error can occur.
        Err(error) => assert!(matches!(error, AuthError::Credentials | AuthError::Token(_))),
    }
});
