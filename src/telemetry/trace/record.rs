//! What is known of a span when it has ended.

use std::time::{Duration, SystemTime};

use super::context::Context;

/// A span that has ended.
#[derive(Debug)]
pub struct Record {
    /// The span, and its trace.
    pub context: Context,
    /// The span that it is a part of, if any.
    pub parent: Option<u64>,
    /// What was done.
    pub work: Work,
    /// When it began.
    pub began: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// `ok`, `error` or `dropped`.
    pub outcome: &'static str,
}

/// What is done in a span.
#[derive(Debug)]
pub enum Work {
    /// A request of a client is answered.
    Request(Box<Asked>),
    /// The caller of a request is identified, and their right is checked.
    Gate,
    /// PostgreSQL runs a statement, named by its file below `sql/queries`.
    Statement(&'static str),
    /// Kubo is called, by the name of the RPC or `gateway`.
    Kubo(&'static str),
}

/// What is known of a request when it has been answered.
#[derive(Debug, Default)]
pub struct Asked {
    /// Id of the request in the log.
    pub id: String,
    /// The method, as a label of metrics.
    pub method: &'static str,
    /// Name of the endpoint.
    pub endpoint: &'static str,
    /// The path, without the query.
    pub path: String,
    /// Status of the answer.
    pub status: u16,
    /// The repository, if the endpoint has one.
    pub repository: Option<String>,
    /// Digest of the content that was moved.
    pub digest: Option<String>,
    /// Bytes of the answer's body that were sent.
    pub sent: u64,
}
