//! The credentials of a request: the value of its `Authorization` header (RFC 9110, 11.6.2).

use std::fmt;

use data_encoding::BASE64;

use super::AuthError;
use crate::config::Secret;

/// Most bytes of a bearer token. The tokens that we issue have less than a quarter of it.
pub(super) const TOKEN_BYTES: usize = 16 * 1024;

/// Most bytes of the base64 of `user:password`.
const BASIC_BYTES: usize = 4 * 1024;

/// The credentials of a request.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// The caller is anonymous.
    None,
    /// A user name and a password (RFC 7617).
    #[allow(missing_docs, reason = "the fields are their names")]
    Basic { user: String, password: Secret },
    /// A token (RFC 6750) that has not been verified.
    Bearer(String),
}

impl Credentials {
    /// Parses the value of `Authorization`. A missing header gives [`Credentials::None`]. So does an empty user name
    /// with an empty password, which clients send that are configured to log in but have no login.
    ///
    /// # Errors
    /// [`AuthError::Credentials`] for an unknown scheme and for a malformed Basic login, and [`AuthError::Token`] for a
    /// token that is too long or has invalid characters.
    pub fn parse(header: Option<&[u8]>) -> Result<Self, AuthError> {
        let Some(header) = header else { return Ok(Self::None) };
        let value = std::str::from_utf8(header).map_err(|_| AuthError::Credentials)?.trim();
        let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
        let rest = rest.trim_start();
        if scheme.eq_ignore_ascii_case("bearer") {
            return bearer(rest);
        }
        if scheme.eq_ignore_ascii_case("basic") {
            return basic(rest);
        }
        Err(AuthError::Credentials)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Basic { user, .. } => f.debug_struct("Basic").field("user", user).finish(),
            Self::Bearer(_) => f.write_str("Bearer"),
        }
    }
}

fn bearer(token: &str) -> Result<Credentials, AuthError> {
    if token.len() > TOKEN_BYTES {
        return Err(AuthError::Token("it is too long"));
    }
    // The grammar is token68 (RFC 9110, 11.2). This accepts any visible ASCII; the parser of the token checks the rest.
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(AuthError::Token("it is empty, or has characters other than visible ASCII"));
    }
    Ok(Credentials::Bearer(token.to_owned()))
}

fn basic(encoded: &str) -> Result<Credentials, AuthError> {
    if encoded.len() > BASIC_BYTES {
        return Err(AuthError::Credentials);
    }
    let decoded = BASE64.decode(encoded.as_bytes()).map_err(|_| AuthError::Credentials)?;
    let pair = String::from_utf8(decoded).map_err(|_| AuthError::Credentials)?;
    // A password may contain colons, a user name may not.
    let (user, password) = pair.split_once(':').ok_or(AuthError::Credentials)?;
    if user.is_empty() && password.is_empty() {
        return Ok(Credentials::None);
    }
    // RFC 7617, section 2, forbids control characters. PostgreSQL accepts no NUL either.
    if user.is_empty() || pair.chars().any(char::is_control) {
        return Err(AuthError::Credentials);
    }
    Ok(Credentials::Basic { user: user.to_owned(), password: Secret::new(password) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str) -> Result<Credentials, AuthError> {
        Credentials::parse(Some(header.as_bytes()))
    }

    fn basic_of(pair: impl AsRef<[u8]>) -> Result<Credentials, AuthError> {
        parse(&format!("Basic {}", BASE64.encode(pair.as_ref())))
    }

    fn is_wrong(parsed: Result<Credentials, AuthError>) -> bool {
        matches!(parsed, Err(AuthError::Credentials))
    }

    #[test]
    fn no_credentials_are_anonymous() {
        assert_eq!(Credentials::parse(None).unwrap(), Credentials::None);
        assert_eq!(basic_of(":").unwrap(), Credentials::None);
    }

    #[test]
    fn the_user_name_ends_at_the_first_colon() {
        let expected = |user: &str, password| Credentials::Basic {
            user: user.into(),
            password: Secret::new(password),
        };
        assert_eq!(basic_of("me:a:b:").unwrap(), expected("me", "a:b:"));
        assert_eq!(basic_of("me:").unwrap(), expected("me", ""));
        assert_eq!(basic_of("mé:pässwörd").unwrap(), expected("mé", "pässwörd"));
        for scheme in ["Basic", "basic", "BASIC", "bAsIc  "] {
            let header = format!("{scheme} {}", BASE64.encode(b"me:x"));
            assert_eq!(parse(&header).unwrap(), expected("me", "x"), "{scheme}");
        }
    }

    #[test]
    fn a_malformed_login_is_wrong_credentials() {
        for pair in ["me", ":password", "", "m\0e:x", "me:x\n", "me\r:x", "me:\u{7f}"] {
            assert!(is_wrong(basic_of(pair)), "{pair:?}");
        }
        assert!(is_wrong(basic_of([0xff, b':', b'x'])));
        // `me:x` without padding and with too much, URL-safe base64, a bit set after the end, and blanks.
        for bad in ["bWU6eA", "bWU6eA===", "-_-_", "bWU6eB==", "bWU6 eA==", "bWU6eA== x", "%%%"] {
            assert!(is_wrong(parse(&format!("Basic {bad}"))), "{bad}");
        }
        assert!(is_wrong(basic_of(format!("me:{}", "x".repeat(4096)))));
    }

    #[test]
    fn tokens_are_not_changed() {
        let token = |text: &str| Credentials::Bearer(text.into());
        assert_eq!(parse("Bearer a.b.c").unwrap(), token("a.b.c"));
        assert_eq!(parse("bearer   a.b.c ").unwrap(), token("a.b.c"));
        let longest = "x".repeat(TOKEN_BYTES);
        assert_eq!(parse(&format!("Bearer {longest}")).unwrap(), token(&longest));
        for bad in ["Bearer", "Bearer ", "Bearer a b", "Bearer é", &format!("Bearer x{longest}")] {
            assert!(matches!(parse(bad), Err(AuthError::Token(_))), "{:.20}", bad);
        }
    }

    #[test]
    fn other_schemes_are_refused() {
        for bad in ["", "Digest username=me", "Basicx y", "Negotiate", "me:x", "Bearer: a.b.c"] {
            assert!(is_wrong(parse(bad)), "{bad}");
        }
        assert!(is_wrong(Credentials::parse(Some(b"Basic \xff"))));
    }

    #[test]
    fn debug_output_contains_no_secret() {
        let shown = format!("{:?} {:?}", basic_of("me:hunter2"), parse("Bearer hunter2"));
        assert!(shown.contains("me") && !shown.contains("hunter2"), "{shown}");
    }
}
