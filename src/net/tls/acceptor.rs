//! The TLS handshake of a connection, from the first byte of the client.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{Acceptor, ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::{StartHandshake, TlsStream};

use super::certificate::Certificate;
use super::challenge::ACME_TLS;
use super::client::ClientIdentity;
use super::error::TlsError;
use super::provider::builder;
use super::server::{Current, Parts, ServerTls};

/// Read buffer below TLS, which itself reads one record of 16 KiB at a time.
const BUFFER_BYTES: usize = 128 * 1024;

/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;

/// A connection under TLS.
pub(in crate::net) type SecureStream = TlsStream<BufReader<TcpStream>>;

/// A handshake that succeeded.
pub(in crate::net) enum Handshaken {
    /// The connection is ready for HTTP.
    Open {
        stream: Box<SecureStream>,
        /// Whether client and server agreed on HTTP/2.
        http2: bool,
        client: Option<ClientIdentity>,
    },
    /// The handshake validated a name for an ACME server, and the connection ends with it.
    Validated,
}

/// A handshake that failed.
pub(in crate::net) enum HandshakeFailure {
    /// The client closed the connection without sending a byte, as load balancers do to check the port.
    Silent,
    /// The client does not speak TLS. It can be told so in plain text.
    Plain(BufReader<TcpStream>),
    /// The handshake broke off. An alert has told the client why.
    Failed(io::Error),
}

impl ServerTls {
    /// Makes a handshake. The caller limits the time for it.
    pub(in crate::net) async fn handshake(
        &self,
        stream: TcpStream,
    ) -> Result<Handshaken, HandshakeFailure> {
        let mut stream = BufReader::with_capacity(BUFFER_BYTES, stream);
        match stream.fill_buf().await.map_err(HandshakeFailure::Failed)?.first() {
            None => return Err(HandshakeFailure::Silent),
            Some(&HANDSHAKE) => {}
            Some(_) => return Err(HandshakeFailure::Plain(stream)),
        }
        let started = LazyConfigAcceptor::new(Acceptor::default(), stream);
        let started = started.await.map_err(HandshakeFailure::Failed)?;
        let parts = &*self.0;
        if parts.challenges.is_some() && is_validation(&started.client_hello()) {
            return parts.validate(started).await.map_err(HandshakeFailure::Failed);
        }
        let Current { config, client_roots } = parts.current();
        let stream = started.into_stream(config).await.map_err(HandshakeFailure::Failed)?;
        let (_, session) = stream.get_ref();
        let http2 = session.alpn_protocol() == Some(b"h2");
        let client = client_roots
            .as_ref()
            .zip(session.peer_certificates())
            .and_then(|(roots, chain)| roots.identify(chain));
        Ok(Handshaken::Open { stream: Box::new(stream), http2, client })
    }
}

impl Parts {
    /// Presents the certificate that proves the name and closes the connection (RFC 8737, section 3).
    async fn validate(
        &self,
        started: StartHandshake<BufReader<TcpStream>>,
    ) -> io::Result<Handshaken> {
        let name = started.client_hello().server_name().map(str::to_owned);
        let found = match (&self.challenges, &name) {
            (Some(challenges), Some(name)) => challenges.challenge(name).await,
            _ => None,
        };
        let mut config = builder()
            .map_err(setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Challenge(found)));
        config.alpn_protocols = vec![ACME_TLS.to_vec()];
        let mut stream = started.into_stream(Arc::<ServerConfig>::new(config)).await?;
        stream.shutdown().await?;
        Ok(Handshaken::Validated)
    }
}

fn setup(error: TlsError) -> io::Error {
    io::Error::other(error)
}

fn is_validation(hello: &ClientHello<'_>) -> bool {
    hello
        .alpn()
        .is_some_and(|mut offered| offered.next() == Some(ACME_TLS) && offered.next().is_none())
}

/// The certificate of one validation. Without one the handshake fails with an alert.
#[derive(Debug)]
struct Challenge(Option<Certificate>);

impl ResolvesServerCert for Challenge {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.as_ref().map(|certificate| Arc::clone(&certificate.key))
    }
}
