//! Metrics of single repositories. Off by default, because names of repositories are data of tenants and there is no bound
//! on their number: the first ones up to a limit get a label of their own, and the rest share one.

use std::collections::HashSet;
use std::sync::{OnceLock, PoisonError, RwLock};

use metrics::{SharedString, Unit, counter, describe_counter};

use super::transfer::Direction;

const REPOSITORY_TRANSFERS: &str = "registry_repository_transfers_total";
const REPOSITORY_BYTES: &str = "registry_repository_bytes_total";

/// The label that all repositories beyond the limit share. No repository can have this name.
const OTHER: &str = "(other)";

static NAMED: OnceLock<Named> = OnceLock::new();

/// The repositories that have a label.
#[derive(Debug)]
struct Named {
    most: usize,
    names: RwLock<HashSet<String>>,
}

impl Named {
    fn label(&self, repository: &str) -> SharedString {
        let known = || self.names.read().unwrap_or_else(PoisonError::into_inner);
        if known().contains(repository) {
            return repository.to_owned().into();
        }
        if known().len() >= self.most {
            return OTHER.into();
        }
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= self.most && !names.contains(repository) {
            return OTHER.into();
        }
        names.insert(repository.to_owned());
        repository.to_owned().into()
    }
}

/// Counts transfers by repository from now on, for at most `most` repositories by name.
pub fn count_repositories(most: usize) {
    if most > 0 {
        let _ = NAMED.set(Named { most, names: RwLock::default() });
    }
}

/// Counts a transfer that succeeded, if repositories are counted.
pub fn repository_transfer(direction: Direction, repository: &str, bytes: u64) {
    let Some(named) = NAMED.get() else { return };
    let (name, direction) = (named.label(repository), direction.label());
    counter!(REPOSITORY_TRANSFERS, "repository" => name.clone(), "direction" => direction)
        .increment(1);
    counter!(REPOSITORY_BYTES, "repository" => name, "direction" => direction).increment(bytes);
}

pub(super) fn describe() {
    describe_counter!(
        REPOSITORY_TRANSFERS,
        Unit::Count,
        "Blobs and manifests that were pushed or pulled, by repository (OPEN_REGISTRY_METRICS_REPOSITORIES)"
    );
    describe_counter!(
        REPOSITORY_BYTES,
        Unit::Bytes,
        "Bytes of blobs that were pushed or pulled, by repository (OPEN_REGISTRY_METRICS_REPOSITORIES)"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_repositories_have_a_label() {
        let named = Named { most: 2, names: RwLock::default() };
        for (name, label) in
            [("a", "a"), ("b", "b"), ("c", OTHER), ("a", "a"), ("d", OTHER), ("b", "b")]
        {
            assert_eq!(named.label(name), SharedString::from(label));
        }
    }
}
