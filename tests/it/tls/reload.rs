//! A certificate is replaced while the server runs.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::Arc;

use af_registry::stream::hashing::sha256;
use bytes::Bytes;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::authority::Pair;
use super::inside::s_client;
use super::{Authority, Files, secured};
use crate::rig::client::random;
use crate::rig::server::{Builder, Server, builder};

/// Number of pulls that are open while the certificate changes.
const PULLS: usize = 200;

async fn connect(server: &Server, authority: &Authority) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.root()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(server.addr).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

/// Whether new handshakes use the certificate of `pair`.
async fn shows(server: &Server, authority: &Authority, pair: &Pair) -> bool {
    let stream = connect(server, authority).await;
    let shown = &stream.get_ref().1.peer_certificates().unwrap()[0];
    *shown == CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap()
}

fn hang_up(server: &Server) {
    let status = Command::new("kill").args(["-HUP", &server.pid().to_string()]).status();
    assert!(status.unwrap().success());
}

/// Waits until the log contains the event `count` times.
async fn logged(server: &Server, event: &str, count: usize) {
    let times = || server.log().iter().filter(|line| line["event"] == event).count();
    for _ in 0..600 {
        if times() >= count {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{event} {} times in {:#?}", times(), server.log());
}

#[tokio::test]
async fn open_pulls_survive_a_new_certificate() {
    let authority = Authority::new();
    let (old, new) = (authority.server("old"), authority.server("new"));
    let files = authority.files("shown", &old);
    let plain = builder().await.env("OPEN_REGISTRY_AUTH", "none").start().await;
    let blob = random(4, 4 << 20);
    let digest = plain.client().push_blob("tls/reload", &blob).await;
    let server = files.given_to(Builder::beside(&plain)).start().await;

    let mut pulls = Vec::new();
    for _ in 0..PULLS {
        let mut stream = connect(&server, &authority).await;
        let request = format!(
            "GET /v2/tls/reload/blobs/{digest} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut begin = vec![0; 12];
        stream.read_exact(&mut begin).await.unwrap();
        assert_eq!(begin, b"HTTP/1.1 200");
        pulls.push(stream);
    }
    assert!(shows(&server, &authority, &old).await);
    files.write(&new);
    hang_up(&server);
    logged(&server, "certificate_renewed", 1).await;
    assert!(shows(&server, &authority, &new).await);
    for mut stream in pulls {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        let body = rest.split_off(rest.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4);
        assert_eq!(sha256(&Bytes::from(body)), digest);
    }
}

#[tokio::test]
async fn changed_files_are_noticed_and_bad_ones_change_nothing() {
    let authority = Authority::new();
    let (old, new) = (authority.server("old"), authority.server("new"));
    let files = authority.files("shown", &old);
    let server = secured(&files).await.start().await;
    // Half of a new pair, then garbage, then an empty file.
    std::fs::write(&files.certificate, &new.certificate).unwrap();
    logged(&server, "certificate_kept", 1).await;
    std::fs::write(&files.certificate, "garbage").unwrap();
    logged(&server, "certificate_kept", 2).await;
    std::fs::remove_file(&files.certificate).unwrap();
    logged(&server, "certificate_kept", 3).await;
    files.write(&authority.expired());
    hang_up(&server);
    logged(&server, "certificate_kept", 4).await;
    assert!(shows(&server, &authority, &old).await);
    files.write(&new);
    logged(&server, "certificate_renewed", 1).await;
    assert!(shows(&server, &authority, &new).await);
    let metrics = crate::rig::client::Client { addr: server.metrics }.get("/metrics").await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(metrics.contains("registry_tls_reloads_total{outcome=\"ok\"}"), "{metrics}");
    assert!(metrics.contains("registry_tls_reloads_total{outcome=\"failed\"}"), "{metrics}");
    assert!(metrics.contains("registry_tls_certificate_expiry_seconds "), "{metrics}");
}

/// Kubernetes writes a new directory and then changes a link, through which all files are reached.
#[tokio::test]
async fn a_changed_link_is_noticed() {
    let authority = Authority::new();
    let pairs = [authority.server("old"), authority.server("new")];
    let volume = authority.path("volume");
    for (directory, pair) in ["..first", "..second"].iter().zip(&pairs) {
        let directory = volume.join(directory);
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("tls.crt"), &pair.certificate).unwrap();
        std::fs::write(directory.join("tls.key"), &pair.key).unwrap();
    }
    let files = Files { certificate: volume.join("tls.crt"), key: volume.join("tls.key") };
    symlink("..first", volume.join("..data")).unwrap();
    symlink("..data/tls.crt", &files.certificate).unwrap();
    symlink("..data/tls.key", &files.key).unwrap();
    let server = secured(&files).await.start().await;
    assert!(shows(&server, &authority, &pairs[0]).await);
    symlink("..second", volume.join("..data_tmp")).unwrap();
    std::fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
    logged(&server, "certificate_renewed", 1).await;
    assert!(shows(&server, &authority, &pairs[1]).await);
}

#[tokio::test]
async fn authorities_and_revocations_of_clients_are_read_anew() {
    let (servers, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let files = servers.files("shown", &servers.server("one"));
    let lists = clients.path("clients.crl");
    std::fs::write(&lists, clients.revocations(&[])).unwrap();
    let server = secured(&files)
        .await
        .env("OPEN_REGISTRY_TLS_CLIENT_CA_FILE", clients.root().to_str().unwrap())
        .env("OPEN_REGISTRY_TLS_CLIENT_CRL_FILE", lists.to_str().unwrap())
        .start()
        .await;
    let ada = clients.files("ada", &clients.client_numbered("ada", 7));
    let bob = clients.files("bob", &clients.client_numbered("bob", 8));
    let eve = others.files("eve", &others.client_numbered("eve", 7));
    let comes_in = async |who: &Files| {
        let (crt, key) = (who.certificate.to_str().unwrap(), who.key.to_str().unwrap());
        let text = s_client(server.addr, &servers.root(), &["-cert", crt, "-key", key]).await;
        assert!(text.contains("HTTP/1.1 404") != text.contains("alert"), "{text}");
        text.contains("HTTP/1.1 404")
    };
    assert!(comes_in(&ada).await && comes_in(&bob).await && !comes_in(&eve).await);
    std::fs::write(&lists, clients.revocations(&[7])).unwrap();
    logged(&server, "client_authorities_renewed", 1).await;
    assert!(!comes_in(&ada).await && comes_in(&bob).await);
    // A list that cannot be read takes nothing back.
    std::fs::write(&lists, "garbage").unwrap();
    logged(&server, "client_authorities_kept", 1).await;
    assert!(!comes_in(&ada).await && comes_in(&bob).await);
    std::fs::write(&lists, others.revocations(&[])).unwrap();
    std::fs::copy(others.root(), clients.root()).unwrap();
    hang_up(&server);
    // They may be read between the two writes.
    let began = std::time::Instant::now();
    while !comes_in(&eve).await {
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "{:#?}", server.log());
    }
    assert!(!comes_in(&bob).await);
}
