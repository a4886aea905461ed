//! Metrics of who waits for whom inside of the process, and of what is remembered.

use metrics::{Counter, Unit, counter, describe_counter, describe_gauge, gauge};

use super::known::Known;
use super::raised::Raised;

const QUEUE: &str = "registry_queue_length";
const CACHE: &str = "registry_cache_requests_total";

/// A place where callers wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// Uploads that wait for a slot (`OPEN_REGISTRY_LIMIT_UPLOADS`).
    UploadSlots,
    /// Pulls of blobs that wait for a slot (`OPEN_REGISTRY_LIMIT_PULLS`).
    PullSlots,
    /// Logins that wait for a thread that compares passwords.
    Logins,
    /// Calls that wait for a PostgreSQL or a Kubo that is gone for a moment.
    Partners,
}

/// Something that is remembered to save work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// Tokens whose signature was verified.
    Tokens,
    /// Passwords that were compared.
    Logins,
    /// Bytes of manifests.
    Manifests,
}

impl Queue {
    fn label(self) -> &'static str {
        match self {
            Self::UploadSlots => "upload_slots",
            Self::PullSlots => "pull_slots",
            Self::Logins => "logins",
            Self::Partners => "partners",
        }
    }
}

/// Counts a caller that waits in a queue, until the value is dropped.
pub fn queued(queue: Queue) -> Raised {
    Raised::new(gauge!(QUEUE, "queue" => queue.label()))
}

/// Counts a look into a cache.
pub fn looked_up(cache: Cache, hit: bool) {
    let name = match cache {
        Cache::Tokens => "tokens",
        Cache::Logins => "logins",
        Cache::Manifests => "manifests",
    };
    static LOOKS: Known<(&str, bool), Counter> = Known::new();
    let outcome = if hit { "hit" } else { "miss" };
    let find = || counter!(CACHE, "cache" => name, "outcome" => outcome);
    LOOKS.record((name, hit), find, |counter| counter.increment(1));
}

/// Publishes an empty queue for each kind, so that a query finds them before anybody has waited.
pub(super) fn publish_empty() {
    for queue in [Queue::UploadSlots, Queue::PullSlots, Queue::Logins, Queue::Partners] {
        gauge!(QUEUE, "queue" => queue.label()).set(0.0);
    }
}

pub(super) fn describe() {
    describe_gauge!(
        QUEUE,
        Unit::Count,
        "Callers that wait, by queue: uploads for a slot, logins for a thread, calls for a partner that is gone"
    );
    describe_counter!(
        CACHE,
        Unit::Count,
        "Looks into what is remembered, by cache and outcome: hit or miss"
    );
}
