//! Clients that send little at a time: what they cost, and when they are cut.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::access::{PASSWORD, SIGNING_SECRET};
use crate::rig::client::{OCI_MANIFEST, image, random};
use crate::rig::server::{Builder, Server, builder, server};

/// Longest wait on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that asks for login.
async fn guarding() -> Builder {
    builder()
        .await
        .env("OPEN_REGISTRY_AUTH", "token")
        .env("OPEN_REGISTRY_SIGNING_SECRET", SIGNING_SECRET)
        .env("OPEN_REGISTRY_ADMIN_USER", "root")
        .env("OPEN_REGISTRY_ADMIN_PASSWORD", PASSWORD)
        .env("OPEN_REGISTRY_DOMAIN", "registry.test")
}

/// Reads until the server closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Waits until the server has read every byte that was sent to it.
async fn taken(server: &Server) {
    let port = format!(":{:04X}", server.addr.port());
    let waits = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (local, remote) = (words.next().unwrap(), words.next().unwrap());
        let (sent, received) = words.nth(1).unwrap().split_once(':').unwrap();
        local.ends_with(&port) && received.bytes().any(|digit| digit != b'0')
            || remote.ends_with(&port) && sent.bytes().any(|digit| digit != b'0')
    };
    let wait = async {
        while std::fs::read_to_string("/proc/net/tcp").unwrap().lines().skip(1).any(waits) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("the server reads all");
}

/// Resident memory in KiB.
fn resident(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Sends `count` requests with `body` in chunks of one byte. Returns the memory in KiB that the server used more while it
/// had all bytes but the last of each, and the answers.
async fn in_single_bytes(
    server: &Server,
    count: usize,
    start: &str,
    body: &[u8],
) -> (usize, Vec<String>) {
    let head = format!(
        "{start} HTTP/1.1\r\nhost: registry.test\r\ncontent-type: {OCI_MANIFEST}\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    let chunk = |byte: &u8| [b"1\r\n", &[*byte][..], b"\r\n"].concat();
    let (last, most) = body.split_last().unwrap();
    let sent = [head.into_bytes(), most.iter().flat_map(chunk).collect()].concat();
    let idle = resident(server);
    let mut streams = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(&sent).await.unwrap();
        streams.push(stream);
    }
    taken(server).await;
    let held = resident(server).saturating_sub(idle);
    let mut answers = Vec::new();
    for mut stream in streams {
        stream.write_all(&[&chunk(last)[..], b"0\r\n\r\n"].concat()).await.unwrap();
        answers.push(rest(&mut stream).await);
    }
    (held, answers)
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_in_single_bytes_cost_little_memory() {
    let server = guarding().await.start().await;
    let form = format!("service=registry.test&padding={}", "x".repeat(60_000));
    let start = "POST /token";
    let (_, answers) = in_single_bytes(&server, 10, start, form.as_bytes()).await;
    assert!(answers.iter().all(|answer| answer.starts_with("HTTP/1.1 200 ")), "{answers:?}");
    let (held, _) = in_single_bytes(&server, 100, start, form.as_bytes()).await;
    // The forms have six MiB. In a list of frames each byte costs at least thirty.
    assert!(held < 60 << 10, "{held} KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_in_single_bytes_cost_little_memory() {
    let server = server().await;
    let client = server.client();
    let layer = random(900, 1000);
    let digest = client.push_blob("small/pieces", &layer).await;
    let mut manifest = image(&digest, layer.len(), &[(&digest, layer.len())]).to_vec();
    manifest.resize(256 << 10, b' ');
    let start = "PUT /v2/small/pieces/manifests/latest";
    let (held, answers) = in_single_bytes(&server, 8, start, &manifest).await;
    assert!(answers.iter().all(|answer| answer.starts_with("HTTP/1.1 201 ")), "{answers:?}");
    // The manifests have two MiB. In a list of frames each byte costs at least thirty.
    assert!(held < 32 << 10, "{held} KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_trickles_ends_before_its_sender_is_known() {
    let server = guarding().await.start().await;
    let stream = TcpStream::connect(server.addr).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let head = "POST /token HTTP/1.1\r\nhost: registry.test\r\ncontent-length: 60000\r\n\r\n";
    writer.write_all(head.as_bytes()).await.unwrap();
    let trickling = tokio::spawn(async move {
        while writer.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let mut answer = [0; 4096];
    let size = timeout(PATIENCE, reader.read(&mut answer)).await.unwrap().unwrap();
    let answer = String::from_utf8_lossy(&answer[..size]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("the form did not arrive within 10s"), "{answer}");
    trickling.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_gets_in_while_forms_without_an_end_fill_all_places() {
    let server = guarding().await.env("OPEN_REGISTRY_LIMIT_CONNECTIONS", "64").start().await;
    let form = "POST /token HTTP/1.1\r\nhost: registry.test\r\ncontent-length: 60000\r\n\r\nx";
    let mut slow = Vec::new();
    for _ in 0..64 {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(form.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    taken(&server).await;
    for _ in 0..10 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 2], 0).into()).unwrap();
        let mut stranger = socket.connect(server.addr).await.unwrap();
        let head = "GET /v2/ HTTP/1.1\r\nhost: registry.test\r\nconnection: close\r\n\r\n";
        stranger.write_all(head.as_bytes()).await.unwrap();
        let answer = rest(&mut stranger).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    }
    let line = server.logged("connections_near_limit", |_| true).await;
    assert_eq!((&line["limit"], &line["address"]), (&json!(64), &json!("127.0.0.1/32")), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pulls_that_nobody_reads_cost_little_and_give_it_back() {
    const READERS: usize = 150;
    let server = server().await;
    let digest = server.client().push_blob("stopped/readers", &random(901, 16 << 20)).await;
    server.client().get(&format!("/v2/stopped/readers/blobs/{digest}")).await.expect(200);
    let idle = resident(&server);
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut reader = socket.connect(server.addr).await.unwrap();
        let head = format!("GET /v2/stopped/readers/blobs/{digest} HTTP/1.1\r\nhost: x\r\n\r\n");
        reader.write_all(head.as_bytes()).await.unwrap();
        let mut begin = [0; 12];
        reader.read_exact(&mut begin).await.unwrap();
        assert_eq!(begin, *b"HTTP/1.1 200");
        readers.push(reader);
    }
    // Time for the buffers to fill. If that takes longer, they are smaller than they could be, which fails no bound.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let each = resident(&server).saturating_sub(idle) / READERS;
    assert!(each < 400, "{each} KiB");
    drop(readers);
    let returned = async {
        while resident(&server) > idle + (12 << 10) {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let returned = timeout(PATIENCE, returned).await;
    assert!(returned.is_ok(), "{} KiB, and {idle} before", resident(&server));
}
