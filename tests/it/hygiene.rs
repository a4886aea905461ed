//! What an answer always says to browsers, and which requests are refused because others could read them differently.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::authority::Authority;
use crate::rig::client::{Answer, Client, random};
use crate::rig::server::{Server, builder, server};

/// The first line of the answer to a head, and the whole answer.
async fn raw(server: &Server, head: &str) -> (String, String) {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    (answer.lines().next().unwrap_or_default().to_owned(), answer)
}

#[tokio::test]
async fn heads_that_two_servers_read_differently_are_refused() {
    let server = server().await;
    let host = "host: 127.0.0.1\r\n";
    for (head, line) in [
        ("GET /v2/ HTTP/1.1\r\n".to_owned(), "HTTP/1.1 400 Bad Request"),
        (format!("GET /v2/ HTTP/1.1\r\n{host}{host}"), "HTTP/1.1 400 Bad Request"),
        (format!("GET /v2/ HTTP/1.1\r\n{host}host: evil\r\n"), "HTTP/1.1 400 Bad Request"),
        (format!("GET /v2/ HTTP/1.0\r\n{host}{host}"), "HTTP/1.0 400 Bad Request"),
        (format!("GET /v2/ HTTP/1.1\r\n{host}"), "HTTP/1.1 200 OK"),
        ("GET /v2/ HTTP/1.0\r\n".to_owned(), "HTTP/1.0 200 OK"),
    ] {
        assert_eq!(raw(&server, &head).await.0, line, "{head:?}");
    }
    let asks = builder().await.env("OPEN_REGISTRY_AUTH", "token").start().await;
    let head = format!("GET /v2/ HTTP/1.1\r\n{host}authorization: Basic Og==\r\n");
    assert_eq!(raw(&asks, &head).await.0, "HTTP/1.1 401 Unauthorized");
    let (line, answer) = raw(&asks, &format!("{head}authorization: Bearer a.b.c\r\n")).await;
    assert_eq!(line, "HTTP/1.1 400 Bad Request");
    assert!(answer.contains("one authorization header only"), "{answer}");
}

#[tokio::test]
async fn a_digest_is_named_once() {
    let client = server().await;
    let (server, client) = (&client, client.client());
    let digest = af_registry::stream::hashing::sha256(b"x");
    let session = client.start_upload("twice").await;
    let twice = format!("digest={digest}&digest={digest}");
    client.ask("PUT", &format!("{session}?{twice}")).await.refused(400, "DIGEST_INVALID");
    let uploads = "/v2/twice/blobs/uploads/";
    client.ask("POST", &format!("{uploads}?{twice}")).await.refused(400, "DIGEST_INVALID");
    let mounts = format!("{uploads}?mount={digest}&mount={digest}&from=a");
    client.ask("POST", &mounts).await.refused(400, "DIGEST_INVALID");
    assert!(server.log().iter().all(|line| line["level"] != "error"));
}

#[tokio::test]
async fn a_list_filters_by_sixteen_artifact_types() {
    let server = server().await;
    let digest = server.client().push_blob("types", &random(80, 10)).await;
    let path = |count: usize| {
        let types: Vec<_> = (0..count).map(|n| format!("artifactType=a/{n}")).collect();
        format!("/v2/types/referrers/{digest}?{}", types.join("&"))
    };
    server.client().get(&path(16)).await.expect(200);
    server.client().get(&path(17)).await.refused(400, "UNSUPPORTED");
}

/// What a browser is told with every answer.
#[track_caller]
fn guarded(answer: &Answer) {
    for (name, value) in [
        ("content-security-policy", "default-src 'none'; sandbox; frame-ancestors 'none'"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("strict-transport-security", ""),
    ] {
        assert_eq!(answer.header(name), value, "{answer:?}");
    }
}

#[tokio::test]
async fn browsers_run_nothing_of_an_answer() {
    let server = server().await;
    let client = server.client();
    let bytes = random(81, 100_000);
    let digest = client.push_blob("html", &bytes).await;
    let (manifest, _) = client.push_image("html", "v1", &bytes).await;
    let blob = format!("/v2/html/blobs/{digest}");
    for answer in [
        client.get("/v2/").await.expect(200),
        client.get("/").await.expect(404),
        client.get(&blob).await.expect(200),
        client.head(&blob).await.expect(200),
        client.get_with(&blob, &[("range", "bytes=0-9,20-29")]).await.expect(206),
        client.get(&format!("/v2/html/manifests/{manifest}")).await.expect(200),
        client.ask("POST", "/v2/html/blobs/uploads/").await.expect(202),
        client.get("/healthz").await.expect(200),
        client.get("/token").await,
        Client { addr: server.metrics }.get("/metrics").await.expect(200),
    ] {
        guarded(&answer);
    }
}

#[tokio::test]
async fn who_came_by_tls_is_told_to_come_by_tls() {
    let authority = Authority::new();
    let server = builder().await.tls(&authority).start().await;
    let url = format!("https://localhost:{}/v2/", server.addr.port());
    let curl = |path: &str| {
        let mut curl = std::process::Command::new("curl");
        curl.args(["-sS", "--noproxy", "*", "-D", "-", "--cacert", authority.file_text()])
            .arg(format!("{url}{path}"));
        crate::rig::program::complete(&mut curl).to_lowercase()
    };
    for path in ["", "no/such/path"] {
        let answer = curl(path);
        assert!(answer.contains("strict-transport-security: max-age=31536000\r\n"), "{answer}");
    }
}

/// How often PostgreSQL was asked whether it answers.
async fn pings(server: &Server) -> u64 {
    let metrics = Client { addr: server.metrics }.get("/metrics").await;
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    let mut lines = text.lines().filter(|line| line.contains("_count{call=\"database/ping\""));
    lines.next().map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_burst_of_probes_asks_the_partners_once() {
    const BURST: usize = 200;
    let server = server().await;
    let client = server.client();
    let before = pings(&server).await;
    let began = std::time::Instant::now();
    let probes: Vec<_> =
        (0..BURST).map(|_| tokio::spawn(async move { client.get("/readyz").await })).collect();
    for probe in probes {
        probe.await.unwrap().expect(200);
    }
    // Once, once more for each second that the burst takes on a busy machine, and once by a job.
    let most = began.elapsed().as_secs() + 2;
    let asked = pings(&server).await - before;
    assert!((1..=most).contains(&asked), "{asked} times, at most {most}");
}
