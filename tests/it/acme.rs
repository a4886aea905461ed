//! Certificates ordered by ACME from Pebble, a real directory.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use af_registry::outbound::unverified;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use crate::rig::authority::Authority;
use crate::rig::launch::Launch;
use crate::rig::pebble::{Front, Pebble, closed_port};
use crate::rig::server::{Builder, Server, builder};

const DAYS: Duration = Duration::from_secs(90 * 86_400);
/// Ends a test that hangs. No assertion depends on it.
const PATIENCE: Duration = Duration::from_secs(90);

/// A server that orders a certificate for two names from the directory on this port.
async fn ordering(authority: &Authority, directory: u16) -> Builder {
    builder()
        .await
        .env("OPEN_REGISTRY_SIGNING_SECRET", "0123456789abcdef0123456789abcdef")
        .env("OPEN_REGISTRY_ACME_DOMAIN", "Registry.example, www.registry.example")
        .env("OPEN_REGISTRY_ACME_CONTACT", "me@registry.example")
        .env("OPEN_REGISTRY_ACME_DIRECTORY_URL", &Pebble::url(directory))
        .env("OPEN_REGISTRY_ACME_CA_FILE", authority.file().to_str().unwrap())
}

/// The certificate that a client gets in a handshake, in DER form.
async fn shown(address: SocketAddr) -> Result<Vec<u8>, std::io::Error> {
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("registry.example").unwrap();
    let connector = TlsConnector::from(Arc::new(unverified().unwrap()));
    let stream = connector.connect(name, stream).await?;
    Ok(stream.get_ref().1.peer_certificates().unwrap()[0].to_vec())
}

fn names(certificate: &[u8]) -> Vec<String> {
    let (_, certificate) = parse_x509_certificate(certificate).unwrap();
    let names = certificate.subject_alternative_name().unwrap().unwrap();
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => (*name).to_owned(),
        other => panic!("{other}"),
    };
    let mut names: Vec<String> = names.value.general_names.iter().map(name).collect();
    names.sort();
    names
}

fn count(server: &Server, event: &str) -> usize {
    server.log().iter().filter(|line| line["event"] == event).count()
}

#[tokio::test]
async fn two_instances_order_one_certificate_and_a_restart_none() {
    let (authority, front, port) = (Authority::new(), Front::start(2).await, closed_port());
    let pebble = Pebble::start(&authority, port, front.port, DAYS);
    let first = ordering(&authority, port).await.start().await;
    let second = Builder::beside(&first).start().await;
    for server in [&first, &second] {
        front.lead_to(server.addr);
    }
    for server in [&first, &second] {
        server.logged("certificate_renewed", |_| true).await;
    }
    let certificate = shown(first.addr).await.unwrap();
    assert_eq!(names(&certificate), ["registry.example", "www.registry.example"]);
    assert_eq!(shown(second.addr).await.unwrap(), certificate);
    assert_eq!(count(&first, "certificate_ordered") + count(&second, "certificate_ordered"), 1);
    // Both instances answered validations, also the one that had not placed the order.
    for server in [&first, &second] {
        server.logged("acme_validated", |_| true).await;
    }

    // The stored certificate is used while the directory is down.
    drop(pebble);
    let second = second.restart().await;
    second.logged("certificate_renewed", |_| true).await;
    assert_eq!(shown(second.addr).await.unwrap(), certificate);
    // No client meets a server that has not read its certificate yet.
    let events: Vec<String> = second.log().iter().map(|line| line["event"].to_string()).collect();
    let first_of = |event: &str| events.iter().position(|other| other.contains(event));
    assert!(first_of("certificate_renewed") < first_of("\"listening"), "{events:?}");
    assert_eq!(count(&second, "certificate_ordering"), 0);

    let admin = &first.database().admin;
    let rows = admin.query("SELECT sealed FROM certificates", &[]).await.unwrap();
    let accounts = admin.query("SELECT sealed FROM acme_accounts", &[]).await.unwrap();
    assert_eq!((rows.len(), accounts.len()), (1, 1));
    for row in rows.iter().chain(&accounts) {
        let sealed: Vec<u8> = row.get(0);
        let text = String::from_utf8_lossy(&sealed);
        assert!(!text.contains("PRIVATE KEY") && !text.contains("key_pkcs8"), "{text}");
    }
    let left = admin.query_one("SELECT count(*) FROM acme_challenges", &[]).await.unwrap();
    assert_eq!(left.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn a_certificate_is_renewed_before_it_expires() {
    let (authority, front, port) = (Authority::new(), Front::start(1).await, closed_port());
    let _pebble = Pebble::start(&authority, port, front.port, Duration::from_secs(20));
    let server = ordering(&authority, port).await.start().await;
    front.lead_to(server.addr);
    server.logged("certificate_renewed", |_| true).await;
    let before = shown(server.addr).await.unwrap();
    let began = Instant::now();
    // `shown` panics if a handshake fails meanwhile.
    while shown(server.addr).await.unwrap() == before {
        assert!(began.elapsed() < PATIENCE, "{:#?}", server.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn an_order_is_repeated_after_a_directory_did_not_answer() {
    let (authority, front, port) = (Authority::new(), Front::start(1).await, closed_port());
    let server = ordering(&authority, port).await.start().await;
    front.lead_to(server.addr);
    let told = server.logged("certificate_order_failed", |_| true).await;
    let text = told["message"].as_str().unwrap();
    assert!(text.contains("does not answer"), "{text}");
    assert_eq!(told["directory"], Pebble::url(port));
    // A client gets an alert meanwhile, and does not have to wait.
    let told = shown(server.addr).await.unwrap_err().to_string();
    assert!(told.contains("alert"), "{told}");

    let _pebble = Pebble::start(&authority, port, front.port, DAYS);
    server.logged("certificate_renewed", |_| true).await;
    shown(server.addr).await.unwrap();
}

#[tokio::test]
async fn a_refused_order_is_logged_and_not_repeated_at_once() {
    let (authority, port) = (Authority::new(), closed_port());
    let _pebble = Pebble::start(&authority, port, closed_port(), DAYS);
    let server = ordering(&authority, port).await.start().await;
    let told = server.logged("certificate_order_failed", |_| true).await;
    let text = told["message"].as_str().unwrap();
    assert!(text.contains("registry.example") && text.contains("tls-alpn-01"), "{text}");
    let state = "SELECT failures, retry_at > now() + interval '1 minute', leased_by IS NULL FROM certificates";
    let began = Instant::now();
    loop {
        let row = server.database().admin.query_one(state, &[]).await.unwrap();
        if row.get(2) {
            assert_eq!((row.get::<_, i32>(0), row.get::<_, bool>(1)), (1, true));
            break;
        }
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(count(&server, "certificate_ordering"), 1);
    // The operator need not wait for the end of the pause, and sees what the directory answers.
    let ran = server.command(&["jobs", "run", "keep-certificate"]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(!ran.status.success() && said.contains("tls-alpn-01"), "{said}");
}

#[tokio::test]
async fn settings_that_no_order_can_use_keep_the_server_from_starting() {
    let launch = || Launch::new().env("OPEN_REGISTRY_ACME_DOMAIN", "registry.example");
    let file = launch().env("OPEN_REGISTRY_ACME_CA_FILE", "/nonexistent");
    file.refused().await.names(&["OPEN_REGISTRY_ACME_CA_FILE", "`/nonexistent`"]);
    let both = launch()
        .env("OPEN_REGISTRY_TLS_CERT_FILE", "/cert.pem")
        .env("OPEN_REGISTRY_TLS_KEY_FILE", "/key.pem");
    both.refused().await.names(&["OPEN_REGISTRY_ACME_DOMAIN", "OPEN_REGISTRY_TLS_CERT_FILE"]);
}
