//! The PostgreSQL of a registry for somebody who is not its server.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::config::{self, Config};

use super::data_dir::{DataDir, Tenant};
use super::error::EmbeddedError;
use super::postgres::{self, Postgres};
use super::sockets;

/// How long whoever holds the data directory may take until its PostgreSQL answers, or until it has gone.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);

/// PostgreSQL: the one that the configuration names, the private one of a running server, or a private one that was
/// started for this value and ends with it.
pub struct CommandPartners {
    settings: config::Postgres,
    started: Option<Started>,
}

struct Started {
    postgres: Postgres,
    /// Last, so that the directory is given up after PostgreSQL.
    _data: DataDir,
}

impl CommandPartners {
    /// Finds it, or starts it on its cluster, which is made if there is none.
    ///
    /// # Errors
    /// When it is missing or does not start, or when the data directory is held by somebody whose PostgreSQL does not
    /// answer.
    pub async fn open(config: &Config) -> Result<Self, EmbeddedError> {
        if let Some(settings) = &config.postgres {
            return Ok(Self { settings: settings.clone(), started: None });
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match DataDir::open_as(Tenant::Command, &config.data_dir, Duration::ZERO).await {
                Ok(data) => return Self::start(data).await,
                Err(locked @ EmbeddedError::Locked { .. }) => {
                    // What another command has started ends with it.
                    if !DataDir::is_held_by_command(&config.data_dir)
                        && let Some(settings) = running(&config.data_dir)?
                    {
                        return Ok(Self { settings, started: None });
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

    async fn start(data: DataDir) -> Result<Self, EmbeddedError> {
        let found = Postgres::find(&data).await?;
        let postgres = Postgres::start(&data, found).await?;
        let settings = postgres.settings().clone();
        Ok(Self { settings, started: Some(Started { postgres, _data: data }) })
    }

    /// How to reach it.
    pub fn postgres(&self) -> &config::Postgres {
        &self.settings
    }

    /// Ends it if it was started for this value, and waits for that. Call when nothing uses it any more.
    pub async fn close(self) {
        if let Some(Started { postgres, _data }) = self.started {
            postgres.stop().await;
        }
    }
}

/// How to reach the PostgreSQL of whoever holds the data directory, if it takes connections.
fn running(data: &Path) -> Result<Option<config::Postgres>, EmbeddedError> {
    let data = data.canonicalize().map_err(EmbeddedError::io("enter", data))?;
    let directory = sockets::directory(&data);
    if UnixStream::connect(sockets::socket(&directory)).is_err() {
        return Ok(None);
    }
    postgres::settings(&directory).map(Some)
}
