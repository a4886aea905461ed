//! Pins that are lost, and a Kubo that collects what is not pinned.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use af_registry::stream::hashing::sha256;
use bytes::Bytes;
use tokio::task::{JoinSet, spawn_blocking};

use super::MIB;
use crate::rig::client::{Client, OCI_MANIFEST, full, image, random, request};
use crate::rig::kubo::Node;
use crate::rig::server::builder;
use crate::rig::whole::whole;

/// How often a client comes back after a 503.
const TRIES: usize = 20;

#[tokio::test]
async fn f07_a_lost_pin_is_set_again_by_the_next_push() {
    let node = Node::start();
    let server = builder().await.on(&node).start().await;
    let client = server.client();
    let layers = [random(140, 1000), random(141, 2 * MIB + 5)];
    for layer in &layers {
        client.push_image("f07", "v1", layer).await;
        let cid = node.cid_of(layer);
        assert!(node.is_pinned(&cid));
        node.unpin(&cid);
        client.push_blob("f07", layer).await;
        assert!(node.is_pinned(&cid), "the pin of {cid} is still lost");
    }
    node.collect();
    whole(client, &server.database().settings, &node).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f08_a_kubo_that_collects_all_the_time_breaks_no_image() {
    let node = Arc::new(Node::start());
    let server = builder().await.on(&node).start().await;
    let (client, stop) = (server.client(), Arc::new(AtomicBool::new(false)));
    let collecting = {
        let (node, stop) = (Arc::clone(&node), Arc::clone(&stop));
        spawn_blocking(move || {
            let mut runs = 0;
            while !stop.load(Ordering::Relaxed) {
                node.collect();
                runs += 1;
            }
            runs
        })
    };
    let mut pushers = JoinSet::new();
    for pusher in 0..4 {
        pushers.spawn(async move {
            for n in 0..10 {
                push(client, pusher, n).await;
            }
        });
    }
    while let Some(ended) = pushers.join_next().await {
        ended.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    assert!(collecting.await.unwrap() >= 3, "there was hardly a collection");
    node.collect();
    whole(client, &server.database().settings, &node).await;
}

/// Pushes an image whose layer comes in two pieces.
async fn push(client: Client, pusher: u64, n: u64) {
    let config = Bytes::from(format!(r#"{{"n":"{pusher}.{n}"}}"#));
    let size = [5000, 900_000, 3 * MIB][n as usize % 3];
    let layer = random(3000 + 100 * pusher + n, size);
    for blob in [&config, &layer] {
        push_blob(client, blob).await;
    }
    let manifest = image(&sha256(&config), config.len(), &[(&sha256(&layer), layer.len())]);
    let tag = format!("{pusher}.{n}");
    client.push_manifest("f08", &tag, OCI_MANIFEST, manifest).await.expect(201);
}

async fn push_blob(client: Client, blob: &Bytes) {
    let put = format!("?digest={}", sha256(blob));
    for _ in 0..TRIES {
        let session = client.start_upload("f08").await;
        let mut answer = None;
        for piece in [0..blob.len() / 2, blob.len() / 2..blob.len()] {
            let patch = request("PATCH", &session, &[], full(blob.slice(piece)));
            answer = Some(client.send(patch).await).filter(|answer| answer.status != 202);
            if answer.is_some() {
                break;
            }
        }
        let answer = match answer {
            Some(refused) => refused,
            None => client.ask("PUT", &format!("{session}{put}")).await,
        };
        if answer.status == 201 {
            return;
        }
        answer.refused(503, "UNAVAILABLE");
    }
    panic!("a blob cannot be pushed");
}
