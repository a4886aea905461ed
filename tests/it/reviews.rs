//! Reviews as clients meet them: who asks whether content exists can rely on the answer.

use af_registry::stream::hashing::sha256;
use serde_json::json;

use crate::cli::Operator;
use crate::rig::client::{Client, OCI_INDEX, OCI_MANIFEST, full, image, random, request};
use crate::rig::kubo::Node;
use crate::rig::server::{Server, builder};

/// Lets time pass for everything in the queue.
async fn age(server: &Server, time: &str) {
    let pass = format!(
        "UPDATE reviews SET quiet_since = quiet_since - '{time}'::INTERVAL,
            review_from = review_from - '{time}'::INTERVAL"
    );
    server.database().admin.batch_execute(&pass).await.unwrap();
}

fn operator(server: &Server, untagged: &str) -> Operator {
    let mut operator = Operator::on(&server.database().settings);
    operator.0.push(("OPEN_REGISTRY_GC_UNTAGGED", untagged.to_owned()));
    operator
}

/// Runs a review as an operator does.
fn review(server: &Server, untagged: &str) {
    operator(server, untagged).done("gc run --review", "");
}

async fn put(client: &Client, path: &str, kind: &str, body: Vec<u8>) {
    let headers = [("content-type", kind)];
    client.send(request("PUT", path, &headers, full(body))).await.expect(201);
}

#[tokio::test]
async fn a_client_that_learns_of_a_blob_has_time_to_name_it() {
    let server = builder().await.start().await;
    let client = server.client();
    let (kept, forgotten) = (random(1, 100), random(2, 100));
    let config = client.push_blob("a", &kept).await;
    client.push_blob("a", &forgotten).await;
    age(&server, "23 hours 30 minutes").await;
    client.head(&format!("/v2/a/blobs/{config}")).await.expect(200);
    age(&server, "1 hour").await;
    review(&server, "");
    client.head(&format!("/v2/a/blobs/{}", sha256(&forgotten))).await.expect(404);
    let image = image(&config, kept.len(), &[]);
    put(&client, "/v2/a/manifests/v1", OCI_MANIFEST, image.to_vec()).await;
    age(&server, "48 hours").await;
    review(&server, "");
    client.get(&format!("/v2/a/blobs/{config}")).await.expect(200);
}

#[tokio::test]
async fn a_client_that_learns_of_a_manifest_has_time_to_name_it() {
    let server = builder().await.env("OPEN_REGISTRY_GC_UNTAGGED", "a=24h").start().await;
    let client = server.client();
    let config = client.push_blob("a", &random(1, 100)).await;
    let child = image(&config, 100, &[]);
    let digest = sha256(&child);
    let path = format!("/v2/a/manifests/{digest}");
    put(&client, &path, OCI_MANIFEST, child.to_vec()).await;
    age(&server, "23 hours 30 minutes").await;
    client.head(&path).await.expect(200);
    age(&server, "1 hour").await;
    review(&server, "a=24h");
    let index = json!({
        "schemaVersion": 2, "mediaType": OCI_INDEX,
        "manifests": [{ "mediaType": OCI_MANIFEST, "digest": digest.to_string(), "size": child.len() }],
    });
    put(&client, "/v2/a/manifests/v1", OCI_INDEX, index.to_string().into_bytes()).await;
    age(&server, "48 hours").await;
    review(&server, "a=24h");
    client.head(&path).await.expect(200);
}

/// Bytes that nobody needs leave Kubo's pins, and a new push brings them back.
#[tokio::test]
async fn a_deleted_image_is_unpinned_and_can_be_pushed_again() {
    let node = Node::start();
    let server = builder().await.on(&node).start().await;
    let client = server.client();
    let pins = || node.ipfs(&["pin", "ls", "--type=recursive", "-q"]).lines().count();
    let before = pins();
    let layer = random(3, 2 << 20);
    let (image, digest) = client.push_image("a", "v1", &layer).await;
    client.delete(&format!("/v2/a/manifests/{image}")).await.expect(202);
    // The link of the layer has a window, and then the layer itself.
    for _ in 0..2 {
        age(&server, "25 hours").await;
        review(&server, "");
    }
    client.head(&format!("/v2/a/blobs/{digest}")).await.expect(404);
    assert_eq!(pins(), before + 2);
    let mut operator = operator(&server, "");
    operator.0.push(("OPEN_REGISTRY_DFS_IPFS_API_URL", node.settings.api.to_string()));
    let told = operator.done("gc run", "");
    assert!(told.contains("dropped") && told.contains("collected"), "{told}");
    // The server may have been first.
    assert_eq!(pins(), before);
    client.push_image("a", "v1", &layer).await;
    let again = client.get(&format!("/v2/a/blobs/{digest}")).await.expect(200);
    assert_eq!(again.body, layer);
}
