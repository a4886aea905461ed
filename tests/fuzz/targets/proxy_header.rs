//! The header of the PROXY protocol. The bytes behind it must stay on the connection.
#![no_main]

use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use af_registry::net::{ProxyError, read_header};
use libfuzzer_sys::fuzz_target;

/// Bytes of the client after the header.
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n";

fuzz_target!(|input: &[u8]| {
    let (found, taken) = read(input);
    let whole = input.get(14..16).map(|len| 16 + usize::from(u16::from_be_bytes([len[0], len[1]])));
    match found {
        Ok(client) => {
            assert_eq!(Some(taken), whole);
            assert!(input.starts_with(b"\r\n\r\n\0\r\nQUIT\n") && taken <= 16 + 4096);
            assert!(client.is_none() || input[12] == 0x21);
            let (again, same) = read(&[&input[..taken], REQUEST].concat());
            assert!(same == taken && again.is_ok_and(|again| again == client));
        }
        Err(ProxyError::Io(_)) => assert!(whole.is_none_or(|whole| whole > input.len())),
        Err(error) => assert!(error.to_string().len() < 512 && taken <= 16 + 4096),
    }
});

/// Reads a header and counts the bytes it took. Never waits, because all bytes are there.
fn read(input: &[u8]) -> (Result<Option<SocketAddr>, ProxyError>, usize) {
    let mut left = input;
    let found = {
        let reading = pin!(read_header(&mut left));
        match reading.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(found) => found,
            Poll::Pending => panic!("it waits"),
        }
    };
    (found, input.len() - left.len())
}
