//! One event as one line of JSON. Each request writes one, so the line is written straight into its buffer, without a tree of
//! values in between.

use std::fmt::{self, Write};
use std::time::SystemTime;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::output::Output;
use super::visible::width;

/// Names that every line has already. A field of the same name is left out.
const RESERVED: [&str; 3] = ["timestamp", "level", "service"];

/// Writes each event as one line of JSON.
pub(super) struct JsonLines {
    output: Output,
}

impl JsonLines {
    pub(super) fn new(output: Output) -> Self {
        Self { output }
    }
}

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields { event: String::new(), others: String::with_capacity(512) };
        event.record(&mut fields);
        self.output.put(line(event.metadata(), fields).as_bytes());
    }
}

fn line(metadata: &Metadata<'_>, mut fields: Fields) -> String {
    let mut line = String::with_capacity(128 + fields.event.len() + fields.others.len());
    let level = match *metadata.level() {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    };
    if fields.event.is_empty() {
        fields.event.push_str("\"log\"");
        fields.string("target", metadata.target());
    }
    // Writing to a string does not fail.
    let _ = write!(
        line,
        "{{\"timestamp\":\"{}\",\"level\":\"{level}\",\"service\":\"af-registry\",\"event\":",
        humantime::format_rfc3339_millis(SystemTime::now())
    );
    line.push_str(&fields.event);
    line.push_str(&fields.others);
    line.push_str("}\n");
    line
}

/// The fields of an event in the order in which they were recorded, as JSON.
struct Fields {
    /// The value of the field `event`.
    event: String,
    /// All others, each as `,"name":value`.
    others: String,
}

impl Fields {
    /// The place for the value of a field. `None` if every line has a field of this name.
    fn begin(&mut self, name: &str) -> Option<&mut String> {
        // A field written as `r#type` keeps the prefix of a raw identifier in its name.
        let name = name.strip_prefix("r#").unwrap_or(name);
        if name == "event" {
            self.event.clear();
            return Some(&mut self.event);
        }
        if RESERVED.contains(&name) {
            return None;
        }
        self.others.push_str(",\"");
        self.others.push_str(name);
        self.others.push_str("\":");
        Some(&mut self.others)
    }

    fn string(&mut self, name: &str, value: &str) {
        if let Some(place) = self.begin(name) {
            place.push('"');
            escape(place, value);
            place.push('"');
        }
    }

    fn plain(&mut self, name: &str, value: impl fmt::Display) {
        if let Some(place) = self.begin(name) {
            let _ = write!(place, "{value}");
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        match value.is_finite() {
            true => self.plain(field.name(), format_args!("{value:?}")),
            false => self.plain(field.name(), "null"),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field.name(), value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        // `Duration::as_millis` returns a u128, and its value fits into a u64 in practice.
        match u64::try_from(value) {
            Ok(value) => self.plain(field.name(), value),
            Err(_) => self.string(field.name(), &value.to_string()),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.string(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if let Some(place) = self.begin(field.name()) {
            place.push('"');
            let _ = write!(Escaping(place), "{value:?}");
            place.push('"');
        }
    }
}

/// Escapes what is written for a string of JSON.
struct Escaping<'a>(&'a mut String);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.0, text);
        Ok(())
    }
}

/// Appends `text` as the inside of a string of JSON, with every control character escaped, also those that JSON lets stand.
fn escape(place: &mut String, text: &str) {
    let (bytes, mut copied) = (text.as_bytes(), 0);
    if is_plain(bytes) {
        return place.push_str(text);
    }
    for (at, byte) in bytes.iter().enumerate() {
        let taken = match byte {
            b'"' | b'\\' | 0..=0x1f => 1,
            0x7f | 0xc2 => width(&bytes[at..]),
            _ => 0,
        };
        if taken == 0 {
            continue;
        }
        place.push_str(&text[copied..at]);
        copied = at + taken;
        let _ = match byte {
            b'"' => place.write_str("\\\""),
            b'\\' => place.write_str("\\\\"),
            b'\n' => place.write_str("\\n"),
            b'\t' => place.write_str("\\t"),
            _ => write!(place, "\\u{:04x}", bytes[copied - 1]),
        };
    }
    place.push_str(&text[copied..]);
}

/// Whether no byte needs a closer look. Hardly any text has one, and without a branch the compiler looks at many at once.
fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |plain, byte| {
        plain & matches!(byte, b' '..=b'~') & !matches!(byte, b'"' | b'\\')
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing::{info, subscriber};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let output = Output::thread(lines.clone());
        let layer = JsonLines::new(output.clone());
        subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        output.flush();
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
    fn an_event_without_a_name_has_its_target_and_keeps_the_reserved_names() {
        let line = written(|| {
            info!(level = "fake", ratio = 0.5, huge = u128::MAX, nan = f64::NAN, r#type = 1, "hi");
        });
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["event"], "log");
        assert_eq!(object["level"], "info");
        assert!(object["target"].as_str().unwrap().contains("telemetry::log"));
        assert_eq!(object["ratio"], 0.5);
        assert_eq!(object["huge"], u128::MAX.to_string());
        assert_eq!((&object["nan"], &object["type"]), (&Value::Null, &Value::from(1)));
    }

    #[test]
    fn no_control_character_is_raw_in_a_line() {
        let path = "/\u{1b}[31m\u{7f}\u{80}\u{85}\u{9b}31m\u{9f}\u{a0}\u{e9}\u{fffd}\\\t\n";
        let line = written(|| info!(path, shown = %path, "GET {path}"));
        assert!(!line.trim_end_matches('\n').contains(char::is_control), "{line:?}");
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&object["path"], &object["shown"]), (&path.into(), &path.into()));
    }
}
