//! The flags and the environment, from which settings are read.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use clap::ArgMatches;

use super::setting::{Group, Kind, PREFIX, Setting};
use crate::config::error::ConfigError;
use crate::config::exposure::others_may_read;
use crate::config::secret::Secret;

/// Least similarity (Jaro-Winkler, 0 to 1) at which a known name is suggested for an unknown one.
const SIMILAR: f64 = 0.85;

/// Flags, environment, and the warnings about them.
pub(crate) struct Source {
    flags: ArgMatches,
    env: BTreeMap<OsString, OsString>,
    pub(crate) warnings: Vec<String>,
}

/// A setting as the operator wrote it.
struct Given {
    /// The flag or the variable, for an error.
    name: String,
    text: String,
}

impl Source {
    pub(crate) fn new(
        flags: ArgMatches,
        env: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        let env = env.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        Self { flags, env, warnings: Vec::new() }
    }

    /// Reads the setting or its default.
    pub(crate) fn read<T>(
        &self,
        setting: &Setting,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        self.read_optional(setting, parse)?
            .ok_or_else(|| ConfigError::bad(setting.env, "must be set"))
    }

    /// Reads the setting or its default, if there is one.
    pub(crate) fn read_optional<T>(
        &self,
        setting: &Setting,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let given = match (self.given(setting)?, setting.default) {
            (Some(given), _) => given,
            (None, Some(default)) => {
                Given { name: setting.env.to_owned(), text: default.to_owned() }
            }
            (None, None) => return Ok(None),
        };
        match parse(&given.text) {
            Ok(value) => Ok(Some(value)),
            Err(reason) => Err(ConfigError::bad(given.name, shown(&given.text) + &reason)),
        }
    }

    /// Reads a secret from its variable or from the file that `…_FILE` names. Empty when neither is set.
    pub(crate) fn read_secret(&self, setting: &Setting) -> Result<Secret, ConfigError> {
        let env_file = setting.env_file();
        let direct = self.variable(setting.env)?;
        let file = match self.flag(setting) {
            Some(given) => Some(given),
            None => self.variable(&env_file)?,
        };
        match (direct, file) {
            (Some(_), Some(file)) => {
                let both = format!("{} is set as well; keep one of the two", setting.env);
                Err(ConfigError::bad(file.name, both))
            }
            (Some(direct), None) => Ok(Secret::new(direct.text)),
            (None, Some(file)) => match fs::read_to_string(&file.text) {
                // Editors and `echo` add a newline to the end of a file. It does not belong to the secret.
                Ok(text) => Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned())),
                Err(error) => {
                    Err(ConfigError::bad(file.name, shown(&file.text) + &error.to_string()))
                }
            },
            (None, None) => Ok(Secret::default()),
        }
    }

    /// Secrets whose files every user of this machine can read, by the name of the flag or variable.
    pub(crate) fn readable_secrets(&self, groups: &[&'static Group]) -> Vec<String> {
        let settings = groups.iter().flat_map(|group| group.settings.iter());
        let files = settings.filter(|setting| setting.kind == Kind::Secret).filter_map(|setting| {
            let variable = || self.variable(&setting.env_file()).ok().flatten();
            self.flag(setting).or_else(variable)
        });
        let readable = files.filter(|file| others_may_read(Path::new(&file.text)));
        readable.map(|file| file.name).collect()
    }

    /// Whether a flag or a variable sets it.
    pub(crate) fn is_given(&self, setting: &Setting) -> bool {
        let env_file = setting.env_file();
        self.flag(setting).is_some()
            || self.env.contains_key(std::ffi::OsStr::new(setting.env))
            || (setting.kind == Kind::Secret
                && self.env.contains_key(std::ffi::OsStr::new(&env_file)))
    }

    /// A variable of another program, such as `HOME`.
    pub(crate) fn foreign(&self, name: &str) -> Option<&OsString> {
        self.env.get(std::ffi::OsStr::new(name))
    }

    /// Warns about variables that begin like settings but are none, and suggests the most similar setting.
    pub(crate) fn warn_of_unknown(&mut self, groups: &[&'static Group]) {
        let settings = || groups.iter().flat_map(|group| group.settings.iter());
        let mut known: Vec<String> = settings().map(|setting| setting.env.to_owned()).collect();
        known.extend(
            settings().filter(|s| s.kind == Kind::Secret).map(|setting| setting.env_file()),
        );
        for name in self.env.keys().filter_map(|name| name.to_str()) {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            if known.iter().any(|known| known == name) {
                continue;
            }
            let name = name.escape_debug();
            self.warnings.push(match nearest(rest, &known) {
                Some(near) => format!("{name} is not a setting; did you mean {near}?"),
                None => format!("{name} is not a setting; --help lists all settings"),
            });
        }
    }

    fn given(&self, setting: &Setting) -> Result<Option<Given>, ConfigError> {
        match self.flag(setting) {
            Some(given) => Ok(Some(given)),
            None => self.variable(setting.env),
        }
    }

    fn flag(&self, setting: &Setting) -> Option<Given> {
        let text = self.flags.get_one::<String>(setting.env)?;
        Some(Given { name: format!("--{}", setting.flag()), text: text.clone() })
    }

    fn variable(&self, name: &str) -> Result<Option<Given>, ConfigError> {
        match self.env.get(std::ffi::OsStr::new(name)).map(|value| value.to_str()) {
            None => Ok(None),
            Some(Some(text)) => Ok(Some(Given { name: name.to_owned(), text: text.to_owned() })),
            Some(None) => Err(ConfigError::bad(name, "is not valid UTF-8")),
        }
    }
}

/// The refused value, in one line. An address may contain a password, so it is left out.
fn shown(text: &str) -> String {
    if text.contains('@') {
        return String::new();
    }
    let short: String = text.chars().take(80).collect();
    format!("`{}`: ", short.escape_debug())
}

fn nearest<'a>(rest: &str, known: &'a [String]) -> Option<&'a str> {
    let score = |name: &str| strsim::jaro_winkler(rest, name.strip_prefix(PREFIX).unwrap_or(name));
    known
        .iter()
        .map(|name| (score(name), name.as_str()))
        .filter(|(score, _)| *score >= SIMILAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}
