//! The two services a registry works with, its own or given ones.

use crate::config::{self, Config};

use super::data_dir::DataDir;
use super::error::EmbeddedError;
use super::kubo::Kubo;
use super::postgres::Postgres;

/// PostgreSQL and Kubo, each either named by the configuration or private and running.
///
/// Dropping this asks the private ones to end; [`Partners::stop`] also waits for it.
pub struct Partners {
    postgres: Partner<config::Postgres, Postgres>,
    kubo: Partner<config::Kubo, Kubo>,
    /// Last, so that the directory is given up after those who use it.
    _data: Option<DataDir>,
}

impl Partners {
    /// Starts what the configuration does not name, both at the same time. When both are named, the data directory is
    /// not touched.
    ///
    /// # Errors
    /// When one is missing or does not start. Nothing is made before both are found, and when one fails the other is
    /// ended before this returns.
    pub async fn start(config: &Config) -> Result<Self, EmbeddedError> {
        if let (Some(postgres), Some(kubo)) = (&config.postgres, &config.kubo) {
            let postgres = Partner::Given(postgres.clone());
            return Ok(Self { postgres, kubo: Partner::Given(kubo.clone()), _data: None });
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
            (Ok(postgres), Ok(kubo)) => Ok(Self { postgres, kubo, _data: Some(data) }),
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

    /// How to reach PostgreSQL; stays valid when a private one is started again.
    pub fn postgres(&self) -> &config::Postgres {
        match &self.postgres {
            Partner::Given(settings) => settings,
            Partner::Private(private) => private.settings(),
        }
    }

    /// How to reach Kubo; stays valid when a private one is started again.
    pub fn kubo(&self) -> &config::Kubo {
        match &self.kubo {
            Partner::Given(settings) => settings,
            Partner::Private(private) => private.settings(),
        }
    }

    /// Ends the private ones, both at the same time, and waits for that. Call when nothing uses them any more.
    pub async fn stop(self) {
        tokio::join!(stop_postgres(self.postgres), stop_kubo(self.kubo));
    }
}

/// One that the operator names, or one of ours in some state.
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
    /// Brings one of ours to its next state.
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
