//! Compares the pins of Kubo with the rows, and removes the blocks that no image needs.
//!
//! One instance does it at a time. First no pin is dropped any more. Then every CID that a row needs is compared with the
//! pins of Kubo, and pinned if its pin was lost: so a lost pin does no harm, because nothing is removed before. This much
//! is done for every Kubo. Where only the registry removes blocks, it goes on in rounds:
//!
//! 1. The parts of open uploads are pinned, which are not pinned otherwise.
//! 2. All instances are asked to store nothing new, and uploads under way record what they have. After a notice another
//!    epoch begins: what was stored before and is not recorded yet never will be (`store/uploads/collection.rs`).
//! 3. The parts that were recorded since are pinned.
//! 4. Kubo removes what no pin holds, within a time after which it stops by itself.
//! 5. Pushes go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config;
use crate::ipfs::{Collected, IpfsError, PinSet};
use crate::ipld::Cid;
use crate::jobs::{Done, Job, JobError, Scope};
use crate::registry::blob::Blob;
use crate::registry::pins::Content;
use crate::registry::{Collector, Registry, RegistryError};
use crate::store::{Collections, PinnedBlob, Store};
use crate::telemetry::metrics;

/// How long pins are not dropped beyond the step that is under way, if this instance dies.
const UNPINS_PAUSE: Duration = Duration::from_secs(150);

/// Longest wait for callers who still drop pins.
const UNPINS_WAIT: Duration = Duration::from_secs(70);

/// Longest wait for a moment without uploads.
const QUIET_WAIT: Duration = Duration::from_secs(60);

/// Time beyond that of a removal after which pushes go on even if this instance has died.
const MARGIN: Duration = Duration::from_secs(10);

/// Pins without a row that are queued by one statement.
const ADOPTED_AT_ONCE: usize = 1000;

/// Most rounds of a run, and the time of the longest.
const ROUNDS: u32 = 8;
const LONGEST_ROUND: Duration = Duration::from_secs(240);

/// Pushes go on for as long as they had to wait, but at least for this time, before the next round.
const SHORTEST_REST: Duration = Duration::from_secs(2);

/// Time for a run that was told to stop to let pushes go on.
const STOPPING: Duration = Duration::from_millis(700);

/// When a collection runs, and how long its steps are.
#[derive(Clone, Debug)]
pub struct CollectSettings {
    /// Time between two runs.
    pub period: Duration,
    /// Least time between two removals of blocks. A server that starts often does not remove some at each start.
    pub rest: Duration,
    /// Size of the repository of Kubo from which on a run waits for no quiet moment.
    pub pressing_bytes: u64,
    /// Time for all instances to learn that nothing new is to be stored, and to record what they have.
    pub notice: Duration,
    /// Time in which Kubo removes blocks before pushes go on.
    pub round: Duration,
}

impl CollectSettings {
    /// Takes them from the settings of the server.
    pub fn of(config: &config::Collection) -> Self {
        Self {
            period: config.period,
            rest: config.period / 2,
            pressing_bytes: config.pressing_bytes,
            notice: Duration::from_secs(3),
            round: Duration::from_secs(15),
        }
    }
}

/// The collection of garbage, which one instance at a time runs.
#[derive(Clone)]
pub struct Collect {
    registry: Registry,
    store: Store,
    settings: CollectSettings,
    /// Whether this run has asked all instances to store nothing new.
    closed: Arc<AtomicBool>,
}

impl Collect {
    pub(super) fn new(registry: Registry, settings: CollectSettings) -> Self {
        let closed = Arc::default();
        Self { store: registry.store().for_jobs(), registry, settings, closed }
    }

    fn collections(&self) -> Collections<'_> {
        self.store.collections()
    }

    async fn collect(&self) -> Result<u64, RegistryError> {
        self.stop_unpins().await?;
        let lost = self.compare_pins().await?;
        self.collections().compared(lost).await?;
        metrics::pins_compared(lost);
        let own = self.registry.limits().collector == Collector::Registry;
        if !own || !self.collections().state(self.settings.rest).await?.garbage {
            return Ok(lost);
        }
        self.await_quiet().await?;
        Ok(lost + self.remove_in_rounds().await?)
    }

    /// Waits until nobody drops pins any more.
    async fn stop_unpins(&self) -> Result<(), RegistryError> {
        self.collections().pause_unpins(UNPINS_PAUSE).await?;
        let began = Instant::now();
        while self.collections().unpinning().await? && began.elapsed() < UNPINS_WAIT {
            sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    /// Pins what a row needs and Kubo does not pin. Returns the number of lost pins.
    async fn compare_pins(&self) -> Result<u64, RegistryError> {
        self.collections().pause_unpins(UNPINS_PAUSE).await?;
        let mut pins = self.registry.ipfs().pins().await?;
        let mut lost = 0;
        let (mut blob, mut part) = (None, None);
        loop {
            let page = self.store.blobs().pinned_page(blob.as_ref()).await?;
            for blob in page.iter().filter(|blob| !pins.need(&blob.cid)) {
                lost += u64::from(self.pin_blob(blob).await?);
            }
            let Some(last) = page.into_iter().next_back() else { break };
            blob = Some(last);
            self.collections().pause_unpins(UNPINS_PAUSE).await?;
        }
        loop {
            let page = self.store.uploads().pinned_page(part.as_ref()).await?;
            lost += self
                .pin_all(page.iter().map(|part| part.cid).filter(|cid| !pins.need(cid)))
                .await?;
            let Some(last) = page.last() else { break };
            part = Some(*last);
        }
        if self.registry.limits().collector == Collector::Registry {
            self.adopt(&pins).await?;
        }
        Ok(lost)
    }

    /// Queues the pins that no row names: those of a restored database, and of a process that died before the row of its
    /// claim was on disk. An external Kubo that others use as well is not collected, so its other pins are left alone.
    async fn adopt(&self, pins: &PinSet) -> Result<(), RegistryError> {
        let needless: Vec<Cid> = pins.needless().collect();
        for cids in needless.chunks(ADOPTED_AT_ONCE) {
            self.store.unpins().adopt(cids).await?;
        }
        Ok(())
    }

    /// Pins a blob whose pin the list of pins does not have. Returns whether the pin was lost: the blob may have been pushed
    /// after the list was made.
    async fn pin_blob(&self, blob: &PinnedBlob) -> Result<bool, RegistryError> {
        if self.registry.ipfs().is_pinned(&blob.cid).await? {
            return Ok(false);
        }
        match self.pin(&blob.cid).await {
            Ok(()) => warn!(
                event = "pin_lost", digest = %blob.digest, ipfs_cid = %blob.cid,
                "a blob had lost its pin in Kubo and was pinned again; something else than this registry removes pins, or \
                 a process died while it set one"
            ),
            Err(RegistryError::Ipfs(IpfsError::Missing(_) | IpfsError::Broken(_))) => {
                let (digest, cid, size) = (blob.digest.clone(), blob.cid, blob.size);
                self.registry.blobs().suspect(&Blob { digest, cid, size });
            }
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// Pins CIDs that rows name. Returns their number.
    async fn pin_all(&self, cids: impl Iterator<Item = Cid>) -> Result<u64, RegistryError> {
        let mut pinned = 0;
        for cid in cids {
            match self.pin(&cid).await {
                // A part whose bytes are lost cannot be protected, and its upload fails at the end.
                Ok(()) | Err(RegistryError::Ipfs(IpfsError::Missing(_) | IpfsError::Broken(_))) => {
                    pinned += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(pinned)
    }

    /// Pins a CID that a row names already, so that the claim may end at once.
    async fn pin(&self, cid: &Cid) -> Result<(), RegistryError> {
        let claim = self.registry.pin(cid, Content::Stored).await?;
        Ok(self.store.pins().abandon(claim).await?)
    }

    /// Pins the parts of open uploads.
    async fn protect_uploads(&self) -> Result<(), RegistryError> {
        loop {
            let cids = self.store.uploads().protect_parts().await?;
            if cids.is_empty() {
                return Ok(());
            }
            self.pin_all(cids.into_iter()).await?;
        }
    }

    /// Waits for a moment without uploads, unless the repository of Kubo is nearly full.
    async fn await_quiet(&self) -> Result<(), RegistryError> {
        let began = Instant::now();
        while began.elapsed() < QUIET_WAIT && self.collections().state(Duration::ZERO).await?.busy {
            let size = self.registry.ipfs().repository_size().await?;
            if size.bytes >= self.settings.pressing_bytes {
                break;
            }
            sleep(Duration::from_secs(1)).await;
        }
        Ok(())
    }

    /// Removes garbage until none is left. Each round gets more time than the last one if that removed nothing.
    async fn remove_in_rounds(&self) -> Result<u64, RegistryError> {
        let (mut removed, mut time) = (0, self.settings.round);
        for _ in 0..ROUNDS {
            self.collections().pause_unpins(self.settings.notice + time + UNPINS_PAUSE).await?;
            self.protect_uploads().await?;
            let began = Instant::now();
            let round = self.round(time).await;
            self.reopen().await;
            let (round, closed) = (round?, began.elapsed());
            metrics::collected(round.removed, closed);
            self.report(&round, closed);
            self.collections().collected(round.removed, !round.whole).await?;
            removed += round.removed;
            if round.whole || !round.troubles.is_empty() {
                break;
            }
            if round.removed == 0 {
                time = (time * 2).min(LONGEST_ROUND);
            }
            sleep(closed.max(SHORTEST_REST)).await;
        }
        Ok(removed)
    }

    async fn round(&self, time: Duration) -> Result<Collected, RegistryError> {
        let notice = self.settings.notice;
        self.closed.store(true, Ordering::Relaxed);
        self.collections().close(notice + time + MARGIN).await?;
        sleep(notice).await;
        self.collections().advance().await?;
        self.protect_uploads().await?;
        let doubtful = self.store.unpins().doubtful().await?;
        self.pin_all(doubtful.into_iter()).await?;
        // Pinning may have taken a while.
        self.collections().close(time + MARGIN).await?;
        Ok(self.registry.ipfs().collect(time).await?)
    }

    /// Lets pushes go on, if Kubo removes nothing any more: it may do so although its answer was lost. If that cannot be
    /// found out, pushes go on when the time of the round is over.
    async fn reopen(&self) {
        if !self.closed.swap(false, Ordering::Relaxed) {
            return;
        }
        let ended = self.registry.ipfs().await_collection().await.map_err(RegistryError::from);
        let opened = match ended {
            Ok(()) => self.collections().close(Duration::ZERO).await.map_err(RegistryError::from),
            Err(error) => Err(error),
        };
        if let Err(error) = opened {
            warn!(
                event = "collection_not_ended", %error,
                "it could not be found out whether Kubo still removes blocks; pushes wait for up to {} s",
                (LONGEST_ROUND + MARGIN).as_secs()
            );
        }
    }

    fn report(&self, round: &Collected, closed: Duration) {
        let (removed, whole) = (round.removed, round.whole);
        let waited_ms = closed.as_millis();
        for trouble in &round.troubles {
            error!(
                event = "collection_blocked",
                trouble,
                "Kubo removes nothing because a pinned block is damaged or missing; `af-registry scrub run` finds the blob, \
                 and pushing it again repairs it"
            );
        }
        info!(
            event = "collected",
            removed,
            whole,
            waited_ms,
            "removed {removed} blocks that no image needs; pushes waited for {waited_ms} ms"
        );
    }
}

impl Job for Collect {
    const NAME: &'static str = "collect";
    const FAILED: &'static str = "collection_failed";
    const SCOPE: Scope = Scope::Shared;

    fn period(&self) -> Duration {
        self.settings.period
    }

    async fn run(&self, stop: &CancellationToken) -> Result<Done, JobError> {
        let ended = stop.run_until_cancelled(Box::pin(self.collect())).await;
        // A run that was cut has left pushes waiting. Kubo stops when its call is cut.
        let _ = timeout(STOPPING, self.reopen()).await;
        self.collections().pause_unpins(Duration::ZERO).await?;
        match ended {
            Some(Ok(items)) => Ok(Done { items }),
            Some(Err(error)) => Err(JobError::new(error.to_string())),
            None => Ok(Done::default()),
        }
    }
}
