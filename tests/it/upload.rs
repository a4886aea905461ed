//! Pushing blobs in every way of the specification, and the errors of wrong requests.

use af_registry::oci::{Algorithm, Digest};
use af_registry::stream::hashing::{digest, sha256};
use bytes::Bytes;

use crate::rig::client::{chunked, full, nothing, random, request};
use crate::rig::server::server;

const MIB: usize = 1 << 20;

#[tokio::test]
async fn an_upload_in_pieces_becomes_a_blob() {
    let server = server().await;
    let client = server.client();
    let answer = client.ask("POST", "/v2/a/b/blobs/uploads/").await.expect(202);
    let session = answer.header("location").to_owned();
    assert!(session.starts_with("/v2/a/b/blobs/uploads/"), "{session}");
    assert_eq!(answer.header("range"), "0-0");
    assert!(session.ends_with(answer.header("docker-upload-uuid")));

    let bytes = random(1, 3000);
    let answer = client
        .send(request("PATCH", &session, &[], chunked(bytes.slice(..2000), 100)))
        .await
        .expect(202);
    assert_eq!(answer.header("range"), "0-1999");
    let answer = client.get(&session).await.expect(204);
    assert_eq!(answer.header("range"), "0-1999");
    assert_eq!(answer.header("location"), session);

    let digest = sha256(&bytes);
    let put = format!("{session}?digest={}", digest.as_str().replace(':', "%3A"));
    let answer =
        client.send(request("PUT", &put, &[], full(bytes.slice(2000..)))).await.expect(201);
    assert_eq!(answer.header("location"), format!("/v2/a/b/blobs/{digest}"));
    assert_eq!(answer.header("docker-content-digest"), digest.as_str());
    client.get(&session).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(client.get(&format!("/v2/a/b/blobs/{digest}")).await.expect(200).body, bytes);
}

#[tokio::test]
async fn one_post_stores_a_whole_blob() {
    let server = server().await;
    let client = server.client();
    for length in [0, 1, 1000, MIB, MIB + 1, 3 * MIB + 77] {
        let bytes = random(2, length);
        let digest = sha256(&bytes);
        let path = format!("/v2/mono/blobs/uploads/?digest={digest}");
        let answer =
            client.send(request("POST", &path, &[], full(bytes.clone()))).await.expect(201);
        assert_eq!(answer.header("docker-content-digest"), digest.as_str());
        let blob = format!("/v2/mono/blobs/{digest}");
        assert_eq!(client.get(&blob).await.expect(200).body, bytes, "{length}");
        assert_eq!(
            client.head(&blob).await.expect(200).header("content-length"),
            length.to_string()
        );
    }
}

#[tokio::test]
async fn a_post_with_a_digest_and_no_body_starts_an_upload() {
    let server = server().await;
    let path = format!("/v2/a/blobs/uploads/?digest={}", sha256(b"x"));
    server.client().ask("POST", &path).await.expect(202);
    let path = format!("/v2/a/blobs/uploads/?digest={}", sha256(b""));
    server.client().ask("POST", &path).await.expect(201);
}

#[tokio::test]
async fn a_misplaced_chunk_is_refused_with_the_offset_to_resume_at() {
    let server = server().await;
    let client = server.client();
    let bytes = random(3, 3000);
    let session = client.start_upload("chunks").await;
    let patch = |range: &'static str, part: Bytes| {
        request("PATCH", &session, &[("content-range", range)], full(part))
    };
    client.send(patch("0-999", bytes.slice(..1000))).await.expect(202);
    for (range, part) in
        [("0-999", 0..1000), ("2000-2999", 2000..3000), ("bytes 1000-1999/3000", 0..9), ("x", 0..9)]
    {
        let answer = client.send(patch(range, bytes.slice(part))).await;
        let answer = answer.refused(416, "BLOB_UPLOAD_INVALID");
        assert_eq!(answer.header("range"), "0-999", "{range}");
        assert_eq!(answer.header("location"), session);
    }
    client.send(patch("1000-1999", bytes.slice(1000..1500))).await.refused(400, "SIZE_INVALID");
    let short = request(
        "PATCH",
        &session,
        &[("content-range", "1000-1999")],
        chunked(bytes.slice(1000..1500), 100),
    );
    client.send(short).await.refused(400, "SIZE_INVALID");
    let long = request(
        "PATCH",
        &session,
        &[("content-range", "1000-1099")],
        chunked(bytes.slice(1000..1500), 100),
    );
    client.send(long).await.refused(400, "SIZE_INVALID");
    client.send(patch("1000-1999", bytes.slice(1000..2000))).await.expect(202);
    let put = format!("{session}?digest={}", sha256(&bytes));
    let wrong = request("PUT", &put, &[("content-range", "2001-2999")], full(bytes.slice(2001..)));
    client.send(wrong).await.refused(416, "BLOB_UPLOAD_INVALID");
    let last = request("PUT", &put, &[("content-range", "2000-2999")], full(bytes.slice(2000..)));
    client.send(last).await.expect(201);
}

#[tokio::test]
async fn a_wrong_digest_ends_the_upload_and_stores_nothing() {
    let server = server().await;
    let client = server.client();
    let other = sha256(b"something else");
    for length in [10, 2 * MIB] {
        let session = client.start_upload("wrong").await;
        client.send(request("PATCH", &session, &[], full(random(4, length)))).await.expect(202);
        client.ask("PUT", &session).await.refused(400, "DIGEST_INVALID");
        client
            .ask("PUT", &format!("{session}?digest=sha256:12"))
            .await
            .refused(400, "DIGEST_INVALID");
        client
            .ask("PUT", &format!("{session}?digest={other}"))
            .await
            .refused(400, "DIGEST_INVALID");
        client.get(&session).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    }
    let path = format!("/v2/wrong/blobs/uploads/?digest={other}");
    client.send(request("POST", &path, &[], full("x"))).await.refused(400, "DIGEST_INVALID");
    client.head(&format!("/v2/wrong/blobs/{other}")).await.expect(404);
}

#[tokio::test]
async fn sha512_works_whether_announced_or_not() {
    let server = server().await;
    let client = server.client();
    for (seed, query) in [(5, ""), (6, "?digest-algorithm=sha512")] {
        let bytes = random(seed, 2 * MIB + 5);
        let named = digest(Algorithm::Sha512, &bytes);
        let answer = client.ask("POST", &format!("/v2/s/blobs/uploads/{query}")).await.expect(202);
        let session = answer.header("location").to_owned();
        client
            .send(request("PATCH", &session, &[], chunked(bytes.clone(), 50_000)))
            .await
            .expect(202);
        let answer = client.ask("PUT", &format!("{session}?digest={named}")).await.expect(201);
        assert_eq!(answer.header("docker-content-digest"), named.as_str());
        assert_eq!(client.get(&format!("/v2/s/blobs/{named}")).await.expect(200).body, bytes);
    }
    client
        .ask("POST", "/v2/s/blobs/uploads/?digest-algorithm=md5")
        .await
        .refused(400, "DIGEST_INVALID");
}

#[tokio::test]
async fn a_mount_links_the_blob_or_starts_an_upload() {
    let server = server().await;
    let client = server.client();
    let bytes = random(7, 1000);
    let digest = client.push_blob("source", &bytes).await;
    let mount = |to: &str, digest: &Digest, from: &str| {
        format!("/v2/{to}/blobs/uploads/?mount={digest}{from}")
    };
    let answer = client.ask("POST", &mount("t1", &digest, "&from=source")).await.expect(201);
    assert_eq!(answer.header("location"), format!("/v2/t1/blobs/{digest}"));
    assert_eq!(client.get(&format!("/v2/t1/blobs/{digest}")).await.expect(200).body, bytes);
    client.ask("POST", &mount("t2", &digest, "")).await.expect(201);
    client.ask("POST", &mount("source", &digest, "&from=source")).await.expect(201);
    let answer = client.ask("POST", &mount("t3", &digest, "&from=empty")).await.expect(202);
    assert!(answer.header("location").starts_with("/v2/t3/blobs/uploads/"));
    client.ask("POST", &mount("t3", &digest, "&from=Not%20a%20name")).await.expect(202);
    client.ask("POST", &mount("t3", &sha256(b"nobody has this"), "")).await.expect(202);
    client.head(&format!("/v2/t3/blobs/{digest}")).await.expect(404);
    client.ask("POST", "/v2/t3/blobs/uploads/?mount=sha256:1").await.refused(400, "DIGEST_INVALID");
}

#[tokio::test]
async fn a_cancelled_upload_is_gone() {
    let server = server().await;
    let client = server.client();
    let session = client.start_upload("cancel").await;
    client.send(request("PATCH", &session, &[], full(random(8, 2 * MIB)))).await.expect(202);
    client.delete(&session).await.expect(204);
    client.delete(&session).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    client
        .send(request("PATCH", &session, &[], full("x")))
        .await
        .refused(404, "BLOB_UPLOAD_UNKNOWN");
    client
        .ask("PUT", &format!("{session}?digest={}", sha256(b"")))
        .await
        .refused(404, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn an_upload_belongs_to_its_repository() {
    let server = server().await;
    let client = server.client();
    let session = client.start_upload("mine").await;
    let elsewhere = session.replace("/mine/", "/yours/");
    client.get(&elsewhere).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    client.get("/v2/mine/blobs/uploads/not-a-uuid").await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    client.get(&session).await.expect(204);
}

#[tokio::test]
async fn a_content_encoding_is_refused() {
    let server = server().await;
    let client = server.client();
    let session = client.start_upload("enc").await;
    let patch = request("PATCH", &session, &[("content-encoding", "gzip")], full("x"));
    client.send(patch).await.refused(415, "UNSUPPORTED");
    client.send(request("PATCH", &session, &[], nothing())).await.expect(202);
}

#[tokio::test]
async fn idle_uploads_expire_and_their_parts_are_unpinned() {
    let server = crate::rig::server::builder()
        .await
        .env("OPEN_REGISTRY_UPLOAD_IDLE_TIME", "1s")
        .start()
        .await;
    let client = server.client();
    let session = client.start_upload("idle").await;
    let bytes = random(9, 2 * MIB);
    client.send(request("PATCH", &session, &[], full(bytes.clone()))).await.expect(202);
    let cid = crate::rig::kubo::shared().cid_of(&bytes);
    assert!(crate::rig::kubo::shared().is_pinned(&cid));
    server.logged("uploads_expired", |_| true).await;
    client.get(&session).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    for _ in 0..100 {
        if !crate::rig::kubo::shared().is_pinned(&cid) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the part stayed pinned");
}

#[tokio::test]
async fn every_blob_has_the_cid_of_one_ipfs_add() {
    let server = server().await;
    let client = server.client();
    // Lengths of chunks that end before, at and after the borders of leaves and parts.
    let plans: [(u64, &[usize]); 5] = [
        (20, &[5000, 700, 1]),
        (21, &[MIB - 1, 1, MIB + 1, 3]),
        (22, &[3 * MIB / 2, 3 * MIB / 2, 100, 5 * MIB]),
        (23, &[70 * MIB + 77]),
        (24, &[64 * MIB, 64 * MIB, 5]),
    ];
    for (seed, chunks) in plans {
        let bytes = random(seed, chunks.iter().sum());
        let session = client.start_upload("cids").await;
        let mut sent = 0;
        for chunk in chunks {
            let part = bytes.slice(sent..sent + chunk);
            client.send(request("PATCH", &session, &[], chunked(part, 100_000))).await.expect(202);
            sent += chunk;
        }
        let digest = sha256(&bytes);
        client.ask("PUT", &format!("{session}?digest={digest}")).await.expect(201);
        let line = server.logged("blob_upload", |line| line["digest"] == digest.as_str()).await;
        let expected = crate::rig::kubo::shared().cid_of(&bytes);
        assert_eq!(line["ipfs_cid"], expected.as_str(), "{chunks:?}");
        assert_eq!(
            sha256(&client.get(&format!("/v2/cids/blobs/{digest}")).await.expect(200).body),
            digest
        );
        assert!(crate::rig::kubo::shared().is_pinned(&expected), "{chunks:?}");
    }
}
