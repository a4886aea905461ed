//! Pages of a list.

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Entries of this page in order: names, or an image index.
    pub entries: T,
    /// Last entry of this page if more entries follow. The request for the next page has it as `last`.
    pub next: Option<String>,
}

impl Page<Vec<String>> {
    /// Makes a page of at most `n` names. The caller queries [`one_more`]; a surplus row means that more entries
    /// follow.
    pub(super) fn of_names(mut names: Vec<String>, n: u32) -> Self {
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        let more = names.len() > n;
        names.truncate(n);
        // A page of no entries has no last entry, so no page follows it.
        let next = names.last().filter(|_| more).cloned();
        Self { entries: names, next }
    }
}

/// Rows to query for a page of `n` entries.
pub(super) fn one_more(n: u32) -> u32 {
    n.saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn a_surplus_row_becomes_the_next_page() {
        let names = || vec![String::from("a"), String::from("b")];
        let page = Page::of_names(names(), 1);
        assert_eq!((page.entries, page.next), (vec!["a".into()], Some("a".into())));
        assert_eq!(Page::of_names(names(), 2), Page { entries: names(), next: None });
        assert_eq!(Page::of_names(names(), 0), Page { entries: vec![], next: None });
    }
}
