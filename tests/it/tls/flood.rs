//! Floods of HTTP/2 streams that are opened and reset as fast as a client can (CVE-2023-44487).

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::frames::{DATA, GOAWAY, HEADERS, RST_STREAM, WINDOW_UPDATE, connect, frame, head, read};
use super::{Authority, secured};
use crate::rig::server::Server;

const STREAMS: u32 = 10_000;

/// Reads frames until GOAWAY or the end of the connection.
async fn until_goaway(stream: &mut (impl tokio::io::AsyncRead + Unpin)) {
    while read(stream).await.is_some_and(|frame| frame.kind != GOAWAY) {}
}

/// Resident memory in KiB.
fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A way to waste a stream.
#[derive(Clone, Copy, Debug)]
enum Waste {
    /// The client resets it.
    Reset,
    /// The client makes the server reset it (CVE-2025-8671), by a window update of zero.
    Provoked,
    /// The client makes the server reset it, by a window update beyond the largest window.
    Overflow,
    /// The client makes the server reset it, by data after the end of the body.
    Closed,
}

impl Waste {
    fn frames(self, stream: u32) -> Vec<u8> {
        let rest = match self {
            Self::Reset => frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()),
            Self::Provoked => frame(WINDOW_UPDATE, 0, stream, &0_u32.to_be_bytes()),
            Self::Overflow => frame(WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes()),
            Self::Closed => frame(DATA, 0, stream, b"more"),
        };
        [frame(HEADERS, 0b101, stream, &head("GET")), rest].concat()
    }
}

/// Floods the server until it closes the connection.
async fn flood(server: &Server, authority: &Authority, waste: Waste) {
    let (mut reader, mut writer) = tokio::io::split(connect(server, authority).await);
    let reading = tokio::spawn(async move { until_goaway(&mut reader).await });
    for number in 0..STREAMS {
        if writer.write_all(&waste.frames(2 * number + 1)).await.is_err() {
            break;
        }
    }
    let _ = writer.flush().await;
    let away = timeout(Duration::from_secs(30), reading).await;
    assert!(away.is_ok(), "{waste:?} went on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_wasted_streams_is_cut_and_leaves_no_memory_behind() {
    let authority = Authority::new();
    let files = authority.files("shown", &authority.server("one"));
    let server = secured(&files).await.env("OPEN_REGISTRY_HTTP2", "true").start().await;
    let floods = async || {
        for waste in [Waste::Reset, Waste::Provoked, Waste::Overflow, Waste::Closed] {
            flood(&server, &authority, waste).await;
        }
    };
    floods().await;
    let before = resident(&server);
    for _ in 0..3 {
        floods().await;
    }
    let after = resident(&server);
    // If each of the 120,000 streams left a kilobyte, that would be 120 MiB.
    assert!(after < before + (16 << 10), "{before} KiB became {after} KiB");
    let mut stream = connect(&server, &authority).await;
    stream.write_all(&frame(HEADERS, 0b101, 1, &head("GET"))).await.unwrap();
    while read(&mut stream).await.unwrap().kind != HEADERS {}
}
