//! Where the database is and how a connection to it behaves.

use std::fmt;
use std::time::Duration;

use super::tls::Tls;
use crate::config;
use crate::outbound::TrustError;

/// How long opening a connection may take, statements prepared.
pub(crate) const CONNECT: Duration = Duration::from_secs(2);

/// Where the database is.
#[derive(Clone)]
pub struct Settings {
    /// A host name or address, or the directory of a unix socket: that is what begins with a slash.
    pub host: String,
    /// The port, also of a unix socket.
    pub port: u16,
    /// The role.
    pub user: String,
    /// Its password.
    pub password: Option<String>,
    /// The name of the database.
    pub database: String,
    /// How many connections the pool holds at most; the two shared ones for reads come on top.
    pub pool_size: u32,
    /// Whether connections are encrypted.
    pub tls: Tls,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("database", &self.database)
            .field("pool_size", &self.pool_size)
            .field("tls", &self.tls)
            .finish()
    }
}

/// What a connection is for: how long the server lets it work and wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Point reads that many requests share.
    Read,
    /// Transactions and lists.
    Write,
    /// Changing the schema: as long as it takes.
    Migrate,
}

impl Purpose {
    /// The limits that the server keeps, in milliseconds. A claim stays open while its owner pins again in Kubo,
    /// hence the long idle time.
    fn options(self) -> &'static str {
        match self {
            Self::Read => "-c statement_timeout=2000 -c lock_timeout=2000",
            Self::Write => {
                "-c statement_timeout=4000 -c lock_timeout=3000 \
                 -c idle_in_transaction_session_timeout=60000"
            }
            Self::Migrate => "-c statement_timeout=0 -c lock_timeout=0",
        }
    }
}

impl Settings {
    /// What the operator set.
    ///
    /// # Errors
    /// When there are no authorities to verify the server by.
    pub fn of(postgres: &config::Postgres) -> Result<Self, TrustError> {
        Ok(Self {
            host: postgres.host.clone(),
            port: postgres.port,
            user: postgres.user.clone(),
            password: Some(postgres.password.expose().to_owned()).filter(|text| !text.is_empty()),
            database: postgres.name.clone(),
            pool_size: postgres.pool_size,
            tls: Tls::of(&postgres.ssl)?,
        })
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
            user: "registry".into(),
            password: Some("secret".into()),
            database: "registry".into(),
            pool_size: 8,
            tls: Tls::default(),
        };
        assert!(!format!("{settings:?}").contains("secret"));
    }
}
