//! Settings of the log.

use crate::telemetry::log::{Filter, Format};

use super::error::ConfigError;
use super::read::{Group, Kind, Setting, Source, value};

const FORMAT: Setting = Setting {
    env: "OPEN_REGISTRY_LOG_FORMAT",
    kind: Kind::Value("auto|json|text"),
    default: Some("auto"),
    help: "Form of the log on stderr: json writes one object per line, text is for people. auto writes text to a terminal \
           and json otherwise.",
};
const LEVEL: Setting = Setting {
    env: "OPEN_REGISTRY_LOG_LEVEL",
    kind: Kind::Value("off|error|warn|info|debug|trace"),
    default: None,
    help: "Least important level that is logged. The default is info; off logs nothing. RUST_LOG, in its own syntax, wins over \
           this setting.",
};
const DEBUG: Setting = Setting {
    env: "OPEN_REGISTRY_DEBUG",
    kind: Kind::Switch,
    default: Some("false"),
    help: "Log at level debug. OPEN_REGISTRY_LOG_LEVEL wins over this setting.",
};

pub(super) const GROUP: Group = Group { title: "Log", settings: &[&FORMAT, &LEVEL, &DEBUG] };

/// Form and level of the log.
#[derive(Clone, Debug)]
pub struct Log {
    /// Form of the log.
    pub format: Format,
    /// Which events are logged.
    pub filter: Filter,
}

impl Log {
    pub(super) fn read(source: &Source) -> Result<Self, ConfigError> {
        let format = source.read(&FORMAT, format)?;
        let debug = source.read(&DEBUG, value::switch)?;
        let level = source.read_optional(&LEVEL, level)?;
        let level = level.unwrap_or(if debug { "debug" } else { "info" });
        let filter = match source.foreign("RUST_LOG").map(|value| value.to_str()) {
            Some(directives) => directives
                .ok_or_else(|| "is not valid UTF-8".to_owned())
                .and_then(|directives| Filter::parse(directives).map_err(|error| error.to_string()))
                .map_err(|reason| ConfigError::bad("RUST_LOG", reason))?,
            None => Filter::level(level),
        };
        Ok(Self { format, filter })
    }
}

fn format(text: &str) -> Result<Format, String> {
    match text.to_ascii_lowercase().as_str() {
        "auto" => Ok(Format::Auto),
        "json" => Ok(Format::Json),
        "text" => Ok(Format::Text),
        _ => Err("not a log format; write auto, json or text".into()),
    }
}

fn level(text: &str) -> Result<&'static str, String> {
    let text = text.to_ascii_lowercase();
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    let level = levels.into_iter().find(|level| *level == text);
    level.ok_or_else(|| "not a level; write off, error, warn, info, debug or trace".into())
}
