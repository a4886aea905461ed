//! Several instances that work on the same things, and clients that go away.

use std::time::Duration;

use af_registry::stream::hashing::sha256;
use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{MIB, finish, stored};
use crate::history::{Call, Event, Outcome, check};
use crate::rig::client::{Client, OCI_MANIFEST, full, image, random, request};
use crate::rig::dice::Dice;
use crate::rig::kubo::shared;
use crate::rig::server::{Builder, Server, server};
use crate::rig::whole::whole;

/// Two instances on one database and the shared Kubo.
async fn two() -> [Server; 2] {
    let first = server().await;
    let second = Builder::beside(&first).start().await;
    [first, second]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f17_an_instance_that_is_killed_at_any_step_leaves_garbage_at_worst() {
    let mut dice = Dice::new("f17");
    let mut server = server().await;
    let mut acknowledged = Vec::new();
    for round in 0..12 {
        let (client, layer) = (server.client(), random(dice.next(), 1000 + dice.below(3 * MIB)));
        let push = {
            let layer = layer.clone();
            tokio::spawn(async move { try_push(client, round, &layer).await })
        };
        tokio::time::sleep(Duration::from_millis(dice.below(120) as u64)).await;
        server = server.restart().await;
        if push.await.unwrap() {
            acknowledged.push(round);
        }
    }
    for round in acknowledged {
        server.client().get(&format!("/v2/f17/manifests/r{round}")).await.expect(200);
    }
    whole(server.client(), &server.database().settings, shared()).await;
}

/// Pushes an image under the tag `r<round>`. Returns whether that was acknowledged.
async fn try_push(client: Client, round: u64, layer: &Bytes) -> bool {
    let config = Bytes::from_static(b"{}");
    for blob in [&config, layer] {
        let path = format!("/v2/f17/blobs/uploads/?digest={}", sha256(blob));
        let Ok(stream) = TcpStream::connect(client.addr).await else { return false };
        drop(stream);
        let sent = client.try_send(request("POST", &path, &[], full(blob.clone()))).await;
        if !sent.is_ok_and(|answer| answer.status == 201) {
            return false;
        }
    }
    let manifest = image(&sha256(&config), config.len(), &[(&sha256(layer), layer.len())]);
    let path = format!("/v2/f17/manifests/r{round}");
    let Ok(stream) = TcpStream::connect(client.addr).await else { return false };
    drop(stream);
    let put = request("PUT", &path, &[("content-type", OCI_MANIFEST)], full(manifest));
    client.try_send(put).await.is_ok_and(|answer| answer.status == 201)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f18_a_client_that_goes_away_at_any_byte_finds_what_it_sent() {
    let mut dice = Dice::new("f18");
    let server = server().await;
    let client = server.client();
    for _ in 0..100 {
        let bytes = random(dice.next(), 1000 + dice.below(400_000));
        let session = client.start_upload("f18").await;
        // The range of one byte looks like that of none.
        let upto = (2 + dice.below(bytes.len())).min(bytes.len());
        let mut stream = TcpStream::connect(client.addr).await.unwrap();
        let length = bytes.len();
        let head =
            format!("PATCH {session} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&bytes[..upto]).await.unwrap();
        drop(stream);
        let at = stored(client, &session).await;
        assert!(at <= upto, "{at} of {upto} sent");
        resume(client, &session, &bytes, at).await;
    }
    let errors: Vec<_> = server.log().into_iter().filter(|line| line["level"] == "ERROR").collect();
    assert!(errors.is_empty(), "{errors:#?}");
    whole(client, &server.database().settings, shared()).await;
}

/// Sends the rest of an upload as clients do: where the server says that it stands, if it has moved meanwhile.
async fn resume(client: Client, session: &str, bytes: &Bytes, at: usize) {
    let mut at = at;
    while at < bytes.len() {
        let range = format!("{at}-{}", bytes.len() - 1);
        let rest = full(bytes.slice(at..));
        let answer =
            client.send(request("PATCH", session, &[("content-range", &range)], rest)).await;
        if answer.status == 202 {
            break;
        }
        answer.refused(416, "BLOB_UPLOAD_INVALID");
        at = stored(client, session).await;
    }
    let path = format!("{session}?digest={}", sha256(bytes));
    client.ask("PUT", &path).await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f20_of_two_instances_that_append_one_wins() {
    let servers = two().await;
    for round in 0..6 {
        // Pieces that stay in PostgreSQL, one block, and several.
        let size = [1000, 600_000, 3 * MIB][round % 3];
        let bytes = random(120 + round as u64, size);
        let session = servers[0].client().start_upload("f20").await;
        let appends = servers.each_ref().map(|server| {
            let (client, session, bytes) = (server.client(), session.clone(), bytes.clone());
            let range = format!("0-{}", size - 1);
            tokio::spawn(async move {
                let headers = [("content-range", range.as_str())];
                client.send(request("PATCH", &session, &headers, full(bytes))).await
            })
        });
        let mut won = 0;
        for append in appends {
            let answer = append.await.unwrap();
            if answer.status == 202 {
                won += 1;
            } else {
                let refused = answer.refused(416, "BLOB_UPLOAD_INVALID");
                assert_eq!(refused.header("range"), format!("0-{}", size - 1));
            }
        }
        assert_eq!(won, 1, "round {round}");
        finish(servers[round % 2].client(), &session, &bytes, size).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f21_fifty_pushes_of_one_blob_over_two_instances_store_it_once() {
    let servers = two().await;
    let bytes = random(130, 2 * MIB + 9);
    let pushes: Vec<_> = (0..50)
        .map(|n| {
            let (client, bytes) = (servers[n % 2].client(), bytes.clone());
            tokio::spawn(async move { client.push_blob(&format!("f21/{}", n % 5), &bytes).await })
        })
        .collect();
    for push in pushes {
        push.await.unwrap();
    }
    let rows = "SELECT count(*) FROM blobs WHERE digest = $1";
    let digest = sha256(&bytes);
    let database = servers[0].database();
    let row = database.admin.query_one(rows, &[&digest.as_str()]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 1);
    let left = "SELECT count(*) FROM upload_parts";
    let left: i64 = database.admin.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!(left, 0, "parts are left");
    whole(servers[1].client(), &database.settings, shared()).await;
}

/// Moves one tag from two instances, and reads it from both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f22_a_tag_that_two_instances_move_has_one_order() {
    let servers = two().await;
    let began = tokio::time::Instant::now();
    let now = move || u64::try_from(began.elapsed().as_nanos()).unwrap();
    let config = Bytes::from_static(b"{}");
    let config_digest = servers[0].client().push_blob("f22", &config).await;
    let mut tasks = Vec::new();
    for task in 0..10 {
        let client = servers[task % 2].client();
        let config = config_digest.clone();
        tasks.push(tokio::spawn(async move {
            let mut events = Vec::new();
            for n in 0..10 {
                let layer = random((task * 10 + n) as u64 + 2000, 10);
                let layer_digest = client.push_blob("f22", &layer).await;
                let manifest = image(&config, 2, &[(&layer_digest, 10)]);
                let name = sha256(&manifest).to_string();
                let start = now();
                client.push_manifest("f22", "tag", OCI_MANIFEST, manifest).await.expect(201);
                let call = Call::PushManifest {
                    repository: "f22".into(),
                    manifest: name,
                    tag: Some("tag".into()),
                    blobs: Vec::new(),
                };
                events.push(Event { call, outcome: Outcome::Done, start, end: now() });
                let start = now();
                let read = client.get("/v2/f22/manifests/tag").await.expect(200);
                let call = Call::ReadTag { repository: "f22".into(), tag: "tag".into() };
                let outcome = Outcome::Found(sha256(&read.body).to_string());
                events.push(Event { call, outcome, start, end: now() });
            }
            events
        }));
    }
    let mut history = Vec::new();
    for task in tasks {
        history.extend(task.await.unwrap());
    }
    let breaches = check(&history);
    assert!(breaches.is_empty(), "{breaches:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f24_one_manifest_is_pushed_under_many_tags_at_once() {
    let servers = two().await;
    let client = servers[0].client();
    let config = client.push_blob("f24", &Bytes::from_static(b"{}")).await;
    let manifest = image(&config, 2, &[(&config, 2)]);
    let pushes: Vec<_> = (0..40)
        .map(|n| {
            let (client, manifest) = (servers[n % 2].client(), manifest.clone());
            tokio::spawn(async move {
                let tag = format!("t{n}");
                client.push_manifest("f24", &tag, OCI_MANIFEST, manifest).await.expect(201);
            })
        })
        .collect();
    for push in pushes {
        push.await.unwrap();
    }
    let tags = client.get("/v2/f24/tags/list").await.expect(200).json();
    assert_eq!(tags["tags"].as_array().unwrap().len(), 40);
    whole(client, &servers[0].database().settings, shared()).await;
}
