//! `jobs`: the background jobs of the registry.

use std::time::Duration;

use clap::{Arg, ArgMatches, Command};
use serde::Serialize;
use serde_json::json;

use super::answer::{Answer, or_dash};
use super::arguments::{noun, value, verb};
use super::error::CliError;
use super::scrub;
use crate::accounts::Timestamp;
use crate::acme::{Acme, KeepCertificate};
use crate::auth::ReloadKeys;
use crate::config::{self, Config};
use crate::ipfs::Kubo;
use crate::jobs::{Job, Nudge, Scope, TidyMetrics, Turn, run_now};
use crate::registry::EndRules;
use crate::registry::upkeep::{
    Collect, CollectSettings, CountContent, DropPins, ExpireUploads, FindUntagged,
    FollowCollections, ForgetExpired, RemoveEmpty, Review, Scrub, WatchPartners,
};
use crate::registry::{Limits, Registry};
use crate::seal::SigningSecret;
use crate::store::{Backlog, JobRecord, Store};

/// Operations on jobs.
pub(super) enum Operation {
    List,
    Run(Name),
}

/// The jobs that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Collect,
    CountContent,
    DropPins,
    ExpireUploads,
    FollowCollections,
    FindUntagged,
    ForgetExpired,
    KeepCertificate,
    ReloadKeys,
    RemoveEmpty,
    Review,
    Scrub,
    TidyMetrics,
    WatchPartners,
}

/// A job as it is listed.
#[derive(Serialize)]
struct Listed {
    name: &'static str,
    scope: &'static str,
    period_seconds: f64,
    last_run_at: Option<Timestamp>,
    outcome: Option<&'static str>,
    seconds: Option<f64>,
    error: Option<String>,
    failures: Option<u32>,
    backlog: Option<u64>,
    oldest_seconds: Option<f64>,
    running: Option<bool>,
    next_run_at: Option<Timestamp>,
}

/// The noun with its verbs.
pub(super) fn command() -> Command {
    let name = Arg::new("name").value_name("NAME").required(true).help("The job.");
    let verbs = [
        verb("list", "List all jobs, with the last run of those that instances share"),
        verb("run", "Run a job once, now, in this process").arg(name.value_parser(Name::parse)),
    ];
    noun("jobs", "Manage the jobs that the registry runs by itself", verbs)
}

impl Operation {
    /// Reads the operation from its verb and arguments.
    pub(super) fn read(verb: &str, arguments: &ArgMatches) -> Result<Self, CliError> {
        match verb {
            "list" => Ok(Self::List),
            "run" => Ok(Self::Run(value(arguments, "name")?)),
            _ => Err(CliError::unknown("jobs", verb)),
        }
    }

    /// Whether the operation talks to Kubo.
    pub(super) fn needs_kubo(&self) -> bool {
        matches!(self, Self::Run(Name::Collect | Name::DropPins | Name::Scrub))
    }

    pub(super) async fn run(
        self,
        config: &Config,
        store: &Store,
        kubo: Option<&config::Kubo>,
    ) -> Result<Answer, CliError> {
        match self {
            Self::List => list(config, store).await,
            Self::Run(name) => name.run(config, store, kubo).await,
        }
    }
}

impl Name {
    const ALL: [Self; 14] = [
        Self::Collect,
        Self::CountContent,
        Self::DropPins,
        Self::ExpireUploads,
        Self::FollowCollections,
        Self::FindUntagged,
        Self::ForgetExpired,
        Self::KeepCertificate,
        Self::ReloadKeys,
        Self::RemoveEmpty,
        Self::Review,
        Self::Scrub,
        Self::TidyMetrics,
        Self::WatchPartners,
    ];

    fn text(self) -> &'static str {
        match self {
            Self::Collect => Collect::NAME,
            Self::CountContent => CountContent::NAME,
            Self::DropPins => DropPins::NAME,
            Self::ExpireUploads => ExpireUploads::NAME,
            Self::FollowCollections => FollowCollections::NAME,
            Self::FindUntagged => FindUntagged::NAME,
            Self::ForgetExpired => ForgetExpired::NAME,
            Self::KeepCertificate => KeepCertificate::NAME,
            Self::ReloadKeys => ReloadKeys::NAME,
            Self::RemoveEmpty => RemoveEmpty::NAME,
            Self::Review => Review::NAME,
            Self::Scrub => Scrub::NAME,
            Self::TidyMetrics => TidyMetrics::NAME,
            Self::WatchPartners => WatchPartners::NAME,
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|name| name.text() == text);
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::text).join(", ");
            format!("not a job; the jobs are {names}")
        })
    }

    fn scope(self) -> Scope {
        match self {
            Self::Collect => Collect::SCOPE,
            Self::CountContent => CountContent::SCOPE,
            Self::DropPins => DropPins::SCOPE,
            Self::ExpireUploads => ExpireUploads::SCOPE,
            Self::FollowCollections => FollowCollections::SCOPE,
            Self::FindUntagged => FindUntagged::SCOPE,
            Self::ForgetExpired => ForgetExpired::SCOPE,
            Self::KeepCertificate => KeepCertificate::SCOPE,
            Self::ReloadKeys => ReloadKeys::SCOPE,
            Self::RemoveEmpty => RemoveEmpty::SCOPE,
            Self::Review => Review::SCOPE,
            Self::Scrub => Scrub::SCOPE,
            Self::TidyMetrics => TidyMetrics::SCOPE,
            Self::WatchPartners => WatchPartners::SCOPE,
        }
    }

    fn period(self, config: &Config) -> Duration {
        let idle = config.limits.upload_idle;
        match self {
            Self::Collect => config.collection.period,
            Self::CountContent => CountContent::PERIOD,
            Self::DropPins => DropPins::PERIOD,
            Self::ExpireUploads => ExpireUploads::PERIOD.min(idle),
            Self::FollowCollections => FollowCollections::PERIOD,
            Self::FindUntagged => FindUntagged::PERIOD,
            Self::ForgetExpired => ForgetExpired::PERIOD,
            Self::KeepCertificate => KeepCertificate::LONGEST_PERIOD,
            Self::ReloadKeys => ReloadKeys::PERIOD,
            Self::RemoveEmpty => RemoveEmpty::PERIOD,
            Self::Review => Review::PERIOD,
            Self::Scrub => Scrub::period_of(config.scrub.age),
            Self::TidyMetrics => TidyMetrics::PERIOD,
            Self::WatchPartners => WatchPartners::PERIOD,
        }
    }

    async fn backlog(self, config: &Config, store: &Store) -> Result<Option<Backlog>, CliError> {
        match self {
            Self::DropPins => Ok(Some(store.unpins().backlog().await?)),
            Self::ExpireUploads => {
                Ok(Some(store.uploads().backlog(config.limits.upload_idle).await?))
            }
            Self::Scrub => Ok(Some(store.scrubs().backlog(config.scrub.age).await?.0)),
            Self::Review => Ok(Some(review_backlog(config, store).await?)),
            Self::FindUntagged
            | Self::ForgetExpired
            | Self::Collect
            | Self::CountContent
            | Self::FollowCollections
            | Self::KeepCertificate
            | Self::ReloadKeys
            | Self::RemoveEmpty
            | Self::TidyMetrics
            | Self::WatchPartners => Ok(None),
        }
    }

    async fn run(
        self,
        config: &Config,
        store: &Store,
        kubo: Option<&config::Kubo>,
    ) -> Result<Answer, CliError> {
        let ends = EndRules::of(config);
        match self {
            Self::Collect => run(&collect(config, store, kubo)?, store).await,
            Self::DropPins => {
                let ipfs = Kubo::new(kubo.ok_or(CliError::NoKubo)?).map_err(CliError::KuboTrust)?;
                let job = DropPins::new(store.clone(), ipfs, Nudge::default());
                run(&job, store).await
            }
            Self::ExpireUploads => {
                let idle = config.limits.upload_idle;
                run(&ExpireUploads::new(store.clone(), idle, Nudge::default()), store).await
            }
            Self::KeepCertificate => {
                let settings = config.acme.clone().ok_or(CliError::NoOrders)?;
                let acme = Acme::new(store.clone(), settings, &SigningSecret::of(config)?);
                let keep = KeepCertificate::new(acme);
                // Who types this has mended what the last order failed of.
                keep.end_pause().await?;
                run(&keep, store).await
            }
            Self::FindUntagged => run(&FindUntagged::new(store.clone(), ends), store).await,
            Self::ForgetExpired => {
                run(&ForgetExpired::new(store.clone(), ends.refresh_token_life), store).await
            }
            Self::RemoveEmpty => run(&RemoveEmpty::new(store.clone()), store).await,
            Self::Review => run(&Review::new(store.clone(), ends, Nudge::default()), store).await,
            Self::Scrub => run(&scrub::scrub(config, store, kubo)?, store).await,
            Self::CountContent
            | Self::FollowCollections
            | Self::ReloadKeys
            | Self::TidyMetrics
            | Self::WatchPartners => Err(CliError::JobOfServer(self.text())),
        }
    }
}

/// The job of the server, in this process.
pub(super) fn collect(
    config: &Config,
    store: &Store,
    kubo: Option<&config::Kubo>,
) -> Result<Collect, CliError> {
    let ipfs = Kubo::new(kubo.ok_or(CliError::NoKubo)?).map_err(CliError::KuboTrust)?;
    let registry = Registry::new(store.clone(), ipfs, Limits::of(config, None));
    let settings = CollectSettings::of(&config.collection);
    Ok(registry.collect(CollectSettings { rest: Duration::ZERO, ..settings }))
}

async fn review_backlog(config: &Config, store: &Store) -> Result<Backlog, CliError> {
    let kinds = store.reviews().backlog(config.review.window).await?;
    let items = kinds.iter().map(|kind| kind.due).sum();
    Ok(Backlog { items, oldest: kinds.iter().filter_map(|kind| kind.oldest).max() })
}

async fn run<J: Job>(job: &J, store: &Store) -> Result<Answer, CliError> {
    let name = J::NAME;
    let Turn::Had(run) = run_now(job, store).await? else {
        return Err(CliError::JobRunning(name));
    };
    let done =
        run.result.map_err(|error| CliError::JobFailed { name, reason: error.to_string() })?;
    let (items, took) = (done.items, run.took);
    let text = format!("{name} dealt with {items} items in {} ms", took.as_millis());
    let json = json!({ "name": name, "items": items, "seconds": took.as_secs_f64() });
    Answer::new(text, &json)
}

async fn list(config: &Config, store: &Store) -> Result<Answer, CliError> {
    let records = store.jobs().list().await?;
    let mut jobs = Vec::new();
    for name in Name::ALL {
        let record = records.iter().find(|record| record.name == name.text());
        jobs.push(Listed::new(name, config, record, name.backlog(config, store).await?));
    }
    let head = ["JOB", "PERIOD", "LAST RUN", "OUTCOME", "TOOK", "BACKLOG", "OLDEST", "NEXT RUN"];
    let rows = jobs.iter().map(|job| {
        [
            job.name.to_owned(),
            seconds(job.period_seconds),
            or_dash(job.last_run_at),
            or_dash(job.outcome),
            or_dash(job.seconds.map(seconds)),
            or_dash(job.backlog),
            or_dash(job.oldest_seconds.map(seconds)),
            match job.running {
                Some(true) => "running".to_owned(),
                _ => or_dash(job.next_run_at),
            },
        ]
    });
    let failed = jobs.iter().filter_map(Listed::failure);
    Ok(Answer::table(head, rows, &jobs)?.with_lines(failed))
}

impl Listed {
    fn new(
        name: Name,
        config: &Config,
        record: Option<&JobRecord>,
        backlog: Option<Backlog>,
    ) -> Self {
        let last = record.and_then(|record| record.last.as_ref());
        Self {
            name: name.text(),
            scope: match name.scope() {
                Scope::Process => "process",
                Scope::Shared => "shared",
            },
            period_seconds: name.period(config).as_secs_f64(),
            last_run_at: last.map(|last| Timestamp::from(last.at)),
            outcome: last.map(|last| last.outcome.name()),
            seconds: last.map(|last| last.took.as_secs_f64()),
            error: last.and_then(|last| last.error.clone()),
            failures: record.map(|record| record.failures),
            backlog: backlog.map(|backlog| backlog.items),
            oldest_seconds: backlog.and_then(|backlog| backlog.oldest).map(|age| age.as_secs_f64()),
            running: record.map(|record| record.running),
            next_run_at: record.map(|record| Timestamp::from(record.next_run_at)),
        }
    }

    /// A line that says why the last run failed.
    fn failure(&self) -> Option<String> {
        let (name, error) = (self.name, self.error.as_ref()?);
        let failures = self.failures.filter(|failures| *failures > 1);
        let times = failures.map_or_else(String::new, |times| format!(" {times} times in a row"));
        Some(format!("{name} failed{times}: {error}"))
    }
}

/// A time as a cell of the table: whole seconds, or milliseconds below ten seconds.
fn seconds(seconds: f64) -> String {
    let time = Duration::from_secs_f64(seconds.max(0.0));
    let rounded = if time < Duration::from_secs(10) {
        Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    } else {
        Duration::from_secs(time.as_secs())
    };
    humantime::format_duration(rounded).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_found_by_its_name() {
        for name in Name::ALL {
            assert_eq!(Name::parse(name.text()), Ok(name));
        }
        let error = Name::parse("sweep").unwrap_err();
        assert!(error.contains("drop-pins") && error.contains("tidy-metrics"), "{error}");
    }
}
