//! Every statement, by the file it stands in.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use tokio_postgres::{Client, Error, Statement};

/// Writes down each file below `sql/queries` once: as a variant, a name for the metrics and a text.
macro_rules! queries {
    ($($query:ident = $file:literal,)+) => {
        /// A statement.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Query {
            $($query,)+
        }

        impl Query {
            const ALL: &[Self] = &[$(Self::$query,)+];

            /// Its file without the ending, `noun/verb`.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$query => $file,)+
                }
            }

            fn sql(self) -> &'static str {
                match self {
                    $(Self::$query => include_str!(concat!("../../../sql/queries/", $file, ".sql")),)+
                }
            }
        }
    };
}

queries! {
    AccessAllowed = "access/allowed",
    AccessRecentPush = "access/recent_push",
    AccessRoles = "access/roles",
    AccountAdd = "account/add",
    AccountAddFirstAdmin = "account/add_first_admin",
    AccountByName = "account/by_name",
    AccountByRevision = "account/by_revision",
    AccountDisable = "account/disable",
    AccountList = "account/list",
    AccountLockFirst = "account/lock_first",
    AccountRemove = "account/remove",
    AccountRenewRevision = "account/renew_revision",
    AccountRenewSecret = "account/renew_secret",
    AcmeAccountGet = "acme_account/get",
    AcmeAccountPut = "acme_account/put",
    BlobCommit = "blob/commit",
    BlobLinked = "blob/linked",
    BlobLock = "blob/lock",
    BlobLockLink = "blob/lock_link",
    BlobMountAny = "blob/mount_any",
    BlobMountFrom = "blob/mount_from",
    BlobQuarantine = "blob/quarantine",
    BlobUnlink = "blob/unlink",
    CertificateClaim = "certificate/claim",
    CertificateGet = "certificate/get",
    CertificatePut = "certificate/put",
    CertificateRelease = "certificate/release",
    ChallengeGet = "challenge/get",
    ChallengePut = "challenge/put",
    ChallengeRemove = "challenge/remove",
    GrantAdd = "grant/add",
    GrantList = "grant/list",
    GrantRemove = "grant/remove",
    ManifestByDigest = "manifest/by_digest",
    ManifestByTag = "manifest/by_tag",
    ManifestChildren = "manifest/children",
    ManifestDelete = "manifest/delete",
    ManifestHeadByDigest = "manifest/head_by_digest",
    ManifestHeadByTag = "manifest/head_by_tag",
    ManifestHoldLink = "manifest/hold_link",
    ManifestLockBlobs = "manifest/lock_blobs",
    ManifestLockLink = "manifest/lock_link",
    ManifestPut = "manifest/put",
    ReferrerPage = "referrer/page",
    ReferrerPageOfTypes = "referrer/page_of_types",
    RefreshTokenAdd = "refresh_token/add",
    RefreshTokenRevoke = "refresh_token/revoke",
    RefreshTokenUse = "refresh_token/use",
    RepositoryEnsure = "repository/ensure",
    RepositoryList = "repository/list",
    RepositoryLockUploads = "repository/lock_uploads",
    RepositoryPage = "repository/page",
    RepositoryPublish = "repository/publish",
    RepositoryRemove = "repository/remove",
    RepositoryUnlinkBlobs = "repository/unlink_blobs",
    RepositoryUnlinkManifests = "repository/unlink_manifests",
    ServerPing = "server/ping",
    SigningKeyAdd = "signing_key/add",
    SigningKeyAddFirst = "signing_key/add_first",
    SigningKeyList = "signing_key/list",
    SigningKeyLock = "signing_key/lock",
    TagDelete = "tag/delete",
    TagPage = "tag/page",
    UnpinDone = "unpin/done",
    UnpinDue = "unpin/due",
    UnpinEnqueue = "unpin/enqueue",
    UnpinForget = "unpin/forget",
    UnpinHold = "unpin/hold",
    UnpinKeep = "unpin/keep",
    UnpinLock = "unpin/lock",
    UnpinNeedless = "unpin/needless",
    UnpinQueued = "unpin/queued",
    UploadDiscard = "upload/discard",
    UploadLock = "upload/lock",
    UploadLockIdle = "upload/lock_idle",
    UploadLockOwn = "upload/lock_own",
    UploadOpen = "upload/open",
    UploadRecordPart = "upload/record_part",
    UploadStart = "upload/start",
}

/// All statements, prepared on one connection.
pub(crate) struct Statements(Vec<Statement>);

impl Statements {
    /// Prepares them, all on their way before the first answer comes.
    pub(crate) async fn prepare(client: &Client) -> Result<Self, Error> {
        let mut pending: Vec<_> =
            Query::ALL.iter().map(|query| Box::pin(client.prepare(query.sql()))).collect();
        let mut prepared: Vec<Option<Statement>> = vec![None; pending.len()];
        std::future::poll_fn(|cx| {
            for (slot, future) in prepared.iter_mut().zip(&mut pending) {
                if slot.is_none()
                    && let Poll::Ready(statement) = Pin::new(future).poll(cx)?
                {
                    *slot = Some(statement);
                }
            }
            if prepared.iter().any(Option::is_none) { Poll::Pending } else { Poll::Ready(Ok(())) }
        })
        .await
        .map(|()| Self(prepared.into_iter().flatten().collect()))
    }

    pub(crate) fn of(&self, query: Query) -> &Statement {
        &self.0[query as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_is_a_statement() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/queries");
        let mut files = Vec::new();
        for noun in std::fs::read_dir(&root).unwrap() {
            let noun = noun.unwrap().path();
            for file in std::fs::read_dir(&noun).unwrap() {
                let file = file.unwrap().path().with_extension("");
                files.push(file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
            }
        }
        files.sort();
        let names: Vec<_> = Query::ALL.iter().map(|query| query.name()).collect();
        assert_eq!(names, files);
    }
}
