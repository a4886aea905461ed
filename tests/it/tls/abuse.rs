//! Limits of connections, and which proxies are trusted to name the client of a connection.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Authority, secured};
use crate::rig::client::Client;
use crate::rig::server::{Builder, Server, builder};

const PING: &str = "GET /v2/ HTTP/1.1\r\nhost: localhost\r\n\r\n";

async fn open() -> Builder {
    builder().await.env("OPEN_REGISTRY_AUTH", "none")
}

/// Connects, sends `header` and a request, and returns the connection with the first line of the answer. The line is
/// empty if there is no answer.
async fn visit(address: SocketAddr, header: &[u8]) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(&[header, PING.as_bytes()].concat()).await;
    let mut line = String::new();
    while !line.ends_with("\r\n") {
        match stream.read_u8().await {
            Ok(byte) => line.push(byte.into()),
            Err(_) => break,
        }
    }
    (stream, line.trim_end().to_owned())
}

/// Number of refusals for this reason.
async fn refused(server: &Server, reason: &str) -> u64 {
    let answer = Client { addr: server.metrics }.get("/metrics").await;
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let begin = format!("registry_http_refused_total{{reason=\"{reason}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&begin)).map_or(0, |n| n.parse().unwrap())
}

/// Waits until `count` were refused for a reason. A refusal is counted only after its connection is closed.
async fn counted(server: &Server, reason: &str, count: u64) {
    let began = Instant::now();
    while refused(server, reason).await != count {
        assert!(began.elapsed() < Duration::from_secs(30), "{reason}: not {count}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A PROXY header of version 2 for a connection from `source`.
fn announced(source: [u8; 4]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    header.extend(source);
    header.extend([10, 0, 0, 1, 0x30, 0x39, 1, 0xbb]);
    header
}

const OK: &str = "HTTP/1.1 200 OK";
const TOO_MANY: &str = "HTTP/1.1 503 Service Unavailable";

#[tokio::test]
async fn connections_of_an_address_are_limited_and_those_of_a_proxy_are_not() {
    let name = "OPEN_REGISTRY_LIMIT_ADDRESS_CONNECTIONS";
    let server = open().await.env(name, "2").start().await;
    let (first, line) = visit(server.addr, b"").await;
    assert_eq!(line, OK);
    let (_second, line) = visit(server.addr, b"").await;
    assert_eq!(line, OK);
    assert_eq!(visit(server.addr, b"").await.1, TOO_MANY);
    counted(&server, "address_connections", 1).await;
    drop(first);
    // The connection is no longer counted once the server has noticed its end.
    while visit(server.addr, b"").await.1 != OK {}
    let proxied =
        Builder::beside(&server).env("OPEN_REGISTRY_TRUSTED_PROXIES", "127.0.0.0/8").start().await;
    let mut open = Vec::new();
    for _ in 0..5 {
        let (stream, line) = visit(proxied.addr, b"").await;
        assert_eq!(line, OK);
        open.push(stream);
    }
}

#[tokio::test]
async fn a_trusted_proxy_names_the_client_of_a_connection() {
    let server = open()
        .await
        .env("OPEN_REGISTRY_PROXY_PROTOCOL", "true")
        .env("OPEN_REGISTRY_TRUSTED_PROXIES", "127.0.0.1")
        .env("OPEN_REGISTRY_LIMIT_ADDRESS_CONNECTIONS", "1")
        .env("OPEN_REGISTRY_LIMIT_HANDSHAKE_TIME", "500ms")
        .start()
        .await;
    let (_first, line) = visit(server.addr, &announced([192, 0, 2, 7])).await;
    assert_eq!(line, OK);
    assert_eq!(visit(server.addr, &announced([192, 0, 2, 7])).await.1, TOO_MANY);
    assert_eq!(visit(server.addr, &announced([192, 0, 2, 8])).await.1, OK);
    // The health check of the proxy itself.
    assert_eq!(visit(server.addr, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0").await.1, OK);
    // No header, a header of version 1, and one that breaks off.
    for header in [&b""[..], b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\n"] {
        assert_eq!(visit(server.addr, header).await.1, "");
    }
    counted(&server, "proxy_header", 2).await;
    let mut silent = TcpStream::connect(server.addr).await.unwrap();
    silent.write_all(b"\r\n\r\n\0\r\n").await.unwrap();
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap_or(0), 0);
    counted(&server, "proxy_header_time", 1).await;
}

#[tokio::test]
async fn the_address_of_a_proxy_header_counts_whatever_its_client_writes() {
    let server = builder()
        .await
        .env("OPEN_REGISTRY_AUTH", "token")
        .env("OPEN_REGISTRY_PROXY_PROTOCOL", "true")
        .env("OPEN_REGISTRY_TRUSTED_PROXIES", "127.0.0.1")
        .env("OPEN_REGISTRY_LIMIT_ADDRESS_FAILURES", "2")
        .start()
        .await;
    let guess = async |source: [u8; 4], forwarded: u8| {
        let user = format!("Basic {}", BASE64.encode(format!("user{forwarded}:x").as_bytes()));
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        let head = format!(
            "GET /v2/ HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 198.51.100.{forwarded}\r\n\
             authorization: {user}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(&[&announced(source)[..], head.as_bytes()].concat()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.get(9..12).unwrap_or_default().to_owned()
    };
    let client = [192, 0, 2, 7];
    assert_eq!(guess(client, 1).await, "401");
    assert_eq!(guess(client, 2).await, "401");
    assert_eq!(guess(client, 3).await, "429");
    // Neither does it count for the address that the client wrote.
    assert_eq!(guess([203, 0, 113, 8], 3).await, "401");
}

#[tokio::test]
async fn an_untrusted_proxy_cannot_name_a_client() {
    let server = open()
        .await
        .env("OPEN_REGISTRY_PROXY_PROTOCOL", "true")
        .env("OPEN_REGISTRY_TRUSTED_PROXIES", "192.0.2.0/24")
        .start()
        .await;
    assert_eq!(visit(server.addr, &announced([192, 0, 2, 7])).await.1, "HTTP/1.1 400 Bad Request");
    assert_eq!(visit(server.addr, b"").await.1, OK);
}

#[tokio::test]
async fn refused_handshakes_are_counted_and_requests_without_tls_are_answered() {
    let authority = Authority::new();
    let files = authority.files("shown", &authority.server("one"));
    let server = secured(&files)
        .await
        .env("OPEN_REGISTRY_LIMIT_HANDSHAKE_TIME", "500ms")
        .env("OPEN_REGISTRY_HTTP_REDIRECT_PORT", "0")
        .start()
        .await;
    assert_eq!(visit(server.addr, b"").await.1, "HTTP/1.1 400 Bad Request");
    counted(&server, "not_tls", 1).await;
    let mut silent = TcpStream::connect(server.addr).await.unwrap();
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap(), 0);
    counted(&server, "handshake_time", 1).await;
    let mut garbage = TcpStream::connect(server.addr).await.unwrap();
    garbage.write_all(b"\x16\x03\x01\0\x05hello").await.unwrap();
    let _ = garbage.read_to_end(&mut Vec::new()).await;
    counted(&server, "handshake", 1).await;

    let line = server.logged("redirecting", |_| true).await;
    let redirecting = Client { addr: line["address"].as_str().unwrap().parse().unwrap() };
    let there = format!("https://127.0.0.1:{}/", server.addr.port());
    assert_eq!(redirecting.get("/").await.expect(308).header("location"), there);
    assert_eq!(redirecting.head("/").await.expect(308).header("location"), there);
    redirecting.get("/v2/").await.refused(403, "DENIED");
    redirecting.get("/token?service=x").await.refused(403, "DENIED");
    redirecting.ask("POST", "/").await.refused(403, "DENIED");
}
