//! A unix socket whose closing is an error to the server, not an end.
//!
//! A TCP connection is closed by a reset. A unix socket has none, but Linux resets it as well if it is closed while bytes
//! wait in it unread (`unix_release_sock`), also when the process is killed. So the request asks for `100 Continue`, which
//! the server sends when it begins to read the body, and nobody reads that line until the body has been sent or the server
//! answers. The body does not begin before the line is there.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::UnixStream;

/// The bytes that wait. A server that sends more has begun its answer.
const INTERIM: u64 = b"HTTP/1.1 100 Continue\r\n\r\n".len() as u64;

/// Tells the body of a request when it may begin, and the connection when the body has ended. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Hold(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// The line waits, so the server reads the body.
    begun: AtomicBool,
    /// Everything is read from now on.
    released: AtomicBool,
    /// Waits for `begun`.
    body: Mutex<Option<Waker>>,
    /// Waits for `released`.
    connection: Mutex<Option<Waker>>,
}

impl Hold {
    /// Waits until the body may begin.
    pub fn poll_begun(&self, cx: &Context<'_>) -> Poll<()> {
        if self.0.begun.load(Ordering::Acquire) || self.is_released() {
            return Poll::Ready(());
        }
        keep(&self.0.body, cx);
        // The line may have come meanwhile.
        if self.0.begun.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Lets the connection read, because the body has ended or need not be held.
    pub fn release(&self) {
        self.0.released.store(true, Ordering::Release);
        wake(&self.0.body);
        wake(&self.0.connection);
    }

    fn is_released(&self) -> bool {
        self.0.released.load(Ordering::Acquire)
    }

    fn begin(&self) {
        self.0.begun.store(true, Ordering::Release);
        wake(&self.0.body);
    }
}

fn keep(place: &Mutex<Option<Waker>>, cx: &Context<'_>) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
}

fn wake(place: &Mutex<Option<Waker>>) {
    let task = place.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(task) = task {
        task.wake();
    }
}

/// A socket that leaves the line unread while it is held.
pub(super) struct HeldStream {
    stream: UnixStream,
    hold: Hold,
}

impl HeldStream {
    pub(super) fn new(stream: UnixStream, hold: Hold) -> Self {
        Self { stream, hold }
    }
}

impl AsyncRead for HeldStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            keep(&self.hold.0.connection, cx);
            if self.hold.is_released() {
                return Pin::new(&mut self.stream).poll_read(cx, buffer);
            }
            ready!(self.stream.poll_read_ready(cx))?;
            match rustix::io::ioctl_fionread(&self.stream)? {
                1..INTERIM => {}
                INTERIM => self.hold.begin(),
                // The server has closed the connection, or answers.
                _ => self.hold.release(),
            }
            // The socket stays readable. This makes the next poll wait for more bytes.
            let drained = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
            if !self.hold.is_released() {
                let _ = self.stream.try_io(Interest::READABLE, drained);
            }
        }
    }
}

impl AsyncWrite for HeldStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What the server reads when its client goes away after `sent`.
    async fn closing(interim: &[u8], held: bool) -> io::Result<usize> {
        let (client, mut server) = UnixStream::pair().unwrap();
        let hold = Hold::default();
        let mut client = HeldStream::new(client, hold.clone());
        server.write_all(interim).await.unwrap();
        let mut answer = [0; 100];
        if held {
            let read = tokio::time::timeout(Duration::from_millis(50), client.read(&mut answer));
            assert!(read.await.is_err(), "the line stays unread");
            std::future::poll_fn(|cx| hold.poll_begun(cx)).await;
        } else {
            assert!(client.read(&mut answer).await.unwrap() > 0);
        }
        client.write_all(b"half").await.unwrap();
        drop(client);
        assert_eq!(server.read(&mut [0; 4]).await.unwrap(), 4);
        server.read(&mut [0; 4]).await
    }

    #[tokio::test]
    async fn closing_a_held_socket_is_an_error_to_the_server() {
        let error = closing(b"HTTP/1.1 100 Continue\r\n\r\n", true).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        let refusal = b"HTTP/1.1 500 Internal Server Error\r\n\r\n";
        assert_eq!(closing(refusal, false).await.unwrap(), 0, "an answer is read at once");
    }

    #[tokio::test]
    async fn a_released_socket_reads_what_waited() {
        let (client, mut server) = UnixStream::pair().unwrap();
        let hold = Hold::default();
        let mut client = HeldStream::new(client, hold.clone());
        let reading = tokio::spawn(async move {
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            answer
        });
        server.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
        std::future::poll_fn(|cx| hold.poll_begun(cx)).await;
        hold.release();
        server.write_all(b"more").await.unwrap();
        drop(server);
        assert!(reading.await.unwrap().ends_with("\r\n\r\nmore"));
    }
}
