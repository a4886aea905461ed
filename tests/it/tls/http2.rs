//! HTTP/2 with curl as the client.

use std::process::Command;

use tokio::io::AsyncWriteExt;

use super::frames::{DATA, HEADERS, RST_STREAM, connect, frame, head, read};
use super::{Authority, secured};
use crate::rig::client::random;
use crate::rig::program::complete;

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_goes_in_and_out_over_http2() {
    let authority = Authority::new();
    let files = authority.files("shown", &authority.server("one"));
    let server = secured(&files).await.env("OPEN_REGISTRY_HTTP2", "true").start().await;
    let root = authority.root();
    let curl = |arguments: &[&str]| {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--http2", "--cacert", root.to_str().unwrap()]);
        complete(curl.args(arguments))
    };
    let url = |path: &str| format!("https://{}{path}", server.host());
    let (sent, got) = (authority.path("sent"), authority.path("got"));
    let blob = random(2, 24 << 20);
    std::fs::write(&sent, &blob).unwrap();
    let digest = af_registry::stream::hashing::sha256(&blob);

    let begun = curl(&["-D", "-", "-X", "POST", &url("/v2/tls/two/blobs/uploads/")]);
    assert!(begun.starts_with("HTTP/2 202"), "{begun}");
    let location = begun.lines().find_map(|line| line.strip_prefix("location: ")).unwrap().trim();
    let write = ["-w", "%{http_code} %{http_version}", "-o", "/dev/null"];
    let from = format!("@{}", sent.to_str().unwrap());
    let patch = ["-X", "PATCH", "-T", &from[1..], &url(location)];
    assert_eq!(curl(&[&write[..], &patch].concat()), "202 2");
    let put = url(&format!("{location}?digest={digest}"));
    assert_eq!(curl(&[&write[..], &["-X", "PUT", &put]].concat()), "201 2");
    let pull = url(&format!("/v2/tls/two/blobs/{digest}"));
    let to = got.to_str().unwrap();
    assert_eq!(curl(&["-w", "%{http_code} %{http_version}", "-o", to, &pull]), "200 2");
    assert!(std::fs::read(&got).unwrap() == blob);
    // The server offers both versions. Other clients choose HTTP/1.1.
    assert_eq!(curl(&[&write[..], &["--http1.1", &pull]].concat()), "200 1.1");
}

/// RFC 9113, section 8.1: the server sends the whole answer, and then a reset with `NO_ERROR`.
#[tokio::test]
async fn a_refused_upload_sees_the_reason_before_its_stream_ends() {
    let authority = Authority::new();
    let files = authority.files("shown", &authority.server("one"));
    let server = secured(&files).await.env("OPEN_REGISTRY_HTTP2", "true").start().await;
    let mut stream = connect(&server, &authority).await;
    let mut frames = frame(HEADERS, 0b100, 1, &head("PATCH"));
    // As much as a client may send before it knows the window of the server.
    for _ in 0..4 {
        frames.extend(frame(DATA, 0, 1, &[0; 16_000]));
    }
    stream.write_all(&frames).await.unwrap();
    let mut seen = Vec::new();
    let mut ended = false;
    while let Some(frame) = read(&mut stream).await {
        match frame.kind {
            HEADERS | DATA => ended |= frame.flags & 1 == 1,
            RST_STREAM => {
                assert_eq!(frame.payload, [0; 4], "after {seen:?}");
                break;
            }
            _ => {}
        }
        seen.push(frame.kind);
    }
    assert!(seen.contains(&HEADERS) && ended, "{seen:?}");
}
