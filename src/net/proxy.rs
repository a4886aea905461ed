//! The header in which a proxy names the client of a connection (PROXY protocol, version 2).

use std::net::SocketAddr;

use ppp::v2::{Addresses, Command, Header, PROTOCOL_PREFIX, Protocol};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Size of the fixed part: prefix, command, family, and the length of the rest.
const FIXED_BYTES: usize = 16;

/// Most bytes after the fixed part. They hold the addresses and what a proxy adds about TLS.
const MOST_BYTES: usize = 4096;

/// Why a header is refused.
#[derive(Debug, Error)]
pub enum ProxyError {
    /// The connection begins with other bytes.
    #[error("the connection does not begin with a PROXY header of version 2")]
    Other,
    /// The header is longer than any proxy sends.
    #[error("the PROXY header has {0} bytes, which is too long")]
    TooLong(usize),
    /// The header is malformed; the text says where.
    #[error("the PROXY header is malformed: {0}")]
    Garbled(String),
    /// The header did not arrive completely.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Reads the header and not a byte more. Returns the address of the client, or `None` when the proxy itself is the
/// client, as in its health checks.
pub async fn read_header(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Option<SocketAddr>, ProxyError> {
    let mut header = vec![0; FIXED_BYTES];
    stream.read_exact(&mut header).await?;
    if !header.starts_with(PROTOCOL_PREFIX) {
        return Err(ProxyError::Other);
    }
    let rest = usize::from(u16::from_be_bytes([header[14], header[15]]));
    if rest > MOST_BYTES {
        return Err(ProxyError::TooLong(rest));
    }
    header.resize(FIXED_BYTES + rest, 0);
    stream.read_exact(&mut header[FIXED_BYTES..]).await?;
    parse(&header)
}

/// Finds the client in a complete header.
fn parse(header: &[u8]) -> Result<Option<SocketAddr>, ProxyError> {
    let header =
        Header::try_from(header).map_err(|error| ProxyError::Garbled(error.to_string()))?;
    if header.command == Command::Local {
        return Ok(None);
    }
    match (header.protocol, header.addresses) {
        (Protocol::Stream, Addresses::IPv4(both)) => {
            Ok(Some(SocketAddr::from((both.source_address, both.source_port))))
        }
        (Protocol::Stream, Addresses::IPv6(both)) => {
            Ok(Some(SocketAddr::from((both.source_address, both.source_port))))
        }
        // The client is on the machine of the proxy, or the proxy does not know it.
        (_, Addresses::Unspecified | Addresses::Unix(_)) => Ok(None),
        (_, Addresses::IPv4(_) | Addresses::IPv6(_)) => {
            Err(ProxyError::Garbled("it is not about a stream connection".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [PROTOCOL_PREFIX, &[command, family], &length, rest].concat()
    }

    async fn read(bytes: &[u8]) -> (Result<Option<SocketAddr>, ProxyError>, usize) {
        let mut left = bytes;
        (read_header(&mut left).await, left.len())
    }

    #[tokio::test]
    async fn the_header_names_the_client_and_what_follows_is_not_read() {
        let v4 = [192, 0, 2, 7, 10, 0, 0, 1, 0x30, 0x39, 1, 0xbb];
        let mut bytes = header(0x21, 0x11, &v4);
        bytes.extend(b"GET /");
        let (found, left) = read(&bytes).await;
        assert_eq!(found.unwrap(), Some("192.0.2.7:12345".parse().unwrap()));
        assert_eq!(left, 5);
        // Load balancers add more about the connection.
        let told = [&v4[..], &[0xea, 0, 4, 1, 2, 3, 4]].concat();
        assert!(read(&header(0x21, 0x11, &told)).await.0.unwrap().is_some());
        let mut v6 = [0; 36];
        v6[15] = 1;
        v6[33] = 80;
        let (found, _) = read(&header(0x21, 0x21, &v6)).await;
        assert_eq!(found.unwrap(), Some("[::1]:80".parse().unwrap()));
    }

    #[tokio::test]
    async fn a_health_check_names_no_client() {
        for bytes in [header(0x20, 0, &[]), header(0x20, 0x11, &[0; 12]), header(0x21, 0, &[])] {
            assert_eq!(read(&bytes).await.0.unwrap(), None, "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn anything_else_is_refused() {
        for bytes in [
            b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\n".to_vec(),
            b"GET /v2/ HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
            header(0x21, 0x11, &[1; 11]),
            header(0x11, 0x11, &[0; 12]),
            header(0x22, 0x11, &[0; 12]),
            header(0x21, 0x41, &[0; 12]),
            header(0x21, 0x12, &[0; 12]),
            header(0x21, 0x11, &[0; 12])[..20].to_vec(),
            header(0x21, 0x11, &[0; 5000]),
            Vec::new(),
        ] {
            assert!(read(&bytes).await.0.is_err(), "{bytes:?}");
        }
    }
}
