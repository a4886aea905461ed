//! Errors of the settings and the command line.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use thiserror::Error;

/// Why the program does not start with these settings. Each message is one line and names the setting.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The value of a setting cannot be used.
    #[error("{name}: {reason}")]
    Bad {
        /// The variable or the flag that was set.
        name: String,
        /// The mistake, and what to write instead. Never contains a secret.
        reason: String,
    },
    /// An argument is not a setting or a command.
    #[error("{0}")]
    Arguments(String),
    /// Not an error: the text for stdout that `--help` or `--version` asks for.
    #[error("{0}")]
    Asked(String),
}

impl ConfigError {
    pub(super) fn bad(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Bad { name: name.into(), reason: reason.into() }
    }
}

impl From<clap::Error> for ConfigError {
    fn from(error: clap::Error) -> Self {
        if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
            return Self::Asked(error.to_string());
        }
        // clap reports on several lines, with the usage. Every error of ours is one line.
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default();
        let line = line.strip_prefix("error: ").unwrap_or(line);
        let listed = |kind| match error.get(kind) {
            Some(ContextValue::String(name)) => Some(name.clone()),
            Some(ContextValue::Strings(names)) => Some(names.join(" ")),
            _ => None,
        };
        let line = match (error.kind(), listed(ContextKind::InvalidArg)) {
            (ErrorKind::MissingRequiredArgument, Some(names)) => format!("{names} is missing"),
            _ => line.to_owned(),
        };
        let near =
            listed(ContextKind::SuggestedArg).or_else(|| listed(ContextKind::SuggestedSubcommand));
        let hint = match near {
            Some(name) => format!("did you mean {name}?"),
            None => "--help lists all settings and commands".to_owned(),
        };
        Self::Arguments(format!("{line}; {hint}"))
    }
}
