//! The registry, and one handle for each noun.

use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use super::RegistryError;
use super::blob::{Pulls, Suspicion};
use super::collecting::Collecting;
use super::collector::Collector;
use super::detached::Detached;
use super::disk::FreeDisk;
use super::manifest::Bodies;
use super::namespace::{NamespaceLimits, Namespaces};
use super::remembered::Remembered;
use super::rules::EndRules;
use super::traffic::{Moving, Traffic};
use super::transfers::Transfers;
use super::upload::{Gathering, Turns};
use crate::config::Config;
use crate::content::Content;
use crate::ipfs::Kubo;
use crate::jobs::Nudge;
use crate::store::Store;
use crate::telemetry::metrics::Queue;

/// The bounds within which the registry works.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Who collects the garbage of Kubo.
    pub collector: Collector,
    /// Largest number of uploads that transfer bytes at the same time. Further ones wait and are refused after a while.
    pub uploads: usize,
    /// Most of these of one account.
    pub account_uploads: usize,
    /// Largest number of pulls of blobs that transfer bytes at the same time. Further ones wait and are refused after a while.
    pub pulls: usize,
    /// Most of these of one account, or of one address without a login.
    pub account_pulls: usize,
    /// Most uploads that one account may have open.
    pub open_uploads: u32,
    /// How long an upload may stay untouched before it expires.
    pub upload_idle: Duration,
    /// Largest blob in bytes, if there is a limit.
    pub blob_bytes: Option<u64>,
    /// What one namespace may hold.
    pub namespaces: NamespaceLimits,
    /// When things end that nobody needs.
    pub ends: EndRules,
    /// Largest number of entries on one page of a list.
    pub page: u32,
    /// Whether a manifest may name children and layers that the repository does not hold.
    pub allow_sparse_index: bool,
    /// The disk to look at before an upload begins. `None` if no partner is private.
    pub disk: Option<Arc<FreeDisk>>,
}

impl Limits {
    /// Takes the bounds from the settings. `disk` is the disk of private partners.
    pub fn of(config: &Config, disk: Option<Arc<FreeDisk>>) -> Self {
        Self {
            collector: Collector::of(config),
            uploads: config.limits.uploads,
            account_uploads: config.limits.account_uploads,
            pulls: config.limits.pulls,
            account_pulls: config.limits.account_pulls,
            open_uploads: config.limits.open_uploads,
            upload_idle: config.limits.upload_idle,
            blob_bytes: config.limits.blob_bytes,
            namespaces: NamespaceLimits {
                repositories: config.limits.namespace_repositories,
                bytes: config.limits.namespace_bytes,
            },
            ends: EndRules::of(config),
            page: config.limits.page,
            allow_sparse_index: config.access.allow_sparse_index,
            disk,
        }
    }
}

/// One registry over one store and one Kubo. Cheap to clone.
#[derive(Clone)]
pub struct Registry(Arc<Parts>);

struct Parts {
    store: Store,
    ipfs: Kubo,
    content: Content,
    limits: Limits,
    turns: Turns,
    gathering: Gathering,
    transfers: Transfers,
    pulls: Pulls,
    pins: Nudge,
    traffic: Traffic,
    collecting: Collecting,
    readiness: Remembered<Result<Readiness, Arc<RegistryError>>>,
    detached: Detached,
    suspicion: Suspicion,
    namespaces: Namespaces,
    bodies: Bodies,
}

/// What works while PostgreSQL and Kubo answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Pushes and pulls both work.
    Whole,
    /// Pulls. The proxy of the IPFS Cluster does not answer, so nothing can be pinned.
    WithoutPushes,
}

/// The operations on blobs: get, read, mount and delete.
#[derive(Clone, Copy)]
pub struct Blobs<'r>(pub(super) &'r Registry);

/// The operations on uploads, from `start` to `finish`.
#[derive(Clone, Copy)]
pub struct Uploads<'r>(pub(super) &'r Registry);

/// The operations on manifests: get, put and delete.
#[derive(Clone, Copy)]
pub struct Manifests<'r>(pub(super) &'r Registry);

/// The lists of repositories, tags and referrers.
#[derive(Clone, Copy)]
pub struct Lists<'r>(pub(super) &'r Registry);

impl Registry {
    /// Puts the parts together. Nothing runs yet: the jobs in [`upkeep`](super::upkeep) do.
    pub fn new(store: Store, ipfs: Kubo, limits: Limits) -> Self {
        let content = Content::new(ipfs.clone());
        Self::reading(store, ipfs, content, limits)
    }

    /// As [`Registry::new`], with a cache through which clients read.
    pub fn reading(store: Store, ipfs: Kubo, content: Content, limits: Limits) -> Self {
        Self(Arc::new(Parts {
            transfers: Transfers::new(limits.uploads, limits.account_uploads, Queue::UploadSlots),
            pulls: Pulls::new(limits.pulls, limits.account_pulls),
            turns: Turns::default(),
            gathering: Gathering::default(),
            pins: Nudge::default(),
            traffic: Traffic::default(),
            collecting: Collecting::new(&store, limits.collector),
            readiness: Remembered::default(),
            detached: Detached::default(),
            suspicion: Suspicion::default(),
            bodies: Bodies::default(),
            namespaces: Namespaces::new(store.clone(), limits.namespaces),
            store,
            content,
            ipfs,
            limits,
        }))
    }

    /// The operations on blobs.
    pub fn blobs(&self) -> Blobs<'_> {
        Blobs(self)
    }

    /// The operations on uploads.
    pub fn uploads(&self) -> Uploads<'_> {
        Uploads(self)
    }

    /// The operations on manifests.
    pub fn manifests(&self) -> Manifests<'_> {
        Manifests(self)
    }

    /// The lists of repositories, tags and referrers.
    pub fn lists(&self) -> Lists<'_> {
        Lists(self)
    }

    /// Checks that the partners answer. The result is remembered for a second, so that probes cost them little.
    ///
    /// # Errors
    /// The failure of PostgreSQL, which is asked first, or that of Kubo.
    pub async fn ready(&self) -> Result<Readiness, Arc<RegistryError>> {
        self.0.readiness.get(|| async { self.ask_partners().await.map_err(Arc::new) }).await
    }

    async fn ask_partners(&self) -> Result<Readiness, RegistryError> {
        self.store().ping().await?;
        // Both may hang, and a probe does not wait for one after the other.
        let (kubo, cluster) = tokio::join!(self.ipfs().ready(), self.ipfs().cluster_ready());
        kubo?;
        Ok(match cluster {
            Ok(()) => Readiness::Whole,
            Err(error) => {
                debug!(event = "cluster_gone", %error);
                Readiness::WithoutPushes
            }
        })
    }

    /// Waits until the operations have ended whose callers went away, but at most a few seconds. Returns how many still
    /// run. Call it after the last request.
    pub async fn settled(&self) -> usize {
        self.0.detached.settled().await
    }

    pub(super) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(super) fn ipfs(&self) -> &Kubo {
        &self.0.ipfs
    }

    /// The bytes of blobs, as clients read them.
    pub(super) fn content(&self) -> &Content {
        &self.0.content
    }

    /// Fails when the disk of private partners has no room for an upload.
    pub(super) async fn check_disk(&self) -> Result<(), RegistryError> {
        match &self.0.limits.disk {
            Some(disk) => disk.check().await,
            None => Ok(()),
        }
    }

    /// The bounds within which this registry works.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// The limits on what a namespace may hold.
    pub(super) fn namespaces(&self) -> &Namespaces {
        &self.0.namespaces
    }

    /// Turns of the requests that write to one upload.
    pub(super) fn turns(&self) -> &Turns {
        &self.0.turns
    }

    /// Bytes of uploads that are only in memory.
    pub(super) fn gathering(&self) -> &Gathering {
        &self.0.gathering
    }

    /// Slots of the pulls that move bytes to clients.
    pub(super) fn pulls(&self) -> &Pulls {
        &self.0.pulls
    }

    /// Slots of the uploads that move bytes to Kubo.
    pub(super) fn transfers(&self) -> &Transfers {
        &self.0.transfers
    }

    /// Work that runs to its end even if its caller stops waiting.
    pub(super) fn detached(&self) -> &Detached {
        &self.0.detached
    }

    /// Counts a blob that a client reads, until the value is dropped.
    pub(super) fn moving(&self) -> Moving {
        self.0.traffic.enter()
    }

    /// Whether clients move bytes of blobs now.
    pub(super) fn moves_bytes(&self) -> bool {
        self.0.traffic.moves() || self.0.transfers.are_used()
    }

    /// Looks at blobs that a client could not read.
    pub(super) fn suspicion(&self) -> &Suspicion {
        &self.0.suspicion
    }

    /// Bytes of manifests that were read before.
    pub(super) fn bodies(&self) -> &Bodies {
        &self.0.bodies
    }

    /// What is known of the collection of garbage that is under way.
    pub(super) fn collecting(&self) -> &Collecting {
        &self.0.collecting
    }

    /// Wakes the job that drops pins.
    pub(super) fn pins(&self) -> &Nudge {
        &self.0.pins
    }
}
