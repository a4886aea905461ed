//! `backup` and `restore`: everything that the registry holds, in a directory.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use super::answer::Answer;
use super::arguments::{value, verb};
use super::error::CliError;
use super::key;
use super::progress::{Progress, size};
use crate::config::Config;
use crate::embedded::CommandPartners;
use crate::ipfs::Kubo;
use crate::registry::backup::{Restore, Restored, Save, Saved, Step};
use crate::store::{Settings, Store};

/// Exit code when bytes of blobs are missing.
const INCOMPLETE: u8 = 2;

/// Most missing blobs that the text names.
const NAMED: usize = 20;

/// The tables whose content is sealed under the signing secret.
const SEALED: [&str; 3] = ["acme_accounts", "certificates", "signing_keys"];

/// An operation on a backup, with its arguments.
pub(super) enum Operation {
    Save { directory: PathBuf, with_blobs: bool },
    Restore { directory: PathBuf, fetch_time: Duration, without_keys: bool },
}

/// The commands `backup` and `restore`.
pub(super) fn commands() -> [Command; 2] {
    let directory = |help| {
        let directory = Arg::new("directory").value_name("DIR").required(true).help(help);
        directory.value_parser(clap::value_parser!(PathBuf))
    };
    let switch =
        |name: &'static str, help| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    let fetch_time =
        Arg::new("fetch-time").long("fetch-time").value_name("TIME").default_value("10m");
    let fetch_time = fetch_time
        .value_parser(humantime::parse_duration)
        .help("Time for each blob to come from the peers of Kubo, if it has any.");
    let with_blobs = "Write the bytes of the blobs too, an archive for each; those that are there already are kept.";
    let without_keys = "Leave out what is sealed under the signing secret: signing keys and certificates. New ones are made.";
    [
        verb("backup", "Write all metadata to a directory while the registry serves; exit code 2 if blobs are missing")
            .arg(directory("Directory to write to. An earlier backup in it is replaced when the new one is whole."))
            .arg(switch("with-blobs", with_blobs)),
        verb("restore", "Restore a backup into an empty database; exit code 2 if blobs are missing")
            .arg(directory("Directory of the backup."))
            .arg(fetch_time)
            .arg(switch("without-keys", without_keys)),
    ]
}

impl Operation {
    /// Reads the arguments.
    pub(super) fn read(name: &str, arguments: &ArgMatches) -> Result<Self, CliError> {
        let directory = value(arguments, "directory")?;
        match name {
            "backup" => Ok(Self::Save { directory, with_blobs: arguments.get_flag("with-blobs") }),
            "restore" => Ok(Self::Restore {
                directory,
                fetch_time: value(arguments, "fetch-time")?,
                without_keys: arguments.get_flag("without-keys"),
            }),
            _ => Err(CliError::unknown(name, "")),
        }
    }

    /// Whether the operation talks to Kubo.
    pub(super) fn needs_kubo(&self) -> bool {
        !matches!(self, Self::Save { with_blobs: false, .. })
    }

    pub(super) async fn run(
        self,
        config: &Config,
        partners: &CommandPartners,
    ) -> Result<Answer, CliError> {
        let database = Settings::of(partners.postgres())?;
        let kubo = match partners.kubo() {
            Some(kubo) if self.needs_kubo() => Some(Kubo::new(kubo).map_err(CliError::KuboTrust)?),
            _ => None,
        };
        match self {
            Self::Save { directory, .. } => {
                let save = Save { database: &database, kubo: kubo.as_ref(), directory: &directory };
                let progress = Progress::new();
                let saved = save.run(|step| show(&progress, "written", step)).await?;
                drop(progress);
                describe_saved(&saved, kubo.is_some())
            }
            Self::Restore { directory, fetch_time, without_keys } => {
                let restore = Restore {
                    database: &database,
                    kubo: &kubo.ok_or(CliError::NoKubo)?,
                    directory: &directory,
                    fetch_time,
                    without: if without_keys { &SEALED } else { &[] },
                };
                let progress = Progress::new();
                let restored = restore.run(|step| show(&progress, "restored", step)).await?;
                drop(progress);
                let sealed = sealed(config, &database).await?;
                describe_restored(&restored, sealed)
            }
        }
    }
}

fn show(progress: &Progress, done: &str, step: Step) {
    let Step { blobs, of, bytes } = step;
    progress.show(|| format!("{done} {blobs} of {of} blobs, {}", size(bytes)));
}

/// Why the restored signing keys cannot be used, if there are any and they cannot.
async fn sealed(config: &Config, database: &Settings) -> Result<Option<String>, CliError> {
    let store = Store::connect(database).await?;
    match key::open_auth(config, &store).await {
        Ok(_) | Err(CliError::NoKey) => Ok(None),
        Err(error) => Ok(Some(error.to_string())),
    }
}

fn describe_saved(saved: &Saved, with_blobs: bool) -> Result<Answer, CliError> {
    let Saved { taken_at, rows, blobs, archives_written, archives_kept, missing } = saved;
    let count: u64 = rows.values().sum();
    let mut text = format!("backed up {count} rows as of {taken_at}, with {blobs} blobs");
    if with_blobs {
        text += &format!(": {archives_written} archives written, {archives_kept} kept");
    }
    text += "\nkeep the signing secret beside it: OPEN_REGISTRY_SIGNING_SECRET, or the file signing-secret of the data \
             directory";
    text += &named(missing, "could not be read, and their bytes are not in the backup");
    let code = if missing.is_empty() { 0 } else { INCOMPLETE };
    Ok(Answer::new(text, saved)?.with_code(code))
}

fn describe_restored(restored: &Restored, sealed: Option<String>) -> Result<Answer, CliError> {
    let Restored { taken_at, rows, blobs, held, imported, fetched, missing } = restored;
    let count: u64 = rows.values().sum();
    let mut text = format!(
        "restored {count} rows as of {taken_at}, and {blobs} blobs: Kubo held {held}, {imported} came from archives, \
         {fetched} from the network"
    );
    text += &named(missing, "have no bytes and are under quarantine; push them again");
    if let Some(reason) = &sealed {
        text += &format!(
            "\nthe signing keys cannot be used: {reason}\nset OPEN_REGISTRY_SIGNING_SECRET to the secret of the old \
             registry, or copy its file signing-secret to the data directory; without it, restore into a new database \
             with --without-keys"
        );
    }
    let mut json = json!(restored);
    json["keys_usable"] = json!(sealed.is_none());
    let code = if missing.is_empty() && sealed.is_none() { 0 } else { INCOMPLETE };
    Ok(Answer::new(text, &json)?.with_code(code))
}

/// Lines about blobs, or nothing without any.
fn named(missing: &[String], what: &str) -> String {
    if missing.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{} blobs {what}:", missing.len());
    for digest in missing.iter().take(NAMED) {
        text += &format!("\n  {digest}");
    }
    if missing.len() > NAMED {
        text += "\n  and others; --json names all";
    }
    text
}
