//! The parser of the command line: a flag for each setting, and `--help`, the reference of all settings.

use clap::{Arg, ArgAction, Command};

use super::setting::{Group, Kind, Setting};

const ABOUT: &str = "A container registry that keeps its metadata in PostgreSQL and its bytes in IPFS.

Without any setting it serves http://127.0.0.1:5000 from a private PostgreSQL and a private Kubo. Each setting is an \
environment variable and a flag; the flag wins. Write times as 30s, 5m or 24h, sizes as a number of bytes or as 64KiB or \
4MiB, and switches as true or false.";

/// Builds the parser for `groups`.
pub(crate) fn command(groups: &[&'static Group]) -> Command {
    let args = groups.iter().flat_map(|group| {
        group.settings.iter().map(|setting| argument(setting).help_heading(group.title))
    });
    Command::new("af-registry")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .args_override_self(true)
        .next_line_help(true)
        .subcommand_value_name("COMMAND")
        .subcommand_help_heading(
            "Commands (each has its own --help; settings stand before the command)",
        )
        .max_term_width(110)
        .args(args)
}

fn argument(setting: &Setting) -> Arg {
    let arg = Arg::new(setting.env).long(setting.flag()).help(help(setting));
    match setting.kind {
        Kind::Value(name) => arg.action(ArgAction::Set).value_name(name),
        Kind::Secret => arg.action(ArgAction::Set).value_name("FILE"),
        Kind::Switch => arg
            .action(ArgAction::Set)
            .value_name("true|false")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
    }
}

/// Adds the names and the default from the declaration. Values from the environment are never shown.
fn help(setting: &Setting) -> String {
    let names = match setting.kind {
        Kind::Secret => format!("{} or {}", setting.env, setting.env_file()),
        Kind::Value(_) | Kind::Switch => setting.env.to_owned(),
    };
    let default = setting.default.map(|value| format!(" [default: {value}]")).unwrap_or_default();
    format!("{}\n[env: {names}]{default}", setting.help)
}
