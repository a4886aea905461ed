//! The jobs of this process, from their start to their end.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::cycle::drive;
use super::job::Job;
use super::turn::Instance;
use crate::store::Store;
use crate::stream::bulk;

/// Time that a job gets to return after it was told to stop. Then its future is dropped.
pub const GRACE: Duration = Duration::from_secs(1);

/// Running jobs, each in a task of its own.
#[derive(Debug)]
pub struct Jobs {
    instance: Instance,
    stop: CancellationToken,
    tasks: Vec<(&'static str, JoinHandle<()>)>,
}

impl Jobs {
    /// An empty collection. The store keeps the turns and the outcomes of shared jobs.
    pub fn new(store: Store) -> Self {
        Self {
            instance: Instance::new(store.for_jobs()),
            stop: CancellationToken::new(),
            tasks: Vec::new(),
        }
    }

    /// Starts a job. Must be called within the runtime.
    pub fn start<J: Job>(&mut self, job: J) {
        let stop = self.stop.clone();
        let driven = drive(job, self.instance.clone(), stop.clone());
        let task = tokio::spawn(bulk::Task::new(async move {
            tokio::select! {
                biased;
                () = driven => {}
                () = after_grace(&stop) => warn!(
                    event = "job_cut",
                    job = J::NAME,
                    "{} did not stop within {} s and was cut; its next run does the rest",
                    J::NAME,
                    GRACE.as_secs()
                ),
            }
        }));
        self.tasks.push((J::NAME, task));
    }

    /// Tells all jobs to stop and waits until the last one has.
    pub async fn stop(self) {
        self.stop.cancel();
        let began = Instant::now();
        for (name, task) in self.tasks {
            if let Err(panic) = task.await {
                error!(
                    event = "job_panicked",
                    job = name,
                    "{name} panicked and ran no more: {panic}"
                );
            }
            let waited_ms = began.elapsed().as_millis();
            debug!(event = "job_stopped", job = name, waited_ms, "{name} has stopped");
        }
    }
}

async fn after_grace(stop: &CancellationToken) {
    stop.cancelled().await;
    sleep(GRACE).await;
}
