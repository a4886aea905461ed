//! Spans, from their begin to their end.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use super::context::Context;
use super::current::{current, within};
use super::ended::{Ended, Queue};
use super::id;
use super::record::{Asked, Record, Work};
use super::sampler::Sampler;

/// The tracer of the process. Without one nothing is recorded.
static TRACER: OnceLock<Tracer> = OnceLock::new();

#[derive(Debug)]
struct Tracer {
    sampler: Sampler,
    queue: Queue,
}

/// Starts to record traces. `None` if that was started before.
pub fn start(sampler: Sampler) -> Option<Ended> {
    let (queue, ended) = Queue::new();
    TRACER.set(Tracer { sampler, queue }).ok().map(|()| ended)
}

/// The span of a request. It has to be ended by [`end`](Self::end), because only then it is known what was asked.
#[derive(Debug)]
pub struct Root {
    context: Option<Context>,
    parent: Option<u64>,
    began: Option<(SystemTime, Instant)>,
}

impl Root {
    /// Begins the span of a request whose caller sent `parent`. If nothing is recorded here, work for the request belongs to
    /// the span of the caller.
    pub fn begin(parent: Option<Context>) -> Self {
        match TRACER.get() {
            Some(tracer) => Self::sampled(tracer.sampler, parent),
            None => Self { context: parent, parent: None, began: None },
        }
    }

    fn sampled(sampler: Sampler, parent: Option<Context>) -> Self {
        let trace = parent.map_or_else(id::trace, |parent| parent.trace);
        let sampled = sampler.samples(trace, parent.as_ref());
        let context = Some(Context { trace, span: id::span(), sampled });
        let began = sampled.then(|| (SystemTime::now(), Instant::now()));
        Self { context, parent: parent.map(|parent| parent.span), began }
    }

    /// The span that work for the request belongs to.
    pub fn context(&self) -> Option<Context> {
        self.context
    }

    /// The trace of the request, if it is recorded here.
    pub fn recorded(&self) -> Option<u128> {
        self.began.and(self.context).map(|context| context.trace)
    }

    /// Ends the span. `asked` is called only if it is recorded.
    pub fn end(&self, outcome: &'static str, asked: impl FnOnce() -> Asked) {
        if let (Some(context), Some((began, since)), Some(tracer)) =
            (self.context, self.began, TRACER.get())
        {
            let (work, took) = (Work::Request(Box::new(asked())), since.elapsed());
            let parent = self.parent;
            tracer.queue.put(Record { context, parent, work, began, took, outcome });
        }
    }
}

/// A part of a request. It ends when this value is dropped.
#[derive(Debug)]
pub struct Span(Option<(Box<Record>, Instant)>);

impl Span {
    /// Begins work for the [`current`] span. Without one nothing is recorded.
    pub fn begin(work: Work) -> Self {
        let parent = current().filter(|parent| parent.sampled && TRACER.get().is_some());
        Self(parent.map(|parent| (part(parent, work), Instant::now())))
    }

    /// The span that work inside this one belongs to.
    pub fn context(&self) -> Option<Context> {
        self.0.as_ref().map(|(record, _)| record.context)
    }

    /// Does the work, and notes whether it went well.
    pub async fn run<T, E>(mut self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let result = within(self.context(), work).await;
        self.ended(if result.is_ok() { "ok" } else { "error" });
        result
    }

    /// Notes the outcome: `ok` or `error`. Without a note it is `dropped`.
    pub fn ended(&mut self, outcome: &'static str) {
        if let Some((record, _)) = &mut self.0 {
            record.outcome = outcome;
        }
    }
}

fn part(parent: Context, work: Work) -> Box<Record> {
    let context = Context { span: id::span(), ..parent };
    let (began, took) = (SystemTime::now(), Duration::ZERO);
    Box::new(Record { context, parent: Some(parent.span), work, began, took, outcome: "dropped" })
}

impl Drop for Span {
    fn drop(&mut self) {
        if let (Some((mut record, since)), Some(tracer)) = (self.0.take(), TRACER.get()) {
            record.took = since.elapsed();
            tracer.queue.put(*record);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::trace::current::enter;

    const PARENT: Context = Context { trace: 7, span: 8, sampled: true };

    #[test]
    fn a_request_goes_on_with_the_trace_of_its_caller() {
        let root = Root::sampled(Sampler::ParentOr(1.0), Some(PARENT));
        let context = root.context().unwrap();
        assert_eq!((context.trace, context.sampled, root.parent), (7, true, Some(8)));
        assert!(context.span != 8 && root.recorded() == Some(7));
        let unsampled = Context { sampled: false, ..PARENT };
        let root = Root::sampled(Sampler::ParentOr(1.0), Some(unsampled));
        assert!(!root.context().unwrap().sampled && root.recorded().is_none());
        let alone = Root::sampled(Sampler::ParentOr(1.0), None);
        assert!(alone.context().unwrap().sampled && alone.parent.is_none());
    }

    #[test]
    fn a_part_belongs_to_its_request() {
        let record = part(PARENT, Work::Statement("blob/get"));
        assert_eq!((record.context.trace, record.parent), (7, Some(8)));
        assert!(record.context.span != 8 && record.context.sampled);
    }

    #[test]
    fn without_a_tracer_nothing_is_recorded_and_the_context_is_passed_on() {
        let root = Root::begin(Some(PARENT));
        assert_eq!((root.context(), root.recorded()), (Some(PARENT), None));
        root.end("ok", || panic!("nothing is recorded"));
        let span = enter(root.context(), || Span::begin(Work::Gate));
        assert_eq!((span.context(), Root::begin(None).context()), (None, None));
    }
}
