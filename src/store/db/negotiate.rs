//! Connections to a server on another machine that may have no TLS: they never send a password in clear or as MD5.
//!
//! The driver sends whatever the server asks for. Therefore it is told to begin with TLS at once, and what it takes for
//! TLS is the connector here, which makes the choice between TLS and clear text itself and then watches which kind of
//! password the server asks for. SCRAM proves the knowledge of a password and does not send it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The message SSLRequest (PostgreSQL manual, "Message Formats").
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Bytes of an authentication request up to the end of its kind: type, length and kind.
const REQUEST: usize = 9;

type Encrypted = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;
type Connecting<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

/// Chooses between TLS and clear text on one connection after the other.
#[derive(Clone)]
pub(crate) struct Negotiate {
    /// The connector for a server that offers TLS. Without it TLS is not asked for.
    pub(super) rustls: Option<MakeRustlsConnect>,
    /// Set when a connection came up in clear text.
    pub(super) clear: Arc<AtomicBool>,
}

/// The choice on one connection.
pub(crate) struct Negotiation {
    rustls: Option<<MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect>,
    clear: Arc<AtomicBool>,
}

impl MakeTlsConnect<Socket> for Negotiate {
    type Stream = Negotiated;
    type TlsConnect = Negotiation;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<Negotiation> {
        let make = |mut rustls: MakeRustlsConnect| {
            MakeTlsConnect::<Socket>::make_tls_connect(&mut rustls, host).map_err(io::Error::other)
        };
        let rustls = self.rustls.clone().map(make).transpose()?;
        Ok(Negotiation { rustls, clear: Arc::clone(&self.clear) })
    }
}

impl TlsConnect<Socket> for Negotiation {
    type Stream = Negotiated;
    type Error = io::Error;
    type Future = Connecting<Negotiated>;

    fn connect(self, mut socket: Socket) -> Connecting<Negotiated> {
        Box::pin(async move {
            if let Some(rustls) = self.rustls
                && offers_tls(&mut socket).await?
            {
                let encrypted = rustls.connect(socket).await.map_err(io::Error::other)?;
                return Ok(Negotiated::Encrypted(Box::new(encrypted)));
            }
            self.clear.store(true, Ordering::Relaxed);
            Ok(Negotiated::Clear(socket, FirstMessage::default()))
        })
    }
}

async fn offers_tls(socket: &mut Socket) -> io::Result<bool> {
    socket.write_all(&SSL_REQUEST).await?;
    let mut answer = [0];
    socket.read_exact(&mut answer).await?;
    Ok(answer == *b"S")
}

/// A connection with TLS, or one in clear text that is watched.
pub(crate) enum Negotiated {
    Encrypted(Box<Encrypted>),
    Clear(Socket, FirstMessage),
}

impl AsyncRead for Negotiated {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Encrypted(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Clear(socket, first) => {
                let before = buffer.filled().len();
                let read = Pin::new(socket).poll_read(cx, buffer);
                let new = buffer.filled().get(before..).unwrap_or_default();
                read.map(|read| read.and_then(|()| first.pass(new)))
            }
        }
    }
}

impl AsyncWrite for Negotiated {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Encrypted(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Clear(socket, _) => Pin::new(socket).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Encrypted(stream) => Pin::new(stream).poll_flush(cx),
            Self::Clear(socket, _) => Pin::new(socket).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Encrypted(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Clear(socket, _) => Pin::new(socket).poll_shutdown(cx),
        }
    }
}

impl TlsStream for Negotiated {
    fn channel_binding(&self) -> ChannelBinding {
        match self {
            Self::Encrypted(stream) => stream.channel_binding(),
            Self::Clear(..) => ChannelBinding::none(),
        }
    }
}

/// The beginning of the first message of the server. The driver sends a password in reply to the first message or never,
/// and only when it has read the whole message, so a request that is refused here never reaches it.
#[derive(Default)]
pub(crate) struct FirstMessage {
    head: [u8; REQUEST],
    seen: usize,
}

impl FirstMessage {
    /// Takes the next bytes of the server.
    ///
    /// # Errors
    /// They complete a request for a password in clear or as MD5.
    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.seen == REQUEST {
            return Ok(());
        }
        for (place, byte) in self.head.iter_mut().skip(self.seen).zip(bytes) {
            *place = *byte;
            self.seen += 1;
        }
        let form = match self.head {
            _ if self.seen < REQUEST => return Ok(()),
            [b'R', _, _, _, _, 0, 0, 0, 3] => "in clear text",
            [b'R', _, _, _, _, 0, 0, 0, 5] => "as an MD5 hash",
            _ => return Ok(()),
        };
        Err(io::Error::other(format!(
            "the server asks for the password {form} on a connection without TLS, so the password was not sent; turn TLS on \
             there (ssl = on), or let the server ask with SCRAM: password_encryption = scram-sha-256, a new password for the \
             user, and scram-sha-256 in pg_hba.conf"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a first message that arrives in pieces of `size` bytes.
    fn passes(message: &[u8], size: usize) -> Result<(), String> {
        let mut first = FirstMessage::default();
        let result = message.chunks(size).try_for_each(|piece| first.pass(piece));
        result.map_err(|error| error.to_string())
    }

    #[test]
    fn only_a_password_in_clear_or_as_md5_is_refused() {
        let request = |kind: u8, rest: &[u8]| {
            let length = 8 + u8::try_from(rest.len()).unwrap();
            [&[b'R', 0, 0, 0, length, 0, 0, 0, kind], rest].concat()
        };
        for size in [1, 4, 8, 9, 100] {
            assert!(passes(&request(3, b""), size).unwrap_err().contains("in clear text"));
            assert!(passes(&request(5, b"salt"), size).unwrap_err().contains("as an MD5 hash"));
            for fine in [
                request(0, b""),
                request(10, b"SCRAM-SHA-256\0\0"),
                // A later message may look like a request; the driver would not reply to it.
                [request(0, b""), request(3, b"")].concat(),
                b"E\0\0\0\x05\0\0\0\x03".to_vec(),
                b"R\0".to_vec(),
            ] {
                assert_eq!(passes(&fine, size), Ok(()), "{fine:?} by {size}");
            }
        }
    }
}
