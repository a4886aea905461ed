//! Pushes and pulls that go on while a test breaks something, and what they saw.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use af_registry::oci::Digest;
use af_registry::stream::hashing::sha256;
use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::client::{
    Answer, Client, OCI_MANIFEST, Outgoing, full, image, nothing, random, request,
};

/// No request may take longer, whatever is broken.
const HANGS: Duration = Duration::from_secs(20);

/// An image whose manifest was answered by 201.
#[derive(Debug)]
struct Pushed {
    tag: String,
    manifest: Bytes,
    layer: Bytes,
}

#[derive(Debug, Default)]
struct Record {
    pushed: Vec<Arc<Pushed>>,
    pulls: u32,
    refusals: u32,
}

/// Pushers and pullers of one repository. Each panics when it gets an answer that a fault does not excuse: anything but
/// success and a 503 with `Retry-After`. After a refusal it goes on, as clients do.
pub(crate) struct Load {
    client: Client,
    record: Arc<Mutex<Record>>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Load {
    pub(crate) fn start(client: Client, pushers: u64, pullers: u64) -> Self {
        let (record, stop) = (Arc::<Mutex<Record>>::default(), CancellationToken::new());
        let worker = |n: u64| Worker { client, n, record: Arc::clone(&record), stop: stop.clone() };
        let push = (0..pushers).map(|n| tokio::spawn(worker(n).push()));
        let pull = (0..pullers).map(|n| tokio::spawn(worker(n).pull()));
        let tasks = push.chain(pull).collect();
        Self { client, record, stop, tasks }
    }

    /// Waits until `more` images are pushed and pulled, and returns how long that took.
    pub(crate) async fn advances(&self, more: usize) -> Duration {
        let (began, before) = (Instant::now(), self.counts());
        loop {
            let now = self.counts();
            if now.0 >= before.0 + more && now.1 >= before.1 + more {
                return began.elapsed();
            }
            assert!(began.elapsed() < Duration::from_secs(60), "pushes and pulls do not go on");
            assert!(!self.tasks.iter().any(JoinHandle::is_finished), "a client gave up");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn counts(&self) -> (usize, usize) {
        let record = self.record.lock().unwrap();
        (record.pushed.len(), record.pulls as usize)
    }

    /// Stops, and checks that everything is there that was acknowledged. Returns how many images there are and how many
    /// requests were refused.
    pub(crate) async fn finish(self) -> (usize, u32) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.unwrap();
        }
        let record = std::mem::take(&mut *self.record.lock().unwrap());
        for pushed in &record.pushed {
            let found = self.client.get(&pushed.path()).await.expect(200);
            assert_eq!(found.body, pushed.manifest);
            let found = self.client.get(&pushed.blob()).await.expect(200);
            assert!(found.body == pushed.layer && !found.cut);
        }
        (record.pushed.len(), record.refusals)
    }
}

impl Pushed {
    fn path(&self) -> String {
        format!("/v2/load/manifests/{}", self.tag)
    }

    fn blob(&self) -> String {
        format!("/v2/load/blobs/{}", sha256(&self.layer))
    }
}

struct Worker {
    client: Client,
    n: u64,
    record: Arc<Mutex<Record>>,
    stop: CancellationToken,
}

/// The request was refused by a 503, or did not find the session that an earlier, refused request has ended.
struct Refused;

impl Worker {
    async fn push(self) {
        let (mut at, config) = (0, Bytes::from_static(b"{}"));
        while !self.stop.is_cancelled() {
            at += 1;
            let seed = 100_000 * (self.n + 1) + at;
            let layer = random(seed, 1000 * (1 + usize::try_from(seed % 300).unwrap()));
            let manifest = image(&sha256(&config), 2, &[(&sha256(&layer), layer.len())]);
            let tag = format!("t{seed}");
            if self.image(&config, &layer, &manifest, &tag).await.is_ok() {
                let pushed = Arc::new(Pushed { tag, manifest, layer });
                self.record.lock().unwrap().pushed.push(pushed);
            } else {
                self.record.lock().unwrap().refusals += 1;
            }
        }
    }

    async fn image(
        &self,
        config: &Bytes,
        layer: &Bytes,
        manifest: &Bytes,
        tag: &str,
    ) -> Result<(), Refused> {
        for blob in [config, layer] {
            let digest = sha256(blob);
            let start = self.ask("POST", "/v2/load/blobs/uploads/", nothing(), &[202]).await?;
            let session = start.header("location").to_owned();
            // A commit whose answer was lost has ended the session, so a 404 may follow on a refusal only.
            self.close(&session, &digest, blob).await?;
        }
        let path = format!("/v2/load/manifests/{tag}");
        let headers = [("content-type", OCI_MANIFEST)];
        let put = request("PUT", &path, &headers, full(manifest.clone()));
        self.send(put, &[201]).await.map(drop)
    }

    async fn close(&self, session: &str, digest: &Digest, blob: &Bytes) -> Result<(), Refused> {
        let path = format!("{session}?digest={digest}");
        self.ask("PUT", &path, full(blob.clone()), &[201]).await.map(drop)
    }

    async fn pull(self) {
        let mut at = self.n;
        while !self.stop.is_cancelled() {
            let known = {
                let record = self.record.lock().unwrap();
                let count = record.pushed.len() as u64;
                (count > 0).then(|| Arc::clone(&record.pushed[(at % count) as usize]))
            };
            at = at.wrapping_mul(31).wrapping_add(7);
            let Some(pushed) = known else {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            };
            let pulled = async {
                let manifest = self.ask("GET", &pushed.path(), nothing(), &[200]).await?;
                assert_eq!(manifest.body, pushed.manifest);
                let blob = self.ask("GET", &pushed.blob(), nothing(), &[200]).await?;
                assert!(blob.body == pushed.layer && !blob.cut, "a wrong blob");
                Ok::<_, Refused>(())
            };
            let pulled = pulled.await;
            let mut record = self.record.lock().unwrap();
            match pulled {
                Ok(()) => record.pulls += 1,
                Err(Refused) => record.refusals += 1,
            }
        }
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Outgoing,
        fine: &[u16],
    ) -> Result<Answer, Refused> {
        self.send(request(method, path, &[], body), fine).await
    }

    async fn send(
        &self,
        request: hyper::Request<Outgoing>,
        fine: &[u16],
    ) -> Result<Answer, Refused> {
        let what = format!("{} {}", request.method(), request.uri());
        let answer = tokio::time::timeout(HANGS, self.client.try_send(request)).await;
        let answer = answer.unwrap_or_else(|_| panic!("{what} hangs"));
        let answer = answer.unwrap_or_else(|error| panic!("{what}: no answer: {error}"));
        match answer.status.as_u16() {
            status if fine.contains(&status) => Ok(answer),
            503 if !answer.header("retry-after").is_empty() => Err(Refused),
            _ => panic!("{what}: {answer:?}"),
        }
    }
}
