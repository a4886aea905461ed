//! A remote Kubo: behind TLS, and with an RPC API that requires credentials.

use std::path::Path;
use std::time::Duration;

use af_registry::config::{self, KuboLogin, Secret, ServerAddress};
use af_registry::ipfs::{Block, IpfsError, Kubo};
use af_registry::ipld::Cid;
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::rig::authority::Authority;
use crate::rig::client::random;
use crate::rig::kubo::Node;
use crate::rig::launch::Launch;
use crate::rig::server::builder;
use crate::rig::terminator::{Ending, Terminator};
use crate::rig::{database, kubo};

const MIB: usize = 1 << 20;

fn https(host: &str, port: u16) -> ServerAddress {
    ServerAddress { https: true, host: host.to_owned(), port }
}

/// Settings of a Kubo without a gateway, behind TLS. Its certificate must be issued by the authority in `file`.
fn certified(host: &str, port: u16, file: &Path) -> config::Kubo {
    let authorities = Some(file.to_owned());
    config::Kubo { authorities, ..config::Kubo::at(https(host, port)) }
}

async fn add(kubo: &Kubo, content: &Bytes) -> Result<Cid, IpfsError> {
    let mut add = kubo.begin_add().await?;
    add.send(content.clone()).await?;
    Ok(add.finish().await?.cid)
}

async fn read(kubo: &Kubo, cid: &Cid, size: usize) -> Result<Bytes, IpfsError> {
    Ok(kubo.read(cid, size as u64, None).await?.collect().await?.to_bytes())
}

#[tokio::test]
async fn a_node_behind_tls_works_like_a_local_one() {
    let (authority, local) = (Authority::new(), kubo().await);
    let certificate = authority.certify(&["localhost"]);
    let api = Terminator::start(&certificate, local.api.port).await;
    let gateway = Terminator::start(&certificate, local.gateway.unwrap().port).await;
    let by_cat = certified("localhost", api.port, authority.file());
    let by_gateway =
        config::Kubo { gateway: Some(https("localhost", gateway.port)), ..by_cat.clone() };
    let content = random(71, 3 * MIB + 5);
    for settings in [by_cat, by_gateway] {
        let kubo = Kubo::new(&settings).unwrap();
        kubo.ready().await.unwrap();
        let cid = add(&kubo, &content).await.unwrap();
        assert!(read(&kubo, &cid, content.len()).await.unwrap() == content);
        let small = Block::raw(vec![content.slice(..1000)]);
        kubo.put(&small).await.unwrap();
        let small = small.cid();
        assert_eq!(kubo.block(&small).await.unwrap(), content[..1000]);
    }
}

#[tokio::test]
async fn an_add_that_is_given_up_under_tls_is_reset_and_leaves_no_pin() {
    let (authority, node) = (Authority::new(), Node::start());
    let front = Terminator::start(&authority.certify(&["localhost"]), node.settings.api.port).await;
    let settings = certified("localhost", front.port, authority.file());
    let kubo = Kubo::new(&settings).unwrap();
    let (before, content) = (node.pins(), random(72, 4 * MIB));
    let mut torn = 0;
    for len in [0, 1, MIB + MIB / 2, 4 * MIB] {
        for pause in [0, 300] {
            let mut add = kubo.begin_add().await.unwrap();
            for at in (0..len).step_by(100_000) {
                add.send(content.slice(at..len.min(at + 100_000))).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
            drop(add);
            torn += 1;
        }
    }
    assert_eq!(front.endings(torn).await, vec![Ending::Reset; torn]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(node.pins(), before);
}

#[tokio::test]
async fn a_node_without_a_trusted_certificate_is_refused() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let port = kubo().await.api.port;
    let front = Terminator::start(&authority.certify(&["localhost"]), port).await;
    for (host, file, why) in [
        ("localhost", stranger.file(), "UnknownIssuer"),
        ("127.0.0.1", authority.file(), "not valid for name"),
    ] {
        let settings = certified(host, front.port, file);
        let told = Kubo::new(&settings).unwrap().version().await.unwrap_err();
        assert!(matches!(told, IpfsError::Unavailable(_)), "{told}");
        assert!(told.to_string().contains(why), "{told}");
    }
}

fn token(text: &str) -> KuboLogin {
    KuboLogin::Token(Secret::new(text))
}

fn basic(user: &str, password: &str) -> KuboLogin {
    KuboLogin::Basic { user: user.to_owned(), password: Secret::new(password) }
}

#[tokio::test]
async fn an_api_that_requires_credentials_gets_them() {
    for (secret, right, wrong) in [
        ("bearer:hunter2", token("hunter2"), token("hunter3")),
        ("basic:me:hunter2", basic("me", "hunter2"), basic("me", "hunter3")),
    ] {
        let node = Node::guarded(secret);
        let settings = config::Kubo { login: Some(right), ..node.settings.clone() };
        assert!(!format!("{settings:?}").contains("hunter"), "{settings:?}");
        let kubo = Kubo::new(&settings).unwrap();
        let content = random(73, 2 * MIB);
        let cid = add(&kubo, &content).await.unwrap();
        assert!(read(&kubo, &cid, content.len()).await.unwrap() == content);
        kubo.pin(&cid).await.unwrap();
        assert_eq!(kubo.unpin(&[cid]).await, Ok(true));
        for login in [None, Some(wrong)] {
            let kubo = Kubo::new(&config::Kubo { login, ..node.settings.clone() }).unwrap();
            let told = kubo.version().await.unwrap_err();
            assert!(matches!(told, IpfsError::Refused { status: 403, .. }), "{told}");
            assert!(!told.to_string().contains("hunter"), "{told}");
            let told = add(&kubo, &content).await.unwrap_err();
            assert!(!matches!(told, IpfsError::Broken(_)), "{told}");
        }
    }
}

/// Accepts one request and returns its head in lower case, without answering.
async fn record_head(listener: TcpListener) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let _ = stream.shutdown().await;
    String::from_utf8(head).unwrap().to_lowercase()
}

#[tokio::test]
async fn credentials_are_sent_to_the_gateway_only_if_it_is_the_api() {
    let empty = Block::raw(Vec::new());
    Kubo::new(&kubo().await).unwrap().put(&empty).await.unwrap();
    let cid = empty.cid();
    for same in [false, true] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let gateway = ServerAddress { https: false, host: "127.0.0.1".into(), port };
        let api = if same { gateway.clone() } else { kubo().await.api };
        let told = tokio::spawn(record_head(listener));
        let login = Some(token("hunter2"));
        let settings = config::Kubo { gateway: Some(gateway), login, ..config::Kubo::at(api) };
        let kubo = Kubo::new(&settings).unwrap();
        assert!(read(&kubo, &cid, 7).await.is_err());
        let told = told.await.unwrap();
        assert!(told.starts_with("get /ipfs/"), "{told}");
        assert_eq!(told.contains("authorization: bearer hunter2"), same, "{told}");
    }
}

#[tokio::test]
async fn a_registry_works_on_a_guarded_node_behind_tls() {
    let (authority, node) = (Authority::new(), Node::guarded("bearer:hunter2"));
    let front = Terminator::start(&authority.certify(&["localhost"]), node.settings.api.port).await;
    let url = format!("https://localhost:{}", front.port);
    let server = builder()
        .await
        .on(&node)
        .env("OPEN_REGISTRY_DFS_IPFS_API_URL", &url)
        .env("OPEN_REGISTRY_DFS_IPFS_CA_FILE", authority.file().to_str().unwrap())
        .env("OPEN_REGISTRY_DFS_IPFS_API_TOKEN", "hunter2")
        .start()
        .await;
    let layer = random(74, 5 * MIB);
    let (_, digest) = server.client().push_image("remote", "v1", &layer).await;
    let answer = server.client().get(&format!("/v2/remote/blobs/{digest}")).await.expect(200);
    assert!(answer.body == layer && !answer.cut);
    let log = serde_json::to_string(&server.log()).unwrap();
    assert!(!log.contains("hunter2"), "{log}");
}

#[tokio::test]
async fn a_node_that_cannot_be_used_is_named_at_the_start() {
    let (authority, node) = (Authority::new(), Node::guarded("bearer:hunter2"));
    let front = Terminator::start(&authority.certify(&["localhost"]), node.settings.api.port).await;
    let (database, url) = (database().await, format!("https://localhost:{}", front.port));
    let stranger = Authority::new();
    let launch = |file: &str| {
        Launch::new()
            .on(&database.settings, &node.settings)
            .env("OPEN_REGISTRY_DFS_IPFS_API_URL", &url)
            .env("OPEN_REGISTRY_DFS_IPFS_CA_FILE", file)
    };
    let [ours, theirs] = [&authority, &stranger].map(|who| who.file().to_str().unwrap());
    launch(theirs).refused().await.names(&["Kubo", &url, "UnknownIssuer"]);
    launch("/nonexistent").refused().await.names(&["OPEN_REGISTRY_DFS_IPFS_CA_FILE", "`/nonex"]);
    for launch in [launch(ours), launch(ours).env("OPEN_REGISTRY_DFS_IPFS_API_TOKEN", "hunter3")] {
        let refusal = launch.refused().await;
        refusal.names(&["Kubo", &url, "403", "OPEN_REGISTRY_DFS_IPFS_API_TOKEN"]);
        assert!(!refusal.stderr.contains("hunter3"), "{refusal:?}");
    }
}
