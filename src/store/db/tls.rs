//! Encryption of the connections, and verification of the server.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::negotiate::Negotiate;
use crate::config;
use crate::outbound::{Trust, TrustError, unverified};

/// Encryption of the connections. The default is none. Cheap to clone.
#[derive(Clone, Default)]
pub struct Tls {
    rustls: Option<(SslMode, MakeRustlsConnect)>,
    /// Set when a connection to another machine came up in clear text.
    clear: Arc<AtomicBool>,
}

impl Tls {
    /// Takes the settings of the operator.
    ///
    /// # Errors
    /// When the certificate authorities that verify the server cannot be loaded.
    pub fn of(mode: &config::SslMode) -> Result<Self, TrustError> {
        let (mode, client) = match mode {
            config::SslMode::Disable => return Ok(Self::default()),
            config::SslMode::Prefer => (SslMode::Prefer, unverified()?),
            config::SslMode::Require => (SslMode::Require, unverified()?),
            config::SslMode::VerifyFull { authorities } => {
                (SslMode::Require, Trust::of(authorities.as_deref())?.client()?)
            }
        };
        Ok(Self { rustls: Some((mode, MakeRustlsConnect::new(client))), ..Self::default() })
    }

    pub(crate) fn mode(&self) -> SslMode {
        self.rustls.as_ref().map_or(SslMode::Disable, |(mode, _)| *mode)
    }

    pub(crate) fn connector(&self) -> Option<MakeRustlsConnect> {
        self.rustls.as_ref().map(|(_, connector)| connector.clone())
    }

    /// The choice between TLS and clear text, unless the mode demands TLS.
    pub(crate) fn negotiate(&self) -> Option<Negotiate> {
        let may_be_clear = self.mode() != SslMode::Require;
        may_be_clear.then(|| Negotiate { rustls: self.connector(), clear: Arc::clone(&self.clear) })
    }

    /// Whether a connection to a server on another machine came up without TLS.
    pub fn came_up_in_clear(&self) -> bool {
        self.clear.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls({:?})", self.mode())
    }
}
