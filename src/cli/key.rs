//! `keys`: what signs tokens.

use clap::{ArgMatches, Command};
use serde_json::json;

use super::answer::{Answer, or_dash};
use super::arguments::{noun, verb};
use super::error::CliError;
use crate::auth::{Auth, KeyInfo};
use crate::config::Config;
use crate::store::Store;

/// What may be done with keys.
pub(super) enum Operation {
    List,
    Rotate,
}

/// The noun with its verbs.
pub(super) fn command() -> Command {
    let verbs = [
        verb("list", "List all keys that are believed"),
        verb("rotate", "Make a key that takes over in ten minutes, when every instance knows it"),
    ];
    noun("keys", "Manage the keys that sign tokens", verbs)
}

impl Operation {
    /// Reads what is asked for.
    pub(super) fn read(verb: &str, _: &ArgMatches) -> Result<Self, CliError> {
        match verb {
            "list" => Ok(Self::List),
            "rotate" => Ok(Self::Rotate),
            _ => Err(CliError::unknown("keys", verb)),
        }
    }

    pub(super) async fn run(self, config: &Config, store: &Store) -> Result<Answer, CliError> {
        match self {
            Self::List => list(store).await,
            Self::Rotate => {
                let kid = authority(config, store).await?.keys()?.rotate().await?;
                let text = format!("made the key {kid}, which takes over in ten minutes");
                Answer::new(text, &json!({ "kid": kid }))
            }
        }
    }
}

/// Whoever signs and verifies, as the server does. The first key is for the server to make: here the signing secret may
/// be another one, and a key that the server cannot open would keep it from starting.
pub(super) async fn authority(config: &Config, store: &Store) -> Result<Auth, CliError> {
    if store.signing_keys().list().await?.is_empty() {
        return Err(CliError::NoKey);
    }
    Ok(Auth::configured(config, store.clone()).await?)
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
