//! The error of this room.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The reason why a private partner does not run. Each message is one line that says what is wrong and how to fix it.
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "the fields are their names")]
pub enum EmbeddedError {
    /// The file system or the kernel refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// A verb such as `write`.
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// Another server holds the data directory.
    #[error(
        "{} is in use by another af-registry{holder}; stop that one, or set OPEN_REGISTRY_DATA_DIR to another directory",
        path.display()
    )]
    Locked {
        path: PathBuf,
        /// ` (process N)`, or nothing when the process is not known.
        holder: String,
    },
    /// A program is not installed, or too old.
    #[error("{what}; {mend}")]
    Missing {
        /// The program that is needed, and what was found instead.
        what: String,
        /// How to install it.
        mend: &'static str,
    },
    /// PostgreSQL refuses to run as root, and the user it runs as cannot reach the data directory.
    #[error(
        "the user {user} cannot enter {}, and PostgreSQL runs as that user because it refuses to run as root; \
         run `chmod o+x` on the directory, or set OPEN_REGISTRY_DATA_DIR to a directory such as /var/lib/af-registry",
        path.display()
    )]
    Closed {
        /// The first directory on the path that the user cannot enter.
        path: PathBuf,
        user: String,
    },
    /// The cluster was created by a major version that is not installed.
    #[error(
        "{} is a cluster of PostgreSQL {cluster}, but only {found} is installed; install postgresql-{cluster}, or \
         upgrade the cluster with pg_upgrade or pg_dump",
        path.display()
    )]
    OtherMajor {
        path: PathBuf,
        /// Major version of the cluster.
        cluster: String,
        /// Major versions that are installed.
        found: String,
    },
    /// An existing file or directory cannot be used.
    #[error("{}: {reason}", path.display())]
    Unusable {
        path: PathBuf,
        /// What is wrong with it, and how to fix that.
        reason: String,
    },
    /// A program ended when it should not have.
    #[error("{name} {how}{}", said(lines))]
    Ended {
        name: &'static str,
        /// For example `ended with exit status: 1`.
        how: String,
        /// Last lines of its output.
        lines: Vec<String>,
    },
    /// A program runs, but is not ready in time.
    #[error("{name} was not ready within {seconds} s{}", said(lines))]
    NotReady {
        name: &'static str,
        seconds: u64,
        /// Last lines of its output.
        lines: Vec<String>,
    },
    /// A process of an earlier server survives every signal.
    #[error("{name} of an earlier server (process {pid}) does not end; end it with: kill -9 {pid}")]
    Orphan { name: &'static str, pid: i32 },
}

impl EmbeddedError {
    /// Makes an [`EmbeddedError::Io`], for `map_err`.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }

    /// Whether the last lines of the program's output contain `text`.
    pub(super) fn says(&self, text: &str) -> bool {
        match self {
            Self::Ended { lines, .. } | Self::NotReady { lines, .. } => {
                lines.iter().any(|line| line.contains(text))
            }
            _ => false,
        }
    }
}

/// The lines, joined to end a message of one line.
fn said(lines: &[String]) -> String {
    let lines: Vec<&str> =
        lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { String::new() } else { format!("; it said: {}", lines.join(" | ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_a_program_stays_in_one_line() {
        let lines = vec!["LOG:  starting".to_owned(), String::new(), "FATAL:  no".to_owned()];
        let error = EmbeddedError::Ended { name: "PostgreSQL", how: "ended at once".into(), lines };
        assert_eq!(
            error.to_string(),
            "PostgreSQL ended at once; it said: LOG:  starting | FATAL:  no"
        );
        assert!(error.says("FATAL") && !error.says("still in use"));
    }
}
