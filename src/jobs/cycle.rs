//! The loop that drives one job.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::job::Job;
use super::schedule;
use super::turn::{Instance, Run, Turn};
use crate::telemetry::metrics;

/// Shortest time between a run and the next one that a nudge wakes. A busy registry nudges with every push, and each run of
/// a shared job writes to the database twice.
const REST: Duration = Duration::from_secs(1);

/// Runs the job at once, and then whenever it is due or nudged, until `stop`.
///
/// A nudge also ends the pause after a failure, so that one bad item does not delay new ones. An item that failed has a
/// pause of its own.
pub(super) async fn drive<J: Job>(job: J, instance: Instance, stop: CancellationToken) {
    let mut failures = 0;
    let mut urgent = true;
    loop {
        let turn = instance.take_turn(&job, urgent, failures, &stop).await;
        let pause = match turn {
            Ok(Turn::Wait(wait)) => wait,
            Ok(Turn::Had(run)) => {
                report::<J>(&run, failures);
                (failures, urgent) = (run.failures, false);
                run.pause
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                let pause = schedule::pause(job.period(), failures);
                metrics::job_run(J::NAME, "failed", Duration::ZERO);
                warn_of_failure::<J>(&error.to_string(), pause);
                pause
            }
        };
        measure(&job).await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(pause) => {}
            () = nudged(&job) => urgent = true,
        }
    }
}

/// Waits for a nudge that comes a while after the last run.
async fn nudged<J: Job>(job: &J) {
    sleep(REST).await;
    job.nudged().await;
}

/// Logs what an operator may want to know of a run.
fn report<J: Job>(run: &Run, failures_before: u32) {
    let took_ms = run.took.as_millis();
    match &run.result {
        Err(error) if error.is_reported() => {}
        Err(error) => warn_of_failure::<J>(&error.to_string(), run.pause),
        Ok(done) if failures_before > 0 => info!(
            event = "job_recovered",
            job = J::NAME,
            items = done.items,
            took_ms,
            "{} works again after {failures_before} failed runs",
            J::NAME
        ),
        Ok(done) if done.items > 0 => debug!(
            event = "job_done",
            job = J::NAME,
            items = done.items,
            took_ms,
            "{} dealt with {} items",
            J::NAME,
            done.items
        ),
        Ok(_) => {}
    }
}

fn warn_of_failure<J: Job>(error: &str, pause: Duration) {
    warn!(
        event = J::FAILED,
        job = J::NAME,
        error,
        retry_in_ms = pause.as_millis(),
        "{} failed and is tried again in {} s: {error}",
        J::NAME,
        pause.as_secs()
    );
}

/// Publishes what waits to be done. Every instance does, also when another one has the turn.
async fn measure<J: Job>(job: &J) {
    match job.backlog().await {
        Ok(Some(backlog)) => {
            metrics::job_backlog(J::NAME, backlog.items, backlog.oldest.unwrap_or_default());
        }
        Ok(None) => {}
        Err(error) => debug!(event = "job_not_measured", job = J::NAME, %error),
    }
}
