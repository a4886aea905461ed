//! The port for clients, with or without TLS, and the port that redirects browsers to it.

use tokio::task::JoinHandle;
use tracing::info;

use super::error::AppError;
use super::ports::open;
use super::side_port::SidePort;
use crate::acme::{Acme, KeepCertificate};
use crate::config::{self, Config};
use crate::http::RedirectService;
use crate::net::{
    CertificateFile, ClientRoots, ConnectionLimits, Inherited, Listener, ServerTls, TlsOptions,
    serve,
};
use crate::outbound::Trust;
use crate::seal::{EpochSealer, SigningSecret};
use crate::store::Store;

/// The files and ports that https needs, checked before anything is started.
pub(super) struct Https {
    certificate: Certified,
    client_roots: Option<ClientRoots>,
    redirect: Option<Listener>,
}

/// The source of the certificate.
enum Certified {
    File(CertificateFile),
    Ordered(config::Acme),
}

impl Https {
    /// `None` when the configuration names no certificate and none is to be ordered.
    pub(super) fn open(
        config: &Config,
        inherited: &mut Inherited,
    ) -> Result<Option<Self>, AppError> {
        let tls = &config.tls;
        let certificate = match (&tls.files, &config.acme) {
            (Some(files), _) => Certified::File(CertificateFile::open(files.clone())?),
            (None, Some(acme)) => {
                check_authority(acme)?;
                Certified::Ordered(acme.clone())
            }
            (None, None) => return Ok(None),
        };
        let client_roots = tls.clients.clone().map(ClientRoots::read).transpose()?;
        let name = "OPEN_REGISTRY_HTTP_REDIRECT_PORT";
        let open = |port| open(config.listen.host, port, name, inherited);
        let redirect = tls.redirect_port.map(open).transpose()?;
        Ok(Some(Self { certificate, client_roots, redirect }))
    }
}

/// The ports for clients.
pub(super) struct Clients {
    pub(super) port: Listener,
    /// A port without TLS that redirects browsers to https.
    redirect: Option<Listener>,
    /// The job that serves and orders the certificate by ACME.
    pub(super) keep: Option<KeepCertificate>,
    /// The tasks that watch the files of certificates.
    pub(super) watches: Vec<JoinHandle<()>>,
}

impl Clients {
    /// Sets up https if there is a certificate or one is to be ordered. Plain http is not served then.
    pub(super) fn enter(
        port: Listener,
        https: Option<Https>,
        config: &Config,
        store: &Store,
    ) -> Result<Self, AppError> {
        let Some(Https { certificate, client_roots, redirect }) = https else {
            return Ok(Self { port, redirect: None, keep: None, watches: Vec::new() });
        };
        let mut watches = Vec::new();
        let (shown, challenges, keep) = match certificate {
            Certified::File(file) => {
                let shown = file.shown();
                watches.push(file.follow()?);
                (shown, None, None)
            }
            Certified::Ordered(settings) => {
                let acme = Acme::new(store.clone(), settings, &SigningSecret::of(config)?);
                (acme.shown(), Some(acme.challenges()), Some(KeepCertificate::new(acme)))
            }
        };
        // All instances share the signing secret, so each can resume a TLS session that another one began.
        let secret = SigningSecret::of_or_ephemeral(config)?;
        let tickets = EpochSealer::new(&secret, "TLS tickets");
        let http2 = config.tls.http2;
        let options = TlsOptions { http2, client_roots, challenges, tickets: Some(tickets) };
        let tls = ServerTls::new(shown, options)?;
        watches.extend(tls.follow_client_roots()?);
        Ok(Self { port: port.secured(tls), redirect, keep, watches })
    }

    /// Opens the port that redirects browsers to https, if the configuration names one.
    pub(super) fn redirect(
        &mut self,
        config: &Config,
        limits: ConnectionLimits,
    ) -> Option<SidePort> {
        let redirect = self.redirect.take()?;
        info!(event = "redirecting", address = %redirect.address(), "redirecting browsers to https");
        let name = config.listen.domain.as_ref().map(|domain| domain.host.clone());
        let service = RedirectService::new(name, self.port.address().port());
        let serve = |shutdown| serve(redirect, limits, shutdown, service);
        Some(SidePort::open("port that redirects to https", serve))
    }
}

/// Checks the file with the authorities of the ACME directory, so that a bad one keeps the server from starting.
fn check_authority(acme: &config::Acme) -> Result<(), AppError> {
    let settings = "OPEN_REGISTRY_ACME_CA_FILE";
    let trust = Trust::of(acme.authority.as_deref());
    trust.map(drop).map_err(|source| AppError::Trust { settings, source })
}
