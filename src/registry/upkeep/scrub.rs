//! Compares the stored bytes of every blob with its digest, again and again, so that damage is found before a pull meets it.

use std::num::NonZeroU64;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use crate::ipfs::Spare;
use crate::jobs::{Done, Job, JobError, Scope};
use crate::oci::Digest;
use crate::registry::blob::Scrubbed;
use crate::registry::pace::Pace;
use crate::registry::{Registry, RegistryError};
use crate::store::{Backlog, ScrubItem, ScrubPlace};
use crate::telemetry::metrics;

/// Blobs that are read from the list at once.
const BATCH: u32 = 100;

/// Most damaged blobs that a tally names.
const NAMED: usize = 100;

/// How the scrub works.
#[derive(Clone)]
pub struct ScrubSettings {
    /// Most bytes that are read per second. `None` turns the job off.
    pub rate: Option<NonZeroU64>,
    /// How old the last comparison of a blob may become.
    pub age: Duration,
    /// Where blocks come from that are lost or wrong here.
    pub spare: Option<Spare>,
}

/// Reads the blobs whose turn it is and compares them with their digests. Looks at blobs under quarantine more often.
#[derive(Clone)]
pub struct Scrub {
    registry: Registry,
    settings: ScrubSettings,
}

/// What a scrub has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct ScrubTally {
    pub blobs: u64,
    pub bytes: u64,
    pub healed: u64,
    pub repaired: u64,
    pub damaged: u64,
    /// The first damaged blobs.
    pub named: Vec<Digest>,
    /// Blobs of which nothing could be concluded.
    pub unknown: u64,
    /// Why that was so for the last of them.
    pub reason: String,
}

impl Scrub {
    /// Time between two runs.
    pub const PERIOD: Duration = Duration::from_secs(60);

    /// Time after which a blob under quarantine is looked at again.
    const RECHECK: Duration = Duration::from_secs(600);

    /// Scrubs the blobs of `registry`.
    pub fn new(registry: Registry, settings: ScrubSettings) -> Self {
        Self { registry, settings }
    }

    /// Time between two runs with this age.
    pub fn period_of(age: Duration) -> Duration {
        age.clamp(Duration::from_secs(1), Self::PERIOD)
    }

    /// Reads one blob now, at full speed. `None` if there is no such blob.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn one(&self, digest: &Digest) -> Result<Option<Scrubbed>, RegistryError> {
        let Some(item) = self.registry.store().scrubs().get(digest).await? else { return Ok(None) };
        let spare = self.settings.spare.as_ref();
        let scrubbed = self.registry.blobs().scrub(&item, &mut Pace::new(None), spare).await?;
        self.registry.settled().await;
        Ok(Some(scrubbed))
    }

    /// Reads every blob that was last compared `age` ago or before, at full speed, and those under quarantine.
    /// `progress` is told of the tally after each blob.
    ///
    /// # Errors
    /// A partner does not answer any more.
    pub async fn all(
        &self,
        age: Duration,
        progress: impl Fn(&ScrubTally) + Sync,
    ) -> Result<ScrubTally, JobError> {
        let scrubs = self.registry.store().scrubs();
        let (cutoff, now) = (scrubs.cutoff(age).await?, scrubs.cutoff(Duration::ZERO).await?);
        let mut tally = ScrubTally::default();
        let mut sweep = Sweep::new(self, None, &mut tally, &progress);
        sweep.quarantined(now).await?;
        sweep.due(cutoff).await?;
        self.registry.settled().await;
        Ok(tally)
    }

    async fn paced(&self, rate: NonZeroU64, tally: &mut ScrubTally) -> Result<(), JobError> {
        let scrubs = self.registry.store().scrubs();
        let mut sweep = Sweep::new(self, Some(rate.get()), tally, &|_| {});
        sweep.quarantined(scrubs.cutoff(Self::RECHECK).await?).await?;
        sweep.due(scrubs.cutoff(self.settings.age).await?).await
    }
}

/// One way through the blobs.
struct Sweep<'s> {
    scrub: &'s Scrub,
    pace: Pace,
    tally: &'s mut ScrubTally,
    progress: &'s (dyn Fn(&ScrubTally) + Sync),
}

impl<'s> Sweep<'s> {
    fn new(
        scrub: &'s Scrub,
        rate: Option<u64>,
        tally: &'s mut ScrubTally,
        progress: &'s (dyn Fn(&ScrubTally) + Sync),
    ) -> Self {
        Self { scrub, pace: Pace::new(rate), tally, progress }
    }

    /// Looks at the blobs under quarantine that nobody has looked at since `cutoff`.
    async fn quarantined(&mut self, cutoff: SystemTime) -> Result<(), JobError> {
        let mut place = ScrubPlace::START;
        loop {
            let scrubs = self.scrub.registry.store().scrubs();
            let items = scrubs.quarantined(cutoff, place, BATCH).await?;
            let Some(last) = items.last() else { return Ok(()) };
            place = last.place;
            self.look(&items).await?;
        }
    }

    /// Looks at the blobs that were last compared at `cutoff` or before.
    async fn due(&mut self, cutoff: SystemTime) -> Result<(), JobError> {
        let mut place = ScrubPlace::START;
        loop {
            let items = self.scrub.registry.store().scrubs().due(cutoff, place, BATCH).await?;
            let Some(last) = items.last() else { return Ok(()) };
            place = last.place;
            self.look(&items).await?;
        }
    }

    /// A blob of which nothing can be concluded does not hold up the others, unless Kubo is not ready.
    async fn look(&mut self, items: &[ScrubItem]) -> Result<(), JobError> {
        for item in items {
            let registry = &self.scrub.registry;
            let spare = self.scrub.settings.spare.as_ref();
            let scrubbed = registry.blobs().scrub(item, &mut self.pace, spare).await?;
            self.tally.count(item, &scrubbed);
            (self.progress)(self.tally);
            if let Scrubbed::Unknown(_) = scrubbed {
                registry.ipfs().ready().await?;
            }
        }
        Ok(())
    }
}

impl ScrubTally {
    fn count(&mut self, item: &ScrubItem, scrubbed: &Scrubbed) {
        self.blobs += 1;
        self.bytes += item.size;
        match scrubbed {
            Scrubbed::Sound | Scrubbed::Gone => {}
            Scrubbed::Healed => self.healed += 1,
            Scrubbed::Repaired => self.repaired += 1,
            Scrubbed::Damaged => {
                self.damaged += 1;
                if self.named.len() < NAMED {
                    self.named.push(item.digest.clone());
                }
            }
            Scrubbed::Unknown(reason) => {
                self.unknown += 1;
                self.reason = format!("{}: {reason}", item.digest);
            }
        }
    }

    /// Fails if something could not be concluded.
    fn end(&self) -> Result<Done, JobError> {
        if self.unknown == 0 {
            return Ok(Done { items: self.blobs });
        }
        let Self { unknown, blobs, reason, .. } = self;
        Err(JobError::new(format!("{unknown} of {blobs} blobs could not be compared; {reason}")))
    }
}

impl Job for Scrub {
    const NAME: &'static str = "scrub";
    const FAILED: &'static str = "scrub_failed";
    const SCOPE: Scope = Scope::Shared;

    fn period(&self) -> Duration {
        Self::period_of(self.settings.age)
    }

    async fn run(&self, stop: &CancellationToken) -> Result<Done, JobError> {
        let Some(rate) = self.settings.rate else { return Ok(Done::default()) };
        let mut tally = ScrubTally::default();
        // A blob whose read is cut stays due.
        match stop.run_until_cancelled(self.paced(rate, &mut tally)).await {
            Some(ended) => ended?,
            None => return Ok(Done { items: tally.blobs }),
        }
        tally.end()
    }

    async fn backlog(&self) -> Result<Option<Backlog>, JobError> {
        if self.settings.rate.is_none() {
            return Ok(None);
        }
        let (backlog, oldest) = self.registry.store().scrubs().backlog(self.settings.age).await?;
        metrics::scrub_oldest(oldest.unwrap_or_default());
        Ok(Some(backlog))
    }
}
