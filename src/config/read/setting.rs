//! The declaration of a setting. The parser, `--help` and the warning about unknown names are made from it.

/// The start of every name of a setting.
pub(crate) const PREFIX: &str = "OPEN_REGISTRY_";

/// The form in which a setting is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A value. The text stands for it in `--help`.
    Value(&'static str),
    /// `true` or `false`. The flag without a value means `true`.
    Switch,
    /// A value that is never printed. It can also be read from the file that `…_FILE` names. The flag takes only such a
    /// file, because every user of the machine can read the arguments of a process.
    Secret,
}

/// The declaration of one setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Name of the environment variable.
    pub(crate) env: &'static str,
    pub(crate) kind: Kind,
    /// Value when neither flag nor environment gives one. It is parsed like any other.
    pub(crate) default: Option<&'static str>,
    /// Text for `--help`.
    pub(crate) help: &'static str,
}

impl Setting {
    /// Name of the flag, without the dashes.
    pub(crate) fn flag(&self) -> String {
        let name = self.env.strip_prefix(PREFIX).unwrap_or(self.env);
        let name = name.to_ascii_lowercase().replace('_', "-");
        if self.kind == Kind::Secret { format!("{name}-file") } else { name }
    }

    /// Name of the environment variable that names the file with a secret.
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
