//! The log on stderr: one JSON object per line for collectors, or compact text for people.
//!
//! The object has no nested values: `timestamp` (RFC 3339, UTC, milliseconds), `level`, `service`, `event`, then the
//! fields of the event and of the spans around it. Numbers are written as numbers, and a field that is `None` is left
//! out. An event gets its name by a field: `info!(event = "blob_upload", %digest, size)`. An event without a name is
//! called `log` and has a field `target`. The text of the macro is the field `message`. stdout is used only for output
//! that a user asks for, such as that of `--help`.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;
use thiserror::Error;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt as text, reload};

const SERVICE: &str = "af-registry";

/// Names that every line has already. A field of the same name is left out.
const RESERVED: [&str; 3] = ["timestamp", "level", "service"];

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
            "error" => level.to_owned(),
            _ => format!("warn,af_registry={level}"),
        })
    }
}

/// Sets up the log of the process. Call it once, before anything is logged.
pub fn init(format: Format, filter: &Filter) -> Result<(), LogError> {
    let terminal = io::stderr().is_terminal();
    let json = match format {
        Format::Auto => !terminal,
        Format::Json => true,
        Format::Text => false,
    };
    let set = filter.clone();
    let filter = EnvFilter::try_new(&set.0).map_err(|e| LogError::Filter(e.to_string()))?;
    let (filter, handle) = reload::Layer::new(filter);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = if json {
        Box::new(JsonLines { writer: visible })
    } else {
        let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Box::new(text::layer().compact().with_target(false).with_ansi(colours).with_writer(visible))
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init()
        .map_err(|_| LogError::AlreadySet)?;
    let _ = IN_USE.set(InUse { handle, set, debug: AtomicBool::new(false) });
    Ok(())
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

/// Standard error, to which no raw control character of a client gets.
fn visible() -> Visible<io::Stderr> {
    Visible(io::stderr())
}

/// Writes C1 control characters and DEL as escapes: some terminals obey them, and JSON lets them stand raw. Both formats
/// give whole events, so that no character is split between two writes, and C1 characters occur in values only.
struct Visible<W>(W);

impl<W: Write> Write for Visible<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match escaped(bytes) {
            Some(escaped) => self.0.write_all(&escaped),
            None => self.0.write_all(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The same text with every C1 character (`C2 80` to `C2 9F` in UTF-8) and DEL written as `\u` and four digits; `None`
/// when there is none.
fn escaped(text: &[u8]) -> Option<Vec<u8>> {
    let width = |rest: &[u8]| match rest {
        [0x7f, ..] => 1,
        [0xc2, 0x80..=0x9f, ..] => 2,
        _ => 0,
    };
    (0..text.len()).find(|at| width(&text[*at..]) > 0)?;
    let (mut escaped, mut rest) = (Vec::with_capacity(text.len() + 64), text);
    while let Some(first) = rest.first() {
        let taken = width(rest);
        match taken {
            0 => escaped.push(*first),
            _ => escaped.extend(format!("\\u{:04x}", rest[taken - 1]).bytes()),
        }
        rest = &rest[taken.max(1)..];
    }
    Some(escaped)
}

/// Writes each event as one line of JSON.
struct JsonLines<W> {
    writer: W,
}

/// Fields in the order in which they were recorded. A later field replaces an earlier one of the same name, in its place.
#[derive(Clone, Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn set(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let place = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.remove(place).1)
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value.into());
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        // `Duration::as_millis` returns a u128, and its value fits into a u64 in practice.
        match u64::try_from(value) {
            Ok(value) => self.set(field.name(), value.into()),
            Err(_) => self.set(field.name(), value.to_string().into()),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), format!("{value:?}").into());
    }
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(outer) = span.extensions().get::<Fields>() {
                outer.0.iter().for_each(|(name, value)| fields.set(name, value.clone()));
            }
        }
        event.record(&mut fields);
        // If the log cannot be written, there is no other place to report that.
        if let Ok(line) = line(event.metadata(), fields) {
            let _ = self.writer.make_writer_for(event.metadata()).write_all(&line);
        }
    }
}

fn line(metadata: &Metadata<'_>, mut fields: Fields) -> serde_json::Result<Vec<u8>> {
    let event = fields.take("event");
    let mut line = Vec::with_capacity(256);
    let mut serializer = serde_json::Serializer::new(&mut line);
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("timestamp", &timestamp())?;
    map.serialize_entry("level", &metadata.level().as_str().to_ascii_lowercase())?;
    map.serialize_entry("service", SERVICE)?;
    match &event {
        Some(event) => map.serialize_entry("event", event)?,
        None => {
            map.serialize_entry("event", "log")?;
            fields.set("target", metadata.target().into());
        }
    }
    for (name, value) in &fields.0 {
        // A field written as `r#type` keeps the prefix of a raw identifier in its name.
        let name = name.strip_prefix("r#").unwrap_or(name);
        if !RESERVED.contains(&name) {
            map.serialize_entry(name, value)?;
        }
    }
    map.end()?;
    line.push(b'\n');
    Ok(line)
}

fn timestamp() -> String {
    let mut now = String::with_capacity(32);
    // `format_time` writes microseconds, as in `2026-11-24T07:09:00.123456Z`.
    if SystemTime.format_time(&mut Writer::new(&mut now)).is_ok() && now.is_char_boundary(23) {
        now.truncate(23);
        now.push('Z');
    }
    now
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::{info, info_span, subscriber};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = JsonLines { writer: move || Visible(writer.clone()) };
        subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_is_one_flat_object() {
        let line = written(|| {
            let none: Option<u64> = None;
            let size = 42_u64;
            info!(event = "blob_upload", size, none, ok = true, name = "a\"\u{1b}[31m\n", "stored");
        });
        assert!(line.starts_with("{\"timestamp\":\"2"), "{line}");
        assert_eq!(line.matches('\n').count(), 1);
        assert!(!line.contains('\u{1b}'));
        let object: Value = serde_json::from_str(&line).unwrap();
        let stamp = object["timestamp"].as_str().unwrap();
        assert_eq!((stamp.len(), stamp.as_bytes()[10], stamp.as_bytes()[19]), (24, b'T', b'.'));
        assert_eq!(object["level"], "info");
        assert_eq!(object["service"], "af-registry");
        assert_eq!(object["event"], "blob_upload");
        assert_eq!(object["size"], 42);
        assert_eq!(object["ok"], true);
        assert_eq!(object["name"], "a\"\u{1b}[31m\n");
        assert_eq!(object["message"], "stored");
        assert_eq!(object.get("none"), None);
        assert_eq!(object.get("target"), None);
    }

    #[test]
    fn fields_of_spans_are_added_and_those_of_the_event_win() {
        let line = written(|| {
            let span = info_span!(
                "request",
                request_id = "r1",
                status = 0_u64,
                subject = tracing::field::Empty
            );
            span.record("subject", "me");
            span.in_scope(|| info!(status = 200_u64, level = "fake", "answered"));
        });
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["request_id"], "r1");
        assert_eq!(object["subject"], "me");
        assert_eq!(object["status"], 200);
        assert_eq!(object["level"], "info");
        assert_eq!(object["event"], "log");
        assert!(object["target"].as_str().unwrap().contains("telemetry::log"));
    }

    #[test]
    fn no_control_character_is_raw_in_a_line() {
        let path = "/\u{1b}[31m\u{7f}\u{80}\u{85}\u{9b}31m\u{9f}\u{a0}\u{e9}\u{fffd}\n";
        let line = written(|| info!(path, "GET {path}"));
        assert!(!line.trim_end_matches('\n').contains(char::is_control), "{line:?}");
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["path"], path);
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = text::layer().compact().with_ansi(false);
        let layer = layer.with_writer(move || Visible(writer.clone()));
        let subscriber = tracing_subscriber::registry().with(layer);
        subscriber::with_default(subscriber, || info!(path = %path, "GET {path}"));
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("\\u{9b}31m") && text.contains("\u{a0}\u{e9}"), "{text:?}");
        assert!(!text.contains(|c: char| matches!(c, '\u{7f}'..='\u{9f}')), "{text:?}");
    }

    #[test]
    fn filters_are_checked() {
        assert!(Filter::parse("warn,af_registry=debug").is_ok());
        assert!(!Filter::parse("af_registry=loud").unwrap_err().to_string().contains('\n'));
        assert_eq!(Filter::level("debug"), Filter("warn,af_registry=debug".into()));
    }
}
