//! PostgreSQL has no disk left.

use std::path::Path;
use std::process::Command;

use af_registry::stream::hashing::sha256;
use serde_json::json;
use tokio_postgres::error::SqlState;

use crate::rig::client::{Client, OCI_MANIFEST, image, random};
use crate::rig::postgres::Cluster;
use crate::rig::program::{complete, is_root};
use crate::rig::server::builder;

/// A file system of 40 MiB in memory. It is unmounted when dropped.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(at: &'a Path) -> Self {
        std::fs::create_dir(at).unwrap();
        complete(Command::new("mount").args(["-t", "tmpfs", "-o", "size=40m", "tmpfs"]).arg(at));
        complete(Command::new("chown").arg("postgres:").arg(at));
        Self(at)
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        // PostgreSQL still uses it, and ends later.
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

/// Fills the disk until not even one page is left.
const FILL: [&str; 2] = [
    "INSERT INTO ballast SELECT string_agg(sha512(gen_random_uuid()::TEXT::BYTEA), '') FROM generate_series(1, 8000)",
    "INSERT INTO ballast SELECT string_agg(sha512(gen_random_uuid()::TEXT::BYTEA), '') FROM generate_series(1, 200)",
];

/// Without the right to mount, PostgreSQL is made to say that its disk is full.
const REFUSE: &str = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON manifests FOR EACH STATEMENT EXECUTE FUNCTION refuse()";

/// A manifest with an annotation that takes many pages.
fn large(n: u64, digest: &af_registry::oci::Digest, size: usize) -> Vec<u8> {
    let base = image(&sha256(b"{}"), 2, &[(digest, size)]);
    let mut manifest: serde_json::Value = serde_json::from_slice(&base).unwrap();
    let noise = data_encoding::BASE64.encode(&random(n, 500_000));
    manifest["annotations"] = json!({ "noise": noise });
    serde_json::to_vec(&manifest).unwrap()
}

async fn push(client: Client, manifest: Vec<u8>) -> crate::rig::client::Answer {
    client.push_manifest("full", "large", OCI_MANIFEST, manifest).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f16_a_full_disk_of_postgres_refuses_writes_and_heals_by_itself() {
    let cluster = tokio::task::spawn_blocking(Cluster::start).await.unwrap();
    let place = Path::new(cluster.host()).join("tight");
    let mounted = is_root().then(|| Small::mount(&place));
    let database = match &mounted {
        Some(Small(at)) => cluster.database_below(at).await,
        None => cluster.database().await,
    };
    let server = builder().await.at(database).start().await;
    let (client, admin) = (server.client(), &server.database().admin);
    let layer = random(4201, 5000);
    let (_, digest) = client.push_image("full", "v1", &layer).await;
    if mounted.is_some() {
        admin.batch_execute("CREATE TABLE ballast (bytes BYTEA)").await.unwrap();
        for fill in FILL {
            let error = loop {
                if let Err(error) = admin.batch_execute(fill).await {
                    break error;
                }
            };
            assert_eq!(error.code(), Some(&SqlState::DISK_FULL), "{error:?}");
        }
    } else {
        admin.batch_execute(REFUSE).await.unwrap();
    }
    for n in 0..3 {
        let answer = push(client, large(n, &digest, layer.len())).await;
        assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
        answer.refused(503, "UNAVAILABLE");
        assert!(client.get(&format!("/v2/full/blobs/{digest}")).await.expect(200).body == layer);
        client.get("/v2/full/manifests/v1").await.expect(200);
        client.get("/v2/full/manifests/large").await.expect(404);
    }
    let heal =
        if mounted.is_some() { "DROP TABLE ballast" } else { "DROP TRIGGER refuse ON manifests" };
    admin.batch_execute(heal).await.unwrap();
    let manifest = large(9, &digest, layer.len());
    push(client, manifest.clone()).await.expect(201);
    assert_eq!(client.get("/v2/full/manifests/large").await.expect(200).body, manifest);
}
