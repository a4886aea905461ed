//! Addresses that take more than their share of the connections.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};

use super::ConnectionLimits;
use super::tests::{GET, HEADER_TIME, IDLE_TIME, ask, start_with};

/// Connects from 127.0.0.`last`.
async fn connect_from(last: u8, server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, last], 0).into()).unwrap();
    socket.connect(server).await.unwrap()
}

fn limits(connections: usize, per_address: usize) -> ConnectionLimits {
    ConnectionLimits {
        header_bytes: 64 * 1024,
        header_time: HEADER_TIME,
        idle_time: IDLE_TIME,
        connections,
        per_address,
        handshake_time: HEADER_TIME,
    }
}

#[tokio::test]
async fn refusals_that_a_limited_address_leaves_open_take_no_places() {
    let server = start_with(limits(4, 2), Duration::ZERO);
    let mut held = Vec::new();
    for n in 0..40 {
        let mut stream = connect_from(1, server.address).await;
        if n < 2 {
            ask(&mut stream, GET, "0 bytes").await;
        } else {
            // Its refusal has begun. It ends when the client closes its side, which this one does not.
            let mut first = [0; 12];
            stream.read_exact(&mut first).await.unwrap();
            assert_eq!(first, *b"HTTP/1.1 503");
        }
        held.push(stream);
    }
    for other in 2..=3 {
        let mut stream = connect_from(other, server.address).await;
        assert!(ask(&mut stream, GET, "0 bytes").await.starts_with("HTTP/1.1 200 "));
        held.push(stream);
    }
}
