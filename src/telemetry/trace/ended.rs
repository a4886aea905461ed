//! Spans that have ended and wait to be sent away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc::{self, Receiver, Sender};

use super::record::Record;

/// Most spans that wait.
const MOST: usize = 8192;

/// The way of a span that has ended into the queue.
#[derive(Debug)]
pub(super) struct Queue {
    spans: Sender<Record>,
    lost: Arc<AtomicU64>,
}

/// The spans that have ended, for the one who sends them away.
#[derive(Debug)]
pub struct Ended {
    spans: Receiver<Record>,
    lost: Arc<AtomicU64>,
}

impl Queue {
    pub(super) fn new() -> (Self, Ended) {
        let (spans, ended) = mpsc::channel(MOST);
        let lost = Arc::new(AtomicU64::new(0));
        (Self { spans, lost: Arc::clone(&lost) }, Ended { spans: ended, lost })
    }

    /// Puts a span into the queue, or counts it as lost.
    pub(super) fn put(&self, span: Record) {
        if self.spans.try_send(span).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Ended {
    /// Waits for spans and appends at most `most` of them to `batch`.
    pub async fn take(&mut self, batch: &mut Vec<Record>, most: usize) {
        self.spans.recv_many(batch, most).await;
    }

    /// Appends spans that have ended already, at most `most` of them.
    pub fn take_ready(&mut self, batch: &mut Vec<Record>, most: usize) {
        batch.extend((0..most).map_while(|_| self.spans.try_recv().ok()));
    }

    /// How many spans found no place in the queue since this was asked last.
    pub fn lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::telemetry::trace::context::Context;
    use crate::telemetry::trace::record::Work;

    fn some() -> Record {
        let context = Context { trace: 1, span: 2, sampled: true };
        let (began, took) = (SystemTime::UNIX_EPOCH, Duration::ZERO);
        Record { context, parent: None, work: Work::Gate, began, took, outcome: "ok" }
    }

    #[tokio::test]
    async fn spans_beyond_the_bound_are_lost_and_counted() {
        let (queue, mut ended) = Queue::new();
        (0..MOST + 3).for_each(|_| queue.put(some()));
        assert_eq!((ended.lost(), ended.lost()), (3, 0));
        let mut batch = Vec::new();
        ended.take(&mut batch, 100).await;
        assert_eq!(batch.len(), 100);
        ended.take_ready(&mut batch, usize::MAX);
        assert_eq!(batch.len(), MOST);
    }
}
