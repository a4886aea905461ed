//! Handshakes over real sockets.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::challenge::ACME_TLS;
use super::provider::provider;
use super::*;
use crate::net::{ConnectionLimits, Listener, Received, Secured, Shutdown, serve};

const IDLE_TIME: Duration = Duration::from_millis(1500);

struct Pair {
    der: CertificateDer<'static>,
    certificate: String,
    key: String,
}

fn pair() -> Pair {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let der = certificate.der().clone();
    Pair { der, certificate: certificate.pem(), key: key.serialize_pem() }
}

impl Pair {
    fn certificate(&self) -> Certificate {
        Certificate::from_pem(self.certificate.as_bytes(), self.key.as_bytes()).unwrap()
    }
}

/// Starts a listener with `options`. It answers with the version of HTTP and `secured`, and with 16 MiB for `/large`.
fn start(pair: &Pair, options: TlsOptions) -> SocketAddr {
    let shown = ShownCertificate::default();
    shown.show(pair.certificate());
    let listener = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = listener.secured(ServerTls::new(shown, options).unwrap());
    let address = listener.address();
    let limits = ConnectionLimits {
        header_bytes: 64 * 1024,
        header_time: Duration::from_millis(500),
        idle_time: IDLE_TIME,
        connections: 16,
        per_address: 1000,
        rate: 1024,
        handshake_time: Duration::from_millis(500),
    };
    let service = service_fn(|request: Request<Received>| async move {
        let secured = request.extensions().get::<Secured>().is_some();
        let text = format!("{:?} {}", request.version(), if secured { "secured" } else { "open" });
        let body = match request.uri().path() {
            "/large" => Bytes::from(vec![b'x'; 16 << 20]),
            _ => Bytes::from(text),
        };
        Ok::<_, Infallible>(Response::new(Full::new(body)))
    });
    tokio::spawn(serve(listener, limits, Shutdown::new(Duration::ZERO), service));
    address
}

async fn connect(
    address: SocketAddr,
    pair: &Pair,
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(pair.der.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

async fn ask(stream: &mut (impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin)) -> String {
    let request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_request_under_tls_is_answered_and_closed_in_order() {
    let pair = pair();
    let address = start(&pair, TlsOptions { http2: true, ..TlsOptions::default() });
    for alpn in [&[b"http/1.1" as &[u8]][..], &[]] {
        let text = ask(&mut connect(address, &pair, alpn).await.unwrap()).await;
        assert!(text.starts_with("HTTP/1.1 200 ") && text.ends_with("HTTP/1.1 secured"), "{text}");
    }
}

#[tokio::test]
async fn http2_is_offered_only_if_it_is_set() {
    let pair = pair();
    for http2 in [true, false] {
        let address = start(&pair, TlsOptions { http2, ..TlsOptions::default() });
        let stream = connect(address, &pair, &[b"h2", b"http/1.1"]).await.unwrap();
        let agreed = stream.get_ref().1.alpn_protocol().unwrap().to_vec();
        if !http2 {
            assert_eq!(agreed, b"http/1.1");
            continue;
        }
        assert_eq!(agreed, b"h2");
        let io = TokioIo::new(stream);
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        for _ in 0..3 {
            let request = Request::get("https://localhost/").body(Empty::<Bytes>::new()).unwrap();
            let answer = sender.send_request(request).await.unwrap();
            let text = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(text, "HTTP/2.0 secured");
        }
    }
}

type Sender = hyper::client::conn::http2::SendRequest<Empty<Bytes>>;

async fn connect_http2(address: SocketAddr, pair: &Pair) -> Sender {
    let stream = connect(address, pair, &[b"h2"]).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    sender
}

async fn get(sender: &mut Sender, path: &str) -> hyper::Result<Response<Incoming>> {
    let uri = format!("https://localhost{path}");
    sender.send_request(Request::get(uri).body(Empty::new()).unwrap()).await
}

#[tokio::test]
async fn an_answer_that_is_not_taken_is_reset_and_its_neighbours_are_not() {
    let pair = pair();
    let address = start(&pair, TlsOptions { http2: true, ..TlsOptions::default() });
    let mut sender = connect_http2(address, &pair).await;
    let stuck = get(&mut sender, "/large").await.unwrap();
    let began = std::time::Instant::now();
    while began.elapsed() < IDLE_TIME * 2 {
        let answer = get(&mut sender, "/").await.unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "HTTP/2.0 secured");
        tokio::time::sleep(IDLE_TIME / 8).await;
    }
    assert!(stuck.into_body().collect().await.is_err());
    let whole = get(&mut sender, "/large").await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(whole.to_bytes().len(), 16 << 20);
}

#[tokio::test]
async fn an_idle_http2_connection_gets_a_goaway() {
    let pair = pair();
    let address = start(&pair, TlsOptions { http2: true, ..TlsOptions::default() });
    let mut sender = connect_http2(address, &pair).await;
    get(&mut sender, "/").await.unwrap();
    let began = std::time::Instant::now();
    while !sender.is_closed() {
        assert!(began.elapsed() < IDLE_TIME * 4, "still open");
        tokio::time::sleep(IDLE_TIME / 8).await;
    }
    assert!(began.elapsed() >= IDLE_TIME / 2);
}

#[tokio::test]
async fn a_request_without_tls_gets_a_400() {
    let pair = pair();
    let address = start(&pair, TlsOptions::default());
    let text = ask(&mut TcpStream::connect(address).await.unwrap()).await;
    assert!(text.starts_with("HTTP/1.1 400 ") && text.contains("https"), "{text}");
}

#[tokio::test]
async fn a_handshake_that_stalls_is_cut() {
    let pair = pair();
    let address = start(&pair, TlsOptions::default());
    for begin in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(begin).await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.is_empty(), "{rest:?}");
    }
}

#[derive(Debug)]
struct OneName(Certificate);

impl ChallengeCertificates for OneName {
    fn challenge<'a>(
        &'a self,
        server_name: &'a str,
    ) -> Pin<Box<dyn Future<Output = Option<Certificate>> + Send + 'a>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            (server_name == "localhost").then(|| self.0.clone())
        })
    }
}

#[tokio::test]
async fn a_validation_sees_the_certificate_of_its_challenge() {
    let (usual, proof) = (pair(), pair());
    let challenges: Arc<dyn ChallengeCertificates> = Arc::new(OneName(proof.certificate()));
    let options = TlsOptions { challenges: Some(challenges), ..TlsOptions::default() };
    let address = start(&usual, options);
    let mut stream = connect(address, &proof, &[ACME_TLS]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(ACME_TLS));
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    let text = ask(&mut connect(address, &usual, &[b"http/1.1"]).await.unwrap()).await;
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    // Only a validation may use its protocol.
    let plain = start(&usual, TlsOptions::default());
    assert!(connect(plain, &usual, &[ACME_TLS]).await.is_err());
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let (one, other) = (pair(), pair());
    let refused = |certificate: &str, key: &str| {
        Certificate::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap_err().to_string()
    };
    assert_eq!(refused(&one.certificate, &other.key), "the key does not belong to the certificate");
    assert!(refused("", &one.key).contains("no certificate"));
    assert!(refused(&one.certificate, "hunter2").contains("no private key"));
    let error = Certificate::from_pem(&one.certificate.as_bytes()[..200], one.key.as_bytes());
    assert!(error.unwrap_err().to_string().starts_with("the certificate is malformed"));
}

#[test]
fn a_certificate_out_of_date_is_refused() {
    let certificate = pair().certificate();
    let day = Duration::from_secs(86_400);
    let late = certificate.check_date(certificate.expires_at() + day).unwrap_err().to_string();
    assert!(late.starts_with("the certificate expired on "), "{late}");
    let early = certificate.check_date(std::time::UNIX_EPOCH).unwrap_err().to_string();
    assert!(early.starts_with("the certificate is not valid before "), "{early}");
}
