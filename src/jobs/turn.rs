//! One run of a job. For a shared job an instance first takes the turn, and afterwards records how the run ended.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use super::job::{Done, Job, Scope};
use super::{JobError, schedule};
use crate::store::{JobOutcome, JobRun, JobTurn, Store, StoreError};
use crate::telemetry::metrics;

/// Time for which an instance that died keeps its turn. A run that takes longer extends its lease.
const LEASE: Duration = Duration::from_secs(30);

/// Shortest and longest wait for a turn. The database knows when the lease of another instance ends, but most instances
/// give their turn back sooner.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// This process, as one of the instances that take turns.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    store: Store,
    id: Uuid,
}

/// The result of an attempt to run a job.
#[derive(Debug)]
pub enum Turn {
    /// The job ran.
    Had(Run),
    /// Another instance runs it now, or has run it less than a period ago: ask again after this time.
    Wait(Duration),
}

/// A run that has ended.
#[derive(Debug)]
pub struct Run {
    /// The number of items that were done, or the reason of the failure.
    pub result: Result<Done, JobError>,
    /// Time that the run took.
    pub took: Duration,
    /// Failed runs in a row, this one included.
    pub failures: u32,
    /// Pause before the next run.
    pub pause: Duration,
}

/// Runs a job once, whether its next run is due or not.
///
/// # Errors
/// The database does not answer. An error of the job itself is in the [`Run`].
pub async fn run_now<J: Job>(job: &J, store: &Store) -> Result<Turn, StoreError> {
    let stop = CancellationToken::new();
    Instance::new(store.clone()).take_turn(job, true, 0, &stop).await
}

impl Instance {
    pub(super) fn new(store: Store) -> Self {
        Self { store, id: Uuid::new_v4() }
    }

    /// Runs the job if it is this instance's turn. `urgent` does not wait until the next run is due. `failures` is the
    /// number of failed runs that came before; for a shared job the database knows it better.
    ///
    /// # Errors
    /// The turn cannot be taken.
    pub(super) async fn take_turn<J: Job>(
        &self,
        job: &J,
        urgent: bool,
        failures: u32,
        stop: &CancellationToken,
    ) -> Result<Turn, StoreError> {
        if J::SCOPE == Scope::Process {
            return Ok(Turn::Had(run(job, failures, stop).await));
        }
        let jobs = self.store.jobs();
        let failures = match jobs.claim(J::NAME, self.id, LEASE, urgent).await? {
            JobTurn::Taken { failures } => failures,
            JobTurn::Wait(_) if urgent => return Ok(Turn::Wait(SHORTEST_WAIT)),
            JobTurn::Wait(wait) => return Ok(Turn::Wait(wait.clamp(SHORTEST_WAIT, LONGEST_WAIT))),
        };
        let run = tokio::select! {
            biased;
            run = run(job, failures, stop) => run,
            never = self.keep_turn(J::NAME) => match never {},
        };
        // The run counts even if this cannot be recorded. The lease then ends by itself.
        if let Err(error) = jobs.finish(J::NAME, self.id, &record(&run, stop)).await {
            warn!(
                event = "job_not_recorded",
                job = J::NAME,
                %error,
                "the end of a run of {} could not be recorded; other instances wait for up to {} s",
                J::NAME,
                LEASE.as_secs()
            );
        }
        Ok(Turn::Had(run))
    }

    /// Extends the lease until the run is over. An instance that cannot extend it goes on: what two instances do at
    /// the same time is still done once, because each item is locked.
    async fn keep_turn(&self, name: &str) -> std::convert::Infallible {
        loop {
            sleep(LEASE / 3).await;
            if let Err(error) = self.store.jobs().extend(name, self.id, LEASE).await {
                warn!(
                    event = "job_lease_not_extended",
                    job = name,
                    %error,
                    "the lease of {name} could not be extended; another instance may run it, too"
                );
            }
        }
    }
}

async fn run<J: Job>(job: &J, failures: u32, stop: &CancellationToken) -> Run {
    let began = Instant::now();
    let result = job.run(stop).await;
    let took = began.elapsed();
    let failures = if result.is_ok() { 0 } else { failures.saturating_add(1) };
    metrics::job_run(J::NAME, outcome(&result, stop).name(), took);
    Run { result, took, failures, pause: schedule::pause(job.period(), failures) }
}

fn outcome(result: &Result<Done, JobError>, stop: &CancellationToken) -> JobOutcome {
    match result {
        Err(_) => JobOutcome::Failed,
        Ok(_) if stop.is_cancelled() => JobOutcome::Stopped,
        Ok(_) => JobOutcome::Ok,
    }
}

fn record(run: &Run, stop: &CancellationToken) -> JobRun {
    let outcome = outcome(&run.result, stop);
    JobRun {
        outcome,
        error: run.result.as_ref().err().map(ToString::to_string),
        took: run.took,
        // Another instance can do at once what a stopped run left.
        next_in: if outcome == JobOutcome::Stopped { Duration::ZERO } else { run.pause },
    }
}
