//! Tells systemd how the server is, where systemd has started it (sd_notify(3)): ready, stopping, and alive.

use std::env;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::interval;
use tracing::warn;

/// The socket of systemd. Without one, telling does nothing.
pub(super) struct Notify {
    socket: Option<UnixDatagram>,
}

impl Notify {
    /// Finds the socket in the environment of the process.
    pub(super) fn of_process() -> Self {
        let socket = env::var_os("NOTIFY_SOCKET").and_then(|name| {
            let connected = connect(name.as_bytes());
            if let Err(error) = &connected {
                warn!(
                    event = "systemd_unreachable", %error,
                    "systemd waits in vain for the news that the server is ready: {error}"
                );
            }
            connected.ok()
        });
        Self { socket }
    }

    /// Says that clients are served.
    pub(super) fn ready(&self) {
        self.say("READY=1");
    }

    /// Says that the server is about to end.
    pub(super) fn stopping(&self) {
        self.say("STOPPING=1");
    }

    /// Says again and again that the process is alive, if systemd kills it otherwise (`WatchdogSec=`). The task runs where
    /// requests run, so a runtime that hangs says nothing.
    pub(super) fn keep_alive(&self) -> Option<JoinHandle<()>> {
        let socket = self.socket.as_ref()?.try_clone().ok()?;
        let micros: u64 = env::var("WATCHDOG_USEC").ok()?.parse().ok()?;
        let period = Duration::from_micros(micros / 3).max(Duration::from_millis(1));
        let alive = Self { socket: Some(socket) };
        Some(tokio::spawn(async move {
            let mut ticks = interval(period);
            loop {
                ticks.tick().await;
                alive.say("WATCHDOG=1");
            }
        }))
    }

    fn say(&self, news: &str) {
        // systemd acts on what it does not hear, so nothing else is to be done about an error.
        if let Some(socket) = &self.socket {
            let _ = socket.send(news.as_bytes());
        }
    }
}

/// A name that begins with `@` is in the abstract namespace.
fn connect(name: &[u8]) -> std::io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    match name.strip_prefix(b"@") {
        Some(hidden) => socket.connect_addr(&SocketAddr::from_abstract_name(hidden)?)?,
        None => socket.connect(std::ffi::OsStr::from_bytes(name))?,
    }
    Ok(socket)
}
