//! `keys`: the keys that sign tokens.

use clap::{ArgMatches, Command};
use serde_json::json;

use super::answer::{Answer, or_dash};
use super::arguments::{noun, required, value, verb};
use super::error::CliError;
use crate::auth::{Auth, KeyInfo, Revoked};
use crate::config::Config;
use crate::store::Store;

/// An operation on keys.
pub(super) enum Operation {
    List,
    Revoke { kid: String },
    Rotate,
}

/// The command `keys` with its verbs.
pub(super) fn command() -> Command {
    let verbs = [
        verb("list", "List all valid keys"),
        verb("revoke", "Revoke a key, and so all tokens that it signed; a new key signs at once")
            .arg(required::<String>("kid", "KEY", "The key, as the list names it.")),
        verb("rotate", "Create a key that takes over in ten minutes, when every instance knows it"),
    ];
    noun("keys", "Manage the keys that sign tokens", verbs)
}

impl Operation {
    /// Reads the arguments.
    pub(super) fn read(verb: &str, arguments: &ArgMatches) -> Result<Self, CliError> {
        match verb {
            "list" => Ok(Self::List),
            "revoke" => Ok(Self::Revoke { kid: value(arguments, "kid")? }),
            "rotate" => Ok(Self::Rotate),
            _ => Err(CliError::unknown("keys", verb)),
        }
    }

    pub(super) async fn run(self, config: &Config, store: &Store) -> Result<Answer, CliError> {
        match self {
            Self::List => list(store).await,
            Self::Revoke { kid } => revoke(config, store, kid).await,
            Self::Rotate => {
                let kid = open_auth(config, store).await?.keys()?.rotate().await?;
                let text = format!("created the key {kid}, which takes over in ten minutes");
                Answer::new(text, &json!({ "kid": kid }))
            }
        }
    }
}

/// Opens the keys as a server does, but never creates the first key. The signing secret of this command may differ from
/// the server's, and a server does not start with a key that it cannot open.
pub(super) async fn open_auth(config: &Config, store: &Store) -> Result<Auth, CliError> {
    if store.signing_keys().list().await?.is_empty() {
        return Err(CliError::NoKey);
    }
    Ok(Auth::configured(config, store.clone()).await?)
}

async fn revoke(config: &Config, store: &Store, kid: String) -> Result<Answer, CliError> {
    let revoked = open_auth(config, store).await?.keys()?.revoke(&kid).await?;
    let Some(Revoked { successor }) = revoked else { return Err(CliError::NoSuchKey(kid)) };
    let mut text = format!(
        "revoked the key {kid}: running servers refuse the tokens that it signed within a minute"
    );
    if let Some(successor) = &successor {
        text += &format!("; the key {successor} signs from now on");
    }
    Answer::new(text, &json!({ "kid": kid, "successor": successor }))
}

async fn list(store: &Store) -> Result<Answer, CliError> {
    let keys = KeyInfo::list(store).await?;
    let rows = keys.iter().map(|key| {
        let (created, signs_from) = (key.created_at.to_string(), key.signs_from.to_string());
        let (state, retires) = (key.state.as_str().to_owned(), or_dash(key.retires_at));
        [key.kid.clone(), state, created, signs_from, retires]
    });
    Answer::table(["KEY", "STATE", "CREATED", "SIGNS FROM", "RETIRES"], rows, &keys)
}
