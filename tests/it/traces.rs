//! Traces: the spans of one request, ids that come from outside, and a collector that fails.

use std::sync::{Arc, Mutex};

use af_registry::config::Kubo;
use hyper::HeaderMap;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::rig;
use crate::rig::client::{Client, chunked, random, request};
use crate::rig::collector::{Collector, attribute};
use crate::rig::meddler::overhear;
use crate::rig::server::{Builder, builder};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// The `traceparent` of each call to Kubo, with its path.
type Heard = Arc<Mutex<Vec<(String, String)>>>;

/// A server whose calls to Kubo are overheard.
async fn overheard() -> (Builder, Heard) {
    let heard = Heard::default();
    let Kubo { api, gateway, .. } = rig::kubo().await;
    let hear = || {
        let heard = Arc::clone(&heard);
        move |call: &str, headers: &HeaderMap| {
            let traceparent = headers.get("traceparent").map_or("", |it| it.to_str().unwrap());
            heard.lock().unwrap().push((call.to_owned(), traceparent.to_owned()));
        }
    };
    let api = overhear(&api, hear()).await;
    let gateway = overhear(&gateway.unwrap(), hear()).await;
    let builder = builder().await.env("OPEN_REGISTRY_DFS_IPFS_API_URL", &api.to_string());
    (builder.env("OPEN_REGISTRY_DFS_IPFS_GATEWAY_URL", &gateway.to_string()), heard)
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

#[tokio::test]
async fn a_request_is_one_trace_down_to_statements_and_calls_to_kubo() {
    let collector = Collector::answering(&[]).await;
    let (builder, heard) = overheard().await;
    let mut server = builder
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://127.0.0.1:{}", collector.port))
        .env("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20key")
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        .start()
        .await;
    let client = server.client();
    let digest = client.push_blob("traced", &random(75, 3 << 20)).await;
    let path = format!("/v2/traced/blobs/{digest}");

    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    let headers = [("traceparent", traceparent.as_str()), ("x-request-id", "from:outside-1")];
    let answer = client.get_with(&path, &headers).await.expect(200);
    assert_eq!(answer.header("x-request-id"), "from:outside-1");
    let line = server.logged("blob_pull", |line| line["request_id"] == "from:outside-1").await;
    assert_eq!(line["trace_id"], TRACE);

    let spans = collector.trace(|span| span.name == "GET blob_pull").await;
    let root = spans.iter().find(|span| span.name == "GET blob_pull").unwrap();
    assert_eq!((hex(&root.trace_id), hex(&root.parent_span_id)), (TRACE.into(), PARENT.into()));
    assert_eq!(root.kind(), SpanKind::Server);
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("http.response.body.size", "3145728"),
        ("url.path", &path),
        ("registry.repository", "traced"),
        ("registry.digest", digest.as_str()),
        ("registry.request_id", "from:outside-1"),
    ] {
        assert_eq!(attribute(&root.attributes, key), value, "{key}");
    }
    for name in ["gate", "postgresql blob/get", "kubo gateway"] {
        let part = spans.iter().find(|span| span.name == name);
        let part = part.unwrap_or_else(|| panic!("no {name} in {:?}", names(&spans)));
        assert_eq!(part.parent_span_id, root.span_id, "{name}");
        assert!(part.start_time_unix_nano >= root.start_time_unix_nano, "{name}");
        assert!(part.end_time_unix_nano <= root.end_time_unix_nano, "{name}");
    }
    let kubo = spans.iter().find(|span| span.name == "kubo gateway").unwrap();
    let sent = format!("00-{TRACE}-{}-01", hex(&kubo.span_id));
    assert!(heard.lock().unwrap().iter().any(|(_, traceparent)| *traceparent == sent));

    // The bytes of a push are stored by a task of its own.
    let push = collector.trace(|span| span.name == "PATCH upload_append").await;
    assert!(names(&push).iter().any(|name| name.starts_with("postgresql ")), "{:?}", names(&push));
    assert!(names(&push).iter().any(|name| name.starts_with("kubo ")), "{:?}", names(&push));

    assert_eq!(collector.header("api-key")[0], "a key");
    let resource = collector.resource();
    assert_eq!(attribute(&resource, "service.name"), "af-registry");
    assert_eq!(attribute(&resource, "deployment.environment.name"), "test");

    // What has ended before a shutdown is sent; what its caller does not record is not.
    let unrecorded = format!("00-{}-{PARENT}-00", TRACE.replace('4', "5"));
    client.get_with(&path, &[("traceparent", &unrecorded)]).await.expect(200);
    client.get("/v2/traced/tags/list").await.expect(200);
    server.terminate();
    assert!(server.ended().await.success());
    let spans = collector.spans();
    assert!(names(&spans).contains(&"GET tags"), "{:?}", names(&spans));
    assert!(!spans.iter().any(|span| hex(&span.trace_id) == TRACE.replace('4', "5")));
}

#[tokio::test]
async fn a_bucket_of_a_histogram_leads_to_the_trace_of_a_request() {
    let collector = Collector::answering(&[]).await;
    let endpoint = format!("http://127.0.0.1:{}", collector.port);
    let server = builder().await.env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint).start().await;
    let client = server.client();
    let digest = client.push_blob("exemplary", &random(78, 300_000)).await;
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    let headers = [("traceparent", traceparent.as_str())];
    client.get_with(&format!("/v2/exemplary/blobs/{digest}"), &headers).await.expect(200);
    server.logged("blob_pull", |line| line["trace_id"] == TRACE).await;

    let scraper = Client { addr: server.metrics };
    let openmetrics = [("accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")];
    let answer = scraper.get_with("/metrics", &openmetrics).await.expect(200);
    assert!(
        answer.header("content-type").starts_with("application/openmetrics-text; version=1.0.0")
    );
    let metrics = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(metrics.ends_with("\n# EOF\n"));
    let exemplar = format!("# {{trace_id=\"{TRACE}\"}} ");
    for bucket in [
        r#"registry_http_request_duration_seconds_bucket{endpoint="blob_pull",le="#,
        r#"registry_pull_first_byte_seconds_bucket{content="blob",le="#,
        r#"registry_transfer_duration_seconds_bucket{direction="pull",content="blob",le="#,
    ] {
        let mut buckets = metrics.lines().filter(|line| line.starts_with(bucket));
        assert!(buckets.any(|line| line.contains(&exemplar)), "{bucket} {metrics}");
    }

    let answer = scraper.get("/metrics").await.expect(200);
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    assert!(!String::from_utf8(answer.body.to_vec()).unwrap().contains("trace_id"));
}

#[tokio::test]
async fn without_a_collector_the_ids_of_a_caller_are_logged_and_passed_on() {
    let (builder, heard) = overheard().await;
    let server = builder.start().await;
    let client = server.client();
    let digest = client.push_blob("passed", &random(76, 300_000)).await;
    let path = format!("/v2/passed/blobs/{digest}");
    heard.lock().unwrap().clear();

    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    client.get_with(&path, &[("traceparent", &traceparent)]).await.expect(200);
    let line = server.logged("blob_pull", |line| line["trace_id"] == TRACE).await;
    assert!(uuid::Uuid::parse_str(line["request_id"].as_str().unwrap()).is_ok());
    let calls = std::mem::take(&mut *heard.lock().unwrap());
    assert!(calls.iter().any(|(_, sent)| *sent == traceparent), "{calls:?}");

    let long = "x".repeat(129);
    for (name, hostile) in [
        ("traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
        ("traceparent", "\" or 1=1"),
        ("x-request-id", "a\"b"),
        ("x-request-id", &long),
    ] {
        let answer = client.get_with(&path, &[(name, hostile)]).await.expect(200);
        let id = answer.header("x-request-id").to_owned();
        assert!(uuid::Uuid::parse_str(&id).is_ok(), "{id}");
        let line = server.logged("blob_pull", |line| line["request_id"] == id.as_str()).await;
        assert!(line["trace_id"].is_null(), "{line}");
    }
    let calls = heard.lock().unwrap();
    assert!(calls.iter().all(|(_, sent)| sent.is_empty()), "{calls:?}");
}

#[tokio::test]
async fn a_collector_that_fails_costs_spans_and_no_request() {
    let collector = Collector::answering(&[400, 503]).await;
    let server = builder()
        .await
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://127.0.0.1:{}", collector.port))
        .start()
        .await;
    let client = server.client();
    client.get("/v2/lost/tags/list").await.expect(404);
    let line = server.logged("traces_lost", |_| true).await;
    assert!(line["message"].as_str().unwrap().contains("400"), "{line}");
    // The next batch is sent again after the 503.
    client.get("/v2/kept/tags/list").await.expect(404);
    let is_kept = |span: &Span| attribute(&span.attributes, "url.path") == "/v2/kept/tags/list";
    let spans = collector.trace(is_kept).await;
    assert!(names(&spans).contains(&"gate"), "{:?}", names(&spans));
    server.logged("traces_sent", |_| true).await;
    let metrics = Client { addr: server.metrics }.get("/metrics").await.expect(200);
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    let lost = metrics
        .lines()
        .find(|line| line.starts_with(r#"registry_trace_spans_lost_total{reason="refused"}"#));
    assert!(lost.is_some_and(|line| !line.ends_with(" 0")), "{metrics}");
}

#[tokio::test]
async fn a_collector_that_is_gone_holds_up_neither_requests_nor_the_shutdown() {
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let endpoint = format!("http://{port}");
    let builder = builder().await.env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint);
    let mut server = builder.start().await;
    let client = server.client();
    let session = client.start_upload("alone").await;
    let patch = request("PATCH", &session, &[], chunked(random(77, 100_000), 9000));
    client.send(patch).await.expect(202);
    server.terminate();
    assert!(server.ended().await.success());
    server.logged("traces_lost", |line| line["message"].as_str().unwrap().contains("OTEL_")).await;
}
