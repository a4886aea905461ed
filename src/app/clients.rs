//! Where clients come in: the port of the registry, under TLS or not, and the one that sends browsers to it.

use std::time::Duration;

use tokio::task::JoinHandle;
use tracing::info;

use super::{AppError, bind, ordered};
use crate::acme::Acme;
use crate::config::{self, Config};
use crate::http::RedirectService;
use crate::net::{
    CertificateFile, ClientRoots, ConnectionLimits, Drained, Listener, ServerTls, Shutdown,
    TlsOptions, serve,
};
use crate::seal::{EpochSealer, SigningSecret};
use crate::store::Store;

/// What https takes, found fit before anything is started.
pub(super) struct Https {
    certificate: Certified,
    client_roots: Option<ClientRoots>,
    redirect: Option<Listener>,
}

/// Where the certificate comes from.
enum Certified {
    File(CertificateFile),
    Ordered(config::Acme),
}

impl Https {
    /// `None` when there is no certificate, and none is to be ordered.
    pub(super) fn open(config: &Config) -> Result<Option<Self>, AppError> {
        let tls = &config.tls;
        let certificate = match (&tls.files, &config.acme) {
            (Some(files), _) => Certified::File(CertificateFile::open(files.clone())?),
            (None, Some(acme)) => {
                ordered::check(acme)?;
                Certified::Ordered(acme.clone())
            }
            (None, None) => return Ok(None),
        };
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
    /// Who keeps the certificate, when it is ordered.
    pub(super) acme: Option<Acme>,
}

impl Clients {
    /// Lets clients in, by https alone when there is a certificate, or is to be one.
    pub(super) fn enter(
        port: Listener,
        https: Option<Https>,
        config: &Config,
        store: &Store,
    ) -> Result<Self, AppError> {
        let Some(Https { certificate, client_roots, redirect }) = https else {
            return Ok(Self { port, redirect: None, acme: None });
        };
        let (shown, acme) = match certificate {
            Certified::File(certificate) => {
                let shown = certificate.shown();
                certificate.follow()?;
                (shown, None)
            }
            Certified::Ordered(acme) => {
                let acme = ordered::keeper(acme, config, store)?;
                (acme.shown(), Some(acme))
            }
        };
        let challenges = acme.as_ref().map(Acme::challenges);
        // All instances share the signing secret: any of them resumes a session that another one began.
        let secret = SigningSecret::of_or_ephemeral(config)?;
        let tickets = EpochSealer::new(&secret, "TLS tickets");
        let http2 = config.tls.http2;
        let options = TlsOptions { http2, client_roots, challenges, tickets: Some(tickets) };
        Ok(Self { port: port.secured(ServerTls::new(shown, options)?), redirect, acme })
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
