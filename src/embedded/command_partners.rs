//! PostgreSQL and Kubo for a command of the operator, which may run while a server runs.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::cluster::Cluster;
use super::data_dir::{DataDir, Tenant};
use super::error::EmbeddedError;
use super::kubo::{self, Kubo};
use super::postgres::{self, Postgres};
use super::sockets;
use crate::config::{self, Config};

/// Longest wait until the partners of a starting server answer, or until another command has ended.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);

/// The partners that a command needs: those that the configuration names, the private ones of a running server, or
/// private ones that are started for the command and stopped with it.
pub struct CommandPartners {
    postgres: config::Postgres,
    kubo: Option<config::Kubo>,
    started: Option<Started>,
}

struct Started {
    /// There was no cluster, and one was made for the command.
    made: bool,
    postgres: Option<Postgres>,
    kubo: Option<Kubo>,
    /// The last field, so that the lock is released after the programs have been dropped.
    data: DataDir,
}

impl CommandPartners {
    /// Finds PostgreSQL, or starts a private one, whose cluster is created if there is none.
    ///
    /// # Errors
    /// PostgreSQL is missing or does not start, or another process holds the data directory and its PostgreSQL does
    /// not answer.
    pub async fn postgres_only(config: &Config) -> Result<Self, EmbeddedError> {
        Self::open(config, false).await
    }

    /// Finds or starts PostgreSQL and Kubo.
    ///
    /// # Errors
    /// As [`CommandPartners::postgres_only`], for either of them.
    pub async fn both(config: &Config) -> Result<Self, EmbeddedError> {
        Self::open(config, true).await
    }

    async fn open(config: &Config, with_kubo: bool) -> Result<Self, EmbeddedError> {
        let kubo_is_private = with_kubo && config.kubo.is_none();
        if let Some(postgres) = &config.postgres
            && !kubo_is_private
        {
            return Ok(Self {
                postgres: postgres.clone(),
                kubo: config.kubo.clone(),
                started: None,
            });
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match DataDir::open_as(Tenant::Command, &config.data_dir, Duration::ZERO).await {
                Ok(data) => return Self::start(config, kubo_is_private, data).await,
                Err(locked @ EmbeddedError::Locked { .. }) => {
                    // The partners of another command are stopped with that command.
                    if !DataDir::is_held_by_command(&config.data_dir)
                        && let Some(running) = Self::running(config, kubo_is_private)?
                    {
                        return Ok(running);
                    }
                    if Instant::now() > deadline {
                        return Err(locked);
                    }
                    sleep(POLL).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn start(
        config: &Config,
        kubo_is_private: bool,
        data: DataDir,
    ) -> Result<Self, EmbeddedError> {
        let made = config.postgres.is_none() && Cluster::is_missing(&data);
        let mut started = Started { made, postgres: None, kubo: None, data };
        let settings = started.start(config, kubo_is_private).await;
        match settings {
            Ok((postgres, kubo)) => Ok(Self { postgres, kubo, started: Some(started) }),
            Err(error) => {
                started.stop().await;
                Err(error)
            }
        }
    }

    /// The partners of the server that holds the data directory, if they take connections.
    fn running(config: &Config, kubo_is_private: bool) -> Result<Option<Self>, EmbeddedError> {
        let postgres = match &config.postgres {
            Some(postgres) => Some(postgres.clone()),
            None => running_postgres(&config.data_dir)?,
        };
        let Some(postgres) = postgres else { return Ok(None) };
        if !kubo_is_private {
            return Ok(Some(Self { postgres, kubo: config.kubo.clone(), started: None }));
        }
        let kubo = kubo::running(&config.data_dir)?;
        Ok(kubo.map(|kubo| Self { postgres, kubo: Some(kubo), started: None }))
    }

    /// Whether a private partner was started for the command, because no server runs.
    pub fn were_started(&self) -> bool {
        self.started.is_some()
    }

    /// Whether there was no database, so that the command works on an empty one. Its settings may be those of no server.
    pub fn were_made(&self) -> bool {
        self.started.as_ref().is_some_and(|started| started.made)
    }

    /// How to reach PostgreSQL.
    pub fn postgres(&self) -> &config::Postgres {
        &self.postgres
    }

    /// How to reach Kubo. `None` if it was not asked for and has no address in the configuration.
    pub fn kubo(&self) -> Option<&config::Kubo> {
        self.kubo.as_ref()
    }

    /// Stops the partners that were started for this value, and waits for their end. Close all connections first.
    pub async fn close(self) {
        if let Some(started) = self.started {
            started.stop().await;
        }
    }
}

impl Started {
    /// Starts what the configuration does not name.
    async fn start(
        &mut self,
        config: &Config,
        kubo_is_private: bool,
    ) -> Result<(config::Postgres, Option<config::Kubo>), EmbeddedError> {
        let postgres = match &config.postgres {
            Some(postgres) => postgres.clone(),
            None => {
                let found = Postgres::find(&self.data).await?;
                let postgres = self.postgres.insert(Postgres::start(&self.data, found).await?);
                postgres.settings().clone()
            }
        };
        if !kubo_is_private {
            return Ok((postgres, config.kubo.clone()));
        }
        let found = Kubo::find(&self.data).await?;
        let kubo = self.kubo.insert(Kubo::start(&self.data, found).await?);
        Ok((postgres, Some(kubo.settings().clone())))
    }

    async fn stop(self) {
        let Self { postgres, kubo, data: _held, .. } = self;
        if let Some(kubo) = kubo {
            kubo.stop().await;
        }
        if let Some(postgres) = postgres {
            postgres.stop().await;
        }
    }
}

/// How to reach the PostgreSQL of the process that holds the data directory. `None` if it takes no connections.
fn running_postgres(data: &Path) -> Result<Option<config::Postgres>, EmbeddedError> {
    let data = data.canonicalize().map_err(EmbeddedError::io("enter", data))?;
    let directory = sockets::POSTGRES.directory(&data);
    if UnixStream::connect(sockets::POSTGRES.first(&directory)).is_err() {
        return Ok(None);
    }
    postgres::settings(&directory).map(Some)
}
