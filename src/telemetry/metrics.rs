//! Every metric of the registry, by name, once.
//!
//! Labels are bounded: methods, endpoint names, status codes, call names, outcomes. A repository, a tag, a digest or
//! a subject never becomes a label.

use std::time::{Duration, Instant};

use metrics::{
    Gauge, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

const HTTP_REQUESTS: &str = "registry_http_requests_total";
const HTTP_DURATION: &str = "registry_http_request_duration_seconds";
const HTTP_IN_FLIGHT: &str = "registry_http_requests_in_flight";
const HTTP_REFUSED: &str = "registry_http_refused_total";
const CONNECTIONS: &str = "registry_connections_open";
const RECEIVED_BYTES: &str = "registry_blob_received_bytes_total";
const SENT_BYTES: &str = "registry_blob_sent_bytes_total";
const UPLOADS_OPEN: &str = "registry_uploads_open";
const QUARANTINED: &str = "registry_blobs_quarantined_total";
const KUBO_CALLS: &str = "registry_kubo_call_duration_seconds";
const POSTGRES_CALLS: &str = "registry_postgres_call_duration_seconds";
const LOGINS: &str = "registry_logins_total";
const TOKENS: &str = "registry_tokens_issued_total";
const CERTIFICATE_ORDERS: &str = "registry_tls_certificate_orders_total";
const CERTIFICATE_EXPIRY: &str = "registry_tls_certificate_expiry_seconds";
const CERTIFICATE_RELOADS: &str = "registry_tls_reloads_total";
const BUILD_INFO: &str = "registry_build_info";

/// Upper bounds of the duration histograms, in seconds: a pull of a manifest is the first, a push of a large layer
/// the last.
pub const DURATION_BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 120.0, 600.0];

/// Registers the help text of every metric. Call once, after the recorder is installed.
pub fn describe() {
    describe_counter!(
        HTTP_REQUESTS,
        Unit::Count,
        "Requests answered, by method, endpoint and status"
    );
    describe_histogram!(
        HTTP_DURATION,
        Unit::Seconds,
        "Time from request head to the end of the answer, by endpoint"
    );
    describe_gauge!(HTTP_IN_FLIGHT, Unit::Count, "Requests being answered");
    describe_counter!(
        HTTP_REFUSED,
        Unit::Count,
        "Requests and connections refused by a limit, by reason"
    );
    describe_gauge!(CONNECTIONS, Unit::Count, "Client connections open");
    describe_counter!(RECEIVED_BYTES, Unit::Bytes, "Bytes of blobs received from clients");
    describe_counter!(SENT_BYTES, Unit::Bytes, "Bytes of blobs sent to clients");
    describe_gauge!(UPLOADS_OPEN, Unit::Count, "Blob uploads whose bytes are moving");
    describe_counter!(
        QUARANTINED,
        Unit::Count,
        "Blobs whose stored bytes did not match their digest"
    );
    describe_histogram!(KUBO_CALLS, Unit::Seconds, "Calls to Kubo, by call and outcome");
    describe_histogram!(
        POSTGRES_CALLS,
        Unit::Seconds,
        "Calls to PostgreSQL, by statement and outcome"
    );
    describe_counter!(LOGINS, Unit::Count, "Logins with name and password, by outcome");
    describe_counter!(TOKENS, Unit::Count, "Tokens issued, by what they were given for");
    describe_gauge!(
        CERTIFICATE_EXPIRY,
        Unit::Seconds,
        "When the certificate in use expires, in seconds since 1970"
    );
    describe_counter!(
        CERTIFICATE_RELOADS,
        Unit::Count,
        "Certificates read anew, by outcome: ok, or failed, which keeps the old one"
    );
    describe_counter!(CERTIFICATE_ORDERS, Unit::Count, "Orders of a certificate, by outcome");
    describe_gauge!(BUILD_INFO, Unit::Count, "Always 1; the label tells the version");
    gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// Counts one answered request.
pub fn request(method: &'static str, endpoint: &'static str, status: u16, took: Duration) {
    counter!(HTTP_REQUESTS, "method" => method, "endpoint" => endpoint, "status" => status.to_string())
        .increment(1);
    histogram!(HTTP_DURATION, "endpoint" => endpoint).record(took);
}

/// Why a request or a connection was refused.
#[allow(missing_docs, reason = "each variant is a label that the reference of metrics explains")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Connections,
    AddressConnections,
    ProxyHeader,
    ProxyHeaderTime,
    NotTls,
    Handshake,
    HandshakeTime,
    NoLogin,
    Credentials,
    Token,
    Scope,
    Denied,
    Malformed,
    LoginRate,
    TokenRate,
    Uploads,
}

impl Refusal {
    /// The value of the label `reason`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::AddressConnections => "address_connections",
            Self::ProxyHeader => "proxy_header",
            Self::ProxyHeaderTime => "proxy_header_time",
            Self::NotTls => "not_tls",
            Self::Handshake => "handshake",
            Self::HandshakeTime => "handshake_time",
            Self::NoLogin => "no_login",
            Self::Credentials => "credentials",
            Self::Token => "token",
            Self::Scope => "scope",
            Self::Denied => "denied",
            Self::Malformed => "malformed",
            Self::LoginRate => "login_rate",
            Self::TokenRate => "token_rate",
            Self::Uploads => "uploads",
        }
    }
}

/// Counts a request or connection that was refused.
pub fn refused(refusal: Refusal) {
    counter!(HTTP_REFUSED, "reason" => refusal.label()).increment(1);
}

/// Counts a login with name and password that was not answered from memory; `outcome` is `ok`, `wrong`, `limited` or
/// `error`.
pub fn login(outcome: &'static str) {
    counter!(LOGINS, "outcome" => outcome).increment(1);
}

/// Counts a token; `grant` is `password`, `refresh_token` or `none`.
pub fn token_issued(grant: &'static str) {
    counter!(TOKENS, "grant" => grant).increment(1);
}

/// Counts bytes of blobs that came in.
pub fn received(bytes: u64) {
    counter!(RECEIVED_BYTES).increment(bytes);
}

/// Counts bytes of blobs that went out.
pub fn sent(bytes: u64) {
    counter!(SENT_BYTES).increment(bytes);
}

/// Counts a blob put under quarantine: an operator should look.
pub fn quarantined() {
    counter!(QUARANTINED).increment(1);
}

/// Says when the certificate in use expires, as time since 1970.
pub fn certificate_expires(at: Duration) {
    gauge!(CERTIFICATE_EXPIRY).set(at.as_secs_f64());
}

/// Counts one attempt to order a certificate.
pub fn certificate_ordered(ok: bool) {
    let outcome = if ok { "ok" } else { "error" };
    counter!(CERTIFICATE_ORDERS, "outcome" => outcome).increment(1);
}

/// Counts one attempt to read the certificate anew.
pub fn certificate_reloaded(ok: bool) {
    counter!(CERTIFICATE_RELOADS, "outcome" => if ok { "ok" } else { "failed" }).increment(1);
}

/// A gauge that is up while this value lives.
#[derive(Debug)]
pub struct Raised(Gauge);

impl Raised {
    fn new(gauge: Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// One more request in flight, until dropped.
pub fn request_in_flight() -> Raised {
    Raised::new(gauge!(HTTP_IN_FLIGHT))
}

/// One more client connection, until dropped.
pub fn connection_open() -> Raised {
    Raised::new(gauge!(CONNECTIONS))
}

/// One more upload whose bytes are moving, until dropped.
pub fn upload_open() -> Raised {
    Raised::new(gauge!(UPLOADS_OPEN))
}

/// A call to a partner under way. Ends as `ok` or `error` by [`Call::end`], as `dropped` when nobody waited.
#[derive(Debug)]
pub struct Call {
    metric: &'static str,
    name: &'static str,
    began: Instant,
    outcome: &'static str,
}

impl Call {
    /// Notes how the call ended and hands the result on.
    pub fn end<T, E>(mut self, result: Result<T, E>) -> Result<T, E> {
        self.outcome = if result.is_ok() { "ok" } else { "error" };
        result
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        histogram!(self.metric, "call" => self.name, "outcome" => self.outcome)
            .record(self.began.elapsed());
    }
}

/// Times a call to Kubo; `name` is the RPC's, such as `block/put`, or `gateway`.
pub fn kubo_call(name: &'static str) -> Call {
    Call { metric: KUBO_CALLS, name, began: Instant::now(), outcome: "dropped" }
}

/// Times a statement; `name` is its file's below `sql/queries`, such as `blob/get`.
pub fn postgres_call(name: &'static str) -> Call {
    Call { metric: POSTGRES_CALLS, name, began: Instant::now(), outcome: "dropped" }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use metrics::{
        Counter, Histogram, Key, KeyName, Metadata, Recorder, SharedString, with_local_recorder,
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
        let code = include_str!("metrics.rs").split("#[cfg(test)]").next().unwrap();
        let named = code.split('"').filter(|text| text.starts_with("registry_"));
        let named: BTreeSet<String> = named.map(str::to_owned).collect();
        assert!(named.len() >= 17, "{named:?}");
        assert_eq!(*described.0.lock().unwrap(), named);
    }
}
