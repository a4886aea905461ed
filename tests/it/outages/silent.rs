//! A PostgreSQL that is there and says nothing, as behind a firewall that drops packets.

use std::time::{Duration, Instant};

use af_registry::config::PostgresServer;
use af_registry::store::{Others, Settings, Store};
use af_registry::stream::hashing::sha256;

use crate::rig;
use crate::rig::client::{OCI_MANIFEST, full, image, random, request};
use crate::rig::relay::Relay;
use crate::rig::server::builder;

/// Five seconds, on a busy machine.
const AT_MOST: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f13_a_silent_postgres_costs_a_503_within_seconds() {
    let mut database = rig::database().await;
    let relay = Relay::start(rig::postgres::shared().socket()).await;
    let direct = database.settings.clone();
    database.settings = Settings { host: "127.0.0.1".into(), port: relay.port, ..direct };
    let server = builder().await.at(database).start().await;
    let client = server.client();
    let layer = random(4001, 5000);
    let (manifest, digest) = client.push_image("silent", "v1", &layer).await;
    relay.freeze(true);
    let began = Instant::now();
    let raw = image(&sha256(b"{}"), 2, &[(&digest, layer.len())]);
    let tag =
        request("PUT", "/v2/silent/manifests/v2", &[("content-type", OCI_MANIFEST)], full(raw));
    let (blob, by_tag) = (format!("/v2/silent/blobs/{digest}"), "/v2/silent/manifests/v1");
    let (read, found, list, start, put) = tokio::join!(
        client.head(&blob),
        client.get(by_tag),
        client.get("/v2/silent/tags/list"),
        client.ask("POST", "/v2/silent/blobs/uploads/"),
        client.send(tag),
    );
    assert!(began.elapsed() < AT_MOST, "{:?}", began.elapsed());
    for answer in [&read, &found, &list, &start, &put] {
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
    }
    client.get("/v2/").await.expect(200);
    relay.freeze(false);
    // What hung is thrown away, so that nothing is read from a connection whose answers are out of step.
    let began = Instant::now();
    while client.get(by_tag).await.status != 200
        || client.ask("POST", "/v2/silent/blobs/uploads/").await.status != 202
    {
        assert!(began.elapsed() < AT_MOST, "{:?}", began.elapsed());
    }
    for _ in 0..20 {
        assert_eq!(sha256(&client.get(by_tag).await.expect(200).body), manifest);
        assert!(client.get(&blob).await.expect(200).body == layer);
    }
}

/// A server that says nothing costs the time of one attempt, and the next one is used from then on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f13_a_silent_server_is_passed_over_for_the_next() {
    let direct = rig::database().await.settings;
    let relay = Relay::start(rig::postgres::shared().socket()).await;
    relay.freeze(true);
    let here = PostgresServer { host: direct.host.clone(), port: direct.port };
    let others = Others::new(vec![here]);
    let settings = Settings { host: "127.0.0.1".into(), port: relay.port, others, ..direct };
    let store = Store::connect(&settings).await.unwrap();
    let began = Instant::now();
    let calls: Vec<_> = (0..8)
        .map(|n| {
            let store = store.clone();
            let name = format!("n{n}").parse().unwrap();
            tokio::spawn(
                async move { store.uploads().start(&name, "ann", None, 99).await.unwrap() },
            )
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    assert!(began.elapsed() < AT_MOST, "{:?}", began.elapsed());
}
