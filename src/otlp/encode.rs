//! Spans as messages of OTLP, by the names of OpenTelemetry's semantic conventions. The numbers are those of opentelemetry-proto
//! 1.x (`collector/trace/v1/trace_service.proto`, `trace/v1/trace.proto`, `resource/v1/resource.proto`,
//! `common/v1/common.proto`).

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::wire::Message;
use crate::telemetry::trace::{Asked, Record, Work};

/// Fields of `ExportTraceServiceRequest`, `ResourceSpans` and `ScopeSpans`.
const RESOURCE_SPANS: u32 = 1;
const RESOURCE: u32 = 1;
const SCOPE_SPANS: u32 = 2;
const SCOPE: u32 = 1;
const SPANS: u32 = 2;

/// Fields of `Resource` and `InstrumentationScope`.
const RESOURCE_ATTRIBUTES: u32 = 1;
const SCOPE_NAME: u32 = 1;
const SCOPE_VERSION: u32 = 2;

/// Fields of `Span`.
const TRACE_ID: u32 = 1;
const SPAN_ID: u32 = 2;
const PARENT_SPAN_ID: u32 = 4;
const NAME: u32 = 5;
const KIND: u32 = 6;
const START: u32 = 7;
const END: u32 = 8;
const ATTRIBUTES: u32 = 9;
const STATUS: u32 = 15;

/// Values of `SpanKind`.
const INTERNAL: u64 = 1;
const SERVER: u64 = 2;
const CLIENT: u64 = 3;

/// The field of `Status`, and `STATUS_CODE_ERROR`.
const CODE: u32 = 3;
const ERROR: u64 = 2;

/// Fields of `KeyValue`, and cases of `AnyValue`.
const KEY: u32 = 1;
const VALUE: u32 = 2;
const STRING: u32 = 1;
const INT: u32 = 3;

/// One request to the collector with these spans.
pub(super) fn request(resource: &[(String, String)], spans: &[Record]) -> Bytes {
    let mut request = Message::default();
    request.message(RESOURCE_SPANS, |of_resource| {
        of_resource.message(RESOURCE, |described| {
            resource
                .iter()
                .for_each(|(key, value)| text(described, RESOURCE_ATTRIBUTES, key, value));
        });
        of_resource.message(SCOPE_SPANS, |of_scope| {
            of_scope.message(SCOPE, |scope| {
                scope.text(SCOPE_NAME, &[env!("CARGO_PKG_NAME")]);
                scope.text(SCOPE_VERSION, &[env!("CARGO_PKG_VERSION")]);
            });
            spans.iter().for_each(|record| of_scope.message(SPANS, |span| write(span, record)));
        });
    });
    request.into()
}

fn write(span: &mut Message, record: &Record) {
    let Record { context, parent, work, began, took, outcome } = record;
    span.bytes(TRACE_ID, &context.trace.to_be_bytes());
    span.bytes(SPAN_ID, &context.span.to_be_bytes());
    if let Some(parent) = parent {
        span.bytes(PARENT_SPAN_ID, &parent.to_be_bytes());
    }
    describe(span, work);
    let began = began.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    span.fixed(START, nanos(began));
    span.fixed(END, nanos(began + *took));
    if *outcome != "ok" {
        text(span, ATTRIBUTES, "registry.outcome", outcome);
    }
    // The refusal of a right is no error of this server.
    if *outcome == "error" && !matches!(work, Work::Gate) {
        span.message(STATUS, |status| status.number(CODE, ERROR));
    }
}

/// Writes name, kind and attributes.
fn describe(span: &mut Message, work: &Work) {
    match work {
        Work::Request(asked) => {
            span.text(NAME, &[asked.method, " ", asked.endpoint]);
            span.number(KIND, SERVER);
            describe_request(span, asked);
        }
        Work::Gate => {
            span.text(NAME, &["gate"]);
            span.number(KIND, INTERNAL);
        }
        Work::Statement(name) => {
            span.text(NAME, &["postgresql ", name]);
            span.number(KIND, CLIENT);
            text(span, ATTRIBUTES, "db.system.name", "postgresql");
            text(span, ATTRIBUTES, "db.query.summary", name);
        }
        Work::Kubo(name) => {
            span.text(NAME, &["kubo ", name]);
            span.number(KIND, CLIENT);
            text(span, ATTRIBUTES, "peer.service", "kubo");
            text(span, ATTRIBUTES, "rpc.method", name);
        }
    }
}

fn describe_request(span: &mut Message, asked: &Asked) {
    let Asked { id, method, endpoint, path, status, repository, digest, sent } = asked;
    text(span, ATTRIBUTES, "http.request.method", method);
    text(span, ATTRIBUTES, "url.path", path);
    number(span, ATTRIBUTES, "http.response.status_code", (*status).into());
    number(span, ATTRIBUTES, "http.response.body.size", *sent);
    text(span, ATTRIBUTES, "registry.endpoint", endpoint);
    text(span, ATTRIBUTES, "registry.request_id", id);
    if let Some(repository) = repository {
        text(span, ATTRIBUTES, "registry.repository", repository);
    }
    if let Some(digest) = digest {
        text(span, ATTRIBUTES, "registry.digest", digest);
    }
}

/// Adds an attribute whose value is a text.
fn text(message: &mut Message, field: u32, key: &str, value: &str) {
    message.message(field, |attribute| {
        attribute.text(KEY, &[key]);
        attribute.message(VALUE, |any| any.text(STRING, &[value]));
    });
}

/// Adds an attribute whose value is a number.
fn number(message: &mut Message, field: u32, key: &str, value: u64) {
    message.message(field, |attribute| {
        attribute.text(KEY, &[key]);
        attribute.message(VALUE, |any| any.number(INT, value));
    });
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::KeyValue;
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
    use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
    use prost::Message as _;

    use super::*;
    use crate::telemetry::trace::Context;

    fn record(work: Work, outcome: &'static str) -> Record {
        let context = Context { trace: 0x0102 << 112 | 3, span: 0x04 << 56 | 5, sampled: true };
        let began = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789);
        Record { context, parent: Some(6), work, began, took: Duration::from_micros(7), outcome }
    }

    fn attributes(attributes: &[KeyValue]) -> Vec<(&str, String)> {
        let value = |it: &KeyValue| match it.value.clone().unwrap().value.unwrap() {
            Value::StringValue(text) => text,
            Value::IntValue(number) => number.to_string(),
            other => panic!("{other:?}"),
        };
        attributes.iter().map(|it| (it.key.as_str(), value(it))).collect()
    }

    #[test]
    fn what_is_written_is_what_the_published_messages_read() {
        let asked = Asked {
            id: "an-id".into(),
            method: "GET",
            endpoint: "blob_pull",
            path: "/v2/\u{e9}/".into(),
            status: 200,
            repository: Some("a/b".into()),
            digest: None,
            sent: 1 << 40,
        };
        let records = [
            record(Work::Request(Box::new(asked)), "ok"),
            Record { parent: None, ..record(Work::Gate, "error") },
            record(Work::Statement("blob/get"), "error"),
            record(Work::Kubo("block/put"), "dropped"),
        ];
        let resource = [("service.name".to_owned(), "x".repeat(300))];
        let export = ExportTraceServiceRequest::decode(request(&resource, &records)).unwrap();
        let [of_resource] = &export.resource_spans[..] else { panic!("{export:?}") };
        let described = &of_resource.resource.as_ref().unwrap().attributes;
        assert_eq!(attributes(described), [("service.name", "x".repeat(300))]);
        let [of_scope] = &of_resource.scope_spans[..] else { panic!("{export:?}") };
        assert_eq!(of_scope.scope.as_ref().unwrap().name, "af-registry");

        let [asked, gate, statement, kubo] = &of_scope.spans[..] else { panic!("{export:?}") };
        assert_eq!(asked.trace_id, [1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
        assert_eq!(asked.span_id, [4, 0, 0, 0, 0, 0, 0, 5]);
        assert_eq!(
            (&asked.parent_span_id[..], &gate.parent_span_id[..]),
            (&[0, 0, 0, 0, 0, 0, 0, 6][..], &[][..])
        );
        assert_eq!(asked.start_time_unix_nano, 1_700_000_000_123_456_789);
        assert_eq!(asked.end_time_unix_nano - asked.start_time_unix_nano, 7_000);
        let names = [asked, gate, statement, kubo].map(|span| (span.name.as_str(), span.kind()));
        assert_eq!(
            names,
            [
                ("GET blob_pull", SpanKind::Server),
                ("gate", SpanKind::Internal),
                ("postgresql blob/get", SpanKind::Client),
                ("kubo block/put", SpanKind::Client),
            ]
        );
        let failed = [asked, gate, statement, kubo].map(|span| {
            span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
        });
        assert_eq!(failed, [false, false, true, false]);
        assert_eq!(
            attributes(&asked.attributes),
            [
                ("http.request.method", "GET".into()),
                ("url.path", "/v2/\u{e9}/".into()),
                ("http.response.status_code", "200".into()),
                ("http.response.body.size", (1_u64 << 40).to_string()),
                ("registry.endpoint", "blob_pull".into()),
                ("registry.request_id", "an-id".into()),
                ("registry.repository", "a/b".into()),
            ]
        );
        assert_eq!(attributes(&gate.attributes), [("registry.outcome", "error".into())]);
        assert_eq!(attributes(&kubo.attributes)[1], ("rpc.method", "block/put".into()));
        assert_eq!(attributes(&kubo.attributes)[2], ("registry.outcome", "dropped".into()));
    }
}
