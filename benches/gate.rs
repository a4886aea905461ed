//! Checks that a stranger cannot tell by the time of an answer whether a private repository exists. Needs the programs of
//! PostgreSQL. Run: `cargo bench --bench gate`.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "../tests/it/rig/authority.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod authority;
#[path = "../tests/it/rig/postgres.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod postgres;

use std::time::{Duration, Instant};

use af_registry::oci::{Reference, RepositoryName};
use af_registry::rights::{Access, Action, Grantee, Role};
use af_registry::store::{NewManifest, Store, StoreError};
use tokio::runtime::Runtime;

/// Number of requests of each kind. With so many, the medians of two runs differ by a few hundredths at most.
const ROUNDS: usize = 4000;

/// A private repository with an image under `latest`, and a user who has a grant on another repository only.
async fn fill(store: &Store) -> Grantee {
    let repository: RepositoryName = "secret/app".parse().unwrap();
    store.uploads().start(&repository, "", None, 9).await.unwrap();
    let raw = br#"{"schemaVersion":2,"manifests":[]}"#;
    let manifest = NewManifest {
        repository,
        digest: af_registry::stream::hashing::sha256(raw),
        media_type: "application/vnd.oci.image.index.v1+json".into(),
        raw: raw.as_slice().into(),
        artifact_type: None,
        subject: None,
        annotations: None,
        blobs: Vec::new(),
        loose_blobs: Vec::new(),
        children: Vec::new(),
        allow_sparse: false,
        tags: vec!["latest".parse().unwrap()],
    };
    store.manifests().put(&manifest).await.unwrap();
    store.accounts().add_user("stranger", "").await.unwrap();
    store.grants().add("stranger", &"elsewhere/*".parse().unwrap(), Role::Admin).await.unwrap();
    Grantee::Account(store.accounts().get("stranger").await.unwrap().unwrap().revision)
}

/// Takes turns between the two, so that other load on the machine slows both equally. Prints the medians and their ratio.
fn main() {
    let runtime = Runtime::new().unwrap();
    let database = runtime.block_on(postgres::database());
    let store = &database.store;
    let stranger = runtime.block_on(fill(store));
    let latest: Reference = "latest".parse().unwrap();
    for (asker, grantee) in [("a stranger", stranger), ("nobody", Grantee::Anonymous)] {
        let places = ["secret/app", "secret/none"]
            .map(|name| Access { repository: name.parse().unwrap(), grantee });
        let mut pulls = [Vec::new(), Vec::new()];
        let mut pushes = [Vec::new(), Vec::new()];
        for turn in 0..ROUNDS * 2 {
            // The order alternates.
            let which = (turn + turn / 2) % 2;
            let began = Instant::now();
            let pulled = runtime.block_on(store.manifests().get(&places[which], &latest, None));
            pulls[which].push(began.elapsed());
            assert!(matches!(pulled, Err(StoreError::Denied)));
            let began = Instant::now();
            let pushed = runtime.block_on(store.access().allowed(&places[which], Action::Push));
            pushes[which].push(began.elapsed());
            assert!(!pushed.unwrap());
        }
        tell(asker, "pull", pulls);
        tell(asker, "push", pushes);
    }
}

fn tell(asker: &str, what: &str, mut took: [Vec<Duration>; 2]) {
    let [private, absent] = took.each_mut().map(|took| {
        took.sort_unstable();
        took[took.len() / 2]
    });
    let ratio = private.as_secs_f64() / absent.as_secs_f64();
    println!("{asker} asks to {what}: private {private:?}, absent {absent:?}, ratio {ratio:.3}");
}
