//! The job that serves the stored certificate and orders a new one in time.

use std::time::{Duration, SystemTime};

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::AcmeError;
use super::client::Acme;
use super::order::Issued;
use crate::jobs::{Done, Job, JobError, Scope};
use crate::net::Certificate;
use crate::outbound::BackOff;
use crate::seal::random;
use crate::store::{IssuedCertificate, StoreError};
use crate::telemetry::metrics;

/// Longest time between two polls of the database.
const POLL: Duration = Duration::from_secs(15);
/// Time between two polls while there is no certificate.
const POLL_WITHOUT: Duration = Duration::from_secs(2);
const SHORTEST_POLL: Duration = Duration::from_secs(1);
/// Time limit of an order.
const ORDER: Duration = Duration::from_secs(200);
/// Lease of the right to order: longer than an order may take.
const LEASE: Duration = Duration::from_secs(240);
/// First and longest pause after the directory did not answer. Nothing was ordered, so it may be short.
const PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// Time between two warnings that the certificate is about to expire.
const ALARM: Duration = Duration::from_secs(3600);

/// The memory of this instance between two polls.
#[derive(Debug)]
struct Memory {
    /// Time of issue of the stored certificate that was tried last. The [`Span`] is there if it is usable.
    tried: Option<(SystemTime, Option<Span>)>,
    /// Pauses after the directory did not answer.
    back_off: BackOff,
    alarmed: Option<Instant>,
}

/// Time of issue and of expiry of the certificate that is served.
#[derive(Clone, Copy, Debug)]
struct Span {
    issued_at: SystemTime,
    expires_at: SystemTime,
}

/// Serves the newest certificate in the database and renews it in time. Every instance runs this job, and the one that
/// gets the lease places the order.
#[derive(Debug)]
pub struct KeepCertificate {
    acme: Acme,
    memory: Mutex<Memory>,
}

impl KeepCertificate {
    /// Longest time between two runs. It is shorter while there is no certificate, and for one that expires soon.
    pub const LONGEST_PERIOD: Duration = POLL;

    /// Orders nothing yet.
    pub fn new(acme: Acme) -> Self {
        Self { acme, memory: Mutex::default() }
    }

    /// Lets the next run order, if an order is due, however long the pause after the last one still is.
    ///
    /// # Errors
    /// PostgreSQL fails.
    pub async fn end_pause(&self) -> Result<(), StoreError> {
        self.acme.store.certificates().end_pause(&self.acme.name).await
    }

    /// Serves the certificate of the database, if there is one. Before the first client comes, because a client that finds
    /// no certificate is refused. Orders nothing.
    pub async fn show_stored(&self) {
        let mut memory = self.memory.lock().await;
        match self.acme.store.certificates().get(&self.acme.name).await {
            Ok(stored) => {
                if let Some(issued) = stored.and_then(|stored| stored.issued) {
                    self.acme.try_out(&issued, &mut memory);
                }
            }
            Err(error) => warn!(
                event = Self::FAILED,
                %error,
                "the certificate could not be read from the database, and clients are refused until it is: {error}"
            ),
        }
    }
}

impl Job for KeepCertificate {
    const NAME: &'static str = "keep-certificate";
    const FAILED: &'static str = "certificate_not_read";
    const SCOPE: Scope = Scope::Process;

    fn period(&self) -> Duration {
        poll_in(self.acme.shown.expires_at())
    }

    async fn run(&self, stop: &CancellationToken) -> Result<Done, JobError> {
        let mut memory = self.memory.lock().await;
        let mut items = 0;
        let polls = async {
            // The next poll serves what this one has stored.
            while self.acme.poll(&mut memory).await? {
                items += 1;
            }
            Ok::<(), JobError>(())
        };
        match stop.run_until_cancelled(polls).await {
            Some(polled) => polled?,
            None => self.acme.give_up_order().await,
        }
        Ok(Done { items })
    }
}

impl Acme {
    /// Gives the lease back, so that other instances need not wait for it. Changes nothing if this instance has none.
    async fn give_up_order(&self) {
        if let Err(error) = self.store.certificates().release(&self.name, self.who, None).await {
            warn!(
                event = "certificate_not_released",
                %error,
                "the right to order could not be given back; other instances wait for up to {} s",
                LEASE.as_secs()
            );
        }
    }

    /// Serves the stored certificate if it is new, and orders one if it is time to. Returns whether one was stored.
    async fn poll(&self, memory: &mut Memory) -> Result<bool, JobError> {
        let stored = self.store.certificates().get(&self.name).await?;
        let (issued, free, due) = match stored {
            Some(stored) => (stored.issued, stored.free, stored.due),
            None => (None, true, true),
        };
        let span = issued.and_then(|issued| self.try_out(&issued, memory));
        memory.alarm(span);
        let useless = span.is_none_or(|span| span.expires_at <= SystemTime::now());
        if !free || !(due || useless) {
            return Ok(false);
        }
        if !self.store.certificates().claim(&self.name, self.who, LEASE, useless).await? {
            return Ok(false);
        }
        self.renew(memory).await
    }

    /// Serves a stored certificate unless it was tried before. `None` when it cannot be used.
    fn try_out(&self, issued: &IssuedCertificate, memory: &mut Memory) -> Option<Span> {
        if let Some((tried, span)) = memory.tried
            && tried == issued.issued_at
        {
            return span;
        }
        let span = match self.open(issued) {
            Ok(certificate) => {
                let expires_at = certificate.expires_at();
                self.shown.show(certificate);
                info!(
                    event = "certificate_renewed",
                    names = self.name.names,
                    expires_at = %humantime::format_rfc3339_seconds(expires_at),
                    "a new certificate was found in the database and is served"
                );
                Some(Span { issued_at: issued.issued_at, expires_at })
            }
            Err(reason) => {
                warn!(
                    event = "certificate_unusable",
                    names = self.name.names,
                    "the certificate in the database cannot be used and is replaced: {reason}"
                );
                None
            }
        };
        memory.tried = Some((issued.issued_at, span));
        span
    }

    fn open(&self, issued: &IssuedCertificate) -> Result<Certificate, String> {
        let key = self.sealer.open(&self.key_context(), &issued.sealed);
        let key = key.ok_or("its key was sealed under another signing secret")?;
        Certificate::from_pem(issued.chain.as_bytes(), &key).map_err(|error| error.to_string())
    }

    /// Orders a certificate; the caller has the lease. Returns whether one was stored.
    async fn renew(&self, memory: &mut Memory) -> Result<bool, JobError> {
        let names = &self.name.names;
        let directory = &self.name.directory;
        info!(
            event = "certificate_ordering",
            names, directory, "ordering a certificate for {names}"
        );
        let ordered = timeout(ORDER, self.order()).await.unwrap_or(Err(AcmeError::Late));
        let stored = match ordered {
            Ok(issued) => self.store_issued(issued).await,
            Err(error) => Err(error),
        };
        metrics::certificate_ordered(stored.is_ok());
        let error = match stored {
            Ok(stored) => {
                memory.back_off.succeeded();
                info!(event = "certificate_ordered", names, "the directory issued a certificate");
                return Ok(stored);
            }
            Err(error) => error,
        };
        let pause = matches!(error, AcmeError::Unreachable(_)).then(|| memory.back_off.failed());
        warn!(
            event = "certificate_order_failed",
            names,
            directory,
            %error,
            "no certificate was issued, and the order is repeated after a pause: {error}"
        );
        self.store.certificates().release(&self.name, self.who, pause).await?;
        Err(JobError::reported(error.to_string()))
    }

    async fn store_issued(&self, issued: Issued) -> Result<bool, AcmeError> {
        let Issued { chain, key } = issued;
        let expires_at = Certificate::from_pem(chain.as_bytes(), key.as_bytes())?.expires_at();
        let life = expires_at.duration_since(SystemTime::now()).unwrap_or_default();
        let sealed = self.sealer.seal(&self.key_context(), key.as_bytes());
        let renew_in = renewal(life, random::fraction());
        Ok(self.store.certificates().put(&self.name, self.who, &chain, &sealed, renew_in).await?)
    }

    fn key_context(&self) -> Vec<u8> {
        format!("certificate\n{}\n{}", self.name.directory, self.name.names).into_bytes()
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self { tried: None, back_off: BackOff::new(PAUSE, LONGEST_PAUSE), alarmed: None }
    }
}

impl Memory {
    /// Warns every hour, once a fifth of the certificate's life is left. It should long have been renewed by then.
    fn alarm(&mut self, span: Option<Span>) {
        let Some(Span { issued_at, expires_at }) = span else { return };
        let left = expires_at.duration_since(SystemTime::now()).unwrap_or_default();
        let life = expires_at.duration_since(issued_at).unwrap_or_default();
        if left > life / 5 || self.alarmed.is_some_and(|at| at.elapsed() < ALARM) {
            return;
        }
        self.alarmed = Some(Instant::now());
        let expires_at = humantime::format_rfc3339_seconds(expires_at);
        warn!(event = "certificate_expires", %expires_at, "the certificate expires at {expires_at} and could not be renewed so far");
    }
}

/// Time until the next poll: a twentieth of the time until the certificate expires, within limits.
fn poll_in(expires_at: Option<SystemTime>) -> Duration {
    let left = |at: SystemTime| at.duration_since(SystemTime::now()).unwrap_or_default();
    expires_at.map_or(POLL_WITHOUT, |at| (left(at) / 20).clamp(SHORTEST_POLL, POLL))
}

/// Age at which to renew a certificate of this life: two thirds of it, less up to a fiftieth. `random` is from 0 to 1.
fn renewal(life: Duration, random: f64) -> Duration {
    life.mul_f64(2.0 / 3.0 - random / 50.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_renewed_about_two_thirds_on() {
        let day = Duration::from_secs(86_400);
        assert_eq!(renewal(90 * day, 0.0), 60 * day);
        assert!(renewal(90 * day, 1.0) > 58 * day && renewal(90 * day, 1.0) < 59 * day);
        assert_eq!(renewal(Duration::ZERO, 0.5), Duration::ZERO);
    }
}
