//! Images are pushed, pulled and deleted while everything that nobody needs is collected all the time, and instances and
//! Kubo are killed in between.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use af_registry::oci::Digest;
use af_registry::stream::hashing::sha256;
use bytes::Bytes;
use serde_json::json;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::caller::{Caller, Notes, Reply};
use crate::rig::client::{Answer, OCI_MANIFEST, image, random};
use crate::rig::dice::Dice;
use crate::rig::fleet::Fleet;
use crate::rig::postgres::connect;
use crate::rig::whole::{ready, whole};

const PUSHES: usize = 500;
const PUSHERS: usize = 6;
const READERS: usize = 2;
/// Layers that many images share. They come and go all the time.
const SHARED: u64 = 12;
/// Of so many images one stays.
const STAYS: usize = 4;
/// Time between two kills.
const LIFE: Duration = Duration::from_secs(2);
/// Time in which the last garbage must go.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a client sends something again.
const TRIES: usize = 60;

/// An image that was acknowledged and is not being deleted.
#[derive(Clone)]
struct Image {
    manifest: Digest,
    blobs: Vec<(Digest, usize)>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes minutes; `make chaos` runs it"]
async fn no_image_breaks_while_garbage_is_collected_and_space_comes_back() {
    let mut dice = Dice::new("collected");
    let settings = [
        ("OPEN_REGISTRY_GC_WINDOW", "1s"),
        ("OPEN_REGISTRY_DFS_IPFS_GC", "true"),
        ("OPEN_REGISTRY_DFS_IPFS_GC_PERIOD", "1s"),
        ("OPEN_REGISTRY_DFS_IPFS_STORAGE_MAX", "1MiB"),
    ];
    let mut fleet = Fleet::start_with(2, &settings).await;
    let (images, stop) = (Arc::<Mutex<Vec<Image>>>::default(), CancellationToken::new());
    let (notes, addresses) = (Arc::new(Notes::new()), fleet.addresses().into());
    let caller = |dice| Caller::new(dice, Arc::clone(&notes), Arc::clone(&addresses));
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        readers.spawn(read(caller(dice.fork()), Arc::clone(&images), stop.clone()));
    }
    let mut pushers = JoinSet::new();
    for n in 0..PUSHERS {
        let count = PUSHES / PUSHERS + usize::from(n < PUSHES % PUSHERS);
        pushers.spawn(push(caller(dice.fork()), Arc::clone(&images), count));
    }
    let mut kills = 0;
    while !pushers.is_empty() {
        while let Some(ended) = pushers.try_join_next() {
            ended.unwrap();
        }
        sleep(LIFE).await;
        // The server collects by itself as well; this collects at once.
        let _ = block_in_place(|| fleet.instances[0].server.command(&["gc", "run"]).output());
        hurt(&mut fleet, &mut dice).await;
        kills += 1;
    }
    stop.cancel();
    while let Some(ended) = readers.join_next().await {
        ended.unwrap();
    }
    println!("{kills} kills");
    let images = images.lock().unwrap().clone();
    assert!(images.len() >= PUSHES / STAYS / 2, "{} images stay", images.len());
    ready(fleet.client()).await;
    whole(fleet.client(), &fleet.database, &fleet.node).await;
    rest(&mut fleet).await;
    space_comes_back(&fleet, &images).await;
    for instance in &mut fleet.instances {
        instance.resume().await;
    }
    whole(fleet.client(), &fleet.database, &fleet.node).await;
}

/// Kills an instance or Kubo, and starts it again.
async fn hurt(fleet: &mut Fleet, dice: &mut Dice) {
    if dice.below(2) == 0 {
        block_in_place(|| fleet.node.end_by("-KILL"));
        block_in_place(|| fleet.node.resume());
    } else {
        let which = dice.below(fleet.instances.len());
        fleet.instances[which].kill();
        fleet.instances[which].resume().await;
    }
}

/// Pushes images one after the other. Most of them are deleted soon.
async fn push(mut caller: Caller, images: Arc<Mutex<Vec<Image>>>, count: usize) {
    for _ in 0..count {
        let image = push_one(&mut caller).await;
        pull(&mut caller, &image).await;
        if caller.dice.below(STAYS) == 0 {
            images.lock().unwrap().push(image);
        } else {
            let path = format!("/v2/collected/manifests/{}", image.manifest);
            insist(&mut caller, "DELETE", &path, &[], &Bytes::new(), &[202, 404]).await;
        }
    }
}

/// Pushes an image as clients do: whatever the registry does not have any more is sent again.
async fn push_one(caller: &mut Caller) -> Image {
    let own = random(caller.dice.next(), 1000 + caller.dice.below(600_000));
    let shared = random(caller.dice.next() % SHARED, 300_000);
    let config = Bytes::from(json!({ "n": caller.dice.next() }).to_string());
    let layers = [&own, &shared].map(|layer| (sha256(layer), layer.len()));
    let named = [(&layers[0].0, layers[0].1), (&layers[1].0, layers[1].1)];
    let manifest = image(&sha256(&config), config.len(), &named);
    let tag = format!("t{}", caller.dice.below(20));
    for _ in 0..TRIES {
        for blob in [&config, &own, &shared] {
            let digest = sha256(blob);
            let path = format!("/v2/collected/blobs/{digest}");
            if insist(caller, "HEAD", &path, &[], &Bytes::new(), &[200, 404]).await.status == 404 {
                let path = format!("/v2/collected/blobs/uploads/?digest={digest}");
                insist(caller, "POST", &path, &[], blob, &[201]).await;
            }
        }
        let path = format!("/v2/collected/manifests/{tag}");
        let kind = [("content-type", OCI_MANIFEST)];
        let answer = insist(caller, "PUT", &path, &kind, &manifest, &[201, 400]).await;
        if answer.status == 201 {
            let blobs = layers.into_iter().chain([(sha256(&config), config.len())]).collect();
            return Image { manifest: sha256(&manifest), blobs };
        }
        // A blob without a manifest has a second, and this client was slower.
        assert_eq!(answer.code(), "MANIFEST_BLOB_UNKNOWN", "{answer:?}");
    }
    panic!("an image cannot be pushed");
}

/// Pulls an image, which must be whole.
async fn pull(caller: &mut Caller, image: &Image) {
    let path = format!("/v2/collected/manifests/{}", image.manifest);
    let answer = insist(caller, "GET", &path, &[], &Bytes::new(), &[200]).await;
    assert_eq!(sha256(&answer.body), image.manifest);
    for (digest, _) in &image.blobs {
        let path = format!("/v2/collected/blobs/{digest}");
        let answer = insist(caller, "GET", &path, &[], &Bytes::new(), &[200]).await;
        assert_eq!(sha256(&answer.body), *digest);
    }
}

/// Pulls images that stay, again and again.
async fn read(mut caller: Caller, images: Arc<Mutex<Vec<Image>>>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let image = {
            let images = images.lock().unwrap();
            if images.is_empty() { None } else { Some(caller.dice.pick(&images).clone()) }
        };
        match image {
            Some(image) => pull(&mut caller, &image).await,
            None => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Asks until there is an answer, which must have one of these statuses.
async fn insist(
    caller: &mut Caller,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &Bytes,
    expected: &[u16],
) -> Answer {
    for _ in 0..TRIES {
        match caller.ask(method, path, headers, body.clone()).await {
            Reply::Answer(answer) => {
                assert!(expected.contains(&answer.status.as_u16()), "{method} {path}: {answer:?}");
                return answer;
            }
            Reply::Nothing => sleep(Duration::from_millis(200)).await,
            Reply::Broken(how) => panic!("{how}"),
        }
    }
    panic!("{method} {path} is not answered");
}

/// What was killed while it dropped pins or collected is waited for: minutes, in which its calls may still come. When all
/// instances and Kubo have ended, none can come, and the test need not wait.
const NOTHING_RUNS: &str = "
    UPDATE unpins SET doubt_until = NULL, claimed_by = NULL, claimed_until = NULL, next_try_at = now()
        WHERE done_at IS NULL;
    UPDATE collection SET unpins_paused_until = '-infinity', closed_until = '-infinity', garbage = TRUE;
    UPDATE jobs SET leased_by = NULL, leased_until = NULL";

/// Ends all instances, and starts Kubo again.
async fn rest(fleet: &mut Fleet) {
    for instance in &mut fleet.instances {
        instance.kill();
    }
    block_in_place(|| fleet.node.end_by("-KILL"));
    block_in_place(|| fleet.node.resume());
    connect(&fleet.database).await.batch_execute(NOTHING_RUNS).await.unwrap();
}

/// Waits until the blocks in Kubo take no more than a twentieth beyond what the images need.
async fn space_comes_back(fleet: &Fleet, images: &[Image]) {
    let needed: HashSet<&(Digest, usize)> = images.iter().flat_map(|image| &image.blobs).collect();
    let needed: usize = needed.into_iter().map(|(_, size)| size).sum();
    let began = Instant::now();
    loop {
        let output = block_in_place(|| fleet.instances[0].server.command(&["gc", "run"]).output());
        let used = fleet.node.stored_bytes();
        println!("{used} bytes are stored and {needed} needed");
        if used * 20 <= needed * 21 {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{used} of {needed}: {output:?}");
        sleep(Duration::from_millis(500)).await;
    }
}
