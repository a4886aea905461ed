//! Why a private partner does not run.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a private partner does not run. Each message is one line: what, and how to mend it.
#[derive(Debug, Error)]
pub enum EmbeddedError {
    /// The file system or the kernel refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// A verb with its preposition, as in `write`.
        doing: &'static str,
        /// What it was done to.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another server holds the data directory.
    #[error(
        "{} is in use by another af-registry{holder}; stop that one, or set OPEN_REGISTRY_DATA_DIR to another directory",
        path.display()
    )]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// ` (process N)` when known.
        holder: String,
    },
    /// A program is not installed, or too old.
    #[error("{what}; {mend}")]
    Missing {
        /// What was looked for, and what was found instead.
        what: String,
        /// How to get it.
        mend: &'static str,
    },
    /// PostgreSQL refuses to run as root, and the user it runs as cannot reach the data directory.
    #[error(
        "{} is closed to the user {user}, as whom PostgreSQL runs because it refuses root; \
         run `chmod o+x` on it, or set OPEN_REGISTRY_DATA_DIR to a directory such as /var/lib/af-registry",
        path.display()
    )]
    Closed {
        /// The first directory on the way that the user cannot enter.
        path: PathBuf,
        /// Who cannot.
        user: String,
    },
    /// The cluster was made by another major version than those installed.
    #[error(
        "{} holds a PostgreSQL {cluster} cluster but {found} is installed; install postgresql-{cluster}, or move the \
         data over with pg_upgrade or pg_dump",
        path.display()
    )]
    OtherMajor {
        /// The cluster.
        path: PathBuf,
        /// Its major version.
        cluster: String,
        /// The versions installed.
        found: String,
    },
    /// What is there cannot be used.
    #[error("{}: {reason}", path.display())]
    Unusable {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it, and how to mend that.
        reason: String,
    },
    /// A program ended when it should not have.
    #[error("{name} {how}{}", said(lines))]
    Ended {
        /// Which program.
        name: &'static str,
        /// How it ended.
        how: String,
        /// The last lines it wrote.
        lines: Vec<String>,
    },
    /// A program runs but does not get ready.
    #[error("{name} was not ready within {seconds} s{}", said(lines))]
    NotReady {
        /// Which program.
        name: &'static str,
        /// How long was waited.
        seconds: u64,
        /// The last lines it wrote.
        lines: Vec<String>,
    },
    /// A process of an earlier server cannot be ended.
    #[error("{name} of an earlier server (process {pid}) does not end; end it with: kill -9 {pid}")]
    Orphan {
        /// Which program.
        name: &'static str,
        /// Its process id.
        pid: i32,
    },
}

impl EmbeddedError {
    /// An adapter for `map_err`.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }

    /// Whether the program's last lines hold `text`.
    pub(super) fn says(&self, text: &str) -> bool {
        match self {
            Self::Ended { lines, .. } | Self::NotReady { lines, .. } => {
                lines.iter().any(|line| line.contains(text))
            }
            _ => false,
        }
    }
}

/// The lines as the end of one.
fn said(lines: &[String]) -> String {
    let lines: Vec<&str> =
        lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { String::new() } else { format!("; it said: {}", lines.join(" | ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_last_words_stay_in_the_line() {
        let lines = vec!["LOG:  starting".to_owned(), String::new(), "FATAL:  no".to_owned()];
        let error = EmbeddedError::Ended { name: "PostgreSQL", how: "ended at once".into(), lines };
        assert_eq!(
            error.to_string(),
            "PostgreSQL ended at once; it said: LOG:  starting | FATAL:  no"
        );
        assert!(error.says("FATAL") && !error.says("still in use"));
    }
}
