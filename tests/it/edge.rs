//! The edge: responses to valid, malformed and hostile requests, and the log and metrics of each.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::client::{full, random, request};
use crate::rig::server::{Server, builder, server};

#[tokio::test]
async fn version_extensions_and_health_respond() {
    let server = server().await;
    let client = server.client();
    for path in ["/v2/", "/v2"] {
        let answer = client.get(path).await.expect(200);
        assert_eq!(answer.json(), json!({}));
        assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0");
        assert!(client.head(path).await.expect(200).body.is_empty());
    }
    let extensions = client.get("/v2/_oci/ext/discover").await.expect(200).json();
    assert_eq!(extensions["extensions"][0]["name"], "_catalog");
    assert_eq!(extensions["extensions"][1]["name"], "_af");
    assert_eq!(client.get("/healthz").await.expect(200).body, "ok\n");
    let ready = client.get("/readyz").await.expect(200).json();
    assert_eq!(ready, json!({ "status": "ready", "warnings": [] }));
}

#[tokio::test]
async fn an_unknown_path_is_404_and_a_wrong_method_405() {
    let server = server().await;
    let client = server.client();
    for path in [
        "/",
        "/v1/_ping",
        "/v1/search?q=x",
        "/v2/a",
        "/v2/a/b/c",
        "/v2/a/blobs/",
        "/metrics",
        "/favicon.ico",
    ] {
        client.get(path).await.refused(404, "UNSUPPORTED");
    }
    for (method, path, allow) in [
        ("POST", "/v2/", "GET, HEAD"),
        ("PUT", "/v2/a/tags/list", "GET, HEAD"),
        ("GET", "/v2/a/blobs/uploads/", "POST"),
        ("PATCH", "/v2/a/manifests/latest", "GET, HEAD, PUT, DELETE"),
        ("BREW", "/v2/_catalog", "GET, HEAD"),
    ] {
        let answer = client.ask(method, path).await.refused(405, "UNSUPPORTED");
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
    }
}

#[tokio::test]
async fn illegal_names_are_refused_everywhere() {
    let server = server().await;
    let client = server.client();
    let digest = af_registry::stream::hashing::sha256(b"");
    let long = "a".repeat(256);
    for name in ["A", "a..b", "a//b", "a/", "-a", "a%2Fb", "a;b", "a\\b", "..", &long] {
        for (method, rest) in [
            ("GET", format!("/blobs/{digest}")),
            ("GET", "/manifests/latest".to_owned()),
            ("PUT", "/manifests/latest".to_owned()),
            ("GET", "/tags/list".to_owned()),
            ("GET", format!("/referrers/{digest}")),
            ("POST", "/blobs/uploads/".to_owned()),
        ] {
            client.ask(method, &format!("/v2/{name}{rest}")).await.refused(400, "NAME_INVALID");
        }
    }
    client.get("/v2/a/manifests/-bad").await.refused(404, "MANIFEST_UNKNOWN");
    client.ask("PUT", "/v2/a/manifests/-bad").await.refused(400, "NAME_INVALID");
    client.get("/v2/a/tags/list?last=%ff").await.refused(400, "UNSUPPORTED");
}

#[tokio::test]
async fn the_log_has_a_line_with_the_id_of_each_response() {
    let server = server().await;
    let bytes = random(60, 4321);
    let digest = server.client().push_blob("logged/blob", &bytes).await;
    let answer = server.client().get(&format!("/v2/logged/blob/blobs/{digest}")).await.expect(200);
    let id = answer.header("x-request-id").to_owned();
    let line = server.logged("blob_pull", |line| line["request_id"] == id.as_str()).await;
    assert_eq!(line["service"], "af-registry");
    assert_eq!(line["repository"], "logged/blob");
    assert_eq!(line["digest"], digest.as_str());
    assert_eq!(line["size"], 4321);
    assert_eq!(line["bytes_sent"], 4321);
    assert_eq!(line["status"], 200);
    assert_eq!(line["method"], "GET");
    assert_eq!(line["ending"], "done");
    assert_eq!(line["level"], "info");
    for key in ["timestamp", "ipfs_cid", "duration_ms", "subject"] {
        assert!(!line[key].is_null(), "{key} is missing in {line}");
    }
    let upload = server.logged("blob_upload", |line| line["digest"] == digest.as_str()).await;
    assert_eq!((&upload["status"], &upload["size"]), (&json!(201), &json!(4321)));
}

#[tokio::test]
async fn the_metrics_count_pushes_and_pulls() {
    let server = server().await;
    let client = server.client();
    let digest = client.push_blob("seen", &random(61, 5000)).await;
    client.get(&format!("/v2/seen/blobs/{digest}")).await.expect(200);
    client.get("/v2/seen/blobs/sha256:0").await.expect(400);
    let metrics = crate::rig::client::Client { addr: server.metrics };
    let text = String::from_utf8(metrics.get("/metrics").await.expect(200).body.to_vec()).unwrap();
    for line in [
        r#"registry_http_requests_total{method="PUT",endpoint="blob_upload",status="201"} 1"#,
        r#"registry_http_requests_total{method="GET",endpoint="blob_pull",status="200"} 1"#,
        r#"registry_http_requests_total{method="GET",endpoint="unknown",status="400"} 1"#,
        "registry_blob_received_bytes_total 5000",
        "registry_blob_sent_bytes_total 5000",
        "registry_uploads_open 0",
        r#"registry_kubo_call_duration_seconds_count{call="block/put",outcome="ok"} 1"#,
        r#"registry_postgres_call_duration_seconds_count{call="blob/get",outcome="ok"} 1"#,
        r#"registry_http_request_duration_seconds_count{endpoint="blob_pull"} 1"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("seen") && !text.contains("sha256"), "{text}");
    metrics.get("/v2/").await.expect(404);
}

/// Sends raw bytes. Returns what the server sends until it closes the connection, and the time that this took.
async fn raw(server: &Server, bytes: &[u8]) -> (String, Duration) {
    let began = Instant::now();
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
    (String::from_utf8_lossy(&answer).into_owned(), began.elapsed())
}

#[tokio::test]
async fn malformed_requests_get_an_error_and_the_connection_closes() {
    let server = server().await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03hello"[..],
        b"nonsense\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n",
    ] {
        let (answer, _) = raw(&server, bytes).await;
        assert!(
            answer.starts_with("HTTP/1.1 400"),
            "{answer:?} to {:?}",
            String::from_utf8_lossy(bytes)
        );
    }
    let head = format!("GET /v2/ HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(200_000));
    let (answer, _) = raw(&server, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer:?}");
    server.client().get("/v2/").await.expect(200);
}

#[tokio::test]
async fn slow_heads_stalled_bodies_and_idle_connections_time_out() {
    let server = builder()
        .await
        .env("OPEN_REGISTRY_LIMIT_HEADER_TIME", "1s")
        .env("OPEN_REGISTRY_LIMIT_IDLE_TIME", "2s")
        .env("OPEN_REGISTRY_LIMIT_BODY_STALL", "1s")
        .start()
        .await;
    for bytes in ["", "GET /v2/ HT", "GET /v2/ HTTP/1.1\r\nhost: x\r\n"] {
        let (_, took) = raw(&server, bytes.as_bytes()).await;
        assert!(took < Duration::from_secs(10), "{bytes:?} took {took:?}");
    }
    let (answer, took) = raw(&server, b"GET /v2/ HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    let session = server.client().start_upload("stall").await;
    let head = format!("PATCH {session} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nabc");
    let (answer, took) = raw(&server, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("BLOB_UPLOAD_INVALID"), "{answer}");
    assert!(took < Duration::from_secs(15), "{took:?}");
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let server = server().await;
    let client = server.client();
    let path = "/v2/a/blobs/uploads/00000000-0000-4000-8000-000000000000";
    client
        .send(request("PATCH", path, &[], full(random(62, 8 << 20))))
        .await
        .refused(404, "BLOB_UPLOAD_UNKNOWN");
    let session = client.start_upload("early").await;
    let wrong =
        request("PATCH", &session, &[("content-range", "5-8388612")], full(random(62, 8 << 20)));
    client.send(wrong).await.refused(416, "BLOB_UPLOAD_INVALID");
}

#[tokio::test]
async fn connections_beyond_the_limit_get_503() {
    let server = builder().await.env("OPEN_REGISTRY_LIMIT_CONNECTIONS", "4").start().await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(TcpStream::connect(server.addr).await.unwrap());
    }
    // Idle connections give way, but not those that came a moment ago.
    let head = b"GET /v2/ HTTP/1.1\r\nhost: x\r\nconnection: keep-alive\r\n\r\n";
    let mut refusal = String::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(head).await.unwrap();
        let mut answer = [0; 2048];
        let size = stream.read(&mut answer).await.unwrap_or_default();
        let answer = String::from_utf8_lossy(&answer[..size]).into_owned();
        if answer.starts_with("HTTP/1.1 503") {
            refusal = answer;
        }
        held.push(stream);
    }
    assert!(refusal.to_lowercase().contains("retry-after"), "{refusal:?}");
    drop(held);
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.client().get("/v2/").await.expect(200);
}

#[tokio::test]
async fn uploads_beyond_the_limit_wait_and_succeed() {
    let server = builder().await.env("OPEN_REGISTRY_LIMIT_UPLOADS", "1").start().await;
    let client = server.client();
    let pushes: Vec<_> = (0..4)
        .map(|i| {
            tokio::spawn(async move { client.push_blob("queue", &random(70 + i, 3 << 20)).await })
        })
        .collect();
    for push in pushes {
        let digest = push.await.unwrap();
        client.head(&format!("/v2/queue/blobs/{digest}")).await.expect(200);
    }
}

#[tokio::test]
async fn a_refusal_comes_before_the_body_that_expects_100_continue() {
    let server = server().await;
    let head = "PATCH /v2/a/blobs/uploads/00000000-0000-4000-8000-000000000000 HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 1000000\r\nconnection: close\r\n\r\n";
    let (answer, _) = raw(&server, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}
