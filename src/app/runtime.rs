//! The threads that all tasks of the process run on.

use std::io;

use rustix::process::{getpriority_process, setpriority_process};
use tokio::runtime::{Builder, Runtime};

use crate::stream::bulk;

/// Of so many tasks that a thread runs, one comes from the queue that all threads share. What other threads have woken waits
/// in it, such as a task that is no bulk work any more. By default the number is up to 127, for a queue that is seldom used,
/// and a small request waits as many times longer in it.
const SHARED: u32 = 2;

/// By so many steps of nice(1) the threads for bulk work have a lower priority than the others.
const BULK: i32 = 5;

/// Two kinds of threads, as many of each as there are cores.
#[derive(Debug)]
pub struct Threads {
    // Dropped first: its tasks use sockets and timers of the other one.
    _bulk: Runtime,
    main: Runtime,
}

impl Threads {
    /// Starts the threads.
    ///
    /// # Errors
    /// Those of the system, which has no more threads.
    pub fn start() -> io::Result<Self> {
        let bulk = bulk_threads().build()?;
        let main = main_threads().build()?;
        bulk::move_to(bulk.handle());
        Ok(Self { _bulk: bulk, main })
    }

    /// Runs `future` to its end.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.main.block_on(future)
    }
}

/// They poll sockets after each task, so that a long one does not keep small requests waiting.
fn main_threads() -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.enable_all().event_interval(1).global_queue_interval(SHARED);
    builder
}

/// They poll no sockets, because no socket belongs to them.
fn bulk_threads() -> Builder {
    let mut builder = Builder::new_multi_thread();
    // A thread inherits the priority of the one that starts it, so all of them are set to the same.
    let priority = getpriority_process(None).map(|own| own + BULK);
    builder.thread_name("bulk").on_thread_start(move || {
        // They work all the same if this fails.
        let _ = priority.map(|priority| setpriority_process(None, priority));
    });
    builder
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, mpsc};
    use std::task::Poll;

    use super::*;

    #[test]
    fn only_threads_for_bulk_work_have_a_low_priority() {
        let (main, bulk) = (main_threads().build().unwrap(), bulk_threads().build().unwrap());
        let own = || getpriority_process(None).unwrap();
        let low = (own() + BULK).min(19);
        let polls = |runtime: &Runtime| runtime.block_on(runtime.spawn(async move { own() }));
        assert_eq!((polls(&main).unwrap(), polls(&bulk).unwrap()), (own(), low));
        let from_bulk = async move { tokio::task::spawn_blocking(own).await.unwrap() };
        assert_eq!(bulk.block_on(bulk.spawn(from_bulk)).unwrap(), low);
    }

    /// The queue that all threads share has turns, however busy a thread is with tasks of its own.
    #[test]
    fn what_others_have_woken_waits_for_few_tasks() {
        const TASKS: usize = 100;
        let runtime = main_threads().worker_threads(1).build().unwrap();
        let polls = Arc::new(AtomicUsize::new(0));
        let (begin, begun) = mpsc::channel();
        let (hold, held) = mpsc::channel::<()>();
        let busy = Arc::clone(&polls);
        runtime.spawn(poll_fn(move |cx| {
            let _ = begin.send(());
            // An error says that all others have come.
            let _ = held.recv();
            busy.fetch_add(1, Ordering::Relaxed);
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
        begun.recv().unwrap();
        // This thread is none of the runtime, so what it wakes goes to the shared queue.
        let woken: Vec<_> = (0..TASKS)
            .map(|_| {
                let polls = Arc::clone(&polls);
                runtime.spawn(async move { polls.load(Ordering::Relaxed) })
            })
            .collect();
        drop(hold);
        let last = woken.into_iter().map(|task| runtime.block_on(task).unwrap()).max().unwrap();
        assert!(last <= TASKS * SHARED as usize, "the last one waited for {last} polls");
    }
}
