//! Answers of Kubo that are cut, short, long or wrong.

use std::sync::{Arc, Mutex};

use af_registry::oci::Digest;
use bytes::Bytes;

use super::{MIB, finish, stored};
use crate::rig::client::{full, nothing, random, request};
use crate::rig::kubo::Node;
use crate::rig::meddler::{Meddling, meddle};
use crate::rig::server::{Server, builder};
use crate::rig::whole::whole;

/// A server whose calls of both listeners of Kubo pass a proxy. The next call whose path contains the first text is meddled
/// with.
struct Meddled {
    node: Node,
    server: Server,
    next: Arc<Mutex<Option<(&'static str, Meddling)>>>,
}

impl Meddled {
    async fn start(gateway: bool) -> Self {
        let node = Node::start();
        let next = Arc::new(Mutex::new(None::<(&'static str, Meddling)>));
        let decide = || {
            let next = Arc::clone(&next);
            move |path: &str| {
                let mut next = next.lock().unwrap();
                let meant = next.as_ref().is_some_and(|(call, _)| path.contains(call));
                if meant { next.take().map(|(_, meddling)| meddling) } else { None }
            }
        };
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let api = meddle(&node.settings.api, decide()).await;
        let other = meddle(node.settings.gateway.as_ref().unwrap(), decide()).await;
        let builder =
            builder().await.on(&node).env("OPEN_REGISTRY_DFS_IPFS_API_URL", &url(api.port));
        let builder = if gateway {
            builder.env("OPEN_REGISTRY_DFS_IPFS_GATEWAY_URL", &url(other.port))
        } else {
            builder.without_gateway()
        };
        Self { server: builder.start().await, node, next }
    }

    /// Meddles with the next read of a blob, which must show no wrong byte and must not end in order.
    async fn read(&self, call: &'static str, meddling: Meddling, digest: &Digest, bytes: &Bytes) {
        let flipped = matches!(meddling, Meddling::Change(change) if change(vec![0]) == [1]);
        *self.next.lock().unwrap() = Some((call, meddling));
        let path = format!("/v2/f03/blobs/{digest}");
        let read = self.server.client().try_send(request("GET", &path, &[], nothing())).await;
        assert!(self.next.lock().unwrap().is_none(), "{call} was not called");
        // No answer at all is a connection that broke before the first byte.
        let Ok(answer) = read else { return };
        if answer.status != 200 {
            answer.refused(503, "UNAVAILABLE");
            return;
        }
        if !answer.cut {
            // A read that broke off went on.
            assert!(answer.body == *bytes, "other bytes ended in order");
        } else if flipped {
            assert!(answer.body.len() < bytes.len(), "all bytes were sent");
        } else {
            let is_prefix = bytes.starts_with(&answer.body) && answer.body.len() < bytes.len();
            assert!(is_prefix, "something follows that is not the blob's");
        }
    }
}

fn flip(mut body: Vec<u8>) -> Vec<u8> {
    let middle = body.len() / 2;
    body[middle] ^= 1;
    body
}

fn shorten(mut body: Vec<u8>) -> Vec<u8> {
    body.truncate(body.len() * 2 / 3);
    body
}

fn lengthen(mut body: Vec<u8>) -> Vec<u8> {
    body.extend_from_slice(b"more");
    body
}

/// How often in a row a blob must be served after a bad read. A check of its bytes may still be under way.
const SERVED: usize = 10;

/// Kubo answers well again, and the bytes in it were never bad. Where the answer looked as if they were, the blob is under
/// quarantine until it is pushed again.
async fn heals(meddled: &Meddled, digest: &Digest, bytes: &Bytes) {
    let (client, path) = (meddled.server.client(), format!("/v2/f03/blobs/{digest}"));
    let mut served = 0;
    for _ in 0..200 {
        let answer = client.get(&path).await;
        if answer.status == 200 {
            assert!(answer.body == *bytes && !answer.cut);
            served += 1;
        } else {
            answer.refused(503, "UNAVAILABLE");
            client.push_blob("f03", bytes).await;
            served = 0;
        }
        if served == SERVED {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the blob is not served again");
}

#[tokio::test]
async fn f03_f30_a_bad_read_never_looks_like_a_blob() {
    let bad = [
        Meddling::Change(flip),
        Meddling::Change(shorten),
        Meddling::Change(lengthen),
        Meddling::CutAnswer(0),
        Meddling::CutAnswer(MIB + 5),
    ];
    for (gateway, call) in [(true, "/ipfs/"), (false, "/cat?")] {
        let meddled = Meddled::start(gateway).await;
        for (n, meddling) in bad.iter().cloned().enumerate() {
            let bytes = random(80 + n as u64, 2 * MIB + 77);
            let digest = meddled.server.client().push_blob("f03", &bytes).await;
            meddled.read(call, meddling, &digest, &bytes).await;
            heals(&meddled, &digest, &bytes).await;
        }
        whole(meddled.server.client(), &meddled.server.database().settings, &meddled.node).await;
    }
}

fn no_line(_: Vec<u8>) -> Vec<u8> {
    Vec::new()
}

fn half_a_line(mut body: Vec<u8>) -> Vec<u8> {
    body.truncate(body.len() / 2);
    body
}

fn an_error_follows(mut body: Vec<u8>) -> Vec<u8> {
    body.extend_from_slice(b"{\"Message\":\"pin: disk full\",\"Code\":0,\"Type\":\"error\"}\n");
    body
}

fn an_error_only(_: Vec<u8>) -> Vec<u8> {
    b"{\"Message\":\"pin: disk full\",\"Code\":0,\"Type\":\"error\"}\n".to_vec()
}

#[tokio::test]
async fn f03_f04_an_add_without_a_good_answer_stores_nothing() {
    let meddled = Meddled::start(true).await;
    let client = meddled.server.client();
    for (n, bad) in [no_line, half_a_line, an_error_follows, an_error_only].into_iter().enumerate()
    {
        let bytes = random(90 + n as u64, 3 * MIB + n);
        let session = client.start_upload("f04").await;
        *meddled.next.lock().unwrap() = Some(("/add?", Meddling::Change(bad)));
        let patch = request("PATCH", &session, &[], full(bytes.clone()));
        client.send(patch).await.refused(503, "UNAVAILABLE");
        assert!(meddled.next.lock().unwrap().is_none(), "add was not called");
        let at = stored(client, &session).await;
        assert_eq!(at, 0, "bytes count that Kubo did not confirm");
        finish(client, &session, &bytes, at).await;
    }
    whole(client, &meddled.server.database().settings, &meddled.node).await;
}
