//! One client of the fleet: how it pulls and pushes an image, and the log of what it felt.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty, Full};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::connection::{Answer, Connection, Failure, Outgoing};
use crate::image::{Image, MANIFEST, Pushed, Source};
use crate::plan::Plan;

/// How often a client repeats what was answered by 503.
const ATTEMPTS: u32 = 5;
/// Longest time for one request.
const PATIENCE: Duration = Duration::from_secs(120);

/// What was timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Connect,
    PullManifest,
    FirstByte,
    PullBlob,
    PullImage,
    PushBlob,
    PushManifest,
    PushImage,
}

impl Step {
    pub(crate) const ALL: [Self; 8] = [
        Self::Connect,
        Self::PullManifest,
        Self::FirstByte,
        Self::PullBlob,
        Self::PullImage,
        Self::PushBlob,
        Self::PushManifest,
        Self::PushImage,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::PullManifest => "pull manifest",
            Self::FirstByte => "first byte of blob",
            Self::PullBlob => "pull blob",
            Self::PullImage => "pull image",
            Self::PushBlob => "push blob",
            Self::PushManifest => "push manifest",
            Self::PushImage => "push image",
        }
    }
}

/// One step that succeeded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) step: Step,
    /// Time since the start of the run.
    pub(crate) at: Duration,
    pub(crate) took: Duration,
    /// Bytes of content that it moved.
    pub(crate) bytes: u64,
}

/// What clients felt.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) samples: Vec<Sample>,
    /// Number of errors by their text.
    pub(crate) errors: BTreeMap<String, u64>,
    /// Number of answers by 503.
    pub(crate) busy: u64,
    /// Bytes whose digest was compared or computed.
    pub(crate) hashed: u64,
}

impl Log {
    pub(crate) fn add(&mut self, other: Self) {
        self.samples.extend(other.samples);
        for (error, count) in other.errors {
            *self.errors.entry(error).or_default() += count;
        }
        self.busy += other.busy;
        self.hashed += other.hashed;
    }
}

/// One client.
pub(crate) struct Client {
    plan: Arc<Plan>,
    source: Arc<Source>,
    number: usize,
    began: Instant,
    connection: Option<Connection>,
    pub(crate) log: Log,
}

impl Client {
    pub(crate) fn new(plan: Arc<Plan>, source: Arc<Source>, number: usize, began: Instant) -> Self {
        Self { plan, source, number, began, connection: None, log: Log::default() }
    }

    /// Pulls or pushes its images one after the other.
    pub(crate) async fn run(mut self, images: &[Image]) -> Log {
        for round in 0..self.plan.rounds {
            if self.began.elapsed() > self.plan.seconds {
                break;
            }
            if !self.plan.reuse {
                self.connection = None;
            }
            if self.number < self.plan.pushers {
                let image = self.plan.own_image(self.number, round);
                self.push(&image).await;
            } else {
                let image = &images[(self.number + round as usize) % images.len()];
                self.pull(image).await;
            }
        }
        self.log
    }

    /// Pulls an image: the manifest by its tag, then the config and all layers.
    async fn pull(&mut self, image: &Image) {
        let begun = Instant::now();
        match self.pull_parts(image).await {
            Ok(bytes) => self.note(Step::PullImage, begun, bytes),
            Err(failure) => self.failed("pull", failure),
        }
    }

    async fn pull_parts(&mut self, image: &Image) -> Result<u64, Failure> {
        let repository = &image.repository;
        let path = format!("/v2/{repository}/manifests/{}", image.tag);
        let begun = Instant::now();
        let manifest = self.get(&path, None).await?;
        self.note(Step::PullManifest, begun, manifest.size);
        let mut bytes = manifest.size;
        for digest in blobs(&manifest.body)? {
            let begun = Instant::now();
            let blob = self.get(&format!("/v2/{repository}/blobs/{digest}"), Some(&digest)).await?;
            let first = blob.first_byte.saturating_duration_since(begun);
            self.note_as(Step::FirstByte, begun, first, 0);
            self.note(Step::PullBlob, begun, blob.size);
            bytes += blob.size;
        }
        Ok(bytes)
    }

    /// Gets a path and checks the digest of what comes: the given one, or the one that the answer names.
    async fn get(&mut self, path: &str, digest: Option<&str>) -> Result<Answer, Failure> {
        let mut attempt = 0;
        loop {
            match self.get_once(path, digest).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => self.rest(&mut attempt, failure).await?,
            }
        }
    }

    async fn get_once(&mut self, path: &str, digest: Option<&str>) -> Result<Answer, Failure> {
        let answer = self.call("GET", path, "", nothing(), self.plan.checked).await?;
        let named = answer.header("docker-content-digest");
        answer.check(digest.unwrap_or(&named))?;
        if self.plan.checked {
            self.log.hashed += answer.size;
        }
        Ok(answer)
    }

    /// Pushes an image: config and layers by POST, PATCH and PUT each, then the manifest.
    pub(crate) async fn push(&mut self, image: &Image) {
        let begun = Instant::now();
        match self.push_parts(image).await {
            Ok(bytes) => self.note(Step::PushImage, begun, bytes),
            Err(failure) => self.failed("push", failure),
        }
    }

    async fn push_parts(&mut self, image: &Image) -> Result<u64, Failure> {
        let mut layers = Vec::new();
        let plan = Arc::clone(&self.plan);
        for (number, size) in plan.layers.iter().enumerate() {
            layers.push(self.push_blob(image, Some((number, *size))).await?);
        }
        let config = self.push_blob(image, None).await?;
        let bytes = layers.iter().map(|layer| layer.size).sum::<u64>() + config.size;
        let manifest = Image::manifest(&config, &layers);
        let path = format!("/v2/{}/manifests/{}", image.repository, image.tag);
        let begun = Instant::now();
        let mut attempt = 0;
        loop {
            let body = Full::new(manifest.clone()).boxed();
            match self.call("PUT", &path, MANIFEST, body, false).await {
                Ok(_) => break,
                Err(failure) => self.rest(&mut attempt, failure).await?,
            }
        }
        self.note(Step::PushManifest, begun, manifest.len() as u64);
        Ok(bytes)
    }

    /// Pushes a layer, or the config if it is none.
    async fn push_blob(
        &mut self,
        image: &Image,
        layer: Option<(usize, u64)>,
    ) -> Result<Pushed, Failure> {
        let begun = Instant::now();
        let mut attempt = 0;
        loop {
            match self.push_once(image, layer).await {
                Ok(pushed) => {
                    self.note(Step::PushBlob, begun, pushed.size);
                    return Ok(pushed);
                }
                Err(failure) => self.rest(&mut attempt, failure).await?,
            }
        }
    }

    async fn push_once(
        &mut self,
        image: &Image,
        layer: Option<(usize, u64)>,
    ) -> Result<Pushed, Failure> {
        let start = format!("/v2/{}/blobs/uploads/", image.repository);
        let answer = self.call("POST", &start, "", nothing(), false).await?;
        let session = answer.header("location");
        let (digest, size) = match layer {
            None => {
                let config = image.config();
                let digest = af_registry::stream::hashing::sha256(&config);
                let (size, body) = (config.len() as u64, Full::new(config).boxed());
                self.call("PATCH", &session, OCTETS, body, false).await?;
                (digest, size)
            }
            Some((number, size)) => {
                let (body, sent) = self.source.layer(image.number, number, size);
                self.call("PATCH", &session, OCTETS, body.boxed(), false).await?;
                self.log.hashed += size;
                (sent.digest().ok_or_else(|| Failure::of("the layer was not sent"))?, size)
            }
        };
        let separator = if session.contains('?') { '&' } else { '?' };
        let close = format!("{session}{separator}digest={digest}");
        self.call("PUT", &close, "", nothing(), false).await?;
        Ok(Pushed { digest, size })
    }

    /// Sends one request. After a failure the next request opens a new connection.
    async fn call(
        &mut self,
        method: &str,
        path: &str,
        content_type: &str,
        body: Outgoing,
        hashed: bool,
    ) -> Result<Answer, Failure> {
        if !self.plan.may_send() {
            return Err(Failure::of("all requests are used up"));
        }
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let called = connection.call(method, path, content_type, body, hashed);
        let answer = timeout(PATIENCE, called)
            .await
            .map_err(|_| Failure::of("no answer within two minutes"))??;
        self.connection = Some(connection);
        Ok(answer)
    }

    async fn connect(&mut self) -> Result<Connection, Failure> {
        let begun = Instant::now();
        let opened = Connection::open(self.plan.registry, self.plan.authorization.clone());
        let connection = timeout(PATIENCE, opened)
            .await
            .map_err(|_| Failure::of("no connection within two minutes"))??;
        self.note(Step::Connect, begun, 0);
        Ok(connection)
    }

    /// Pauses after a 503, before the next attempt. Returns any other failure, and a 503 when no attempt is left.
    async fn rest(&mut self, attempt: &mut u32, failure: Failure) -> Result<(), Failure> {
        *attempt += 1;
        match failure {
            Failure::Busy(pause) if *attempt < ATTEMPTS => {
                self.log.busy += 1;
                sleep(pause).await;
                Ok(())
            }
            failure => Err(failure),
        }
    }

    fn note(&mut self, step: Step, begun: Instant, bytes: u64) {
        self.note_as(step, begun, begun.elapsed(), bytes);
    }

    fn note_as(&mut self, step: Step, begun: Instant, took: Duration, bytes: u64) {
        let at = begun.saturating_duration_since(self.began);
        self.log.samples.push(Sample { step, at, took, bytes });
    }

    fn failed(&mut self, what: &str, failure: Failure) {
        let text = match failure {
            Failure::Busy(_) => format!("{what}: 503 after {ATTEMPTS} attempts"),
            Failure::Failed(text) => format!("{what}: {text}"),
        };
        *self.log.errors.entry(text).or_default() += 1;
    }
}

fn nothing() -> Outgoing {
    Empty::new().boxed()
}

const OCTETS: &str = "application/octet-stream";

/// The digests of the config and the layers that a manifest names.
fn blobs(manifest: &[u8]) -> Result<Vec<String>, Failure> {
    let manifest: Value = serde_json::from_slice(manifest).map_err(Failure::of)?;
    let layers = manifest["layers"].as_array().map_or(&[][..], Vec::as_slice);
    let digests = [&manifest["config"]].into_iter().chain(layers);
    Ok(digests.filter_map(|blob| blob["digest"].as_str().map(str::to_owned)).collect())
}
