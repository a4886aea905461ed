//! Spans that have ended and wait to be sent away.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::record::Record;

/// Most spans that wait.
const MOST: usize = 8192;
/// Spans that are sent away together, unless there are fewer.
const BATCH: usize = 1024;

/// The way of a span that has ended into the queue.
#[derive(Debug)]
pub(super) struct Queue(Arc<Waiting>);

/// The spans that have ended, for the one who sends them away.
#[derive(Debug)]
pub struct Ended(Arc<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    spans: Mutex<VecDeque<Record>>,
    lost: AtomicU64,
    /// There is a span, or a whole batch of them. Waking the sender for each span would cost more than the span.
    ready: Notify,
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Record>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    pub(super) fn new() -> (Self, Ended) {
        let waiting = Arc::<Waiting>::default();
        (Self(Arc::clone(&waiting)), Ended(waiting))
    }

    /// Puts a span into the queue, or counts it as lost.
    pub(super) fn put(&self, span: Record) {
        let mut spans = self.0.lock();
        if spans.len() == MOST {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        spans.push_back(span);
        let count = spans.len();
        drop(spans);
        if count == 1 || count == BATCH {
            self.0.ready.notify_one();
        }
    }
}

impl Ended {
    /// Waits for a span.
    pub async fn any(&self) {
        self.reached(1).await;
    }

    /// Waits until as many spans have ended as [`take`](Self::take) returns at most.
    pub async fn batch(&self) {
        self.reached(BATCH).await;
    }

    async fn reached(&self, count: usize) {
        while self.0.lock().len() < count {
            self.0.ready.notified().await;
        }
    }

    /// The spans that have ended first.
    pub fn take(&self) -> Vec<Record> {
        let mut spans = self.0.lock();
        let count = spans.len().min(BATCH);
        spans.drain(..count).collect()
    }

    /// How many spans found no place in the queue since this was asked last.
    pub fn lost(&self) -> u64 {
        self.0.lost.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use tokio::task::yield_now;

    use super::*;
    use crate::telemetry::trace::context::Context;
    use crate::telemetry::trace::record::Work;

    fn some(span: usize) -> Record {
        let context = Context { trace: 1, span: span as u64, sampled: true };
        let (began, took) = (SystemTime::UNIX_EPOCH, Duration::ZERO);
        Record { context, parent: None, work: Work::Gate, began, took, outcome: "ok" }
    }

    #[test]
    fn spans_beyond_the_bound_are_lost_and_counted_and_the_others_keep_their_order() {
        let (queue, ended) = Queue::new();
        (0..MOST + 3).for_each(|span| queue.put(some(span)));
        assert_eq!((ended.lost(), ended.lost()), (3, 0));
        let batches: Vec<_> = (0..MOST / BATCH).flat_map(|_| ended.take()).collect();
        assert!(batches.iter().map(|span| span.context.span).eq(0..MOST as u64));
        assert!(ended.take().is_empty());
    }

    #[tokio::test]
    async fn the_sender_is_woken_for_the_first_span_and_for_a_whole_batch() {
        let (queue, ended) = Queue::new();
        let ended = Arc::new(ended);
        let woken = Arc::new(AtomicU64::new(0));
        let (waits, counts) = (Arc::clone(&ended), Arc::clone(&woken));
        let waiting = tokio::spawn(async move {
            waits.any().await;
            counts.fetch_add(1, Ordering::Relaxed);
            waits.batch().await;
        });
        yield_now().await;
        for span in 0..BATCH {
            assert!(!waiting.is_finished());
            queue.put(some(span));
            yield_now().await;
            assert_eq!(woken.load(Ordering::Relaxed), 1);
        }
        waiting.await.unwrap();
        assert_eq!(ended.take().len(), BATCH);
        // A notice of spans that were taken meanwhile wakes nobody for nothing.
        queue.put(some(0));
        ended.take();
        let waits = Arc::clone(&ended);
        let waiting = tokio::spawn(async move { waits.any().await });
        yield_now().await;
        assert!(!waiting.is_finished());
        queue.put(some(1));
        waiting.await.unwrap();
    }
}
