//! The task that sends spans away.

use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::collector::{Collector, SendError};
use super::encode;
use crate::config::Traces;
use crate::outbound::{BackOff, TrustError};
use crate::telemetry::metrics::{self, SpansLost};
use crate::telemetry::trace::{self, Ended, Record};

/// How long spans are gathered for a request.
const GATHER: Duration = Duration::from_secs(1);
/// How often a request is made before its spans are given up.
const ATTEMPTS: u32 = 4;
/// Pauses between the attempts, of which the first and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));
/// How long a shutdown waits for the last spans to be sent.
const LAST: Duration = Duration::from_secs(5);

/// The task. Dropping it gives up the spans that were not sent.
#[derive(Debug)]
pub struct Exporter {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Exporter {
    /// Starts to trace requests. `None` if that was started before.
    ///
    /// # Errors
    /// The certificate authorities to verify the collector by cannot be read.
    pub fn start(traces: &Traces) -> Result<Option<Self>, TrustError> {
        let collector = Collector::new(traces)?;
        let Some(ended) = trace::start(traces.sampler) else { return Ok(None) };
        let stop = CancellationToken::new();
        let sending = Sending {
            collector,
            address: format!("{}{}", traces.collector, traces.path),
            resource: traces.resource.clone(),
            ended,
            stop: stop.clone(),
            works: true,
        };
        Ok(Some(Self { task: tokio::spawn(sending.run()), stop }))
    }

    /// Sends the spans that wait, for at most five seconds.
    pub async fn stop(mut self) {
        self.stop.cancel();
        // What is not sent in time is lost with the process.
        let _ = timeout(LAST, &mut self.task).await;
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Sending {
    collector: Collector,
    address: String,
    resource: Vec<(String, String)>,
    ended: Ended,
    stop: CancellationToken,
    /// Whether the collector took the last spans.
    works: bool,
}

impl Sending {
    async fn run(mut self) {
        while !self.stop.is_cancelled() {
            self.gather().await;
            let batch = self.ended.take();
            self.send(batch).await;
        }
        loop {
            let batch = self.ended.take();
            if batch.is_empty() {
                return;
            }
            self.send(batch).await;
        }
    }

    /// Waits for a span, and then for more.
    async fn gather(&self) {
        let gather = async {
            self.ended.any().await;
            // A batch that is not full by then is sent as it is.
            let _ = timeout(GATHER, self.ended.batch()).await;
        };
        tokio::select! {
            () = gather => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Sends the batch, and counts what becomes of its spans.
    async fn send(&mut self, batch: Vec<Record>) {
        let lost = self.ended.lost();
        if lost > 0 {
            metrics::spans_lost(SpansLost::Queue, lost);
        }
        let count = batch.len() as u64;
        if count == 0 {
            return;
        }
        let spans = encode::request(&self.resource, &batch);
        drop(batch);
        match self.persist(&spans).await {
            Ok(refused) => {
                metrics::spans_lost(SpansLost::Refused, refused.min(count));
                metrics::spans_sent(count.saturating_sub(refused));
                self.worked();
            }
            Err(error) => {
                let why = match error {
                    SendError::Refused(_) => SpansLost::Refused,
                    SendError::Passing(_) => SpansLost::Unsent,
                };
                metrics::spans_lost(why, count);
                self.failed(&error);
            }
        }
    }

    /// Makes a request again while that may help, but not during a shutdown.
    async fn persist(&self, spans: &Bytes) -> Result<u64, SendError> {
        let mut pauses = BackOff::new(PAUSES.0, PAUSES.1);
        let mut attempt = 1;
        loop {
            let sent = self.collector.send(spans).await;
            let passing = matches!(sent, Err(SendError::Passing(_)));
            if !passing || attempt == ATTEMPTS || self.stop.is_cancelled() {
                return sent;
            }
            attempt += 1;
            tokio::select! {
                () = sleep(pauses.failed()) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    fn worked(&mut self) {
        if !self.works {
            info!(event = "traces_sent", "the collector {} takes traces again", self.address);
        }
        self.works = true;
    }

    fn failed(&mut self, error: &SendError) {
        if self.works {
            warn!(
                event = "traces_lost",
                %error,
                "traces could not be sent to {}: {error}; they are lost until it takes them, and requests are served as \
                 before; check OTEL_EXPORTER_OTLP_ENDPOINT and the collector",
                self.address
            );
        }
        self.works = false;
    }
}
