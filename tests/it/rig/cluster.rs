//! A stand-in for an IPFS Cluster of real nodes: its proxy, as ipfs-cluster `api/ipfsproxy/ipfsproxy.go` answers, and pins that
//! reach the nodes only when the test says so.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use af_registry::config::ServerAddress;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;

use super::kubo::Node;
use super::meddler::ask;

/// A cluster. It ends with the runtime of the test.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) proxy: ServerAddress,
    shared: Arc<Shared>,
}

struct Shared {
    /// The node of the peer with the proxy.
    node: u16,
    answers: AtomicBool,
    /// The state that all peers share.
    pins: Mutex<BTreeSet<String>>,
    /// The calls that the proxy took over or passed on.
    asked: Mutex<Vec<String>>,
}

impl Cluster {
    /// Starts the proxy of a peer whose node is `node`.
    pub(crate) async fn before(node: &Node) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy = ServerAddress { https: false, host: "127.0.0.1".into(), port };
        let shared = Arc::new(Shared {
            node: node.settings.api.port,
            answers: AtomicBool::new(true),
            pins: Mutex::default(),
            asked: Mutex::default(),
        });
        let served = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&served);
                let serve = service_fn(move |request| answer(Arc::clone(&shared), request));
                let http = server::Builder::new().serve_connection(TokioIo::new(stream), serve);
                tokio::spawn(http);
            }
        });
        Self { proxy, shared }
    }

    /// Lets the proxy break every connection, or answer again.
    pub(crate) fn set_answers(&self, answers: bool) {
        self.shared.answers.store(answers, Ordering::Relaxed);
    }

    /// The CIDs in the shared state.
    pub(crate) fn pins(&self) -> BTreeSet<String> {
        self.shared.pins.lock().unwrap().clone()
    }

    /// Puts CIDs into the shared state.
    pub(crate) fn hold(&self, cids: impl IntoIterator<Item = String>) {
        self.shared.pins.lock().unwrap().extend(cids);
    }

    /// Names of the calls so far, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// Lets the nodes follow the shared state: each fetches what it lacks, and pins it.
    pub(crate) fn settle(&self, nodes: &[Node]) {
        for cid in self.pins() {
            for node in nodes.iter().filter(|node| !node.is_pinned(&cid)) {
                node.ipfs(&["pin", "add", &cid]);
            }
        }
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> io::Result<Response<Full<Bytes>>> {
    if !shared.answers.load(Ordering::Relaxed) {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    let call = request.uri().path().trim_start_matches("/api/v0/").to_owned();
    shared.asked.lock().unwrap().push(call.clone());
    let query = request.uri().query().unwrap_or_default();
    let options: Vec<(String, String)> = query
        .split('&')
        .filter_map(|option| option.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let option =
        |name: &str| options.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    // All but the first argument are ignored.
    let cid = option("arg");
    let (status, body) = match (call.as_str(), cid) {
        ("pin/add", Some(cid)) => {
            shared.pins.lock().unwrap().insert(cid.clone());
            (200, json!({ "Pins": [cid] }).to_string())
        }
        ("pin/rm", Some(cid)) => match shared.pins.lock().unwrap().remove(&cid) {
            true => (200, json!({ "Pins": [cid] }).to_string()),
            false => refused("pin is not part of the pinset"),
        },
        ("pin/ls", Some(cid)) => match shared.pins.lock().unwrap().contains(&cid) {
            true => (200, json!({ "Keys": { cid: { "Type": "recursive" } } }).to_string()),
            false => refused(&format!("Error: path '{cid}' is not pinned")),
        },
        ("pin/ls", None) if option("stream").as_deref() == Some("true") => {
            let pins = shared.pins.lock().unwrap();
            let line = |cid| format!("{}\n", json!({ "Cid": cid, "Type": "recursive" }));
            (200, pins.iter().map(line).collect())
        }
        ("repo/stat", _) => (200, json!({ "RepoSize": 3_000, "StorageMax": 9_000 }).to_string()),
        _ => return pass_on(shared.node, request).await,
    };
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status.try_into().unwrap();
    Ok(answer)
}

fn refused(message: &str) -> (u16, String) {
    (500, json!({ "Message": message, "Code": 0, "Type": "error" }).to_string())
}

async fn pass_on(node: u16, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let answer = ask(node, Request::from_parts(head, body.to_vec())).await?;
    Ok(answer.map(|body| Full::new(Bytes::from(body))))
}
