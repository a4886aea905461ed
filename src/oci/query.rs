//! Query strings and HTML forms.

use percent_encoding::percent_decode_str;
use thiserror::Error;

/// Why a query string cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum QueryError {
    /// A `%` is not followed by two hex digits.
    #[error("the query string holds a % that is not followed by two hex digits")]
    Percent,
    /// The decoded string is not UTF-8.
    #[error("the query string is not UTF-8")]
    Utf8,
    /// The decoded string holds a NUL. No parameter needs one, and PostgreSQL cannot hold it in text.
    #[error("the query string holds a NUL")]
    Nul,
}

/// The parameters of a request, in the order they came and percent-decoded.
///
/// Clients send digests and repositories raw (containerd) or encoded (`digest=sha256%3A…`), in any order, and with
/// parameters of their own. A `+` is a plus sign here and not a space as in an HTML form: clients send
/// `artifactType=application/vnd.x+json` raw, and no parameter of this API can hold a space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Parses the text after the `?`. `None` and the empty string hold no parameter.
    pub fn parse(raw: Option<&str>) -> Result<Self, QueryError> {
        let pairs = raw.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(key)?, decode(value)?))
        };
        pairs.map(pair).collect::<Result<_, _>>().map(Self)
    }

    /// Parses an HTML form, where a `+` is a space. Clients send forms to a token server, by POST and by GET.
    pub fn form(raw: &str) -> Result<Self, QueryError> {
        Self::parse(Some(&raw.replace('+', " ")))
    }

    /// The first value of the parameter `key`.
    pub fn first(&self, key: &str) -> Option<&str> {
        self.all(key).next()
    }

    /// Every value of the parameter `key`, in order.
    pub fn all<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(k, _)| k == key).map(|(_, value)| value.as_str())
    }
}

fn decode(text: &str) -> Result<String, QueryError> {
    if !text.contains(['%', '\0']) {
        return Ok(text.to_owned());
    }
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    if bytes.iter().enumerate().any(|(i, b)| *b == b'%' && !(hex(i + 1) && hex(i + 2))) {
        return Err(QueryError::Percent);
    }
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| QueryError::Utf8)?;
    if decoded.contains('\0') { Err(QueryError::Nul) } else { Ok(decoded.into_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_pairs_in_order_and_keeps_the_plus() {
        let query = Query::parse(Some(
            "mount=sha256%3aab&from=cli%2Fskopeo&&tag=a&tag=b&x&artifactType=a/b+json&artifactType=a/b%2Bjson",
        ))
        .unwrap();
        assert_eq!(query.first("mount"), Some("sha256:ab"));
        assert_eq!(query.first("from"), Some("cli/skopeo"));
        assert_eq!(query.all("tag").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(query.first("x"), Some(""));
        assert_eq!(query.first("digest"), None);
        assert_eq!(query.all("artifactType").collect::<Vec<_>>(), ["a/b+json", "a/b+json"]);
        assert_eq!(Query::parse(None), Ok(Query::default()));
        assert_eq!(Query::parse(Some("")), Ok(Query::default()));
    }

    #[test]
    fn refuses_malformed_encoding() {
        let cases = [
            ("a=%", QueryError::Percent),
            ("a=%2", QueryError::Percent),
            ("%zz=1", QueryError::Percent),
            ("a=%ff", QueryError::Utf8),
            ("a=%c3%28", QueryError::Utf8),
            ("a=b%00", QueryError::Nul),
        ];
        for (raw, expected) in cases {
            assert_eq!(Query::parse(Some(raw)), Err(expected), "{raw}");
        }
    }
}
