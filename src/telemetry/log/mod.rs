//! The log on stderr: one JSON object per line for collectors, or compact text for people.
//!
//! The object has no nested values: `timestamp` (RFC 3339, UTC, milliseconds), `level`, `service`, `event`, then the
//! fields of the event. Numbers are written as numbers, and a field that is `None` is left out. An event gets its name by
//! a field: `info!(event = "blob_upload", %digest, size)`. An event without a name is called `log` and has a field
//! `target`. The text of the macro is the field `message`. stdout is used only for output that a user asks for, such as
//! that of `--help`.

mod json;
mod output;
mod visible;

use std::io::{self, IsTerminal};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use thiserror::Error;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt as text, reload};

use json::JsonLines;
use output::Output;
use visible::Visible;

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text on a terminal, otherwise JSON.
    Auto,
    /// One JSON object per line.
    Json,
    /// Compact text, with colours on a terminal.
    Text,
}

/// The log of the process. Dropping it waits until every line is written, or until nobody has read the log for two seconds.
#[must_use]
pub struct Log(Output);

/// The filter in use, which can be replaced.
static IN_USE: OnceLock<InUse> = OnceLock::new();

struct InUse {
    handle: reload::Handle<EnvFilter, Registry>,
    /// What the settings say.
    set: Filter,
    /// Whether everything is logged instead.
    debug: AtomicBool,
}

/// Directives that choose the events to log, in the syntax of `RUST_LOG`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(String);

/// The reason why the log cannot be set up.
#[derive(Debug, Error)]
pub enum LogError {
    /// A directive is not in the syntax of `RUST_LOG`.
    #[error("not a log filter ({0}); write a level such as debug, or warn,af_registry=debug")]
    Filter(String),
    /// [`init`] was called before, or another subscriber is set.
    #[error("the log is already set up")]
    AlreadySet,
}

impl Filter {
    /// Checks directives in the syntax of `RUST_LOG`.
    pub fn parse(directives: &str) -> Result<Self, LogError> {
        match EnvFilter::try_new(directives) {
            Ok(_) => Ok(Self(directives.to_owned())),
            Err(error) => Err(LogError::Filter(error.to_string().replace('\n', " "))),
        }
    }

    /// Logs the registry's own events of this level and above, and only warnings and errors of its dependencies.
    pub fn level(level: &str) -> Self {
        Self(match level {
            "off" | "error" => level.to_owned(),
            _ => format!("warn,af_registry={level}"),
        })
    }
}

/// Sets up the log of the process. Call it once, before anything is logged, and keep what it returns until the process ends.
pub fn init(format: Format, filter: &Filter) -> Result<Log, LogError> {
    let terminal = io::stderr().is_terminal();
    let json = match format {
        Format::Auto => !terminal,
        Format::Json => true,
        Format::Text => false,
    };
    let set = filter.clone();
    let filter = EnvFilter::try_new(&set.0).map_err(|e| LogError::Filter(e.to_string()))?;
    let (filter, handle) = reload::Layer::new(filter);
    // Lines on a terminal keep their place among other output.
    let output = if terminal { Output::stderr() } else { Output::thread(io::stderr()) };
    let lines: Box<dyn Layer<Registry> + Send + Sync> = if json {
        Box::new(JsonLines::new(output.clone()))
    } else {
        let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let output = output.clone();
        let visible = move || Visible::new(output.clone());
        Box::new(text::layer().compact().with_target(false).with_ansi(colours).with_writer(visible))
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init()
        .map_err(|_| LogError::AlreadySet)?;
    let _ = IN_USE.set(InUse { handle, set, debug: AtomicBool::new(false) });
    Ok(Log(output))
}

impl Drop for Log {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// Logs the registry's own events of level debug as well, or, if it does so already, what the settings say. Returns the
/// directives that hold from now on. `None` if there is no log.
pub fn toggle_debug() -> Option<String> {
    let in_use = IN_USE.get()?;
    let debug = !in_use.debug.fetch_xor(true, Ordering::Relaxed);
    let Filter(directives) = if debug { Filter::level("debug") } else { in_use.set.clone() };
    in_use.handle.reload(EnvFilter::try_new(&directives).ok()?).ok()?;
    Some(directives)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_checked() {
        assert!(Filter::parse("warn,af_registry=debug").is_ok());
        assert!(!Filter::parse("af_registry=loud").unwrap_err().to_string().contains('\n'));
        assert_eq!(Filter::level("debug"), Filter("warn,af_registry=debug".into()));
        assert!(Filter::parse(&Filter::level("off").0).is_ok());
    }
}
