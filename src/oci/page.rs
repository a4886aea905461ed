//! Pages of lists: the parameters `n` and `last`, and the `Link` to the next page.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use thiserror::Error;

use super::{Path, Query};

/// Longest accepted `last`, in bytes. No list has a longer entry.
const MAX_LAST: usize = 1024;

/// Characters to encode in a query value: all but the unreserved ones of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why `n` or `last` is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PageError {
    /// `n` is negative or not a number.
    #[error("n is a whole number, 0 or more")]
    Number,
    /// `last` is longer than any entry of a list.
    #[error("last has at most {MAX_LAST} bytes")]
    Last,
}

/// The part of a list that a client asks for (distribution specification, "Listing Tags").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// Largest number of entries on the page. 0 asks for none. Without it the server decides.
    pub n: Option<u32>,
    /// The entry after which the page begins. It need not exist.
    pub last: Option<String>,
}

impl PageRequest {
    /// Reads `n` and `last`. A number beyond `u32` counts as `u32::MAX`, so that a client that asks for too much gets a
    /// page and a `Link`, never an error.
    pub fn parse(query: &Query) -> Result<Self, PageError> {
        let given = |key| query.first(key).filter(|value| !value.is_empty());
        let n = given("n").map(parse_count).transpose()?;
        let last = given("last").map(str::to_owned);
        if last.as_ref().is_some_and(|last| last.len() > MAX_LAST) {
            return Err(PageError::Last);
        }
        Ok(Self { n, last })
    }

    /// Entries to return: as many as the client asks for, at most `max`.
    pub fn limit(&self, max: u32) -> u32 {
        self.n.map_or(max, |n| n.min(max))
    }
}

fn parse_count(text: &str) -> Result<u32, PageError> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(PageError::Number);
    }
    Ok(text.parse().unwrap_or(u32::MAX))
}

/// The `Link` header that leads to the next page: `</v2/…?n=…&last=…>; rel="next"`. It is relative, since clients
/// refuse a link to another scheme or host. The values are encoded, since some clients cut the header at `;`.
pub fn next_link(path: &Path, parameters: &[(&str, &str)]) -> String {
    let mut link = format!("<{path}");
    for (i, (key, value)) in parameters.iter().enumerate() {
        let joint = if i == 0 { '?' } else { '&' };
        // Writing to a String cannot fail.
        let _ = write!(link, "{joint}{key}={}", utf8_percent_encode(value, ENCODED));
    }
    link.push_str(">; rel=\"next\"");
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Result<PageRequest, PageError> {
        PageRequest::parse(&Query::parse(Some(query)).unwrap())
    }

    #[test]
    fn reads_n_and_last() {
        let cases = [
            ("", PageRequest { n: None, last: None }),
            ("n=&last=", PageRequest { n: None, last: None }),
            ("n=0", PageRequest { n: Some(0), last: None }),
            ("n=007&last=v1.0", PageRequest { n: Some(7), last: Some("v1.0".into()) }),
            ("n=99999999999999999999", PageRequest { n: Some(u32::MAX), last: None }),
        ];
        for (query, expected) in cases {
            assert_eq!(page(query), Ok(expected), "{query}");
        }
        for query in ["n=-1", "n=x", "n=+1", "n=1.5", "n=1%20"] {
            assert_eq!(page(query), Err(PageError::Number), "{query}");
        }
        assert_eq!(page(&format!("last={}", "x".repeat(1025))), Err(PageError::Last));
    }

    #[test]
    fn clamps_the_number() {
        assert_eq!(page("").unwrap().limit(100), 100);
        assert_eq!(page("n=5").unwrap().limit(100), 5);
        assert_eq!(page("n=10000").unwrap().limit(100), 100);
        assert_eq!(page("n=0").unwrap().limit(100), 0);
    }

    #[test]
    fn links_to_the_next_page() {
        let path = Path::parse("/v2/a/b/tags/list").unwrap();
        assert_eq!(
            next_link(&path, &[("n", "2"), ("last", "v1;\"é>&")]),
            "</v2/a/b/tags/list?n=2&last=v1%3B%22%C3%A9%3E%26>; rel=\"next\""
        );
    }
}
