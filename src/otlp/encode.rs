//! Spans as messages of OTLP, by the names of OpenTelemetry's semantic conventions.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use prost::Message;

use super::wire::{
    ExportRequest, KeyValue, Kind, Resource, ResourceSpans, Scope, ScopeSpans, Span, Status,
    StatusCode,
};
use crate::telemetry::trace::{Asked, Record, Work};

/// One request to the collector with these spans, which empties `batch`.
pub(super) fn request(resource: &[(String, String)], batch: &mut Vec<Record>) -> Bytes {
    let attributes = resource.iter().map(|(name, value)| KeyValue::text(name, value)).collect();
    let scope = Scope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let spans = batch.drain(..).map(span).collect();
    let resource_spans = vec![ResourceSpans {
        resource: Some(Resource { attributes }),
        scope_spans: vec![ScopeSpans { scope: Some(scope), spans }],
    }];
    ExportRequest { resource_spans }.encode_to_vec().into()
}

fn span(record: Record) -> Span {
    let Record { context, parent, work, began, took, outcome } = record;
    let began = began.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // The refusal of a right is no error of this server.
    let failed = outcome == "error" && !matches!(work, Work::Gate);
    let (name, kind, mut attributes) = described(work);
    if outcome != "ok" {
        attributes.push(KeyValue::text("registry.outcome", outcome));
    }
    Span {
        trace_id: Bytes::copy_from_slice(&context.trace.to_be_bytes()),
        span_id: Bytes::copy_from_slice(&context.span.to_be_bytes()),
        parent_span_id: parent
            .map(|id| Bytes::copy_from_slice(&id.to_be_bytes()))
            .unwrap_or_default(),
        name,
        kind: kind.into(),
        start_time_unix_nano: nanos(began),
        end_time_unix_nano: nanos(began + took),
        attributes,
        status: failed.then(|| Status { code: StatusCode::Error.into() }),
    }
}

/// Name, kind and attributes.
fn described(work: Work) -> (String, Kind, Vec<KeyValue>) {
    match work {
        Work::Request(asked) => {
            (format!("{} {}", asked.method, asked.endpoint), Kind::Server, of_request(*asked))
        }
        Work::Gate => ("gate".to_owned(), Kind::Internal, Vec::new()),
        Work::Statement(name) => (
            format!("postgresql {name}"),
            Kind::Client,
            vec![
                KeyValue::text("db.system.name", "postgresql"),
                KeyValue::text("db.query.summary", name),
            ],
        ),
        Work::Kubo(name) => (
            format!("kubo {name}"),
            Kind::Client,
            vec![KeyValue::text("peer.service", "kubo"), KeyValue::text("rpc.method", name)],
        ),
    }
}

fn of_request(asked: Asked) -> Vec<KeyValue> {
    let Asked { id, method, endpoint, path, status, repository, digest, sent } = asked;
    let mut attributes = vec![
        KeyValue::text("http.request.method", method),
        KeyValue::text("url.path", path),
        KeyValue::number("http.response.status_code", status.into()),
        KeyValue::number("http.response.body.size", sent),
        KeyValue::text("registry.endpoint", endpoint),
        KeyValue::text("registry.request_id", id),
    ];
    let more = [("registry.repository", repository), ("registry.digest", digest)];
    let more = more.into_iter().filter_map(|(key, value)| Some(KeyValue::text(key, value?)));
    attributes.extend(more);
    attributes
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
