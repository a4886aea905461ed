//! The address of the database, and the options of a connection.

use std::fmt;
use std::time::Duration;

use tokio_postgres::config::TargetSessionAttrs;

use super::negotiate::Negotiate;
use super::others::Others;
use super::tls::Tls;
use crate::config::{self, is_loopback};
use crate::outbound::TrustError;

/// How long it may take to connect, and again how long to prepare the statements.
pub(crate) const CONNECT: Duration = Duration::from_secs(2);

/// How to reach the database.
#[derive(Clone)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct Settings {
    /// Host name or address, or the directory of a unix socket if it begins with a slash.
    pub host: String,
    /// Port number; it is part of the file name of a unix socket.
    pub port: u16,
    /// Servers that are asked when this one is gone or accepts no writes.
    pub others: Others,
    /// Role to log in as.
    pub user: String,
    pub password: Option<String>,
    /// Name of the database.
    pub database: String,
    /// Most connections in the pool. The two connections for point reads come on top.
    pub pool_size: u32,
    /// Encryption of the connections.
    pub tls: Tls,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("others", &self.others)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("database", &self.database)
            .field("pool_size", &self.pool_size)
            .field("tls", &self.tls)
            .finish()
    }
}

/// The use of a connection, which decides the time limits that the server enforces.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Point reads; many requests share the connection.
    Read,
    /// Transactions and lists.
    Write,
    /// Changes of the schema, without a limit.
    Migrate,
}

impl Purpose {
    /// The limits in milliseconds, as command-line options of the server. A transaction may be idle for a minute, because
    /// a claim stays open while a CID is pinned again in Kubo.
    ///
    /// Reads keep their first plan. By itself PostgreSQL plans a statement over arrays anew each time, which takes longer than
    /// its execution.
    fn options(self) -> &'static str {
        match self {
            Self::Read => {
                "-c statement_timeout=2000 -c lock_timeout=2000 -c plan_cache_mode=force_generic_plan"
            }
            Self::Write => {
                "-c statement_timeout=4000 -c lock_timeout=3000 \
                 -c idle_in_transaction_session_timeout=60000"
            }
            Self::Migrate => "-c statement_timeout=0 -c lock_timeout=0",
        }
    }
}

impl Settings {
    /// Takes the settings of the operator.
    ///
    /// # Errors
    /// When the certificate authorities that verify the server cannot be loaded.
    pub fn of(postgres: &config::Postgres) -> Result<Self, TrustError> {
        Ok(Self {
            host: postgres.server.host.clone(),
            port: postgres.server.port,
            others: Others::new(postgres.others.clone()),
            user: postgres.user.clone(),
            password: Some(postgres.password.expose().to_owned()).filter(|text| !text.is_empty()),
            database: postgres.name.clone(),
            pool_size: postgres.pool_size,
            tls: Tls::of(&postgres.ssl)?,
        })
    }

    /// These settings for each server, the one that was used last in front.
    pub(crate) fn each(&self) -> impl ExactSizeIterator<Item = (usize, Self)> {
        let at = |n: usize| match self.others.get(n) {
            Some(server) => {
                Self { host: server.host.clone(), port: server.port, ..self.clone() }.alone()
            }
            None => self.clone().alone(),
        };
        self.others.order().map(move |n| (n, at(n))).collect::<Vec<_>>().into_iter()
    }

    fn alone(self) -> Self {
        let socket = self.host.starts_with('/');
        let tls = if socket { Tls::default() } else { self.tls };
        Self { others: Others::default(), tls, ..self }
    }

    /// The choice between TLS and clear text, for a server on another machine whose connections may be in clear text.
    pub(crate) fn negotiate(&self) -> Option<Negotiate> {
        let elsewhere = !self.host.starts_with('/') && !is_loopback(&self.host);
        self.tls.negotiate().filter(|_| elsewhere)
    }

    pub(crate) fn client(&self, purpose: Purpose) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .user(&self.user)
            .dbname(&self.database)
            .application_name("af-registry")
            .options(purpose.options())
            .connect_timeout(CONNECT)
            .keepalives(true)
            .keepalives_idle(Duration::from_secs(15))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(5))
            // A standby would answer reads with what was there some time ago, and writes not at all.
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .ssl_mode(self.tls.mode());
        if let Some(password) = &self.password {
            config.password(password);
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_printed() {
        let settings = Settings {
            host: "/run".into(),
            port: 5432,
            others: Others::default(),
            user: "registry".into(),
            password: Some("secret".into()),
            database: "registry".into(),
            pool_size: 8,
            tls: Tls::default(),
        };
        assert!(!format!("{settings:?}").contains("secret"));
    }
}
