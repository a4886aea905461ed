//! Bytes of manifests in memory. Who may read a manifest, and which one a tag names, is asked in PostgreSQL for each request;
//! only the bytes, which a digest fixes for ever, need not be read again.

use quick_cache::sync::Cache;

use crate::content::{Kept, kept};
use crate::oci::{Digest, Reference, RepositoryName};
use crate::store::KnownManifest;

/// Most bytes that are kept: the manifests of some twenty thousand images of a dozen layers, in a quarter of the memory that
/// a thousand pulls may take.
const KEPT: u64 = 64 << 20;

/// Tags of which the last digest is remembered. It is a guess, which spares PostgreSQL the bytes when it is right.
const GUESSED: usize = 20_000;

/// The manifests that were read last.
pub(in crate::registry) struct Bodies {
    raw: Kept,
    guesses: Cache<String, Digest>,
}

impl Default for Bodies {
    fn default() -> Self {
        Self::of(KEPT)
    }
}

impl Bodies {
    fn of(bytes: u64) -> Self {
        Self { raw: kept(bytes), guesses: Cache::new(GUESSED) }
    }

    /// The manifest that this reference will probably turn out to name, if its bytes are here.
    pub(super) fn guess(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Option<KnownManifest> {
        let digest = match reference {
            Reference::Digest(digest) => digest.clone(),
            Reference::Tag(_) => self.guesses.get(&key(repository, reference))?,
        };
        let raw = self.raw.get(&digest)?;
        Some(KnownManifest { digest, raw })
    }

    /// Keeps the bytes that a lookup has read.
    pub(super) fn keep(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        found: KnownManifest,
    ) {
        if matches!(reference, Reference::Tag(_)) {
            self.guesses.insert(key(repository, reference), found.digest.clone());
        }
        self.raw.insert(found.digest, found.raw);
    }
}

/// No tag and no name of a repository has a colon.
fn key(repository: &RepositoryName, tag: &Reference) -> String {
    format!("{repository}:{tag}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Algorithm;

    fn manifest(n: u8, len: usize) -> KnownManifest {
        let digest = Digest::from_hash(Algorithm::Sha256, &[n; 32]);
        KnownManifest { digest, raw: vec![n; len].into() }
    }

    #[test]
    fn a_tag_is_guessed_by_repository_and_bytes_are_found_by_digest() {
        let (bodies, a) = (Bodies::default(), "a".parse().unwrap());
        let tag: Reference = "v1".parse().unwrap();
        assert_eq!(bodies.guess(&a, &tag), None);
        bodies.keep(&a, &tag, manifest(1, 10));
        assert_eq!(bodies.guess(&a, &tag), Some(manifest(1, 10)));
        bodies.keep(&a, &tag, manifest(2, 10));
        assert_eq!(bodies.guess(&a, &tag), Some(manifest(2, 10)));
        let b = "b".parse().unwrap();
        assert_eq!(bodies.guess(&b, &tag), None);
        let digest = Reference::Digest(manifest(1, 0).digest);
        assert_eq!(bodies.guess(&b, &digest), Some(manifest(1, 10)), "bytes have no repository");
    }

    #[test]
    fn memory_is_bounded_by_bytes() {
        let (bodies, a) = (Bodies::of(1 << 20), "a".parse().unwrap());
        for n in 0..200 {
            let found = manifest(n, 64 << 10);
            bodies.keep(&a, &Reference::Digest(found.digest.clone()), found);
        }
        assert!(bodies.raw.weight() <= 1 << 20, "{}", bodies.raw.weight());
        assert!(!bodies.raw.is_empty());
    }
}
