//! Tests of the store with a real PostgreSQL.

mod access;
mod blobs;
mod certificates;
mod empty;
mod faults;
mod manifests;
mod pages;
mod pins;
mod plans;
mod reviews;
mod schema;
mod scrubs;
mod tls;
mod upgrades;
mod uploads;

use std::future::Future;
use std::time::Duration;

use af_registry::ipld::{Cid, Codec};
use af_registry::oci::{Algorithm, Digest, Reference, RepositoryName, Tag};
use af_registry::rights::{Access, Grantee};
use af_registry::store::{
    Claim, Commit, Committed, Epoch, MountSource, NewManifest, Put, Started, Store, Stored,
};
use bytes::Bytes;
use tokio::task::JoinHandle;
use uuid::Uuid;

fn open(repository: &RepositoryName) -> Access {
    Access { repository: repository.clone(), grantee: Grantee::Everyone }
}

fn from(repository: &RepositoryName) -> MountSource {
    MountSource::Repository(open(repository))
}

fn anywhere() -> MountSource {
    MountSource::Any(Grantee::Everyone)
}

fn repository(name: &str) -> RepositoryName {
    name.parse().unwrap()
}

fn tag(name: &str) -> Tag {
    name.parse().unwrap()
}

fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

fn hash(n: u64) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&n.to_be_bytes());
    hash
}

/// The digest of blob number `n`. Numbers from 1000 on are for manifests.
fn digest(n: u64) -> Digest {
    Digest::from_hash(Algorithm::Sha256, &hash(n))
}

fn cid(n: u64) -> Cid {
    Cid::new(Codec::DagPb, hash(n))
}

/// Opens an upload, and returns its id.
async fn start_upload(store: &Store, repository: &RepositoryName, subject: &str) -> Uuid {
    match store.uploads().start(repository, subject, None, 100).await.unwrap() {
        Started::Open { id, .. } => id,
        Started::TooMany => panic!("{subject} has a hundred uploads"),
    }
}

/// Claims CID `n`, on which nobody else works.
async fn claim(store: &Store, n: u64) -> Claim {
    store.pins().claim(&cid(n)).await.unwrap().unwrap()
}

/// What is known of a part that Kubo pins under a claim, if it does.
fn stored(claim: Option<Claim>) -> Stored {
    Stored { claim, epoch: Epoch::NONE }
}

/// The CIDs of the queue whose next attempt is due, those that have waited longest first.
async fn due(admin: &tokio_postgres::Client) -> Vec<Cid> {
    let select = "SELECT ipfs_cid FROM unpins WHERE done_at IS NULL AND next_try_at <= now() ORDER BY next_try_at";
    let rows = admin.query(select, &[]).await.unwrap();
    rows.iter().map(|row| row.get::<_, String>(0).parse().unwrap()).collect()
}

/// Works through up to a hundred CIDs of the queue as a Kubo that does what it is told. Returns the CIDs that were unpinned.
async fn unpin_all(store: &Store) -> Vec<Cid> {
    let queued = store.unpins().claim().await.unwrap();
    let (named, unnamed): (Vec<_>, Vec<_>) = queued.cids.iter().copied().partition(|one| one.named);
    store.unpins().keep(&queued, &named).await.unwrap();
    store.unpins().done(&queued, &unnamed).await.unwrap();
    unnamed.iter().map(|one| one.cid).collect()
}

/// Commits blob `n` at CID `at`. Returns the CID that it has now.
async fn commit_at(store: &Store, name: &str, n: u64, at: u64) -> Cid {
    let claim = loop {
        if let Some(claim) = store.pins().claim(&cid(at)).await.unwrap() {
            break claim;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    let commit = Commit {
        repository: repository(name),
        digest: digest(n),
        size: n,
        upload: None,
        received: 0,
    };
    match store.uploads().commit(&commit, claim, Epoch::NONE).await.unwrap() {
        Committed::Done { cid } => cid,
        other => panic!("{other:?}"),
    }
}

/// Commits blob `n` at CID `n`.
async fn commit(store: &Store, name: &str, n: u64) {
    assert_eq!(commit_at(store, name, n, n).await, cid(n));
}

/// Manifest number `n`, which names no blobs and no other manifests.
fn manifest(name: &str, n: u64) -> NewManifest {
    NewManifest {
        repository: repository(name),
        digest: digest(n),
        media_type: "application/vnd.oci.image.manifest.v1+json".into(),
        raw: Bytes::from(format!("{{\"n\":{n}}}")),
        artifact_type: None,
        subject: None,
        annotations: None,
        blobs: Vec::new(),
        loose_blobs: Vec::new(),
        children: Vec::new(),
        allow_sparse: false,
        tags: Vec::new(),
    }
}

async fn put(store: &Store, new: &NewManifest) {
    assert_eq!(store.manifests().put(new).await.unwrap(), Put::Done);
}

/// Starts a call that must wait for another transaction, and checks that it does.
async fn waiting<T: Send + 'static>(
    call: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let call = tokio::spawn(call);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!call.is_finished(), "did not wait");
    call
}

/// Checks that concurrent transactions have waited for each other without a deadlock.
async fn assert_no_deadlock(admin: &tokio_postgres::Client) {
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(admin.query_one(deadlocks, &[]).await.unwrap().get::<_, i64>(0), 0);
}
