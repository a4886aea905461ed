//! A listener within the test process, and the openssl program as its client.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use af_registry::net::{
    Certificate, ConnectionLimits, Listener, Received, Secured, ServerTls, ShownCertificate,
    Shutdown, TlsOptions, serve,
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::authority::Pair;

const LIMITS: ConnectionLimits = ConnectionLimits {
    header_bytes: 64 * 1024,
    header_time: Duration::from_secs(10),
    idle_time: Duration::from_secs(10),
    connections: 64,
    per_address: 64,
    rate: 1024,
    handshake_time: Duration::from_secs(10),
};

/// Starts a listener that answers every request with `user=` and the user in the client certificate.
pub(super) fn listen(pair: &Pair, options: TlsOptions) -> SocketAddr {
    let shown = ShownCertificate::default();
    let certificate = Certificate::from_pem(pair.certificate.as_bytes(), pair.key.as_bytes());
    shown.show(certificate.unwrap());
    let listener = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = listener.secured(ServerTls::new(shown, options).unwrap());
    let address = listener.address();
    let service = service_fn(|request: Request<Received>| async move {
        let secured = request.extensions().get::<Secured>().cloned().unwrap();
        let user = secured.client.map_or_else(|| "nobody".to_owned(), |client| client.user);
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(format!("user={user}"))))
    });
    tokio::spawn(serve(listener, LIMITS, Shutdown::new(Duration::ZERO), service));
    address
}

/// Output of `openssl s_client` for one connection, on which it requests `/`.
pub(super) async fn s_client(address: SocketAddr, root: &Path, arguments: &[&str]) -> String {
    let mut client = Command::new("openssl")
        .args(["s_client", "-ign_eof", "-servername", "localhost", "-verify_return_error"])
        .args(["-connect", &address.to_string(), "-CAfile", root.to_str().unwrap()])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let request = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    // After a refused handshake openssl does not read the request.
    let _ = client.stdin.take().unwrap().write_all(request.as_bytes()).await;
    let output = client.wait_with_output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}
