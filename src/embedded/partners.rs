//! PostgreSQL and Kubo for a server: those that the configuration names, or private ones.

use crate::config::{self, Config};

use super::data_dir::DataDir;
use super::error::EmbeddedError;
use super::kubo::Kubo;
use super::postgres::Postgres;

/// PostgreSQL and Kubo. Each is either named by the configuration or private.
///
/// When this is dropped, the private ones are signalled; [`Partners::stop`] also waits for their end.
pub struct Partners {
    postgres: Partner<config::Postgres, Postgres>,
    kubo: Partner<config::Kubo, Kubo>,
    /// The last field, so that the lock is released after the programs have been dropped.
    data: Option<DataDir>,
}

impl Partners {
    /// Starts the partners that the configuration does not name, both at the same time. The data directory is not touched
    /// when it names both.
    ///
    /// # Errors
    /// A program is missing or does not start. Nothing is created before both programs are found. When one fails to
    /// start, the other is stopped before this returns.
    pub async fn start(config: &Config) -> Result<Self, EmbeddedError> {
        if let (Some(postgres), Some(kubo)) = (&config.postgres, &config.kubo) {
            let postgres = Partner::Given(postgres.clone());
            return Ok(Self { postgres, kubo: Partner::Given(kubo.clone()), data: None });
        }
        let data = DataDir::open(&config.data_dir).await?;
        let (postgres, kubo) = tokio::join!(
            Partner::of(&config.postgres).advance(async |()| Postgres::find(&data).await),
            Partner::of(&config.kubo).advance(async |()| Kubo::find(&data).await),
        );
        let (postgres, kubo) = (postgres?, kubo?);
        let (postgres, kubo) = tokio::join!(
            postgres.advance(async |found| Postgres::start(&data, found).await),
            kubo.advance(async |found| Kubo::start(&data, found).await),
        );
        match (postgres, kubo) {
            (Ok(postgres), Ok(kubo)) => Ok(Self { postgres, kubo, data: Some(data) }),
            (Ok(postgres), Err(error)) => {
                stop_postgres(postgres).await;
                Err(error)
            }
            (Err(error), Ok(kubo)) => {
                stop_kubo(kubo).await;
                Err(error)
            }
            (Err(error), Err(_)) => Err(error),
        }
    }

    /// Whether one of them is private, and so writes to the data directory.
    pub fn are_private(&self) -> bool {
        self.data.is_some()
    }

    /// How to reach PostgreSQL. A restart of a private one keeps the address.
    pub fn postgres(&self) -> &config::Postgres {
        match &self.postgres {
            Partner::Given(settings) => settings,
            Partner::Private(private) => private.settings(),
        }
    }

    /// How to reach Kubo. A restart of a private one keeps the addresses.
    pub fn kubo(&self) -> &config::Kubo {
        match &self.kubo {
            Partner::Given(settings) => settings,
            Partner::Private(private) => private.settings(),
        }
    }

    /// Stops the private partners, both at the same time, and waits for their end. Close all connections first.
    pub async fn stop(self) {
        tokio::join!(stop_postgres(self.postgres), stop_kubo(self.kubo));
    }
}

/// A partner that the configuration names, or a private one in some state of its start.
enum Partner<Settings, Private> {
    Given(Settings),
    Private(Private),
}

impl<Settings: Clone> Partner<Settings, ()> {
    fn of(given: &Option<Settings>) -> Self {
        given.clone().map_or(Self::Private(()), Self::Given)
    }
}

impl<Settings, Private> Partner<Settings, Private> {
    /// Takes a private partner to its next state.
    async fn advance<Next>(
        self,
        step: impl AsyncFnOnce(Private) -> Result<Next, EmbeddedError>,
    ) -> Result<Partner<Settings, Next>, EmbeddedError> {
        match self {
            Self::Given(settings) => Ok(Partner::Given(settings)),
            Self::Private(private) => step(private).await.map(Partner::Private),
        }
    }
}

async fn stop_postgres(partner: Partner<config::Postgres, Postgres>) {
    if let Partner::Private(private) = partner {
        private.stop().await;
    }
}

async fn stop_kubo(partner: Partner<config::Kubo, Kubo>) {
    if let Partner::Private(private) = partner {
        private.stop().await;
    }
}
