//! The domain: what a registry does with names, digests and bytes, typed in and typed out.
//!
//! No HTTP here: no status, no header. A folder holds a noun, its files the verbs. Rows come
//! from `store`, bytes go to and come from `ipfs`.

pub mod blob;
mod error;
mod list;
pub mod manifest;
mod sweep;
pub mod upload;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};

pub use error::{Fault, RegistryError};
pub use list::ReferrerPage;

use crate::ipfs::Kubo;
use crate::store::Store;
use upload::Sessions;

/// The bounds within which the registry works.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Uploads whose bytes may move at once; the next ones wait, then are shed.
    pub uploads: usize,
    /// How long an upload may stay untouched before it ends.
    pub upload_idle: Duration,
    /// Most entries of one page of a list.
    pub page: u32,
    /// Whether a manifest may name children and layers that the repository does not hold.
    pub allow_sparse_index: bool,
}

/// One registry over one store and one Kubo. Cheap to clone.
#[derive(Clone)]
pub struct Registry(Arc<Parts>);

struct Parts {
    store: Store,
    ipfs: Kubo,
    limits: Limits,
    sessions: Sessions,
    transfers: Arc<Semaphore>,
    unpins: Notify,
}

impl Registry {
    /// Puts the parts together. Nothing runs yet: see [`Registry::sweep`].
    pub fn new(store: Store, ipfs: Kubo, limits: Limits) -> Self {
        let transfers = Arc::new(Semaphore::new(limits.uploads));
        let sessions = Sessions::default();
        Self(Arc::new(Parts { store, ipfs, limits, sessions, transfers, unpins: Notify::new() }))
    }

    /// Whether both partners answer.
    ///
    /// # Errors
    /// The first partner that does not, PostgreSQL asked before Kubo.
    pub async fn ready(&self) -> Result<(), RegistryError> {
        self.0.store.ping().await?;
        self.0.ipfs.ready().await?;
        Ok(())
    }

    /// Most entries of one page of a list.
    pub fn page_limit(&self) -> u32 {
        self.0.limits.page
    }

    fn store(&self) -> &Store {
        &self.0.store
    }

    fn ipfs(&self) -> &Kubo {
        &self.0.ipfs
    }
}
