//! All metrics of the registry: their names, help texts and labels.
//!
//! The values of labels are bounded: methods, endpoint names, status codes, call names, outcomes. A repository, a tag, a
//! digest or a user never becomes a label.

mod cache;
mod call;
mod collection;
pub mod exemplar;
mod failure;
mod known;
mod own;
mod partner;
mod process;
mod queue;
mod raised;
mod refusal;
mod repository;
mod review;
mod source;
mod transfer;

use std::time::Duration;

pub use cache::{
    BlobSource, FillEnd, blob_cache_damaged, blob_cache_evicted, blob_cache_filled,
    blob_cache_holds, blob_cache_read, blob_read,
};
pub use call::{Call, kubo_call, postgres_call};
pub use collection::{collected, pins_compared};
pub use failure::{Cause, error_answered, failed};
pub use own::{SpansLost, log_lines_lost, spans_lost, spans_sent};
pub use partner::{
    DatabaseFigures, Partner, data_disk, database, in_quarantine, kubo_bandwidth, kubo_objects,
    kubo_peers, kubo_pins, kubo_repository, partner_up, pool_in_use, pool_size, pool_waiting,
};
pub use process::publish as process;
pub use queue::{Cache, Queue, looked_up, queued};
pub use raised::Raised;
pub use refusal::{Refusal, refused};
pub use repository::{count_repositories, render_repositories, repository_transfer};
pub use review::{review_postponed, review_queue, reviewed};
pub use source::{local_block_missed, origin_read, read_resumed};
pub use transfer::{Content, Direction, Transfer, TransferEnd, blob_pushed};

use metrics::{
    Counter, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use exemplar::Exemplary;
use known::Known;

use super::recent;

const HTTP_REQUESTS: &str = "registry_http_requests_total";
const HTTP_DURATION: &str = "registry_http_request_duration_seconds";
const HTTP_IN_FLIGHT: &str = "registry_http_requests_in_flight";
const CONNECTIONS: &str = "registry_connections_open";
const RECEIVED_BYTES: &str = "registry_blob_received_bytes_total";
const SENT_BYTES: &str = "registry_blob_sent_bytes_total";
const UPLOADS_OPEN: &str = "registry_uploads_open";
const PULLS_OPEN: &str = "registry_pulls_open";
const QUARANTINED: &str = "registry_blobs_quarantined_total";
const SCRUBBED: &str = "registry_scrubbed_blobs_total";
const SCRUBBED_BYTES: &str = "registry_scrubbed_bytes_total";
const SCRUB_OLDEST: &str = "registry_scrub_oldest_seconds";
const LOGINS: &str = "registry_logins_total";
const TOKENS: &str = "registry_tokens_issued_total";
const CERTIFICATE_ORDERS: &str = "registry_tls_certificate_orders_total";
const CERTIFICATE_EXPIRY: &str = "registry_tls_certificate_expiry_seconds";
const CERTIFICATE_RELOADS: &str = "registry_tls_reloads_total";
const JOB_RUNS: &str = "registry_job_runs_total";
const JOB_DURATION: &str = "registry_job_duration_seconds";
const JOB_BACKLOG: &str = "registry_job_backlog";
const JOB_OLDEST: &str = "registry_job_oldest_seconds";
const BUILD_INFO: &str = "registry_build_info";

/// Upper bounds of the duration histograms, in seconds. A pull of a manifest falls into the first buckets, a push of a
/// large layer into the last ones.
pub const DURATION_BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 120.0, 600.0];

/// Histograms with bounds of their own. All others measure seconds by [`DURATION_BUCKETS`].
pub const OWN_BUCKETS: [(&str, &[f64]); 5] = [
    (collection::WAITED, &DURATION_BUCKETS),
    (transfer::DURATION, &transfer::TRANSFER_BUCKETS),
    (transfer::FIRST_BYTE, &transfer::TRANSFER_BUCKETS),
    (transfer::BLOB_PUSH, &transfer::TRANSFER_BUCKETS),
    (transfer::RATE, &transfer::RATE_BUCKETS),
];

/// The commit that the program was built from, if the build named it.
const REVISION: &str = match option_env!("AF_REGISTRY_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// Registers the help text of every metric. Call once, after the recorder is installed.
pub fn describe() {
    describe_counter!(
        HTTP_REQUESTS,
        Unit::Count,
        "Requests that were answered, by method, endpoint and status"
    );
    describe_histogram!(
        HTTP_DURATION,
        Unit::Seconds,
        "Time from the head of a request to the end of its answer, by endpoint"
    );
    describe_gauge!(HTTP_IN_FLIGHT, Unit::Count, "Requests that are being answered");
    describe_gauge!(CONNECTIONS, Unit::Count, "Open connections of clients");
    describe_counter!(RECEIVED_BYTES, Unit::Bytes, "Bytes of blobs received from clients");
    describe_counter!(SENT_BYTES, Unit::Bytes, "Bytes of blobs sent to clients");
    describe_gauge!(UPLOADS_OPEN, Unit::Count, "Blob uploads that are transferring bytes");
    describe_gauge!(
        PULLS_OPEN,
        Unit::Count,
        "Pulls of blobs that are transferring bytes, or whose clients take none"
    );
    describe_counter!(
        QUARANTINED,
        Unit::Count,
        "Blobs put under quarantine because their stored bytes did not match their digest"
    );
    describe_counter!(
        SCRUBBED,
        Unit::Count,
        "Blobs whose stored bytes the scrub compared with their digest, by outcome: sound, healed, repaired, damaged, gone or unknown"
    );
    describe_counter!(SCRUBBED_BYTES, Unit::Bytes, "Bytes that the scrub read");
    describe_gauge!(
        SCRUB_OLDEST,
        Unit::Seconds,
        "How long ago the blob was compared with its digest that has waited longest; 0 without blobs"
    );
    describe_counter!(LOGINS, Unit::Count, "Logins with user name and password, by outcome");
    describe_counter!(TOKENS, Unit::Count, "Tokens issued, by kind of grant");
    describe_gauge!(
        CERTIFICATE_EXPIRY,
        Unit::Seconds,
        "Time at which the certificate in use expires, in seconds since 1970"
    );
    describe_counter!(
        CERTIFICATE_RELOADS,
        Unit::Count,
        "Certificate files read again, by outcome: ok, or failed, after which the old certificate stays in use"
    );
    describe_counter!(
        CERTIFICATE_ORDERS,
        Unit::Count,
        "Orders of a certificate by ACME, by outcome"
    );
    describe_counter!(
        JOB_RUNS,
        Unit::Count,
        "Runs of background jobs, by job and outcome: ok, failed or stopped"
    );
    describe_histogram!(
        JOB_DURATION,
        Unit::Seconds,
        "Time that runs of background jobs took, by job"
    );
    describe_gauge!(
        JOB_BACKLOG,
        Unit::Count,
        "Items that wait for a background job, by job; at most 100000 are counted"
    );
    describe_gauge!(
        JOB_OLDEST,
        Unit::Seconds,
        "How long the oldest item has waited for a background job, by job; 0 without items"
    );
    describe_gauge!(
        BUILD_INFO,
        Unit::Count,
        "Always 1. The labels name the version and the commit that the program was built from"
    );
    cache::describe();
    call::describe();
    collection::describe();
    failure::describe();
    own::describe();
    partner::describe();
    process::describe();
    queue::describe();
    refusal::describe();
    review::describe();
    source::describe();
    transfer::describe();
    gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION"), "revision" => REVISION).set(1.0);
    queue::publish_empty();
    transfer::publish_zero();
    cache::publish_zero();
    source::publish_zero();
    failure::publish_zero();
    counter!(QUARANTINED).increment(0);
}

/// Counts one answered request, and keeps its recorded `trace` as an exemplar.
pub fn request(
    method: &'static str,
    endpoint: &'static str,
    status: u16,
    took: Duration,
    trace: Option<u128>,
) {
    static REQUESTS: Known<(&str, &str, &str), Counter> = Known::new();
    static DURATIONS: Known<&str, Exemplary> = Known::new();
    let status_label = status_label(status);
    let find = || counter!(HTTP_REQUESTS, "method" => method, "endpoint" => endpoint, "status" => status_label);
    REQUESTS.record((method, endpoint, status_label), find, |counter| counter.increment(1));
    let find = || Exemplary::find(HTTP_DURATION, [("endpoint", endpoint)], &DURATION_BUCKETS);
    DURATIONS.record(endpoint, find, |durations| durations.record(took, trace));
    recent::request(status >= 500);
}

/// The status as a label. These are all that the registry answers with.
fn status_label(status: u16) -> &'static str {
    match status {
        200 => "200",
        201 => "201",
        202 => "202",
        204 => "204",
        206 => "206",
        304 => "304",
        308 => "308",
        400 => "400",
        401 => "401",
        403 => "403",
        404 => "404",
        405 => "405",
        413 => "413",
        414 => "414",
        415 => "415",
        416 => "416",
        421 => "421",
        429 => "429",
        500 => "500",
        503 => "503",
        _ => "other",
    }
}

/// Counts a login with user name and password that was not answered from the cache. `outcome` is `ok`, `wrong`,
/// `limited`, `busy` or `error`.
pub fn login(outcome: &'static str) {
    counter!(LOGINS, "outcome" => outcome).increment(1);
}

/// Counts an issued token. `grant` is `password`, `refresh_token` or `none`.
pub fn token_issued(grant: &'static str) {
    counter!(TOKENS, "grant" => grant).increment(1);
}

/// Counts bytes of blobs that clients sent.
pub fn received(bytes: u64) {
    counter!(RECEIVED_BYTES).increment(bytes);
}

/// Counts bytes of blobs that were sent to clients.
pub fn sent(bytes: u64) {
    counter!(SENT_BYTES).increment(bytes);
}

/// Counts a blob that was put under quarantine. An operator should find out why.
pub fn quarantined() {
    counter!(QUARANTINED).increment(1);
}

/// Counts a blob that the scrub has compared with its digest.
pub fn scrubbed(outcome: &'static str) {
    counter!(SCRUBBED, "outcome" => outcome).increment(1);
}

/// Counts bytes that the scrub has read.
pub fn scrubbed_bytes(bytes: u64) {
    counter!(SCRUBBED_BYTES).increment(bytes);
}

/// Publishes how long ago the blob was compared that has waited longest.
pub fn scrub_oldest(age: Duration) {
    gauge!(SCRUB_OLDEST).set(age.as_secs_f64());
}

/// Sets the time at which the certificate in use expires, as time since 1970.
pub fn certificate_expires(at: Duration) {
    gauge!(CERTIFICATE_EXPIRY).set(at.as_secs_f64());
}

/// Counts an attempt to order a certificate.
pub fn certificate_ordered(ok: bool) {
    let outcome = if ok { "ok" } else { "error" };
    counter!(CERTIFICATE_ORDERS, "outcome" => outcome).increment(1);
}

/// Counts an attempt to read the certificate files again.
pub fn certificate_reloaded(ok: bool) {
    counter!(CERTIFICATE_RELOADS, "outcome" => if ok { "ok" } else { "failed" }).increment(1);
}

/// Counts a run of a background job; `outcome` is `ok`, `failed` or `stopped`.
pub fn job_run(job: &'static str, outcome: &'static str, took: Duration) {
    counter!(JOB_RUNS, "job" => job, "outcome" => outcome).increment(1);
    histogram!(JOB_DURATION, "job" => job).record(took);
    recent::job_run(job, outcome, took);
}

/// Publishes how many items wait for a background job, and how long the oldest has waited.
pub fn job_backlog(job: &'static str, items: u64, oldest: Duration) {
    gauge!(JOB_BACKLOG, "job" => job).set(items as f64);
    gauge!(JOB_OLDEST, "job" => job).set(oldest.as_secs_f64());
    recent::job_backlog(job, items, oldest);
}

/// Counts a request that is being answered, until the value is dropped.
pub fn request_in_flight() -> Raised {
    Raised::new(gauge!(HTTP_IN_FLIGHT))
}

/// Counts an open connection of a client, until the value is dropped.
pub fn connection_open() -> Raised {
    Raised::new(gauge!(CONNECTIONS))
}

/// Counts an upload that transfers bytes, until the value is dropped.
pub fn upload_open() -> Raised {
    Raised::new(gauge!(UPLOADS_OPEN))
}

/// Counts a pull of a blob, until the value is dropped.
pub fn pull_open() -> Raised {
    Raised::new(gauge!(PULLS_OPEN))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use metrics::{
        Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString,
        with_local_recorder,
    };

    use super::*;

    /// Keeps the names of the metrics that have a help text.
    #[derive(Default)]
    struct Described(Mutex<BTreeSet<String>>);

    impl Described {
        fn insert(&self, name: &KeyName, help: &SharedString) {
            assert!(!help.is_empty(), "{name:?}");
            self.0.lock().unwrap().insert(name.as_str().to_owned());
        }
    }

    impl Recorder for Described {
        fn describe_counter(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
            self.insert(&name, &help);
        }

        fn describe_gauge(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
            self.insert(&name, &help);
        }

        fn describe_histogram(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
            self.insert(&name, &help);
        }

        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::noop()
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn every_metric_has_a_help_text() {
        let described = Described::default();
        with_local_recorder(&described, describe);
        // Those of single repositories are rendered with their help texts by `repository.rs` itself.
        let files = [
            include_str!("mod.rs"),
            include_str!("cache.rs"),
            include_str!("call.rs"),
            include_str!("collection.rs"),
            include_str!("failure.rs"),
            include_str!("own.rs"),
            include_str!("partner.rs"),
            include_str!("process.rs"),
            include_str!("queue.rs"),
            include_str!("review.rs"),
            include_str!("raised.rs"),
            include_str!("refusal.rs"),
            include_str!("source.rs"),
            include_str!("transfer.rs"),
        ];
        let code = files.map(|file| file.split("#[cfg(test)]").next().unwrap());
        let named = code
            .iter()
            .flat_map(|code| code.split("&str = \"").skip(1))
            .map(|rest| rest.split('"').next().unwrap().to_owned());
        let named: BTreeSet<String> = named
            .filter(|name| name.starts_with("registry_") || name.starts_with("process_"))
            .collect();
        assert!(named.len() >= 60, "{named:?}");
        assert_eq!(*described.0.lock().unwrap(), named);
    }
}
