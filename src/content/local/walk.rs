//! The way through the tree of a file, leaf by leaf.

use std::sync::Arc;

use super::miss::Miss;
use super::repository::Repository;
use crate::ipld::dag::Leaf;
use crate::ipld::{Cid, Codec};

/// Finds the leaves of a file in their order. Reads the nodes above them, so it blocks.
pub(super) struct Walk {
    repository: Repository,
    /// The nodes on the way to the next child, the root first, each with the number of its children that are done.
    path: Vec<(Arc<[Leaf]>, usize)>,
    /// The byte of the file at which the next child begins.
    at: u64,
}

impl Walk {
    pub(super) fn new(repository: Repository, cid: Cid, size: u64) -> Self {
        Self { repository, path: vec![([Leaf { cid, size }].into(), 0)], at: 0 }
    }

    /// The next leaf that ends after the byte `from` of the file, and the byte at which it begins. `None` after the last.
    pub(super) fn next(&mut self, from: u64) -> Result<Option<(Leaf, u64)>, Miss> {
        while let Some((children, done)) = self.path.last_mut() {
            let Some(child) = children.get(*done).copied() else {
                self.path.pop();
                continue;
            };
            *done += 1;
            let start = self.at;
            if start + child.size <= from {
                self.at += child.size;
            } else if child.cid.codec() == Codec::Raw {
                self.at += child.size;
                return Ok(Some((child, start)));
            } else {
                let below = self.repository.children(&child.cid, child.size)?;
                self.path.push((below, 0));
            }
        }
        Ok(None)
    }

    pub(super) fn repository(&self) -> &Repository {
        &self.repository
    }
}
