//! Metrics of single repositories. Off by default, because names of repositories are data of tenants and there is no bound
//! on their number: the first ones up to a limit get a label of their own, and the rest share one.
//!
//! They are counted and rendered here: a scrape by the library costs more than a microsecond for each series, and these are
//! most of all series where they are on.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock};

use super::transfer::Direction;

const REPOSITORY_TRANSFERS: &str = "registry_repository_transfers_total";
const REPOSITORY_BYTES: &str = "registry_repository_bytes_total";

/// The label that all repositories beyond the limit share. No repository can have this name.
const OTHER: &str = "(other)";

static NAMED: OnceLock<Named> = OnceLock::new();

/// The repositories that have a label, and what they have moved.
#[derive(Debug)]
struct Named {
    most: usize,
    counts: RwLock<HashMap<String, [Count; 2]>>,
}

/// What was moved in one direction.
#[derive(Debug, Default)]
struct Count {
    transfers: AtomicU64,
    bytes: AtomicU64,
}

impl Count {
    fn add(&self, bytes: u64) {
        self.transfers.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Named {
    fn count(&self, repository: &str, direction: Direction, bytes: u64) {
        let counts = self.counts.read().unwrap_or_else(PoisonError::into_inner);
        let full = counts.len() >= self.most;
        let known = counts.get(repository).or_else(|| counts.get(OTHER).filter(|_| full));
        if let Some(known) = known {
            known[place(direction)].add(bytes);
            return;
        }
        drop(counts);
        let mut counts = self.counts.write().unwrap_or_else(PoisonError::into_inner);
        let named = counts.len() < self.most || counts.contains_key(repository);
        let name = if named { repository } else { OTHER };
        counts.entry(name.to_owned()).or_default()[place(direction)].add(bytes);
    }

    fn render(&self, text: &mut String) {
        let counts = self.counts.read().unwrap_or_else(PoisonError::into_inner);
        if counts.is_empty() {
            return;
        }
        for (metric, help) in describe() {
            let _ = writeln!(text, "# HELP {metric} {help}\n# TYPE {metric} counter");
            for (name, directions) in counts.iter() {
                for direction in [Direction::Pull, Direction::Push] {
                    let count = &directions[place(direction)];
                    let transfers = count.transfers.load(Ordering::Relaxed);
                    if transfers == 0 {
                        continue;
                    }
                    let bytes = count.bytes.load(Ordering::Relaxed);
                    let value = if metric == REPOSITORY_BYTES { bytes } else { transfers };
                    let direction = direction.label();
                    // Names of repositories need no escapes.
                    let _ = writeln!(
                        text,
                        "{metric}{{repository=\"{name}\",direction=\"{direction}\"}} {value}"
                    );
                }
            }
            text.push('\n');
        }
    }
}

fn place(direction: Direction) -> usize {
    match direction {
        Direction::Pull => 0,
        Direction::Push => 1,
    }
}

/// Counts transfers by repository from now on, for at most `most` repositories by name.
pub fn count_repositories(most: usize) {
    if most > 0 {
        let _ = NAMED.set(Named { most, counts: RwLock::default() });
    }
}

/// Counts a transfer that succeeded, if repositories are counted.
pub fn repository_transfer(direction: Direction, repository: &str, bytes: u64) {
    if let Some(named) = NAMED.get() {
        named.count(repository, direction, bytes);
    }
}

/// Adds the metrics of single repositories to `text`, in Prometheus' text format.
pub fn render_repositories(text: &mut String) {
    if let Some(named) = NAMED.get() {
        named.render(text);
    }
}

fn describe() -> [(&'static str, &'static str); 2] {
    [
        (
            REPOSITORY_TRANSFERS,
            "Blobs and manifests that were pushed or pulled, by repository (OPEN_REGISTRY_METRICS_REPOSITORIES)",
        ),
        (
            REPOSITORY_BYTES,
            "Bytes of blobs that were pushed or pulled, by repository (OPEN_REGISTRY_METRICS_REPOSITORIES)",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_repositories_have_a_label() {
        let named = Named { most: 2, counts: RwLock::default() };
        for name in ["a", "b", "c", "a", "d", "b", "d"] {
            named.count(name, Direction::Push, 10);
        }
        named.count("a", Direction::Pull, 5);
        let mut text = String::new();
        named.render(&mut text);
        let mut lines: Vec<&str> = text.lines().filter(|line| line.contains('{')).collect();
        lines.sort_unstable();
        let wanted = [
            "registry_repository_bytes_total{repository=\"(other)\",direction=\"push\"} 30",
            "registry_repository_bytes_total{repository=\"a\",direction=\"pull\"} 5",
            "registry_repository_bytes_total{repository=\"a\",direction=\"push\"} 20",
            "registry_repository_bytes_total{repository=\"b\",direction=\"push\"} 20",
            "registry_repository_transfers_total{repository=\"(other)\",direction=\"push\"} 3",
            "registry_repository_transfers_total{repository=\"a\",direction=\"pull\"} 1",
            "registry_repository_transfers_total{repository=\"a\",direction=\"push\"} 2",
            "registry_repository_transfers_total{repository=\"b\",direction=\"push\"} 2",
        ];
        assert_eq!(lines, wanted);
        assert_eq!((text.matches("# HELP").count(), text.matches("# TYPE").count()), (2, 2));
    }
}
