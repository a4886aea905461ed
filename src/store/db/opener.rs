//! Opening connections for the pool.

use std::sync::{Arc, Mutex, PoisonError};

use bb8::ManageConnection;
use tokio::sync::Notify;

use super::connection::Connection;
use super::settings::{Purpose, Settings};
use super::statements::Query;
use crate::store::error::StoreError;

/// Why no connection could be opened, for the callers that wait for one.
#[derive(Debug, Default)]
pub(super) struct Failures {
    pub(super) happened: Notify,
    last: Mutex<Option<StoreError>>,
}

impl Failures {
    pub(super) fn last(&self) -> Option<StoreError> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, failure: StoreError) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        self.happened.notify_waiters();
    }
}

#[derive(Debug)]
pub(super) struct Opener {
    pub(super) settings: Settings,
    pub(super) failures: Arc<Failures>,
}

impl ManageConnection for Opener {
    type Connection = Connection;
    type Error = StoreError;

    async fn connect(&self) -> Result<Connection, StoreError> {
        let opened = Connection::open(&self.settings, Purpose::Write).await;
        if let Err(error) = &opened {
            self.failures.note(error.clone());
        }
        opened
    }

    async fn is_valid(&self, connection: &mut Connection) -> Result<(), StoreError> {
        connection.row(Query::DatabasePing, &[]).await?;
        Ok(())
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        connection.is_busy() || connection.is_closed()
    }
}
