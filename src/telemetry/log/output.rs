//! Where lines of the log go. A thread of its own writes them, many at once, so that no request waits for the reader of the
//! log, and a busy server does not make a system call for each line.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::warn;

use crate::telemetry::metrics;

/// Bytes of lines that wait for the thread at most. Further lines are lost, and counted.
const MOST: usize = 4 << 20;
/// How long the thread waits for more lines before it writes.
const GATHER: Duration = Duration::from_millis(10);
/// How long [`Output::flush`] waits without progress.
const STUCK: Duration = Duration::from_secs(2);

/// The place that lines are written to. Cheap to clone.
#[derive(Clone)]
pub(super) struct Output(Option<Arc<Queue>>);

struct Queue {
    waiting: Mutex<Waiting>,
    /// Lines came, or somebody flushes.
    filled: Condvar,
    /// The thread has written.
    written: Condvar,
    most: usize,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    lost: u64,
    /// Whether the thread writes lines that it has taken.
    writing: bool,
    /// Callers of [`Output::flush`].
    flushing: usize,
}

impl Output {
    /// Writes each line at once to stderr.
    pub(super) fn stderr() -> Self {
        Self(None)
    }

    /// Starts the thread that writes to `sink`. Without a thread, lines go to stderr at once.
    pub(super) fn thread(sink: impl Write + Send + 'static) -> Self {
        Self::bounded(sink, MOST)
    }

    fn bounded(sink: impl Write + Send + 'static, most: usize) -> Self {
        let queue = Arc::new(Queue {
            waiting: Mutex::default(),
            filled: Condvar::new(),
            written: Condvar::new(),
            most,
        });
        let writer = Arc::clone(&queue);
        let started =
            thread::Builder::new().name("log".to_owned()).spawn(move || writer.work(sink));
        Self(started.is_ok().then_some(queue))
    }

    /// Takes a line, or several, with their ends.
    pub(super) fn put(&self, lines: &[u8]) {
        match &self.0 {
            Some(queue) => queue.put(lines),
            // If the log cannot be written, there is no other place to report that.
            None => drop(io::stderr().write_all(lines)),
        }
    }

    /// Waits until all lines are written, or until the sink has taken none for some time.
    pub(super) fn flush(&self) {
        let Some(queue) = &self.0 else { return };
        let mut waiting = queue.lock();
        waiting.flushing += 1;
        queue.filled.notify_one();
        let mut since = Instant::now();
        while (waiting.writing || !waiting.lines.is_empty()) && since.elapsed() < STUCK {
            let (left, timeout) =
                queue.written.wait_timeout(waiting, STUCK).unwrap_or_else(PoisonError::into_inner);
            waiting = left;
            if !timeout.timed_out() {
                since = Instant::now();
            }
        }
        waiting.flushing -= 1;
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, lines: &[u8]) {
        let mut waiting = self.lock();
        if waiting.lines.len() + lines.len() > self.most {
            waiting.lost += 1;
            drop(waiting);
            metrics::log_lines_lost(1);
            return;
        }
        let asleep = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(lines);
        drop(waiting);
        if asleep {
            self.filled.notify_one();
        }
    }

    /// Writes what comes, until the process ends.
    fn work(&self, mut sink: impl Write) {
        let mut taken = Vec::new();
        loop {
            let lost = self.take(&mut taken);
            if sink.write_all(&taken).is_err() {
                // A full disk, or a pipe without a reader. The log cannot tell of it.
                metrics::log_lines_lost(taken.iter().filter(|byte| **byte == b'\n').count() as u64);
            }
            taken.clear();
            self.lock().writing = false;
            self.written.notify_all();
            if lost > 0 {
                warn!(
                    event = "log_lost",
                    lines = lost,
                    "{lost} lines of the log were lost: whoever reads stderr was too slow for them; read it faster, or log less"
                );
            }
        }
    }

    /// Waits for lines and moves them to `taken`. Returns how many were lost meanwhile.
    fn take(&self, taken: &mut Vec<u8>) -> u64 {
        let ready = self.filled.wait_while(self.lock(), |waiting| waiting.lines.is_empty());
        let ready = ready.unwrap_or_else(PoisonError::into_inner);
        let more = self.filled.wait_timeout_while(ready, GATHER, |waiting| waiting.flushing == 0);
        let (mut waiting, _) = more.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(taken, &mut waiting.lines);
        waiting.writing = true;
        std::mem::take(&mut waiting.lost)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A sink that takes what it is given only when it is told to.
    struct Slow {
        begun: Sender<()>,
        go_on: Receiver<()>,
        seen: Sender<Vec<u8>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.begun.send(()).unwrap();
            let _ = self.go_on.recv();
            self.seen.send(bytes.to_vec()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A sink that takes nothing, like stderr on a full disk.
    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_sink_that_fails_holds_nobody_up() {
        let output = Output::bounded(Broken, 8);
        for _ in 0..3 {
            output.put(b"one\ntwo\n");
            output.flush();
        }
        let queue = output.0.unwrap();
        let waiting = queue.lock();
        assert!(waiting.lines.is_empty() && waiting.lost == 0);
    }

    #[test]
    fn lines_of_many_threads_stay_whole_and_in_their_order() {
        let (begun, _has_begun) = channel();
        let (_, go_on) = channel();
        let (seen, sink) = channel();
        let output = Output::bounded(Slow { begun, go_on, seen }, MOST);
        thread::scope(|scope| {
            for writer in 0..4 {
                let output = output.clone();
                scope.spawn(move || {
                    (0..200).for_each(|n| output.put(format!("{writer} {n}\n").as_bytes()));
                });
            }
        });
        output.flush();
        let written: Vec<u8> = sink.try_iter().flatten().collect();
        let written = String::from_utf8(written).unwrap();
        for writer in 0..4 {
            let own = written.lines().filter(|line| line.starts_with(&format!("{writer} ")));
            let expected = (0..200).map(|n| format!("{writer} {n}"));
            assert!(own.eq(expected), "{written}");
        }
        assert_eq!(written.lines().count(), 800);
    }

    #[test]
    fn lines_beyond_the_bound_are_lost_and_nobody_waits() {
        let (begun, has_begun) = channel();
        let (release, go_on) = channel();
        let (seen, sink) = channel();
        let output = Output::bounded(Slow { begun, go_on, seen }, 8);
        output.put(b"one\n");
        has_begun.recv().unwrap();
        // The sink is busy now. Two more lines fit, and the third does not.
        output.put(b"two\n");
        output.put(b"six\n");
        output.put(b"ten\n");
        drop(release);
        output.flush();
        let written: Vec<u8> = sink.try_iter().flatten().collect();
        assert_eq!(written, b"one\ntwo\nsix\n");
        output.put(b"end\n");
        output.flush();
        assert_eq!(sink.try_iter().flatten().collect::<Vec<u8>>(), b"end\n");
    }
}
