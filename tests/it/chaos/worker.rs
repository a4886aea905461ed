//! A client that pushes, moves, mounts, pulls and deletes at random, with others in the same few repositories.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use af_registry::oci::Digest;
use af_registry::stream::hashing::sha256;
use bytes::Bytes;
use serde_json::{Value, json};

use super::caller::{Caller, Reply, odd};
use crate::history::{Call, Outcome};
use crate::rig::client::{Answer, OCI_MANIFEST, random};

const REPOSITORIES: [&str; 3] = ["one", "two", "deep/three"];
const TAGS: [&str; 2] = ["latest", "v1"];

/// What somebody has pushed, with the repository: blobs with their sizes, and manifests.
#[derive(Default)]
pub(super) struct Known {
    pub(super) blobs: BTreeSet<(String, Digest, usize)>,
    pub(super) manifests: BTreeSet<(String, Digest)>,
}

/// A client and what it shares with the others.
pub(super) struct Worker {
    pub(super) caller: Caller,
    pub(super) known: Arc<Mutex<Known>>,
}

type Blob = (Digest, usize);

impl Worker {
    /// Does one thing.
    pub(super) async fn act(&mut self) {
        let repository = (*self.caller.dice.pick(&REPOSITORIES)).to_owned();
        let tag = (*self.caller.dice.pick(&TAGS)).to_owned();
        match self.caller.dice.below(100) {
            0..30 => self.push_image(&repository, &tag).await,
            30..45 => self.move_tag(&repository, &tag).await,
            45..75 => self.pull(&repository, &tag).await,
            75..85 => self.mount(&repository).await,
            85..91 => self.delete_blob(&repository).await,
            91..95 => self.delete_manifest(&repository).await,
            _ => self.delete_tag(&repository, &tag).await,
        }
    }

    async fn push_image(&mut self, repository: &str, tag: &str) {
        let mut layers = Vec::new();
        for _ in 0..=self.caller.dice.below(2) {
            let size = match self.caller.dice.below(20) {
                0 => 9 << 20,
                1..5 => 2 << 20,
                _ => 20_000,
            };
            let bytes = random(self.caller.dice.next(), 1000 + self.caller.dice.below(size));
            let Some(layer) = self.push_blob(repository, &bytes).await else { return };
            layers.push(layer);
        }
        self.push_manifest(repository, tag, &layers).await;
    }

    /// Moves a tag to a new manifest of layers that are there already.
    async fn move_tag(&mut self, repository: &str, tag: &str) {
        if let Some(layer) = self.some_blob(repository) {
            self.push_manifest(repository, tag, &[layer]).await;
        }
    }

    fn some_blob(&mut self, repository: &str) -> Option<Blob> {
        let known = self.known.lock().unwrap();
        let here: Vec<_> = known.blobs.iter().filter(|(name, ..)| name == repository).collect();
        if here.is_empty() {
            return None;
        }
        let (_, digest, size) = here[self.caller.dice.below(here.len())];
        Some((digest.clone(), *size))
    }

    fn some_manifest(&mut self, repository: &str) -> Option<Digest> {
        let known = self.known.lock().unwrap();
        let here: Vec<_> = known.manifests.iter().filter(|(name, _)| name == repository).collect();
        if here.is_empty() {
            None
        } else {
            Some(here[self.caller.dice.below(here.len())].1.clone())
        }
    }

    /// Pushes a manifest that is like no other, so that each move of a tag has a value of its own.
    async fn push_manifest(&mut self, repository: &str, tag: &str, layers: &[Blob]) {
        let config = Bytes::from(json!({ "n": self.caller.dice.next() }).to_string());
        let Some(config) = self.push_blob(repository, &config).await else { return };
        let descriptor = |(digest, size): &Blob, kind: &str| {
            let media_type = format!("application/vnd.oci.image.{kind}");
            json!({ "mediaType": media_type, "digest": digest.as_str(), "size": size })
        };
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(&config, "config.v1+json"),
            "layers": layers.iter().map(|layer| descriptor(layer, "layer.v1.tar")).collect::<Vec<_>>(),
        });
        let bytes = Bytes::from(manifest.to_string());
        let digest = sha256(&bytes);
        let blobs = layers.iter().chain([&config]).map(|(digest, _)| digest.to_string()).collect();
        let call = Call::PushManifest {
            repository: repository.into(),
            manifest: digest.to_string(),
            tag: Some(tag.into()),
            blobs,
        };
        let path = format!("/v2/{repository}/manifests/{tag}");
        let headers = [("content-type", OCI_MANIFEST)];
        self.known.lock().unwrap().manifests.insert((repository.into(), digest));
        self.caller.call(call, "PUT", &path, &headers, bytes, pushed).await;
    }

    /// Pushes a blob in one of the ways of clients. `None` unless it was acknowledged.
    async fn push_blob(&mut self, repository: &str, bytes: &Bytes) -> Option<Blob> {
        let (start, digest) = (self.caller.notes.now(), sha256(bytes));
        let outcome = match self.caller.dice.below(2) {
            0 => self.push_at_once(repository, &digest, bytes).await,
            _ => self.push_in_pieces(repository, &digest, bytes).await,
        };
        let done = outcome == Outcome::Done;
        let call = Call::PushBlob { repository: repository.into(), blob: digest.to_string() };
        self.caller.notes.note(call, outcome, start);
        self.known.lock().unwrap().blobs.insert((repository.into(), digest.clone(), bytes.len()));
        done.then_some((digest, bytes.len()))
    }

    async fn push_at_once(&mut self, repository: &str, digest: &Digest, bytes: &Bytes) -> Outcome {
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        match self.caller.ask("POST", &path, &[], bytes.clone()).await {
            Reply::Answer(answer) if answer.status == 201 => Outcome::Done,
            Reply::Answer(answer) => odd(&answer),
            Reply::Nothing => Outcome::Unknown,
            Reply::Broken(how) => Outcome::Broken(how),
        }
    }

    /// Opens an upload, sends pieces to any instance, goes on where the registry says that it stands, and closes it.
    async fn push_in_pieces(
        &mut self,
        repository: &str,
        digest: &Digest,
        bytes: &Bytes,
    ) -> Outcome {
        let path = format!("/v2/{repository}/blobs/uploads/");
        let session = match self.caller.ask("POST", &path, &[], Bytes::new()).await {
            Reply::Answer(answer) if answer.status == 202 => answer.header("location").to_owned(),
            Reply::Answer(answer) => return odd(&answer),
            Reply::Nothing => return Outcome::Unknown,
            Reply::Broken(how) => return Outcome::Broken(how),
        };
        let (mut at, mut failures) = (0, 0);
        while at < bytes.len() {
            let upto = (at + 1 + self.caller.dice.below(2 * bytes.len())).min(bytes.len());
            let range = format!("{at}-{}", upto - 1);
            let headers = [("content-range", range.as_str())];
            match self.caller.ask("PATCH", &session, &headers, bytes.slice(at..upto)).await {
                Reply::Answer(answer) if answer.status == 202 => {
                    at = upto;
                    continue;
                }
                Reply::Answer(answer) if answer.status == 416 => {}
                Reply::Answer(answer) => return odd(&answer),
                Reply::Nothing => {}
                Reply::Broken(how) => return Outcome::Broken(how),
            }
            failures += 1;
            if failures > 5 {
                return Outcome::Unknown;
            }
            match self.caller.ask("GET", &session, &[], Bytes::new()).await {
                Reply::Answer(answer) if answer.status == 204 => at = stored(&answer),
                Reply::Answer(answer) => return odd(&answer),
                Reply::Nothing => {}
                Reply::Broken(how) => return Outcome::Broken(how),
            }
        }
        let path = format!("{session}?digest={digest}");
        match self.caller.ask("PUT", &path, &[], Bytes::new()).await {
            Reply::Answer(answer) if answer.status == 201 => Outcome::Done,
            // A PATCH whose connection broke may still store its bytes.
            Reply::Answer(answer) if answer.status == 416 => Outcome::Unknown,
            Reply::Answer(answer) => odd(&answer),
            Reply::Nothing => Outcome::Unknown,
            Reply::Broken(how) => Outcome::Broken(how),
        }
    }

    async fn mount(&mut self, repository: &str) {
        let from = (*self.caller.dice.pick(&REPOSITORIES)).to_owned();
        let Some((digest, size)) = self.some_blob(&from) else { return };
        let start = self.caller.notes.now();
        let path = format!("/v2/{repository}/blobs/uploads/?mount={digest}&from={from}");
        let mounted = Call::PushBlob { repository: repository.into(), blob: digest.to_string() };
        let (call, outcome) = match self.caller.ask("POST", &path, &[], Bytes::new()).await {
            Reply::Answer(answer) if answer.status == 201 => (mounted, Outcome::Done),
            // The source does not have it.
            Reply::Answer(answer) if answer.status == 202 => {
                let session = answer.header("location").to_owned();
                let source = Call::ReadBlob { repository: from, blob: digest.to_string() };
                self.caller.notes.note(source, Outcome::Absent, start);
                self.caller.ask("DELETE", &session, &[], Bytes::new()).await;
                return;
            }
            Reply::Answer(answer) => (mounted, odd(&answer)),
            Reply::Nothing => (mounted, Outcome::Unknown),
            Reply::Broken(how) => (mounted, Outcome::Broken(how)),
        };
        self.caller.notes.note(call, outcome, start);
        self.known.lock().unwrap().blobs.insert((repository.into(), digest, size));
    }

    async fn pull(&mut self, repository: &str, tag: &str) {
        let Some(manifest) = self.read_tag(repository, tag).await else { return };
        let Ok(manifest) = serde_json::from_slice::<Value>(&manifest) else { return };
        let layers = manifest["layers"].as_array().cloned().unwrap_or_default();
        for blob in layers.iter().chain([&manifest["config"]]) {
            if let Some(digest) = blob["digest"].as_str() {
                self.read_blob(repository, digest).await;
            }
        }
    }

    /// Reads a tag, and then the manifest that it names by its digest.
    pub(super) async fn read_tag(&mut self, repository: &str, tag: &str) -> Option<Bytes> {
        let call = Call::ReadTag { repository: repository.into(), tag: tag.into() };
        let path = format!("/v2/{repository}/manifests/{tag}");
        let answer = self.caller.call(call, "GET", &path, &[], Bytes::new(), read).await?;
        if answer.status != 200 {
            return None;
        }
        self.read_manifest(repository, sha256(&answer.body).as_str()).await;
        Some(answer.body)
    }

    pub(super) async fn read_manifest(&mut self, repository: &str, digest: &str) {
        let call = Call::ReadManifest { repository: repository.into(), manifest: digest.into() };
        let path = format!("/v2/{repository}/manifests/{digest}");
        self.caller.call(call, "GET", &path, &[], Bytes::new(), read).await;
    }

    pub(super) async fn read_blob(&mut self, repository: &str, digest: &str) {
        let call = Call::ReadBlob { repository: repository.into(), blob: digest.into() };
        let path = format!("/v2/{repository}/blobs/{digest}");
        self.caller.call(call, "GET", &path, &[], Bytes::new(), read).await;
    }

    async fn delete_blob(&mut self, repository: &str) {
        let Some((digest, _)) = self.some_blob(repository) else { return };
        let call = Call::DeleteBlob { repository: repository.into(), blob: digest.to_string() };
        let path = format!("/v2/{repository}/blobs/{digest}");
        self.caller.call(call, "DELETE", &path, &[], Bytes::new(), deleted).await;
    }

    async fn delete_manifest(&mut self, repository: &str) {
        let Some(digest) = self.some_manifest(repository) else { return };
        let manifest = digest.to_string();
        let call = Call::DeleteManifest { repository: repository.into(), manifest };
        let path = format!("/v2/{repository}/manifests/{digest}");
        self.caller.call(call, "DELETE", &path, &[], Bytes::new(), deleted).await;
    }

    async fn delete_tag(&mut self, repository: &str, tag: &str) {
        let call = Call::DeleteTag { repository: repository.into(), tag: tag.into() };
        let path = format!("/v2/{repository}/manifests/{tag}");
        self.caller.call(call, "DELETE", &path, &[], Bytes::new(), deleted).await;
    }

    /// Reads every tag and everything that somebody has pushed or may have pushed.
    pub(super) async fn read_all(&mut self) {
        for repository in REPOSITORIES {
            for tag in TAGS {
                self.read_tag(repository, tag).await;
            }
        }
        let (blobs, manifests) = {
            let known = self.known.lock().unwrap();
            (known.blobs.clone(), known.manifests.clone())
        };
        for (repository, digest) in manifests {
            self.read_manifest(&repository, digest.as_str()).await;
        }
        for (repository, digest, _) in blobs {
            self.read_blob(&repository, digest.as_str()).await;
        }
    }
}

fn pushed(answer: &Answer) -> Outcome {
    match answer.status.as_u16() {
        201 => Outcome::Done,
        400 if answer.code() == "MANIFEST_BLOB_UNKNOWN" => Outcome::Absent,
        _ => odd(answer),
    }
}

fn read(answer: &Answer) -> Outcome {
    match answer.status.as_u16() {
        200 => Outcome::Found(sha256(&answer.body).to_string()),
        404 => Outcome::Absent,
        _ => odd(answer),
    }
}

fn deleted(answer: &Answer) -> Outcome {
    match answer.status.as_u16() {
        200..300 => Outcome::Done,
        404 => Outcome::Absent,
        // A manifest needs it.
        405 => Outcome::Refused,
        _ => odd(answer),
    }
}

/// The length in the Range of an upload. A single byte looks like none, and is sent again in vain.
fn stored(answer: &Answer) -> usize {
    let last = answer.header("range").strip_prefix("0-").and_then(|last| last.parse().ok());
    match last.unwrap_or(0) {
        0 => 0,
        last => last + 1,
    }
}
