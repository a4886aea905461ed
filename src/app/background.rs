//! The background work of a server, from its start to its end.

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::task::JoinHandle;

use super::domain::Domain;
use super::ending::wait_for;
use crate::acme::KeepCertificate;
use crate::jobs::{Jobs, TidyMetrics};
use crate::registry::Collector;

/// The jobs, and the tasks that watch the files of certificates.
pub(super) struct Background {
    jobs: Jobs,
    watches: Vec<JoinHandle<()>>,
}

impl Background {
    /// Starts every job that this server needs.
    pub(super) fn start(
        domain: &Domain,
        keep: Option<KeepCertificate>,
        watches: Vec<JoinHandle<()>>,
        recorder: &PrometheusHandle,
    ) -> Self {
        let Domain { store, registry, auth, .. } = domain;
        let mut jobs = Jobs::new(store.clone());
        jobs.start(registry.expire_uploads());
        jobs.start(registry.drop_pins());
        jobs.start(registry.remove_empty());
        jobs.start(domain.collect.clone());
        if registry.limits().collector == Collector::Registry {
            jobs.start(registry.follow_collections());
        }
        jobs.start(domain.scrub.clone());
        jobs.start(registry.count_content());
        jobs.start(registry.watch_partners());
        jobs.start(registry.find_untagged());
        jobs.start(registry.review());
        jobs.start(registry.forget_expired());
        jobs.start(TidyMetrics::new(recorder.clone()));
        if let Some(reload_keys) = auth.reload_keys() {
            jobs.start(reload_keys);
        }
        if let Some(keep) = keep {
            jobs.start(keep);
        }
        Self { jobs, watches }
    }

    /// Stops all of it. The partners must still run meanwhile.
    pub(super) async fn stop(self) {
        for watch in self.watches {
            watch.abort();
            // The error only says that the task was aborted.
            let _ = wait_for("watch over the files of certificates", watch).await;
        }
        wait_for("jobs", self.jobs.stop()).await;
    }
}
