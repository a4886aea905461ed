//! Everything a client can ask for, one variant each.

use crate::auth::{Lenience, Need};
use crate::oci::{Algorithm, Digest, Page, Reference, RepositoryName, Tag, UploadId};
use crate::rights::Action;

/// A blob of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobAt {
    /// Where.
    pub repository: RepositoryName,
    /// Which.
    pub digest: Digest,
}

/// A manifest of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestAt {
    /// Where.
    pub repository: RepositoryName,
    /// Which.
    pub reference: Reference,
}

/// An upload session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadAt {
    /// Where.
    pub repository: RepositoryName,
    /// Which.
    pub id: UploadId,
}

/// A list of something in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagsOf {
    /// Where.
    pub repository: RepositoryName,
    /// Which part of the list.
    pub page: Page,
}

/// The referrers of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferrersOf {
    /// Where.
    pub repository: RepositoryName,
    /// Of what.
    pub subject: Digest,
    /// Of which types only; empty for all.
    pub artifact_types: Vec<String>,
    /// Which part of the list.
    pub page: Page,
}

/// A request of the distribution specification (its end-points table numbers them) or of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// DELETE a blob (end-10).
    BlobDelete(BlobAt),
    /// GET a blob (end-2).
    BlobGet(BlobAt),
    /// HEAD a blob (end-2).
    BlobHead(BlobAt),
    /// GET the list of repositories; Docker's, not in the specification.
    Catalog(Page),
    /// GET the list of extensions.
    Extensions,
    /// GET `/healthz`: the process is alive.
    Health,
    /// DELETE a manifest or tag (end-9).
    ManifestDelete(ManifestAt),
    /// GET a manifest (end-3).
    ManifestGet(ManifestAt),
    /// HEAD a manifest (end-3).
    ManifestHead(ManifestAt),
    /// PUT a manifest, with more tags perhaps (end-7a, end-7b).
    ManifestPut(ManifestAt, Vec<Tag>),
    /// GET `/.well-known/jwks.json`: the keys that tokens are signed with (RFC 7517).
    Keys,
    /// GET `/readyz`: both partners answer.
    Ready,
    /// GET the referrers of a digest (end-12).
    ReferrerList(ReferrersOf),
    /// GET the tags of a repository (end-8).
    TagList(TagsOf),
    /// GET `/token`: a token for a user's name and password, or for nobody in particular (Docker's token protocol).
    TokenGet,
    /// POST `/token`: a token for a password or a refresh token, in a form (Docker's use of OAuth 2).
    TokenPost,
    /// PATCH an upload (end-5).
    UploadAppend(UploadAt),
    /// DELETE an upload (end-14).
    UploadCancel(UploadAt),
    /// PUT an upload (end-6).
    UploadFinish(UploadAt, Digest),
    /// POST a whole blob (end-4b).
    UploadMonolithic(BlobAt),
    /// POST a mount (end-11).
    UploadMount(BlobAt, Option<RepositoryName>),
    /// POST for a new upload session (end-4a, end-4c).
    UploadStart(RepositoryName, Option<Algorithm>),
    /// GET an upload (end-13).
    UploadStatus(UploadAt),
    /// GET `/v2/` (end-1).
    Version,
}

impl Endpoint {
    /// The name in metrics and the event in the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::BlobDelete(_) => "blob_delete",
            Self::BlobGet(_) => "blob_pull",
            Self::BlobHead(_) => "blob_head",
            Self::Catalog(_) => "catalog",
            Self::Extensions => "extensions",
            Self::Health => "health",
            Self::ManifestDelete(_) => "manifest_delete",
            Self::ManifestGet(_) => "manifest_pull",
            Self::ManifestHead(_) => "manifest_head",
            Self::ManifestPut(..) => "manifest_put",
            Self::Keys => "keys",
            Self::Ready => "ready",
            Self::ReferrerList(_) => "referrers",
            Self::TagList(_) => "tags",
            Self::TokenGet | Self::TokenPost => "token",
            Self::UploadAppend(_) => "upload_append",
            Self::UploadCancel(_) => "upload_cancel",
            Self::UploadFinish(..) | Self::UploadMonolithic(_) => "blob_upload",
            Self::UploadMount(..) => "blob_mount",
            Self::UploadStart(..) => "upload_start",
            Self::UploadStatus(_) => "upload_status",
            Self::Version => "version",
        }
    }

    /// What its caller needs.
    pub fn need(&self) -> Need {
        use Action::{Delete, Pull, Push};
        match self {
            Self::Health | Self::Keys | Self::Ready => Need::Nothing,
            // What it is given instead of credentials for this server, it judges itself.
            Self::TokenGet | Self::TokenPost => Need::Nothing,
            Self::Extensions | Self::Version => Need::Login,
            Self::Catalog(_) => Need::Catalog,
            Self::BlobGet(at) | Self::BlobHead(at) => Need::of(Pull, &at.repository),
            Self::ManifestGet(at) | Self::ManifestHead(at) => Need::of(Pull, &at.repository),
            Self::ReferrerList(of) => Need::of(Pull, &of.repository),
            Self::TagList(of) => Need::of(Pull, &of.repository),
            Self::BlobDelete(at) => Need::of(Delete, &at.repository),
            Self::ManifestDelete(at) => Need::of(Delete, &at.repository),
            Self::ManifestPut(at, _) => Need::with(Push, &at.repository, Lenience::AfterPush),
            Self::UploadAppend(at) | Self::UploadCancel(at) | Self::UploadStatus(at) => {
                Need::with(Push, &at.repository, Lenience::Upload(at.id))
            }
            Self::UploadFinish(at, _) => Need::with(Push, &at.repository, Lenience::Upload(at.id)),
            Self::UploadMonolithic(at) => Need::of(Push, &at.repository),
            Self::UploadMount(at, from) => Need::mount(&at.repository, from.as_ref()),
            Self::UploadStart(repository, _) => Need::of(Push, repository),
        }
    }

    /// The repository it is about.
    pub fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Self::BlobDelete(at) | Self::BlobGet(at) | Self::BlobHead(at) => Some(&at.repository),
            Self::UploadMonolithic(at) | Self::UploadMount(at, _) => Some(&at.repository),
            Self::ManifestDelete(at) | Self::ManifestGet(at) => Some(&at.repository),
            Self::ManifestHead(at) | Self::ManifestPut(at, _) => Some(&at.repository),
            Self::ReferrerList(of) => Some(&of.repository),
            Self::TagList(of) => Some(&of.repository),
            Self::UploadAppend(at) | Self::UploadCancel(at) => Some(&at.repository),
            Self::UploadFinish(at, _) | Self::UploadStatus(at) => Some(&at.repository),
            Self::UploadStart(repository, _) => Some(repository),
            Self::Catalog(_) | Self::Extensions | Self::Version => None,
            Self::Health | Self::Keys | Self::Ready | Self::TokenGet | Self::TokenPost => None,
        }
    }
}
