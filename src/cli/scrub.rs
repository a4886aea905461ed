//! `scrub`: comparing the stored bytes of blobs with their digests.

use std::time::{Duration, Instant};

use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use super::answer::{Answer, or_dash};
use super::arguments::{given, noun, optional, verb};
use super::error::CliError;
use super::progress::{Progress, size};
use crate::accounts::Timestamp;
use crate::config::{self, Config};
use crate::ipfs::{Kubo, Spare};
use crate::oci::Digest;
use crate::registry::blob::Scrubbed;
use crate::registry::upkeep::{Scrub, ScrubSettings, ScrubTally};
use crate::registry::{Limits, Registry};
use crate::store::{ScrubPlace, ScrubSummary, Store};

/// Exit code when blobs are damaged.
const DAMAGED: u8 = 2;

/// Most blobs under quarantine that `status` names.
const NAMED: u32 = 100;

/// An operation on stored bytes, with its arguments.
pub(super) enum Operation {
    Run { digest: Option<Digest>, age: Duration },
    Status,
}

/// The command `scrub` with its verbs.
pub(super) fn command() -> Command {
    let digest = optional::<Digest>("digest", "DIGEST", "Compare this blob only.").long("digest");
    let age = Arg::new("older-than").long("older-than").value_name("TIME");
    let age = age.value_parser(humantime::parse_duration).conflicts_with("digest");
    let age = age.help("Compare only blobs that were not compared for this time, such as 7d.");
    let verbs = [
        verb(
            "run",
            "Read every blob now, at full speed, and compare it with its digest; exit code 2 if one is damaged",
        )
        .arg(digest)
        .arg(age),
        verb("status", "Show how many blobs are to be compared, and which are under quarantine"),
    ];
    noun("scrub", "Compare stored bytes with their digests, and repair them", verbs)
}

impl Operation {
    /// Reads the arguments.
    pub(super) fn read(verb: &str, arguments: &ArgMatches) -> Result<Self, CliError> {
        match verb {
            "run" => {
                let age = given(arguments, "older-than").unwrap_or_default();
                Ok(Self::Run { digest: given(arguments, "digest"), age })
            }
            "status" => Ok(Self::Status),
            _ => Err(CliError::unknown("scrub", verb)),
        }
    }

    /// Whether the operation talks to Kubo.
    pub(super) fn needs_kubo(&self) -> bool {
        matches!(self, Self::Run { .. })
    }

    pub(super) async fn run(
        self,
        config: &Config,
        store: &Store,
        kubo: Option<&config::Kubo>,
    ) -> Result<Answer, CliError> {
        match self {
            Self::Status => status(config, store).await,
            Self::Run { digest: Some(digest), .. } => {
                one(&scrub(config, store, kubo)?, digest).await
            }
            Self::Run { digest: None, age } => {
                let total = store.scrubs().summary(store.scrubs().cutoff(age).await?).await?;
                all(&scrub(config, store, kubo)?, age, total).await
            }
        }
    }
}

/// The job of the server, in this process.
pub(super) fn scrub(
    config: &Config,
    store: &Store,
    kubo: Option<&config::Kubo>,
) -> Result<Scrub, CliError> {
    let ipfs = Kubo::new(kubo.ok_or(CliError::NoKubo)?).map_err(CliError::KuboTrust)?;
    let registry = Registry::new(store.clone(), ipfs, Limits::of(config, None));
    let config::Scrub { rate, age, repair } = &config.scrub;
    let spare = repair.as_ref().map(Spare::new).transpose().map_err(CliError::SpareTrust)?;
    Ok(registry.scrub(ScrubSettings { rate: *rate, age: *age, spare }))
}

async fn one(scrub: &Scrub, digest: Digest) -> Result<Answer, CliError> {
    let failed = |error: crate::registry::RegistryError| CliError::ScrubFailed(error.to_string());
    let scrubbed = scrub.one(&digest).await.map_err(failed)?;
    let scrubbed = scrubbed.ok_or_else(|| CliError::NoSuchBlob(digest.to_string()))?;
    let text = match &scrubbed {
        Scrubbed::Sound => "sound: its bytes match its digest".to_owned(),
        Scrubbed::Healed => "healed: its bytes match its digest again, and it is served".to_owned(),
        Scrubbed::Repaired => {
            "repaired: its damaged blocks came from the other node, and it is served".to_owned()
        }
        Scrubbed::Damaged => {
            "damaged: its bytes are lost or wrong, and it is under quarantine; push it \
                              again to repair it"
                .to_owned()
        }
        Scrubbed::Gone => "gone: it was removed or pushed anew meanwhile".to_owned(),
        Scrubbed::Unknown(reason) => return Err(CliError::ScrubFailed(reason.clone())),
    };
    let json = json!({ "digest": digest.as_str(), "outcome": scrubbed.word() });
    let code = if scrubbed == Scrubbed::Damaged { DAMAGED } else { 0 };
    Ok(Answer::new(format!("{digest} is {text}"), &json)?.with_code(code))
}

async fn all(scrub: &Scrub, age: Duration, total: ScrubSummary) -> Result<Answer, CliError> {
    let (progress, began) = (Progress::new(), Instant::now());
    let show = |tally: &ScrubTally| {
        progress.show(|| {
            let (done, all) = (size(tally.bytes), size(total.due_bytes));
            format!("compared {} of {} blobs, {done} of {all}", tally.blobs, total.due)
        });
    };
    let failed = |error: crate::jobs::JobError| CliError::ScrubFailed(error.to_string());
    let tally = scrub.all(age, show).await.map_err(failed)?;
    drop(progress);
    let seconds = began.elapsed().as_secs_f64();
    let ScrubTally { blobs, bytes, healed, repaired, damaged, named, unknown, reason } = &tally;
    let mut text = format!("compared {blobs} blobs, {} in {seconds:.1} s", size(*bytes));
    for (count, word) in [(healed, "healed"), (repaired, "repaired"), (damaged, "damaged")] {
        if *count > 0 {
            text += &format!(", {count} {word}");
        }
    }
    if *damaged > 0 {
        text += "\ndamaged and under quarantine; push them again to repair them:";
        named.iter().for_each(|digest| text += &format!("\n  {digest}"));
    }
    if *unknown > 0 {
        text += &format!("\n{unknown} blobs could not be compared; {reason}");
    }
    let json = json!({
        "blobs": blobs, "bytes": bytes, "healed": healed, "repaired": repaired, "damaged": damaged,
        "damaged_digests": named.iter().map(Digest::as_str).collect::<Vec<_>>(),
        "unknown": unknown, "seconds": seconds,
    });
    let code = if *damaged > 0 { DAMAGED } else { u8::from(*unknown > 0) };
    Ok(Answer::new(text, &json)?.with_code(code))
}

async fn status(config: &Config, store: &Store) -> Result<Answer, CliError> {
    let (scrubs, settings) = (store.scrubs(), &config.scrub);
    let summary = scrubs.summary(scrubs.cutoff(settings.age).await?).await?;
    let now = scrubs.cutoff(Duration::ZERO).await?;
    let pins = store.collections().state(Duration::ZERO).await?;
    let compared = pins.compared_at.map(Timestamp::from);
    let suspects = scrubs.quarantined(now, ScrubPlace::START, NAMED).await?;
    let (oldest, newest) =
        (summary.oldest_at.map(Timestamp::from), summary.newest_at.map(Timestamp::from));
    let rate = settings.rate.map_or(0, std::num::NonZeroU64::get);
    let pace = match settings.rate {
        None => "off (OPEN_REGISTRY_SCRUB_RATE=0)".to_owned(),
        Some(rate) => format!("{} per second", size(rate.get())),
    };
    let lines = [
        ("blobs", format!("{}, {}", summary.blobs, size(summary.bytes))),
        ("due", format!("{}, {}", summary.due, size(summary.due_bytes))),
        ("never compared", format!("{} since their push", summary.never)),
        ("quarantined", summary.quarantined.to_string()),
        ("oldest", or_dash(oldest)),
        ("last compared", or_dash(newest)),
        (
            "pins",
            compared.map_or_else(
                || "not compared with the rows yet".to_owned(),
                |at| {
                    format!(
                        "compared with the rows at {at}; {} were lost and set again",
                        pins.lost_pins
                    )
                },
            ),
        ),
        ("age", humantime::format_duration(settings.age).to_string()),
        ("pace", pace),
    ];
    let mut text = lines.map(|(name, value)| format!("{name:15} {value}")).join("\n");
    for suspect in &suspects {
        text += &format!("\n  {} ({})", suspect.digest, suspect.cid);
    }
    let named = suspects.iter().map(|suspect| {
        let since = suspect.quarantined_at.map(Timestamp::from);
        json!({ "digest": suspect.digest.as_str(), "cid": suspect.cid.to_string(), "since": since })
    });
    let json = json!({
        "blobs": summary.blobs, "bytes": summary.bytes, "due": summary.due, "due_bytes": summary.due_bytes,
        "never": summary.never, "quarantined": summary.quarantined,
        "quarantined_blobs": named.collect::<Vec<_>>(),
        "pins_compared_at": compared, "lost_pins": pins.lost_pins,
        "oldest_at": oldest, "last_at": newest,
        "age_seconds": settings.age.as_secs_f64(), "rate": rate,
    });
    Answer::new(text, &json)
}
