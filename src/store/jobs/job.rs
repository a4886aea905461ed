//! The background jobs that all instances share: who may run one now, and how its last run ended.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::db::database::Database;
use crate::store::db::row::parsed;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// The jobs of all instances.
#[derive(Clone, Copy, Debug)]
pub struct Jobs<'s>(pub(in crate::store) &'s Database);

/// The answer of [`Jobs::claim`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobTurn {
    /// The job is leased to the instance that asked.
    Taken {
        /// Failed runs in a row that came before.
        failures: u32,
    },
    /// Another instance runs the job, or its next run is not due. It may be claimed after this time.
    Wait(Duration),
}

/// The outcome of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// Everything that was due is done.
    Ok,
    /// Something could not be done. The error says why.
    Failed,
    /// The instance was told to stop before the run was over.
    Stopped,
}

/// A run that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct JobRun {
    pub outcome: JobOutcome,
    /// Reason of a failure.
    pub error: Option<String>,
    pub took: Duration,
    /// Pause before the next run.
    pub next_in: Duration,
}

/// The state of a job in the database.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct JobRecord {
    pub name: String,
    /// `None` before the first run has ended.
    pub last: Option<LastRun>,
    /// Failed runs in a row.
    pub failures: u32,
    pub next_run_at: SystemTime,
    /// Whether an instance runs it now.
    pub running: bool,
}

/// The last run of a job.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct LastRun {
    /// Start of the run.
    pub at: SystemTime,
    pub outcome: JobOutcome,
    pub took: Duration,
    /// Reason of a failure.
    pub error: Option<String>,
}

impl JobOutcome {
    /// Its name in the database, in metrics and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for JobOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for JobOutcome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Ok, Self::Failed, Self::Stopped]
            .into_iter()
            .find(|outcome| outcome.name() == text)
            .ok_or_else(|| format!("`{text}` is no outcome of a job"))
    }
}

impl Jobs<'_> {
    /// Leases a job to `instance`, if no other instance holds it and its next run is due. An `urgent` run need not be
    /// due.
    pub async fn claim(
        self,
        name: &str,
        instance: Uuid,
        lease: Duration,
        urgent: bool,
    ) -> Result<JobTurn, StoreError> {
        let lease = lease.as_secs_f64();
        let rows = self.0.returning(Query::JobClaim, [&name, &instance, &lease, &urgent]).await?;
        let Some(row) = rows.first() else {
            return Err(StoreError::Internal("job/claim gave no row".into()));
        };
        if row.try_get::<_, Option<i32>>("failures")?.is_some() {
            return Ok(JobTurn::Taken { failures: failures(row)? });
        }
        // NULL when another instance made the row after this statement began.
        let wait: Option<f64> = row.try_get("wait")?;
        Ok(JobTurn::Wait(Duration::from_secs_f64(wait.unwrap_or_default().max(0.0))))
    }

    /// Extends a lease, which then ends after `lease` from now.
    pub async fn extend(
        self,
        name: &str,
        instance: Uuid,
        lease: Duration,
    ) -> Result<(), StoreError> {
        let params = [&name as _, &instance as _, &lease.as_secs_f64() as _];
        self.0.count(Query::JobExtend, params).await.map(drop)
    }

    /// Records a run and ends its lease. Does nothing if the lease has gone to another instance.
    pub async fn finish(self, name: &str, instance: Uuid, run: &JobRun) -> Result<(), StoreError> {
        let outcome = run.outcome.name();
        let (took, next_in) = (run.took.as_secs_f64(), run.next_in.as_secs_f64());
        // A TEXT of PostgreSQL cannot contain NUL.
        let error = run.error.as_ref().map(|error| error.replace('\0', " "));
        let params =
            [&name as _, &instance as _, &outcome as _, &took as _, &error as _, &next_in as _];
        self.0.count(Query::JobFinish, params).await.map(drop)
    }

    /// Removes the records of jobs that no instance has run for `age`. Returns their number.
    pub async fn forget(self, age: Duration) -> Result<u64, StoreError> {
        self.0.count(Query::JobForget, [&age.as_secs_f64()]).await
    }

    /// All jobs that ever ran on this database, by name.
    pub async fn list(self) -> Result<Vec<JobRecord>, StoreError> {
        let rows = self.0.rows(Query::JobList, []).await?;
        rows.iter().map(record).collect()
    }
}

fn record(row: &Row) -> Result<JobRecord, StoreError> {
    let last = match row.try_get::<_, Option<SystemTime>>("last_run_at")? {
        Some(at) => Some(LastRun {
            at,
            outcome: parsed(row, "last_outcome")?,
            took: Duration::from_secs_f64(row.try_get::<_, f64>("last_seconds")?.max(0.0)),
            error: row.try_get("last_error")?,
        }),
        None => None,
    };
    Ok(JobRecord {
        name: row.try_get("name")?,
        last,
        failures: failures(row)?,
        next_run_at: row.try_get("next_run_at")?,
        running: row.try_get("running")?,
    })
}

fn failures(row: &Row) -> Result<u32, StoreError> {
    let failures: i32 = row.try_get("failures")?;
    Ok(failures.max(0).unsigned_abs())
}
