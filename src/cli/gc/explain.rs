//! `gc explain`: everything that keeps a digest, and when it goes.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::accounts::Timestamp;
use crate::cli::answer::Answer;
use crate::cli::error::CliError;
use crate::cli::progress::size;
use crate::config::Config;
use crate::oci::Digest;
use crate::policy::{Keep, Retention, Verdict};
use crate::registry::upkeep::policy_facts;
use crate::store::{
    BlobHolder, Deletion, ExplainedBlob, ExplainedManifest, ManifestHolder, Store, UploadHolder,
};

/// The whole answer as JSON, and its lines.
#[derive(Serialize)]
struct Explanation {
    digest: String,
    #[serde(skip)]
    lines: Vec<String>,
    blob: Option<Content>,
    manifest: Option<Content>,
    holders: Vec<Holder>,
    deletions: Vec<Deleted>,
}

/// A blob or a manifest.
#[derive(Serialize)]
struct Content {
    bytes: u64,
    cid: Option<String>,
    created_at: Timestamp,
    repositories: u64,
    quarantined: bool,
    /// When a review looks whether anything holds it.
    reviewed_at: Option<Timestamp>,
    /// Until when a push or the queue of pins has claimed its CID.
    claimed_until: Option<Timestamp>,
}

/// Something that keeps the digest, or kept it.
#[derive(Serialize)]
struct Holder {
    kind: &'static str,
    repository: String,
    name: Option<String>,
    tags: Vec<String>,
    /// When a review looks at it.
    reviewed_at: Option<Timestamp>,
}

/// A deletion that can be undone.
#[derive(Serialize)]
struct Deleted {
    repository: String,
    tags: Vec<String>,
    deleted_at: Timestamp,
    until: Timestamp,
}

/// Shows what keeps a digest.
pub(super) async fn show(
    config: &Config,
    store: &Store,
    digest: &Digest,
) -> Result<Answer, CliError> {
    let window = config.review.window;
    let explanations = store.explanations();
    let blob = explanations.blob(digest, window).await?;
    let manifest = explanations.manifest(digest, window).await?;
    let deletions = store.deletions().list(digest, window).await?;
    if blob.is_none() && manifest.is_none() {
        return Err(CliError::NoSuchDigest(digest.to_string()));
    }
    let mut all = Explanation::new(digest);
    if let Some(blob) = &blob {
        all.blob(blob, window);
        for holder in explanations.blob_holders(digest, window).await? {
            all.blob_holder(&holder);
        }
        for upload in explanations.upload_holders(&blob.cid).await? {
            all.upload(&upload, config.limits.upload_idle);
        }
    }
    if let Some(manifest) = &manifest {
        all.manifest(manifest, window);
        for holder in explanations.manifest_holders(digest, window).await? {
            all.manifest_holder(&holder, &config.review.retention);
        }
    }
    deletions.iter().for_each(|deletion| all.deletion(deletion));
    Answer::new(all.lines.join("\n"), &all)
}

impl Explanation {
    fn new(digest: &Digest) -> Self {
        let (holders, deletions) = (Vec::new(), Vec::new());
        Self {
            digest: digest.to_string(),
            lines: Vec::new(),
            blob: None,
            manifest: None,
            holders,
            deletions,
        }
    }

    fn blob(&mut self, blob: &ExplainedBlob, window: Duration) {
        let ExplainedBlob { cid, size: bytes, repositories, reviewed_at, .. } = blob;
        let end = end(*repositories, *reviewed_at, window);
        let quarantined =
            if blob.quarantined { ", under quarantine until it is pushed again" } else { "" };
        let size = size(*bytes);
        self.lines.push(format!(
            "blob of {size} at {cid}{quarantined}; {repositories} repositories hold it{end}"
        ));
        if let Some(until) = blob.claimed_until.map(Timestamp::from) {
            self.lines
                .push(format!("  a push or the queue of pins works on its CID until {until}"));
        }
        self.blob = Some(Content {
            bytes: *bytes,
            cid: Some(cid.to_string()),
            created_at: blob.created_at.into(),
            repositories: *repositories,
            quarantined: blob.quarantined,
            reviewed_at: reviewed_at.map(Timestamp::from),
            claimed_until: blob.claimed_until.map(Timestamp::from),
        });
    }

    fn blob_holder(&mut self, holder: &BlobHolder) {
        let BlobHolder { repository, reviewed_at, named_by } = holder;
        let line = match (named_by, reviewed_at) {
            (Some(name), _) => {
                let tags = tagged(&name.tags);
                format!("  {repository}: {} {}{tags} names it", name.relation, name.digest)
            }
            (None, Some(at)) => {
                let at = Timestamp::from(*at);
                format!("  {repository}: nothing names it; a review removes it there after {at}")
            }
            (None, None) => format!("  {repository}: nothing names it, and no review is to come"),
        };
        self.lines.push(line);
        let kind = match named_by {
            Some(name) if name.relation == "index" => "index",
            Some(_) => "manifest",
            None => "link",
        };
        self.holders.push(Holder {
            kind,
            repository: repository.clone(),
            name: named_by.as_ref().map(|name| name.digest.clone()),
            tags: named_by.as_ref().map(|name| name.tags.clone()).unwrap_or_default(),
            reviewed_at: reviewed_at.map(Timestamp::from),
        });
    }

    fn upload(&mut self, upload: &UploadHolder, idle: Duration) {
        let UploadHolder { repository, id, touched_at, .. } = upload;
        let ends = Timestamp::from(*touched_at + idle);
        self.lines.push(format!(
            "  {repository}: upload {id} has the same bytes; it ends after {ends} if nobody goes on"
        ));
        self.holders.push(Holder {
            kind: "upload",
            repository: repository.clone(),
            name: Some(id.to_string()),
            tags: Vec::new(),
            reviewed_at: Some(ends),
        });
    }

    fn manifest(&mut self, manifest: &ExplainedManifest, window: Duration) {
        let ExplainedManifest { media_type, size: bytes, repositories, .. } = manifest;
        let end = if manifest.indexed_in.is_empty() {
            end(*repositories, manifest.reviewed_at, window)
        } else {
            format!("; indexes in {} name it", manifest.indexed_in.join(", "))
        };
        let size = size(*bytes);
        self.lines
            .push(format!("{media_type} of {size}; {repositories} repositories hold it{end}"));
        self.manifest = Some(Content {
            bytes: *bytes,
            cid: None,
            created_at: manifest.created_at.into(),
            repositories: *repositories,
            quarantined: false,
            reviewed_at: manifest.reviewed_at.map(Timestamp::from),
            claimed_until: None,
        });
    }

    fn manifest_holder(&mut self, holder: &ManifestHolder, retention: &Retention) {
        let ManifestHolder { repository, reviewed_at, .. } = holder;
        let reviewed_at = reviewed_at.map(Timestamp::from);
        for (kind, names) in [
            ("tag", holder.tags.clone()),
            ("index", holder.indexes.clone()),
            ("referrer", holder.referrers.clone()),
            ("subject", holder.subject.clone().into_iter().collect()),
        ] {
            for name in names {
                self.lines.push(format!("  {repository}: {kind} {name}"));
                let (repository, tags) = (repository.clone(), Vec::new());
                self.holders.push(Holder { kind, repository, name: Some(name), tags, reviewed_at });
            }
        }
        let verdict = holder.facts.as_ref().map(|facts| retention.judge(&policy_facts(facts)));
        let keep = retention.keep(repository);
        self.lines.extend(fate(repository, verdict, keep, reviewed_at));
    }

    fn deletion(&mut self, deletion: &Deletion) {
        let Deletion { repository, tags, deleted_at, forgotten_at, .. } = deletion;
        let (deleted_at, until) = (Timestamp::from(*deleted_at), Timestamp::from(*forgotten_at));
        let tags_then = tagged(tags);
        self.lines.push(format!(
            "removed from {repository}{tags_then} at {deleted_at}; `af-registry gc undelete` brings it back until {until}"
        ));
        let repository = repository.to_string();
        self.deletions.push(Deleted { repository, tags: tags.clone(), deleted_at, until });
    }
}

/// When content goes that no repository holds.
fn end(repositories: u64, reviewed_at: Option<SystemTime>, window: Duration) -> String {
    match reviewed_at {
        _ if repositories > 0 => String::new(),
        Some(at) => format!("; a review removes it after {}", Timestamp::from(at)),
        None => {
            let window = humantime::format_duration(window);
            format!("; it goes {window} after the last one has removed it")
        }
    }
}

/// What becomes of a manifest in a repository, unless a tag or something else that is listed keeps it.
fn fate(
    repository: &str,
    verdict: Option<Verdict>,
    keep: Keep,
    reviewed_at: Option<Timestamp>,
) -> Option<String> {
    match verdict? {
        Verdict::Keep(crate::policy::Reason::Rule) => Some(format!(
            "  {repository}: nothing names it, and the repository keeps untagged manifests"
        )),
        Verdict::Keep(_) => None,
        Verdict::Wait(_) | Verdict::Remove => {
            let when = reviewed_at.map_or_else(
                || "once the job find-untagged has found it".to_owned(),
                |at| format!("after {at}"),
            );
            Some(format!(
                "  {repository}: nothing names it, and untagged manifests stay for {keep}; a review looks at it {when}"
            ))
        }
    }
}

fn tagged(tags: &[String]) -> String {
    if tags.is_empty() { String::new() } else { format!(" (tags {})", tags.join(", ")) }
}
