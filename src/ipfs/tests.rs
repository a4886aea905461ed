//! Failures that a real Kubo shows too rarely, by a scripted Kubo that fails at a chosen point.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Block, IpfsError, Kubo};
use crate::config::{self, ServerAddress};
use crate::ipld::Cid;

const HELLO: &str = "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq";
const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\nTrailer: X-Stream-Error\r\nTransfer-Encoding: chunked\r\n";

/// A Kubo that waits on its n-th connection for the n-th text, sends the answer to it, and closes its side.
async fn scripted(script: Vec<(&'static str, String)>) -> Kubo {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for (until, answer) in script {
            let (mut stream, _) = listener.accept().await.unwrap();
            wait_for(&mut stream, until).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            // Unread bytes would turn the close into a reset.
            tokio::spawn(async move { tokio::io::copy(&mut stream, &mut tokio::io::sink()).await });
        }
    });
    at(port)
}

fn at(port: u16) -> Kubo {
    let api = ServerAddress { https: false, host: "127.0.0.1".into(), port };
    Kubo::new(&config::Kubo::at(api)).unwrap()
}

async fn wait_for(stream: &mut TcpStream, text: &str) {
    let mut seen = Vec::new();
    while !seen.windows(text.len()).any(|window| window == text.as_bytes()) {
        assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0, "no `{text}` came");
    }
}

fn chunked(headers: &str, body: &str, trailers: &str) -> String {
    format!("{CHUNKED}{headers}\r\n{:x}\r\n{body}\r\n0\r\n{trailers}\r\n", body.len())
}

fn version(connection: &str) -> String {
    let body = r#"{"Version":"0.43.0"}"#;
    let len = body.len();
    format!("HTTP/1.1 200 OK\r\nConnection: {connection}\r\nContent-Length: {len}\r\n\r\n{body}")
}

fn hello() -> Cid {
    HELLO.parse().unwrap()
}

#[tokio::test]
async fn a_refusal_in_the_middle_of_a_file_is_reported_at_once() {
    let body = r#"{"Message":"no space left on device","Code":0,"Type":"error"}"#;
    let len = body.len();
    let answer = format!(
        "HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: {len}\r\n\r\n{body}"
    );
    let kubo = scripted(vec![("layer", answer)]).await;
    let mut add = kubo.begin_add().await.unwrap();
    let began = Instant::now();
    let error = loop {
        match add.send(Bytes::from_static(b"layer")).await {
            Ok(()) => tokio::time::sleep(Duration::from_millis(1)).await,
            Err(error) => break error,
        }
        assert!(began.elapsed() < Duration::from_secs(5));
    };
    assert!(matches!(&error, IpfsError::Unavailable(text) if text.contains("no space left")));
    assert!(add.send(Bytes::from_static(b"more")).await.is_err());
    assert!(add.finish().await.is_err());
}

#[tokio::test]
async fn a_hash_is_no_success_when_the_trailer_reports_an_error() {
    let line = format!("{{\"Name\":\"blob\",\"Hash\":\"{HELLO}\",\"Size\":\"5\"}}\n");
    for (trailers, succeeds) in [("", true), ("X-Stream-Error: pin: disk full\r\n", false)] {
        let kubo = scripted(vec![("--\r\n\r\n0\r\n", chunked("", &line, trailers))]).await;
        let mut add = kubo.begin_add().await.unwrap();
        add.send(Bytes::from_static(b"hello")).await.unwrap();
        match add.finish().await {
            Ok(added) => assert_eq!((added.cid, succeeds), (hello(), true)),
            Err(IpfsError::Broken(text)) => assert!(!succeeds && text.contains("disk full")),
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_hash_before_a_cut_is_no_success() {
    let cut =
        format!("{CHUNKED}\r\n5a\r\n{{\"Name\":\"blob\",\"Hash\":\"{HELLO}\",\"Size\":\"5\"}}");
    let kubo = scripted(vec![("--\r\n", cut)]).await;
    let mut add = kubo.begin_add().await.unwrap();
    add.send(Bytes::from_static(b"hello")).await.unwrap();
    assert!(matches!(add.finish().await, Err(IpfsError::Gone(_))));
}

#[tokio::test]
async fn a_short_cat_is_broken_however_it_ends() {
    let length = "X-Content-Length: 10\r\n";
    for trailers in ["", "X-Stream-Error: block was not found locally\r\n"] {
        let kubo = scripted(vec![("\r\n\r\n", chunked(length, "hello", trailers))]).await;
        let read = kubo.read(&hello(), 10, None).await.unwrap().collect().await;
        assert!(matches!(read, Err(IpfsError::Broken(_))));
    }
    let long = chunked("X-Content-Length: 3\r\n", "hello", "");
    let read = scripted(vec![("\r\n\r\n", long)]).await.read(&hello(), 3, None).await.unwrap();
    assert!(matches!(read.collect().await, Err(IpfsError::Broken(_))));
}

#[tokio::test]
async fn a_connection_that_went_stale_is_replaced() {
    let script = vec![("\r\n\r\n", version("keep-alive")), ("\r\n\r\n", version("keep-alive"))];
    let kubo = scripted(script).await;
    kubo.version().await.unwrap();
    // The script has closed the first connection, or closes it while the second call is sent.
    assert_eq!(kubo.version().await.unwrap(), "0.43.0");
}

#[tokio::test]
async fn a_pinned_block_goes_over_a_kept_connection_and_is_never_sent_twice() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let kubo = at(listener.local_addr().unwrap().port());
    let body = format!("{{\"Key\":\"{HELLO}\",\"Size\":5}}");
    let stored = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for _ in 0..2 {
            wait_for(&mut stream, "--\r\n").await;
            stream.write_all(stored.as_bytes()).await.unwrap();
        }
        wait_for(&mut stream, "--\r\n").await;
        listener
    });
    let block = Block::raw(vec![Bytes::from_static(b"hello")]);
    kubo.put_pinned(&block).await.unwrap();
    kubo.put_pinned(&block).await.unwrap();
    // The connection ends without an answer. Kubo may have set the pin.
    assert!(matches!(kubo.put_pinned(&block).await, Err(IpfsError::Gone(_))));
    let listener = serving.await.unwrap();
    let second = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
    assert!(second.is_err(), "the block was sent again");
}

#[tokio::test]
async fn an_endless_answer_is_refused() {
    let endless = chunked("", &"x".repeat(70_000), "");
    let kubo = scripted(vec![("\r\n\r\n", endless)]).await;
    assert!(matches!(kubo.version().await, Err(IpfsError::Broken(_))));
}
