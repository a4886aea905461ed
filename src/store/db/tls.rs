//! Encryption of the connections, and verification of the server.

use std::fmt;

use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config;
use crate::outbound::{Trust, TrustError, unverified};

/// Encryption of the connections. The default is none. Cheap to clone.
#[derive(Clone, Default)]
pub struct Tls(Option<(SslMode, MakeRustlsConnect)>);

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
        Ok(Self(Some((mode, MakeRustlsConnect::new(client)))))
    }

    pub(crate) fn mode(&self) -> SslMode {
        self.0.as_ref().map_or(SslMode::Disable, |(mode, _)| *mode)
    }

    pub(crate) fn connector(&self) -> Option<MakeRustlsConnect> {
        self.0.as_ref().map(|(_, connector)| connector.clone())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls({:?})", self.mode())
    }
}
