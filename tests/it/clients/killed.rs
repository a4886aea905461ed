//! Three instances behind a balancer, one of which is killed every few seconds while real clients push and pull.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use af_registry::oci::Digest;
use af_registry::stream::hashing::sha256;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{docker, engine_allowed};
use crate::rig::balance::balance;
use crate::rig::client::{Answer, Client, nothing, random, request};
use crate::rig::fleet::Fleet;
use crate::rig::layout::{Layer, Layout};
use crate::rig::program::{Home, find};
use crate::rig::whole::{ready, whole};

/// Images that each client pushes, one after the other.
const IMAGES: usize = 3;
/// Time between a start and the next kill.
const LIFE: Duration = Duration::from_millis(2000);
const PULLERS: usize = 32;
const MIB: usize = 1 << 20;
/// Size of the blob that is pulled.
const BLOB: usize = 5 * MIB;
/// How often a client begins anew before its user gives up. `docker push` sends layers again by itself, but no manifest.
const TRIES: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_are_killed_and_no_client_fails() {
    if !engine_allowed("docker") {
        return;
    }
    let mut fleet = Fleet::start(3).await;
    let front = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = front.local_addr().unwrap();
    tokio::spawn(balance(front, fleet.addresses()));
    let (_, layer) = fleet.client().push_image("killed", "v1", &random(1, BLOB)).await;
    let (stop, pulls) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
    let mut pullers = JoinSet::new();
    for _ in 0..PULLERS {
        let (stop, pulls, layer) = (stop.clone(), Arc::clone(&pulls), layer.clone());
        pullers.spawn(async move {
            while !stop.is_cancelled() {
                pull(Client { addr }, &layer).await;
                pulls.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let mut pushers =
        [spawn_blocking(move || dockers(addr)), spawn_blocking(move || skopeos(addr))];
    let mut kills = 0;
    while !pushers.iter().all(tokio::task::JoinHandle::is_finished) {
        sleep(LIFE).await;
        let count = fleet.instances.len();
        let instance = &mut fleet.instances[kills % count];
        instance.kill();
        sleep(LIFE / 5).await;
        instance.resume().await;
        kills += 1;
    }
    for pusher in &mut pushers {
        pusher.await.unwrap();
    }
    stop.cancel();
    while let Some(puller) = pullers.join_next().await {
        puller.unwrap();
    }
    let pulls = pulls.load(Ordering::Relaxed);
    println!("{kills} kills, {pulls} pulls");
    assert!(kills >= 3 && pulls >= PULLERS);
    ready(fleet.client()).await;
    for n in 0..IMAGES {
        for client in ["docker", "skopeo"] {
            let path = format!("/v2/killed/{client}{n}/manifests/v1");
            fleet.client().get(&path).await.expect(200);
        }
    }
    whole(fleet.client(), &fleet.database, &fleet.node).await;
}

/// Pulls a blob as clients do: they go on where a connection broke, and come back after a 503.
async fn pull(client: Client, layer: &Digest) {
    let path = format!("/v2/killed/blobs/{layer}");
    let (mut got, mut failures) = (Vec::new(), 0);
    while got.len() < BLOB {
        let range = format!("bytes={}-", got.len());
        let answer = ask(client, &path, &range).await;
        match answer {
            Some(answer) if answer.status == 206 => got.extend_from_slice(&answer.body),
            other => {
                if let Some(answer) = other {
                    assert_eq!(answer.status, 503, "{answer:?}");
                }
                failures += 1;
                assert!(failures < 40, "no bytes come");
                sleep(Duration::from_millis(250)).await;
            }
        }
    }
    assert_eq!(sha256(&got), *layer);
}

async fn ask(client: Client, path: &str, range: &str) -> Option<Answer> {
    let stream = TcpStream::connect(client.addr).await.ok()?;
    let request = request("GET", path, &[("range", range)], nothing());
    client.send_over(stream, request).await.ok()
}

/// Pushes images with a Docker engine.
fn dockers(addr: SocketAddr) {
    let mut home = Home::new();
    let _engine = docker::start(&mut home);
    for n in 0..IMAGES {
        let layer = Layer::random(home.path("layer"), 500 + n as u64, 8 * MIB);
        let remote = format!("{addr}/killed/docker{n}:v1");
        docker::attempt(&home, &["import", layer.path(), &remote], "").unwrap();
        persist(&format!("docker push {n}"), || docker::attempt(&home, &["push", &remote], ""));
    }
}

/// Pushes images with skopeo, and pulls them.
fn skopeos(addr: SocketAddr) {
    let home = Home::new();
    for n in 0..IMAGES {
        let directory = home.path(&format!("image{n}"));
        let layer = Layer::random(home.path("layer"), 600 + n as u64, 8 * MIB);
        let image = Layout::image(directory, &[&layer]);
        let local = format!("oci:{}", image.tagged());
        let remote = format!("docker://{addr}/killed/skopeo{n}:v1");
        let back = format!("oci:{}:v1", home.text(&format!("back{n}")));
        let copy = ["--insecure-policy", "copy", "--quiet", "--retry-times", "5"];
        let push = [&copy[..], &["--dest-tls-verify=false", &local, &remote]].concat();
        let pull = [&copy[..], &["--src-tls-verify=false", &remote, &back]].concat();
        for (what, arguments) in [("push", push), ("pull", pull)] {
            persist(&format!("skopeo {what} {n}"), || home.attempt(find("skopeo"), &arguments, ""));
        }
        std::fs::remove_file(&layer.file).unwrap();
    }
}

/// Runs a client, and runs it again if it fails, as its user would.
fn persist(what: &str, run: impl Fn() -> Result<String, String>) {
    for _ in 0..TRIES {
        match run() {
            Ok(_) => return,
            Err(said) => println!("{what} failed: {}", said.lines().last().unwrap_or_default()),
        }
    }
    panic!("{what} fails again and again");
}
