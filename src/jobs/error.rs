//! The error of a run.

use std::error::Error;
use std::fmt;

/// The reason of a failed run, in one line. It is logged and, for a shared job, kept in the database.
///
/// It does not implement [`Error`], so that `?` makes one from every error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobError {
    text: String,
    reported: bool,
}

impl JobError {
    /// An error with a text of its own.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), reported: false }
    }

    /// An error that the job has logged itself, under an event of its own.
    pub fn reported(text: impl Into<String>) -> Self {
        Self { text: text.into(), reported: true }
    }

    /// Whether the job has logged it.
    pub(super) fn is_reported(&self) -> bool {
        self.reported
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<E: Error> From<E> for JobError {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}
