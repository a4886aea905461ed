//! Query strings, `n` and `last`, and the `Link` to the next page. Input: a query string on a line, then the last entry
//! of a page.
#![no_main]

use af_registry::oci::{PageError, PageRequest, Path, Query, next_link};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((raw, entry)) = fuzz::line(input) else { return };
    if let Ok(query) = Query::parse(Some(raw)) {
        assert!(query.all("last").all(|value| value.len() <= raw.len() && !value.contains('\0')));
        match PageRequest::parse(&query) {
            Ok(page) => {
                assert!(page.limit(100) <= 100);
                assert!(page.last.is_none_or(|last| !last.is_empty() && last.len() <= 1024));
            }
            Err(PageError::Last) => assert!(raw.len() > 1024),
            Err(PageError::Number) => assert!(raw.contains('n') || raw.contains('%')),
        }
    }
    let Ok(entry) = str::from_utf8(entry) else { return };
    if entry.contains('\0') {
        return;
    }
    let path = Path::parse("/v2/library/alpine/tags/list").expect("a path");
    let link = next_link(&path, &[("n", "20"), ("last", entry)]);
    assert!(link.bytes().all(|b| b.is_ascii_graphic() || b == b' '));
    let target = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
    let target = target.expect("a link");
    assert!(!target.contains(['>', ';', ',', '"', ' ']));
    let (to, query) = target.split_once('?').expect("a query");
    assert_eq!(Path::parse(to), Ok(path));
    let query = Query::parse(Some(query)).expect("a query that decodes");
    assert_eq!(query.first("last"), Some(entry));
    assert_eq!(query.first("n"), Some("20"));
});
