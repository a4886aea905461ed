//! The last hour of this process, for an operator without Prometheus: how many requests there were, how long transfers took,
//! how much is stored, and what the jobs did. It costs a quarter of a MiB and one lock for each request.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Time that one slot covers, and how many slots are kept.
pub const SLOT: Duration = Duration::from_secs(30);
const SLOTS: usize = 120;

/// Durations are counted in buckets, each a quarter wider than the one before, from half a millisecond to ten minutes.
const BUCKETS: usize = 64;
const FIRST: f64 = 0.0005;
const WIDER: f64 = 1.25;

/// Whether nothing is noted.
static STOPPED: AtomicBool = AtomicBool::new(false);

static RECENT: LazyLock<Mutex<Recent>> = LazyLock::new(|| Mutex::new(Recent::new()));

/// What happened in the time of one slot.
#[derive(Clone, Debug, Default)]
pub struct Slot {
    /// Number of answered requests.
    pub requests: u64,
    /// Number of answers with a 5xx.
    pub failures: u64,
    /// Durations of pulls that succeeded.
    pub pulls: Durations,
    /// Durations of pushes of blobs that succeeded.
    pub pushes: Durations,
    /// Bytes in Kubo's repository, if they were measured.
    pub kubo: Option<u64>,
    /// Bytes of the database, if they were measured.
    pub database: Option<u64>,
}

/// Counts of durations.
#[derive(Clone, Debug)]
pub struct Durations([u32; BUCKETS]);

/// The last run of a job, and what waits for it.
#[derive(Clone, Debug)]
pub struct JobState {
    /// How the last run ended. `None` before the first one.
    pub outcome: Option<&'static str>,
    /// When it ended, and how long it took.
    pub run: Option<(Instant, Duration)>,
    /// Items that wait, and how long the oldest has waited, for a job with a queue.
    pub backlog: Option<(u64, Duration)>,
}

/// A copy of the last hour.
#[derive(Clone, Debug)]
pub struct Hour {
    /// Time since the process started.
    pub uptime: Duration,
    /// The slots, the oldest first. The last one is not over yet.
    pub slots: Vec<Slot>,
    /// The jobs by name.
    pub jobs: Vec<(&'static str, JobState)>,
}

struct Recent {
    began: Instant,
    /// Number of the newest slot since the start.
    newest: u64,
    slots: VecDeque<Slot>,
    jobs: BTreeMap<&'static str, JobState>,
}

impl Default for Durations {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

impl Durations {
    fn note(&mut self, took: Duration) {
        let steps = (took.as_secs_f64() / FIRST).max(1.0).log(WIDER).ceil();
        let bucket = &mut self.0[(steps as usize).min(BUCKETS - 1)];
        *bucket = bucket.saturating_add(1);
    }

    /// The time in seconds within which this share of them ended. `None` without any.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let all: u64 = self.0.iter().map(|count| u64::from(*count)).sum();
        let wanted = (all as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let reached = self.0.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        });
        reached.map(|bucket| FIRST * WIDER.powf(bucket as f64))
    }
}

impl Recent {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            newest: 0,
            slots: VecDeque::from([Slot::default()]),
            jobs: BTreeMap::new(),
        }
    }

    /// Adds the slots that have begun `at` this time after the start.
    fn advance(&mut self, at: Duration) {
        let now = at.as_secs() / SLOT.as_secs();
        let missing = now.saturating_sub(self.newest).min(SLOTS as u64);
        for _ in 0..missing {
            self.slots.push_back(Slot::default());
        }
        self.newest = self.newest.max(now);
        let over = self.slots.len().saturating_sub(SLOTS);
        self.slots.drain(..over);
    }

    fn job(&mut self, name: &'static str) -> &mut JobState {
        self.jobs.entry(name).or_insert(JobState { outcome: None, run: None, backlog: None })
    }
}

fn recent() -> MutexGuard<'static, Recent> {
    RECENT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes nothing from now on.
pub fn stop() {
    STOPPED.store(true, Ordering::Relaxed);
}

fn now(note: impl FnOnce(&mut Slot)) {
    if STOPPED.load(Ordering::Relaxed) {
        return;
    }
    let recent = &mut *recent();
    recent.advance(recent.began.elapsed());
    if let Some(slot) = recent.slots.back_mut() {
        note(slot);
    }
}

pub(super) fn request(failed: bool) {
    now(|slot| {
        slot.requests += 1;
        slot.failures += u64::from(failed);
    });
}

pub(super) fn pull(took: Duration) {
    now(|slot| slot.pulls.note(took));
}

pub(super) fn push(took: Duration) {
    now(|slot| slot.pushes.note(took));
}

pub(super) fn kubo(bytes: u64) {
    now(|slot| slot.kubo = Some(bytes));
}

pub(super) fn database(bytes: u64) {
    now(|slot| slot.database = Some(bytes));
}

pub(super) fn job_run(job: &'static str, outcome: &'static str, took: Duration) {
    let recent = &mut *recent();
    let job = recent.job(job);
    (job.outcome, job.run) = (Some(outcome), Some((Instant::now(), took)));
}

pub(super) fn job_backlog(job: &'static str, items: u64, oldest: Duration) {
    recent().job(job).backlog = Some((items, oldest));
}

/// The last hour.
pub fn hour() -> Hour {
    let recent = &mut *recent();
    let uptime = recent.began.elapsed();
    recent.advance(uptime);
    Hour {
        uptime,
        slots: recent.slots.iter().cloned().collect(),
        jobs: recent.jobs.iter().map(|(name, state)| (*name, state.clone())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_a_bucket_of_the_truth() {
        let mut durations = Durations::default();
        assert_eq!(durations.quantile(0.5), None);
        for millis in 1..=1000 {
            durations.note(Duration::from_millis(millis));
        }
        for (share, truth) in [(0.5, 0.5), (0.95, 0.95), (0.99, 0.99)] {
            let found = durations.quantile(share).unwrap();
            assert!(found >= truth && found <= truth * WIDER, "{share}: {found}");
        }
        durations.note(Duration::from_secs(100_000));
        durations.note(Duration::ZERO);
        assert!(durations.quantile(0.0).unwrap() <= FIRST);
    }

    #[test]
    fn an_hour_is_kept_and_no_more() {
        let mut recent = Recent::new();
        recent.slots[0].requests = 7;
        recent.advance(SLOT * 3);
        assert_eq!((recent.slots.len(), recent.slots[0].requests), (4, 7));
        recent.advance(SLOT * 119);
        assert_eq!((recent.slots.len(), recent.slots[0].requests), (SLOTS, 7));
        recent.advance(SLOT * 120);
        assert_eq!((recent.slots.len(), recent.slots[0].requests), (SLOTS, 0));
        recent.advance(SLOT * 100_000);
        assert_eq!((recent.slots.len(), recent.newest), (SLOTS, 100_000));
    }
}
