//! What is said about a setting, in one place for the reader, for `--help` and for the unknown-name warning.

/// What every name of ours begins with.
pub(crate) const PREFIX: &str = "OPEN_REGISTRY_";

/// How a setting is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A value, named so in `--help`.
    Value(&'static str),
    /// True or false; the bare flag says true.
    Switch,
    /// A value never shown. Also as a file named by `…_FILE`; as a flag only by that file, because everyone on the
    /// machine can read the arguments of a process.
    Secret,
}

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Name in the environment.
    pub(crate) env: &'static str,
    pub(crate) kind: Kind,
    /// Taken when neither flag nor environment gives one; read by the same parser.
    pub(crate) default: Option<&'static str>,
    /// One or two sentences for `--help`.
    pub(crate) help: &'static str,
}

impl Setting {
    /// The flag without its dashes.
    pub(crate) fn flag(&self) -> String {
        let name = self.env.strip_prefix(PREFIX).unwrap_or(self.env);
        let name = name.to_ascii_lowercase().replace('_', "-");
        if self.kind == Kind::Secret { format!("{name}-file") } else { name }
    }

    /// Name in the environment of the file that holds a secret.
    pub(crate) fn env_file(&self) -> String {
        format!("{}_FILE", self.env)
    }
}

/// The settings of one section.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) settings: &'static [&'static Setting],
}
