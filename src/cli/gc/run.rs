//! `gc run`: what the server does by itself, now; and a look at what it would do.

use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::time::{interval, sleep};

use crate::cli::answer::{Answer, or_dash};
use crate::cli::error::CliError;
use crate::cli::job::collect;
use crate::cli::progress::{Progress, size};
use crate::config::{self, Config};
use crate::ipfs::Kubo;
use crate::jobs::{Job, Nudge, Turn, run_now};
use crate::registry::EndRules;
use crate::registry::upkeep::{Collect, DropPins, FindUntagged, Review, ReviewProgress, judge};
use crate::store::{Judged, ReviewKind, Store};

/// Longest wait for a job of another process, and for the end of the pause of a collection that has died.
const COLLECTION_WAIT: Duration = Duration::from_secs(180);

/// Most items of each kind that a dry run lists.
const LISTED: u32 = 1000;

/// Something that would go.
#[derive(Serialize)]
struct Going {
    kind: &'static str,
    repository: Option<String>,
    digest: String,
    bytes: u64,
}

/// What a review has done.
#[derive(Serialize)]
struct Ran {
    items: u64,
    removed: u64,
    bytes: u64,
    seconds: f64,
    /// CIDs that were unpinned; `None` if only the review ran.
    unpinned: Option<u64>,
    /// Lost pins that were set again, and blocks that Kubo removed.
    collected: Option<u64>,
}

/// Finds untagged manifests, and reviews everything that is due.
pub(super) async fn review(config: &Config, store: &Store) -> Result<Answer, CliError> {
    let ran = reviewed(config, store).await?;
    Answer::new(ran.text(), &ran)
}

/// Reviews everything that is due, drops the pins that nobody needs then, and collects the garbage of Kubo.
pub(super) async fn all(
    config: &Config,
    store: &Store,
    kubo: Option<&config::Kubo>,
) -> Result<Answer, CliError> {
    let mut ran = reviewed(config, store).await?;
    let progress = Progress::new();
    progress.show(|| "dropping pins that nobody needs, and collecting garbage".to_owned());
    let ipfs = Kubo::new(kubo.ok_or(CliError::NoKubo)?).map_err(CliError::KuboTrust)?;
    await_collection(store).await?;
    let drop_pins = DropPins::new(store.clone(), ipfs, Nudge::default());
    ran.unpinned = Some(job(&drop_pins, store).await?);
    ran.collected = Some(job(&collect(config, store, kubo)?, store).await?);
    drop(progress);
    Answer::new(ran.text(), &ran)
}

async fn reviewed(config: &Config, store: &Store) -> Result<Ran, CliError> {
    let rules = EndRules::of(config);
    let began = Instant::now();
    if !rules.retention.prefixes().is_empty() {
        job(&FindUntagged::new(store.clone(), rules.clone()), store).await?;
    }
    let review = Review::new(store.clone(), rules, Nudge::default());
    let counts = review.progress();
    tokio::select! {
        done = job(&review, store) => done?,
        never = show(&counts) => match never {},
    };
    let (items, removed, bytes) = (counts.items(), counts.removed(), counts.bytes());
    let seconds = began.elapsed().as_secs_f64();
    Ok(Ran { items, removed, bytes, seconds, unpinned: None, collected: None })
}

impl Ran {
    fn text(&self) -> String {
        let Self { items, removed, seconds, .. } = self;
        let size = size(self.bytes);
        let mut text =
            format!("reviewed {items} items in {seconds:.1} s and removed {removed}, {size}");
        match self.unpinned {
            Some(unpinned) => text += &format!("; dropped {unpinned} pins"),
            None => text += "; the bytes are freed when their pins are dropped",
        }
        if let Some(collected) = self.collected {
            text += &format!(" and collected {collected} blocks");
        }
        text
    }
}

/// Waits for a collection that another process runs, during which no pin is dropped.
async fn await_collection(store: &Store) -> Result<(), CliError> {
    let began = Instant::now();
    while store.collections().state(Duration::ZERO).await?.paused {
        if began.elapsed() > COLLECTION_WAIT {
            return Err(CliError::JobRunning(Collect::NAME));
        }
        sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

/// Runs a job once, and returns how many items it dealt with. Waits for a server that runs it at the moment.
async fn job<J: Job>(job: &J, store: &Store) -> Result<u64, CliError> {
    let began = Instant::now();
    let run = loop {
        match run_now(job, store).await? {
            Turn::Had(run) => break run,
            Turn::Wait(_) if began.elapsed() > COLLECTION_WAIT => {
                return Err(CliError::JobRunning(J::NAME));
            }
            Turn::Wait(_) => sleep(Duration::from_millis(200)).await,
        }
    };
    let reason = |error: crate::jobs::JobError| error.to_string();
    run.result
        .map(|done| done.items)
        .map_err(|error| CliError::JobFailed { name: J::NAME, reason: reason(error) })
}

/// Shows the counts while a review runs.
async fn show(counts: &ReviewProgress) -> std::convert::Infallible {
    let (progress, mut ticks) = (Progress::new(), interval(Duration::from_millis(250)));
    loop {
        ticks.tick().await;
        progress.show(|| {
            let (items, removed) = (counts.items(), counts.removed());
            format!("reviewed {items} items, removed {removed}")
        });
    }
}

/// Lists what would be removed now.
pub(super) async fn foresee(config: &Config, store: &Store) -> Result<Answer, CliError> {
    let rules = EndRules::of(config);
    let mut going = Vec::new();
    for facts in store.reviews().due_untagged(rules.window, LISTED).await? {
        if judge(&rules, &facts) == Judged::Goes {
            going.push(Going {
                kind: ReviewKind::Untagged.name(),
                repository: Some(facts.repository),
                digest: facts.digest,
                bytes: facts.size,
            });
        }
    }
    for foreseen in store.reviews().foresee(rules.window, LISTED).await? {
        going.push(Going {
            kind: foreseen.kind.name(),
            repository: foreseen.repository,
            digest: foreseen.digest,
            bytes: foreseen.size,
        });
    }
    if going.is_empty() {
        return Answer::new("nothing would be removed", &going);
    }
    let rows = going.iter().map(|item| {
        let repository = or_dash(item.repository.as_ref());
        [item.kind.to_owned(), repository, item.digest.clone(), size(item.bytes)]
    });
    Answer::table(["KIND", "REPOSITORY", "DIGEST", "SIZE"], rows, &going)
}
