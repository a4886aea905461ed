//! Control characters of clients, made visible. Some terminals obey C1 control characters, and neither format of the log
//! escapes them by itself.

use std::io::{self, Write};

/// Writes C1 control characters and DEL as escapes. Whole events must be written at once, so that no character is split
/// between two writes.
pub(super) struct Visible<W>(W);

impl<W: Write> Visible<W> {
    pub(super) fn new(writer: W) -> Self {
        Self(writer)
    }
}

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

/// The bytes of the C1 character (`C2 80` to `C2 9F` in UTF-8) or DEL that a text begins with; 0 for any other.
pub(super) fn width(text: &[u8]) -> usize {
    match text {
        [0x7f, ..] => 1,
        [0xc2, 0x80..=0x9f, ..] => 2,
        _ => 0,
    }
}

/// The same text with every C1 character and DEL written as `\u` and four digits; `None` when there is none.
fn escaped(text: &[u8]) -> Option<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::{info, subscriber};
    use tracing_subscriber::fmt as text;
    use tracing_subscriber::layer::SubscriberExt;

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

    #[test]
    fn no_control_character_is_raw_in_a_line_of_text() {
        let path = "/\u{1b}[31m\u{7f}\u{80}\u{85}\u{9b}31m\u{9f}\u{a0}\u{e9}\u{fffd}\n";
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = text::layer().compact().with_ansi(false);
        let layer = layer.with_writer(move || Visible::new(writer.clone()));
        let subscriber = tracing_subscriber::registry().with(layer);
        subscriber::with_default(subscriber, || info!(path = %path, "GET {path}"));
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("\\u{9b}31m") && text.contains("\u{a0}\u{e9}"), "{text:?}");
        assert!(!text.contains(|c: char| matches!(c, '\u{7f}'..='\u{9f}')), "{text:?}");
    }
}
