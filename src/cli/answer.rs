//! The output of a command: lines for people, or JSON for programs.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use clap::ArgMatches;
use serde::Serialize;
use serde_json::{Value, json};

use super::arguments::JSON;
use super::error::CliError;

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines for people.
    Text,
    /// One JSON value on one line.
    Json,
}

impl Form {
    /// Json if the arguments have the switch `--json`.
    pub(super) fn of(arguments: &ArgMatches) -> Self {
        if arguments.get_flag(JSON) { Self::Json } else { Self::Text }
    }
}

/// The output of a command in both forms.
pub(super) struct Answer {
    text: String,
    json: Value,
    code: u8,
}

impl Answer {
    /// An answer whose text is one or more lines.
    pub(super) fn new(text: impl Into<String>, json: &impl Serialize) -> Result<Self, CliError> {
        Ok(Self { text: text.into(), json: serde_json::to_value(json)?, code: 0 })
    }

    /// An answer such as "removed ann".
    pub(super) fn done(done: &str, name: &impl Display) -> Self {
        let json = json!({ "name": name.to_string(), "done": done });
        Self { text: format!("{done} {name}"), json, code: 0 }
    }

    /// An answer whose text is a table.
    pub(super) fn table<const N: usize>(
        head: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
        json: &impl Serialize,
    ) -> Result<Self, CliError> {
        let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
        let widths: [usize; N] = std::array::from_fn(|column| {
            rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
        });
        let line = |row: &[String; N]| {
            let cells: Vec<String> =
                row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            cells.join("  ").trim_end().to_owned()
        };
        Self::new(rows.iter().map(line).collect::<Vec<_>>().join("\n"), json)
    }

    /// The same answer with lines below its text. The JSON has what they say already.
    pub(super) fn with_lines(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        for line in lines {
            self.text.push('\n');
            self.text += &line;
        }
        self
    }

    /// The same answer with another exit code than 0.
    pub(super) fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// Writes it to standard output, and returns the exit code.
    pub(super) fn write(self, form: Form) -> Result<ExitCode, CliError> {
        let text = match form {
            Form::Text => self.text,
            Form::Json => self.json.to_string(),
        };
        let mut out = io::stdout().lock();
        match writeln!(out, "{text}").and_then(|()| out.flush()) {
            // The reader, for example `head`, has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            written => written.map_err(CliError::Write)?,
        }
        Ok(ExitCode::from(self.code))
    }
}

/// The cell of a table for a value that may be missing.
pub(super) fn or_dash(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [["ann".to_owned(), "x".to_owned()], ["barbara".to_owned(), String::new()]];
        let table = Answer::table(["NAME", "STATE"], rows, &Value::Null).unwrap();
        assert_eq!(table.text, "NAME     STATE\nann      x\nbarbara");
    }
}
