//! Measures PostgreSQL, Kubo, its cluster and the disk for the metrics, so that a scrape does not have to.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::jobs::{Done, Job, JobError, Scope};
use crate::registry::Registry;
use crate::telemetry::metrics::{self, Partner};

/// Asks the partners how they are, and publishes what they answer. A partner that does not answer is a figure, too, and no
/// failure of the job.
#[derive(Clone)]
pub struct WatchPartners {
    registry: Registry,
    gone: Arc<Gone>,
}

/// Which partners did not answer when they were last asked.
#[derive(Default)]
struct Gone {
    postgres: AtomicBool,
    kubo: AtomicBool,
    cluster: AtomicBool,
}

impl WatchPartners {
    /// Time between two runs: as often as Prometheus usually asks.
    pub const PERIOD: Duration = Duration::from_secs(15);

    pub(super) fn new(registry: Registry) -> Self {
        Self { registry, gone: Arc::default() }
    }

    async fn look(&self) {
        tokio::join!(self.look_at_postgres(), self.look_at_kubo(), self.look_at_cluster(), async {
            if let Some(disk) = &self.registry.limits().disk {
                disk.publish().await;
            }
        });
    }

    async fn look_at_postgres(&self) {
        let up = self.registry.store().ping().await;
        self.gone.note(Partner::Postgres, &up);
        if up.is_err() {
            return;
        }
        match self.registry.store().measure().await {
            Ok(figures) => metrics::database(&figures),
            Err(error) => debug!(event = "postgres_not_measured", %error),
        }
    }

    async fn look_at_cluster(&self) {
        let ipfs = self.registry.ipfs();
        if ipfs.is_clustered() {
            let up = ipfs.cluster_ready().await;
            self.gone.note(Partner::Cluster, &up);
        }
    }

    /// A figure that a node does not know keeps its last value. A proxy in front of Kubo may lack some of these calls.
    async fn look_at_kubo(&self) {
        let ipfs = self.registry.ipfs();
        let up = ipfs.ready().await;
        self.gone.note(Partner::Kubo, &up);
        if up.is_err() {
            return;
        }
        match ipfs.repository_size().await {
            Ok(size) => metrics::kubo_repository(size.bytes, size.limit),
            Err(error) => debug!(event = "kubo_not_measured", %error),
        }
        match ipfs.count_peers().await {
            Ok(peers) => metrics::kubo_peers(peers),
            Err(error) => debug!(event = "kubo_not_measured", %error),
        }
        match ipfs.bandwidth().await {
            Ok(bandwidth) => {
                let moved = bandwidth.map_or((0, 0), |all| (all.received, all.sent));
                metrics::kubo_bandwidth(moved.0, moved.1);
            }
            Err(error) => debug!(event = "kubo_not_measured", %error),
        }
    }
}

impl Gone {
    /// Publishes whether a partner answers. Logs that it went away or came back, once each time: without a client nobody else
    /// would say so.
    fn note(&self, partner: Partner, answer: &Result<(), impl Display>) {
        metrics::partner_up(partner, answer.is_ok());
        let (gone, partner) = match partner {
            Partner::Postgres => (&self.postgres, "PostgreSQL"),
            Partner::Kubo => (&self.kubo, "Kubo"),
            Partner::Cluster => (&self.cluster, "the proxy of the IPFS Cluster"),
        };
        match answer {
            Err(error) if !gone.swap(true, Ordering::Relaxed) => warn!(
                event = "partner_gone",
                partner,
                %error,
                "{partner} does not answer, and requests that need it get a 503 until it does: {error}"
            ),
            Ok(()) if gone.swap(false, Ordering::Relaxed) => {
                info!(event = "partner_back", partner, "{partner} answers again");
            }
            _ => {}
        }
    }
}

impl Job for WatchPartners {
    const NAME: &'static str = "watch-partners";
    const FAILED: &'static str = "partners_not_watched";
    const SCOPE: Scope = Scope::Process;

    fn period(&self) -> Duration {
        Self::PERIOD
    }

    async fn run(&self, stop: &CancellationToken) -> Result<Done, JobError> {
        stop.run_until_cancelled(self.look()).await;
        Ok(Done::default())
    }
}
