//! Why the settings do not stand.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use thiserror::Error;

/// Why there is no configuration. Each message is one line that names the setting.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A value that cannot be used.
    #[error("{name}: {reason}")]
    Bad {
        /// The variable or flag it came from.
        name: String,
        /// What is wrong and what would be right; holds no secret.
        reason: String,
    },
    /// Arguments that are no settings.
    #[error("{0}")]
    Arguments(String),
    /// Not an error: `--help` or `--version` was asked for, and this is the text for stdout.
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
        // clap's report goes over several lines with a usage; ours is one.
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
            None => "--help lists what there is".to_owned(),
        };
        Self::Arguments(format!("{line}; {hint}"))
    }
}
