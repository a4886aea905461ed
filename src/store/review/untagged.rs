//! Untagged manifests, which a policy judges: the facts that it needs, and what follows from its verdicts.

use std::time::Duration;

use tokio_postgres::{Error, Row};

use super::item::{ReviewItem, ReviewKind, columns};
use super::queue::{self, Reviews};
use super::removal::{BUSY, Locks, Reviewed};
use crate::store::db::connection::Connection;
use crate::store::db::row::unsigned;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// Most manifests that one step of [`Reviews::find_untagged`] looks at.
const WALKED_AT_ONCE: i64 = 1000;

/// A manifest of a repository, and what names it there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct TaggedFacts {
    item: ReviewItem,
    pub repository: String,
    pub digest: String,
    /// Length in bytes.
    pub size: u64,
    /// Time since its last push or the loss of its last tag, index or referrer.
    pub quiet: Duration,
    /// Whether a tag names it.
    pub tagged: bool,
    /// Whether an index names it.
    pub indexed: bool,
    /// Whether another manifest refers to it as its subject.
    pub referred: bool,
    /// Whether it refers to a manifest that the repository holds.
    pub refers: bool,
}

/// What shall become of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It stays, and leaves the queue.
    Stays,
    /// It is judged again after this time.
    Waits(Duration),
    /// It is removed from its repository, unless something names it by now.
    Goes,
}

/// What one step of [`Reviews::find_untagged`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walked {
    /// Where the next step goes on.
    pub last: (i64, i64),
    /// Manifests that were put into the queue.
    pub found: u64,
}

impl Reviews<'_> {
    /// Judges at most `limit` manifests that have been quiet for `window`, in one transaction.
    ///
    /// # Errors
    /// As [`Reviews::step`].
    pub async fn judge(
        self,
        window: Duration,
        limit: u32,
        judge: impl Fn(&TaggedFacts) -> Judged,
    ) -> Result<Reviewed, StoreError> {
        self.0.retrying(|| self.try_judge(window, limit, &judge)).await
    }

    async fn try_judge(
        self,
        window: Duration,
        limit: u32,
        judge: &impl Fn(&TaggedFacts) -> Judged,
    ) -> Result<Reviewed, StoreError> {
        const KIND: ReviewKind = ReviewKind::Untagged;
        let lease = self.0.lease().await?;
        let taken = lease.begin(queue::take(&lease, KIND, window, limit)).await?;
        let taken = taken.iter().map(ReviewItem::read).collect::<Result<Vec<_>, _>>()?;
        if taken.is_empty() {
            lease.rollback().await?;
            return Ok(Reviewed::default());
        }
        let described = lease.within(describe_untagged(&lease, &taken)).await?;
        let mut sorted = Sorted::default();
        for row in &described {
            let facts = TaggedFacts::read(row)?;
            sorted.add(facts.item, judge(&facts));
        }
        let locks = Locks::read(&lease.within(lock_untagged(&lease, &sorted.going)).await?)?;
        let waiting = sorted.waiting.len();
        sorted.waiting.extend(locks.busy.iter().map(|item| (*item, BUSY)));
        let waits = |item: &ReviewItem| sorted.waiting.iter().any(|(other, _)| other == item);
        let settled: Vec<ReviewItem> = taken.iter().filter(|item| !waits(item)).copied().collect();
        let last = async {
            let (removed, settled, postponed) = tokio::join!(
                biased;
                remove_untagged(&lease, &locks.locked),
                queue::settle(&lease, KIND, &settled),
                queue::postpone(&lease, KIND, window, &sorted.waiting),
            );
            let removed = removed?;
            settled?;
            postponed?;
            Ok(removed)
        };
        let removed = lease.commit(last).await?;
        let reviewed = Reviewed::of(taken.len(), &removed, locks.busy.len())?;
        Ok(Reviewed { waiting: waiting as u64, ..reviewed })
    }

    /// At most `limit` manifests that would be judged now. Nothing is locked or changed.
    pub async fn due_untagged(
        self,
        window: Duration,
        limit: u32,
    ) -> Result<Vec<TaggedFacts>, StoreError> {
        let params = [&window.as_secs_f64() as _, &i64::from(limit) as _];
        let due = self.0.rows(Query::ReviewDueUntagged, params).await?;
        let due = due.iter().map(ReviewItem::read).collect::<Result<Vec<_>, _>>()?;
        self.describe(&due).await
    }

    /// What names each of these manifests.
    pub(super) async fn describe(
        self,
        items: &[ReviewItem],
    ) -> Result<Vec<TaggedFacts>, StoreError> {
        let (repositories, manifests) = columns(items);
        let rows = self.0.rows(Query::ReviewDescribeUntagged, [&repositories, &manifests]).await?;
        rows.iter().map(TaggedFacts::read).collect()
    }

    /// Looks at some manifests after `after`, (0, 0) for the first ones, in repositories whose names begin with one of
    /// `prefixes`, and queues those without a tag. `None` at the end.
    pub async fn find_untagged(
        self,
        after: (i64, i64),
        prefixes: &[&str],
    ) -> Result<Option<Walked>, StoreError> {
        let params = [&after.0 as _, &after.1 as _, &WALKED_AT_ONCE as _, &prefixes as _];
        let rows = self.0.rows(Query::ReviewFindUntagged, params).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let repository: Option<i64> = row.try_get("repository_id")?;
        let manifest: Option<i64> = row.try_get("manifest_id")?;
        let Some(last) = repository.zip(manifest) else { return Ok(None) };
        Ok(Some(Walked { last, found: unsigned(row, "found")? }))
    }
}

/// Manifests by what shall become of them.
#[derive(Default)]
struct Sorted {
    going: Vec<ReviewItem>,
    waiting: Vec<(ReviewItem, Duration)>,
}

impl Sorted {
    fn add(&mut self, item: ReviewItem, judged: Judged) {
        match judged {
            Judged::Stays => {}
            Judged::Waits(wait) => self.waiting.push((item, wait)),
            Judged::Goes => self.going.push(item),
        }
    }
}

impl TaggedFacts {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let quiet: f64 = row.try_get("quiet")?;
        Ok(Self {
            item: ReviewItem::read(row)?,
            repository: row.try_get("repository")?,
            digest: row.try_get("digest")?,
            size: unsigned(row, "size")?,
            quiet: Duration::from_secs_f64(quiet.max(0.0)),
            tagged: row.try_get("tagged")?,
            indexed: row.try_get("indexed")?,
            referred: row.try_get("referred")?,
            refers: row.try_get("refers")?,
        })
    }
}

async fn describe_untagged(
    connection: &Connection,
    items: &[ReviewItem],
) -> Result<Vec<Row>, Error> {
    let (repositories, manifests) = columns(items);
    connection.rows(Query::ReviewDescribeUntagged, &[&repositories, &manifests]).await
}

async fn lock_untagged(connection: &Connection, items: &[ReviewItem]) -> Result<Vec<Row>, Error> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let (repositories, manifests) = columns(items);
    connection.rows(Query::ReviewLockUntagged, &[&repositories, &manifests]).await
}

async fn remove_untagged(connection: &Connection, items: &[ReviewItem]) -> Result<Vec<Row>, Error> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let (repositories, manifests) = columns(items);
    connection.rows(Query::ReviewRemoveUntagged, &[&repositories, &manifests]).await
}
