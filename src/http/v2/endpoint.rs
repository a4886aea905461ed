//! Every request that the server answers, sorted by the right that it needs.

use crate::auth::Lenience;
use crate::oci::{Algorithm, Digest, PageRequest, Reference, RepositoryName, Tag, UploadId};
use crate::telemetry::metrics::{Content, Direction, Transfer};

/// A request, sorted by the right that it needs. The `end-` numbers are those of the distribution specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A request that needs no login.
    Open(Open),
    /// GET `/v2/` (end-1). Needs a login.
    Version,
    /// GET `/v2/_oci/ext/discover`. Needs a login.
    Extensions,
    /// GET `/v2/_catalog`, which Docker added to the specification. It lists what the caller may pull.
    Catalog(PageRequest),
    /// POST a mount (end-11). Needs push in the target and pull in the source.
    Mount(Mount),
    /// A request that reads from a repository.
    Pull(RepositoryName, Pull),
    /// A request that adds to a repository.
    Push(RepositoryName, Push),
    /// A request that deletes from a repository.
    Delete(RepositoryName, Delete),
}

/// A request that needs no login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// GET `/healthz`: the process is alive.
    Health,
    /// GET `/readyz`: PostgreSQL and Kubo answer.
    Ready,
    /// GET `/.well-known/jwks.json`: the keys that tokens are signed with (RFC 7517).
    Keys,
    /// GET `/token`: a token for Basic credentials, or for an anonymous caller (Docker's token protocol).
    TokenGet,
    /// POST `/token`: a token for a password or a refresh token in a form (Docker's use of OAuth 2).
    TokenPost,
}

/// A mount: a blob that becomes part of another repository without an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The repository that gets the blob.
    pub target: RepositoryName,
    /// The repository that has the blob; without one, any that the caller may read.
    pub source: Option<RepositoryName>,
    /// The digest of the blob.
    pub digest: Digest,
}

/// A request that reads from a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pull {
    /// GET a blob (end-2).
    Blob(Digest),
    /// HEAD a blob (end-2).
    BlobHead(Digest),
    /// GET the CID and size of a blob, an extension of this registry.
    Content(Digest),
    /// GET a manifest (end-3).
    Manifest(Reference),
    /// HEAD a manifest (end-3).
    ManifestHead(Reference),
    /// GET the list of tags (end-8).
    Tags(PageRequest),
    /// GET the referrers of a digest (end-12).
    Referrers(Referrers),
}

/// Arguments of a list of referrers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrers {
    /// The digest that the listed manifests name as their subject.
    pub subject: Digest,
    /// The artifact types to list; empty for all.
    pub artifact_types: Vec<String>,
    /// The part of the list that is asked for.
    pub page: PageRequest,
}

/// A request that adds to a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Push {
    /// POST for a new upload session (end-4a, end-4c).
    Start(Option<Algorithm>),
    /// POST a whole blob (end-4b).
    Monolithic(Digest),
    /// GET the state of an upload (end-13).
    Status(UploadId),
    /// PATCH an upload (end-5).
    Append(UploadId),
    /// PUT an upload (end-6).
    Finish(UploadId, Digest),
    /// DELETE an upload (end-14).
    Cancel(UploadId),
    /// PUT a manifest, with further tags if there are any (end-7a, end-7b).
    Manifest(Reference, Vec<Tag>),
}

/// A request that deletes from a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delete {
    /// DELETE a blob (end-10).
    Blob(Digest),
    /// DELETE a manifest or a tag (end-9).
    Manifest(Reference),
}

impl Endpoint {
    /// The name in metrics, and the event in the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open(what) => what.name(),
            Self::Version => "version",
            Self::Extensions => "extensions",
            Self::Catalog(_) => "catalog",
            Self::Mount(_) => "blob_mount",
            Self::Pull(_, what) => what.name(),
            Self::Push(_, what) => what.name(),
            Self::Delete(_, what) => what.name(),
        }
    }

    /// The repository that the request names. For a mount, it is the target.
    pub fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Self::Open(_) | Self::Version | Self::Extensions | Self::Catalog(_) => None,
            Self::Mount(mount) => Some(&mount.target),
            Self::Pull(repository, _) | Self::Push(repository, _) | Self::Delete(repository, _) => {
                Some(repository)
            }
        }
    }

    /// The scopes that a token needs, as the challenge names them; empty when any token will do.
    pub fn scope(&self) -> String {
        match self {
            Self::Open(_) | Self::Version | Self::Extensions => String::new(),
            Self::Catalog(_) => "registry:catalog:*".to_owned(),
            Self::Mount(Mount { target, source: Some(source), .. }) => {
                format!("repository:{target}:pull,push repository:{source}:pull")
            }
            Self::Mount(Mount { target: repository, source: None, .. })
            | Self::Push(repository, _) => format!("repository:{repository}:pull,push"),
            Self::Pull(repository, _) => format!("repository:{repository}:pull"),
            Self::Delete(repository, _) => format!("repository:{repository}:delete"),
        }
    }

    /// Whether an orchestrator sends this every few seconds, so that its log line is for debugging only.
    pub fn is_probe(&self) -> bool {
        matches!(self, Self::Open(Open::Health | Open::Ready))
    }

    /// The transfer that the metrics count it as, if it moves content.
    pub fn transfer(&self) -> Option<Transfer> {
        let (direction, content) = match self {
            Self::Pull(_, Pull::Blob(_)) => (Direction::Pull, Content::Blob),
            Self::Pull(_, Pull::Manifest(_)) => (Direction::Pull, Content::Manifest),
            Self::Push(_, Push::Append(_)) => (Direction::Push, Content::Chunk),
            Self::Push(_, Push::Finish(..) | Push::Monolithic(_)) => {
                (Direction::Push, Content::Blob)
            }
            Self::Push(_, Push::Manifest(..)) => (Direction::Push, Content::Manifest),
            _ => return None,
        };
        Some(Transfer { direction, content })
    }
}

impl Open {
    fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Ready => "ready",
            Self::Keys => "keys",
            Self::TokenGet | Self::TokenPost => "token",
        }
    }
}

impl Pull {
    fn name(&self) -> &'static str {
        match self {
            Self::Blob(_) => "blob_pull",
            Self::BlobHead(_) => "blob_head",
            Self::Content(_) => "content",
            Self::Manifest(_) => "manifest_pull",
            Self::ManifestHead(_) => "manifest_head",
            Self::Tags(_) => "tags",
            Self::Referrers(_) => "referrers",
        }
    }
}

impl Push {
    fn name(&self) -> &'static str {
        match self {
            Self::Start(_) => "upload_start",
            Self::Status(_) => "upload_status",
            Self::Append(_) => "upload_append",
            Self::Monolithic(_) | Self::Finish(..) => "blob_upload",
            Self::Cancel(_) => "upload_cancel",
            Self::Manifest(..) => "manifest_put",
        }
    }

    /// Whether an expired token may still send this request, to finish a push.
    pub fn lenience(&self) -> Lenience {
        match self {
            Self::Start(_) | Self::Monolithic(_) => Lenience::None,
            Self::Status(id) | Self::Append(id) | Self::Finish(id, _) | Self::Cancel(id) => {
                Lenience::Upload(*id)
            }
            Self::Manifest(..) => Lenience::AfterPush,
        }
    }
}

impl Delete {
    fn name(&self) -> &'static str {
        match self {
            Self::Blob(_) => "blob_delete",
            Self::Manifest(_) => "manifest_delete",
        }
    }
}
