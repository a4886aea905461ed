//! Sockets that another process has opened for this one and keeps open while it restarts: socket activation
//! (`sd_listen_fds(3)`).

use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;
use thiserror::Error;

/// A socket that was handed over cannot be used.
#[derive(Debug, Error)]
pub enum InheritedError {
    /// It is a datagram or a unix socket.
    #[error(
        "socket {0} of those that systemd passes is not a TCP socket; use ListenStream= with a port"
    )]
    NotTcp(usize),
    /// No setting names its address, so nothing would answer there.
    #[error(
        "systemd passes a socket on {0}, and the registry is not set to listen there; set OPEN_REGISTRY_HOST and \
         OPEN_REGISTRY_PORT to the address in ListenStream="
    )]
    Unnamed(SocketAddr),
}

/// The sockets that were handed over and that nobody has taken yet.
///
/// A socket is found by its address. The settings thus stay the one place that says where the registry listens, and what
/// follows from it, such as whether clients must log in.
#[derive(Debug, Default)]
pub struct Inherited(Vec<(SocketAddr, TcpListener)>);

impl Inherited {
    /// Takes over the sockets that the environment of the process announces. Programs that this process starts do not
    /// inherit them. Must be called once, before other threads run, because it changes the environment.
    ///
    /// # Errors
    /// One of them is not a TCP socket.
    pub fn of_process() -> Result<Self, InheritedError> {
        let mut passed = ListenFd::from_env();
        let mut sockets = Vec::new();
        for at in 0..passed.len() {
            let not_tcp = |_| InheritedError::NotTcp(at + 1);
            if let Some(socket) = passed.take_tcp_listener(at).map_err(not_tcp)? {
                sockets.push((socket.local_addr().map_err(not_tcp)?, socket));
            }
        }
        Ok(Self(sockets))
    }

    /// The socket on this address, if one was handed over.
    pub(super) fn take(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let at = self.0.iter().position(|(bound, _)| *bound == address)?;
        Some(self.0.swap_remove(at).1)
    }

    /// Checks that every socket was taken.
    ///
    /// # Errors
    /// No setting names the address of one. Its clients would wait for ever.
    pub fn check_taken(&self) -> Result<(), InheritedError> {
        self.0.first().map_or(Ok(()), |(address, _)| Err(InheritedError::Unnamed(*address)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_found_by_its_address_and_must_be_taken() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let mut inherited = Inherited(vec![(address, socket)]);
        let other = SocketAddr::new("0.0.0.0".parse().unwrap(), address.port());
        assert!(inherited.take(other).is_none());
        let error = inherited.check_taken().unwrap_err().to_string();
        assert!(error.contains(&address.to_string()), "{error}");
        assert!(inherited.take(address).is_some());
        inherited.check_taken().unwrap();
    }
}
