//! Point reads of which many go out as one statement (see [`Rounds`]).

use std::fmt;
use std::sync::Arc;

use tokio_postgres::Row;

use super::connection::Param;
use super::reads::Reads;
use super::rounds::{Rounds, Unanswered};
use super::statements::Query;
use crate::rights::{Access, Action, Pattern};
use crate::store::error::StoreError;
use crate::telemetry::trace::{Span, Work};

/// What is looked up in a repository, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lookup {
    query: Query,
    access: Access,
    item: String,
    /// What the caller has already. The statement defines it.
    known: Option<String>,
}

impl Lookup {
    /// A lookup for a caller who wants to pull.
    pub(crate) fn new(query: Query, access: &Access, item: &str, known: Option<&str>) -> Self {
        let (item, known) = (item.to_owned(), known.map(str::to_owned));
        Self { query, access: access.clone(), item, known }
    }
}

/// A row that several callers share.
#[derive(Clone, Debug)]
pub(crate) struct SharedRow {
    rows: Arc<Vec<Row>>,
    at: usize,
}

impl AsRef<Row> for SharedRow {
    fn as_ref(&self) -> &Row {
        &self.rows[self.at]
    }
}

/// The lookups that wait for the next statement.
pub(super) struct Gathered(Arc<Rounds<Lookup, Result<SharedRow, StoreError>>>);

impl fmt::Debug for Gathered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gathered").finish_non_exhaustive()
    }
}

impl Gathered {
    pub(super) fn new(reads: &Arc<Reads>) -> Self {
        let reads = Arc::clone(reads);
        Self(Rounds::new(Box::new(move |lookups| {
            let reads = Arc::clone(&reads);
            Box::pin(async move { answer(&reads, &lookups).await })
        })))
    }

    /// The row of one lookup, whose column `allowed` has yet to be checked.
    pub(super) async fn row(&self, lookup: &Lookup) -> Result<SharedRow, StoreError> {
        // Each caller has a span of the statement that they share.
        let span = Span::begin(Work::Statement(lookup.query.name()));
        let asked = self.0.ask(lookup.clone());
        let answer = async {
            match asked.await {
                Ok(answer) => answer,
                Err(Unanswered::Crowded) => Err(StoreError::timed_out("the queue of reads")),
                Err(Unanswered::Abandoned) => {
                    Err(StoreError::Internal("a read was given up before it was answered".into()))
                }
            }
        };
        span.run(answer).await
    }
}

/// Looks everything up, with one statement for each query, both in one round trip.
async fn answer(reads: &Reads, lookups: &[Lookup]) -> Vec<Result<SharedRow, StoreError>> {
    let mut answers =
        vec![Err(StoreError::Internal("a lookup returned no row".into())); lookups.len()];
    let of = |query| {
        let places = lookups.iter().enumerate().filter(move |(_, lookup)| lookup.query == query);
        places.map(|(place, _)| place).collect::<Vec<_>>()
    };
    let (tags, digests) = (of(Query::ManifestFindByTag), of(Query::ManifestFindByDigest));
    let (by_tag, by_digest) = tokio::join!(
        look_up(reads, Query::ManifestFindByTag, lookups, &tags),
        look_up(reads, Query::ManifestFindByDigest, lookups, &digests),
    );
    for (places, rows) in [(tags, by_tag), (digests, by_digest)] {
        match rows {
            Ok(rows) => hand_out(&places, rows, &mut answers),
            Err(error) => places.iter().for_each(|place| answers[*place] = Err(error.clone())),
        }
    }
    answers
}

/// Puts each row at the place of its lookup.
fn hand_out(places: &[usize], rows: Vec<Row>, answers: &mut [Result<SharedRow, StoreError>]) {
    let rows = Arc::new(rows);
    for (at, row) in rows.iter().enumerate() {
        // Counted from 1.
        let number = row.try_get::<_, i64>("number").ok().and_then(|it| usize::try_from(it).ok());
        let place = number.and_then(|number| places.get(number.checked_sub(1)?));
        if let Some(place) = place {
            answers[*place] = Ok(SharedRow { rows: Arc::clone(&rows), at });
        }
    }
}

async fn look_up(
    reads: &Reads,
    query: Query,
    lookups: &[Lookup],
    places: &[usize],
) -> Result<Vec<Row>, StoreError> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let lookups = || places.iter().map(|place| &lookups[*place]);
    let repositories: Vec<&str> = lookups().map(|it| it.access.repository.as_str()).collect();
    let items: Vec<&str> = lookups().map(|it| it.item.as_str()).collect();
    let known: Vec<Option<&str>> = lookups().map(|it| it.known.as_deref()).collect();
    let revisions: Vec<Option<i64>> = lookups().map(|it| it.access.grantee.revision()).collect();
    // An array of arrays must be rectangular. No pattern has a space.
    let patterns: Vec<String> =
        lookups().map(|it| Pattern::covering(&it.access.repository).join(" ")).collect();
    let roles = Action::Pull.roles();
    let params: [Param<'_>; 6] = [&repositories, &items, &known, &revisions, &patterns, &roles];
    reads.rows(query, &params).await
}
