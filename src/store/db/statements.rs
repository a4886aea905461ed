//! All statements, each from a file below `sql/queries`.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use tokio_postgres::{Client, Error, Statement};

/// Makes each file below `sql/queries` a variant with a name for the metrics and the text of the statement.
macro_rules! queries {
    ($($query:ident = $file:literal,)+) => {
        /// A statement below `sql/queries`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Query {
            $($query,)+
        }

        impl Query {
            const ALL: &[Self] = &[$(Self::$query,)+];

            /// Path of its file without the ending, `noun/verb`.
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
    AccessGranted = "access/granted",
    AccessPushedRecently = "access/pushed_recently",
    AccountAdd = "account/add",
    AccountAddFirstAdmin = "account/add_first_admin",
    AccountGet = "account/get",
    AccountGetByRevision = "account/get_by_revision",
    AccountList = "account/list",
    AccountLockFirst = "account/lock_first",
    AccountNoteUse = "account/note_use",
    AccountRemove = "account/remove",
    AccountRenewRevision = "account/renew_revision",
    AccountRenewSecret = "account/renew_secret",
    AccountSetDisabled = "account/set_disabled",
    AcmeAccountGet = "acme_account/get",
    AcmeAccountPut = "acme_account/put",
    BlobCommit = "blob/commit",
    BlobCountQuarantined = "blob/count_quarantined",
    BlobGet = "blob/get",
    BlobHead = "blob/head",
    BlobLock = "blob/lock",
    BlobLockLink = "blob/lock_link",
    BlobMountAny = "blob/mount_any",
    BlobMountFrom = "blob/mount_from",
    BlobMountWithin = "blob/mount_within",
    BlobPinnedPage = "blob/pinned_page",
    BlobQuarantine = "blob/quarantine",
    BlobUnlink = "blob/unlink",
    CertificateClaim = "certificate/claim",
    CertificateEndPause = "certificate/end_pause",
    CertificateForget = "certificate/forget",
    CertificateGet = "certificate/get",
    CertificatePut = "certificate/put",
    CertificateRelease = "certificate/release",
    ChallengeForget = "challenge/forget",
    ChallengeGet = "challenge/get",
    ChallengePut = "challenge/put",
    ChallengeRemove = "challenge/remove",
    CollectionAdvance = "collection/advance",
    CollectionCheck = "collection/check",
    CollectionClose = "collection/close",
    CollectionCollected = "collection/collected",
    CollectionCompared = "collection/compared",
    CollectionLock = "collection/lock",
    CollectionLook = "collection/look",
    CollectionNoteGarbage = "collection/note_garbage",
    CollectionPauseUnpins = "collection/pause_unpins",
    CollectionShare = "collection/share",
    CollectionState = "collection/state",
    CollectionUnpinning = "collection/unpinning",
    DatabaseMeasure = "database/measure",
    DatabasePing = "database/ping",
    DeletionContent = "deletion/content",
    DeletionForget = "deletion/forget",
    DeletionList = "deletion/list",
    DeletionRelink = "deletion/relink",
    DeletionRemove = "deletion/remove",
    DeletionRetag = "deletion/retag",
    ExplanationBlob = "explanation/blob",
    ExplanationBlobHolders = "explanation/blob_holders",
    ExplanationManifest = "explanation/manifest",
    ExplanationManifestHolders = "explanation/manifest_holders",
    ExplanationUploadHolders = "explanation/upload_holders",
    GrantAdd = "grant/add",
    GrantList = "grant/list",
    GrantRemove = "grant/remove",
    JobClaim = "job/claim",
    JobExtend = "job/extend",
    JobFinish = "job/finish",
    JobForget = "job/forget",
    JobList = "job/list",
    ManifestChildren = "manifest/children",
    ManifestDelete = "manifest/delete",
    ManifestFindByDigest = "manifest/find_by_digest",
    ManifestFindByTag = "manifest/find_by_tag",
    ManifestHeadExpiring = "manifest/head_expiring",
    ManifestHoldLink = "manifest/hold_link",
    ManifestLockBlobs = "manifest/lock_blobs",
    ManifestLockLink = "manifest/lock_link",
    ManifestPut = "manifest/put",
    PinAbandon = "pin/abandon",
    PinClaim = "pin/claim",
    PinHold = "pin/hold",
    PinKeep = "pin/keep",
    PinNamed = "pin/named",
    RecentPushForget = "recent_push/forget",
    ReferrerPage = "referrer/page",
    ReferrerPageOfTypes = "referrer/page_of_types",
    RefreshTokenAdd = "refresh_token/add",
    RefreshTokenForget = "refresh_token/forget",
    RefreshTokenRedeem = "refresh_token/redeem",
    RefreshTokenRevoke = "refresh_token/revoke",
    RepositoryCountWithin = "repository/count_within",
    RepositoryEnsure = "repository/ensure",
    RepositoryFindEmpty = "repository/find_empty",
    RepositoryList = "repository/list",
    RepositoryLockEmpty = "repository/lock_empty",
    RepositoryLockUploads = "repository/lock_uploads",
    RepositoryMeasure = "repository/measure",
    RepositoryPage = "repository/page",
    RepositoryRemove = "repository/remove",
    RepositoryRemoveEmpty = "repository/remove_empty",
    RepositorySetPublic = "repository/set_public",
    RepositoryUnlinkBlobs = "repository/unlink_blobs",
    RepositoryUnlinkManifests = "repository/unlink_manifests",
    ReviewBacklog = "review/backlog",
    ReviewDescribeUntagged = "review/describe_untagged",
    ReviewDueUntagged = "review/due_untagged",
    ReviewFindUntagged = "review/find_untagged",
    ReviewForesee = "review/foresee",
    ReviewLockBlobs = "review/lock_blobs",
    ReviewLockLinks = "review/lock_links",
    ReviewLockManifests = "review/lock_manifests",
    ReviewLockUntagged = "review/lock_untagged",
    ReviewPostpone = "review/postpone",
    ReviewPostponeNext = "review/postpone_next",
    ReviewRemoveBlobs = "review/remove_blobs",
    ReviewRemoveLinks = "review/remove_links",
    ReviewRemoveManifests = "review/remove_manifests",
    ReviewRemoveUntagged = "review/remove_untagged",
    ReviewSave = "review/save",
    ReviewSaveManifest = "review/save_manifest",
    ReviewSettle = "review/settle",
    ReviewTake = "review/take",
    ScrubBacklog = "scrub/backlog",
    ScrubCutoff = "scrub/cutoff",
    ScrubDue = "scrub/due",
    ScrubFailed = "scrub/failed",
    ScrubGet = "scrub/get",
    ScrubPassed = "scrub/passed",
    ScrubQuarantined = "scrub/quarantined",
    ScrubSummary = "scrub/summary",
    SigningKeyAdd = "signing_key/add",
    SigningKeyAddFirst = "signing_key/add_first",
    SigningKeyForget = "signing_key/forget",
    SigningKeyList = "signing_key/list",
    SigningKeyLock = "signing_key/lock",
    SigningKeyRevoke = "signing_key/revoke",
    TagDelete = "tag/delete",
    TagPage = "tag/page",
    UnpinAdopt = "unpin/adopt",
    UnpinAwaitDoubt = "unpin/await_doubt",
    UnpinBacklog = "unpin/backlog",
    UnpinClaim = "unpin/claim",
    UnpinDone = "unpin/done",
    UnpinDoubtful = "unpin/doubtful",
    UnpinForget = "unpin/forget",
    UnpinKeep = "unpin/keep",
    UnpinPostpone = "unpin/postpone",
    UploadAppendPiece = "upload/append_piece",
    UploadBacklog = "upload/backlog",
    UploadDiscard = "upload/discard",
    UploadGet = "upload/get",
    UploadLock = "upload/lock",
    UploadLockIdle = "upload/lock_idle",
    UploadLockIdleOf = "upload/lock_idle_of",
    UploadLockOwn = "upload/lock_own",
    UploadParts = "upload/parts",
    UploadPieces = "upload/pieces",
    UploadPinnedPage = "upload/pinned_page",
    UploadProtectParts = "upload/protect_parts",
    UploadRecordPart = "upload/record_part",
    UploadStart = "upload/start",
    UploadTouch = "upload/touch",
}

/// All statements as they are prepared on one connection.
pub(crate) struct Statements(Vec<Statement>);

impl Statements {
    /// Prepares all statements. All are sent before the first answer is awaited.
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

    pub(crate) fn get(&self, query: Query) -> &Statement {
        &self.0[query as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    /// All files below a folder of this crate.
    fn files(folder: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found
    }

    #[test]
    fn every_file_is_a_statement() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/queries");
        let mut files: Vec<_> = files("sql/queries")
            .iter()
            .map(|file| file.with_extension("").strip_prefix(&root).unwrap().to_owned())
            .map(|file| file.to_str().unwrap().to_owned())
            .collect();
        files.sort();
        let names: Vec<_> = Query::ALL.iter().map(|query| query.name()).collect();
        assert_eq!(names, files);
    }

    /// `sql/queries/<noun>/<verb>.sql` is sent by a function `verb` in the file, or in a file of the folder, that has
    /// the name of the noun, as `Query::NounVerb`.
    #[test]
    fn every_statement_has_a_function_of_its_name() {
        let sources: Vec<_> = files("src/store")
            .into_iter()
            .map(|file| (fs::read_to_string(&file).unwrap(), file))
            .collect();
        for query in Query::ALL {
            let (noun, verb) = query.name().split_once('/').unwrap();
            let has_function = |code: &str| {
                [format!("fn {verb}("), format!("fn {verb}<")]
                    .iter()
                    .any(|text| code.contains(text))
            };
            let found = sources.iter().any(|(code, file)| {
                let of_noun = file.file_stem().is_some_and(|stem| stem == noun)
                    || file.parent().unwrap().ends_with(noun);
                of_noun && has_function(code) && code.contains(&format!("Query::{query:?}"))
            });
            assert!(found, "no function {verb} in {noun}.rs sends {query:?}");
            let words = query.name().replace(['/', '_'], "");
            assert_eq!(format!("{query:?}").to_lowercase(), words);
        }
    }
}
