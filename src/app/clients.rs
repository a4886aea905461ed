//! Where clients come in: the port of the registry, under TLS or not, and the one that sends browsers to it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tracing::info;

use super::{AppError, bind};
use crate::auth::{Sealer, SigningSecret};
use crate::config::Config;
use crate::http::RedirectService;
use crate::net::{
    CertificateFile, ClientRoots, ConnectionLimits, Drained, Listener, Shutdown, TicketSeal, Tls,
    TlsOptions, serve,
};

/// What https takes, found fit before anything is started.
pub(super) struct Https {
    certificate: CertificateFile,
    client_roots: Option<ClientRoots>,
    redirect: Option<Listener>,
}

impl Https {
    /// `None` when there is no certificate.
    pub(super) fn open(config: &Config) -> Result<Option<Self>, AppError> {
        let tls = &config.tls;
        let Some(files) = tls.files.clone() else { return Ok(None) };
        let certificate = CertificateFile::open(files)?;
        let roots = tls.client_ca.as_deref();
        let client_roots =
            roots.map(|path| ClientRoots::read(path, tls.client_user)).transpose()?;
        let bind = |port| bind(config.listen.host, port, "OPEN_REGISTRY_HTTP_REDIRECT_PORT");
        let redirect = tls.redirect_port.map(bind).transpose()?;
        Ok(Some(Self { certificate, client_roots, redirect }))
    }
}

/// Where clients come in.
pub(super) struct Clients {
    pub(super) port: Listener,
    /// Without TLS, for browsers that do not know better.
    redirect: Option<Listener>,
}

impl Clients {
    /// Lets clients in, by https alone when there is a certificate.
    pub(super) fn enter(
        port: Listener,
        https: Option<Https>,
        config: &Config,
    ) -> Result<Self, AppError> {
        let Some(Https { certificate, client_roots, redirect }) = https else {
            return Ok(Self { port, redirect: None });
        };
        let shown = certificate.shown();
        certificate.follow()?;
        let tickets: Arc<dyn TicketSeal> = Arc::new(SealedTickets(SigningSecret::of(config)?));
        let http2 = config.tls.http2;
        let options = TlsOptions { http2, client_roots, challenges: None, tickets: Some(tickets) };
        Ok(Self { port: port.secured(Tls::new(shown, options)?), redirect })
    }

    /// Sends browsers to the port that speaks https, for as long as the task runs.
    pub(super) fn redirect(
        &mut self,
        config: &Config,
        limits: ConnectionLimits,
    ) -> Option<JoinHandle<Drained>> {
        let redirect = self.redirect.take()?;
        info!(event = "redirecting", address = %redirect.address(), "browsers are sent to https");
        let name = config.listen.domain.as_ref().map(|domain| domain.host.clone());
        let service = RedirectService::new(name, self.port.address().port());
        Some(tokio::spawn(serve(redirect, limits, Shutdown::new(Duration::ZERO), service)))
    }
}

/// Seals TLS sessions under the signing secret, which all instances share: any of them resumes what another began.
struct SealedTickets(SigningSecret);

impl SealedTickets {
    /// A key that only this epoch has.
    fn sealer(&self, epoch: u64) -> Sealer {
        Sealer::new(&self.0, &format!("TLS tickets {epoch}"))
    }
}

impl TicketSeal for SealedTickets {
    fn seal(&self, epoch: u64, context: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        Some(self.sealer(epoch).seal(context, plain))
    }

    fn open(&self, epoch: u64, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        self.sealer(epoch).open(context, sealed)
    }
}

impl fmt::Debug for SealedTickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedTickets")
    }
}
