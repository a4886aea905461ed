//! The span that work on this thread belongs to.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use pin_project_lite::pin_project;

use super::context::Context;

thread_local! {
    static CURRENT: Cell<Option<Context>> = const { Cell::new(None) };
}

/// The span that the work of the caller belongs to. A new task takes it along by [`within`].
pub fn current() -> Option<Context> {
    CURRENT.get()
}

/// Does work for a span, if there is one.
pub fn enter<T>(context: Option<Context>, work: impl FnOnce() -> T) -> T {
    if context.is_none() {
        return work();
    }
    let _back = Back(CURRENT.replace(context));
    work()
}

/// Sets back what was current, also after a panic.
struct Back(Option<Context>);

impl Drop for Back {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Does the work of a future for a span, if there is one.
pub fn within<F>(context: Option<Context>, work: F) -> Within<F> {
    Within { context, work }
}

pin_project! {
    /// Work that [`within`] does for a span.
    #[derive(Debug)]
    pub struct Within<F> {
        context: Option<Context>,
        #[pin]
        work: F,
    }
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let this = self.project();
        enter(*this.context, || this.work.poll(cx))
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use tokio::task::yield_now;

    use super::*;

    const ONE: Context = Context { trace: 1, span: 1, sampled: true };
    const TWO: Context = Context { trace: 1, span: 2, sampled: true };

    #[tokio::test]
    async fn each_future_keeps_its_own_span_while_they_take_turns() {
        let look = |context| {
            within(context, async {
                let before = current();
                yield_now().await;
                (before, current())
            })
        };
        let (one, two, none) = tokio::join!(look(Some(ONE)), look(Some(TWO)), look(None));
        assert_eq!(one, (Some(ONE), Some(ONE)));
        assert_eq!(two, (Some(TWO), Some(TWO)));
        assert_eq!(none, (None, None));
        let inner =
            within(Some(ONE), async { (look(None).await, look(Some(TWO)).await.1, current()) });
        assert_eq!(inner.await, ((Some(ONE), Some(ONE)), Some(TWO), Some(ONE)));
        assert_eq!(current(), None);
    }

    #[test]
    fn a_panic_leaves_no_span_behind() {
        let work = || enter(Some(ONE), || panic!("on purpose"));
        assert!(catch_unwind(AssertUnwindSafe(work)).is_err());
        assert_eq!(current(), None);
    }
}
