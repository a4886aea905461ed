//! Collections of garbage: they free what no image needs, and lose nothing else.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use af_registry::config::{self, Config};
use af_registry::ipfs::{Block, Kubo};
use af_registry::ipld::Cid;
use af_registry::ipld::dag::Leaf;
use af_registry::jobs::{Nudge, Turn, run_now};
use af_registry::oci::RepositoryName;
use af_registry::registry::blob::Puller;
use af_registry::registry::upkeep::{Collect, CollectSettings, DropPins};
use af_registry::registry::upload::UploadKey;
use af_registry::registry::{Limits, Registry};
use af_registry::rights::{Access, Grantee};
use af_registry::store::{Commit, Committed, Epoch, Part, Recorded, Store, Stored};
use af_registry::stream::hashing::sha256 as digest;
use bytes::Bytes;
use http_body::Body;
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use hyper::HeaderMap;
use tokio::sync::mpsc;

use crate::rig::client::random;
use crate::rig::kubo::Node;
use crate::rig::meddler::overhear;
use crate::rig::server::builder;
use crate::rig::{self, Database};

const MIB: usize = 1 << 20;

/// A registry over a Kubo of its own, as one instance of several.
struct Instance {
    registry: Registry,
    store: Store,
    kubo: Kubo,
}

/// A body whose client is the test.
struct Frames(mpsc::Receiver<Bytes>);

impl Body for Frames {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        self.0.poll_recv(cx).map(|frame| frame.map(|bytes| Ok(Frame::data(bytes))))
    }
}

fn name() -> RepositoryName {
    "demo".parse().unwrap()
}

impl Instance {
    /// An instance that may remove blocks from `node` if it `collects`.
    fn new(database: &Database, node: &Node, collects: bool) -> Self {
        Self::over(database, &node.settings, collects)
    }

    fn over(database: &Database, kubo: &config::Kubo, collects: bool) -> Self {
        let env = [
            ("OPEN_REGISTRY_DFS_IPFS_API_URL".to_owned(), "http://127.0.0.1:1".to_owned()),
            ("OPEN_REGISTRY_DFS_IPFS_GC".to_owned(), collects.to_string()),
        ];
        let config = Config::load(["af-registry"], env).unwrap();
        let (store, kubo) = (database.store.clone(), Kubo::new(kubo).unwrap());
        let registry = Registry::new(store.clone(), kubo.clone(), Limits::of(&config, None));
        Self { registry, store, kubo }
    }

    fn collect(&self) -> Collect {
        self.registry.collect(CollectSettings {
            period: Duration::from_secs(3600),
            pressing_bytes: 0,
            rest: Duration::ZERO,
            notice: Duration::from_millis(1200),
            round: Duration::from_secs(15),
        })
    }

    /// Drops pins and removes blocks. Returns how many items that were.
    async fn collect_now(&self) -> u64 {
        let pins = DropPins::new(self.store.clone(), self.kubo.clone(), Nudge::default());
        let mut items = 0;
        let Turn::Had(run) = Box::pin(run_now(&pins, &self.store)).await.unwrap() else { panic!() };
        items += run.result.unwrap().items;
        let Turn::Had(run) = Box::pin(run_now(&self.collect(), &self.store)).await.unwrap() else {
            panic!()
        };
        items + run.result.unwrap().items
    }

    async fn push(&self, bytes: &Bytes) -> Cid {
        let put = self.registry.uploads().put(
            name(),
            "ann".to_owned(),
            digest(bytes),
            Full::new(bytes.clone()),
        );
        Box::pin(put).await.unwrap().cid
    }

    async fn pull(&self, bytes: &Bytes) -> Bytes {
        let access = Access { repository: name(), grantee: Grantee::Everyone };
        let blob = self.registry.blobs().get(&access, &digest(bytes)).await.unwrap();
        let body =
            self.registry.blobs().read(&Puller::Account("test".into()), &blob, None).await.unwrap();
        Box::pin(body).collect().await.unwrap().to_bytes()
    }

    async fn start(&self) -> UploadKey {
        let started = self.registry.uploads().start(&name(), "ann", None).await.unwrap();
        UploadKey { repository: name(), id: started.id, subject: "ann".to_owned() }
    }

    async fn leaves(&self, cid: &Cid, bytes: &Bytes) -> Vec<Leaf> {
        self.kubo.leaves(cid, bytes.len() as u64).await.unwrap()
    }
}

/// Pinning drops a pin for a moment that is there already, so Kubo is asked before, where a row or another user of this
/// Kubo may need it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pin_is_looked_for_only_where_somebody_may_need_it() {
    let (database, node) = (rig::database().await, Node::start());
    let calls = Arc::new(Mutex::new(Vec::new()));
    let (heard, mut settings) = (Arc::clone(&calls), node.settings.clone());
    let hear = move |call: &str, _: &HeaderMap| {
        let name = call.split('?').next().unwrap().trim_start_matches("/api/v0/");
        heard.lock().unwrap().push(name.to_owned());
    };
    settings.api = overhear(&settings.api, hear).await;
    let own = Instance::over(&database, &settings, true);
    let shared = Instance::over(&database, &settings, false);
    let calls_of = async |instance: &Instance, bytes: &Bytes| {
        let cid = instance.push(bytes).await;
        assert!(node.is_pinned(&cid.to_string()));
        std::mem::take(&mut *calls.lock().unwrap())
    };
    let bytes = random(6101, 500);
    assert_eq!(calls_of(&own, &bytes).await, ["block/put"]);
    assert_eq!(calls_of(&own, &bytes).await, ["pin/ls", "block/put"], "a row names it");
    let asked = calls_of(&shared, &random(6102, 500)).await;
    assert_eq!(asked, ["pin/ls", "block/put"], "others may use this Kubo");
    let left = random(6103, 500);
    Kubo::new(&node.settings).unwrap().put_pinned(&Block::raw(vec![left.clone()])).await.unwrap();
    assert_eq!(calls_of(&own, &left).await, ["block/put"], "no row knows this pin");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_frees_what_no_image_needs_and_keeps_the_rest() {
    let (database, node) = (rig::database().await, Node::start());
    let here = Instance::new(&database, &node, true);
    let kept = [random(6001, 100), random(6002, MIB), random(6003, 5 * MIB + 7)];
    for bytes in &kept {
        here.push(bytes).await;
    }
    let dead = random(6004, 3 * MIB + 1);
    let dead_cid = here.push(&dead).await;
    let (dead_leaves, cancelled) = (here.leaves(&dead_cid, &dead).await, random(6005, 4 * MIB));
    let key = here.start().await;
    let uploads = here.registry.uploads();
    uploads.receive(key.clone(), None, Full::new(cancelled.clone())).await.unwrap();
    uploads.cancel(&key).await.unwrap();
    let unfinished = random(6006, 6 * MIB + 5);
    let open = here.start().await;
    let half = Full::new(unfinished.slice(..3 * MIB + 9));
    uploads.receive(open.clone(), None, half).await.unwrap();
    database
        .admin
        .batch_execute(
            "DELETE FROM repository_blobs WHERE blob_id = (SELECT max(id) FROM blobs);
             WITH dead AS (DELETE FROM blobs WHERE id = (SELECT max(id) FROM blobs) RETURNING ipfs_cid)
             INSERT INTO unpins (ipfs_cid) SELECT ipfs_cid FROM dead",
        )
        .await
        .unwrap();

    // Three leaves and a rest, their root, and the four leaves and the root of the upload that was cancelled.
    assert!(here.collect_now().await > 9);
    for leaf in &dead_leaves {
        assert!(!node.has_block(&leaf.cid));
    }
    assert!(!node.has_block(&dead_cid));
    let leaf = Cid::of_block(af_registry::ipld::Codec::Raw, &cancelled[..MIB]);
    assert!(!node.has_block(&leaf));
    for bytes in &kept {
        assert!(here.pull(bytes).await == *bytes);
    }
    let rest = Full::new(unfinished.slice(3 * MIB + 9..));
    uploads.finish(open, digest(&unfinished), None, rest).await.unwrap();
    assert!(here.pull(&unfinished).await == unfinished);
    // The parts of the upload were pinned meanwhile, and are garbage now.
    here.collect_now().await;
    assert_eq!(here.collect_now().await, 0);
    // What was removed can be pushed again.
    here.push(&dead).await;
    assert!(here.pull(&dead).await == dead);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f07_a_lost_pin_is_set_again_before_anything_is_removed() {
    let (database, node) = (rig::database().await, Node::start());
    let here = Instance::new(&database, &node, true);
    let blobs = [random(6011, 200), random(6012, 3 * MIB)];
    for bytes in &blobs {
        let cid = here.push(bytes).await.to_string();
        assert!(node.is_pinned(&cid));
        node.unpin(&cid);
    }
    here.store.collections().note_garbage().await.unwrap();
    here.collect_now().await;
    assert_eq!(here.store.collections().state(Duration::ZERO).await.unwrap().lost_pins, 2);
    for bytes in &blobs {
        assert!(here.pull(bytes).await == *bytes);
    }
    here.collect_now().await;
    assert_eq!(here.store.collections().state(Duration::ZERO).await.unwrap().lost_pins, 0);
}

/// The client of an upload pauses in the middle of a part. What it has sent is recorded before blocks are removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f08_an_upload_under_way_survives_a_collection() {
    let (database, node) = (rig::database().await, Node::start());
    let here = Instance::new(&database, &node, true);
    let bytes = random(6021, 6 * MIB);
    let (frames, body) = mpsc::channel(1);
    let key = here.start().await;
    let pushing = {
        let (registry, digest) = (here.registry.clone(), digest(&bytes));
        let body = Frames(body);
        tokio::spawn(async move { registry.uploads().finish(key, digest, None, body).await })
    };
    for at in (0..3 * MIB).step_by(MIB / 4) {
        frames.send(bytes.slice(at..at + MIB / 4)).await.unwrap();
    }
    here.store.collections().note_garbage().await.unwrap();
    let following = {
        let registry = here.registry.clone();
        tokio::spawn(async move {
            let jobs = registry.follow_collections();
            loop {
                let stop = tokio_util::sync::CancellationToken::new();
                let _ = af_registry::jobs::Job::run(&jobs, &stop).await;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        })
    };
    here.collect_now().await;
    following.abort();
    for at in (3 * MIB..6 * MIB).step_by(MIB / 4) {
        frames.send(bytes.slice(at..at + MIB / 4)).await.unwrap();
    }
    drop(frames);
    pushing.await.unwrap().unwrap();
    assert!(here.pull(&bytes).await == bytes);
}

/// An instance that misses the beginning of a collection cannot record what it stored before.
#[tokio::test]
async fn what_was_stored_before_a_collection_and_not_recorded_is_refused() {
    let Database { store, .. } = rig::database().await;
    let before = store.collections().look().await.unwrap().epoch;
    store.collections().advance().await.unwrap();
    let now = store.collections().look().await.unwrap().epoch;
    assert_ne!(before, now);
    let cid = Cid::new(af_registry::ipld::Codec::Raw, [7; 32]);
    let started = store.uploads().start(&name(), "ann", None, 9).await.unwrap();
    let af_registry::store::Started::Open { id, .. } = started else { panic!("{started:?}") };
    for (epoch, expected) in
        [(before, Recorded::Collected), (now, Recorded::Done), (Epoch::NONE, Recorded::Done)]
    {
        let part = Part { offset: 0, size: 5, cid };
        let received = store.uploads().get(&name(), id, "ann").await.unwrap().unwrap().received;
        let stored = Stored { claim: None, epoch };
        let recorded = store.uploads().record_part(id, received, part, stored, None).await;
        assert_eq!(recorded.unwrap(), expected);
    }
    let commit = Commit {
        repository: name(),
        digest: digest(b"hello"),
        size: 5,
        upload: Some(id),
        received: 5,
    };
    for (epoch, expected) in [(before, Committed::Collected), (now, Committed::Done { cid })] {
        let claim = store.pins().claim(&cid).await.unwrap().unwrap();
        assert_eq!(store.uploads().commit(&commit, claim, epoch).await.unwrap(), expected);
    }
}

/// A collection waits until the transactions have ended that record something in the present epoch.
#[tokio::test]
async fn an_epoch_ends_after_the_transactions_that_belong_to_it() {
    let Database { store, admin, .. } = rig::database().await;
    let share = "SELECT pg_advisory_xact_lock_shared(7522537965569835379)";
    admin.batch_execute(&format!("BEGIN; {share}")).await.unwrap();
    let advancing = {
        let store = store.clone();
        tokio::spawn(async move { store.collections().advance().await })
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!advancing.is_finished());
    admin.batch_execute("COMMIT").await.unwrap();
    advancing.await.unwrap().unwrap();
}

/// A node removes what no pin holds every second, while images are pushed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f08_a_node_that_collects_by_itself_loses_nothing() {
    let (database, node) = (rig::database().await, Node::collecting());
    let here = Instance::new(&database, &node, false);
    let began = std::time::Instant::now();
    let mut pushed = Vec::new();
    for n in 0_u64.. {
        if began.elapsed() > Duration::from_secs(5) && pushed.len() > 5 {
            break;
        }
        let bytes = random(6031 + n, [300, MIB, 3 * MIB + 1, 20 * MIB][n as usize % 4]);
        let put = || {
            let body = Full::new(bytes.clone());
            here.registry.uploads().put(name(), "ann".to_owned(), digest(&bytes), body)
        };
        // The node may remove a part before it is pinned. The client tries again.
        let mut stored = put().await;
        for _ in 0..20 {
            if stored.is_ok() {
                break;
            }
            stored = put().await;
        }
        stored.unwrap();
        pushed.push(bytes);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    for bytes in &pushed {
        assert!(here.pull(bytes).await == *bytes);
    }
}

#[tokio::test]
async fn a_start_tells_of_a_kubo_that_may_collect_by_itself() {
    let full = Node::collecting();
    let server = builder().await.on(&full).start().await;
    server.logged("kubo_may_collect", |_| true).await;
    let server = builder().await.start().await;
    server.logged("kubo_not_collected", |_| true).await;
    let server = builder().await.on(&full).env("OPEN_REGISTRY_DFS_IPFS_GC", "true").start().await;
    assert!(!server.log().iter().any(|line| line["event"] == "kubo_not_collected"));
}

/// A process died after it had pinned a blob, and PostgreSQL had not written the row of its claim to disk.
#[tokio::test]
async fn a_pin_that_no_row_knows_is_found_and_dropped() {
    let (database, node) = (rig::database().await, Node::start());
    let here = Instance::new(&database, &node, true);
    let (kept, lost) = (random(6051, 5000), Block::raw(vec![random(6052, 5000)]));
    let kept_cid = here.push(&kept).await;
    here.kubo.put_pinned(&lost).await.unwrap();
    here.collect_now().await;
    assert!(node.is_pinned(&lost.cid().to_string()), "a row may be about to name it");
    database.admin.batch_execute("UPDATE unpins SET next_try_at = now()").await.unwrap();
    here.collect_now().await;
    assert!(!node.is_pinned(&lost.cid().to_string()) && !node.has_block(&lost.cid()));
    assert!(node.is_pinned(&kept_cid.to_string()));
    assert!(here.pull(&kept).await == kept);
}

/// The instance that removes blocks dies in the middle. The next one goes on, though nothing became garbage since.
#[tokio::test]
async fn garbage_is_left_until_a_removal_has_ended() {
    let Database { store, .. } = rig::database().await;
    let collections = store.collections();
    let garbage = async || collections.state(Duration::ZERO).await.unwrap().garbage;
    assert!(!garbage().await, "a new database has none");
    collections.note_garbage().await.unwrap();
    assert!(garbage().await);
    collections.advance().await.unwrap();
    assert!(garbage().await, "it is being removed");
    collections.collected(5, true).await.unwrap();
    assert!(garbage().await, "the time was over");
    collections.advance().await.unwrap();
    collections.note_garbage().await.unwrap();
    collections.collected(5, false).await.unwrap();
    assert!(garbage().await, "an upload was cancelled meanwhile");
    collections.advance().await.unwrap();
    collections.collected(5, false).await.unwrap();
    assert!(!garbage().await);
    let rest = Duration::from_secs(3600);
    collections.note_garbage().await.unwrap();
    assert!(!collections.state(rest).await.unwrap().garbage, "it was removed a moment ago");
}
