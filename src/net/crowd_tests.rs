//! Addresses that take more than their share of the connections.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;

use super::ConnectionLimits;
use super::tests::{GET, HEADER_TIME, HELD, IDLE_TIME, RELEASED, ask, start_with};

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
        rate: 1024,
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

/// A form that never ends.
const SLOW: &[u8] = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\nx";

#[tokio::test]
async fn a_stranger_gets_in_beside_an_address_that_fills_all_places_with_slow_bodies() {
    let server = start_with(limits(40, 1000), Duration::ZERO);
    let mut slow = Vec::new();
    for _ in 0..40 {
        let mut stream = connect_from(1, server.address).await;
        stream.write_all(SLOW).await.unwrap();
        slow.push(stream);
    }
    let mut kept = Vec::new();
    for n in 0..5 {
        let mut stranger = connect_from(2, server.address).await;
        let answer = ask(&mut stranger, GET, "0 bytes").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{n}: {answer}");
        kept.push(stranger);
        // The flood goes on, and finds no place.
        let mut stream = connect_from(1, server.address).await;
        stream.write_all(SLOW).await.unwrap();
        slow.push(stream);
    }
    // The strangers keep theirs, since their address has few.
    for stranger in &mut kept {
        assert!(ask(stranger, GET, "0 bytes").await.starts_with("HTTP/1.1 200 "));
    }
}

#[tokio::test]
async fn five_hundred_that_work_behind_one_address_are_left_alone() {
    let server = start_with(limits(510, 1000), Duration::ZERO);
    let mut working = Vec::new();
    for _ in 0..500 {
        let mut stream = connect_from(1, server.address).await;
        stream.write_all(b"GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        working.push(stream);
    }
    HELD.acquire_many(500).await.unwrap().forget();
    // Others from the same address are idle, or send bodies that never end. They push each other out, and nobody else.
    let mut others = Vec::new();
    for n in 0..60 {
        let mut stream = connect_from(1, server.address).await;
        if n % 2 == 0 {
            let _ = stream.write_all(SLOW).await;
        }
        others.push(stream);
    }
    let mut stranger = connect_from(2, server.address).await;
    assert!(ask(&mut stranger, GET, "0 bytes").await.starts_with("HTTP/1.1 200 "));
    sleep(Duration::from_millis(50)).await;
    RELEASED.add_permits(500);
    for mut stream in working {
        assert!(ask(&mut stream, "", "0 bytes").await.starts_with("HTTP/1.1 200 "));
    }
}
