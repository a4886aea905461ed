//! Limits on what is pushed: the largest blob, and the repositories and bytes of a namespace. All are off by default.

use af_registry::stream::hashing::sha256;
use bytes::Bytes;

use crate::rig::client::{OCI_MANIFEST, chunked, full, image, nothing, random, request};
use crate::rig::server::builder;

#[tokio::test]
async fn a_blob_over_the_limit_is_refused_once_its_length_is_known() {
    let server = builder().await.env("OPEN_REGISTRY_LIMIT_BLOB_BYTES", "3MiB").start().await;
    let client = server.client();
    let (fits, large) = (random(1, 3 << 20), random(2, (3 << 20) + 1));
    client.push_blob("a", &fits).await;
    let refused = |answer: crate::rig::client::Answer| {
        let answer = answer.refused(413, "SIZE_INVALID");
        let said = String::from_utf8(answer.body.to_vec()).unwrap();
        for word in ["3145728", "3145729", "OPEN_REGISTRY_LIMIT_BLOB_BYTES"] {
            assert!(said.contains(word), "no {word} in {said}");
        }
    };
    // By its length, by the end of a chunk, and by what has come.
    let session = client.start_upload("a").await;
    refused(client.send(request("PATCH", &session, &[], full(large.clone()))).await);
    let end = [("content-range", "0-3145728")];
    refused(client.send(request("PATCH", &session, &end, nothing())).await);
    let answer =
        client.send(request("PATCH", &session, &[], chunked(large.clone(), 1 << 16))).await;
    answer.refused(413, "SIZE_INVALID");
    let path = format!("/v2/a/blobs/uploads/?digest={}", sha256(&large));
    refused(client.send(request("POST", &path, &[], full(large.clone()))).await);
    client
        .send(request("POST", &path, &[], chunked(large.clone(), 1 << 16)))
        .await
        .refused(413, "SIZE_INVALID");
    client.head(&format!("/v2/a/blobs/{}", sha256(&large))).await.expect(404);
}

#[tokio::test]
async fn a_namespace_has_at_most_so_many_repositories() {
    let limited = builder().await.env("OPEN_REGISTRY_LIMIT_NAMESPACE_REPOSITORIES", "2");
    let server = limited.start().await;
    let client = server.client();
    for name in ["acme", "acme/web", "acmes/one", "acmes/two"] {
        client.push_image(name, "v1", &random(3, 100)).await;
    }
    let answer = client.ask("POST", "/v2/acme/third/blobs/uploads/").await.refused(403, "DENIED");
    let said = String::from_utf8(answer.body.to_vec()).unwrap();
    for word in ["namespace acme", "2", "OPEN_REGISTRY_LIMIT_NAMESPACE_REPOSITORIES"] {
        assert!(said.contains(word), "no {word} in {said}");
    }
    let mount =
        format!("/v2/acme/third/blobs/uploads/?mount={}&from=acme", sha256(&random(3, 100)));
    client.ask("POST", &mount).await.refused(403, "DENIED");
    let empty = format!("/v2/acme/third/blobs/uploads/?digest={}", sha256(b""));
    client.ask("POST", &empty).await.refused(403, "DENIED");
    client.get("/v2/acme/third/tags/list").await.refused(404, "NAME_UNKNOWN");
    client.push_image("acme/web", "v2", &random(4, 100)).await;
}

#[tokio::test]
async fn a_namespace_holds_at_most_so_many_bytes() {
    let limited = builder().await.env("OPEN_REGISTRY_LIMIT_NAMESPACE_BYTES", "1000");
    let server = limited.start().await;
    let client = server.client();
    // Two bytes of configuration and 997 of a layer.
    let layer = random(5, 997);
    client.push_image("acme/web", "v1", &layer).await;
    let more = random(6, 10);
    let session = client.start_upload("acme/api").await;
    let put = format!("{session}?digest={}", sha256(&more));
    let answer =
        client.send(request("PUT", &put, &[], full(more.clone()))).await.refused(403, "DENIED");
    let said = String::from_utf8(answer.body.to_vec()).unwrap();
    for word in ["namespace acme", "999", "1000", "OPEN_REGISTRY_LIMIT_NAMESPACE_BYTES"] {
        assert!(said.contains(word), "no {word} in {said}");
    }
    // What fits exactly is taken; then the namespace is full, and its images can still be tagged.
    let last = client.push_blob("acme/web", &Bytes::from_static(b"x")).await;
    client.ask("POST", "/v2/acme/api/blobs/uploads/").await.refused(403, "DENIED");
    let config = sha256(b"{}");
    let manifest = image(&config, 2, &[(&last, 1)]);
    client.push_manifest("acme/web", "v2", OCI_MANIFEST, manifest).await.expect(201);
    client.push_image("other/web", "v1", &layer).await;
}
