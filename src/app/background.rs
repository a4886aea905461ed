//! The background work of a server, from its start to its end.

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::task::JoinHandle;

use super::clients::Keeper;
use super::domain::Domain;
use super::ending::wait_for;
use crate::acme::KeepCertificate;
use crate::jobs::{Jobs, TidyMetrics};

/// The jobs, and the task that watches the files of the certificate.
pub(super) struct Background {
    jobs: Jobs,
    watch: Option<JoinHandle<()>>,
}

impl Background {
    /// Starts every job that this server needs.
    pub(super) fn start(
        domain: &Domain,
        certificate: Option<Keeper>,
        recorder: &PrometheusHandle,
    ) -> Self {
        let Domain { store, registry, auth } = domain;
        let mut jobs = Jobs::new(store.clone());
        jobs.start(registry.expire_uploads());
        jobs.start(registry.drop_pins());
        jobs.start(registry.forget_sessions());
        jobs.start(TidyMetrics::new(recorder.clone()));
        if let Some(reload_keys) = auth.reload_keys() {
            jobs.start(reload_keys);
        }
        let watch = match certificate {
            Some(Keeper::Acme(acme)) => {
                jobs.start(KeepCertificate::new(acme));
                None
            }
            Some(Keeper::Files(watch)) => Some(watch),
            None => None,
        };
        Self { jobs, watch }
    }

    /// Stops all of it. The partners must still run meanwhile.
    pub(super) async fn stop(self) {
        if let Some(watch) = self.watch {
            watch.abort();
            // The error only says that the task was aborted.
            let _ = wait_for("watch over the certificate's files", watch).await;
        }
        wait_for("jobs", self.jobs.stop()).await;
    }
}
