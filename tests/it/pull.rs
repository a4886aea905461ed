//! Pulling blobs: whole, in ranges and with conditions, through Kubo's gateway, through its `cat`, and from copies.

use af_registry::stream::hashing::sha256;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::json;

use crate::rig::client::{nothing, random, request};
use crate::rig::server::{Server, builder, server};

const MIB: usize = 1 << 20;

async fn with_and_without_gateway() -> [Server; 3] {
    [
        server().await,
        builder().await.without_gateway().start().await,
        builder().await.cached().start().await,
    ]
}

#[tokio::test]
async fn head_and_get_describe_a_blob() {
    let server = server().await;
    let client = server.client();
    let bytes = random(30, 5000);
    let digest = client.push_blob("pull", &bytes).await;
    let path = format!("/v2/pull/blobs/{digest}");
    for answer in [client.head(&path).await.expect(200), client.get(&path).await.expect(200)] {
        assert_eq!(answer.header("docker-content-digest"), digest.as_str());
        assert_eq!(answer.header("content-length"), "5000");
        assert_eq!(answer.header("accept-ranges"), "bytes");
        assert_eq!(answer.header("etag"), format!("\"{digest}\""));
        assert_eq!(answer.header("content-type"), "application/octet-stream");
        assert_eq!(answer.header("content-encoding"), "");
    }
    assert!(client.head(&path).await.body.is_empty());
    // Some clients encode the colon of the digest.
    client.get(&path.replace("sha256:", "sha256%3A")).await.expect(200);
}

#[tokio::test]
async fn the_content_of_a_blob_is_its_cid_and_size() {
    let server = server().await;
    let client = server.client();
    let bytes = random(37, 3 * MIB + 5);
    let digest = client.push_blob("content", &bytes).await;
    let path = format!("/v2/content/_af/content/{digest}");
    let cid = crate::rig::kubo::shared().cid_of(&bytes);
    let answer = client.get(&path).await.expect(200);
    let expected = json!({ "digest": digest.as_str(), "cid": cid, "size": bytes.len() });
    assert_eq!(answer.json(), expected);
    assert_eq!(answer.header("content-type"), "application/json");
    let head = client.head(&path).await.expect(200);
    assert_eq!(head.header("content-length"), answer.body.len().to_string());
    assert!(head.body.is_empty());
    server.logged("content", |line| line["ipfs_cid"] == cid.as_str()).await;

    // What is not there is answered as for the blob.
    let absent = sha256(b"absent");
    for digest in [absent.as_str(), "sha256:x", "md5:00"] {
        let [content, blob] = ["_af/content", "blobs"].map(|noun| {
            let path = format!("/v2/content/{noun}/{digest}");
            async move { client.get(&path).await }
        });
        let (content, blob) = (content.await, blob.await);
        assert_eq!((content.status, content.json()), (blob.status, blob.json()), "{digest}");
    }
    client.get(&format!("/v2/content/_af/content/{absent}")).await.refused(404, "BLOB_UNKNOWN");
    client.get(&format!("/v2/elsewhere/_af/content/{digest}")).await.refused(404, "BLOB_UNKNOWN");
    let refused = client.ask("PUT", &path).await.refused(405, "UNSUPPORTED");
    assert_eq!(refused.header("allow"), "GET, HEAD");
    let store = &server.database().store;
    let item = store.scrubs().get(&digest).await.unwrap().unwrap();
    assert!(store.blobs().quarantine(&item).await.unwrap());
    client.get(&path).await.refused(404, "BLOB_UNKNOWN");
}

#[tokio::test]
async fn ranges_are_exact_through_gateway_and_cat() {
    for server in with_and_without_gateway().await {
        let client = server.client();
        let bytes = random(31, 3 * MIB + 10);
        let digest = client.push_blob("range", &bytes).await;
        let path = format!("/v2/range/blobs/{digest}");
        let size = bytes.len();
        // A server that keeps copies has one after the first pull.
        assert_eq!(client.get(&path).await.expect(200).body, bytes);
        for (range, first, last) in [
            ("bytes=0-0", 0, 0),
            ("bytes=500-1499", 500, 1499),
            ("bytes=1048575-1048576", 1_048_575, 1_048_576),
            ("bytes=3000000-", 3_000_000, size - 1),
            ("bytes=-7", size - 7, size - 1),
            ("bytes=2000-99999999", 2000, size - 1),
        ] {
            let answer = client.get_with(&path, &[("range", range)]).await.expect(206);
            assert_eq!(answer.header("content-range"), format!("bytes {first}-{last}/{size}"));
            assert_eq!(answer.header("content-length"), (last - first + 1).to_string());
            assert_eq!(answer.body, bytes.slice(first..=last), "{range}");
        }
        for range in ["bytes=-0", "bytes=5-2", "bytes=99999999-"] {
            let answer = client.get_with(&path, &[("range", range)]).await;
            let answer = answer.refused(416, "BLOB_UPLOAD_INVALID");
            assert_eq!(answer.header("content-range"), format!("bytes */{size}"), "{range}");
        }
        for _ in 0..2 {
            let whole = client.get_with(&path, &[("range", "lines=1-2")]).await.expect(200);
            assert_eq!(whole.body, bytes);
        }
    }
}

#[tokio::test]
async fn several_ranges_come_as_one_multipart_response() {
    for server in with_and_without_gateway().await {
        let client = server.client();
        let bytes = random(32, 2 * MIB);
        let digest = client.push_blob("multi", &bytes).await;
        let path = format!("/v2/multi/blobs/{digest}");
        let answer = client
            .get_with(&path, &[("range", "bytes=10-19,1048570-1048579,-5")])
            .await
            .expect(206);
        let boundary =
            answer.header("content-type").strip_prefix("multipart/byteranges; boundary=").unwrap();
        assert!(boundary.bytes().all(|b| b.is_ascii_hexdigit()), "{boundary}");
        let mut expected = Vec::new();
        let size = bytes.len();
        for (i, range) in [10..20, 1_048_570..1_048_580, size - 5..size].into_iter().enumerate() {
            let lead = if i == 0 { "" } else { "\r\n" };
            let (first, last) = (range.start, range.end - 1);
            expected.extend_from_slice(format!("{lead}--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {first}-{last}/{size}\r\n\r\n").as_bytes());
            expected.extend_from_slice(&bytes[range]);
        }
        expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        assert_eq!(answer.header("content-length"), expected.len().to_string());
        assert!(answer.body == expected, "parts differ");
    }
}

#[tokio::test]
async fn conditions_are_honoured() {
    let server = server().await;
    let client = server.client();
    let bytes = random(33, 1000);
    let digest = client.push_blob("cond", &bytes).await;
    let path = format!("/v2/cond/blobs/{digest}");
    let etag = format!("\"{digest}\"");
    for value in [etag.as_str(), "*", &format!("W/{etag}"), &format!("\"x\", {etag}")] {
        let answer = client.get_with(&path, &[("if-none-match", value)]).await.expect(304);
        assert!(answer.body.is_empty());
        assert_eq!(answer.header("etag"), etag);
    }
    client.get_with(&path, &[("if-none-match", "\"x\"")]).await.expect(200);
    let range = ("range", "bytes=0-9");
    client.get_with(&path, &[range, ("if-range", &etag)]).await.expect(206);
    client.get_with(&path, &[range, ("if-range", "\"x\"")]).await.expect(200);
}

#[tokio::test]
async fn an_empty_blob_has_no_ranges() {
    for server in with_and_without_gateway().await {
        let client = server.client();
        let digest = client.push_blob("empty", &Bytes::new()).await;
        let path = format!("/v2/empty/blobs/{digest}");
        for range in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
            let answer = client.get_with(&path, &[("range", range)]).await.expect(200);
            assert_eq!(answer.header("content-length"), "0");
        }
    }
}

#[tokio::test]
async fn blobs_of_other_repositories_are_not_found() {
    let server = server().await;
    let client = server.client();
    let digest = client.push_blob("here", &random(34, 10)).await;
    client.get(&format!("/v2/elsewhere/blobs/{digest}")).await.refused(404, "BLOB_UNKNOWN");
    client.head(&format!("/v2/elsewhere/blobs/{digest}")).await.expect(404);
    client.get("/v2/here/blobs/sha256:12").await.refused(400, "DIGEST_INVALID");
    let blake3 = format!("/v2/here/blobs/blake3:{}", "0".repeat(64));
    client.get(&blake3).await.refused(404, "BLOB_UNKNOWN");
}

#[tokio::test]
async fn a_deleted_blob_stays_in_other_repositories() {
    let server = server().await;
    let client = server.client();
    let digest = client.push_blob("one", &random(35, 10)).await;
    client
        .ask("POST", &format!("/v2/two/blobs/uploads/?mount={digest}&from=one"))
        .await
        .expect(201);
    let path = format!("/v2/one/blobs/{digest}");
    client.delete(&path).await.expect(202);
    client.delete(&path).await.refused(404, "BLOB_UNKNOWN");
    client.head(&path).await.expect(404);
    client.get(&path.replace("one", "two")).await.expect(200);
    client.get(&path).await.refused(404, "BLOB_UNKNOWN");
}

#[tokio::test]
async fn a_blob_that_an_image_needs_cannot_be_deleted() {
    let server = server().await;
    let client = server.client();
    let (manifest, layer) = client.push_image("needed", "latest", &random(36, 100)).await;
    let path = format!("/v2/needed/blobs/{layer}");
    client.delete(&path).await.refused(405, "UNSUPPORTED");
    client.get(&path).await.expect(200);
    client.delete(&format!("/v2/needed/manifests/{manifest}")).await.expect(202);
    client.delete(&path).await.expect(202);
}

/// With one slot, a client that takes nothing would hold up every other one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pull_whose_client_stalls_holds_no_other() {
    let server = builder()
        .await
        .env("OPEN_REGISTRY_LIMIT_PULLS", "1")
        .env("OPEN_REGISTRY_LIMIT_ACCOUNT_PULLS", "1")
        .start()
        .await;
    let client = server.client();
    let bytes = random(614, 24 * MIB);
    let path = format!("/v2/stalls/blobs/{}", client.push_blob("stalls", &bytes).await);
    let stream = tokio::net::TcpStream::connect(server.addr).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let asked = request("GET", &path, &[("host", &server.host())], nothing());
    let stalled = sender.send_request(asked).await.unwrap();
    for _ in 0..3 {
        assert!(client.get(&path).await.expect(200).body == bytes);
    }
    let parts = client.get_with(&path, &[("range", "bytes=0-9,1000000-1000009")]).await.expect(206);
    assert!(parts.body.windows(10).any(|window| window == &bytes[1_000_000..1_000_010]));
    // The one that has lost its slot goes on when its client does.
    assert!(stalled.into_body().collect().await.unwrap().to_bytes() == bytes);
    connection.abort();
}
