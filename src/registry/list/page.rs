//! One page of a list.

/// One page of a list: its entries, and where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries in order: a list of names, or an image index.
    pub entries: T,
    /// Last entry of this page, when the list goes on behind it. It is the `last` of the next request.
    pub next: Option<String>,
}

impl Page<Vec<String>> {
    /// Makes a page of at most `n` names from rows that were asked for with [`one_more`]: the surplus row says that
    /// the list goes on.
    pub(super) fn of_names(mut names: Vec<String>, n: u32) -> Self {
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        let more = names.len() > n;
        names.truncate(n);
        // A page without entries has no last entry, and no page follows it.
        let next = names.last().filter(|_| more).cloned();
        Self { entries: names, next }
    }
}

/// Rows to ask for, so that a page of `n` entries can say whether the list goes on.
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
