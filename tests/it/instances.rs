//! What one instance does is true on all of them.
//!
//! A process keeps in memory only what it can find out again, and these are all:
//!
//! | What | Why another instance need not know it |
//! |---|---|
//! | `registry/upload/turns`: requests that write to one upload take turns | every statement that changes an upload compares its length; the slower instance gets 416 (`faults::instances::f20_…`) |
//! | `registry/transfers`, `net/places`, `auth/limits`: slots, places and rates | a limit of each instance, as `deploy/internet.md` says |
//! | `auth/login`: logins of the last minute | the account's revision is compared with its row at each use |
//! | `auth/token/verify`: tokens that were verified | a signature stays right; rights are asked for at each request |
//! | `auth/key/shared`: the keys | they are read again each minute and for an unknown key, and a new one signs after ten |
//! | `auth/last_use`: accounts whose use was noted | the note is for the hour |
//! | `registry/namespace`: the bytes of a namespace | counted again each minute, as `deploy/internet.md` says |
//! | `registry/manifest/bodies`: bytes of manifests | a digest has the same bytes for ever; each request asks the rows for the digest and the right |
//! | `store/db/rounds`: lookups that go out together | a lookup joins none that was sent before it (`a_tag_is_never_older_than_the_last_push_on_another_instance`) |
//! | `registry/remembered`: readiness and free disk of the last second | of this instance |
//! | `net/tls`, `acme/keep`: the certificate | from its files or its row (`acme::two_instances_order_one_certificate_and_a_restart_none`); tickets follow from the secret (`tls::handshake::instances_with_one_signing_secret_resume_each_others_sessions`) |
//! | `outbound`, `store/db`: connections | each has its own |

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use af_registry::rights::Role;
use af_registry::stream::hashing::sha256;
use bytes::Bytes;
use serde_json::json;

use crate::access::{PASSWORD, basic, guarded, token_for, user};
use crate::rig::client::{Client, full, nothing, random, request};
use crate::rig::server::{Builder, Server, builder, server};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Three instances with one database and the settings of the first.
async fn beside(first: Server) -> [Server; 3] {
    let second = Builder::beside(&first).start().await;
    let third = Builder::beside(&first).start().await;
    [first, second, third]
}

#[tokio::test]
async fn an_upload_wanders_from_instance_to_instance() {
    let [one, two, three] = beside(server().await).await;
    let bytes = random(1, 2_600_000);
    let session = one.client().start_upload("wander").await;
    let mut at = 0;
    for (server, upto) in [(&two, 70_000), (&three, 71_000), (&one, 2_500_000), (&two, bytes.len())]
    {
        let patch = request("PATCH", &session, &[], full(bytes.slice(at..upto)));
        server.client().send(patch).await.expect(202);
        at = upto;
        let seen = three.client().get(&session).await.expect(204);
        assert_eq!(seen.header("range"), format!("0-{}", at - 1));
    }
    let digest = sha256(&bytes);
    three.client().ask("PUT", &format!("{session}?digest={digest}")).await.expect(201);
    for server in [&one, &two] {
        server.client().get(&session).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
        let blob = server.client().get(&format!("/v2/wander/blobs/{digest}")).await.expect(200);
        assert!(blob.body == bytes);
    }
    let cancelled = one.client().start_upload("wander").await;
    two.client().delete(&cancelled).await.expect(204);
    three.client().get(&cancelled).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn what_one_instance_changes_the_others_show_at_once() {
    let [one, two, three] = beside(server().await).await;
    for round in 0..3 {
        let tag = format!("/v2/seen/manifests/t{round}");
        let layer = random(10 + round, 100);
        let (manifest, blob) = one.client().push_image("seen", &format!("t{round}"), &layer).await;
        for server in [&two, &three] {
            let got = server.client().get(&tag).await.expect(200);
            assert_eq!(got.header("docker-content-digest"), manifest.as_str());
            let listed = server.client().get("/v2/seen/tags/list").await.expect(200).json();
            assert!(listed["tags"].as_array().unwrap().contains(&format!("t{round}").into()));
        }
        two.client().delete(&tag).await.expect(202);
        three.client().get(&tag).await.refused(404, "MANIFEST_UNKNOWN");
        three.client().delete(&format!("/v2/seen/manifests/{manifest}")).await.expect(202);
        one.client().get(&format!("/v2/seen/manifests/{manifest}")).await.expect(404);
        let path = format!("/v2/seen/blobs/{blob}");
        one.client().delete(&path).await.expect(202);
        two.client().get(&path).await.refused(404, "BLOB_UNKNOWN");
    }
}

/// An index that names nothing and tells which push it is.
fn numbered(n: u64) -> Bytes {
    let index = json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [],
        "annotations": { "number": n.to_string() },
    });
    index.to_string().into()
}

/// The number of the push that the tag names on this instance.
async fn seen(client: &Client) -> u64 {
    let index = client.get("/v2/fresh/manifests/latest").await.expect(200).json();
    index["annotations"]["number"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_is_never_older_than_the_last_push_on_another_instance() {
    const PUSHES: u64 = 1000;
    let first = server().await;
    let second = Builder::beside(&first).start().await;
    let pushed = Arc::new(AtomicU64::new(0));
    first.client().push_manifest("fresh", "latest", INDEX, numbered(0)).await;
    // Readers whose lookups are under way, and shared, whenever the next push comes.
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let (client, pushed) = (second.client(), Arc::clone(&pushed));
            tokio::spawn(async move {
                while pushed.load(Ordering::SeqCst) < PUSHES {
                    let before = pushed.load(Ordering::SeqCst);
                    let seen = seen(&client).await;
                    assert!(seen >= before, "push {seen} was served after push {before}");
                }
            })
        })
        .collect();
    for n in 1..=PUSHES {
        first.client().push_manifest("fresh", "latest", INDEX, numbered(n)).await;
        pushed.store(n, Ordering::SeqCst);
        assert_eq!(seen(&second.client()).await, n);
    }
    for reader in readers {
        reader.await.unwrap();
    }
    second.client().delete("/v2/fresh/manifests/latest").await.expect(202);
    first.client().get("/v2/fresh/manifests/latest").await.refused(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn logins_and_tokens_are_good_on_every_instance_until_they_end_on_all() {
    let servers = beside(guarded().await).await;
    let store = &servers[0].database().store;
    user(store, "ann", &[("seen/*", Role::Push)]).await;
    let (login, scope) = (basic("ann", PASSWORD), ["repository:seen/a:pull,push"]);
    let mut tokens = Vec::new();
    for server in &servers {
        tokens.push(token_for(server.client(), Some(&login), &scope).await);
    }
    let start = async |client: Client, authorization: &str| {
        let headers = [("authorization", authorization)];
        let path = "/v2/seen/a/blobs/uploads/";
        client.send(request("POST", path, &headers, nothing())).await.status.as_u16()
    };
    for server in &servers {
        for token in &tokens {
            assert_eq!(start(server.client(), &format!("Bearer {token}")).await, 202);
        }
        assert_eq!(start(server.client(), &login).await, 202);
    }
    // The rights go, and then the account: each instance has remembered the login and verified the tokens.
    assert!(store.grants().remove("ann", &"seen/*".parse().unwrap(), None).await.unwrap());
    for server in &servers {
        assert_ne!(start(server.client(), &format!("Bearer {}", tokens[0])).await, 202);
        assert_ne!(start(server.client(), &login).await, 202);
    }
    assert!(store.accounts().set_disabled("ann", true).await.unwrap());
    for server in &servers {
        for token in &tokens {
            assert_eq!(start(server.client(), &format!("Bearer {token}")).await, 401);
        }
        assert_eq!(start(server.client(), &login).await, 401);
    }
}

#[tokio::test]
async fn a_namespace_is_full_on_every_instance() {
    let limited = builder().await.env("OPEN_REGISTRY_LIMIT_NAMESPACE_REPOSITORIES", "2");
    let [one, two, three] = beside(limited.start().await).await;
    one.client().push_blob("acme/one", &Bytes::from_static(b"1")).await;
    two.client().push_blob("acme/two", &Bytes::from_static(b"2")).await;
    for server in [&one, &two, &three] {
        let path = "/v2/acme/three/blobs/uploads/";
        server.client().ask("POST", path).await.refused(403, "DENIED");
    }
    let open = builder().await.env("OPEN_REGISTRY_LIMIT_OPEN_UPLOADS", "3").start().await;
    let [one, two, three] = beside(open).await;
    for server in [&one, &two, &three] {
        server.client().start_upload("many").await;
    }
    for server in [&one, &two, &three] {
        let refused = server.client().ask("POST", "/v2/many/blobs/uploads/").await;
        refused.refused(429, "TOOMANYREQUESTS");
    }
}
