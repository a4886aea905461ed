//! Threads for tasks that move or hash many bytes, so that hundreds of them do not keep small requests waiting.
//!
//! A worker thread polls its tasks one after the other. A task that moves bytes takes up to half a millisecond each time, and
//! is ready again at once. With 500 such tasks a small request would wait for all of them. So while a task moves many bytes,
//! other threads poll it. They have a lower priority, so the system gives the core to a small request first.

use std::cell::Cell;
use std::future::poll_fn;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, ready};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

/// A task that moves so many bytes within [`POLLS`] is bulk work: hashing them takes 80 microseconds.
const MANY: usize = 128 << 10;

/// After so many polls with fewer bytes a task is no bulk work any more.
const POLLS: u32 = 16;

static THREADS: OnceLock<Handle> = OnceLock::new();

thread_local! {
    /// Bytes that this thread has moved. It only counts up.
    static MOVED: Cell<usize> = const { Cell::new(0) };
}

/// Lets the threads of `runtime` poll bulk work from now on. Without this call every task stays where it was spawned.
pub fn move_to(runtime: &Handle) {
    // A process starts its threads once.
    let _ = THREADS.set(runtime.clone());
}

/// Notes that the present task has moved or hashed so many bytes.
pub fn moved(bytes: usize) {
    MOVED.set(MOVED.get().wrapping_add(bytes));
}

/// Reads, writes or hashes many bytes of files on a thread for bulk work that may block.
pub fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    match THREADS.get() {
        Some(threads) => threads.spawn_blocking(work),
        None => tokio::task::spawn_blocking(work),
    }
}

/// A task whose polls move to the threads for bulk work while it moves many bytes, and back. What it spawns, and the sockets
/// and timers that it makes, belong to the runtime that it was spawned on.
#[derive(Debug)]
pub struct Task<F: Future> {
    threads: Option<&'static Handle>,
    /// `None` while the threads for bulk work have it.
    here: Option<Work<F>>,
    there: Option<AbortOnDropHandle<Ended<F>>>,
}

/// Why the threads for bulk work have stopped polling a task.
#[derive(Debug)]
enum Ended<F: Future> {
    Done(F::Output),
    Quiet(Work<F>),
}

#[derive(Debug)]
struct Work<F> {
    future: Pin<Box<F>>,
    /// Polls and bytes since `bulk` was last set.
    polls: u32,
    moved: usize,
    bulk: bool,
}

impl<F: Future> Task<F> {
    /// Makes a task that is still to be spawned.
    pub fn new(future: F) -> Self {
        Self::with(THREADS.get(), future)
    }

    fn with(threads: Option<&'static Handle>, future: F) -> Self {
        let here = Work { future: Box::pin(future), polls: 0, moved: 0, bulk: false };
        Self { threads, here: Some(here), there: None }
    }
}

impl<F: Future> Work<F> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        let before = MOVED.get();
        let polled = self.future.as_mut().poll(cx);
        self.moved += MOVED.get().wrapping_sub(before);
        self.polls += 1;
        if self.moved >= MANY || self.polls == POLLS {
            self.bulk = self.moved >= MANY;
            (self.moved, self.polls) = (0, 0);
        }
        polled
    }

    /// Polls the task until it is done or no bulk work any more, as if on the runtime `home`.
    async fn run(mut self, home: Handle) -> Ended<F> {
        let done = poll_fn(|cx| {
            let _home = home.enter();
            match self.poll(cx) {
                Poll::Ready(output) => Poll::Ready(Some(output)),
                Poll::Pending if self.bulk => Poll::Pending,
                Poll::Pending => Poll::Ready(None),
            }
        });
        match done.await {
            Some(output) => Ended::Done(output),
            None => Ended::Quiet(self),
        }
    }
}

impl<F> Future for Task<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        loop {
            if let Some(there) = &mut self.there {
                match ready!(Pin::new(there).poll(cx)) {
                    Ok(Ended::Done(output)) => return Poll::Ready(output),
                    Ok(Ended::Quiet(work)) => self.here = Some(work),
                    Err(error) => match error.try_into_panic() {
                        Ok(panic) => resume_unwind(panic),
                        // The process ends, and this task with it.
                        Err(_) => return Poll::Pending,
                    },
                }
                self.there = None;
            }
            let threads = self.threads;
            let Some(work) = &mut self.here else { return Poll::Pending };
            let polled = work.poll(cx);
            let Some(threads) = threads.filter(|_| polled.is_pending() && work.bulk) else {
                return polled;
            };
            let there = self.here.take().map(|work| threads.spawn(work.run(Handle::current())));
            self.there = there.map(AbortOnDropHandle::new);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use tokio::runtime::{Builder, Runtime};
    use tokio::sync::oneshot;
    use tokio::task::yield_now;

    use super::*;

    /// A thread named `bulk`, for the rest of the process.
    fn threads() -> &'static Handle {
        static RUNTIME: OnceLock<Runtime> = OnceLock::new();
        let start =
            || Builder::new_multi_thread().worker_threads(1).thread_name("bulk").build().unwrap();
        RUNTIME.get_or_init(start).handle()
    }

    fn is_bulk() -> bool {
        thread::current().name() == Some("bulk")
    }

    #[tokio::test]
    async fn a_task_moves_when_it_has_many_bytes_and_back_when_it_has_few() {
        let task = async {
            let mut seen = vec![is_bulk()];
            moved(MANY);
            yield_now().await;
            seen.push(is_bulk());
            moved(MANY - 1);
            for _ in 0..POLLS - 2 {
                yield_now().await;
                assert!(is_bulk());
            }
            moved(1);
            yield_now().await;
            seen.push(is_bulk());
            for _ in 0..POLLS {
                yield_now().await;
            }
            seen.push(is_bulk());
            seen
        };
        let seen = tokio::spawn(Task::with(Some(threads()), task)).await.unwrap();
        assert_eq!(seen, [false, true, true, false]);
    }

    #[tokio::test]
    async fn without_threads_for_bulk_work_it_stays() {
        let task = async {
            moved(MANY);
            yield_now().await;
            is_bulk()
        };
        assert!(!tokio::spawn(Task::with(None, task)).await.unwrap());
    }

    /// A small request must not wait for a connection that a pull has opened.
    #[tokio::test]
    async fn what_it_spawns_is_not_bulk_work() {
        let task = async {
            moved(MANY);
            yield_now().await;
            let spawned = tokio::spawn(async { is_bulk() }).await.unwrap();
            (is_bulk(), spawned)
        };
        let task = tokio::spawn(Task::with(Some(threads()), task));
        assert_eq!(task.await.unwrap(), (true, false));
    }

    #[tokio::test]
    async fn it_panics_where_it_was_spawned() {
        let task = async {
            moved(MANY);
            yield_now().await;
            panic!("on purpose");
        };
        let error = tokio::spawn(Task::<_>::with(Some(threads()), task)).await.unwrap_err();
        assert!(error.is_panic());
    }

    /// An aborted transfer must give back what it holds.
    #[tokio::test]
    async fn dropping_it_drops_the_work() {
        let (holding, released) = oneshot::channel::<()>();
        let (begin, begun) = oneshot::channel();
        let task = tokio::spawn(Task::with(Some(threads()), async move {
            moved(MANY);
            yield_now().await;
            begin.send(()).unwrap();
            std::future::pending::<()>().await;
            drop(holding);
        }));
        begun.await.unwrap();
        task.abort();
        assert!(released.await.is_err());
    }
}
