//! The threads that all tasks of the process run on.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// Of so many tasks that a thread runs, one comes from the queue that all threads share. What other threads have woken waits
/// in it, such as a pull whose file was read. By default the number is up to 127, for a queue that is seldom used, and a
/// small request waits as many times longer in it.
const SHARED: u32 = 2;

/// Starts the threads. They poll sockets after each task, so that a large body does not keep small requests waiting.
///
/// # Errors
/// Those of the system, which has no more threads.
pub fn start() -> io::Result<Runtime> {
    threads().build()
}

fn threads() -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.enable_all().event_interval(1).global_queue_interval(SHARED);
    builder
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, mpsc};
    use std::task::Poll;

    use super::*;

    /// The queue that all threads share has turns, however busy a thread is with tasks of its own.
    #[test]
    fn what_others_have_woken_waits_for_few_tasks() {
        const TASKS: usize = 100;
        let runtime = threads().worker_threads(1).build().unwrap();
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
