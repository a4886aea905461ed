//! A collector of traces, which keeps what it was sent. The messages are those that OpenTelemetry publishes.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;

/// Longest wait for a span.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct State {
    spans: Vec<Span>,
    resource: Vec<KeyValue>,
    headers: Vec<hyper::HeaderMap>,
    /// Statuses of the next answers. All later ones are 200.
    statuses: VecDeque<u16>,
}

/// A running collector. It ends with the runtime of the test.
#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
}

impl Collector {
    /// Starts a collector that first answers with these statuses.
    pub(crate) async fn answering(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let statuses = statuses.iter().copied().collect();
        let collector = Self { port, state: Arc::default() };
        collector.state.lock().unwrap().statuses = statuses;
        let served = collector.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let collector = served.clone();
                let serve = service_fn(move |request| collector.clone().take(request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), serve));
            }
        });
        collector
    }

    async fn take(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        assert_eq!((head.method.as_str(), head.uri.path()), ("POST", "/v1/traces"));
        assert_eq!(head.headers["content-type"], "application/x-protobuf");
        let body = body.collect().await.unwrap().to_bytes();
        let mut state = self.state.lock().unwrap();
        let status = state.statuses.pop_front().unwrap_or(200);
        if status == 200 {
            state.headers.push(head.headers);
            let export = ExportTraceServiceRequest::decode(body).expect("a message of OTLP");
            for spans in export.resource_spans {
                state.resource = spans.resource.expect("a resource").attributes;
                state.spans.extend(spans.scope_spans.into_iter().flat_map(|scope| scope.spans));
            }
        }
        Ok(Response::builder().status(status).body(Full::default()).unwrap())
    }

    /// The spans so far.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.state.lock().unwrap().spans.clone()
    }

    /// The attributes of the instance that sent the last spans.
    pub(crate) fn resource(&self) -> Vec<KeyValue> {
        self.state.lock().unwrap().resource.clone()
    }

    /// The values of a header in the requests that were taken.
    pub(crate) fn header(&self, name: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let values = state.headers.iter().filter_map(|headers| headers.get(name));
        values.map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    /// Waits for the span of a request, and returns all spans of its trace.
    pub(crate) async fn trace(&self, is_root: impl Fn(&Span) -> bool) -> Vec<Span> {
        let began = Instant::now();
        loop {
            let spans = self.spans();
            if let Some(root) = spans.iter().find(|span| is_root(span)) {
                let trace = root.trace_id.clone();
                return spans.into_iter().filter(|span| span.trace_id == trace).collect();
            }
            assert!(began.elapsed() < PATIENCE, "no such span in {spans:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The text of an attribute; empty if there is none.
pub(crate) fn attribute(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|found| found.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        _ => String::new(),
    }
}
