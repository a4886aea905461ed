//! The operator's commands, run as separate processes.

mod accounts;
mod backup;
mod doctor;
mod gc;
mod jobs;
mod private;
mod rights;
mod scrub;
mod served;
mod tokens;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use af_registry::store::Settings;
use serde_json::Value;

/// A password that is accepted.
const PASSWORD: &str = "correct horse";

/// Runs commands with the settings of one registry in the environment.
pub(crate) struct Operator(pub(crate) Vec<(&'static str, String)>);

/// Exit code and output of a command.
#[derive(Debug)]
struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Operator {
    /// For a registry with this PostgreSQL.
    pub(crate) fn on(postgres: &Settings) -> Self {
        Self(vec![
            ("OPEN_REGISTRY_DB_HOST", postgres.host.clone()),
            ("OPEN_REGISTRY_DB_PORT", postgres.port.to_string()),
            ("OPEN_REGISTRY_DB_USER", postgres.user.clone()),
            ("OPEN_REGISTRY_DB_NAME", postgres.database.clone()),
        ])
    }

    /// For a registry with a private PostgreSQL in the data directory `data`.
    fn of(data: &Path) -> Self {
        Self(vec![("OPEN_REGISTRY_DATA_DIR", data.to_str().unwrap().to_owned())])
    }

    /// Runs a command with `input` on its standard input. Its arguments are separated by blanks.
    fn call(&self, arguments: &str, input: &str) -> Outcome {
        let ours = std::env::vars_os().map(|(name, _)| name);
        let mut command = Command::new(env!("CARGO_BIN_EXE_af-registry"));
        for name in ours.filter(|name| name.to_string_lossy().starts_with("OPEN_REGISTRY_")) {
            command.env_remove(name);
        }
        command.env_remove("RUST_LOG").envs(self.0.iter().map(|(name, value)| (name, value)));
        command.args(arguments.split_whitespace());
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that reads no input may have ended already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        Outcome { code: output.status.code(), stdout, stderr }
    }

    /// Runs a command that must succeed, and returns its output.
    #[track_caller]
    pub(crate) fn done(&self, arguments: &str, input: &str) -> String {
        let outcome = self.call(arguments, input);
        assert_eq!(outcome.code, Some(0), "{arguments}: {outcome:?}");
        assert_eq!(outcome.stderr, "", "{arguments}");
        outcome.stdout
    }

    /// Runs a command that must succeed, with `--json`, and returns its answer.
    #[track_caller]
    fn json(&self, arguments: &str, input: &str) -> Value {
        let text = self.done(&format!("{arguments} --json"), input);
        assert_eq!(text.lines().count(), 1, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Runs a command that must fail with code 1, no output, and one line on standard error. The line must contain
    /// `words`.
    #[track_caller]
    fn refused(&self, arguments: &str, input: &str, words: &[&str]) -> String {
        let outcome = self.call(arguments, input);
        assert_eq!(outcome.code, Some(1), "{arguments}: {outcome:?}");
        assert_eq!(outcome.stdout, "", "{arguments}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{arguments}: {outcome:?}");
        for word in words {
            assert!(outcome.stderr.contains(word), "no `{word}` in: {}", outcome.stderr);
        }
        outcome.stderr
    }
}
