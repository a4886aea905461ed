//! `gc status`: the queue of reviews, and the rules.

use serde::Serialize;

use crate::accounts::Timestamp;
use crate::cli::answer::{Answer, or_dash};
use crate::cli::error::CliError;
use crate::config::Config;
use crate::jobs::Job;
use crate::registry::upkeep::Review;
use crate::store::{ReviewBacklog, Store};

/// The whole answer as JSON.
#[derive(Serialize)]
struct Status {
    window_seconds: f64,
    untagged: String,
    last_run_at: Option<Timestamp>,
    last_outcome: Option<&'static str>,
    last_error: Option<String>,
    unpins: u64,
    queue: Vec<Queue>,
}

/// What waits of one kind.
#[derive(Serialize)]
struct Queue {
    kind: &'static str,
    waiting: u64,
    due: u64,
    oldest_seconds: Option<f64>,
}

/// Shows what waits.
pub(super) async fn show(config: &Config, store: &Store) -> Result<Answer, CliError> {
    let backlog = store.reviews().backlog(config.review.window).await?;
    let records = store.jobs().list().await?;
    let record = records.into_iter().find(|record| record.name == Review::NAME);
    let last = record.and_then(|record| record.last);
    let status = Status {
        window_seconds: config.review.window.as_secs_f64(),
        untagged: config.review.retention.to_string(),
        last_run_at: last.as_ref().map(|last| Timestamp::from(last.at)),
        last_outcome: last.as_ref().map(|last| last.outcome.name()),
        last_error: last.and_then(|last| last.error),
        unpins: store.unpins().backlog().await?.items,
        queue: backlog.iter().map(Queue::of).collect(),
    };
    Answer::new(status.text(config), &status)
}

impl Queue {
    fn of(backlog: &ReviewBacklog) -> Self {
        Self {
            kind: backlog.kind.name(),
            waiting: backlog.items,
            due: backlog.due,
            oldest_seconds: backlog.oldest.map(|oldest| oldest.as_secs_f64()),
        }
    }

    /// What it is, for people.
    fn title(&self) -> &'static str {
        match self.kind {
            "untagged" => "manifests that may have no tag",
            "link" => "blobs that no manifest of their repository may name",
            "manifest" => "manifests that no repository may hold",
            _ => "blobs that no repository may hold",
        }
    }
}

impl Status {
    fn text(&self, config: &Config) -> String {
        let window = humantime::format_duration(config.review.window);
        let untagged =
            if self.untagged.is_empty() { "kept in all repositories" } else { &self.untagged };
        let (at, outcome) = (or_dash(self.last_run_at), or_dash(self.last_outcome));
        let mut lines = vec![
            format!("window: {window} (OPEN_REGISTRY_GC_WINDOW)"),
            format!("untagged manifests: {untagged} (OPEN_REGISTRY_GC_UNTAGGED)"),
            format!("last review: {at}, {outcome}"),
        ];
        lines.extend(self.last_error.iter().map(|error| format!("  it failed: {error}")));
        lines.push("in the queue, each to be looked at after the window:".to_owned());
        for queue in &self.queue {
            let late = queue.oldest_seconds.map(|seconds| format!(", for {seconds:.0} s"));
            let (waiting, due, title) = (queue.waiting, queue.due, queue.title());
            let late = late.unwrap_or_default();
            lines.push(format!("  {waiting} {title}; {due} are due{late}"));
        }
        lines.push(format!("CIDs that wait to be unpinned: {}", self.unpins));
        lines.join("\n")
    }
}
